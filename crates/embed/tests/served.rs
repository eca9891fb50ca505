//! What a server asks of a model beside unit vectors of whole texts: vectors of the length that the model gives them, and the ends of
//! texts that are too long.
#![allow(clippy::print_stdout, reason = "tests say what they measured")]

mod tiny;

use serde_json::json;
use std::fs;
use std::path::Path;
use syntopic_embed::models::{ResolveOptions, resolve_spec};
use syntopic_embed::{EmbedError, EmbedOptions, Embedder, Mode, TextKind, Tokens};
use tiny::{change, checkpoint, copy, resolve, texts};

fn load(folder: &Path, mode: Mode) -> Embedder {
    let options = EmbedOptions {
        mode,
        ..EmbedOptions::default()
    };
    Embedder::load(&resolve(folder), options).expect("a model")
}

fn read(embedder: &Embedder, texts: &[String]) -> Vec<Tokens> {
    let one = |text: &String| embedder.read(text, TextKind::Document).expect("tokens");
    texts.iter().map(one).collect()
}

/// The rows of a reference file as sentence-transformers gave them.
fn rows(folder: &Path) -> Vec<Vec<f32>> {
    let bytes = fs::read(folder.join("expected.safetensors")).expect("the reference vectors");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    let tensor = tensors.tensor("document").expect("vectors");
    let numbers = tensor.data().as_chunks::<4>().0.iter();
    let numbers: Vec<f32> = numbers.map(|b| f32::from_le_bytes(*b)).collect();
    numbers
        .chunks_exact(tensor.shape()[1])
        .map(<[f32]>::to_vec)
        .collect()
}

/// A model without Normalize: what sentence-transformers gives is of the model's own lengths.
#[test]
fn raw_vectors_are_those_of_sentence_transformers_before_they_are_normalised() {
    let folder = checkpoint("bert-mean-cased-dense");
    let (texts, expected) = (texts(), rows(&folder));
    for mode in [Mode::Stock, Mode::F32, Mode::Auto] {
        let embedder = load(&folder, mode);
        let tokens = read(&embedder, &texts);
        let raw = embedder.embed_tokens_raw(&tokens, 0).expect("vectors");
        let differences = raw.iter().flatten().zip(expected.iter().flatten());
        let largest = differences.map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        let lengths = raw
            .iter()
            .map(|row| row.iter().map(|x| x * x).sum::<f32>().sqrt());
        let lengths: Vec<f32> = lengths.collect();
        println!("{}: largest difference {largest:e}", embedder.mode());
        assert!(largest <= 3e-4, "{}: {largest}", embedder.mode());
        assert!(
            lengths.iter().any(|length| (length - 1.0).abs() > 0.1),
            "{lengths:?}"
        );
        // Alone as with others.
        let alone = embedder
            .embed_tokens_raw(&tokens[..1], 0)
            .expect("a vector");
        if mode != Mode::Stock {
            assert_eq!(alone[0], raw[0]);
        }
    }
}

#[test]
fn raw_vectors_made_unit_length_are_the_unit_vectors() {
    for name in ["bert-cls", "mpnet-mean", "qwen3-lasttoken"] {
        let embedder = load(&checkpoint(name), Mode::Auto);
        let tokens = read(&embedder, &texts());
        let raw = embedder.embed_tokens_raw(&tokens, 0).expect("vectors");
        let unit = embedder.embed_tokens(&tokens, 0).expect("vectors").vectors;
        for (raw, unit) in raw.iter().zip(unit.rows()) {
            let length = raw
                .iter()
                .map(|x| f64::from(*x).powi(2))
                .sum::<f64>()
                .sqrt();
            let apart = raw
                .iter()
                .zip(unit)
                .map(|(a, b)| (f64::from(*a) / length - f64::from(*b)).abs());
            assert!(apart.fold(0.0, f64::max) < 1e-6, "{name}");
        }
    }
}

#[test]
fn a_static_model_has_no_other_length() {
    let folder = resolve_spec("embedded", &ResolveOptions::from_env(), &mut |_| {});
    let folder = folder.expect("the model inside the library");
    let embedder = Embedder::load(&folder, EmbedOptions::default()).expect("a model");
    assert!(!embedder.gives_raw());
    let refused = embedder.embed_tokens_raw(&read(&embedder, &[String::from("graphs")]), 0);
    assert!(matches!(refused, Err(EmbedError::UnitLengthOnly)));
}

/// Of a prompt that takes no part in vectors, what is left of it after the beginning was cut takes none either.
#[test]
fn what_is_left_of_a_prompt_is_left_out() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("model");
    copy(&checkpoint("bert-cls"), &folder);
    change(&folder, "1_Pooling/config.json", |config| {
        config["pooling_mode"] = json!("mean");
        config["include_prompt"] = json!(false);
    });
    let embedder = load(&folder, Mode::F32);
    let kind = TextKind::Query;
    // The special token before it and the prompt's own.
    let whole = embedder.skipped_tokens(kind).expect("a prompt");
    assert!(whole > 3, "{whole}");
    let most = embedder.identity().max_tokens;
    let empty = embedder.read("", kind).expect("tokens").ids.len();
    let words = |n: usize| vec!["a"; n].join(" ");
    for cut in 0..whole + 3 {
        // One token a word: so many more than fit.
        let text = words(most - empty + cut);
        let (tokens, skip) = embedder.read_end(&text, kind).expect("tokens");
        assert_eq!(
            (tokens.ids.len(), tokens.truncated),
            (most, cut > 0),
            "{cut}"
        );
        let left = (whole - 1).saturating_sub(cut);
        assert_eq!(skip, if left > 0 { left + 1 } else { 0 }, "{cut} cut");
        // What counts is the text, and not what stands before it.
        let first = tokens.ids.iter().position(|id| *id == tokens.ids[most - 2]);
        assert_eq!(
            first,
            Some(if left > 0 { left + 1 } else { 1 }),
            "{cut} cut"
        );
    }
    // Nothing is left out of documents, which have no prompt.
    let long = words(most + 5);
    assert_eq!(
        embedder
            .read_end(&long, TextKind::Document)
            .expect("tokens")
            .1,
        0
    );
}
