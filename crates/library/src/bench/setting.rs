//! What ran, on what: the part that every report has.

use super::{EmbedBench, Machine};
use crate::{LibraryError, Progress};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use syntopic_embed::models::ResolveOptions;
use syntopic_embed::{EmbedOptions, Embedder, TextKind, thread_counts};

/// What ran and what it ran on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// The model's name.
    pub model: String,
    /// The device.
    pub device: String,
    /// What ran the model on it.
    pub mode: String,
    /// Longest text that the model reads, in tokens.
    pub max_tokens: usize,
    /// Most tokens in a batch.
    pub batch_tokens: usize,
    /// Threads that run the model.
    pub threads: usize,
    /// Threads of Candle's pool (`CANDLE_NUM_THREADS`).
    pub candle_threads: usize,
    /// Threads of rayon's pool (`RAYON_NUM_THREADS`).
    pub rayon_threads: usize,
    /// The machine, with its load before the measurement.
    #[serde(flatten)]
    pub machine: Machine,
}

/// How the embedder is asked to run.
pub(super) fn options(bench: &EmbedBench) -> EmbedOptions {
    let defaults = EmbedOptions::on(bench.device);
    EmbedOptions {
        batch_tokens: bench.batch_tokens.unwrap_or(defaults.batch_tokens),
        mode: bench.mode,
        ..defaults
    }
}

/// Loads the model, and says what will run.
pub(super) fn load(
    bench: &EmbedBench,
    sources: &ResolveOptions,
    progress: &mut Progress<'_>,
) -> Result<(Embedder, Setting), LibraryError> {
    let options = options(bench);
    let embedder = crate::model::load(
        bench.model.as_deref(),
        sources,
        options,
        bench.cut,
        progress,
    )?;
    let (candle_threads, rayon_threads) = thread_counts();
    let setting = Setting {
        model: embedder.identity().name.clone(),
        device: embedder.device().to_owned(),
        mode: embedder.mode().to_owned(),
        max_tokens: embedder.identity().max_tokens,
        batch_tokens: options.batch_tokens,
        threads: embedder.threads(),
        candle_threads,
        rayon_threads,
        machine: Machine::now(),
    };
    Ok((embedder, setting))
}

/// One pass over a few texts, so that pages, caches and threads are there.
pub(super) fn warm_up(embedder: &Embedder, texts: &[String]) -> Result<(), LibraryError> {
    let few = &texts[..texts.len().min(4)];
    embedder.embed(few, TextKind::Document, &mut |_| ControlFlow::Continue(()))?;
    Ok(())
}
