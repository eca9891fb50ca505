//! A hostile record between two good ones, in every format.

use super::shapes::{FORMATS, Fields, In};
use super::{Case, add_all};

/// What is changed of a record, and whether it can be no paper after that.
type Change = (&'static str, bool, fn(&mut Fields));

/// All changes of a record in a format that is written so.
fn changes(written: In) -> Vec<Change> {
    let mut all: Vec<Change> = Vec::new();
    let mut add = |name, bad, change: fn(&mut Fields)| all.push((name, bad, change));
    add("bytes that are no UTF-8", false, |r| {
        r.title.extend_from_slice(b" \xff\xfe \xc3 \xed\xa0\x80");
    });
    add("NUL bytes", false, |r| {
        r.title.splice(3..3, *b"\0\0").for_each(drop)
    });
    add("an abstract of 10 MB", false, |r| {
        r.text = b"word ".repeat(2_000_000)
    });
    add("no word of 10 MB", false, |r| {
        r.text = vec![b'x'; 10_000_000]
    });
    add("an id that leaves the folder", false, |r| {
        r.id = b"../../../etc/passwd".to_vec();
    });
    add("an id of a megabyte", written != In::Page, |r| {
        r.id = vec![b'i'; 1 << 20]
    });
    add("a year of twenty digits", false, |r| {
        r.year = vec![b'9'; 20]
    });
    add("a negative year", false, |r| r.year = b"-2019".to_vec());
    add("100,000 accents on a letter", false, |r| {
        r.title.extend("\u{301}".repeat(100_000).bytes());
    });
    add("directions and letters without width", false, |r| {
        r.title
            .extend("\u{202e}\u{200b}\u{2066}\u{feff}\u{fffe}\u{10ffff}".bytes());
    });
    add("neither title nor abstract", written != In::Page, |r| {
        r.title.clear();
        r.text.clear();
    });
    match written {
        In::Json => of_json(&mut add),
        In::Xml => of_xml(&mut add),
        In::Bib => of_bibtex(&mut add),
        In::Tagged => of_tagged(&mut add),
        In::Table => of_table(&mut add),
        In::Page => of_pages(&mut add),
    }
    all
}

type Add<'a> = &'a mut dyn FnMut(&'static str, bool, fn(&mut Fields));

fn of_json(add: Add<'_>) {
    add("lists 10,000 deep", true, |r| {
        r.more = [&b",\"x\":"[..], &b"[".repeat(10_000), &b"]".repeat(10_000)].concat();
    });
    add("objects 10,000 deep", true, |r| {
        let (open, close) = (b"{\"a\":".repeat(10_000), b"}".repeat(10_000));
        r.more = [&b",\"x\":"[..], &open, b"0", &close].concat();
    });
    add("three million values", true, |r| {
        r.more = [&b",\"authors\":["[..], &b"0,".repeat(3_000_000), b"0]"].concat();
    });
    add("100,000 authors", false, |r| {
        let one = b"{\"name\":\"A B\"},".repeat(100_000);
        r.more = [&b",\"contributors\":["[..], &one, b"{}]"].concat();
    });
    add("half of a surrogate pair", true, |r| {
        r.title.extend(b" \\ud800 x")
    });
    add("an escape that is none", true, |r| r.title.extend(b" \\q"));
    add("a number too large", false, |r| {
        r.more = b",\"x\":1e999".to_vec()
    });
    add("a word that is no JSON", true, |r| {
        r.more = b",\"x\":undefined".to_vec()
    });
    add("a comma too many", true, |r| r.more = b",".to_vec());
    add("a member without a value", true, |r| {
        r.more = b",\"x\"".to_vec()
    });
}

fn of_xml(add: Add<'_>) {
    add("elements 10,000 deep", true, |r| {
        r.more = [b"<x>".repeat(10_000), b"</x>".repeat(10_000)].concat();
    });
    add("two million elements", true, |r| {
        r.more = b"<x/>".repeat(2_000_000)
    });
    add("entities that no standard has", false, |r| {
        r.title.extend(b" &lol9;&xxe;")
    });
    add("references to no character", false, |r| {
        r.title.extend(b" &#0;&#xD800;&#x110000;&#99999999999999;");
    });
    add("an element that does not end", true, |r| {
        r.more = b"<x>".to_vec()
    });
    add("an element that does not begin", true, |r| {
        r.more = b"</x>".to_vec()
    });
    add("elements that cross", true, |r| {
        r.more = b"<x><y></x></y>".to_vec()
    });
    add("an attribute without quotation marks", false, |r| {
        r.more = b"<x y=z/>".to_vec()
    });
    add("100,000 attributes", false, |r| {
        let many: Vec<String> = (0..100_000).map(|n| format!(" a{n}='x'")).collect();
        r.more = format!("<x{}/>", many.concat()).into_bytes();
    });
    add("a section with tags in it", false, |r| {
        r.title
            .extend(b" <![CDATA[</entry></record></paper><entry>]]>");
    });
    add("100,000 comments", false, |r| {
        r.more = b"<!-- > -- <x> -->".repeat(100_000)
    });
    add("a document type within", false, |r| {
        r.more = b"<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>".to_vec();
    });
}

fn of_bibtex(add: Add<'_>) {
    add("braces 10,000 deep", true, |r| {
        r.title = [b"{".repeat(10_000), b"}".repeat(10_000)].concat();
    });
    add("commands 60 deep", false, |r| {
        r.title = [&b"\\emph{".repeat(60)[..], b"x", &b"}".repeat(60)].concat();
    });
    add("a brace that does not close", true, |r| {
        r.title.extend(b" {")
    });
    add("a brace too many", true, |r| r.title.extend(b" } x"));
    add("a quotation mark that does not close", true, |r| {
        r.more = b",\n  note = \"x".to_vec();
    });
    add("a formula that does not end", true, |r| {
        r.title.extend(b" $x")
    });
    add("a backslash at the end", true, |r| r.title.push(b'\\'));
    add("commands that nobody knows", false, |r| {
        r.title.extend(b" \\x\\\\'\\\"\\^{}\\u{}\\c")
    });
    add("a field without a value", true, |r| {
        r.more = b",\n  note =".to_vec()
    });
    add("a field without a name", true, |r| {
        r.more = b",\n  = {x}".to_vec()
    });
    add("fields without a comma", true, |r| {
        r.more = b"\n  note = {x}".to_vec()
    });
    add("a field there twice", false, |r| {
        r.more = b",\n  title = {Other}".to_vec()
    });
    add("a string that nobody defined", true, |r| {
        r.more = b",\n  journal = nowhere".to_vec()
    });
    add("an entry that refers to itself", false, |r| {
        r.id = b"self".to_vec();
        r.more = b",\n  crossref = {self},\n  xdata = {self},\n  ids = {other}".to_vec();
    });
    add("an entry that refers to its other name", false, |r| {
        r.more = b",\n  ids = {other},\n  crossref = {other}".to_vec();
    });
    add("a key with blanks", true, |r| r.id = b"a b c".to_vec());
    add("no key", false, |r| r.id.clear());
    add("a date that is none", false, |r| {
        r.more = b",\n  date = {2019-99-99/..}".to_vec()
    });
    add("a month that is none", false, |r| {
        r.more = b",\n  month = smarch".to_vec()
    });
    add("100,000 authors", false, |r| {
        let many = "Bee, Anna and ".repeat(100_000);
        r.more = format!(",\n  author = {{{many}Dee, Carl}}").into_bytes();
    });
    add("names that are none", false, |r| {
        r.more =
            b",\n  author = {, , , and and {} and {{}} and a, b, c, d and \\~ and von}".to_vec();
    });
    add("hash signs", true, |r| {
        r.more = b",\n  journal = {x} # # {y} #".to_vec()
    });
    add("10,000 fields", false, |r| {
        let many: Vec<String> = (0..10_000).map(|n| format!(",\n  f{n} = {{x}}")).collect();
        r.more = many.concat().into_bytes();
    });
    add("100,000 hyphens", false, |r| {
        r.title.extend(vec![b'-'; 100_000])
    });
}

fn of_tagged(add: Add<'_>) {
    add("half a million authors", false, |r| {
        r.more = b"\nAU  - A, B".repeat(500_000)
    });
    add("two million fields", true, |r| {
        r.more = b"\nKW  - x".repeat(2_000_000)
    });
    add("half a million lines without a tag", false, |r| {
        r.more = b"\n      x".repeat(500_000)
    });
    add("tags that are none", false, |r| {
        r.more = b"\nti  - x\n??  - x\nTITLE  - x\n  - x\nT\xff  - x\n-".to_vec();
    });
    add("dates that are none", false, |r| {
        r.more = b"\nDA  - ////\nY1  - 99/99/99".to_vec()
    });
    add("line ends of three kinds", false, |r| {
        r.more = b"\r\nKW  - x\rKW  - y\n\rKW  - z".to_vec()
    });
}

fn of_table(add: Add<'_>) {
    add("a million cells in one row", true, |r| {
        r.more = b",".repeat(1_000_000)
    });
    add("a cell too many", true, |r| r.more = b",x".to_vec());
    add("quotation marks within", false, |r| {
        r.title = b"x\" y \"\"z".to_vec()
    });
    add("a million lines in a cell", false, |r| {
        r.title.extend(b"\n".repeat(1_000_000))
    });
    add("a formula of a spreadsheet", false, |r| {
        r.title = b"=cmd|' /C calc'!A0".to_vec()
    });
    add("a row of one cell", true, |r| r.more = b"\nx".to_vec());
}

fn of_pages(add: Add<'_>) {
    add("tags 10,000 deep", false, |r| {
        r.more = [b"<div>".repeat(10_000), b"</div>".repeat(10_000)].concat();
    });
    add("100,000 entities", false, |r| {
        r.more = b"&amp;&nosuch;&#0;".repeat(100_000)
    });
    add("100,000 short lines", false, |r| {
        r.more = b"\nA Line of its Own\n".repeat(100_000)
    });
    add("tags that cross", false, |r| {
        r.more = b"<b><i></b></i></p></article></html>".to_vec()
    });
}

#[test]
fn between_good_records_of_every_format() {
    let mut cases_of_all = 0;
    for format in FORMATS {
        let changes = changes(format.written);
        let cases: Vec<Case> = (changes.iter().enumerate())
            .map(|(number, (name, bad, change))| {
                let mut fields = Fields::new("hostile", "A Hostile Paper");
                change(&mut fields);
                format.case(number, name, &format.record(&fields), *bad)
            })
            .collect();
        let became = add_all(Some(format.name), &cases);
        for (case, became) in cases.iter().zip(became) {
            let records = became.papers + became.skipped.len() as u64;
            let what = format!("{}, {}", format.name, case.name);
            // A page has lines, and what of them is a paper is a matter of their shape.
            let is_page = format.written == In::Page;
            assert!(is_page || records >= 3, "{what}: {records} records of 3");
            assert_eq!(became.error, None, "{what}");
        }
        cases_of_all += cases.len();
    }
    println!("{cases_of_all} hostile records");
    assert!(cases_of_all >= 250, "{cases_of_all}");
}

/// What takes the records after it with it, or is the last one.
#[test]
fn behind_the_last_good_record_of_every_format() {
    let mut files = 0;
    for format in FORMATS {
        let whole = format.record(&Fields::new("hostile", "A Hostile Paper"));
        let ends: [(&str, Vec<u8>); 4] = [
            ("cut in the middle", whole[..whole.len() / 2].to_vec()),
            ("cut after a byte", whole[..1].to_vec()),
            ("binary data", (0..=255).cycle().take(100_000).collect()),
            ("a line of 70 MB", vec![b'x'; 70_000_000]),
        ];
        let cases: Vec<Case> = (ends.into_iter().enumerate())
            .map(|(number, (name, end))| {
                let title = format!(
                    "A Last Good Paper {number} of {}",
                    format.name.replace('-', " ")
                );
                let good = format.record(&Fields::new(&format!("last-{number}"), &title));
                let parts = [
                    format.before.as_bytes(),
                    &good,
                    format.between.as_bytes(),
                    &end,
                ];
                Case {
                    name: name.to_owned(),
                    bytes: parts.concat(),
                    good: vec![title],
                    bad: None,
                }
            })
            .collect();
        add_all(Some(format.name), &cases);
        files += cases.len();
    }
    println!("{files} hostile ends of files");
}
