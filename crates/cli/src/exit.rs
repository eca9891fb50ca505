//! The one table from errors to exit codes, as `--help` lists it.

use syntopic_library::{
    DistillError, EmbedError, FormatError, IndexError, LibraryError, ModelError, TopicsError,
};
use syntopic_server::ServeError;

pub(crate) const DONE: u8 = 0;
pub(crate) const FAILED: u8 = 1;
pub(crate) const USAGE: u8 = 2;
pub(crate) const INCOMPLETE: u8 = 3;
pub(crate) const NOT_FOUND: u8 = 4;
pub(crate) const DAMAGED: u8 = 5;
pub(crate) const NO_MODEL: u8 = 6;
pub(crate) const PROBLEMS: u8 = 7;
pub(crate) const BUSY: u8 = 8;
pub(crate) const STOPPED: u8 = 130;

/// The exit code of an error.
pub(crate) fn code(error: &anyhow::Error) -> u8 {
    if let Some(FormatError::UnknownName(_)) = error.downcast_ref() {
        return USAGE;
    }
    if let Some(EmbedError::UnknownMode(_) | EmbedError::NoCuda(_)) = error.downcast_ref() {
        return USAGE;
    }
    if let Some(error) = error.downcast_ref::<ServeError>() {
        return match error {
            ServeError::Library(error) => of_library(error),
            ServeError::Unprotected(_) | ServeError::EmptyKey => USAGE,
            ServeError::Bind { .. } | ServeError::Io(_) => FAILED,
        };
    }
    error.downcast_ref().map_or(FAILED, of_library)
}

fn of_library(error: &LibraryError) -> u8 {
    match error {
        LibraryError::NotFound(_)
        | LibraryError::UnknownId { .. }
        | LibraryError::UnknownTopic { .. }
        | LibraryError::UnknownAuthor { .. }
        | LibraryError::NoTopics => NOT_FOUND,
        LibraryError::Corrupt { .. }
        | LibraryError::NewerFormat { .. }
        | LibraryError::OtherRecipe { .. } => DAMAGED,
        LibraryError::Embed(EmbedError::Model(
            ModelError::UnknownModel { .. } | ModelError::NotInOwnCache { .. },
        )) => NOT_FOUND,
        LibraryError::Embed(
            EmbedError::NoCuda(_)
            | EmbedError::NotThere { .. }
            | EmbedError::CutLength { .. }
            | EmbedError::NotTrainedForCut { .. },
        ) => USAGE,
        LibraryError::Embed(EmbedError::Model(_)) | LibraryError::ModelMoved { .. } => NO_MODEL,
        LibraryError::ZeroK | LibraryError::EmptyQuery | LibraryError::EmptyQueryFile(_) => USAGE,
        LibraryError::OtherModel { .. } | LibraryError::OtherLength { .. } => USAGE,
        LibraryError::BackupExists { .. } | LibraryError::BackupOntoItself(_) => USAGE,
        LibraryError::BackupStopped => STOPPED,
        LibraryError::NoOtherModel | LibraryError::SameModel(_) => USAGE,
        LibraryError::Busy(_) | LibraryError::AtWork { .. } => BUSY,
        LibraryError::OneToMerge
        | LibraryError::NotNamedByUser(_)
        | LibraryError::TopicNameTaken(_) => USAGE,
        LibraryError::OtherStorage { .. } | LibraryError::ChurnShare { .. } => USAGE,
        LibraryError::Index(IndexError::WantedRecall { .. } | IndexError::NoDirection) => USAGE,
        LibraryError::Judgments(_) => USAGE,
        LibraryError::Distill(
            DistillError::Option { .. }
            | DistillError::TooManyDimensions { .. }
            | DistillError::IsFile(_)
            | DistillError::NotEmpty(_)
            | DistillError::StaticTeacher(_),
        ) => USAGE,
        LibraryError::Map(_) => USAGE,
        LibraryError::Topics(
            TopicsError::ZeroTopics
            | TopicsError::TooManyTopics { .. }
            | TopicsError::ZeroOption(_),
        ) => USAGE,
        LibraryError::Cancelled { .. } => STOPPED,
        _ => FAILED,
    }
}

/// What went wrong, with its causes unless they repeat it.
pub(crate) fn message(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Whether the reader of our output went away, as `head` does: no failure of ours. What the library could not write comes
/// as an error of the library, and stays one.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let broken = |e: &std::io::Error| e.kind() == std::io::ErrorKind::BrokenPipe;
    error.downcast_ref().is_some_and(broken)
}
