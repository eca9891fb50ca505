//! Cold start: from the start of a process to its first vector.

use super::{EmbedBench, Machine, Spread, setting};
use crate::{LibraryError, Progress};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::time::Instant;
use syntopic_embed::TextKind;
use syntopic_embed::models::ResolveOptions;

/// The short text.
const TEXT: &str = "Graph neural networks for recommendation";

/// What one process says of its first vector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FirstVector {
    /// The model's name.
    pub model: String,
    /// What ran it.
    pub mode: String,
    /// Threads that ran it.
    pub threads: usize,
    /// Milliseconds to find, check and load the model.
    pub load_ms: f64,
    /// Milliseconds to embed the text.
    pub embed_ms: f64,
}

/// What many starts took, in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColdReport {
    /// The model's name.
    pub model: String,
    /// What ran it.
    pub mode: String,
    /// Threads that ran it.
    pub threads: usize,
    /// Starts measured, after one to bring the model into the page cache.
    pub starts: usize,
    /// Median from the start of the process to its first vector.
    pub p50_ms: f64,
    /// Fastest.
    pub min_ms: f64,
    /// Slowest.
    pub max_ms: f64,
    /// Median time to find, check and load the model.
    pub load_ms: f64,
    /// Median time to embed the text.
    pub embed_ms: f64,
    /// The machine, with its load before the measurement.
    #[serde(flatten)]
    pub machine: Machine,
}

/// Loads the model and embeds one short text: what a measured process does, and nothing else.
///
/// # Errors
/// When the model cannot be had or run.
pub fn first_vector(
    bench: &EmbedBench,
    sources: &ResolveOptions,
    progress: &mut Progress<'_>,
) -> Result<FirstVector, LibraryError> {
    let start = Instant::now();
    let options = setting::options(bench);
    let embedder = crate::model::load(
        bench.model.as_deref(),
        sources,
        options,
        bench.cut,
        progress,
    )?;
    let load_ms = start.elapsed().as_secs_f64() * 1e3;
    let start = Instant::now();
    embedder.embed(&[TEXT], TextKind::Query, &mut |_| ControlFlow::Continue(()))?;
    Ok(FirstVector {
        model: embedder.identity().name.clone(),
        mode: embedder.mode().to_owned(),
        threads: embedder.threads(),
        load_ms,
        embed_ms: start.elapsed().as_secs_f64() * 1e3,
    })
}

/// Measures `starts` starts, at least one, after one that does not count. `start` starts a process that runs
/// [`first_vector`], and gives the milliseconds from its start to its vector, and what it says.
///
/// # Errors
/// The first of `start`.
pub fn cold<E>(
    starts: usize,
    start: &mut dyn FnMut() -> Result<(f64, FirstVector), E>,
) -> Result<ColdReport, E> {
    let machine = Machine::now();
    let (_, first) = start()?;
    let runs = (0..starts.max(1))
        .map(|_| start())
        .collect::<Result<Vec<_>, E>>()?;
    let spread = |of: &dyn Fn(&(f64, FirstVector)) -> f64| Spread::of(runs.iter().map(of));
    let whole = spread(&|(ms, _)| *ms);
    Ok(ColdReport {
        model: first.model,
        mode: first.mode,
        threads: first.threads,
        starts: runs.len(),
        p50_ms: whole.p50,
        min_ms: whole.min,
        max_ms: whole.max,
        load_ms: spread(&|(_, said)| said.load_ms).p50,
        embed_ms: spread(&|(_, said)| said.embed_ms).p50,
        machine,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_start_does_not_count() {
        let mut times = [900.0, 3.0, 1.0, 2.0].into_iter();
        let mut start = || {
            let ms = times.next().ok_or("too many starts")?;
            let said = FirstVector {
                model: String::from("m"),
                mode: String::from("f32"),
                threads: 2,
                load_ms: ms / 2.0,
                embed_ms: 0.5,
            };
            Ok::<_, &str>((ms, said))
        };
        let report = cold(3, &mut start).unwrap();
        assert_eq!(
            (report.starts, report.min_ms, report.p50_ms, report.max_ms),
            (3, 1.0, 2.0, 3.0)
        );
        assert_eq!((report.load_ms, report.embed_ms), (1.0, 0.5));
        assert_eq!(cold(3, &mut start), Err("too many starts"));
    }
}
