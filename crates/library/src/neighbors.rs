//! The nearest papers of every paper, as one job: the graph that topics and maps can be made of.

use crate::engine::Library;
use crate::{Event, LibraryError, Progress};
use syntopic_core::{PaperId, Row};
use syntopic_index::{Index, Neighbors, Rows};

/// The `k` nearest other papers of each paper.
pub struct NeighborGraph {
    ids: Vec<PaperId>,
    neighbors: Neighbors,
}

impl NeighborGraph {
    /// The papers, in the order of their ids: row `i` is the `i`-th of them.
    #[must_use]
    pub fn ids(&self) -> &[PaperId] {
        &self.ids
    }

    /// Neighbours of each paper: what was asked for, or all other papers when there are fewer.
    #[must_use]
    pub fn k(&self) -> usize {
        self.neighbors.k()
    }

    /// The rows of the papers nearest to that of `row` and their cosine similarity, most similar first, equal ones in the
    /// order of ids; the paper itself is not among them.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn of(&self, row: usize) -> impl ExactSizeIterator<Item = (usize, f32)> + '_ {
        let hits = self.neighbors.of(Row::from_index(row));
        hits.iter().map(|hit| (hit.row.index(), hit.score))
    }
}

impl Library {
    /// The `k` nearest other papers of every paper, by the index where there is one, with the recall it is searched with;
    /// scores are exact. The same papers give the same graph, whatever the number of threads.
    ///
    /// # Errors
    /// When `k` is 0, the library is empty or cannot be read, or `progress` asked to stop ([`LibraryError::Cancelled`]).
    pub fn neighbors(
        &mut self,
        k: usize,
        progress: &mut Progress<'_>,
    ) -> Result<NeighborGraph, LibraryError> {
        if k == 0 {
            return Err(LibraryError::ZeroK);
        }
        self.at_one_moment(|library| {
            let neighbors = library.all_neighbors(k, progress)?;
            let catalogue = library.catalogue()?;
            let ids = (0..catalogue.n_rows()).map(|row| catalogue.id(Row::from_index(row)));
            Ok(NeighborGraph {
                ids: ids.collect::<Result<_, _>>()?,
                neighbors,
            })
        })
    }

    /// The `k` nearest other rows of every row of the catalogue; files that are found damaged are made again.
    pub(crate) fn all_neighbors(
        &mut self,
        k: usize,
        progress: &mut Progress<'_>,
    ) -> Result<Neighbors, LibraryError> {
        let damaged = match self.find_all_neighbors(k, progress) {
            Err(LibraryError::Index(error)) if error.is_damage() => error,
            other => return other,
        };
        let note = format!("a file made from the papers is made again: {damaged}");
        let _ = progress(Event::Note(&note));
        self.distrust_files();
        let found = self.find_all_neighbors(k, progress);
        self.distrust = false;
        found
    }

    fn find_all_neighbors(
        &mut self,
        k: usize,
        progress: &mut Progress<'_>,
    ) -> Result<Neighbors, LibraryError> {
        let options = self.index_options.clone();
        self.open_index(&options, None, progress)?;
        neighbors(self.index()?, self.catalogue()?.rows(), k, progress)
    }
}

/// The `k` nearest other rows of every row.
pub(crate) fn neighbors(
    index: &Index,
    rows: Rows<'_>,
    k: usize,
    progress: &mut Progress<'_>,
) -> Result<Neighbors, LibraryError> {
    let of = rows.n_rows();
    let step = "finding neighbours";
    let mut hear = |done| progress(Event::Topics { step, done, of });
    Ok(index.neighbors(rows, k, &mut hear)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AddOptions, Query, RelatedOptions, Source};
    use std::ops::ControlFlow;
    use syntopic_index::Kind;

    #[test]
    fn the_graph_is_what_related_finds_and_can_be_stopped() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("library");
        let lines = (0..200).map(|i| {
            format!(
                "{{\"id\":\"p{i}\",\"title\":\"Paper {} on {}\"}}\n",
                i / 5,
                i % 5
            )
        });
        let text: &'static str = String::leak(lines.collect());
        let model = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/reference/tiny/bert-cls"
        );
        let add = AddOptions {
            model: Some(String::from(model)),
            ..AddOptions::default()
        };
        let name = String::from("papers");
        let go = &mut |_: Event<'_>| ControlFlow::Continue(());
        let mut library = Library::open_or_create(&folder).unwrap();
        library
            .add(&[Source::Text { name, text }], &add, go)
            .unwrap();
        for kind in [Kind::Exact, Kind::Hnsw, Kind::Hnsw] {
            // The last by the files that the one before made.
            let mut library = Library::open(&folder).unwrap();
            library.index_options.kind = kind;
            library.index_options.exact_below = 0;
            let graph = library.neighbors(6, go).unwrap();
            assert_eq!((graph.k(), graph.ids().len()), (6, 200));
            for row in [0, 77, 199] {
                let id = graph.ids()[row].to_string();
                let options = RelatedOptions {
                    k: 6,
                    mode: crate::RelatedMode::Semantic,
                    ..RelatedOptions::default()
                };
                let related = library.related(&Query::Paper(id), &options, go).unwrap();
                let scores: Vec<f32> = related.hits.iter().map(|hit| hit.score).collect();
                let found: Vec<f32> = graph.of(row).map(|(_, score)| score).collect();
                assert_eq!(found, scores, "{kind:?}");
                assert!(graph.of(row).all(|(other, _)| other != row));
            }
            let stop = &mut |event: Event<'_>| match event {
                Event::Topics { .. } => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            };
            let stopped = library.neighbors(6, stop);
            assert!(matches!(
                stopped,
                Err(LibraryError::Cancelled { papers: 0 })
            ));
            assert!(matches!(library.neighbors(0, go), Err(LibraryError::ZeroK)));
        }

        // A bit of a stored row flipped: found, told of, and no other answer.
        let quiet = || {
            let mut library = Library::open(&folder).unwrap();
            library.index_options.kind = Kind::Hnsw;
            library.index_options.exact_below = 0;
            library
        };
        let expected = quiet().neighbors(6, go).unwrap();
        let path = folder.join("rows.bin");
        let mut bytes = std::fs::read(&path).unwrap();
        let last = bytes.len() - 100;
        bytes[last] ^= 1;
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, bytes).unwrap();
        let mut told = false;
        let found = quiet().neighbors(6, &mut |event| {
            told |= matches!(event, Event::Note(note) if note.contains("made again"));
            ControlFlow::Continue(())
        });
        assert!(told && found.unwrap().neighbors == expected.neighbors);
    }
}
