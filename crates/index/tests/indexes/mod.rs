//! Rows, options and indexes that the tests are made of.
#![allow(dead_code, reason = "each test binary uses a part")]

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use syntopic_core::Embeddings;
use syntopic_index::{Effort, Index, IndexOptions, Kind};

/// Small enough that indexes of a few hundred rows walk their graph.
pub(crate) const EF: usize = 8;

pub(crate) fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector
        .iter()
        .map(|v| f64::from(*v).powi(2))
        .sum::<f64>()
        .sqrt() as f32;
    vector.iter_mut().for_each(|v| *v /= length);
    vector
}

/// `n` rows around `clusters` centres; `spread` 0 makes the rows of a cluster identical.
pub(crate) fn clustered(
    n: usize,
    dim: usize,
    clusters: usize,
    spread: f32,
    seed: u64,
) -> Vec<Vec<f32>> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut normal = || (0..12).map(|_| rng.r#gen::<f32>()).sum::<f32>() - 6.0;
    let centres: Vec<Vec<f32>> = (0..clusters)
        .map(|_| (0..dim).map(|_| normal()).collect())
        .collect();
    (0..n)
        .map(|i| {
            unit(
                centres[i % clusters]
                    .iter()
                    .map(|c| c + spread * normal())
                    .collect(),
            )
        })
        .collect()
}

pub(crate) fn embeddings(rows: &[Vec<f32>]) -> Embeddings {
    Embeddings::new(rows.concat(), rows.first().map_or(1, Vec::len)).expect("unit rows")
}

pub(crate) fn options(kind: Kind) -> IndexOptions {
    IndexOptions {
        kind,
        effort: Effort::Ef(EF),
        ef_construction: 40,
        m: 8,
        ..IndexOptions::default()
    }
}

pub(crate) fn build(rows: &Embeddings, options: &IndexOptions) -> Index {
    Index::build(rows, options, &mut |_| std::ops::ControlFlow::Continue(()))
        .expect("the options are right")
}
