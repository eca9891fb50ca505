//! What is answered while papers are being added.

use super::*;
use crate::{AddOptions, Event, Query, Related, RelatedOptions, Source};
use std::ops::ControlFlow;
use syntopic_index::Kind;

const SUBJECTS: [&str; 5] = ["graphs", "images", "proteins", "markets", "code"];

/// A library that is searched by its files however small.
fn open(folder: &Path) -> Library {
    let mut library = Library::open_or_create(folder).unwrap();
    library.index_options.kind = Kind::Hnsw;
    library.index_options.exact_below = 0;
    library.words_kept_from = 0;
    library
}

fn line(id: &str, title: &str) -> String {
    format!("{{\"id\":\"{id}\",\"title\":\"{title}\"}}\n")
}

fn papers(name: &str, n: usize) -> String {
    let title = |i: usize| format!("On {} {} of {name}", SUBJECTS[i % 5], i / 5);
    (0..n)
        .map(|i| line(&format!("{name}-{i}"), &title(i)))
        .collect()
}

fn add(folder: &Path, text: String) {
    let options = AddOptions {
        model: Some(String::from(crate::EMBEDDED)),
        ..AddOptions::default()
    };
    let source = Source::Text {
        name: String::from("papers"),
        text: String::leak(text),
    };
    open(folder)
        .add(&[source], &options, &mut |_| ControlFlow::Continue(()))
        .unwrap();
}

fn ask(library: &mut Library, id: &str, mode: RelatedMode) -> Related {
    let options = RelatedOptions {
        k: 5,
        mode,
        all_versions: true,
        ..RelatedOptions::default()
    };
    let go_on = &mut |_: Event<'_>| ControlFlow::Continue(());
    library
        .related(&Query::Paper(id.to_owned()), &options, go_on)
        .unwrap()
}

fn ids(found: &Related) -> Vec<&str> {
    found.hits.iter().map(|hit| hit.id.as_str()).collect()
}

fn is_older(found: &Related) -> bool {
    found.notes.iter().any(|note| note.contains("is adding"))
}

#[test]
fn while_somebody_adds_the_files_answer_without_what_changed() {
    for mode in RelatedMode::ALL {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("library");
        add(&folder, papers("a", 300));
        let before = ask(&mut open(&folder), "a-7", mode);
        let index = std::fs::read(folder.join("index.bin")).unwrap();
        let lock = adding(&folder).unwrap();
        // The best hit becomes a paper of something else, and there is a nearer one than any.
        let changed = before.hits[0].id.clone();
        let text = line(&changed, "Bread and its crust") + &line("b", &before.hits[0].title);
        add(&folder, text);

        let mut reader = open(&folder);
        let found = ask(&mut reader, "a-7", mode);
        assert!(is_older(&found), "{mode:?} {:?}", found.notes);
        assert_eq!(ids(&found)[..4], ids(&before)[1..], "{mode:?}");
        assert!(reader.snapshot.is_none() && reader.older.is_none());
        assert_eq!(std::fs::read(folder.join("index.bin")).unwrap(), index);

        // The files do not know the paper that is asked about: now they must be brought up to date.
        let found = ask(&mut open(&folder), "b", mode);
        assert!(!is_older(&found) && found.query.id.as_deref() == Some("b"));
        let found = ask(&mut reader, "a-7", mode);
        assert!(!is_older(&found) && ids(&found).contains(&"b"));
        assert!(!ids(&found).contains(&changed.as_str()), "{mode:?}");

        add(&folder, line("c", &before.hits[0].title));
        let found = ask(&mut reader, "a-7", mode);
        assert!(is_older(&found) && !ids(&found).contains(&"c"));
        drop(lock);
        let found = ask(&mut reader, "a-7", mode);
        assert!(!is_older(&found) && ids(&found).contains(&"c"), "{mode:?}");
        assert!(adding(&folder).is_some(), "nothing is held afterwards");
    }
}

#[test]
fn after_more_changes_than_they_hold_the_files_are_brought_up_to_date_whoever_adds() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("library");
    add(&folder, papers("a", 300));
    let mode = RelatedMode::default();
    ask(&mut open(&folder), "a-7", mode);
    let _lock = adding(&folder).unwrap();
    add(&folder, papers("b", 290));
    assert!(is_older(&ask(&mut open(&folder), "a-7", mode)));
    add(&folder, papers("c", 20));
    assert!(!is_older(&ask(&mut open(&folder), "a-7", mode)));
    add(&folder, papers("d", 15));
    assert!(is_older(&ask(&mut open(&folder), "a-7", mode)));

    // Another recall than the files are searched with is measured at once.
    let options = RelatedOptions {
        recall: Some(0.9),
        ..RelatedOptions::default()
    };
    let go_on = &mut |_: Event<'_>| ControlFlow::Continue(());
    let query = Query::Paper(String::from("a-7"));
    let found = open(&folder).related(&query, &options, go_on).unwrap();
    assert!(!is_older(&found));
}

#[test]
fn changes_that_were_not_recorded_are_not_overlooked() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("library");
    add(&folder, papers("a", 300));
    let mode = RelatedMode::default();
    ask(&mut open(&folder), "a-7", mode);
    let _lock = adding(&folder).unwrap();
    // As by a syntopic of before, which records nothing.
    let db = rusqlite::Connection::open(folder.join("library.db")).unwrap();
    let sql = "UPDATE meta SET value = value + 1 WHERE key = 'generation'";
    assert_eq!(db.execute(sql, []).unwrap(), 1);
    add(&folder, papers("b", 1));
    assert!(!is_older(&ask(&mut open(&folder), "a-7", mode)));
    add(&folder, papers("c", 1));
    assert!(is_older(&ask(&mut open(&folder), "a-7", mode)));
}

#[test]
fn every_answer_is_of_some_moment_while_batches_come() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("library");
    add(&folder, papers("a", 300));
    let mode = RelatedMode::Semantic;
    ask(&mut open(&folder), "a-7", mode);
    let n_batches = 12;
    let found = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let _lock = adding(&folder);
            for at in 0..n_batches {
                add(&folder, line(&format!("z-{at:02}"), "On proteins 1 of a"));
            }
        });
        let mut found = Vec::new();
        while found.len() < 50 || !writer.is_finished() {
            found.push(ask(&mut open(&folder), "a-7", mode));
        }
        found.push(ask(&mut open(&folder), "a-7", mode));
        found
    });
    // Copies of what is asked about come in the order of their ids: at every moment the first so many are there.
    let mut latest = 0;
    for found in &found {
        let copies = ids(found).iter().filter(|id| id.starts_with('z')).count();
        let expected: Vec<String> = (0..copies).map(|at| format!("z-{at:02}")).collect();
        assert_eq!(ids(found)[..copies], expected);
        assert!(copies >= latest, "no answer is of a moment before the last");
        latest = copies;
    }
    assert_eq!(latest, 5);
}
