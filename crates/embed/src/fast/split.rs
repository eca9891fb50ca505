//! One text on several threads: its heads, then its columns, are shared out. Each number is computed as when one thread
//! computes all (`encode.rs`), so the vector is the same bit for bit.
//!
//! Not for: many texts, where a thread that owns whole texts wastes nothing.

use super::FastEncoder;
use super::attention::{AttentionScratch, Head, attend};
use super::encode::Scratch;
use super::linear::{Input, Layered};
use super::matrix::{Lines, PANEL, Panels};
use super::product::Start;
use super::quantise::Quantised;
use super::weights::Layer;
use crate::tokens::Tokens;
use rayon::prelude::*;
use std::ops::Range;

/// Buffers of one text that several threads run.
#[derive(Default)]
pub(super) struct SplitScratch {
    whole: Scratch,
    parts: Vec<Part>,
    /// One a block of the inner layer.
    inner: Vec<Inner>,
}

/// What one block of the inner layer gives.
#[derive(Default)]
struct Inner {
    /// `(tokens, width of the block)`.
    numbers: Lines,
    gate: Lines,
    quantised: Quantised,
}

/// What one thread writes.
#[derive(Default)]
struct Part {
    /// Queries, keys and values of one head.
    projected: Lines,
    attention: AttentionScratch,
    /// Its columns of a result, rows side by side.
    columns: Lines,
}

/// The share of `part` among `parts` of `whole` things.
fn share(part: usize, parts: usize, whole: usize) -> Range<usize> {
    part * whole / parts..(part + 1) * whole / parts
}

impl FastEncoder {
    /// How many threads one text can use.
    fn parts(&self, threads: usize) -> usize {
        let blocks = self.weights.layers.first().map_or(1, |l| l.inner.len());
        threads.min(self.weights.plan.key_heads).min(blocks).max(1)
    }

    /// The pooled vector of one checked text, on up to `threads` threads of rayon's pool.
    pub(super) fn encode_split(
        &self,
        text: &Tokens,
        skip: usize,
        threads: usize,
        scratch: &mut SplitScratch,
    ) -> Vec<f32> {
        let (rows, hidden) = (text.ids.len(), self.weights.plan.hidden);
        scratch
            .parts
            .resize_with(self.parts(threads), Part::default);
        self.grow(rows, rows, &mut scratch.whole);
        self.look_up(&[text], &mut scratch.whole);
        for (index, layer) in self.weights.layers.iter().enumerate() {
            self.attend_split(index, rows, scratch);
            self.settle(rows, &layer.attended_norm, &mut scratch.whole);
            self.feed_forward_split(layer, rows, scratch);
            self.adapt(layer, rows, &mut scratch.whole);
            self.settle(rows, &layer.output_norm, &mut scratch.whole);
        }
        self.pool(&[rows], skip, &scratch.whole.states[..rows * hidden])
    }

    fn attend_split(&self, index: usize, rows: usize, scratch: &mut SplitScratch) {
        let (plan, layer) = (&self.weights.plan, &self.weights.layers[index]);
        let (hidden, heads, parts) = (plan.hidden, plan.key_heads, scratch.parts.len());
        let columns = plan.served() * plan.width;
        let wide = columns + 2 * plan.width;
        let states = &scratch.whole.states[..rows * hidden];
        let input = self.input(states, hidden, &mut scratch.whole.quantised);
        let rotations = &scratch.whole.rotations;
        scratch.parts.par_iter_mut().enumerate().for_each(|(i, p)| {
            let mine = share(i, parts, heads);
            let stride = mine.len() * columns;
            p.projected.grow(rows * wide);
            p.columns.grow(rows * stride);
            for at in mine.clone() {
                let projected = &mut p.projected[..rows * wide];
                let next = layer.heads.get(at + 1).unwrap_or(&layer.attended);
                let linear = Layered {
                    input,
                    weights: layer.heads[at].weights.all(),
                    start: Start::Bias(&layer.heads[at].bias),
                    next: Some(next.weights.all()),
                };
                self.linear(&linear, projected);
                self.place(index, projected, rotations);
                let head = Head {
                    stride,
                    ..self.head(index, at, projected)
                };
                let to = &mut p.columns[(at - mine.start) * columns..rows * stride];
                attend((self.isa, self.precision()), &head, &mut p.attention, to);
            }
        });
        let context = &mut scratch.whole.inner[..rows * heads * columns];
        gather(&scratch.parts, heads, columns, context);
        let input = self.input(context, heads * columns, &mut scratch.whole.quantised);
        let source = [(input, &layer.attended.weights)];
        scratch.parts.par_iter_mut().enumerate().for_each(|(i, p)| {
            let mine = share(i, parts, hidden / PANEL);
            self.columns(&source, &layer.attended.bias, rows, mine, p);
        });
        let added = &mut scratch.whole.added[..rows * hidden];
        gather(&scratch.parts, hidden / PANEL, PANEL, added);
    }

    fn feed_forward_split(&self, layer: &Layer, rows: usize, scratch: &mut SplitScratch) {
        let (hidden, parts) = (self.weights.plan.hidden, scratch.parts.len());
        let states = &scratch.whole.states[..rows * hidden];
        let input = self.input(states, hidden, &mut scratch.whole.quantised);
        scratch.inner.resize_with(layer.inner.len(), Inner::default);
        let blocks = scratch.inner.par_iter_mut().zip(&layer.inner);
        let sources: Vec<(Input<'_>, &Panels)> = blocks
            .map(|(inner, block)| {
                let width = block.down.depth();
                inner.numbers.grow(rows * width);
                let numbers = &mut inner.numbers[..rows * width];
                self.inner(block, input, numbers, &mut inner.gate);
                (
                    self.input(numbers, width, &mut inner.quantised),
                    &block.down,
                )
            })
            .collect();
        scratch.parts.par_iter_mut().enumerate().for_each(|(i, p)| {
            let mine = share(i, parts, hidden / PANEL);
            self.columns(&sources, &layer.down_bias, rows, mine, p);
        });
        let added = &mut scratch.whole.added[..rows * hidden];
        gather(&scratch.parts, hidden / PANEL, PANEL, added);
    }

    /// The columns of some panels of `bias + sum of source weights`, into `part`.
    fn columns(
        &self,
        sources: &[(Input<'_>, &Panels)],
        bias: &[f32],
        rows: usize,
        panels: Range<usize>,
        part: &mut Part,
    ) {
        let (from, to) = (panels.start * PANEL, panels.end * PANEL);
        part.columns.grow(rows * (to - from));
        for (index, (input, weights)) in sources.iter().enumerate() {
            let linear = Layered {
                input: *input,
                weights: weights.columns(from, to),
                start: match index {
                    0 => Start::Bias(&bias[from..]),
                    _ => Start::Result,
                },
                next: sources.get(index + 1).map(|(_, w)| w.columns(from, to)),
            };
            self.linear(&linear, &mut part.columns);
        }
    }
}

/// Puts the columns that the parts computed side by side: `things` of `width` columns each, shared out by [`share`].
fn gather(parts: &[Part], things: usize, width: usize, to: &mut [f32]) {
    let whole = things * width;
    for (index, part) in parts.iter().enumerate() {
        let mine = share(index, parts.len(), things);
        let columns = mine.start * width..mine.end * width;
        let rows = part.columns.chunks_exact(columns.len().max(1));
        for (to, from) in to.chunks_exact_mut(whole).zip(rows) {
            to[columns.clone()].copy_from_slice(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_cover_everything_once() {
        for parts in 1..6 {
            for whole in 0..20 {
                let all: Vec<usize> = (0..parts).flat_map(|p| share(p, parts, whole)).collect();
                assert!(all.into_iter().eq(0..whole));
            }
        }
    }
}
