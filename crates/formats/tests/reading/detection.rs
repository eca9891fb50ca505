//! Which format a stream is taken for, and what cannot be read at all.

use crate::{PAGE, page_html::cards, read, read_as, refused};
use std::io::{self, BufReader, Read};
use syntopic_formats::{Format, FormatError, open};

#[test]
fn nothing_is_an_error_that_names_the_file() {
    for blank in [&b""[..], b"\n \r\n\t\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"] {
        for format in [
            None,
            Some(Format::Jsonl),
            Some(Format::HfPapersText),
            Some(Format::HfPapersHtml),
        ] {
            let error = read_as(blank, format).expect_err("empty");
            assert!(matches!(error, FormatError::Empty { .. }), "{error}");
            assert!(
                error
                    .to_string()
                    .starts_with("in: the file is empty: expected jsonl ("),
                "{error}"
            );
        }
    }
    let blank = vec![b'\n'; 100_000];
    assert!(matches!(
        read_as(&blank, Some(Format::Jsonl)),
        Err(FormatError::Empty { .. })
    ));
    assert!(matches!(
        read_as(&blank, Some(Format::HfPapersText)),
        Err(FormatError::Empty { .. })
    ));
}

#[test]
fn a_json_array_is_read_as_its_objects() {
    for format in [None, Some(Format::Jsonl)] {
        let one = read_as(b"[{\"id\": \"a\", \"title\": \"t\"}]", format).expect("papers");
        assert_eq!((one.format, one.papers.len()), (Format::Json, 1));
        let marked = "\u{feff}[\r\n  {\r\n \"id\": 1, \"title\": \"t\"}, {\"id\": 2}]";
        let two = read_as(marked.as_bytes(), format).expect("papers");
        assert_eq!(two.titles(), ["t"]);
        assert_eq!(
            two.messages(),
            ["in:3: paper 2 has neither a title nor an abstract"]
        );
    }
    let long = format!(
        "[{}]",
        (0..5000)
            .map(|id| format!("{{\"id\": {id}, \"abstract\": \"Words, and a sentence. \"}}"))
            .collect::<Vec<_>>()
            .join(", ")
    );
    assert_eq!(read(&long).papers.len(), 5000);
    assert_eq!(
        read("{\n  \"id\": 1,\n \"title\": \"t\"}\n").titles(),
        ["t"]
    );
    let bad_first = read("[{\"id\": 1}]\n{\"id\": 2, \"title\": \"t\"}\n");
    assert_eq!(
        (bad_first.papers.len(), bad_first.skipped.len()),
        (1, 1),
        "one bad record does not spoil the file"
    );
}

#[test]
fn unknown_content_says_what_is_supported() {
    let message = refused(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", None);
    assert!(
        message
            .starts_with("in: this looks like a PDF, which is not supported. Supported: jsonl ("),
        "{message}"
    );
    assert!(message.ends_with("name it: --format NAME"), "{message}");
    for other in [&b"hello\n"[..], &[0u8; 4096], &[0xffu8; 4096]] {
        assert!(matches!(
            read_as(other, None),
            Err(FormatError::Unknown { .. })
        ));
    }
}

/// A stream that gives a little at a time, and counts.
struct Drip<'a>(&'a [u8], usize);

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 += 1;
        if self.1.is_multiple_of(3) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let length = buffer.len().min(self.0.len()).min(7);
        buffer[..length].copy_from_slice(&self.0[..length]);
        self.0 = &self.0[length..];
        Ok(length)
    }
}

#[test]
fn a_slow_stream_gives_what_a_file_gives() {
    let plain = read(PAGE);
    let html = cards(&plain.papers);
    let lines = include_str!("../../../../data/hf-papers.jsonl");
    for (text, format) in [
        (PAGE, Format::HfPapersText),
        (html.as_str(), Format::HfPapersHtml),
        (lines, Format::Jsonl),
    ] {
        let input = BufReader::new(Drip(text.as_bytes(), 0));
        let mut papers = open("in", Box::new(input), None).expect("a known format");
        let all: Vec<_> = papers
            .by_ref()
            .map(|paper| paper.expect("readable").expect("a paper"))
            .collect();
        assert_eq!(
            (papers.format(), papers.chrome_lines()),
            (format, read(text).chrome)
        );
        assert_eq!(all, read(text).papers);
    }
}

/// A stream that fails after its bytes.
struct Broken<'a>(&'a [u8]);

impl Read for Broken<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("the cable was pulled")),
            length => Ok(length),
        }
    }
}

#[test]
fn a_failing_stream_names_itself_and_stops() {
    let broken = |bytes| BufReader::new(Broken(bytes));
    let at_once = open("in", Box::new(broken(b"")), None)
        .err()
        .expect("no first byte");
    assert_eq!(
        at_once.to_string(),
        "in: cannot be read: the cable was pulled"
    );
    let mut later = open(
        "in",
        Box::new(broken(b"{\"id\": 1, \"title\": \"t\"}\n")),
        None,
    )
    .expect("one line");
    assert!(matches!(later.next(), Some(Ok(Ok(_)))));
    assert!(matches!(later.next(), Some(Err(FormatError::Read { .. }))));
    assert!(later.next().is_none());
}

#[cfg(unix)]
#[test]
fn a_directory_is_an_error_that_names_it() {
    let folder =
        std::fs::File::open(env!("CARGO_MANIFEST_DIR")).expect("a directory can be opened");
    let error = open("folder", Box::new(BufReader::new(folder)), None)
        .err()
        .expect("but not read")
        .to_string();
    assert!(error.starts_with("folder: cannot be read: "), "{error}");
}
