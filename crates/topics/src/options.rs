//! What a caller may choose about topics.

use crate::TopicsError;

/// How topics are found. [`TopicOptions::default`] is what the documentation of each field says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicOptions {
    /// Number of topics, `1..=n_papers`; `None` (default) chooses it from the data, see [`crate::KChoice`].
    pub k: Option<usize>,
    /// Least papers of a topic; default 1. Smaller ones are given up, and there are fewer topics than `k`.
    pub min_size: usize,
    /// Seed of every random draw; default 42.
    pub seed: u64,
    /// Most k-means iterations of a run; default 100. Most runs stop long before because nothing moves any more.
    pub max_iterations: u64,
    /// Runs from different starts of which the best is kept; default 24. Above 2,000 papers an eighth of it (at least 1), since
    /// runs then cost more and differ less.
    pub restarts: usize,
    /// Rounds in which vectors are drawn towards their neighbours before they are clustered, from 1,000 papers on; default 8,
    /// 0 for none.
    pub smoothing: usize,
    /// Neighbours that a vector is drawn towards; default 15.
    pub neighbors: usize,
    /// Phrases in a topic's name; default 3. Fewer where a topic's papers have fewer, more where two names would be the same.
    pub name_phrases: usize,
    /// Terms listed with a topic, best first; default 10.
    pub terms: usize,
}

impl Default for TopicOptions {
    fn default() -> Self {
        Self {
            k: None,
            min_size: 1,
            seed: 42,
            max_iterations: 100,
            restarts: 24,
            smoothing: 8,
            neighbors: 15,
            name_phrases: 3,
            terms: 10,
        }
    }
}

impl TopicOptions {
    /// Checks the options for `n` papers.
    ///
    /// # Errors
    /// When `k` is 0 or above `n`, `min_size` is above `n`, or a count is 0. Nothing is clamped.
    pub fn check(&self, n: usize) -> Result<(), TopicsError> {
        match self.k {
            Some(0) => return Err(TopicsError::ZeroTopics),
            Some(k) if k > n => return Err(TopicsError::TooManyTopics { k, n }),
            _ => {}
        }
        if self.min_size > n {
            let least = self.min_size;
            return Err(TopicsError::TooLargeTopics { least, n });
        }
        let counts = [
            ("min_size", self.min_size == 0),
            ("max_iterations", self.max_iterations == 0),
            ("restarts", self.restarts == 0),
            ("neighbors", self.neighbors == 0),
            ("name_phrases", self.name_phrases == 0),
            ("terms", self.terms == 0),
        ];
        match counts.iter().find(|(_, zero)| *zero) {
            Some((name, _)) => Err(TopicsError::ZeroOption(name)),
            None => Ok(()),
        }
    }
}
