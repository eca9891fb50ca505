//! A graph while it is built: edges with their similarity, in lists that may still grow.
//!
//! Nodes are numbered so that those of the higher layers come first: a layer is the first so many nodes, a node has one
//! number on all layers, and node 0 is where every walk begins.

use rayon::prelude::*;
use syntopic_core::{Embeddings, Row};

use crate::grid::{Codes, Grid, Prepared};
use crate::hit::Scored;
use crate::lines::Lines;
use crate::prune::Pruner;
use crate::walk::{Edges, Layer, NONE, Scratch};

/// Edges that a list may have beyond its limit before it is pruned: pruning is the dearest step after the walk, and one
/// pruning then serves several edges.
const SLACK: usize = 16;

/// The edges of the first nodes, as many places for each, and how similar the two ends are.
#[derive(Debug, Clone)]
pub(crate) struct Lists {
    /// Edges that a node keeps.
    pub(crate) limit: usize,
    pub(crate) width: usize,
    pub(crate) places: Vec<u32>,
    pub(crate) scores: Vec<f32>,
}

impl Lists {
    pub(crate) fn new(n_nodes: usize, limit: usize) -> Self {
        Self::with_width(n_nodes, limit, limit + SLACK)
    }

    fn with_width(n_nodes: usize, limit: usize, width: usize) -> Self {
        Self {
            limit,
            width,
            places: vec![NONE; n_nodes * width],
            scores: vec![0.0; n_nodes * width],
        }
    }

    pub(crate) fn edges(&self) -> Edges<'_> {
        Edges {
            places: &self.places,
            width: self.width,
        }
    }

    pub(crate) fn n_nodes(&self) -> usize {
        self.places.len() / self.width
    }

    pub(crate) fn scored(&self, node: u32) -> impl Iterator<Item = Scored> + '_ {
        let ids = self.edges().of(node);
        let scores = &self.scores[node as usize * self.width..];
        ids.iter().zip(scores).map(|(id, score)| Scored {
            score: *score,
            id: *id,
        })
    }

    /// Replaces the edges of `node`; there are at most `width`.
    pub(crate) fn set(&mut self, node: u32, edges: &[Scored]) {
        let from = node as usize * self.width;
        let places = &mut self.places[from..][..self.width];
        places.fill(NONE);
        places
            .iter_mut()
            .zip(edges)
            .for_each(|(place, edge)| *place = edge.id);
        let scores = &mut self.scores[from..][..edges.len()];
        scores
            .iter_mut()
            .zip(edges)
            .for_each(|(score, edge)| *score = edge.score);
    }

    /// Adds an edge if there is a place; whether there is one, or was that edge.
    pub(crate) fn add(&mut self, from: u32, edge: Scored) -> bool {
        let list = from as usize * self.width;
        let places = &mut self.places[list..][..self.width];
        let at = places
            .iter()
            .position(|place| *place == NONE || *place == edge.id);
        if let Some(at) = at {
            places[at] = edge.id;
            self.scores[list + at] = edge.score;
        }
        at.is_some()
    }

    /// The same edges with `width` places a node, which is at least what the longest list needs.
    pub(crate) fn resized(&self, width: usize) -> Self {
        let mut lists = Self::with_width(self.n_nodes(), self.limit, width);
        for node in 0..self.n_nodes() {
            let n = width.min(self.width);
            lists.places[node * width..][..n]
                .copy_from_slice(&self.places[node * self.width..][..n]);
            lists.scores[node * width..][..n]
                .copy_from_slice(&self.scores[node * self.width..][..n]);
        }
        lists
    }

    /// How many edges there are.
    pub(crate) fn n_edges(&self) -> usize {
        self.places.iter().filter(|place| **place != NONE).count()
    }

    /// The longest list.
    pub(crate) fn longest(&self) -> usize {
        (0..self.n_nodes() as u32)
            .map(|node| self.edges().of(node).len())
            .max()
            .unwrap_or(0)
    }
}

/// A graph being built over `rows`.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) rows: &'a Embeddings,
    pub(crate) grid: Grid,
    pub(crate) codes: Lines,
    /// The row of each node.
    pub(crate) row_of: Vec<u32>,
    /// From the lowest, which has every node.
    pub(crate) layers: Vec<Lists>,
    pub(crate) ef_construction: usize,
}

/// A new node's neighbours, by layer from the lowest.
struct Plan {
    node: u32,
    neighbours: Vec<Vec<Scored>>,
}

/// What one thread uses again from node to node.
#[derive(Default)]
pub(crate) struct Room {
    pub(crate) scratch: Scratch,
    pub(crate) prepared: Vec<Prepared>,
}

impl<'a> Draft<'a> {
    pub(crate) fn layer(&self, layer: usize) -> Layer<'_> {
        Layer {
            codes: self.code_view(),
            edges: self.layers[layer].edges(),
            guard: None,
        }
    }

    fn code_view(&self) -> Codes<'_> {
        Codes {
            lines: &self.codes,
            per_node: self.grid.lines(),
        }
    }

    pub(crate) fn pruner(&self) -> Pruner<'_> {
        Pruner {
            rows: self.rows,
            row_of: &self.row_of,
            grid: &self.grid,
            codes: self.code_view(),
        }
    }

    pub(crate) fn vector(&self, node: u32) -> &'a [f32] {
        self.rows.row(Row(self.row_of[node as usize]))
    }

    /// Inserts `nodes`, none of which has edges yet, all at once: each looks for its neighbours among the nodes inserted
    /// before, then the edges are entered in an order that no thread decides. So the graph is the same however many
    /// threads there are (Dobson and others, "ParlayANN: scalable and deterministic parallel graph-based approximate
    /// nearest neighbor search algorithms", PPoPP 2024).
    pub(crate) fn insert(&mut self, nodes: &[u32]) {
        let plans: Vec<Plan> = nodes
            .par_iter()
            .map_init(Room::default, |room, node| self.plan(*node, room))
            .collect();
        for layer in 0..self.layers.len() {
            let mut back = Vec::new();
            for plan in &plans {
                if let Some(neighbours) = plan.neighbours.get(layer) {
                    self.layers[layer].set(plan.node, neighbours);
                    back.extend(neighbours.iter().map(|n| {
                        (
                            n.id,
                            Scored {
                                score: n.score,
                                id: plan.node,
                            },
                        )
                    }));
                }
            }
            self.enter(layer, back);
        }
    }

    /// Algorithm 1 of the paper, `INSERT`, up to the choice of neighbours.
    fn plan(&self, node: u32, room: &mut Room) -> Plan {
        let Room { scratch, prepared } = room;
        self.grid.prepare(self.vector(node), &mut scratch.prepared);
        let own = self
            .layers
            .iter()
            .take_while(|lists| (node as usize) < lists.n_nodes())
            .count();
        let mut neighbours = vec![Vec::new(); own];
        let mut start = 0;
        for at in (0..self.layers.len()).rev() {
            scratch.visited.clear(self.layers[at].n_nodes());
            let ef = if at < own { self.ef_construction } else { 1 };
            self.layer(at).walk(start, ef, scratch);
            let mut found = scratch.pool.found();
            if at < own {
                neighbours[at] = self.pruner().select(found, self.layers[at].limit, prepared);
                start = neighbours[at].first().map_or(0, |nearest| nearest.id);
            } else if let Some(nearest) = found.next() {
                start = nearest.id;
            }
        }
        Plan { node, neighbours }
    }

    /// Algorithm 5 of the paper over the nodes that are in; those found are left in the scratch's pool.
    pub(crate) fn search(&self, query: &[f32], ef: usize, scratch: &mut Scratch) {
        self.grid.prepare(query, &mut scratch.prepared);
        let mut start = 0;
        for at in (0..self.layers.len()).rev() {
            scratch.visited.clear(self.layers[at].n_nodes());
            self.layer(at)
                .walk(start, if at == 0 { ef } else { 1 }, scratch);
            start = scratch.pool.found().next().map_or(0, |nearest| nearest.id);
        }
    }

    /// Adds edges `(from, edge)` to a layer, and prunes the lists that get too long.
    pub(crate) fn enter(&mut self, layer: usize, mut edges: Vec<(u32, Scored)>) {
        edges.par_sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        let groups: Vec<&[(u32, Scored)]> = edges.chunk_by(|a, b| a.0 == b.0).collect();
        let lists = &self.layers[layer];
        let merged: Vec<Vec<Scored>> = groups
            .par_iter()
            .map_init(Vec::new, |room, group| {
                let mut list: Vec<Scored> = lists.scored(group[0].0).collect();
                list.extend(group.iter().map(|(_, edge)| *edge));
                if list.len() > lists.width {
                    list.sort_unstable_by(|a, b| b.cmp(a));
                    list = self.pruner().select(list.into_iter(), lists.limit, room);
                }
                list
            })
            .collect();
        for (group, list) in groups.iter().zip(merged) {
            self.layers[layer].set(group[0].0, &list);
        }
    }

    /// Prunes every list to its limit.
    pub(crate) fn trim(&mut self) {
        for layer in 0..self.layers.len() {
            let lists = &self.layers[layer];
            let trimmed: Vec<(u32, Vec<Scored>)> = (0..lists.n_nodes() as u32)
                .into_par_iter()
                .map_init(Vec::new, |room, node| {
                    let mut list: Vec<Scored> = lists.scored(node).collect();
                    list.sort_unstable_by(|a, b| b.cmp(a));
                    if list.len() > lists.limit {
                        list = self.pruner().select(list.into_iter(), lists.limit, room);
                    }
                    (node, list)
                })
                .collect();
            let limit = lists.limit;
            let mut lists = Lists::with_width(trimmed.len(), limit, limit);
            trimmed
                .iter()
                .for_each(|(node, list)| lists.set(*node, list));
            self.layers[layer] = lists;
        }
    }
}
