//! How long one short text takes when the model is warm: what a search waits for.

use super::input::Part;
use super::spread::{percentile, sorted};
use super::{EmbedBench, Setting, Spread, input, machine, setting};
use crate::{Event, LibraryError, Progress};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::time::Instant;
use syntopic_embed::models::ResolveOptions;
use syntopic_embed::{Embedder, TextKind};

/// Texts embedded before the clock runs, as in the peers' script.
const WARM_UP: usize = 16;

/// What was measured. Times are of one text, from text to vector, over all texts and passes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatencyReport {
    /// What ran, on what.
    #[serde(flatten)]
    pub setting: Setting,
    /// Where the titles came from.
    pub input: String,
    /// Titles a pass.
    pub texts: usize,
    /// Records of the input that are no papers, and were left out.
    pub skipped: usize,
    /// Tokens a title, special tokens included.
    pub tokens_per_text: Spread,
    /// Passes measured.
    pub repeat: usize,
    /// Median, in milliseconds.
    pub p50_ms: f64,
    /// 90th percentile.
    pub p90_ms: f64,
    /// 95th percentile, which the peers give.
    pub p95_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// Fastest.
    pub min_ms: f64,
    /// Slowest.
    pub max_ms: f64,
    /// Mean.
    pub mean_ms: f64,
    /// Most memory this process ever held, in MB (10^6 bytes); absent where the system does not tell.
    pub peak_rss_mb: Option<f64>,
}

/// Measures the time that one title takes, warm, one at a time.
///
/// # Errors
/// When the papers cannot be read, there are none, or the model cannot be had.
pub fn latency(
    bench: &EmbedBench,
    sources: &ResolveOptions,
    progress: &mut Progress<'_>,
) -> Result<LatencyReport, LibraryError> {
    let input = input::read(bench, Part::Title, progress)?;
    let (embedder, setting) = setting::load(bench, sources, progress)?;
    let texts = &input.texts;
    for text in texts.iter().cycle().take(WARM_UP) {
        one(&embedder, text)?;
    }
    let (repeat, mut ms) = (bench.repeat.max(1), Vec::new());
    let mut tokens = Vec::new();
    for pass in 0..repeat {
        for text in texts {
            let start = Instant::now();
            let read = one(&embedder, text)?;
            ms.push(start.elapsed().as_secs_f64() * 1e3);
            tokens.push(read as f64);
        }
        let told = Event::Embedding {
            done: (pass + 1) * texts.len(),
            of: repeat * texts.len(),
        };
        if progress(told).is_break() {
            return Err(LibraryError::Cancelled { papers: 0 });
        }
    }
    let spread = Spread::of(ms.iter().copied());
    Ok(LatencyReport {
        setting,
        input: input.name,
        texts: texts.len(),
        skipped: input.skipped,
        tokens_per_text: Spread::of(tokens),
        repeat,
        p50_ms: spread.p50,
        p90_ms: spread.p90,
        p95_ms: percentile(&sorted(ms), 0.95),
        p99_ms: spread.p99,
        min_ms: spread.min,
        max_ms: spread.max,
        mean_ms: spread.mean,
        peak_rss_mb: machine::peak_rss_mb(),
    })
}

/// Embeds one text, as a paper's is: the prompt that some models want before a query would make it longer than the peers'.
/// Gives its tokens.
fn one(embedder: &Embedder, text: &String) -> Result<usize, LibraryError> {
    let embedded = embedder.embed(std::slice::from_ref(text), TextKind::Document, &mut |_| {
        ControlFlow::Continue(())
    })?;
    Ok(embedded.tokens.iter().sum())
}
