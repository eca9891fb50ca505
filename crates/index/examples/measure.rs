#![allow(missing_docs, clippy::print_stdout)]
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::time::Instant;
use syntopic_core::{Embeddings, Row};
use syntopic_index::*;

fn clustered(n: usize, dim: usize, k: usize, noise: f32, sorted: bool, seed: u64) -> Embeddings {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut g = || (0..6).map(|_| rng.r#gen::<f32>()).sum::<f32>() - 3.0;
    let centres: Vec<Vec<f32>> = (0..k).map(|_| (0..dim).map(|_| g()).collect()).collect();
    let mut data = Vec::with_capacity(n * dim);
    for i in 0..n {
        let c = if sorted { i * k / n } else { (i * 7919) % k };
        let v: Vec<f32> = centres[c].iter().map(|x| x + noise * g()).collect();
        let len = v.iter().map(|x| x * x).sum::<f32>().sqrt();
        data.extend(v.iter().map(|x| x / len));
    }
    Embeddings::new(data, dim).unwrap()
}

fn main() {
    let dim = 384;
    let args: Vec<usize> = std::env::args()
        .skip(1)
        .map(|a| a.parse().unwrap())
        .collect();
    let noise: f32 = std::env::var("NOISE").map_or(1.0, |v| v.parse().unwrap());
    let efc: usize = std::env::var("EFC").map_or(200, |v| v.parse().unwrap());
    let det = std::env::var("PAR").is_err();
    for n in args {
        for sorted in [false] {
            let rows = clustered(n, dim, (n / 100).max(1), noise, sorted, 1);
            let t = Instant::now();
            let o = IndexOptions {
                kind: Kind::Hnsw,
                ef_construction: efc,
                deterministic: det,
                ..Default::default()
            };
            let index = Index::build(&rows, &o, &mut |_| ()).unwrap();
            println!(
                "n {n} sorted {sorted} build {:.2}s {:?}",
                t.elapsed().as_secs_f64(),
                index.audit()
            );
            println!(
                "  {} bytes {}",
                index.describe(),
                index.to_bytes([0; 32]).len()
            );
            let qs: Vec<Row> = (0..200).map(|i| Row((i * 31 % n) as u32)).collect();
            let t = Instant::now();
            for q in &qs {
                std::hint::black_box(exact(&rows, rows.row(*q), 10));
            }
            println!(
                "  exact {:.1} us",
                t.elapsed().as_secs_f64() * 1e6 / qs.len() as f64
            );
            for ef in [32, 64, 128, 256] {
                let t = Instant::now();
                let mut ok = 0;
                for q in &qs {
                    std::hint::black_box(index.search(&rows, rows.row(*q), 10, Some(ef)).unwrap());
                }
                let us = t.elapsed().as_secs_f64() * 1e6 / qs.len() as f64;
                for q in &qs {
                    let a = index.search(&rows, rows.row(*q), 10, Some(ef)).unwrap();
                    let b = exact(&rows, rows.row(*q), 10);
                    ok += a.iter().filter(|h| h.score >= b[9].score).count();
                }
                println!(
                    "  ef {ef} {us:.1} us recall {:.4}",
                    ok as f64 / (10 * qs.len()) as f64
                );
            }
        }
    }
}
