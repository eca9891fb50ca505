//! How far the vectors of narrow numbers are from those of f32. Which integers a CPU computes with does not depend on its
//! instructions, so that what is measured here holds on every CPU but for the last bits of f32.
//!
//! The larger sets are evaluation data, found through `SYNTOPIC_EVAL_DATA`; without it their tests print that they are
//! skipped.

mod minilm;

use minilm::{embedder, go_on};
use std::path::{Path, PathBuf};
use syntopic_core::{Embeddings, dot};
use syntopic_embed::{EmbedOptions, Mode, TextKind};

/// The least that a mode must keep.
struct Floor {
    mode: Mode,
    /// Cosine with f32 of the worst text, and their mean.
    smallest: f64,
    mean: f64,
    /// The most that Spearman's correlation with human scores may differ.
    spearman: f64,
}

const FLOORS: [Floor; 3] = [
    Floor {
        mode: Mode::Int16,
        smallest: 0.999_99,
        mean: 0.999_99,
        spearman: 0.0005,
    },
    Floor {
        mode: Mode::Bf16,
        smallest: 0.999,
        mean: 0.999,
        spearman: 0.002,
    },
    Floor {
        mode: Mode::Int8,
        smallest: 0.985,
        mean: 0.995,
        spearman: 0.005,
    },
];

fn vectors<T: AsRef<str> + Sync>(mode: Mode, texts: &[T]) -> Embeddings {
    let options = EmbedOptions {
        mode,
        ..EmbedOptions::default()
    };
    embedder(options)
        .embed(texts, TextKind::Document, &mut go_on)
        .expect("vectors")
        .vectors
}

/// Smallest and mean cosine of rows, in f64; NaN is the smallest of all.
fn agreement<'a>(pairs: impl Iterator<Item = (&'a [f32], &'a [f32])>) -> (f64, f64) {
    let product = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    let cosines: Vec<f64> = pairs
        .map(|(a, b)| product(a, b) / (product(a, a) * product(b, b)).sqrt())
        .collect();
    assert!(!cosines.is_empty() && cosines.iter().all(|c| c.is_finite()));
    let smallest = cosines.iter().copied().fold(1.0, f64::min);
    (smallest, cosines.iter().sum::<f64>() / cosines.len() as f64)
}

fn of_reference(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/reference")
        .join(name)
}

/// The string called `field` of every line.
fn strings(path: &Path, field: &str) -> Vec<String> {
    let lines = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
        .filter_map(|line: serde_json::Value| Some(line.get(field)?.as_str()?.to_owned()))
        .collect()
}

#[test]
fn vectors_are_those_of_sentence_transformers() {
    let texts = strings(&of_reference("minilm.jsonl"), "text");
    let bytes = std::fs::read(of_reference("minilm.safetensors")).expect("the reference vectors");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    let expected: Vec<f32> = tensors
        .tensor("embeddings")
        .expect("embeddings")
        .data()
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect();
    assert_eq!(expected.len(), texts.len() * 384);
    for floor in FLOORS {
        let ours = vectors(floor.mode, &texts);
        let (smallest, mean) = agreement(ours.rows().zip(expected.chunks_exact(384)));
        println!(
            "{}, sentence-transformers: cosine min {smallest:.8}, mean {mean:.8} over {} texts",
            floor.mode.name(),
            texts.len()
        );
        // A scale or a column that is wrong leaves less than 0.98.
        assert!(smallest >= floor.smallest && mean >= floor.mean);
        assert!(smallest < 0.999_999_999, "it is no f32: {smallest}");
    }
}

#[test]
fn vectors_are_those_of_f32_over_a_thousand_abstracts() {
    let Some(data) = std::env::var_os("SYNTOPIC_EVAL_DATA").map(PathBuf::from) else {
        println!("skipped: SYNTOPIC_EVAL_DATA is not set, so there are no real texts");
        return;
    };
    let mut texts = Vec::new();
    for set in ["cranfield", "cisi", "cacm"] {
        let papers = data.join("retrieval").join(set).join("papers.jsonl");
        let abstracts = strings(&papers, "abstract").into_iter();
        texts.extend(abstracts.filter(|text| !text.is_empty()).take(342));
    }
    texts.truncate(1_024);
    assert_eq!(texts.len(), 1_024);
    let exact = vectors(Mode::F32, &texts);
    for floor in FLOORS {
        let ours = vectors(floor.mode, &texts);
        let (smallest, mean) = agreement(ours.rows().zip(exact.rows()));
        println!(
            "{}, f32: cosine min {smallest:.8}, mean {mean:.8} over 1,024 abstracts",
            floor.mode.name()
        );
        assert!(smallest >= floor.smallest && mean >= floor.mean);
    }
}

/// Ranks from 0; equal values in the order given.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    for (rank, index) in order.into_iter().enumerate() {
        ranks[index] = rank as f64;
    }
    ranks
}

/// Spearman's rank correlation of cosines and human scores; scores are tied, and ties in file order move it by less than
/// the two modes may differ.
fn spearman(vectors: &Embeddings, scores: &[f64]) -> f64 {
    let rows: Vec<&[f32]> = vectors.rows().collect();
    let cosines: Vec<f64> = rows
        .chunks_exact(2)
        .map(|pair| f64::from(dot(pair[0], pair[1])))
        .collect();
    let n = scores.len() as f64;
    let squares: f64 = ranks(&cosines)
        .iter()
        .zip(ranks(scores))
        .map(|(a, b)| (a - b) * (a - b))
        .sum();
    1.0 - 6.0 * squares / (n * (n * n - 1.0))
}

#[test]
fn judged_pairs_are_ranked_as_f32_ranks_them() {
    let Some(data) = std::env::var_os("SYNTOPIC_EVAL_DATA").map(PathBuf::from) else {
        println!("skipped: SYNTOPIC_EVAL_DATA is not set, so there are no real texts");
        return;
    };
    let path = data.join("sts").join("stsb_test.tsv");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let (mut scores, mut sentences) = (Vec::new(), Vec::<&str>::new());
    for line in text.lines().skip(1).filter(|line| !line.is_empty()) {
        let fields: Vec<&str> = line.split('\t').collect();
        scores.push(fields[0].parse().expect("a score"));
        sentences.extend(&fields[1..3]);
    }
    let of = |mode| spearman(&vectors(mode, &sentences), &scores);
    let exact = of(Mode::F32);
    for floor in FLOORS {
        let ours = of(floor.mode);
        println!(
            "{}, STS-B test, {} pairs, ties in file order: Spearman {ours:.5}, with f32 {exact:.5}",
            floor.mode.name(),
            scores.len()
        );
        assert!((ours - exact).abs() <= floor.spearman);
    }
}
