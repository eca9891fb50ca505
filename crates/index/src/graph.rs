//! The frozen graph: the bytes of its file, seen as arrays, walked and never changed.

use std::ops::Range;

use syntopic_core::Row;

use crate::audit::twins_of;
use crate::blocks::Blocks;
use crate::dot::dot1;
use crate::grid::{Codes, Grid};
use crate::hit::Scored;
use crate::lines::{LINE, Plain, cast};
use crate::store::Store;
use crate::walk::{Edges, Layer, Scratch};
use crate::{IndexError, Rows};

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
    pub(crate) blocks: Blocks,
    pub(crate) n_rows: usize,
    /// How many edges all layers have.
    pub(crate) n_edges: usize,
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
            guard: (!self.blocks.are_right()).then_some(Guard { graph: self, layer }),
        }
    }

    /// The row of a node; nothing where its place is damaged.
    #[inline]
    pub(crate) fn row(&self, node: u32) -> Option<u32> {
        self.touch(&self.layout.row_of, node, 4)
            .then(|| self.row_of()[node as usize])
    }

    /// Whether the bytes of `node` in a part of the file that has so many bytes a node are right.
    #[inline]
    fn touch(&self, part: &Range<usize>, node: u32, len: usize) -> bool {
        let from = part.start + node as usize * len;
        self.blocks
            .touch(self.store.bytes(), from..from + len, &|block| {
                self.is_sound(block)
            })
    }

    /// That nothing of the file, nor of the rows, was found damaged: only then is an answer one.
    pub(crate) fn check(&self, rows: Rows<'_>) -> Result<(), IndexError> {
        if self.blocks.damaged() {
            return Err(IndexError::Checksum);
        }
        rows.check()
    }

    /// `found`, best first, by their rows and exact scores: those that may be among the `k` best by these.
    pub(crate) fn rerank(
        &self,
        rows: Rows<'_>,
        query: &[f32],
        k: usize,
        mut found: impl Iterator<Item = Scored>,
    ) -> Vec<Scored> {
        let mut best: Vec<Scored> = Vec::with_capacity(2 * k);
        best.extend(found.by_ref().take(k));
        if let Some(last) = best.get(k - 1) {
            let least = last.score - self.grid.slack(query);
            best.extend(found.take_while(|near| near.score >= least));
        }
        best.retain_mut(|near| match self.row(near.id) {
            Some(row) => {
                rows.prefetch(Row(row));
                near.id = row;
                true
            }
            None => false,
        });
        best.retain_mut(|near| match rows.touched(Row(near.id)) {
            Some(row) => {
                near.score = dot1(query, row);
                true
            }
            None => false,
        });
        best
    }
}

/// What a walk asks before it looks at a node of a file that is not verified yet. Damaged places are passed over; the
/// search then ends with [`Graph::check`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guard<'a> {
    graph: &'a Graph,
    layer: usize,
}

impl Guard<'_> {
    /// Whether the code of a node may be read.
    pub(crate) fn code(self, node: u32) -> bool {
        let len = self.graph.grid.lines() * LINE;
        self.graph.touch(&self.graph.layout.codes, node, len)
    }

    /// Whether the edges of a node may be followed.
    pub(crate) fn edges(self, node: u32) -> bool {
        let Layout { layers, widths, .. } = &self.graph.layout;
        self.graph
            .touch(&layers[self.layer], node, widths[self.layer] * 4)
    }
}
