//! Numbers to 8-bit integers: rows as they come, weights once.
//!
//! The numbers of a row, zero among them, are spread over the bytes from 0 to 255, with a scale and a byte for zero of
//! their own, so that a row of numbers of mostly one sign, as the activation leaves them, loses no half of the bytes. A
//! column of weights has a scale of its own, and zero is zero. Sums of products are exact: 255 times 127 times a depth of up
//! to 66,000 is within 32 bits.
//!
//! Not for: 16 bits (`quantise.rs`).

use super::isa::{Isa, dispatch};
use super::matrix::{Lines, PANEL, Quad};
use super::quantise::SMALLEST;
use super::vector::Vector;

/// The largest magnitude of a weight.
const LARGEST_WEIGHT: f32 = 127.0;

/// What is added to weights while they are bytes.
const WEIGHT_ZERO: f32 = 128.0;

/// Rows in 8-bit integers.
#[derive(Default)]
pub(super) struct Bytes {
    /// Row after row, each of a quarter of its depth, rounded up.
    quads: Lines<Quad>,
    /// One a row.
    scales: Vec<f32>,
    /// One a row.
    zeros: Vec<i32>,
}

impl Bytes {
    /// The bytes, which may be followed by others, of earlier rows.
    pub(super) fn quads(&self) -> &[Quad] {
        &self.quads
    }

    /// What a step of the bytes of each row stands for.
    pub(super) fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// The byte of each row that stands for zero.
    pub(super) fn zeros(&self) -> &[i32] {
        &self.zeros
    }
}

/// How a row or column becomes bytes: times `factor`, plus `zero`.
#[derive(Clone, Copy)]
struct Bounds {
    factor: f32,
    zero: f32,
}

/// Of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Range {
    /// Zero or below.
    smallest: f32,
    /// Zero or above.
    largest: f32,
    /// NaN where a number is.
    magnitude: f32,
}

impl Isa {
    /// Puts rows of `depth` numbers each into `to`. A row with a number that is not finite, or of numbers so far apart that
    /// their difference is not, becomes zeros with a scale that is NaN.
    pub(super) fn quantise_bytes(self, rows: &[f32], depth: usize, to: &mut Bytes) {
        assert!(depth > 0 && rows.len().is_multiple_of(depth));
        let (count, words) = (rows.len() / depth, depth.div_ceil(4));
        to.quads.grow(count * words);
        to.scales.resize(count, 0.0);
        to.zeros.resize(count, 0);
        let places = to.scales.iter_mut().zip(&mut to.zeros);
        let quads = to.quads.chunks_exact_mut(words);
        for ((row, quads), (scale, zero)) in rows.chunks_exact(depth).zip(quads).zip(places) {
            let range = dispatch!(self, range(row: &[f32]) -> Range);
            let (bounds, unit) = spread(range);
            (*scale, *zero) = (unit, bounds.zero as i32);
            if unit.is_nan() {
                quads.fill(Quad::default());
            } else {
                dispatch!(self, round(row: &[f32], bounds: Bounds, quads: &mut [Quad]));
            }
        }
    }
}

/// Puts a column of weights into `to`, a quarter as long, rounded up; what an integer of it stands for, and their sum. A
/// column with a number that is not finite becomes zeros with a scale that is NaN.
pub(super) fn quantise_weight_bytes(isa: Isa, weights: &[f32], to: &mut [Quad]) -> (f32, i32) {
    assert!(to.len() == weights.len().div_ceil(4));
    let range = dispatch!(isa, range(weights: &[f32]) -> Range);
    let usable = SMALLEST..f32::INFINITY;
    if !usable.contains(&range.magnitude) {
        to.fill(Quad::default());
        let is_zero = range.magnitude < SMALLEST;
        return (if is_zero { 0.0 } else { f32::NAN }, 0);
    }
    let bounds = Bounds {
        factor: LARGEST_WEIGHT / range.magnitude,
        zero: WEIGHT_ZERO,
    };
    dispatch!(isa, round(weights: &[f32], bounds: Bounds, to: &mut [Quad]));
    let mut sum = 0;
    for quad in to {
        // From a byte above 128 to a signed one.
        quad.0 ^= i32::from_le_bytes([WEIGHT_ZERO as u8; 4]);
        sum += quad
            .0
            .to_le_bytes()
            .map(|b| i32::from(b as i8))
            .iter()
            .sum::<i32>();
    }
    (1.0 / bounds.factor, sum)
}

/// How a row of this range becomes bytes, and what a step then stands for.
fn spread(range: Range) -> (Bounds, f32) {
    let width = range.largest - range.smallest;
    let nothing = Bounds {
        factor: 0.0,
        zero: 0.0,
    };
    if !range.magnitude.is_finite() || !width.is_finite() {
        (nothing, f32::NAN)
    } else if width < SMALLEST {
        (nothing, 0.0)
    } else {
        let factor = 255.0 / width;
        let zero = (-range.smallest * factor).round_ties_even();
        (Bounds { factor, zero }, 1.0 / factor)
    }
}

/// # Safety
/// The CPU has `V`'s instructions.
#[inline(always)]
unsafe fn range<V: Vector>(row: &[f32]) -> Range {
    let parts = row.chunks_exact(V::LANES);
    let rest = parts.remainder();
    let mut last = [0f32; PANEL];
    last[..rest.len()].copy_from_slice(rest);
    // SAFETY: the CPU has `V`'s instructions, and every part is `LANES` long, which a panel is at least.
    unsafe {
        let zero = V::splat(0.0);
        let v = V::load(last.as_ptr());
        let (mut largest, mut below) = (zero.max(v), zero.max(zero.sub(v)));
        let mut magnitude = zero.larger_magnitude(v);
        for part in parts {
            let v = V::load(part.as_ptr());
            largest = largest.max(v);
            below = below.max(zero.sub(v));
            magnitude = magnitude.larger_magnitude(v);
        }
        Range {
            smallest: -below.largest(),
            largest: largest.largest(),
            magnitude: magnitude.largest_magnitude(),
        }
    }
}

/// # Safety
/// The CPU has `V`'s instructions, and `to` is a quarter as long as `row`, rounded up.
#[inline(always)]
unsafe fn round<V: Vector>(row: &[f32], bounds: Bounds, to: &mut [Quad]) {
    let parts = row.chunks_exact(V::LANES);
    let rest = parts.remainder();
    // SAFETY: the CPU has `V`'s instructions; every part of `row` is a vector, and `to` has a byte for each of its numbers.
    unsafe {
        let (factor, zero) = (V::splat(bounds.factor), V::splat(bounds.zero));
        let (none, all) = (V::splat(0.0), V::splat(255.0));
        let byte = |from: *const f32| {
            // Rounding may put the largest a half above 255.
            let x = V::load(from).mul(factor).add(zero);
            all.min(none.max(x))
        };
        for (part, to) in parts.zip(to.chunks_exact_mut(V::LANES / 4)) {
            byte(part.as_ptr()).store_bytes(to.as_mut_ptr().cast());
        }
        if !rest.is_empty() {
            let (mut last, mut bytes) = ([0f32; PANEL], [Quad::default(); PANEL / 4]);
            last[..rest.len()].copy_from_slice(rest);
            byte(last.as_ptr()).store_bytes(bytes.as_mut_ptr().cast());
            let to = &mut to[row.len() / V::LANES * (V::LANES / 4)..];
            to.copy_from_slice(&bytes[..to.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::isa::tests::{every_isa, noise, sizes};
    use super::*;

    fn bytes(quads: &[Quad]) -> Vec<u8> {
        quads.iter().flat_map(|q| q.0.to_le_bytes()).collect()
    }

    #[test]
    fn rows_become_the_nearest_bytes_at_every_depth_and_the_same_on_every_cpu() {
        let mut random = noise(11);
        let isas = every_isa();
        // One buffer each for all: what longer rows left behind must not matter.
        let mut buffers: Vec<Bytes> = isas.iter().map(|_| Bytes::default()).collect();
        for depth in sizes((1..=70).chain([384, 385, 1_000])) {
            // Of both signs, of mostly one, of one alone.
            let shifts = [0.0, 4.7, -9.0];
            let rows: Vec<f32> = (0..3 * depth)
                .map(|i| 5.0 * random() + shifts[i / depth])
                .collect();
            let words = depth.div_ceil(4);
            for (isa, to) in isas.iter().zip(&mut buffers) {
                isa.quantise_bytes(&rows, depth, to);
                for (index, row) in rows.chunks(depth).enumerate() {
                    let (scale, zero) = (to.scales()[index], to.zeros()[index]);
                    let ours = bytes(&to.quads()[index * words..][..words]);
                    assert!((0..=255).contains(&zero), "{zero}");
                    let smallest = row.iter().fold(0f32, |a, x| a.min(*x));
                    let largest = row.iter().fold(0f32, |a, x| a.max(*x));
                    assert!((scale * 255.0 / (largest - smallest) - 1.0).abs() < 1e-6);
                    for (x, byte) in row.iter().zip(&ours) {
                        let error = ((i32::from(*byte) - zero) as f32 * scale - x).abs();
                        // The zero is rounded too, so that the ends may be half a step out of reach.
                        let allowed = if (1..255).contains(byte) {
                            0.501
                        } else {
                            1.001
                        };
                        assert!(error <= allowed * scale, "{isa:?}: {x} is {byte}, {zero}");
                    }
                    for rest in &ours[depth..] {
                        assert_eq!(i32::from(*rest), zero, "zero beyond the end");
                    }
                }
            }
            for other in &buffers[1..] {
                assert_eq!(buffers[0].quads()[..3 * words], other.quads()[..3 * words]);
                assert_eq!(
                    (buffers[0].scales(), buffers[0].zeros()),
                    (other.scales(), other.zeros())
                );
            }
        }
    }

    #[test]
    fn rows_of_zeros_are_zero_and_rows_that_are_not_finite_stay_so() {
        let mut rows = vec![1f32; 6 * 33];
        rows[..33].fill(0.0);
        rows[33..66].fill(-1e-21);
        rows[67] = f32::NAN;
        rows[2 * 33 + 40] = f32::INFINITY;
        rows[4 * 33 + 32] = f32::NEG_INFINITY;
        rows[5 * 33] = f32::MAX;
        rows[5 * 33 + 1] = f32::MIN;
        for isa in every_isa() {
            let mut to = Bytes::default();
            isa.quantise_bytes(&rows, 33, &mut to);
            assert_eq!(to.scales()[..2], [0.0, 0.0], "{isa:?}");
            assert!(to.scales()[2..].iter().all(|s| s.is_nan()), "{isa:?}");
            assert!(to.zeros().iter().all(|zero| *zero == 0));
            let mut column = [Quad(7); 9];
            let (scale, sum) = quantise_weight_bytes(isa, &rows[66..99], &mut column);
            assert!(scale.is_nan() && sum == 0 && column == [Quad(0); 9]);
            let (scale, sum) = quantise_weight_bytes(isa, &rows[..33], &mut column);
            assert_eq!((scale, sum), (0.0, 0));
        }
    }

    #[test]
    fn weights_become_the_nearest_bytes_and_their_sum_is_exact() {
        let mut random = noise(12);
        let isas = every_isa();
        for depth in sizes((1..=70).chain([384, 385, 1_000])) {
            let weights: Vec<f32> = (0..depth).map(|_| random() * 0.2).collect();
            let mut plain = vec![Quad::default(); depth.div_ceil(4)];
            let of_plain = quantise_weight_bytes(Isa::Portable, &weights, &mut plain);
            let ours: Vec<i8> = bytes(&plain).into_iter().map(|b| b as i8).collect();
            assert_eq!(of_plain.1, ours.iter().map(|b| i32::from(*b)).sum::<i32>());
            assert!(ours.iter().any(|b| b.abs() == 127) && !ours.contains(&-128));
            for (w, b) in weights.iter().zip(&ours) {
                let error = (f32::from(*b) * of_plain.0 - w).abs();
                assert!(error <= 0.501 * of_plain.0, "{w} is {b}");
            }
            assert!(ours[depth..].iter().all(|b| *b == 0));
            for isa in &isas {
                let mut other = vec![Quad(7); plain.len()];
                let of_other = quantise_weight_bytes(*isa, &weights, &mut other);
                assert_eq!((&other, of_other), (&plain, of_plain), "{isa:?}");
            }
        }
    }
}
