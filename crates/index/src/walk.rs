//! The walk over one layer of a graph, by compact vectors.
//!
//! Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable Small World
//! graphs" (IEEE TPAMI 2018): [`Layer::walk`] is its algorithm 2, `SEARCH-LAYER`, with the two heaps of the paper in one
//! sorted list. A candidate worse than the worst of `ef` results is never expanded, so it need not be kept, and what is
//! left of the candidates is a part of the results.

use std::collections::BinaryHeap;

use crate::graph::Guard;
use crate::grid::{Codes, Prepared};
use crate::hit::{Best, Scored};
use crate::lines::{LINE, prefetch};

/// An empty place in a list of edges; all after it are empty too.
pub(crate) const NONE: u32 = u32::MAX;

/// Nodes scored together.
const GROUP: usize = 4;

/// Marks a pool's node whose edges were followed.
const EXPANDED: u32 = 1 << 31;

/// The most nodes a graph may have: one bit of their number is [`EXPANDED`].
pub(crate) const MAX_NODES: usize = EXPANDED as usize - 1;

/// The edges of a layer's nodes, as many places for each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edges<'a> {
    pub(crate) places: &'a [u32],
    pub(crate) width: usize,
}

impl<'a> Edges<'a> {
    /// The places of one node: its edges, then [`NONE`].
    #[inline]
    pub(crate) fn places_of(&self, node: u32) -> &'a [u32] {
        &self.places[node as usize * self.width..][..self.width]
    }

    /// The edges of one node.
    pub(crate) fn of(&self, node: u32) -> &'a [u32] {
        let places = self.places_of(node);
        &places[..places
            .iter()
            .position(|to| *to == NONE)
            .unwrap_or(places.len())]
    }

    /// Asks for the places of one node.
    #[inline]
    fn prefetch(&self, node: u32) {
        const PLACES: usize = LINE / 4;
        self.places_of(node)
            .iter()
            .step_by(PLACES)
            .for_each(prefetch);
    }

    pub(crate) fn n_nodes(&self) -> usize {
        self.places.len() / self.width.max(1)
    }
}

/// One layer: the compact vectors of all nodes, and the edges of those on it (the first ones).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layer<'a> {
    pub(crate) codes: Codes<'a>,
    pub(crate) edges: Edges<'a>,
    /// Of a file that is not verified yet.
    pub(crate) guard: Option<Guard<'a>>,
}

/// What one search needs and the next can use again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) prepared: Prepared,
    pub(crate) pool: Pool,
    pub(crate) visited: Visited,
    fresh: Vec<u32>,
    candidates: BinaryHeap<Scored>,
}

impl Layer<'_> {
    /// From `start` to the `ef` nodes most similar to the prepared query, left in the pool, best first. Nodes marked as
    /// visited before are not entered.
    pub(crate) fn walk(&self, start: u32, ef: usize, scratch: &mut Scratch) {
        let Scratch {
            prepared,
            pool,
            visited,
            fresh,
            ..
        } = scratch;
        pool.clear(ef);
        visited.insert(start);
        if self.guard.is_some_and(|guard| !guard.code(start)) {
            return;
        }
        pool.offer(prepared.one(self.codes.of(start)), start);
        while let Some(node) = pool.next() {
            self.enter_neighbours(node, visited, fresh);
            // Mostly it stays the next one; the others that become it are asked for when they come.
            if let Some(next) = pool.peek() {
                self.edges.prefetch(next);
            }
            self.score(prepared, fresh, |score, node| {
                if pool.offer(score, node) {
                    self.edges.prefetch(node);
                }
            });
        }
    }

    /// [`Layer::walk`] for nodes that `wanted` accepts; the others are walked over. Nothing when more than `budget` nodes
    /// were scored without coming to an end.
    pub(crate) fn walk_where(
        &self,
        start: u32,
        (ef, budget): (usize, usize),
        wanted: impl Fn(u32) -> bool,
        scratch: &mut Scratch,
    ) -> Option<Vec<Scored>> {
        let Scratch {
            prepared,
            visited,
            fresh,
            candidates,
            ..
        } = scratch;
        candidates.clear();
        let mut best = Best::new(ef);
        let mut n_scored = 1;
        let take = |score, id, candidates: &mut BinaryHeap<Scored>, best: &mut Best| {
            let scored = Scored { score, id };
            if best.accepts(scored) {
                candidates.push(scored);
                if wanted(id) {
                    best.offer(scored);
                }
            }
        };
        visited.insert(start);
        if self.guard.is_some_and(|guard| !guard.code(start)) {
            return None;
        }
        take(
            prepared.one(self.codes.of(start)),
            start,
            candidates,
            &mut best,
        );
        while let Some(nearest) = candidates.pop() {
            if best.worst().is_some_and(|worst| nearest < worst) {
                break;
            }
            if n_scored > budget {
                return None;
            }
            self.enter_neighbours(nearest.id, visited, fresh);
            n_scored += fresh.len();
            self.score(prepared, fresh, |score, node| {
                take(score, node, candidates, &mut best)
            });
        }
        Some(best.into_sorted())
    }

    /// Marks the neighbours of `node`, and lists those that were not marked.
    #[inline]
    fn enter_neighbours(&self, node: u32, visited: &mut Visited, fresh: &mut Vec<u32>) {
        fresh.clear();
        if self.guard.is_some_and(|guard| !guard.edges(node)) {
            return;
        }
        for &to in self.edges.places_of(node) {
            if to == NONE {
                break;
            }
            if visited.insert(to) {
                for line in self.codes.of(to) {
                    prefetch(line);
                }
                fresh.push(to);
            }
        }
        if let Some(guard) = self.guard {
            fresh.retain(|to| guard.code(*to));
        }
    }

    #[inline]
    fn score(&self, prepared: &Prepared, nodes: &[u32], mut take: impl FnMut(f32, u32)) {
        let (groups, rest) = nodes.as_chunks::<GROUP>();
        for group in groups {
            let scores = prepared.four(group.map(|node| self.codes.of(node)));
            group
                .iter()
                .zip(scores)
                .for_each(|(node, score)| take(score, *node));
        }
        for &node in rest {
            take(prepared.one(self.codes.of(node)), node);
        }
    }
}

/// The best nodes met so far, best first, and which of them were expanded.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    scores: Vec<f32>,
    nodes: Vec<u32>,
    limit: usize,
    /// No node before this one waits to be expanded.
    cursor: usize,
}

impl Pool {
    fn clear(&mut self, limit: usize) {
        self.scores.clear();
        self.nodes.clear();
        self.limit = limit;
        self.cursor = 0;
    }

    /// Keeps the node if it is one of the best; of equal ones those that came first. Gives whether it is the next one to be
    /// expanded, as things are.
    #[inline]
    fn offer(&mut self, score: f32, node: u32) -> bool {
        if self.scores.len() == self.limit {
            if self.scores.last().is_none_or(|worst| score <= *worst) {
                return false;
            }
            self.scores.pop();
            self.nodes.pop();
        }
        let at = self.scores.partition_point(|kept| *kept >= score);
        self.scores.insert(at, score);
        self.nodes.insert(at, node);
        let is_next = at <= self.cursor;
        self.cursor = self.cursor.min(at);
        is_next
    }

    /// The best node not expanded yet, which is hereby.
    #[inline]
    fn next(&mut self) -> Option<u32> {
        let node = self.peek()?;
        self.nodes[self.cursor] |= EXPANDED;
        self.cursor += 1;
        Some(node)
    }

    #[inline]
    fn peek(&mut self) -> Option<u32> {
        while self.nodes.get(self.cursor)? & EXPANDED != 0 {
            self.cursor += 1;
        }
        Some(self.nodes[self.cursor])
    }

    /// What was kept, best first.
    pub(crate) fn found(&self) -> impl ExactSizeIterator<Item = Scored> + '_ {
        let pairs = self.scores.iter().zip(&self.nodes);
        pairs.map(|(score, node)| Scored {
            score: *score,
            id: node & !EXPANDED,
        })
    }
}

/// Of so many nodes on, a walk remembers which words of its set it wrote: to empty all of them would take longer.
const REMEMBERED: usize = 1 << 20;

/// A set of nodes, one bit each.
#[derive(Debug, Default)]
pub(crate) struct Visited {
    /// All zero but for the first `used`, and of these, where there are so many that they are remembered, but for `written`.
    words: Vec<u64>,
    used: usize,
    remembers: bool,
    written: Vec<u32>,
}

impl Visited {
    /// Empties the set and makes room for nodes below `n`.
    pub(crate) fn clear(&mut self, n: usize) {
        if self.remembers {
            for word in self.written.drain(..) {
                self.words[word as usize] = 0;
            }
        } else {
            self.words[..self.used].fill(0);
        }
        self.used = n.div_ceil(64);
        if self.words.len() < self.used {
            self.words.resize(self.used, 0);
        }
        self.remembers = n > REMEMBERED;
    }

    /// Whether `node` was not in the set before.
    #[inline]
    pub(crate) fn insert(&mut self, node: u32) -> bool {
        let at = node as usize / 64;
        let word = &mut self.words[at];
        let bit = 1 << (node % 64);
        let new = *word & bit == 0;
        if self.remembers && *word == 0 {
            self.written.push(at as u32);
        }
        *word |= bit;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_empty_after_it_was_emptied_whatever_its_size() {
        let mut visited = Visited::default();
        let mut random = 1u64;
        for n in [
            100,
            REMEMBERED + 700,
            64,
            1,
            REMEMBERED * 2,
            REMEMBERED,
            REMEMBERED + 1,
            3_000,
        ] {
            visited.clear(n);
            let mut plain = std::collections::HashSet::new();
            for _ in 0..500 {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let node = (random >> 33) as u32 % n as u32;
                assert_eq!(visited.insert(node), plain.insert(node), "{node} of {n}");
            }
        }
    }

    #[test]
    fn a_pool_keeps_the_best_and_expands_each_once() {
        let mut pool = Pool::default();
        pool.clear(3);
        for (node, score) in [0.5, 0.1, 0.7, 0.5, 0.6].into_iter().enumerate() {
            pool.offer(score, node as u32);
        }
        assert_eq!(pool.found().map(|s| s.id).collect::<Vec<_>>(), [2, 4, 0]);
        assert_eq!((pool.next(), pool.next()), (Some(2), Some(4)));
        pool.offer(0.9, 7);
        assert_eq!(
            (pool.next(), pool.peek(), pool.next()),
            (Some(7), None, None),
            "0 was pushed out, 2 and 4 are done"
        );
        assert_eq!(pool.found().map(|s| s.id).collect::<Vec<_>>(), [7, 2, 4]);
    }
}
