//! Attention in f32.

use super::{Arithmetic, Block, Head, QUERY_BLOCK};
use crate::fast::isa::{Isa, dispatch};
use crate::fast::matrix::{Lines, PANEL};
use crate::fast::product::{Product, Scales, Start};
use crate::fast::vector::Vector;

#[derive(Default)]
pub(super) struct Floats {
    /// Keys, transposed, as panels of 16 tokens `(width, tokens)`; those past the last token are zero.
    keys: Lines,
    /// Values as panels of 16 columns `(tokens, width)`.
    values: Lines,
}

impl Arithmetic for Floats {
    fn pack(&mut self, isa: Isa, head: &Head<'_>) {
        let (tokens, width) = (head.tokens, head.width);
        let padded = tokens.next_multiple_of(PANEL);
        self.keys.grow(padded * width);
        self.values.grow(tokens * width);
        let keys = &mut self.keys[..padded * width];
        pack(isa, head, keys, &mut self.values[..tokens * width]);
    }

    fn score(
        &self,
        isa: Isa,
        head: &Head<'_>,
        block: &Block,
        start: Start<'_>,
        scores: &mut [f32],
    ) {
        let width = head.width;
        let product = Product {
            rows: block.rows,
            depth: width,
            columns: block.padded,
            a: &head.projected[block.first * head.row() + block.query * width..],
            a_stride: head.row(),
            b: &self.keys[block.keys.start * width..][..block.padded * width],
            scales: Scales::default(),
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
        let keys = block.keys.len();
        let mut sums = [0f32; QUERY_BLOCK];
        let scale = 1.0 / (width as f32).sqrt();
        isa.exponentials(scores, keys, scale, &mut sums[..rows]);
        // The panels of all values lie side by side; of a part of them, each is by itself.
        let columns = match keys == tokens {
            true => width,
            false => PANEL,
        };
        for column in (0..width).step_by(columns) {
            let from = column * tokens + block.keys.start * PANEL;
            let product = Product {
                rows,
                depth: keys,
                columns,
                a: scores,
                a_stride: block.padded,
                b: &self.values[from..][..keys * columns],
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
