//! The nearest rows by comparing every one: the answer that every other search is measured against.

use rayon::prelude::*;
use syntopic_core::{Embeddings, Row};

use crate::Rows;
use crate::dot::dot1;
use crate::hit::{Best, Hit, Scored};

/// Rows that one thread scores at a time.
const BLOCK: usize = 2048;

/// The `k` rows most similar to `query`, most similar first, equal scores by row ascending. All rows when there are fewer
/// than `k`, none when `k` is 0. The threads share the work when there is enough of it; the answer does not depend on them.
///
/// `query` has shape `(dim,)` and is trusted to be a unit vector: [`crate::Index::search`] takes unchecked ones.
///
/// # Panics
/// When `query` has another dimension than the rows.
#[must_use]
pub fn exact(rows: &Embeddings, query: &[f32], k: usize) -> Vec<Hit> {
    exact_of(rows.into(), query, k)
}

/// [`exact`], of rows that are verified.
pub(crate) fn exact_of(rows: Rows<'_>, query: &[f32], k: usize) -> Vec<Hit> {
    let blocks = rows.n_rows().div_ceil(BLOCK);
    let range =
        |block: usize| (block * BLOCK) as u32..((block + 1) * BLOCK).min(rows.n_rows()) as u32;
    best(rows, query, k, blocks, range)
}

/// [`exact`] among some of the rows, given in any order.
pub(crate) fn exact_among(rows: Rows<'_>, query: &[f32], k: usize, among: &[u32]) -> Vec<Hit> {
    let blocks = among.len().div_ceil(BLOCK);
    let range = |block: usize| {
        among[block * BLOCK..((block + 1) * BLOCK).min(among.len())]
            .iter()
            .copied()
    };
    best(rows, query, k, blocks, range)
}

fn best<I: Iterator<Item = u32>>(
    rows: Rows<'_>,
    query: &[f32],
    k: usize,
    n_blocks: usize,
    block: impl Fn(usize) -> I + Sync,
) -> Vec<Hit> {
    assert_eq!(
        query.len(),
        rows.dim(),
        "the query and the rows have one dimension"
    );
    if k == 0 {
        return Vec::new();
    }
    let one = |index: usize| best_of_block(rows, query, k, block(index));
    let best = if n_blocks > 1 {
        (0..n_blocks)
            .into_par_iter()
            .map(one)
            .reduce(|| Best::new(k), Best::merge)
    } else {
        (0..n_blocks).map(one).fold(Best::new(k), Best::merge)
    };
    best.into_sorted().into_iter().map(Hit::from).collect()
}

/// Row by row: rows mostly follow one another, and memory is read fastest in one stream.
fn best_of_block(rows: Rows<'_>, query: &[f32], k: usize, ids: impl Iterator<Item = u32>) -> Best {
    let mut best = Best::new(k);
    for id in ids {
        let score = dot1(query, rows.row(Row(id)));
        best.offer(Scored { score, id });
    }
    best
}
