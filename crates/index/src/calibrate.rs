//! How much effort a wanted recall takes, measured on the rows themselves.
//!
//! A row of the graph would be too easy a query: its neighbours hang on it. So some rows are held back until all others are
//! in, asked about, and only then inserted: what is measured is what a query from outside meets.

use rayon::prelude::*;
use syntopic_core::{Embeddings, Row};

use crate::audit::twins_of;
use crate::batch::exact_batch;
use crate::dot::dot1;
use crate::draft::Draft;
use crate::exact::exact_among;
use crate::walk::Scratch;

/// Neighbours asked for.
const K: usize = 10;

/// Neighbours looked at to find so many that are in the graph.
const LOOKED_AT: usize = 5 * K;

/// Rows asked about, unless that is more than one in [`HELD_SHARE`].
const QUERIES: usize = 500;

const HELD_SHARE: usize = 10;

/// The efforts tried.
const LADDER: [usize; 26] = [
    10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
    512, 640, 768, 1024,
];

/// The effort of searches that name none, and how it was found.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Calibration {
    /// Rows kept in view.
    pub ef: usize,
    /// Recall of the 10 nearest that was measured at this effort, on rows that were not in the graph then; 0 when nothing was
    /// measured.
    pub recall: f64,
    /// How many rows were asked about.
    pub n_queries: usize,
    /// Different vectors that came or went since.
    pub changed: usize,
    /// How coarse the compact vectors were; 0 where that was not recorded.
    pub(crate) coarseness: f32,
}

impl Calibration {
    /// The effort that the same recall of the `k` nearest takes. It grows as the square root of `k`: on 10,500 vectors of abstracts
    /// (`syntopic bench index -k 50`, and 100) recall .99 took 2.1 and 3.1 times the effort of the 10 nearest, where the root is 2.2
    /// and 3.2.
    pub(crate) fn for_nearest(&self, k: usize) -> usize {
        let more = (k as f64 / K as f64).sqrt().max(1.0);
        (self.ef as f64 * more).ceil() as usize
    }
}

/// How many of `n` rows are held back.
pub(crate) fn n_held_back(n: usize) -> usize {
    QUERIES.min(n / HELD_SHARE)
}

/// The least effort whose recall, less twice its standard error, is `wanted`; the greatest tried where none reaches it. All nodes
/// of the draft but `held_back` are in.
pub(crate) fn calibrate(
    draft: &Draft<'_>,
    twins: &[(u32, u32)],
    held_back: &[u32],
    wanted: f64,
) -> Calibration {
    let questions = Questions::new(draft, twins, held_back);
    // Recall grows with the effort, so halving finds where it passes the mark.
    let (mut low, mut high) = (0, LADDER.len() - 1);
    while low < high {
        let middle = usize::midpoint(low, high);
        let (recall, error) = questions.measure(draft, LADDER[middle]);
        if recall - 2.0 * error >= wanted {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    let (recall, _) = questions.measure(draft, LADDER[low]);
    Calibration {
        ef: LADDER[low],
        recall,
        n_queries: questions.nodes.len(),
        changed: 0,
        coarseness: draft.grid.coarseness(),
    }
}

/// Nodes asked about, and what is to be found of each.
struct Questions<'a> {
    nodes: &'a [u32],
    twins: &'a [(u32, u32)],
    truths: Vec<Truth>,
}

/// The nearest rows in the graph.
#[derive(Clone, Copy)]
struct Truth {
    /// How many: [`K`], or all where fewer are in.
    n: usize,
    /// What the last of them scores.
    least: f32,
}

impl<'a> Questions<'a> {
    fn new(draft: &Draft<'_>, twins: &'a [(u32, u32)], nodes: &'a [u32]) -> Self {
        let rows: &Embeddings = draft.rows;
        let mut absent = vec![false; rows.n_rows()];
        let row_of = |node: &u32| draft.row_of[*node as usize];
        for row in nodes.iter().map(row_of) {
            absent[row as usize] = true;
            twins_of(twins, row)
                .iter()
                .for_each(|(_, twin)| absent[*twin as usize] = true);
        }
        let queries = rows.select(nodes.iter().map(|node| Row(row_of(node))));
        // Many copies of what was held back may be nearer than anything that is in.
        let present = || -> Vec<u32> {
            let all = 0..rows.n_rows() as u32;
            all.filter(|row| !absent[*row as usize]).collect()
        };
        let mut all_present = None;
        let truths = exact_batch(rows, &queries, LOOKED_AT)
            .iter()
            .zip(queries.rows())
            .map(|(hits, query)| {
                let here = hits.iter().filter(|hit| !absent[hit.row.index()]);
                let mut scores: Vec<f32> = here.take(K).map(|hit| hit.score).collect();
                if scores.len() < K {
                    let among = all_present.get_or_insert_with(present);
                    let hits = exact_among(rows.into(), query, K, among);
                    scores = hits.iter().map(|hit| hit.score).collect();
                }
                Truth {
                    n: scores.len(),
                    least: scores.last().copied().unwrap_or(f32::INFINITY),
                }
            })
            .collect();
        Self {
            nodes,
            twins,
            truths,
        }
    }

    /// Mean recall and its standard error.
    fn measure(&self, draft: &Draft<'_>, ef: usize) -> (f64, f64) {
        if self.nodes.is_empty() {
            return (1.0, 0.0);
        }
        let n_same = |row: u32| 1 + twins_of(self.twins, row).len();
        let recalls: Vec<f64> = self
            .nodes
            .par_iter()
            .zip(&self.truths)
            .map_init(Scratch::default, |scratch, (node, truth)| {
                let query = draft.vector(*node);
                draft.search(query, ef, scratch);
                // What `Graph::rerank` leaves out is not found by a search either.
                let last = scratch.pool.found().nth(K - 1);
                let least = last.map_or(f32::NEG_INFINITY, |l| l.score - draft.grid.slack(query));
                let found = scratch.pool.found().take_while(|near| near.score >= least);
                let found = found.map(|near| near.id);
                let right = found.filter(|id| dot1(query, draft.vector(*id)) >= truth.least);
                let right: usize = right.map(|id| n_same(draft.row_of[id as usize])).sum();
                // Where nothing is in, nothing can be missed.
                right.min(truth.n) as f64 / truth.n.max(1) as f64
            })
            .collect();
        let n = recalls.len() as f64;
        let mean = recalls.iter().sum::<f64>() / n;
        let variance = recalls
            .iter()
            .map(|recall| (recall - mean).powi(2))
            .sum::<f64>()
            / n;
        (mean, (variance / n).sqrt())
    }
}
