//! How fast a model embeds, in figures that can be judged: throughput, latency, throughput by length of text, cold start;
//! sweeps over configurations, and the figures of others beside ours.
//!
//! Not for: starting processes. Where a measurement needs one of its own, the caller passes in a closure that runs it.

mod against;
mod cold;
mod compare;
mod input;
mod latency;
mod lengths;
mod machine;
mod npy;
mod peers;
mod profile;
mod setting;
mod spread;
mod throughput;

pub use against::{Against, ComparedFigures, Ours, Peer, Ratios};
pub use cold::{ColdReport, FirstVector, cold, first_vector};
pub use compare::{
    Comparison, Configuration, Figures, LatencyFigures, Measured, Row, Sweep, ThroughputFigures,
    compare, find_model, modes,
};
pub use latency::{LatencyReport, latency};
pub use lengths::{LeftOut, LengthPoint, LengthsReport, lengths};
pub use machine::Machine;
pub use peers::{BadLine, PeerLine, PeerLines, Wanted};
pub use profile::ProfilePart;
pub use setting::Setting;
pub use spread::Spread;
pub use throughput::{EmbedBenchReport, embed};

use crate::add::Source;
use std::path::PathBuf;
use syntopic_embed::{Cut, Device, Mode};

/// What is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedBench {
    /// Papers to embed; the sample corpus when not given.
    pub source: Option<Source>,
    /// Registry name or folder of the model; the registry's default when not given.
    pub model: Option<String>,
    /// What its vectors are cut to. Default: nothing.
    pub cut: Option<Cut>,
    /// Most papers; all when not given.
    pub limit: Option<usize>,
    /// Passes over the papers; the median one is reported. Default 3.
    pub repeat: usize,
    /// Most tokens in a batch, padding included; the default of the embedder when not given.
    pub batch_tokens: Option<usize>,
    /// Which implementation runs the model.
    pub mode: Mode,
    /// Where it runs.
    pub device: Device,
    /// Whether to count the time of every part of the work; [`embed`] alone does.
    pub profile: bool,
    /// Where to write the vectors of the median pass, as `.npy` (f32, one row a paper, in the order of the input).
    /// [`embed`] alone makes them.
    pub save: Option<PathBuf>,
}

impl Default for EmbedBench {
    fn default() -> Self {
        Self {
            source: None,
            model: None,
            cut: None,
            limit: None,
            repeat: 3,
            batch_tokens: None,
            mode: Mode::Auto,
            device: Device::Cpu,
            profile: false,
            save: None,
        }
    }
}
