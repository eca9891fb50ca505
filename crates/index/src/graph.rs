//! The frozen graph: the bytes of its file, seen as arrays, walked and never changed.

use std::ops::Range;

use syntopic_core::{Embeddings, Row};

use crate::audit::twins_of;
use crate::dot::dot1;
use crate::grid::{Codes, Grid};
use crate::hit::Scored;
use crate::lines::{Plain, cast};
use crate::store::Store;
use crate::walk::{Edges, Layer, Scratch};

/// Where the arrays are in the bytes of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// How many nodes each layer has, from the lowest, which has all; never empty, none is 0.
    pub(crate) counts: Vec<usize>,
    /// Places for edges a node, on each layer.
    pub(crate) widths: Vec<usize>,
    pub(crate) codes: Range<usize>,
    pub(crate) layers: Vec<Range<usize>>,
    pub(crate) row_of: Range<usize>,
    pub(crate) hashes: Range<usize>,
}

/// The layers of an HNSW graph over rows that all differ, and the rows that repeat one of them.
///
/// Nodes are numbered so that a layer is the first so many of them; walks begin at node 0.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) store: Store,
    pub(crate) layout: Layout,
    pub(crate) grid: Grid,
    /// `(row, twin)`, ascending: the vector of `twin` is that of the lower `row`, which stands for it in the graph.
    /// Thousands of identical vectors as nodes would have edges to each other only.
    pub(crate) twins: Vec<(u32, u32)>,
}

impl Graph {
    fn array<T: Plain>(&self, range: &Range<usize>) -> &[T] {
        cast(&self.store.bytes()[range.clone()])
            .expect("arrays begin on lines and hold whole numbers: checked when read")
    }

    /// The row of each node.
    pub(crate) fn row_of(&self) -> &[u32] {
        self.array(&self.layout.row_of)
    }

    /// The hash of each node's vector.
    pub(crate) fn hashes(&self) -> &[u64] {
        self.array(&self.layout.hashes)
    }

    pub(crate) fn codes(&self) -> Codes<'_> {
        Codes {
            lines: self.array(&self.layout.codes),
            per_node: self.grid.lines(),
        }
    }

    pub(crate) fn edges(&self, layer: usize) -> Edges<'_> {
        Edges {
            places: self.array(&self.layout.layers[layer]),
            width: self.layout.widths[layer],
        }
    }

    pub(crate) fn n_nodes(&self) -> usize {
        self.layout.counts[0]
    }

    /// Bytes read while searching: compact vectors, edges, rows.
    pub(crate) fn size(&self) -> usize {
        self.store.bytes().len()
    }

    /// How many edges all layers have.
    pub(crate) fn n_edges(&self) -> usize {
        let of_layer = |layer| {
            let edges = self.edges(layer);
            (0..edges.n_nodes() as u32)
                .map(|node| edges.of(node).len())
                .sum::<usize>()
        };
        (0..self.layout.counts.len()).map(of_layer).sum()
    }

    /// The rows identical to `row`, ascending.
    pub(crate) fn twins_of(&self, row: u32) -> impl Iterator<Item = u32> + '_ {
        twins_of(&self.twins, row).iter().map(|(_, twin)| *twin)
    }

    /// Algorithm 5 of the paper, `K-NN-SEARCH`: greedy descent to the nearest node of each upper layer, then the wide walk
    /// on the lowest, which leaves the nodes found in the scratch's pool.
    pub(crate) fn nearest(&self, query: &[f32], ef: usize, scratch: &mut Scratch) {
        let start = self.descend(query, scratch);
        self.layer(0).walk(start, ef, scratch);
    }

    /// [`Graph::nearest`] among the nodes that `wanted` accepts; nothing when more than `budget` nodes were scored.
    pub(crate) fn nearest_where(
        &self,
        query: &[f32],
        (ef, budget): (usize, usize),
        wanted: impl Fn(u32) -> bool,
        scratch: &mut Scratch,
    ) -> Option<Vec<Scored>> {
        let start = self.descend(query, scratch);
        self.layer(0)
            .walk_where(start, (ef, budget), wanted, scratch)
    }

    /// [`Graph::nearest`] to the vector of `node`, from there.
    pub(crate) fn around(&self, node: u32, vector: &[f32], ef: usize, scratch: &mut Scratch) {
        self.grid.prepare(vector, &mut scratch.prepared);
        scratch.visited.clear(self.n_nodes());
        self.layer(0).walk(node, ef, scratch);
    }

    /// To the lowest layer; the scratch is ready for the walk there.
    fn descend(&self, query: &[f32], scratch: &mut Scratch) -> u32 {
        self.grid.prepare(query, &mut scratch.prepared);
        let mut start = 0;
        for layer in (1..self.layout.counts.len()).rev() {
            scratch.visited.clear(self.layout.counts[layer]);
            // A walk with ef 1 is the greedy search: it ends where no neighbour is better.
            self.layer(layer).walk(start, 1, scratch);
            start = scratch
                .pool
                .found()
                .next()
                .map_or(start, |nearest| nearest.id);
        }
        scratch.visited.clear(self.n_nodes());
        start
    }

    fn layer(&self, layer: usize) -> Layer<'_> {
        Layer {
            codes: self.codes(),
            edges: self.edges(layer),
        }
    }

    /// `found` by their rows and exact scores.
    pub(crate) fn rerank(
        &self,
        rows: &Embeddings,
        query: &[f32],
        found: impl Iterator<Item = Scored>,
    ) -> Vec<Scored> {
        let row_of = self.row_of();
        found
            .map(|near| {
                let id = row_of[near.id as usize];
                Scored {
                    score: dot1(query, rows.row(Row(id))),
                    id,
                }
            })
            .collect()
    }
}
