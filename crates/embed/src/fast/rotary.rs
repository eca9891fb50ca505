//! What is done to queries and keys between their projection and the scores: rotary positions (Su et al. 2021,
//! "RoFormer", halves rotated as in GPT-NeoX), and the norm of each head (Qwen3).

use super::isa::{Isa, dispatch};
use super::matrix::PANEL;
use super::vector::{PanelSum, Vector};

/// Cosines and sines of every position up to the longest text so far, `(tokens, width / 2)` each.
#[derive(Default)]
pub(super) struct Rotation {
    /// Of `width` and base.
    of: Option<(usize, f64)>,
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Rotation {
    /// Room for texts of `tokens` tokens and heads of `width` numbers; `theta` is the base of the frequencies.
    pub(super) fn grow(&mut self, tokens: usize, width: usize, theta: f64) {
        if self.of != Some((width, theta)) {
            *self = Self {
                of: Some((width, theta)),
                ..Self::default()
            };
        }
        let half = width / 2;
        let frequency = |i: usize| 1.0 / (theta as f32).powf((2 * i) as f32 / width as f32);
        let frequencies: Vec<f32> = (0..half).map(frequency).collect();
        for token in self.cos.len() / half.max(1)..tokens {
            let angles = frequencies.iter().map(|f| token as f32 * f);
            self.cos.extend(angles.clone().map(f32::cos));
            self.sin.extend(angles.map(f32::sin));
        }
    }
}

/// Projections of one text, each row `queries` queries, a key and a value of `width` numbers.
pub(super) struct Projected<'a> {
    pub(super) rows: &'a mut [f32],
    pub(super) queries: usize,
    pub(super) width: usize,
}

impl Isa {
    /// Turns queries and keys of the text by their positions. `rotation` has grown to its length.
    pub(super) fn turn(self, text: &mut Projected<'_>, rotation: &Rotation) {
        let (heads, width) = (text.queries, text.width);
        let rows = text.rows.len() / ((heads + 2) * width);
        assert!(rotation.cos.len() >= rows * width / 2 && width.is_multiple_of(PANEL));
        dispatch!(self, turn(text: &mut Projected<'_>, rotation: &Rotation))
    }

    /// Gives every query and every key the mean square one, times a gain each.
    pub(super) fn norm_heads(self, text: &mut Projected<'_>, gains: &[Vec<f32>; 2], epsilon: f32) {
        let width = text.width;
        assert!(width.is_multiple_of(PANEL) && gains.iter().all(|gain| gain.len() == width));
        dispatch!(self, norm_heads(text: &mut Projected<'_>, gains: &[Vec<f32>; 2], epsilon: f32))
    }

    /// Rows of `x` become `x + y` with mean square one, times `gain`, whose length is a multiple of [`PANEL`].
    pub(super) fn add_rms_norm(self, x: &mut [f32], y: &[f32], gain: &[f32], epsilon: f32) {
        assert!(gain.len().is_multiple_of(PANEL) && !gain.is_empty());
        assert!(x.len() == y.len() && x.len().is_multiple_of(gain.len()));
        dispatch!(self, add_rms_norm(x: &mut [f32], y: &[f32], gain: &[f32], epsilon: f32))
    }

    /// `x += y`.
    pub(super) fn add(self, x: &mut [f32], y: &[f32]) {
        assert_eq!(x.len(), y.len());
        dispatch!(self, add(x: &mut [f32], y: &[f32]))
    }

    /// `x *= y`.
    pub(super) fn gate(self, x: &mut [f32], y: &[f32]) {
        assert_eq!(x.len(), y.len());
        dispatch!(self, gate(x: &mut [f32], y: &[f32]))
    }
}

// The loops below that load no vector are plain ones, compiled for the instruction set they are dispatched to: each number
// is multiplied and added by itself, so every CPU computes the same.

/// # Safety
/// The CPU has `V`'s instructions.
#[inline(always)]
unsafe fn turn<V: Vector>(text: &mut Projected<'_>, rotation: &Rotation) {
    let (width, half) = (text.width, text.width / 2);
    let rows = text.rows.chunks_exact_mut((text.queries + 2) * width);
    let angles = rotation.cos.chunks_exact(half);
    for ((row, cos), sin) in rows.zip(angles).zip(rotation.sin.chunks_exact(half)) {
        for head in row[..(text.queries + 1) * width].chunks_exact_mut(width) {
            let (left, right) = head.split_at_mut(half);
            for (((a, b), c), s) in left.iter_mut().zip(right).zip(cos).zip(sin) {
                (*a, *b) = (*a * c - *b * s, *a * s + *b * c);
            }
        }
    }
}

/// # Safety
/// The CPU has `V`'s instructions, and gains are of the width of a head, a multiple of [`PANEL`].
#[inline(always)]
unsafe fn norm_heads<V: Vector>(text: &mut Projected<'_>, gains: &[Vec<f32>; 2], epsilon: f32) {
    let (queries, width) = (text.queries, text.width);
    for row in text.rows.chunks_exact_mut((queries + 2) * width) {
        for (index, head) in row.chunks_exact_mut(width).take(queries + 1).enumerate() {
            let gain = &gains[usize::from(index == queries)];
            // SAFETY: the gain is as long as the head, as the caller says.
            unsafe { scale::<V>(head, gain, epsilon) };
        }
    }
}

/// # Safety
/// The CPU has `V`'s instructions, and `gain` is as long as a row, a positive multiple of [`PANEL`].
#[inline(always)]
unsafe fn add_rms_norm<V: Vector>(x: &mut [f32], y: &[f32], gain: &[f32], epsilon: f32) {
    let width = gain.len();
    for (x, y) in x.chunks_exact_mut(width).zip(y.chunks_exact(width)) {
        for (x, y) in x.iter_mut().zip(y) {
            *x += y;
        }
        // SAFETY: the gain is as long as the row.
        unsafe { scale::<V>(x, gain, epsilon) };
    }
}

/// # Safety
/// The CPU has `V`'s instructions, and `x` and `gain` are equally long, a positive multiple of [`PANEL`].
#[inline(always)]
unsafe fn scale<V: Vector>(x: &mut [f32], gain: &[f32], epsilon: f32) {
    let width = x.len();
    // SAFETY: the CPU has `V`'s instructions, and every part is `LANES` long.
    let squares = unsafe {
        let mut squares = PanelSum::zero(V::splat(0.0));
        for panel in x.chunks_exact(PANEL) {
            for (index, part) in panel.chunks_exact(V::LANES).enumerate() {
                let v = V::load(part.as_ptr());
                squares.update(index, |squares| v.mul_add(v, squares));
            }
        }
        squares.sum()
    };
    let factor = 1.0 / (squares / width as f32 + epsilon).sqrt();
    for (x, gain) in x.iter_mut().zip(gain) {
        *x = *x * factor * gain;
    }
}

/// # Safety
/// The CPU has `V`'s instructions.
#[inline(always)]
unsafe fn add<V: Vector>(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

/// # Safety
/// The CPU has `V`'s instructions.
#[inline(always)]
unsafe fn gate<V: Vector>(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x *= y;
    }
}

#[cfg(test)]
mod tests {
    use super::super::isa::tests::{every_isa, noise};
    use super::*;

    const QUERIES: usize = 2;
    const WIDTH: usize = 32;
    const ROW: usize = (QUERIES + 2) * WIDTH;

    fn numbers(count: usize, seed: u64) -> Vec<f32> {
        let mut random = noise(seed);
        (0..count).map(|_| random()).collect()
    }

    fn text(rows: &mut [f32]) -> Projected<'_> {
        Projected {
            rows,
            queries: QUERIES,
            width: WIDTH,
        }
    }

    #[test]
    fn queries_and_keys_are_turned_by_their_positions_and_values_are_not() {
        let tokens = 7;
        let before = numbers(tokens * ROW, 21);
        let mut rotation = Rotation::default();
        // What another base left behind must not matter, nor that it grows in steps.
        rotation.grow(3, WIDTH, 500.0);
        rotation.grow(2, WIDTH, 10_000.0);
        rotation.grow(tokens, WIDTH, 10_000.0);
        for isa in every_isa() {
            let mut rows = before.clone();
            isa.turn(&mut text(&mut rows), &rotation);
            for (index, after) in rows.iter().enumerate() {
                let (token, head, at) = (index / ROW, index % ROW / WIDTH, index % WIDTH);
                let half = WIDTH / 2;
                let frequency = 10_000f64.powf(-2.0 * (at % half) as f64 / WIDTH as f64);
                let (sin, cos) = (token as f64 * frequency).sin_cos();
                let x = |at: usize| f64::from(before[token * ROW + head * WIDTH + at]);
                let exact = match (head > QUERIES, at < half) {
                    (true, _) => x(at),
                    (false, true) => x(at) * cos - x(at + half) * sin,
                    (false, false) => x(at) * cos + x(at - half) * sin,
                };
                let error = (exact - f64::from(*after)).abs();
                assert!(error < 2e-6, "token {token} head {head} at {at}: {error:e}");
            }
        }
    }

    #[test]
    fn every_head_gets_the_mean_square_one_times_its_gain() {
        let before = numbers(5 * ROW, 22);
        let gains = [numbers(WIDTH, 23), numbers(WIDTH, 24)];
        for isa in every_isa() {
            let mut rows = before.clone();
            isa.norm_heads(&mut text(&mut rows), &gains, 1e-6);
            let heads = rows.chunks(WIDTH).zip(before.chunks(WIDTH));
            for (index, (after, before)) in heads.enumerate() {
                let head = index % (QUERIES + 2);
                if head > QUERIES {
                    assert_eq!(after, before);
                    continue;
                }
                let squares: f64 = before.iter().map(|x| f64::from(*x).powi(2)).sum();
                let root = (squares / WIDTH as f64 + 1e-6).sqrt();
                let gain = &gains[usize::from(head == QUERIES)];
                for ((after, before), gain) in after.iter().zip(before).zip(gain) {
                    let exact = f64::from(*before) / root * f64::from(*gain);
                    assert!((exact - f64::from(*after)).abs() < 2e-6);
                }
            }
        }
    }

    #[test]
    fn rows_are_added_scaled_and_multiplied() {
        let (x, y, gain) = (numbers(3 * 48, 25), numbers(3 * 48, 26), numbers(48, 27));
        let pairs = || x.iter().zip(&y);
        for isa in every_isa() {
            let (mut added, mut multiplied, mut scaled) = (x.clone(), x.clone(), x.clone());
            isa.add(&mut added, &y);
            isa.gate(&mut multiplied, &y);
            isa.add_rms_norm(&mut scaled, &y, &gain, 1e-5);
            assert!(pairs().map(|(a, b)| a + b).eq(added.iter().copied()));
            assert!(pairs().map(|(a, b)| a * b).eq(multiplied));
            for (after, sum) in scaled.chunks(48).zip(added.chunks(48)) {
                let squares: f64 = sum.iter().map(|x| f64::from(*x).powi(2)).sum();
                let root = (squares / 48.0 + 1e-5).sqrt();
                for ((after, sum), gain) in after.iter().zip(sum).zip(&gain) {
                    let exact = f64::from(*sum) / root * f64::from(*gain);
                    assert!((exact - f64::from(*after)).abs() < 2e-6);
                }
            }
        }
    }
}
