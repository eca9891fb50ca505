//! Models of the hub that the registry does not list. The mock stands for the real one, which cannot be reached here; it serves
//! a real checkpoint.

use crate::support::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use syntopic_embed::models::{
    Fetch, ModelError, ModelFolder, ResolveOptions, Source, pinned, resolve_spec, verify,
};
use syntopic_embed::{EmbedOptions, Embedder, TextKind};
use tempfile::TempDir;

const OTHER: &str = "fedcba9876543210fedcba9876543210fedcba98";

fn checkpoint() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/tiny/bert-cls")
}

/// Every file of a folder, with `/`.
fn files_of(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for item in fs::read_dir(folder).expect("a folder").flatten() {
        let name = item.file_name().to_string_lossy().into_owned();
        if item.path().is_dir() {
            let inner = files_of(&item.path()).into_iter();
            files.extend(inner.map(|(path, bytes)| (format!("{name}/{path}"), bytes)));
        } else {
            files.insert(name, fs::read(item.path()).expect("a file"));
        }
    }
    files
}

/// The hub's answer about a revision: hashes of large files alone, as there.
fn listing(commit: &str, files: &BTreeMap<String, Vec<u8>>) -> Value {
    let sibling = |(path, bytes): (&String, &Vec<u8>)| match path.ends_with(".safetensors") {
        true => json!({"rfilename": path, "size": bytes.len(), "blobId": "0",
            "lfs": {"sha256": sha(bytes), "size": bytes.len(), "pointerSize": 1}}),
        false => json!({"rfilename": path, "size": bytes.len(), "blobId": "0"}),
    };
    json!({"id": "org/new", "sha": commit, "cardData": {"license": "mit"},
        "siblings": files.iter().map(sibling).collect::<Vec<_>>()})
}

/// A hub with one model, whose branch main stands for a commit that can be changed.
struct Hub {
    mock: MockHub,
    main: Arc<Mutex<&'static str>>,
}

impl Hub {
    fn with(files: BTreeMap<String, Vec<u8>>) -> Self {
        let main = Arc::new(Mutex::new(REVISION));
        let now = main.clone();
        let mock = MockHub::start(move |request, _| {
            let path = request.path.split('?').next().unwrap_or_default();
            let commit = *now.lock().expect("not poisoned");
            if let Some(asked) = path.strip_prefix("/api/models/org/new/revision/") {
                let commit = match asked {
                    "main" => commit,
                    REVISION => REVISION,
                    OTHER => OTHER,
                    _ => return Reply::Status(404),
                };
                return Reply::Body(listing(commit, &files).to_string().into_bytes());
            }
            let of_commit = |commit| path.strip_prefix(&format!("/org/new/resolve/{commit}/"));
            let file = of_commit(REVISION).or_else(|| of_commit(OTHER));
            match file.and_then(|file| files.get(file)) {
                Some(bytes) => Reply::Body(bytes.clone()),
                None => Reply::Status(401),
            }
        });
        Self { mock, main }
    }

    fn at(&self, cache: &TempDir) -> ResolveOptions {
        ResolveOptions {
            endpoint: Some(self.mock.url.clone()),
            ..options(cache)
        }
    }
}

fn ask(spec: &str, options: &ResolveOptions) -> (Result<ModelFolder, ModelError>, Heard) {
    let mut heard = Vec::new();
    let outcome = resolve_spec(spec, options, &mut |event| heard.push(event));
    (outcome, Heard(heard))
}

fn vector(model: &ModelFolder) -> Vec<f32> {
    let embedder = Embedder::load(model, EmbedOptions::default()).expect("a model");
    let texts = ["Graph neural networks for molecules".to_owned()];
    let embedded = embedder.embed(&texts, TextKind::Document, &mut |_| {
        std::ops::ControlFlow::Continue(())
    });
    let vectors = embedded.expect("a vector").vectors;
    vectors.rows().next().expect("a row").to_vec()
}

#[test]
fn a_hub_id_is_fetched_pinned_and_found_again_without_the_hub() {
    let mut files = files_of(&checkpoint());
    for unwanted in [
        "README.md",
        "onnx/model.onnx",
        "pytorch_model.bin",
        ".gitattributes",
    ] {
        files.insert(unwanted.to_owned(), b"not wanted".to_vec());
    }
    let (hub, cache) = (Hub::with(files), temp());
    let options = hub.at(&cache);
    let (outcome, heard) = ask("org/new", &options);
    let model = outcome.expect("fetched");
    assert_eq!(
        (model.name.as_str(), model.revision.as_str(), model.source),
        ("org/new", REVISION, Source::Hub)
    );
    assert!(heard.0.contains(&Fetch::Finished));
    let weights = fs::read(checkpoint().join("model.safetensors")).expect("weights");
    assert_eq!(model.weights_sha256, sha(&weights));
    let given = resolve_spec(&checkpoint().display().to_string(), &options, &mut |_| ());
    assert_eq!(vector(&model), vector(&given.expect("a folder")));
    let fetched: Vec<String> = files_of(&model.folder).into_keys().collect();
    assert!(
        fetched.contains(&"1_Pooling/config.json".to_owned()),
        "{fetched:?}"
    );
    for unwanted in ["README.md", "onnx/model.onnx", "pytorch_model.bin"] {
        assert!(!fetched.contains(&unwanted.to_owned()), "{fetched:?}");
    }

    let asked = hub.mock.requests().len();
    for spec in ["org/new", "org/new@main", &format!("org/new@{REVISION}")] {
        let offline = ResolveOptions {
            offline: true,
            ..options.clone()
        };
        let again = ask(spec, &offline).0.expect(spec);
        assert_eq!(
            (&again.revision, again.source),
            (&model.revision, Source::Cache)
        );
        assert_eq!(again.weights_sha256, model.weights_sha256);
    }
    assert_eq!(hub.mock.requests().len(), asked, "nothing was asked again");

    let [entry] = &pinned(&options)[..] else {
        panic!("one model is pinned");
    };
    assert_eq!(
        (entry.hub_id.as_str(), entry.licence.as_str()),
        ("org/new", "mit")
    );
    let reports = verify(entry, &options).expect("reports");
    assert!(reports.iter().all(|report| report.ok() && report.hashed));

    // A damaged file is noticed, and fetched again.
    fs::write(model.folder.join("config.json"), "{}").expect("written");
    let (again, heard) = ask("org/new", &options);
    assert_eq!(again.expect("mended").weights_sha256, model.weights_sha256);
    assert!(heard.notes().contains("config.json"), "{}", heard.notes());
}

#[test]
fn a_branch_is_asked_for_again_only_on_request() {
    let (hub, cache) = (Hub::with(files_of(&checkpoint())), temp());
    let options = hub.at(&cache);
    ask("org/new", &options).0.expect("fetched");
    *hub.main.lock().expect("not poisoned") = OTHER;
    let same = ask("org/new", &options).0.expect("cached");
    assert_eq!(same.revision, REVISION);
    let refresh = ResolveOptions {
        refresh: true,
        ..options.clone()
    };
    assert_eq!(ask("org/new", &refresh).0.expect("fetched").revision, OTHER);
    assert_eq!(ask("org/new", &options).0.expect("cached").revision, OTHER);
    let before = ask(&format!("org/new@{REVISION}"), &options)
        .0
        .expect("kept");
    assert_eq!(before.revision, REVISION);

    // What was fetched is used where the hub cannot be asked.
    let alone = ResolveOptions {
        endpoint: Some("http://127.0.0.1:9".into()),
        ..refresh
    };
    let (outcome, heard) = ask("org/new", &alone);
    assert_eq!(outcome.expect("cached").revision, OTHER);
    assert!(
        heard.notes().contains("fetched of it before"),
        "{}",
        heard.notes()
    );
}

#[test]
fn what_the_hub_does_not_have_is_told_with_ways_on() {
    let (hub, cache) = (Hub::with(files_of(&checkpoint())), temp());
    let options = hub.at(&cache);
    let told = |spec: &str, options: &ResolveOptions| {
        let error = ask(spec, options).0.expect_err(spec);
        assert!(matches!(error, ModelError::NoSource { .. }), "{error:?}");
        error.to_string()
    };
    let text = told("org/new@v2", &options);
    assert!(
        text.contains("org/new@v2") && text.contains("no such model or revision"),
        "{text}"
    );
    let text = told("org/none", &options);
    assert!(
        text.contains("no such model") && text.contains("meant to be a folder"),
        "{text}"
    );
    let text = told("sentence-transformers/all-MiniLM-L6-v3", &options);
    assert!(text.contains("did you mean all-MiniLM-L6-v2?"), "{text}");
    let text = told("all-MiniLM-L6-v2@main", &options);
    assert!(text.contains("leave out @main"), "{text}");
    let offline = ResolveOptions {
        offline: true,
        ..options.clone()
    };
    let text = told("org/new", &offline);
    assert!(text.contains("unset HF_HUB_OFFLINE"), "{text}");

    let mut files = files_of(&checkpoint());
    files.remove("tokenizer.json");
    let text = told("org/new", &Hub::with(files).at(&temp()));
    assert!(text.contains("no tokenizer.json"), "{text}");
    let mut files = files_of(&checkpoint());
    files.remove("model.safetensors");
    let text = told("org/new", &Hub::with(files).at(&temp()));
    assert!(text.contains("no weights that are read"), "{text}");
    let mirror = MockHub::start(|_, _| Reply::Body(b"{}".to_vec()));
    let options = ResolveOptions {
        endpoint: Some(mirror.url.clone()),
        ..options.clone()
    };
    let text = told("org/new", &options);
    assert!(text.contains("does not list the model's files"), "{text}");
}

#[test]
fn the_weights_of_a_model_that_cannot_be_run_are_not_fetched() {
    let altered = |path: &str, from: &str, to: &str| {
        let mut files = files_of(&checkpoint());
        let text = String::from_utf8(files[path].clone()).expect("text");
        assert!(text.contains(from), "{text}");
        files.insert(path.to_owned(), text.replace(from, to).into_bytes());
        files
    };
    for (path, from, to, why) in [
        (
            "config.json",
            "\"model_type\": \"bert\"",
            "\"model_type\": \"mamba\"",
            "config.json asks for the architecture \"mamba\"; supported: ",
        ),
        (
            "modules.json",
            "Pooling\"",
            "LSTM\"",
            "modules.json asks for the module \"LSTM\"; supported: ",
        ),
    ] {
        let (hub, cache) = (Hub::with(altered(path, from, to)), temp());
        let error = ask("org/new", &hub.at(&cache)).0.expect_err(path);
        assert!(
            matches!(error, ModelError::NotSupported { .. }),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(text.starts_with("org/new cannot be run: "), "{text}");
        assert!(
            text.contains(why) && text.ends_with("another model."),
            "{text}"
        );
        let asked = hub.mock.requests();
        let weights = |path: &str| path.contains(".safetensors");
        assert!(
            !asked.iter().any(|request| weights(&request.path)),
            "{asked:?}"
        );
        assert!(pinned(&hub.at(&cache)).is_empty(), "nothing is remembered");
    }
}

#[test]
fn a_snapshot_of_the_hugging_face_cache_is_used_if_it_is_whole() {
    let (cache, hf) = (temp(), temp());
    let repository = hf.path().join("hub/models--org--new");
    let snapshot = repository.join("snapshots").join(OTHER);
    for (path, bytes) in files_of(&checkpoint()) {
        let path = snapshot.join(path);
        fs::create_dir_all(path.parent().expect("inside")).expect("a folder");
        fs::write(path, bytes).expect("written");
    }
    fs::create_dir_all(repository.join("refs")).expect("a folder");
    fs::write(repository.join("refs/main"), OTHER).expect("written");
    let options = ResolveOptions {
        hf_home: Some(hf.path().to_owned()),
        offline: true,
        ..options(&cache)
    };
    for spec in ["org/new", &format!("org/new@{OTHER}")] {
        let model = ask(spec, &options).0.expect("found");
        assert_eq!(
            (model.name.as_str(), model.revision.as_str(), model.source),
            ("org/new", OTHER, Source::HuggingFaceCache)
        );
    }
    // Another program may have fetched what it needed alone.
    fs::remove_file(snapshot.join("modules.json")).expect("removed");
    let text = ask("org/new", &options).0.expect_err("refused").to_string();
    assert!(text.contains("has no modules.json"), "{text}");
}
