//! How many directions some vectors use: the effective rank of the matrix of embeddings (RankMe, Garrido et al. 2023).
//!
//! Not for: how good topics are; a model whose vectors use few directions cannot tell many topics apart.

use crate::order::fixed_sample;
use linfa_linalg::eigh::EigValsh;
use ndarray::Array2;
use rayon::prelude::*;
use syntopic_core::{Embeddings, Row};

/// Rows looked at, at most: a fixed sample of more.
const SAMPLE: usize = 20_000;
/// Rows whose products are added up by one thread.
const PART: usize = 1_000;

/// `exp(-sum p ln p)` with `p` the singular values of `rows`, `(n_rows, dim)`, over their sum: from 1, where all rows are one direction,
/// to `dim`. 0 where the singular values are not found.
#[must_use]
pub fn effective_rank(rows: &Embeddings) -> f64 {
    let sample = fixed_sample(rows.n_rows(), SAMPLE);
    let dim = rows.dim();
    let parts: Vec<Vec<f64>> = sample
        .par_chunks(PART)
        .map(|part| products(rows, part))
        .collect();
    let mut all = vec![0.0; dim * dim];
    for part in parts {
        all.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
    }
    let square = Array2::from_shape_fn((dim, dim), |(a, b)| all[a.max(b) * dim + a.min(b)]);
    let Ok(squares) = square.eigvalsh() else {
        return 0.0;
    };
    let singular: Vec<f64> = squares.iter().map(|s| s.max(0.0).sqrt()).collect();
    let sum: f64 = singular.iter().sum();
    let entropy: f64 = (singular.iter().map(|s| s / sum))
        .filter(|p| *p > 0.0)
        .map(|p| -p * p.ln())
        .sum();
    entropy.exp()
}

/// The lower triangle of the sum of the rows' outer products, `(dim, dim)`.
fn products(rows: &Embeddings, part: &[usize]) -> Vec<f64> {
    let dim = rows.dim();
    let mut sum = vec![0.0; dim * dim];
    for &i in part {
        let row = rows.row(Row::from_index(i));
        for (a, &x) in row.iter().enumerate() {
            let line = &mut sum[a * dim..=a * dim + a];
            (line.iter_mut().zip(row)).for_each(|(s, &y)| *s += f64::from(x) * f64::from(y));
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_directions_used_alike() {
        let axes = |n: usize| {
            let mut data = vec![0.0f32; n * 3 * 8];
            for i in 0..3 * n {
                data[8 * i + i % n] = 1.0;
            }
            effective_rank(&Embeddings::new(data, 8).unwrap())
        };
        for n in [1, 2, 5, 8] {
            assert!((axes(n) - n as f64).abs() < 1e-6, "{n}: {}", axes(n));
        }
    }

    #[test]
    fn a_direction_used_less_counts_less() {
        // Singular values 3 and 1 (nine rows along one axis, one along the other): p = .75 and .25.
        let mut data = [1.0f32, 0.0].repeat(9);
        data.extend([0.0, 1.0]);
        let found = effective_rank(&Embeddings::new(data, 2).unwrap());
        let expected = (-0.75 * 0.75f64.ln() - 0.25 * 0.25f64.ln()).exp();
        assert!((found - expected).abs() < 1e-9, "{found}");
    }
}
