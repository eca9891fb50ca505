//! NomicBERT (Nussbaum et al. 2024, "Nomic Embed"): BERT with rotary positions, a gated feed-forward part and no biases.
//!
//! Its configuration comes in two layouts, that of transformers and the GPT-like one of the first published checkpoints;
//! Candle reads the second alone. The weights have the same names in both.

use super::attention::{Heads, Reach, Rotation, View, attend, split};
use super::checkpoint::root;
use super::settings::{Activation, Settings};
use super::{Batch, Limits};
use crate::EmbedError;
use crate::fast::{self, NormKind, Places, Plan, Relative, View as PackedView};
use candle_core::{D, Result, Tensor};
use candle_nn::{
    Embedding, LayerNorm, Linear, Module, VarBuilder, embedding, layer_norm, linear_no_bias,
};
use serde_json::{Value, json};
use std::path::Path;

struct Sizes {
    words: usize,
    hidden: usize,
    layers: usize,
    heads: usize,
    inner: usize,
    gate: Activation,
    epsilon: f64,
    kinds: usize,
    pad_id: u32,
    theta: f64,
}

impl Sizes {
    fn read(settings: &Settings) -> std::result::Result<Self, EmbedError> {
        settings.only(&[
            ("prenorm", json!(false)),
            ("parallel_block", json!(false)),
            ("use_rms_norm", json!(false)),
            ("scale_attn_weights", json!(true)),
            ("qkv_proj_bias", json!(false)),
            ("mlp_fc1_bias", json!(false)),
            ("mlp_fc2_bias", json!(false)),
            ("causal", json!(false)),
            ("num_experts", json!(0)),
            ("rotary_emb_fraction", json!(1.0)),
            ("rotary_emb_interleaved", json!(false)),
            ("rotary_emb_scale_base", json!(null)),
            ("rotary_scaling_factor", json!(null)),
        ])?;
        if settings.find::<Value>(&["n_embd"])?.is_some() {
            // Where that layout leaves one of them out, its own code takes what is not implemented here.
            for name in [
                "prenorm",
                "qkv_proj_bias",
                "mlp_fc1_bias",
                "mlp_fc2_bias",
                "rotary_emb_fraction",
                "rotary_emb_interleaved",
                "activation_function",
            ] {
                settings.get::<Value>(&[name])?;
            }
        }
        let hidden = settings.size(&["hidden_size", "n_embd"])?;
        let heads = settings.heads(hidden, &["num_attention_heads", "n_head"])?;
        settings.only(&[("head_dim", json!(hidden / heads))])?;
        let act: String = settings.get(&["hidden_act", "activation_function"])?;
        Ok(Self {
            words: settings.size(&["vocab_size"])?,
            hidden,
            layers: settings.size(&["num_hidden_layers", "n_layer"])?,
            heads,
            inner: settings.size(&["intermediate_size", "n_inner"])?,
            gate: match act.as_str() {
                "silu" | "swiglu" => Activation::Silu,
                other => {
                    return Err(settings.wrong(format!(
                        "the activation {other:?} is not supported (supported: silu, swiglu)"
                    )));
                }
            },
            epsilon: settings.get(&["layer_norm_eps", "layer_norm_epsilon"])?,
            kinds: settings.size(&["type_vocab_size"])?,
            pad_id: settings.find(&["pad_token_id"])?.unwrap_or(0),
            theta: settings.theta(None, &["rope_theta", "rotary_emb_base"])?,
        })
    }
}

/// What the packed encoder is told.
pub(super) fn plan(folder: &Path) -> std::result::Result<Plan, EmbedError> {
    let sizes = Sizes::read(&Settings::read(folder)?)?;
    let view = PackedView {
        reach: Reach::All,
        theta: Some(sizes.theta),
    };
    Ok(Plan {
        words: sizes.words,
        hidden: sizes.hidden,
        layers: sizes.layers,
        heads: sizes.heads,
        key_heads: sizes.heads,
        width: sizes.hidden / sizes.heads,
        inner: sizes.inner,
        activation: sizes.gate.packed(),
        norm: NormKind::Layer,
        epsilon: sizes.epsilon,
        places: Places::Nowhere,
        types: sizes.kinds,
        views: vec![view; sizes.layers],
        relative: Relative::Nothing,
        pad_id: sizes.pad_id,
        names: &fast::NOMIC,
    })
}

/// A loaded encoder.
pub(super) struct NomicBert {
    words: Embedding,
    /// The vector of the one kind of token that a single text has, `(hidden)`.
    kind: Tensor,
    norm: LayerNorm,
    layers: Vec<Layer>,
    sizes: Sizes,
}

struct Layer {
    /// Queries, keys and values in one.
    parts: Linear,
    attended: Linear,
    attended_norm: LayerNorm,
    up: Linear,
    gate: Linear,
    down: Linear,
    norm: LayerNorm,
}

impl NomicBert {
    pub(super) fn load(
        folder: &Path,
        weights: VarBuilder,
    ) -> std::result::Result<Self, EmbedError> {
        let sizes = Sizes::read(&Settings::read(folder)?)?;
        let prefixes = ["nomic_bert", "bert"];
        let weights = root(weights, "embeddings.word_embeddings.weight", &prefixes)?;
        let below = weights.pp("embeddings");
        let kinds = below.get((sizes.kinds, sizes.hidden), "token_type_embeddings.weight")?;
        let layer = |index| Layer::load(&weights.pp("encoder.layers").pp(index), &sizes);
        Ok(Self {
            words: embedding(sizes.words, sizes.hidden, below.pp("word_embeddings"))?,
            kind: kinds.get(0)?,
            norm: layer_norm(sizes.hidden, sizes.epsilon, weights.pp("emb_ln"))?,
            layers: (0..sizes.layers).map(layer).collect::<Result<_>>()?,
            sizes,
        })
    }

    pub(super) fn limits(&self) -> Limits {
        Limits {
            words: self.sizes.words,
            positions: usize::MAX,
        }
    }

    /// Token vectors, `(texts, tokens, hidden)`.
    pub(super) fn forward(&self, batch: &Batch) -> Result<Tensor> {
        let states = self.words.forward(&batch.ids)?.broadcast_add(&self.kind)?;
        let mut states = self.norm.forward(&states)?;
        let width = self.sizes.hidden / self.sizes.heads;
        let rotation = Rotation::new(batch.width, width, self.sizes.theta, &states)?;
        for layer in &self.layers {
            let attended = layer.attend(&states, batch, self.sizes.heads, &rotation)?;
            states = layer.attended_norm.forward(&(states + attended)?)?;
            let gate = self.sizes.gate.of(&layer.gate.forward(&states)?)?;
            let inner = (layer.up.forward(&states)? * gate)?;
            states = layer
                .norm
                .forward(&(states + layer.down.forward(&inner)?)?)?;
        }
        Ok(states)
    }
}

impl Layer {
    fn load(weights: &VarBuilder, sizes: &Sizes) -> Result<Self> {
        let (hidden, inner) = (sizes.hidden, sizes.inner);
        let norm = |name: &str| layer_norm(hidden, sizes.epsilon, weights.pp(name));
        let linear = |from, to, name: &str| linear_no_bias(from, to, weights.pp(name));
        Ok(Self {
            parts: linear(hidden, 3 * hidden, "attn.Wqkv")?,
            attended: linear(hidden, hidden, "attn.out_proj")?,
            attended_norm: norm("norm1")?,
            up: linear(hidden, inner, "mlp.fc11")?,
            gate: linear(hidden, inner, "mlp.fc12")?,
            down: linear(inner, hidden, "mlp.fc2")?,
            norm: norm("norm2")?,
        })
    }

    fn attend(
        &self,
        states: &Tensor,
        batch: &Batch,
        heads: usize,
        rotation: &Rotation,
    ) -> Result<Tensor> {
        let parts = self.parts.forward(states)?.chunk(3, D::Minus1)?;
        let parts = Heads {
            queries: rotation.turn(&split(&parts[0], heads)?)?,
            keys: rotation.turn(&split(&parts[1], heads)?)?,
            values: split(&parts[2], heads)?,
        };
        let view = View {
            seen: &batch.seen,
            reach: Reach::All,
            bias: None,
        };
        self.attended.forward(&attend(&parts, &view)?)
    }
}
