//! A call of the system that fails in the middle of a verb's work: the library is as it was before or after it, never between.
//!
//! The failing calls come from `tests/run/faults.c`, which is compiled here and loaded into the program. Each verb runs with the 1st, 2nd, …
//! call of a kind failing, until none fails any more: some of them here, every one up to the N-th with `SYNTOPIC_FAULTS=N`.

#![cfg(target_os = "linux")]

mod run;

use run::{Place, Ran, copy_folder, line, syntopic};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

const PAPERS: usize = 30;

const KINDS: [&str; 4] = ["read", "write", "sync", "rename"];

fn papers(range: std::ops::Range<usize>) -> String {
    let lines = range.map(|i| {
        let subject = ["graphs", "images", "speech"][i % 3];
        line(
            &format!("p{i}"),
            &format!("On {subject} {i}"),
            &format!("We study {subject}, case {i}."),
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The shared object with the failing calls; nothing where there is no C compiler.
fn faults(place: &Place) -> Option<PathBuf> {
    let source = run::root().join("tests/run/faults.c");
    let object = place.path("faults.so");
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&object)
        .arg(&source)
        .arg("-ldl")
        .status();
    made.is_ok_and(|status| status.success()).then_some(object)
}

/// Runs a verb while the `nth` call of a kind fails, and every later one where `on`.
fn failing(
    library: &Path,
    object: &Path,
    arguments: &[&str],
    (kind, nth, on): (&str, usize, bool),
) -> Ran {
    let mut command = run::command(library);
    command
        .args(arguments)
        .env("LD_PRELOAD", object)
        .env("FAULT_FOLDER", library.parent().expect("a folder"))
        .env("FAULT_CALL", kind)
        .env("FAULT_NTH", nth.to_string());
    if on {
        command.env("FAULT_ON", "1");
    }
    Ran::of(&command.output().expect("the binary runs"))
}

/// What tells one state of a library from another.
fn state(library: &Path) -> Value {
    let info = syntopic(library, &["info", "--json"]).json();
    let papers = syntopic(library, &["list", "--json"]).json();
    let keys = ["papers", "vectors", "titles", "model", "dim", "storage"];
    let told: Vec<Value> = keys.iter().map(|key| info[key].clone()).collect();
    serde_json::json!([told, papers])
}

#[test]
fn a_failing_call_leaves_the_old_state_or_the_new_one() {
    let tools = Place::new();
    let Some(object) = faults(&tools) else {
        println!("skipped: no C compiler makes the failing calls");
        return;
    };
    let most: usize = std::env::var("SYNTOPIC_FAULTS").map_or(0, |n| n.parse().expect("a number"));
    let template = tools.path("template");
    let (first, more) = (tools.path("first.jsonl"), tools.path("more.jsonl"));
    std::fs::write(&first, papers(0..PAPERS)).expect("a file");
    std::fs::write(&more, papers(PAPERS - 5..2 * PAPERS)).expect("a file");
    let [first, more] = [&first, &more].map(|path| path.display().to_string());
    syntopic(&template, &["add", &first, "--model", "embedded"]).ok();
    let bare = tools.path("bare");
    copy_folder(&template, &bare);
    syntopic(&bare, &["add", &more, "--no-embed"]).ok();
    let tiny = run::tiny_model();
    let new = tools.path("nothing");
    std::fs::create_dir(&new).expect("a folder");
    let verbs: [(&Path, Vec<&str>); 10] = [
        (&new, vec!["add", &first, "--model", "embedded"]),
        (&template, vec!["add", &more]),
        (&template, vec!["add", &more, "--no-embed"]),
        (&bare, vec!["embed"]),
        (&template, vec!["topics", "-k", "3"]),
        (&template, vec!["reembed", "--model", &tiny]),
        (&template, vec!["remove", "p0", "p1"]),
        (&template, vec!["compact"]),
        (&template, vec!["repair"]),
        (&template, vec!["related", "p0"]),
    ];
    let mut injected = 0;
    for (from, arguments) in &verbs {
        for kind in KINDS {
            injected += sweep((from, arguments), kind, &object, most);
        }
    }
    let derived = tools.path("derived");
    copy_folder(&template, &derived);
    syntopic(&derived, &["topics", "-k", "3"]).ok();
    for kind in KINDS {
        injected += sweep_backups(&derived, kind, &object, most);
        injected += sweep_maps(&derived, kind, &object, most);
    }
    println!("{injected} calls failed");
    assert!(injected > 60, "{injected}");
}

/// Lets calls of a kind fail one after the other while a backup is made: it is there whole or not at all, and the library is as before.
fn sweep_backups(from: &Path, kind: &str, object: &Path, most: usize) -> usize {
    let place = Place::new();
    let (mut injected, mut nth) = (0, 1);
    while nth <= most.max(40) {
        let folder = place.path(&format!("{nth}"));
        std::fs::create_dir(&folder).expect("a folder");
        let (library, copy) = (folder.join("library"), folder.join("copy"));
        copy_folder(from, &library);
        let before = state(&library);
        let to = copy.display().to_string();
        let ran = failing(
            &library,
            object,
            &["backup", &to],
            (kind, nth, nth % 2 == 0),
        );
        let told = format!("backup, {kind} {nth}: {} {}", ran.code, ran.err);
        assert!(!ran.err.contains("panicked"), "{told}");
        assert_eq!(state(&library), before, "{told}");
        let is_there = copy.join("library.db").exists();
        assert!(is_there || ran.code != 0, "{told}");
        if is_there {
            assert_eq!(state(&copy), before, "{told}");
            syntopic(&copy, &["check"]).ok();
        }
        if !ran.err.contains("fault injected") {
            assert_eq!(ran.code, 0, "{told}");
            break;
        }
        syntopic(&library, &["backup", &to, "--force"]).ok();
        assert_eq!(state(&copy), before, "{told}, again");
        injected += 1;
        nth += if most > 0 { 1 } else { nth.div_ceil(2) };
    }
    injected
}

/// Lets calls of a kind fail one after the other while a map is written where there is an earlier one: that one is there, or the new one.
fn sweep_maps(from: &Path, kind: &str, object: &Path, most: usize) -> usize {
    let place = Place::new();
    let (library, out) = (place.path("library"), place.path("map.html"));
    copy_folder(from, &library);
    let to = out.display().to_string();
    let arguments = ["map", "--out", &to];
    syntopic(&library, &arguments).ok();
    let new = std::fs::read(&out).expect("the map");
    let (mut injected, mut nth) = (0, 1);
    while nth <= most.max(40) {
        std::fs::write(&out, "an earlier map").expect("a file");
        let ran = failing(&library, object, &arguments, (kind, nth, nth % 2 == 0));
        let told = format!("map, {kind} {nth}: {} {}", ran.code, ran.err);
        assert!(!ran.err.contains("panicked"), "{told}");
        let is = std::fs::read(&out).expect("a map");
        assert!(is == new || is == b"an earlier map", "{told}: between");
        assert!(ran.code != 0 || is == new, "{told}: said to be done");
        let files = std::fs::read_dir(place.path("")).expect("a folder");
        assert_eq!(files.count(), 2, "{told}: something is left behind");
        if !ran.err.contains("fault injected") {
            assert_eq!(ran.code, 0, "{told}");
            break;
        }
        injected += 1;
        nth += if most > 0 { 1 } else { nth.div_ceil(2) };
    }
    injected
}

/// Lets calls of a kind fail one after the other in runs of a verb; gives how many did.
fn sweep((from, arguments): (&Path, &[&str]), kind: &str, object: &Path, most: usize) -> usize {
    let place = Place::new();
    let copy = |name: &str| {
        let folder = place.path(name);
        std::fs::create_dir(&folder).expect("a folder");
        copy_folder(from, &folder.join("library"));
        folder.join("library")
    };
    let fresh = arguments[0] == "add" && !from.join("library.db").exists();
    let before = (!fresh).then(|| state(&copy("before")));
    let done = copy("after");
    syntopic(&done, arguments).ok();
    let after = state(&done);
    let (mut injected, mut nth) = (0, 1);
    loop {
        let library = copy(&format!("{nth}"));
        let told = format!("{arguments:?}, {kind} {nth}");
        let ran = failing(&library, object, arguments, (kind, nth, nth % 2 == 0));
        assert!(!ran.err.contains("panicked"), "{told}: {}", ran.err);
        assert!(
            ran.code == 0 || !ran.err.trim().is_empty(),
            "{told}: it says why"
        );
        if !ran.err.contains("fault injected") {
            assert_eq!(ran.code, 0, "{told}: {}", ran.err);
            return injected;
        }
        injected += 1;
        let left = library.join("library.db").exists();
        assert!(left || fresh, "{told}: the library is gone");
        if left {
            let is = state(&library);
            assert!(
                is == after || Some(&is) == before.as_ref(),
                "{told}: {}\n{is}",
                ran.err
            );
            assert!(
                ran.code != 0 || is == after,
                "{told}: it said that it was done"
            );
            let check = syntopic(&library, &["check"]);
            assert_eq!(check.code, 0, "{told}: {}", check.out);
        }
        // And it goes on, where it is not done.
        let once = matches!(arguments[0], "reembed" | "remove");
        if !once || !left || state(&library) != after {
            syntopic(&library, arguments).ok();
        }
        assert_eq!(state(&library), after, "{told}, again");
        std::fs::remove_dir_all(library.parent().expect("a folder")).expect("removed");
        // Here the first few calls and ever fewer later ones, on demand each.
        nth += if most > 0 {
            1
        } else {
            nth.div_ceil(2) + usize::from(nth > 4)
        };
        if nth > most.max(40) {
            return injected;
        }
    }
}
