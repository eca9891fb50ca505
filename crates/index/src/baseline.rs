//! The build by `hnsw_rs`, kept to measure our own against.
//!
//! `hnsw_rs` is used for nothing else: its search takes one greedy hop a layer, and its loader ends the process on a bad
//! file. It is handed row numbers, not vectors, so it keeps no second copy of them.

use std::ops::ControlFlow;

use hnsw_rs::anndists::dist::distances::Distance;
use hnsw_rs::hnsw::Hnsw;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;
use syntopic_core::{Embeddings, Row};

use crate::build::{self, MAX_LAYERS, Nodes};
use crate::calibrate::n_held_back;
use crate::dot::dot1;
use crate::draft::Draft;
use crate::hit::Scored;
use crate::twins;
use crate::{IndexError, IndexOptions};

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

/// The rows that edges of one node lead to, by layer from the lowest.
struct Point {
    row: u32,
    edges: Vec<Vec<u32>>,
}

/// The graph as `hnsw_rs` leaves it over all `rows` but those held back to measure recall, which come last among the nodes
/// and have no edges yet; and how many are in. `rows` is not empty. One thread makes the same graph again, more do not.
pub(crate) fn build<'a>(
    rows: &'a Embeddings,
    options: &IndexOptions,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<(Draft<'a>, Nodes, usize), IndexError> {
    let hashes = twins::hash_all(rows);
    let (mut firsts, twins) = twins::split(rows, &hashes);
    firsts.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(ORDER_SEED));
    let held_back = firsts.split_off(firsts.len() - n_held_back(firsts.len()));
    let distance = RowDistance(rows);
    let hnsw = Hnsw::new(
        options.m,
        firsts.len(),
        MAX_LAYERS,
        options.ef_construction,
        distance,
    );
    for (step, part) in firsts.chunks(STEP).enumerate() {
        let insert = |row: &u32| hnsw.insert((&[*row], *row as usize));
        // The first ones always in turn: threads that all find an empty graph would leave rows without edges.
        if step == 0 || rayon::current_num_threads() == 1 {
            part.iter().for_each(insert);
        } else {
            part.par_iter().for_each(insert);
        }
        build::heard(progress((step * STEP + part.len()).min(rows.n_rows())))?;
    }
    let mut points = points_of(&hnsw);
    points.sort_by_key(|point| (std::cmp::Reverse(point.edges.len()), point.row));
    let n_in = points.len();
    points.extend(held_back.into_iter().map(|row| Point {
        row,
        edges: vec![Vec::new()],
    }));
    let nodes = Nodes {
        hashes: points
            .iter()
            .map(|point| hashes[point.row as usize])
            .collect(),
        row_of: points.iter().map(|point| point.row).collect(),
        counts: build::counts(points.iter().map(|point| point.edges.len() - 1)),
        twins,
    };
    let mut draft = build::draft_of(rows, options, &nodes);
    take_edges(&mut draft, &points);
    Ok((draft, nodes, n_in))
}

/// All points and their edges. `hnsw_rs` also notes edges above the layer a row belongs to; those are left out.
fn points_of(hnsw: &Hnsw<'_, u32, RowDistance<'_>>) -> Vec<Point> {
    let index = hnsw.get_point_indexation();
    let mut points = Vec::new();
    for top in 0..=usize::from(hnsw.get_max_level_observed()) {
        for point in index.get_layer_iterator(top) {
            let ids = |edges: &Vec<hnsw_rs::hnsw::Neighbour>| {
                edges
                    .iter()
                    .map(|edge| edge.get_origin_id() as u32)
                    .collect()
            };
            let edges = point
                .get_neighborhood_id()
                .iter()
                .take(top + 1)
                .map(ids)
                .collect();
            points.push(Point {
                row: point.get_origin_id() as u32,
                edges,
            });
        }
    }
    points
}

fn take_edges(draft: &mut Draft<'_>, points: &[Point]) {
    let mut node_of = vec![u32::MAX; draft.rows.n_rows()];
    points
        .iter()
        .zip(0..)
        .for_each(|(point, node)| node_of[point.row as usize] = node);
    for (point, node) in points.iter().zip(0..) {
        for (layer, rows) in point.edges.iter().enumerate() {
            let lists = &mut draft.layers[layer];
            let vector = draft.rows.row(Row(point.row));
            let edges: Vec<Scored> = rows
                .iter()
                .map(|row| (node_of[*row as usize], *row))
                .filter(|(to, _)| (*to as usize) < lists.n_nodes())
                .map(|(id, row)| Scored {
                    score: dot1(vector, draft.rows.row(Row(row))),
                    id,
                })
                .take(lists.width)
                .collect();
            lists.set(node, &edges);
        }
    }
}
