//! The registry: the compiled-in one, and what is refused in any.

use crate::support::*;
use syntopic_embed::models::{ModelError, Registry};

#[test]
fn the_compiled_in_registry_names_the_default() {
    let model = Registry::builtin().default_model();
    assert_eq!(model.name, "all-MiniLM-L6-v2");
    assert_eq!(model.hub_id, "sentence-transformers/all-MiniLM-L6-v2");
    assert_eq!(
        model.weights_sha256(),
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    );
    assert_eq!(
        (model.dimension, model.max_tokens, model.pooling.as_str()),
        (384, 256, "mean")
    );
    assert_eq!(model.licence, "Apache-2.0");
    assert!(model.wheel.is_some());
    let by_hub_id = Registry::builtin()
        .get("sentence-transformers/all-MiniLM-L6-v2")
        .expect("known");
    assert_eq!(by_hub_id, model);
}

#[test]
fn an_unknown_name_suggests_the_nearest() {
    let registry = Registry::builtin();
    for name in [
        "all-minilm-l6-v2",
        "all-MiniLM-L6-v1",
        "all-MinLM-L6-v2",
        "MiniLM",
        "my/all-MiniLM-L6-v2",
        "sentence-transformers/all-MiniLM-L6-v3",
        "sentence-transformer/all-MiniLM-L6-v2",
        "Sentence-Transformers/all-minilm-l6-v2",
        "sentnce-transformers/all-MinLM-L6-v2",
        "/models/all-MiniLM-L6",
    ] {
        let error = registry.get(name).expect_err(name);
        assert!(
            error.to_string().contains("did you mean all-MiniLM-L6-v2?"),
            "{name}: {error}"
        );
    }
    for name in ["word2vec", "sentence-transformers", "org/word2vec", "a/b"] {
        let error = registry.get(name).expect_err("unknown");
        assert!(
            matches!(&error, ModelError::UnknownModel { suggestions, .. } if suggestions.is_empty()),
            "{error:?}"
        );
    }
    let error = registry.get("word2vec").expect_err("unknown");
    assert!(error.to_string().contains("Known models: all-MiniLM-L6-v2"));
}

#[test]
fn a_registry_that_breaks_a_rule_is_refused_by_name() {
    let good = toml(&files(), Some(b"wheel"));
    Registry::parse(&good).expect("valid");
    let twice = good.clone() + good.strip_prefix("format = 1\n").expect("a header");
    let cases = [
        (
            good.replace("model.safetensors", "pytorch_model.bin"),
            "pickle",
        ),
        (
            good.replace("model.safetensors", "other.safetensors"),
            "model.safetensors is not among",
        ),
        (
            good.replace("1_Pooling/config.json", "../config.json"),
            "plain relative path",
        ),
        (
            good.replace("1_Pooling/config.json", "config.json"),
            "listed twice",
        ),
        (
            good.replace("folder = \"pkg/model\"", "folder = \"/pkg\""),
            "plain relative path",
        ),
        (good.replace(REVISION, "main"), "40 hex digits"),
        (
            good.replace(&sha(WEIGHTS), &sha(WEIGHTS).to_uppercase()),
            "64 lower-case hex digits",
        ),
        (
            good.replace("name = \"tiny\"", "name = \"../tiny\""),
            "name may have only",
        ),
        (good.replace("org/tiny", "tiny"), "organisation/name"),
        (good.replace("\"mean\"", "\"median\""), "pooling"),
        (good.replace("dimension = 4", "dimension = 0"), "dimension"),
        (good.replace("licence", "license"), "license"),
        (good.replace("format = 1", "format = 2"), "format is 2"),
        (twice, "two models are called"),
        ("format = 1\nmodel = []\n".to_string(), "names no model"),
    ];
    for (text, part) in cases {
        assert_ne!(text, good, "{part}: the case changes nothing");
        let error = Registry::parse(&text).expect_err(part).to_string();
        assert!(error.contains(part), "{part} is not in: {error}");
    }
}
