//! The papers most like one paper or one text.

use crate::engine::Library;
use crate::rows::Snapshot;
use crate::{Event, LibraryError, Progress, derived, suggest};
use serde::Serialize;
use std::ops::ControlFlow;
use syntopic_core::{Embeddings, PaperId, Row};
use syntopic_embed::TextKind;
use syntopic_index::{Hit, Index, IndexError, IndexOptions};

/// What related papers are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// A paper of the library, by its id; it is not among its own hits.
    Paper(String),
    /// An abstract, a title, or words.
    Text(String),
}

/// How related papers are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelatedOptions {
    /// Most hits. Default 10.
    pub k: usize,
    /// The model to embed a text with; must be the library's own, which is also the default.
    pub model: Option<String>,
}

impl Default for RelatedOptions {
    fn default() -> Self {
        Self { k: 10, model: None }
    }
}

/// The query as it was understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueryReport {
    /// The paper's id, when asked by id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The paper's title, when asked by id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The text, when asked by text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether the text was longer than the model reads, and was cut.
    pub truncated: bool,
}

/// One related paper.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RelatedHit {
    /// From 1.
    pub rank: usize,
    /// The paper's id.
    pub id: String,
    /// Cosine similarity: larger is more similar, 1 is the same.
    pub score: f32,
    /// The paper's title.
    pub title: String,
    /// The year, if known.
    pub year: Option<i32>,
    /// The name of the paper's topic, where `topics` was run since the last change.
    pub topic: Option<String>,
}

/// Related papers, most similar first; ties in the order of ids.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Related {
    /// What was asked.
    pub query: QueryReport,
    /// The answer.
    pub hits: Vec<RelatedHit>,
    /// How it was searched, and anything else a user should know.
    pub notes: Vec<String>,
}

/// A query as a vector.
struct Asked {
    vector: Vec<f32>,
    report: QueryReport,
    /// Its own row, when it is a paper of the library.
    own: Option<Row>,
}

impl Library {
    /// The papers of the library most like `query`.
    ///
    /// # Errors
    /// When `k` is 0, the id is unknown (with the ids most like it), the text is empty, the library is empty, or the
    /// model is not the library's.
    pub fn related(
        &mut self,
        query: &Query,
        options: &RelatedOptions,
        progress: &mut Progress<'_>,
    ) -> Result<Related, LibraryError> {
        if options.k == 0 {
            return Err(LibraryError::ZeroK);
        }
        self.load_snapshot()?;
        let mut notes = Vec::new();
        let asked = self.ask(query, options, progress)?;
        if asked.report.truncated {
            let limit = self
                .embedder
                .as_ref()
                .map_or(0, |e| e.identity().max_tokens);
            notes.push(format!(
                "the text is longer than the model reads: its first {limit} tokens were compared"
            ));
        }
        let rows = self.nearest(&asked, options.k, &mut notes, progress)?;
        let topics = self.topic_names(&mut notes)?;
        let hits = rows
            .iter()
            .enumerate()
            .map(|(rank, hit)| self.describe_hit(rank + 1, hit.row, hit.score, topics.as_deref()))
            .collect::<Result<_, _>>()?;
        Ok(Related {
            query: asked.report,
            hits,
            notes,
        })
    }

    /// The vector of a query.
    fn ask(
        &mut self,
        query: &Query,
        options: &RelatedOptions,
        progress: &mut Progress<'_>,
    ) -> Result<Asked, LibraryError> {
        match query {
            Query::Paper(id) => {
                if let Some(asked) = &options.model {
                    // No text is embedded, but another model than the library's is refused all the same.
                    self.load_model(Some(asked), progress)?;
                }
                self.paper_query(id)
            }
            Query::Text(text) => self.text_query(text, options, progress),
        }
    }

    /// At most `k` rows, most similar first, the query's own left out.
    fn nearest(
        &mut self,
        asked: &Asked,
        k: usize,
        notes: &mut Vec<String>,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<Hit>, LibraryError> {
        let own = usize::from(asked.own.is_some());
        let n_rows = self.load_snapshot()?.ids.len();
        if k > n_rows - own {
            notes.push(format!(
                "{k} papers were asked for, the library has {}",
                n_rows - own
            ));
        }
        let index = self.index(&IndexOptions::default(), progress)?;
        notes.push(index.describe());
        let wanted = k.saturating_add(own).min(n_rows);
        let found = index.search(self.vectors()?, &asked.vector, wanted, None)?;
        let others = found.into_iter().filter(|hit| Some(hit.row) != asked.own);
        Ok(others.take(k).collect())
    }

    /// The stored vector of a paper: no model is needed.
    fn paper_query(&mut self, id: &str) -> Result<Asked, LibraryError> {
        let snapshot = self.load_snapshot()?;
        let row = PaperId::new(id)
            .ok()
            .and_then(|id| row_of(snapshot, &id))
            .ok_or_else(|| LibraryError::UnknownId {
                id: id.to_owned(),
                nearest: suggest::nearest(id, snapshot.ids.iter().map(PaperId::as_str)),
            })?;
        let vector = snapshot.vectors.row(row).to_vec();
        let id = snapshot.ids[row.index()].clone();
        let title = self.store()?.paper(&id)?.map(|paper| paper.title);
        Ok(Asked {
            vector,
            report: QueryReport {
                id: Some(id.to_string()),
                title,
                text: None,
                truncated: false,
            },
            own: Some(row),
        })
    }

    fn text_query(
        &mut self,
        text: &str,
        options: &RelatedOptions,
        progress: &mut Progress<'_>,
    ) -> Result<Asked, LibraryError> {
        let text = text
            .trim_start_matches('\u{feff}')
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        if text.is_empty() {
            return Err(LibraryError::EmptyQuery);
        }
        let embedder = self.load_model(options.model.as_deref(), progress)?;
        let embedded =
            embedder.embed(
                &[&text],
                TextKind::Query,
                &mut |_| ControlFlow::Continue(()),
            )?;
        Ok(Asked {
            vector: embedded.vectors.row(Row(0)).to_vec(),
            report: QueryReport {
                id: None,
                title: None,
                text: Some(text),
                truncated: embedded.truncated[0],
            },
            own: None,
        })
    }

    fn describe_hit(
        &self,
        rank: usize,
        row: Row,
        score: f32,
        topics: Option<&[Option<String>]>,
    ) -> Result<RelatedHit, LibraryError> {
        let Some(snapshot) = &self.snapshot else {
            return Err(LibraryError::Empty(self.folder.clone()));
        };
        let id = &snapshot.ids[row.index()];
        let paper = self
            .store()?
            .paper(id)?
            .ok_or_else(|| LibraryError::Corrupt {
                path: self.folder.join("library.db"),
                why: format!("the vector of {id} has no paper"),
            })?;
        let topic = topics.and_then(|names| names[row.index()].clone());
        Ok(RelatedHit {
            rank,
            id: id.to_string(),
            score,
            title: paper.title,
            year: paper.year,
            topic,
        })
    }

    /// The index over the present vectors: exact where that is as fast, otherwise the stored graph, made current where
    /// papers have changed since, and made anew when it is missing or damaged.
    pub(crate) fn index(
        &mut self,
        options: &IndexOptions,
        progress: &mut Progress<'_>,
    ) -> Result<Index, LibraryError> {
        let path = self.folder.join("index.bin");
        let snapshot = self.load_snapshot()?;
        let (rows, n_rows) = (&snapshot.vectors, snapshot.vectors.n_rows());
        let mut stale = None;
        if n_rows >= options.exact_below {
            match Index::open(&path, snapshot.sha256, n_rows) {
                Ok(index) if index.options() == options => return Ok(index),
                Ok(index) => stale = Some(index),
                Err(IndexError::File { .. }) => {}
                Err(IndexError::Stale { .. }) => stale = Index::open_stale(&path).ok(),
                Err(error) => {
                    let _ = progress(Event::Note(&format!(
                        "the stored index is made again: {error}"
                    )));
                }
            }
        }
        let mut hear = |done| {
            let _ = progress(Event::Indexing { done, of: n_rows });
        };
        let mut refused = None;
        let index = match stale {
            // Whatever is wrong with the old graph, the rows are the truth and a new one can be made of them.
            Some(old) => match old.refresh(rows, options, &mut hear) {
                Ok((index, _)) => index,
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
            derived::keep(&path, &index.to_bytes(snapshot.sha256), progress);
        }
        Ok(index)
    }

    /// The library's vectors and their ids, for measurements.
    pub(crate) fn vectors(&mut self) -> Result<&Embeddings, LibraryError> {
        Ok(&self.load_snapshot()?.vectors)
    }
}

/// The row of an id; ids are sorted.
fn row_of(snapshot: &Snapshot, id: &PaperId) -> Option<Row> {
    snapshot.ids.binary_search(id).ok().map(Row::from_index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AddOptions, Source};
    use syntopic_index::{Kind, exact};

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

    /// Opens the library anew, searches through its graph, and compares with exact search; gives the notes.
    fn search_anew(folder: &std::path::Path) -> Vec<String> {
        let mut library = Library::open(folder).unwrap();
        let options = IndexOptions {
            kind: Kind::Hnsw,
            exact_below: 0,
            ..IndexOptions::default()
        };
        let mut notes = Vec::new();
        let index = library
            .index(&options, &mut |event| {
                if let Event::Note(note) = event {
                    notes.push(note.to_owned());
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        assert!(!index.is_exact());
        let rows = library.vectors().unwrap();
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
        assert!(search_anew(&folder).is_empty() && path.exists());

        let built = std::fs::read(&path).unwrap();
        let stamp = std::fs::metadata(&path).unwrap().modified().unwrap();
        assert!(search_anew(&folder).is_empty());
        assert_eq!(
            std::fs::metadata(&path).unwrap().modified().unwrap(),
            stamp,
            "used as it is"
        );

        for damage in [&built[..built.len() / 2], b"", b"no index at all"] {
            std::fs::write(&path, damage).unwrap();
            let notes = search_anew(&folder);
            assert!(
                notes.iter().any(|note| note.contains("made again")),
                "{notes:?}"
            );
            assert_eq!(std::fs::read(&path).unwrap(), built, "the same graph again");
        }
        let mut flipped = built.clone();
        flipped[built.len() / 3] ^= 4;
        std::fs::write(&path, flipped).unwrap();
        assert!(
            search_anew(&folder)
                .iter()
                .any(|note| note.contains("made again"))
        );

        add(&mut Library::open(&folder).unwrap(), papers(2021, 60));
        assert!(search_anew(&folder).is_empty(), "refreshed without a word");
        assert_ne!(std::fs::read(&path).unwrap(), built);
    }
}
