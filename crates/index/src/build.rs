//! How `hnsw_rs` builds the edges, and how they are taken out of it at once.
//!
//! `hnsw_rs` is used for nothing else: its search takes one greedy hop a layer, and its loader ends the process on a bad
//! file. It is handed row numbers, not vectors, so it keeps no second copy of them.

use std::hash::{DefaultHasher, Hasher};

use hnsw_rs::anndists::dist::distances::Distance;
use hnsw_rs::hnsw::Hnsw;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;
use syntopic_core::{Embeddings, Row};

use crate::dot::dot1;
use crate::graph::{Graph, Layer};
use crate::{IndexError, IndexOptions};

/// The most layers `hnsw_rs` knows.
const MAX_LAYERS: usize = 16;

/// Rows inserted between two reports of progress.
const STEP: usize = 1024;

/// Seed of the order of insertion. Rows sorted by subject would leave the first of them with few long edges.
const ORDER_SEED: u64 = 397;

/// One minus cosine, of rows named by number. `hnsw_rs` asserts that no distance is negative, and rounding makes that of
/// two nearly identical vectors so.
struct RowDistance<'a>(&'a Embeddings);

impl Distance<u32> for RowDistance<'_> {
    fn eval(&self, a: &[u32], b: &[u32]) -> f32 {
        let row = |v: &[u32]| self.0.row(Row(v[0]));
        (1.0 - dot1(row(a), row(b))).max(0.0)
    }
}

/// The graph over `rows`, as `hnsw_rs` leaves it; `rows` is not empty. `progress` hears how many rows are in.
pub(crate) fn build(
    rows: &Embeddings,
    options: &IndexOptions,
    progress: &mut dyn FnMut(usize),
) -> Result<Graph, IndexError> {
    let (mut firsts, twins) = split_twins(rows);
    firsts.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(ORDER_SEED));
    let hnsw = Hnsw::new(
        options.m,
        firsts.len(),
        MAX_LAYERS,
        options.ef_construction,
        RowDistance(rows),
    );
    for (step, part) in firsts.chunks(STEP).enumerate() {
        // The first ones always in turn: threads that all find an empty graph would leave rows without edges.
        if options.deterministic || step == 0 {
            part.iter()
                .for_each(|row| hnsw.insert((&[*row], *row as usize)));
        } else {
            part.par_iter()
                .for_each(|row| hnsw.insert((&[*row], *row as usize)));
        }
        progress((step * STEP + part.len()).min(rows.n_rows()));
    }
    progress(rows.n_rows());
    Ok(Graph {
        layers: freeze(&hnsw)?,
        entry: 0,
        twins,
    })
}

/// The rows that are the first with their vector, and `(first, twin)` for the others, both ascending.
fn split_twins(rows: &Embeddings) -> (Vec<u32>, Vec<(u32, u32)>) {
    let bits = |row: u32| rows.row(Row(row)).iter().map(|v| v.to_bits());
    let mut hashed: Vec<(u64, u32)> = (0..rows.n_rows() as u32)
        .into_par_iter()
        .map(|row| {
            let mut hasher = DefaultHasher::new();
            bits(row).for_each(|v| hasher.write_u32(v));
            (hasher.finish(), row)
        })
        .collect();
    hashed.sort_unstable();
    let (mut firsts, mut twins) = (Vec::new(), Vec::new());
    for same_hash in hashed.chunk_by(|a, b| a.0 == b.0) {
        let from = firsts.len();
        for &(_, row) in same_hash {
            // Two vectors may share a hash: every first of this hash is compared.
            match firsts[from..]
                .iter()
                .find(|first| bits(**first).eq(bits(row)))
            {
                Some(&first) => twins.push((first, row)),
                None => firsts.push(row),
            }
        }
    }
    firsts.sort_unstable();
    twins.sort_unstable();
    (firsts, twins)
}

/// The layers as flat arrays. `hnsw_rs` also notes edges above the layer a row belongs to; those are left out.
fn freeze(hnsw: &Hnsw<'_, u32, RowDistance<'_>>) -> Result<Vec<Layer>, IndexError> {
    let points = hnsw.get_point_indexation();
    let n_layers = usize::from(hnsw.get_max_level_observed()) + 1;
    let mut lists: Vec<Vec<(u32, Vec<u32>)>> = vec![Vec::new(); n_layers];
    for top in 0..n_layers {
        for point in points.get_layer_iterator(top) {
            let edges = point.get_neighborhood_id();
            for (list, edges) in lists.iter_mut().zip(edges).take(top + 1) {
                let to = edges
                    .iter()
                    .map(|edge| edge.get_origin_id() as u32)
                    .collect();
                list.push((point.get_origin_id() as u32, to));
            }
        }
    }
    lists.into_iter().map(freeze_layer).collect()
}

/// One layer from `(row, rows its edges lead to)` in any order.
fn freeze_layer(mut list: Vec<(u32, Vec<u32>)>) -> Result<Layer, IndexError> {
    list.sort_unstable_by_key(|(row, _)| *row);
    let rows: Vec<u32> = list.iter().map(|(row, _)| *row).collect();
    let edges: Vec<Vec<u32>> = list
        .into_par_iter()
        .map(|(_, to)| {
            to.iter()
                .filter_map(|row| rows.binary_search(row).ok())
                .map(|at| at as u32)
                .collect()
        })
        .collect();
    Layer::new(rows, &edges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins_are_found_wherever_they_stand() {
        let rows = Embeddings::new(
            vec![1.0, 0.0, 0.0, 1.0, 1.0, 0.0, -1.0, 0.0, 0.0, 1.0, 1.0, 0.0],
            2,
        )
        .expect("unit rows");
        assert_eq!(
            split_twins(&rows),
            (vec![0, 1, 3], vec![(0, 2), (0, 5), (1, 4)])
        );
    }
}
