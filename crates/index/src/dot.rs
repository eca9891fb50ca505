//! The dot product as fast as the processor allows, and bit for bit what [`syntopic_core::dot`] gives.
//!
//! `core::dot` sums in 16 lanes in a fixed order. The kernel below keeps those lanes, that order, and one rounding for the
//! product and one for the sum (no fused multiply-add, which rounds once). So scores, the graph and every result are the
//! same whichever of the two a machine runs. One sum is a chain of dependent additions; four rows at a time are four
//! chains, which is what hides their latency, so what fusing would save is not missed: memory is the limit.

use syntopic_core::dot;

/// Rows scored together.
pub(crate) const GROUP: usize = 4;

/// The dot product of `a` and `b`.
#[inline]
pub(crate) fn dot1(a: &[f32], b: &[f32]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the processor has AVX2, as was just asked.
        return unsafe { avx2::dots(a, [b]) }[0];
    }
    dot(a, b)
}

/// The dot products of `query` with four rows.
#[inline]
pub(crate) fn dot4(query: &[f32], rows: [&[f32]; GROUP]) -> [f32; GROUP] {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the processor has AVX2, as was just asked.
        return unsafe { avx2::dots(query, rows) };
    }
    rows.map(|row| dot(query, row))
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn has_avx2() -> bool {
    // The standard library asks the processor once and remembers.
    is_x86_feature_detected!("avx2")
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m128, __m256, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_movehl_ps, _mm_shuffle_ps,
        _mm256_add_ps, _mm256_castps256_ps128, _mm256_extractf128_ps, _mm256_mul_ps,
        _mm256_setzero_ps,
    };

    /// The dot products of `query` with `N` rows of its length.
    #[target_feature(enable = "avx2")]
    pub(super) fn dots<const N: usize>(query: &[f32], rows: [&[f32]; N]) -> [f32; N] {
        debug_assert!(rows.iter().all(|row| row.len() == query.len()));
        let (q_blocks, q_rest) = query.as_chunks::<16>();
        let mut blocks = [q_blocks; N];
        let mut rests = [q_rest; N];
        // Plain loops: a closure here would be compiled apart, without AVX2.
        for n in 0..N {
            let (row, rest) = rows[n].as_chunks::<16>();
            // Cut to one length, so that the loop below needs no check of its own.
            blocks[n] = &row[..q_blocks.len()];
            rests[n] = rest;
        }
        let mut low = [_mm256_setzero_ps(); N];
        let mut high = [_mm256_setzero_ps(); N];
        for (i, q) in q_blocks.iter().enumerate() {
            let [q_low, q_high] = load(q);
            for n in 0..N {
                let [r_low, r_high] = load(&blocks[n][i]);
                low[n] = _mm256_add_ps(low[n], _mm256_mul_ps(q_low, r_low));
                high[n] = _mm256_add_ps(high[n], _mm256_mul_ps(q_high, r_high));
            }
        }
        let mut sums = [0.0; N];
        for n in 0..N {
            sums[n] = sum(_mm256_add_ps(low[n], high[n])) + dot_rest(q_rest, rests[n]);
        }
        sums
    }

    /// What is left after whole blocks, summed as `core::dot` does.
    fn dot_rest(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>()
    }

    /// Lanes 0 to 7 and 8 to 15.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn load(block: &[f32; 16]) -> [__m256; 2] {
        // SAFETY: 16 numbers are two times 8, of one size, and every bit pattern is a number. By value, so no alignment
        // matters (the load intrinsic would do the same, and be checked at run time wherever debug assertions are on).
        unsafe { std::mem::transmute::<[f32; 16], [__m256; 2]>(*block) }
    }

    /// The sum of 8 lanes by halves: 4 and 4, 2 and 2, 1 and 1.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn sum(v: __m256) -> f32 {
        let four: __m128 = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_kernel_is_its_scalar_twin_bit_for_bit(
            numbers in proptest::collection::vec(-10f32..10.0, 0..1000)
        ) {
            let len = numbers.len() / (GROUP + 1);
            let part = |n: usize| &numbers[n * len..][..len];
            let rows = [part(1), part(2), part(3), part(4)];
            let expected = rows.map(|row| dot(part(0), row).to_bits());
            prop_assert_eq!(dot4(part(0), rows).map(f32::to_bits), expected);
            prop_assert_eq!(rows.map(|row| dot1(part(0), row).to_bits()), expected);
        }
    }

    #[test]
    fn rows_that_are_too_short_are_no_read_out_of_bounds() {
        let short: &[f32] = &[1.0; 16];
        let caught = std::panic::catch_unwind(|| dot4(&[1.0; 64], [short; GROUP]));
        assert!(
            caught.is_err(),
            "the slice is cut to the query's length, which panics"
        );
    }
}
