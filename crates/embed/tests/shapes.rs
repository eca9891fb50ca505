//! The packed encoder gives what the plain path gives on models of realistic widths, with random weights: every architecture,
//! in f32 and in 16-bit integers, alone and in batches, on one thread and on several.
//!
//! What the vectors should be, `tests/checkpoints.rs` says on small ones; here the blocks and windows of the real widths
//! take part.
#![allow(clippy::print_stdout, reason = "tests say what they measured")]

use candle_core::{Device, Tensor};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use syntopic_embed::models::{ModelFolder, ResolveOptions, resolve_spec};
use syntopic_embed::{EmbedOptions, Embedder, Mode, TextKind};

/// Words of the tokenizer that is borrowed from `tests/reference/tiny/bert-cls`.
const WORDS: usize = 1_500;

/// A tensor: its name, its shape, and what its numbers are around.
type Named = (String, Vec<usize>, f32);

fn weight(name: &str, shape: [usize; 2]) -> Named {
    (format!("{name}.weight"), shape.to_vec(), 0.0)
}

fn bias(name: &str, size: usize) -> Named {
    (format!("{name}.bias"), vec![size], 0.0)
}

fn gain(name: &str, size: usize) -> Named {
    (format!("{name}.weight"), vec![size], 1.0)
}

fn linear(name: &str, shape: [usize; 2]) -> [Named; 2] {
    [weight(name, shape), bias(name, shape[0])]
}

fn norm(name: &str, size: usize) -> [Named; 2] {
    [gain(name, size), bias(name, size)]
}

/// BERT, MPNet, RoBERTa or DistilBERT: `names` are those of embeddings' tables, of the layers, and in a layer of queries,
/// keys, values, the attention's output and norm, both inner layers and the last norm.
fn post_norm(
    tables: &[(&str, usize)],
    layer: &str,
    names: [&str; 8],
    sizes: [usize; 3],
) -> Vec<Named> {
    let [hidden, inner, layers] = sizes;
    let mut all: Vec<Named> = vec![weight("embeddings.word_embeddings", [WORDS, hidden])];
    all.extend(
        tables
            .iter()
            .map(|(name, rows)| weight(name, [*rows, hidden])),
    );
    all.extend(norm("embeddings.LayerNorm", hidden));
    for index in 0..layers {
        let name = |at: usize| format!("{layer}.{index}.{}", names[at]);
        for at in 0..4 {
            all.extend(linear(&name(at), [hidden, hidden]));
        }
        all.extend(norm(&name(4), hidden));
        all.extend(linear(&name(5), [inner, hidden]));
        all.extend(linear(&name(6), [hidden, inner]));
        all.extend(norm(&name(7), hidden));
    }
    all
}

const BERT: [&str; 8] = [
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "attention.output.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
];

fn with(base: Value, more: Value) -> Value {
    let mut all = base;
    let both = all.as_object_mut().zip(more.as_object());
    if let Some((all, more)) = both {
        all.extend(more.clone());
    }
    all
}

/// `config.json` and tensors of a model of one architecture.
fn model(kind: &str) -> (Value, Vec<Named>) {
    let positions = 300;
    let (hidden, inner, layers) = (768, 3_072, 2);
    let sizes = json!({"model_type": kind, "vocab_size": WORDS, "hidden_size": hidden, "intermediate_size": inner,
        "num_hidden_layers": layers, "num_attention_heads": 12, "max_position_embeddings": positions,
        "layer_norm_eps": 1e-12, "hidden_act": "gelu", "type_vocab_size": 2, "pad_token_id": 0,
        "hidden_dropout_prob": 0.1, "initializer_range": 0.02});
    let place = ("embeddings.position_embeddings", positions);
    let types = ("embeddings.token_type_embeddings", 2);
    let all = [hidden, inner, layers];
    match kind {
        "bert" => {
            // bge-large: 16 heads of 64.
            let large = json!({"hidden_size": 1_024, "num_attention_heads": 16, "intermediate_size": 4_096,
                "num_hidden_layers": 1});
            let tensors = post_norm(&[place, types], "encoder.layer", BERT, [1_024, 4_096, 1]);
            (with(sizes, large), tensors)
        }
        "xlm-roberta" => {
            let own = json!({"pad_token_id": 1, "hidden_act": "relu"});
            let tensors = post_norm(&[place, types], "encoder.layer", BERT, all);
            (with(sizes, own), tensors)
        }
        "mpnet" => {
            let names = [
                "attention.attn.q",
                "attention.attn.k",
                "attention.attn.v",
                "attention.attn.o",
                "attention.LayerNorm",
                BERT[5],
                BERT[6],
                BERT[7],
            ];
            let mut tensors = post_norm(&[place], "encoder.layer", names, all);
            tensors.push(weight("encoder.relative_attention_bias", [32, 12]));
            let own = json!({"hidden_act": "silu", "relative_attention_num_buckets": 32});
            (with(sizes, own), tensors)
        }
        "distilbert" => {
            let names = [
                "attention.q_lin",
                "attention.k_lin",
                "attention.v_lin",
                "attention.out_lin",
                "sa_layer_norm",
                "ffn.lin1",
                "ffn.lin2",
                "output_layer_norm",
            ];
            let tensors = post_norm(&[place], "transformer.layer", names, all);
            let own = json!({"dim": hidden, "n_layers": layers, "n_heads": 12, "hidden_dim": inner,
                "activation": "gelu_new"});
            (with(sizes, own), tensors)
        }
        "jina_bert" => {
            // jina-embeddings-v2-base: 12 heads of 64; slopes of a number that is no power of two.
            let own = json!({"model_type": "bert", "position_embedding_type": "alibi", "feed_forward_type": "geglu"});
            (with(sizes, own), jina(&[types], all))
        }
        "adapter" => {
            // SPECTER2: BERT with a bottleneck of 48, here one that is no multiple of 16.
            let mut tensors = post_norm(&[place, types], "encoder.layer", BERT, all);
            tensors.extend(adapter(hidden, 40, layers));
            (with(sizes, json!({"model_type": "bert"})), tensors)
        }
        "nomic_bert" => {
            let own = json!({"hidden_act": "silu",
                "rope_parameters": {"rope_theta": 1000.0, "rope_type": "default"}});
            (with(sizes, own), nomic(all))
        }
        "modernbert" => {
            let own = json!({"intermediate_size": 1_152, "num_hidden_layers": 4, "hidden_activation": "gelu",
                "norm_eps": 1e-5, "local_attention": 128, "global_attn_every_n_layers": 3,
                "global_rope_theta": 160000.0, "local_rope_theta": 10000.0});
            (with(sizes, own), modern([hidden, 1_152, 4]))
        }
        _ => {
            let own = json!({"hidden_size": 1_024, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128,
                "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 1_000_000.0});
            (with(sizes, own), qwen([1_024, inner, layers]))
        }
    }
}

fn jina(tables: &[(&str, usize)], [hidden, inner, layers]: [usize; 3]) -> Vec<Named> {
    let feed_forward = [BERT[5], BERT[6], BERT[7]].map(|name| format!(".{name}."));
    let mut all = post_norm(tables, "encoder.layer", BERT, [hidden, inner, layers]);
    all.retain(|(name, ..)| !feed_forward.iter().any(|part| name.contains(part)));
    // "attention.output.dense" has "output.dense" in it.
    all.extend((0..layers).flat_map(|index| {
        let name = |of: &str| format!("encoder.layer.{index}.{of}");
        let mut layer = vec![weight(&name("mlp.gated_layers"), [2 * inner, hidden])];
        layer.extend(linear(&name("attention.output.dense"), [hidden, hidden]));
        layer.extend(norm(&name("attention.output.LayerNorm"), hidden));
        layer.extend(linear(&name("mlp.wo"), [hidden, inner]));
        layer.extend(norm(&name("mlp.layernorm"), hidden));
        layer
    }));
    all
}

/// A bottleneck adapter's tensors; [`folder`] puts them into a file of their own.
fn adapter(hidden: usize, narrow: usize, layers: usize) -> Vec<Named> {
    let layer = |index| {
        let name = |of: &str| format!("{ADAPTER}encoder.layer.{index}.output.adapters.own.{of}");
        let [down, up] = ["adapter_down.0", "adapter_up"].map(name);
        let down = linear(&down, [narrow, hidden]);
        down.into_iter().chain(linear(&up, [hidden, narrow]))
    };
    (0..layers).flat_map(layer).collect()
}

/// What the names of an adapter's tensors begin with.
const ADAPTER: &str = "bert.";

/// Says that a bottleneck adapter is there.
fn adapter_config() -> Value {
    json!({"name": "own", "model_type": "bert", "config": {"non_linearity": "swish", "scaling": 2.5, "output_adapter": true,
        "original_ln_before": true, "original_ln_after": true, "residual_before_ln": true, "mh_adapter": false,
        "cross_adapter": false, "ln_before": false, "ln_after": false, "is_parallel": false, "phm_layer": false}})
}

fn nomic([hidden, inner, layers]: [usize; 3]) -> Vec<Named> {
    let mut all = vec![
        weight("embeddings.word_embeddings", [WORDS, hidden]),
        weight("embeddings.token_type_embeddings", [2, hidden]),
    ];
    all.extend(norm("emb_ln", hidden));
    for index in 0..layers {
        let name = |of: &str| format!("encoder.layers.{index}.{of}");
        all.extend([
            weight(&name("attn.Wqkv"), [3 * hidden, hidden]),
            weight(&name("attn.out_proj"), [hidden, hidden]),
            weight(&name("mlp.fc11"), [inner, hidden]),
            weight(&name("mlp.fc12"), [inner, hidden]),
            weight(&name("mlp.fc2"), [hidden, inner]),
        ]);
        all.extend(norm(&name("norm1"), hidden));
        all.extend(norm(&name("norm2"), hidden));
    }
    all
}

fn modern([hidden, inner, layers]: [usize; 3]) -> Vec<Named> {
    let mut all = vec![
        weight("embeddings.tok_embeddings", [WORDS, hidden]),
        gain("embeddings.norm", hidden),
        gain("final_norm", hidden),
    ];
    for index in 0..layers {
        let name = |of: &str| format!("layers.{index}.{of}");
        all.extend([
            weight(&name("attn.Wqkv"), [3 * hidden, hidden]),
            weight(&name("attn.Wo"), [hidden, hidden]),
            weight(&name("mlp.Wi"), [2 * inner, hidden]),
            weight(&name("mlp.Wo"), [hidden, inner]),
            gain(&name("mlp_norm"), hidden),
        ]);
        all.extend((index > 0).then(|| gain(&name("attn_norm"), hidden)));
    }
    all
}

fn qwen([hidden, inner, layers]: [usize; 3]) -> Vec<Named> {
    let mut all = vec![
        weight("embed_tokens", [WORDS, hidden]),
        gain("norm", hidden),
    ];
    for index in 0..layers {
        let name = |of: &str| format!("layers.{index}.{of}");
        all.extend([
            weight(&name("self_attn.q_proj"), [16 * 128, hidden]),
            weight(&name("self_attn.k_proj"), [8 * 128, hidden]),
            weight(&name("self_attn.v_proj"), [8 * 128, hidden]),
            weight(&name("self_attn.o_proj"), [hidden, 16 * 128]),
            weight(&name("mlp.gate_proj"), [inner, hidden]),
            weight(&name("mlp.up_proj"), [inner, hidden]),
            weight(&name("mlp.down_proj"), [hidden, inner]),
            gain(&name("self_attn.q_norm"), 128),
            gain(&name("self_attn.k_norm"), 128),
            gain(&name("input_layernorm"), hidden),
            gain(&name("post_attention_layernorm"), hidden),
        ]);
    }
    all
}

/// Numbers that look random and are the same every time: a sum of three uniform ones, of variance 1.
fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count)
        .map(|_| uniform() + uniform() + uniform())
        .collect()
}

/// A folder with a model of this architecture; `spread` is how far weights are from nought.
fn folder(kind: &str, spread: f32) -> tempfile::TempDir {
    edited(kind, spread, |_, _, _| {})
}

/// The same with its numbers changed, by name and shape.
fn edited(
    kind: &str,
    spread: f32,
    change: impl Fn(&str, &[usize], &mut [f32]),
) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let (config, tensors) = model(kind);
    let tiny =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/tiny/bert-cls");
    let tokenizer = std::fs::read(tiny.join("tokenizer.json")).expect("a tokenizer");
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer).expect("a file");
    std::fs::write(folder.path().join("config.json"), config.to_string()).expect("a file");
    let tensors: HashMap<String, Tensor> = tensors
        .into_iter()
        .enumerate()
        .map(|(seed, (name, shape, around))| {
            let count: usize = shape.iter().product();
            let numbers = noise(seed as u64 + 1, count).into_iter();
            let mut numbers: Vec<f32> = numbers.map(|x| around + spread * x).collect();
            change(&name, &shape, &mut numbers);
            let tensor = Tensor::from_vec(numbers, shape, &Device::Cpu).expect("a tensor");
            (name, tensor)
        })
        .collect();
    let (own, tensors): (HashMap<_, _>, HashMap<_, _>) = tensors
        .into_iter()
        .partition(|(name, _)| name.starts_with(ADAPTER));
    if !own.is_empty() {
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text);
        write("adapter_config.json", adapter_config().to_string()).expect("a file");
        candle_core::safetensors::save(&own, folder.path().join("adapter.safetensors"))
            .expect("a file");
    }
    candle_core::safetensors::save(&tensors, folder.path().join("model.safetensors"))
        .expect("a file");
    folder
}

fn resolve(folder: &Path) -> ModelFolder {
    let cache = tempfile::tempdir().expect("a folder");
    let mut options = ResolveOptions::from_env();
    options.cache_dir = cache.path().to_owned();
    let found = resolve_spec(&folder.display().to_string(), &options, &mut |_| {});
    ModelFolder {
        // The one above is gone.
        cache_dir: None,
        ..found.expect("a model folder")
    }
}

/// Texts of very different lengths, a cut one among them.
fn texts() -> Vec<String> {
    let words: Vec<&str> = "the spectral gap of sparse random graphs bounds how fast walks mix"
        .split(' ')
        .collect();
    [0, 1, 7, 20, 45, 90, 160]
        .into_iter()
        .enumerate()
        .map(|(i, length)| {
            let word = |w: usize| words[(w * (i + 1) + w / 5) % words.len()];
            (0..length).map(word).collect::<Vec<_>>().join(" ")
        })
        .collect()
}

fn vectors(
    model: &ModelFolder,
    mode: Mode,
    batch_tokens: usize,
    texts: &[String],
) -> Vec<Vec<f32>> {
    let options = EmbedOptions {
        batch_tokens,
        mode,
        ..EmbedOptions::default()
    };
    let embedder = Embedder::load(model, options).expect("a usable model");
    let go_on = &mut |_| ControlFlow::Continue(());
    let embedded = embedder.embed(texts, TextKind::Document, go_on);
    let vectors = embedded.expect("vectors").vectors;
    vectors.rows().map(<[f32]>::to_vec).collect()
}

/// Smallest cosine and largest difference.
fn compare(a: &[Vec<f32>], b: &[Vec<f32>]) -> (f64, f32) {
    let (mut smallest, mut largest) = (1f64, 0f32);
    for (a, b) in a.iter().zip(b) {
        let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
        smallest = smallest.min(products.sum());
        let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
        largest = differences.fold(largest, f32::max);
    }
    (smallest, largest)
}

fn assert_agrees(kind: &str) {
    let folder = folder(kind, 0.04);
    let (model, texts) = (resolve(folder.path()), texts());
    let plain = vectors(&model, Mode::Stock, 256, &texts);
    let packed = vectors(&model, Mode::F32, 256, &texts);
    let (cosine, largest) = compare(&plain, &packed);
    println!("{kind}: f32 cosine {cosine:.9}, largest difference {largest:e}");
    assert!(
        cosine >= 0.999_99 && largest <= 1e-4,
        "{kind}: {cosine} {largest}"
    );
    // Random vectors that hardly differ from text to text would show nothing.
    let (cosine, _) = compare(&plain[1..2], &plain[2..3]);
    assert!(cosine < 0.999, "{kind}: two texts have cosine {cosine}");
    let integers = vectors(&model, Mode::Int16, 256, &texts);
    let (cosine, largest) = compare(&packed, &integers);
    println!("{kind}: int16 cosine {cosine:.9}, largest difference {largest:e}");
    assert!(cosine >= 0.999 && largest > 0.0, "{kind}: {cosine}");
    for (mode, together) in [(Mode::F32, &packed), (Mode::Int16, &integers)] {
        let alone = vectors(&model, mode, 1, &texts);
        assert_eq!(&alone, together, "{kind}, {mode:?}: alone");
        for threads in [2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let last = &texts[texts.len() - 2..texts.len() - 1];
            // One text on several threads, which share out its heads.
            let split = pool
                .expect("threads")
                .install(|| vectors(&model, mode, 256, last));
            assert_eq!(
                split[..],
                together[texts.len() - 2..texts.len() - 1],
                "{kind}, {mode:?}: split"
            );
        }
    }
}

#[test]
fn bert_large() {
    assert_agrees("bert");
}

#[test]
fn xlm_roberta() {
    assert_agrees("xlm-roberta");
}

#[test]
fn mpnet() {
    assert_agrees("mpnet");
}

#[test]
fn distilbert() {
    assert_agrees("distilbert");
}

#[test]
fn jina_bert() {
    assert_agrees("jina_bert");
}

#[test]
fn bert_with_an_adapter() {
    assert_agrees("adapter");
    // Without it, the vectors are others.
    let (with, texts) = (folder("adapter", 0.04), texts());
    let adapted = vectors(&resolve(with.path()), Mode::F32, 256, &texts);
    std::fs::remove_file(with.path().join("adapter_config.json")).expect("removed");
    let base = vectors(&resolve(with.path()), Mode::F32, 256, &texts);
    assert!(compare(&adapted, &base).0 < 0.999);
}

#[test]
fn nomic_bert() {
    assert_agrees("nomic_bert");
}

#[test]
fn modern_bert() {
    assert_agrees("modernbert");
}

#[test]
fn qwen3() {
    assert_agrees("qwen3");
}

/// How a model loads with `auto`, and what is noted.
fn auto(model: &ModelFolder) -> (String, String) {
    let options = EmbedOptions::default();
    let embedder = Embedder::load(model, options).expect("a usable model");
    (embedder.mode().to_owned(), embedder.notes().join("; "))
}

#[test]
fn auto_takes_integers_only_where_the_model_keeps_its_vectors() {
    let kind = "distilbert";
    let plain = folder(kind, 0.04);
    let (mode, notes) = auto(&resolve(plain.path()));
    if mode.contains("portable") {
        println!("skipped: integers are no faster on this CPU");
        return;
    }
    assert!(mode.starts_with("int16"), "{mode}");
    assert!(!notes.contains("int16"), "{notes}");
    // Two numbers of every state are so large that a scale for all of them leaves the others nothing, and no layer reads
    // them.
    let large = edited(kind, 0.04, |name, shape, numbers| {
        if name == "embeddings.LayerNorm.weight" {
            numbers[..2].fill(0.0);
        } else if name == "embeddings.LayerNorm.bias" {
            numbers[..2].copy_from_slice(&[3e5, -3e5]);
        } else if name.ends_with("sa_layer_norm.weight") {
            numbers.fill(1e4);
            numbers[..2].fill(0.0);
        } else if let ([_, inputs], true) = (shape, name.starts_with("transformer")) {
            let rows = numbers.chunks_mut(*inputs);
            rows.for_each(|row| row[..2].fill(0.0));
        }
    });
    let model = resolve(large.path());
    let (mode, notes) = auto(&model);
    assert!(
        mode.starts_with("f32") && mode.ends_with("(packed)"),
        "{mode}"
    );
    assert!(
        notes.contains("mode int16 would move this model's vectors"),
        "{notes}"
    );
    let texts = texts();
    let exact = vectors(&model, Mode::F32, 256, &texts);
    assert_eq!(vectors(&model, Mode::Auto, 256, &texts), exact);
    let (cosine, _) = compare(&exact, &vectors(&model, Mode::Int16, 256, &texts));
    println!("{notes}; of other texts {cosine:.5}");
    assert!(cosine < 0.9995, "{cosine}");
}
