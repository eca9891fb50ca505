//! The ids and vectors of a library as a search needs them: read whole out of the database, or looked up in `rows.bin`, a file
//! made of them that opens at once.
//!
//! The database is the truth. It records for which of its changes `rows.bin` holds (the stamp), so that whether the file is
//! current is known without reading a row; and what a search shows is compared with the database row by row.

use crate::engine::Library;
use crate::rows::{Sha, Snapshot, Stamp};
use crate::{Event, LibraryError, Progress, derived};
use std::path::PathBuf;
use syntopic_core::{PaperId, Row};
use syntopic_index::{IndexError, Rows, StoredRows};

/// `rows.bin`, open, and what it was made from.
pub(crate) struct Stored {
    pub(crate) rows: StoredRows,
    pub(crate) stamp: Stamp,
}

impl Stored {
    /// The row of an id, if there is one.
    pub(crate) fn row_of(&self, id: &str) -> Result<Option<Row>, LibraryError> {
        Ok(self.rows.row_of(id)?)
    }
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
            Self::Stored(stored) => stored.row_of(id.as_str())?,
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
        if self.older.is_some() {
            return self.catalogue();
        }
        self.forget_other_rows()?;
        if self.snapshot.is_none() && self.stored.is_none() && !self.distrust {
            self.stored = self.open_stored(progress)?;
        }
        if self.snapshot.is_none() && self.stored.is_none() {
            self.load_snapshot()?;
            self.keep_rows(progress);
        }
        self.catalogue()
    }

    /// Forgets the rows read of another state of the library than that of now.
    pub(crate) fn forget_other_rows(&mut self) -> Result<(), LibraryError> {
        let generation = self.generation()?;
        self.snapshot.take_if(|s| s.stamp.generation != generation);
        self.stored.take_if(|s| s.stamp.generation != generation);
        Ok(())
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
        if let Some(older) = &self.older {
            return Ok(older.stamp);
        }
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
        (self.lexicon, self.older) = (None, None);
    }

    /// How often the library was changed: whatever was read of it holds as long as this is the same. Topics may be made and
    /// named without a change.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn generation(&self) -> Result<u64, LibraryError> {
        self.store
            .as_ref()
            .map_or(Ok(0), crate::store::Store::generation)
    }

    fn open_stored(&self, progress: &mut Progress<'_>) -> Result<Option<Stored>, LibraryError> {
        let Some(model) = self.recorded_model()? else {
            return Ok(None);
        };
        let Some(stamp) = self.store()?.stamp()? else {
            return Ok(None);
        };
        // Whatever is wrong with it, it is made again from the truth.
        let rows = match StoredRows::open(&self.rows_path(), stamp.sha256) {
            Ok(rows) => Some(rows),
            Err(error) => {
                if !matches!(error, IndexError::File { .. }) {
                    let note = format!("rows.bin is made again: {error}");
                    let _ = progress(Event::Note(&note));
                }
                None
            }
        };
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
            let _ = store.write(|tx| stamp.keep(tx));
        }
    }
}

/// What is wrong with the file, if it is there and anything is; one of other papers or another version is merely out of date.
pub(crate) fn file_problem(path: &std::path::Path, sha256: Sha) -> Option<IndexError> {
    match StoredRows::open(path, sha256).and_then(|rows| rows.verify()) {
        Err(IndexError::File { .. } | IndexError::Stale { .. } | IndexError::Version { .. })
        | Ok(()) => None,
        Err(error) => Some(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AddOptions, Filter, Query, Related, RelatedMode, RelatedOptions, Source};
    use std::ops::ControlFlow;
    use std::path::Path;
    use syntopic_index::Kind;

    const SUBJECTS: [&str; 5] = ["graphs", "images", "proteins", "markets", "code"];

    fn add(library: &mut Library, name: &str, n: usize) {
        let lines = (0..n).map(|i| {
            let (subject, rest) = (SUBJECTS[i % 5], i / 5);
            format!("{{\"id\":\"{name}-{i}\",\"title\":\"On {subject} {rest} of {name}\"}}\n")
        });
        let text: &'static str = String::leak(lines.collect());
        let model = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/reference/tiny/bert-cls"
        );
        let options = AddOptions {
            model: Some(String::from(model)),
            ..AddOptions::default()
        };
        let name = name.to_owned();
        library
            .add(&[Source::Text { name, text }], &options, &mut |_| {
                ControlFlow::Continue(())
            })
            .unwrap();
    }

    /// A library that is searched by its graph however small.
    fn open(folder: &Path) -> Library {
        let mut library = Library::open_or_create(folder).unwrap();
        library.index_options.kind = Kind::Hnsw;
        library.index_options.exact_below = 0;
        library
    }

    fn ask(library: &mut Library, id: &str) -> (Result<Related, LibraryError>, Vec<String>) {
        let mut notes = Vec::new();
        let options = RelatedOptions {
            k: 4,
            all_versions: true,
            ..RelatedOptions::default()
        };
        let found = library.related(&Query::Paper(id.to_owned()), &options, &mut |event| {
            if let Event::Note(note) = event {
                notes.push(note.to_owned());
            }
            ControlFlow::Continue(())
        });
        (found, notes)
    }

    fn hits(folder: &Path, id: &str) -> Vec<(String, f32)> {
        let found = ask(&mut open(folder), id).0.unwrap().hits;
        found.into_iter().map(|hit| (hit.id, hit.score)).collect()
    }

    #[test]
    fn the_second_process_answers_by_the_file_alone_and_a_change_is_seen() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("library");
        add(&mut open(&folder), "a", 300);
        let mut first = open(&folder);
        let expected = ask(&mut first, "a-7").0.unwrap();
        assert!(first.snapshot.is_some() && first.rows_path().exists());

        let mut second = open(&folder);
        let (found, notes) = ask(&mut second, "a-7");
        assert_eq!(
            (found.unwrap().hits, notes.len()),
            (expected.hits.clone(), 0)
        );
        assert!(
            second.stored.is_some() && second.snapshot.is_none(),
            "no row was read"
        );
        let unknown = ask(&mut second, "a-777").0;
        assert!(unknown.is_err_and(|error| error.to_string().contains("a-77")));
        let report = second
            .check(None, &mut |_| ControlFlow::Continue(()))
            .unwrap();
        assert!(report.ok, "{report:?}");

        // Another process adds a paper of the same text: it must be found at once, by a process that has the file open too.
        let mut other = open(&folder);
        let twin = "{\"id\":\"b\",\"title\":\"On proteins 1 of a\"}\n";
        let options = AddOptions::default();
        let source = Source::Text {
            name: String::from("b"),
            text: twin,
        };
        other
            .add(&[source], &options, &mut |_| ControlFlow::Continue(()))
            .unwrap();
        let (found, _) = ask(&mut second, "a-7");
        assert_eq!(found.unwrap().hits[0].id, "b");
        assert_eq!(hits(&folder, "a-7")[0].0, "b");
        let mut third = open(&folder);
        ask(&mut third, "b").0.unwrap();
        assert!(third.snapshot.is_none(), "the file was made again");
    }

    #[test]
    fn papers_that_come_while_a_search_is_under_way_are_no_wrong_rows() {
        let nothing = Filter {
            from_year: Some(1),
            ..Filter::default()
        };
        let filters = [Filter::default(), nothing];
        for (mode, filter) in RelatedMode::ALL
            .iter()
            .flat_map(|mode| filters.each_ref().map(|filter| (*mode, filter)))
        {
            let place = tempfile::tempdir().unwrap();
            let folder = place.path().join("library");
            add(&mut open(&folder), "b", 300);
            let options = RelatedOptions {
                k: 4,
                mode,
                filter: filter.clone(),
                ..RelatedOptions::default()
            };
            let query = Query::Paper(String::from("b-8"));
            let quiet = &mut |_: Event<'_>| ControlFlow::Continue(());
            let expected = open(&folder).related(&query, &options, quiet).unwrap();
            for name in ["index.bin", "rows.bin"] {
                std::fs::remove_file(folder.join(name)).unwrap();
            }
            let mut came = false;
            let found = open(&folder).related(&query, &options, &mut |event| {
                if matches!(event, Event::Indexing { .. }) && !came {
                    came = true;
                    // Their ids are smaller: every row that there was moves.
                    add(&mut open(&folder), "a", 200);
                }
                ControlFlow::Continue(())
            });
            let hits = found.unwrap().hits;
            assert!(came);
            assert_eq!(hits, expected.hits, "the answer of before, {mode:?}");
            assert_eq!(hits.len(), if filter.is_empty() { 4 } else { 0 });
            assert!(hits.iter().all(|hit| hit.id != "b-8"));
        }
    }

    #[test]
    fn a_damaged_file_gives_no_wrong_answer_and_is_made_again() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("library");
        add(&mut open(&folder), "a", 300);
        let expected = hits(&folder, "a-8");
        let paths = ["index.bin", "rows.bin"].map(|name| folder.join(name));
        let whole = paths.each_ref().map(|path| std::fs::read(path).unwrap());
        let (mut state, mut told) = (1u64, 0);
        let mut random = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as usize % below
        };
        for round in 0..120 {
            let which = round % 2;
            let mut bytes = whole[which].clone();
            match round % 3 {
                0 => bytes.truncate(random(bytes.len())),
                _ => {
                    let bit = random(8 * bytes.len());
                    bytes[bit / 8] ^= 1 << (bit % 8);
                }
            }
            // Never written in place: another process may have it open.
            std::fs::remove_file(&paths[which]).unwrap();
            std::fs::write(&paths[which], &bytes).unwrap();
            let checked = open(&folder)
                .check(None, &mut |_| ControlFlow::Continue(()))
                .unwrap();
            assert!(
                !checked.ok && checked.problems[0].contains("Delete it"),
                "{checked:?}"
            );
            let mut library = open(&folder);
            let (found, notes) = ask(&mut library, "a-8");
            let found: Vec<_> = found
                .unwrap()
                .hits
                .into_iter()
                .map(|h| (h.id, h.score))
                .collect();
            assert_eq!(found, expected, "round {round}");
            assert!(!library.distrust);
            if std::fs::read(&paths[which]).unwrap() == bytes {
                std::fs::write(&paths[which], &whole[which]).unwrap();
            } else {
                told += 1;
                assert!(notes.iter().any(|n| n.contains("made again")), "{notes:?}");
                assert!(
                    std::fs::read(&paths[which]).unwrap() == whole[which],
                    "round {round}"
                );
            }
        }
        assert!(told > 60, "{told}");
    }

    #[test]
    fn a_vector_changed_behind_our_back_is_not_answered_by_the_old_one() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("library");
        add(&mut open(&folder), "a", 200);
        let before = hits(&folder, "a-3");
        let victim = before[0].0.clone();
        let db = rusqlite::Connection::open(folder.join("library.db")).unwrap();
        // The victim gets the vector of a paper of another subject.
        let sql = "UPDATE vectors SET vector = (SELECT vector FROM vectors JOIN papers USING (paper) WHERE id = 'a-4')
             WHERE paper = (SELECT paper FROM papers WHERE id = ?1)";
        assert_eq!(db.execute(sql, [&victim]).unwrap(), 1);
        drop(db);
        let report = open(&folder)
            .check(None, &mut |_| ControlFlow::Continue(()))
            .unwrap();
        assert!(
            report
                .problems
                .iter()
                .any(|p| p.contains("another program")),
            "{report:?}"
        );
        let after = hits(&folder, "a-3");
        assert_ne!(after, before);
        let mut fresh = open(&folder);
        ask(&mut fresh, "a-3").0.unwrap();
        let catalogue = fresh.catalogue().unwrap();
        let row = |id: &str| {
            catalogue
                .row_of(&PaperId::new(id).unwrap())
                .unwrap()
                .unwrap()
        };
        assert_eq!(
            catalogue.vector(row(&victim)).unwrap(),
            catalogue.vector(row("a-4")).unwrap()
        );
        assert!(
            open(&folder)
                .check(None, &mut |_| ControlFlow::Continue(()))
                .unwrap()
                .ok
        );
    }
}
