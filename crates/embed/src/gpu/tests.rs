//! The GPU's path on Candle's CPU device: everything of it but CUDA.

use super::*;
use crate::models::{ModelFolder, Registry, ResolveOptions, resolve, resolve_spec};
use crate::{EmbedOptions, Embedded, Embedder, TextKind};
use std::path::PathBuf;

/// Small checkpoints of the architectures, with random weights.
const TINY: [&str; 8] = [
    "bert-cls",
    "bert-mean-cased-dense",
    "distilbert-mean",
    "modernbert-cls",
    "mpnet-mean",
    "nomic-bert-mean",
    "qwen3-lasttoken",
    "xlm-roberta-mean",
];

fn reference() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference")
}

/// The checkpoint, or `None` after saying that its test is skipped.
fn tiny(name: &str) -> Option<ModelFolder> {
    let data = std::env::var_os("SYNTOPIC_EVAL_DATA").map(PathBuf::from);
    let beside = data.map(|data| data.join("../reference/tiny").join(name));
    let places = [Some(reference().join("tiny").join(name)), beside];
    let Some(folder) = places.into_iter().flatten().find(|folder| folder.is_dir()) else {
        println!("not run: checkpoint {name} is not here; set SYNTOPIC_EVAL_DATA");
        return None;
    };
    let cache = tempfile::tempdir().expect("a folder");
    let mut options = ResolveOptions::from_env();
    options.cache_dir = cache.path().to_owned();
    let spec = folder.display().to_string();
    Some(resolve_spec(&spec, &options, &mut |_| {}).expect("a model folder"))
}

fn minilm() -> ModelFolder {
    let entry = Registry::builtin().get("all-MiniLM-L6-v2");
    let options = ResolveOptions::from_env();
    resolve(entry.expect("known"), &options, &mut |_| {}).expect("the model's files")
}

fn plain(folder: &ModelFolder, mode: Mode, batch_tokens: usize) -> Embedder {
    let options = EmbedOptions {
        batch_tokens,
        mode,
        ..EmbedOptions::default()
    };
    Embedder::load(folder, options).expect("a usable model")
}

/// The model on Candle's CPU device, as it would be on a GPU.
fn as_on_a_gpu(folder: &ModelFolder, numbers: DType, batch_tokens: usize) -> Embedder {
    let config = SentenceConfig::read(&folder.folder).expect("a configuration");
    let place = Place {
        device: candle_core::Device::Cpu,
        numbers,
    };
    let name = String::from("cpu");
    let model = GpuModel::load_at(&folder.folder, &config, place, name).expect("a model");
    plain(folder, Mode::Auto, batch_tokens).with_gpu_model(model)
}

fn embed(embedder: &Embedder, texts: &[String]) -> Embedded {
    let go_on = &mut |_| ControlFlow::Continue(());
    embedder
        .embed(texts, TextKind::Document, go_on)
        .expect("vectors")
}

fn texts(file: &str) -> Vec<String> {
    let bytes = std::fs::read(reference().join(file)).expect("texts");
    if file.ends_with(".json") {
        return serde_json::from_slice(&bytes).expect("a list of texts");
    }
    let lines = String::from_utf8(bytes).expect("text");
    let text = |line| {
        let value: serde_json::Value = serde_json::from_str(line).expect("an object");
        value["text"].as_str().expect("a text").to_owned()
    };
    lines.lines().map(text).collect()
}

/// Smallest cosine of two rows, and largest difference of two numbers.
fn apart(a: &Embedded, b: &Embedded) -> (f64, f32) {
    assert_eq!((&a.tokens, &a.truncated), (&b.tokens, &b.truncated));
    assert_eq!(a.vectors.n_rows(), b.vectors.n_rows());
    let (mut farthest, mut widest) = (f64::INFINITY, 0f32);
    for (a, b) in a.vectors.rows().zip(b.vectors.rows()) {
        let cosine = a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y));
        farthest = farthest.min(cosine.sum());
        widest = a
            .iter()
            .zip(b)
            .map(|(x, y)| (x - y).abs())
            .fold(widest, f32::max);
    }
    (farthest, widest)
}

#[test]
fn every_architecture_gives_the_plain_paths_vectors_in_f32_and_nearly_them_in_16_bits() {
    let texts = texts("tiny/texts.json");
    for name in TINY {
        let Some(folder) = tiny(name) else { continue };
        let expected = embed(&plain(&folder, Mode::Stock, 1), &texts);
        for (numbers, least, most) in [
            (DType::F32, 0.999_999, 1e-5),
            (DType::F16, 0.999, 0.02),
            (DType::BF16, 0.999, 0.02),
        ] {
            for batch_tokens in [1, 700] {
                let ours = embed(&as_on_a_gpu(&folder, numbers, batch_tokens), &texts);
                let (cosine, difference) = apart(&ours, &expected);
                println!(
                    "{name}, {numbers:?}, {batch_tokens} tokens a batch: {cosine:.9}, {difference:e}"
                );
                assert!(
                    cosine >= least && difference <= most,
                    "{name}, {numbers:?}, {batch_tokens} tokens a batch: cosine {cosine}, difference {difference}"
                );
            }
        }
    }
}

#[test]
fn minilm_gives_the_packed_encoders_vectors_in_f32_and_nearly_them_in_16_bits() {
    // Of all lengths; bf16 takes a CPU a second a text.
    let texts: Vec<String> = texts("minilm.jsonl").into_iter().step_by(9).collect();
    let folder = minilm();
    let expected = embed(&plain(&folder, Mode::F32, 256), &texts);
    for (numbers, least, most) in [
        (DType::F32, 0.999_999, 1e-5),
        (DType::F16, 0.999_9, 2e-3),
        (DType::BF16, 0.999, 1e-2),
    ] {
        let ours = embed(&as_on_a_gpu(&folder, numbers, 4_096), &texts);
        let (cosine, difference) = apart(&ours, &expected);
        println!(
            "MiniLM, {numbers:?}: smallest cosine {cosine:.9}, largest difference {difference:e}"
        );
        assert!(
            cosine >= least && difference <= most,
            "{numbers:?}: cosine {cosine}, difference {difference}"
        );
    }
}

#[test]
fn progress_counts_every_text_and_may_stop_the_work() {
    let folder = tiny("bert-cls").expect("the repository's own");
    let model = as_on_a_gpu(&folder, DType::F32, 1);
    let texts: Vec<String> = (0..20).map(|i| format!("text {i}")).collect();
    let mut heard = Vec::new();
    let all = model.embed(&texts, TextKind::Document, &mut |p| {
        heard.push(p.done);
        ControlFlow::Continue(())
    });
    assert_eq!(heard, (1..=20).collect::<Vec<_>>());
    assert_eq!(all.expect("vectors").batches.len(), 20);
    let stopped = model.embed(&texts, TextKind::Document, &mut |_| ControlFlow::Break(()));
    let error = stopped.map(|_| ()).expect_err("stopped").to_string();
    assert_eq!(error, "cancelled after 1 of 20 texts");
    assert_eq!(embed(&model, &[]).vectors.n_rows(), 0);
}

#[test]
fn what_the_model_cannot_read_never_reaches_the_device() {
    for name in ["bert-cls", "xlm-roberta-mean", "mpnet-mean"] {
        let folder = tiny(name).expect("the repository's own");
        let place = Place::plain();
        let config = SentenceConfig::read(&folder.folder).expect("a configuration");
        let model = GpuModel::load_at(&folder.folder, &config, place, String::from("cpu"));
        let model = model.expect("a model");
        let limits = model.model.limits();
        let give = |ids: Vec<u32>| {
            let job = Job {
                texts: 1,
                skip: 0,
                batch_tokens: 1,
                tokenize: &|_| {
                    let truncated = false;
                    Ok(vec![Tokens {
                        ids: ids.clone(),
                        truncated,
                    }])
                },
            };
            model
                .embed(&job, &mut |_| ControlFlow::Continue(()))
                .map(|done| done.tokens)
        };
        let most = limits.positions;
        assert_eq!(
            give(vec![5; most]).expect("as many as it has positions"),
            [most]
        );
        assert!(give(vec![5; most + 1]).is_err(), "{name}");
        let last = u32::try_from(limits.words).expect("a token id");
        assert!(
            give(vec![last - 1]).is_ok() && give(vec![last]).is_err(),
            "{name}"
        );
        assert!(give(Vec::new()).is_err(), "{name}");
    }
}

#[test]
fn modes_are_numbers_and_those_of_the_cpu_are_refused() {
    let folder = tiny("bert-cls").expect("the repository's own");
    let config = SentenceConfig::read(&folder.folder).expect("a configuration");
    let load = |mode| GpuModel::load(&folder.folder, &config, Device::Cpu, mode);
    for (mode, what) in [
        (Mode::Auto, "f16 (Candle)"),
        (Mode::F16, "f16 (Candle)"),
        (Mode::Bf16, "bf16 (Candle)"),
        (Mode::F32, "f32 (Candle)"),
    ] {
        assert_eq!(load(mode).expect("a model").description(), what);
    }
    assert!(load(Mode::Stock).is_err() && load(Mode::Int16).is_err());
}

#[test]
fn numbers_too_large_for_f16_are_an_error_that_names_another_mode() {
    let folder = tiny("bert-cls").expect("the repository's own");
    let config = SentenceConfig::read(&folder.folder).expect("a configuration");
    let place = Place {
        device: candle_core::Device::Cpu,
        numbers: DType::F16,
    };
    let name = String::from("cpu");
    let model = GpuModel::load_at(&folder.folder, &config, place, name).expect("a model");
    let vectors = vec![f32::NAN; model.dim()];
    let stats = BatchStats {
        texts: 1,
        tokens: 1,
        padded_tokens: 1,
        time: Duration::ZERO,
    };
    let landed = Landed {
        texts: &[0],
        vectors: &vectors,
        stats,
    };
    let error = model.keep(&landed, 0, &mut Done::default());
    let expected = "the numbers of this model are too large for f16: run it with --device cpu; \
                    `bench embed` has --mode bf16 and f32";
    assert_eq!(error.expect_err("refused").to_string(), expected);
}

#[test]
fn the_peak_of_a_device_is_that_of_its_products() {
    for numbers in [DType::F32, DType::F16, DType::BF16] {
        let device = candle_core::Device::Cpu;
        let place = Place { device, numbers };
        let peak = peak::measure(&place, 64, Duration::from_millis(5)).expect("a peak");
        assert!(peak.gops > 0.0 && peak.gops.is_finite(), "{numbers:?}");
    }
}
