//! Twelve dot products at once, as fast as the processor multiplies, and how far they are from [`syntopic_core::dot`].
//!
//! `core::dot` rounds each product and each sum, in an order that every machine keeps. Fused multiply-adds round once, in
//! another order: nearly twice as fast, not the same bits. So what they give is used to pass over rows that cannot be among
//! the best, and the few others are scored again.

/// Queries of a tile.
pub(crate) const QUERIES: usize = 3;

/// Rows of a tile.
pub(crate) const ROWS: usize = 4;

/// The most that [`tile`] and `core::dot` of unit vectors of `dim` numbers can differ.
///
/// Each sums products in lanes of at least 8, hence with at most `dim / 8` roundings one after the other, fewer than 32
/// more at the ends, each of at most 2^-24 of the sum of absolute products, which is at most 1 (Higham, "Accuracy and
/// stability of numerical algorithms", 2002, section 3.1); 1.01 is for lengths that are not quite 1 and second-order terms.
pub(crate) fn margin(dim: usize) -> f32 {
    2.0 * 1.01 * (dim as f32 / 8.0 + 32.0) * f32::EPSILON / 2.0
}

/// Eight numbers where one instruction finds them.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(32))]
pub(crate) struct Eight([f32; 8]);

/// Vectors of one length in [`Eight`]s, the last of each filled up with zeros, which change no sum.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    per_vector: usize,
    numbers: Vec<Eight>,
}

impl Packed {
    pub(crate) fn new(dim: usize, n: usize) -> Self {
        let per_vector = dim.div_ceil(8);
        Self {
            per_vector,
            numbers: vec![Eight::default(); per_vector * n],
        }
    }

    pub(crate) fn set(&mut self, at: usize, vector: &[f32]) {
        let places = &mut self.numbers[at * self.per_vector..][..self.per_vector];
        let (whole, rest) = vector.as_chunks();
        places
            .iter_mut()
            .zip(whole)
            .for_each(|(place, eight)| place.0 = *eight);
        if let Some(place) = places.get_mut(whole.len()) {
            place.0[..rest.len()].copy_from_slice(rest);
        }
    }

    /// `N` vectors from `at` on.
    pub(crate) fn get<const N: usize>(&self, at: usize) -> [&[Eight]; N] {
        std::array::from_fn(|n| &self.numbers[(at + n) * self.per_vector..][..self.per_vector])
    }
}

/// About the dot product of each query with each row; all of one length.
#[inline]
pub(crate) fn tile(queries: [&[Eight]; QUERIES], rows: [&[Eight]; ROWS]) -> [[f32; ROWS]; QUERIES] {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        // SAFETY: the processor has AVX2 and FMA, as was just asked.
        return unsafe { fma::tile(queries, rows) };
    }
    tile_scalar(queries, rows)
}

fn tile_scalar(queries: [&[Eight]; QUERIES], rows: [&[Eight]; ROWS]) -> [[f32; ROWS]; QUERIES] {
    let sum = |query: &[Eight], row: &[Eight]| {
        let mut lanes = [0f32; 8];
        for (q, r) in query.iter().zip(&row[..query.len()]) {
            for ((lane, q), r) in lanes.iter_mut().zip(q.0).zip(r.0) {
                *lane += q * r;
            }
        }
        lanes.into_iter().sum()
    };
    queries.map(|query| rows.map(|row| sum(query, row)))
}

#[cfg(target_arch = "x86_64")]
mod fma {
    use std::arch::x86_64::{
        __m256, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_movehl_ps, _mm_shuffle_ps,
        _mm256_castps256_ps128, _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_setzero_ps,
    };

    use super::{Eight, QUERIES, ROWS};

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn tile(
        queries: [&[Eight]; QUERIES],
        rows: [&[Eight]; ROWS],
    ) -> [[f32; ROWS]; QUERIES] {
        let steps = queries[0].len();
        let (mut q, mut r) = (queries, rows);
        // Plain loops: a closure here would be compiled apart, without FMA. Cut to one length, so that the loop below
        // needs no check of its own.
        for i in 0..QUERIES {
            q[i] = &queries[i][..steps];
        }
        for j in 0..ROWS {
            r[j] = &rows[j][..steps];
        }
        let mut sums = [[_mm256_setzero_ps(); ROWS]; QUERIES];
        for step in 0..steps {
            // 3 queries, 12 sums and one row are the 16 registers there are.
            let query = [load(&q[0][step]), load(&q[1][step]), load(&q[2][step])];
            for j in 0..ROWS {
                let row = load(&r[j][step]);
                for i in 0..QUERIES {
                    sums[i][j] = _mm256_fmadd_ps(query[i], row, sums[i][j]);
                }
            }
        }
        let mut out = [[0.0; ROWS]; QUERIES];
        for i in 0..QUERIES {
            for j in 0..ROWS {
                out[i][j] = sum(sums[i][j]);
            }
        }
        out
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    fn load(numbers: &Eight) -> __m256 {
        // SAFETY: 8 numbers of one size, every bit pattern a number; by value, so no alignment matters.
        unsafe { std::mem::transmute::<Eight, __m256>(*numbers) }
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    fn sum(v: __m256) -> f32 {
        let four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use syntopic_core::dot;

    use super::*;

    proptest! {
        #[test]
        fn a_tile_is_within_its_margin(numbers in proptest::collection::vec(-1f32..1.0, 14..3500), flat in any::<bool>()) {
            let len = numbers.len() / (QUERIES + ROWS);
            let unit = |n: usize| {
                let part = &numbers[n * len..][..len];
                // All of one sign: the roundings do not cancel.
                let part: Vec<f32> = part.iter().map(|v| if flat { v.abs() + 0.1 } else { *v }).collect();
                let length = part.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-6);
                part.iter().map(|v| v / length).collect::<Vec<f32>>()
            };
            let queries = [unit(0), unit(1), unit(2)];
            let rows = [unit(3), unit(4), unit(5), unit(6)];
            let mut packed = Packed::new(len, QUERIES + ROWS);
            queries.iter().chain(&rows).enumerate().for_each(|(at, vector)| packed.set(at, vector));
            for got in [tile(packed.get(0), packed.get(QUERIES)), tile_scalar(packed.get(0), packed.get(QUERIES))] {
                for (i, query) in queries.iter().enumerate() {
                    for (j, row) in rows.iter().enumerate() {
                        prop_assert!((got[i][j] - dot(query, row)).abs() <= margin(len));
                    }
                }
            }
        }
    }

    #[test]
    fn rows_that_are_too_short_are_not_read_out_of_bounds() {
        let (long, short) = (Packed::new(64, QUERIES), Packed::new(16, ROWS));
        let caught = std::panic::catch_unwind(|| tile(long.get(0), short.get(0)));
        assert!(
            caught.is_err(),
            "the rows are cut to the query's length, which panics"
        );
    }
}
