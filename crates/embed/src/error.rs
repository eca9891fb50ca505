//! What can go wrong between a text and its vector.

use crate::models::ModelError;
use std::path::PathBuf;
use syntopic_core::EmbeddingsError;

/// Why a model could not be loaded or a text not be embedded.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// No such model, no source for it, or damaged files.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A configuration file of the model folder is missing or unreadable.
    #[error("{path}: {why}")]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The folder asks for something that is not implemented; running it anyway would give wrong vectors.
    #[error("{path}: {what} {got:?} is not supported (supported: {supported})")]
    Unsupported {
        /// The file that asks for it.
        path: PathBuf,
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        got: String,
        /// What is supported instead.
        supported: &'static str,
    },
    /// A mode that is none.
    #[error("unknown mode {0:?}: expected auto, f32, int16 or stock")]
    UnknownMode(String),
    /// Vectors cannot be cut to this length.
    #[error("vectors of {of} numbers cannot be cut to {dim}: expected 1 to {of}")]
    CutLength {
        /// The length asked for.
        dim: usize,
        /// The model's own.
        of: usize,
    },
    /// The model does not say that it was trained for vectors of this length.
    #[error(
        "{model} does not say that its {of} numbers may be cut to {dim} ({}): neighbours may become worse than a smaller \
         model's. Cut all the same with --force-dim, or leave --dim out",
        crate::cut::named(trained)
    )]
    NotTrainedForCut {
        /// The model.
        model: String,
        /// The length asked for.
        dim: usize,
        /// The model's own.
        of: usize,
        /// The lengths it names.
        trained: Vec<usize>,
    },
    /// `tokenizer.json` cannot be used.
    #[error("{path}: not a usable tokenizer: {why}")]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What the tokenizers crate says.
        why: String,
    },
    /// One text could not be split into tokens.
    #[error("text {index} of the batch could not be tokenized: {why}")]
    Tokenize {
        /// Position among the texts given.
        index: usize,
        /// What the tokenizers crate says.
        why: String,
    },
    /// A static model's files are not what they should be, or it met a token it does not know.
    #[error(transparent)]
    Static(#[from] crate::static_model::StaticModelError),
    /// Candle failed: weights of another shape, out of memory.
    #[error("the model failed: {0}")]
    Candle(#[from] candle_core::Error),
    /// The model gave numbers that are no unit vectors (NaN, say).
    #[error("the model gave no usable vectors: {0}")]
    Vectors(#[from] EmbeddingsError),
    /// The caller's progress closure asked to stop.
    #[error("cancelled after {done} of {of} texts")]
    Cancelled {
        /// Texts finished.
        done: usize,
        /// Texts asked for.
        of: usize,
    },
}
