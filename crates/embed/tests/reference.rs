//! all-MiniLM-L6-v2 gives the vectors and token ids that sentence-transformers gives, alone and in batches.
#![allow(clippy::print_stdout, reason = "tests say what they measured")]

mod minilm;

use minilm::{embedder, go_on};
use serde::Deserialize;
use std::path::PathBuf;
use syntopic_core::{Row, dot};
use syntopic_embed::models::{ModelFolder, ResolveOptions, resolve_spec};
use syntopic_embed::{EmbedOptions, Embedder, Mode, TextKind};

/// One line of `minilm.jsonl`.
#[derive(Deserialize)]
struct Reference {
    text: String,
    ids: Vec<u32>,
    n_tokens: usize,
}

fn reference_file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/reference")
        .join(name)
}

fn references() -> (Vec<Reference>, Vec<f32>) {
    let lines =
        std::fs::read_to_string(reference_file("minilm.jsonl")).expect("the reference texts");
    let references: Vec<Reference> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("a reference"))
        .collect();
    let bytes = std::fs::read(reference_file("minilm.safetensors")).expect("the reference vectors");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    let tensor = tensors.tensor("embeddings").expect("embeddings");
    assert_eq!(tensor.shape(), [references.len(), 384]);
    let vectors = tensor
        .data()
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect();
    (references, vectors)
}

/// The texts that differ most from the reference.
struct Worst {
    /// Smallest cosine, and of which text.
    cosine: (f64, usize),
    /// Largest difference of two numbers, and of which text.
    difference: (f32, usize),
}

fn worst(embedder: &Embedder, references: &[Reference], expected: &[f32]) -> Worst {
    let texts: Vec<&str> = references.iter().map(|r| r.text.as_str()).collect();
    let embedded = embedder
        .embed(&texts, TextKind::Document, &mut go_on)
        .expect("vectors");
    let length = |v: &[f32]| {
        v.iter()
            .map(|x| f64::from(*x) * f64::from(*x))
            .sum::<f64>()
            .sqrt()
    };
    let mut worst = Worst {
        cosine: (1.0, 0),
        difference: (0.0, 0),
    };
    for (i, row) in expected.chunks_exact(384).enumerate() {
        let ours = embedded.vectors.row(Row::from_index(i));
        let product: f64 = ours
            .iter()
            .zip(row)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum();
        let cosine = product / (length(ours) * length(row));
        let difference = ours
            .iter()
            .zip(row)
            .map(|(a, b)| (a - b).abs())
            .fold(0f32, f32::max);
        // Written so that NaN is the worst of all.
        if cosine.total_cmp(&worst.cosine.0).is_lt() || cosine.is_nan() {
            worst.cosine = (cosine, i);
        }
        if difference > worst.difference.0 {
            worst.difference = (difference, i);
        }
    }
    worst
}

#[test]
fn token_ids_and_truncation_are_those_of_sentence_transformers() {
    let embedder = embedder(EmbedOptions::default());
    let (references, _) = references();
    for reference in &references {
        let tokens = embedder.tokenize(&reference.text).expect("tokens");
        let start: String = reference.text.chars().take(60).collect();
        assert_eq!(tokens.ids, reference.ids, "{start:?}");
        assert_eq!(
            tokens.truncated,
            reference.n_tokens > 256,
            "{start:?} has {} tokens",
            reference.n_tokens
        );
    }
    println!("token ids equal for {} texts", references.len());
}

#[test]
fn vectors_are_those_of_sentence_transformers_alone_and_in_batches() {
    let (references, expected) = references();
    let default = EmbedOptions::default().batch_tokens;
    // Candle's BERT takes long, and the next test batches it otherwise.
    for (mode, budgets) in [
        (Mode::Stock, &[default][..]),
        (Mode::F32, &[1, default, 4_096]),
    ] {
        for &batch_tokens in budgets {
            let embedder = embedder(EmbedOptions {
                batch_tokens,
                mode,
                ..EmbedOptions::default()
            });
            let worst = worst(&embedder, &references, &expected);
            println!(
                "{}, batches of {batch_tokens} tokens: smallest cosine {:.8}, largest difference {:e} over {} texts",
                embedder.mode(),
                worst.cosine.0,
                worst.difference.0,
                references.len()
            );
            assert!(
                worst.cosine.0 >= 0.999_99,
                "{:?} has cosine {}",
                references[worst.cosine.1].text,
                worst.cosine.0
            );
            assert!(
                worst.difference.0 <= 2e-6,
                "{:?} differs by {}",
                references[worst.difference.1].text,
                worst.difference.0
            );
        }
    }
}

#[test]
fn a_batch_gives_what_its_members_give_alone() {
    let (references, _) = references();
    let texts: Vec<&str> = references.iter().map(|r| r.text.as_str()).collect();
    for mode in [Mode::Stock, Mode::F32] {
        let vectors = |batch_tokens| {
            embedder(EmbedOptions {
                batch_tokens,
                mode,
                ..EmbedOptions::default()
            })
            .embed(&texts, TextKind::Document, &mut go_on)
            .expect("vectors")
        };
        let (alone, together) = (vectors(1), vectors(4_096));
        assert!(
            together.batches.len() * 2 < alone.batches.len(),
            "the second really batches"
        );
        for (index, (a, b)) in alone
            .vectors
            .rows()
            .zip(together.vectors.rows())
            .enumerate()
        {
            let largest = a
                .iter()
                .zip(b)
                .map(|(x, y)| (x - y).abs())
                .fold(0f32, f32::max);
            // Padding moves Candle's sums; the packed encoder has none.
            let allowed = if mode == Mode::Stock { 1e-5 } else { 0.0 };
            assert!(
                largest <= allowed,
                "{mode:?}: {:?} differs by {largest}",
                texts[index]
            );
            assert!(dot(a, b) > 0.999_999, "{:?}: {}", texts[index], dot(a, b));
        }
    }
}

#[test]
fn very_long_texts_are_cut_and_counted() {
    let embedder = embedder(EmbedOptions::default());
    let words = "self-supervised représentation 学习 ".repeat(10_000_000 / 38);
    assert!(words.len() > 9_000_000);
    let embedded = embedder
        .embed(&[words.as_str(), "short"], TextKind::Document, &mut go_on)
        .expect("vectors");
    assert_eq!(embedded.truncated, [true, false]);
    assert_eq!(embedded.tokens[0], 256);
    let head: String = words.chars().take(10_000).collect();
    assert_eq!(
        embedder.tokenize(&words).expect("tokens").ids,
        embedder.tokenize(&head).expect("tokens").ids
    );
}

/// The tiny BERT with CLS pooling and a query prompt, in the layout that sentence-transformers writes since version 6.
fn tiny() -> ModelFolder {
    let folder = reference_file("tiny/bert-cls");
    let options = ResolveOptions::from_env();
    resolve_spec(&folder.display().to_string(), &options, &mut |_| {}).expect("a model folder")
}

fn assert_tiny(folder: &ModelFolder) {
    let texts = std::fs::read_to_string(reference_file("tiny/texts.json")).expect("texts");
    let texts: Vec<String> = serde_json::from_str(&texts).expect("a list of texts");
    let bytes =
        std::fs::read(folder.folder.join("expected.safetensors")).expect("the reference vectors");
    let expected = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    for (mode, batch_tokens) in [
        (Mode::Stock, 1),
        (Mode::Stock, 1_000),
        (Mode::F32, 1),
        (Mode::F32, 1_000),
    ] {
        let embedder = Embedder::load(
            folder,
            EmbedOptions {
                batch_tokens,
                mode,
                ..EmbedOptions::default()
            },
        )
        .expect("a usable model");
        for (name, kind) in [("document", TextKind::Document), ("query", TextKind::Query)] {
            let tensor = expected.tensor(name).expect("reference vectors");
            let ours = embedder
                .embed(&texts, kind, &mut go_on)
                .expect("vectors")
                .vectors;
            assert_eq!(tensor.shape(), [ours.n_rows(), ours.dim()]);
            let numbers = tensor
                .data()
                .as_chunks::<4>()
                .0
                .iter()
                .map(|b| f32::from_le_bytes(*b));
            let largest = numbers
                .zip(ours.as_slice())
                .map(|(a, b)| (a - b).abs())
                .fold(0f32, f32::max);
            println!(
                "bert-cls, {}, {name}, batches of {batch_tokens}: largest difference {largest:e}",
                embedder.mode()
            );
            assert!(largest <= 2e-6, "{name}: {largest}");
        }
    }
}

#[test]
fn cls_pooling_and_prompts_are_those_of_sentence_transformers() {
    assert_tiny(&tiny());
}

#[test]
fn the_older_generation_of_configuration_files_gives_the_same_vectors() {
    let newer = tiny();
    let older = tempfile::tempdir().expect("a folder");
    for file in [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "config_sentence_transformers.json",
        "expected.safetensors",
    ] {
        std::fs::copy(newer.folder.join(file), older.path().join(file)).expect("a copy");
    }
    std::fs::create_dir(older.path().join("1_Pooling")).expect("a folder");
    let write =
        |file: &str, text: &str| std::fs::write(older.path().join(file), text).expect("a file");
    write(
        "1_Pooling/config.json",
        r#"{"word_embedding_dimension":64,"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":false}"#,
    );
    write(
        "sentence_bert_config.json",
        r#"{"max_seq_length":128,"do_lower_case":false}"#,
    );
    write(
        "modules.json",
        r#"[{"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Transformer"},
        {"idx":1,"name":"1","path":"1_Pooling","type":"sentence_transformers.models.Pooling"},
        {"idx":2,"name":"2","path":"2_Normalize","type":"sentence_transformers.models.Normalize"}]"#,
    );
    assert_tiny(&ModelFolder {
        folder: older.path().to_owned(),
        ..newer
    });
}

#[test]
fn do_lower_case_makes_a_cased_tokenizer_read_what_an_uncased_one_does() {
    let uncased = tiny();
    let cased = tempfile::tempdir().expect("a folder");
    let at = |file: &str| cased.path().join(file);
    std::fs::create_dir(at("1_Pooling")).expect("a folder");
    for file in [
        "config.json",
        "model.safetensors",
        "modules.json",
        "1_Pooling/config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "sentence_bert_config.json",
        "config_sentence_transformers.json",
        "expected.safetensors",
    ] {
        std::fs::copy(uncased.folder.join(file), at(file)).expect("a copy");
    }
    let change = |file: &str, change: &dyn Fn(&mut serde_json::Value)| {
        let text = std::fs::read(at(file)).expect("a file");
        let mut value = serde_json::from_slice(&text).expect("JSON");
        change(&mut value);
        // Removed first: the copy is as read-only as what it is of.
        std::fs::remove_file(at(file)).expect("removed");
        std::fs::write(at(file), value.to_string()).expect("written");
    };
    // Accents go all the same, so that the case is all that differs.
    change("tokenizer.json", &|tokenizer| {
        tokenizer["normalizer"]["lowercase"] = false.into();
        tokenizer["normalizer"]["strip_accents"] = true.into();
    });
    let folder = ModelFolder {
        folder: cased.path().to_owned(),
        ..uncased
    };
    let ids = |text: &str| {
        let embedder = Embedder::load(&folder, EmbedOptions::default()).expect("a usable model");
        embedder.tokenize(text).expect("tokens").ids
    };
    assert_ne!(ids("Graph"), ids("graph"));
    change("sentence_bert_config.json", &|config| {
        config["do_lower_case"] = true.into();
    });
    assert_eq!(ids("Graph"), ids("graph"));
    assert_tiny(&folder);
}

#[test]
fn progress_can_stop_the_work() {
    let embedder = embedder(EmbedOptions {
        batch_tokens: 1,
        mode: Mode::Stock,
        ..EmbedOptions::default()
    });
    let mut calls = 0;
    let result = embedder.embed(&["one", "two", "three"], TextKind::Document, &mut |p| {
        calls += 1;
        assert_eq!((p.done, p.of), (calls, 3));
        if calls == 2 {
            std::ops::ControlFlow::Break(())
        } else {
            std::ops::ControlFlow::Continue(())
        }
    });
    assert_eq!(
        result.map(|_| ()).expect_err("stopped").to_string(),
        "cancelled after 2 of 3 texts"
    );
}
