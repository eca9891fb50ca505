//! How well separated clusters are.

use crate::kmeans::{cluster_sizes, cluster_sums};
use rayon::prelude::*;
use syntopic_core::{Embeddings, Row, dot};

/// A mean silhouette and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Silhouette {
    /// Mean over the rows, -1 to 1: larger is better separated.
    pub(crate) mean: f64,
    /// Standard error of that mean.
    pub(crate) standard_error: f64,
}

/// The exact cosine silhouette of all rows (Rousseeuw 1987, distance `1 - cos`): `s = (b - a) / max(a, b)` with `a` the mean
/// distance to the other rows of the own cluster and `b` the least mean distance to the rows of another one.
/// The mean cosine of a row to a cluster is its dot product with the cluster's sum over its size, so this takes
/// `n * k * dim` steps and needs no sample. A row alone in its cluster counts 0; one cluster gives 0.
pub(crate) fn silhouette(rows: &Embeddings, assignment: &[u32], k: usize) -> Silhouette {
    let n = assignment.len();
    if k < 2 || n == 0 {
        return Silhouette {
            mean: 0.0,
            standard_error: 0.0,
        };
    }
    let (sums, sizes) = (
        cluster_sums(rows, assignment, k),
        cluster_sizes(assignment, k),
    );
    let scores: Vec<f64> = (0..n)
        .into_par_iter()
        .with_min_len(64)
        .map(|i| {
            let (row, own) = (rows.row(Row::from_index(i)), assignment[i] as usize);
            if sizes[own] < 2 {
                return 0.0;
            }
            let (mut a, mut b) = (0.0, f64::INFINITY);
            for (cluster, sum) in sums.chunks_exact(rows.dim()).enumerate() {
                let cosines = f64::from(dot(row, sum));
                if cluster == own {
                    a = (1.0 - (cosines - 1.0) / (sizes[own] - 1) as f64).max(0.0);
                } else if sizes[cluster] > 0 {
                    b = b.min((1.0 - cosines / sizes[cluster] as f64).max(0.0));
                }
            }
            // Distances this small are rounding: the row and all it is compared with are the same.
            if a.max(b) < 1e-6 {
                0.0
            } else {
                (b - a) / a.max(b)
            }
        })
        .collect();
    let mean = scores.iter().sum::<f64>() / n as f64;
    let variance = scores.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / (n.max(2) - 1) as f64;
    Silhouette {
        mean,
        standard_error: (variance / n as f64).sqrt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, all pairs.
    fn by_pairs(rows: &Embeddings, assignment: &[u32], k: u32) -> f64 {
        let n = assignment.len();
        let distance = |i: usize, j: usize| {
            1.0 - f64::from(dot(
                rows.row(Row::from_index(i)),
                rows.row(Row::from_index(j)),
            ))
        };
        let mean_to = |i: usize, c: u32| {
            let others: Vec<f64> = (0..n)
                .filter(|&j| j != i && assignment[j] == c)
                .map(|j| distance(i, j))
                .collect();
            (!others.is_empty()).then(|| others.iter().sum::<f64>() / others.len() as f64)
        };
        let score = |i: usize| {
            let Some(a) = mean_to(i, assignment[i]) else {
                return 0.0;
            };
            let b = (0..k)
                .filter(|&c| c != assignment[i])
                .filter_map(|c| mean_to(i, c))
                .fold(f64::INFINITY, f64::min);
            (b - a) / a.max(b)
        };
        (0..n).map(score).sum::<f64>() / n as f64
    }

    #[test]
    fn equals_the_definition() {
        let data = (0..30).flat_map(|i| {
            let angle = i as f32 * 0.37;
            [angle.cos(), angle.sin()]
        });
        let rows = Embeddings::new(data.collect(), 2).expect("unit rows");
        let assignment: Vec<u32> = (0..30).map(|i| if i == 29 { 3 } else { i % 3 }).collect();
        let fast = silhouette(&rows, &assignment, 4);
        assert!((fast.mean - by_pairs(&rows, &assignment, 4)).abs() < 1e-5);
        assert!(fast.standard_error > 0.0);
    }

    #[test]
    fn one_cluster_and_identical_rows_are_zero() {
        let rows = Embeddings::new([0.6, 0.8].repeat(4), 2).expect("unit rows");
        assert_eq!(silhouette(&rows, &[0; 4], 1).mean, 0.0);
        assert_eq!(silhouette(&rows, &[0, 0, 1, 1], 2).mean, 0.0);
    }
}
