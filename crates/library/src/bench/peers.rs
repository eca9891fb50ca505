//! The lines that the peers' script prints: the figures of other programs.

use super::ComparedFigures;
use crate::LibraryError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::{Error, ErrorKind};
use std::path::Path;

/// The peers' script counts memory in units of 2^20 bytes, we in units of 10^6.
const PEER_MB: f64 = 1.048_576;

/// Which figures are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Papers a second: lines with `sent_per_s`.
    Throughput,
    /// Milliseconds a text: lines with `p50_ms`.
    Latency,
}

/// One line of the peers' script. Fields not named here are ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeerLine {
    /// The peer's name.
    pub peer: String,
    /// Why it has no figures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<usize>,
    /// Tokens a text, on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_mean: Option<f64>,
    /// Threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// Where texts are cut, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<usize>,
    /// Load average before it ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loadavg_before: Option<f64>,
    /// Its figures.
    #[serde(flatten)]
    pub figures: ComparedFigures,
}

/// A line that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadLine {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

/// The lines of a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PeerLines {
    /// The file.
    pub file: String,
    /// What can be compared, and the peers that failed.
    #[serde(skip)]
    pub lines: Vec<PeerLine>,
    /// Lines that cannot be used.
    pub bad_lines: Vec<BadLine>,
    /// Lines of other measurements, which were passed over.
    pub other_lines: usize,
}

impl PeerLines {
    /// Reads a file of them.
    ///
    /// # Errors
    /// When the file cannot be read, or no line of it has figures of this measurement.
    pub fn read(path: &Path, wanted: Wanted) -> Result<Self, LibraryError> {
        let error = |source| LibraryError::Io {
            path: path.to_owned(),
            source,
        };
        let bytes = std::fs::read(path).map_err(error)?;
        let lines = Self::parse(path.display().to_string(), &bytes, wanted);
        if lines.lines.is_empty() {
            let (field, mode) = match wanted {
                Wanted::Throughput => ("sent_per_s", "throughput"),
                Wanted::Latency => ("p50_ms", "latency"),
            };
            let bad = lines.bad_lines.first().map_or_else(String::new, |bad| {
                format!("; line {}: {}", bad.line, bad.why)
            });
            let why = format!(
                "no line has the figures of a peer ({field}): give the JSON lines of the peers' script, run with \
                 --mode {mode}{bad}"
            );
            return Err(error(Error::new(ErrorKind::InvalidData, why)));
        }
        Ok(lines)
    }

    fn parse(file: String, bytes: &[u8], wanted: Wanted) -> Self {
        let mut all = Self {
            file,
            lines: Vec::new(),
            bad_lines: Vec::new(),
            other_lines: 0,
        };
        for (index, line) in bytes.split(|b| *b == b'\n').enumerate() {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match one_line(line, wanted) {
                Ok(Some(line)) => all.lines.push(line),
                Ok(None) => all.other_lines += 1,
                Err(why) => all.bad_lines.push(BadLine {
                    line: index + 1,
                    why,
                }),
            }
        }
        all
    }
}

/// A line of the wanted measurement; `None` when it is of another one.
fn one_line(line: &[u8], wanted: Wanted) -> Result<Option<PeerLine>, String> {
    let value: Value =
        serde_json::from_slice(line).map_err(|error| format!("not JSON: {error}"))?;
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    if text("bench").is_some_and(|bench| bench != "embed") {
        return Ok(None);
    }
    if !value.is_object() {
        return Err(String::from("not a JSON object"));
    }
    if text("peer").is_none() {
        return Err(String::from("no peer is named: \"peer\" is missing"));
    }
    let mut line: PeerLine = serde_json::from_value(value).map_err(|error| error.to_string())?;
    if line.error.is_some() {
        return Ok(Some(line));
    }
    let figures = &mut line.figures;
    let positive = |figure: Option<f64>| figure.is_none_or(|v| v > 0.0);
    let rates = [
        figures.sent_per_s,
        figures.p50_ms,
        figures.p95_ms,
        figures.min_ms,
    ];
    if !rates.into_iter().all(positive) {
        return Err(String::from("a rate or time is not above 0"));
    }
    figures.peak_rss_mb = figures.peak_rss_mb.map(|mb| mb * PEER_MB);
    match (wanted, figures.sent_per_s, figures.p50_ms) {
        (_, None, None) => Err(String::from(
            "neither sent_per_s, p50_ms nor error is there",
        )),
        (Wanted::Throughput, Some(_), _) | (Wanted::Latency, _, Some(_)) => Ok(Some(line)),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = r#"{"bench": "embed", "peer": "a", "n": 10, "sent_per_s": 5.0, "peak_rss_mb": 100, "tune": [[1, {}]]}

{"bench": "knn", "peer": "b"}
not JSON
[1]
{"sent_per_s": 1}
{"peer": "c", "sent_per_s": "fast"}
{"peer": "d", "sent_per_s": 0}
{"peer": "e"}
{"peer": "f", "error": "Traceback\nIt broke"}
{"peer": "g", "p50_ms": 1.5}
"#;

    #[test]
    fn bad_lines_are_named_and_the_rest_goes_on() {
        let lines = PeerLines::parse(String::from("x"), LINES.as_bytes(), Wanted::Throughput);
        let names: Vec<&str> = lines.lines.iter().map(|line| line.peer.as_str()).collect();
        assert_eq!(names, ["a", "f"]);
        assert_eq!(
            lines.lines[0].figures.peak_rss_mb,
            Some(100.0 * PEER_MB),
            "in MB of 10^6 bytes"
        );
        let bad: Vec<(usize, &str)> = lines
            .bad_lines
            .iter()
            .map(|b| (b.line, b.why.as_str()))
            .collect();
        let words = ["not JSON", "object", "peer", "fast", "above 0", "neither"];
        assert_eq!(bad.len(), words.len(), "{bad:?}");
        for ((line, why), (number, word)) in bad.iter().zip((4..).zip(words)) {
            assert!(
                *line == number && why.contains(word),
                "{line}: {why}, not {word}"
            );
        }
        assert_eq!(lines.other_lines, 2);
        let slow = PeerLines::parse(String::from("x"), LINES.as_bytes(), Wanted::Latency);
        assert_eq!((slow.lines.len(), slow.other_lines), (2, 2));
    }
}
