//! A damaged library is found, named and left as it is: never a new empty one, never a wrong answer.

mod run;

use run::{FIVE, Place, line, tiny_model};
use rusqlite::Connection;

/// Opens the database of a place's library.
fn database(place: &Place) -> Connection {
    Connection::open(place.library().join("library.db")).expect("a database")
}

#[test]
fn a_library_of_a_newer_format() {
    let place = Place::with(&FIVE);
    let db = rusqlite::Connection::open(place.library().join("library.db")).expect("a database");
    db.pragma_update(None, "user_version", 99)
        .expect("a newer version");
    drop(db);
    for arguments in [&["related", "a1"][..], &["info"], &["add", "x.jsonl"]] {
        place
            .run(arguments)
            .fails(5, &["format 99", "newer syntopic"]);
    }
    let db = database(&place);
    db.pragma_update(None, "user_version", 0)
        .expect("a version");
    drop(db);
    for arguments in [&["related", "a1"][..], &["info"], &["check"]] {
        place.run(arguments).fails(5, &["format 0", "damaged"]);
    }
}

#[test]
fn a_corrupt_library_file() {
    let place = Place::with(&FIVE);
    let path = place.library().join("library.db");
    let whole = std::fs::read(&path).expect("a database");
    std::fs::write(&path, b"this is no database at all, but it is long enough").expect("a file");
    place
        .run(&["related", "a1"])
        .fails(5, &["library.db", "damaged"]);
    // Everything after the first page overwritten: found when it is read, whatever is read.
    let mut broken = whole.clone();
    broken[4096..].fill(0xa5);
    std::fs::write(&path, &broken).expect("a file");
    for arguments in [&["related", "a1"][..], &["topics", "-k", "2"], &["info"]] {
        place.run(arguments).fails(5, &["library.db", "damaged"]);
    }
    std::fs::write(&path, &whole[..whole.len() / 2]).expect("a file");
    let cut = place.run(&["check"]);
    assert!(cut.code == 5 || cut.code == 7, "{} {}", cut.code, cut.err);
    // A database of something else is left alone.
    std::fs::remove_file(&path).expect("removed");
    rusqlite::Connection::open(&path)
        .expect("a database")
        .execute_batch("CREATE TABLE t(x)")
        .expect("a table");
    place.run(&["info"]).fails(5, &["something else"]);
}

#[test]
fn an_altered_vector_is_found() {
    let place = Place::with(&FIVE);
    let db = rusqlite::Connection::open(place.library().join("library.db")).expect("a database");
    db.execute(
        "UPDATE vectors SET vector = zeroblob(256) WHERE paper = 1",
        [],
    )
    .expect("updated");
    drop(db);
    place.run(&["related", "a2"]).fails(5, &["vector"]);
    assert_eq!(place.run(&["check"]).code, 7);
}

#[test]
fn a_library_that_lost_its_model_takes_no_other() {
    let place = Place::with(&FIVE);
    let db = rusqlite::Connection::open(place.library().join("library.db")).expect("a database");
    db.execute("DELETE FROM meta WHERE key = 'model'", [])
        .expect("deleted");
    drop(db);
    let new = place.file("new.jsonl", line("n", "New", "Papers.").as_bytes());
    let words = ["library.db", "which model"];
    place.add(&new, &[]).fails(5, &words);
    place.run(&["related", "a1"]).fails(5, &words);
    place.run(&["info"]).fails(5, &words);
    let check = place.run(&["check"]);
    assert_eq!(check.code, 7, "{}", check.err);
    assert!(check.out.contains("which model"), "{}", check.out);
}

#[test]
fn an_empty_database_is_damaged_not_new() {
    let place = Place::with(&FIVE);
    let path = place.library().join("library.db");
    std::fs::write(&path, b"").expect("a file");
    let words = ["library.db", "empty", "backup"];
    for arguments in [&["info"][..], &["check"], &["related", "a1"]] {
        place.run(arguments).fails(5, &words);
    }
    let new = place.file("new.jsonl", line("n", "New", "Papers.").as_bytes());
    place.add(&new, &[]).fails(5, &words);
    assert_eq!(std::fs::metadata(&path).expect("still there").len(), 0);
}

#[test]
fn a_write_ahead_log_without_its_database_is_not_overwritten() {
    let place = Place::with(&FIVE);
    let path = place.library().join("library.db");
    std::fs::remove_file(&path).expect("removed");
    let log = place.library().join("library.db-wal");
    std::fs::write(&log, b"papers").expect("a file");
    let new = place.file("new.jsonl", line("n", "New", "Papers.").as_bytes());
    let words = ["library.db", "missing", "write-ahead log"];
    place.add(&new, &[]).fails(5, &words);
    place.run(&["info"]).fails(5, &words);
    assert_eq!(std::fs::read(&log).expect("still there"), b"papers");
    assert!(!path.exists());
}

#[test]
fn a_new_library_is_whole_at_once_and_leaves_no_other_file() {
    let place = Place::with(&FIVE);
    let mut names: Vec<String> = std::fs::read_dir(place.library())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().display().to_string())
        .collect();
    names.sort();
    assert_eq!(names, ["library.db"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let file = place.file("ordinary", b"");
        let mode = |path| {
            std::fs::metadata(path)
                .expect("a file")
                .permissions()
                .mode()
        };
        let database = place.library().join("library.db");
        assert_eq!(mode(database), mode(file), "as any other file of the user");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_add_keeps_its_finished_batches_and_says_so() {
    let place = Place::new();
    let papers: Vec<String> = (0..20_000)
        .map(|n| {
            line(
                &format!("p{n}"),
                &format!("Title {n}"),
                &"words of a text ".repeat(20),
            )
        })
        .collect();
    let file = place.file("many.jsonl", papers.join("\n").as_bytes());
    let child = run::command(&place.library())
        .arg("add")
        .arg(&file)
        .args(["--model", &tiny_model()])
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // Until the first batch is in; then one interruption.
    let database = place.library().join("library.db");
    while !database.exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let killed = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.expect("kill runs").success());
    let output = child.wait_with_output().expect("it ends");
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{err}");
    let kept = place.run(&["info", "--json"]).json()["papers"].as_u64();
    let kept = kept.expect("a count");
    assert!((1..20_000).contains(&kept), "{kept} kept");
    assert!(
        err.contains(&format!("{kept} papers of finished batches are kept")),
        "{kept}: {err}"
    );
    assert!(place.run(&["check"]).ok().contains("ok"));
}

/// Each damage, with words that name it.
const DAMAGES: [(&str, &[&str]); 10] = [
    (
        "UPDATE papers SET id = char(10) || id WHERE id = 'a1'",
        &["a1", "white space"],
    ),
    (
        "DELETE FROM meta WHERE key = 'text_recipe'",
        &["does not say how its papers became texts"],
    ),
    (
        "UPDATE papers SET authors = 'x' WHERE id = 'a1'",
        &["\"a1\"", "authors"],
    ),
    (
        "UPDATE papers SET id = '' WHERE id = 'a1'",
        &["id is empty"],
    ),
    ("DROP TABLE vectors", &["no such table: vectors"]),
    ("DROP TABLE papers", &["no such table: "]),
    ("ALTER TABLE papers DROP COLUMN year", &["no such column"]),
    (
        "UPDATE vectors SET text_sha256 = x'00' WHERE paper = 1",
        &["a1"],
    ),
    (
        "UPDATE vectors SET vector = x'0000' WHERE paper = 1",
        &["a1", "has 2 bytes, expected 256"],
    ),
    (
        "UPDATE vectors SET vector = zeroblob(256) WHERE paper = 1",
        &["a1", "length 0"],
    ),
];

#[test]
fn whatever_is_damaged_the_check_names_it_and_goes_on() {
    for (sql, words) in DAMAGES {
        let place = Place::with(&FIVE);
        let db = database(&place);
        db.execute_batch("PRAGMA foreign_keys = OFF").expect("off");
        db.execute_batch(sql).expect(sql);
        // A second damage, that must be named too where its table is still there.
        let second = "UPDATE vectors SET vector = x'01' WHERE paper = 3";
        let two = db.execute_batch(second).is_ok() && !sql.contains("papers SET id");
        drop(db);
        let check = place.run(&["check", "--recall"]);
        assert_eq!(check.code, 7, "{sql}: {} {}", check.out, check.err);
        for word in words {
            assert!(check.out.contains(word), "{sql}: {word:?} in {}", check.out);
        }
        // Without the recorded model nobody knows how long a vector is.
        if two && !sql.contains("TABLE") && !sql.contains("meta") {
            assert!(check.out.contains("b1"), "{sql}: {}", check.out);
        }
        assert!(check.out.contains("not ok"), "{}", check.out);
    }
}

#[test]
fn whatever_is_damaged_a_verb_that_meets_it_says_so() {
    for (sql, words) in DAMAGES {
        let place = Place::with(&FIVE);
        let db = database(&place);
        db.execute_batch("PRAGMA foreign_keys = OFF").expect("off");
        db.execute_batch(sql).expect(sql);
        drop(db);
        let mut met = 0;
        // Adding all of it again reads every paper.
        let again = place.add(&place.path("papers.jsonl"), &[]);
        for ran in [
            place.run(&["related", "a2", "-k", "4"]),
            place.run(&["topics", "-k", "2"]),
            place.run(&["info"]),
            again,
        ] {
            // What does not read the damaged thing is right to go on.
            if ran.code != 0 {
                ran.fails(5, &["library.db", "damaged", "syntopic check"]);
                ran.fails(5, words);
                met += 1;
            }
        }
        assert!(met > 0, "nothing met {sql}");
    }
}

#[test]
fn a_damaged_vector_is_named_where_topics_are_there() {
    let place = Place::with(&FIVE);
    place.run(&["topics", "-k", "2"]).ok();
    database(&place)
        .execute_batch("UPDATE vectors SET vector = x'01' WHERE paper = 2")
        .expect("updated");
    place.run(&["info"]).fails(5, &["\"a2\"", "1 bytes"]);
}

#[test]
fn one_paper_has_no_recall_and_few_have_a_small_k() {
    let place = Place::with(&FIVE[..1]);
    let check = place.run(&["check", "--recall", "--json"]).json();
    assert_eq!(check["ok"], true);
    assert!(
        check["notes"][0]
            .as_str()
            .is_some_and(|n| n.contains("no neighbours"))
    );
    assert!(
        place
            .run(&["check", "--recall"])
            .ok()
            .contains("no neighbours")
    );
    let place = Place::with(&FIVE);
    let check = place.run(&["check", "--recall", "-k", "99"]);
    assert!(check.ok().contains("recall@4 "), "{}", check.out);
}

#[test]
fn a_model_that_moved_is_told_once() {
    let place = Place::new();
    let (first, second) = (place.path("first"), place.path("second"));
    run::copy_folder(tiny_model().as_ref(), &first);
    let file = place.file("p.jsonl", line("a", "One", "First.").as_bytes());
    let file = file.display().to_string();
    place
        .run(&["add", &file, "--model", &first.display().to_string()])
        .ok();
    std::fs::rename(&first, &second).expect("renamed");
    let moved = place.run(&["related", "--text", "one"]);
    moved.fails(6, &["first", "Say where it is now with --model"]);
    assert!(
        !moved.err.contains("..") && !moved.err.contains(". ."),
        "{}",
        moved.err
    );
    assert!(moved.err.contains(". Say where"), "{}", moved.err);
    let second = second.display().to_string();
    place
        .run(&["related", "--text", "one", "--model", &second])
        .ok();
    place.run(&["related", "--text", "one"]).ok();
}
