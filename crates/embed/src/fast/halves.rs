//! Numbers to bfloat16, the upper half of an f32, rounded to the nearest: rows as they come, weights once.
//!
//! Not for: integers (`quantise.rs`, `bytes.rs`).

use super::isa::{Isa, dispatch};
use super::matrix::{Halves, Lines, PANEL};
use super::vector::{Pairs, Vector};

impl Isa {
    /// Puts rows of `depth` numbers each into `to`, row after row, each half as long, rounded up.
    pub(super) fn round_halves(self, rows: &[f32], depth: usize, to: &mut Lines<Halves>) {
        assert!(depth > 0 && rows.len().is_multiple_of(depth));
        let words = depth.div_ceil(2);
        to.grow(rows.len() / depth * words);
        for (row, to) in rows.chunks_exact(depth).zip(to.chunks_exact_mut(words)) {
            dispatch!(self, round(row: &[f32], to: &mut [Halves]));
        }
    }
}

/// Puts a column of weights into `to`, half as long, rounded up.
pub(super) fn round_weights(isa: Isa, weights: &[f32], to: &mut [Halves]) {
    assert!(to.len() == weights.len().div_ceil(2));
    dispatch!(isa, round(weights: &[f32], to: &mut [Halves]));
}

/// # Safety
/// The CPU has `V`'s instructions, and `to` is half as long as `row`, rounded up.
#[inline(always)]
unsafe fn round<V: Vector>(row: &[f32], to: &mut [Halves]) {
    const { assert!(V::LANES <= PANEL) };
    let parts = row.chunks_exact(2 * V::LANES);
    let rest = parts.remainder();
    // SAFETY: the CPU has `V`'s instructions; every part of `row` is two vectors, and of `to` half as long.
    unsafe {
        let two =
            |from: *const f32| V::Pairs::round_halves(V::load(from), V::load(from.add(V::LANES)));
        for (part, to) in parts.zip(to.chunks_exact_mut(V::LANES)) {
            two(part.as_ptr()).store(to.as_mut_ptr().cast());
        }
        if !rest.is_empty() {
            let (mut last, mut rounded) = ([0f32; 2 * PANEL], [Halves::default(); PANEL]);
            last[..rest.len()].copy_from_slice(rest);
            two(last.as_ptr()).store(rounded.as_mut_ptr().cast());
            let to = &mut to[row.len() / (2 * V::LANES) * V::LANES..];
            to.copy_from_slice(&rounded[..to.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::isa::tests::{every_isa, noise, sizes};
    use super::super::vector::half;
    use super::*;

    #[test]
    fn the_plain_rounding_is_to_the_nearest_even() {
        for (x, expected) in [
            (0.0, 0.0),
            (-0.0, -0.0),
            (1.0, 1.0),
            // Eight bits: between 1 and 1.0078125, the middle goes to 1, and that above to 1.015625.
            (1.003_906_3, 1.0),
            (1.003_906_4, 1.007_812_5),
            (1.011_718_8, 1.015_625),
            (-1.011_718_8, -1.015_625),
            (f32::MAX, f32::INFINITY),
            (f32::NEG_INFINITY, f32::NEG_INFINITY),
        ] {
            let ours = f32::from_bits(u32::from(half(x)) << 16);
            assert_eq!(ours.to_bits(), f32::to_bits(expected), "{x} is {ours}");
        }
        // The bits of this NaN are in the half that is cut.
        for nan in [
            f32::NAN,
            f32::from_bits(0x7F80_0001),
            f32::from_bits(0xFFFF_FFFF),
        ] {
            assert!(f32::from_bits(u32::from(half(nan)) << 16).is_nan());
        }
    }

    #[test]
    fn rows_are_rounded_in_their_order_on_every_cpu() {
        let mut random = noise(13);
        for isa in every_isa() {
            // One buffer for all: what longer rows left behind must not matter.
            let mut to = Lines::default();
            for depth in sizes((1..=70).chain([384, 385])) {
                let mut rows: Vec<f32> = (0..3 * depth).map(|_| 5.0 * random()).collect();
                rows[depth - 1] = [f32::NAN, f32::MAX, 1e-41, 1.011_718_8][depth % 4];
                isa.round_halves(&rows, depth, &mut to);
                let words = depth.div_ceil(2);
                for (row, ours) in rows.chunks(depth).zip(to.chunks(words)) {
                    let mut expected: Vec<u16> = row.iter().map(|x| half(*x)).collect();
                    expected.resize(2 * words, 0);
                    let ours: Vec<u16> = ours
                        .iter()
                        .flat_map(|w| [w.0 as u16, (w.0 >> 16) as u16])
                        .collect();
                    assert_eq!(ours, expected, "{isa:?}, depth {depth}");
                }
            }
        }
    }
}
