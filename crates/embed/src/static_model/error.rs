//! What can go wrong between a static model's folder and its vectors.

use std::path::PathBuf;

/// Why a static model could not be read or a text not be embedded by it.
#[derive(Debug, thiserror::Error)]
pub enum StaticModelError {
    /// A file of the folder is missing or cannot be read.
    #[error(
        "{path}: {source}; a static model is a folder with model.safetensors, config.json and tokenizer.json"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is not what model2vec writes.
    #[error("{file} of the static model: {why}")]
    Format {
        /// `model.safetensors`, `config.json` or `tokenizer.json`.
        file: &'static str,
        /// What is wrong with it: got, expected.
        why: String,
    },
    /// Token ids of another tokenizer.
    #[error(
        "text {text} has the token id {id}, but the static model knows {vocabulary} tokens; tokenize with its own tokenizer.json"
    )]
    UnknownToken {
        /// Position among the texts given.
        text: usize,
        /// The id.
        id: u32,
        /// Ids are below this.
        vocabulary: usize,
    },
}
