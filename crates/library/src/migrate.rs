//! A library of an older format, made one of the present format.
//!
//! There has been one format: tables that came later (changes, vectors of titles) are made when they are first written to, and a
//! library without them is read as it is; what vectors of titles it lacks is said, and `embed` makes them. A newer format is refused when the library is opened.

use crate::LibraryError;
use crate::engine::Library;
use crate::store::FORMAT;
use serde::Serialize;

/// What a `migrate` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MigrateReport {
    /// The format it had.
    pub from: i64,
    /// The format it has.
    pub to: i64,
    /// Papers whose title has no vector, which `embed` would give one; `related` compares titles where they have.
    pub titles_lacking: usize,
}

impl Library {
    /// Makes the library one of the present format, which is the only one there has been.
    ///
    /// # Errors
    /// When there is no library.
    pub fn migrate(&self) -> Result<MigrateReport, LibraryError> {
        Ok(MigrateReport {
            from: FORMAT,
            to: FORMAT,
            titles_lacking: self.store()?.n_lacking_titles()?,
        })
    }
}
