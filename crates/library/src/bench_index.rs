//! How fast and how completely the index answers, in the figures that its peers are measured in.

mod churn;
mod open;

pub use churn::{ChurnPoint, ChurnReport, churn};
pub use open::{OpenReport, open};

use crate::{Event, LibraryError, Progress, npy};
use rayon::ThreadPool;
use serde::Serialize;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use syntopic_core::{Embeddings, Row};
use syntopic_index::{Builder, Hit, Index, IndexOptions, Kind, exact, exact_batch};

/// A figure is the median of this many repeats.
const REPEATS: usize = 3;

/// Each of which lasts at least so long.
const REPEAT_FOR: Duration = Duration::from_millis(300);

/// Queries asked one at a time.
const SINGLES: usize = 300;

/// What is measured.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexBench {
    /// A `.npy` file of 32-bit floats, a row a vector: what is indexed.
    pub base: PathBuf,
    /// Such a file of queries. Without it the last rows of `base` are held out.
    pub queries: Option<PathBuf>,
    /// How many are held out. Default 1,000.
    pub n_queries: usize,
    /// Neighbours asked for. Default 10.
    pub k: usize,
    /// The efforts measured. Default 16 to 256, as the peers are.
    pub efforts: Vec<usize>,
    /// Whether `hnsw_rs` builds the graph, the baseline of our own build. Default no.
    pub hnsw_rs: bool,
}

impl IndexBench {
    /// The defaults, of a file of vectors.
    #[must_use]
    pub fn of(base: PathBuf) -> Self {
        let efforts = vec![16, 24, 32, 48, 64, 96, 128, 192, 256];
        Self {
            base,
            queries: None,
            n_queries: 1_000,
            k: 10,
            efforts,
            hnsw_rs: false,
        }
    }
}

/// The figures of one effort.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct IndexPoint {
    /// Rows kept in view.
    pub ef: usize,
    /// Share of the true nearest that were found.
    pub recall: f64,
    /// Queries a second in a batch, one thread.
    pub qps_1t: f64,
    /// The same with two.
    pub qps_2t: f64,
    /// Median of one query a call, in microseconds.
    pub p50_us: f64,
}

/// The figures of exact search.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ExactPoint {
    /// Queries a second in a batch, one thread.
    pub qps_1t: f64,
    /// The same with two.
    pub qps_2t: f64,
    /// Queries a second, one a call, one thread, of rows made ready: each search but the first is one of those.
    pub qps_single_call_1t: f64,
    /// The same of rows as they are, without anything made ready.
    pub qps_single_plain_1t: f64,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IndexBenchReport {
    /// `knn`, as the peers say.
    pub bench: &'static str,
    /// Which index.
    pub peer: &'static str,
    /// Rows indexed.
    pub n: usize,
    /// Numbers a row.
    pub dim: usize,
    /// Queries.
    pub nq: usize,
    /// Neighbours asked for.
    pub k: usize,
    /// Threads that built the index.
    pub build_threads: usize,
    /// Seconds that took, calibration included.
    pub build_s: f64,
    /// Bytes of the index: graph and compact vectors. The rows themselves are not counted.
    pub index_bytes: usize,
    /// Milliseconds to open its file and answer once, the median of a few.
    pub open_ms: f64,
    /// What the index says of itself.
    pub index: String,
    /// The effort it chose by itself, and the recall it expects of it.
    pub calibrated: (usize, f64),
    /// Each effort's figures.
    pub points: Vec<IndexPoint>,
    /// Those of comparing every row.
    pub exact: ExactPoint,
}

/// Measures.
///
/// # Errors
/// When a file is no matrix of vectors, there are too few rows, or the folder for temporary files is full.
pub fn index(
    bench: &IndexBench,
    progress: &mut Progress<'_>,
) -> Result<IndexBenchReport, LibraryError> {
    if bench.k == 0 {
        return Err(LibraryError::ZeroK);
    }
    let (rows, queries) = vectors(bench)?;
    let threads = [pool(1)?, pool(2)?];
    let truth = exact_batch(&rows, &queries, bench.k);
    let options = IndexOptions {
        kind: Kind::Hnsw,
        builder: if bench.hnsw_rs {
            Builder::HnswRs
        } else {
            Builder::Own
        },
        ..IndexOptions::default()
    };
    let _ = progress(Event::Indexing {
        done: 0,
        of: rows.n_rows(),
    });
    let begun = Instant::now();
    let index =
        threads[1].install(|| Index::build(&rows, &options, &mut |_| ControlFlow::Continue(())))?;
    let build_s = begun.elapsed().as_secs_f64();
    let open_ms = open_ms(&index, &rows, &queries)?;
    let mut points = Vec::new();
    for &ef in &bench.efforts {
        points.push(point(&index, (&rows, &queries), &truth, ef, &threads)?);
    }
    Ok(IndexBenchReport {
        bench: "knn",
        peer: if bench.hnsw_rs {
            "syntopic, graph by hnsw_rs"
        } else {
            "syntopic"
        },
        n: rows.n_rows(),
        dim: rows.dim(),
        nq: queries.n_rows(),
        k: bench.k,
        build_threads: 2,
        build_s,
        index_bytes: index.n_bytes(),
        open_ms,
        index: index.describe(),
        calibrated: (index.calibration().ef, index.calibration().recall),
        points,
        exact: exact_point(&rows, &queries, bench.k, &threads)?,
    })
}

/// The rows to be indexed, and the queries.
fn vectors(bench: &IndexBench) -> Result<(Embeddings, Embeddings), LibraryError> {
    let all = npy::read_unit_rows(&bench.base)?;
    let (rows, queries) = match &bench.queries {
        Some(path) => (all, npy::read_unit_rows(path)?),
        None => {
            let n = all.n_rows().saturating_sub(bench.n_queries) as u32;
            let part = |from, to| all.select((from..to).map(Row));
            (part(0, n), part(n, all.n_rows() as u32))
        }
    };
    if rows.dim() != queries.dim() {
        let path = bench.queries.as_ref().unwrap_or(&bench.base).clone();
        let why = format!(
            "its queries have {} numbers, the rows of {} have {}: both must be of one model",
            queries.dim(),
            bench.base.display(),
            rows.dim()
        );
        return Err(LibraryError::Matrix { path, why });
    }
    if rows.n_rows() < bench.k || queries.is_empty() {
        let held_out = match bench.queries {
            Some(_) => String::new(),
            None => format!(
                ". Of this file's rows the last {} are held out as queries: --nq says how many",
                bench.n_queries
            ),
        };
        let why = format!(
            "{} rows to index and {} queries: at least {} rows and 1 query are needed{held_out}",
            rows.n_rows(),
            queries.n_rows(),
            bench.k
        );
        return Err(LibraryError::Matrix {
            path: bench.base.clone(),
            why,
        });
    }
    Ok((rows, queries))
}

fn pool(threads: usize) -> Result<ThreadPool, LibraryError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| LibraryError::Io {
            path: PathBuf::from("threads"),
            source: std::io::Error::other(error),
        })
}

fn point(
    index: &Index,
    (rows, queries): (&Embeddings, &Embeddings),
    truth: &[Vec<Hit>],
    ef: usize,
    threads: &[ThreadPool; 2],
) -> Result<IndexPoint, LibraryError> {
    let k = truth[0].len();
    let found = index.search_batch(rows, queries, k, Some(ef))?;
    let right: usize = found
        .iter()
        .zip(truth)
        .map(|(hits, truth)| n_right(hits, truth))
        .sum();
    let [qps_1t, qps_2t] = threads.each_ref().map(|threads| {
        let seconds = threads
            .install(|| timed(|| drop(black_box(index.search_batch(rows, queries, k, Some(ef))))));
        queries.n_rows() as f64 / seconds
    });
    let mut singles: Vec<f64> = queries
        .rows()
        .take(SINGLES)
        .map(|query| {
            let begun = Instant::now();
            black_box(index.search(rows, query, k, Some(ef)).ok());
            begun.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    let recall = right as f64 / (truth.len() * k) as f64;
    Ok(IndexPoint {
        ef,
        recall,
        qps_1t,
        qps_2t,
        p50_us: median(&mut singles),
    })
}

/// Hits that are as near as the last true one: which of several equally near rows is found does not matter.
fn n_right(hits: &[Hit], truth: &[Hit]) -> usize {
    let least = truth.last().map_or(f32::INFINITY, |hit| hit.score);
    hits.iter().filter(|hit| hit.score >= least).count()
}

fn exact_point(
    rows: &Embeddings,
    queries: &Embeddings,
    k: usize,
    threads: &[ThreadPool; 2],
) -> Result<ExactPoint, LibraryError> {
    let options = IndexOptions {
        kind: Kind::Exact,
        ..IndexOptions::default()
    };
    let index = Index::build(rows, &options, &mut |_| ControlFlow::Continue(()))?;
    // The rows are made ready once, as peers' rows are when they are added.
    index.search_batch(rows, queries, k, None)?;
    let [qps_1t, qps_2t] = threads.each_ref().map(|threads| {
        let all = || drop(black_box(index.search_batch(rows, queries, k, None)));
        queries.n_rows() as f64 / threads.install(|| timed(all))
    });
    let some = queries.n_rows().min(SINGLES);
    let singles = |one: &(dyn Fn(&[f32]) + Sync)| {
        let all = || queries.rows().take(some).for_each(one);
        some as f64 / threads[0].install(|| timed(all))
    };
    Ok(ExactPoint {
        qps_1t,
        qps_2t,
        qps_single_call_1t: singles(&|query| drop(black_box(index.search(rows, query, k, None)))),
        qps_single_plain_1t: singles(&|query| drop(black_box(exact(rows, query, k)))),
    })
}

/// The median of a few openings of the index's file, each asked once.
fn open_ms(index: &Index, rows: &Embeddings, queries: &Embeddings) -> Result<f64, LibraryError> {
    let io = |source| LibraryError::Io {
        path: std::env::temp_dir(),
        source,
    };
    let file = tempfile::NamedTempFile::new().map_err(io)?;
    std::fs::write(file.path(), index.to_bytes([0; 32])).map_err(io)?;
    let mut times = Vec::new();
    for _ in 0..5 {
        let begun = Instant::now();
        let opened = Index::open(file.path(), [0; 32], rows.n_rows())?;
        black_box(opened.search(rows, queries.row(Row(0)), 1, None)?);
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median(&mut times))
}

/// Seconds that `work` takes: the median of a few repeats of at least a while.
fn timed(mut work: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..REPEATS)
        .map(|_| {
            let begun = Instant::now();
            let mut n = 0;
            while n == 0 || begun.elapsed() < REPEAT_FOR {
                work();
                n += 1;
            }
            begun.elapsed().as_secs_f64() / f64::from(n)
        })
        .collect();
    median(&mut times)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
