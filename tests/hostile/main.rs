//! Hostile input through the real program, which may use 1 GiB of address space and two minutes: it never panics, hangs or takes more,
//! names every record that it leaves out with its file and line, and takes in the good ones around it. Each test prints how many
//! files it tried.

#![allow(clippy::print_stdout, reason = "each test says how much it tried")]

#[path = "../run/mod.rs"]
mod run;

mod altered_models;
mod bombs;
mod cut_files;
mod parquet;
mod records;
mod shapes;

use run::{Place, Ran};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What the program may use, in KiB of address space: more than its memory is.
const MOST_KIB: usize = 1 << 20;

/// A guard against hanging, not a measure.
const MOST_TIME: Duration = Duration::from_secs(120);

/// Runs the program on a place's library within the limits.
fn limited(place: &Place, arguments: &[&str]) -> Ran {
    let output = |name: &str| File::create(place.path(name)).expect("a file");
    let mut child = Command::new("sh")
        .args(["-c", &format!("ulimit -v {MOST_KIB} && exec \"$@\""), "sh"])
        .arg(env!("CARGO_BIN_EXE_syntopic"))
        .arg("--library")
        .arg(place.library())
        .args(arguments)
        .env_remove("SYNTOPIC_LIBRARY")
        // Address space that the allocator and thread pools reserve grows with the cores of a machine.
        .env("MALLOC_ARENA_MAX", "2")
        .env("RAYON_NUM_THREADS", "2")
        .stdin(Stdio::null())
        .stdout(output("stdout"))
        .stderr(output("stderr"))
        .spawn()
        .expect("the shell runs");
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        if began.elapsed() > MOST_TIME {
            child.kill().expect("killed");
            panic!("{arguments:?} hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let text = |name: &str| {
        let bytes = std::fs::read(place.path(name)).expect("a file");
        String::from_utf8(bytes).expect("UTF-8 output")
    };
    let (out, err) = (text("stdout"), text("stderr"));
    let shown: String = err.chars().take(2_000).collect();
    let code = status.code();
    let code = code.unwrap_or_else(|| panic!("{arguments:?}: {status}\n{shown}"));
    assert!(!err.contains("panicked"), "{arguments:?}: {shown}");
    assert_ne!(code, 101, "{arguments:?}: {shown}");
    Ran { code, out, err }
}

/// A file with something hostile in it.
struct Case {
    name: String,
    bytes: Vec<u8>,
    /// Titles that must be in the library afterwards.
    good: Vec<String>,
    /// Lines between which something must be named as left out, if so.
    bad: Option<(u64, u64)>,
}

/// What became of one file.
struct Became {
    papers: u64,
    /// Line and reason of each record that was left out.
    skipped: Vec<(u64, String)>,
    error: Option<String>,
}

/// Adds the files of all cases, read as `format`, by one run of the program, and holds each to what it must do.
fn add_all(format: Option<&str>, cases: &[Case]) -> Vec<Became> {
    let place = Place::new();
    let files: Vec<String> = (cases.iter().enumerate())
        .map(|(at, case)| {
            let file = place.file(&format!("{at:03}"), &case.bytes);
            file.display().to_string()
        })
        .collect();
    let mut arguments = vec!["add", "--no-embed", "--json"];
    if let Some(format) = format {
        arguments.extend(["--format", format]);
    }
    arguments.extend(files.iter().map(String::as_str));
    let ran = limited(&place, &arguments);
    let all_in = ran.code == 0 || ran.code == 3;
    let none_in = ran.code == 1 && cases.iter().all(|case| case.good.is_empty());
    assert!(all_in || none_in, "{format:?}: {} {}", ran.code, ran.err);
    if none_in {
        return Vec::new();
    }
    let report: Value = serde_json::from_str(&ran.out).expect("JSON");
    let titles = if report["papers"] == 0 {
        BTreeSet::new()
    } else {
        titles(&place)
    };
    let became: Vec<Became> = files.iter().map(|file| of_file(&report, file)).collect();
    for (case, became) in cases.iter().zip(&became) {
        let what = format!("{format:?}, {}", case.name);
        for title in &case.good {
            assert!(titles.contains(title), "{what}: {title:?} is lost");
        }
        if let Some((from, to)) = case.bad {
            let named = |(line, why): &(u64, String)| (from..=to).contains(line) && !why.is_empty();
            assert!(
                became.skipped.iter().any(named),
                "{what}: nothing is named in lines {from} to {to}: {:?} {:?}",
                became.skipped,
                became.error
            );
        }
    }
    became
}

fn of_file(report: &Value, file: &str) -> Became {
    let of = |name: &str| {
        let all = report[name].as_array().into_iter().flatten();
        all.filter(move |entry| entry["source"] == file)
    };
    let own = of("files").next().expect("the file");
    let skipped = of("skipped").map(|entry| {
        let why = entry["why"].as_str().expect("a reason").to_owned();
        (entry["line"].as_u64().expect("a line"), why)
    });
    let error = own["error"].as_str().map(str::to_owned);
    if let Some(error) = &error {
        assert!(error.contains(file), "the file is named: {error}");
    }
    Became {
        papers: own["papers"].as_u64().expect("a count"),
        skipped: skipped.collect(),
        error,
    }
}

/// Titles of all papers of a library.
fn titles(place: &Place) -> BTreeSet<String> {
    let lines = limited(place, &["list", "--as", "jsonl"]);
    let title = |line: &str| {
        let paper: Value = serde_json::from_str(line).expect("JSON");
        paper["title"].as_str().map(str::to_owned)
    };
    lines.ok().lines().filter_map(title).collect()
}

/// The files of a folder and of those in it, in the order of their paths.
fn files_in(folder: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            files_in(&path, into);
        } else {
            let bytes = std::fs::read(&path).expect("a file");
            into.push((path.display().to_string(), bytes));
        }
    }
}
