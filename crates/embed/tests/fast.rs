//! The packed encoder agrees with Candle's BERT, bit for bit with itself, and refuses what it does not run.

mod minilm;

use minilm::{embedder, go_on};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use syntopic_embed::models::ModelFolder;
use syntopic_embed::{EmbedOptions, Embedded, Embedder, Mode, TextKind};

fn with(mode: Mode, batch_tokens: usize) -> EmbedOptions {
    EmbedOptions {
        batch_tokens,
        mode,
        ..EmbedOptions::default()
    }
}

fn embed(embedder: &Embedder, texts: &[String]) -> Embedded {
    embedder
        .embed(texts, TextKind::Document, &mut go_on)
        .expect("vectors")
}

/// Texts of very different lengths, the empty one and cut ones among them.
fn texts() -> Vec<String> {
    let words: Vec<&str> =
        "the spectral gap of sparse random graphs bounds how fast walks mix; 学习 größer"
            .split(' ')
            .collect();
    (0..40)
        .map(|i| {
            let length = [0, 1, 2, 3, 5, 8, 13, 40, 97, 180, 251, 400][i % 12];
            let words: Vec<&str> = (0..length + i / 12)
                .map(|w| words[(w * (i + 1)) % words.len()])
                .collect();
            words.join(" ")
        })
        .collect()
}

fn largest_difference(a: &Embedded, b: &Embedded) -> f32 {
    let pairs = a.vectors.as_slice().iter().zip(b.vectors.as_slice());
    pairs.map(|(x, y)| (x - y).abs()).fold(0f32, f32::max)
}

#[test]
fn it_agrees_with_candles_bert_at_every_length() {
    let texts = texts();
    let stock = embed(&embedder(with(Mode::Stock, 256)), &texts);
    let fast = embed(&embedder(with(Mode::F32, 256)), &texts);
    assert_eq!(
        (&stock.tokens, &stock.truncated),
        (&fast.tokens, &fast.truncated)
    );
    assert!(fast.truncated.contains(&true) && fast.tokens.contains(&2));
    let largest = largest_difference(&stock, &fast);
    println!("largest difference {largest:e} over {} texts", texts.len());
    assert!(largest < 2e-6, "{largest}");
}

#[test]
fn a_vector_is_the_same_bit_for_bit_whatever_it_is_batched_with_and_on_however_many_threads() {
    for mode in [Mode::F32, Mode::Bf16, Mode::Int16, Mode::Int8] {
        assert_same_bits(mode);
    }
}

fn assert_same_bits(mode: Mode) {
    let mut texts = texts();
    let one = embed(&embedder(with(mode, 1)), &texts);
    for batch_tokens in [300, 100_000] {
        let model = embedder(with(mode, batch_tokens));
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .expect("threads");
            let other = pool.install(|| embed(&model, &texts));
            assert!(other.batches.len() < one.batches.len());
            assert_eq!(
                one.vectors.as_slice(),
                other.vectors.as_slice(),
                "{mode:?}: {batch_tokens} tokens, {threads} threads"
            );
        }
    }
    let model = embedder(with(mode, 300));
    for (index, text) in texts.iter().enumerate() {
        let alone = embed(&model, std::slice::from_ref(text));
        let dim = one.vectors.dim();
        assert_eq!(
            alone.vectors.as_slice(),
            &one.vectors.as_slice()[index * dim..][..dim],
            "{mode:?}: {text:?} alone"
        );
    }
    texts.reverse();
    let reversed = embed(&model, &texts);
    assert!(one.vectors.rows().eq(reversed.vectors.rows().rev()));
}

#[test]
fn sixteen_bits_are_near_f32_at_every_length() {
    let texts = texts();
    let exact = embed(&embedder(with(Mode::F32, 256)), &texts);
    let ours = embed(&embedder(with(Mode::Int16, 256)), &texts);
    assert_eq!(exact.tokens, ours.tokens);
    let largest = largest_difference(&exact, &ours);
    println!("largest difference {largest:e} over {} texts", texts.len());
    assert!(largest > 1e-6 && largest < 1e-3, "{largest}");
}

#[test]
fn auto_picks_the_fastest_of_this_cpu_and_says_which() {
    let mode = |mode| {
        let model = Embedder::load(&tiny_model(), with(mode, 256)).expect("a model");
        model.mode().to_owned()
    };
    let (f32, int16) = (mode(Mode::F32), mode(Mode::Int16));
    assert!(f32.starts_with("f32 ") && int16.starts_with("int16 "));
    let plain = f32.contains("portable");
    assert_eq!(mode(Mode::Auto), if plain { f32 } else { int16 });
}

#[test]
fn its_batches_hold_every_token_once_and_no_padding() {
    let texts = texts();
    let embedded = embed(&embedder(with(Mode::F32, 500)), &texts);
    let sum = |f: fn(&syntopic_embed::BatchStats) -> usize| -> usize {
        embedded.batches.iter().map(f).sum()
    };
    assert_eq!(sum(|b| b.texts), texts.len());
    assert_eq!(sum(|b| b.tokens), embedded.tokens.iter().sum::<usize>());
    assert_eq!(sum(|b| b.padded_tokens), sum(|b| b.tokens));
    assert!(
        embedded
            .batches
            .iter()
            .all(|b| b.tokens <= 500 && !b.time.is_zero())
    );
    let nothing = embed(&embedder(with(Mode::F32, 500)), &[]);
    assert!(nothing.batches.is_empty() && nothing.vectors.n_rows() == 0);
}

#[test]
fn progress_is_told_in_order_and_can_stop_the_work() {
    let model = embedder(with(Mode::F32, 1));
    let texts: Vec<String> = (0..2_000).map(|i| format!("text {i}")).collect();
    let caller = std::thread::current().id();
    let mut told = Vec::new();
    model
        .embed(&texts[..60], TextKind::Document, &mut |p| {
            assert_eq!(std::thread::current().id(), caller);
            assert_eq!(p.of, 60);
            told.push(p.done);
            ControlFlow::Continue(())
        })
        .expect("vectors");
    assert!(told.is_sorted() && told.len() > 5, "{told:?}");
    assert_eq!(told.last(), Some(&60));
    let mut calls = 0;
    let stopped = model.embed(&texts, TextKind::Document, &mut |_| {
        calls += 1;
        ControlFlow::Break(())
    });
    let message = stopped.map(|_| ()).expect_err("stopped").to_string();
    assert!(
        message.starts_with("cancelled after ") && message.ends_with(" of 2000 texts"),
        "{message}"
    );
    assert_eq!(calls, 1);
}

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/tiny/bert-cls")
}

/// The tiny BERT with a part of its `config.json` replaced.
fn changed(from: &str, to: &str) -> (tempfile::TempDir, ModelFolder) {
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["model.safetensors", "tokenizer.json"] {
        std::fs::copy(tiny().join(file), folder.path().join(file)).expect("a copy");
    }
    let config = std::fs::read_to_string(tiny().join("config.json")).expect("a configuration");
    assert!(config.contains(from));
    std::fs::write(folder.path().join("config.json"), config.replace(from, to)).expect("a file");
    let model = ModelFolder {
        folder: folder.path().to_owned(),
        name: "changed".to_owned(),
        cache_dir: None,
        ..tiny_model()
    };
    (folder, model)
}

fn tiny_model() -> ModelFolder {
    let options = syntopic_embed::models::ResolveOptions::from_env();
    let spec = tiny().display().to_string();
    syntopic_embed::models::resolve_spec(&spec, &options, &mut |_| {}).expect("a model folder")
}

fn refusal(result: Result<Embedder, syntopic_embed::EmbedError>) -> String {
    result.map(|_| ()).expect_err("refused").to_string()
}

#[test]
fn what_it_does_not_run_is_refused_by_name_or_left_to_candles_bert() {
    // Eight heads of eight: narrower than a panel.
    let (_folder, narrow) = changed(r#""num_attention_heads": 4"#, r#""num_attention_heads": 8"#);
    let message = refusal(Embedder::load(&narrow, with(Mode::F32, 256)));
    assert!(
        message.contains("8 heads") && message.contains("mode auto or stock"),
        "{message}"
    );
    let auto = Embedder::load(&narrow, with(Mode::Auto, 256)).expect("Candle's BERT");
    assert_eq!(auto.mode(), "f32 (Candle)");
    assert!(
        auto.notes().iter().any(|n| n.contains("8 heads")),
        "{:?}",
        auto.notes()
    );
    let stock = Embedder::load(&narrow, with(Mode::Stock, 256)).expect("Candle's BERT");
    let texts = texts();
    assert_eq!(
        largest_difference(&embed(&auto, &texts), &embed(&stock, &texts)),
        0.0
    );

    let message = refusal(Embedder::load(&narrow, with(Mode::Int16, 256)));
    assert!(
        message.contains("in mode int16") && message.contains("8 heads"),
        "{message}"
    );

    let (_folder, quick) = changed(r#""hidden_act": "gelu""#, r#""hidden_act": "quick_gelu""#);
    let message = refusal(Embedder::load(&quick, with(Mode::F32, 256)));
    assert!(
        message.contains("hidden_act") && message.contains("quick_gelu"),
        "{message}"
    );

    let (_folder, wide) = changed(r#""vocab_size": 1500"#, r#""vocab_size": 1501"#);
    let message = refusal(Embedder::load(&wide, with(Mode::F32, 256)));
    assert!(
        message.contains("word_embeddings") && message.contains("1501"),
        "{message}"
    );
}

#[test]
fn relu_is_that_of_candles_bert_and_gelu_new_is_near_gelu() {
    let texts = texts();
    let (_folder, relu) = changed(r#""hidden_act": "gelu""#, r#""hidden_act": "relu""#);
    let load = |model: &ModelFolder, mode| Embedder::load(model, with(mode, 256)).expect("a model");
    let stock = embed(&load(&relu, Mode::Stock), &texts);
    let fast = load(&relu, Mode::F32);
    assert!(fast.mode().ends_with("(packed)"), "{}", fast.mode());
    assert!(largest_difference(&stock, &embed(&fast, &texts)) < 2e-6);

    let (_folder, exact) = changed(r#""hidden_act": "gelu""#, r#""hidden_act":  "gelu""#);
    let (_folder, tanh) = changed(r#""hidden_act": "gelu""#, r#""hidden_act": "gelu_new""#);
    let exact = embed(&load(&exact, Mode::F32), &texts);
    let difference = largest_difference(&exact, &embed(&load(&tanh, Mode::F32), &texts));
    assert!(difference > 0.0 && difference < 1e-2, "{difference}");
}

#[test]
fn weights_stored_in_half_precision_are_converted() {
    let (folder, half) = changed(r#""vocab_size": 1500"#, r#""vocab_size":  1500"#);
    let path = folder.path().join("model.safetensors");
    let device = candle_core::Device::Cpu;
    let tensors: std::collections::HashMap<String, candle_core::Tensor> =
        candle_core::safetensors::load(&path, &device)
            .expect("tensors")
            .into_iter()
            .map(|(name, t)| (name, t.to_dtype(candle_core::DType::F16).expect("f16")))
            .collect();
    candle_core::safetensors::save(&tensors, &path).expect("a file");
    let texts = texts();
    let load = |mode| Embedder::load(&half, with(mode, 256)).expect("a model");
    let (stock, fast) = (
        embed(&load(Mode::Stock), &texts),
        embed(&load(Mode::F32), &texts),
    );
    assert!(largest_difference(&stock, &fast) < 2e-6);
}

#[test]
fn auto_asks_a_model_once_and_remembers() {
    let cache = tempfile::tempdir().expect("a folder");
    let model = ModelFolder {
        cache_dir: Some(cache.path().to_owned()),
        ..tiny_model()
    };
    let auto = |model: &ModelFolder| {
        let embedder = Embedder::load(model, EmbedOptions::default()).expect("a model");
        embedder.mode().to_owned()
    };
    let first = auto(&model);
    let Ok(mut files) = std::fs::read_dir(cache.path().join("agreement")) else {
        println!("skipped: integers are no faster on this CPU, so nothing is asked");
        assert!(first.starts_with("f32"), "{first}");
        return;
    };
    let file = files.next().expect("a file").expect("a file").path();
    assert!(first.starts_with("int16"), "{first}");
    assert!(files.next().is_none());
    // What it says is believed, ...
    let text = std::fs::read_to_string(&file).expect("a file");
    let mut document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    document["cosine"] = 0.5.into();
    std::fs::write(&file, document.to_string()).expect("written");
    assert!(auto(&model).starts_with("f32"));
    // ... of this model alone, ...
    let revision = "another".to_owned();
    assert!(
        auto(&ModelFolder {
            revision,
            ..model.clone()
        })
        .starts_with("int16")
    );
    // ... and where it says nothing, the model is asked again.
    for damaged in ["", "{}", r#"{"format":1,"model":"","cosine":7}"#] {
        std::fs::write(&file, damaged).expect("written");
        assert!(auto(&model).starts_with("int16"), "{damaged}");
        assert_eq!(std::fs::read_to_string(&file).expect("a file"), text);
    }
}
