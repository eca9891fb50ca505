//! Answering while another process adds papers, by the files that were made of an earlier state of the library.
//!
//! Those files are brought up to date by a search that finds nobody adding. While somebody is, a search that did so would
//! wait, and the next batch would put its work out of date: then the files are used as they are, without the papers that
//! changed since, and a note says how many are left out. Only where more came than the files hold are all papers read. Whoever adds holds a shared lock on the library's folder, whoever brings the
//! files up to date an exclusive one; the system takes it away when the process ends.
//!
//! Not for: topics, maps and checks, which are of the present papers.

use crate::catalogue::Stored;
use crate::engine::Library;
use crate::lexical::OpenLexicon;
use crate::rows::Stamp;
use crate::stored_index::OpenIndex;
use crate::{LibraryError, RelatedMode, changes};
use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::path::Path;
use syntopic_core::{PaperId, Row};
use syntopic_index::{Effort, Index, StoredRows};

/// Rows of papers that changed are sought around: no more than these.
const MOST_CHANGED: usize = 1_000;

/// Files of an earlier state that are in use.
pub(crate) struct Older {
    /// What the files were made from.
    pub(crate) stamp: Stamp,
    /// Rows whose paper is another now.
    pub(crate) changed: HashSet<Row>,
    /// Papers that are left out: those, and those that came.
    pub(crate) n_left_out: usize,
}

/// Held by whoever adds papers; nothing where the system has no such lock, or somebody brings files up to date just now.
pub(crate) fn adding(folder: &Path) -> Option<File> {
    let folder = File::open(folder).ok()?;
    folder.try_lock_shared().ok()?;
    Some(folder)
}

impl Library {
    /// Opens the files of an earlier state, where those of the present one are not there, somebody adds papers, and they can answer
    /// what is asked: `ids` are the papers among it. Where nobody adds, the files are ours to bring up to date until this moment
    /// ends.
    pub(crate) fn open_older(
        &mut self,
        ids: &[&str],
        (mode, recall): (RelatedMode, Option<f64>),
    ) -> Result<(), LibraryError> {
        let store = self.store()?;
        let Some(stamp) = store.last_stamp()? else {
            return Ok(());
        };
        if self.distrust || stamp.generation == store.generation()? {
            return Ok(());
        }
        if let Ok(folder) = File::open(&self.folder) {
            match folder.try_lock() {
                Ok(()) => self.bringing = Some(folder),
                Err(TryLockError::WouldBlock) => self.take_older(&stamp, ids, (mode, recall))?,
                Err(TryLockError::Error(_)) => {}
            }
        }
        Ok(())
    }

    fn take_older(
        &mut self,
        stamp: &Stamp,
        ids: &[&str],
        (mode, recall): (RelatedMode, Option<f64>),
    ) -> Result<(), LibraryError> {
        let Some(ids_changed) = self
            .store()?
            .read(|db| changes::since(db, stamp.generation))?
        else {
            return Ok(());
        };
        let Ok(rows) = StoredRows::open(&self.rows_path(), stamp.sha256) else {
            return Ok(());
        };
        let n_rows = rows.n_rows();
        if n_rows < self.index_options.exact_below || ids_changed.len() > n_rows {
            return Ok(());
        }
        let stored = Stored {
            rows,
            stamp: *stamp,
        };
        let mut changed = HashSet::new();
        for id in &ids_changed {
            changed.extend(stored.row_of(id)?);
        }
        for id in ids {
            let there = PaperId::new(*id).ok();
            let row = there.map(|id| stored.row_of(id.as_str())).transpose()?;
            if row.flatten().is_none_or(|row| changed.contains(&row)) {
                return Ok(());
            }
        }
        let index = Index::open(&self.index_path(), stamp.sha256, n_rows).ok();
        let is_asked = |index: &Index| {
            recall.is_none_or(|recall| index.options().effort == Effort::Recall(recall))
        };
        let Some(index) = index.filter(is_asked) else {
            return Ok(());
        };
        if mode != RelatedMode::Semantic {
            let Some(lexicon) = OpenLexicon::of_files(&self.words_paths(), stamp, n_rows) else {
                return Ok(());
            };
            self.lexicon = Some(lexicon);
        }
        if changed.len() > MOST_CHANGED {
            return Ok(());
        }
        (self.snapshot, self.stored) = (None, Some(stored));
        self.index = Some(OpenIndex::new(stamp.sha256, index));
        self.older = Some(Older {
            stamp: *stamp,
            changed,
            n_left_out: ids_changed.len(),
        });
        Ok(())
    }

    /// Tells what the files in use do not hold.
    pub(crate) fn tell_of_older(&self, notes: &mut Vec<String>) {
        if let Some(older) = &self.older {
            notes.push(format!(
                "another process is adding papers: {} that came or changed lately are not among the hits yet",
                older.n_left_out
            ));
        }
    }
}

#[cfg(test)]
mod tests;
