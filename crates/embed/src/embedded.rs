//! What embedding gives: vectors, what made them, and what it took.

use std::time::Duration;
use syntopic_core::Embeddings;

/// What made a set of vectors; two vectors can be compared only when all of it is equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelIdentity {
    /// Registry name, or the folder's name.
    pub name: String,
    /// Pinned revision; for a folder of no known model, `folder-` and a hash of the files that decide its vectors.
    pub revision: String,
    /// SHA-256 of the weights, hexadecimal.
    pub weights_sha256: String,
    /// How token vectors become one.
    pub pooling: String,
    /// Text put before every paper.
    pub document_prompt: String,
    /// Text put before every query.
    pub query_prompt: String,
    /// Longest input in tokens.
    pub max_tokens: usize,
    /// Numbers a vector.
    pub dim: usize,
}

/// One batch as it ran.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchStats {
    /// Texts in it.
    pub texts: usize,
    /// Tokens of these texts, without padding.
    pub tokens: usize,
    /// Tokens computed, padding included; equal to `tokens` where nothing is padded.
    pub padded_tokens: usize,
    /// Time in the model, on the thread that ran the batch. On a GPU, where several fly together, the share of their time
    /// that it has of their tokens.
    pub time: Duration,
}

/// Vectors and what it took to make them.
#[derive(Debug, Clone)]
pub struct Embedded {
    /// One unit row a text, in the order given.
    pub vectors: Embeddings,
    /// Tokens that the model read of each text, special tokens included.
    pub tokens: Vec<usize>,
    /// Which texts were longer than the model reads, and were cut.
    pub truncated: Vec<bool>,
    /// Texts of which a static model knows no word: their vectors resemble nothing in particular.
    pub without_tokens: Vec<usize>,
    /// The batches in the order finished.
    pub batches: Vec<BatchStats>,
    /// Time to tokenize; for a GPU, that is done while it computes.
    pub tokenize_time: Duration,
    /// Batches that did not fit the memory of the GPU, and were halved.
    pub halved_batches: usize,
}

/// How far an [`Embedder::embed`](crate::Embedder::embed) has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbedProgress {
    /// Texts finished.
    pub done: usize,
    /// Texts asked for.
    pub of: usize,
}
