//! The frozen graph: flat arrays that are walked, never changed in place.
//!
//! `hnsw_rs` builds the edges; the search is our own, after Malkov and Yashunin, "Efficient and robust approximate nearest
//! neighbor search using Hierarchical Navigable Small World graphs" (2016): its algorithm 2 is [`Layer::walk`], its
//! algorithm 5 is [`Graph::nearest`].

use std::collections::BinaryHeap;

use syntopic_core::{Embeddings, Row};

use crate::IndexError;
use crate::dot::GROUP;
use crate::exact::score_group;
use crate::hit::{Best, Scored};

/// One layer: its nodes are numbered from 0 by position, in the order of the rows they stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layer {
    /// The row of each node, ascending.
    pub(crate) rows: Vec<u32>,
    /// The edges of node `i` are `edges[offsets[i]..offsets[i + 1]]`.
    pub(crate) offsets: Vec<u32>,
    /// The nodes that edges lead to.
    pub(crate) edges: Vec<u32>,
}

impl Layer {
    /// A layer of nodes `rows` (ascending) and the edges of each, as positions.
    pub(crate) fn new(rows: Vec<u32>, lists: &[Vec<u32>]) -> Result<Self, IndexError> {
        let total = lists.iter().map(Vec::len).sum();
        if u32::try_from(total).is_err() {
            return Err(IndexError::TooManyEdges { edges: total });
        }
        let mut offsets = Vec::with_capacity(rows.len() + 1);
        let mut edges = Vec::with_capacity(total);
        offsets.push(0);
        for list in lists {
            edges.extend_from_slice(list);
            offsets.push(edges.len() as u32);
        }
        Ok(Self {
            rows,
            offsets,
            edges,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn neighbours(&self, node: u32) -> &[u32] {
        let node = node as usize;
        &self.edges[self.offsets[node] as usize..self.offsets[node + 1] as usize]
    }

    /// The node that stands for `row`.
    pub(crate) fn node_of(&self, row: u32) -> Option<u32> {
        self.rows.binary_search(&row).ok().map(|at| at as u32)
    }

    /// Algorithm 2 of the paper, `SEARCH-LAYER`: from `start` to the `ef` wanted nodes most similar to the query, best first.
    /// Nodes that are not wanted are walked over. `None` when more than `budget` nodes were scored without coming to an end.
    pub(crate) fn walk(
        &self,
        walk: &Walk<'_>,
        start: u32,
        ef: usize,
        wanted: impl Fn(u32) -> bool,
        scratch: &mut Scratch,
    ) -> Option<Vec<Scored>> {
        let Scratch {
            visited,
            candidates,
        } = scratch;
        visited.clear(self.len());
        candidates.clear();
        let mut best = Best::new(ef);
        let row_of = |node: u32| Row(self.rows[node as usize]);
        let mut score = |nodes: &[u32], candidates: &mut BinaryHeap<Scored>| {
            score_group(walk.rows, walk.query, nodes, row_of, |scored| {
                if best.accepts(scored) {
                    candidates.push(scored);
                    if wanted(scored.id) {
                        best.offer(scored);
                    }
                }
            });
            best.worst()
        };
        visited.insert(start);
        let mut worst = score(&[start], candidates);
        while let Some(nearest) = candidates.pop() {
            if worst.is_some_and(|worst| nearest < worst) {
                break;
            }
            if visited.len() > walk.budget {
                return None;
            }
            let mut group = [0; GROUP];
            let mut filled = 0;
            for &node in self.neighbours(nearest.id) {
                if visited.insert(node) {
                    group[filled] = node;
                    filled += 1;
                    if filled == GROUP {
                        score(&group, candidates);
                        filled = 0;
                    }
                }
            }
            worst = score(&group[..filled], candidates);
        }
        Some(best.into_sorted())
    }
}

/// What a walk looks for, and where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk<'a> {
    pub(crate) rows: &'a Embeddings,
    pub(crate) query: &'a [f32],
    /// How many nodes of one layer may be scored.
    pub(crate) budget: usize,
}

/// The layers of an HNSW graph over rows that all differ, and the rows that repeat one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Graph {
    /// From the lowest, which has every row but the twins; each has a part of the rows of the one before.
    pub(crate) layers: Vec<Layer>,
    /// The node of the last layer where every search begins.
    pub(crate) entry: u32,
    /// `(row, twin)`, ascending: the vector of `twin` is that of the lower `row`, which stands for it in the graph.
    /// Thousands of identical vectors as nodes would have edges to each other only.
    pub(crate) twins: Vec<(u32, u32)>,
}

impl Graph {
    /// Algorithm 5 of the paper, `K-NN-SEARCH`, for the `ef` wanted rows of the graph: greedy descent to the nearest node of
    /// each upper layer, then the wide walk on the lowest. `None` when the budget ran out.
    pub(crate) fn nearest(
        &self,
        walk: &Walk<'_>,
        ef: usize,
        wanted: impl Fn(u32) -> bool,
        scratch: &mut Scratch,
    ) -> Option<Vec<Scored>> {
        let descent = Walk {
            budget: usize::MAX,
            ..*walk
        };
        let mut node = self.entry;
        for pair in self.layers.windows(2).rev() {
            let [lower, upper] = pair else {
                unreachable!("windows of 2")
            };
            // A walk with ef 1 is the greedy search: it ends where no neighbour is better.
            let nearest = upper.walk(&descent, node, 1, |_| true, scratch)?;
            let row = nearest.first().map_or(upper.rows[node as usize], |best| {
                upper.rows[best.id as usize]
            });
            node = lower
                .node_of(row)
                .expect("a row of an upper layer is on the lower one: verified when made or read");
        }
        let ground = &self.layers[0];
        let row_of = |node: u32| ground.rows[node as usize];
        let found = ground.walk(walk, node, ef, |node| wanted(row_of(node)), scratch)?;
        Some(
            found
                .into_iter()
                .map(|scored| Scored {
                    id: row_of(scored.id),
                    ..scored
                })
                .collect(),
        )
    }

    /// The rows identical to `row`, ascending.
    pub(crate) fn twins_of(&self, row: u32) -> impl Iterator<Item = u32> + '_ {
        let from = self.twins.partition_point(|(first, _)| *first < row);
        self.twins[from..]
            .iter()
            .take_while(move |(first, _)| *first == row)
            .map(|(_, twin)| *twin)
    }

    /// How many edges all layers have.
    pub(crate) fn n_edges(&self) -> usize {
        self.layers.iter().map(|layer| layer.edges.len()).sum()
    }
}

/// What one search needs and the next can use again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    visited: Visited,
    candidates: BinaryHeap<Scored>,
}

/// A set of nodes: one bit each, and the list of those set, by which it is emptied.
#[derive(Debug, Default)]
struct Visited {
    words: Vec<u64>,
    set: Vec<u32>,
}

impl Visited {
    /// Empties the set and makes room for nodes below `n`.
    fn clear(&mut self, n: usize) {
        for node in self.set.drain(..) {
            self.words[node as usize / 64] = 0;
        }
        if self.words.len() < n.div_ceil(64) {
            self.words.resize(n.div_ceil(64), 0);
        }
    }

    /// Whether `node` was not in the set before.
    fn insert(&mut self, node: u32) -> bool {
        let word = &mut self.words[node as usize / 64];
        let bit = 1 << (node % 64);
        let new = *word & bit == 0;
        if new {
            *word |= bit;
            self.set.push(node);
        }
        new
    }

    fn len(&self) -> usize {
        self.set.len()
    }
}
