//! How the graph is built: our own build, and `hnsw_rs` as the baseline it is measured against.
//!
//! Malkov and Yashunin's algorithm 1 in batches. A batch is a fiftieth of what is already in, so a node misses at most the
//! newest fiftieth among its candidates, and batches are what the threads share.

use std::ops::ControlFlow;

use syntopic_core::Embeddings;

use crate::calibrate::{Calibration, calibrate, n_held_back};
use crate::draft::{Draft, Lists};
use crate::grid::Grid;
use crate::twins::{self, mix};
use crate::walk::MAX_NODES;
use crate::{Builder, Effort, IndexError, IndexOptions, baseline};

/// The most layers.
pub(crate) const MAX_LAYERS: usize = 16;

/// A batch is at most one in this many of the nodes already in.
const BATCH_SHARE: usize = 50;

/// The most nodes of a batch: progress is heard after each.
const BATCH: usize = 2048;

/// Seed of the layers and of the order of insertion.
const SEED: u64 = 397;

/// The graph's nodes: the rows that are the first with their vector, those of the higher layers first, and the rest.
pub(crate) struct Nodes {
    pub(crate) row_of: Vec<u32>,
    pub(crate) hashes: Vec<u64>,
    /// How many nodes each layer has, from the lowest.
    pub(crate) counts: Vec<usize>,
    pub(crate) twins: Vec<(u32, u32)>,
}

/// The graph over `rows`, which is not empty, its nodes, and the effort that a search of it takes. `progress` hears how many
/// rows are in, and may break the work off after each batch.
pub(crate) fn build<'a>(
    rows: &'a Embeddings,
    options: &IndexOptions,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<(Draft<'a>, Nodes, Calibration), IndexError> {
    if rows.n_rows() > MAX_NODES {
        return Err(IndexError::TooManyRows {
            n_rows: rows.n_rows(),
        });
    }
    let (mut draft, nodes, n_in) = match options.builder {
        Builder::Own => {
            let nodes = nodes_of(rows, options.m);
            // Node 0 has nobody to look for.
            (draft_of(rows, options, &nodes), nodes, 1)
        }
        Builder::HnswRs => baseline::build(rows, options, progress)?,
    };
    let order: Vec<u32> = (n_in as u32..nodes.row_of.len() as u32).collect();
    let calibration = insert_and_calibrate(&mut draft, &nodes.twins, &order, options, progress)?;
    heard(progress(rows.n_rows()))?;
    Ok((draft, nodes, calibration))
}

/// Inserts the nodes `order`, all others being in; the last of them after they have been asked about.
pub(crate) fn insert_and_calibrate(
    draft: &mut Draft<'_>,
    twins: &[(u32, u32)],
    order: &[u32],
    options: &IndexOptions,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Calibration, IndexError> {
    let n_nodes = draft.row_of.len();
    let n_held_back = n_held_back(n_nodes).min(order.len());
    let (first, held_back) = order.split_at(order.len() - n_held_back);
    insert_in_batches(draft, first, n_nodes - order.len(), progress)?;
    let calibration = match options.effort {
        Effort::Recall(wanted) => {
            // Lists as long as those of the index.
            draft.trim();
            calibrate(draft, twins, held_back, wanted)
        }
        Effort::Ef(ef) => Calibration {
            ef,
            ..Calibration::default()
        },
    };
    insert_in_batches(draft, held_back, n_nodes - n_held_back, progress)?;
    Ok(calibration)
}

/// Inserts `order`; `n_in` nodes are in already.
pub(crate) fn insert_in_batches(
    draft: &mut Draft<'_>,
    order: &[u32],
    mut n_in: usize,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<(), IndexError> {
    let mut rest = order;
    while !rest.is_empty() {
        let (batch, later) = rest.split_at((n_in / BATCH_SHARE).clamp(1, BATCH).min(rest.len()));
        draft.insert(batch);
        n_in += batch.len();
        if n_in >= BATCH_SHARE {
            heard(progress(n_in))?;
        }
        rest = later;
    }
    Ok(())
}

/// What is to be done after the caller heard of progress.
pub(crate) fn heard(flow: ControlFlow<()>) -> Result<(), IndexError> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(IndexError::Cancelled),
    }
}

/// Nodes without edges, in the order in which they are numbered.
pub(crate) fn draft_of<'a>(
    rows: &'a Embeddings,
    options: &IndexOptions,
    nodes: &Nodes,
) -> Draft<'a> {
    let grid = Grid::fit(rows);
    let codes = grid.encode_all(rows, &nodes.row_of);
    Draft {
        rows,
        grid,
        codes,
        row_of: nodes.row_of.clone(),
        layers: empty_layers(&nodes.counts, options.m),
        ef_construction: options.ef_construction,
    }
}

pub(crate) fn empty_layers(counts: &[usize], m: usize) -> Vec<Lists> {
    let limit = |layer: usize| if layer == 0 { 2 * m } else { m };
    counts
        .iter()
        .enumerate()
        .map(|(layer, n)| Lists::new(*n, limit(layer)))
        .collect()
}

/// The layers of a vector and its place in the order of insertion come from the vector alone, so the graph does not
/// depend on how the rows are sorted.
fn nodes_of(rows: &Embeddings, m: usize) -> Nodes {
    let all = twins::hash_all(rows);
    let (firsts, twins) = twins::split(rows, &all);
    let mut order: Vec<(usize, u64, u32)> = firsts
        .into_iter()
        .map(|row| {
            let hash = all[row as usize];
            (MAX_LAYERS - level(hash, m), mix(hash ^ SEED), row)
        })
        .collect();
    order.sort_unstable();
    let counts = counts(order.iter().map(|(below_top, ..)| MAX_LAYERS - below_top));
    Nodes {
        hashes: order.iter().map(|(.., row)| all[*row as usize]).collect(),
        row_of: order.into_iter().map(|(.., row)| row).collect(),
        counts,
        twins,
    }
}

/// How many nodes each layer has, by the highest layer of each node.
pub(crate) fn counts(levels: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut counts = Vec::new();
    for level in levels {
        counts.resize(counts.len().max(level + 1), 0);
        counts[..=level].iter_mut().for_each(|n| *n += 1);
    }
    counts
}

/// The highest layer of a vector: `floor(-ln(u) / ln(m))` in the paper.
pub(crate) fn level(hash: u64, m: usize) -> usize {
    let u = ((mix(hash.wrapping_add(SEED)) >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    ((-u.ln() / (m as f64).ln()) as usize).min(MAX_LAYERS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_m_nodes_is_on_the_next_layer() {
        let counts = counts((0..100_000).map(|n| level(mix(n), 16)));
        assert!((5_900..6_600).contains(&counts[1]), "{counts:?}");
        assert!((320..460).contains(&counts[2]), "{counts:?}");
        assert!(counts.is_sorted_by(|a, b| a >= b) && counts.len() <= MAX_LAYERS);
    }
}
