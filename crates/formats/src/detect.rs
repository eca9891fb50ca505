//! Which format a stream is in, from its first bytes. Not for: reading it.

use crate::FormatError;
use crate::shape::{Shape, shape};
use std::{fmt, str};

/// A format that [`open`](crate::open) reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `hf-papers`: a saved Hugging Face Papers page as text. A paper is a title line and, after it, an abstract line.
    HfPapersText,
    /// `hf-papers-html`: the same page saved as HTML.
    HfPapersHtml,
    /// `jsonl`: one JSON object per line, `id`, `title`, `abstract` and perhaps `authors`, `year`, `date`, `venue`, `url`,
    /// `doi`, `categories`.
    Jsonl,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 3] = [Self::HfPapersText, Self::HfPapersHtml, Self::Jsonl];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HfPapersText => "hf-papers",
            Self::HfPapersHtml => "hf-papers-html",
            Self::Jsonl => "jsonl",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl str::FromStr for Format {
    type Err = FormatError;
    fn from_str(name: &str) -> Result<Self, FormatError> {
        let known = Self::ALL.into_iter().find(|format| format.name() == name);
        known.ok_or_else(|| FormatError::UnknownName(name.to_owned()))
    }
}

/// What the first bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// White space only.
    Blank,
    /// Of this format.
    Is(Format),
    /// JSON, but not one object per line; with the jq filter that makes lines of it.
    JsonNotLines(&'static str, &'static str),
    /// No supported format, but it looks like this.
    Other(&'static str),
}

/// How the files of other formats begin; in lower case.
const OTHER_STARTS: &[(&[u8], &str)] = &[
    (b"%pdf", "a PDF"),
    (b"pk\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip file (unpack it first)"),
    (b"\x28\xb5\x2f\xfd", "a zstd file (unpack it first)"),
    (b"bzh", "a bzip2 file (unpack it first)"),
    (b"\xfd7zxz", "an xz file (unpack it first)"),
    (b"sqlite format 3", "a SQLite database"),
    (b"par1", "a Parquet file"),
    (b"\xff\xfe", "text in UTF-16 (save it as UTF-8)"),
    (b"\xfe\xff", "text in UTF-16 (save it as UTF-8)"),
    (b"ty  - ", "RIS"),
    (b"pmid- ", "a PubMed export"),
    (b"fn ", "a Web of Science export"),
    (b"%0 ", "EndNote"),
];

/// How HTML begins; in lower case.
const HTML_STARTS: &[&str] = &[
    "<!doctype html",
    "<html",
    "<head",
    "<body",
    "<main",
    "<article",
    "<section",
    "<div",
    "<h1",
    "<h2",
    "<h3",
    "<p>",
    "<p ",
    "<ul",
    "<a ",
    "<span",
    "<title",
    "<meta",
    "<link",
    "<script",
    "<style",
    "<nav",
    "<header",
];

/// What `prefix` is the beginning of, or `None` when more bytes are needed to say; `all` says that there are no more.
pub(crate) fn content(prefix: &[u8], all: bool) -> Option<Content> {
    let start = prefix.trim_ascii_start();
    if start.is_empty() {
        return all.then_some(Content::Blank);
    }
    if start.len() < 16 && !all {
        return None;
    }
    let head = start[..start.len().min(16)].to_ascii_lowercase();
    if let Some((_, name)) = OTHER_STARTS
        .iter()
        .find(|(bytes, _)| head.starts_with(bytes))
    {
        return Some(Content::Other(name));
    }
    match start[0] {
        b'{' => json_object(start, all),
        b'[' => json_array(start, all),
        b'<' => html(start, all),
        b'@' => text_unless(start, all, bibtex(start), "BibTeX"),
        _ => text_unless(start, all, table(start), "a CSV table"),
    }
}

/// JSONL, unless the first line is a bare brace: an object printed over several lines.
fn json_object(start: &[u8], all: bool) -> Option<Content> {
    let line = first_line(start);
    if line.trim_ascii() != b"{" {
        return Some(Content::Is(Format::Jsonl));
    }
    if line.len() == start.len() && !all {
        return None;
    }
    Some(Content::JsonNotLines("an object over several lines", "."))
}

/// A list of objects, unless it is other text in square brackets, or a bad record of a JSONL file: one list on a line of
/// its own, with an object after it.
fn json_array(start: &[u8], all: bool) -> Option<Content> {
    match start[1..].trim_ascii_start().first() {
        Some(b'{' | b']') => {}
        None if !all => return None,
        Some(_) | None => return text(start, all),
    }
    let line = first_line(start);
    let rest = start[line.len()..].trim_ascii_start();
    if rest.is_empty() && !all {
        return None;
    }
    if rest.first() == Some(&b'{') && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
    {
        return Some(Content::Is(Format::Jsonl));
    }
    Some(Content::JsonNotLines("a JSON array", ".[]"))
}

fn html(start: &[u8], all: bool) -> Option<Content> {
    let lower = String::from_utf8_lossy(start).to_lowercase();
    let mut text = lower.as_str();
    while let Some(rest) = text.strip_prefix("<!--") {
        match rest.split_once("-->") {
            Some((_, after)) => text = after.trim_start(),
            None => return Some(Content::Is(Format::HfPapersHtml)),
        }
    }
    if HTML_STARTS.iter().any(|tag| text.starts_with(tag)) {
        return Some(Content::Is(Format::HfPapersHtml));
    }
    if text.starts_with("<?xml") {
        if text.contains("<html") {
            return Some(Content::Is(Format::HfPapersHtml));
        }
        return (all || lower.len() > 1024).then_some(Content::Other("XML"));
    }
    self::text(start, all)
}

fn text_unless(start: &[u8], all: bool, is_other: bool, other: &'static str) -> Option<Content> {
    if is_other {
        Some(Content::Other(other))
    } else {
        text(start, all)
    }
}

/// Text is a page as soon as a line has the shape of an abstract.
fn text(start: &[u8], all: bool) -> Option<Content> {
    let controls = start
        .iter()
        .filter(|&&b| b < 0x20 && !b.is_ascii_whitespace())
        .count();
    if start.len() >= 512 || all {
        let wrong = String::from_utf8_lossy(start)
            .chars()
            .filter(|&c| c == '\u{fffd}')
            .count();
        if controls + wrong > start.len() / 20 {
            return Some(Content::Other("binary data"));
        }
    }
    let mut lines = start.split_inclusive(|&b| b == b'\n');
    let is_abstract = |line: &[u8]| {
        let line = crate::clean(&String::from_utf8_lossy(line));
        !line.is_empty() && shape(&line) == Shape::Abstract
    };
    if lines.any(|line| (all || line.ends_with(b"\n")) && is_abstract(line)) {
        return Some(Content::Is(Format::HfPapersText));
    }
    all.then_some(Content::Other(
        "text in which no line is an abstract (25 words or more)",
    ))
}

fn first_line(start: &[u8]) -> &[u8] {
    start.split(|&b| b == b'\n').next().unwrap_or(start)
}

/// `@article{`, `@misc (` and the like.
fn bibtex(start: &[u8]) -> bool {
    let name = start[1..]
        .iter()
        .take_while(|b| b.is_ascii_alphabetic())
        .count();
    name > 0
        && matches!(
            start[1 + name..].trim_ascii_start().first(),
            Some(b'{' | b'(')
        )
}

/// A first line of three or more short cells, a title and an abstract among them.
fn table(start: &[u8]) -> bool {
    let line = String::from_utf8_lossy(first_line(start)).to_lowercase();
    let cells: Vec<_> = line
        .split([',', ';', '\t'])
        .map(|cell| cell.trim().trim_matches('"'))
        .collect();
    cells.len() >= 2
        && ["title", "abstract"]
            .iter()
            .all(|name| cells.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for format in Format::ALL {
            assert_eq!(
                format.to_string().parse::<Format>().expect("its own name"),
                format
            );
        }
        let error = "csv"
            .parse::<Format>()
            .expect_err("no such format")
            .to_string();
        assert_eq!(
            error,
            "unknown format \"csv\": expected hf-papers, hf-papers-html or jsonl"
        );
    }

    #[test]
    fn few_bytes_are_enough_for_json_and_html() {
        let jsonl = Some(Content::Is(Format::Jsonl));
        let html = Some(Content::Is(Format::HfPapersHtml));
        assert_eq!(content(b"", false), None);
        assert_eq!(content(b"\n {\"id\"", false), None);
        assert_eq!(content(b"\n {\"id\": \"x\", \"title\"", false), jsonl);
        assert_eq!(content(b"{\"id\"", true), jsonl);
        assert_eq!(content(b"<!DOCTYPE HTML><html>", false), html);
        assert_eq!(content(b"<!-- saved --> <html>", false), html);
        assert_eq!(content(b"A title of a paper\n", false), None);
    }

    #[test]
    fn other_content_is_named() {
        for (bytes, name) in [
            (&b"%PDF-1.7 and so on, more bytes"[..], "a PDF"),
            (b"@article{key, title = {x}}", "BibTeX"),
            (b"id,title,abstract\n1,A,B\n", "a CSV table"),
            (b"TY  - JOUR\nTI  - x\n", "RIS"),
            (b"<?xml version='1.0'?><feed/>", "XML"),
            (b"\x00\x01\x02\x03\x04\x05\x06\x07\x08", "binary data"),
            (b"\xff\xfea\x00b\x00", "text in UTF-16 (save it as UTF-8)"),
        ] {
            assert_eq!(content(bytes, true), Some(Content::Other(name)));
        }
        assert!(matches!(
            content(b"hello, world\n", true),
            Some(Content::Other(_))
        ));
    }

    #[test]
    fn json_that_is_not_lines() {
        let array = Some(Content::JsonNotLines("a JSON array", ".[]"));
        assert_eq!(content(b"[\n  {\"id\": 1}\n]", true), array);
        assert_eq!(content(b"[{\"id\": 1}, {\"id\": 2}]\n", true), array);
        assert_eq!(content(b"[]", true), array);
        assert_eq!(
            content(b"[{\"id\": 1}]\n{\"id\": 2}\n", true),
            Some(Content::Is(Format::Jsonl))
        );
        assert!(matches!(
            content(b"{\n  \"id\": 1\n}\n", true),
            Some(Content::JsonNotLines(_, "."))
        ));
        assert!(matches!(
            content(b"[Submitted on 3 Mar 2021]\n", true),
            Some(Content::Other(_))
        ));
    }
}
