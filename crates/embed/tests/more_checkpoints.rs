//! JinaBERT, bottleneck adapters, torch's own files, a folder of model2vec, several poolings and poolings without the prompt, against vectors that
//! `tests/reference/tiny-own/make_own.py` made in Python.
#![allow(clippy::print_stdout, reason = "tests say what they measured")]

mod tiny;

use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use syntopic_embed::{EmbedOptions, Embedder, Mode, TextKind};
use tempfile::TempDir;
use tiny::{
    assert_expected, change, copy, expected, read, refusal, repository, resolve, resolve_or_refuse,
};

fn own() -> PathBuf {
    repository().join("../tiny-own")
}

/// `tiny/bert-cls` in a folder of its own.
fn base() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    copy(&repository().join("bert-cls"), folder.path());
    folder
}

/// A plain folder, without modules, of the weights and configuration of `from` and the tokenizer of `tiny/bert-cls`.
fn plain(from: &Path) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    copy(from, folder.path());
    for name in ["tokenizer.json", "tokenizer_config.json"] {
        let bytes = fs::read(repository().join("bert-cls").join(name)).expect("a file");
        fs::write(folder.path().join(name), bytes).expect("written");
    }
    folder
}

/// The weights of a folder as a safetensors file.
fn make_safetensors(folder: &Path) {
    let pickle = folder.join("pytorch_model.bin");
    let tensors = candle_core::pickle::read_all(&pickle).expect("tensors");
    let tensors: std::collections::HashMap<_, _> = tensors.into_iter().collect();
    candle_core::safetensors::save(&tensors, folder.join("model.safetensors")).expect("written");
    fs::remove_file(pickle).expect("removed");
}

#[test]
fn jina_bert_gives_the_vectors_of_the_reference() {
    let folder = plain(&own().join("jina"));
    let rows = expected(&own().join("jina/expected.safetensors"));
    assert_expected("jina, .bin", folder.path(), Mode::F32, &rows);
    make_safetensors(folder.path());
    assert_expected("jina, safetensors", folder.path(), Mode::F32, &rows);
}

#[test]
fn a_jina_bert_of_another_kind_is_refused_by_name() {
    for (name, value) in [
        ("feed_forward_type", json!("original")),
        ("is_decoder", json!(true)),
        ("num_attention_heads", json!(5)),
    ] {
        let folder = plain(&own().join("jina"));
        change(folder.path(), "config.json", |config| config[name] = value);
        let error = refusal(folder.path());
        let word = name.rsplit("num_attention_").next().expect("a word");
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn torchs_own_files_are_read_and_may_be_several() {
    let folder = plain(&own().join("jina"));
    let whole = resolve(folder.path());
    assert_eq!(whole.weights_sha256.len(), 64);
    let at = |name: &str| folder.path().join(name);
    // One file that an index lists: what is read is the same.
    fs::rename(at("pytorch_model.bin"), at("pytorch_model-1.bin")).expect("renamed");
    let index = json!({"weight_map": {"any": "pytorch_model-1.bin"}});
    fs::write(at("pytorch_model.bin.index.json"), index.to_string()).expect("written");
    let rows = expected(&own().join("jina/expected.safetensors"));
    assert_expected("jina, listed .bin", folder.path(), Mode::F32, &rows);
    // Changed weights are other weights.
    let mut bytes = fs::read(at("pytorch_model-1.bin")).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(at("pytorch_model-1.bin"), &bytes).expect("written");
    assert_ne!(resolve(folder.path()).revision, whole.revision);
    // Anything else is no file of weights.
    for damaged in [&bytes[..100], b"\x80\x02}q\x00.".as_slice(), b""] {
        fs::write(at("pytorch_model-1.bin"), damaged).expect("written");
        let error = refusal(folder.path());
        let named = error.contains("pytorch_model-1.bin") && error.contains("safetensors");
        assert!(named, "{error}");
    }
}

/// `tiny/bert-cls` with the adapter's files of these names.
fn adapted(files: &[&str]) -> TempDir {
    let folder = base();
    for name in files {
        let bytes = fs::read(own().join("adapter").join(name)).expect("a file");
        fs::write(folder.path().join(name), bytes).expect("written");
    }
    // Prompts would make queries of their own.
    change(
        folder.path(),
        "config_sentence_transformers.json",
        |config| config["prompts"] = json!({}),
    );
    folder
}

#[test]
fn an_adapter_gives_the_vectors_of_the_adapters_library() {
    let rows = expected(&own().join("adapter/expected.safetensors"));
    for weights in ["adapter.safetensors", "pytorch_adapter.bin"] {
        let folder = adapted(&["adapter_config.json", weights]);
        assert_expected(
            &format!("adapter, {weights}"),
            folder.path(),
            Mode::F32,
            &rows,
        );
    }
    let folder = adapted(&["adapter_config.json", "adapter.safetensors"]);
    let without = resolve(base().path());
    assert_ne!(resolve(folder.path()).revision, without.revision);
    assert_eq!(
        resolve(folder.path()).weights_sha256,
        without.weights_sha256
    );
}

#[test]
fn specter2_is_pooled_by_its_first_token() {
    let folder = adapted(&["adapter_config.json", "adapter.safetensors"]);
    fs::remove_file(folder.path().join("modules.json")).expect("removed");
    let notes = |folder: &Path| {
        let model = Embedder::load(&resolve(folder), EmbedOptions::default()).expect("a model");
        model.notes().join("; ")
    };
    assert!(notes(folder.path()).contains("mean pooling"));
    change(folder.path(), "adapter_config.json", |config| {
        config["model_name"] = json!("allenai/specter2_base");
    });
    assert!(notes(folder.path()).contains("as SPECTER2 is used"));
    let rows = expected(&own().join("adapter/expected.safetensors"));
    assert_expected("specter2", folder.path(), Mode::F32, &rows);
}

#[test]
fn adapters_that_are_not_supported_are_refused_by_name() {
    for (name, value) in [
        ("ln_before", json!(true)),
        ("mh_adapter", json!(true)),
        ("original_ln_after", json!(false)),
        ("non_linearity", json!("tanh")),
        ("scaling", json!("learned")),
        ("leave_out", json!([0])),
        ("architecture", json!("lora")),
    ] {
        let folder = adapted(&["adapter_config.json", "adapter.safetensors"]);
        change(folder.path(), "adapter_config.json", |config| {
            config["config"][name] = value;
        });
        let error = refusal(folder.path());
        let named = error.contains("adapter_config.json") && error.contains(name);
        assert!(named && error.contains("supported"), "{error}");
    }
    let folder = adapted(&["adapter_config.json", "adapter.safetensors"]);
    change(folder.path(), "adapter_config.json", |config| {
        config["peft_type"] = json!("LORA");
    });
    assert!(refusal(folder.path()).contains("LORA"));
    let folder = adapted(&["adapter_config.json", "adapter.safetensors"]);
    change(folder.path(), "config.json", |config| {
        config["position_embedding_type"] = json!("alibi");
    });
    let error = refusal(folder.path());
    assert!(
        error.contains("an adapter in the architecture \"jina_bert\""),
        "{error}"
    );
    let folder = adapted(&["adapter_config.json"]);
    assert!(refusal(folder.path()).contains("adapter.safetensors and pytorch_adapter.bin"));
    let error = resolve_or_refuse(&own().join("adapter")).expect_err("refused");
    let words = "copy its files into a copy of its base model's folder";
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn several_poolings_and_poolings_without_the_prompt_are_those_of_sentence_transformers() {
    let all = expected(&own().join("poolings.safetensors"));
    assert_eq!(all.len(), 9);
    for (name, rows) in all {
        let folder = base();
        let (without, modes) = match name.strip_prefix("prompt:") {
            Some(mode) => (true, mode),
            None => (false, name.as_str()),
        };
        let modes: Vec<&str> = modes.split('+').collect();
        change(folder.path(), "1_Pooling/config.json", |config| {
            *config = json!({"pooling_mode": modes, "include_prompt": !without});
        });
        change(
            folder.path(),
            "config_sentence_transformers.json",
            |config| {
                let prompt = config["prompts"]["query"].as_str().expect("a prompt");
                let prompt: String = prompt.chars().take(40).collect();
                config["prompts"] = match without {
                    true => json!({"query": prompt, "document": prompt}),
                    false => json!({}),
                };
            },
        );
        let rows = BTreeMap::from([("document".to_owned(), rows)]);
        assert_expected(&name, folder.path(), Mode::F32, &rows);
        let model =
            Embedder::load(&resolve(folder.path()), EmbedOptions::default()).expect("a model");
        assert!(model.identity().pooling.starts_with(&modes.join("+")));
        assert_eq!(model.identity().pooling.contains("without"), without);
        assert_eq!(model.identity().dim, 64 * modes.len());
    }
    assert!(read(base().path(), "1_Pooling/config.json").is_object());
}

/// Where a text has no token, model2vec gives zeros and we the mean of all tokens, whose cosine with papers means something.
#[test]
fn a_folder_that_model2vec_wrote_gives_its_vectors() {
    let folder = own().join("model2vec");
    let theirs = &expected(&folder.join("expected.safetensors"))["document"];
    let embedder = Embedder::load(&resolve(&folder), EmbedOptions::default()).expect("a model");
    let go_on = &mut |_| std::ops::ControlFlow::Continue(());
    let texts = tiny::texts();
    let embedded = embedder.embed(&texts, TextKind::Document, go_on);
    let ours = embedded.expect("vectors").vectors;
    assert_eq!((ours.n_rows(), ours.dim()), (texts.len(), 16));
    let mut compared = 0;
    for ((ours, theirs), text) in ours.rows().zip(theirs).zip(&texts) {
        if theirs.iter().any(|x| x.is_nan()) {
            continue;
        }
        let pairs = || ours.iter().zip(theirs);
        let largest = pairs().map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
        assert!(largest <= 1e-5, "{text:?} differs by {largest}");
        compared += 1;
    }
    assert!(compared >= texts.len() - 4, "{compared} texts");
}

#[test]
fn what_a_static_folder_asks_for_is_done_or_refused() {
    let changed = |file: &str, value: serde_json::Value| {
        let folder = tempfile::tempdir().expect("a folder");
        copy(&own().join("model2vec"), folder.path());
        fs::write(folder.path().join(file), value.to_string()).expect("written");
        folder
    };
    let class = |name: &str| format!("sentence_transformers.models.{name}");
    let modules = |names: &[&str]| -> serde_json::Value {
        let module = |name: &&str| json!({"path": "", "type": class(name)});
        names.iter().map(module).collect()
    };
    for chain in [
        &["StaticEmbedding", "Dense"][..],
        &["StaticEmbedding", "Pooling"],
    ] {
        let folder = changed("modules.json", modules(chain));
        let error = refusal(folder.path());
        assert!(error.contains(&chain.join(", ")), "{error}");
    }
    let own_settings = json!({"prompts": {"query": "query: "}, "truncate_dim": 8});
    let folder = changed("config_sentence_transformers.json", own_settings);
    let embedder =
        Embedder::load(&resolve(folder.path()), EmbedOptions::default()).expect("a model");
    assert_eq!(embedder.identity().dim, 8);
    assert_eq!(embedder.identity().query_prompt, "query: ");
    // One that sentence-transformers saved itself.
    let folder = changed("modules.json", modules(&["StaticEmbedding"]));
    fs::remove_file(folder.path().join("config.json")).expect("removed");
    let error = refusal(folder.path());
    assert!(
        error.contains("StaticEmbedding") && error.contains("model2vec"),
        "{error}"
    );
}

/// A module may lie in a folder of any name: what is in it decides what the model is.
#[test]
fn a_module_in_a_folder_of_another_name_is_part_of_the_model() {
    let folder = tempfile::tempdir().expect("a folder");
    copy(&repository().join("bert-mean-cased-dense"), folder.path());
    let path = |name: &str| folder.path().join(name);
    fs::rename(path("2_Dense"), path("dense")).expect("renamed");
    change(folder.path(), "modules.json", |modules| {
        for module in modules.as_array_mut().expect("a list") {
            if module["path"] == "2_Dense" {
                module["path"] = json!("dense");
            }
        }
    });
    let before = resolve(folder.path()).revision;
    change(folder.path(), "dense/config.json", |config| {
        config["activation_function"] = json!("torch.nn.modules.linear.Identity");
    });
    let between = resolve(folder.path()).revision;
    assert_ne!(before, between);
    let weights = path("dense/model.safetensors");
    let mut bytes = fs::read(&weights).expect("weights");
    let last = bytes.len() - 1;
    bytes[last] ^= 0x80;
    fs::write(&weights, bytes).expect("written");
    assert_ne!(resolve(folder.path()).revision, between);
}
