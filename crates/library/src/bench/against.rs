//! The figures of other programs beside ours: ratios, and what makes them hard to compare.

use super::{
    Comparison, EmbedBenchReport, Figures, LatencyReport, Measured, PeerLine, PeerLines, Row,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Two inputs whose texts differ in length by more than this share are not the same texts.
const SAME_TOKENS: f64 = 0.01;

/// What is compared, of a peer or of ours.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ComparedFigures {
    /// Texts a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_per_s: Option<f64>,
    /// Processor seconds of the median pass over all texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_s: Option<f64>,
    /// Most memory, in MB (10^6 bytes).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_rss_mb: Option<f64>,
    /// Median milliseconds a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<f64>,
    /// 95th percentile of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<f64>,
    /// The fastest text's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_ms: Option<f64>,
}

/// What of ours stands beside the peers.
#[derive(Debug, Clone, PartialEq)]
pub struct Ours {
    /// What messages call it.
    pub name: String,
    /// Texts.
    pub n: usize,
    /// Tokens a text, on average.
    pub tokens_mean: f64,
    /// Threads.
    pub threads: usize,
    /// Where texts are cut, in tokens.
    pub max_tokens: usize,
    /// Load average before it ran.
    pub load: Option<f64>,
    /// Its figures.
    pub figures: ComparedFigures,
}

impl From<&EmbedBenchReport> for Ours {
    fn from(report: &EmbedBenchReport) -> Self {
        Self {
            name: String::from("ours"),
            n: report.texts,
            tokens_mean: report.tokens_per_text.mean,
            threads: report.setting.threads,
            max_tokens: report.setting.max_tokens,
            load: report.setting.machine.load,
            figures: ComparedFigures {
                sent_per_s: Some(report.sent_per_s),
                cpu_s: report.cpu_s,
                peak_rss_mb: report.peak_rss_mb,
                ..ComparedFigures::default()
            },
        }
    }
}

impl From<&LatencyReport> for Ours {
    fn from(report: &LatencyReport) -> Self {
        Self {
            name: String::from("ours"),
            n: report.texts,
            tokens_mean: report.tokens_per_text.mean,
            threads: report.setting.threads,
            max_tokens: report.setting.max_tokens,
            load: report.setting.machine.load,
            figures: ComparedFigures {
                peak_rss_mb: report.peak_rss_mb,
                p50_ms: Some(report.p50_ms),
                p95_ms: Some(report.p95_ms),
                min_ms: Some(report.min_ms),
                ..ComparedFigures::default()
            },
        }
    }
}

impl Ours {
    /// The rows of a comparison that have figures, named `#1`, `#2` and so on by their place in it.
    #[must_use]
    pub fn of_rows(comparison: &Comparison) -> Vec<Self> {
        let named = |(index, row)| Some((index + 1, Self::of_row(row)?));
        let rows = comparison.rows.iter().enumerate().filter_map(named);
        // The runs themselves are what loads the machine after the first one.
        rows.enumerate()
            .map(|(place, (number, ours))| Self {
                name: format!("#{number}"),
                load: ours.load.filter(|_| place == 0),
                ..ours
            })
            .collect()
    }

    fn of_row(row: &Row) -> Option<Self> {
        let ours = match row.reports.first()? {
            Measured::Throughput(report) => Self::from(&**report),
            Measured::Latency(report) => Self::from(&**report),
        };
        let figures = match row.figures.as_ref()? {
            Figures::Throughput(f) => ComparedFigures {
                sent_per_s: Some(f.sent_per_s),
                cpu_s: f.cpu_s,
                peak_rss_mb: f.peak_rss_mb,
                ..ComparedFigures::default()
            },
            Figures::Latency(f) => ComparedFigures {
                peak_rss_mb: f.peak_rss_mb,
                p50_ms: Some(f.p50_ms),
                p95_ms: Some(f.p95_ms),
                min_ms: Some(f.min_ms),
                ..ComparedFigures::default()
            },
        };
        Some(Self { figures, ..ours })
    }
}

/// Our figures over a peer's. Larger is better for `sent_per_s`, smaller for all others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ratios {
    /// Which of ours.
    pub ours: String,
    /// Ours over theirs; of processor time, for one text.
    #[serde(flatten)]
    pub figures: ComparedFigures,
}

/// A peer, and ours over it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Peer {
    /// Its own line; memory is in MB of 10^6 bytes here.
    #[serde(flatten)]
    pub line: PeerLine,
    /// Ours over theirs, one for each of ours; none where the peer failed.
    pub ratios: Vec<Ratios>,
}

/// The peers of a file beside ours.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Against {
    /// The file and what could not be used of it.
    #[serde(flatten)]
    pub lines: PeerLines,
    /// The peers in the order of the file.
    pub peers: Vec<Peer>,
    /// What makes the figures hard to compare.
    pub warnings: Vec<String>,
}

impl PeerLines {
    /// The peers beside our configurations.
    #[must_use]
    pub fn beside(self, ours: &[Ours]) -> Against {
        let warnings = warnings(&self.lines, ours);
        let peers = self.lines.iter().map(|line| Peer {
            line: line.clone(),
            ratios: match line.error {
                Some(_) => Vec::new(),
                None => ours.iter().map(|ours| ratios(ours, line)).collect(),
            },
        });
        Against {
            peers: peers.collect(),
            lines: self,
            warnings,
        }
    }
}

fn ratios(ours: &Ours, line: &PeerLine) -> Ratios {
    let (a, b) = (&ours.figures, &line.figures);
    let over = |a: Option<f64>, b: Option<f64>| Some(a? / b.filter(|b| *b > 0.0)?);
    // Processor time grows with the number of texts; the rates do not.
    let texts = line.n.map_or(1.0, |n| n as f64 / ours.n as f64);
    Ratios {
        ours: ours.name.clone(),
        figures: ComparedFigures {
            sent_per_s: over(a.sent_per_s, b.sent_per_s),
            cpu_s: over(a.cpu_s, b.cpu_s).map(|ratio| ratio * texts),
            peak_rss_mb: over(a.peak_rss_mb, b.peak_rss_mb),
            p50_ms: over(a.p50_ms, b.p50_ms),
            p95_ms: over(a.p95_ms, b.p95_ms),
            min_ms: over(a.min_ms, b.min_ms),
        },
    }
}

/// What differs, each said once with the peers and the configurations that it holds for.
fn warnings(lines: &[PeerLine], ours: &[Ours]) -> Vec<String> {
    let mut differences = Differences::default();
    let ran = lines.iter().filter(|line| line.error.is_none());
    for (line, us) in ran.flat_map(|line| ours.iter().map(move |us| (line, us))) {
        let counts = [
            ("texts", line.n, us.n),
            ("threads", line.threads, us.threads),
            ("max tokens", line.max_tokens, us.max_tokens),
        ];
        for (what, theirs, ours) in counts {
            let theirs = theirs.filter(|n| *n != ours).map(|n| n.to_string());
            differences.note(what, (line, theirs), (us, ours.to_string()));
        }
        let differs = |t: &f64| (t - us.tokens_mean).abs() > SAME_TOKENS * us.tokens_mean;
        let theirs = line.tokens_mean.filter(differs);
        let theirs = theirs.map(|t| format!("{t:.1}"));
        let ours = format!("{:.1}", us.tokens_mean);
        differences.note("tokens a text", (line, theirs), (us, ours));
    }
    let mut warnings = differences.into_lines();
    warnings.extend(busy(lines, ours));
    warnings
}

/// Who ran beside something else: half a processor of other work for each two threads is felt.
fn busy(lines: &[PeerLine], ours: &[Ours]) -> Option<String> {
    let theirs = lines.iter().filter(|line| line.error.is_none());
    let named: Vec<String> = theirs
        .map(|line| (&line.peer, line.loadavg_before, line.threads))
        .chain(ours.iter().map(|us| (&us.name, us.load, Some(us.threads))))
        .filter_map(|(name, load, threads)| {
            let limit = threads.unwrap_or(1) as f64 / 2.0;
            let load = load.filter(|load| *load > limit)?;
            Some(format!("{name} ({load:.2})"))
        })
        .collect();
    (!named.is_empty()).then(|| {
        format!(
            "the load average was high before {}: something else ran beside it, or just before",
            named.join(", ")
        )
    })
}

/// A value that differs.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Difference {
    what: &'static str,
    theirs: String,
    ours: String,
}

/// Who has the values of a difference.
#[derive(Default)]
struct Sides {
    peers: Vec<String>,
    ours: Vec<String>,
}

/// What differs, and between whom.
#[derive(Default)]
struct Differences(BTreeMap<Difference, Sides>);

impl Differences {
    /// Notes that `theirs` of a peer is not our value; nothing where it is `None`.
    fn note(
        &mut self,
        what: &'static str,
        (line, theirs): (&PeerLine, Option<String>),
        (us, ours): (&Ours, String),
    ) {
        let Some(theirs) = theirs else { return };
        let difference = Difference { what, theirs, ours };
        let sides = self.0.entry(difference).or_default();
        for (names, name) in [(&mut sides.peers, &line.peer), (&mut sides.ours, &us.name)] {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
    }

    fn into_lines(self) -> Vec<String> {
        let line = |(difference, sides): (Difference, Sides)| {
            format!(
                "{} differ, so the figures do not compare: {} of {}, {} of {}",
                difference.what,
                difference.theirs,
                sides.peers.join(", "),
                difference.ours,
                sides.ours.join(", ")
            )
        };
        self.0.into_iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::compare::tests::{compared, throughput};
    use super::*;

    /// The lines of a file that a test makes.
    fn lines(json: &[serde_json::Value]) -> PeerLines {
        PeerLines {
            file: String::from("x"),
            lines: json
                .iter()
                .map(|v| serde_json::from_value(v.clone()).unwrap())
                .collect(),
            bad_lines: Vec::new(),
            other_lines: 0,
        }
    }

    #[test]
    fn ratios_are_ours_over_theirs_and_processor_time_is_of_one_text() {
        let peer = serde_json::json!({"peer": "a", "n": 20, "sent_per_s": 5.0, "cpu_s": 8.0, "peak_rss_mb": 200.0});
        let failed = serde_json::json!({"peer": "b", "error": "broke", "n": 20});
        let against = lines(&[peer, failed]).beside(&[Ours::from(&throughput(10.0))]);
        let figures = &against.peers[0].ratios[0].figures;
        assert_eq!(
            (
                figures.sent_per_s,
                figures.cpu_s,
                figures.peak_rss_mb,
                figures.p50_ms
            ),
            (Some(2.0), Some(0.5), Some(0.5), None)
        );
        assert!(against.peers[1].ratios.is_empty());
    }

    #[test]
    fn what_differs_is_said_once_with_who_has_it() {
        let same = serde_json::json!({"peer": "same", "n": 10, "tokens_mean": 5.0, "threads": 2, "max_tokens": 256,
            "loadavg_before": 0.2, "sent_per_s": 5.0});
        assert!(
            lines(std::slice::from_ref(&same))
                .beside(&[Ours::from(&throughput(1.0))])
                .warnings
                .is_empty()
        );
        let mut other = same.clone();
        for (key, value) in [
            ("peer", "other".into()),
            ("n", 11.into()),
            ("tokens_mean", 6.into()),
            ("threads", 1.into()),
            ("max_tokens", 128.into()),
            ("loadavg_before", 3.into()),
        ] {
            other[key] = value;
        }
        let (comparison, _) = compared(1, &[10.0, 20.0]);
        let warnings = lines(&[same, other])
            .beside(&Ours::of_rows(&comparison))
            .warnings;
        let words = [
            "max tokens",
            "texts",
            "threads",
            "tokens a text",
            "load average",
        ];
        assert_eq!(warnings.len(), words.len(), "{warnings:?}");
        for (warning, word) in warnings.iter().zip(words) {
            assert!(
                warning.contains(word) && warning.contains("other") && !warning.contains("same,"),
                "{warning}"
            );
        }
        assert!(
            warnings[1].contains("11 of other, 10 of #1, #2"),
            "{}",
            warnings[1]
        );
    }
}
