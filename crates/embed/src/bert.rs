//! Candle's BERT as it ships.

use crate::EmbedError;
use crate::config::read_json;
use candle_core::Tensor;
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use std::path::Path;

/// A loaded BERT encoder.
pub(crate) struct Bert {
    model: BertModel,
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
        })
    }

    /// Token vectors, `(texts, tokens, hidden)`, of ids and a mask that is 1 for tokens and 0 for padding.
    pub(crate) fn forward(&self, ids: &Tensor, real: &Tensor) -> candle_core::Result<Tensor> {
        self.model.forward(ids, &ids.zeros_like()?, Some(real))
    }
}
