//! Where the time of embedding goes: thread time by part of the work, once it is asked for.
//!
//! Not for: throughput, nor a text that several threads share; it counts what whole groups of texts take in the packed
//! encoder, and tokenizing. The counters are the process's own, not a model's: one measurement at a time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A part of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Texts to token ids.
    Tokenize,
    /// Word, position and type vectors, added and normalised.
    LookUp,
    /// Products with weights.
    Linear,
    /// Numbers made ready for them: rounded, where the mode's weights are.
    Round,
    /// Scores, softmax, weighted sums.
    Attention,
    /// The function between the two layers of a feed-forward part.
    Activation,
    /// Sums and layer norms.
    Norm,
    /// Token vectors to one unit vector.
    Pool,
}

impl Part {
    /// All, in the order of the work.
    pub const ALL: [Part; 8] = [
        Part::Tokenize,
        Part::LookUp,
        Part::Linear,
        Part::Round,
        Part::Attention,
        Part::Activation,
        Part::Norm,
        Part::Pool,
    ];

    /// For reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Part::Tokenize => "tokenizing",
            Part::LookUp => "looking vectors up",
            Part::Linear => "linear layers",
            Part::Round => "rounding for them",
            Part::Attention => "attention",
            Part::Activation => "activation",
            Part::Norm => "sums and norms",
            Part::Pool => "pooling",
        }
    }
}

static COUNTS: AtomicBool = AtomicBool::new(false);
static NANOSECONDS: [AtomicU64; Part::ALL.len()] = [const { AtomicU64::new(0) }; Part::ALL.len()];

/// Sets all counters to nought, and counts from now on.
pub fn start_profile() {
    for counter in &NANOSECONDS {
        counter.store(0, Ordering::Relaxed);
    }
    COUNTS.store(true, Ordering::Relaxed);
}

/// Stops counting, and gives the thread time of every part since the start.
#[must_use]
pub fn end_profile() -> Vec<(Part, Duration)> {
    COUNTS.store(false, Ordering::Relaxed);
    let spent = |part: Part| NANOSECONDS[part as usize].load(Ordering::Relaxed);
    Part::ALL
        .into_iter()
        .map(|part| (part, Duration::from_nanos(spent(part))))
        .collect()
}

/// Does `work`, which has no part in it that is counted by itself.
pub(crate) fn counted<R>(part: Part, work: impl FnOnce() -> R) -> R {
    if !COUNTS.load(Ordering::Relaxed) {
        return work();
    }
    let start = Instant::now();
    let result = work();
    let spent = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    NANOSECONDS[part as usize].fetch_add(spent, Ordering::Relaxed);
    result
}
