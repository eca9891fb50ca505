//! Many configurations side by side: which to run, in rounds, and what comes out.
//!
//! Every round runs every configuration once, so that a noisy minute hits all alike; ratios are taken within a round.

use super::spread::{median, sorted};
use super::{EmbedBenchReport, LatencyReport, Setting};
use crate::{Event, LibraryError, Progress};
use serde::Serialize;
use syntopic_embed::models::{Registry, ResolveOptions, resolve_spec};
use syntopic_embed::{Device, EmbedOptions, Mode};

/// The mode that is many times slower than the others.
const SLOW: &str = "stock";

/// The modes for devices like this one, the one to compare with first, without `auto`, which chooses one of them.
#[must_use]
pub fn modes(device: Device) -> Vec<&'static str> {
    let runs = |mode: &Mode| *mode != Mode::Auto && mode.runs_on(device);
    Mode::ALL.into_iter().filter(runs).map(Mode::name).collect()
}

/// One way to run a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Configuration {
    /// Registry name or folder of the model; the registry's default when absent.
    pub model: Option<String>,
    /// Name of the mode.
    pub mode: String,
    /// Threads; all processors when absent.
    pub threads: Option<usize>,
    /// Most tokens in a batch; the embedder's default when absent.
    pub batch_tokens: Option<usize>,
}

/// What is varied: every value of each is run with every value of the others. Empty means not varied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sweep {
    /// Models.
    pub models: Vec<String>,
    /// Those of them that are static: they run in one way, which is `auto` with no batches of tokens.
    pub static_models: Vec<String>,
    /// Names of modes.
    pub modes: Vec<String>,
    /// Numbers of threads.
    pub threads: Vec<usize>,
    /// Most tokens in a batch.
    pub batch_tokens: Vec<usize>,
    /// Where all of them run.
    pub device: Device,
}

impl Sweep {
    /// Whether anything has more than one value.
    #[must_use]
    pub fn is_several(&self) -> bool {
        self.models.len() > 1
            || self.modes.len() > 1
            || self.threads.len() > 1
            || self.batch_tokens.len() > 1
    }

    /// The same with what was not given varied: all modes but Candle's own BERT (many times slower, it would take most
    /// of the time; it is there for the asking), 1 thread and all (on a GPU all alone), and three sizes of batch around the
    /// default.
    #[must_use]
    pub fn or_all(self, cpus: usize) -> Self {
        let device = self.device;
        let fast = || modes(device).into_iter().filter(|name| *name != SLOW);
        let batch = EmbedOptions::on(device).batch_tokens;
        let fewest = if device.is_gpu() { cpus } else { 1 };
        Self {
            device,
            models: self.models,
            static_models: self.static_models,
            modes: given_or(self.modes, || fast().map(str::to_owned).collect()),
            threads: given_or(self.threads, || vec![fewest, cpus]),
            batch_tokens: given_or(self.batch_tokens, || vec![batch / 2, batch, batch * 4]),
        }
    }

    /// Every configuration once, the first value of everything first.
    #[must_use]
    pub fn configurations(&self) -> Vec<Configuration> {
        let mut all = Vec::new();
        for model in optional(&self.models) {
            for mode in optional(&self.modes) {
                for threads in optional(&self.threads) {
                    for batch_tokens in optional(&self.batch_tokens) {
                        let is_static = |name: &String| self.static_models.contains(name);
                        let several_ways = !model.as_ref().is_some_and(is_static);
                        let mode = mode.clone().filter(|_| several_ways);
                        let one = Configuration {
                            model: model.clone(),
                            mode: mode.unwrap_or_else(|| String::from("auto")),
                            threads,
                            batch_tokens: batch_tokens.filter(|_| several_ways),
                        };
                        if !all.contains(&one) {
                            all.push(one);
                        }
                    }
                }
            }
        }
        all
    }
}

fn given_or<T>(given: Vec<T>, default: impl FnOnce() -> Vec<T>) -> Vec<T> {
    if given.is_empty() { default() } else { given }
}

/// Each value, or one time nothing.
fn optional<T: Clone>(values: &[T]) -> Vec<Option<T>> {
    match values {
        [] => vec![None],
        some => some.iter().cloned().map(Some).collect(),
    }
}

/// What one run of one configuration measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Measured {
    /// Papers a second.
    Throughput(Box<EmbedBenchReport>),
    /// Milliseconds a text.
    Latency(Box<LatencyReport>),
}

impl Measured {
    /// What ran, on what.
    #[must_use]
    pub fn setting(&self) -> &Setting {
        match self {
            Measured::Throughput(report) => &report.setting,
            Measured::Latency(report) => &report.setting,
        }
    }

    /// What is compared; larger is faster.
    fn speed(&self) -> f64 {
        match self {
            Measured::Throughput(report) => report.sent_per_s,
            Measured::Latency(report) => 1e3 / report.p50_ms,
        }
    }
}

/// Throughput over all rounds: medians.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ThroughputFigures {
    /// Papers a second.
    pub sent_per_s: f64,
    /// Slowest and fastest round, in papers a second.
    pub sent_per_s_range: (f64, f64),
    /// Tokens a second, padding not counted.
    pub tok_per_s: f64,
    /// Processor seconds of a pass.
    pub cpu_s: Option<f64>,
    /// Most memory, in MB (10^6 bytes).
    pub peak_rss_mb: Option<f64>,
    /// Share of the multiply-add peak, as measured in the same process.
    pub peak_share: f64,
}

/// Latency over all rounds: medians of the rounds' percentiles.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LatencyFigures {
    /// Median, in milliseconds.
    pub p50_ms: f64,
    /// Smallest and largest median of a round.
    pub p50_ms_range: (f64, f64),
    /// 90th percentile.
    pub p90_ms: f64,
    /// 95th percentile.
    pub p95_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// Fastest text of all.
    pub min_ms: f64,
    /// Most memory, in MB (10^6 bytes).
    pub peak_rss_mb: Option<f64>,
}

/// What a configuration reached.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Figures {
    /// Papers a second.
    Throughput(ThroughputFigures),
    /// Milliseconds a text.
    Latency(LatencyFigures),
}

/// One configuration over all rounds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// What was asked for.
    pub configuration: Configuration,
    /// What ran, on what, as the first round says; absent where none ended well.
    pub setting: Option<Setting>,
    /// What was reached; absent where no round ended well.
    pub figures: Option<Figures>,
    /// Speed over that of the first row that has figures, the median of the rounds; larger is faster.
    pub ratio: Option<f64>,
    /// Why it does not run; it was left out of the later rounds.
    pub error: Option<String>,
    /// Every round's own report.
    pub reports: Vec<Measured>,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Rounds; each ran every configuration once.
    pub rounds: usize,
    /// The configurations in the order asked for.
    pub rows: Vec<Row>,
}

/// Finds or fetches a model and checks it, so that the processes that follow find it; the registry's default when none is
/// named. Gives whether it is a static one.
///
/// # Errors
/// When the model cannot be had.
pub fn find_model(
    spec: Option<&str>,
    sources: &ResolveOptions,
    progress: &mut Progress<'_>,
) -> Result<bool, LibraryError> {
    let spec = spec.unwrap_or(&Registry::builtin().default_model().name);
    let folder = resolve_spec(spec, sources, &mut |fetch| {
        let _ = progress(Event::Model(fetch));
    })?;
    Ok(folder.is_static())
}

/// Runs every configuration `rounds` times, at least once, in turn; `run` runs one, in a process of its own. One that
/// fails is named in its row, and not run again.
pub fn compare(
    configurations: &[Configuration],
    rounds: usize,
    run: &mut dyn FnMut(usize, &Configuration) -> Result<Measured, String>,
) -> Comparison {
    let rounds = rounds.max(1);
    // A report a round, or why there is none any more.
    let mut ran: Vec<(Vec<Measured>, Option<String>)> =
        vec![(Vec::new(), None); configurations.len()];
    for round in 0..rounds {
        for (configuration, (reports, failure)) in configurations.iter().zip(&mut ran) {
            if failure.is_some() {
                continue;
            }
            match run(round, configuration) {
                Ok(report) => reports.push(report),
                Err(why) => *failure = Some(why),
            }
        }
    }
    let first: Vec<f64> = ran
        .iter()
        .find(|(reports, _)| !reports.is_empty())
        .map(|(reports, _)| reports.iter().map(Measured::speed).collect())
        .unwrap_or_default();
    let rows = configurations
        .iter()
        .zip(ran)
        .map(|(configuration, (reports, failure))| Row {
            configuration: configuration.clone(),
            setting: reports.first().map(|report| report.setting().clone()),
            figures: figures(&reports),
            ratio: median(reports.iter().zip(&first).map(|(r, f)| r.speed() / f)),
            error: failure,
            reports,
        })
        .collect();
    Comparison { rounds, rows }
}

/// Medians over the rounds; `None` where there is no round.
fn figures(reports: &[Measured]) -> Option<Figures> {
    let (mut throughput, mut latency) = (Vec::new(), Vec::new());
    for report in reports {
        match report {
            Measured::Throughput(report) => throughput.push(&**report),
            Measured::Latency(report) => latency.push(&**report),
        }
    }
    throughput_figures(&throughput)
        .map(Figures::Throughput)
        .or_else(|| latency_figures(&latency).map(Figures::Latency))
}

fn throughput_figures(reports: &[&EmbedBenchReport]) -> Option<ThroughputFigures> {
    let of = |figure: &dyn Fn(&EmbedBenchReport) -> Option<f64>| {
        median(reports.iter().filter_map(|report| figure(report)))
    };
    let rates = sorted(reports.iter().map(|report| report.sent_per_s));
    Some(ThroughputFigures {
        sent_per_s: of(&|r| Some(r.sent_per_s))?,
        sent_per_s_range: (*rates.first()?, *rates.last()?),
        tok_per_s: of(&|r| Some(r.tok_per_s))?,
        cpu_s: of(&|r| r.cpu_s),
        peak_rss_mb: of(&|r| r.peak_rss_mb),
        peak_share: of(&|r| Some(r.peak_share))?,
    })
}

fn latency_figures(reports: &[&LatencyReport]) -> Option<LatencyFigures> {
    let of = |figure: &dyn Fn(&LatencyReport) -> Option<f64>| {
        median(reports.iter().filter_map(|report| figure(report)))
    };
    let medians = sorted(reports.iter().map(|report| report.p50_ms));
    Some(LatencyFigures {
        p50_ms: of(&|r| Some(r.p50_ms))?,
        p50_ms_range: (*medians.first()?, *medians.last()?),
        p90_ms: of(&|r| Some(r.p90_ms))?,
        p95_ms: of(&|r| Some(r.p95_ms))?,
        p99_ms: of(&|r| Some(r.p99_ms))?,
        min_ms: reports.iter().map(|r| r.min_ms).reduce(f64::min)?,
        peak_rss_mb: of(&|r| r.peak_rss_mb),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    /// A report of 10 texts at so many a second.
    pub(in crate::bench) fn throughput(sent_per_s: f64) -> EmbedBenchReport {
        let spread =
            json!({"min": 1.0, "p50": 5.0, "p90": 9.0, "p99": 9.0, "max": 9.0, "mean": 5.0});
        let report = json!({
            "model": "m", "device": "cpu", "mode": "f32 (packed)", "max_tokens": 256, "batch_tokens": 256, "threads": 2,
            "candle_threads": 2, "rayon_threads": 2, "cpu": null, "cpu_features": [], "cpus": 2, "load": 0.1,
            "version": "0", "build": "debug", "input": "i", "texts": 10, "skipped": 0, "tokens_per_text": spread,
            "truncated": 0, "sent_per_s": sent_per_s, "sent_per_s_range": [sent_per_s, sent_per_s],
            "tok_per_s": sent_per_s * 5.0, "wall_s": 10.0 / sent_per_s, "cpu_s": 2.0, "tokenize_share": 0.1,
            "padding_share": 0.0, "batch_ms": spread, "peak_rss_mb": 100.0, "repeat": 1, "peak_gops": 10.0,
            "peak_instructions": "AVX2", "achieved_gops": 5.0, "peak_share": 0.5
        });
        serde_json::from_value(report).unwrap()
    }

    fn sweep(threads: &[usize], modes: &[&str]) -> Sweep {
        Sweep {
            modes: modes.iter().map(|m| (*m).to_owned()).collect(),
            threads: threads.to_vec(),
            ..Sweep::default()
        }
    }

    /// Two configurations, whose speeds come from a list in the order they run; 0 fails.
    pub(in crate::bench) fn compared(
        rounds: usize,
        speeds: &[f64],
    ) -> (Comparison, Vec<(usize, String)>) {
        let configurations = sweep(&[], &["f32", "stock"]).configurations();
        let (mut speeds, mut order) = (speeds.iter(), Vec::new());
        let comparison = compare(&configurations, rounds, &mut |round, configuration| {
            order.push((round, configuration.mode.clone()));
            match speeds.next() {
                Some(0.0) | None => Err(String::from("it failed")),
                Some(speed) => Ok(Measured::Throughput(Box::new(throughput(*speed)))),
            }
        });
        (comparison, order)
    }

    #[test]
    fn what_is_not_given_is_varied_only_if_all_is_asked_for() {
        let two = sweep(&[2, 1, 2], &["f32"]);
        assert!(two.is_several() && !sweep(&[2], &["f32"]).is_several());
        let threads: Vec<_> = two.configurations().iter().map(|c| c.threads).collect();
        assert_eq!(threads, [Some(2), Some(1)], "in the order given, each once");
        let all = Sweep::default().or_all(4);
        assert!(!all.modes.contains(&String::from("stock")) && !all.modes.is_empty());
        assert_eq!(
            (all.threads.as_slice(), all.batch_tokens.len()),
            (&[1, 4][..], 3)
        );
        assert_eq!(
            Sweep::default().or_all(1).configurations().len(),
            all.modes.len() * 3
        );
        assert_eq!(sweep(&[3], &["stock"]).or_all(4).configurations().len(), 3);
        let with_static = Sweep {
            models: vec![String::from("m"), String::from("s")],
            static_models: vec![String::from("s")],
            ..sweep(&[1], &["f32", "int8"])
        };
        let of_static: Vec<_> = with_static.or_all(4).configurations();
        let of_static = of_static.iter().filter(|c| c.model.as_deref() == Some("s"));
        let ways: Vec<_> = of_static
            .map(|c| (c.mode.as_str(), c.threads, c.batch_tokens))
            .collect();
        assert_eq!(ways, [("auto", Some(1), None)]);
        let cpu = modes(Device::Cpu);
        assert!(cpu.contains(&"stock") && !cpu.contains(&"auto") && !cpu.contains(&"f16"));
        let gpu = Sweep {
            device: Device::Cuda(0),
            ..Sweep::default()
        };
        let gpu = gpu.or_all(4);
        assert_eq!(gpu.modes, ["f32", "f16", "bf16"]);
        assert_eq!(gpu.batch_tokens, [8_192, 16_384, 65_536]);
        assert_eq!(gpu.configurations().len(), 9, "all threads alone");
    }

    #[test]
    fn rounds_are_interleaved_and_ratios_taken_within_them() {
        // The second round is slow for both; the ratio of the medians would be 2.5.
        let (report, order) = compared(3, &[10.0, 20.0, 4.0, 8.0, 8.0, 32.0]);
        let order: Vec<(usize, &str)> = order.iter().map(|(r, m)| (*r, m.as_str())).collect();
        let expected = [
            (0, "f32"),
            (0, "stock"),
            (1, "f32"),
            (1, "stock"),
            (2, "f32"),
            (2, "stock"),
        ];
        assert_eq!(order, expected);
        let [first, second] = report.rows.as_slice() else {
            panic!("{} rows", report.rows.len());
        };
        assert_eq!((first.ratio, second.ratio), (Some(1.0), Some(2.0)));
        let Some(Figures::Throughput(figures)) = &second.figures else {
            panic!("no figures");
        };
        assert_eq!(
            (figures.sent_per_s, figures.sent_per_s_range),
            (20.0, (8.0, 32.0))
        );
        assert_eq!(second.reports.len(), 3);
    }

    #[test]
    fn one_that_fails_is_named_and_not_run_again() {
        let (report, order) = compared(2, &[0.0, 20.0, 10.0]);
        assert_eq!(order.len(), 3);
        assert_eq!(report.rows[0].error.as_deref(), Some("it failed"));
        assert_eq!(
            (report.rows[0].figures.as_ref(), report.rows[0].ratio),
            (None, None)
        );
        assert_eq!(report.rows[1].ratio, Some(1.0), "the first that ran");
        let (later, _) = compared(2, &[10.0, 20.0, 0.0, 20.0]);
        assert!(later.rows[0].error.is_some() && later.rows[0].figures.is_some());
        assert_eq!(later.rows[1].ratio, Some(2.0), "of the round that both ran");
    }
}
