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
    /// More numbers a vector than the teacher's have.
    #[error(
        "dim is {dim}, and the teacher's vectors have {teacher} numbers: give at most that (--dim {teacher})"
    )]
    TooManyDimensions {
        /// Numbers asked for.
        dim: usize,
        /// Numbers of the teacher's vectors.
        teacher: usize,
    },
    /// The folder to write is a file.
    #[error("{} is a file; give the path of a folder", .0.display())]
    IsFile(PathBuf),
    /// The folder to write has something in it.
    #[error(
        "{} is not empty; give a folder that is not there yet, or --force to write over the model in it",
        .0.display()
    )]
    NotEmpty(PathBuf),
    /// The teacher is a static model itself.
    #[error(
        "{0} is a static model already, and there is nothing to learn from it; give the model that it was made from, or leave \
         --model out for the default one"
    )]
    StaticTeacher(String),
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
