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
            ServeError::Bind { .. } | ServeError::Io(_) | ServeError::Mcp(_) => FAILED,
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
        LibraryError::OtherStorage { .. }
        | LibraryError::OutlierShare(_)
        | LibraryError::ChurnShare { .. } => USAGE,
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
            | TopicsError::TooLargeTopics { .. }
            | TopicsError::SeedsAndTopics { .. }
            | TopicsError::Levels(_)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// What `--help` says of each code, and the README too.
    const SAID: [(u8, &str); 10] = [
        (DONE, "done"),
        (FAILED, "failed"),
        (USAGE, "wrong usage"),
        (INCOMPLETE, "some records or files were left out"),
        (NOT_FOUND, "not found"),
        (DAMAGED, "library damaged or of a"),
        (NO_MODEL, "model not to be had"),
        (PROBLEMS, "`check` found problems"),
        (BUSY, "another process writes the library"),
        (STOPPED, "stopped"),
    ];

    #[test]
    fn every_code_is_told_in_the_help_and_in_the_readme() {
        use clap::CommandFactory;
        let help = crate::args::Arguments::command()
            .render_long_help()
            .to_string();
        let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
        let readme = std::fs::read_to_string(readme).unwrap();
        for text in [help, readme] {
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let codes = text.split("Exit codes: ").nth(1).unwrap();
            for (code, words) in SAID {
                let told = codes
                    .split("; ")
                    .find(|told| told.starts_with(&format!("{code} ")));
                assert!(
                    told.is_some_and(|told| told.contains(words)),
                    "{code}: {codes:.400}"
                );
            }
        }
    }

    #[test]
    fn every_kind_of_error_has_its_code() {
        let path = || PathBuf::from("x");
        let of = |error: LibraryError| code(&error.into());
        let found = [
            (of(LibraryError::NotFound(path())), NOT_FOUND),
            (of(LibraryError::NoTopics), NOT_FOUND),
            (of(LibraryError::Busy(path())), BUSY),
            (of(LibraryError::DiskFull(path())), FAILED),
            (of(LibraryError::ReadOnly(path())), FAILED),
            (of(LibraryError::Empty(path())), FAILED),
            (of(LibraryError::NoVector(String::new())), FAILED),
            (of(LibraryError::NoOtherModel), USAGE),
            (of(LibraryError::SameModel(String::new())), USAGE),
            (of(LibraryError::BackupOntoItself(path())), USAGE),
            (of(LibraryError::ZeroK), USAGE),
            (of(LibraryError::BackupStopped), STOPPED),
            (of(LibraryError::Cancelled { papers: 1 }), STOPPED),
            (
                of(LibraryError::AtWork {
                    folder: path(),
                    what: String::new(),
                }),
                BUSY,
            ),
            (
                of(LibraryError::Corrupt {
                    path: path(),
                    why: String::new(),
                }),
                DAMAGED,
            ),
            (
                of(LibraryError::NewerFormat {
                    path: path(),
                    found: 2,
                    supported: 1,
                }),
                DAMAGED,
            ),
            (code(&FormatError::UnknownName(String::new()).into()), USAGE),
            (code(&anyhow::anyhow!("anything else")), FAILED),
        ];
        for (at, (is, expected)) in found.into_iter().enumerate() {
            assert_eq!(is, expected, "the {at}th");
        }
    }
}
