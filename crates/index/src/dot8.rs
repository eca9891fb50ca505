//! The integer kernels under [`crate::grid`]: exact, hence the same on every machine.
//!
//! Products of 16 and 8 bits are summed in 32 without overflow: [`widen`] sees to it that a query's numbers, taken without
//! sign, sum to less than `2^31 / 127`. Bytes are widened to 16 bits and multiplied in pairs (`vpmaddwd`), which is exact;
//! the one byte-by-byte product of AVX2 (`vpmaddubsw`) saturates.

use crate::lines::{LINE, Line};

/// One line of codes' worth of a query.
pub(crate) type Wide = [i16; LINE];

/// What a query's numbers may sum to, less the rounding of each.
const SUM: f32 = (i32::MAX / 127) as f32 * 0.99;

/// Adding this to a number below 2^22 rounds it, ties to even, into the lowest bits.
const ROUNDER: f32 = 12_582_912.0;

/// `query * step` as integers, as large as they may be. Gives what one integer is worth.
pub(crate) fn widen(query: &[f32], step: &[f32], values: &mut [Wide]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, as was just asked.
        return unsafe { widen_avx2(query, step, values) };
    }
    widen_scalar(query, step, values)
}

/// [`widen_scalar`] compiled for AVX2: the same operations in the same order.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn widen_avx2(query: &[f32], step: &[f32], values: &mut [Wide]) -> f32 {
    widen_scalar(query, step, values)
}

#[inline(always)]
fn widen_scalar(query: &[f32], step: &[f32], values: &mut [Wide]) -> f32 {
    const LANES: usize = 16;
    let mut top = [0f32; LANES];
    let mut sum = [0f32; LANES];
    let (query_blocks, query_rest) = query.as_chunks::<LANES>();
    let (step_blocks, step_rest) = step.as_chunks::<LANES>();
    for (q, s) in query_blocks.iter().zip(step_blocks) {
        for lane in 0..LANES {
            let w = (q[lane] * s[lane]).abs();
            top[lane] = if w > top[lane] { w } else { top[lane] };
            sum[lane] += w;
        }
    }
    for (q, s) in query_rest.iter().zip(step_rest) {
        let w = (q * s).abs();
        top[0] = top[0].max(w);
        sum[0] += w;
    }
    let top = top.into_iter().fold(0f32, f32::max);
    let sum: f32 = sum.into_iter().sum();
    // The rounding of each number may add half.
    let room = (SUM - query.len() as f32).max(1.0);
    let factor = if top > 0.0 {
        (f32::from(i16::MAX) / top).min(room / sum)
    } else {
        1.0
    };
    // Less than an ulp too much would overflow; and a step of 1e-40 has no factor.
    let factor = if factor.is_finite() {
        factor * 0.999
    } else {
        1.0
    };
    for ((v, q), s) in values.as_flattened_mut().iter_mut().zip(query).zip(step) {
        *v = (q * s * factor + ROUNDER).to_bits() as i16;
    }
    1.0 / factor
}

/// The sums of products of `query` with each of `N` codes, of as many lines.
#[inline]
pub(crate) fn dots<const N: usize>(query: &[Wide], codes: [&[Line]; N]) -> [i32; N] {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, as was just asked.
        return unsafe { avx2::dots(query, codes) };
    }
    codes.map(|code| dot_scalar(query, code))
}

fn dot_scalar(query: &[Wide], code: &[Line]) -> i32 {
    let codes = code[..query.len()].iter().flat_map(|line| &line.0);
    let pairs = query.as_flattened().iter().zip(codes);
    pairs.map(|(q, c)| i32::from(*q) * i32::from(*c)).sum()
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m128i, __m256i, _mm_add_epi32, _mm_cvtsi128_si32, _mm_shuffle_epi32, _mm256_add_epi32,
        _mm256_castsi256_si128, _mm256_cvtepi8_epi16, _mm256_extracti128_si256, _mm256_madd_epi16,
        _mm256_setzero_si256,
    };

    use super::Wide;
    use crate::lines::Line;

    /// Numbers of one step.
    const STEP: usize = 16;

    #[target_feature(enable = "avx2")]
    pub(super) fn dots<const N: usize>(query: &[Wide], codes: [&[Line]; N]) -> [i32; N] {
        let mut lines = codes;
        // Plain loops: a closure here would be compiled apart, without AVX2.
        for n in 0..N {
            // Cut to one length, so that the loop below needs no check of its own.
            lines[n] = &codes[n][..query.len()];
        }
        let mut sums = [_mm256_setzero_si256(); N];
        for (i, q) in query.iter().enumerate() {
            let (q, _) = q.as_chunks::<STEP>();
            for n in 0..N {
                let (code, _) = lines[n][i].0.as_chunks::<STEP>();
                for step in 0..4 {
                    let wide = _mm256_cvtepi8_epi16(load_bytes(&code[step]));
                    sums[n] =
                        _mm256_add_epi32(sums[n], _mm256_madd_epi16(wide, load_wide(&q[step])));
                }
            }
        }
        let mut out = [0; N];
        for n in 0..N {
            out[n] = sum(sums[n]);
        }
        out
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn load_bytes(bytes: &[i8; STEP]) -> __m128i {
        // SAFETY: 16 bytes of one size, every bit pattern a value; by value, so no alignment matters.
        unsafe { std::mem::transmute::<[i8; STEP], __m128i>(*bytes) }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn load_wide(wide: &[i16; STEP]) -> __m256i {
        // SAFETY: 32 bytes of one size, every bit pattern a value; by value, so no alignment matters.
        unsafe { std::mem::transmute::<[i16; STEP], __m256i>(*wide) }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn sum(v: __m256i) -> i32 {
        let four = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
        let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b0100_1110>(four));
        _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b0001_0001>(two)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::lines::ZERO;

    proptest! {
        #[test]
        fn the_kernel_is_its_scalar_twin(
            query in proptest::collection::vec(-3000i16..=3000, 0..700),
            bytes in proptest::collection::vec(-127i8..=127, 1500..3000),
        ) {
            let mut wide = vec![[0; LINE]; query.len().div_ceil(LINE)];
            wide.as_flattened_mut().iter_mut().zip(&query).for_each(|(w, q)| *w = *q);
            let code = |from: usize| {
                let mut code = vec![ZERO; wide.len()];
                for (d, byte) in bytes[from..].iter().take(query.len()).enumerate() {
                    code[d / LINE].0[d % LINE] = *byte;
                }
                code
            };
            let codes = [code(0), code(100), code(333), code(700)];
            let expected = codes.each_ref().map(|code| dot_scalar(&wide, code));
            prop_assert_eq!(dots(&wide, codes.each_ref().map(Vec::as_slice)), expected);
            prop_assert_eq!(dots(&wide, [&codes[2][..]])[0], expected[2]);
        }

        #[test]
        fn widening_is_its_scalar_twin_and_never_overflows(
            query in proptest::collection::vec(-1f32..1.0, 1..5000),
            flat in any::<bool>(),
            size in prop::sample::select(vec![1.0f32, 1e-3, 1e-30, 1e-42, 0.0]),
        ) {
            let step: Vec<f32> = (0..query.len()).map(|d| if flat { size } else { size * (d % 7) as f32 }).collect();
            let mut values = vec![[0; LINE]; query.len().div_ceil(LINE)];
            let mut twin = values.clone();
            let scale = widen(&query, &step, &mut values);
            prop_assert_eq!(scale.to_bits(), widen_scalar(&query, &step, &mut twin).to_bits());
            prop_assert_eq!(&values, &twin);
            let sum: i64 = values.as_flattened().iter().map(|v| i64::from(*v).abs()).sum();
            prop_assert!(sum * 127 <= i64::from(i32::MAX), "{}", sum);
            for (d, v) in values.as_flattened().iter().take(query.len()).enumerate() {
                let value = query[d] * step[d];
                prop_assert!((f32::from(*v) * scale - value).abs() <= 0.51 * scale + 1e-5 * value.abs());
            }
        }
    }

    #[test]
    fn codes_that_are_too_short_are_not_read_out_of_bounds() {
        let caught = std::panic::catch_unwind(|| dots(&[[1; LINE]; 2], [&[ZERO][..]]));
        assert!(
            caught.is_err(),
            "the code is cut to the query's length, which panics"
        );
    }
}
