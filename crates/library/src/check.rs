//! Is the library whole, and does the index find what exact search finds?

use crate::engine::Library;
use crate::store::text_sha256;
use crate::{Event, LibraryError, Progress};
use serde::Serialize;
use syntopic_index::{IndexOptions, Kind, measure_recall};

/// Queries that recall is measured with.
const RECALL_QUERIES: usize = 1_000;

/// Recall of the index against exact search.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecallReport {
    /// Neighbours asked for.
    pub k: usize,
    /// Papers asked about.
    pub n_queries: usize,
    /// Mean share of the exact neighbours that were found.
    pub mean: f64,
    /// Lower end of its 95% interval.
    pub low: f64,
    /// Upper end of its 95% interval.
    pub high: f64,
    /// The worst query.
    pub worst: f64,
    /// Papers that no search can reach.
    pub unreachable: usize,
    /// Which index was measured.
    pub index: String,
}

/// What `check` found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckReport {
    /// Whether there is no problem.
    pub ok: bool,
    /// Papers in the library.
    pub papers: usize,
    /// Papers that have a vector.
    pub vectors: usize,
    /// What is wrong, each with what it means.
    pub problems: Vec<String>,
    /// Recall, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recall: Option<RecallReport>,
}

impl Library {
    /// Checks the database, that every paper has the vector of its present text, and the vectors themselves; with
    /// `recall_k`, also measures the recall of the index. A graph is measured even where exact search would be used.
    ///
    /// # Errors
    /// When the database cannot be read at all.
    pub fn check(
        &mut self,
        recall_k: Option<usize>,
        progress: &mut Progress<'_>,
    ) -> Result<CheckReport, LibraryError> {
        if recall_k == Some(0) {
            return Err(LibraryError::ZeroK);
        }
        let mut problems = self.database_problems()?;
        let papers = self.n_papers()?;
        problems.extend(self.text_problems()?);
        let vectors = match self.load_snapshot() {
            Ok(snapshot) => snapshot.ids.len(),
            Err(LibraryError::Empty(_)) => 0,
            Err(error) => {
                problems.push(error.to_string());
                0
            }
        };
        let recall = match recall_k {
            // One paper has no neighbours to find.
            Some(k) if vectors > 1 => Some(self.recall(k, progress)?),
            _ => None,
        };
        if let Some(recall) = recall.as_ref().filter(|r| r.unreachable > 0) {
            problems.push(format!(
                "{} papers cannot be reached through the index",
                recall.unreachable
            ));
        }
        Ok(CheckReport {
            ok: problems.is_empty(),
            papers,
            vectors,
            problems,
            recall,
        })
    }

    fn database_problems(&self) -> Result<Vec<String>, LibraryError> {
        let lines: Vec<String> = self.store()?.read(|db| {
            db.prepare("PRAGMA integrity_check")?
                .query_map([], |row| row.get(0))?
                .collect()
        })?;
        Ok(lines
            .into_iter()
            .filter(|line| line != "ok")
            .map(|line| format!("library.db: {line}"))
            .collect())
    }

    /// Papers without a vector, or with the vector of an earlier text.
    fn text_problems(&self) -> Result<Vec<String>, LibraryError> {
        let store = self.store()?;
        let hashes: std::collections::HashMap<String, [u8; 32]> = store.read(|db| {
            db.prepare("SELECT p.id, v.text_sha256 FROM papers p JOIN vectors v USING (paper)")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })?;
        let problem = |paper: &syntopic_core::Paper| match hashes.get(paper.id.as_str()) {
            None => Some(format!("{} has no vector: add it again", paper.id)),
            Some(hash) if *hash != text_sha256(paper) => Some(format!(
                "the vector of {} stands for another text: add the paper again",
                paper.id
            )),
            Some(_) => None,
        };
        Ok(store.papers()?.iter().filter_map(problem).collect())
    }

    fn recall(
        &mut self,
        k: usize,
        progress: &mut Progress<'_>,
    ) -> Result<RecallReport, LibraryError> {
        let mut options = IndexOptions::default();
        let exact = self.vectors()?.n_rows() < options.exact_below;
        if exact {
            // Exact search has nothing to measure; the graph that a larger library would get has.
            options.kind = Kind::Hnsw;
        }
        let index = if options.kind == Kind::Hnsw {
            let rows = self.vectors()?;
            syntopic_index::Index::build(rows, &options, &mut |done| {
                let _ = progress(Event::Indexing {
                    done,
                    of: rows.n_rows(),
                });
            })?
        } else {
            self.index(&options, progress)?
        };
        let recall = measure_recall(&index, self.vectors()?, k, RECALL_QUERIES, 42)?;
        Ok(RecallReport {
            k: recall.k,
            n_queries: recall.n_queries,
            mean: recall.mean,
            low: recall.low,
            high: recall.high,
            worst: recall.worst,
            unreachable: recall.unreachable,
            index: if exact {
                format!(
                    "this library is searched exactly; a graph over it, as a larger one gets: {}",
                    index.describe()
                )
            } else {
                index.describe()
            },
        })
    }
}
