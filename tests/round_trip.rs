//! What goes in comes out, and in again: the same papers by every format that can carry them.

mod run;

use run::{Place, syntopic};
use serde_json::{Value, json};

fn papers() -> Vec<Value> {
    vec![
        json!({"id": "p-1", "title": "On graphs & 50% of Größe", "abstract": "We study graphs, \"quoted\"; and more.",
               "authors": ["Ada Lovelace", "Émile Borel"], "year": 2020, "date": "2020-05-17", "venue": "Journal of Graphs",
               "url": "https://example.org/a_b?c=d", "doi": "10.1000/xyz_1", "categories": ["cs.LG", "stat.ML"]}),
        json!({"id": "p-2", "title": "Images of trees", "abstract": "A second text.", "authors": ["Bo Li"], "year": 2021,
               "date": "2021-03", "venue": "Trees"}),
        json!({"id": "p-3", "title": "Only a title", "year": 1999}),
    ]
}

fn listed(place: &Place) -> Value {
    place.run(&["list", "--json"]).json()["papers"].take()
}

/// The raw output of a verb.
fn bytes(place: &Place, arguments: &[&str]) -> Vec<u8> {
    let output = run::command(&place.library())
        .args(arguments)
        .output()
        .expect("the binary runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

#[test]
fn every_format_brings_the_papers_back() {
    let place = Place::new();
    let lines: Vec<String> = papers().iter().map(Value::to_string).collect();
    let file = place.file("papers.jsonl", lines.join("\n").as_bytes());
    place.add(&file, &[]).ok();
    let before = listed(&place);
    assert_eq!(before.as_array().map(Vec::len), Some(3));
    for format in ["jsonl", "csv", "parquet", "bibtex", "ris", "csl-json"] {
        let other = Place::new();
        let written = bytes(&place, &["list", "--as", format]);
        let file = other.file("papers", &written).display().to_string();
        let found = other.run(&["add", &file, "--dry-run", "--json"]).json();
        assert_eq!(found["format"], format);
        let added = other.run(&["add", &file, "--no-embed"]);
        assert!(added.ok().contains("3 added"), "{format}: {}", added.out);
        assert_eq!(listed(&other), before, "{format}");
    }
}

#[test]
fn vectors_come_out_as_numpy_reads_them() {
    let place = Place::new();
    let lines: Vec<String> = papers().iter().map(Value::to_string).collect();
    let file = place.file("papers.jsonl", lines.join("\n").as_bytes());
    place.add(&file, &[]).ok();
    let written = bytes(&place, &["list", "--as", "npy"]);
    assert!(written.starts_with(b"\x93NUMPY\x01\0"));
    let header = String::from_utf8_lossy(&written[10..128.min(written.len())]).into_owned();
    assert!(
        header.contains("'descr': '<f4', 'fortran_order': False, 'shape': (3, 64)"),
        "{header}"
    );
    let numbers = &written[written.len() - 3 * 64 * 4..];
    for row in numbers.chunks(64 * 4) {
        let row = row
            .chunks(4)
            .map(|b| f32::from_le_bytes(b.try_into().expect("four bytes")));
        assert!((row.map(|v| v * v).sum::<f32>() - 1.0).abs() < 1e-5);
    }
    let more = place
        .file("more.jsonl", b"{\"id\":\"p-9\",\"title\":\"Later\"}")
        .display()
        .to_string();
    place.run(&["add", &more, "--no-embed"]).ok();
    let output = run::command(&place.library())
        .args(["list", "--as", "npy"])
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("left out: p-9 has no vector yet"));
    assert_eq!(output.stdout, written);
    // With papers alone, a table has no column of vectors.
    let bare = Place::new();
    bare.run(&["add", &more, "--no-embed"]).ok();
    assert!(bytes(&bare, &["list", "--as", "parquet"]).starts_with(b"PAR1"));
}

#[test]
fn what_an_encoding_does_not_have_is_counted() {
    let place = Place::new();
    let table =
        "title,abstract\nNaïve café müller größe,Ein Text über Größe und Müller.\n".repeat(20);
    let mut bytes = table.into_bytes();
    bytes.extend(b"A damaged \xff title,An abstract.\n");
    let file = place.file("papers.csv", &bytes).display().to_string();
    let added = place.run(&["add", &file, "--no-embed"]);
    added.ok();
    assert!(
        added
            .err
            .contains("1 character could not be read and stand as U+FFFD"),
        "{}",
        added.err
    );
}

#[test]
fn a_damaged_parquet_file_is_said_and_no_panic() {
    let place = Place::new();
    let lines: Vec<String> = papers().iter().map(Value::to_string).collect();
    let file = place.file("papers.jsonl", lines.join("\n").as_bytes());
    place.add(&file, &[]).ok();
    let whole = bytes(&place, &["list", "--as", "parquet"]);
    let mut state = 5u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below
    };
    for round in 0..40 {
        let mut damaged = whole.clone();
        match round % 2 {
            0 => damaged.truncate(4 + random(whole.len() - 4)),
            _ => {
                let at = 4 + random(whole.len() - 4);
                damaged[at] ^= 1 << random(8);
            }
        }
        let file = place
            .file("damaged.parquet", &damaged)
            .display()
            .to_string();
        let ran = syntopic(&place.path("other"), &["add", &file, "--dry-run", "--json"]);
        assert!(!ran.err.contains("panicked"), "round {round}: {}", ran.err);
        assert!(
            [0, 1, 3].contains(&ran.code),
            "round {round}: {} {}",
            ran.code,
            ran.err
        );
    }
}
