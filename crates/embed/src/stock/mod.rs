//! The plain path: every architecture on Candle's tensors, with the mask, pooling, Dense modules and length normalisation of
//! sentence-transformers around it. What every faster path is compared with.
//!
//! BERT is Candle's own; where Candle has no right model, the implementation is ours. Not for: speed.

pub(crate) mod adapter;
mod attention;
mod checkpoint;
mod head;
mod jina;
mod modernbert;
mod nomic;
mod pickle;
mod post_norm;
mod qwen3;
mod settings;

use crate::bert::{Bert, Shape};
use crate::config::{Architecture, PoolingMode, unsupported};
use crate::tokens::Tokens;
use crate::{EmbedError, SentenceConfig};
use candle_core::{Device, Result, Tensor};
use head::Dense;
use jina::JinaBert;
use modernbert::ModernBert;
use nomic::NomicBert;
use post_norm::PostNorm;
use qwen3::Qwen3;
use std::path::Path;

/// A loaded model.
pub(crate) struct StockModel {
    encoder: Encoder,
    /// More than one are set side by side.
    poolings: Vec<PoolingMode>,
    dense: Vec<Dense>,
    shape: Shape,
}

/// Ids to token vectors.
enum Encoder {
    Bert(Bert),
    PostNorm(PostNorm),
    ModernBert(ModernBert),
    NomicBert(NomicBert),
    JinaBert(JinaBert),
    Qwen3(Qwen3),
}

/// Texts side by side, padded on the right to the longest.
struct Batch {
    /// `(texts, width)`.
    ids: Tensor,
    /// 1 for tokens, 0 for padding: f32 `(texts, width)`.
    real: Tensor,
    /// Tokens a text.
    lengths: Vec<usize>,
    /// Tokens of the longest.
    width: usize,
    /// How many of the first tokens take no part in the pooling.
    skip: usize,
}

/// A gated inner layer has three matrices where a plain one has two: the width of a plain one that costs as much.
fn gated(inner: usize) -> usize {
    inner * 3 / 2
}

impl StockModel {
    /// Reads the weights of `folder`, and the configuration files that say how they are used.
    pub(crate) fn load(
        folder: &Path,
        config: &SentenceConfig,
    ) -> std::result::Result<Self, EmbedError> {
        let Some(kind) = config.kind() else {
            return Err(unsupported(
                folder.join("config.json"),
                "the architecture",
                &config.architecture,
                Architecture::SUPPORTED,
            ));
        };
        let weights = checkpoint::open(folder)?;
        let (encoder, shape) = match kind {
            Architecture::Bert if !adapter::is_there(folder) => {
                let model = Bert::load(folder, weights)?;
                let shape = model.shape();
                (Encoder::Bert(model), shape)
            }
            kind @ (Architecture::Bert
            | Architecture::DistilBert
            | Architecture::Mpnet
            | Architecture::XlmRoberta) => {
                let model = PostNorm::load(folder, weights, kind)?;
                let shape = model.shape();
                (Encoder::PostNorm(model), shape)
            }
            Architecture::ModernBert => {
                let model = ModernBert::load(folder, weights)?;
                let shape = model.shape();
                (Encoder::ModernBert(model), shape)
            }
            Architecture::NomicBert => {
                let model = NomicBert::load(folder, weights)?;
                let shape = model.shape();
                (Encoder::NomicBert(model), shape)
            }
            Architecture::JinaBert => {
                let model = JinaBert::load(folder, weights)?;
                let shape = model.shape();
                (Encoder::JinaBert(model), shape)
            }
            Architecture::Qwen3 => {
                let model = Qwen3::load(folder, weights)?;
                let shape = model.shape();
                (Encoder::Qwen3(model), shape)
            }
        };
        let poolings = config.poolings();
        let mut dense: Vec<Dense> = Vec::new();
        for module in &config.dense {
            let inputs = dense
                .last()
                .map_or(poolings.len() * shape.hidden, |d| d.outputs);
            dense.push(Dense::load(&folder.join(module), inputs)?);
        }
        Ok(Self {
            encoder,
            poolings,
            dense,
            shape,
        })
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// Numbers a vector.
    pub(crate) fn dim(&self) -> usize {
        let pooled = self.poolings.len() * self.shape.hidden;
        self.dense.last().map_or(pooled, |d| d.outputs)
    }

    /// Unit vectors of the texts of one batch, row-major `(texts.len(), dim)`. Padding is masked in attention and takes no
    /// part in pooling, so a batch gives what its members give alone, up to rounding. The first `skip` tokens of a text take
    /// no part in pooling either.
    pub(crate) fn embed(
        &self,
        texts: &[&Tokens],
        skip: usize,
    ) -> std::result::Result<Vec<f32>, EmbedError> {
        let batch = Batch::new(texts, self.shape.pad_id, skip)?;
        let states = match &self.encoder {
            Encoder::Bert(model) => model.forward(&batch.ids, &batch.real)?,
            Encoder::PostNorm(model) => model.forward(&batch)?,
            Encoder::ModernBert(model) => model.forward(&batch)?,
            Encoder::NomicBert(model) => model.forward(&batch)?,
            Encoder::JinaBert(model) => model.forward(&batch)?,
            Encoder::Qwen3(model) => model.forward(&batch)?,
        };
        let pooled = |mode: &PoolingMode| head::pool(&states, &batch, *mode);
        let pooled = self.poolings.iter().map(pooled).collect::<Result<Vec<_>>>();
        let mut vectors = Tensor::cat(&pooled?, 1)?;
        for dense in &self.dense {
            vectors = dense.forward(&vectors)?;
        }
        let length = vectors.sqr()?.sum_keepdim(1)?.sqrt()?;
        Ok(vectors.broadcast_div(&length)?.flatten_all()?.to_vec1()?)
    }
}

impl Batch {
    fn new(texts: &[&Tokens], pad_id: u32, skip: usize) -> Result<Self> {
        let lengths: Vec<usize> = texts.iter().map(|text| text.ids.len()).collect();
        let width = lengths.iter().copied().max().unwrap_or(0);
        let (mut ids, mut real) = (Vec::new(), Vec::new());
        for text in texts {
            let padding = width - text.ids.len();
            ids.extend_from_slice(&text.ids);
            ids.extend(std::iter::repeat_n(pad_id, padding));
            real.extend(std::iter::repeat_n(1f32, text.ids.len()));
            real.extend(std::iter::repeat_n(0f32, padding));
        }
        let shape = (texts.len(), width);
        Ok(Self {
            ids: Tensor::from_vec(ids, shape, &Device::Cpu)?,
            real: Tensor::from_vec(real, shape, &Device::Cpu)?,
            lengths,
            width,
            skip,
        })
    }
}
