//! Where a layout begins: the first two principal components, so that the large shape of the map is that of the data.

use crate::map::random;
use rayon::prelude::*;
use syntopic_core::{Embeddings, dot};

/// Rounds of subspace iteration: the start need not be exact.
const ROUNDS: usize = 30;

/// Spread (standard deviation) of the first coordinate, small as t-SNE wants it.
const SPREAD: f32 = 1e-4;

/// Rows summed by one thread; fixed, so that sums do not depend on how many threads there are.
const BLOCK: usize = 512;

/// A starting position for each row, shape `(n_rows, 2)`. Equal vectors are shifted apart a little, by `seed`.
pub(super) fn principal_positions(rows: &Embeddings, seed: u64) -> Vec<[f32; 2]> {
    let mean = weighted_sum(rows, |_| 1.0 / rows.n_rows() as f32);
    let (first, second) = components(rows, &mean, seed);
    let [at_mean_x, at_mean_y] = [dot(&mean, &first), dot(&mean, &second)];
    let mut positions: Vec<[f32; 2]> = rows
        .rows()
        .map(|row| [dot(row, &first) - at_mean_x, dot(row, &second) - at_mean_y])
        .collect();
    let squares: f64 = positions.iter().map(|p| f64::from(p[0]).powi(2)).sum();
    let spread = (squares / positions.len() as f64).sqrt() as f32;
    let scale = if spread > 1e-6 { SPREAD / spread } else { 0.0 };
    for (at, position) in (0..).zip(&mut positions) {
        for (axis, x) in (0..).zip(position) {
            *x = *x * scale + 0.02 * SPREAD * (random(seed, 2 * at + axis) - 0.5);
        }
    }
    positions
}

/// The two directions of largest variance, by subspace iteration on the centred rows.
fn components(rows: &Embeddings, mean: &[f32], seed: u64) -> (Vec<f32>, Vec<f32>) {
    let dim = rows.dim() as u64;
    let noise = |from: u64| (0..dim).map(|at| random(!seed, from + at) - 0.5).collect();
    let (mut first, mut second): (Vec<f32>, Vec<f32>) = (noise(0), noise(dim));
    for _ in 0..ROUNDS {
        make_orthonormal(&mut first, &mut second);
        first = covariance_times(rows, mean, &first);
        second = covariance_times(rows, mean, &second);
    }
    make_orthonormal(&mut first, &mut second);
    (first, second)
}

/// `X^T X direction` of the rows less their mean, divided by their number.
fn covariance_times(rows: &Embeddings, mean: &[f32], direction: &[f32]) -> Vec<f32> {
    let at_mean = dot(mean, direction);
    let share = 1.0 / rows.n_rows() as f32;
    // The weights sum to 0 but for rounding, so the mean need not be taken from the rows too.
    weighted_sum(rows, |row| (dot(row, direction) - at_mean) * share)
}

/// The sum of all rows, each times its weight.
fn weighted_sum(rows: &Embeddings, weight: impl Fn(&[f32]) -> f32 + Sync) -> Vec<f32> {
    let dim = rows.dim();
    let parts: Vec<Vec<f32>> = rows
        .as_slice()
        .par_chunks(BLOCK * dim)
        .map(|block| {
            let mut sum = vec![0.0; dim];
            for row in block.chunks_exact(dim) {
                let w = weight(row);
                sum.iter_mut().zip(row).for_each(|(s, x)| *s += w * x);
            }
            sum
        })
        .collect();
    let mut sum = vec![0.0; dim];
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(s, x)| *s += x);
    }
    sum
}

/// Gram and Schmidt; a direction of no length stays one.
fn make_orthonormal(first: &mut [f32], second: &mut [f32]) {
    normalise(first);
    let along = dot(first, second);
    second
        .iter_mut()
        .zip(&*first)
        .for_each(|(s, f)| *s -= along * f);
    normalise(second);
}

fn normalise(direction: &mut [f32]) {
    let length = dot(direction, direction).sqrt();
    let scale = if length > 1e-12 { 1.0 / length } else { 0.0 };
    direction.iter_mut().for_each(|x| *x *= scale);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_direction_comes_first_and_equal_vectors_are_apart() {
        let angle = |a: f32, b: f32| {
            let v = [a, b, 1.0];
            let length = dot(&v, &v).sqrt();
            v.map(|x| x / length)
        };
        let points = [
            (-0.5, 0.0),
            (0.5, 0.0),
            (0.0, 0.1),
            (0.0, -0.1),
            (0.0, -0.1),
        ];
        let data = points.iter().flat_map(|&(a, b)| angle(a, b)).collect();
        let positions = principal_positions(&Embeddings::new(data, 3).unwrap(), 42);
        let x = |i: usize| positions[i][0].abs();
        assert!(x(0) > 5.0 * x(2) && x(1) > 5.0 * x(2), "{positions:?}");
        assert!(positions[0][0] * positions[1][0] < 0.0);
        assert!(positions[2][1] * positions[3][1] < 0.0);
        assert_ne!(positions[3], positions[4]);
    }
}
