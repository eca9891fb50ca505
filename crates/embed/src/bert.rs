//! Candle's BERT as it ships, and what the size of an encoder says of its cost.

use crate::EmbedError;
use crate::config::read_json;
use candle_core::Tensor;
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use std::path::Path;

/// A loaded BERT encoder.
pub(crate) struct Bert {
    model: BertModel,
    shape: Shape,
}

/// What the size of an encoder says of its cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) layers: usize,
    pub(crate) hidden: usize,
    pub(crate) intermediate: usize,
    pub(crate) pad_id: u32,
}

impl Shape {
    /// Multiply-adds, counted as two operations each, that a text of `tokens` tokens needs: the linear layers and the
    /// two attention products. Look-ups, softmax and norms are not counted.
    pub(crate) fn operations(&self, tokens: usize) -> f64 {
        let (h, i, t) = (self.hidden as f64, self.intermediate as f64, tokens as f64);
        let linear = 2.0 * (4.0 * h * h + 2.0 * h * i) * t;
        let attention = 4.0 * t * t * h;
        self.layers as f64 * (linear + attention)
    }
}

impl Bert {
    /// Reads `config.json` of `folder`.
    pub(crate) fn load(folder: &Path, weights: VarBuilder) -> Result<Self, EmbedError> {
        let path = folder.join("config.json");
        let bert: Config = read_json(&path)?;
        let heads = bert.num_attention_heads;
        if heads == 0 || !bert.hidden_size.is_multiple_of(heads) {
            return Err(EmbedError::Config {
                path,
                why: format!(
                    "its width of {} is not a multiple of its {heads} heads",
                    bert.hidden_size
                ),
            });
        }
        Ok(Self {
            model: BertModel::load(weights, &bert)?,
            shape: Shape {
                layers: bert.num_hidden_layers,
                hidden: bert.hidden_size,
                intermediate: bert.intermediate_size,
                pad_id: u32::try_from(bert.pad_token_id).unwrap_or(0),
            },
        })
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// Token vectors, `(texts, tokens, hidden)`, of ids and a mask that is 1 for tokens and 0 for padding.
    pub(crate) fn forward(&self, ids: &Tensor, real: &Tensor) -> candle_core::Result<Tensor> {
        self.model.forward(ids, &ids.zeros_like()?, Some(real))
    }
}
