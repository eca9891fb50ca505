//! What an index is worth after rows were deleted and added, beside a fresh one.

use super::{IndexBench, n_right, pool, vectors};
use crate::{Event, LibraryError, Progress};
use serde::Serialize;
use std::ops::ControlFlow;
use std::time::Instant;
use syntopic_core::{Embeddings, Row};
use syntopic_index::{Hit, Index, IndexOptions, Kind, exact_batch};

/// Recall at one effort.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ChurnPoint {
    /// Rows kept in view.
    pub ef: usize,
    /// Recall of the index that was changed.
    pub recall_changed: f64,
    /// Recall of one built from the same rows.
    pub recall_fresh: f64,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChurnReport {
    /// `churn`.
    pub bench: &'static str,
    /// Rows before and after.
    pub n: usize,
    /// Numbers a row.
    pub dim: usize,
    /// Queries, from outside.
    pub nq: usize,
    /// Neighbours asked for.
    pub k: usize,
    /// Rows deleted, and as many others added.
    pub changed_rows: usize,
    /// Seconds to make the index current, two threads, calibration included.
    pub refresh_s: f64,
    /// Seconds to build it from the new rows.
    pub build_s: f64,
    /// Rows that no search reaches afterwards.
    pub unreachable: usize,
    /// Each effort's recall.
    pub points: Vec<ChurnPoint>,
    /// The most that recall lost at any effort.
    pub largest_loss: f64,
}

/// Builds an index of a part of the rows, deletes `share` of them and adds as many of the rest, and compares it with a fresh
/// one. The deleted are spread evenly; the added are the last rows of the file, which no index was made for.
///
/// # Errors
/// As [`super::index`], and when `share` is not between 0 and 0.5.
pub fn churn(
    bench: &IndexBench,
    share: f64,
    progress: &mut Progress<'_>,
) -> Result<ChurnReport, LibraryError> {
    if !(share > 0.0 && share <= 0.5) {
        return Err(LibraryError::ChurnShare { got: share });
    }
    let (rows, queries) = vectors(bench)?;
    let (before, after, changed_rows) = before_and_after(&rows, share);
    let options = IndexOptions {
        kind: Kind::Hnsw,
        ..IndexOptions::default()
    };
    let of = rows.n_rows();
    let _ = progress(Event::Indexing { done: 0, of });
    let threads = pool(2)?;
    let timed = |work: &mut (dyn FnMut() -> Result<Index, LibraryError> + Send)| {
        let begun = Instant::now();
        let index = threads.install(work)?;
        Ok::<_, LibraryError>((index, begun.elapsed().as_secs_f64()))
    };
    let old =
        threads.install(|| Index::build(&before, &options, &mut |_| ControlFlow::Continue(())))?;
    let (changed, refresh_s) = timed(&mut || {
        Ok(old
            .refresh(&after, &options, &mut |_| ControlFlow::Continue(()))?
            .0)
    })?;
    let (fresh, build_s) = timed(&mut || {
        Ok(Index::build(&after, &options, &mut |_| {
            ControlFlow::Continue(())
        })?)
    })?;
    let truth = exact_batch(&after, &queries, bench.k);
    let mut points = Vec::new();
    for &ef in &bench.efforts {
        let recall = |index: &Index| recall(index, (&after, &queries), &truth, ef);
        points.push(ChurnPoint {
            ef,
            recall_changed: recall(&changed)?,
            recall_fresh: recall(&fresh)?,
        });
    }
    let losses = points.iter().map(|p| p.recall_fresh - p.recall_changed);
    Ok(ChurnReport {
        bench: "churn",
        n: after.n_rows(),
        dim: after.dim(),
        nq: queries.n_rows(),
        k: bench.k,
        changed_rows,
        refresh_s,
        build_s,
        unreachable: changed.unreachable(),
        largest_loss: losses.fold(0.0, f64::max),
        points,
    })
}

/// The rows at first, those later, and how many of them changed.
fn before_and_after(rows: &Embeddings, share: f64) -> (Embeddings, Embeddings, usize) {
    let n = (rows.n_rows() as f64 / (1.0 + share)) as usize;
    let changed = rows.n_rows() - n;
    // Row i goes when i * changed / n passes a whole number: `changed` of them, evenly.
    let goes = |i: usize| (i + 1) * changed / n > i * changed / n;
    let part = |keep: &dyn Fn(usize) -> bool| {
        let kept = (0..rows.n_rows()).filter(|i| keep(*i));
        rows.select(kept.map(Row::from_index))
    };
    let before = part(&|i| i < n);
    let after = part(&|i| i >= n || !goes(i));
    (before, after, changed)
}

fn recall(
    index: &Index,
    (rows, queries): (&Embeddings, &Embeddings),
    truth: &[Vec<Hit>],
    ef: usize,
) -> Result<f64, LibraryError> {
    let k = truth[0].len();
    let found = index.search_batch(rows, queries, k, Some(ef))?;
    let right: usize = found
        .iter()
        .zip(truth)
        .map(|(hits, truth)| n_right(hits, truth))
        .sum();
    Ok(right as f64 / (truth.len() * k) as f64)
}
