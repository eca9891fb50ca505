//! The plain path: every architecture on Candle's tensors, with the mask, pooling, Dense modules and length normalisation of
//! sentence-transformers around it. What every faster path is compared with.
//!
//! BERT is Candle's own; where Candle has no right model, the implementation is ours. It runs as f32 on the CPU, and at any
//! other [`Place`], which `gpu/` is made of. Not for: speed on a CPU.

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

use crate::bert::Bert;
use crate::config::{Architecture, PoolingMode, unsupported};
use crate::fast::Plan;
use crate::tokens::Tokens;
use crate::{EmbedError, SentenceConfig};
pub(crate) use attention::Reach;
use attention::Seen;
use candle_core::{DType, Device, Result, Tensor};
pub(crate) use checkpoint::{load_file, prefix};
pub(crate) use head::{Dense, pool_weights};
use jina::JinaBert;
pub(crate) use jina::{UNLIKE_JINA, slopes};
use modernbert::ModernBert;
use nomic::NomicBert;
use post_norm::PostNorm;
pub(crate) use post_norm::bucket;
use qwen3::Qwen3;
use std::path::Path;

/// A loaded model.
pub(crate) struct StockModel {
    encoder: Encoder,
    /// More than one are set side by side.
    poolings: Vec<PoolingMode>,
    dense: Vec<Dense>,
    plan: Plan,
    device: Device,
}

/// Where a model's tensors are, and what numbers they hold.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) device: Device,
    pub(crate) numbers: DType,
}

impl Place {
    /// f32 on the CPU.
    pub(crate) fn plain() -> Self {
        Self {
            device: Device::Cpu,
            numbers: DType::F32,
        }
    }
}

/// What a model can be given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Words of its vocabulary.
    pub(crate) words: usize,
    /// Tokens that have a position; as many as can be counted where positions are computed.
    pub(crate) positions: usize,
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
    /// The same in memory of the CPU, one text after the other.
    rows: Vec<u32>,
    /// f32 `(texts, width)`.
    seen: Seen,
    /// Tokens a text.
    lengths: Vec<usize>,
    /// Tokens of the longest.
    width: usize,
    /// How many of the first tokens take no part in the pooling.
    skip: usize,
}

/// What an architecture is made of, for texts of at most so many tokens.
pub(crate) fn plan(
    folder: &Path,
    kind: Architecture,
    longest: usize,
) -> std::result::Result<Plan, EmbedError> {
    match kind {
        Architecture::Bert
        | Architecture::DistilBert
        | Architecture::Mpnet
        | Architecture::XlmRoberta => post_norm::plan(folder, kind),
        Architecture::NomicBert => nomic::plan(folder),
        Architecture::ModernBert => modernbert::plan(folder),
        Architecture::Qwen3 => qwen3::plan(folder),
        Architecture::JinaBert => jina::plan(folder, longest),
    }
}

impl StockModel {
    /// Reads the weights of `folder`, and the configuration files that say how they are used. f32 on the CPU; for BERT,
    /// Candle's own.
    pub(crate) fn load(
        folder: &Path,
        config: &SentenceConfig,
    ) -> std::result::Result<Self, EmbedError> {
        let place = Place::plain();
        if config.kind() != Some(Architecture::Bert) || adapter::is_there(folder) {
            return Self::load_at(folder, config, &place);
        }
        let plan = plan(folder, Architecture::Bert, config.max_tokens)?;
        let words = "embeddings.word_embeddings.weight";
        let weights = checkpoint::root(checkpoint::open(folder, &place)?, words, &["bert"])?;
        let model = Bert::load(folder, weights)?;
        Self::with_head(folder, config, (Encoder::Bert(model), plan), &place)
    }

    /// The same at a place of one's choice. BERT is ours there: the mask of Candle's gives NaN in 16-bit floats.
    pub(crate) fn load_at(
        folder: &Path,
        config: &SentenceConfig,
        place: &Place,
    ) -> std::result::Result<Self, EmbedError> {
        let Some(kind) = config.kind() else {
            return Err(unsupported(
                folder.join("config.json"),
                "the architecture",
                &config.architecture,
                Architecture::SUPPORTED,
            ));
        };
        let weights = checkpoint::open(folder, place)?;
        let encoder = match kind {
            kind @ (Architecture::Bert
            | Architecture::DistilBert
            | Architecture::Mpnet
            | Architecture::XlmRoberta) => {
                Encoder::PostNorm(PostNorm::load(folder, weights, kind)?)
            }
            Architecture::ModernBert => Encoder::ModernBert(ModernBert::load(folder, weights)?),
            Architecture::NomicBert => Encoder::NomicBert(NomicBert::load(folder, weights)?),
            Architecture::JinaBert => Encoder::JinaBert(JinaBert::load(folder, weights)?),
            Architecture::Qwen3 => Encoder::Qwen3(Qwen3::load(folder, weights)?),
        };
        let plan = plan(folder, kind, config.max_tokens)?;
        Self::with_head(folder, config, (encoder, plan), place)
    }

    /// The encoder with what comes after it.
    fn with_head(
        folder: &Path,
        config: &SentenceConfig,
        (encoder, plan): (Encoder, Plan),
        place: &Place,
    ) -> std::result::Result<Self, EmbedError> {
        let poolings = config.poolings();
        let pooled = poolings.len() * plan.hidden;
        Ok(Self {
            encoder,
            poolings,
            dense: Dense::load_all(folder, &config.dense, pooled, &place.device)?,
            plan,
            device: place.device.clone(),
        })
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Numbers a vector.
    pub(crate) fn dim(&self) -> usize {
        let pooled = self.poolings.len() * self.plan.hidden;
        self.dense.last().map_or(pooled, |d| d.outputs)
    }

    /// What may be in a batch.
    pub(crate) fn limits(&self) -> Limits {
        match &self.encoder {
            // Candle's own refuses what it cannot read by itself.
            Encoder::Bert(_) => Limits {
                words: usize::MAX,
                positions: usize::MAX,
            },
            Encoder::PostNorm(model) => model.limits(),
            Encoder::JinaBert(model) => model.limits(),
            Encoder::ModernBert(model) => model.limits(),
            Encoder::NomicBert(model) => model.limits(),
            Encoder::Qwen3(model) => model.limits(),
        }
    }

    /// Vectors of the texts of one batch, row-major `(texts.len(), dim)`, of unit length if wanted; the first `skip` tokens of a
    /// text take no part in pooling.
    pub(crate) fn embed(
        &self,
        texts: &[&Tokens],
        skip: usize,
        unit: bool,
    ) -> std::result::Result<Vec<f32>, EmbedError> {
        let vectors = match unit {
            true => self.vectors(texts, skip)?,
            false => self.raw_vectors(texts, skip)?,
        };
        Ok(vectors.flatten_all()?.to_vec1()?)
    }

    /// Unit vectors, f32 `(texts.len(), dim)`, where the model is: on a GPU they may still be in the making. Padding is masked in
    /// attention and takes no part in pooling, so a batch gives what its members give alone, up to rounding.
    pub(crate) fn vectors(&self, texts: &[&Tokens], skip: usize) -> Result<Tensor> {
        let vectors = self.raw_vectors(texts, skip)?;
        let length = vectors.sqr()?.sum_keepdim(1)?.sqrt()?;
        vectors.broadcast_div(&length)
    }

    /// The same before they are made unit length.
    fn raw_vectors(&self, texts: &[&Tokens], skip: usize) -> Result<Tensor> {
        let batch = Batch::new(texts, self.plan.pad_id, skip, &self.device)?;
        let states = match &self.encoder {
            Encoder::Bert(model) => model.forward(&batch.ids, &batch.seen.real)?,
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
        Ok(vectors)
    }
}

impl Batch {
    fn new(texts: &[&Tokens], pad_id: u32, skip: usize, device: &Device) -> Result<Self> {
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
            ids: Tensor::from_slice(&ids, shape, device)?,
            rows: ids,
            seen: Seen::new(Tensor::from_vec(real, shape, device)?),
            lengths,
            width,
            skip,
        })
    }
}
