//! Two that write one library at once, as two processes do: each opened it before the other made it.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use syntopic_library::{
    AddOptions, AddReport, Event, Library, LibraryError, Query, RelatedOptions, Source,
};

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

#[test]
fn details_that_arrive_late_do_not_undo_a_text_that_changed_meanwhile() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("library");
    let mut first = Library::open_or_create(&place).expect("new");
    add(&mut first, &tiny_model()).expect("added");
    let mut second = Library::open(&place).expect("a library");
    let details = Source::Text {
        name: String::from("details"),
        text: r#"{"id":"a","title":"One","abstract":"First.","year":2020}"#,
    };
    let changed = Source::Text {
        name: String::from("changed"),
        text: r#"{"id":"a","title":"One","abstract":"Another text."}"#,
    };
    let mut first_ran = false;
    let report = second
        .add(&[details], &AddOptions::default(), &mut |event| {
            // The second has read its paper and not committed it yet.
            if matches!(event, Event::Reading { .. }) && !first_ran {
                first_ran = true;
                let report = first.add(
                    std::slice::from_ref(&changed),
                    &AddOptions::default(),
                    &mut |_| ControlFlow::Continue(()),
                );
                assert_eq!(report.expect("added").updated, 1);
            }
            ControlFlow::Continue(())
        })
        .expect("added");
    assert!(first_ran);
    assert_eq!(
        (report.updated, report.details_updated),
        (1, 0),
        "embedded after all"
    );
    let check = second.check(None, &mut |_| ControlFlow::Continue(()));
    assert_eq!(check.expect("a check").problems, Vec::<String>::new());
}

#[test]
fn a_model_folder_that_was_altered_is_another_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = other_model(folder.path());
    let place = folder.path().join("library");
    let mut library = Library::open_or_create(&place).expect("new");
    add(&mut library, &model).expect("added");
    for (file, from, to) in [
        (
            "config.json",
            "\"layer_norm_eps\": 1e-12",
            "\"layer_norm_eps\": 0.5",
        ),
        (
            "tokenizer.json",
            "\"lowercase\": true",
            "\"lowercase\": false",
        ),
    ] {
        let path = model.join(file);
        let whole = std::fs::read_to_string(&path).expect("a file");
        let altered = whole.replace(from, to);
        assert_ne!(altered, whole, "{file} holds {from}");
        std::fs::write(&path, altered).expect("a file");
        let mut library = Library::open(&place).expect("a library");
        let query = Query::Text(String::from("anything"));
        let refused = library
            .related(&query, &RelatedOptions::default(), &mut |_| {
                ControlFlow::Continue(())
            })
            .expect_err("another model");
        assert!(
            matches!(refused, LibraryError::OtherModel { .. }),
            "{file}: {refused}"
        );
        std::fs::write(&path, whole).expect("a file");
    }
    let moved = folder.path().join("moved");
    std::fs::rename(&model, &moved).expect("moved");
    let query = Query::Text(String::from("anything"));
    let ask = |model: Option<String>| {
        let mut library = Library::open(&place).expect("a library");
        let options = RelatedOptions {
            model,
            ..RelatedOptions::default()
        };
        library.related(&query, &options, &mut |_| ControlFlow::Continue(()))
    };
    let lost = ask(None).expect_err("it is gone").to_string();
    assert!(lost.contains("--model FOLDER"), "{lost}");
    assert_eq!(
        ask(Some(moved.display().to_string()))
            .expect("an answer")
            .hits
            .len(),
        2
    );
}

#[test]
fn one_open_library_refuses_a_second_model_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut library = Library::open_or_create(folder.path().join("library")).expect("new");
    add(&mut library, &tiny_model()).expect("added");
    let refused = add(&mut library, &other_model(folder.path())).expect_err("another model");
    assert!(
        matches!(refused, LibraryError::OtherModel { .. }),
        "{refused}"
    );
    assert_eq!(
        add(&mut library, &tiny_model())
            .expect("its own again")
            .unchanged,
        2
    );
}
