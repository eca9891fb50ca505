//! Attention in 8-bit integers, summed exactly.
//!
//! A query and a key have a scale each, so that their largest magnitude becomes 127; a column of the values has one over all tokens. The
//! weights of a query are bytes, 254 the largest, and divided by their sum, not by that of the exponentials that they were
//! rounded from. What rounding takes from a weight is given to that of the 16th key after it: many small weights, which alone would all be
//! rounded to nothing (a text that repeats a word has hundreds that are alike), keep their share. What is rounded depends on the text alone.
//!
//! Not for: where weights are not bytes; there, that rounding would be the largest.

use super::{Arithmetic, Block, Head, QUERY_BLOCK};
use crate::fast::functions;
use crate::fast::isa::{Isa, dispatch};
use crate::fast::matrix::{Lines, PANEL, Pair, Quad};
use crate::fast::product::{Product, Scales, Start};
use crate::fast::quantise::SMALLEST;
use crate::fast::vector::{Pairs, PanelSum, Vector};

/// What the largest magnitude becomes.
const LARGEST: f32 = 127.0;

/// What is added to queries and keys to make them bytes.
const ZERO: f32 = 128.0;

/// What the largest weight of a query becomes: a byte, and half a one that others left.
const LARGEST_WEIGHT: f32 = 254.0;

/// Adding it leaves no bits for a fraction.
const WHOLE: f32 = 12_582_912.0;

#[derive(Default)]
pub(super) struct Bytes {
    /// Those of one query of every token, then those of the next `(queries, tokens, width)`, with a scale each.
    queries: Lines<Quad>,
    query_scales: Vec<f32>,
    /// As panels of 16 tokens `(width, tokens)`, with a scale and a sum each; past the last token zero.
    keys: Lines<Quad>,
    key_scales: Vec<f32>,
    key_sums: Lines<Pair>,
    /// As panels of 16 columns `(tokens, width)`, with a scale each.
    values: Lines<Quad>,
    value_scales: Vec<f32>,
    /// The weights of a block of queries `(queries, keys)`.
    weights: Lines<Quad>,
}

/// What a kernel writes; as long as [`Bytes::pack`] makes them.
struct Packed<'a> {
    queries: &'a mut [Quad],
    query_scales: &'a mut [f32],
    keys: &'a mut [Quad],
    key_scales: &'a mut [f32],
    key_sums: &'a mut [Pair],
    values: &'a mut [Quad],
    value_scales: &'a mut [f32],
}

/// The most numbers that a key has here; more would need a larger buffer.
pub(super) const WIDEST: usize = 256;

impl Arithmetic for Bytes {
    fn pack(&mut self, isa: Isa, head: &Head<'_>) {
        let (tokens, width, queries) = (head.tokens, head.width, head.queries);
        assert!(tokens > 0 && width.is_multiple_of(PANEL) && width <= WIDEST);
        assert!(head.projected.len() >= tokens * head.row());
        let padded = tokens.next_multiple_of(PANEL);
        let lengths = [queries * tokens * width, padded * width].map(|n| n / 4);
        let values = tokens.div_ceil(4) * width;
        self.queries.grow(lengths[0]);
        self.keys.grow(lengths[1]);
        self.key_sums.grow(padded);
        self.values.grow(values);
        self.query_scales.resize(queries * tokens, 0.0);
        self.key_scales.resize(padded, 0.0);
        self.value_scales.resize(width, 0.0);
        let packed = Packed {
            queries: &mut self.queries[..lengths[0]],
            query_scales: &mut self.query_scales,
            keys: &mut self.keys[..lengths[1]],
            key_scales: &mut self.key_scales,
            key_sums: &mut self.key_sums[..padded],
            values: &mut self.values[..values],
            value_scales: &mut self.value_scales,
        };
        dispatch!(@bytes isa, pack(head: &Head<'_>, packed: Packed<'_>));
    }

    fn score(
        &self,
        isa: Isa,
        head: &Head<'_>,
        block: &Block,
        start: Start<'_>,
        scores: &mut [f32],
    ) {
        let (words, first) = (head.width / 4, block.query * head.tokens + block.first);
        let keys = block.keys.start..block.keys.start + block.padded;
        let product = Product {
            rows: block.rows,
            depth: words,
            columns: block.padded,
            a: &self.queries[first * words..],
            a_stride: words,
            b: &self.keys[keys.start * words..keys.end * words],
            scales: Scales {
                rows: &self.query_scales[first..],
                columns: &self.key_scales[keys.clone()],
                zeros: &[ZERO as i32; QUERY_BLOCK],
                sums: integers(&self.key_sums[keys]),
            },
            start,
            c_stride: block.padded,
            ahead: None,
        };
        isa.multiply(&product, scores);
    }

    fn weigh(
        &mut self,
        isa: Isa,
        head: &Head<'_>,
        block: &Block,
        scores: &mut [f32],
        to: &mut [f32],
    ) {
        let (tokens, width, rows) = (head.tokens, head.width, block.rows);
        let (keys, stride) = (block.keys.len(), block.padded / 4);
        self.weights.grow(QUERY_BLOCK * stride);
        let weights = &mut self.weights[..rows * stride];
        let mut shares = [0f32; QUERY_BLOCK];
        let scale = 1.0 / (width as f32).sqrt();
        isa.weights(scores, (keys, scale), weights, &mut shares[..rows]);
        for share in &mut shares[..rows] {
            *share = 1.0 / *share;
        }
        let (words, depth) = (tokens.div_ceil(4), keys.div_ceil(4));
        // The panels of all values lie side by side; of a part of them, each is by itself.
        let columns = match depth == words {
            true => width,
            false => PANEL,
        };
        for column in (0..width).step_by(columns) {
            let from = column * words + block.keys.start / 4 * PANEL;
            let product = Product {
                rows,
                depth,
                columns,
                a: weights,
                a_stride: stride,
                b: &self.values[from..][..depth * columns],
                scales: Scales {
                    rows: &shares,
                    columns: &self.value_scales[column..],
                    zeros: &[0; QUERY_BLOCK],
                    // Times a zero that is none.
                    sums: &[0; WIDEST],
                },
                start: Start::Zero,
                c_stride: head.stride,
                ahead: None,
            };
            isa.multiply(&product, &mut to[column..]);
        }
    }
}

/// Words that are sums.
fn integers(words: &[Pair]) -> &[i32] {
    // SAFETY: a `Pair` is transparent over an i32.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), words.len()) }
}

impl Isa {
    /// In each row of `scores`, of `keys` rounded up to a whole [`PANEL`], `exp(scale (x - largest))` of the first `keys` numbers as
    /// bytes, 254 the largest, and 0 beyond; `sums` gets the sum of each row's. `scale` is positive. The scores are overwritten.
    fn weights(
        self,
        scores: &mut [f32],
        (keys, scale): (usize, f32),
        weights: &mut [Quad],
        sums: &mut [f32],
    ) {
        let padded = keys.next_multiple_of(PANEL);
        assert!(keys > 0 && scores.len() == padded * sums.len());
        assert!(4 * weights.len() == scores.len());
        for row in scores.chunks_exact_mut(padded) {
            row[keys..].fill(f32::NEG_INFINITY);
        }
        dispatch!(self, weigh(scores: &[f32], scale: f32, weights: &mut [Quad], sums: &mut [f32]));
    }
}

/// # Safety
/// The CPU has `V`'s instructions, and the lengths are as [`Isa::weights`] asserts.
#[inline(always)]
unsafe fn weigh<V: Vector>(scores: &[f32], scale: f32, weights: &mut [Quad], sums: &mut [f32]) {
    let width = scores.len() / sums.len().max(1);
    // exp(scale (x - largest)) times the largest weight, as a power of two.
    let factor = scale * std::f32::consts::LOG2_E;
    // Two passes over all rows, so that the end of one row and the start of the next overlap.
    // SAFETY: every part is `LANES` long, and has as many bytes of `weights`.
    unsafe {
        for (row, sum) in scores.chunks_exact(width).zip(sums.iter_mut()) {
            let mut largest = V::splat(f32::NEG_INFINITY);
            for part in row.chunks_exact(V::LANES) {
                largest = V::load(part.as_ptr()).max(largest);
            }
            *sum = largest.largest();
        }
        let rows = scores.chunks_exact(width);
        let weights = weights.chunks_exact_mut(width / 4);
        for ((row, weights), sum) in rows.zip(weights).zip(sums) {
            let most = LARGEST_WEIGHT.log2();
            let (scale, shift) = (V::splat(factor), V::splat(most - *sum * factor));
            let whole = V::splat(WHOLE);
            let (mut total, mut left) =
                (PanelSum::zero(V::splat(0.0)), PanelSum::zero(V::splat(0.0)));
            let mut to = weights.as_mut_ptr().cast::<u8>();
            for panel in row.chunks_exact(PANEL) {
                for (index, part) in panel.chunks_exact(V::LANES).enumerate() {
                    let v = functions::exp2(V::load(part.as_ptr()).mul_add(scale, shift));
                    let mut byte = v;
                    left.update(index, |left| {
                        let exact = v.add(left);
                        byte = exact.add(whole).sub(whole);
                        exact.sub(byte)
                    });
                    byte.store_bytes(to);
                    to = to.add(V::LANES);
                    total.update(index, |total| total.add(byte));
                }
            }
            *sum = total.sum();
        }
    }
}

/// # Safety
/// The CPU has `V`'s instructions and those of bytes, and the lengths are as [`Bytes::pack`] makes them.
#[inline(always)]
unsafe fn pack<V: Vector>(head: &Head<'_>, to: Packed<'_>) {
    let (tokens, width, queries) = (head.tokens, head.width, head.queries);
    let (row, words) = (head.row(), width / 4);
    let mut magnitudes = [0f32; WIDEST];
    let mut key = [Quad::default(); WIDEST / 4];
    let rows = head.projected.chunks_exact(row).take(tokens);
    // SAFETY: the CPU has `V`'s instructions; every row has `queries + 2` times `width` numbers, and `width` is whole vectors.
    unsafe {
        to.keys[tokens / PANEL * PANEL * words..].fill(Quad::default());
        to.key_scales[tokens..].fill(0.0);
        for (token, row) in rows.enumerate() {
            for query in 0..queries {
                let place = query * tokens + token;
                let bytes = &mut to.queries[place * words..][..words];
                to.query_scales[place] = round::<V>(&row[query * width..][..width], bytes);
            }
            let row = &row[queries * width..];
            to.key_scales[token] = round::<V>(&row[..width], &mut key[..words]);
            let panel = &mut to.keys[token / PANEL * PANEL * words..];
            let column = panel[token % PANEL..].iter_mut().step_by(PANEL);
            for (to, quad) in column.zip(&key[..words]) {
                // From a byte above 128 to a signed one.
                *to = Quad(quad.0 ^ i32::from_le_bytes([ZERO as u8; 4]));
            }
            let values = row[width..].chunks_exact(V::LANES);
            let parts = magnitudes[..width].chunks_exact_mut(V::LANES);
            for (most, value) in parts.zip(values) {
                let larger = V::load(most.as_ptr()).larger_magnitude(V::load(value.as_ptr()));
                larger.store(most.as_mut_ptr());
            }
        }
        sum_keys::<V>(to.keys, words, to.key_sums);
        let mut factors = [0f32; WIDEST];
        for column in 0..width {
            (factors[column], to.value_scales[column]) = factor_and_scale(magnitudes[column]);
        }
        values::<V>(head, &factors, to.values);
    }
}

/// What numbers of this largest magnitude are multiplied by, and what an integer of them then stands for.
#[inline(always)]
fn factor_and_scale(magnitude: f32) -> (f32, f32) {
    let factor = LARGEST / magnitude;
    if magnitude < SMALLEST {
        (0.0, 0.0)
    } else if magnitude < f32::INFINITY {
        (factor, 1.0 / factor)
    } else {
        (0.0, f32::NAN)
    }
}

/// A row as bytes around [`ZERO`]; its scale.
///
/// # Safety
/// The CPU has `V`'s instructions, the row is whole vectors, and `to` a quarter as long.
#[inline(always)]
unsafe fn round<V: Vector>(row: &[f32], to: &mut [Quad]) -> f32 {
    // SAFETY: every part is a vector, and has as many bytes of `to`.
    unsafe {
        let mut most = V::splat(0.0);
        for part in row.chunks_exact(V::LANES) {
            most = most.larger_magnitude(V::load(part.as_ptr()));
        }
        let (factor, scale) = factor_and_scale(most.largest_magnitude());
        let (factor, zero) = (V::splat(factor), V::splat(ZERO));
        for (part, to) in row
            .chunks_exact(V::LANES)
            .zip(to.chunks_exact_mut(V::LANES / 4))
        {
            // Each step rounds by itself, so that every CPU computes the same.
            let x = V::load(part.as_ptr()).mul(factor).add(zero);
            x.store_bytes(to.as_mut_ptr().cast());
        }
        scale
    }
}

/// The sum of every key.
///
/// # Safety
/// The CPU has `V`'s instructions and those of bytes; `keys` is whole panels of `words` rows, and there are as many sums as keys.
#[inline(always)]
unsafe fn sum_keys<V: Vector>(keys: &[Quad], words: usize, sums: &mut [Pair]) {
    let panels = keys.chunks_exact(PANEL * words);
    for (panel, sums) in panels.zip(sums.chunks_exact_mut(PANEL)) {
        for at in (0..PANEL).step_by(V::LANES) {
            // SAFETY: `LANES` words from `at` on are within a row of the panel, and within the sums; a quad is an i32, as a pair is.
            unsafe {
                let ones = V::Pairs::splat(Pair(0x0101_0101));
                let mut sum = V::Pairs::splat(Pair::default());
                for word in panel.chunks_exact(PANEL) {
                    sum = ones.multiply_bytes(V::Pairs::load(word[at..].as_ptr().cast()), sum);
                }
                sum.store(sums[at..].as_mut_ptr());
            }
        }
    }
}

/// The values into panels of which a row is four tokens.
///
/// # Safety
/// The CPU has `V`'s instructions; every row has `queries + 2` times `width` numbers, `width` is whole panels, there are as many factors, and `to`
/// is a quarter of the tokens, rounded up, times `width` long.
#[inline(always)]
unsafe fn values<V: Vector>(head: &Head<'_>, factors: &[f32], to: &mut [Quad]) {
    let (tokens, width, row) = (head.tokens, head.width, head.row());
    let words = tokens.div_ceil(4);
    let (from, to) = (head.projected.as_ptr(), to.as_mut_ptr());
    for word in 0..words {
        for column in (0..width).step_by(V::LANES) {
            // SAFETY: the tokens are below `tokens`, and the columns below `width`.
            unsafe {
                let factor = V::load(factors[column..].as_ptr());
                let mut four = [V::splat(0.0); 4];
                for (at, part) in four.iter_mut().enumerate().take(tokens - 4 * word) {
                    let value = (4 * word + at) * row + (head.queries + 1) * width + column;
                    *part = V::load(from.add(value)).mul(factor);
                }
                let place = column / PANEL * PANEL * words + word * PANEL + column % PANEL;
                V::Pairs::join_bytes(four).store(to.add(place).cast());
            }
        }
    }
}
