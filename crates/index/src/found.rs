//! What a search found, and which way: where a walk through the graph is no faster, rows are compared one by one.

use crate::{Hit, Index};

/// The answer of a search, and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Most similar first, equal scores by row ascending.
    pub hits: Vec<Hit>,
    /// Which rows were looked at.
    pub looked_at: LookedAt,
}

/// Which rows a search looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookedAt {
    /// Those that a walk through the graph came by.
    Walk,
    /// All of them.
    All,
    /// All that passed a filter, so many.
    Passing(usize),
}

impl Found {
    pub(crate) fn new(hits: Vec<Hit>, looked_at: LookedAt) -> Self {
        Self { hits, looked_at }
    }
}

impl Index {
    /// How a search for `k` rows went and why, in one line for a user.
    #[must_use]
    pub fn describe_search(&self, looked_at: LookedAt, k: usize) -> String {
        let n_rows = self.n_rows;
        match looked_at {
            LookedAt::Walk => self.describe(),
            LookedAt::All if self.is_exact() => self.describe(),
            LookedAt::All => format!(
                "exact search over {n_rows} rows: to find {k} of so many, comparing all is as fast as a walk through the graph"
            ),
            LookedAt::Passing(n) if self.is_exact() => {
                format!("exact search over the {n} of {n_rows} rows that pass the filter")
            }
            LookedAt::Passing(n) => format!(
                "exact search over the {n} of {n_rows} rows that pass the filter: comparing them is as fast as a walk \
                 through the graph, and misses nothing"
            ),
        }
    }
}
