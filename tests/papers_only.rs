//! Papers stored without vectors, and completed later: counted and told of everywhere, never in the way, never a made-up vector.

mod run;

use run::{FIVE, Place, line, tiny_model};
use std::path::PathBuf;

fn file_of(place: &Place, name: &str, papers: &[(&str, &str, &str)]) -> PathBuf {
    let lines = papers.iter().map(|(id, title, text)| line(id, title, text));
    let lines: Vec<String> = lines.collect();
    place.file(name, lines.join("\n").as_bytes())
}

fn hits(place: &Place, arguments: &[&str]) -> serde_json::Value {
    let mut found = place
        .run(&[&["related", "--json"][..], arguments].concat())
        .json();
    found["hits"].take()
}

#[test]
fn papers_alone_are_stored_listed_and_completed() {
    let place = Place::new();
    let file = file_of(&place, "papers.jsonl", &FIVE).display().to_string();
    let added = place.run(&["add", &file, "--no-embed"]);
    let words = ["5 added", "5 papers without a vector: `syntopic embed`"];
    assert!(
        words.iter().all(|word| added.ok().contains(word)),
        "{}",
        added.out
    );
    assert_eq!(place.run(&["list", "--ids"]).ok().lines().count(), 5);
    let info = place.run(&["info", "--json"]).json();
    assert_eq!(
        (&info["papers"], &info["without_vector"]),
        (&5.into(), &5.into())
    );
    assert!(info["model"].is_null());
    assert!(
        place
            .run(&["info"])
            .ok()
            .contains("5 papers without a vector")
    );
    let check = place.run(&["check"]);
    assert!(
        check.ok().contains("5 papers have no vector yet"),
        "{}",
        check.out
    );
    let says = ["none of the 5 papers", "embed"];
    place.run(&["related", "a1"]).fails(1, &says);
    place.run(&["related", "--text", "images"]).fails(1, &says);
    place.run(&["topics"]).fails(1, &says);
    place.run(&["map", "--out", "map.html"]).fails(1, &says);
    assert!(
        place
            .run(&["duplicates"])
            .ok()
            .contains("no two of 5 papers")
    );

    // The same again changes nothing, another model may still be chosen.
    assert!(
        place
            .run(&["add", &file, "--no-embed"])
            .ok()
            .contains("5 already there")
    );
    let model = tiny_model();
    let done = place.run(&["embed", "--model", &model, "--store", "int8"]);
    assert!(done.ok().contains("5 papers embedded"), "{}", done.out);
    let info = place.run(&["info", "--json"]).json();
    let expected = (&5.into(), &0.into(), &"int8".into());
    assert_eq!(
        (&info["vectors"], &info["without_vector"], &info["storage"]),
        expected
    );
    assert!(
        place
            .run(&["embed"])
            .ok()
            .contains("every paper has a vector already")
    );
    assert!(!place.run(&["check"]).ok().contains("no vector"));

    let other = Place::new();
    let file = file_of(&other, "papers.jsonl", &FIVE);
    other.add(&file, &["--store", "int8"]).ok();
    assert_eq!(
        hits(&place, &["a1"]),
        hits(&other, &["a1"]),
        "as if added at once"
    );
}

#[test]
fn some_without_vectors_are_told_of_and_hide_no_others() {
    let place = Place::with(&FIVE[..3]);
    place.run(&["topics", "-k", "2"]).ok();
    let before = hits(&place, &["a1"]);
    let file = file_of(&place, "more.jsonl", &FIVE[3..])
        .display()
        .to_string();
    place.run(&["add", &file, "--no-embed"]).ok();
    let found = place.run(&["related", "a1", "--json"]).json();
    assert_eq!(found["hits"], before);
    assert!(
        found["notes"]
            .to_string()
            .contains("2 papers have no vector yet"),
        "{found}"
    );
    place
        .run(&["related", "b2"])
        .fails(1, &["b2 has no vector yet", "syntopic embed"]);
    place.run(&["related", "b9"]).fails(4, &["b9"]);
    let topics = place.run(&["topics", "--json"]).json();
    assert_eq!(topics["papers"], 3);
    place
        .run(&[
            "map",
            "--out",
            &place.path("map.html").display().to_string(),
        ])
        .ok();
    assert!(
        place
            .run(&["check", "--recall"])
            .ok()
            .contains("2 papers have no vector yet")
    );
    let shown = place.run(&["show", "b2"]);
    assert!(shown.ok().contains("vector: none yet"), "{}", shown.out);
    // Adding them with the model completes them too.
    assert!(
        place
            .add(&place.path("more.jsonl"), &[])
            .ok()
            .contains("2 already there, now with a vector")
    );
    let found = place.run(&["related", "a1", "--json"]).json();
    assert_eq!(found["hits"].as_array().map(Vec::len), Some(4));
    assert!(!found["notes"].to_string().contains("no vector"), "{found}");
}

#[test]
fn a_new_text_without_embedding_takes_its_old_vector_away() {
    let place = Place::with(&FIVE);
    let changed = line("a1", FIVE[0].1, "Something else entirely.");
    let file = place
        .file("changed.jsonl", changed.as_bytes())
        .display()
        .to_string();
    assert!(
        place
            .run(&["add", &file, "--no-embed"])
            .ok()
            .contains("1 with a new text")
    );
    place
        .run(&["related", "a1"])
        .fails(1, &["a1 has no vector yet"]);
    let info = place.run(&["info", "--json"]).json();
    assert_eq!((&info["vectors"], &info["titles"]), (&4.into(), &4.into()));
    assert!(place.run(&["embed", "--json"]).json()["embedded"] == 1);
    let other = Place::new();
    other
        .add(&other.file("p.jsonl", changed.as_bytes()), &[])
        .ok();
    let rest = file_of(&other, "rest.jsonl", &FIVE[1..]);
    other.add(&rest, &[]).ok();
    assert_eq!(hits(&place, &["a1"]), hits(&other, &["a1"]));
}

#[test]
fn what_was_written_is_said_by_its_ids() {
    let place = Place::with(&FIVE[..2]);
    let file = file_of(&place, "five.jsonl", &FIVE).display().to_string();
    assert_eq!(place.run(&["add", &file, "--ids"]).ok(), "b1\nb2\nc1\n");
    assert_eq!(place.run(&["add", &file, "--ids"]).ok(), "");
    place
        .run(&["add", &file, "--ids", "--json"])
        .fails(2, &["cannot be used with"]);
    place
        .run(&["add", &file, "--no-embed", "--model", "x"])
        .fails(2, &["cannot be used with"]);
}

#[test]
fn update_takes_in_what_is_there_and_names_the_rest() {
    let place = Place::with(&FIVE[..3]);
    let mut lines: Vec<String> = FIVE
        .iter()
        .map(|(id, title, text)| line(id, title, text))
        .collect();
    lines[0] = serde_json::json!({"id": "a1", "title": FIVE[0].1, "year": 2020}).to_string();
    lines[1] = line("a2", "Another title", "And another text.");
    let file = place
        .file("five.jsonl", lines.join("\n").as_bytes())
        .display()
        .to_string();
    let ran = place.run(&["update", &file]);
    ran.fails(
        3,
        &[
            "not in the library: b2",
            "not in the library: c1",
            "syntopic add",
        ],
    );
    for word in [
        "1 with a new text",
        "1 with new details",
        "1 already there",
        "2 not in the library",
        "3 papers in",
    ] {
        assert!(ran.out.contains(word), "{word}: {}", ran.out);
    }
    let shown = place.run(&["show", "a1", "--json"]).json();
    assert_eq!(
        (&shown["year"], &shown["abstract"]),
        (&2020.into(), &FIVE[0].2.into())
    );
    place.run(&["check"]).ok();
    let none = Place::new();
    none.run(&["update", &file])
        .fails(4, &["there is no library"]);
}
