//! The directions in which a teacher's vectors vary most (principal components, without subtracting the mean).
//!
//! linfa-reduction's PCA was looked at and left: it always subtracts the mean, which changes every cosine, and these
//! vectors are compared by cosine; and it finds components by LOBPCG from a random start over an f64 copy of all rows, made
//! for a few components of many, while two thirds of them are wanted here. Jacobi's method on the small symmetric matrix is
//! exact, needs no start, and takes a second at 384 dimensions.

use rayon::prelude::*;

/// At most so many rows are looked at, evenly spread.
const MOST_ROWS: usize = 16_384;
/// Sweeps after which Jacobi's method ends whatever is left; it needs about ten.
const MOST_SWEEPS: usize = 30;

/// An orthonormal basis: `kept` directions of `dim` numbers each, the most important first.
pub(super) struct Basis {
    /// `(kept, dim)`.
    directions: Vec<f32>,
    dim: usize,
    /// Share of the squared length of the rows that the directions keep, 0 to 1.
    pub(super) share: f64,
}

impl Basis {
    /// The `kept` best directions for `rows` of `dim` numbers; `kept` is at most `dim`.
    pub(super) fn of(rows: &[f32], dim: usize, kept: usize) -> Self {
        let (values, vectors) = eigen(second_moments(rows, dim), dim);
        let mut order: Vec<usize> = (0..dim).collect();
        order.sort_by(|&i, &j| values[j].total_cmp(&values[i]).then(i.cmp(&j)));
        order.truncate(kept);
        let total: f64 = values.iter().sum();
        let share = order.iter().map(|&i| values[i]).sum::<f64>() / total.max(f64::MIN_POSITIVE);
        let directions = order
            .iter()
            .flat_map(|&i| signed(&vectors[i * dim..][..dim]))
            .collect();
        Self {
            directions,
            dim,
            share,
        }
    }

    /// The coordinates of each row in the basis: `(n, kept)`.
    pub(super) fn project(&self, rows: &[f32]) -> Vec<f32> {
        rows.par_chunks(self.dim)
            .flat_map_iter(|row| {
                self.directions
                    .chunks_exact(self.dim)
                    .map(|direction| syntopic_core::dot(row, direction))
            })
            .collect()
    }
}

/// A direction whose largest number is positive, so that the sign is no matter of chance.
fn signed(direction: &[f64]) -> impl Iterator<Item = f32> {
    let largest = direction.iter().fold(
        0.0f64,
        |most, &x| if x.abs() > most.abs() { x } else { most },
    );
    let sign = if largest < 0.0 { -1.0 } else { 1.0 };
    direction.iter().map(move |&x| (sign * x) as f32)
}

/// The mean of `x xᵀ` over the rows, `(dim, dim)`. Each number is one sum in the order of the rows; they are taken in blocks
/// that stay in the cache.
fn second_moments(rows: &[f32], dim: usize) -> Vec<f64> {
    const BLOCK: usize = 64;
    let n = rows.len() / dim;
    let chosen: Vec<&[f32]> = rows
        .chunks_exact(dim)
        .step_by(n.div_ceil(MOST_ROWS).max(1))
        .collect();
    let mut moments = vec![0f64; dim * dim];
    for block in chosen.chunks(BLOCK) {
        moments
            .par_chunks_mut(dim)
            .with_min_len(32)
            .enumerate()
            .for_each(|(i, out)| {
                for row in block {
                    let x = f64::from(row[i]);
                    for (sum, &y) in out.iter_mut().zip(*row) {
                        *sum += x * f64::from(y);
                    }
                }
            });
    }
    let scale = 1.0 / chosen.len() as f64;
    moments.iter_mut().for_each(|sum| *sum *= scale);
    moments
}

/// Eigenvalues and, row by row, eigenvectors of the symmetric matrix `a` of order `n` without negative eigenvalues, in no
/// order. One-sided Jacobi (Hestenes 1958): its rows are turned in pairs until each is at right angles to every other; their
/// lengths are the eigenvalues then and their directions the eigenvectors. It only ever walks along rows.
fn eigen(mut a: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>) {
    let largest = a
        .chunks_exact(n)
        .map(|row| dot(row, row))
        .fold(0.0, f64::max);
    // Rows this short are rounding errors.
    let floor = largest * 1e-26;
    for _ in 0..MOST_SWEEPS {
        let mut turned = false;
        for p in 0..n {
            for q in p + 1..n {
                let (head, tail) = a.split_at_mut(q * n);
                turned |= turn(&mut head[p * n..][..n], &mut tail[..n], floor);
            }
        }
        if !turned {
            break;
        }
    }
    let mut values = Vec::with_capacity(n);
    for row in a.chunks_exact_mut(n) {
        let length = dot(row, row).sqrt();
        values.push(length);
        row.iter_mut()
            .for_each(|x| *x /= length.max(f64::MIN_POSITIVE));
    }
    (values, a)
}

/// Turns two rows in their plane until they are at right angles; false when they are already.
fn turn(x: &mut [f64], y: &mut [f64], floor: f64) -> bool {
    let (xx, yy, xy) = (dot(x, x), dot(y, y), dot(x, y));
    if xx.min(yy) <= floor || xy.abs() <= 1e-12 * (xx * yy).sqrt() {
        return false;
    }
    let zeta = (yy - xx) / (2.0 * xy);
    let t = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
    let c = 1.0 / (1.0 + t * t).sqrt();
    let s = t * c;
    for (x, y) in x.iter_mut().zip(y) {
        (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
    }
    true
}

/// Summed in 8 lanes in a fixed order, so that it can be vectorised.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a_blocks, a_rest) = a.as_chunks::<8>();
    let (b_blocks, b_rest) = b.as_chunks::<8>();
    let mut lanes = [0f64; 8];
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        for (lane, (x, y)) in lanes.iter_mut().zip(x.iter().zip(y)) {
            *lane += x * y;
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::super::random::Random;
    use super::*;

    #[test]
    fn eigenvectors_rebuild_the_matrix() {
        let n = 12;
        let mut random = Random::new(5);
        let rows: Vec<f32> = (0..40 * n).map(|_| random.unit() as f32 - 0.4).collect();
        let a = second_moments(&rows, n);
        let (values, vectors) = eigen(a.clone(), n);
        for i in 0..n {
            for j in 0..n {
                let rebuilt: f64 = (0..n)
                    .map(|k| values[k] * vectors[k * n + i] * vectors[k * n + j])
                    .sum();
                assert!((rebuilt - a[i * n + j]).abs() < 1e-10, "{i} {j}");
            }
        }
    }

    #[test]
    fn the_basis_keeps_what_varies_most() {
        let mut random = Random::new(9);
        let scales = [0.1f32, 3.0, 0.01, 1.0];
        let rows: Vec<f32> = (0..400)
            .flat_map(|_| scales.map(|s| s * (random.unit() as f32 - 0.5)))
            .collect();
        let basis = Basis::of(&rows, 4, 2);
        assert!(basis.share > 0.99, "{}", basis.share);
        let projected = basis.project(&rows);
        assert_eq!(projected.len(), 800);
        for (row, kept) in rows.chunks(4).zip(projected.chunks(2)) {
            assert!((row[1].abs() - kept[0].abs()).abs() < 0.1);
            assert!((row[3].abs() - kept[1].abs()).abs() < 0.1);
        }
    }
}
