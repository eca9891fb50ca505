//! Model folders of which a file was altered, as no one makes them by accident: refused with the name of a file, or they embed.

use super::{Place, limited, run};
use run::{copy_folder, line};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What is done to a file of a folder.
type Change = Box<dyn Fn(&Path)>;

fn edit(file: &'static str, change: impl Fn(&mut Value) + 'static) -> Change {
    Box::new(move |folder: &Path| {
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path).expect("a file");
        let mut value = serde_json::from_str(&text).expect("JSON");
        change(&mut value);
        std::fs::write(&path, value.to_string()).expect("written");
    })
}

fn bytes(file: &'static str, change: impl Fn(&mut Vec<u8>) + 'static) -> Change {
    Box::new(move |folder: &Path| {
        let path = folder.join(file);
        let mut bytes = std::fs::read(&path).expect("a file");
        change(&mut bytes);
        std::fs::write(&path, bytes).expect("written");
    })
}

/// `name` in `file` is each of `values`.
fn each(all: &mut Vec<(String, Change)>, file: &'static str, name: &'static str, values: &[Value]) {
    for value in values {
        let set = value.clone();
        let shown: String = value.to_string().chars().take(40).collect();
        all.push((
            format!("{file}: {name} = {shown}"),
            edit(file, move |config| config[name] = set.clone()),
        ));
    }
}

const NUMBERS: [&str; 5] = [
    "hidden_size",
    "num_attention_heads",
    "num_hidden_layers",
    "intermediate_size",
    "vocab_size",
];

fn of_configs(all: &mut Vec<(String, Change)>) {
    let config = "config.json";
    for name in NUMBERS {
        let wrong = [
            json!(0),
            json!(-1),
            json!(7),
            json!(4_294_967_296_u64),
            json!("64"),
            json!(null),
        ];
        each(all, config, name, &wrong);
    }
    each(
        all,
        config,
        "max_position_embeddings",
        &[json!(0), json!(1), json!(1_u64 << 40)],
    );
    each(
        all,
        config,
        "type_vocab_size",
        &[json!(0), json!(1_u64 << 40)],
    );
    each(
        all,
        config,
        "hidden_act",
        &[json!("swish2"), json!(3), json!({"a": 1})],
    );
    each(
        all,
        config,
        "layer_norm_eps",
        &[json!(0), json!(-1.0), json!("nan"), json!(1e300)],
    );
    each(
        all,
        config,
        "model_type",
        &[json!("gpt7"), json!([]), json!("../bert")],
    );
    each(
        all,
        config,
        "architectures",
        &[json!([]), json!(["X"]), json!("BertModel")],
    );
    each(all, config, "auto_map", &[json!({"AutoModel": "evil.py"})]);
    each(
        all,
        config,
        "position_embedding_type",
        &[json!("relative_key"), json!(1)],
    );
    let modules = "modules.json";
    all.push((
        format!("{modules}: empty"),
        edit(modules, |all| *all = json!([])),
    ));
    all.push((
        format!("{modules}: an object"),
        edit(modules, |all| *all = json!({})),
    ));
    all.push((
        format!("{modules}: a path that leaves the folder"),
        edit(modules, |all| all[1]["path"] = json!("../../1_Pooling")),
    ));
    all.push((
        format!("{modules}: an absolute path"),
        edit(modules, |all| all[1]["path"] = json!("/etc")),
    ));
    all.push((
        format!("{modules}: a type that is none"),
        edit(modules, |all| all[1]["type"] = json!("os.system")),
    ));
    all.push((
        format!("{modules}: 10,000 modules"),
        edit(modules, |all| {
            let one = all[1].clone();
            *all = Value::Array(vec![one; 10_000]);
        }),
    ));
    all.push((
        format!("{modules}: no type"),
        edit(modules, |all| all[0] = json!({"idx": 0})),
    ));
    let pooling = "1_Pooling/config.json";
    each(
        all,
        pooling,
        "pooling_mode",
        &[json!("median"), json!(["cls", "mean"]), json!(7)],
    );
    each(all, pooling, "embedding_dimension", &[json!(0), json!(3)]);
    each(
        all,
        "sentence_bert_config.json",
        "max_seq_length",
        &[json!(0), json!(-5), json!(1_u64 << 50), json!("x")],
    );
    for file in [
        config,
        modules,
        pooling,
        "tokenizer.json",
        "tokenizer_config.json",
    ] {
        all.push((format!("{file}: empty"), bytes(file, Vec::clear)));
        all.push((
            format!("{file}: cut"),
            bytes(file, |b| b.truncate(b.len() / 2)),
        ));
        all.push((format!("{file}: no UTF-8"), bytes(file, |b| b[1] = 0xff)));
        all.push((
            format!("{file}: 10,000 deep"),
            bytes(file, |b| {
                *b = [b"[".repeat(10_000), b"]".repeat(10_000)].concat()
            }),
        ));
        all.push((
            format!("{file}: a number"),
            bytes(file, |b| *b = b"7".to_vec()),
        ));
    }
}

fn of_tokenizers(all: &mut Vec<(String, Change)>) {
    let file = "tokenizer.json";
    each(
        all,
        file,
        "model",
        &[
            json!(null),
            json!({"type": "WordPiece"}),
            json!({"type": "BPE", "vocab": {}, "merges": [["a", "b"]]}),
        ],
    );
    each(
        all,
        file,
        "normalizer",
        &[
            json!({"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": ""}),
            json!({"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
        ],
    );
    each(
        all,
        file,
        "pre_tokenizer",
        &[
            json!(null),
            json!({"type": "Split", "pattern": {"Regex": "("}, "behavior": "Removed", "invert": false}),
        ],
    );
    each(
        all,
        file,
        "post_processor",
        &[
            json!(null),
            json!({"type": "BertProcessing", "sep": ["x", 999_999], "cls": ["y", 999_999]}),
        ],
    );
    each(
        all,
        file,
        "added_tokens",
        &[
            json!([{"id": 999_999, "content": "the", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}]),
            json!([{"id": 5, "content": "", "single_word": false, "lstrip": false, "rstrip": false, "normalized": true, "special": false}]),
            json!(7),
        ],
    );
    let model = |name: &'static str, value: Value| {
        (
            format!("{file}: {name} = {value}"),
            edit(file, move |t| t["model"][name] = value.clone()),
        )
    };
    all.push(model("unk_token", json!("[NONE]")));
    all.push(model("max_input_chars_per_word", json!(0)));
    all.push(model("max_input_chars_per_word", json!(1_u64 << 62)));
    all.push(model("continuing_subword_prefix", json!("")));
    all.push(model("vocab", json!({"[UNK]": 0})));
    all.push((
        format!("{file}: ids beyond the model's words"),
        edit(file, |t| {
            let words = t["model"]["vocab"].as_object_mut().expect("a vocabulary");
            words
                .values_mut()
                .for_each(|id| *id = json!(id.as_u64().unwrap_or(0) + 1_000_000));
        }),
    ));
    all.push((
        format!("{file}: all ids the same"),
        edit(file, |t| {
            let words = t["model"]["vocab"].as_object_mut().expect("a vocabulary");
            words.values_mut().for_each(|id| *id = json!(3));
        }),
    ));
}

/// The header of a safetensors file, which is JSON behind its length, changed.
fn header(
    file: &'static str,
    change: impl Fn(&mut serde_json::Map<String, Value>) + 'static,
) -> Change {
    bytes(file, move |all| {
        let length = u64::from_le_bytes(all[..8].try_into().expect("8 bytes")) as usize;
        let mut header = serde_json::from_slice(&all[8..8 + length]).expect("a header");
        change(&mut header);
        let new = serde_json::to_vec(&header).expect("JSON");
        let rest = all.split_off(8 + length);
        *all = [&(new.len() as u64).to_le_bytes()[..], &new, &rest].concat();
    })
}

/// The first tensor of a header, its description beside it.
fn first(header: &mut serde_json::Map<String, Value>) -> &mut Value {
    let mut tensors = header
        .iter_mut()
        .filter(|(name, _)| *name != "__metadata__");
    tensors.next().expect("a tensor").1
}

fn of_weights(all: &mut Vec<(String, Change)>) {
    let file = "model.safetensors";
    let mut add = |name: &str, change: Change| all.push((format!("{file}: {name}"), change));
    add("empty", bytes(file, Vec::clear));
    add("seven bytes", bytes(file, |b| b.truncate(7)));
    add("cut in its header", bytes(file, |b| b.truncate(100)));
    add(
        "cut in its numbers",
        bytes(file, |b| b.truncate(b.len() - 5)),
    );
    add(
        "longer than it says",
        bytes(file, |b| b.extend_from_slice(&[0; 64])),
    );
    add("a header of 2^64 bytes", bytes(file, |b| b[..8].fill(0xff)));
    add(
        "a header of 2^40 bytes",
        bytes(file, |b| {
            b[..8].copy_from_slice(&(1_u64 << 40).to_le_bytes())
        }),
    );
    add("a header of none", bytes(file, |b| b[..8].fill(0)));
    add("a header that is no JSON", bytes(file, |b| b[8] = b'x'));
    add("no tensors", header(file, serde_json::Map::clear));
    add(
        "a tensor less",
        header(file, |h| {
            let name = h
                .keys()
                .find(|name| *name != "__metadata__")
                .cloned()
                .expect("a tensor");
            h.shift_remove(&name);
        }),
    );
    add(
        "another name of a tensor",
        header(file, |h| {
            let name = h
                .keys()
                .find(|name| *name != "__metadata__")
                .cloned()
                .expect("a tensor");
            let tensor = h.shift_remove(&name).expect("a tensor");
            h.insert("x".to_owned(), tensor);
        }),
    );
    add(
        "a shape that is not its size",
        header(file, |h| first(h)["shape"] = json!([3, 5])),
    );
    add(
        "a shape of none",
        header(file, |h| first(h)["shape"] = json!([0])),
    );
    add(
        "a shape beyond any memory",
        header(file, |h| {
            first(h)["shape"] = json!([1_u64 << 40, 1_u64 << 40])
        }),
    );
    add(
        "a shape of 1,000 dimensions",
        header(file, |h| first(h)["shape"] = json!(vec![1; 1_000])),
    );
    add(
        "a type that is none",
        header(file, |h| first(h)["dtype"] = json!("F33")),
    );
    add(
        "another type",
        header(file, |h| first(h)["dtype"] = json!("I32")),
    );
    add(
        "half of the type's size",
        header(file, |h| first(h)["dtype"] = json!("F16")),
    );
    add(
        "places beyond its end",
        header(file, |h| first(h)["data_offsets"] = json!([0, 1_u64 << 50])),
    );
    add(
        "places that end before they begin",
        header(file, |h| first(h)["data_offsets"] = json!([100, 4])),
    );
    add(
        "places that overlap",
        header(file, |h| first(h)["data_offsets"] = json!([4, 260])),
    );
    add(
        "negative places",
        header(file, |h| first(h)["data_offsets"] = json!([-4, 4])),
    );
    let numbers = |number: f32| {
        bytes(file, move |b| {
            let length = u64::from_le_bytes(b[..8].try_into().expect("8 bytes")) as usize;
            for place in b[8 + length..].chunks_exact_mut(4) {
                place.copy_from_slice(&number.to_le_bytes());
            }
        })
    };
    for number in [f32::NAN, f32::INFINITY, 0.0, f32::MAX, 1e-45] {
        add(&format!("all numbers {number}"), numbers(number));
    }
    add(
        "no file",
        Box::new(|folder: &Path| {
            std::fs::remove_file(folder.join("model.safetensors")).expect("removed")
        }),
    );
}

#[test]
fn are_refused_or_embed() {
    let mut all = Vec::new();
    of_configs(&mut all);
    of_tokenizers(&mut all);
    of_weights(&mut all);
    let (mut refused, mut wrong) = (0, Vec::new());
    for (name, change) in &all {
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| is_refused(name, change))) {
            Ok(is_refused) => refused += usize::from(is_refused),
            Err(_) => wrong.push(name),
        }
    }
    let embedded = all.len() - refused - wrong.len();
    println!(
        "{} altered models: {refused} refused, {embedded} embed",
        all.len()
    );
    assert!(
        wrong.is_empty(),
        "{} are neither refused nor embed: {wrong:#?}",
        wrong.len()
    );
    assert!(all.len() >= 120 && refused >= 80, "{} {refused}", all.len());
}

/// Whether a model with a change is refused, as it should be where it does not embed.
fn is_refused(name: &str, change: &Change) -> bool {
    let place = Place::new();
    let model: PathBuf = place.path("model");
    copy_folder(&run::root().join("tests/reference/tiny/bert-cls"), &model);
    change(&model);
    let papers = format!(
        "{}\n{}\n",
        line("a", "One paper", "Of one thing."),
        line("b", "Another", "Of the other.")
    );
    let file = place.file("papers.jsonl", papers.as_bytes());
    let (file, model) = (file.display().to_string(), model.display().to_string());
    let ran = limited(&place, &["add", &file, "--model", &model]);
    if ran.code == 0 {
        let check = limited(&place, &["check"]);
        assert_eq!(check.code, 0, "{name}: {} {}", check.out, check.err);
        return false;
    }
    let code = matches!(ran.code, 1 | 2 | 6);
    assert!(code, "{name}: {} {}", ran.code, ran.err);
    let says = ran.err.contains(&model) || ran.err.contains(".json");
    assert!(says && ran.err.len() < 8_000, "{name}: {}", ran.err);
    let left = place.library().exists();
    assert!(!left, "{name}: a failed add leaves no library behind");
    true
}
