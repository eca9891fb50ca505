//! A folder that the user gives: known, unknown, almost known, not a model.

use crate::support::*;
use std::fs;
use syntopic_embed::models::{ModelError, ResolveOptions, Source, resolve_spec};

fn given(folder: &std::path::Path, cache: &tempfile::TempDir) -> ResolveOptions {
    ResolveOptions {
        folder: Some(folder.to_path_buf()),
        ..options(cache)
    }
}

#[test]
fn a_folder_with_a_known_models_files_is_that_model() {
    let (cache, folder) = (temp(), temp());
    write_model(folder.path(), &files());
    let options = given(folder.path(), &cache);
    let (outcome, heard) = run(&entry(), &options);
    let found = outcome.expect("used");
    assert_eq!(
        (found.name.as_str(), found.revision.as_str()),
        ("tiny", REVISION)
    );
    assert_eq!(
        (found.source, found.folder.as_path()),
        (Source::Folder, folder.path())
    );
    assert_eq!(heard.checked().len(), 4);
    assert!(run(&entry(), &options).1.checked().is_empty(), "stamped");
    assert_eq!(
        left_below(folder.path()).len(),
        4,
        "nothing of ours is written there"
    );
}

#[test]
fn the_same_weights_with_another_tokenizer_are_another_model() {
    let (cache, folder) = (temp(), temp());
    write_model(folder.path(), &files());
    fs::write(folder.path().join("tokenizer.json"), b"{}").expect("written");
    let (outcome, heard) = run(&entry(), &given(folder.path(), &cache));
    let found = outcome.expect("used");
    assert_ne!(found.name, "tiny");
    assert!(found.revision.starts_with("folder-"));
    assert!(heard.notes().contains(
        "has the weights of tiny but is not the same model: tokenizer.json: got 2 bytes"
    ));
    fs::write(folder.path().join("tokenizer.json"), b"{ }").expect("written");
    let changed = run(&entry(), &given(folder.path(), &cache))
        .0
        .expect("used");
    assert_ne!(
        changed.revision, found.revision,
        "the revision follows the files"
    );
}

#[test]
fn a_folder_of_no_known_model_is_used_under_its_own_name() {
    let (cache, parent) = (temp(), temp());
    let folder = parent.path().join("mine");
    let mut other = files();
    other.insert("model.safetensors", b"other weights".to_vec());
    write_model(&folder, &other);
    let spec = folder.to_str().expect("UTF-8");
    let found = resolve_spec(spec, &options(&cache), &mut |_| ()).expect("used");
    assert_eq!(
        (found.name.as_str(), found.source),
        ("mine", Source::Folder)
    );
    assert_eq!(found.weights_sha256, sha(b"other weights"));
    let again = resolve_spec(spec, &options(&cache), &mut |_| ()).expect("used");
    assert_eq!(again, found);
}

#[test]
fn what_is_no_model_folder_is_refused_with_the_reason() {
    let (cache, folder) = (temp(), temp());
    let missing = folder.path().join("missing");
    let error = run(&entry(), &given(&missing, &cache))
        .0
        .expect_err("missing");
    assert!(matches!(error, ModelError::NotAFolder { .. }), "{error:?}");
    let file = folder.path().join("file");
    fs::write(&file, b"").expect("written");
    let error = run(&entry(), &given(&file, &cache)).0.expect_err("a file");
    assert!(matches!(error, ModelError::NotAFolder { .. }), "{error:?}");
    fs::write(folder.path().join("model.pt"), b"pickle").expect("written");
    let error = run(&entry(), &given(folder.path(), &cache))
        .0
        .expect_err("a pickle");
    assert!(
        matches!(&error, ModelError::NoWeights { found, .. } if found == &["model.pt"]),
        "{error:?}"
    );
    assert!(error.to_string().contains("pickles, which can run code"));
}

#[test]
fn a_spec_is_a_name_or_a_path() {
    let cache = temp();
    let error = resolve_spec("all-minilm-l6", &options(&cache), &mut |_| ()).expect_err("unknown");
    assert!(
        matches!(&error, ModelError::UnknownModel { suggestions, .. } if suggestions == &["all-MiniLM-L6-v2"])
    );
    let error = resolve_spec("./nowhere", &options(&cache), &mut |_| ()).expect_err("a path");
    assert!(matches!(error, ModelError::NotAFolder { .. }), "{error:?}");
}

#[test]
fn a_hub_id_is_asked_for_and_anything_else_is_a_path() {
    let cache = temp();
    let offline = ResolveOptions {
        offline: true,
        ..options(&cache)
    };
    let spec = |spec: &str| resolve_spec(spec, &offline, &mut |_| ()).expect_err("nothing is here");
    let error = spec("sentence-transformers/all-MiniLM-L6-v2");
    assert!(
        matches!(&error, ModelError::NoSource { name, .. } if name == "all-MiniLM-L6-v2"),
        "{error:?}"
    );
    let text = spec("BAAI/bge-small-en-v1.5").to_string();
    assert!(text.contains("BAAI/bge-small-en-v1.5"), "{text}");
    for path in [
        "/no/where",
        "./no/where",
        "no/where/at-all",
        "../nowhere",
        "no/where/",
    ] {
        let error = spec(path);
        assert!(
            matches!(error, ModelError::NotAFolder { .. }),
            "{path}: {error:?}"
        );
    }
    // Tests run in the crate's folder: these are there.
    let error = spec("src/lib.rs");
    assert!(matches!(error, ModelError::NotAFolder { .. }), "{error:?}");
    let error = spec("src/models");
    assert!(matches!(error, ModelError::NoWeights { .. }), "{error:?}");
}

#[test]
fn the_revision_follows_every_file_that_the_transformer_is_set_up_from() {
    let (cache, folder) = (temp(), temp());
    let mut other = files();
    other.insert("model.safetensors", b"other weights".to_vec());
    write_model(folder.path(), &other);
    let revision = || {
        let spec = folder.path().to_str().expect("UTF-8");
        let found = resolve_spec(spec, &options(&cache), &mut |_| ()).expect("used");
        found.revision
    };
    let mut seen = vec![revision()];
    for name in ["sentence_bert_config.json", "sentence_xlnet_config.json"] {
        fs::write(folder.path().join(name), b"{\"do_lower_case\":true}").expect("written");
        let now = revision();
        assert!(!seen.contains(&now), "{name}");
        seen.push(now);
    }
}
