//! Attention of one head over one text: of each token to all others, to those before it or to its neighbourhood.

use super::isa::{Isa, dispatch};
use super::matrix::{Lines, PANEL};
use super::product::{Product, Scales, Start};
use super::vector::Vector;
use crate::stock::Reach;
use std::ops::Range;

/// Queries whose scores are computed before they are used: their scores stay in the cache.
const QUERY_BLOCK: usize = 24;

/// Buffers of [`attend`].
#[derive(Default)]
pub(super) struct AttentionScratch {
    /// Keys, transposed, as panels of 16 tokens `(width, tokens)`.
    keys: Lines,
    /// Values as panels of 16 columns `(tokens, width)`.
    values: Lines,
    scores: Lines,
}

/// The heads of one text that share a key and a value; in most models that is one.
pub(super) struct Head<'a> {
    /// Rows of `(queries + 2) width`: a token's queries, its key and its value.
    pub(super) projected: &'a [f32],
    pub(super) tokens: usize,
    /// Numbers of a query, a key, a value; a multiple of [`PANEL`].
    pub(super) width: usize,
    pub(super) queries: usize,
    /// Numbers from one token to the next in the result.
    pub(super) stride: usize,
    pub(super) reach: Reach,
    /// Added to the scores of each query, before they are scaled: `(queries, biases)`.
    pub(super) biases: Option<Biases<'a>>,
}

/// Biases by the distance from a query to a key.
#[derive(Clone, Copy)]
pub(super) struct Biases<'a> {
    /// Rows of an odd number, one a head of queries: in the middle that of a token and itself, from there on those of
    /// keys after it.
    pub(super) numbers: &'a [f32],
    /// Numbers of a row.
    pub(super) length: usize,
}

impl Biases<'_> {
    /// Those of the keys from the first on, for query `token` of head `query`.
    fn row(&self, query: usize, token: usize) -> &[f32] {
        let row = &self.numbers[query * self.length..][..self.length];
        &row[self.length / 2 - token..]
    }
}

impl Head<'_> {
    /// Numbers from one token to the next.
    fn row(&self) -> usize {
        (self.queries + 2) * self.width
    }

    /// The keys that query `token` sees.
    fn seen(&self, token: usize) -> Range<usize> {
        match self.reach {
            Reach::All => 0..self.tokens,
            Reach::Before => 0..token + 1,
            Reach::Within(distance) => {
                let end = token.saturating_add(distance).saturating_add(1);
                token.saturating_sub(distance)..end.min(self.tokens)
            }
        }
    }
}

/// `softmax(Q K' / sqrt(width)) V` of each query, written side by side to the first `queries width` numbers of each row of
/// `to`.
pub(super) fn attend(isa: Isa, head: &Head<'_>, scratch: &mut AttentionScratch, to: &mut [f32]) {
    let (tokens, width) = (head.tokens, head.width);
    let padded = tokens.next_multiple_of(PANEL);
    scratch.keys.grow(padded * width);
    scratch.values.grow(tokens * width);
    scratch.scores.grow(QUERY_BLOCK * padded);
    pack(
        isa,
        head,
        &mut scratch.keys[..padded * width],
        &mut scratch.values[..tokens * width],
    );
    for query in 0..head.queries {
        for first in (0..tokens).step_by(QUERY_BLOCK) {
            let queries = first..tokens.min(first + QUERY_BLOCK);
            attend_block(isa, head, (query, queries), scratch, to);
        }
    }
}

/// The same for one of the queries of some tokens.
fn attend_block(
    isa: Isa,
    head: &Head<'_>,
    (query, queries): (usize, Range<usize>),
    scratch: &mut AttentionScratch,
    to: &mut [f32],
) {
    let (tokens, width, first, rows) = (head.tokens, head.width, queries.start, queries.len());
    // Windows only ever move on, so all that the queries see lies between the first's and the last's.
    let from = head.seen(first).start / PANEL * PANEL;
    let keys = from..head.seen(queries.end - 1).end;
    let padded = keys.len().next_multiple_of(PANEL);
    let scores = &mut scratch.scores[..rows * padded];
    if let Some(biases) = head.biases {
        for (token, row) in queries.clone().zip(scores.chunks_exact_mut(padded)) {
            row[..keys.len()].copy_from_slice(&biases.row(query, token)[keys.clone()]);
        }
    }
    let product = Product {
        rows,
        depth: width,
        columns: padded,
        a: &head.projected[first * head.row() + query * width..],
        a_stride: head.row(),
        b: &scratch.keys[from * width..][..padded * width],
        scales: Scales::default(),
        start: match head.biases {
            Some(_) => Start::Result,
            None => Start::Zero,
        },
        c_stride: padded,
        ahead: None,
    };
    isa.multiply(&product, scores);
    if head.reach != Reach::All {
        for (token, row) in queries.zip(scores.chunks_exact_mut(padded)) {
            let seen = head.seen(token);
            row[..seen.start - from].fill(f32::NEG_INFINITY);
            row[seen.end - from..].fill(f32::NEG_INFINITY);
        }
    }
    let mut sums = [0f32; QUERY_BLOCK];
    let scale = 1.0 / (width as f32).sqrt();
    isa.exponentials(scores, keys.len(), scale, &mut sums[..rows]);
    let to = &mut to[first * head.stride + query * width..];
    // The panels of all values lie side by side; of a part of them, each is by itself.
    let columns = match keys.len() == tokens {
        true => width,
        false => PANEL,
    };
    for column in (0..width).step_by(columns) {
        let product = Product {
            rows,
            depth: keys.len(),
            columns,
            a: scores,
            a_stride: padded,
            b: &scratch.values[column * tokens + from * PANEL..][..keys.len() * columns],
            scales: Scales::default(),
            start: Start::Zero,
            c_stride: head.stride,
            ahead: None,
        };
        isa.multiply(&product, &mut to[column..]);
    }
    for (row, sum) in to.chunks_mut(head.stride).zip(&sums[..rows]) {
        let share = 1.0 / sum;
        row[..width].iter_mut().for_each(|x| *x *= share);
    }
}

/// Keys and values of the head into panels; keys past the last token are zero.
fn pack(isa: Isa, head: &Head<'_>, keys: &mut [f32], values: &mut [f32]) {
    let (tokens, width) = (head.tokens, head.width);
    if !tokens.is_multiple_of(PANEL) {
        let last = keys.len() - PANEL * width;
        keys[last..].fill(0.0);
    }
    let row = head.row();
    let projected = &head.projected[..tokens * row];
    let panels = keys.chunks_exact_mut(PANEL * width);
    for (panel, rows) in panels.zip(projected.chunks(PANEL * row)) {
        let first = &rows[head.queries * width..];
        if rows.len() == PANEL * row {
            isa.transpose(first, row, width, panel);
            continue;
        }
        for (token, row) in first.chunks(row).enumerate().take(rows.len() / row) {
            for (to, x) in panel[token..].iter_mut().step_by(PANEL).zip(&row[..width]) {
                *to = *x;
            }
        }
    }
    for (token, row) in projected.chunks_exact(row).enumerate() {
        let value = &row[(head.queries + 1) * width..];
        for (panel, part) in values
            .chunks_exact_mut(tokens * PANEL)
            .zip(value.chunks_exact(PANEL))
        {
            panel[token * PANEL..][..PANEL].copy_from_slice(part);
        }
    }
}

impl Isa {
    /// The first `width` numbers, a multiple of [`PANEL`], of a panel's rows of `from`, one every `stride` numbers, as columns of `to`.
    fn transpose(self, from: &[f32], stride: usize, width: usize, to: &mut [f32]) {
        assert!(width.is_multiple_of(PANEL) && width <= stride);
        assert!(from.len() >= (PANEL - 1) * stride + width && to.len() == PANEL * width);
        dispatch!(self, transpose(from: &[f32], stride: usize, to: &mut [f32]))
    }
}

/// # Safety
/// The CPU has `V`'s instructions, and the lengths are as [`Isa::transpose`] asserts.
#[inline(always)]
unsafe fn transpose<V: Vector>(from: &[f32], stride: usize, to: &mut [f32]) {
    let width = to.len() / PANEL;
    let (from, to) = (from.as_ptr(), to.as_mut_ptr());
    for column in (0..width).step_by(V::LANES) {
        for token in (0..PANEL).step_by(V::LANES) {
            // SAFETY: the rows and columns of the block are within both, whose lengths the caller asserted.
            unsafe {
                let from = from.add(token * stride + column);
                V::transpose(from, stride, to.add(column * PANEL + token), PANEL);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::isa::tests::{every_isa, noise};
    use super::*;

    /// The definition, in f64: `(tokens, queries width)`.
    fn exact(head: &Head<'_>) -> Vec<f64> {
        let (tokens, width, queries) = (head.tokens, head.width, head.queries);
        let at = |token: usize, part: usize, i: usize| {
            f64::from(head.projected[((queries + 2) * token + part) * width + i])
        };
        let sees = |query: usize, key: usize| match head.reach {
            Reach::All => true,
            Reach::Before => key <= query,
            Reach::Within(distance) => query.abs_diff(key) <= distance,
        };
        let bias = |head_at: usize, query: usize, key: usize| {
            head.biases.map_or(0.0, |b| {
                let middle = b.length / 2;
                f64::from(b.numbers[head_at * b.length + middle + key - query])
            })
        };
        let mut result = Vec::new();
        for (token, query) in (0..tokens).flat_map(|t| (0..queries).map(move |q| (t, q))) {
            let weights: Vec<f64> = (0..tokens)
                .map(|key| {
                    let products = (0..width).map(|i| at(token, query, i) * at(key, queries, i));
                    let score = products.sum::<f64>() + bias(query, token, key);
                    match sees(token, key) {
                        true => (score / (width as f64).sqrt()).exp(),
                        false => 0.0,
                    }
                })
                .collect();
            let sum: f64 = weights.iter().sum();
            result.extend((0..width).map(|i| {
                let total: f64 = (0..tokens)
                    .map(|t| weights[t] * at(t, queries + 1, i))
                    .sum();
                total / sum
            }));
        }
        result
    }

    fn assert_exact(isa: Isa, head: &Head<'_>, scratch: &mut AttentionScratch) {
        let mut to = vec![9f32; head.tokens * head.stride];
        attend(isa, head, scratch, &mut to);
        let (exact, all) = (exact(head), head.queries * head.width);
        for (row, exact) in to.chunks(head.stride).zip(exact.chunks(all)) {
            for (x, e) in row.iter().zip(exact) {
                let error = (f64::from(*x) - e).abs();
                assert!(
                    error < 1e-5,
                    "{} tokens, {:?}: {x}, not {e}",
                    head.tokens,
                    head.reach
                );
            }
            assert!(row[all..].iter().all(|x| *x == 9.0));
        }
    }

    #[test]
    fn attention_is_that_of_its_definition_at_every_length() {
        let mut random = noise(4);
        // One scratch for all: what a longer text left behind must not matter.
        let mut scratch = AttentionScratch::default();
        for isa in every_isa() {
            for (tokens, width) in (1..=50).map(|t| (t, 32)).chain([
                (300, 32),
                (255, 16),
                (256, 64),
                (97, 32),
                (5, 48),
            ]) {
                let projected: Vec<f32> = (0..tokens * 3 * width).map(|_| 3.0 * random()).collect();
                let head = Head {
                    projected: &projected,
                    tokens,
                    width,
                    queries: 1,
                    stride: width + 3,
                    reach: Reach::All,
                    biases: None,
                };
                assert_exact(isa, &head, &mut scratch);
            }
        }
    }

    #[test]
    fn windows_shared_keys_and_biases_are_those_of_the_definition() {
        let mut random = noise(5);
        let mut scratch = AttentionScratch::default();
        let (longest, queries) = (150, 3);
        let length = 2 * longest - 1;
        let numbers: Vec<f32> = (0..queries * length).map(|_| 20.0 * random()).collect();
        let biases = Biases {
            numbers: &numbers,
            length,
        };
        let reaches = [0, 1, 8, 15, 16, 64, 1_000].map(Reach::Within);
        for isa in every_isa() {
            for tokens in [1, 2, 15, 16, 17, 24, 25, 48, 70, 149, 150] {
                for (reach, biases) in [(Reach::All, Some(biases)), (Reach::Before, None)]
                    .into_iter()
                    .chain(reaches.map(|reach| (reach, None)))
                {
                    let projected: Vec<f32> =
                        (0..tokens * 5 * 32).map(|_| 3.0 * random()).collect();
                    let head = Head {
                        projected: &projected,
                        tokens,
                        width: 32,
                        queries,
                        stride: queries * 32 + 2,
                        reach,
                        biases,
                    };
                    assert_exact(isa, &head, &mut scratch);
                }
            }
        }
    }
}
