//! Files that are small and become large, or that say they are.

use super::{Case, add_all};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

pub(crate) fn case(name: &str, bytes: Vec<u8>, good: &[&str]) -> Case {
    Case {
        name: name.to_owned(),
        bytes,
        good: good.iter().map(|title| (*title).to_owned()).collect(),
        bad: None,
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(bytes).expect("memory does not fail");
    packed.finish().expect("memory does not fail")
}

/// A zstd frame (RFC 8878) of blocks that say one byte again and again, with a window of 2 to the power of `window`.
fn zstd_of_blanks(blocks: usize, window: u8) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, (window - 10) << 3];
    for block in 0..blocks {
        let is_last = u32::from(block + 1 == blocks);
        let header = is_last | 1 << 1 | (128 << 10) << 3;
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(b' ');
    }
    frame
}

const LINE: &str = "{\"id\":\"packed\",\"title\":\"A Packed Paper\"}\n";

#[test]
fn packed_files() {
    let big = vec![b' '; 300 << 20];
    let mut broken_sum = gzip(LINE.as_bytes());
    let end = broken_sum.len() - 8;
    broken_sum[end] ^= 1;
    let packed = gzip(LINE.as_bytes());
    let cases = [
        case("gzip, 300 MB of blanks", gzip(&big), &[]),
        case(
            "gzip, a line of 300 MB",
            gzip(&[&b"{\"id\":\""[..], &big].concat()),
            &[],
        ),
        case("gzip in gzip in gzip", gzip(&gzip(&gzip(&big))), &[]),
        case(
            "10,000 empty members before a paper",
            [gzip(b"").repeat(10_000), packed.clone()].concat(),
            &["A Packed Paper"],
        ),
        case("a gzip header alone", vec![0x1f, 0x8b], &[]),
        case(
            "a gzip header of a method that is none",
            vec![0x1f, 0x8b, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0],
            &[],
        ),
        case(
            "a gzip name that does not end",
            [&[0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 0][..], &[b'x'; 1 << 20]].concat(),
            &[],
        ),
        case(
            "a gzip name that leaves the folder",
            [
                &[0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 0][..],
                b"../../x\0",
                &packed[10..],
            ]
            .concat(),
            &["A Packed Paper"],
        ),
        case("gzip with a wrong sum", broken_sum, &["A Packed Paper"]),
        case(
            "gzip with more behind it",
            [&packed[..], b"and more"].concat(),
            &["A Packed Paper"],
        ),
        case(
            "gzip cut in the middle",
            packed[..packed.len() / 2].to_vec(),
            &[],
        ),
        case("zstd, 1 GB of blanks", zstd_of_blanks(8_192, 20), &[]),
        case("zstd, a window of 2 GiB", zstd_of_blanks(1, 31), &[]),
        case("zstd, a window of 2 TiB", zstd_of_blanks(1, 41), &[]),
        case(
            "zstd, the magic number alone",
            vec![0x28, 0xb5, 0x2f, 0xfd],
            &[],
        ),
        case(
            "zstd, 10,000 frames of nothing",
            zstd_of_blanks(1, 10)[..6].repeat(10_000),
            &[],
        ),
        case(
            "zstd of a size that is not so",
            [&[0x28, 0xb5, 0x2f, 0xfd, 0xe0][..], &[0xff; 8], &[1, 0, 0]].concat(),
            &[],
        ),
        case(
            "zstd with a dictionary",
            vec![0x28, 0xb5, 0x2f, 0xfd, 0x23, 1, 0, 0, 0, 4, 1, 0, 0],
            &[],
        ),
        case(
            "zstd, a frame to be passed over",
            [&[0x50, 0x2a, 0x4d, 0x18, 0xff, 0xff, 0xff, 0xff][..], b"x"].concat(),
            &[],
        ),
        case("a good one", LINE.as_bytes().to_vec(), &["A Packed Paper"]),
    ];
    add_all(None, &cases);
    println!("{} packed files", cases.len());
}

#[test]
fn texts_that_grow() {
    let entities: String = (1..30)
        .map(|n| format!("<!ENTITY l{n} '&l{};&l{};'>", n - 1, n - 1))
        .collect();
    let feed = |own: &str, title: &str| {
        format!("<?xml version='1.0'?><!DOCTYPE feed [{own}]><feed><entry><id>1</id><title>{title}</title></entry><entry><id>2</id>\
                 <title>A Good Entry</title></entry></feed>")
        .into_bytes()
    };
    let atoms = [
        case(
            "entities that double 29 times",
            feed(&format!("<!ENTITY l0 'lol'>{entities}"), "T &l29;"),
            &["A Good Entry"],
        ),
        case(
            "an entity of a megabyte, 1,000 times",
            feed(
                &format!("<!ENTITY l '{}'>", "x".repeat(1 << 20)),
                &"&l;".repeat(1_000),
            ),
            &["A Good Entry"],
        ),
        case(
            "an entity that names itself",
            feed("<!ENTITY l '&l;'>", "T &l;"),
            &["A Good Entry"],
        ),
        case(
            "an entity of a file",
            feed("<!ENTITY l SYSTEM 'file:///etc/passwd'>", "T &l;"),
            &["A Good Entry"],
        ),
        case(
            "an entity of parameters",
            feed("<!ENTITY % p SYSTEM 'http://127.0.0.1:1/x'>%p;", "T"),
            &["A Good Entry"],
        ),
    ];
    let strings: String = (1..60)
        .map(|n| format!("@string{{s{n} = s{} # s{}}}\n", n - 1, n - 1))
        .collect();
    let good = "@misc{good, title = {A Good Entry}}\n";
    let large = format!("@string{{l = {{{}}}}}\n", "x".repeat(1 << 19));
    let many: String = (0..20_000)
        .map(|n| format!("@string{{n{n} = {{Journal of {n}}}}}\n"))
        .collect();
    let used: String = (0..5_000)
        .map(|n| format!("@misc{{u{n}, title = {{T {n}}}, journal = n{n}}}\n"))
        .collect();
    let bibs = [
        case(
            "strings that double 59 times",
            format!("@string{{s0 = {{lol}}}}\n{strings}@misc{{x, title = s59}}\n{good}")
                .into_bytes(),
            &["A Good Entry"],
        ),
        case(
            "a string that names itself",
            format!("@string{{s = s # s}}\n@misc{{x, title = s}}\n{good}").into_bytes(),
            &["A Good Entry"],
        ),
        case(
            "strings that name one another",
            format!("@string{{a = b}}\n@string{{b = a}}\n@misc{{x, title = b}}\n{good}")
                .into_bytes(),
            &["A Good Entry"],
        ),
        case(
            "a string of half a megabyte, 1,000 times",
            format!(
                "{large}@misc{{x, title = {}l}}\n{good}",
                "l # ".repeat(1_000)
            )
            .into_bytes(),
            &["A Good Entry"],
        ),
        case(
            "20,000 strings, 5,000 entries",
            format!("{many}{used}{good}").into_bytes(),
            &["A Good Entry", "T 4999"],
        ),
        case(
            "an entry that refers to itself",
            format!("@misc{{x, title = {{T}}, crossref = {{x}}}}\n{good}").into_bytes(),
            &["A Good Entry", "T"],
        ),
        case(
            "entries on one line",
            b"@misc{a, title={One}} @misc{b, title={Two}}@misc{c,\ntitle={Three}}".to_vec(),
            &["One", "Two", "Three"],
        ),
        case(
            "200 MB without an end",
            format!(
                "{good}@misc{{x, title = {{{}",
                "words of a line\n".repeat(200 << 16)
            )
            .into_bytes(),
            &["A Good Entry"],
        ),
        case(
            "100,000 broken entries",
            format!("{}{good}", "@misc{x, title = {\n".repeat(100_000)).into_bytes(),
            &["A Good Entry"],
        ),
    ];
    let word = "w".repeat(1 << 20);
    let places: Vec<String> = (0..100_000).map(|n| n.to_string()).collect();
    let works = |index: &str| {
        format!("{{\"id\":\"W1\",\"title\":\"T\",\"abstract_inverted_index\":{index},\"authorships\":[]}}\n\
                 {{\"id\":\"W2\",\"title\":\"A Good Work\",\"authorships\":[]}}\n").into_bytes()
    };
    let works = [
        case(
            "a word of a megabyte at 100,000 places",
            works(&format!("{{\"{word}\":[{}]}}", places.join(","))),
            &["A Good Work"],
        ),
        case(
            "places far away",
            works("{\"a\":[0,18446744073709551615,9999999999999]}"),
            &["A Good Work", "T"],
        ),
        case(
            "places that are none",
            works("{\"a\":[-1,1.5,\"x\",null,[]]}"),
            &["A Good Work"],
        ),
        case(
            "an index that is none",
            works("[[\"a\",0]]"),
            &["A Good Work", "T"],
        ),
    ];
    let mut ris = "TY  - JOUR\nTI  - A Good Entry\nER  - \nTY  - JOUR\nTI  - Endless\n".to_owned();
    ris.push_str(&"N1  - words of a line of a record that has no end\n".repeat(3_000_000));
    let records = [case(
        "a record of 150 MB",
        ris.into_bytes(),
        &["A Good Entry"],
    )];
    let page = |tag: &str| {
        format!(
            "<html><body><h3>A Title of a Paper</h3>{tag}{}",
            "x > y\n".repeat(20 << 20)
        )
        .into_bytes()
    };
    let pages = [
        case("a comment of 120 MB", page("<!-- "), &[]),
        case("an attribute of 120 MB", page("<p x=\""), &[]),
        case("a section of 120 MB", page("<script>"), &[]),
    ];
    let mut files = 0;
    for (format, cases) in [
        ("arxiv-atom", &atoms[..]),
        ("bibtex", &bibs[..]),
        ("openalex", &works[..]),
        ("ris", &records[..]),
        ("hf-papers-html", &pages[..]),
    ] {
        add_all(Some(format), cases);
        files += cases.len();
    }
    println!("{files} texts that grow");
}

#[test]
fn millions_of_records_that_are_none() {
    let whole = "{\"id\":\"good\",\"title\":\"A Good Paper\"}\n";
    let same: String = (0..200_000)
        .map(|n| format!("{{\"id\":\"same\",\"type\":\"book\",\"title\":\"T {n}\"}}\n"))
        .collect();
    let good = ["A Good Paper"];
    let cases = [
        (
            "jsonl",
            case(
                "five million lines",
                ["x\n".repeat(5_000_000), whole.to_owned()].concat().into(),
                &good,
            ),
        ),
        (
            "csv",
            case(
                "five million rows",
                [
                    "title,abstract\n",
                    &"x\n".repeat(5_000_000),
                    "A Good Paper,A\n",
                ]
                .concat()
                .into(),
                &good,
            ),
        ),
        (
            "csl-json",
            case(
                "200,000 records of one id",
                [whole, &same].concat().into(),
                &["A Good Paper", "T 199999"],
            ),
        ),
    ];
    for (format, case) in cases {
        add_all(Some(format), &[case]);
    }
    println!("3 files of very many records");
}

#[test]
fn tables_that_are_wide() {
    let wide = |columns: usize, row: &str| {
        format!("title,abstract{}\n{row}", ",x".repeat(columns)).into_bytes()
    };
    let full = format!("A Good Row,A{}\n", ",".repeat(1_000_000));
    let cases = [
        case("1,000,002 columns", wide(1_000_000, &full), &["A Good Row"]),
        case(
            "1,000,002 columns and rows of one cell",
            wide(1_000_000, &"x\n".repeat(1_000)),
            &[],
        ),
        case("10,000,002 columns", wide(10_000_000, "T\n"), &[]),
        case(
            "a row of 60 million cells",
            format!("title,abstract\nA Good Row,A\n{}\n", ",".repeat(60_000_000)).into_bytes(),
            &["A Good Row"],
        ),
        case(
            "a quotation mark that does not close",
            format!(
                "title,abstract\nA Good Row,A\n\"{}\n",
                "x,y\n".repeat(20 << 20)
            )
            .into_bytes(),
            &["A Good Row"],
        ),
        case(
            "a heading of 20 MB",
            format!("title,{}\nA Good Row,A\n", "x".repeat(20_000_000)).into_bytes(),
            &["A Good Row"],
        ),
        case(
            "every heading a title",
            format!(
                "{}abstract\n{}A\n",
                "title,".repeat(100_000),
                "A Good Row,".repeat(100_000)
            )
            .into_bytes(),
            &["A Good Row"],
        ),
    ];
    add_all(Some("csv"), &cases);
    println!("{} wide tables", cases.len());
}
