//! How an index is made.

use crate::IndexError;

/// Which search answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// Exact below [`IndexOptions::exact_below`] rows, HNSW from there on.
    #[default]
    Auto,
    /// Every row is compared: always right, time grows with the number of rows.
    Exact,
    /// A graph is walked: approximate, time grows with the logarithm of the number of rows.
    Hnsw,
}

/// How thoroughly a graph is searched, unless a search says otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Effort {
    /// As thoroughly as this recall of the 10 nearest takes (0.5 to 0.9999), measured on the rows themselves at the end of
    /// the build: see [`crate::Calibration`].
    Recall(f64),
    /// So many rows are kept in view, `ef` in the HNSW paper (1 to 1,000,000).
    Ef(usize),
}

/// Who builds the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Builder {
    /// This crate: on all threads, and the same graph whatever their number.
    #[default]
    Own,
    /// `hnsw_rs`, the baseline that our own build is measured against: slower, and reproducible on one thread only.
    HnswRs,
}

/// How an index is made; [`Default`] gives the value named at each field.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexOptions {
    /// Which search answers (default [`Kind::Auto`]).
    pub kind: Kind,
    /// With [`Kind::Auto`]: fewer rows than this are searched exactly (default [`DEFAULT_EXACT_BELOW`]).
    pub exact_below: usize,
    /// Edges of a row on each upper layer, twice as many on the lowest: `M` in the HNSW paper (default 16, 2 to 128).
    /// More find better and cost memory, `8 m` bytes a row, and build time.
    pub m: usize,
    /// Rows kept in view while an edge list is chosen: `efConstruction` in the paper (default 100, `m` to 100,000).
    pub ef_construction: usize,
    /// How thoroughly the graph is searched (default: to a recall of 0.99).
    pub effort: Effort,
    /// Who builds the graph (default [`Builder::Own`]).
    pub builder: Builder,
}

/// Default of [`IndexOptions::exact_below`]. Measured by `syntopic bench index` on 22,000 vectors of abstracts, 384 numbers
/// each, `k` 10, two shared cores with AVX2: exact search takes 2.5 to 4 ms a query, a graph 0.07 ms at a recall of 0.99,
/// after a build of 1.4 to 2.7 s, which is as much as 600 exact queries. The graph is faster from a few thousand rows on,
/// but below this many rows nobody notices the difference, there is nothing to build, and nothing is missed.
pub const DEFAULT_EXACT_BELOW: usize = 20_000;

impl Default for IndexOptions {
    fn default() -> Self {
        Self {
            kind: Kind::Auto,
            exact_below: DEFAULT_EXACT_BELOW,
            m: 16,
            ef_construction: 100,
            effort: Effort::Recall(0.99),
            builder: Builder::Own,
        }
    }
}

impl IndexOptions {
    /// Whether every option keeps its rule.
    ///
    /// # Errors
    /// [`IndexError::Option`] for the first that does not.
    pub fn check(&self) -> Result<(), IndexError> {
        let rules = [
            ("m", self.m, 2..=128, "between 2 and 128"),
            (
                "ef_construction",
                self.ef_construction,
                self.m..=100_000,
                "between m and 100000",
            ),
            ("ef", self.ef(), 1..=1_000_000, "between 1 and 1000000"),
        ];
        for (name, got, range, rule) in rules {
            if !range.contains(&got) {
                return Err(IndexError::Option { name, got, rule });
            }
        }
        match self.effort {
            Effort::Recall(got) if !(0.5..=0.9999).contains(&got) => {
                Err(IndexError::WantedRecall { got })
            }
            _ => Ok(()),
        }
    }

    /// The effort as it was named, or any that is accepted.
    fn ef(&self) -> usize {
        match self.effort {
            Effort::Ef(ef) => ef,
            Effort::Recall(_) => 1,
        }
    }

    /// Whether `n_rows` rows are searched exactly.
    pub(crate) fn is_exact(&self, n_rows: usize) -> bool {
        match self.kind {
            Kind::Exact => true,
            Kind::Hnsw => n_rows == 0,
            Kind::Auto => n_rows == 0 || n_rows < self.exact_below,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_keep_their_rules_and_wrong_ones_are_named() {
        IndexOptions::default().check().expect("the defaults");
        let wrong = [
            IndexOptions {
                m: 1,
                ..Default::default()
            },
            IndexOptions {
                ef_construction: 15,
                ..Default::default()
            },
            IndexOptions {
                effort: Effort::Ef(0),
                ..Default::default()
            },
            IndexOptions {
                effort: Effort::Recall(1.0),
                ..Default::default()
            },
            IndexOptions {
                effort: Effort::Recall(f64::NAN),
                ..Default::default()
            },
        ];
        let messages: Vec<String> = wrong
            .iter()
            .map(|o| o.check().expect_err("wrong").to_string())
            .collect();
        assert_eq!(
            messages,
            [
                "m is 1, it must be between 2 and 128",
                "ef_construction is 15, it must be between m and 100000",
                "ef is 0, it must be between 1 and 1000000",
                "the wanted recall is 1, it must be between 0.5 and 0.9999: for all of the nearest rows, compare everything (a recall of 1, where a library is searched)",
                "the wanted recall is NaN, it must be between 0.5 and 0.9999: for all of the nearest rows, compare everything (a recall of 1, where a library is searched)",
            ]
        );
    }
}
