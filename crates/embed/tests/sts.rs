//! Human similarity judgments: all-MiniLM-L6-v2 scores what its published evaluation says.
//!
//! The pairs are evaluation data, found through `SYNTOPIC_EVAL_DATA`; without it the test prints that it is skipped.

mod minilm;

use minilm::{embedder, go_on};
use std::collections::HashMap;
use std::path::Path;
use syntopic_core::{Row, dot};
use syntopic_embed::models::{EMBEDDED, ResolveOptions, resolve_spec};
use syntopic_embed::{EmbedOptions, Embedder, TextKind};

/// Pairs of a `score<TAB>sentence1<TAB>sentence2` file with a header.
fn pairs(path: &Path) -> Vec<(f64, String, String)> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines()
        .skip(1)
        .filter(|line| !line.is_empty())
        .map(|line| match line.split('\t').collect::<Vec<_>>()[..] {
            [score, a, b] => (score.parse().expect("a score"), a.to_owned(), b.to_owned()),
            _ => panic!("{}: {line:?} has no three fields", path.display()),
        })
        .collect()
}

/// Spearman's rank correlation of cosine and human score, over the pairs of a file.
fn spearman_of(embedder: &Embedder, path: &Path) -> f64 {
    let pairs = pairs(path);
    let mut sentences: Vec<&str> = pairs
        .iter()
        .flat_map(|(_, a, b)| [a.as_str(), b.as_str()])
        .collect();
    sentences.sort_unstable();
    sentences.dedup();
    let index: HashMap<&str, Row> = sentences
        .iter()
        .enumerate()
        .map(|(i, s)| (*s, Row::from_index(i)))
        .collect();
    let vectors = embedder
        .embed(&sentences, TextKind::Document, &mut go_on)
        .expect("vectors")
        .vectors;
    let cosines: Vec<f64> = pairs
        .iter()
        .map(|(_, a, b)| {
            f64::from(dot(
                vectors.row(index[a.as_str()]),
                vectors.row(index[b.as_str()]),
            ))
        })
        .collect();
    let scores: Vec<f64> = pairs.iter().map(|(score, ..)| *score).collect();
    pearson(&ranks(&cosines), &ranks(&scores))
}

/// Ranks from 0, equal values sharing their mean rank.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for group in order.chunk_by(|&i, &j| values[i] == values[j]) {
        let mean = first as f64 + (group.len() - 1) as f64 / 2.0;
        group.iter().for_each(|&i| ranks[i] = mean);
        first += group.len();
    }
    ranks
}

fn pearson(x: &[f64], y: &[f64]) -> f64 {
    let n = x.len() as f64;
    let (mx, my) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let covariance: f64 = x.iter().zip(y).map(|(a, b)| (a - mx) * (b - my)).sum();
    let variance = |v: &[f64], m: f64| v.iter().map(|a| (a - m) * (a - m)).sum::<f64>();
    covariance / (variance(x, mx) * variance(y, my)).sqrt()
}

#[test]
fn ranks_share_ties() {
    assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [2.5, 0.0, 2.5, 1.0]);
    assert!((pearson(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]) - 1.0).abs() < 1e-12);
}

#[test]
fn spearman_on_sts_b_is_the_published_one() {
    let Some(data) = std::env::var_os("SYNTOPIC_EVAL_DATA") else {
        println!("skipped: SYNTOPIC_EVAL_DATA is not set, so there are no judged pairs");
        return;
    };
    let sts = Path::new(&data).join("sts");
    let embedder = embedder(EmbedOptions::default());
    let stsb = spearman_of(&embedder, &sts.join("stsb_test.tsv"));
    println!("STS-B test: cosine Spearman {stsb:.5} (published 0.82032)");
    let sick = spearman_of(&embedder, &sts.join("sick_all.tsv"));
    println!("SICK-R: cosine Spearman {sick:.5} (published 0.77582)");
    assert!((stsb - 0.8203).abs() <= 0.0005, "STS-B {stsb}");
    assert!((sick - 0.7758).abs() <= 0.0005, "SICK-R {sick}");
}

/// The model inside the binary, which is quicker and weaker (its teacher has 0.8203).
#[test]
fn spearman_of_the_embedded_model_is_what_its_page_says() {
    let Some(data) = std::env::var_os("SYNTOPIC_EVAL_DATA") else {
        println!("skipped: SYNTOPIC_EVAL_DATA is not set, so there are no judged pairs");
        return;
    };
    let folder = resolve_spec(EMBEDDED, &ResolveOptions::from_env(), &mut |_| {});
    let embedder = Embedder::load(&folder.expect("it is there"), EmbedOptions::default());
    let embedder = embedder.expect("a usable model");
    let sts = Path::new(&data).join("sts");
    let stsb = spearman_of(&embedder, &sts.join("stsb_test.tsv"));
    let sick = spearman_of(&embedder, &sts.join("sick_all.tsv"));
    println!("embedded: STS-B test {stsb:.5}, SICK-R {sick:.5}");
    assert!((stsb - 0.7317).abs() <= 0.0005, "STS-B {stsb}");
}
