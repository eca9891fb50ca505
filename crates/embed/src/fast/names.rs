//! What the tensors of each architecture are called.

use crate::stock::UNLIKE_JINA;

/// A part of a tensor: the `part`-th of `of` equal ones along its rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) part: usize,
    pub(super) of: usize,
}

const fn whole(name: &'static str) -> Part {
    part(name, 0, 1)
}

const fn part(name: &'static str, part: usize, of: usize) -> Part {
    Part { name, part, of }
}

/// Which linear layers have biases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Biased {
    All,
    /// All but the first of the feed-forward part.
    AllButUp,
    Nothing,
}

/// The names of an encoder's tensors; `.weight` and `.bias` follow.
#[derive(Debug)]
pub(crate) struct Names {
    /// Where the encoder begins, if not at the top.
    pub(super) prefixes: &'static [&'static str],
    pub(super) words: &'static str,
    pub(super) positions: Option<&'static str>,
    /// Kinds of tokens, of which a single text has the first alone.
    pub(super) types: Option<&'static str>,
    pub(super) first_norm: Option<&'static str>,
    /// Biases of relative positions.
    pub(super) relative: &'static str,
    /// What a layer's number follows.
    pub(super) layer: &'static str,
    pub(super) query: Part,
    pub(super) key: Part,
    pub(super) value: Part,
    /// Norms of queries and keys.
    pub(super) head_norms: Option<[&'static str; 2]>,
    pub(super) attended: &'static str,
    pub(super) attention_norm: &'static str,
    pub(super) up: Part,
    /// What is put through the activation and multiplied with `up`; where there is none, `up` is put through it.
    pub(super) gate: Option<Part>,
    pub(super) down: &'static str,
    pub(super) inner_norm: &'static str,
    /// The norm after the last layer, which an encoder with norms before its parts alone has.
    pub(super) last_norm: Option<&'static str>,
    /// Whether the first layer has an attention norm, where norms come first.
    pub(super) norm_at_entry: bool,
    /// Which linear layers have biases.
    pub(super) biased: Biased,
    /// A tensor that only another kind of the architecture has, and what is said of it.
    pub(super) unlike: Option<(&'static str, &'static str)>,
}

pub(crate) const BERT: Names = Names {
    prefixes: &["bert"],
    words: "embeddings.word_embeddings",
    positions: Some("embeddings.position_embeddings"),
    types: Some("embeddings.token_type_embeddings"),
    first_norm: Some("embeddings.LayerNorm"),
    relative: "encoder.relative_attention_bias",
    layer: "encoder.layer",
    query: whole("attention.self.query"),
    key: whole("attention.self.key"),
    value: whole("attention.self.value"),
    head_norms: None,
    attended: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    up: whole("intermediate.dense"),
    gate: None,
    down: "output.dense",
    inner_norm: "output.LayerNorm",
    last_norm: None,
    norm_at_entry: false,
    biased: Biased::All,
    unlike: None,
};

pub(crate) const ROBERTA: Names = Names {
    prefixes: &["roberta"],
    ..BERT
};

pub(crate) const MPNET: Names = Names {
    prefixes: &["mpnet"],
    types: None,
    query: whole("attention.attn.q"),
    key: whole("attention.attn.k"),
    value: whole("attention.attn.v"),
    attended: "attention.attn.o",
    attention_norm: "attention.LayerNorm",
    ..BERT
};

pub(crate) const DISTILBERT: Names = Names {
    prefixes: &["distilbert"],
    types: None,
    layer: "transformer.layer",
    query: whole("attention.q_lin"),
    key: whole("attention.k_lin"),
    value: whole("attention.v_lin"),
    attended: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    up: whole("ffn.lin1"),
    down: "ffn.lin2",
    inner_norm: "output_layer_norm",
    ..BERT
};

pub(crate) const JINA: Names = Names {
    positions: None,
    up: part("mlp.gated_layers", 1, 2),
    gate: Some(part("mlp.gated_layers", 0, 2)),
    down: "mlp.wo",
    inner_norm: "mlp.layernorm",
    biased: Biased::AllButUp,
    unlike: Some(UNLIKE_JINA),
    ..BERT
};

pub(crate) const NOMIC: Names = Names {
    prefixes: &["nomic_bert", "bert"],
    positions: None,
    first_norm: Some("emb_ln"),
    layer: "encoder.layers",
    query: part("attn.Wqkv", 0, 3),
    key: part("attn.Wqkv", 1, 3),
    value: part("attn.Wqkv", 2, 3),
    attended: "attn.out_proj",
    attention_norm: "norm1",
    up: whole("mlp.fc11"),
    gate: Some(whole("mlp.fc12")),
    down: "mlp.fc2",
    inner_norm: "norm2",
    biased: Biased::Nothing,
    ..BERT
};

pub(crate) const MODERN: Names = Names {
    prefixes: &["model"],
    words: "embeddings.tok_embeddings",
    positions: None,
    types: None,
    first_norm: Some("embeddings.norm"),
    layer: "layers",
    attended: "attn.Wo",
    attention_norm: "attn_norm",
    up: part("mlp.Wi", 1, 2),
    gate: Some(part("mlp.Wi", 0, 2)),
    down: "mlp.Wo",
    inner_norm: "mlp_norm",
    last_norm: Some("final_norm"),
    ..NOMIC
};

pub(crate) const QWEN3: Names = Names {
    prefixes: &["model"],
    words: "embed_tokens",
    first_norm: None,
    layer: "layers",
    query: whole("self_attn.q_proj"),
    key: whole("self_attn.k_proj"),
    value: whole("self_attn.v_proj"),
    head_norms: Some(["self_attn.q_norm", "self_attn.k_norm"]),
    attended: "self_attn.o_proj",
    attention_norm: "input_layernorm",
    up: whole("mlp.up_proj"),
    gate: Some(whole("mlp.gate_proj")),
    down: "mlp.down_proj",
    inner_norm: "post_attention_layernorm",
    last_norm: Some("norm"),
    norm_at_entry: true,
    ..MODERN
};
