//! What can go wrong in a library, each with its next step.

use std::path::PathBuf;
use syntopic_embed::EmbedError;
use syntopic_embed::distill::DistillError;
use syntopic_embed::models::ModelError;
use syntopic_formats::FormatError;
use syntopic_index::IndexError;
use syntopic_topics::TopicsError;
use syntopic_topics::map::MapError;

/// Why an operation on a library failed. Nothing of a failed operation is kept: the library is as it was after its
/// last finished batch.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The folder holds no library.
    #[error("there is no library at {0}: make one with `syntopic --library {0} add FILE`")]
    NotFound(PathBuf),
    /// `library.db` was written by a later version of syntopic.
    #[error(
        "{path} has format {found}, this syntopic reads up to {supported}: use a newer syntopic; nothing was changed"
    )]
    NewerFormat {
        /// The database.
        path: PathBuf,
        /// Its format number.
        found: i64,
        /// The newest one known.
        supported: i64,
    },
    /// The database is damaged or is no library.
    #[error(
        "{path} is damaged or is no syntopic library: {why}. `syntopic check` names all that is wrong; restore it from a backup, or move it away and add the papers again"
    )]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What SQLite or a check found.
        why: String,
    },
    /// Another process is writing.
    #[error(
        "{0} is being written by another process: wait until it has finished, then run this again, or run it with --wait"
    )]
    Busy(PathBuf),
    /// Another process does work on the library that only one may do at a time.
    #[error(
        "another process is at work on {folder} ({what}): wait until it has finished, then run this again, or run it with --wait"
    )]
    AtWork {
        /// The library's folder.
        folder: PathBuf,
        /// What it said that it does.
        what: String,
    },
    /// A backup is to be written over something.
    #[error("{path} is there already: {}", over(*in_use))]
    BackupExists {
        /// What is there.
        path: PathBuf,
        /// Whether it is a library with changes that are not in its database file yet.
        in_use: bool,
    },
    /// A backup is to be written over the library.
    #[error("{0} is the library itself: name another folder or file")]
    BackupOntoItself(PathBuf),
    /// A backup was stopped.
    #[error("stopped as asked: no backup was made")]
    BackupStopped,
    /// Nothing says with which model vectors are to be made anew.
    #[error(
        "say with which model the vectors are to be made anew, as in `syntopic reembed --model NAME`: no such work is under way"
    )]
    NoOtherModel,
    /// The vectors are such as are asked for.
    #[error(
        "the library's vectors are of {0} already, kept as is asked: `syntopic repair` mends damaged ones"
    )]
    SameModel(String),
    /// There is no room left.
    #[error(
        "{0}: the disk is full. The library is as it was after its last finished batch: make room, then run this again"
    )]
    DiskFull(PathBuf),
    /// Any other failure of SQLite.
    #[error("{path}: {source}. The library is as it was after its last finished batch")]
    Database {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// A file or folder could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file of vectors is none.
    #[error("{path}: {why}")]
    Matrix {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A source of papers could not be opened.
    #[error("{path}: {source}")]
    Source {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The library can be read but not written.
    #[error("{0} cannot be written: check the permissions of the folder and of the files in it")]
    ReadOnly(PathBuf),
    /// The recorded model is no longer where it was.
    #[error(
        "the library's model was at {spec}: {}. Say where it is now with --model FOLDER",
        unstopped(source)
    )]
    ModelMoved {
        /// Where it was.
        spec: String,
        /// What was found there.
        source: ModelError,
    },
    /// A file to measure with holds no paper.
    #[error("{0} holds no usable paper")]
    NoPapers(String),
    /// A file to search with is empty.
    #[error("{0} is empty: put a text or papers into it, or ask with --text")]
    EmptyQueryFile(String),
    /// A file to search with is in no format of papers, and no text either.
    #[error("{name} is not UTF-8 text (byte {at}): convert it first")]
    NotText {
        /// What messages call it.
        name: String,
        /// Where the text ends, in bytes.
        at: usize,
    },
    /// A source of papers is a folder.
    #[error("{0} is a directory: name the files in it")]
    Directory(PathBuf),
    /// A source of papers cannot be read as such.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// No paper has this id.
    #[error("no paper has the id {id:?}{}", suggestion(nearest))]
    UnknownId {
        /// The id asked for.
        id: String,
        /// The ids most like it.
        nearest: Vec<String>,
    },
    /// The library's vectors are of the same model, cut to another length.
    #[error(
        "this library's vectors have {library} numbers, not {asked}: leave --dim out, or make another library with \
         `syntopic --library OTHER add --dim {asked} FILE`"
    )]
    OtherLength {
        /// Numbers of a vector of the library.
        library: usize,
        /// Numbers asked for.
        asked: usize,
    },
    /// The library's vectors were made by another model: its scores would mean nothing.
    #[error(
        "this library was made with {library}, not with {asked}: vectors of two models cannot be compared. \
         Leave --model out, or make another library with `syntopic --library OTHER --model {spec} add FILE`"
    )]
    OtherModel {
        /// The model that made the library.
        library: String,
        /// The model asked for.
        asked: String,
        /// How the user named it.
        spec: String,
    },
    /// The text recipe that made the library is not this version's.
    #[error(
        "this library's texts follow the recipe {found:?}, this syntopic makes {ours:?}: make the library again"
    )]
    OtherRecipe {
        /// The recipe recorded.
        found: String,
        /// The recipe of this version.
        ours: String,
    },
    /// A filter names a topic, and there are none, or none of the present papers.
    #[error(
        "there are no topics of the present papers to choose from: `syntopic topics` makes them"
    )]
    NoTopics,
    /// No topic is called so.
    #[error("no topic has the number or the words {asked:?}; the topics are: {}", names.join("; "))]
    UnknownTopic {
        /// What was asked for.
        asked: String,
        /// The names there are.
        names: Vec<String>,
    },
    /// One topic is to be merged, with nothing.
    #[error("merging takes at least two different topics: write their numbers as --merge 3,7")]
    OneToMerge,
    /// A name is to be given up that the user never gave.
    #[error(
        "topic {0} has no name of yours that could be given up: write --rename {0}=NAME to give it one"
    )]
    NotNamedByUser(u32),
    /// Two topics would have one name.
    #[error("two topics would be called {0:?}: give one of them another name")]
    TopicNameTaken(String),
    /// No author is called so.
    #[error(
        "no author's name has the words {asked:?}{}",
        author_suggestion(nearest)
    )]
    UnknownAuthor {
        /// What was asked for.
        asked: String,
        /// The names most like it.
        nearest: Vec<String>,
    },
    /// There is nothing to search or cluster.
    #[error(
        "the library at {0} holds no papers yet: add some with `syntopic --library {0} add FILE`"
    )]
    Empty(PathBuf),
    /// There are papers, but none has a vector yet.
    #[error(
        "none of the {papers} papers at {folder} has a vector yet: `syntopic --library {folder} embed` makes them"
    )]
    NoVectors {
        /// The library's folder.
        folder: PathBuf,
        /// Its papers.
        papers: usize,
    },
    /// A paper is there, but has no vector yet.
    #[error("{0} has no vector yet: `syntopic embed` makes it")]
    NoVector(String),
    /// The text asked with has no letters.
    #[error("the text to search with is empty: give an abstract, a title or some words")]
    EmptyQuery,
    /// A number of hits that makes no sense.
    #[error("k = 0 asks for nothing: k must be at least 1")]
    ZeroK,
    /// The caller's progress closure asked to stop.
    #[error("stopped as asked; {}run the same command to go on", kept(*papers))]
    Cancelled {
        /// Papers committed so far by this call.
        papers: usize,
    },
    /// The model could not be found, fetched or run.
    #[error(transparent)]
    Embed(EmbedError),
    /// A static model could not be made.
    #[error(transparent)]
    Distill(DistillError),
    /// The library keeps its vectors in another way than is asked.
    #[error(
        "the library keeps its vectors as {recorded}, not {asked}: leave --store out, or add the papers to a new library (--library FOLDER)"
    )]
    OtherStorage {
        /// How it keeps them.
        recorded: crate::Storage,
        /// What was asked.
        asked: crate::Storage,
    },
    /// A share of outliers that is none.
    #[error("{0} is no share of the papers: name one from 0 to 1, as 0.1 for a tenth")]
    OutlierShare(f64),
    /// A share of rows that cannot be exchanged.
    #[error(
        "{got} of the rows cannot be exchanged: name a share above 0 and at most 0.5, as 0.2 for a fifth"
    )]
    ChurnShare {
        /// What was given.
        got: f64,
    },
    /// The index.
    #[error(transparent)]
    Index(IndexError),
    /// Judgments of people cannot be used.
    #[error(transparent)]
    Judgments(#[from] crate::eval::JudgmentsError),
    /// The topics.
    #[error(transparent)]
    Topics(#[from] TopicsError),
    /// The map.
    #[error(transparent)]
    Map(MapError),
}

impl From<IndexError> for LibraryError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::Cancelled => LibraryError::Cancelled { papers: 0 },
            error => LibraryError::Index(error),
        }
    }
}

impl From<MapError> for LibraryError {
    fn from(error: MapError) -> Self {
        match error {
            MapError::Cancelled => LibraryError::Cancelled { papers: 0 },
            error => LibraryError::Map(error),
        }
    }
}

impl From<EmbedError> for LibraryError {
    fn from(error: EmbedError) -> Self {
        match error {
            EmbedError::Cancelled { .. } => LibraryError::Cancelled { papers: 0 },
            error => LibraryError::Embed(error),
        }
    }
}

impl From<ModelError> for LibraryError {
    fn from(error: ModelError) -> Self {
        LibraryError::Embed(EmbedError::Model(error))
    }
}

/// What of the work that was broken off is there already.
fn kept(papers: usize) -> String {
    match papers {
        0 => String::new(),
        n => format!("{n} papers of finished batches are kept, "),
    }
}

impl LibraryError {
    /// A failure of SQLite on the database `path`, told apart by what a user can do about it.
    pub(crate) fn sqlite(path: &std::path::Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{
            DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase, ReadOnly,
        };
        let path = path.to_owned();
        if let Some(why) = damaged_rows(&source) {
            return LibraryError::Corrupt { path, why };
        }
        let extended = source.sqlite_error().map(|error| error.extended_code);
        match source.sqlite_error_code() {
            Some(DiskFull) => LibraryError::DiskFull(path),
            // The file beside the database that readers and writers share cannot grow.
            _ if extended == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE) => {
                LibraryError::DiskFull(path)
            }
            Some(NotADatabase | DatabaseCorrupt) => LibraryError::Corrupt {
                path,
                why: source.to_string(),
            },
            Some(DatabaseBusy | DatabaseLocked) => LibraryError::Busy(path),
            Some(ReadOnly) => LibraryError::ReadOnly(path),
            _ => LibraryError::Database { path, source },
        }
    }
}

/// What a failed query says of the rows and tables, where it is they that are not as they were made.
fn damaged_rows(source: &rusqlite::Error) -> Option<String> {
    use rusqlite::Error::{
        FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, SqlInputError,
        SqliteFailure,
    };
    match source {
        FromSqlConversionFailure(_, _, why) => Some(why.to_string()),
        InvalidColumnType(..) | IntegralValueOutOfRange(..) | rusqlite::Error::Utf8Error(..) => {
            Some(source.to_string())
        }
        // Our statements are right, so it is a table or a column that is missing.
        SqlInputError { msg, .. } => Some(msg.clone()),
        SqliteFailure(error, why) if error.extended_code == rusqlite::ffi::SQLITE_ERROR => {
            Some(why.clone().unwrap_or_else(|| error.to_string()))
        }
        _ => None,
    }
}

/// What to do about a backup's place that is taken.
fn over(in_use: bool) -> &'static str {
    match in_use {
        true => "it is a library in use, or not closed cleanly; name another folder or file",
        false => "name another folder or file, or write over it with --force",
    }
}

/// A message without its last full stop, for one that goes on.
fn unstopped(source: &ModelError) -> String {
    source.to_string().trim_end_matches('.').to_owned()
}

/// "; did you mean a, b or c?" or nothing.
fn suggestion(nearest: &[String]) -> String {
    match nearest {
        [] => String::from(": `syntopic info` tells how many papers there are"),
        [one] => format!("; did you mean {one}?"),
        [most @ .., last] => format!("; did you mean {} or {last}?", most.join(", ")),
    }
}

/// "; did you mean a, b or c?", or that names count as whole words.
fn author_suggestion(nearest: &[String]) -> String {
    match nearest {
        [] => String::from(": whole words of a name are compared, as in --author lecun"),
        some => suggestion(some),
    }
}
