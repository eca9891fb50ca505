//! Candle's BERT as it ships, with the mask, pooling and length normalisation of sentence-transformers around it:
//! the plain path that every faster one is compared with.

use crate::config::read_json;
use crate::tokens::Tokens;
use crate::{EmbedError, Pooling, SentenceConfig};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use std::path::Path;

/// A loaded BERT encoder.
pub(crate) struct StockBert {
    model: BertModel,
    device: Device,
    pooling: Pooling,
    shape: Shape,
}

/// What the size of a BERT says of its cost.
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

impl StockBert {
    /// Reads `config.json` and `model.safetensors` of `folder`.
    pub(crate) fn load(folder: &Path, config: &SentenceConfig) -> Result<Self, EmbedError> {
        let bert: Config = read_json(&folder.join("config.json"))?;
        let weights = folder.join("model.safetensors");
        let bytes = std::fs::read(&weights).map_err(|e| EmbedError::Config {
            path: weights.clone(),
            why: e.to_string(),
        })?;
        let device = Device::Cpu;
        let variables = VarBuilder::from_buffered_safetensors(bytes, DType::F32, &device)?;
        Ok(Self {
            model: BertModel::load(variables, &bert)?,
            device,
            pooling: config.pooling,
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

    /// Unit vectors of the texts of one batch, row-major `(texts.len(), hidden)`. Padding is masked in attention and
    /// takes no part in pooling, so a batch gives what its members give alone, up to rounding.
    pub(crate) fn embed(&self, texts: &[&Tokens]) -> Result<Vec<f32>, EmbedError> {
        let width = texts.iter().map(|t| t.ids.len()).max().unwrap_or(0);
        let (mut ids, mut mask) = (Vec::new(), Vec::new());
        for text in texts {
            let padding = width - text.ids.len();
            ids.extend(
                text.ids
                    .iter()
                    .copied()
                    .chain(std::iter::repeat_n(self.shape.pad_id, padding)),
            );
            mask.extend(
                std::iter::repeat_n(1f32, text.ids.len()).chain(std::iter::repeat_n(0f32, padding)),
            );
        }
        let shape = (texts.len(), width);
        let ids = Tensor::from_vec(ids, shape, &self.device)?;
        let mask = Tensor::from_vec(mask, shape, &self.device)?;
        let states = self.model.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
        let pooled = match self.pooling {
            Pooling::Cls => states.narrow(1, 0, 1)?.squeeze(1)?,
            Pooling::Mean => {
                let summed = states.broadcast_mul(&mask.unsqueeze(2)?)?.sum(1)?;
                summed.broadcast_div(&mask.sum_keepdim(1)?)?
            }
        };
        let length = pooled.sqr()?.sum_keepdim(1)?.sqrt()?;
        Ok(pooled.broadcast_div(&length)?.flatten_all()?.to_vec1()?)
    }
}
