//! Exact and HNSW queries by number of rows: what [`syntopic_index::DEFAULT_EXACT_BELOW`] rests on.
//!
//! `cargo bench --bench index`; 384 numbers a row, clustered as embeddings are, 10 neighbours, one query at a time. Recall,
//! and the same on real vectors: `syntopic bench index`.

use std::hint::black_box;
use std::ops::ControlFlow;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use syntopic_core::{Embeddings, Row};
use syntopic_index::{Builder, Index, IndexOptions, Kind, exact, exact_batch};

const DIM: usize = 384;
const K: usize = 10;
const SIZES: [usize; 5] = [1_000, 5_000, 10_000, 20_000, 50_000];

/// A fixed sequence of numbers from -1 to 1 (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// `n` unit rows, a hundred to a cluster, twice as far spread within it as the centres are.
fn clustered(n: usize) -> Embeddings {
    let mut numbers = Numbers(n as u64);
    let clusters = n.div_ceil(100);
    let centres: Vec<f32> = (0..clusters * DIM).map(|_| numbers.next()).collect();
    let mut data = Vec::with_capacity(n * DIM);
    for row in 0..n {
        let centre = &centres[row % clusters * DIM..][..DIM];
        let vector: Vec<f32> = centre.iter().map(|c| c + 2.0 * numbers.next()).collect();
        let length = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
        data.extend(vector.iter().map(|v| v / length));
    }
    Embeddings::new(data, DIM).expect("unit rows")
}

fn hnsw(rows: &Embeddings) -> Index {
    let options = IndexOptions {
        kind: Kind::Hnsw,
        ..IndexOptions::default()
    };
    Index::build(rows, &options, &mut |_| ControlFlow::Continue(())).expect("the options are right")
}

fn queries(c: &mut Criterion) {
    let mut group = c.benchmark_group("index query");
    group
        .sample_size(20)
        .measurement_time(std::time::Duration::from_secs(2));
    for n in SIZES {
        let rows = clustered(n);
        let mut at = 0;
        let mut query = || {
            at = (at + 7_919) % n;
            rows.row(Row::from_index(at))
        };
        group.bench_function(BenchmarkId::new("exact", n), |b| {
            b.iter(|| black_box(exact(&rows, query(), K)))
        });
        let index = hnsw(&rows);
        for ef in [48, 96] {
            group.bench_function(BenchmarkId::new(format!("hnsw ef {ef}"), n), |b| {
                b.iter(|| {
                    black_box(
                        index
                            .search(&rows, query(), K, Some(ef))
                            .expect("a row is a query"),
                    )
                });
            });
        }
    }
    group.finish();
}

fn batches(c: &mut Criterion) {
    let mut group = c.benchmark_group("index batch of 300");
    group.sample_size(10);
    let rows = clustered(10_000);
    let queries = clustered(300);
    group.bench_function("exact", |b| {
        b.iter(|| black_box(exact_batch(&rows, &queries, K)))
    });
    let index = hnsw(&rows);
    group.bench_function("hnsw", |b| {
        b.iter(|| {
            black_box(
                index
                    .search_batch(&rows, &queries, K, None)
                    .expect("queries"),
            )
        });
    });
    group.finish();
}

fn builds(c: &mut Criterion) {
    let mut group = c.benchmark_group("index build");
    group.sample_size(10);
    for n in [1_000, 5_000] {
        let rows = clustered(n);
        for builder in [Builder::Own, Builder::HnswRs] {
            let options = IndexOptions {
                kind: Kind::Hnsw,
                builder,
                ..IndexOptions::default()
            };
            group.bench_function(BenchmarkId::new(format!("{builder:?}"), n), |b| {
                b.iter(|| {
                    Index::build(&rows, &options, &mut |_| ControlFlow::Continue(()))
                        .expect("the options are right")
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, queries, batches, builds);
criterion_main!(benches);
