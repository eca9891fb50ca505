//! Numbers to 16-bit integers: rows as they come, weights once.
//!
//! A row is scaled so that its largest magnitude becomes [`LARGEST`], a column of weights so that no sum of products with
//! such a row overflows 32 bits: `LARGEST` times the sum of the column's magnitudes is below 2^31 ([`quantise_weights`]).
//! For a depth of 384 that leaves weights 11 to 12 bits and a sign.
//!
//! Not for: 8 bits (`bytes.rs`), where half of the range must not be wasted on numbers of one sign.

use super::bytes::Bytes;
use super::isa::{Isa, dispatch};
use super::matrix::{Halves, Lines, PANEL, Pair};
use super::vector::{Pairs, Vector};

/// What the largest magnitude of a row becomes.
const LARGEST: f32 = 8_192.0;

/// The largest sum of magnitudes of a column of weights.
const LARGEST_SUM: f32 = (i32::MAX / LARGEST as i32) as f32;

/// Rows and columns with nothing larger are taken for zero: their scale would not be a normal number.
pub(super) const SMALLEST: f32 = 1e-20;

/// Rows in narrow numbers: those of one precision are of use.
#[derive(Default)]
pub(super) struct Quantised {
    pub(super) bytes: Bytes,
    pub(super) halves: Lines<Halves>,
    /// Row after row, each of half its depth, rounded up.
    pairs: Lines<Pair>,
    /// One a row.
    scales: Vec<f32>,
}

impl Quantised {
    /// The integers, which may be followed by others, of earlier rows.
    pub(super) fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// What an integer of each row stands for.
    pub(super) fn scales(&self) -> &[f32] {
        &self.scales
    }
}

/// Magnitudes of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Size {
    /// NaN where a number is.
    largest: f32,
    sum: f32,
}

impl Isa {
    /// Puts rows of `depth` numbers each into `to`. A row with a number that is not finite becomes zeros with a scale that
    /// is NaN.
    pub(super) fn quantise(self, rows: &[f32], depth: usize, to: &mut Quantised) {
        assert!(depth > 0 && rows.len().is_multiple_of(depth));
        let count = rows.len() / depth;
        let pairs = count * depth.div_ceil(2);
        to.pairs.grow(pairs);
        to.scales.resize(count, 0.0);
        let (pairs, scales) = (&mut to.pairs[..pairs], &mut to.scales[..]);
        dispatch!(self, quantise(rows: &[f32], pairs: &mut [Pair], scales: &mut [f32]))
    }

    /// The same on every CPU: with eight lanes, the sum is in the same order.
    fn size(self, row: &[f32]) -> Size {
        dispatch!(self.narrow(), size(row: &[f32]) -> Size)
    }

    /// `to` is half as long as `row`, rounded up, and its products with `factor` are within 16 bits.
    fn round(self, row: &[f32], factor: f32, to: &mut [Pair]) {
        assert!(to.len() == row.len().div_ceil(2));
        dispatch!(self, round(row: &[f32], factor: f32, to: &mut [Pair]))
    }
}

/// Puts a column of weights into `to`, half as long, rounded up; what an integer of it stands for. A column with a number
/// that is not finite becomes zeros with a scale that is NaN.
pub(super) fn quantise_weights(isa: Isa, weights: &[f32], to: &mut [Pair]) -> f32 {
    let size = isa.size(weights);
    // Rounding adds up to a half to each; the sum itself is off by less than the last factor.
    let sum = (LARGEST_SUM - weights.len() as f32 / 2.0).max(0.0) * 0.999;
    let factor = (f32::from(i16::MAX) / size.largest).min(sum / size.sum);
    let (factor, scale) = usable(size.largest, factor);
    if scale.is_nan() {
        to.fill(Pair::default());
    } else {
        isa.round(weights, factor, to);
    }
    scale
}

/// The factor, and what an integer then stands for; see [`SMALLEST`] and [`Isa::quantise`].
fn usable(largest: f32, factor: f32) -> (f32, f32) {
    if !largest.is_finite() {
        (0.0, f32::NAN)
    } else if largest < SMALLEST {
        (0.0, 0.0)
    } else {
        (factor, 1.0 / factor)
    }
}

/// # Safety
/// The CPU has `V`'s instructions; `rows` are as many rows as `scales` is long, and `pairs` half as long, rounded up in
/// each.
#[inline(always)]
unsafe fn quantise<V: Vector>(rows: &[f32], pairs: &mut [Pair], scales: &mut [f32]) {
    let depth = rows.len() / scales.len().max(1);
    let to = pairs.chunks_exact_mut(depth.div_ceil(2).max(1));
    for ((row, to), scale) in rows.chunks_exact(depth.max(1)).zip(to).zip(scales) {
        // SAFETY: the CPU has `V`'s instructions, and `to` is half as long as `row`, rounded up.
        unsafe {
            let largest = size::<V>(row).largest;
            let (factor, unit) = usable(largest, LARGEST / largest);
            *scale = unit;
            if unit.is_nan() {
                to.fill(Pair::default());
            } else {
                round::<V>(row, factor, to);
            }
        }
    }
}

/// # Safety
/// The CPU has `V`'s instructions.
#[inline(always)]
unsafe fn size<V: Vector>(row: &[f32]) -> Size {
    let parts = row.chunks_exact(V::LANES);
    let rest = parts.remainder();
    let mut last = [0f32; PANEL];
    last[..rest.len()].copy_from_slice(rest);
    // SAFETY: the CPU has `V`'s instructions, and every part is `LANES` long, which a panel is too.
    unsafe {
        let zero = V::splat(0.0);
        let mut largest = zero.larger_magnitude(V::load(last.as_ptr()));
        let mut sum = largest;
        for part in parts {
            let magnitude = zero.larger_magnitude(V::load(part.as_ptr()));
            largest = largest.larger_magnitude(magnitude);
            sum = sum.add(magnitude);
        }
        Size {
            largest: largest.largest_magnitude(),
            sum: sum.sum(),
        }
    }
}

/// # Safety
/// The CPU has `V`'s instructions, and `to` is half as long as `row`, rounded up.
#[inline(always)]
unsafe fn round<V: Vector>(row: &[f32], factor: f32, to: &mut [Pair]) {
    const { assert!(V::LANES <= PANEL) };
    let parts = row.chunks_exact(2 * V::LANES);
    let rest = parts.remainder();
    // SAFETY: the CPU has `V`'s instructions; every part of `row` is two vectors, and of `to` half as long.
    unsafe {
        let factor = V::splat(factor);
        for (part, to) in parts.zip(to.chunks_exact_mut(V::LANES)) {
            round_two(part.as_ptr(), factor).store(to.as_mut_ptr());
        }
        if !rest.is_empty() {
            let (mut last, mut rounded) = ([0f32; 2 * PANEL], [Pair::default(); PANEL]);
            last[..rest.len()].copy_from_slice(rest);
            round_two(last.as_ptr(), factor).store(rounded.as_mut_ptr());
            let to = &mut to[row.len() / (2 * V::LANES) * V::LANES..];
            to.copy_from_slice(&rounded[..to.len()]);
        }
    }
}

/// # Safety
/// `from` may be read for two vectors.
#[inline(always)]
unsafe fn round_two<V: Vector>(from: *const f32, factor: V) -> V::Pairs {
    // SAFETY: there is a value of `V`, so the CPU has its instructions; the caller says the rest.
    let (low, high) = unsafe { (V::load(from), V::load(from.add(V::LANES))) };
    V::Pairs::round(low.mul(factor), high.mul(factor))
}

#[cfg(test)]
mod tests {
    use super::super::isa::tests::{every_isa, noise, sizes};
    use super::super::product::{Product, Scales, Start};
    use super::*;

    fn integers(pairs: &[Pair]) -> Vec<i16> {
        pairs.iter().flat_map(|p| p.integers()).collect()
    }

    #[test]
    fn rows_become_the_nearest_integers_at_every_depth() {
        let mut random = noise(6);
        for isa in every_isa() {
            // One buffer for all: what longer rows left behind must not matter.
            let mut to = Quantised::default();
            for depth in sizes((1..=70).chain([384, 385, 1_000])) {
                let rows: Vec<f32> = (0..3 * depth).map(|_| 5.0 * random()).collect();
                isa.quantise(&rows, depth, &mut to);
                let half = depth.div_ceil(2);
                for (index, row) in rows.chunks(depth).enumerate() {
                    let largest = row.iter().fold(0f32, |a, x| a.max(x.abs()));
                    let factor = LARGEST / largest;
                    let mut expected: Vec<i16> = row
                        .iter()
                        .map(|x| (x * factor).round_ties_even() as i16)
                        .collect();
                    expected.resize(2 * half, 0);
                    assert!(expected.iter().any(|x| x.abs() == LARGEST as i16));
                    let ours = integers(&to.pairs()[index * half..][..half]);
                    assert_eq!(ours, expected, "{isa:?}, depth {depth}");
                    assert_eq!(to.scales()[index], 1.0 / factor);
                }
            }
        }
    }

    #[test]
    fn ties_go_to_the_even_integer_and_the_largest_keeps_its_sign() {
        let row = [
            -8_192.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 8_191.5, -8_190.5, 8_192.0, 0.0,
        ];
        let even = [-8_192, 0, 2, 2, 0, -2, -2, 8_192, -8_190, 8_192, 0, 0];
        for isa in every_isa() {
            let mut to = Quantised::default();
            isa.quantise(&row, row.len(), &mut to);
            assert_eq!(integers(&to.pairs()[..6]), even, "{isa:?}");
            assert_eq!(to.scales(), [1.0]);
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
        rows[5 * 33..].fill(f32::MAX);
        for isa in every_isa() {
            let mut to = Quantised::default();
            isa.quantise(&rows, 33, &mut to);
            assert!(integers(&to.pairs()[..5 * 17]).iter().all(|x| *x == 0));
            let scales = to.scales();
            assert_eq!(scales[..2], [0.0, 0.0], "{isa:?}");
            assert!(scales[2..5].iter().all(|s| s.is_nan()), "{scales:?}");
            assert!(integers(&to.pairs()[5 * 17..][..16]) == [8_192; 32]);
            let mut column = [Pair(7); 17];
            assert!(quantise_weights(isa, &rows[66..99], &mut column).is_nan());
            assert_eq!(quantise_weights(isa, &rows[..33], &mut column), 0.0);
            assert!(integers(&column).iter().all(|x| *x == 0));
        }
    }

    /// Columns of weights that are hardest to keep within the bounds.
    fn hard_columns(depth: usize) -> Vec<Vec<f32>> {
        let mut random = noise(7);
        let mut spike = vec![0f32; depth];
        spike[depth / 2] = -3.0;
        vec![
            vec![0.7; depth],
            (0..depth).map(|k| [1e-3, -1e-3][k % 2]).collect(),
            // Just above the middle of two integers once scaled, if anything is.
            (0..depth).map(|k| 1.0 + (k % 7) as f32 * 1e-3).collect(),
            (0..depth).map(|_| random()).collect(),
            spike,
        ]
    }

    #[test]
    fn no_sum_of_products_can_overflow_and_the_worst_is_exact() {
        for isa in every_isa() {
            for depth in [1, 2, 16, 383, 384, 768, 5_000] {
                for weights in hard_columns(depth) {
                    let pairs = depth.div_ceil(2);
                    let mut column = vec![Pair::default(); pairs];
                    let scale = quantise_weights(isa, &weights, &mut column);
                    let rounded = integers(&column);
                    let sum: i64 = rounded.iter().map(|q| i64::from(*q).abs()).sum();
                    assert!(
                        sum * LARGEST as i64 <= i64::from(i32::MAX),
                        "{depth}: {sum}"
                    );
                    for (weight, q) in weights.iter().zip(&rounded) {
                        let error = (weight - f32::from(*q) * scale).abs();
                        assert!(error <= 0.501 * scale + 1e-6 * weight.abs());
                    }
                    assert_worst_product(isa, &rounded, &column);
                }
            }
        }
    }

    /// The row with the largest numbers and the signs of the column, times the column.
    fn assert_worst_product(isa: Isa, rounded: &[i16], column: &[Pair]) {
        let row: Vec<f32> = rounded
            .iter()
            .map(|q| if *q < 0 { -2.0 } else { 2.0 })
            .collect();
        let mut a = Quantised::default();
        isa.quantise(&row, row.len(), &mut a);
        let b: Vec<Pair> = column.iter().flat_map(|p| [*p; PANEL]).collect();
        let product = Product {
            rows: 1,
            depth: column.len(),
            columns: PANEL,
            a: a.pairs(),
            a_stride: column.len(),
            b: &b,
            scales: Scales {
                rows: a.scales(),
                columns: &[1.0; PANEL],
                ..Scales::default()
            },
            start: Start::Zero,
            c_stride: PANEL,
            ahead: None,
        };
        let mut c = [0f32; PANEL];
        isa.multiply(&product, &mut c);
        let exact = 2.0 * rounded.iter().map(|q| f64::from(*q).abs()).sum::<f64>();
        for x in c {
            assert!(
                (f64::from(x) - exact).abs() <= exact * 1e-6,
                "{x}, not {exact}"
            );
        }
    }

    #[test]
    fn sizes_are_those_of_their_definition() {
        let mut random = noise(8);
        for length in 0..100 {
            let row: Vec<f32> = (0..length).map(|_| random()).collect();
            let sum: f64 = row.iter().map(|x| f64::from(x.abs())).sum();
            let largest = row.iter().fold(0f32, |a, x| a.max(x.abs()));
            let sizes: Vec<Size> = every_isa().iter().map(|isa| isa.size(&row)).collect();
            assert!(sizes.iter().all(|s| *s == sizes[0]), "{sizes:?}");
            assert_eq!(sizes[0].largest, largest);
            assert!((f64::from(sizes[0].sum) - sum).abs() < 1e-5);
        }
    }
}
