//! JSON lines: what is accepted, and what is skipped with which reason.

use crate::{Read, read, read_as};
use std::io::{self, BufReader, Read as _};
use syntopic_core::{Paper, PaperId};
use syntopic_formats::{Format, MAX_LINE_BYTES, open, write_jsonl};

fn jsonl(text: impl AsRef<[u8]>) -> Read {
    read_as(text.as_ref(), Some(Format::Jsonl)).expect("readable lines")
}

/// The one paper of one line.
fn one(line: &str) -> Paper {
    let mut got = jsonl(line);
    assert!(got.skipped.is_empty(), "{line}: {:?}", got.messages());
    got.papers.pop().expect("one paper")
}

/// Why one line is skipped; the record after it must go in.
fn skipped(line: impl AsRef<[u8]>) -> String {
    let mut text = b"{\"id\": \"before\", \"title\": \"t\"}\n".to_vec();
    text.extend_from_slice(line.as_ref());
    text.extend_from_slice(b"\n{\"id\": \"after\", \"title\": \"t\"}\n");
    let mut got = jsonl(text);
    assert_eq!(got.papers.len(), 2, "the lines around a bad one go in");
    let bad = got.skipped.pop().expect("a skipped record");
    assert_eq!(
        (bad.line, bad.source.as_str(), got.skipped.len()),
        (2, "in", 0)
    );
    bad.why
}

#[test]
fn all_fields() {
    let paper = one(
        r#"{"id": " 2103.03230 ", "title": "A\n title", "abstract": "Hard\nline  breaks\u0000and NUL", "authors": ["A B", {"name": "C D", "x": 1}],
            "year": 2021, "date": "2020-12-31", "venue": "ICML", "url": "https://x.org", "doi": "10.1/x", "categories": ["cs.LG", "stat.ML"], "other": {"a": [1]}}"#
            .replace("\n            ", " ").as_str(),
    );
    let id = PaperId::new("2103.03230").expect("an id");
    let mut expected =
        Paper::new(id, "A title", Some("Hard line breaks and NUL")).expect("a paper");
    expected.authors = vec!["A B".into(), "C D".into()];
    expected.year = Some(2021);
    expected.date = Some("2020-12-31".into());
    expected.venue = Some("ICML".into());
    expected.url = Some("https://x.org".into());
    expected.doi = Some("10.1/x".into());
    expected.categories = vec!["cs.LG".into(), "stat.ML".into()];
    assert_eq!(paper, expected);
    let mut written = Vec::new();
    write_jsonl(&mut written, &paper).expect("memory does not fail");
    assert_eq!(written.iter().filter(|&&b| b == b'\n').count(), 1);
    assert_eq!(
        jsonl(&written).papers,
        [expected],
        "what is written reads back"
    );
}

#[test]
fn bom_crlf_and_blank_lines() {
    let got = read(
        "\u{feff}{\"id\": \"a\", \"title\": \"t\"}\r\n\r\n  \n{\"id\": \"b\", \"title\": \"t\"}",
    );
    assert_eq!(got.format, Format::Jsonl);
    assert_eq!((got.papers.len(), got.skipped.len(), got.chrome), (2, 0, 0));
    let joined =
        jsonl("{\"id\": \"a\", \"title\": \"t\"}\n\u{feff}{\"id\": \"a\", \"title\": \"t\"}\n");
    assert_eq!(
        joined.papers.len(),
        2,
        "the BOM of a file joined on, and an id twice, are fine"
    );
}

#[test]
fn titles_and_abstracts_may_be_missing_but_not_both() {
    for line in [
        r#"{"id": 7, "title": "t"}"#,
        r#"{"id": "7", "title": "t", "abstract": null}"#,
        r#"{"id": "7", "title": "t", "abstract": " \n"}"#,
    ] {
        let paper = one(line);
        assert_eq!(
            (paper.id.as_str(), paper.title.as_str(), paper.abstract_text),
            ("7", "t", None),
            "{line}"
        );
    }
    for line in [
        r#"{"id": "7", "abstract": "a"}"#,
        r#"{"id": "7", "title": "", "abstract": "a"}"#,
        r#"{"id": "7", "title": null, "abstract": "a"}"#,
    ] {
        let paper = one(line);
        assert_eq!(
            (paper.title.as_str(), paper.abstract_text.as_deref()),
            ("", Some("a")),
            "{line}"
        );
    }
    assert_eq!(
        skipped(r#"{"id": "7", "title": " ", "abstract": ""}"#),
        "paper 7 has neither a title nor an abstract"
    );
    assert_eq!(
        skipped(r#"{"id": "7"}"#),
        "paper 7 has neither a title nor an abstract"
    );
}

#[test]
fn ids() {
    assert_eq!(
        one(r#"{"id": 18446744073709551615, "title": "t"}"#)
            .id
            .as_str(),
        "18446744073709551615"
    );
    assert_eq!(
        skipped(r#"{"title": "t"}"#),
        "no \"id\": every record needs one"
    );
    assert_eq!(
        skipped(r#"{"id": null, "title": "t"}"#),
        "no \"id\": every record needs one"
    );
    assert_eq!(
        skipped(r#"{"id": " ", "title": "t"}"#),
        "the id is empty: every paper needs one"
    );
    assert_eq!(
        skipped(r#"{"id": "a\nb", "title": "t"}"#),
        "the id \"a\\nb\" holds a control character"
    );
    let expected = "the field \"id\" should be a string or a whole number, got";
    assert_eq!(
        skipped(r#"{"id": 2103.03230, "title": "t"}"#),
        format!("{expected} the number 2103.0323")
    );
    assert_eq!(
        skipped(r#"{"id": ["a"], "title": "t"}"#),
        format!("{expected} a list")
    );
    assert!(
        skipped(format!(
            "{{\"id\": \"{}\", \"title\": \"t\"}}",
            "x".repeat(600)
        ))
        .contains("600 bytes")
    );
}

#[test]
fn authors_and_categories_in_their_forms() {
    let authors = |value: &str| {
        one(&format!(
            "{{\"id\": 1, \"title\": \"t\", \"authors\": {value}}}"
        ))
        .authors
    };
    assert_eq!(
        authors(r#""A, B and C""#),
        ["A, B and C"],
        "commas are not guessed at"
    );
    assert_eq!(
        authors(r#""Doe, Jane; Roe, R. ;""#),
        ["Doe, Jane", "Roe, R."]
    );
    assert_eq!(authors(r#"[{"name": "A"}, "B", ""]"#), ["A", "B"]);
    assert!(authors("null").is_empty() && authors("[]").is_empty() && authors("\"\"").is_empty());
    let categories = |value: &str| {
        one(&format!(
            "{{\"id\": 1, \"title\": \"t\", \"categories\": {value}}}"
        ))
        .categories
    };
    assert_eq!(categories(r#""cs.LG stat.ML""#), ["cs.LG", "stat.ML"]);
    assert_eq!(categories(r#""cs.LG, stat.ML""#), ["cs.LG", "stat.ML"]);
    assert_eq!(
        categories(r#""Computer Science; Biology""#),
        ["Computer Science", "Biology"]
    );
    assert_eq!(categories(r#"["Computer Science"]"#), ["Computer Science"]);
}

#[test]
fn years() {
    let year = |fields: &str| one(&format!("{{\"id\": 1, \"title\": \"t\", {fields}}}")).year;
    for fields in [
        r#""year": 2021"#,
        r#""year": "2021""#,
        r#""year": 2021.0"#,
        r#""date": "2021-03-04""#,
        r#""year": null, "date": "4 Mar 2021""#,
    ] {
        assert_eq!(year(fields), Some(2021), "{fields}");
    }
    assert_eq!(
        year(r#""year": 1999, "date": "2021-03-04""#),
        Some(1999),
        "the year goes before the date"
    );
    assert_eq!(year(r#""year": "", "date": "soon""#), None);
}

#[test]
fn a_wrong_type_is_named_not_lost() {
    for (field, got) in [
        (
            r#""title": 5"#,
            "the field \"title\" should be a string, got the number 5",
        ),
        (
            r#""abstract": ["x"]"#,
            "the field \"abstract\" should be a string, got a list",
        ),
        (
            r#""venue": {}"#,
            "the field \"venue\" should be a string, got an object",
        ),
        (
            r#""url": false"#,
            "the field \"url\" should be a string, got false",
        ),
        (
            r#""doi": 10.1"#,
            "the field \"doi\" should be a string, got the number 10.1",
        ),
        (
            r#""date": 2021"#,
            "the field \"date\" should be a string, got the number 2021",
        ),
        (
            r#""year": "MMXXI""#,
            "the field \"year\" should be a year from 1 to 9999, got \"MMXXI\"",
        ),
        (
            r#""year": 2021.5"#,
            "the field \"year\" should be a year from 1 to 9999, got the number 2021.5",
        ),
        (
            r#""year": "nan""#,
            "the field \"year\" should be a year from 1 to 9999, got \"nan\"",
        ),
        (
            r#""year": 0"#,
            "the field \"year\" should be a year from 1 to 9999, got the number 0",
        ),
        (
            r#""categories": [1]"#,
            "the field \"categories\" should be a list of strings or one string, got the number 1",
        ),
    ] {
        // The field under test replaces what is there before it.
        let title = if field.starts_with("\"title\"") {
            ""
        } else {
            "\"title\": \"t\", "
        };
        assert_eq!(skipped(format!("{{\"id\": 1, {title}{field}}}")), got);
    }
    for authors in ["5", "[5]", "[{\"surname\": \"x\"}]", "[null]", "{}"] {
        let why = skipped(format!(
            "{{\"id\": 1, \"title\": \"t\", \"authors\": {authors}}}"
        ));
        assert!(
            why.starts_with("the field \"authors\" should be a list of names"),
            "{why}"
        );
    }
}

#[test]
fn lines_that_are_no_record() {
    let start = "not a JSON object with a paper in it: ";
    for line in [
        "nonsense",
        "[1, 2]",
        "\"text\"",
        "5",
        "null",
        "{\"id\": 1, \"title\": \"t\"",
        "{} {}",
        "{\"id\": \"\\ud800\"}",
        "{\"id\": NaN}",
    ] {
        let why = skipped(line);
        assert!(
            why.starts_with(start) || why.starts_with("no \"id\""),
            "{line}: {why}"
        );
        assert!(!why.contains("line 1"), "{why}: the line is told already");
    }
    assert_eq!(
        skipped("{\"id\": 1, \"title\": \"a\", \"title\": \"b\"}"),
        format!("{start}the field \"title\" is there twice (column 31)")
    );
    assert_eq!(
        skipped(b"{\"id\": 1, \"title\": \"caf\xe9\"}"),
        "invalid UTF-8 at byte 24 of the line"
    );
}

#[test]
fn depth_bombs_are_skipped() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for field in ["other", "title", "authors"] {
            let bomb = format!(
                "{{\"id\": 1, \"{field}\": {}1{}}}",
                open.repeat(10_000),
                close.repeat(10_000)
            );
            assert_eq!(skipped(bomb), "the JSON is nested more than 64 deep");
            assert_eq!(
                skipped(format!("{{\"id\": 1, \"{field}\": {}", open.repeat(10_000))),
                "the JSON is nested more than 64 deep"
            );
        }
    }
    assert_eq!(
        one(&format!(
            "{{\"id\": 1, \"title\": \"{}\"}}",
            "[".repeat(100)
        ))
        .title
        .len(),
        100
    );
}

#[test]
fn a_line_longer_than_the_limit_is_passed_over() {
    let long = (MAX_LINE_BYTES + 1) as u64;
    let input = (&b"{\"id\": 1, \"title\": \"t\"}\n"[..])
        .chain(io::repeat(b'x').take(long))
        .chain(&b"\n{\"id\": 2, \"title\": \"t\"}\n"[..]);
    let items: Vec<_> = open("in", Box::new(BufReader::new(input)), None)
        .expect("lines")
        .map(|i| i.expect("readable"))
        .collect();
    assert_eq!(items.len(), 3);
    let bad = items[1].as_ref().expect_err("too long");
    assert_eq!(
        bad.to_string(),
        format!("in:2: the line has {long} bytes, at most {MAX_LINE_BYTES} are read")
    );
    assert_eq!(items[2].as_ref().expect("a paper").id.as_str(), "2");
}

#[test]
fn papers_written_read_back_whatever_they_hold() {
    let texts = [
        "plain",
        "quotes \" and \\ and / \u{2028}x",
        "深度学习 ünïcödé 🦀",
        "<b>&amp;</b> ${x}",
        "tab\tand\nnewline\u{1}end",
    ];
    for (n, text) in texts.iter().enumerate() {
        let id = PaperId::new(format!("id {n}")).expect("an id");
        let mut paper = Paper::new(id, text, Some(text)).expect("a paper");
        paper.authors = vec![(*text).to_owned()];
        let (mut first, mut second) = (Vec::new(), Vec::new());
        write_jsonl(&mut first, &paper).expect("memory does not fail");
        let back = one(std::str::from_utf8(&first)
            .expect("JSON is UTF-8")
            .trim_end());
        write_jsonl(&mut second, &back).expect("memory does not fail");
        assert_eq!(
            back,
            one(std::str::from_utf8(&second)
                .expect("JSON is UTF-8")
                .trim_end())
        );
        if !text.contains(char::is_control) && !text.contains('\u{2028}') {
            assert_eq!(back, paper);
        }
    }
}
