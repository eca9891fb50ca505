//! The room that a library does not need, given back: what removed papers left, and files of processes that were killed.

use crate::engine::Library;
use crate::{LibraryError, Progress};
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// A temporary file that nobody has written to for so long is no longer in use.
const FORGOTTEN: Duration = Duration::from_secs(3_600);

/// What a `compact` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CompactReport {
    /// Bytes of all files before.
    pub before_bytes: u64,
    /// Bytes of all files now.
    pub after_bytes: u64,
    /// Temporary files of processes that ended early, which were removed.
    pub removed_files: usize,
    /// Papers.
    pub papers: usize,
}

impl Library {
    /// Writes the database anew without the room that removed papers left, and brings the files made from it up to date.
    ///
    /// # Errors
    /// When another process writes or is at work on it, or there is no room for the second copy; then the library is as it was.
    pub fn compact(&mut self, progress: &mut Progress<'_>) -> Result<CompactReport, LibraryError> {
        let _alone = self.alone("compact")?;
        let before_bytes = crate::info::folder_size(&self.folder);
        let removed_files = remove_forgotten(&self.folder, FORGOTTEN);
        self.upkeep("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")?;
        self.refresh(progress)?;
        Ok(CompactReport {
            before_bytes,
            after_bytes: crate::info::folder_size(&self.folder),
            removed_files,
            papers: self.n_papers()?,
        })
    }

    /// Runs statements of SQLite's own upkeep.
    pub(crate) fn upkeep(&mut self, sql: &str) -> Result<(), LibraryError> {
        let folder = &self.folder;
        let store = self.store.as_mut();
        let store = store.ok_or_else(|| LibraryError::NotFound(folder.clone()))?;
        store.upkeep(sql)
    }

    /// Brings the files made from the papers up to date, of a library that has vectors.
    pub(crate) fn refresh(&mut self, progress: &mut Progress<'_>) -> Result<(), LibraryError> {
        self.at_one_moment(|library| {
            match library.open_catalogue(progress) {
                Err(LibraryError::Empty(_) | LibraryError::NoVectors { .. }) => return Ok(()),
                other => other.map(|_| ())?,
            }
            let options = library.index_options.clone();
            library.open_index(&options, None, progress)?;
            library.open_lexicon(progress)
        })
    }
}

/// Removes temporary files that are older than `age`; gives how many.
pub(crate) fn remove_forgotten(folder: &Path, age: Duration) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let forgotten = entries.flatten().filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let ours = name.starts_with(".tmp") || name.starts_with(".library.db-");
        let modified = entry.metadata().and_then(|found| found.modified());
        let old = modified.is_ok_and(|then| then.elapsed().is_ok_and(|past| past >= age));
        ours && old
    });
    forgotten
        .filter(|entry| std::fs::remove_file(entry.path()).is_ok())
        .count()
}
