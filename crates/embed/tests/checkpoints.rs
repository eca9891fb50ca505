//! Every architecture gives the vectors that sentence-transformers gives, on small checkpoints with random weights.
//!
//! They lie in `tests/reference/tiny/`.
#![allow(clippy::print_stdout, reason = "tests say what they measured")]

mod tiny;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use syntopic_embed::{EmbedOptions, Embedder, Mode};
use tiny::{
    assert_expected, assert_near, change, checkpoint, copy, expected, refusal, repository, resolve,
    resolve_or_refuse,
};

const ALL: [&str; 8] = [
    "bert-cls",
    "bert-mean-cased-dense",
    "distilbert-mean",
    "modernbert-cls",
    "mpnet-mean",
    "nomic-bert-mean",
    "qwen3-lasttoken",
    "xlm-roberta-mean",
];

#[test]
fn vectors_are_those_of_sentence_transformers() {
    for name in ALL {
        let folder = checkpoint(name);
        assert_expected(
            name,
            &folder,
            Mode::F32,
            &expected(&folder.join("expected.safetensors")),
        );
    }
}

/// 16-bit integers where the model's vectors survive them, f32 where they do not: what everybody runs who names no mode.
#[test]
fn the_default_mode_gives_them_too() {
    for name in ALL {
        let folder = checkpoint(name);
        let expected = expected(&folder.join("expected.safetensors"));
        // Qwen3's last token alone carries the rounding of a whole text.
        let largest = if name == "qwen3-lasttoken" {
            3e-4
        } else {
            1e-4
        };
        let near = (0.999_99, largest);
        assert_near(name, &folder, Mode::Auto, near, &expected);
    }
}

/// Puts the configuration files of a folder into the words of sentence-transformers before 6 and transformers before 5.
fn make_older(folder: &Path) {
    let mut length = Value::Null;
    change(folder, "tokenizer_config.json", |config| {
        length = config["model_max_length"].take();
        config["model_max_length"] = json!(1_000_000_000_000_000_019_884_624_838_656_f64);
    });
    let settings = json!({"max_seq_length": length, "do_lower_case": false});
    fs::write(
        folder.join("sentence_bert_config.json"),
        settings.to_string(),
    )
    .expect("written");
    change(folder, "modules.json", |modules| {
        for module in modules.as_array_mut().expect("a list") {
            let class = module["type"].as_str().expect("a class");
            let class = class.rsplit('.').next().expect("a name").to_owned();
            module["type"] = json!(format!("sentence_transformers.models.{class}"));
        }
    });
    change(folder, "1_Pooling/config.json", |config| {
        let mode = config["pooling_mode"].as_str().expect("a mode").to_owned();
        *config = json!({"word_embedding_dimension": 64});
        for (newer, older) in [
            ("cls", "pooling_mode_cls_token"),
            ("mean", "pooling_mode_mean_tokens"),
            ("max", "pooling_mode_max_tokens"),
            ("mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens"),
            ("weightedmean", "pooling_mode_weightedmean_tokens"),
            ("lasttoken", "pooling_mode_lasttoken"),
        ] {
            config[older] = json!(newer == mode);
        }
    });
    if folder.join("2_Dense").is_dir() {
        change(folder, "2_Dense/config.json", |config| {
            let config = config.as_object_mut().expect("an object");
            config.retain(|name, _| !name.starts_with("module_"));
        });
    }
    change(folder, "config_sentence_transformers.json", |config| {
        config
            .as_object_mut()
            .expect("an object")
            .remove("model_type");
    });
    change(folder, "config.json", |config| {
        let kind = config["model_type"].as_str().expect("a kind").to_owned();
        let rotary = config["rope_parameters"].take();
        let config = config.as_object_mut().expect("an object");
        config.retain(|name, _| {
            !matches!(name.as_str(), "rope_parameters" | "layer_types" | "dtype")
        });
        config.insert("torch_dtype".to_owned(), json!("float32"));
        let mut set = |name: &str, value: &Value| config.insert(name.to_owned(), value.clone());
        match kind.as_str() {
            "modernbert" => {
                set("global_rope_theta", &rotary["full_attention"]["rope_theta"]);
                set(
                    "local_rope_theta",
                    &rotary["sliding_attention"]["rope_theta"],
                );
            }
            "qwen3" => {
                set("rope_theta", &rotary["rope_theta"]);
                set("rope_scaling", &Value::Null);
            }
            "nomic_bert" => make_gpt_like(config, &rotary["rope_theta"]),
            _ => {
                set("position_embedding_type", &json!("absolute"));
            }
        }
    });
}

/// The layout of the first published NomicBERTs.
fn make_gpt_like(config: &mut serde_json::Map<String, Value>, theta: &Value) {
    for (newer, older) in [
        ("hidden_size", "n_embd"),
        ("num_attention_heads", "n_head"),
        ("num_hidden_layers", "n_layer"),
        ("intermediate_size", "n_inner"),
        ("max_position_embeddings", "n_positions"),
        ("layer_norm_eps", "layer_norm_epsilon"),
    ] {
        let value = config.remove(newer).expect(newer);
        config.insert(older.to_owned(), value);
    }
    for gone in ["head_dim", "hidden_act", "pad_token_id"] {
        config.remove(gone);
    }
    let own = json!({"activation_function": "swiglu", "prenorm": false, "qkv_proj_bias": false, "mlp_fc1_bias": false,
        "mlp_fc2_bias": false, "rotary_emb_base": theta, "rotary_emb_fraction": 1.0, "rotary_emb_interleaved": false,
        "rotary_emb_scale_base": null, "rotary_scaling_factor": null, "causal": false, "parallel_block": false,
        "use_rms_norm": false, "scale_attn_weights": true, "use_flash_attn": true});
    config.extend(own.as_object().expect("an object").clone());
}

#[test]
fn the_older_generation_of_configuration_files_gives_the_same_vectors() {
    for name in ALL {
        let newer = checkpoint(name);
        let older = tempfile::tempdir().expect("a folder");
        copy(&newer, older.path());
        make_older(older.path());
        let label = format!("{name}, older");
        let expected = expected(&newer.join("expected.safetensors"));
        assert_expected(&label, older.path(), Mode::F32, &expected);
    }
}

/// `tiny/bert-cls` with other modules after it: a pooling mode, and Dense modules by the names of their activations.
fn with_head(mode: &str, activations: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    copy(&repository().join("bert-cls"), folder.path());
    copy(&repository().join("heads"), folder.path());
    let class = |name: &str| format!("sentence_transformers.models.{name}");
    let mut modules = vec![
        json!({"path": "", "type": class("Transformer")}),
        json!({"path": "1_Pooling", "type": class("Pooling")}),
    ];
    change(folder.path(), "1_Pooling/config.json", |config| {
        config["pooling_mode"] = json!(mode);
    });
    let sizes = [("2_Dense", 64, 16), ("3_Dense", 16, 8)];
    for (activation, (path, inputs, outputs)) in activations.iter().zip(sizes) {
        modules.push(json!({"path": path, "type": class("Dense")}));
        let module = match *activation {
            "Identity" => "linear",
            _ => "activation",
        };
        let config = json!({"in_features": inputs, "out_features": outputs, "bias": true,
            "activation_function": format!("torch.nn.modules.{module}.{activation}")});
        let file = folder.path().join(path).join("config.json");
        fs::write(file, config.to_string()).expect("written");
    }
    change(folder.path(), "modules.json", |list| *list = json!(modules));
    // Prompts would make queries of their own.
    change(
        folder.path(),
        "config_sentence_transformers.json",
        |config| {
            config["prompts"] = json!({});
        },
    );
    folder
}

#[test]
fn every_pooling_and_dense_module_is_that_of_sentence_transformers() {
    let heads = expected(&repository().join("heads/expected.safetensors"));
    assert_eq!(heads.len(), 13);
    for (name, rows) in heads {
        let parts: Vec<&str> = name.split('+').collect();
        let folder = with_head(parts[0], &parts[1..]);
        let expected = BTreeMap::from([("document".to_owned(), rows)]);
        assert_expected(&name, folder.path(), Mode::F32, &expected);
        let model =
            Embedder::load(&resolve(folder.path()), EmbedOptions::default()).expect("a model");
        assert_eq!(model.pooling().name(), parts[0]);
        let noted = |what: &str| model.notes().iter().any(|note| note.contains(what));
        assert!(noted("not of unit length"), "{:?}", model.notes());
        assert!(model.mode().contains("packed"), "{name}");
        assert!(!noted("the packed"), "{:?}", model.notes());
    }
}

#[test]
fn dense_modules_that_are_not_supported_are_refused_by_name() {
    for (name, value, words) in [
        (
            "activation_function",
            json!("torch.nn.modules.activation.Mish"),
            "activation.Mish",
        ),
        (
            "activation_function",
            json!("my.Activation"),
            "\"my.Activation\"",
        ),
        ("use_residual", json!(true), "use_residual: true"),
        (
            "module_input_name",
            json!("token_embeddings"),
            "\"token_embeddings\"",
        ),
        ("in_features", json!(32), "the module before gives 64"),
        ("bias", json!(false), "have a linear.bias"),
        ("out_features", json!(0), "out_features 0"),
    ] {
        let folder = with_head("mean", &["Tanh"]);
        change(folder.path(), "2_Dense/config.json", |config| {
            config[name] = value
        });
        let error = refusal(folder.path());
        assert!(
            error.contains("2_Dense") && error.contains(words),
            "{error}"
        );
    }
    let folder = with_head("mean", &["Tanh"]);
    fs::remove_file(folder.path().join("2_Dense/model.safetensors")).expect("removed");
    let error = refusal(folder.path());
    assert!(
        error.contains("2_Dense") && error.contains("model.safetensors"),
        "{error}"
    );
}

#[test]
fn settings_that_would_change_the_vectors_are_refused_by_name() {
    for (checkpoint_name, name, value, words) in [
        (
            "mpnet-mean",
            "hidden_act",
            json!("quick_gelu"),
            "quick_gelu",
        ),
        ("mpnet-mean", "num_attention_heads", json!(5), "5 heads"),
        (
            "mpnet-mean",
            "num_attention_heads",
            json!(0),
            "num_attention_heads is 0",
        ),
        (
            "mpnet-mean",
            "relative_attention_num_buckets",
            json!(2),
            "relative_attention_num_buckets",
        ),
        ("mpnet-mean", "model_type", json!("t5"), "\"t5\""),
        (
            "qwen3-lasttoken",
            "use_bidirectional_attention",
            json!(true),
            "use_bidirectional_attention: true",
        ),
        (
            "qwen3-lasttoken",
            "is_causal",
            json!(false),
            "is_causal: false",
        ),
        (
            "qwen3-lasttoken",
            "auto_map",
            json!({"AutoModel": "modeling.Bidirectional"}),
            "code of the model's own",
        ),
        (
            "xlm-roberta-mean",
            "lora_adaptations",
            json!(["retrieval.query"]),
            "lora_adaptations",
        ),
        (
            "xlm-roberta-mean",
            "position_embedding_type",
            json!("relative_key"),
            "relative_key",
        ),
        (
            "bert-cls",
            "num_attention_heads",
            json!(0),
            "num_attention_heads is 0",
        ),
        (
            "bert-cls",
            "position_embedding_type",
            json!("relative_key"),
            "relative_key",
        ),
        ("nomic-bert-mean", "prenorm", json!(true), "prenorm"),
        (
            "nomic-bert-mean",
            "rotary_scaling_factor",
            json!(2.0),
            "rotary_scaling_factor",
        ),
        (
            "nomic-bert-mean",
            "hidden_act",
            json!("gelu"),
            "supported: silu",
        ),
        (
            "modernbert-cls",
            "layer_types",
            json!(["full_attention"]),
            "layer_types lists 1",
        ),
        (
            "modernbert-cls",
            "attention_bias",
            json!(true),
            "attention_bias",
        ),
        (
            "qwen3-lasttoken",
            "layer_types",
            json!(["sliding_attention"]),
            "sliding_attention",
        ),
        (
            "distilbert-mean",
            "num_hidden_layers",
            json!(1),
            "contradicts n_layers",
        ),
        (
            "modernbert-cls",
            "sliding_window",
            json!(4),
            "contradicts local_attention",
        ),
        (
            "qwen3-lasttoken",
            "is_causal",
            json!(false),
            "is_causal: false",
        ),
        (
            "mpnet-mean",
            "quantization_config",
            json!({"quant_method": "gptq"}),
            "quantization_config",
        ),
        (
            "bert-cls",
            "add_cross_attention",
            json!(true),
            "add_cross_attention: true",
        ),
        (
            "bert-cls",
            "hidden_size",
            json!(32),
            "weights are not those of its config.json",
        ),
        (
            "qwen3-lasttoken",
            "rope_parameters",
            json!({"rope_type": "yarn"}),
            "yarn",
        ),
        (
            "qwen3-lasttoken",
            "num_key_value_heads",
            json!(3),
            "not a multiple of its 3",
        ),
    ] {
        let from = checkpoint(checkpoint_name);
        let folder = tempfile::tempdir().expect("a folder");
        copy(&from, folder.path());
        change(folder.path(), "config.json", |config| config[name] = value);
        let error = refusal(folder.path());
        assert!(
            error.contains("config.json") && error.contains(words),
            "{error}"
        );
    }
}

#[test]
fn a_model_for_another_similarity_says_so() {
    let notes = |similarity: Value, normalized: bool| {
        let folder = tempfile::tempdir().expect("a folder");
        copy(&repository().join("bert-cls"), folder.path());
        change(
            folder.path(),
            "config_sentence_transformers.json",
            |config| {
                config["similarity_fn_name"] = similarity;
            },
        );
        if !normalized {
            change(folder.path(), "modules.json", |modules| {
                modules.as_array_mut().expect("a list").pop();
            });
        }
        let model = Embedder::load(&resolve(folder.path()), EmbedOptions::default());
        model
            .map(|m| m.notes().join("; "))
            .map_err(|e| e.to_string())
    };
    for same in [
        json!("cosine"),
        Value::Null,
        json!("dot"),
        json!("euclidean"),
    ] {
        assert_eq!(notes(same, true).as_deref(), Ok(""));
    }
    for (name, normalized) in [("dot", false), ("manhattan", true)] {
        let notes = notes(json!(name), normalized).expect("a model");
        assert!(
            notes.contains(name) && notes.contains("may rank otherwise"),
            "{notes}"
        );
    }
    let error = notes(json!("maxsim"), true).expect_err("refused");
    assert!(
        error.contains("the similarity function \"maxsim\""),
        "{error}"
    );
}

#[test]
fn a_plain_transformers_folder_is_pooled_by_the_mean_and_says_so() {
    let heads = expected(&repository().join("heads/expected.safetensors"));
    let folder = tempfile::tempdir().expect("a folder");
    copy(&repository().join("bert-cls"), folder.path());
    for file in [
        "modules.json",
        "sentence_bert_config.json",
        "config_sentence_transformers.json",
    ] {
        fs::remove_file(folder.path().join(file)).expect("removed");
    }
    let expected = BTreeMap::from([("document".to_owned(), heads["mean"].clone())]);
    assert_expected("plain folder", folder.path(), Mode::F32, &expected);
    let model = Embedder::load(&resolve(folder.path()), EmbedOptions::default()).expect("a model");
    let noted = |note: &String| note.contains("mean pooling and unit length are assumed");
    assert!(model.notes().iter().any(noted), "{:?}", model.notes());
}

/// Puts the weights of a folder into two files and an index, as transformers does with large ones.
fn make_sharded(folder: &Path) {
    let whole = folder.join("model.safetensors");
    let device = candle_core::Device::Cpu;
    let tensors: BTreeMap<String, candle_core::Tensor> =
        candle_core::safetensors::load(&whole, &device)
            .expect("tensors")
            .into_iter()
            .collect();
    fs::remove_file(whole).expect("removed");
    let mut map = BTreeMap::new();
    for half in 0..2 {
        let name = format!("model-0000{}-of-00002.safetensors", half + 1);
        let own = tensors.iter().skip(half).step_by(2);
        let own: std::collections::HashMap<String, candle_core::Tensor> =
            own.map(|(tensor, t)| (tensor.clone(), t.clone())).collect();
        map.extend(own.keys().map(|tensor| (tensor.clone(), name.clone())));
        candle_core::safetensors::save(&own, folder.join(name)).expect("a file");
    }
    let index = json!({"metadata": {"total_size": 0}, "weight_map": map});
    let file = folder.join("model.safetensors.index.json");
    fs::write(file, index.to_string()).expect("a file");
}

#[test]
fn weights_in_several_files_give_the_same_vectors() {
    for name in ["bert-cls", "mpnet-mean"] {
        let from = repository().join(name);
        let folder = tempfile::tempdir().expect("a folder");
        copy(&from, folder.path());
        make_sharded(folder.path());
        let expected = expected(&from.join("expected.safetensors"));
        assert_expected(
            &format!("{name}, sharded"),
            folder.path(),
            Mode::F32,
            &expected,
        );
        let model = resolve(folder.path());
        assert_ne!(model.weights_sha256, resolve(&from).weights_sha256);
        let second = folder.path().join("model-00002-of-00002.safetensors");
        let bytes = fs::read(&second).expect("a file");
        // The last number of the last tensor.
        let mut other = bytes.clone();
        *other.last_mut().expect("a byte") ^= 1;
        fs::write(&second, other).expect("written");
        let changed = resolve(folder.path());
        assert_ne!(model.weights_sha256, changed.weights_sha256);
        assert_ne!(model.revision, changed.revision);
        fs::remove_file(second).expect("removed");
        let error = resolve_or_refuse(folder.path()).expect_err("refused");
        assert!(error.to_string().contains("all and their index"), "{error}");
    }
}

#[test]
fn roberta_and_camembert_are_read_as_xlm_roberta() {
    let from = repository().join("xlm-roberta-mean");
    for kind in ["roberta", "camembert"] {
        let folder = tempfile::tempdir().expect("a folder");
        copy(&from, folder.path());
        // What sentence-transformers 6.2 makes of this folder then: the same vectors, within 9e-8.
        change(folder.path(), "config.json", |config| {
            config["model_type"] = json!(kind)
        });
        assert_expected(
            kind,
            folder.path(),
            Mode::F32,
            &expected(&from.join("expected.safetensors")),
        );
    }
}

#[test]
fn what_the_older_nomic_bert_leaves_out_is_not_guessed() {
    let from = checkpoint("nomic-bert-mean");
    for name in ["prenorm", "qkv_proj_bias", "rotary_emb_fraction"] {
        let folder = tempfile::tempdir().expect("a folder");
        copy(&from, folder.path());
        make_older(folder.path());
        change(folder.path(), "config.json", |config| {
            config.as_object_mut().expect("an object").remove(name);
        });
        let error = refusal(folder.path());
        assert!(error.contains(&format!("{name} is missing")), "{error}");
    }
}

/// A checkpoint with a head holds its encoder under a prefix; one that holds two does not say which is the model.
#[test]
fn an_encoder_under_a_prefix_is_found_and_two_are_refused() {
    let path = |folder: &Path| folder.join("model.safetensors");
    for (name, prefix) in [("bert-cls", "bert"), ("modernbert-cls", "model")] {
        let original = checkpoint(name);
        let tensors = candle_core::safetensors::load(path(&original), &candle_core::Device::Cpu);
        let tensors = tensors.expect("weights");
        let below: std::collections::HashMap<_, _> = tensors
            .iter()
            .map(|(name, tensor)| (format!("{prefix}.{name}"), tensor.clone()))
            .collect();
        let folder = tempfile::tempdir().expect("a folder");
        copy(&original, folder.path());
        candle_core::safetensors::save(&below, path(folder.path())).expect("written");
        let expected = expected(&original.join("expected.safetensors"));
        assert_expected(name, folder.path(), Mode::F32, &expected);

        let both: std::collections::HashMap<_, _> = below.into_iter().chain(tensors).collect();
        candle_core::safetensors::save(&both, path(folder.path())).expect("written");
        for mode in [Mode::F32, Mode::Stock] {
            let options = EmbedOptions {
                mode,
                ..EmbedOptions::default()
            };
            let error = Embedder::load(&resolve(folder.path()), options)
                .err()
                .expect("refused");
            let error = error.to_string();
            assert!(
                error.contains("two encoders") && error.contains(&format!(" {prefix}.")),
                "{error}"
            );
        }
    }
}

/// By the sizes in their `config.json`: 64 wide, 3 layers or 4, 4 heads.
#[test]
fn the_cost_of_a_text_is_that_of_the_matrices_and_of_the_pairs_of_tokens() {
    let cost = |name: &str| {
        let embedder = Embedder::load(&resolve(&checkpoint(name)), EmbedOptions::default());
        embedder.expect(name).operations(10)
    };
    // Four square matrices and two of the feed-forward part; 100 pairs.
    let bert = 3.0 * (2.0 * 10.0 * (4.0 * 64.0 * 64.0 + 2.0 * 64.0 * 128.0) + 4.0 * 64.0 * 100.0);
    assert_eq!(cost("bert-cls"), bert);
    let config: Value = tiny::read(&checkpoint("qwen3-lasttoken"), "config.json");
    let size = |name: &str| config[name].as_f64().expect(name);
    let (hidden, width) = (size("hidden_size"), size("head_dim"));
    let queries = width * size("num_attention_heads");
    let keys = width * size("num_key_value_heads");
    let weights = hidden * (2.0 * queries + 2.0 * keys + 3.0 * size("intermediate_size"));
    // Only the tokens before are seen: 55 pairs.
    let qwen = size("num_hidden_layers") * (2.0 * 10.0 * weights + 4.0 * queries * 55.0);
    assert_eq!(cost("qwen3-lasttoken"), qwen);
}
