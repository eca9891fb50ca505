//! Small checkpoints with random weights, and whether ours makes of them what the reference does.
#![allow(dead_code, reason = "each test binary uses a part")]

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use syntopic_embed::models::{ModelFolder, ResolveOptions, resolve_spec};
use syntopic_embed::{EmbedOptions, Embedder, Mode, TextKind};

pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/tiny")
}

/// The checkpoint's folder.
pub(crate) fn checkpoint(name: &str) -> PathBuf {
    let folder = repository().join(name);
    assert!(folder.is_dir(), "no checkpoint at {}", folder.display());
    folder
}

pub(crate) fn texts() -> Vec<String> {
    let texts = fs::read(repository().join("texts.json")).expect("texts");
    serde_json::from_slice(&texts).expect("a list of texts")
}

/// What sentence-transformers made of the texts, by kind, in unit length.
pub(crate) fn expected(file: &Path) -> BTreeMap<String, Vec<Vec<f32>>> {
    let bytes = fs::read(file).expect("the reference vectors");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    let rows = |tensor: safetensors::tensor::TensorView| {
        let numbers: Vec<f32> = tensor
            .data()
            .as_chunks::<4>()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect();
        numbers
            .chunks_exact(tensor.shape()[1])
            .map(|row| {
                let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
                row.iter().map(|x| x / length).collect()
            })
            .collect()
    };
    tensors
        .tensors()
        .into_iter()
        .map(|(name, tensor)| (name, rows(tensor)))
        .collect()
}

pub(crate) fn resolve(folder: &Path) -> ModelFolder {
    resolve_or_refuse(folder).expect("a model folder")
}

/// With a cache of its own: what is remembered of temporary folders is of no use to anybody.
pub(crate) fn resolve_or_refuse(
    folder: &Path,
) -> Result<ModelFolder, syntopic_embed::models::ModelError> {
    let cache = tempfile::tempdir().expect("a folder");
    let mut options = ResolveOptions::from_env();
    options.cache_dir = cache.path().to_owned();
    let found = resolve_spec(&folder.display().to_string(), &options, &mut |_| {})?;
    Ok(ModelFolder {
        // The one above is gone.
        cache_dir: None,
        ..found
    })
}

/// Every text and kind, alone and in batches, on the plain path and in another mode.
pub(crate) fn assert_expected(
    label: &str,
    folder: &Path,
    other: Mode,
    expected: &BTreeMap<String, Vec<Vec<f32>>>,
) {
    for mode in [Mode::Stock, other] {
        assert_near(label, folder, mode, (0.999_99, 1e-4), expected);
    }
}

/// Every text and kind, alone and in batches: the least cosine, and the largest difference of a number.
pub(crate) fn assert_near(
    label: &str,
    folder: &Path,
    mode: Mode,
    (least, most): (f64, f32),
    expected: &BTreeMap<String, Vec<Vec<f32>>>,
) {
    let (texts, model) = (texts(), resolve(folder));
    let (mut farthest, mut widest, mut ran) = (1f64, 0f32, String::new());
    for batch_tokens in [1, 700] {
        let options = EmbedOptions {
            batch_tokens,
            mode,
            ..EmbedOptions::default()
        };
        let embedder = Embedder::load(&model, options).expect("a usable model");
        embedder.mode().clone_into(&mut ran);
        for kind in [TextKind::Document, TextKind::Query] {
            let named = match kind {
                TextKind::Query => expected.get("query"),
                TextKind::Document => None,
            };
            // A model without prompts makes no difference between the two.
            let rows = named.unwrap_or(&expected["document"]);
            let go_on = &mut |_| ControlFlow::Continue(());
            let embedded = embedder.embed(&texts, kind, go_on);
            let ours = embedded.expect("vectors").vectors;
            assert_eq!((ours.n_rows(), ours.dim()), (rows.len(), rows[0].len()));
            for ((ours, theirs), text) in ours.rows().zip(rows).zip(&texts) {
                let pairs = || ours.iter().zip(theirs);
                let cosine: f64 = pairs().map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                let largest = pairs().map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
                assert!(
                    cosine >= least && largest <= most,
                    "{label}, {ran}, {kind:?}, batches of {batch_tokens}: {text:?} has cosine {cosine}, largest \
                     difference {largest}"
                );
                (farthest, widest) = (farthest.min(cosine), widest.max(largest));
            }
        }
    }
    println!("{label}, {ran}: smallest cosine {farthest:.9}, largest difference {widest:e}");
}

/// A copy that may be changed.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for item in fs::read_dir(from).expect("a folder") {
        let item = item.expect("an item");
        let to = to.join(item.file_name());
        if item.path().is_dir() {
            copy(&item.path(), &to);
        } else {
            // Written anew: a copy would be as read-only as what it is of.
            fs::write(to, fs::read(item.path()).expect("a file")).expect("a file");
        }
    }
}

pub(crate) fn read(folder: &Path, file: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(file)).expect("a file")).expect("JSON")
}

pub(crate) fn change(folder: &Path, file: &str, change: impl FnOnce(&mut Value)) {
    let mut value = read(folder, file);
    change(&mut value);
    fs::write(folder.join(file), value.to_string()).expect("written");
}

/// The error that loading the folder gives.
pub(crate) fn refusal(folder: &Path) -> String {
    let loaded = Embedder::load(&resolve(folder), EmbedOptions::default());
    loaded.map(|_| ()).expect_err("refused").to_string()
}
