//! What a failing call of the system leaves of the derived files (the graph, the rows, the words, likeness, topics, the map): tests alone.
//!
//! The test starts itself as another process, in which the 1st, 2nd, … read, write, sync or rename fails (`tests/run/faults.c`, as in
//! `tests/faults.rs`) while it makes these files or brings them up to date: some of them here, every one up to the N-th with
//! `SYNTOPIC_FAULTS=N`. Each file is then the earlier one, the new one or none, no answer is a wrong one, and the next process
//! gives the same answers and makes the files that are missing.

use crate::killed::{copy_folder, open, tiny_model, try_open};
use crate::map::MapRequest;
use crate::{
    AddOptions, Event, Library, LibraryError, Query, RelatedOptions, Source, TopicsRequest,
};
use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

const KINDS: [&str; 4] = ["read", "write", "sync", "rename"];

/// More than whose pairs are all compared.
const PAPERS: usize = 160;

pub(crate) fn add(folder: &Path, papers: std::ops::Range<usize>) {
    let lines = papers.map(|i| {
        let (subject, rest) = (["graphs", "images", "proteins"][i % 3], i / 3);
        format!("{{\"id\":\"p{i}\",\"title\":\"On {subject} {rest}\",\"abstract\":\"We study {subject} of kind {i}.\"}}\n")
    });
    let text: &'static str = String::leak(lines.collect());
    let options = AddOptions {
        model: Some(tiny_model()),
        ..AddOptions::default()
    };
    let name = String::from("papers");
    let quiet = &mut |_: Event<'_>| ControlFlow::Continue(());
    let mut library = open(folder);
    let sources = [Source::Text { name, text }];
    library.add(&sources, &options, quiet).unwrap();
}

/// What is asked; all derived files are made for it, and read.
pub(crate) fn answers(library: &mut Library) -> Result<Vec<String>, LibraryError> {
    let quiet = &mut |_: Event<'_>| ControlFlow::Continue(());
    let mut lines = Vec::new();
    // How hits compare with random pairs is in a file of its own.
    let explained = RelatedOptions {
        explain: true,
        ..RelatedOptions::default()
    };
    for id in ["p0", "p7", "p33"] {
        let query = Query::Paper(id.to_owned());
        let found = library.related(&query, &explained, quiet)?;
        let told = found.hits.iter().map(|hit| {
            let (score, share) = (hit.score, hit.closer_than);
            format!("{id}: {} {score} {share:?}", hit.id)
        });
        lines.extend(told);
    }
    // As the map makes them where they could not be kept.
    library.topics(&TopicsRequest::default(), quiet)?;
    let map = library.map(&MapRequest::default(), quiet)?;
    lines.extend(map.topics.iter().map(|topic| topic.name.clone()));
    let papers = map.papers.iter().zip(&map.positions).zip(&map.topic_of);
    lines.extend(papers.map(|((paper, at), topic)| format!("{} {at:?} {topic:?}", paper.id)));
    Ok(lines)
}

/// The work of the process whose calls fail.
#[test]
fn child() {
    let Some(folder) = std::env::var_os("SYNTOPIC_TEST_FAULTED") else {
        return;
    };
    let said = match try_open(Path::new(&folder)).and_then(|mut library| answers(&mut library)) {
        Ok(lines) => lines.iter().map(|line| format!("\n= {line}")).collect(),
        Err(error) => format!("\n! {error}"),
    };
    writeln!(std::io::stdout(), "{said}").unwrap();
}

/// What the other process said: its answers, or the error that it ended with; and whether a call failed.
struct Ran {
    answers: Vec<String>,
    error: Option<String>,
    faulted: bool,
}

fn run(folder: &Path, object: &Path, (kind, nth, on): (&str, usize, bool)) -> Ran {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "faulted::child",
            "--nocapture",
            "--test-threads=1",
        ])
        .env("SYNTOPIC_TEST_FAULTED", folder)
        .env("LD_PRELOAD", object)
        .env("FAULT_FOLDER", folder)
        .env("FAULT_CALL", kind)
        .env("FAULT_NTH", nth.to_string());
    if on {
        command.env("FAULT_ON", "1");
    }
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{kind} {nth}: {out}{err}");
    let lines = |mark: &'static str| out.lines().filter_map(move |line| line.strip_prefix(mark));
    let ran = Ran {
        answers: lines("= ").map(str::to_owned).collect(),
        error: lines("! ").next().map(str::to_owned),
        faulted: err.contains("fault injected"),
    };
    assert!(ran.error.is_some() || !ran.answers.is_empty(), "{out}{err}");
    ran
}

/// The derived files that are there. Topics say what became of them last, and so are not the same byte for byte.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = open(folder).derived_paths().into_iter();
    let paths = paths.filter(|path| path.file_name().is_some_and(|name| name != "topics.json"));
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).ok()?;
        Some((path.file_name()?.into(), bytes))
    };
    paths.filter_map(read).collect()
}

fn object(folder: &Path) -> Option<PathBuf> {
    let object = folder.join("faults.so");
    let source = "/../../tests/run/faults.c";
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&object)
        .arg(format!("{}{source}", env!("CARGO_MANIFEST_DIR")))
        .arg("-ldl")
        .status();
    made.is_ok_and(|status| status.success()).then_some(object)
}

/// What is there after a call failed, and after the work was done again.
struct Expected<'a> {
    before: &'a BTreeMap<PathBuf, Vec<u8>>,
    after: &'a BTreeMap<PathBuf, Vec<u8>>,
    answers: &'a [String],
}

impl Expected<'_> {
    fn check(&self, library: &Path, ran: &Ran, told: &str) {
        let other = (ran.answers.iter().zip(self.answers)).find(|(got, expected)| got != expected);
        assert!(
            ran.error.is_some() || ran.answers == self.answers,
            "{told}: a wrong answer, {} of {} lines, first {other:?}",
            ran.answers.len(),
            self.answers.len()
        );
        for (name, bytes) in files(library) {
            let is = |of: &BTreeMap<PathBuf, Vec<u8>>| of.get(&name) == Some(&bytes);
            let told = format!("{told}: {} is between", name.display());
            assert!(is(self.before) || is(self.after), "{told}");
        }
        let mut again = open(library);
        let answered = answers(&mut again).unwrap();
        assert!(answered == self.answers, "{told}, again: {answered:?}");
        assert!(files(library) == *self.after, "{told}: made again");
        let quiet = &mut |_: Event<'_>| ControlFlow::Continue(());
        let report = again.check(None, quiet).unwrap();
        assert_eq!(report.problems, Vec::<String>::new(), "{told}");
        drop(again);
        for entry in std::fs::read_dir(library).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let known = name.starts_with("library.") || name == "topics.json";
            let known = known || self.after.contains_key(Path::new(&name));
            assert!(known, "{told}: {name} is left behind");
        }
    }
}

#[test]
fn a_failing_call_leaves_an_earlier_derived_file_or_none() {
    let place = tempfile::tempdir().unwrap();
    let Some(object) = object(place.path()) else {
        let note = "skipped: no C compiler makes the failing calls\n";
        std::io::stdout().write_all(note.as_bytes()).unwrap();
        return;
    };
    let most: usize = std::env::var("SYNTOPIC_FAULTS").map_or(0, |n| n.parse().unwrap());
    let path = |name: &str| place.path().join(name);
    let (bare, changed) = (path("bare"), path("changed"));
    add(&bare, 0..PAPERS);
    copy_folder(&bare, &changed);
    answers(&mut open(&changed)).unwrap();
    add(&changed, PAPERS - 3..PAPERS + 20);
    let mut injected = BTreeMap::new();
    for (what, from) in [("made", &bare), ("brought up to date", &changed)] {
        let done = path(&format!("{what}, done"));
        copy_folder(from, &done);
        let expected = answers(&mut open(&done)).unwrap();
        let (before, after) = (files(from), files(&done));
        assert_eq!(after.len(), 6, "{:?}", after.keys());
        let expected = Expected {
            before: &before,
            after: &after,
            answers: &expected,
        };
        for kind in KINDS {
            let mut nth = 1;
            loop {
                let library = path(&format!("{what}, {kind} {nth}"));
                copy_folder(from, &library);
                let ran = run(&library, &object, (kind, nth, nth % 2 == 0));
                expected.check(&library, &ran, &format!("{what}, {kind} {nth}"));
                std::fs::remove_dir_all(&library).unwrap();
                if !ran.faulted {
                    break;
                }
                *injected.entry(kind).or_insert(0) += 1;
                nth += if most > 0 { 1 } else { nth.div_ceil(3) };
                if nth > most.max(60) {
                    break;
                }
            }
        }
    }
    let note = format!("calls that failed: {injected:?}\n");
    std::io::stdout().write_all(note.as_bytes()).unwrap();
    // Seven files and the folder, twice.
    assert!(
        injected["rename"] >= 6 && injected["sync"] >= 6,
        "{injected:?}"
    );
}
