//! Sums of products of bytes, sixteen rows and up to four queries at once: exact, hence the same on every machine.
//!
//! A query's codes are from -63 to 63, a row's from 0 to 126 (63 more than they stand for). `vpmaddubsw` adds two products of
//! bytes into 16 bits, at most 2 * 126 * 63 = 15,876; two such sums are 31,752, which 16 bits hold still; then they are widened
//! to 32. So two numbers are multiplied and added where one f32 would be, twice over, and nothing is rounded or saturates.

use crate::lines::Line;

/// Rows of a tile.
pub(crate) const ROWS: usize = 16;

/// Queries of a tile.
pub(crate) const QUERIES: usize = 4;

/// The largest code of either.
pub(crate) const TOP: i32 = 63;

/// Numbers of a row in one line of a tile, which has as many of all 16 rows, row after row.
pub(crate) const QUAD: usize = 4;

/// A query's codes, four bytes each, an even number of them.
pub(crate) type Quads<'a> = &'a [[i8; QUAD]];

/// The sums of products of each query with each row of `lines`, taken as unsigned as they are stored. All of one length.
#[inline]
pub(crate) fn tile<const N: usize>(queries: [Quads<'_>; N], lines: &[Line]) -> [[i32; ROWS]; N] {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, as was just asked.
        return unsafe { avx2::tile(queries, lines) };
    }
    tile_scalar(queries, lines)
}

pub(crate) fn tile_scalar<const N: usize>(
    queries: [Quads<'_>; N],
    lines: &[Line],
) -> [[i32; ROWS]; N] {
    let mut sums = [[0; ROWS]; N];
    for (query, sums) in queries.into_iter().zip(&mut sums) {
        assert_eq!(query.len(), lines.len(), "a query and a tile of one length");
        for (quad, line) in query.iter().zip(lines) {
            for (sum, codes) in sums.iter_mut().zip(line.0.as_chunks::<QUAD>().0) {
                for (q, code) in quad.iter().zip(codes) {
                    *sum += i32::from(*q) * i32::from(*code);
                }
            }
        }
    }
    sums
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi16, _mm256_add_epi32, _mm256_madd_epi16, _mm256_maddubs_epi16,
        _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setzero_si256,
    };

    use super::{Line, Quads, ROWS};

    #[target_feature(enable = "avx2")]
    pub(super) fn tile<const N: usize>(
        queries: [Quads<'_>; N],
        lines: &[Line],
    ) -> [[i32; ROWS]; N] {
        let (pairs, rest) = lines.as_chunks::<2>();
        assert!(rest.is_empty(), "lines come in pairs");
        let mut quads = [&[][..]; N];
        // Plain loops: a closure here would be compiled apart, without AVX2. Cut to one length, so that the loop below
        // needs no check of its own.
        for n in 0..N {
            assert_eq!(
                queries[n].len(),
                lines.len(),
                "a query and a tile of one length"
            );
            quads[n] = &queries[n].as_chunks::<2>().0[..pairs.len()];
        }
        let ones = _mm256_set1_epi16(1);
        let mut sums = [[_mm256_setzero_si256(); 2]; N];
        for (at, pair) in pairs.iter().enumerate() {
            let (first, second) = (load(&pair[0]), load(&pair[1]));
            for n in 0..N {
                let [a, b] = quads[n][at];
                let a = _mm256_set1_epi32(i32::from_ne_bytes(bytes(a)));
                let b = _mm256_set1_epi32(i32::from_ne_bytes(bytes(b)));
                for half in 0..2 {
                    let both = _mm256_add_epi16(
                        _mm256_maddubs_epi16(first[half], a),
                        _mm256_maddubs_epi16(second[half], b),
                    );
                    sums[n][half] = _mm256_add_epi32(sums[n][half], _mm256_madd_epi16(both, ones));
                }
            }
        }
        let mut out = [[0; ROWS]; N];
        for n in 0..N {
            out[n] = store(sums[n]);
        }
        out
    }

    #[inline(always)]
    fn bytes(quad: [i8; 4]) -> [u8; 4] {
        [quad[0] as u8, quad[1] as u8, quad[2] as u8, quad[3] as u8]
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn load(line: &Line) -> [__m256i; 2] {
        // SAFETY: 64 bytes are two times 32, of one size, every bit pattern a value; by value, so no alignment matters.
        unsafe { std::mem::transmute::<Line, [__m256i; 2]>(*line) }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn store(sums: [__m256i; 2]) -> [i32; ROWS] {
        // SAFETY: two times 8 numbers are 16, of one size, every bit pattern a value; by value, so no alignment matters.
        unsafe { std::mem::transmute::<[__m256i; 2], [i32; ROWS]>(sums) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::lines::{LINE, ZERO};

    fn compare<const N: usize>(queries: [&[[i8; QUAD]]; N], lines: &[Line]) {
        assert_eq!(tile(queries, lines), tile_scalar(queries, lines));
    }

    proptest! {
        #[test]
        fn the_kernel_is_its_scalar_twin(
            bytes in proptest::collection::vec(0i8..=126, 2 * LINE..200 * LINE),
            numbers in proptest::collection::vec(-63i8..=63, 200..900),
            // All at the ends: where 16 bits would overflow, were they too few.
            ends in any::<bool>(),
        ) {
            let mut lines: Vec<Line> = bytes.as_chunks::<LINE>().0.iter().map(|line| Line(*line)).collect();
            lines.truncate(lines.len() / 2 * 2);
            let mut quads: Vec<[i8; QUAD]> = numbers.as_chunks().0.iter().copied().cycle().take(lines.len() + 3).collect();
            if ends {
                lines.iter_mut().for_each(|line| line.0 = [126; LINE]);
                quads.iter_mut().zip(&bytes).for_each(|(quad, byte)| *quad = [if *byte > 100 { -63 } else { 63 }; QUAD]);
            }
            let query = |from: usize| &quads[from..][..lines.len()];
            compare([query(0)], &lines);
            compare([query(1), query(0)], &lines);
            compare([query(0), query(2), query(1)], &lines);
            compare([query(0), query(1), query(2), query(3)], &lines);
        }
    }

    #[test]
    fn what_is_too_short_is_not_read_out_of_bounds() {
        let quads = [[1; QUAD]; 2];
        for lines in [&[ZERO; 4][..], &[], &[ZERO; 3]] {
            let caught = std::panic::catch_unwind(|| tile([&quads[..]], lines));
            assert!(caught.is_err(), "{} lines", lines.len());
        }
    }
}
