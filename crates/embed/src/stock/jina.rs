//! JinaBERT (Guenther et al. 2023, "Jina Embeddings 2"): BERT without positions, its scores lowered by the distance of tokens
//! (ALiBi, Press et al. 2021), and a feed-forward part gated by GELU.
//!
//! Candle's has no mask for padding, so that a batch would not give what its members give.

use super::attention::{Heads, Reach, View, attend, split};
use super::checkpoint::root;
use super::settings::Settings;
use super::{Batch, Limits};
use crate::EmbedError;
use crate::fast::{self, NormKind, Places, Plan, Relative};
use candle_core::{D, Result, Tensor};
use candle_nn::{
    Embedding, LayerNorm, Linear, Module, VarBuilder, embedding, layer_norm, linear, linear_no_bias,
};
use serde_json::json;
use std::path::Path;

/// A tensor of the later kind, and what is said of that.
pub(crate) const UNLIKE_JINA: (&str, &str) = (
    "encoder.layer.0.attention.self.layer_norm_q",
    "its queries and keys are normalised (jina-bert-v2-qk-post-norm), which is not supported (supported: JinaBERT as in \
     jina-embeddings-v2-base-en)",
);

struct Sizes {
    words: usize,
    hidden: usize,
    layers: usize,
    heads: usize,
    inner: usize,
    kinds: usize,
    epsilon: f64,
    pad_id: u32,
}

impl Sizes {
    fn read(settings: &Settings) -> std::result::Result<Self, EmbedError> {
        settings.only(&[
            ("position_embedding_type", json!("alibi")),
            ("is_decoder", json!(false)),
            ("add_cross_attention", json!(false)),
        ])?;
        let gate: String = settings.get(&["feed_forward_type"])?;
        if gate != "geglu" {
            return Err(settings.wrong(format!(
                "the setting \"feed_forward_type: {gate}\" is not supported (supported: geglu)"
            )));
        }
        let hidden = settings.size(&["hidden_size"])?;
        Ok(Self {
            words: settings.size(&["vocab_size"])?,
            hidden,
            layers: settings.size(&["num_hidden_layers"])?,
            heads: settings.heads(hidden, &["num_attention_heads"])?,
            inner: settings.size(&["intermediate_size"])?,
            kinds: settings.size(&["type_vocab_size"])?,
            epsilon: settings.find(&["layer_norm_eps"])?.unwrap_or(1e-12),
            pad_id: settings.find(&["pad_token_id"])?.unwrap_or(0),
        })
    }
}

/// What the packed encoder is told, for texts of at most so many tokens.
pub(super) fn plan(folder: &Path, longest: usize) -> std::result::Result<Plan, EmbedError> {
    let sizes = Sizes::read(&Settings::read(folder)?)?;
    Ok(Plan {
        words: sizes.words,
        hidden: sizes.hidden,
        layers: sizes.layers,
        heads: sizes.heads,
        key_heads: sizes.heads,
        width: sizes.hidden / sizes.heads,
        inner: sizes.inner,
        activation: fast::Activation::Gelu,
        norm: NormKind::Layer,
        epsilon: sizes.epsilon,
        places: Places::Nowhere,
        types: sizes.kinds,
        views: vec![fast::View::ALL; sizes.layers],
        relative: Relative::Slopes { longest },
        pad_id: sizes.pad_id,
        names: &fast::JINA,
    })
}

/// A loaded encoder.
pub(super) struct JinaBert {
    words: Embedding,
    /// The vector of the one kind of token that a single text has, `(hidden)`.
    kind: Tensor,
    norm: LayerNorm,
    layers: Vec<Layer>,
    sizes: Sizes,
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attended: Linear,
    attended_norm: LayerNorm,
    /// The gate and what it gates, in one.
    gated: Linear,
    down: Linear,
    norm: LayerNorm,
}

impl JinaBert {
    pub(super) fn load(
        folder: &Path,
        weights: VarBuilder,
    ) -> std::result::Result<Self, EmbedError> {
        let settings = Settings::read(folder)?;
        let sizes = Sizes::read(&settings)?;
        let weights = root(weights, "embeddings.word_embeddings.weight", &["bert"])?;
        let (tensor, why) = UNLIKE_JINA;
        if weights.contains_tensor(&format!("{tensor}.weight")) {
            return Err(settings.wrong(why.to_owned()));
        }
        let below = weights.pp("embeddings");
        let kinds = below.get((sizes.kinds, sizes.hidden), "token_type_embeddings.weight")?;
        let layer = |index| Layer::load(&weights.pp("encoder.layer").pp(index), &sizes);
        Ok(Self {
            words: embedding(sizes.words, sizes.hidden, below.pp("word_embeddings"))?,
            kind: kinds.get(0)?,
            norm: layer_norm(sizes.hidden, sizes.epsilon, below.pp("LayerNorm"))?,
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
        let bias = distances(self.sizes.heads, batch.width, &states)?;
        for layer in &self.layers {
            states = layer.forward(&states, batch, &self.sizes, &bias)?;
        }
        Ok(states)
    }
}

impl Layer {
    fn load(weights: &VarBuilder, sizes: &Sizes) -> Result<Self> {
        let (hidden, inner) = (sizes.hidden, sizes.inner);
        let square = |name: &str| linear(hidden, hidden, weights.pp(name));
        let norm = |name: &str| layer_norm(hidden, sizes.epsilon, weights.pp(name));
        Ok(Self {
            query: square("attention.self.query")?,
            key: square("attention.self.key")?,
            value: square("attention.self.value")?,
            attended: square("attention.output.dense")?,
            attended_norm: norm("attention.output.LayerNorm")?,
            gated: linear_no_bias(hidden, 2 * inner, weights.pp("mlp.gated_layers"))?,
            down: linear(inner, hidden, weights.pp("mlp.wo"))?,
            norm: norm("mlp.layernorm")?,
        })
    }

    fn forward(
        &self,
        states: &Tensor,
        batch: &Batch,
        sizes: &Sizes,
        bias: &Tensor,
    ) -> Result<Tensor> {
        let parts = Heads {
            queries: split(&self.query.forward(states)?, sizes.heads)?,
            keys: split(&self.key.forward(states)?, sizes.heads)?,
            values: split(&self.value.forward(states)?, sizes.heads)?,
        };
        let view = View {
            seen: &batch.seen,
            reach: Reach::All,
            bias: Some(bias),
        };
        let attended = self.attended.forward(&attend(&parts, &view)?)?;
        let attended = self.attended_norm.forward(&(attended + states)?)?;
        let gated = self.gated.forward(&attended)?;
        let gate = gated.narrow(D::Minus1, 0, sizes.inner)?.gelu_erf()?;
        let inner = (gate * gated.narrow(D::Minus1, sizes.inner, sizes.inner)?)?;
        self.norm.forward(&(self.down.forward(&inner)? + attended)?)
    }
}

/// What the scores of tokens are changed by: the head's slope times their distance, `(heads, tokens, tokens)`.
fn distances(heads: usize, tokens: usize, like: &Tensor) -> Result<Tensor> {
    let mut numbers = Vec::with_capacity(heads * tokens * tokens);
    for slope in slopes(heads) {
        for query in 0..tokens {
            numbers.extend((0..tokens).map(|key| -slope * query.abs_diff(key) as f32));
        }
    }
    let shape = (heads, tokens, tokens);
    Tensor::from_vec(numbers, shape, like.device())?.to_dtype(like.dtype())
}

/// Powers of 2^(-8/n) for n heads, where n is a power of 2; else those of the power of 2 below, and after them every second
/// one of the power of 2 above.
pub(crate) fn slopes(heads: usize) -> Vec<f32> {
    let below = 1 << heads.max(1).ilog2();
    let of = |n: usize| (1..=n).map(move |i| (-8.0 * i as f64 / n as f64).exp2() as f32);
    of(below)
        .chain(of(2 * below).step_by(2))
        .take(heads)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::slopes;

    #[test]
    fn slopes_of_heads_that_are_no_power_of_two_lie_between() {
        assert_eq!(slopes(4), [0.25, 0.0625, 0.015_625, 0.003_906_25]);
        assert_eq!(slopes(6)[..4], slopes(4)[..]);
        assert_eq!(slopes(6)[4..], [0.5, 0.125]);
        assert_eq!(slopes(12).len(), 12);
    }
}
