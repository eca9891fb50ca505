//! Eight readers while papers are added, and backups of a library that is written: all see whole states, none an error.
//!
//! Some seconds here; `SYNTOPIC_READERS_S=300` reads for five minutes.

mod run;

use run::{Place, line, syntopic};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const READERS: usize = 8;

/// Papers of a batch: all of one batch come at once, and each changes the year of the first paper.
const BATCH: usize = 20;

fn batch(at: usize) -> String {
    let new = (0..BATCH).map(|i| {
        let subject = ["graphs", "images", "speech", "proteins"][i % 4];
        line(
            &format!("{at}-{i}"),
            &format!("On {subject} {at} {i}"),
            &format!("We study {subject} of {at}."),
        )
    });
    let first =
        serde_json::json!({"id": "first", "title": "A first paper", "year": 1000 + at}).to_string();
    new.chain([first]).collect::<Vec<_>>().join("\n")
}

/// That what is listed is a whole state: whole batches, and the year of the last of them.
fn whole(library: &Path) -> usize {
    let listed = syntopic(library, &["list", "--json"]).json();
    let papers = listed["papers"].as_array().expect("papers");
    let mut of: HashMap<&str, usize> = HashMap::new();
    let mut year = 0;
    for paper in papers {
        let id = paper["id"].as_str().expect("an id");
        match id.split_once('-') {
            Some((at, _)) => *of.entry(at).or_default() += 1,
            None => year = paper["year"].as_u64().expect("a year") as usize - 1000,
        }
    }
    assert!(of.values().all(|n| *n == BATCH), "half a batch: {of:?}");
    assert_eq!(of.len(), year + 1, "the first paper is of the last batch");
    year
}

#[test]
fn eight_readers_see_whole_states_while_papers_come() {
    let seconds: u64 =
        std::env::var("SYNTOPIC_READERS_S").map_or(4, |n| n.parse().expect("a number"));
    let place = Place::new();
    let add = |at: usize, more: &[&str]| {
        let file = place
            .file(&format!("{at}.jsonl"), batch(at).as_bytes())
            .display()
            .to_string();
        place.run(&[&["add", &file][..], more].concat()).ok();
        std::fs::remove_file(file).expect("removed");
    };
    add(0, &["--model", "embedded"]);
    let (stop, questions) = (AtomicBool::new(false), AtomicUsize::new(0));
    let library = place.library();
    let mut batches = 1;
    std::thread::scope(|scope| {
        for reader in 0..READERS {
            let (library, stop, questions) = (&library, &stop, &questions);
            scope.spawn(move || {
                let mut last = 0;
                let mut turn = reader;
                while !stop.load(Ordering::Relaxed) {
                    match turn % 4 {
                        0 => {
                            let is = whole(library);
                            assert!(is >= last, "it went back from {last} to {is}");
                            last = is;
                        }
                        1 => {
                            let found = syntopic(library, &["related", "0-3", "--json"]).json();
                            assert_eq!(found["hits"].as_array().map(Vec::len), Some(10));
                        }
                        2 => assert!(syntopic(library, &["check"]).ok().contains("ok")),
                        _ => {
                            let info = syntopic(library, &["info", "--json"]).json();
                            assert_eq!(info["papers"], info["vectors"]);
                        }
                    }
                    turn += 1;
                    questions.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let begun = std::time::Instant::now();
        while begun.elapsed().as_secs() < seconds || batches < 5 {
            add(batches, &[]);
            batches += 1;
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(whole(&library), batches - 1);
    println!(
        "{} questions while {batches} batches came",
        questions.into_inner()
    );
}

#[test]
fn backups_of_a_library_that_is_written_answer_as_it_did() {
    let place = Place::new();
    let file = |at: usize| {
        place
            .file(&format!("{at}.jsonl"), batch(at).as_bytes())
            .display()
            .to_string()
    };
    place.run(&["add", &file(0), "--model", "embedded"]).ok();
    let saved = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for at in 1..12 {
                place.run(&["add", &file(at)]).ok();
            }
        });
        while !writer.is_finished() {
            let mut saved = saved.lock().expect("no panic");
            let to = place.path(&format!("saved-{}", saved.len()));
            place.run(&["backup", &to.display().to_string()]).ok();
            saved.push(to);
        }
    });
    let saved = saved.into_inner().expect("no panic");
    assert!(!saved.is_empty());
    // A library of the same batches that nobody read meanwhile.
    let alone = Place::new();
    alone.run(&["add", &file(0), "--model", "embedded"]).ok();
    let mut at = 0;
    for folder in saved {
        syntopic(&folder, &["check"]).ok();
        let is = whole(&folder);
        while at < is {
            at += 1;
            alone.run(&["add", &file(at)]).ok();
        }
        let ask =
            |library: &Path| syntopic(library, &["related", "0-3", "--json"]).json()["hits"].take();
        assert_eq!(ask(&folder), ask(&alone.library()), "{}", folder.display());
    }
}
