//! A bottleneck adapter, packed: what `stock/adapter.rs` reads, run on the packed tokens.

use super::FastEncoder;
use super::encode::Scratch;
use super::linear::Layered;
use super::matrix::{PANEL, Panels, Precision};
use super::plan::Plan;
use super::product::Start;
use super::rowwise::Activation;
use super::weights::{Layer, Linear};
use crate::EmbedError;
use crate::stock::adapter;
use std::path::Path;

/// An adapter's part in one layer; its width filled up with noughts to a multiple of [`PANEL`].
pub(super) struct Adapter {
    down: Linear,
    activation: Activation,
    /// Its factor is in it.
    up: Linear,
}

impl Adapter {
    /// One a layer; none where the folder has no adapter.
    pub(super) fn read(
        folder: &Path,
        plan: &Plan,
        precision: Precision,
    ) -> Result<Vec<Self>, EmbedError> {
        if !adapter::is_there(folder) {
            return Ok(Vec::new());
        }
        let parts = adapter::Adapter::load(
            folder,
            plan.layers,
            plan.hidden,
            &crate::stock::Place::plain(),
        )?;
        parts
            .iter()
            .map(|part| Self::pack(&part.numbers()?, plan.hidden, precision))
            .collect()
    }

    fn pack(
        part: &adapter::AdapterNumbers,
        hidden: usize,
        precision: Precision,
    ) -> Result<Self, EmbedError> {
        let narrow = part.down_bias.len();
        let width = narrow.next_multiple_of(PANEL);
        // Rows of the transposed matrices, as checkpoints store linear layers.
        let mut down = vec![[0u8; 4]; width * hidden];
        for (to, from) in down.iter_mut().zip(&part.down) {
            *to = from.to_le_bytes();
        }
        let mut up = vec![[0u8; 4]; hidden * width];
        for (to, from) in up.chunks_exact_mut(width).zip(part.up.chunks_exact(narrow)) {
            for (to, from) in to.iter_mut().zip(from) {
                *to = (from * part.scaling).to_le_bytes();
            }
        }
        let mut down_bias = part.down_bias.clone();
        down_bias.resize(width, 0.0);
        Ok(Self {
            down: Linear {
                weights: Panels::pack(precision, width, hidden, |c| &down[c * hidden..]),
                bias: down_bias,
            },
            activation: part.activation,
            up: Linear {
                weights: Panels::pack(precision, hidden, width, |c| &up[c * width..]),
                bias: part.up_bias.iter().map(|b| b * part.scaling).collect(),
            },
        })
    }
}

impl FastEncoder {
    /// Adds to what the feed-forward part gave what the layer's adapter makes of it.
    pub(super) fn adapt(&self, layer: &Layer, rows: usize, scratch: &mut Scratch) {
        let Some(adapter) = &layer.adapter else {
            return;
        };
        let hidden = self.weights.plan.hidden;
        let width = adapter.down.bias.len();
        scratch.inner.grow(rows * (hidden + width));
        let (given, inner) = scratch.inner[..rows * (hidden + width)].split_at_mut(rows * hidden);
        let added = &mut scratch.added[..rows * hidden];
        given.copy_from_slice(&scratch.states[..rows * hidden]);
        self.add_norm(given, added, &layer.output_norm);
        let down = Layered {
            input: self.input(given, hidden, &mut scratch.quantised),
            weights: adapter.down.weights.all(),
            start: Start::Bias(&adapter.down.bias),
            next: Some(adapter.up.weights.all()),
        };
        self.linear(&down, inner);
        self.isa.activate(adapter.activation, inner);
        for row in added.chunks_exact_mut(hidden) {
            self.isa.add(row, &adapter.up.bias);
        }
        let up = Layered {
            input: self.input(inner, width, &mut scratch.quantised),
            weights: adapter.up.weights.all(),
            start: Start::Result,
            next: None,
        };
        self.linear(&up, added);
    }
}
