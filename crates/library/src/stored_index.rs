//! The index over a library's vectors: kept beside it, and made again or brought up to date as need be.

use crate::engine::Library;
use crate::rows::Sha;
use crate::{Event, LibraryError, Progress, derived};
use std::ops::ControlFlow;
use std::path::PathBuf;
use syntopic_index::{Effort, Index, IndexError, IndexOptions, Kind};

/// The index opened last, and what it was made from.
pub(crate) struct OpenIndex {
    sha256: Sha,
    index: Index,
}

impl OpenIndex {
    pub(crate) fn new(sha256: Sha, index: Index) -> Self {
        Self { sha256, index }
    }
}

impl Library {
    /// The index that [`Library::open_index`] opened.
    pub(crate) fn index(&self) -> Result<&Index, LibraryError> {
        let open = self.index.as_ref();
        open.map(|open| &open.index)
            .ok_or_else(|| LibraryError::Empty(self.folder.clone()))
    }

    /// Opens the index over the present vectors: exact where that is as fast, otherwise the stored graph, made current where
    /// papers have changed since, and made anew when it is missing or damaged.
    ///
    /// With `recall`, the graph is searched for that recall from now on; without, for the one recorded in its file. A recall of 1
    /// compares everything this once, and leaves the graph as it is.
    pub(crate) fn open_index(
        &mut self,
        options: &IndexOptions,
        recall: Option<f64>,
        progress: &mut Progress<'_>,
    ) -> Result<(), LibraryError> {
        if recall == Some(1.0) {
            return self.open_exact(progress);
        }
        let mut options = options.clone();
        if let Some(recall) = recall {
            options.effort = Effort::Recall(recall);
        }
        options.check()?;
        if self.older.is_some() {
            return Ok(());
        }
        let catalogue = self.open_catalogue(progress)?;
        let (sha256, n_rows) = (catalogue.stamp().sha256, catalogue.n_rows());
        let is_it = |open: &OpenIndex| {
            let theirs = open.index.options();
            let effort = recall.map_or(theirs.effort, |_| options.effort);
            let options = IndexOptions {
                effort,
                ..options.clone()
            };
            open.sha256 == sha256 && *theirs == options
        };
        if !self.index.as_ref().is_some_and(is_it) {
            let stored = self.stored_index((sha256, n_rows), &mut options, recall, progress);
            let open = match stored {
                Ok(index) => OpenIndex { sha256, index },
                Err(stale) => self.make_index(stale, &options, progress)?,
            };
            self.index = Some(open);
        }
        Ok(())
    }

    fn open_exact(&mut self, progress: &mut Progress<'_>) -> Result<(), LibraryError> {
        let sha256 = self.open_catalogue(progress)?.stamp().sha256;
        let is_it = |open: &OpenIndex| open.sha256 == sha256 && open.index.is_exact();
        if !self.index.as_ref().is_some_and(is_it) {
            let options = IndexOptions {
                kind: Kind::Exact,
                ..self.index_options.clone()
            };
            let rows = &self.load_snapshot()?.vectors;
            let index = Index::build(rows, &options, &mut |_| ControlFlow::Continue(()))?;
            self.index = Some(OpenIndex { sha256, index });
        }
        Ok(())
    }

    /// The stored index, if it is current and made as is wanted; else that which it can be made from, if any. Where no recall
    /// is wanted, the one in the file is from now on.
    fn stored_index(
        &self,
        (sha256, n_rows): (Sha, usize),
        options: &mut IndexOptions,
        recall: Option<f64>,
        progress: &mut Progress<'_>,
    ) -> Result<Index, Option<Box<Index>>> {
        if n_rows < options.exact_below {
            return Err(None);
        }
        let path = self.index_path();
        let found = match Index::open(&path, sha256, n_rows) {
            Ok(index) if self.distrust => index.verify().map(|()| index),
            Err(IndexError::Stale { .. }) => Index::open_stale(&path),
            found => found,
        };
        match found {
            Ok(index) => {
                if recall.is_none() {
                    options.effort = index.options().effort;
                }
                let current = index.rows_sha256() == Some(sha256);
                if current && index.options() == options {
                    Ok(index)
                } else {
                    Err(Some(Box::new(index)))
                }
            }
            Err(IndexError::File { .. }) => Err(None),
            Err(error) => {
                let note = format!("index.bin is made again: {error}");
                let _ = progress(Event::Note(&note));
                Err(None)
            }
        }
    }

    /// The index over the rows of the database, from an older one where there is one, and kept for the next time.
    fn make_index(
        &mut self,
        stale: Option<Box<Index>>,
        options: &IndexOptions,
        progress: &mut Progress<'_>,
    ) -> Result<OpenIndex, LibraryError> {
        let path = self.index_path();
        let snapshot = self.load_snapshot()?;
        let (rows, n_rows) = (&snapshot.vectors, snapshot.vectors.n_rows());
        let mut hear = |done| progress(Event::Indexing { done, of: n_rows });
        let mut refused = None;
        let index = match stale {
            // Whatever is wrong with the old graph, the rows are the truth and a new one can be made of them.
            Some(old) => match old.refresh(rows, options, &mut hear) {
                Ok((index, came)) => {
                    if came.kept == 0 && came.removed > 0 {
                        let note = "index.bin was of other papers, none of which is here: it is made again";
                        let _ = progress(Event::Note(note));
                    }
                    index
                }
                Err(IndexError::Cancelled) => return Err(IndexError::Cancelled.into()),
                Err(error) => {
                    refused = Some(error);
                    Index::build(rows, options, &mut hear)?
                }
            },
            None => Index::build(rows, options, &mut hear)?,
        };
        if let Some(error) = refused {
            let note = format!(
                "the stored index could not be brought up to date and was made again: {error}"
            );
            let _ = progress(Event::Note(&note));
        }
        if !index.is_exact() {
            derived::keep(&path, &index.to_bytes(snapshot.stamp.sha256), progress);
        }
        // Papers may have come since the caller looked.
        let sha256 = snapshot.stamp.sha256;
        Ok(OpenIndex { sha256, index })
    }

    /// Where the index is.
    pub(crate) fn index_path(&self) -> PathBuf {
        self.folder.join("index.bin")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AddOptions, Source};
    use syntopic_core::Row;
    use syntopic_index::exact;

    const SUBJECTS: [&str; 6] = [
        "graphs", "images", "proteins", "markets", "galaxies", "code",
    ];

    /// Papers of one year as JSONL; many alike, as papers are.
    fn papers(year: usize, n: usize) -> &'static str {
        let lines = (0..n).map(|i| {
            let (subject, rest) = (SUBJECTS[i % 6], i / 6);
            format!("{{\"id\":\"{year}-{i}\",\"title\":\"On {subject} {rest} of {year}\"}}\n")
        });
        String::leak(lines.collect())
    }

    fn add(library: &mut Library, text: &'static str) {
        let model = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/reference/tiny/bert-cls"
        );
        let name = String::from("papers");
        let options = AddOptions {
            model: Some(String::from(model)),
            ..AddOptions::default()
        };
        let sources = [Source::Text { name, text }];
        library
            .add(&sources, &options, &mut |_| ControlFlow::Continue(()))
            .unwrap();
    }

    #[test]
    fn a_build_that_is_broken_off_leaves_the_library_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let mut library = Library::open_or_create(folder.path()).unwrap();
        let options = IndexOptions {
            kind: Kind::Hnsw,
            exact_below: 0,
            ..IndexOptions::default()
        };
        let index_path = library.index_path();
        for (year, n) in [(1990, 300), (1991, 12)] {
            add(&mut library, papers(year, n));
            let before = std::fs::read(&index_path).ok();
            let stop = &mut |event: Event<'_>| match event {
                Event::Indexing { .. } => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            };
            let stopped = library.open_index(&options, None, stop).map(|_| ());
            let message = stopped.unwrap_err().to_string();
            assert_eq!(message, "stopped as asked; run the same command to go on");
            assert_eq!(std::fs::read(&index_path).ok(), before, "of {year}");
            assert_eq!(search(&mut library, None), [""; 0]);
        }

        // Everything is compared once, and the graph is still there.
        let kept = std::fs::read(&index_path).unwrap();
        let go_on = &mut |_: Event<'_>| ControlFlow::Continue(());
        library.open_index(&options, Some(1.0), go_on).unwrap();
        assert!(library.index().unwrap().is_exact());
        library.open_index(&options, None, go_on).unwrap();
        assert!(!library.index().unwrap().is_exact());
        assert!(std::fs::read(&index_path).unwrap() == kept);
    }

    /// Opens the library anew, searches through its graph, and compares with exact search; gives the notes.
    fn search_anew(folder: &std::path::Path, recall: Option<f64>) -> Vec<String> {
        search(&mut Library::open(folder).unwrap(), recall)
    }

    fn search(library: &mut Library, recall: Option<f64>) -> Vec<String> {
        let options = IndexOptions {
            kind: Kind::Hnsw,
            exact_below: 0,
            ..IndexOptions::default()
        };
        let mut notes = Vec::new();
        library
            .open_index(&options, recall, &mut |event| {
                if let Event::Note(note) = event {
                    notes.push(note.to_owned());
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        library.load_snapshot().unwrap();
        let (index, rows) = (
            library.index().unwrap(),
            &library.snapshot.as_ref().unwrap().vectors,
        );
        assert!(!index.is_exact());
        let mut found = 0;
        for row in 0..50 {
            let query = rows.row(Row(row * 3));
            let hits = index.search(rows, query, 10, None).unwrap();
            let truth = exact(rows, query, 10);
            found += hits
                .iter()
                .filter(|hit| hit.score >= truth[9].score)
                .count();
        }
        assert!(found >= 480, "{found} of 500 neighbours");
        notes
    }

    #[test]
    fn the_stored_graph_is_kept_refreshed_and_made_again_as_need_be() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("library");
        let path = folder.join("index.bin");
        add(
            &mut Library::open_or_create(&folder).unwrap(),
            papers(2020, 600),
        );
        assert!(search_anew(&folder, None).is_empty() && path.exists());

        let built = std::fs::read(&path).unwrap();
        let stamp = std::fs::metadata(&path).unwrap().modified().unwrap();
        assert!(search_anew(&folder, None).is_empty());
        assert_eq!(
            std::fs::metadata(&path).unwrap().modified().unwrap(),
            stamp,
            "used as it is"
        );

        for damage in [&built[..built.len() / 2], b"", b"no index at all"] {
            std::fs::write(&path, damage).unwrap();
            let notes = search_anew(&folder, None);
            assert!(
                notes.iter().any(|note| note.contains("made again")),
                "{notes:?}"
            );
            assert_eq!(std::fs::read(&path).unwrap(), built, "the same graph again");
        }
        let mut flipped = built.clone();
        flipped[built.len() / 3] ^= 4;
        std::fs::write(&path, flipped).unwrap();
        // As after a search has come to the damage.
        let mut library = Library::open(&folder).unwrap();
        library.distrust_files();
        let notes = search(&mut library, None);
        assert!(
            notes.iter().any(|note| note.contains("made again")),
            "{notes:?}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), built);

        add(&mut Library::open(&folder).unwrap(), papers(2021, 60));
        assert!(
            search_anew(&folder, None).is_empty(),
            "refreshed without a word"
        );
        let refreshed = std::fs::read(&path).unwrap();
        assert_ne!(refreshed, built);

        // The index of another library.
        let other = place.path().join("other");
        add(
            &mut Library::open_or_create(&other).unwrap(),
            papers(1950, 600),
        );
        std::fs::copy(&path, other.join("index.bin")).unwrap();
        let notes = search_anew(&other, None);
        assert!(notes[0].contains("of other papers"), "{notes:?}");

        // A wanted recall is recorded, and stays when no other is wanted.
        assert!(search_anew(&folder, Some(0.97)).is_empty());
        let other = std::fs::read(&path).unwrap();
        assert_ne!(other, refreshed);
        let effort = || Index::open_stale(&path).unwrap().options().effort;
        assert_eq!(effort(), Effort::Recall(0.97));
        search_anew(&folder, None);
        assert_eq!(std::fs::read(&path).unwrap(), other, "used as it is");
        add(&mut Library::open(&folder).unwrap(), papers(2022, 30));
        search_anew(&folder, None);
        assert_eq!(effort(), Effort::Recall(0.97), "after papers came too");
        let mut library = Library::open(&folder).unwrap();
        let wrong = library.open_index(&IndexOptions::default(), Some(1.5), &mut |_| {
            ControlFlow::Continue(())
        });
        assert!(wrong.is_err_and(|error| error.to_string().contains("0.9999")));
    }
}
