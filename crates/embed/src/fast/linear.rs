//! Linear layers in any precision.

use super::FastEncoder;
use super::matrix::{Columns, Numbers, Precision};
use super::number::Number;
use super::product::{Product, Scales, Start};
use super::quantise::Quantised;

/// Rows that linear layers read, in their precision.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    rows: usize,
    numbers: &'a [f32],
    /// The same in narrow numbers, where the weights are.
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

impl FastEncoder {
    /// Rows of `depth` numbers each, made ready for linear layers; `buffer` is used where they are not read as they are.
    pub(super) fn input<'a>(
        &self,
        numbers: &'a [f32],
        depth: usize,
        buffer: &'a mut Quantised,
    ) -> Input<'a> {
        match self.weights.precision {
            Precision::F32 => {}
            Precision::Int16 => self.isa.quantise(numbers, depth, buffer),
            Precision::Int8 => self.isa.quantise_bytes(numbers, depth, &mut buffer.bytes),
            Precision::Bf16 => self.isa.round_halves(numbers, depth, &mut buffer.halves),
        }
        Input {
            rows: numbers.len() / depth,
            numbers,
            quantised: buffer,
        }
    }

    /// `to = start + input weights`, rows side by side.
    pub(super) fn linear(&self, layer: &Layered<'_>, to: &mut [f32]) {
        let input = &layer.input;
        match layer.weights.numbers {
            Numbers::F32(b) => self.product(layer, [input.numbers, b], Scales::default(), to),
            Numbers::Int16(b, columns) => {
                let scales = Scales {
                    rows: input.quantised.scales(),
                    columns,
                    ..Scales::default()
                };
                self.product(layer, [input.quantised.pairs(), b], scales, to);
            }
            Numbers::Int8(b, columns, sums) => {
                let bytes = &input.quantised.bytes;
                let scales = Scales {
                    rows: bytes.scales(),
                    columns,
                    zeros: bytes.zeros(),
                    sums,
                };
                self.product(layer, [bytes.quads(), b], scales, to);
            }
            Numbers::Bf16(b) => {
                self.product(layer, [&input.quantised.halves, b], Scales::default(), to);
            }
        }
    }

    fn product<T: Number>(
        &self,
        layer: &Layered<'_>,
        [a, b]: [&[T]; 2],
        scales: Scales<'_>,
        to: &mut [f32],
    ) {
        let depth = layer.weights.depth.div_ceil(T::PER_WORD);
        let product = Product {
            rows: layer.input.rows,
            depth,
            columns: layer.weights.count,
            a,
            a_stride: depth,
            b,
            scales,
            start: layer.start,
            c_stride: layer.weights.count,
            ahead: layer.next.map(|n| T::of(n.numbers)),
        };
        self.isa.multiply(&product, to);
    }
}
