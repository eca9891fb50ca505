//! Attention of one head over one text.

use super::isa::Isa;
use super::matrix::{Lines, PANEL};
use super::product::{Product, Scales, Start};

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

/// One head of one text.
pub(super) struct Head<'a> {
    /// Rows of `3 width`: a token's query, key and value.
    pub(super) projected: &'a [f32],
    pub(super) tokens: usize,
    /// Numbers of a query, a key, a value; a multiple of [`PANEL`].
    pub(super) width: usize,
    /// Numbers from one token to the next in the result.
    pub(super) stride: usize,
}

/// `softmax(Q K' / sqrt(width)) V`, written to the first `width` numbers of each row of `to`.
pub(super) fn attend(isa: Isa, head: &Head<'_>, scratch: &mut AttentionScratch, to: &mut [f32]) {
    let (tokens, width) = (head.tokens, head.width);
    let padded = tokens.next_multiple_of(PANEL);
    scratch.keys.grow(padded * width);
    scratch.values.grow(tokens * width);
    scratch.scores.grow(QUERY_BLOCK * padded);
    let keys = &mut scratch.keys[..padded * width];
    let values = &mut scratch.values[..tokens * width];
    pack(head, keys, values);
    let scale = 1.0 / (width as f32).sqrt();
    for first in (0..tokens).step_by(QUERY_BLOCK) {
        let rows = QUERY_BLOCK.min(tokens - first);
        let scores = &mut scratch.scores[..rows * padded];
        let product = Product {
            rows,
            depth: width,
            columns: padded,
            a: &head.projected[first * 3 * width..],
            a_stride: 3 * width,
            b: keys,
            scales: Scales::default(),
            start: Start::Zero,
            c_stride: padded,
            ahead: None,
        };
        isa.multiply(&product, scores);
        let mut sums = [0f32; QUERY_BLOCK];
        isa.exponentials(scores, tokens, scale, &mut sums[..rows]);
        let product = Product {
            rows,
            depth: tokens,
            columns: width,
            a: scores,
            a_stride: padded,
            b: values,
            scales: Scales::default(),
            start: Start::Zero,
            c_stride: head.stride,
            ahead: None,
        };
        let to = &mut to[first * head.stride..];
        isa.multiply(&product, to);
        for (row, sum) in to.chunks_mut(head.stride).zip(&sums[..rows]) {
            let share = 1.0 / sum;
            row[..width].iter_mut().for_each(|x| *x *= share);
        }
    }
}

/// Keys and values of the head into panels; keys past the last token are zero.
fn pack(head: &Head<'_>, keys: &mut [f32], values: &mut [f32]) {
    let (tokens, width) = (head.tokens, head.width);
    if !tokens.is_multiple_of(PANEL) {
        let last = keys.len() - PANEL * width;
        keys[last..].fill(0.0);
    }
    for (token, row) in head
        .projected
        .chunks_exact(3 * width)
        .take(tokens)
        .enumerate()
    {
        let (key, value) = row[width..].split_at(width);
        let panel = &mut keys[token / PANEL * PANEL * width..][..PANEL * width];
        for (to, x) in panel[token % PANEL..].iter_mut().step_by(PANEL).zip(key) {
            *to = *x;
        }
        for (panel, part) in values
            .chunks_exact_mut(tokens * PANEL)
            .zip(value.chunks_exact(PANEL))
        {
            panel[token * PANEL..][..PANEL].copy_from_slice(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::isa::tests::{every_isa, noise};
    use super::*;

    /// The definition, in f64.
    fn exact(head: &Head<'_>) -> Vec<f64> {
        let (tokens, width) = (head.tokens, head.width);
        let at = |token: usize, part: usize, i: usize| {
            f64::from(head.projected[(3 * token + part) * width + i])
        };
        let mut result = Vec::new();
        for query in 0..tokens {
            let weights: Vec<f64> = (0..tokens)
                .map(|key| {
                    let score: f64 = (0..width).map(|i| at(query, 0, i) * at(key, 1, i)).sum();
                    (score / (width as f64).sqrt()).exp()
                })
                .collect();
            let sum: f64 = weights.iter().sum();
            result.extend((0..width).map(|i| {
                let total: f64 = (0..tokens).map(|t| weights[t] * at(t, 2, i)).sum();
                total / sum
            }));
        }
        result
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
                    stride: width + 3,
                };
                let mut to = vec![9f32; tokens * head.stride];
                attend(isa, &head, &mut scratch, &mut to);
                let exact = exact(&head);
                for (row, exact) in to.chunks(head.stride).zip(exact.chunks(width)) {
                    for (x, e) in row.iter().zip(exact) {
                        let error = (f64::from(*x) - e).abs();
                        assert!(error < 1e-5, "{tokens} tokens: {x}, not {e}");
                    }
                    assert_eq!(row[width..], [9.0; 3]);
                }
            }
        }
    }
}
