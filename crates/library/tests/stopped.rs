//! Long work that is stopped goes on where it was: embedding, and a change to another model while papers come, change and go.

use std::ops::ControlFlow;
use std::path::Path;
use syntopic_library::{
    AddOptions, EMBEDDED, EmbedRequest, Event, Library, LibraryError, Query, ReembedRequest,
    RelatedOptions, Source, Storage,
};

fn tiny_model() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/tiny/bert-cls");
    path.display().to_string()
}

/// Papers as JSON lines.
fn papers(range: std::ops::Range<usize>) -> Source {
    let line = |i: usize| {
        let subject = ["graphs", "images", "proteins"][i % 3];
        format!(
            "{{\"id\":\"p{i:04}\",\"title\":\"On {subject} {i}\",\"abstract\":\"We study {subject}, case {i}.\"}}\n"
        )
    };
    text(String::leak(range.map(line).collect()))
}

fn text(text: &'static str) -> Source {
    Source::Text {
        name: String::from("papers"),
        text,
    }
}

fn go_on(_: Event<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Stops after so many batches.
fn stop_after(batches: usize) -> impl FnMut(Event<'_>) -> ControlFlow<()> {
    let mut seen = 0;
    move |event| {
        seen += usize::from(matches!(event, Event::Committed { .. }));
        match seen < batches {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }
}

fn add(folder: &Path, source: Source, model: Option<String>, embed: bool) {
    let options = AddOptions {
        model,
        embed,
        ..AddOptions::default()
    };
    let mut library = Library::open_or_create(folder).expect("a library");
    library.add(&[source], &options, &mut go_on).expect("added");
}

fn answers(folder: &Path) -> Vec<(String, f32)> {
    let mut library = Library::open(folder).expect("a library");
    let query = Query::Paper(String::from("p0007"));
    let found = library.related(&query, &RelatedOptions::default(), &mut go_on);
    let hits = found.expect("an answer").hits.into_iter();
    hits.map(|hit| (hit.id, hit.score)).collect()
}

#[test]
fn embedding_goes_on_where_it_was() {
    let place = tempfile::tempdir().expect("a folder");
    let (folder, whole) = (place.path().join("a"), place.path().join("b"));
    add(&folder, papers(0..300), None, false);
    let request = EmbedRequest {
        model: Some(tiny_model()),
        batch: 50,
        ..AddOptions::default().into()
    };
    let mut library = Library::open(&folder).expect("a library");
    let stopped = library.embed(&request, &mut stop_after(2));
    assert!(
        matches!(stopped, Err(LibraryError::Cancelled { papers: 100 })),
        "{stopped:?}"
    );
    assert_eq!(library.info().expect("info").without_vector, 200);
    // One that is gone when its batch is done is not brought back, and one that changed is embedded as it is now.
    let mut other = Library::open(&folder).expect("a library");
    let mut changed = false;
    let report = library.embed(&request, &mut |event| {
        if matches!(event, Event::Embedding { .. }) && !changed {
            changed = true;
            other.remove(&[String::from("p0120")]).expect("removed");
            let line = text("{\"id\":\"p0121\",\"title\":\"Changed\",\"abstract\":\"Text.\"}");
            let options = AddOptions {
                embed: false,
                ..AddOptions::default()
            };
            other.add(&[line], &options, &mut go_on).expect("added");
        }
        ControlFlow::Continue(())
    });
    let report = report.expect("embedded");
    assert_eq!(
        (report.embedded, report.papers, report.without_vector),
        (199, 299, 0)
    );
    let check = library.check(None, &mut go_on).expect("a check");
    assert!(check.ok && check.notes.is_empty(), "{check:?}");
    add(&whole, papers(0..300), Some(tiny_model()), true);
    let line = text("{\"id\":\"p0121\",\"title\":\"Changed\",\"abstract\":\"Text.\"}");
    add(&whole, line, None, true);
    Library::open(&whole)
        .expect("a library")
        .remove(&[String::from("p0120")])
        .expect("removed");
    assert_eq!(answers(&folder), answers(&whole));
}

#[test]
fn a_change_to_another_model_goes_on_and_meets_papers_that_came_meanwhile() {
    let place = tempfile::tempdir().expect("a folder");
    let (folder, whole) = (place.path().join("a"), place.path().join("b"));
    add(&folder, papers(0..300), Some(EMBEDDED.to_owned()), true);
    let before = answers(&folder);
    let request = ReembedRequest {
        model: Some(tiny_model()),
        storage: Some(Storage::F16),
        batch: 50,
    };
    let mut library = Library::open(&folder).expect("a library");
    let stopped = library.reembed(&request, &mut stop_after(3));
    assert!(
        matches!(stopped, Err(LibraryError::Cancelled { papers: 150 })),
        "{stopped:?}"
    );
    assert_eq!(answers(&folder), before, "the old vectors serve");
    library.remove(&[String::from("p0010")]).expect("removed");
    let changed = "{\"id\":\"p0011\",\"title\":\"Changed\",\"abstract\":\"Text.\"}\n";
    add(&folder, text(changed), None, true);
    add(&folder, papers(300..320), None, false);
    let unnamed = ReembedRequest {
        model: None,
        storage: None,
        batch: 50,
    };
    // Papers also come while it goes on.
    let mut came = false;
    let report = Library::open(&folder)
        .expect("a library")
        .reembed(&unnamed, &mut |event| {
            if matches!(event, Event::Embedding { .. }) && !came {
                came = true;
                add(&folder, papers(320..330), None, true);
            }
            ControlFlow::Continue(())
        });
    let report = report.expect("changed");
    assert_eq!((report.papers, report.storage), (329, Storage::F16));
    assert_eq!(report.kept, 149, "one of 150 was removed");
    assert_eq!(report.embedded, 150 + 1 + 20 + 10);
    let mut again = Library::open(&folder).expect("a library");
    let check = again.check(None, &mut go_on).expect("a check");
    assert!(check.ok && check.notes.is_empty(), "{check:?}");
    assert!(again.info().expect("info").reembed.is_none());

    let options = AddOptions {
        model: Some(tiny_model()),
        storage: Some(Storage::F16),
        ..AddOptions::default()
    };
    let mut other = Library::open_or_create(&whole).expect("a library");
    let sources = [papers(0..330), text(changed)];
    other.add(&sources, &options, &mut go_on).expect("added");
    other.remove(&[String::from("p0010")]).expect("removed");
    assert_eq!(answers(&folder), answers(&whole));
    // One that had the library open before finds the new model.
    let query = Query::Text(String::from("images"));
    let asked = library.related(&query, &RelatedOptions::default(), &mut go_on);
    assert_eq!(asked.expect("an answer").hits.len(), 10);
}

#[test]
fn another_model_than_the_one_under_way_begins_again() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("a");
    add(&folder, papers(0..100), Some(tiny_model()), true);
    let request = |model: Option<&str>, storage| ReembedRequest {
        model: model.map(str::to_owned),
        storage,
        batch: 50,
    };
    let mut library = Library::open(&folder).expect("a library");
    let first = request(Some(EMBEDDED), None);
    assert!(library.reembed(&first, &mut stop_after(1)).is_err());
    let mut notes = Vec::new();
    let other = request(Some(&tiny_model()), Some(Storage::Int8));
    let report = library.reembed(&other, &mut |event| {
        if let Event::Note(note) = event {
            notes.push(note.to_owned());
        }
        ControlFlow::Continue(())
    });
    let report = report.expect("changed");
    assert_eq!((report.kept, report.embedded), (0, 100));
    assert!(
        notes.iter().any(|note| note.contains("is dropped")),
        "{notes:?}"
    );
    assert!(library.check(None, &mut go_on).expect("a check").ok);
}
