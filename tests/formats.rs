//! `syntopic add` of files of other tools: packed, in another encoding, as tables, and without adding anything.

mod run;

use flate2::Compression;
use flate2::write::GzEncoder;
use run::Place;
use std::io::Write;

const BIB: &str = "@article{one, title = {Graphs and {T}heir na{\\\"\\i}ve embeddings}, abstract = {We embed graphs.}, year = {2019}}\n\
                   @article{two, title = {Topics of papers}, abstract = {We cluster papers.}}\n@article{none, year = {2019}}\n";

#[test]
fn files_of_other_tools_go_in_side_by_side() {
    let place = Place::new();
    let bib = place.file("library.bib", BIB.as_bytes());
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed
        .write_all(
            b"TY  - JOUR\nTI  - Ma\xdf und Gr\xf6\xdfe\nAB  - W\xf6rter und S\xe4tze.\nER  -\n",
        )
        .expect("memory does not fail");
    let ris = place.file(
        "export.ris.gz",
        &packed.finish().expect("memory does not fail"),
    );
    let (bib, ris) = (bib.display().to_string(), ris.display().to_string());
    let ran = place.run(&["add", &bib, &ris, "--model", "embedded"]);
    ran.fails(3, &[]);
    assert!(ran.out.contains("2 papers (bibtex)"), "{}", ran.out);
    assert!(
        ran.out.contains("1 paper (ris, windows-1252)"),
        "{}",
        ran.out
    );
    assert!(
        ran.err
            .contains("library.bib:3: none: neither a title nor an abstract"),
        "{}",
        ran.err
    );
    let hits = place.run(&["related", "one", "--json"]).json();
    assert_eq!(hits["hits"].as_array().map(Vec::len), Some(2));
    let names = hits["hits"].to_string();
    assert!(
        names.contains("maß-und-größe") && names.contains("two"),
        "{names}"
    );
}

#[test]
fn a_dry_run_says_what_would_go_in_and_adds_nothing() {
    let place = Place::new();
    let bib = place
        .file("library.bib", BIB.as_bytes())
        .display()
        .to_string();
    let ran = place.run(&["add", &bib, "--dry-run", "--json"]);
    ran.fails(3, &[]);
    let expected = serde_json::json!({
        "source": bib, "format": "bibtex", "records": 2, "with_abstract": 2,
        "skipped": [{"where": format!("{bib}:3"), "why": "none: neither a title nor an abstract"}],
    });
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&ran.out).expect("JSON"),
        expected
    );
    let missing = place.path("no-such.bib").display().to_string();
    let ran = place.run(&["add", &bib, &missing, "--dry-run"]);
    ran.fails(3, &[]);
    assert!(
        ran.out
            .contains("2 papers, 2 with an abstract (bibtex); nothing was added"),
        "{}",
        ran.out
    );
    assert!(ran.err.contains("no-such.bib"), "{}", ran.err);
    place.run(&["info"]).fails(4, &["no library"]);
}

#[test]
fn characters_that_cannot_be_read_are_counted() {
    let place = Place::new();
    let mut wide: Vec<u16> = "\u{feff}title,abstract\nOn ? and ?,Words\n"
        .encode_utf16()
        .collect();
    // Halves of surrogate pairs, which are no characters.
    wide.iter_mut()
        .filter(|unit| **unit == u16::from(b'?'))
        .for_each(|unit| *unit = 0xd800);
    let bytes: Vec<u8> = wide.into_iter().flat_map(u16::to_le_bytes).collect();
    let table = place.file("wide.csv", &bytes).display().to_string();
    let dry = place.run(&["add", &table, "--dry-run"]);
    assert!(
        dry.ok()
            .contains("1 paper, 1 with an abstract (csv, UTF-16LE)")
    );
    let said = "2 characters could not be read and stand as U+FFFD";
    assert!(dry.err.contains(said), "{}", dry.err);
    let dry = place.run(&["add", &table, "--dry-run", "--json"]).json();
    assert_eq!(dry["unreadable_characters"], 2);
    let added = place.run(&["add", &table, "--no-embed"]);
    assert!(added.ok().contains("1 added") && added.err.contains(said));
}

#[test]
fn columns_of_a_table_can_be_named() {
    let place = Place::new();
    let table = place
        .file("list.csv", b"Name;Text\nGraphs;We embed graphs.\n")
        .display()
        .to_string();
    let arguments = ["add", &table, "--model", "embedded", "--format", "csv"];
    place.run(&arguments).fails(
        1,
        &[
            "no column is a title or an abstract",
            "Name, Text",
            "--map title=COLUMN",
        ],
    );
    let named = ["--map", "title=Name", "--map", "abstract=text"];
    let ran = place.run(&[&arguments[..], &named].concat());
    assert!(ran.ok().contains("1 added"), "{}", ran.out);
    place
        .run(&[&arguments[..], &["--map", "title"]].concat())
        .fails(1, &["expected FIELD=COLUMN"]);
    place
        .run(&["add", &table, "--format", "doc"])
        .fails(2, &["unknown format \"doc\"", "bibtex"]);
}
