//! BERT (Devlin et al. 2018), with or without an adapter, and the encoders that differ from it in names and positions alone: DistilBERT (Sanh et al. 2019), MPNet (Song et al. 2020)
//! and XLM-RoBERTa (Conneau et al. 2020), which RoBERTa and CamemBERT are the same as.
//!
//! Candle has two of them and they do not fit: its DistilBERT takes the tanh approximation for GELU, its XLM-RoBERTa wants
//! a setting that newer configurations lack. It has no MPNet.

use super::adapter::{self, Adapter};
use super::attention::{Heads, Reach, View, attend, split};
use super::checkpoint::root;
use super::settings::{Activation, Settings};
use super::{Batch, Limits, Place};
use crate::EmbedError;
use crate::config::Architecture;
use crate::fast::{self, NormKind, Places, Plan, Relative};
use candle_core::{Result, Tensor};
use candle_nn::{Embedding, LayerNorm, Linear, Module, VarBuilder, embedding, layer_norm, linear};
use serde_json::json;
use std::path::Path;

/// What an architecture calls its parts.
struct Names {
    prefixes: &'static [&'static str],
    layer: &'static str,
    query: &'static str,
    key: &'static str,
    value: &'static str,
    attended: &'static str,
    attended_norm: &'static str,
    up: &'static str,
    down: &'static str,
    norm: &'static str,
}

const DISTILBERT: Names = Names {
    prefixes: &["distilbert"],
    layer: "transformer.layer",
    query: "attention.q_lin",
    key: "attention.k_lin",
    value: "attention.v_lin",
    attended: "attention.out_lin",
    attended_norm: "sa_layer_norm",
    up: "ffn.lin1",
    down: "ffn.lin2",
    norm: "output_layer_norm",
};

const MPNET: Names = Names {
    prefixes: &["mpnet"],
    layer: "encoder.layer",
    query: "attention.attn.q",
    key: "attention.attn.k",
    value: "attention.attn.v",
    attended: "attention.attn.o",
    attended_norm: "attention.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
    norm: "output.LayerNorm",
};

const ROBERTA: Names = Names {
    prefixes: &["roberta"],
    layer: "encoder.layer",
    query: "attention.self.query",
    key: "attention.self.key",
    value: "attention.self.value",
    attended: "attention.output.dense",
    attended_norm: "attention.output.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
    norm: "output.LayerNorm",
};

/// The same, in BERT's own place.
const BERT: Names = Names {
    prefixes: &["bert"],
    ..ROBERTA
};

/// MPNet's padding token, which its code and not its configuration says.
const MPNET_PAD: u32 = 1;

/// Sizes and settings, whatever the architecture calls them.
struct Sizes {
    words: usize,
    positions: usize,
    hidden: usize,
    layers: usize,
    heads: usize,
    inner: usize,
    activation: Activation,
    epsilon: f64,
    /// Kinds of tokens; none for an architecture without.
    types: usize,
    /// The token that no position is counted for, if positions begin after it.
    pad: Option<u32>,
    pad_id: u32,
    /// Of MPNet's relative positions.
    buckets: Option<usize>,
}

impl Sizes {
    fn distilbert(settings: &Settings) -> std::result::Result<Self, EmbedError> {
        let hidden = settings.size(&["dim"])?;
        let layers = settings.size(&["n_layers"])?;
        let heads = settings.heads(hidden, &["n_heads"])?;
        settings.same(("dim", hidden), "hidden_size")?;
        settings.same(("n_layers", layers), "num_hidden_layers")?;
        settings.same(("n_heads", heads), "num_attention_heads")?;
        Ok(Self {
            words: settings.size(&["vocab_size"])?,
            positions: settings.size(&["max_position_embeddings"])?,
            hidden,
            layers,
            heads,
            inner: settings.size(&["hidden_dim"])?,
            activation: settings.get(&["activation"])?,
            epsilon: 1e-12,
            types: 0,
            pad: None,
            pad_id: settings.find(&["pad_token_id"])?.unwrap_or(0),
            buckets: None,
        })
    }

    fn bert(settings: &Settings) -> std::result::Result<Self, EmbedError> {
        let sizes = Self::roberta(settings, false)?;
        Ok(Self {
            pad: None,
            pad_id: settings.find(&["pad_token_id"])?.unwrap_or(0),
            ..sizes
        })
    }

    fn roberta(settings: &Settings, is_mpnet: bool) -> std::result::Result<Self, EmbedError> {
        settings.only(&[
            ("position_embedding_type", json!("absolute")),
            ("is_decoder", json!(false)),
        ])?;
        let hidden = settings.size(&["hidden_size"])?;
        let buckets = settings
            .find(&["relative_attention_num_buckets"])?
            .unwrap_or(32);
        if buckets < 4 {
            return Err(settings.wrong(format!(
                "relative_attention_num_buckets is {buckets}, expected 4 or more"
            )));
        }
        let pad = match is_mpnet {
            true => MPNET_PAD,
            false => settings.find(&["pad_token_id"])?.unwrap_or(1),
        };
        Ok(Self {
            words: settings.size(&["vocab_size"])?,
            positions: settings.size(&["max_position_embeddings"])?,
            hidden,
            layers: settings.size(&["num_hidden_layers"])?,
            heads: settings.heads(hidden, &["num_attention_heads"])?,
            inner: settings.size(&["intermediate_size"])?,
            activation: settings.get(&["hidden_act"])?,
            epsilon: settings.find(&["layer_norm_eps"])?.unwrap_or(1e-12),
            types: match is_mpnet {
                true => 0,
                false => settings.size(&["type_vocab_size"])?,
            },
            pad: Some(pad),
            pad_id: pad,
            buckets: is_mpnet.then_some(buckets),
        })
    }
}

/// What the packed encoder is told.
pub(super) fn plan(
    folder: &Path,
    architecture: Architecture,
) -> std::result::Result<Plan, EmbedError> {
    let settings = Settings::read(folder)?;
    let (names, sizes) = match architecture {
        Architecture::DistilBert => (&fast::DISTILBERT, Sizes::distilbert(&settings)?),
        Architecture::Bert => (&fast::BERT, Sizes::bert(&settings)?),
        Architecture::Mpnet => (&fast::MPNET, Sizes::roberta(&settings, true)?),
        _ => (&fast::ROBERTA, Sizes::roberta(&settings, false)?),
    };
    let rows = sizes.positions;
    Ok(Plan {
        words: sizes.words,
        hidden: sizes.hidden,
        layers: sizes.layers,
        heads: sizes.heads,
        key_heads: sizes.heads,
        width: sizes.hidden / sizes.heads,
        inner: sizes.inner,
        activation: sizes.activation.packed(),
        norm: NormKind::Layer,
        epsilon: sizes.epsilon,
        places: match sizes.pad {
            Some(pad) => Places::After { pad, rows },
            None => Places::FromZero { rows },
        },
        types: sizes.types,
        views: vec![fast::View::ALL; sizes.layers],
        relative: sizes.buckets.map_or(Relative::Nothing, Relative::Buckets),
        pad_id: sizes.pad_id,
        names,
    })
}

/// A loaded encoder.
pub(super) struct PostNorm {
    words: Embedding,
    positions: Embedding,
    /// The vector of the one kind of token that a single text has, `(hidden)`.
    kind: Option<Tensor>,
    norm: LayerNorm,
    layers: Vec<Layer>,
    /// MPNet's bias by bucket, `(buckets, heads)`.
    relative: Option<Tensor>,
    sizes: Sizes,
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attended: Linear,
    attended_norm: LayerNorm,
    up: Linear,
    down: Linear,
    norm: LayerNorm,
    activation: Activation,
    adapter: Option<Adapter>,
}

impl PostNorm {
    pub(super) fn load(
        folder: &Path,
        weights: VarBuilder,
        architecture: Architecture,
    ) -> std::result::Result<Self, EmbedError> {
        let settings = Settings::read(folder)?;
        let (names, sizes) = match architecture {
            Architecture::DistilBert => (&DISTILBERT, Sizes::distilbert(&settings)?),
            Architecture::Bert => (&BERT, Sizes::bert(&settings)?),
            Architecture::Mpnet => (&MPNET, Sizes::roberta(&settings, true)?),
            _ => (&ROBERTA, Sizes::roberta(&settings, false)?),
        };
        let weights = root(weights, "embeddings.word_embeddings.weight", names.prefixes)?;
        let hidden = sizes.hidden;
        let below = weights.pp("embeddings");
        let kind = match sizes.types {
            0 => None,
            kinds => Some(
                below
                    .get((kinds, hidden), "token_type_embeddings.weight")?
                    .get(0)?,
            ),
        };
        let relative = sizes.buckets.map(|buckets| {
            weights.get(
                (buckets, sizes.heads),
                "encoder.relative_attention_bias.weight",
            )
        });
        let layer = |index| Layer::load(&weights.pp(names.layer).pp(index), names, &sizes);
        let mut layers = (0..sizes.layers).map(layer).collect::<Result<Vec<_>>>()?;
        if adapter::is_there(folder) {
            let place = Place {
                device: weights.device().clone(),
                numbers: weights.dtype(),
            };
            let parts = Adapter::load(folder, sizes.layers, hidden, &place)?;
            for (layer, part) in layers.iter_mut().zip(parts) {
                layer.adapter = Some(part);
            }
        }
        Ok(Self {
            words: embedding(sizes.words, hidden, below.pp("word_embeddings"))?,
            positions: embedding(sizes.positions, hidden, below.pp("position_embeddings"))?,
            kind,
            norm: layer_norm(hidden, sizes.epsilon, below.pp("LayerNorm"))?,
            layers,
            relative: relative.transpose()?,
            sizes,
        })
    }

    pub(super) fn limits(&self) -> Limits {
        // Positions that begin after the padding token's number leave those up to it out.
        let before = self.sizes.pad.map_or(0, |pad| pad as usize + 1);
        Limits {
            words: self.sizes.words,
            positions: self.sizes.positions.saturating_sub(before),
        }
    }

    /// Token vectors, `(texts, tokens, hidden)`.
    pub(super) fn forward(&self, batch: &Batch) -> Result<Tensor> {
        let mut states = self.words.forward(&batch.ids)?;
        if let Some(kind) = &self.kind {
            states = states.broadcast_add(kind)?;
        }
        states = (states + self.positions.forward(&self.position_ids(batch)?)?)?;
        states = self.norm.forward(&states)?;
        let bias = match &self.relative {
            Some(table) => Some(relative_bias(table, batch.width)?),
            None => None,
        };
        for layer in &self.layers {
            states = layer.forward(&states, batch, self.sizes.heads, bias.as_ref())?;
        }
        Ok(states)
    }

    /// From 0 on; where positions begin after the padding token's number, that token has none of its own
    /// (`create_position_ids_from_input_ids`).
    fn position_ids(&self, batch: &Batch) -> Result<Tensor> {
        let (texts, tokens) = batch.ids.dims2()?;
        let mut positions = Vec::with_capacity(texts * tokens);
        for row in batch.rows.chunks(tokens.max(1)) {
            match self.sizes.pad {
                None => positions.extend(0..row.len() as u32),
                Some(pad) => {
                    let mut last = pad;
                    positions.extend(row.iter().map(|id| {
                        last += u32::from(*id != pad);
                        if *id == pad { pad } else { last }
                    }));
                }
            }
        }
        Tensor::from_vec(positions, (texts, tokens), batch.ids.device())
    }
}

impl Layer {
    fn load(weights: &VarBuilder, names: &Names, sizes: &Sizes) -> Result<Self> {
        let hidden = sizes.hidden;
        let square = |name: &str| linear(hidden, hidden, weights.pp(name));
        let norm = |name: &str| layer_norm(hidden, sizes.epsilon, weights.pp(name));
        Ok(Self {
            query: square(names.query)?,
            key: square(names.key)?,
            value: square(names.value)?,
            attended: square(names.attended)?,
            attended_norm: norm(names.attended_norm)?,
            up: linear(hidden, sizes.inner, weights.pp(names.up))?,
            down: linear(sizes.inner, hidden, weights.pp(names.down))?,
            norm: norm(names.norm)?,
            activation: sizes.activation,
            adapter: None,
        })
    }

    fn forward(
        &self,
        states: &Tensor,
        batch: &Batch,
        heads: usize,
        bias: Option<&Tensor>,
    ) -> Result<Tensor> {
        let parts = Heads {
            queries: split(&self.query.forward(states)?, heads)?,
            keys: split(&self.key.forward(states)?, heads)?,
            values: split(&self.value.forward(states)?, heads)?,
        };
        let attended = attend(
            &parts,
            &View {
                seen: &batch.seen,
                reach: Reach::All,
                bias,
            },
        )?;
        let attended = (self.attended.forward(&attended)? + states)?;
        let attended = self.attended_norm.forward(&attended)?;
        let inner = self.activation.of(&self.up.forward(&attended)?)?;
        let inner = self.down.forward(&inner)?;
        match &self.adapter {
            Some(adapter) => adapter.forward(&inner, &attended, &self.norm),
            None => self.norm.forward(&(inner + attended)?),
        }
    }
}

/// What MPNet adds to the scores of tokens by their distance: `(heads, tokens, tokens)`.
fn relative_bias(table: &Tensor, tokens: usize) -> Result<Tensor> {
    let (buckets, heads) = table.dims2()?;
    let mut chosen = Vec::with_capacity(tokens * tokens);
    for query in 0..tokens {
        chosen.extend((0..tokens).map(|key| bucket(query, key, buckets)));
    }
    let chosen = Tensor::from_vec(chosen, tokens * tokens, table.device())?;
    table
        .index_select(&chosen, 0)?
        .reshape((tokens, tokens, heads))?
        .permute((2, 0, 1))?
        .contiguous()
}

/// T5's buckets (Raffel et al. 2020): half of them for keys after the query; in each half, one a distance up to a quarter
/// of all, then wider and wider ones up to 128 tokens.
pub(crate) fn bucket(query: usize, key: usize, buckets: usize) -> u32 {
    const FARTHEST: f32 = 128.0;
    let half = buckets / 2;
    let exact = half / 2;
    let distance = query.abs_diff(key);
    let within = if distance < exact {
        distance
    } else {
        let farther = (distance as f32 / exact as f32).ln() / (FARTHEST / exact as f32).ln();
        (exact + (farther * (half - exact) as f32) as usize).min(half - 1)
    };
    (within + if key > query { half } else { 0 }) as u32
}
