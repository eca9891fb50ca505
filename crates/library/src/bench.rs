//! How fast a model embeds, in figures that can be judged: throughput, padding, percentiles, and the share of what the
//! machine can do at most.

use crate::add::Source;
use crate::{Event, LibraryError, Progress};
use serde::Serialize;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use syntopic_core::paper_text;
use syntopic_embed::models::ResolveOptions;
use syntopic_embed::{
    BatchStats, EmbedOptions, Embedded, Embedder, Mode, TextKind, measure_peak, thread_counts,
};

/// Skipped records that are named one by one.
const SHOWN: usize = 20;

/// What is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedBench {
    /// Papers to embed; the sample corpus when not given.
    pub source: Option<Source>,
    /// Registry name or folder of the model; the registry's default when not given.
    pub model: Option<String>,
    /// Most papers; all when not given.
    pub limit: Option<usize>,
    /// Passes over the papers; the median one is reported. Default 3.
    pub repeat: usize,
    /// Most tokens in a batch, padding included; the default of the embedder when not given.
    pub batch_tokens: Option<usize>,
    /// Which implementation runs the model.
    pub mode: Mode,
    /// Where to write the vectors of the last pass, as `.npy` (f32, one row a paper, in the order of the input).
    pub save: Option<PathBuf>,
}

impl Default for EmbedBench {
    fn default() -> Self {
        Self {
            source: None,
            model: None,
            limit: None,
            repeat: 3,
            batch_tokens: None,
            mode: Mode::Auto,
            save: None,
        }
    }
}

/// Smallest, middle and largest of a set of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Smallest.
    pub min: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Largest.
    pub max: f64,
    /// Mean.
    pub mean: f64,
}

/// What was measured. Rates are of the median pass; tokenization is included.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmbedBenchReport {
    /// The model's name.
    pub model: String,
    /// The device.
    pub device: String,
    /// What ran the model on it.
    pub mode: String,
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
    /// Processor seconds of all passes, over all threads; absent where the system does not tell.
    pub cpu_s: Option<f64>,
    /// Share of the median pass that was tokenization.
    pub tokenize_share: f64,
    /// Share of the computed tokens that was padding.
    pub padding_share: f64,
    /// Milliseconds a batch.
    pub batch_ms: Spread,
    /// Most memory this process ever held, in MB (10^6 bytes); absent where the system does not tell.
    pub peak_rss_mb: Option<f64>,
    /// Passes measured, after one batch to warm up.
    pub repeat: usize,
    /// Most tokens in a batch.
    pub batch_tokens: usize,
    /// Processors that this process may use.
    pub cpus: usize,
    /// Threads that run the model.
    pub threads: usize,
    /// Threads of Candle's pool (`CANDLE_NUM_THREADS`).
    pub candle_threads: usize,
    /// Threads of rayon's pool (`RAYON_NUM_THREADS`).
    pub rayon_threads: usize,
    /// Measured multiply-add peak of this machine in billions of f32 operations a second, on `threads` threads.
    pub peak_gops: f64,
    /// The instructions the peak was measured with.
    pub peak_instructions: String,
    /// Operations a second achieved, by the same count.
    pub achieved_gops: f64,
    /// Share of the peak that was achieved.
    pub peak_share: f64,
    /// The processor.
    pub cpu: Option<String>,
    /// Load average of the last minute before the measurement.
    pub load: Option<f64>,
    /// syntopic's version.
    pub version: String,
}

/// Measures embedding throughput.
///
/// # Errors
/// When the papers cannot be read, there are none, or the model cannot be had.
pub fn embed(
    bench: &EmbedBench,
    sources: &ResolveOptions,
    progress: &mut Progress<'_>,
) -> Result<EmbedBenchReport, LibraryError> {
    let Input {
        name: input,
        texts,
        skipped,
    } = read_texts(bench, progress)?;
    let defaults = EmbedOptions::default();
    let options = EmbedOptions {
        batch_tokens: bench.batch_tokens.unwrap_or(defaults.batch_tokens),
        mode: bench.mode,
    };
    let embedder = crate::model::load(bench.model.as_deref(), sources, options, progress)?;
    let load = first_number("/proc/loadavg");
    let (candle_threads, rayon_threads) = thread_counts();
    let threads = embedder.threads();
    let peak = measure_peak(threads, Duration::from_millis(500));
    // One short pass, so that pages, caches and threads are there.
    embedder.embed(
        &texts[..texts.len().min(4)],
        TextKind::Document,
        &mut |_| ControlFlow::Continue(()),
    )?;
    let cpu_before = cpu_seconds();
    let mut passes = Vec::new();
    for pass in 0..bench.repeat.max(1) {
        passes.push(one_pass(
            &embedder,
            &texts,
            pass,
            bench.repeat.max(1),
            progress,
        )?);
    }
    let cpu_s = cpu_before
        .zip(cpu_seconds())
        .map(|(before, after)| after - before);
    passes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let rates: Vec<f64> = passes
        .iter()
        .map(|(wall, _)| texts.len() as f64 / wall)
        .collect();
    let batches: Vec<BatchStats> = passes
        .iter()
        .flat_map(|(_, e)| e.batches.iter().copied())
        .collect();
    let (wall_s, embedded) = &passes[passes.len() / 2];
    let tokens: usize = embedded.tokens.iter().sum();
    let padded: usize = embedded.batches.iter().map(|b| b.padded_tokens).sum();
    let achieved = embedded
        .tokens
        .iter()
        .map(|t| embedder.operations(*t))
        .sum::<f64>()
        / wall_s
        / 1e9;
    if let Some(path) = &bench.save {
        save_npy(path, embedded)?;
    }
    Ok(EmbedBenchReport {
        model: embedder.identity().name.clone(),
        device: String::from("cpu"),
        mode: embedder.mode().to_owned(),
        input,
        texts: texts.len(),
        skipped,
        tokens_per_text: spread(embedded.tokens.iter().map(|t| *t as f64)),
        truncated: embedded.truncated.iter().filter(|t| **t).count(),
        sent_per_s: texts.len() as f64 / wall_s,
        sent_per_s_range: (rates[rates.len() - 1], rates[0]),
        tok_per_s: tokens as f64 / wall_s,
        wall_s: *wall_s,
        cpu_s,
        tokenize_share: embedded.tokenize_time.as_secs_f64() / wall_s,
        padding_share: 1.0 - tokens as f64 / padded.max(1) as f64,
        batch_ms: spread(batches.iter().map(|b| b.time.as_secs_f64() * 1e3)),
        peak_rss_mb: status_kb("VmHWM:").map(|kb| kb * 1024.0 / 1e6),
        repeat: passes.len(),
        batch_tokens: options.batch_tokens,
        cpus: std::thread::available_parallelism().map_or(1, usize::from),
        threads,
        candle_threads,
        rayon_threads,
        peak_gops: peak.gops,
        peak_instructions: peak.instructions.to_owned(),
        achieved_gops: achieved,
        peak_share: achieved / peak.gops,
        cpu: cpu_model(),
        load,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// What is embedded.
struct Input {
    name: String,
    texts: Vec<String>,
    skipped: usize,
}

fn read_texts(bench: &EmbedBench, progress: &mut Progress<'_>) -> Result<Input, LibraryError> {
    let sample = Source::Text {
        name: String::from("the sample corpus"),
        text: crate::SAMPLE_PAGE,
    };
    let source = bench.source.as_ref().unwrap_or(&sample);
    let name = source.name();
    let (mut texts, mut skipped) = (Vec::new(), 0);
    for record in syntopic_formats::open(&name, source.open()?, None)? {
        match record? {
            Ok(paper) => texts.push(paper_text(&paper)),
            Err(bad) => {
                skipped += 1;
                if skipped <= SHOWN {
                    let _ = progress(Event::Note(&format!("skipped: {bad}")));
                }
            }
        }
        if bench.limit.is_some_and(|limit| texts.len() >= limit.max(1)) {
            break;
        }
    }
    if texts.is_empty() {
        return Err(LibraryError::NoPapers(name));
    }
    Ok(Input {
        name,
        texts,
        skipped,
    })
}

fn one_pass(
    embedder: &Embedder,
    texts: &[String],
    pass: usize,
    of: usize,
    progress: &mut Progress<'_>,
) -> Result<(f64, Embedded), LibraryError> {
    let start = Instant::now();
    let embedded = embedder.embed(texts, TextKind::Document, &mut |p| {
        progress(Event::Embedding {
            done: pass * texts.len() + p.done,
            of: of * texts.len(),
        })
    })?;
    Ok((start.elapsed().as_secs_f64(), embedded))
}

/// Writes vectors as NumPy reads them: format 1.0, little-endian f32, C order.
fn save_npy(path: &Path, embedded: &Embedded) -> Result<(), LibraryError> {
    let vectors = &embedded.vectors;
    let shape = format!("({}, {})", vectors.n_rows(), vectors.dim());
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    // Magic, version and length are 10 bytes; all of it together is a multiple of 64, ending in a line break.
    header.push_str(&" ".repeat((64 - (10 + header.len() + 1) % 64) % 64));
    header.push('\n');
    let length = u16::try_from(header.len())
        .unwrap_or(u16::MAX)
        .to_le_bytes();
    let error = |source| LibraryError::Io {
        path: path.to_owned(),
        source,
    };
    let mut out = std::io::BufWriter::new(std::fs::File::create(path).map_err(error)?);
    let mut write = |bytes: &[u8]| out.write_all(bytes).map_err(error);
    write(b"\x93NUMPY\x01\x00")?;
    write(&length)?;
    write(header.as_bytes())?;
    for value in vectors.as_slice() {
        write(&value.to_le_bytes())?;
    }
    out.flush().map_err(error)
}

/// The spread of some numbers; zeros when there are none.
fn spread(values: impl Iterator<Item = f64>) -> Spread {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let index = (share * values.len() as f64).ceil() as usize;
        values.get(index.max(1) - 1).copied().unwrap_or(0.0)
    };
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    Spread {
        min: at(0.0),
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        max: at(1.0),
        mean,
    }
}

/// Processor time of this process over all its threads, where `/proc` tells (in hundredths of a second).
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The command's name, in brackets, may hold spaces; user and system time are the 12th and 13th field after it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}

fn status_kb(key: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix(key))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

fn cpu_model() -> Option<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn first_number(path: &str) -> Option<f64> {
    std::fs::read_to_string(path)
        .ok()?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_numbers_given() {
        let s = spread((1..=100).map(f64::from));
        assert_eq!(
            (s.min, s.p50, s.p90, s.p99, s.max, s.mean),
            (1.0, 50.0, 90.0, 99.0, 100.0, 50.5)
        );
        let one = spread(std::iter::once(7.0));
        assert_eq!((one.min, one.p50, one.max), (7.0, 7.0, 7.0));
        assert_eq!(spread(std::iter::empty()).max, 0.0);
    }
}
