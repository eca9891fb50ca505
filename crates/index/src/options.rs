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

/// How an index is made; [`Default`] gives the value named at each field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexOptions {
    /// Which search answers (default [`Kind::Auto`]).
    pub kind: Kind,
    /// With [`Kind::Auto`]: fewer rows than this are searched exactly (default 50,000; see the table at
    /// [`DEFAULT_EXACT_BELOW`]).
    pub exact_below: usize,
    /// Edges of a row on each upper layer, twice as many on the lowest: `M` in the HNSW paper (default 16, 2 to 128).
    /// More find better and cost memory, `8 m` bytes a row, and build time.
    pub m: usize,
    /// Rows kept in view while an edge list is chosen: `efConstruction` in the paper (default 200, `m` to 100,000).
    pub ef_construction: usize,
    /// Rows kept in view while searching, unless a search names its own: `ef` in the paper (default 128, at least 1).
    /// More find better and take longer.
    pub ef: usize,
    /// Whether the rows are inserted one after the other (default true), which makes the graph the same on every run and
    /// whatever the thread count. With false all threads insert at once: building takes about as many times less as there
    /// are cores, and two builds of the same rows may differ in a few edges, hence in a few approximate results.
    pub deterministic: bool,
}

/// Default of [`IndexOptions::exact_below`]. Measured by the criterion bench `benches/index.rs`: milliseconds a query, 384
/// numbers a row, `k` 10, on 2 shared cores with AVX2 (exact search uses both, the graph one):
///
/// | rows | exact | HNSW, ef 64 | HNSW, ef 128 |
/// |---:|---:|---:|---:|
/// | 1,000 | 0.05 | 0.04 | 0.04 (exact: `ef` is more than a sixteenth) |
/// | 5,000 | 0.28 | 0.10 | 0.20 |
/// | 10,000 | 0.37 | 0.17 | 0.28 |
/// | 20,000 | 2.4 | 0.35 | 0.67 |
/// | 50,000 | 13 | 0.32 | 0.70 |
///
/// The graph answers faster from a few thousand rows on, but takes 1 to 2 ms a row to build, again after every change, and a
/// file: at 50,000 rows over a minute, as much as 5,000 exact queries, where a query of 13 ms is hardly noticed. So "faster"
/// counts the build, and a graph is made above that.
pub const DEFAULT_EXACT_BELOW: usize = 50_000;

impl Default for IndexOptions {
    fn default() -> Self {
        Self {
            kind: Kind::Auto,
            exact_below: DEFAULT_EXACT_BELOW,
            m: 16,
            ef_construction: 200,
            ef: 128,
            deterministic: true,
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
            ("ef", self.ef, 1..=1_000_000, "between 1 and 1000000"),
        ];
        for (name, got, range, rule) in rules {
            if !range.contains(&got) {
                return Err(IndexError::Option { name, got, rule });
            }
        }
        Ok(())
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
                ef: 0,
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
            ]
        );
    }
}
