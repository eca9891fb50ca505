//! How much of the neighbourhoods of the vectors a layout keeps. Not for: judging how clusters lie to one another.

use crate::map::MapError;
use crate::order::fixed_sample;
use rayon::prelude::*;
use serde::Serialize;
use syntopic_core::{Embeddings, Row, dot};

/// Rows that are looked at, evenly spaced, where there are more.
const SAMPLE: usize = 2_000;

/// What a layout keeps; both figures are larger for better, at most 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MapScore {
    /// Whether neighbours on the map are neighbours by their vectors (Venna & Kaski 2001), as `sklearn.manifold.trustworthiness`
    /// has it with the same number of neighbours and the Euclidean distance, which sorts unit vectors as the cosine does.
    pub trustworthiness: f64,
    /// Share of each row's nearest by vectors that are among its nearest on the map.
    pub preservation: f64,
    /// How many nearest were compared.
    pub neighbors: usize,
    /// Rows looked at, each against all others.
    pub sampled: usize,
    /// Rows there are.
    pub rows: usize,
}

/// Compares the `k` nearest of a fixed sample of rows by their vectors with those by their positions.
///
/// # Errors
/// When positions and rows differ in number, or `k` is 0 or not below half the number of rows.
pub fn score(rows: &Embeddings, positions: &[[f32; 2]], k: usize) -> Result<MapScore, MapError> {
    let n = rows.n_rows();
    if positions.len() != n {
        return Err(MapError::Positions {
            positions: positions.len(),
            rows: n,
        });
    }
    if k == 0 || 2 * k >= n {
        return Err(MapError::Option {
            name: "k",
            got: k.to_string(),
            rule: "at least 1 and below half the number of rows",
        });
    }
    let sample = fixed_sample(n, SAMPLE);
    let each: Vec<(f64, usize)> = sample
        .par_iter()
        .map(|&row| of_row(rows, positions, row, k))
        .collect();
    let (n, m, k_) = (n as f64, each.len() as f64, k as f64);
    let penalty: f64 = each.iter().map(|(penalty, _)| penalty).sum();
    let kept: usize = each.iter().map(|(_, kept)| kept).sum();
    Ok(MapScore {
        trustworthiness: 1.0 - penalty * 2.0 / (m * k_ * (2.0 * n - 3.0 * k_ - 1.0)),
        preservation: kept as f64 / (m * k_),
        neighbors: k,
        sampled: each.len(),
        rows: rows.n_rows(),
    })
}

/// By how many ranks the neighbours of a row on the map are too far by the vectors, and how many are right.
fn of_row(rows: &Embeddings, positions: &[[f32; 2]], row: usize, k: usize) -> (f64, usize) {
    let query = rows.row(Row::from_index(row));
    let farness: Vec<f32> = rows.rows().map(|other| -dot(query, other)).collect();
    let at = positions[row];
    let apart = |p: &[f32; 2]| (p[0] - at[0]).powi(2) + (p[1] - at[1]).powi(2);
    let map: Vec<f32> = positions.iter().map(apart).collect();
    let near = nearest(&map, row, k);
    let mut ranks = vec![1usize; k];
    for (other, &distance) in farness.iter().enumerate().filter(|(o, _)| *o != row) {
        for (rank, &neighbor) in ranks.iter_mut().zip(&near) {
            *rank += usize::from((distance, other) < (farness[neighbor], neighbor));
        }
    }
    let penalty = ranks
        .iter()
        .map(|&rank| rank.saturating_sub(k))
        .sum::<usize>();
    (
        penalty as f64,
        ranks.iter().filter(|rank| **rank <= k).count(),
    )
}

/// The `k` others of smallest distance, ties by number.
fn nearest(distances: &[f32], own: usize, k: usize) -> Vec<usize> {
    let mut others: Vec<usize> = (0..distances.len()).filter(|&o| o != own).collect();
    let order = |a: &usize, b: &usize| distances[*a].total_cmp(&distances[*b]).then(a.cmp(b));
    others.select_nth_unstable_by(k - 1, order);
    others.truncate(k);
    others
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::random;

    /// Points on a quarter of a circle, in a shuffled order, and how far round each is.
    fn arc(n: u64) -> (Embeddings, Vec<f32>) {
        let angles: Vec<f32> = (0..n).map(|at| 1.5 * random(5, at)).collect();
        let data = angles.iter().flat_map(|a| [a.cos(), a.sin()]).collect();
        (Embeddings::new(data, 2).unwrap(), angles)
    }

    #[test]
    fn a_faithful_map_has_1_and_a_random_one_little() {
        let (rows, angles) = arc(300);
        let line: Vec<[f32; 2]> = angles.iter().map(|&a| [a, 0.0]).collect();
        let good = score(&rows, &line, 10).unwrap();
        assert!(
            good.preservation > 0.98 && good.trustworthiness > 0.999,
            "{good:?}"
        );
        let random: Vec<[f32; 2]> = (0..300).map(|at| [random(9, at), random(8, at)]).collect();
        let bad = score(&rows, &random, 10).unwrap();
        assert!(
            bad.preservation < 0.1 && (bad.trustworthiness - 0.5).abs() < 0.1,
            "{bad:?}"
        );
        assert_eq!((bad.sampled, bad.rows), (300, 300));
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let (rows, _) = arc(20);
        let told = |positions: usize, k| {
            score(&rows, &vec![[0.0; 2]; positions], k)
                .unwrap_err()
                .to_string()
        };
        assert!(told(19, 3).contains("got 19 positions for 20 vectors"));
        assert!(told(20, 10).contains("below half"));
        assert!(told(20, 0).contains("at least 1"));
    }
}
