//! How much of the exact answer the index finds.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;
use syntopic_core::{Embeddings, Row};

use crate::exact::exact;
use crate::{Hit, Index, IndexError, audit};

/// The normal quantile of a 95% interval.
const Z: f64 = 1.959_964;

/// Measured recall: the share of the true nearest rows that the index returned.
#[derive(Debug, Clone, PartialEq)]
pub struct Recall {
    /// How many neighbours a query has: those asked for, or all others where there are fewer.
    pub k: usize,
    /// How many rows were asked about.
    pub n_queries: usize,
    /// Mean recall of the queries, 0 to 1.
    pub mean: f64,
    /// Lower end of the 95% interval of `mean` (Wilson's, one trial a query: wide rather than narrow).
    pub low: f64,
    /// Upper end of it.
    pub high: f64,
    /// Recall of the worst query.
    pub worst: f64,
    /// Rows that no search can reach, counted again now.
    pub unreachable: usize,
}

/// Asks for the `k` nearest rows of `n_queries` rows picked by `seed` (of every row when there are no more), by the index
/// and exactly, the row itself left out of both answers. A row counts as found when its score is at least the `k`-th of the
/// exact answer: which of several equally similar rows is returned does not matter. The same seed gives the same figures.
///
/// # Errors
/// When `k` or `n_queries` is 0, there are fewer than 2 rows, or the rows are not those of the index.
pub fn measure_recall(
    index: &Index,
    rows: &Embeddings,
    k: usize,
    n_queries: usize,
    seed: u64,
) -> Result<Recall, IndexError> {
    if n_queries == 0 {
        return Err(IndexError::Option {
            name: "n_queries",
            got: 0,
            rule: "at least 1",
        });
    }
    if rows.n_rows() < 2 {
        return Err(IndexError::TooFewRows {
            n_rows: rows.n_rows(),
        });
    }
    index.verify()?;
    let mut picked: Vec<u32> = (0..rows.n_rows() as u32).collect();
    let (picked, _) =
        picked.partial_shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(seed), n_queries);
    let recalls: Vec<f64> = picked
        .par_iter()
        .map(|row| recall_of(index, rows, k, Row(*row)))
        .collect::<Result<_, _>>()?;
    let n = recalls.len() as f64;
    let mean = recalls.iter().sum::<f64>() / n;
    let (low, high) = wilson(mean, n);
    Ok(Recall {
        k: k.min(rows.n_rows() - 1),
        n_queries: recalls.len(),
        mean,
        low,
        high,
        worst: recalls.iter().copied().fold(1.0, f64::min),
        unreachable: index.graph.as_ref().map_or(0, audit::unreachable),
    })
}

fn recall_of(index: &Index, rows: &Embeddings, k: usize, row: Row) -> Result<f64, IndexError> {
    let query = rows.row(row);
    // One more than k, for the row itself; a k of 0 stays the error it is.
    let wanted = if k == 0 {
        0
    } else {
        k.min(rows.n_rows() - 1) + 1
    };
    let others = |hits: Vec<Hit>| {
        hits.into_iter()
            .filter(move |hit| hit.row != row)
            .take(wanted - 1)
    };
    let found = others(index.search(rows, query, wanted, None)?);
    let Some(last) = others(exact(rows, query, wanted)).last() else {
        return Ok(1.0);
    };
    let right = found.filter(|hit| hit.score >= last.score).count();
    Ok(right as f64 / (wanted - 1) as f64)
}

/// Wilson's score interval of a mean of `n` values within 0 and 1.
fn wilson(mean: f64, n: f64) -> (f64, f64) {
    let z2 = Z * Z;
    let centre = (mean + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n)
        * (mean * (1.0 - mean) / n + z2 / (4.0 * n * n))
            .max(0.0)
            .sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_wilsons() {
        // Agresti and Coull (1998): 9 of 10 give 0.596 to 0.982.
        let (low, high) = wilson(0.9, 10.0);
        assert!(
            (low - 0.596).abs() < 1e-3 && (high - 0.982).abs() < 1e-3,
            "{low} {high}"
        );
        assert!(wilson(1.0, 100.0).0 < 1.0, "100 right answers are no proof");
    }
}
