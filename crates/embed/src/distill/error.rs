//! What can go wrong while a static model is made.

use crate::EmbedError;
use std::path::PathBuf;

/// Why a static model could not be distilled or written.
#[derive(Debug, thiserror::Error)]
pub enum DistillError {
    /// An option outside its range.
    #[error("{name} is {got}, expected {expected}")]
    Option {
        /// The option.
        name: &'static str,
        /// Its value.
        got: String,
        /// What it may be.
        expected: &'static str,
    },
    /// Nothing to fit on.
    #[error(
        "got no text to fit on; give the papers that the model is meant for, some thousands of them"
    )]
    NoTexts,
    /// `tokenizer.json` cannot be used.
    #[error("the teacher's tokenizer cannot be used: {0}")]
    Tokenizer(String),
    /// The teacher failed.
    #[error(transparent)]
    Teacher(#[from] EmbedError),
    /// The teacher gave something else than a unit vector for each text.
    #[error(
        "the teacher gave {got} numbers for {texts} texts, expected a vector of one same length for each"
    )]
    TeacherShape {
        /// Numbers given.
        got: usize,
        /// Texts asked for.
        texts: usize,
    },
    /// The progress closure asked to stop.
    #[error("cancelled; nothing was written")]
    Cancelled,
    /// A file could not be written.
    #[error("{path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}
