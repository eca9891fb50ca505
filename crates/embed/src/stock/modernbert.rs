//! ModernBERT (Warner et al. 2024, "Smarter, Better, Faster, Longer"): norms before the parts, rotary positions, gated
//! feed-forward, and layers that see the neighbourhood alone.
//!
//! Candle's wants every weight under `model.` and the older names of `config.json`.

use super::attention::{Heads, Reach, Rotation, View, attend, split};
use super::checkpoint::root;
use super::settings::{Activation, Settings};
use super::{Batch, Limits};
use crate::EmbedError;
use crate::fast::{self, NormKind, Places, Plan, Relative, View as PackedView};
use candle_core::{D, Result, Tensor};
use candle_nn::{
    Embedding, LayerNorm, Linear, Module, VarBuilder, embedding, layer_norm_no_bias, linear_no_bias,
};
use serde_json::json;
use std::path::Path;

struct Sizes {
    words: usize,
    hidden: usize,
    layers: usize,
    heads: usize,
    inner: usize,
    activation: Activation,
    epsilon: f64,
    pad_id: u32,
    /// Bases of the rotary frequencies: of layers that see all, and of those that see the neighbourhood.
    thetas: (f64, f64),
    /// How far those see, on each side.
    distance: usize,
    /// Which layers see all.
    sees_all: Vec<bool>,
}

impl Sizes {
    fn read(settings: &Settings) -> std::result::Result<Self, EmbedError> {
        settings.only(&[
            ("attention_bias", json!(false)),
            ("mlp_bias", json!(false)),
            ("norm_bias", json!(false)),
        ])?;
        let hidden = settings.size(&["hidden_size"])?;
        let layers = settings.size(&["num_hidden_layers"])?;
        let whole = settings.theta(Some("full_attention"), &["global_rope_theta"])?;
        let near = settings.theta(
            Some("sliding_attention"),
            &["local_rope_theta", "global_rope_theta"],
        )?;
        let distance = settings.size(&["local_attention"])? / 2;
        settings.same(("local_attention", distance), "sliding_window")?;
        Ok(Self {
            words: settings.size(&["vocab_size"])?,
            hidden,
            layers,
            heads: settings.heads(hidden, &["num_attention_heads"])?,
            inner: settings.size(&["intermediate_size"])?,
            activation: settings.get(&["hidden_activation"])?,
            epsilon: settings.get(&["norm_eps", "layer_norm_eps"])?,
            pad_id: settings.find(&["pad_token_id"])?.unwrap_or(0),
            thetas: (whole, near),
            distance,
            sees_all: sees_all(settings, layers)?,
        })
    }
}

/// `layer_types`, as transformers writes since 5; before, every n-th layer from the first on sees all.
fn sees_all(settings: &Settings, layers: usize) -> std::result::Result<Vec<bool>, EmbedError> {
    let Some(types) = settings.find::<Vec<String>>(&["layer_types"])? else {
        let every = settings.size(&["global_attn_every_n_layers"])?;
        return Ok((0..layers).map(|layer| layer % every == 0).collect());
    };
    if types.len() != layers {
        return Err(settings.wrong(format!(
            "layer_types lists {} layers, and num_hidden_layers is {layers}",
            types.len()
        )));
    }
    let sees_all = |kind: &String| match kind.as_str() {
        "full_attention" => Ok(true),
        "sliding_attention" => Ok(false),
        other => Err(settings.wrong(format!(
            "layer_types has {other:?}, expected full_attention or sliding_attention"
        ))),
    };
    types.iter().map(sees_all).collect()
}

/// What the packed encoder is told.
pub(super) fn plan(folder: &Path) -> std::result::Result<Plan, EmbedError> {
    let sizes = Sizes::read(&Settings::read(folder)?)?;
    let view = |sees_all: &bool| match sees_all {
        true => PackedView {
            reach: Reach::All,
            theta: Some(sizes.thetas.0),
        },
        false => PackedView {
            reach: Reach::Within(sizes.distance),
            theta: Some(sizes.thetas.1),
        },
    };
    Ok(Plan {
        words: sizes.words,
        hidden: sizes.hidden,
        layers: sizes.layers,
        heads: sizes.heads,
        key_heads: sizes.heads,
        width: sizes.hidden / sizes.heads,
        inner: sizes.inner,
        activation: sizes.activation.packed(),
        norm: NormKind::LayerNoShift,
        epsilon: sizes.epsilon,
        places: Places::Nowhere,
        types: 0,
        views: sizes.sees_all.iter().map(view).collect(),
        relative: Relative::Nothing,
        pad_id: sizes.pad_id,
        names: &fast::MODERN,
    })
}

/// A loaded encoder.
pub(super) struct ModernBert {
    words: Embedding,
    norm: LayerNorm,
    layers: Vec<Layer>,
    last_norm: LayerNorm,
    sizes: Sizes,
}

struct Layer {
    /// None in the first layer.
    attention_norm: Option<LayerNorm>,
    /// Queries, keys and values in one.
    parts: Linear,
    attended: Linear,
    inner_norm: LayerNorm,
    up: Linear,
    down: Linear,
    sees_all: bool,
}

impl ModernBert {
    pub(super) fn load(
        folder: &Path,
        weights: VarBuilder,
    ) -> std::result::Result<Self, EmbedError> {
        let sizes = Sizes::read(&Settings::read(folder)?)?;
        let weights = root(weights, "embeddings.tok_embeddings.weight", &["model"])?;
        let norm = |name: &str| layer_norm_no_bias(sizes.hidden, sizes.epsilon, weights.pp(name));
        let layer = |index| Layer::load(&weights.pp("layers").pp(index), &sizes, index);
        Ok(Self {
            words: embedding(
                sizes.words,
                sizes.hidden,
                weights.pp("embeddings.tok_embeddings"),
            )?,
            norm: norm("embeddings.norm")?,
            layers: (0..sizes.layers).map(layer).collect::<Result<_>>()?,
            last_norm: norm("final_norm")?,
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
        let mut states = self.norm.forward(&self.words.forward(&batch.ids)?)?;
        let width = self.sizes.hidden / self.sizes.heads;
        let rotation = |theta| Rotation::new(batch.width, width, theta, &states);
        let (whole, near) = (
            rotation(self.sizes.thetas.0)?,
            rotation(self.sizes.thetas.1)?,
        );
        for layer in &self.layers {
            let (rotation, reach) = match layer.sees_all {
                true => (&whole, Reach::All),
                false => (&near, Reach::Within(self.sizes.distance)),
            };
            let attended = layer.attend(&states, batch, self.sizes.heads, (rotation, reach))?;
            states = (states + attended)?;
            let inner = layer.up.forward(&layer.inner_norm.forward(&states)?)?;
            let half = self.sizes.inner;
            let (inner, gate) = (
                inner.narrow(D::Minus1, 0, half)?,
                inner.narrow(D::Minus1, half, half)?,
            );
            let inner = (self.sizes.activation.of(&inner.contiguous()?)? * gate)?;
            states = (states + layer.down.forward(&inner)?)?;
        }
        self.last_norm.forward(&states)
    }
}

impl Layer {
    fn load(weights: &VarBuilder, sizes: &Sizes, index: usize) -> Result<Self> {
        let hidden = sizes.hidden;
        let norm = |name: &str| layer_norm_no_bias(hidden, sizes.epsilon, weights.pp(name));
        let linear = |from, to, name: &str| linear_no_bias(from, to, weights.pp(name));
        Ok(Self {
            attention_norm: match index {
                0 => None,
                _ => Some(norm("attn_norm")?),
            },
            parts: linear(hidden, 3 * hidden, "attn.Wqkv")?,
            attended: linear(hidden, hidden, "attn.Wo")?,
            inner_norm: norm("mlp_norm")?,
            up: linear(hidden, 2 * sizes.inner, "mlp.Wi")?,
            down: linear(sizes.inner, hidden, "mlp.Wo")?,
            sees_all: sizes.sees_all[index],
        })
    }

    fn attend(
        &self,
        states: &Tensor,
        batch: &Batch,
        heads: usize,
        (rotation, reach): (&Rotation, Reach),
    ) -> Result<Tensor> {
        let states = match &self.attention_norm {
            Some(norm) => norm.forward(states)?,
            None => states.clone(),
        };
        let parts = self.parts.forward(&states)?.chunk(3, D::Minus1)?;
        let parts = Heads {
            queries: rotation.turn(&split(&parts[0], heads)?)?,
            keys: rotation.turn(&split(&parts[1], heads)?)?,
            values: split(&parts[2], heads)?,
        };
        let view = View {
            seen: &batch.seen,
            reach,
            bias: None,
        };
        self.attended.forward(&attend(&parts, &view)?)
    }
}
