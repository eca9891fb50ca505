//! The ids and vectors of a library as a search needs them: read whole out of the database, or looked up in `rows.bin`, a file
//! made of them that opens at once.
//!
//! The database is the truth. It records for which of its changes `rows.bin` holds (the stamp), so that whether the file is
//! current is known without reading a row; and what a search shows is compared with the database row by row.

use crate::engine::Library;
use crate::rows::{Sha, Snapshot, Stamp};
use crate::store::read_generation;
use crate::{Event, LibraryError, Progress, derived};
use std::path::PathBuf;
use syntopic_core::{PaperId, Row};
use syntopic_index::{IndexError, Rows, StoredRows};

/// `rows.bin`, open, and what it was made from.
pub(crate) struct Stored {
    rows: StoredRows,
    pub(crate) stamp: Stamp,
}

/// All papers that have a vector, in the order of their ids.
#[derive(Clone, Copy)]
pub(crate) enum Catalogue<'a> {
    /// Read out of the database.
    Read(&'a Snapshot),
    /// In the file.
    Stored(&'a Stored),
}

impl<'a> Catalogue<'a> {
    /// How many rows.
    pub(crate) fn n_rows(self) -> usize {
        match self {
            Self::Read(snapshot) => snapshot.ids.len(),
            Self::Stored(stored) => stored.rows.n_rows(),
        }
    }

    /// What the rows were made from.
    pub(crate) fn stamp(self) -> &'a Stamp {
        match self {
            Self::Read(snapshot) => &snapshot.stamp,
            Self::Stored(stored) => &stored.stamp,
        }
    }

    /// The rows, for a search.
    pub(crate) fn rows(self) -> Rows<'a> {
        match self {
            Self::Read(snapshot) => (&snapshot.vectors).into(),
            Self::Stored(stored) => (&stored.rows).into(),
        }
    }

    /// The row of an id, if there is one.
    pub(crate) fn row_of(self, id: &PaperId) -> Result<Option<Row>, LibraryError> {
        Ok(match self {
            Self::Read(snapshot) => snapshot.ids.binary_search(id).ok().map(Row::from_index),
            Self::Stored(stored) => stored.rows.row_of(id.as_str())?,
        })
    }

    /// The id of a row.
    pub(crate) fn id(self, row: Row) -> Result<PaperId, LibraryError> {
        match self {
            Self::Read(snapshot) => Ok(snapshot.ids[row.index()].clone()),
            Self::Stored(stored) => PaperId::new(stored.rows.key(row)?)
                .map_err(|_| LibraryError::Index(IndexError::DamagedRows)),
        }
    }

    /// Every id in order.
    pub(crate) fn ids(self) -> Result<Vec<&'a str>, LibraryError> {
        Ok(match self {
            Self::Read(snapshot) => snapshot.ids.iter().map(PaperId::as_str).collect(),
            Self::Stored(stored) => (0..stored.rows.n_rows())
                .map(|row| stored.rows.key(Row::from_index(row)))
                .collect::<Result<_, _>>()?,
        })
    }

    /// One vector.
    pub(crate) fn vector(self, row: Row) -> Result<&'a [f32], LibraryError> {
        Ok(match self {
            Self::Read(snapshot) => snapshot.vectors.row(row),
            Self::Stored(stored) => stored.rows.row(row)?,
        })
    }

    /// That the row in use is the one in the database, whose vector is given. What was read out of the database is.
    pub(crate) fn confirm(self, row: Row, truth: &[f32]) -> Result<(), LibraryError> {
        match self {
            Self::Stored(stored) if stored.rows.row(row)? != truth => {
                Err(LibraryError::Index(IndexError::DamagedRows))
            }
            _ => Ok(()),
        }
    }
}

impl Library {
    /// Where the file is.
    pub(crate) fn rows_path(&self) -> PathBuf {
        self.folder.join("rows.bin")
    }

    /// Opens the present papers, by the file where it is current, otherwise out of the database; then the file is made, of a
    /// library that is not searched exactly. [`Library::catalogue`] gives them.
    pub(crate) fn open_catalogue(
        &mut self,
        progress: &mut Progress<'_>,
    ) -> Result<Catalogue<'_>, LibraryError> {
        let generation = self.generation()?;
        self.snapshot.take_if(|s| s.stamp.generation != generation);
        self.stored.take_if(|s| s.stamp.generation != generation);
        if self.snapshot.is_none() && self.stored.is_none() && !self.distrust {
            self.stored = self.open_stored()?;
        }
        if self.snapshot.is_none() && self.stored.is_none() {
            self.load_snapshot()?;
            self.keep_rows(progress);
        }
        self.catalogue()
    }

    /// What [`Library::open_catalogue`] opened.
    pub(crate) fn catalogue(&self) -> Result<Catalogue<'_>, LibraryError> {
        match (&self.snapshot, &self.stored) {
            (Some(snapshot), _) => Ok(Catalogue::Read(snapshot)),
            (None, Some(stored)) => Ok(Catalogue::Stored(stored)),
            (None, None) => Err(LibraryError::Empty(self.folder.clone())),
        }
    }

    /// What the present papers are known by, without reading them where that is recorded.
    pub(crate) fn stamp(&mut self) -> Result<Stamp, LibraryError> {
        if self.snapshot.is_none()
            && !self.distrust
            && let Some(stamp) = self.store()?.stamp()?
        {
            return Ok(stamp);
        }
        Ok(self.load_snapshot()?.stamp)
    }

    /// Forgets every derived file, one of which was found damaged, and believes none of them until it was verified whole.
    pub(crate) fn distrust_files(&mut self) {
        self.distrust = true;
        (self.stored, self.snapshot, self.index) = (None, None, None);
    }

    fn generation(&self) -> Result<u64, LibraryError> {
        self.store
            .as_ref()
            .map_or(Ok(0), crate::store::Store::generation)
    }

    fn open_stored(&self) -> Result<Option<Stored>, LibraryError> {
        let Some(model) = self.recorded_model()? else {
            return Ok(None);
        };
        let Some(stamp) = self.store()?.stamp()? else {
            return Ok(None);
        };
        // Whatever is wrong with it, it is made again from the truth.
        let rows = StoredRows::open(&self.rows_path(), stamp.sha256).ok();
        let rows = rows.filter(|rows| rows.dim() == model.dim && rows.n_rows() > 0);
        Ok(rows.map(|rows| Stored { rows, stamp }))
    }

    /// Makes the file of what was read, unless it is there, and records what it holds for.
    fn keep_rows(&mut self, progress: &mut Progress<'_>) {
        let path = self.rows_path();
        let Some(snapshot) = &self.snapshot else {
            return;
        };
        let stamp = snapshot.stamp;
        if snapshot.ids.len() < self.index_options.exact_below {
            return;
        }
        let there = StoredRows::open(&path, stamp.sha256);
        let there = there.is_ok_and(|rows| !self.distrust || rows.verify().is_ok());
        if !there {
            let ids = snapshot.ids.iter().map(PaperId::as_str);
            match StoredRows::to_bytes(&snapshot.vectors, ids, stamp.sha256) {
                Ok(bytes) => derived::keep(&path, &bytes, progress),
                Err(error) => {
                    let _ = progress(Event::Note(&format!("rows.bin is not made: {error}")));
                }
            }
        }
        if let Some(store) = &mut self.store {
            // Who may not write here, or not now, reads the database again the next time.
            let _ = store.write(|tx| {
                if read_generation(tx)? == stamp.generation {
                    stamp.put(tx)?;
                }
                Ok(())
            });
        }
    }
}

/// What is wrong with the file, if it is there and anything is; a file of other papers is merely out of date.
pub(crate) fn file_problem(path: &std::path::Path, sha256: Sha) -> Option<IndexError> {
    match StoredRows::open(path, sha256).and_then(|rows| rows.verify()) {
        Err(IndexError::File { .. } | IndexError::Stale { .. }) | Ok(()) => None,
        Err(error) => Some(error),
    }
}
