//! The nearest rows of every row: one job, which topics use as a graph.

use std::ops::ControlFlow;

use rayon::prelude::*;
use syntopic_core::Row;

use crate::exact::exact_of;
use crate::graph::Graph;
use crate::hit::Hit;
use crate::index::with_twins;
use crate::walk::Scratch;
use crate::{Index, IndexError, Rows};

/// Rows done between two reports of progress.
const STEP: usize = 1024;

/// The `k` nearest other rows of each row.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbors {
    k: usize,
    hits: Vec<Hit>,
}

impl Neighbors {
    /// Neighbours of each row: what was asked for, or all other rows when there are fewer.
    #[must_use]
    pub fn k(&self) -> usize {
        self.k
    }

    /// The neighbours of `row`, most similar first, equal scores by row ascending; the row itself is not among them.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn of(&self, row: Row) -> &[Hit] {
        &self.hits[row.index() * self.k..][..self.k]
    }
}

impl Index {
    /// The `k` nearest other rows of every row, as [`Index::search`] finds them with the effort of
    /// [`Index::calibration`]; walks begin at the row itself, so they are shorter and find more. `progress` hears how many
    /// rows are done, and ends the work by breaking.
    ///
    /// # Errors
    /// When `k` is 0, `rows` has another shape than the rows the index was made from, a file is damaged, or `progress` broke
    /// it off.
    pub fn neighbors<'r>(
        &self,
        rows: impl Into<Rows<'r>>,
        k: usize,
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Neighbors, IndexError> {
        let rows = rows.into();
        self.check_shape(rows, k)?;
        // All of both will be looked at.
        let rows = rows.verified()?;
        self.verify()?;
        let k = k.min(rows.n_rows().saturating_sub(1));
        let nothing = Hit {
            row: Row(0),
            score: 0.0,
        };
        let mut all = Neighbors {
            k,
            hits: vec![nothing; k * rows.n_rows()],
        };
        if k == 0 {
            return Ok(all);
        }
        let ef = self.ef(k + 1, None)?;
        let graph = self.graph.as_ref().filter(|_| self.walks(ef));
        let n_queries = graph.map_or(rows.n_rows(), Graph::n_nodes);
        let mut done = 0;
        for first in (0..n_queries).step_by(STEP) {
            let part = first as u32..(first + STEP).min(n_queries) as u32;
            let found = match graph {
                Some(graph) => part
                    .into_par_iter()
                    .map_init(Scratch::default, |scratch, node| {
                        around(graph, rows, node, (k + 1, ef), scratch)
                    })
                    .collect(),
                None => {
                    let queries: Vec<&[f32]> = part.clone().map(|row| rows.row(Row(row))).collect();
                    part.map(Row)
                        .zip(self.compare_all_pairs(rows, &queries, k + 1))
                        .collect::<Vec<_>>()
                }
            };
            for (row, hits) in found {
                let twins = graph
                    .into_iter()
                    .flat_map(|graph| graph.twins_of(row.0))
                    .map(Row);
                for own in std::iter::once(row).chain(twins) {
                    let others = hits.iter().filter(|hit| hit.row != own);
                    let places = &mut all.hits[own.index() * k..][..k];
                    places
                        .iter_mut()
                        .zip(others)
                        .for_each(|(place, hit)| *place = *hit);
                    done += 1;
                }
            }
            if progress(done).is_break() {
                return Err(IndexError::Cancelled);
            }
        }
        Ok(all)
    }
}

/// The `k` rows nearest to that of `node`, which is one of them or has more than that many twins.
fn around(
    graph: &Graph,
    rows: Rows<'_>,
    node: u32,
    (k, ef): (usize, usize),
    scratch: &mut Scratch,
) -> (Row, Vec<Hit>) {
    let row = Row(graph.row_of()[node as usize]);
    let query = rows.row(row);
    graph.around(node, query, ef, scratch);
    let hits = with_twins(
        graph,
        graph.rerank(rows, query, k, scratch.pool.found()),
        k,
        |_| true,
    );
    let hits = if hits.len() == k {
        hits
    } else {
        exact_of(rows, query, k)
    };
    (row, hits)
}
