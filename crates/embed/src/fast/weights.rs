//! A checkpoint's tensors, packed for the kernels while they are read; the word table stays in the mapped file.

use super::matrix::{PANEL, Panels, Precision};
use super::rowwise::{Activation, Norm};
use crate::EmbedError;
use crate::bert::Shape;
use crate::config::read_json;
use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Device};
use rayon::prelude::*;
use serde::Deserialize;
use std::borrow::Cow;
use std::path::Path;

/// Columns of the feed-forward part's inner layer that are computed and used before the next: their activations stay in
/// the cache. MiniLM's 1,536 make four blocks.
const INNER_BLOCK: usize = 384;

/// What `config.json` says of the encoder.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Settings {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    hidden_act: String,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    layer_norm_eps: f64,
    #[serde(default)]
    pad_token_id: u32,
    position_embedding_type: Option<String>,
}

impl Settings {
    pub(super) fn read(folder: &Path) -> Result<Self, EmbedError> {
        read_json(&folder.join("config.json"))
    }

    /// What keeps the packed path from running this model, if anything does.
    pub(super) fn refusal(&self) -> Option<String> {
        let heads = self.num_attention_heads;
        if self.activation().is_none() {
            return Some(format!("hidden_act {:?}", self.hidden_act));
        }
        if let Some(kind) = &self.position_embedding_type
            && kind != "absolute"
        {
            return Some(format!("position_embedding_type {kind:?}"));
        }
        if heads == 0
            || !self.hidden_size.is_multiple_of(heads * PANEL)
            || !self.intermediate_size.is_multiple_of(PANEL)
            || self.hidden_size == 0
            || self.intermediate_size == 0
        {
            return Some(format!(
                "hidden_size {}, intermediate_size {} with {heads} heads: the width of a head and of the inner layer \
                 must be multiples of {PANEL}",
                self.hidden_size, self.intermediate_size
            ));
        }
        if self.type_vocab_size == 0 || self.max_position_embeddings == 0 {
            return Some("no token types or no positions".to_owned());
        }
        None
    }

    fn activation(&self) -> Option<Activation> {
        match self.hidden_act.as_str() {
            "gelu" => Some(Activation::Gelu),
            "gelu_new" | "gelu_pytorch_tanh" => Some(Activation::GeluTanh),
            "relu" => Some(Activation::Relu),
            _ => None,
        }
    }
}

/// A linear layer.
pub(super) struct Linear {
    /// `(inputs, outputs)`.
    pub(super) weights: Panels,
    pub(super) bias: Vec<f32>,
}

/// One block of the feed-forward part: some of its inner columns.
pub(super) struct InnerBlock {
    pub(super) up: Linear,
    /// From these inner columns to the outputs; the bias of the whole is [`Layer::down_bias`].
    pub(super) down: Panels,
}

/// One layer of the encoder.
pub(super) struct Layer {
    /// Per head, its queries, keys and values side by side: `(hidden, 3 head widths)`.
    pub(super) heads: Vec<Linear>,
    pub(super) attended: Linear,
    pub(super) attended_norm: Norm,
    pub(super) inner: Vec<InnerBlock>,
    pub(super) down_bias: Vec<f32>,
    pub(super) output_norm: Norm,
}

/// Everything the encoder needs.
pub(super) struct Weights {
    settings: Settings,
    /// Of the linear layers.
    pub(super) precision: Precision,
    words: WordTable,
    /// Position embeddings with the first token type's added, `(positions, hidden)`.
    pub(super) places: Vec<f32>,
    pub(super) place_norm: Norm,
    pub(super) layers: Vec<Layer>,
    pub(super) activation: Activation,
}

/// The embeddings of words, `(words, hidden)`.
enum WordTable {
    /// In the file, which stays mapped: only the pages of words that occur are ever read.
    Mapped(Checkpoint, String),
    /// Converted, for files of another number type.
    Owned(Vec<[u8; 4]>),
}

impl Weights {
    pub(super) fn read(
        path: &Path,
        settings: &Settings,
        precision: Precision,
    ) -> Result<Self, EmbedError> {
        let file = Checkpoint::map(path, precision)?;
        let hidden = settings.hidden_size;
        let name = |of: &str| format!("{}embeddings.{of}.weight", file.prefix);
        let mut places = file.numbers(
            &name("position_embeddings"),
            &[settings.max_position_embeddings, hidden],
        )?;
        let types = file.numbers(
            &name("token_type_embeddings"),
            &[settings.type_vocab_size, hidden],
        )?;
        for row in places.chunks_exact_mut(hidden) {
            row.iter_mut().zip(&types).for_each(|(x, t)| *x += t);
        }
        let place_norm = file.norm(&format!("{}embeddings.LayerNorm", file.prefix), settings)?;
        let layers = (0..settings.num_hidden_layers)
            .into_par_iter()
            .map(|index| file.layer(index, settings))
            .collect::<Result<_, _>>()?;
        let word_name = name("word_embeddings");
        // The packed pages of the file are given back with its first mapping; of the second only words are read.
        let converted = match file.bytes(&word_name, &[settings.vocab_size, hidden])? {
            Cow::Borrowed(_) => None,
            Cow::Owned(words) => Some(words),
        };
        drop(file);
        let words = match converted {
            None => WordTable::Mapped(Checkpoint::map(path, precision)?, word_name),
            Some(words) => WordTable::Owned(words),
        };
        Ok(Self {
            precision,
            words,
            places,
            place_norm,
            layers,
            activation: settings.activation().unwrap_or(Activation::Gelu),
            settings: settings.clone(),
        })
    }

    pub(super) fn shape(&self) -> Shape {
        Shape {
            layers: self.settings.num_hidden_layers,
            hidden: self.settings.hidden_size,
            intermediate: self.settings.intermediate_size,
            pad_id: self.settings.pad_token_id,
        }
    }

    /// Words in the vocabulary.
    pub(super) fn words(&self) -> usize {
        self.settings.vocab_size
    }

    /// Positions there are embeddings for.
    pub(super) fn positions(&self) -> usize {
        self.settings.max_position_embeddings
    }

    pub(super) fn heads(&self) -> usize {
        self.settings.num_attention_heads
    }

    /// The embeddings of all words, row-major `(words, hidden)`, little-endian.
    pub(super) fn word_table(&self) -> &[[u8; 4]] {
        match &self.words {
            WordTable::Owned(words) => words,
            WordTable::Mapped(file, name) => file
                .file
                .get(name)
                .map_or(&[], |view| view.data().as_chunks::<4>().0),
        }
    }
}

/// A mapped safetensors file.
struct Checkpoint {
    file: MmapedSafetensors,
    /// Of the linear layers that are packed from it.
    precision: Precision,
    /// `bert.` where the checkpoint has a head beside the encoder.
    prefix: &'static str,
}

impl Checkpoint {
    fn map(path: &Path, precision: Precision) -> Result<Self, EmbedError> {
        // SAFETY: the file must not change while it is mapped. It was verified by its SHA-256 when it was resolved, the
        // cache writes files under a temporary name and renames them, and nothing here writes to it; a user who edits a
        // model's weights in place while it runs gets wrong vectors or a bus error, as with every mapped file.
        let file = unsafe { MmapedSafetensors::new(path) }?;
        let prefix = match file.get("embeddings.word_embeddings.weight") {
            Ok(_) => "",
            Err(_) => "bert.",
        };
        Ok(Self {
            file,
            precision,
            prefix,
        })
    }

    /// A tensor of this shape as little-endian f32, in place where it is stored so.
    fn bytes(&self, name: &str, shape: &[usize]) -> Result<Cow<'_, [[u8; 4]]>, EmbedError> {
        let view = self.file.get(name)?;
        if view.shape() != shape {
            return Err(EmbedError::Candle(candle_core::Error::Msg(format!(
                "{name} has shape {:?}, and config.json says {shape:?}; weights and configuration differ",
                view.shape()
            ))));
        }
        if DType::try_from(view.dtype())? == DType::F32 {
            return Ok(Cow::Borrowed(view.data().as_chunks::<4>().0));
        }
        let converted = self
            .file
            .load(name, &Device::Cpu)?
            .to_dtype(DType::F32)?
            .flatten_all()?
            .to_vec1::<f32>()?;
        Ok(Cow::Owned(
            converted.into_iter().map(f32::to_le_bytes).collect(),
        ))
    }

    fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EmbedError> {
        let bytes = self.bytes(name, shape)?;
        Ok(bytes.iter().map(|b| f32::from_le_bytes(*b)).collect())
    }

    fn norm(&self, name: &str, settings: &Settings) -> Result<Norm, EmbedError> {
        let shape = [settings.hidden_size];
        Ok(Norm {
            gain: self.numbers(&format!("{name}.weight"), &shape)?,
            shift: self.numbers(&format!("{name}.bias"), &shape)?,
            epsilon: settings.layer_norm_eps as f32,
        })
    }

    fn layer(&self, index: usize, settings: &Settings) -> Result<Layer, EmbedError> {
        let name = |of: &str| format!("{}encoder.layer.{index}.{of}", self.prefix);
        let hidden = settings.hidden_size;
        let attended = name("attention.output.dense");
        Ok(Layer {
            heads: self.heads(&name("attention.self"), settings)?,
            attended: Linear {
                weights: {
                    let rows = self.bytes(&format!("{attended}.weight"), &[hidden, hidden])?;
                    Panels::pack(self.precision, hidden, hidden, |c| &rows[c * hidden..])
                },
                bias: self.numbers(&format!("{attended}.bias"), &[hidden])?,
            },
            attended_norm: self.norm(&name("attention.output.LayerNorm"), settings)?,
            inner: self.inner(&name("intermediate.dense"), &name("output.dense"), settings)?,
            down_bias: self.numbers(&name("output.dense.bias"), &[hidden])?,
            output_norm: self.norm(&name("output.LayerNorm"), settings)?,
        })
    }

    fn heads(&self, name: &str, settings: &Settings) -> Result<Vec<Linear>, EmbedError> {
        let hidden = settings.hidden_size;
        let width = hidden / settings.num_attention_heads;
        let (mut rows, mut biases) = (Vec::new(), Vec::new());
        for part in ["query", "key", "value"] {
            rows.push(self.bytes(&format!("{name}.{part}.weight"), &[hidden, hidden])?);
            biases.push(self.numbers(&format!("{name}.{part}.bias"), &[hidden])?);
        }
        let head = |head: usize| Linear {
            weights: Panels::pack(self.precision, 3 * width, hidden, |c| {
                &rows[c / width][(head * width + c % width) * hidden..]
            }),
            bias: biases
                .iter()
                .flat_map(|b| &b[head * width..][..width])
                .copied()
                .collect(),
        };
        Ok((0..settings.num_attention_heads).map(head).collect())
    }

    fn inner(
        &self,
        up: &str,
        down: &str,
        settings: &Settings,
    ) -> Result<Vec<InnerBlock>, EmbedError> {
        let (hidden, inner) = (settings.hidden_size, settings.intermediate_size);
        let up_rows = self.bytes(&format!("{up}.weight"), &[inner, hidden])?;
        let up_bias = self.numbers(&format!("{up}.bias"), &[inner])?;
        let down_rows = self.bytes(&format!("{down}.weight"), &[hidden, inner])?;
        let block = |first: usize| {
            let width = INNER_BLOCK.min(inner - first);
            InnerBlock {
                up: Linear {
                    weights: Panels::pack(self.precision, width, hidden, |c| {
                        &up_rows[(first + c) * hidden..]
                    }),
                    bias: up_bias[first..][..width].to_vec(),
                },
                down: Panels::pack(self.precision, hidden, width, |c| {
                    &down_rows[c * inner + first..]
                }),
            }
        };
        Ok((0..inner).step_by(INNER_BLOCK).map(block).collect())
    }
}
