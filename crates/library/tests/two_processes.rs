//! Two that write one library at once, as two processes do: each opened it before the other made it.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use syntopic_library::{AddOptions, AddReport, Library, LibraryError, Source};

const PAPERS: &str = r#"{"id":"a","title":"One","abstract":"First."}
{"id":"b","title":"Two","abstract":"Second."}
"#;

fn tiny_model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/tiny/bert-cls")
}

/// The tiny model with other pooling, hence other vectors.
fn other_model(folder: &Path) -> PathBuf {
    let model = folder.join("other-model");
    std::fs::create_dir_all(model.join("1_Pooling")).expect("a folder");
    for file in [
        "config.json",
        "modules.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "model.safetensors",
    ] {
        std::fs::copy(tiny_model().join(file), model.join(file)).expect("a copy");
    }
    std::fs::write(
        model.join("1_Pooling/config.json"),
        r#"{"pooling_mode":"mean"}"#,
    )
    .expect("a file");
    model
}

fn add(library: &mut Library, model: &Path) -> Result<AddReport, LibraryError> {
    let source = Source::Text {
        name: String::from("papers"),
        text: PAPERS,
    };
    let options = AddOptions {
        model: Some(model.display().to_string()),
        ..AddOptions::default()
    };
    library.add(&[source], &options, &mut |_| ControlFlow::Continue(()))
}

#[test]
fn the_second_with_another_model_is_refused_and_writes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("library");
    let (mut first, mut second) = (
        Library::open_or_create(&place).expect("new"),
        Library::open_or_create(&place).expect("new"),
    );
    assert_eq!(add(&mut first, &tiny_model()).expect("added").added, 2);
    let before = first.info().expect("information").generation;
    let refused = add(&mut second, &other_model(folder.path())).expect_err("another model");
    assert!(
        matches!(refused, LibraryError::OtherModel { .. }),
        "{refused}"
    );
    let mut again = Library::open(&place).expect("a library");
    assert_eq!(again.info().expect("information").generation, before);
    assert!(
        again
            .check(None, &mut |_| ControlFlow::Continue(()))
            .expect("a check")
            .ok
    );
}

#[test]
fn the_second_with_the_same_model_adds_nothing_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("library");
    let (mut first, mut second) = (
        Library::open_or_create(&place).expect("new"),
        Library::open_or_create(&place).expect("new"),
    );
    add(&mut first, &tiny_model()).expect("added");
    assert_eq!(add(&mut second, &tiny_model()).expect("added").papers, 2);
}
