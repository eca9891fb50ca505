//! A result, the order of results, and the best few of many.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use syntopic_core::Row;

/// One row found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Which row.
    pub row: Row,
    /// Its cosine similarity with the query: larger is more similar, 1 is the same direction. Exactly
    /// [`syntopic_core::dot`] of the two vectors, whichever search found it.
    pub score: f32,
}

/// Something scored, ordered so that the greater is the better: by score, then the lower id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scored {
    pub(crate) score: f32,
    pub(crate) id: u32,
}

impl Ord for Scored {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score
            .total_cmp(&other.score)
            .then_with(|| other.id.cmp(&self.id))
    }
}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scored {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Scored {}

impl From<Scored> for Hit {
    fn from(scored: Scored) -> Self {
        Self {
            row: Row(scored.id),
            score: scored.score,
        }
    }
}

/// The best `limit` of all that was offered.
#[derive(Debug)]
pub(crate) struct Best {
    limit: usize,
    /// The worst on top.
    heap: BinaryHeap<Reverse<Scored>>,
}

impl Best {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            heap: BinaryHeap::with_capacity(limit.min(1024)),
        }
    }

    /// The last that is kept; none while there is room for any.
    pub(crate) fn worst(&self) -> Option<Scored> {
        if self.heap.len() < self.limit {
            None
        } else {
            self.heap.peek().map(|Reverse(worst)| *worst)
        }
    }

    /// Whether `scored` would be kept.
    pub(crate) fn accepts(&self, scored: Scored) -> bool {
        self.worst().is_none_or(|worst| scored > worst)
    }

    pub(crate) fn offer(&mut self, scored: Scored) {
        if self.heap.len() < self.limit {
            self.heap.push(Reverse(scored));
        } else if let Some(mut worst) = self.heap.peek_mut()
            && scored > worst.0
        {
            *worst = Reverse(scored);
        }
    }

    pub(crate) fn merge(mut self, other: Self) -> Self {
        other
            .heap
            .into_iter()
            .for_each(|Reverse(scored)| self.offer(scored));
        self
    }

    /// All that was kept, best first.
    pub(crate) fn into_sorted(self) -> Vec<Scored> {
        self.heap
            .into_sorted_vec()
            .into_iter()
            .map(|Reverse(scored)| scored)
            .collect()
    }
}
