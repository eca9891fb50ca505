//! `backup`, `compact`, `repair`, `migrate`, `show` and `--wait`: what keeps a library.

mod run;

use run::{FIVE, Place, line};
use rusqlite::Connection;
use serde_json::Value;
use std::path::Path;

fn database(library: &Path) -> Connection {
    Connection::open(library.join("library.db")).expect("a database")
}

fn hits(library: &Path) -> Value {
    let mut found = run::syntopic(library, &["related", "a1", "--json"]).json();
    found["hits"].take()
}

#[test]
fn a_backup_answers_as_the_library_does() {
    let place = Place::with(&FIVE);
    place.run(&["topics", "-k", "2"]).ok();
    let folder = place.path("saved/library");
    let said = place.run(&["backup", &folder.display().to_string()]);
    assert!(said.ok().contains("5 papers"), "{}", said.out);
    assert_eq!(hits(&folder), hits(&place.library()));
    run::syntopic(&folder, &["check"]).ok();
    let file = place.path("saved.db");
    let report = place
        .run(&["backup", &file.display().to_string(), "--json"])
        .json();
    assert_eq!(
        (&report["papers"], &report["is_folder"]),
        (&5.into(), &false.into())
    );
    let restored = place.path("restored");
    std::fs::create_dir(&restored).expect("a folder");
    std::fs::copy(&file, restored.join("library.db")).expect("a copy");
    run::syntopic(&restored, &["topics"]).ok();
    assert_eq!(hits(&restored), hits(&place.library()));
    let names: Vec<_> = std::fs::read_dir(place.path("saved"))
        .expect("a folder")
        .flatten()
        .collect();
    assert_eq!(names.len(), 1, "nothing is left over");

    // What is there is written over only where that is said, and never the library itself.
    for to in [&folder, &file] {
        let to = to.display().to_string();
        place
            .run(&["backup", &to])
            .fails(2, &["is there already", "--force"]);
        place.run(&["backup", &to, "--force"]).ok();
    }
    let own = place.library().display().to_string();
    place
        .run(&["backup", &own, "--force"])
        .fails(2, &["is the library itself"]);
    Place::new()
        .run(&["backup", &file.display().to_string()])
        .fails(4, &["there is no library"]);
}

#[test]
fn a_backup_is_not_written_over_a_library_in_use() {
    let place = Place::with(&FIVE);
    let other = Place::with(&FIVE[..2]);
    let open = database(&other.library());
    open.execute_batch("UPDATE papers SET year = 2020")
        .expect("in the log");
    let to = other.library().display().to_string();
    place.run(&["backup", &to, "--force"]).fails(2, &["in use"]);
    drop(open);
    assert_eq!(other.run(&["info", "--json"]).json()["papers"], 2);
}

#[test]
fn compacting_gives_room_back_and_changes_no_answer() {
    let place = Place::with(&FIVE);
    let lines: Vec<String> = (0..600)
        .map(|i| {
            line(
                &format!("p{i}"),
                &format!("Paper {i}"),
                &"many words ".repeat(200),
            )
        })
        .collect();
    let file = place
        .file("many.jsonl", lines.join("\n").as_bytes())
        .display()
        .to_string();
    place.run(&["add", &file, "--no-embed"]).ok();
    let ids: Vec<String> = (0..600).map(|i| format!("p{i}")).collect();
    run::syntopic_fed(
        &place.library(),
        &["remove", "-"],
        ids.join("\n").as_bytes(),
    )
    .ok();
    let before = hits(&place.library());
    // Left by a process that was killed long ago, and one that is still written.
    let old = place.library().join(".tmpAbCdEf");
    let file = std::fs::File::create(&old).expect("a file");
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(90_000);
    file.set_modified(long_ago).expect("a time");
    let new = place.library().join(".tmpGhIjKl");
    std::fs::write(&new, b"").expect("a file");
    let report = place.run(&["compact", "--json"]).json();
    let [large, small] =
        ["before_bytes", "after_bytes"].map(|key| report[key].as_u64().expect("bytes"));
    assert!(large > small + 500_000, "{report}");
    assert_eq!(report["removed_files"], 1);
    assert!(!old.exists() && new.exists());
    assert_eq!(hits(&place.library()), before);
    place.run(&["check"]).ok();
    assert!(place.run(&["compact"]).ok().contains("bytes now"));
}

#[test]
fn repair_makes_anew_what_was_damaged_and_keeps_every_paper() {
    for (sql, says) in [
        (
            "UPDATE vectors SET vector = zeroblob(256) WHERE paper = 1",
            "the vector of a1 is damaged",
        ),
        (
            "UPDATE vectors SET vector = x'0000' WHERE paper = 1",
            "has 2 bytes, expected 256",
        ),
        (
            "UPDATE vectors SET text_sha256 = zeroblob(32) WHERE paper = 1",
            "stands for another text",
        ),
        (
            "UPDATE vectors SET text_sha256 = x'00' WHERE paper = 1",
            "text hash of \"a1\"",
        ),
        (
            "UPDATE vectors SET tokens = 0 WHERE paper = 1",
            "nonsense of the tokens",
        ),
        (
            "DELETE FROM vectors WHERE paper = 1",
            "1 papers were embedded",
        ),
        (
            "UPDATE titles SET vector = x'00' WHERE paper = 1",
            "1 vectors of titles were damaged",
        ),
        (
            "INSERT INTO vectors SELECT 99, text_sha256, tokens, truncated, vector FROM vectors WHERE paper = 1",
            "belong to no paper",
        ),
        (
            "UPDATE meta SET value = 'many' WHERE key = 'generation'",
            "count of changes",
        ),
    ] {
        let place = Place::with(&FIVE);
        let before = hits(&place.library());
        let db = database(&place.library());
        db.execute_batch("PRAGMA foreign_keys = OFF").expect("off");
        db.execute_batch(sql).expect(sql);
        drop(db);
        assert_eq!(place.run(&["check"]).code, 7, "{sql}");
        let repaired = place.run(&["repair"]);
        assert!(repaired.ok().contains(says), "{sql}: {}", repaired.out);
        assert_eq!(hits(&place.library()), before, "{sql}");
        place.run(&["check"]).ok();
        assert!(
            place
                .run(&["repair"])
                .ok()
                .contains("5 papers: nothing to mend"),
            "{sql}"
        );
    }
}

#[test]
fn what_cannot_be_mended_is_named_and_left() {
    let place = Place::with(&FIVE);
    database(&place.library())
        .execute_batch("UPDATE papers SET authors = 'x' WHERE id = 'a1'; UPDATE vectors SET vector = x'01' WHERE paper = 3")
        .expect("updated");
    let repaired = place.run(&["repair"]);
    assert_eq!(repaired.code, 7, "{}", repaired.err);
    for word in [
        "mended: the vector of b1 has 1 bytes",
        "left: the paper \"a1\" is damaged: authors",
        "not ok",
    ] {
        assert!(repaired.out.contains(word), "{word}: {}", repaired.out);
    }
    assert_eq!(place.run(&["info", "--json"]).json()["papers"], 5);
    // A model that is gone stops the embedding alone.
    let place = Place::new();
    let model = place.path("model");
    run::copy_folder(run::tiny_model().as_ref(), &model);
    let file = place
        .file("a.jsonl", line("a", "One", "First.").as_bytes())
        .display()
        .to_string();
    place
        .run(&["add", &file, "--model", &model.display().to_string()])
        .ok();
    let moved = place.path("moved");
    std::fs::rename(&model, &moved).expect("moved");
    database(&place.library())
        .execute_batch("UPDATE vectors SET vector = x'01'")
        .expect("updated");
    let repaired = place.run(&["repair"]);
    assert_eq!(repaired.code, 7, "{}", repaired.err);
    assert!(
        repaired.out.contains("Say where it is now with --model"),
        "{}",
        repaired.out
    );
    place
        .run(&["repair", "--model", &moved.display().to_string()])
        .ok();
    place.run(&["check"]).ok();
}

#[test]
fn the_one_format_needs_no_migration_and_a_newer_one_is_refused() {
    let place = Place::with(&FIVE);
    assert!(
        place
            .run(&["migrate"])
            .ok()
            .contains("format 1 is the only one")
    );
    assert_eq!(place.run(&["migrate", "--json"]).json()["to"], 1);
    // One of before there were vectors of titles and a record of changes is read, written and mended as it is.
    let db = database(&place.library());
    db.execute_batch("DROP TABLE titles; DROP TABLE changes; DELETE FROM meta WHERE key IN ('changes', 'vectors')")
        .expect("dropped");
    drop(db);
    let advice = "`syntopic embed` makes";
    for arguments in [&["info"], &["migrate"]] {
        assert!(place.run(arguments).ok().contains(advice), "{arguments:?}");
    }
    assert!(place.run(&["related", "a1"]).err.contains(advice));
    let kept = place.path("titleless");
    run::copy_folder(&place.library(), &kept);
    for arguments in [
        &["related", "a1"][..],
        &["check"],
        &["info"],
        &["migrate"],
        &["remove", "c1"],
        &["repair"],
        &["compact"],
    ] {
        place.run(arguments).ok();
    }
    // What it lacks is made when it is asked for: then it answers as one that was made by now.
    let now = Place::with(&FIVE);
    let embedded = run::syntopic(&kept, &["embed"]);
    assert!(
        embedded.ok().contains("5 titles embedded"),
        "{}",
        embedded.out
    );
    assert_eq!(
        run::syntopic(&kept, &["info", "--json"]).json()["titles"],
        5
    );
    for arguments in [&["info"], &["migrate"], &["embed"]] {
        let said = run::syntopic(&kept, arguments);
        assert!(!said.ok().contains("syntopic embed") && !said.out.contains("title embedded"));
    }
    let related = ["related", "a1", "--json"];
    let answer = run::syntopic(&kept, &related);
    assert!(!answer.err.contains(advice), "{}", answer.err);
    assert_eq!(hits(&kept), hits(&now.library()));
    database(&place.library())
        .pragma_update(None, "user_version", 2)
        .expect("a newer version");
    for arguments in [
        &["migrate"][..],
        &["repair"],
        &["compact"],
        &["backup", "x"],
        &["embed"],
        &["reembed", "--model", "embedded"],
    ] {
        place
            .run(arguments)
            .fails(5, &["format 2", "newer syntopic"]);
    }
}

#[test]
fn a_paper_is_shown_whole() {
    let place = Place::with(&FIVE);
    place.run(&["topics", "-k", "2"]).ok();
    let shown = place.run(&["show", "a1", "c1"]);
    for word in [
        "id: a1",
        "id: c1",
        "abstract: We learn",
        "topic: ",
        "vector: of all of it, ",
    ] {
        assert!(shown.ok().contains(word), "{word}: {}", shown.out);
    }
    let one = place.run(&["show", "a1", "--json"]).json();
    assert!(
        one["tokens"].as_u64().is_some_and(|n| n > 5) && one["topic"].is_string(),
        "{one}"
    );
    place.run(&["show", "a"]).fails(4, &["did you mean", "a1"]);
}

#[test]
fn a_second_writer_is_told_of_the_first_or_waits() {
    let place = Place::with(&FIVE);
    let mut db = database(&place.library());
    let writing = db
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .expect("the lock");
    writing
        .execute_batch("UPDATE papers SET year = 1999")
        .expect("written");
    let mut waiting = run::command(&place.library())
        .args(["remove", "c1", "--wait", "--quiet"])
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the binary runs");
    place
        .run(&["remove", "b1"])
        .fails(8, &["being written by another process", "--wait"]);
    // Readers wait for nobody.
    assert_eq!(place.run(&["list", "--ids"]).ok().lines().count(), 5);
    assert!(
        waiting.try_wait().expect("a state").is_none(),
        "it waits still"
    );
    writing.commit().expect("committed");
    assert!(waiting.wait().expect("it ends").success());
    assert_eq!(place.run(&["list", "--ids"]).ok(), "a1\na2\nb1\nb2\n");
}

#[test]
fn completions_and_the_manual_know_every_verb() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = place.run(&["completions", shell]);
        for word in ["reembed", "--no-embed", "backup"] {
            assert!(
                script.ok().contains(word.trim_start_matches('-')),
                "{shell}: {word}"
            );
        }
    }
    place.run(&["completions", "tcsh"]).fails(2, &["bash"]);
    assert!(place.run(&["man"]).ok().contains("reembed"));
    let folder = place.path("man1");
    place
        .run(&["man", "--out", &folder.display().to_string()])
        .ok();
    let page = std::fs::read_to_string(folder.join("syntopic-add.1")).expect("a page");
    assert!(page.contains("no\\-embed"), "{page}");
}
