//! The forward pass over the packed tokens of several texts: one loop for every architecture (`plan.rs`).

use super::FastEncoder;
use super::attention::{AttentionScratch, Biases, Head, attend};
use super::linear::{Input, Layered};
use super::matrix::{Lines, Panels};
use super::plan::NormKind;
use super::product::Start;
use super::quantise::Quantised;
use super::rotary::{Projected, Rotation};
use super::rowwise::Norm;
use super::weights::{InnerBlock, Layer};
use crate::profile::{Part, counted};
use crate::stock::pool_weights;
use crate::tokens::Tokens;
use crate::{EmbedError, PoolingMode};

/// Buffers of one thread.
#[derive(Default)]
pub(super) struct Scratch {
    /// What linear layers read, and norms leave: `(tokens, hidden)`.
    pub(super) states: Lines,
    /// What sublayers are added to where norms come first; elsewhere it is `states` itself.
    pub(super) stream: Lines,
    /// What a sublayer adds.
    pub(super) added: Lines,
    /// Attention's result, then a block of the inner layer.
    pub(super) inner: Lines,
    /// The gate of that block.
    gate: Lines,
    /// What linear layers read, where they read 16 bits: states, then attention's result.
    pub(super) quantised: Quantised,
    /// The same of a block of the inner layer.
    quantised_inner: Quantised,
    /// Queries, keys and values of one head.
    projected: Lines,
    attention: AttentionScratch,
    pub(super) rotations: Rotations,
}

/// The tables of rotary positions, of which models have up to two.
pub(super) type Rotations = Vec<(f64, Rotation)>;

impl FastEncoder {
    /// Room for so many tokens.
    pub(super) fn grow(&self, rows: usize, longest: usize, scratch: &mut Scratch) {
        let plan = &self.weights.plan;
        scratch.states.grow(rows * plan.hidden);
        scratch.added.grow(rows * plan.hidden);
        scratch.inner.grow(rows * plan.heads * plan.width);
        if plan.norms_first() {
            scratch.stream.grow(rows * plan.hidden);
        }
        for theta in plan.views.iter().filter_map(|view| view.theta) {
            let known = scratch.rotations.iter().position(|(of, _)| *of == theta);
            let index = known.unwrap_or(scratch.rotations.len());
            if known.is_none() {
                scratch.rotations.push((theta, Rotation::default()));
            }
            scratch.rotations[index].1.grow(longest, plan.width, theta);
        }
    }

    /// Pooled vectors of checked texts, row-major `(texts.len(), pooled)`; the first `skip` tokens of a text take no part in
    /// pooling.
    pub(super) fn encode(&self, texts: &[&Tokens], skip: usize, scratch: &mut Scratch) -> Vec<f32> {
        let hidden = self.weights.plan.hidden;
        let lengths: Vec<usize> = texts.iter().map(|t| t.ids.len()).collect();
        let rows: usize = lengths.iter().sum();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        self.grow(rows, longest, scratch);
        counted(Part::LookUp, || self.look_up(texts, scratch));
        for (index, layer) in self.weights.layers.iter().enumerate() {
            let next = self.weights.layers.get(index + 1);
            self.attend(index, &lengths, scratch);
            counted(Part::Norm, || {
                self.settle(rows, &layer.attended_norm, scratch);
            });
            self.feed_forward(layer, next, rows, scratch);
            counted(Part::Linear, || self.adapt(layer, rows, scratch));
            counted(Part::Norm, || {
                self.settle(rows, &layer.output_norm, scratch);
            });
        }
        counted(Part::Pool, || {
            self.pool(&lengths, skip, &scratch.states[..rows * hidden])
        })
    }

    /// Embeddings of words with those of positions and types, normalised where the model does.
    pub(super) fn look_up(&self, texts: &[&Tokens], scratch: &mut Scratch) {
        let weights = &self.weights;
        let hidden = weights.plan.hidden;
        let table = weights.word_table();
        let mut states = scratch.states.chunks_exact_mut(hidden);
        for text in texts {
            for ((id, place), state) in text
                .ids
                .iter()
                .zip(weights.places(&text.ids))
                .zip(&mut states)
            {
                let word = &table[*id as usize * hidden..][..hidden];
                for (x, bytes) in state.iter_mut().zip(word) {
                    *x = f32::from_le_bytes(*bytes);
                }
                match &weights.place_norm {
                    Some(norm) => self.add_norm(state, place, norm),
                    None => self.isa.add(state, place),
                }
            }
        }
        if weights.plan.norms_first() {
            let rows: usize = texts.iter().map(|t| t.ids.len()).sum();
            let states = &mut scratch.states[..rows * hidden];
            scratch.stream[..rows * hidden].copy_from_slice(states);
            if let Some(norm) = &weights.entry_norm {
                let nothing = vec![0.0; hidden];
                for state in states.chunks_exact_mut(hidden) {
                    self.add_norm(state, &nothing, norm);
                }
            }
        }
    }

    pub(super) fn add_norm(&self, x: &mut [f32], y: &[f32], norm: &Norm) {
        match self.weights.plan.norm {
            NormKind::Layer | NormKind::LayerNoShift => self.isa.add_norm(x, y, norm),
            NormKind::Rms => self.isa.add_rms_norm(x, y, &norm.gain, norm.epsilon),
        }
    }

    /// Adds what a sublayer gave and normalises: what is added to next, or only what the next sublayer reads.
    pub(super) fn settle(&self, rows: usize, norm: &Norm, scratch: &mut Scratch) {
        let numbers = rows * self.weights.plan.hidden;
        let states = &mut scratch.states[..numbers];
        let added = &scratch.added[..numbers];
        if self.weights.plan.norms_first() {
            let stream = &mut scratch.stream[..numbers];
            states.copy_from_slice(stream);
            self.isa.add(stream, added);
        }
        self.add_norm(states, added, norm);
    }

    /// Self-attention of every head within each text, and its output layer.
    fn attend(&self, index: usize, lengths: &[usize], scratch: &mut Scratch) {
        let (plan, layer) = (&self.weights.plan, &self.weights.layers[index]);
        let (hidden, columns) = (plan.hidden, plan.served() * plan.width);
        let stride = plan.heads * plan.width;
        let rows: usize = lengths.iter().sum();
        let wide = columns + 2 * plan.width;
        scratch.projected.grow(rows * wide);
        let projected = &mut scratch.projected[..rows * wide];
        let context = &mut scratch.inner[..rows * stride];
        let states = &scratch.states[..rows * hidden];
        let input = counted(Part::Round, || {
            self.input(states, hidden, &mut scratch.quantised)
        });
        let how = (self.isa, self.precision());
        for (at, head) in layer.heads.iter().enumerate() {
            let next = layer.heads.get(at + 1).unwrap_or(&layer.attended);
            let linear = Layered {
                input,
                weights: head.weights.all(),
                start: Start::Bias(&head.bias),
                next: Some(next.weights.all()),
            };
            counted(Part::Linear, || self.linear(&linear, projected));
            let mut first = 0;
            for &tokens in lengths {
                let rows = &mut projected[first * wide..][..tokens * wide];
                counted(Part::Attention, || {
                    self.place(index, rows, &scratch.rotations);
                });
                let head = Head {
                    stride,
                    ..self.head(index, at, rows)
                };
                let to = &mut context[first * stride + at * columns..];
                counted(Part::Attention, || {
                    attend(how, &head, &mut scratch.attention, to);
                });
                first += tokens;
            }
        }
        let linear = Layered {
            input: counted(Part::Round, || {
                self.input(context, stride, &mut scratch.quantised)
            }),
            weights: layer.attended.weights.all(),
            start: Start::Bias(&layer.attended.bias),
            next: Some(layer.inner[0].up.weights.all()),
        };
        let added = &mut scratch.added[..rows * hidden];
        counted(Part::Linear, || self.linear(&linear, added));
    }

    /// Norms of heads and rotary positions in the projections of one text and head of keys.
    pub(super) fn place(&self, layer: usize, rows: &mut [f32], rotations: &Rotations) {
        let plan = &self.weights.plan;
        let mut text = Projected {
            rows,
            queries: plan.served(),
            width: plan.width,
        };
        if let Some(gains) = &self.weights.layers[layer].head_norms {
            self.isa.norm_heads(&mut text, gains, plan.epsilon as f32);
        }
        let theta = plan.views[layer].theta;
        if let Some((_, rotation)) = rotations.iter().find(|(of, _)| Some(*of) == theta) {
            self.isa.turn(&mut text, rotation);
        }
    }

    /// The heads of queries that head `at` of keys serves, over one text's projections; the result has no others.
    pub(super) fn head<'a>(&'a self, layer: usize, at: usize, projected: &'a [f32]) -> Head<'a> {
        let plan = &self.weights.plan;
        let (queries, width) = (plan.served(), plan.width);
        let length = plan.biases_length();
        let biases = (length > 0).then(|| Biases {
            numbers: &self.weights.biases[at * queries * length..][..queries * length],
            length,
        });
        Head {
            projected,
            tokens: projected.len() / ((queries + 2) * width),
            width,
            queries,
            stride: queries * width,
            reach: plan.views[layer].reach,
            biases,
        }
    }

    /// The feed-forward part, a block of inner columns at a time.
    fn feed_forward(
        &self,
        layer: &Layer,
        next_layer: Option<&Layer>,
        rows: usize,
        scratch: &mut Scratch,
    ) {
        let hidden = self.weights.plan.hidden;
        let states = &scratch.states[..rows * hidden];
        let added = &mut scratch.added[..rows * hidden];
        let input = counted(Part::Round, || {
            self.input(states, hidden, &mut scratch.quantised)
        });
        for (index, block) in layer.inner.iter().enumerate() {
            let width = block.down.depth();
            scratch.inner.grow(rows * width);
            let inner = &mut scratch.inner[..rows * width];
            self.inner(block, input, inner, &mut scratch.gate);
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
    }

    /// A block of inner columns; `gate` is a buffer.
    pub(super) fn inner(
        &self,
        block: &InnerBlock,
        input: Input<'_>,
        to: &mut [f32],
        gate: &mut Lines,
    ) {
        let (down, activation) = (block.down.all(), self.weights.plan.activation);
        let up = Layered {
            input,
            weights: block.up.weights.all(),
            start: Start::Bias(&block.up.bias),
            next: Some(block.gate.as_ref().map_or(down, |gate| gate.weights.all())),
        };
        counted(Part::Linear, || self.linear(&up, to));
        let Some(linear) = &block.gate else {
            counted(Part::Activation, || self.isa.activate(activation, to));
            return;
        };
        gate.grow(to.len());
        let gate = &mut gate[..to.len()];
        let layer = Layered {
            input,
            weights: linear.weights.all(),
            start: Start::Bias(&linear.bias),
            next: Some(down),
        };
        counted(Part::Linear, || self.linear(&layer, gate));
        counted(Part::Activation, || {
            self.isa.activate(activation, gate);
            self.isa.gate(to, gate);
        });
    }

    /// Token vectors to one vector a text, as [`FastEncoder::finish`] reads them.
    pub(super) fn pool(&self, lengths: &[usize], skip: usize, states: &[f32]) -> Vec<f32> {
        let hidden = self.weights.plan.hidden;
        let mut vectors = vec![0f32; lengths.len() * self.pooled()];
        let mut first = 0;
        for (vector, &tokens) in vectors.chunks_exact_mut(self.pooled()).zip(lengths) {
            let rows = &states[first * hidden..][..tokens * hidden];
            for (vector, mode) in vector.chunks_exact_mut(hidden).zip(&self.poolings) {
                pool(*mode, skip, rows, vector);
            }
            first += tokens;
        }
        vectors
    }

    /// Pooled vectors through the Dense modules, to vectors `(texts, dim)` of the length that the model gives them. One at a time:
    /// what it is batched with must not matter.
    pub(crate) fn through_dense(&self, pooled: Vec<f32>) -> Result<Vec<f32>, EmbedError> {
        let mut vectors = pooled;
        for dense in &self.dense {
            let mut outputs = Vec::new();
            for vector in vectors.chunks_exact(dense.inputs) {
                outputs.extend(dense.run(vector)?);
            }
            vectors = outputs;
        }
        Ok(vectors)
    }

    /// The same, to unit vectors.
    pub(crate) fn finish(&self, pooled: Vec<f32>) -> Result<Vec<f32>, EmbedError> {
        let mut vectors = self.through_dense(pooled)?;
        for vector in vectors.chunks_exact_mut(self.dim()) {
            let squares: f64 = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
            let length = squares.sqrt() as f32;
            vector.iter_mut().for_each(|x| *x /= length);
        }
        Ok(vectors)
    }
}

/// The vector of one text whose tokens' vectors are the rows of `states`, into noughts.
fn pool(mode: PoolingMode, skip: usize, states: &[f32], vector: &mut [f32]) {
    let rows = states.chunks_exact(vector.len());
    let weights = pool_weights(mode, skip, rows.len());
    let counted = rows.zip(weights).filter(|(_, weight)| *weight != 0.0);
    if mode == PoolingMode::Max {
        vector.fill(f32::NEG_INFINITY);
        for (row, _) in counted {
            vector
                .iter_mut()
                .zip(row)
                .for_each(|(v, x)| *v = larger(*v, *x));
        }
        return;
    }
    for (row, weight) in counted {
        vector
            .iter_mut()
            .zip(row)
            .for_each(|(v, x)| *v += weight * x);
    }
}

/// The larger of two, NaN where either is.
fn larger(a: f32, b: f32) -> f32 {
    match a.is_nan() || a > b {
        true => a,
        false => b,
    }
}
