//! The files of words end to end: whatever is wrong with one, a search answers as if nothing were, and the file is made again.

use crate::{
    AddOptions, CheckReport, Event, Library, LibraryError, Query, RelatedMode, RelatedOptions,
    Source,
};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

const SUBJECTS: [&str; 5] = ["graphs", "images", "proteins", "markets", "code"];

/// Papers whose words are the more, the later they come; so a page of postings is not like another.
fn add(folder: &Path, name: &str, n: usize) {
    let lines = (0..n).map(|i| {
        let (subject, rest) = (SUBJECTS[i % 5], i / 5);
        let words: String = (0..i % 40).map(|w| format!("{subject}{} ", w * i % 997)).collect();
        format!(
            "{{\"id\":\"{name}-{i}\",\"title\":\"On {subject} {rest} of {name}\",\"abstract\":\"{words}\"}}\n"
        )
    });
    let text: &'static str = String::leak(lines.collect());
    let model = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/reference/tiny/bert-cls"
    );
    let options = AddOptions {
        model: Some(String::from(model)),
        ..AddOptions::default()
    };
    let name = name.to_owned();
    let quiet = &mut |_: Event<'_>| ControlFlow::Continue(());
    let mut library = Library::open_or_create(folder).unwrap();
    library
        .add(&[Source::Text { name, text }], &options, quiet)
        .unwrap();
}

/// A library that keeps its words in files however small it is.
fn open(folder: &Path) -> Library {
    let mut library = Library::open(folder).unwrap();
    library.words_kept_from = 1;
    library
}

type Hits = Vec<(String, f32, Vec<String>)>;

/// Hits of a new process, and what it said.
fn ask(folder: &Path, id: &str) -> Result<(Hits, Vec<String>), LibraryError> {
    let mut notes = Vec::new();
    let options = RelatedOptions {
        k: 8,
        mode: RelatedMode::Hybrid,
        ..RelatedOptions::default()
    };
    let mut hear = |event: Event<'_>| {
        if let Event::Note(note) = event {
            notes.push(note.to_owned());
        }
        ControlFlow::Continue(())
    };
    let found = open(folder).related(&Query::Paper(id.to_owned()), &options, &mut hear)?;
    let hits = found.hits.into_iter();
    let hits = hits.map(|hit| (hit.id, hit.score, hit.shared_words));
    Ok((hits.collect(), notes))
}

fn check(folder: &Path) -> CheckReport {
    let quiet = &mut |_: Event<'_>| ControlFlow::Continue(());
    open(folder).check(None, quiet).unwrap()
}

fn replace(path: &Path, bytes: &[u8]) {
    // Never written in place: another process may have it open.
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn files(folder: &Path) -> [PathBuf; 2] {
    ["words.bin", "title-words.bin"].map(|name| folder.join(name))
}

/// A library of so many papers with both files, what it answers, and their bytes.
fn made(folder: &Path) -> (Hits, [Vec<u8>; 2]) {
    add(folder, "a", 400);
    let (expected, notes) = ask(folder, "a-38").unwrap();
    assert!(
        notes.is_empty() && !expected[0].2.is_empty(),
        "{expected:?}"
    );
    let bytes = files(folder).map(|path| std::fs::read(path).unwrap());
    assert_eq!(ask(folder, "a-38").unwrap(), (expected.clone(), vec![]));
    assert!(check(folder).ok);
    (expected, bytes)
}

#[test]
fn a_library_of_few_papers_keeps_no_files_unless_it_is_told_to() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("library");
    add(&folder, "a", 20);
    let quiet = &mut |_: Event<'_>| ControlFlow::Continue(());
    let query = Query::Text(String::from("graphs 3"));
    let mut library = Library::open(&folder).unwrap();
    library
        .related(&query, &RelatedOptions::default(), quiet)
        .unwrap();
    assert!(files(&folder).iter().all(|path| !path.exists()));
    ask(&folder, "a-3").unwrap();
    assert!(files(&folder).iter().all(|path| path.exists()));
}

#[test]
fn damaged_files_give_no_wrong_answer_and_are_made_again() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("library");
    let (expected, whole) = made(&folder);
    let mut state = 1u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below
    };
    let mut told = 0;
    for round in 0..120 {
        let which = round % 2;
        let path = &files(&folder)[which];
        let mut bytes = whole[which].clone();
        match round % 3 {
            0 => bytes.truncate(random(bytes.len())),
            _ => {
                let bit = random(8 * bytes.len());
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
        // What says of which kind and version it is may say another version now: out of date, not damaged.
        let other = bytes.len() >= 16 && bytes[8..16] != whole[which][8..16];
        replace(path, &bytes);
        let checked = check(&folder);
        let name = path.file_name().unwrap().to_str().unwrap();
        if !other {
            assert!(
                !checked.ok
                    && checked.problems[0].starts_with(name)
                    && checked.problems[0].contains("Delete it"),
                "{checked:?}"
            );
        }
        let (found, notes) = ask(&folder, "a-38").unwrap();
        assert_eq!(found, expected, "round {round}");
        if std::fs::read(path).unwrap() == bytes {
            replace(path, &whole[which]);
        } else {
            assert!(
                other || notes.iter().any(|n| n.contains("made again")),
                "{notes:?}"
            );
            assert!(
                std::fs::read(path).unwrap() == whole[which],
                "round {round}"
            );
            told += 1;
        }
    }
    assert!(told > 60, "{told}");
}

#[test]
fn foreign_files_are_told_of_and_made_again() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("library");
    let (expected, whole) = made(&folder);
    for (path, whole_file) in files(&folder).iter().zip(&whole) {
        for foreign in [
            &b""[..],
            b"no index of words at all, but of more than a few bytes",
        ] {
            replace(path, foreign);
            assert!(!check(&folder).ok);
            let (found, notes) = ask(&folder, "a-38").unwrap();
            assert_eq!(found, expected);
            assert!(notes.iter().any(|n| n.contains("made again")), "{notes:?}");
            assert!(std::fs::read(path).unwrap() == *whole_file);
        }
    }
    // Each in the place of the other: a right file of right papers, and of other words.
    let [words, titles] = files(&folder);
    replace(&words, &whole[1]);
    replace(&titles, &whole[0]);
    let (found, notes) = ask(&folder, "a-38").unwrap();
    assert_eq!(found, expected, "{notes:?}");
}

#[test]
fn files_of_another_version_or_other_papers_are_out_of_date_and_not_damaged() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("library");
    let (expected, whole) = made(&folder);
    for (path, whole_file) in files(&folder).iter().zip(&whole) {
        // The first version, whose checksum was where the version is now, and one to come.
        for version in [0x1234_5678u32, 3] {
            let mut other = whole_file.clone();
            other[8..12].copy_from_slice(&version.to_ne_bytes());
            replace(path, &other);
            assert!(check(&folder).ok);
            let (found, notes) = ask(&folder, "a-38").unwrap();
            assert_eq!(found, expected);
            assert!(notes.len() == 1 && notes[0].contains("format"), "{notes:?}");
            assert!(std::fs::read(path).unwrap() == *whole_file, "made again");
        }
    }
    add(&folder, "b", 30);
    let (fresh, _) = ask(&folder, "a-38").unwrap();
    assert_ne!(fresh, expected, "rarities and lengths are others");
    let current = files(&folder).map(|path| std::fs::read(path).unwrap());
    for (which, path) in files(&folder).iter().enumerate() {
        replace(path, &whole[which]);
        assert!(check(&folder).ok, "merely out of date");
        assert_eq!(ask(&folder, "a-38").unwrap(), (fresh.clone(), vec![]));
        assert!(std::fs::read(path).unwrap() == current[which]);
    }
}
