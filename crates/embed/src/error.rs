//! What can go wrong between a text and its vector.

use crate::Device;
use crate::models::ModelError;
use std::path::{Path, PathBuf};
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
    #[error(
        "unknown mode {0:?}: expected auto, f32, bf16, int16, int8 or stock, or with --device cuda auto, f32, f16 or bf16"
    )]
    UnknownMode(String),
    /// A device that is none.
    #[error(
        "unknown device {0:?}: expected cpu, cuda (the first GPU) or cuda:N (the GPU of that number, from 0)"
    )]
    UnknownDevice(String),
    /// A GPU was asked for, and this build has no CUDA.
    #[error(
        "this syntopic was built without CUDA and cannot run a model on {0}: build it with \
         `cargo build --release --features cuda`, which needs NVIDIA's CUDA toolkit, or leave --device out to run on the CPU"
    )]
    NoCuda(Device),
    /// The device could not be opened.
    #[error(
        "CUDA cannot use {device}: {}; `nvidia-smi` lists the GPUs that the driver sees",
        first_line(source)
    )]
    Device {
        /// The one asked for.
        device: Device,
        /// What Candle says.
        source: candle_core::Error,
    },
    /// The mode is of another kind of device.
    #[error("mode {mode} does not run on {device}: expected one of {modes}")]
    NotThere {
        /// The mode asked for.
        mode: &'static str,
        /// The device asked for.
        device: Device,
        /// Those that run there.
        modes: String,
    },
    /// Not even one text fits the memory of the GPU.
    #[error(
        "{device} has too little memory for a single text of {tokens} tokens: {why}; run it with --device cpu"
    )]
    DeviceMemory {
        /// The GPU.
        device: String,
        /// Tokens of the text.
        tokens: usize,
        /// What Candle says.
        why: String,
    },
    /// Numbers left the range of 16-bit floats.
    #[error(
        "the numbers of this model are too large for f16: run it with --device cpu; `bench embed` has --mode bf16 and f32"
    )]
    TooLargeForF16,
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
    /// Vectors of another length than 1 were asked for where the model has none to give.
    #[error(
        "this model gives vectors of unit length alone: static models and models on a GPU have no others"
    )]
    UnitLengthOnly,
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

impl EmbedError {
    /// Names the folder where weights are not what its configuration says: Candle names the tensor alone.
    pub(crate) fn of_folder(self, folder: &Path) -> Self {
        match self {
            EmbedError::Candle(source) => EmbedError::Config {
                path: folder.to_owned(),
                why: format!(
                    "its weights are not those of its config.json: {}",
                    first_line(&source)
                ),
            },
            other => other,
        }
    }
}

/// What Candle says, without the backtrace that follows where one is asked for.
pub(crate) fn first_line(error: &candle_core::Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}
