//! Linear layers in either precision.

use super::FastBert;
use super::matrix::{Columns, Numbers, Precision};
use super::product::{Product, Scales, Start};
use super::quantise::Quantised;

/// Rows that linear layers read, in their precision.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    rows: usize,
    numbers: &'a [f32],
    /// The same in 16 bits, where the weights are.
    quantised: &'a Quantised,
}

/// A linear layer, or some columns of it.
#[derive(Clone, Copy)]
pub(super) struct Layered<'a> {
    pub(super) input: Input<'a>,
    pub(super) weights: Columns<'a>,
    pub(super) start: Start<'a>,
    /// The weights that are used next, to be fetched meanwhile.
    pub(super) next: Option<Columns<'a>>,
}

impl FastBert {
    /// Rows of `depth` numbers each, made ready for linear layers; `buffer` is used where they are not read as they are.
    pub(super) fn input<'a>(
        &self,
        numbers: &'a [f32],
        depth: usize,
        buffer: &'a mut Quantised,
    ) -> Input<'a> {
        if self.weights.precision == Precision::Int16 {
            self.isa.quantise(numbers, depth, buffer);
        }
        Input {
            rows: numbers.len() / depth,
            numbers,
            quantised: buffer,
        }
    }

    /// `to = start + input weights`, rows side by side.
    pub(super) fn linear(&self, layer: &Layered<'_>, to: &mut [f32]) {
        let Layered {
            input,
            weights,
            start,
            next,
        } = *layer;
        let (depth, columns) = (weights.depth, weights.count);
        match weights.numbers {
            Numbers::F32(b) => {
                let product = Product {
                    rows: input.rows,
                    depth,
                    columns,
                    a: input.numbers,
                    a_stride: depth,
                    b,
                    scales: Scales::default(),
                    start,
                    c_stride: columns,
                    ahead: next.map(|n| n.numbers.f32()),
                };
                self.isa.multiply(&product, to);
            }
            Numbers::Int16(b, scales) => {
                let depth = depth.div_ceil(2);
                let product = Product {
                    rows: input.rows,
                    depth,
                    columns,
                    a: input.quantised.pairs(),
                    a_stride: depth,
                    b,
                    scales: Scales {
                        rows: input.quantised.scales(),
                        columns: scales,
                    },
                    start,
                    c_stride: columns,
                    ahead: next.map(|n| n.numbers.pairs()),
                };
                self.isa.multiply(&product, to);
            }
        }
    }
}
