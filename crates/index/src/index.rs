//! Exact and HNSW search behind one type.

use std::sync::{Mutex, PoisonError};

use syntopic_core::{Embeddings, EmbeddingsError, Row};

use crate::audit::{self, Audit};
use crate::exact::{exact, exact_among};
use crate::graph::{Graph, Scratch, Walk};
use crate::hit::{Hit, Scored};
use crate::{IndexError, IndexOptions, Kind, build};

/// A search that keeps more than one in this many rows in view compares all of them instead: the walk would score about
/// as many, in an order that memory likes less.
const WIDE: usize = 16;

/// A filtered walk may score one in this many rows; beyond, the rows that pass are compared exactly.
const FILTERED_SHARE: usize = 4;

/// A way from a vector to its nearest rows.
///
/// It holds a graph, or nothing when the search is exact; the rows are handed to every search, and are the truth: every
/// score is that of the stored row. Threads may search one index at the same time.
#[derive(Debug)]
pub struct Index {
    pub(crate) n_rows: usize,
    pub(crate) dim: usize,
    pub(crate) options: IndexOptions,
    pub(crate) graph: Option<Graph>,
    pub(crate) audit: Audit,
    /// Scratch of searches that are over.
    idle: Mutex<Vec<Scratch>>,
}

impl Index {
    /// The index of `rows`, shape `(n_rows, dim)`. `progress` hears how many rows are done, and nothing when the search
    /// is exact, which needs no work. A graph takes 0.3 ms a
    /// row of one core at 384 numbers and a thousand rows, 1 to 2 ms at tens of thousands, and `9 m` bytes a row (several
    /// times that while it is built).
    ///
    /// # Errors
    /// When an option breaks its rule, or the graph has more than 2^32 edges.
    pub fn build(
        rows: &Embeddings,
        options: &IndexOptions,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Self, IndexError> {
        options.check()?;
        let (n_rows, dim) = (rows.n_rows(), rows.dim());
        if options.is_exact(n_rows) {
            return Ok(Self::from_parts(
                n_rows,
                dim,
                options.clone(),
                None,
                Audit::default(),
            ));
        }
        let mut graph = build::build(rows, options, progress)?;
        let audit = audit::repair(&mut graph, rows)?;
        Ok(Self::from_parts(
            n_rows,
            dim,
            options.clone(),
            Some(graph),
            audit,
        ))
    }

    pub(crate) fn from_parts(
        n_rows: usize,
        dim: usize,
        options: IndexOptions,
        graph: Option<Graph>,
        audit: Audit,
    ) -> Self {
        Self {
            n_rows,
            dim,
            options,
            graph,
            audit,
            idle: Mutex::default(),
        }
    }

    /// Whether every search compares every row.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.graph.is_none()
    }

    /// Which search answers and why, in one line for a user.
    #[must_use]
    pub fn describe(&self) -> String {
        let Self {
            n_rows,
            dim,
            options,
            ..
        } = self;
        let below = options.exact_below;
        let why = match options.kind {
            _ if *n_rows == 0 => "there is nothing to search".to_owned(),
            Kind::Exact | Kind::Hnsw => "as asked".to_owned(),
            Kind::Auto if self.is_exact() => {
                format!("below {below} rows it is fast and misses nothing")
            }
            Kind::Auto => format!("from {below} rows on it is faster than exact search"),
        };
        let Some(graph) = &self.graph else {
            return format!("exact search over {n_rows} rows of {dim} numbers: {why}");
        };
        format!(
            "HNSW graph over {n_rows} rows of {dim} numbers (m {}, ef_construction {}, ef {}, {} layers, {} edges, \
             {} identical rows folded, {} rows made reachable, {} unreachable): {why}",
            options.m,
            options.ef_construction,
            options.ef,
            graph.layers.len(),
            graph.n_edges(),
            graph.twins.len(),
            self.audit.unreachable_before - self.audit.unreachable,
            self.audit.unreachable,
        )
    }

    /// What was found, and repaired, when the graph was searched through after the build.
    #[must_use]
    pub fn audit(&self) -> Audit {
        self.audit
    }

    /// How many rows no search can reach: 0 after the repair that each build ends with.
    #[must_use]
    pub fn unreachable(&self) -> usize {
        self.audit.unreachable
    }

    /// The `k` rows most similar to `query`, most similar first, equal scores by row ascending; all rows when there are
    /// fewer than `k`. `query` is a unit vector of shape `(dim,)`.
    ///
    /// With a graph, `ef` rows are kept in view (at least `k`; by default [`IndexOptions::ef`]): more find better and take
    /// longer. Where `ef` is more than a sixteenth of the rows, all are compared exactly, which then is about as fast.
    ///
    /// # Errors
    /// When `k` or `ef` is 0, `query` is no unit vector of `dim` finite numbers, or `rows` has another shape than the rows
    /// the index was made from.
    pub fn search(
        &self,
        rows: &Embeddings,
        query: &[f32],
        k: usize,
        ef: Option<usize>,
    ) -> Result<Vec<Hit>, IndexError> {
        self.check(rows, query, k)?;
        if ef == Some(0) {
            return Err(IndexError::Option {
                name: "ef",
                got: 0,
                rule: "at least 1",
            });
        }
        let ef = ef.unwrap_or(self.options.ef);
        Ok(self
            .walk(rows, query, k, ef, None)
            .unwrap_or_else(|| exact(rows, query, k)))
    }

    /// [`Index::search`] among the rows that `keep` accepts: `k` results whenever `k` rows pass. The graph is walked over
    /// rows that do not pass; where so few pass that the walk gets long, those that do are compared exactly.
    ///
    /// # Errors
    /// As [`Index::search`].
    pub fn search_where(
        &self,
        rows: &Embeddings,
        query: &[f32],
        k: usize,
        keep: &dyn Fn(Row) -> bool,
    ) -> Result<Vec<Hit>, IndexError> {
        self.check(rows, query, k)?;
        if let Some(hits) = self.walk(rows, query, k, self.options.ef, Some(keep)) {
            return Ok(hits);
        }
        let passing: Vec<u32> = (0..self.n_rows as u32)
            .filter(|row| keep(Row(*row)))
            .collect();
        Ok(exact_among(rows, query, k, &passing))
    }

    /// The answer of the graph; none where there is no graph, exact search is as fast, or fewer than `k` rows were found.
    fn walk(
        &self,
        rows: &Embeddings,
        query: &[f32],
        k: usize,
        ef: usize,
        keep: Option<&dyn Fn(Row) -> bool>,
    ) -> Option<Vec<Hit>> {
        let graph = self.graph.as_ref()?;
        let ef = ef.max(k);
        if ef > self.n_rows / WIDE {
            return None;
        }
        let mut scratch = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
            .unwrap_or_default();
        let budget = if keep.is_some() {
            self.n_rows / FILTERED_SHARE
        } else {
            usize::MAX
        };
        let kept = |row: u32| keep.is_none_or(|keep| keep(Row(row)));
        let wanted = |row: u32| kept(row) || graph.twins_of(row).any(kept);
        let found = graph.nearest(
            &Walk {
                rows,
                query,
                budget,
            },
            ef,
            wanted,
            &mut scratch,
        );
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(scratch);
        let hits = with_twins(graph, &found?, k, kept);
        (hits.len() == k).then_some(hits)
    }

    fn check(&self, rows: &Embeddings, query: &[f32], k: usize) -> Result<(), IndexError> {
        if (rows.n_rows(), rows.dim()) != (self.n_rows, self.dim) {
            return Err(IndexError::OtherRows {
                index_rows: self.n_rows,
                index_dim: self.dim,
                rows: rows.n_rows(),
                dim: rows.dim(),
            });
        }
        if k == 0 {
            return Err(IndexError::ZeroK);
        }
        let dimension = IndexError::QueryDimension {
            got: query.len(),
            expected: self.dim,
        };
        if query.len() != self.dim {
            return Err(dimension);
        }
        match Embeddings::new(query.to_vec(), self.dim) {
            Ok(_) => Ok(()),
            Err(EmbeddingsError::NotFinite { value, .. }) => {
                Err(IndexError::QueryNotFinite { value })
            }
            Err(EmbeddingsError::NotUnit { length, .. }) => {
                Err(IndexError::QueryNotUnit { length })
            }
            Err(_) => Err(dimension),
        }
    }
}

/// The best `k` kept rows of what the graph found and of the rows identical to those.
fn with_twins(graph: &Graph, found: &[Scored], k: usize, kept: impl Fn(u32) -> bool) -> Vec<Hit> {
    let mut all: Vec<Scored> = Vec::with_capacity(found.len());
    for &scored in found {
        let same = std::iter::once(scored.id).chain(graph.twins_of(scored.id));
        all.extend(
            same.filter(|row| kept(*row))
                .take(k)
                .map(|id| Scored { id, ..scored }),
        );
    }
    all.sort_unstable_by(|a, b| b.cmp(a));
    all.truncate(k);
    all.into_iter().map(Hit::from).collect()
}
