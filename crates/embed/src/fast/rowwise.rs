//! What is done to rows beside the products: activation, normalisation, softmax.

use super::functions;
use super::isa::{Isa, dispatch};
use super::matrix::PANEL;
use super::vector::{PanelSum, Vector};

/// The activation between the two layers of the feed-forward part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// x times the normal distribution function of x.
    Gelu,
    /// Its approximation with tanh (`gelu_new`).
    GeluTanh,
    /// The larger of x and 0.
    Relu,
    /// x times the logistic function of x.
    Silu,
}

/// Learnt scale and shift of a layer norm.
pub(super) struct Norm {
    pub(super) gain: Vec<f32>,
    pub(super) shift: Vec<f32>,
    pub(super) epsilon: f32,
}

impl Isa {
    /// Applies the activation to every number of `x`, whose length is a multiple of [`PANEL`].
    pub(super) fn activate(self, activation: Activation, x: &mut [f32]) {
        assert!(x.len().is_multiple_of(PANEL));
        match activation {
            Activation::Gelu => dispatch!(self, gelu(x: &mut [f32])),
            Activation::GeluTanh => dispatch!(self, gelu_tanh(x: &mut [f32])),
            Activation::Relu => dispatch!(self, relu(x: &mut [f32])),
            Activation::Silu => dispatch!(self, silu(x: &mut [f32])),
        }
    }

    /// Rows of `x` become `norm(x + y)`, each of the width of `norm`, a multiple of [`PANEL`].
    pub(super) fn add_norm(self, x: &mut [f32], y: &[f32], norm: &Norm) {
        let width = norm.gain.len();
        assert!(width > 0 && width.is_multiple_of(PANEL) && norm.shift.len() == width);
        assert!(x.len() == y.len() && x.len().is_multiple_of(width));
        dispatch!(self, add_norm(x: &mut [f32], y: &[f32], norm: &Norm))
    }

    /// In each row of `rows`, of `len` rounded up to a whole [`PANEL`], the first `len` numbers become
    /// `exp(scale (x - largest))` and the rest is overwritten; `sums` gets the sum of each. `scale` is positive.
    pub(super) fn exponentials(self, rows: &mut [f32], len: usize, scale: f32, sums: &mut [f32]) {
        let padded = len.next_multiple_of(PANEL);
        assert!(len > 0 && rows.len() == padded * sums.len());
        for row in rows.chunks_exact_mut(padded) {
            row[len..].fill(f32::NEG_INFINITY);
        }
        dispatch!(self, exponentials(rows: &mut [f32], scale: f32, sums: &mut [f32]))
    }
}

/// # Safety
/// The CPU has `V`'s instructions, and the length of `x` is a multiple of `V::LANES`.
#[inline(always)]
unsafe fn map<V: Vector>(x: &mut [f32], f: impl Fn(V) -> V) {
    for part in x.chunks_exact_mut(V::LANES) {
        // SAFETY: the part is `LANES` long.
        unsafe { f(V::load(part.as_ptr())).store(part.as_mut_ptr()) };
    }
}

/// # Safety
/// As [`map`].
#[inline(always)]
unsafe fn gelu<V: Vector>(x: &mut [f32]) {
    // SAFETY: passed on to the caller.
    unsafe { map::<V>(x, |v| functions::gelu(v)) }
}

/// # Safety
/// As [`map`].
#[inline(always)]
unsafe fn gelu_tanh<V: Vector>(x: &mut [f32]) {
    // SAFETY: passed on to the caller.
    unsafe { map::<V>(x, |v| functions::gelu_tanh(v)) }
}

/// # Safety
/// As [`map`].
#[inline(always)]
unsafe fn relu<V: Vector>(x: &mut [f32]) {
    // SAFETY: passed on to the caller.
    unsafe { map::<V>(x, |v| V::splat(0.0).max(v)) }
}

/// # Safety
/// As [`map`].
#[inline(always)]
unsafe fn silu<V: Vector>(x: &mut [f32]) {
    // SAFETY: passed on to the caller.
    unsafe { map::<V>(x, |v| functions::silu(v)) }
}

/// # Safety
/// The CPU has `V`'s instructions, and the lengths are as [`Isa::add_norm`] asserts.
#[inline(always)]
unsafe fn add_norm<V: Vector>(x: &mut [f32], y: &[f32], norm: &Norm) {
    let width = norm.gain.len();
    let steps = || (0..width).step_by(V::LANES);
    let panels = || (0..width).step_by(PANEL);
    let parts = || (0..PanelSum::<V>::VECTORS).map(|part| (part, part * V::LANES));
    let (gain, shift) = (norm.gain.as_ptr(), norm.shift.as_ptr());
    for (x, y) in x.chunks_exact_mut(width).zip(y.chunks_exact(width)) {
        let (x, y) = (x.as_mut_ptr(), y.as_ptr());
        // SAFETY: all four are `width` long, a multiple of `PANEL`.
        unsafe {
            let mut sum = PanelSum::zero(V::splat(0.0));
            for panel in panels() {
                for (part, i) in parts() {
                    let i = panel + i;
                    let v = V::load(x.add(i)).add(V::load(y.add(i)));
                    v.store(x.add(i));
                    sum.update(part, |sum| sum.add(v));
                }
            }
            let mean = V::splat(sum.sum() / width as f32);
            let mut squares = PanelSum::zero(V::splat(0.0));
            for panel in panels() {
                for (part, i) in parts() {
                    let v = V::load(x.add(panel + i)).sub(mean);
                    squares.update(part, |squares| v.mul_add(v, squares));
                }
            }
            let variance = squares.sum() / width as f32;
            let scale = V::splat(1.0 / (variance + norm.epsilon).sqrt());
            for i in steps() {
                let v = V::load(x.add(i)).sub(mean).mul(scale);
                v.mul_add(V::load(gain.add(i)), V::load(shift.add(i)))
                    .store(x.add(i));
            }
        }
    }
}

/// # Safety
/// The CPU has `V`'s instructions, and `rows` is as many rows as `sums` is long, of a positive multiple of [`PANEL`].
#[inline(always)]
unsafe fn exponentials<V: Vector>(rows: &mut [f32], scale: f32, sums: &mut [f32]) {
    let width = rows.len() / sums.len().max(1);
    // exp(scale (x - largest)) as a power of two.
    let factor = scale * std::f32::consts::LOG2_E;
    // Two passes over all rows, so that the end of one row and the start of the next overlap.
    // SAFETY: every part is `LANES` long.
    unsafe {
        for (row, sum) in rows.chunks_exact(width).zip(sums.iter_mut()) {
            let mut largest = V::splat(f32::NEG_INFINITY);
            for part in row.chunks_exact(V::LANES) {
                largest = V::load(part.as_ptr()).max(largest);
            }
            *sum = largest.largest();
        }
        for (row, sum) in rows.chunks_exact_mut(width).zip(sums) {
            let (scale, shift) = (V::splat(factor), V::splat(-*sum * factor));
            let mut total = PanelSum::zero(V::splat(0.0));
            for panel in row.chunks_exact_mut(PANEL) {
                for (index, part) in panel.chunks_exact_mut(V::LANES).enumerate() {
                    let v = functions::exp2(V::load(part.as_ptr()).mul_add(scale, shift));
                    v.store(part.as_mut_ptr());
                    total.update(index, |total| total.add(v));
                }
            }
            *sum = total.sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::isa::tests::{every_isa, noise, sizes};
    use super::*;

    /// The error function by its series in f64, good to 1e-9 for |x| < 4.5.
    fn erf(x: f64) -> f64 {
        if x.abs() >= 4.5 {
            return x.signum();
        }
        let (mut term, mut sum) = (x, x);
        for n in 1..120 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    fn largest_error(isa: Isa, activation: Activation, exact: impl Fn(f64) -> f64) -> f64 {
        let inputs: Vec<f32> = (-40_000..40_000).map(|i| i as f32 / 4_000.0).collect();
        let mut outputs = inputs.clone();
        isa.activate(activation, &mut outputs);
        inputs
            .iter()
            .zip(&outputs)
            .map(|(x, y)| (exact(f64::from(*x)) - f64::from(*y)).abs())
            .fold(0.0, f64::max)
    }

    #[test]
    fn activations_keep_their_stated_errors() {
        let gelu = |x: f64| x / 2.0 * (1.0 + erf(x / std::f64::consts::SQRT_2));
        let tanh = |x: f64| {
            let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            x / 2.0 * (1.0 + u.tanh())
        };
        for isa in every_isa() {
            let errors = [
                largest_error(isa, Activation::Gelu, gelu),
                largest_error(isa, Activation::GeluTanh, tanh),
                largest_error(isa, Activation::Relu, |x| x.max(0.0)),
            ];
            let silu = largest_error(isa, Activation::Silu, |x| x / (1.0 + (-x).exp()));
            assert!(silu < 2e-6, "silu off by {silu}");
            println!("{isa:?}: gelu, gelu_tanh, relu off by {errors:?}");
            assert!(
                errors[0] < 2e-6 && errors[1] < 2e-6 && errors[2] == 0.0,
                "{errors:?}"
            );
            let extremes = [1e4, -1e4, 0.0, f32::NAN, 20.0, -20.0];
            for activation in [Activation::Gelu, Activation::GeluTanh, Activation::Silu] {
                let mut padded = [0f32; PANEL];
                padded[..6].copy_from_slice(&extremes);
                isa.activate(activation, &mut padded);
                let expected = [1e4, 0.0, 0.0, f32::NAN, 20.0, 0.0];
                for ((x, y), expected) in extremes.iter().zip(padded).zip(expected) {
                    let allowed = 2e-7 * x.abs();
                    assert!(
                        (y - expected).abs() <= allowed || (y.is_nan() && x.is_nan()),
                        "{activation:?} of {x} is {y}"
                    );
                }
            }
        }
    }

    #[test]
    fn exponentials_are_those_of_f64_at_every_length() {
        let mut random = noise(2);
        for isa in every_isa() {
            for len in sizes(1..=300) {
                let padded = len.next_multiple_of(PANEL);
                let before: Vec<f32> = (0..3 * padded).map(|_| 40.0 * random()).collect();
                let (mut rows, mut sums) = (before.clone(), [0f32; 3]);
                isa.exponentials(&mut rows, len, 0.25, &mut sums);
                for ((before, row), sum) in before.chunks(padded).zip(rows.chunks(padded)).zip(sums)
                {
                    let largest = before[..len].iter().copied().fold(f32::MIN, f32::max);
                    let mut total = 0.0;
                    for (x, y) in before.iter().zip(&row[..len]) {
                        let exact = (0.25 * (f64::from(*x) - f64::from(largest))).exp();
                        let error = (exact - f64::from(*y)).abs() / exact;
                        assert!(error < 3e-6, "{x} - {largest}: off by {error}");
                        total += exact;
                    }
                    assert!((total - f64::from(sum)).abs() / total < 3e-6);
                    assert!(row[len..].iter().all(|x| *x < 1e-37));
                }
            }
        }
    }

    #[test]
    fn norms_are_those_of_f64() {
        let mut random = noise(3);
        for isa in every_isa() {
            for (rows, width) in [(1, 16), (3, 64), (5, 384), (2, 768)] {
                let mut take = |n: usize| -> Vec<f32> { (0..n).map(|_| random()).collect() };
                let norm = Norm {
                    gain: take(width),
                    shift: take(width),
                    epsilon: 1e-12,
                };
                let (before, y) = (take(rows * width), take(rows * width));
                let mut x = before.clone();
                isa.add_norm(&mut x, &y, &norm);
                for row in 0..rows {
                    let at = |i: usize| {
                        f64::from(before[row * width + i]) + f64::from(y[row * width + i])
                    };
                    let mean = (0..width).map(at).sum::<f64>() / width as f64;
                    let variance =
                        (0..width).map(|i| (at(i) - mean).powi(2)).sum::<f64>() / width as f64;
                    for i in 0..width {
                        let exact = (at(i) - mean) / variance.sqrt() * f64::from(norm.gain[i])
                            + f64::from(norm.shift[i]);
                        assert!((exact - f64::from(x[row * width + i])).abs() < 3e-6);
                    }
                }
            }
        }
    }
}
