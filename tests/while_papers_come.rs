//! Questions asked while another process adds papers: each is answered, and from one moment of the library.

mod run;

use run::{Place, line};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

/// Batches that come one after the other, each committed as a whole.
const BATCHES: usize = 8;

/// Questions asked meanwhile, at least.
const QUESTIONS: usize = 50;

const WORDS: [&str; 12] = [
    "graph",
    "masked",
    "neural",
    "protein",
    "market",
    "speech",
    "sparse",
    "image",
    "causal",
    "robust",
    "federated",
    "quantum",
];

/// The papers of a batch, in a file. Those of later batches are nearer to the paper that is asked about, and each changes the title
/// of one that was there.
fn batch(place: &Place, at: usize) -> PathBuf {
    let mut lines = String::new();
    for i in 0..30 {
        let word = |step: usize| WORDS[(i * step + at) % WORDS.len()];
        let title = format!("A {} {} method {at}", word(1), word(5));
        let text = format!("We study graph networks and {} {}.", word(7), word(11));
        let _ = writeln!(lines, "{}", line(&format!("{at}-{i}"), &title, &text));
    }
    if at > 0 {
        let title = format!("A masked graph method, version {at}");
        let _ = writeln!(lines, "{}", line("0-3", &title, "We study graph networks."));
    }
    place.file(&format!("{at}.jsonl"), lines.as_bytes())
}

fn add(place: &Place, file: &std::path::Path) {
    let file = file.display().to_string();
    place.run(&["add", &file, "--model", "embedded"]).ok();
}

fn hits(place: &Place) -> Value {
    let mut answer = place.run(&["related", "0-7", "--json"]).json();
    answer["hits"].take()
}

#[test]
fn every_question_is_answered_as_of_one_moment() {
    let place = Place::new();
    let files: Vec<PathBuf> = (0..BATCHES).map(|at| batch(&place, at)).collect();
    // The answers of every moment, from a library of the same papers that nobody else reads.
    let alone = Place::new();
    let expected: Vec<Value> = files
        .iter()
        .map(|file| {
            add(&alone, file);
            hits(&alone)
        })
        .collect();
    let all: BTreeSet<String> = expected.iter().map(Value::to_string).collect();
    assert!(
        all.len() > BATCHES / 2,
        "papers that come change the answer"
    );

    add(&place, &files[0]);
    let mut found = std::thread::scope(|scope| {
        let writer = scope.spawn(|| files[1..].iter().for_each(|file| add(&place, file)));
        let mut found = Vec::new();
        while found.len() < QUESTIONS || !writer.is_finished() {
            found.push(hits(&place));
        }
        found
    });
    // The last of them may have been asked before the last commit.
    found.push(hits(&place));
    let mut moment = 0;
    for (at, hits) in found.iter().enumerate() {
        let later = expected[moment..].iter().position(|moment| moment == hits);
        moment += later.unwrap_or_else(|| panic!("answer {at} is of no moment: {hits}"));
    }
    assert_eq!(moment, BATCHES - 1, "the last answer is of all papers");
}

/// The titles in topics made meanwhile are those of one moment: the paper whose title every batch changes has that of the last batch
/// whose papers are there, all of them.
#[test]
fn topics_are_of_one_moment() {
    const ASKED: usize = 10;
    let place = Place::new();
    let files: Vec<PathBuf> = (0..BATCHES).map(|at| batch(&place, at)).collect();
    add(&place, &files[0]);
    let ask = || {
        place
            .run(&["topics", "-k", "3", "--fresh", "--json"])
            .json()
    };
    let found = std::thread::scope(|scope| {
        let writer = scope.spawn(|| files[1..].iter().for_each(|file| add(&place, file)));
        let mut found = Vec::new();
        while found.len() < ASKED || !writer.is_finished() {
            found.push(ask());
        }
        found
    });
    for report in found {
        let topics = report["topics"].as_array().expect("topics").iter();
        let list = |topic: &Value, what: &str| topic[what].as_array().expect("a list").clone();
        let papers: Vec<(Value, Value)> = topics
            .flat_map(|topic| list(topic, "papers").into_iter().zip(list(topic, "titles")))
            .collect();
        assert_eq!(papers.len() % 30, 0, "whole batches");
        let last = papers.len() / 30 - 1;
        let changed = papers.iter().find(|(id, _)| id == "0-3");
        let title = &changed.expect("the paper").1;
        if last > 0 {
            assert_eq!(*title, format!("A masked graph method, version {last}"));
        }
    }
}
