//! The forward pass over the packed tokens of several texts.

use super::FastBert;
use super::attention::{AttentionScratch, Head, attend};
use super::linear::Layered;
use super::matrix::{Lines, Panels};
use super::product::Start;
use super::quantise::Quantised;
use super::weights::Layer;
use crate::Pooling;
use crate::profile::{Part, counted};
use crate::tokens::Tokens;

/// Buffers of one thread.
#[derive(Default)]
pub(super) struct Scratch {
    /// Hidden states `(tokens, hidden)`.
    pub(super) states: Lines,
    /// What a sublayer adds to them.
    pub(super) added: Lines,
    /// Attention's result, then a block of the inner layer.
    pub(super) inner: Lines,
    /// What linear layers read, where they read 16 bits: states, then attention's result.
    pub(super) quantised: Quantised,
    /// The same of a block of the inner layer.
    quantised_inner: Quantised,
    /// Queries, keys and values of one head.
    projected: Lines,
    attention: AttentionScratch,
}

impl Scratch {
    /// Room for so many tokens.
    pub(super) fn grow(&mut self, rows: usize, hidden: usize) {
        self.states.grow(rows * hidden);
        self.added.grow(rows * hidden);
        self.inner.grow(rows * hidden);
    }
}

impl FastBert {
    /// Unit vectors of checked texts, row-major `(texts.len(), hidden)`.
    pub(super) fn encode(&self, texts: &[&Tokens], scratch: &mut Scratch) -> Vec<f32> {
        let hidden = self.shape().hidden;
        let lengths: Vec<usize> = texts.iter().map(|t| t.ids.len()).collect();
        let rows: usize = lengths.iter().sum();
        scratch.grow(rows, hidden);
        counted(Part::LookUp, || self.look_up(texts, scratch));
        for (index, layer) in self.weights.layers.iter().enumerate() {
            let next = self.weights.layers.get(index + 1);
            self.attend(layer, &lengths, scratch);
            self.feed_forward(layer, next, rows, scratch);
        }
        counted(Part::Pool, || {
            self.pool(&lengths, &scratch.states[..rows * hidden])
        })
    }

    /// Word, position and type embeddings, normalised.
    pub(super) fn look_up(&self, texts: &[&Tokens], scratch: &mut Scratch) {
        let hidden = self.shape().hidden;
        let table = self.weights.word_table();
        let places = self.weights.places.chunks_exact(hidden);
        let mut states = scratch.states.chunks_exact_mut(hidden);
        for text in texts {
            for ((id, place), state) in text.ids.iter().zip(places.clone()).zip(&mut states) {
                let word = &table[*id as usize * hidden..][..hidden];
                for (x, bytes) in state.iter_mut().zip(word) {
                    *x = f32::from_le_bytes(*bytes);
                }
                self.isa.add_norm(state, place, &self.weights.place_norm);
            }
        }
    }

    /// Self-attention of every head within each text, its output layer, residual and norm.
    fn attend(&self, layer: &Layer, lengths: &[usize], scratch: &mut Scratch) {
        let hidden = self.shape().hidden;
        let rows: usize = lengths.iter().sum();
        let width = hidden / self.weights.heads();
        scratch.projected.grow(rows * 3 * width);
        let projected = &mut scratch.projected[..rows * 3 * width];
        let context = &mut scratch.inner[..rows * hidden];
        let states = &mut scratch.states[..rows * hidden];
        let input = counted(Part::Round, || {
            self.input(states, hidden, &mut scratch.quantised)
        });
        for (index, head) in layer.heads.iter().enumerate() {
            let next = layer.heads.get(index + 1).unwrap_or(&layer.attended);
            let linear = Layered {
                input,
                weights: head.weights.all(),
                start: Start::Bias(&head.bias),
                next: Some(next.weights.all()),
            };
            counted(Part::Linear, || self.linear(&linear, projected));
            let mut first = 0;
            for &tokens in lengths {
                let head = Head {
                    projected: &projected[first * 3 * width..],
                    tokens,
                    width,
                    stride: hidden,
                };
                let to = &mut context[first * hidden + index * width..];
                counted(Part::Attention, || {
                    attend(self.isa, &head, &mut scratch.attention, to);
                });
                first += tokens;
            }
        }
        let added = &mut scratch.added[..rows * hidden];
        let linear = Layered {
            input: counted(Part::Round, || {
                self.input(context, hidden, &mut scratch.quantised)
            }),
            weights: layer.attended.weights.all(),
            start: Start::Bias(&layer.attended.bias),
            next: Some(layer.inner[0].up.weights.all()),
        };
        counted(Part::Linear, || self.linear(&linear, added));
        counted(Part::Norm, || {
            self.isa.add_norm(states, added, &layer.attended_norm);
        });
    }

    /// The feed-forward part, a block of inner columns at a time, residual and norm.
    fn feed_forward(
        &self,
        layer: &Layer,
        next_layer: Option<&Layer>,
        rows: usize,
        scratch: &mut Scratch,
    ) {
        let hidden = self.shape().hidden;
        let states = &mut scratch.states[..rows * hidden];
        let added = &mut scratch.added[..rows * hidden];
        let input = counted(Part::Round, || {
            self.input(states, hidden, &mut scratch.quantised)
        });
        for (index, block) in layer.inner.iter().enumerate() {
            let width = block.down.depth();
            scratch.inner.grow(rows * width);
            let inner = &mut scratch.inner[..rows * width];
            let up = Layered {
                input,
                weights: block.up.weights.all(),
                start: Start::Bias(&block.up.bias),
                next: Some(block.down.all()),
            };
            counted(Part::Linear, || self.linear(&up, inner));
            counted(Part::Activation, || {
                self.isa.activate(self.weights.activation, inner);
            });
            let next = match layer.inner.get(index + 1) {
                Some(block) => Some(&block.up.weights),
                None => next_layer.map(|layer| &layer.heads[0].weights),
            };
            let down = Layered {
                input: counted(Part::Round, || {
                    self.input(inner, width, &mut scratch.quantised_inner)
                }),
                weights: block.down.all(),
                start: match index {
                    0 => Start::Bias(&layer.down_bias),
                    _ => Start::Result,
                },
                next: next.map(Panels::all),
            };
            counted(Part::Linear, || self.linear(&down, added));
        }
        counted(Part::Norm, || {
            self.isa.add_norm(states, added, &layer.output_norm);
        });
    }

    /// Token vectors to one unit vector a text.
    pub(super) fn pool(&self, lengths: &[usize], states: &[f32]) -> Vec<f32> {
        let hidden = self.shape().hidden;
        let mut vectors = vec![0f32; lengths.len() * hidden];
        let mut first = 0;
        for (vector, &tokens) in vectors.chunks_exact_mut(hidden).zip(lengths) {
            let rows = match self.pooling {
                Pooling::Cls => 1,
                Pooling::Mean => tokens,
            };
            for row in states[first * hidden..][..rows * hidden].chunks_exact(hidden) {
                vector.iter_mut().zip(row).for_each(|(v, x)| *v += x);
            }
            first += tokens;
            // The mean's divisor falls out of the length.
            let squares: f64 = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
            let length = squares.sqrt() as f32;
            vector.iter_mut().for_each(|x| *x /= length);
        }
        vectors
    }
}
