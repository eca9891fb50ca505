//! How long a new process takes to open a library and answer, and how long an open library takes.

use crate::bench::Spread;
use crate::{Library, LibraryError, Progress, Query, RelatedOptions};
use serde::Serialize;
use std::path::Path;
use std::time::Instant;
use syntopic_core::Row;

/// What many starts took, in milliseconds from the start of a process to its end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpenReport {
    /// `open`.
    pub bench: &'static str,
    /// Papers of the library.
    pub papers: usize,
    /// How it is searched.
    pub index: String,
    /// Bytes of the files made from the papers.
    pub files_bytes: u64,
    /// Starts measured, after one to bring the files into the page cache.
    pub starts: usize,
    /// Median.
    pub p50_ms: f64,
    /// 90th percentile.
    pub p90_ms: f64,
    /// Fastest.
    pub min_ms: f64,
    /// Slowest.
    pub max_ms: f64,
    /// Median of the same questions, papers by their ids in the default mode, to a library that is open already.
    pub warm_p50_ms: f64,
    /// Their 90th percentile.
    pub warm_p90_ms: f64,
}

/// Measures `starts` starts, at least one, after one that does not count. `start` starts a process that looks for the papers
/// related to one whose id it is given, waits for its end, and gives the milliseconds that took. Each is given another
/// paper, so that no two touch the same pages only.
///
/// # Errors
/// When the library cannot be searched, and the first error of `start`.
pub fn open<E: From<LibraryError>>(
    folder: &Path,
    starts: usize,
    start: &mut dyn FnMut(&str) -> Result<f64, E>,
    progress: &mut Progress<'_>,
) -> Result<OpenReport, E> {
    let starts = starts.max(1);
    let (mut library, mut report, ids) = prepare(folder, starts + 1, progress)?;
    let mut times = Vec::new();
    for id in &ids {
        times.push(start(id)?);
    }
    let spread = Spread::of(times.into_iter().skip(1));
    report.starts = starts;
    (report.p50_ms, report.p90_ms) = (spread.p50, spread.p90);
    (report.min_ms, report.max_ms) = (spread.min, spread.max);
    let warm = warm(&mut library, &ids[1..], progress)?;
    (report.warm_p50_ms, report.warm_p90_ms) = (warm.p50, warm.p90);
    Ok(report)
}

/// Milliseconds of each question to an open library.
fn warm(
    library: &mut Library,
    ids: &[String],
    progress: &mut Progress<'_>,
) -> Result<Spread, LibraryError> {
    let times = ids.iter().map(|id| {
        let begun = Instant::now();
        library.related(
            &Query::Paper(id.clone()),
            &RelatedOptions::default(),
            progress,
        )?;
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    });
    let times: Vec<f64> = times.collect::<Result<_, LibraryError>>()?;
    Ok(Spread::of(times))
}

/// Searches once, so that all files are there, and gives ids spread over the library.
fn prepare(
    folder: &Path,
    n_ids: usize,
    progress: &mut Progress<'_>,
) -> Result<(Library, OpenReport, Vec<String>), LibraryError> {
    let mut library = Library::open(folder)?;
    let n_rows = library.open_catalogue(progress)?.n_rows();
    let ids = (0..n_ids).map(|at| {
        let row = Row::from_index(at * n_rows / n_ids);
        Ok(library.catalogue()?.id(row)?.to_string())
    });
    let ids: Vec<String> = ids.collect::<Result<_, LibraryError>>()?;
    let query = Query::Paper(ids[0].clone());
    library.related(&query, &RelatedOptions::default(), progress)?;
    let mut files = vec![library.index_path(), library.rows_path()];
    files.extend(library.words_paths());
    let bytes = files
        .iter()
        .filter_map(|path| Some(path.metadata().ok()?.len()));
    let report = OpenReport {
        bench: "open",
        papers: n_rows,
        index: library.index()?.describe(),
        files_bytes: bytes.sum(),
        starts: 0,
        p50_ms: 0.0,
        p90_ms: 0.0,
        min_ms: 0.0,
        max_ms: 0.0,
        warm_p50_ms: 0.0,
        warm_p90_ms: 0.0,
    };
    Ok((library, report, ids))
}
