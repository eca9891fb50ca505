//! `syntopic models` and `--dim`.

mod run;

use run::{FIVE, Place, copy_folder, line, tiny_model};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const MINILM: &str = "all-MiniLM-L6-v2";

/// Runs a verb with a cache of its own and no network.
fn offline(place: &Place, cache: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = run::command(&place.library())
        .args(arguments)
        .env("SYNTOPIC_CACHE", cache)
        .env("HF_HUB_OFFLINE", "1")
        .env("HF_HOME", place.path("no-such-home"))
        .output()
        .expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let code = output.status.code().expect("an exit code");
    (code, text(output.stdout), text(output.stderr))
}

/// A cache that holds wrong bytes under a known model's name.
fn damaged_cache(place: &Place) -> (PathBuf, PathBuf) {
    let listed = place.run(&["models", "--json"]).json();
    let revision = listed["models"][0]["revision"]
        .as_str()
        .expect("a revision");
    let cache = place.path("cache");
    let model = cache.join("models").join(MINILM);
    std::fs::create_dir_all(model.join(revision)).expect("a folder");
    std::fs::write(model.join(revision).join("config.json"), [b'x'; 612]).expect("written");
    (cache, model)
}

#[test]
fn remove_takes_a_model_out_of_our_cache_and_nothing_else() {
    let place = Place::new();
    let (cache, model) = damaged_cache(&place);
    let beside = cache.join("models/another");
    std::fs::create_dir_all(&beside).expect("a folder");
    let (code, out, err) = offline(&place, &cache, &["models", "remove", MINILM, "--json"]);
    assert_eq!(code, 0, "{err}");
    let removed: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(removed["name"], MINILM);
    assert!(
        removed["freed_bytes"].as_u64().is_some_and(|n| n >= 612),
        "{out}"
    );
    assert!(!model.exists() && beside.is_dir());
    let (code, _, err) = offline(&place, &cache, &["models", "remove", MINILM]);
    assert_eq!(code, 4);
    assert!(err.contains("nothing to remove"), "{err}");
    // A folder of the user's is no known model, and stays.
    let folder = tiny_model();
    let (code, _, err) = offline(&place, &cache, &["models", "remove", &folder]);
    assert_eq!(code, 4, "{err}");
    assert!(Path::new(&folder).join("config.json").is_file());
    let (code, _, err) = offline(&place, &cache, &["models", "remove", "embedded"]);
    assert_eq!(code, 4, "{err}");
}

#[test]
fn a_card_shows_prompts_pooling_and_lengths() {
    let place = Place::new();
    let card = place
        .run(&["models", "show", &tiny_model(), "--json"])
        .json();
    assert_eq!(card["pooling"], "cls");
    assert_eq!(card["similarity"], "cosine");
    assert_eq!(
        (&card["dim"], &card["max_tokens"]),
        (&json!(64), &json!(128))
    );
    let prompt = card["query_prompt"].as_str().expect("a prompt");
    assert!(prompt.starts_with("Represent this sentence"));
    assert_eq!(card["document_prompt"], "");
    assert_eq!(card["known"], Value::Null);
    let text = place.run(&["models", "show", "embedded"]);
    for words in ["embedded", "Apache-2.0", "240", "static", "STS-B"] {
        assert!(text.ok().contains(words), "{words}: {}", text.out);
    }
    let (code, _, err) = offline(&place, &place.path("empty"), &["models", "show", MINILM]);
    assert_eq!(code, 6);
    assert!(err.contains("models pull"), "{err}");
    place
        .run(&["models", "show", "no-such-model"])
        .fails(4, &["no model is called"]);
}

#[test]
fn folders_are_verified_by_loading_them() {
    let place = Place::new();
    let verified = place
        .run(&["models", "verify", &tiny_model(), "--json"])
        .json();
    assert_eq!(verified["files"][0]["ok"], true, "{verified}");
    let damaged = place.path("damaged");
    copy_folder(Path::new(&tiny_model()), &damaged);
    let weights = damaged.join("model.safetensors");
    let bytes = std::fs::read(&weights).expect("weights");
    std::fs::write(&weights, &bytes[..bytes.len() / 2]).expect("written");
    let ran = place.run(&["models", "verify", &damaged.display().to_string()]);
    assert_eq!(ran.code, 7, "{}{}", ran.out, ran.err);
    let pulled = place
        .run(&["models", "pull", &tiny_model(), "--json"])
        .json();
    assert_eq!(pulled["source"], "given folder");
}

/// The tiny model, saying that it was trained for vectors of 16 and 32 numbers.
fn trained(place: &Place) -> String {
    let folder = place.path("trained");
    copy_folder(Path::new(&tiny_model()), &folder);
    let path = folder.join("config_sentence_transformers.json");
    let bytes = std::fs::read(&path).expect("a file");
    let mut config: Value = serde_json::from_slice(&bytes).expect("JSON");
    config["matryoshka_dims"] = json!([32, 16]);
    std::fs::write(&path, config.to_string()).expect("written");
    folder.display().to_string()
}

#[test]
fn vectors_are_cut_where_the_model_was_trained_for_it() {
    let place = Place::new();
    let model = trained(&place);
    let lines: Vec<String> = FIVE
        .iter()
        .map(|(id, title, text)| line(id, title, text))
        .collect();
    let papers = place.file("papers.jsonl", lines.join("\n").as_bytes());
    let papers = papers.display().to_string();
    let add = |more: &[&str]| place.run(&[&["add", &papers, "--model", &model], more].concat());
    // Not for this length, unless forced; nothing is left behind.
    add(&["--dim", "24"]).fails(2, &["does not say", "it names 16, 32", "--force-dim"]);
    assert!(!place.library().exists());
    add(&["--dim", "65"]).fails(2, &["expected 1 to 64"]);
    let card = place.run(&["models", "show", &model, "--json"]).json();
    assert_eq!(card["trained_dims"], json!([16, 32]));
    add(&["--dim", "32"]).ok();
    assert_eq!(place.run(&["info", "--json"]).json()["dim"], 32);
    // The library keeps its length without being told, and never mixes it with another.
    add(&[]).ok();
    place.run(&["related", "--text", "graph networks"]).ok();
    add(&["--dim", "16"]).fails(2, &["have 32 numbers, not 16", "leave --dim out"]);
    place.run(&["check"]).ok();
}

#[test]
fn a_forced_cut_is_remembered_as_any_other() {
    let place = Place::new();
    let papers = place.file(
        "papers.jsonl",
        line("a", "A graph", "Graphs of words.").as_bytes(),
    );
    let papers = papers.display().to_string();
    let model = tiny_model();
    let add = ["add", &papers, "--model", &model, "--dim", "24"];
    place.run(&add).fails(2, &["it names none"]);
    place.run(&[&add[..], &["--force-dim"]].concat()).ok();
    // What was forced once need not be forced again.
    place.run(&add).ok();
    assert_eq!(place.run(&["info", "--json"]).json()["dim"], 24);
}

#[test]
fn a_model_of_the_hub_that_is_not_here_or_not_readable_says_what_to_do() {
    let place = Place::new();
    let cache = place.path("cache");
    let model = cache.join("models/org--new");
    std::fs::create_dir_all(&model).expect("a folder");
    std::fs::write(model.join("pins.json"), "{").expect("written");
    let (code, out, err) = offline(&place, &cache, &["models"]);
    assert_eq!(code, 0, "{err}");
    assert!(!out.contains("org/new"), "{out}");
    assert!(
        err.contains("pins.json cannot be read") && err.contains("models pull org/new"),
        "{err}"
    );
    for verb in ["show", "verify"] {
        let (code, _, err) = offline(&place, &cache, &["models", verb, "org/new"]);
        assert_ne!(code, 0);
        assert!(err.contains("pins.json cannot be read"), "{verb}: {err}");
        let (code, _, err) = offline(&place, &cache, &["models", verb, "org/other"]);
        assert_ne!(code, 0);
        assert!(
            err.contains("fetch it with `syntopic models pull org/other`"),
            "{verb}: {err}"
        );
    }
    let (code, _, err) = offline(&place, &cache, &["models", "remove", "org/new"]);
    assert_eq!(code, 0, "{err}");
    assert!(!model.exists());
}
