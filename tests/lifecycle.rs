//! `syntopic remove` and `syntopic list`: papers leave the library for good, and come out as they went in.

mod run;

use run::{FIVE, Place, line, syntopic_fed};

#[test]
fn removed_papers_are_gone_from_every_answer() {
    let place = Place::with(&FIVE);
    assert_eq!(
        place.run(&["related", "a1", "--json"]).json()["hits"]
            .as_array()
            .map(Vec::len),
        Some(4)
    );
    place.run(&["topics", "-k", "2"]).ok();
    let gone = FIVE[1].0;
    let ran = place.run(&["remove", gone, "no-such", "--json"]);
    ran.fails(3, &[]);
    let report: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(report["removed"], serde_json::json!([gone]));
    assert_eq!(report["unknown"][0]["id"], "no-such");
    assert_eq!(report["papers"], 4);
    let hits = place.run(&["related", "a1", "--json"]).json();
    assert_eq!(hits["hits"].as_array().map(Vec::len), Some(3));
    assert!(
        !hits["hits"].to_string().contains(&format!("\"{gone}\"")),
        "{hits}"
    );
    let words = place
        .run(&[
            "related", "--text", FIVE[1].1, "--mode", "lexical", "--json",
        ])
        .json();
    assert!(
        !words["hits"].to_string().contains(&format!("\"{gone}\"")),
        "{words}"
    );
    assert!(
        !place
            .run(&["topics", "-k", "2", "--json"])
            .ok()
            .contains(&format!("\"{gone}\""))
    );
    place.run(&["related", gone]).fails(4, &[gone]);
    place.run(&["remove", gone]).fails(4, &[gone]);
    assert!(place.run(&["check"]).ok().contains("4 papers, 4 vectors"));
    // It may come again.
    let again = place.file(
        "again.jsonl",
        line(FIVE[1].0, FIVE[1].1, FIVE[1].2).as_bytes(),
    );
    assert!(place.add(&again, &[]).ok().contains("1 added"));
    assert_eq!(
        place.run(&["related", "a1", "--json"]).json()["hits"]
            .as_array()
            .map(Vec::len),
        Some(4)
    );
}

#[test]
fn what_is_listed_is_read_again() {
    let place = Place::with(&FIVE);
    let ids = place.run(&["list", "--ids"]);
    assert_eq!(ids.ok().lines().count(), 5);
    let other = Place::new();
    let file = other.file(
        "papers.jsonl",
        place.run(&["list", "--as", "jsonl"]).ok().as_bytes(),
    );
    other.add(&file, &[]).ok();
    assert_eq!(
        other.run(&["list", "--json"]).json(),
        place.run(&["list", "--json"]).json()
    );
    for (format, begins) in [
        ("csv", "id,title,abstract"),
        ("ris", "TY  - "),
        ("bibtex", "@"),
        ("csl-json", "["),
    ] {
        let written = place.run(&["list", "--as", format, "-k", "3"]);
        assert!(written.ok().starts_with(begins), "{}", written.out);
        let fresh = Place::new();
        let file = fresh
            .file("papers", written.out.as_bytes())
            .display()
            .to_string();
        let found = fresh.run(&["add", &file, "--dry-run", "--json"]).json();
        assert_eq!(
            (&found["format"], &found["records"]),
            (&format.into(), &3.into())
        );
    }
    assert!(place.run(&["list", "a1"]).ok().contains("abstract: "));
    place.run(&["list", "a"]).fails(4, &["a1"]);
    // A filter beside an id would be ignored.
    place
        .run(&["list", "a1", "--year", "1999"])
        .fails(2, &["cannot be used with"]);
    let some = place.file("ids.txt", b"a2\n\n b1 \r\n");
    let some = some.display().to_string();
    let among = place.run(&["list", "--among", &some, "--ids"]);
    assert_eq!(among.ok(), "a2\nb1\n");
    let fed = syntopic_fed(&place.library(), &["list", "--among", "-", "--ids"], b"b1");
    assert_eq!(fed.ok(), "b1\n");
    let related = place.run(&["related", "a1", "--among", &some, "--json"]);
    assert_eq!(related.json()["hits"].as_array().map(Vec::len), Some(2));
    let unknown = place.file("unknown.txt", b"a2\nb9\n");
    let unknown = unknown.display().to_string();
    (place.run(&["list", "--among", &unknown])).fails(4, &["no paper has the id \"b9\""]);
    let none = place.file("none.txt", b"\n").display().to_string();
    (place.run(&["list", "--among", &none])).fails(1, &["has no ids: write one a line"]);
    (place.run(&["list", "--among", "nowhere.txt"])).fails(1, &["nowhere.txt cannot be read"]);
    place.run(&["list", "--as", "doc"]).fails(2, &["bibtex"]);
    assert!(place.run(&["list", "--year", "1999"]).ok().lines().count() <= 1);
}
