//! Qwen3 as an encoder (Zhang et al. 2025, "Qwen3 Embedding"): a decoder whose tokens see those before them, so that the
//! last one has seen the text.
//!
//! Candle's is made for generating: it keeps a cache between calls and has no mask for padding.

use super::attention::{Heads, Reach, Rotation, View, attend, split};
use super::checkpoint::root;
use super::settings::{Activation, Settings};
use super::{Batch, Limits};
use crate::EmbedError;
use crate::fast::{self, NormKind, Places, Plan, Relative, View as PackedView};
use candle_core::{Result, Tensor};
use candle_nn::{
    Embedding, Linear, Module, RmsNorm, VarBuilder, embedding, linear_no_bias, rms_norm,
};
use serde_json::json;
use std::path::Path;

struct Sizes {
    words: usize,
    hidden: usize,
    layers: usize,
    heads: usize,
    /// Heads of keys and values; each serves several of queries.
    shared_heads: usize,
    width: usize,
    inner: usize,
    activation: Activation,
    epsilon: f64,
    pad_id: u32,
    theta: f64,
}

impl Sizes {
    fn read(settings: &Settings) -> std::result::Result<Self, EmbedError> {
        settings.only(&[
            ("attention_bias", json!(false)),
            // Absent it is true: a model whose tokens all see each other says so.
            ("is_causal", json!(true)),
            ("use_sliding_window", json!(false)),
        ])?;
        let types: Vec<String> = settings.find(&["layer_types"])?.unwrap_or_default();
        if let Some(kind) = types.iter().find(|kind| *kind != "full_attention") {
            return Err(settings.wrong(format!(
                "layer_types has {kind:?}, which is not supported (supported: full_attention)"
            )));
        }
        let hidden = settings.size(&["hidden_size"])?;
        let heads = settings.size(&["num_attention_heads"])?;
        let shared_heads = settings.size(&["num_key_value_heads"])?;
        if !heads.is_multiple_of(shared_heads) {
            return Err(settings.wrong(format!(
                "its {heads} heads are not a multiple of its {shared_heads} heads of keys and values"
            )));
        }
        let width = match settings.find(&["head_dim"])? {
            Some(width) if width > 0 => width,
            _ => hidden / settings.heads(hidden, &["num_attention_heads"])?,
        };
        Ok(Self {
            words: settings.size(&["vocab_size"])?,
            hidden,
            layers: settings.size(&["num_hidden_layers"])?,
            heads,
            shared_heads,
            width,
            inner: settings.size(&["intermediate_size"])?,
            activation: settings.get(&["hidden_act"])?,
            epsilon: settings.get(&["rms_norm_eps"])?,
            pad_id: settings.find(&["pad_token_id"])?.unwrap_or(0),
            theta: settings.theta(None, &["rope_theta"])?,
        })
    }
}

/// What the packed encoder is told.
pub(super) fn plan(folder: &Path) -> std::result::Result<Plan, EmbedError> {
    let sizes = Sizes::read(&Settings::read(folder)?)?;
    let view = PackedView {
        reach: Reach::Before,
        theta: Some(sizes.theta),
    };
    Ok(Plan {
        words: sizes.words,
        hidden: sizes.hidden,
        layers: sizes.layers,
        heads: sizes.heads,
        key_heads: sizes.shared_heads,
        width: sizes.width,
        inner: sizes.inner,
        activation: sizes.activation.packed(),
        norm: NormKind::Rms,
        epsilon: sizes.epsilon,
        places: Places::Nowhere,
        types: 0,
        views: vec![view; sizes.layers],
        relative: Relative::Nothing,
        pad_id: sizes.pad_id,
        names: &fast::QWEN3,
    })
}

/// A loaded encoder.
pub(super) struct Qwen3 {
    words: Embedding,
    layers: Vec<Layer>,
    norm: RmsNorm,
    sizes: Sizes,
}

struct Layer {
    attention_norm: RmsNorm,
    query: Linear,
    query_norm: RmsNorm,
    key: Linear,
    key_norm: RmsNorm,
    value: Linear,
    attended: Linear,
    inner_norm: RmsNorm,
    gate: Linear,
    up: Linear,
    down: Linear,
}

impl Qwen3 {
    pub(super) fn load(
        folder: &Path,
        weights: VarBuilder,
    ) -> std::result::Result<Self, EmbedError> {
        let sizes = Sizes::read(&Settings::read(folder)?)?;
        let weights = root(weights, "embed_tokens.weight", &["model"])?;
        let layer = |index| Layer::load(&weights.pp("layers").pp(index), &sizes);
        Ok(Self {
            words: embedding(sizes.words, sizes.hidden, weights.pp("embed_tokens"))?,
            layers: (0..sizes.layers).map(layer).collect::<Result<_>>()?,
            norm: rms_norm(sizes.hidden, sizes.epsilon, weights.pp("norm"))?,
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
        let mut states = self.words.forward(&batch.ids)?;
        let sizes = &self.sizes;
        let rotation = Rotation::new(batch.width, sizes.width, sizes.theta, &states)?;
        for layer in &self.layers {
            states = (&states + layer.attend(&states, batch, sizes, &rotation)?)?;
            let inner = layer.inner_norm.forward(&states)?;
            let gate = sizes.activation.of(&layer.gate.forward(&inner)?)?;
            let inner = (layer.up.forward(&inner)? * gate)?;
            states = (states + layer.down.forward(&inner)?)?;
        }
        self.norm.forward(&states)
    }
}

impl Layer {
    fn load(weights: &VarBuilder, sizes: &Sizes) -> Result<Self> {
        let linear = |from, to, name: &str| linear_no_bias(from, to, weights.pp(name));
        let norm = |size, name: &str| rms_norm(size, sizes.epsilon, weights.pp(name));
        let (hidden, inner) = (sizes.hidden, sizes.inner);
        let (all, shared) = (sizes.heads * sizes.width, sizes.shared_heads * sizes.width);
        Ok(Self {
            attention_norm: norm(hidden, "input_layernorm")?,
            query: linear(hidden, all, "self_attn.q_proj")?,
            query_norm: norm(sizes.width, "self_attn.q_norm")?,
            key: linear(hidden, shared, "self_attn.k_proj")?,
            key_norm: norm(sizes.width, "self_attn.k_norm")?,
            value: linear(hidden, shared, "self_attn.v_proj")?,
            attended: linear(all, hidden, "self_attn.o_proj")?,
            inner_norm: norm(hidden, "post_attention_layernorm")?,
            gate: linear(hidden, inner, "mlp.gate_proj")?,
            up: linear(hidden, inner, "mlp.up_proj")?,
            down: linear(inner, hidden, "mlp.down_proj")?,
        })
    }

    fn attend(
        &self,
        states: &Tensor,
        batch: &Batch,
        sizes: &Sizes,
        rotation: &Rotation,
    ) -> Result<Tensor> {
        let states = self.attention_norm.forward(states)?;
        let queries = split(&self.query.forward(&states)?, sizes.heads)?;
        let keys = split(&self.key.forward(&states)?, sizes.shared_heads)?;
        let values = split(&self.value.forward(&states)?, sizes.shared_heads)?;
        let keys = rotation.turn(&self.key_norm.forward(&keys)?)?;
        let served = sizes.heads / sizes.shared_heads;
        let parts = Heads {
            queries: rotation.turn(&self.query_norm.forward(&queries)?)?,
            keys: repeat(&keys, served)?,
            values: repeat(&values, served)?,
        };
        let view = View {
            seen: &batch.seen,
            reach: Reach::Before,
            bias: None,
        };
        self.attended.forward(&attend(&parts, &view)?)
    }
}

/// Every head so many times, one after the other.
fn repeat(states: &Tensor, times: usize) -> Result<Tensor> {
    let (texts, heads, tokens, width) = states.dims4()?;
    states
        .unsqueeze(2)?
        .expand((texts, heads, times, tokens, width))?
        .reshape((texts, heads * times, tokens, width))
}
