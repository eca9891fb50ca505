//! Exact and HNSW search behind one type.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use rayon::prelude::*;
use syntopic_core::{Embeddings, EmbeddingsError, Row};

use crate::audit::{self, Audit};
use crate::batch::exact_batch_of;
use crate::build::{self, Nodes};
use crate::calibrate::Calibration;
use crate::draft::Draft;
use crate::exact::{exact_among, exact_of};
use crate::found::{Found, LookedAt};
use crate::graph::Graph;
use crate::header::Sha;
use crate::hit::{Hit, Scored};
use crate::screen::{LONGEST, Screen};
use crate::walk::Scratch;
use crate::{Effort, IndexError, IndexOptions, Kind, Rows};

/// A search that keeps more than one in this many rows in view compares all of them instead: the walk would score about
/// as many, in an order that memory likes less.
const WIDE: usize = 16;

/// A filtered walk may score one in this many rows; beyond, the rows that pass are compared exactly.
const FILTERED_SHARE: usize = 4;

/// A way from a vector to its nearest rows.
///
/// It holds a graph, or nothing when the search is exact, until it is searched again: then a byte of each number, from which rows
/// are told that cannot be among the nearest (`dim + 16` bytes a row). The rows are handed to every search, must be those it
/// was made from, and are the truth: every score is that of the stored row. Threads may search one index at the same time.
#[derive(Debug)]
pub struct Index {
    pub(crate) n_rows: usize,
    pub(crate) dim: usize,
    /// Of an index that was read: what names the rows it was made from.
    pub(crate) rows_sha256: Option<Sha>,
    pub(crate) options: IndexOptions,
    pub(crate) graph: Option<Graph>,
    pub(crate) audit: Audit,
    pub(crate) calibration: Calibration,
    /// Nodes taken out of the graph since it was built as a whole: each leaves its neighbours somewhat worse connected.
    pub(crate) taken_out: usize,
    /// Nodes put into it since.
    pub(crate) put_in: usize,
    /// Scratch of searches that are over.
    idle: Mutex<Vec<Scratch>>,
    /// The rows made ready for exact search, once that was asked for more than once.
    screen: OnceLock<Screen>,
    asked: AtomicBool,
    making: AtomicBool,
}

impl Index {
    /// The index of `rows`, shape `(n_rows, dim)`. `progress` hears how many rows are done, and may break the work off;
    /// it hears nothing when the search is exact, which needs no work. Building uses all threads; the graph is the same however many there are, and however
    /// the rows are sorted. At 384 numbers a row takes about 0.1 ms of one core, and the index `dim + 8 m + 12` bytes.
    ///
    /// # Errors
    /// When an option breaks its rule, there are more than 2^31 rows, or `progress` broke off.
    pub fn build(
        rows: &Embeddings,
        options: &IndexOptions,
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Self, IndexError> {
        options.check()?;
        let (n_rows, dim) = (rows.n_rows(), rows.dim());
        if options.is_exact(n_rows) {
            let (audit, calibration) = (Audit::default(), Calibration::default());
            return Ok(Self::from_parts(
                n_rows,
                dim,
                options.clone(),
                None,
                audit,
                calibration,
            ));
        }
        let (draft, nodes, calibration) = build::build(rows, options, progress)?;
        Self::finish(options, draft, nodes, calibration)
    }

    /// The index of a draft whose nodes are all in.
    pub(crate) fn finish(
        options: &IndexOptions,
        mut draft: Draft<'_>,
        nodes: Nodes,
        calibration: Calibration,
    ) -> Result<Self, IndexError> {
        draft.trim();
        let audit = audit::repair(&mut draft, &nodes.twins);
        let (n_rows, dim) = (draft.rows.n_rows(), draft.rows.dim());
        let graph = Graph::freeze(draft, nodes)?;
        Ok(Self::from_parts(
            n_rows,
            dim,
            options.clone(),
            Some(graph),
            audit,
            calibration,
        ))
    }

    pub(crate) fn from_parts(
        n_rows: usize,
        dim: usize,
        options: IndexOptions,
        graph: Option<Graph>,
        audit: Audit,
        calibration: Calibration,
    ) -> Self {
        Self {
            n_rows,
            dim,
            rows_sha256: None,
            options,
            graph,
            audit,
            calibration,
            taken_out: 0,
            put_in: 0,
            idle: Mutex::default(),
            screen: OnceLock::new(),
            asked: AtomicBool::new(false),
            making: AtomicBool::new(false),
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
        let Calibration {
            ef,
            recall,
            n_queries,
            ..
        } = self.calibration;
        let effort = match options.effort {
            Effort::Ef(_) => format!("ef {ef}"),
            Effort::Recall(wanted) => {
                format!("ef {ef} for recall {wanted}, {recall:.4} measured on {n_queries} rows")
            }
        };
        format!(
            "HNSW graph over {n_rows} rows of {dim} numbers (m {}, ef_construction {}, {effort}; {} layers, {} edges, \
             {} bytes, {} identical rows folded, {} rows made reachable, {} unreachable): {why}",
            options.m,
            options.ef_construction,
            graph.layout.counts.len(),
            graph.n_edges,
            graph.size(),
            graph.twins.len(),
            self.audit.unreachable_before - self.audit.unreachable,
            self.audit.unreachable,
        )
    }

    /// Of an index that was read from bytes: what names the content of the rows it was made from, as [`Index::to_bytes`] was
    /// told. Nothing of one that was just made.
    #[must_use]
    pub fn rows_sha256(&self) -> Option<[u8; 32]> {
        self.rows_sha256
    }

    /// How it was made.
    #[must_use]
    pub fn options(&self) -> &IndexOptions {
        &self.options
    }

    /// The effort of searches that name none, and the recall measured at it; zeros when the search is exact.
    #[must_use]
    pub fn calibration(&self) -> Calibration {
        self.calibration
    }

    /// Bytes that [`Index::to_bytes`] gives: those that searching reads, besides the rows of results.
    #[must_use]
    pub fn n_bytes(&self) -> usize {
        self.graph
            .as_ref()
            .map_or(crate::header::HEADER, Graph::size)
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
    /// With a graph, `ef` rows are kept in view (at least `k`; by default what [`Index::calibration`] says of so many, and half
    /// as many again as `k`): more find better and take longer. Where `ef` is more than a sixteenth of the rows, all are compared
    /// exactly, which then is about as fast.
    ///
    /// # Errors
    /// When `k` or `ef` is 0, `query` is no unit vector of `dim` finite numbers, `rows` has another shape than the rows
    /// the index was made from, or a file that is looked at is damaged.
    pub fn search<'r>(
        &self,
        rows: impl Into<Rows<'r>>,
        query: &[f32],
        k: usize,
        ef: Option<usize>,
    ) -> Result<Vec<Hit>, IndexError> {
        self.find(rows.into(), query, (k, ef))
            .map(|found| found.hits)
    }

    fn find(
        &self,
        rows: Rows<'_>,
        query: &[f32],
        (k, ef): (usize, Option<usize>),
    ) -> Result<Found, IndexError> {
        self.check(rows, query, k)?;
        let ef = self.ef(k, ef)?;
        match self.with_scratch(|scratch| self.walk(rows, query, k, ef, scratch))? {
            Some(hits) => Ok(Found::new(hits, LookedAt::Walk)),
            None => {
                let hits = self.compare_all(rows.verified()?, query, k);
                Ok(Found::new(hits, LookedAt::All))
            }
        }
    }

    /// [`Index::search`] for each of `queries`, in their order; the threads share them.
    ///
    /// # Errors
    /// As [`Index::search`].
    pub fn search_batch<'r>(
        &self,
        rows: impl Into<Rows<'r>>,
        queries: &Embeddings,
        k: usize,
        ef: Option<usize>,
    ) -> Result<Vec<Vec<Hit>>, IndexError> {
        let rows = rows.into();
        let ef = self.ef(k, ef)?;
        self.check_shape(rows, k)?;
        if !queries.is_empty() && queries.dim() != self.dim {
            return Err(IndexError::QueryDimension {
                got: queries.dim(),
                expected: self.dim,
            });
        }
        if !self.walks(k.max(ef)) {
            let queries: Vec<&[f32]> = queries.rows().collect();
            return Ok(self.compare_all_pairs(rows.verified()?, &queries, k));
        }
        (0..queries.n_rows() as u32)
            .into_par_iter()
            .map_init(Scratch::default, |scratch, query| {
                let query = queries.row(Row(query));
                match self.walk(rows, query, k, ef, scratch)? {
                    Some(hits) => Ok(hits),
                    None => Ok(exact_of(rows.verified()?, query, k)),
                }
            })
            .collect()
    }

    /// [`Index::search`] among the rows that `keep` accepts: `k` results whenever `k` rows pass. The graph is walked over
    /// rows that do not pass; where so few pass that the walk gets long, those that do are compared exactly.
    ///
    /// # Errors
    /// As [`Index::search`].
    pub fn search_where<'r>(
        &self,
        rows: impl Into<Rows<'r>>,
        query: &[f32],
        k: usize,
        keep: &dyn Fn(Row) -> bool,
    ) -> Result<Vec<Hit>, IndexError> {
        self.find_where(rows, query, k, Some(keep))
            .map(|found| found.hits)
    }

    /// [`Index::search_where`], or [`Index::search`] where every row passes, and which rows it looked at.
    ///
    /// # Errors
    /// As [`Index::search`].
    pub fn find_where<'r>(
        &self,
        rows: impl Into<Rows<'r>>,
        query: &[f32],
        k: usize,
        keep: Option<&dyn Fn(Row) -> bool>,
    ) -> Result<Found, IndexError> {
        let rows = rows.into();
        let Some(keep) = keep else {
            return self.find(rows, query, (k, None));
        };
        self.check(rows, query, k)?;
        let ef = self.ef(k, None)?;
        let found =
            self.with_scratch(|scratch| self.walk_where(rows, query, (k, ef), keep, scratch))?;
        if let Some(hits) = found {
            return Ok(Found::new(hits, LookedAt::Walk));
        }
        let passing: Vec<u32> = (0..self.n_rows as u32)
            .filter(|row| keep(Row(*row)))
            .collect();
        let hits = exact_among(rows.verified()?, query, k, &passing);
        Ok(Found::new(hits, LookedAt::Passing(passing.len())))
    }

    /// Exact search. Whoever asks once waits for nothing to be made ready; whoever asks again gets answers several times sooner.
    fn compare_all(&self, rows: Rows<'_>, query: &[f32], k: usize) -> Vec<Hit> {
        let again = self.asked.swap(true, Ordering::Relaxed);
        match again.then(|| self.screen(rows)).flatten() {
            Some(screen) => screen.nearest(rows, &[query], k).pop().unwrap_or_default(),
            None => exact_of(rows, query, k),
        }
    }

    /// Exact search for many queries.
    pub(crate) fn compare_all_pairs(
        &self,
        rows: Rows<'_>,
        queries: &[&[f32]],
        k: usize,
    ) -> Vec<Vec<Hit>> {
        match self.screen(rows) {
            Some(screen) => screen.nearest(rows, queries, k),
            None => exact_batch_of(rows, queries, k),
        }
    }

    /// The rows made ready for exact search. Nothing where a graph is what answers mostly, and while another thread makes them
    /// ready: to wait for it within a thread pool could be to wait for oneself.
    fn screen(&self, rows: Rows<'_>) -> Option<&Screen> {
        if self.is_exact() && rows.dim() <= LONGEST && !self.making.swap(true, Ordering::Relaxed) {
            return Some(self.screen.get_or_init(|| Screen::new(rows)));
        }
        self.screen.get()
    }

    /// The effort of a search for `k` rows.
    pub(crate) fn ef(&self, k: usize, asked: Option<usize>) -> Result<usize, IndexError> {
        match asked {
            Some(0) => Err(IndexError::Option {
                name: "ef",
                got: 0,
                rule: "at least 1",
            }),
            Some(ef) => Ok(ef.max(k)),
            None => Ok(self.usual_ef(k).max(k.saturating_add(k / 2))),
        }
    }

    /// The effort for `k` rows where none was named. That which was measured is for the 10 nearest.
    fn usual_ef(&self, k: usize) -> usize {
        match self.options.effort {
            Effort::Ef(ef) => ef,
            Effort::Recall(_) => self.calibration.for_nearest(k),
        }
    }

    /// Whether a walk with this effort is faster than comparing all rows.
    pub(crate) fn walks(&self, ef: usize) -> bool {
        self.graph.is_some() && ef <= self.n_rows / WIDE
    }

    /// The answer of the graph; none where exact search is as fast, or fewer than `k` rows were found.
    pub(crate) fn walk(
        &self,
        rows: Rows<'_>,
        query: &[f32],
        k: usize,
        ef: usize,
        scratch: &mut Scratch,
    ) -> Result<Option<Vec<Hit>>, IndexError> {
        let Some(graph) = self.graph.as_ref().filter(|_| self.walks(ef)) else {
            return Ok(None);
        };
        graph.nearest(query, ef, scratch);
        let found = graph.rerank(rows, query, k, scratch.pool.found());
        graph.check(rows)?;
        let hits = with_twins(graph, found, k, |_| true);
        Ok((hits.len() == k).then_some(hits))
    }

    /// [`Index::walk`] for rows that `keep` accepts.
    fn walk_where(
        &self,
        rows: Rows<'_>,
        query: &[f32],
        (k, ef): (usize, usize),
        keep: &dyn Fn(Row) -> bool,
        scratch: &mut Scratch,
    ) -> Result<Option<Vec<Hit>>, IndexError> {
        let Some(graph) = self.graph.as_ref().filter(|_| self.walks(ef)) else {
            return Ok(None);
        };
        let kept = |row: u32| keep(Row(row));
        let wanted = |node: u32| {
            graph
                .row(node)
                .is_some_and(|row| kept(row) || graph.twins_of(row).any(kept))
        };
        let budget = self.n_rows / FILTERED_SHARE;
        let found = graph.nearest_where(query, (ef, budget), wanted, scratch);
        let found = found.map(|found| graph.rerank(rows, query, k, found.into_iter()));
        graph.check(rows)?;
        let hits = found.map(|found| with_twins(graph, found, k, kept));
        Ok(hits.filter(|hits| hits.len() == k))
    }

    fn with_scratch<T>(&self, search: impl FnOnce(&mut Scratch) -> T) -> T {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = idle().pop().unwrap_or_default();
        let found = search(&mut scratch);
        idle().push(scratch);
        found
    }

    /// Whether `rows` may be those of the index, and something is asked for.
    pub(crate) fn check_shape(&self, rows: Rows<'_>, k: usize) -> Result<(), IndexError> {
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
        Ok(())
    }

    fn check(&self, rows: Rows<'_>, query: &[f32], k: usize) -> Result<(), IndexError> {
        self.check_shape(rows, k)?;
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
pub(crate) fn with_twins(
    graph: &Graph,
    found: Vec<Scored>,
    k: usize,
    kept: impl Fn(u32) -> bool,
) -> Vec<Hit> {
    let mut all: Vec<Scored> = Vec::with_capacity(found.len());
    for scored in found {
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
