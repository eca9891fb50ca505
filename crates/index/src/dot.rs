//! The dot product as fast as the processor allows, and bit for bit what [`syntopic_core::dot`] gives.
//!
//! `core::dot` sums in 16 lanes in a fixed order. The kernel below keeps those lanes, that order, and one rounding for the
//! product and one for the sum (no fused multiply-add, which rounds once). So scores, the graph and every result are the
//! same whichever of the two a machine runs. What fusing would save is not missed: memory is the limit.

use syntopic_core::dot;

/// The dot product of `a` and `b`.
#[inline]
pub(crate) fn dot1(a: &[f32], b: &[f32]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the processor has AVX2, as was just asked.
        return unsafe { avx2::dot(a, b) };
    }
    dot(a, b)
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

    #[target_feature(enable = "avx2")]
    pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
        debug_assert_eq!(a.len(), b.len());
        let (a_blocks, a_rest) = a.as_chunks::<16>();
        let (b_blocks, b_rest) = b.as_chunks::<16>();
        // Cut to one length, so that the loop below needs no check of its own.
        let b_blocks = &b_blocks[..a_blocks.len()];
        let (mut low, mut high) = (_mm256_setzero_ps(), _mm256_setzero_ps());
        // A plain loop: a closure here would be compiled apart, without AVX2.
        for (a, b) in a_blocks.iter().zip(b_blocks) {
            let ([a_low, a_high], [b_low, b_high]) = (load(a), load(b));
            low = _mm256_add_ps(low, _mm256_mul_ps(a_low, b_low));
            high = _mm256_add_ps(high, _mm256_mul_ps(a_high, b_high));
        }
        sum(_mm256_add_ps(low, high)) + dot_rest(a_rest, b_rest)
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
            let (a, b) = numbers.split_at(numbers.len() / 2);
            let b = &b[..a.len()];
            prop_assert_eq!(dot1(a, b).to_bits(), dot(a, b).to_bits());
        }
    }

    #[test]
    fn rows_that_are_too_short_are_no_read_out_of_bounds() {
        let caught = std::panic::catch_unwind(|| dot1(&[1.0; 64], &[1.0; 16]));
        assert!(
            caught.is_err(),
            "the slice is cut to the query's length, which panics"
        );
    }
}
