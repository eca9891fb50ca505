//! Papers a second, tokenization included, and what of the machine they took.

use super::input::{Input, Part};
use super::{EmbedBench, ProfilePart, Setting, Spread, input, machine, npy, profile, setting};
use crate::{Event, LibraryError, Progress};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use syntopic_embed::models::ResolveOptions;
use syntopic_embed::{Embedded, Embedder, Peak, TextKind, end_profile, start_profile};

/// How long the yardstick is measured.
pub(super) const PEAK_FOR: Duration = Duration::from_millis(500);

/// What was measured. Rates are of the median pass; tokenization is included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmbedBenchReport {
    /// What ran, on what.
    #[serde(flatten)]
    pub setting: Setting,
    /// Where the papers came from.
    pub input: String,
    /// Papers a pass.
    pub texts: usize,
    /// Records of the input that are no papers, and were left out.
    pub skipped: usize,
    /// Tokens a text, special tokens included, after truncation.
    pub tokens_per_text: Spread,
    /// Texts longer than the model reads.
    pub truncated: usize,
    /// Papers a second.
    pub sent_per_s: f64,
    /// Slowest and fastest pass, in papers a second.
    pub sent_per_s_range: (f64, f64),
    /// Tokens a second, padding not counted.
    pub tok_per_s: f64,
    /// Seconds of the median pass.
    pub wall_s: f64,
    /// Processor seconds of the median pass, over all threads; absent where the system does not tell.
    pub cpu_s: Option<f64>,
    /// Share of the median pass that was tokenization; for a GPU, it is done while the GPU computes.
    pub tokenize_share: f64,
    /// Share of the computed tokens that was padding.
    pub padding_share: f64,
    /// Batches of the median pass that did not fit the memory of the GPU, and were halved.
    #[serde(default)]
    pub halved_batches: usize,
    /// Milliseconds a batch, over all passes.
    pub batch_ms: Spread,
    /// Most memory this process ever held, in MB (10^6 bytes); absent where the system does not tell.
    pub peak_rss_mb: Option<f64>,
    /// Passes measured, after a few texts to warm up.
    pub repeat: usize,
    /// Measured multiply-add peak of this machine for the numbers that the mode multiplies, in billions of operations a
    /// second, on `threads` threads.
    pub peak_gops: f64,
    /// The instructions the peak was measured with.
    pub peak_instructions: String,
    /// Operations a second achieved, by the same count.
    pub achieved_gops: f64,
    /// Share of the peak that was achieved.
    pub peak_share: f64,
    /// Where the time went, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Vec<ProfilePart>>,
}

/// One pass over all texts.
pub(super) struct Pass {
    wall_s: f64,
    cpu_s: Option<f64>,
    pub(super) embedded: Embedded,
}

/// Measures embedding throughput.
///
/// # Errors
/// When the papers cannot be read, there are none, the model cannot be had, or the vectors not be written.
pub fn embed(
    bench: &EmbedBench,
    sources: &ResolveOptions,
    progress: &mut Progress<'_>,
) -> Result<EmbedBenchReport, LibraryError> {
    let input = input::read(bench, Part::Whole, progress)?;
    let (embedder, setting) = setting::load(bench, sources, progress)?;
    let peak = embedder.measure_peak(setting.threads, PEAK_FOR)?;
    setting::warm_up(&embedder, &input.texts)?;
    if bench.profile {
        start_profile();
    }
    let passes = passes(&embedder, &input.texts, bench.repeat.max(1), progress);
    let spent = bench.profile.then(end_profile);
    let passes = passes?;
    if let Some(path) = &bench.save {
        npy::save(path, &passes[passes.len() / 2].embedded.vectors)?;
    }
    let operations = |tokens| embedder.operations(tokens);
    let mut report = report(setting, input, &passes, peak, &operations);
    report.profile = spent.map(|spent| profile::parts(&spent, &passes));
    Ok(report)
}

/// All passes, the fastest first.
fn passes(
    embedder: &Embedder,
    texts: &[String],
    repeat: usize,
    progress: &mut Progress<'_>,
) -> Result<Vec<Pass>, LibraryError> {
    let mut passes = Vec::with_capacity(repeat);
    for pass in 0..repeat {
        let (cpu, start) = (machine::cpu_seconds(), Instant::now());
        let embedded = embedder.embed(texts, TextKind::Document, &mut |p| {
            progress(Event::Embedding {
                done: pass * texts.len() + p.done,
                of: repeat * texts.len(),
            })
        })?;
        let wall_s = start.elapsed().as_secs_f64();
        let cpu_s = cpu
            .zip(machine::cpu_seconds())
            .map(|(before, after)| after - before);
        passes.push(Pass {
            wall_s,
            cpu_s,
            embedded,
        });
    }
    passes.sort_by(|a, b| a.wall_s.total_cmp(&b.wall_s));
    Ok(passes)
}

/// The figures of the median pass, and of all of them where they spread.
fn report(
    setting: Setting,
    input: Input,
    passes: &[Pass],
    peak: Peak,
    operations: &dyn Fn(usize) -> f64,
) -> EmbedBenchReport {
    let texts = input.texts.len();
    let rate = |pass: &Pass| texts as f64 / pass.wall_s;
    let median = &passes[passes.len() / 2];
    let embedded = &median.embedded;
    let tokens: usize = embedded.tokens.iter().sum();
    let padded: usize = embedded.batches.iter().map(|b| b.padded_tokens).sum();
    let work: f64 = embedded.tokens.iter().map(|t| operations(*t)).sum();
    let achieved_gops = work / median.wall_s / 1e9;
    let batches = passes.iter().flat_map(|pass| &pass.embedded.batches);
    EmbedBenchReport {
        setting,
        input: input.name,
        texts,
        skipped: input.skipped,
        tokens_per_text: Spread::of(embedded.tokens.iter().map(|t| *t as f64)),
        truncated: embedded.truncated.iter().filter(|t| **t).count(),
        sent_per_s: rate(median),
        sent_per_s_range: (rate(&passes[passes.len() - 1]), rate(&passes[0])),
        tok_per_s: tokens as f64 / median.wall_s,
        wall_s: median.wall_s,
        cpu_s: median.cpu_s,
        tokenize_share: embedded.tokenize_time.as_secs_f64() / median.wall_s,
        padding_share: 1.0 - tokens as f64 / padded.max(1) as f64,
        halved_batches: embedded.halved_batches,
        batch_ms: Spread::of(batches.map(|b| b.time.as_secs_f64() * 1e3)),
        peak_rss_mb: machine::peak_rss_mb(),
        repeat: passes.len(),
        peak_gops: peak.gops,
        peak_instructions: peak.instructions.to_owned(),
        achieved_gops,
        peak_share: achieved_gops / peak.gops,
        profile: None,
    }
}
