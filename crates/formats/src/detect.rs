//! Which format a stream is in, from its first bytes. Not for: reading it.

use crate::shape::{Shape, shape};
use crate::{FormatError, json, table};
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
    /// `json`: the same objects in a list, or over several lines.
    Json,
    /// `csv`: a table with headings, its cells between commas, semicolons or tabs.
    Table,
    /// `parquet`: a table in Apache Parquet, its columns named as a table's are.
    Parquet,
    /// `bibtex`: BibTeX and BibLaTeX.
    Bibtex,
    /// `ris`: RIS.
    Ris,
    /// `wos`: an export of Web of Science as tagged text.
    WebOfScience,
    /// `medline`: an export of PubMed as tagged text (`.nbib`).
    Medline,
    /// `pubmed-xml`: articles of PubMed as XML.
    PubmedXml,
    /// `arxiv-atom`: an answer of arXiv's search interface.
    ArxivAtom,
    /// `oai`: an answer of an OAI server, arXiv's say, with the metadata `arXiv`, `arXivRaw` or `oai_dc`.
    Oai,
    /// `acl-xml`: a file of the ACL Anthology.
    AclXml,
    /// `arxiv-json`: arXiv's metadata snapshot.
    ArxivJson,
    /// `openalex`: works of OpenAlex as JSON.
    OpenAlex,
    /// `semantic-scholar`: papers of Semantic Scholar as JSON.
    SemanticScholar,
    /// `csl-json`: items of the Citation Style Language as JSON, as Zotero exports them.
    CslJson,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 18] = [
        Self::HfPapersText,
        Self::HfPapersHtml,
        Self::Jsonl,
        Self::Json,
        Self::Table,
        Self::Parquet,
        Self::Bibtex,
        Self::Ris,
        Self::WebOfScience,
        Self::Medline,
        Self::PubmedXml,
        Self::ArxivAtom,
        Self::Oai,
        Self::AclXml,
        Self::ArxivJson,
        Self::OpenAlex,
        Self::SemanticScholar,
        Self::CslJson,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HfPapersText => "hf-papers",
            Self::HfPapersHtml => "hf-papers-html",
            Self::Jsonl => "jsonl",
            Self::Json => "json",
            Self::Table => "csv",
            Self::Parquet => "parquet",
            Self::Bibtex => "bibtex",
            Self::Ris => "ris",
            Self::WebOfScience => "wos",
            Self::Medline => "medline",
            Self::PubmedXml => "pubmed-xml",
            Self::ArxivAtom => "arxiv-atom",
            Self::Oai => "oai",
            Self::AclXml => "acl-xml",
            Self::ArxivJson => "arxiv-json",
            Self::OpenAlex => "openalex",
            Self::SemanticScholar => "semantic-scholar",
            Self::CslJson => "csl-json",
        }
    }

    /// The names of all, for messages.
    pub(crate) fn names() -> String {
        let names: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
        names.join(", ")
    }

    /// Whether its files may be in any encoding. JSON is in UTF-8, and so are saved pages.
    pub(crate) fn is_of_any_encoding(self) -> bool {
        match self {
            Self::Table
            | Self::Bibtex
            | Self::Ris
            | Self::WebOfScience
            | Self::Medline
            | Self::PubmedXml
            | Self::ArxivAtom
            | Self::Oai
            | Self::AclXml => true,
            Self::HfPapersText
            | Self::HfPapersHtml
            | Self::Parquet
            | Self::Jsonl
            | Self::Json
            | Self::ArxivJson
            | Self::OpenAlex
            | Self::SemanticScholar
            | Self::CslJson => false,
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
    /// No supported format, but it looks like this.
    Other(&'static str),
}

/// How the files of other formats begin; in lower case.
const OTHER_STARTS: &[(&[u8], &str)] = &[
    (b"%pdf", "a PDF"),
    (b"pk\x03\x04", "a zip archive"),
    (b"bzh", "a bzip2 file (unpack it first)"),
    (b"\xfd7zxz", "an xz file (unpack it first)"),
    (b"sqlite format 3", "a SQLite database"),
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
    if start.starts_with(b"PAR1") {
        return Some(Content::Is(Format::Parquet));
    }
    match start[0] {
        b'{' => json_object(start, all),
        b'[' => json_array(start, all),
        b'<' => markup(start, all),
        _ => match tagged(start) {
            Some(format) => Some(Content::Is(format)),
            None if heading(start, all)? => Some(Content::Is(Format::Table)),
            None => text(start, all),
        },
    }
}

/// Objects, one a line or not, of whoever the first one's members say; decided when its first line has been seen.
fn json_object(start: &[u8], all: bool) -> Option<Content> {
    let line = first_line(start);
    if !all && (line.len() == start.len() || !is_seen(start)) {
        return None;
    }
    let kind = json_kind(start, 1);
    Some(Content::Is(match (kind, is_lines(start)) {
        (json::Kind::Own, true) => Format::Jsonl,
        (kind, _) => of_json(kind),
    }))
}

/// Whether the first line is an object, or too long to see its end.
pub(crate) fn is_lines(start: &[u8]) -> bool {
    let start = start.trim_ascii_start();
    let line = first_line(start);
    start.starts_with(b"{")
        && line.trim_ascii() != b"{"
        && (line.len() == start.len() || !begins_only(line))
}

/// Whether a line is the beginning of a JSON value and no more, as that of a value over several lines is.
fn begins_only(line: &[u8]) -> bool {
    let parsed = serde_json::from_slice::<serde::de::IgnoredAny>(line);
    parsed.is_err_and(|error| error.is_eof())
}

fn of_json(kind: json::Kind) -> Format {
    match kind {
        json::Kind::Own => Format::Json,
        json::Kind::Arxiv => Format::ArxivJson,
        json::Kind::OpenAlex => Format::OpenAlex,
        json::Kind::SemanticScholar => Format::SemanticScholar,
        json::Kind::Csl => Format::CslJson,
    }
}

/// Whose objects they are, of which the first has its members at this depth, or those in it have, when it is an answer with
/// records in it.
fn json_kind(start: &[u8], depth: usize) -> json::Kind {
    let keys = json::keys(start);
    // An answer holds a list, and that records or what holds them.
    for depth in [depth, depth + 2, depth + 3] {
        let has = |name: &str| keys.iter().any(|(at, key)| *at == depth && key == name);
        if has("paperId") || has("corpusid") {
            return json::Kind::SemanticScholar;
        }
        if has("abstract_inverted_index") || has("authorships") {
            return json::Kind::OpenAlex;
        }
        if has("authors_parsed") {
            return json::Kind::Arxiv;
        }
        if has("issued") || has("container-title") || has("citation-key") {
            return json::Kind::Csl;
        }
        if has("type") && has("title") && !has("authors") {
            return json::Kind::Csl;
        }
        if has("title") || has("abstract") {
            return json::Kind::Own;
        }
    }
    json::Kind::Own
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
    if !all && !is_seen(start[1..].trim_ascii_start()) {
        return None;
    }
    Some(Content::Is(of_json(json_kind(start, 2))))
}

/// Whether enough of the first value is there to know it by its members.
fn is_seen(start: &[u8]) -> bool {
    const ENOUGH: usize = 16 << 10;
    let mut values =
        serde_json::Deserializer::from_slice(start).into_iter::<serde::de::IgnoredAny>();
    let cut = values
        .next()
        .is_none_or(|value| value.is_err_and(|error| error.is_eof()));
    start.len() >= ENOUGH || !cut
}

/// XML by its outermost element, else HTML.
fn markup(start: &[u8], all: bool) -> Option<Content> {
    let lower = String::from_utf8_lossy(start).to_lowercase();
    let mut text = lower.as_str();
    let mut is_xml = false;
    loop {
        let ends = [("<!--", "-->"), ("<?", "?>")];
        let skipped = ends.iter().find(|(begin, _)| text.starts_with(begin));
        let Some((begin, end)) = skipped else { break };
        is_xml |= *begin == "<?";
        match text.split_once(end) {
            Some((_, after)) => text = after.trim_start(),
            // A saved page may begin with a very long comment.
            None if *begin == "<!--" && !is_xml => return Some(Content::Is(Format::HfPapersHtml)),
            None => return (all || lower.len() > 1024).then_some(Content::Other("XML")),
        }
    }
    if HTML_STARTS.iter().any(|tag| text.starts_with(tag)) {
        return Some(Content::Is(Format::HfPapersHtml));
    }
    if text.starts_with("<!doctype pubmed") {
        return Some(Content::Is(Format::PubmedXml));
    }
    if let Some(declared) = text.strip_prefix("<!doctype") {
        let own = declared
            .find('[')
            .filter(|at| !declared[..*at].contains('>'));
        let end = match own {
            Some(_) => declared.find("]>").map(|at| at + 2),
            None => declared.find('>').map(|at| at + 1),
        };
        match end {
            Some(end) => text = declared[end..].trim_start(),
            None => return (all || lower.len() > 4096).then_some(Content::Other("XML")),
        }
    }
    let name = text.strip_prefix('<').unwrap_or_default();
    let end = name.find(|c: char| c.is_whitespace() || c == '>' || c == '/');
    let Some(end) = end else {
        return all.then_some(Content::Other("XML"));
    };
    let name = name[..end].rsplit(':').next().unwrap_or_default();
    match name {
        "feed" | "entry" => Some(Content::Is(Format::ArxivAtom)),
        "oai-pmh" | "listrecords" | "record" => Some(Content::Is(Format::Oai)),
        "pubmedarticleset" | "pubmedarticle" | "pubmedbookarticleset" | "pubmedbookarticle" => {
            Some(Content::Is(Format::PubmedXml))
        }
        "collection" | "volume" => Some(Content::Is(Format::AclXml)),
        _ if is_xml && text.contains("<html") => Some(Content::Is(Format::HfPapersHtml)),
        _ if is_xml => (all || lower.len() > 1024).then_some(Content::Other("XML")),
        _ => self::text(start, all),
    }
}

/// RIS, Web of Science, MEDLINE or BibTeX, by the first lines that say anything.
fn tagged(start: &[u8]) -> Option<Format> {
    const LINES: usize = 6;
    let lines = start.split(|&b| b == b'\n').map(<[u8]>::trim_ascii_start);
    let mut lines = lines.filter(|line| !line.is_empty());
    let first = lines.clone().next()?;
    if first.starts_with(b"%") || bibtex(first) {
        return lines.any(bibtex).then_some(Format::Bibtex);
    }
    lines.take(LINES).find_map(|line| {
        if line.starts_with(b"TY  -") {
            Some(Format::Ris)
        } else if line.starts_with(b"FN ") || line == b"PT J" || line.starts_with(b"PT J\r") {
            Some(Format::WebOfScience)
        } else if line.starts_with(b"PMID- ") {
            Some(Format::Medline)
        } else {
            None
        }
    })
}

/// Whether the first line has the headings of a table of papers; `None` while it has not ended.
fn heading(start: &[u8], all: bool) -> Option<bool> {
    let line = first_line(start);
    // No line of a page is so long before the first abstract.
    if line.len() == start.len() && !all && line.len() < 4096 {
        return None;
    }
    Some(table::is_heading(&String::from_utf8_lossy(line)))
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
fn bibtex(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"@") else {
        return false;
    };
    let name = rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    name > 0 && matches!(rest[name..].trim_ascii_start().first(), Some(b'{' | b'('))
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
        let error = "doc".parse::<Format>().expect_err("no such format");
        let expected = "unknown format \"doc\": expected one of hf-papers, hf-papers-html, jsonl, json, csv, parquet, bibtex, ris";
        assert!(error.to_string().starts_with(expected), "{error}");
    }

    #[test]
    fn few_bytes_are_enough_for_json_and_html() {
        let jsonl = Some(Content::Is(Format::Jsonl));
        let html = Some(Content::Is(Format::HfPapersHtml));
        assert_eq!(content(b"", false), None);
        assert_eq!(content(b"\n {\"id\"", false), None);
        assert_eq!(content(b"\n {\"id\": \"x\", \"title\"", false), None);
        assert_eq!(
            content(b"\n {\"id\": \"x\", \"title\": \"t\"}\n", false),
            jsonl
        );
        assert_eq!(content(b"{\"id\"", true), jsonl);
        assert_eq!(content(b"<!DOCTYPE HTML><html>", false), html);
        assert_eq!(content(b"<!-- saved --> <html>", false), html);
        assert_eq!(content(b"A title of a paper\n", false), None);
    }

    #[test]
    fn other_content_is_named() {
        for (bytes, name) in [
            (&b"%PDF-1.7 and so on, more bytes"[..], "a PDF"),
            (b"<?xml version='1.0'?><rss/>", "XML"),
            (b"\x00\x01\x02\x03\x04\x05\x06\x07\x08", "binary data"),
        ] {
            assert_eq!(content(bytes, true), Some(Content::Other(name)));
        }
        assert!(matches!(
            content(b"hello, world\n", true),
            Some(Content::Other(_))
        ));
    }

    #[test]
    fn formats_are_known_by_their_beginnings() {
        for (bytes, format) in [
            (&b"@article{key, title = {x}}"[..], Format::Bibtex),
            (
                b"% Encoding: UTF-8\n\n@misc (key, title = {x})\n",
                Format::Bibtex,
            ),
            (b"id,title,abstract\n1,A,B\n", Format::Table),
            (b"\"Article Title\"\t\"DOI\"\n", Format::Table),
            (b"TY  - JOUR\nTI  - x\n", Format::Ris),
            (b"\n1.\nTY  - JOUR\nTI  - x\n", Format::Ris),
            (
                b"FN Clarivate Analytics\nVR 1.0\nPT J\n",
                Format::WebOfScience,
            ),
            (b"PT J\r\nAU Bee, A\r\n", Format::WebOfScience),
            (b"\nPMID- 123\nOWN - NLM\n", Format::Medline),
            (b"<?xml version='1.0'?><feed/>", Format::ArxivAtom),
            (b"<?xml version='1.0'?>\n<OAI-PMH xmlns='x'>", Format::Oai),
            (
                b"<?xml version='1.0'?><!DOCTYPE PubmedArticleSet PUBLIC 'x'>",
                Format::PubmedXml,
            ),
            (
                b"<?xml version='1.0'?><!-- a --><collection id='2021.eacl'>",
                Format::AclXml,
            ),
            (
                b"{\"id\": \"1\", \"title\": \"x\", \"authors_parsed\": []}\n",
                Format::ArxivJson,
            ),
            (
                b"{\"paperId\": \"1\", \"title\": \"x\"}\n",
                Format::SemanticScholar,
            ),
            (
                b"{\"total\": 1, \"data\": [{\"paperId\": \"1\"}]}\n",
                Format::SemanticScholar,
            ),
            (
                b"{\"data\": [{\"citingPaper\": {\"paperId\": \"1\"}}]}\n",
                Format::SemanticScholar,
            ),
            (
                b"{\"meta\": {}, \"results\": [{\"authorships\": []}]}\n",
                Format::OpenAlex,
            ),
            (
                b"[{\"id\": \"1\", \"title\": \"x\", \"issued\": {}}]",
                Format::CslJson,
            ),
            (b"[\n  {\"id\": 1, \"title\": \"x\"}\n]", Format::Json),
            (b"{\n  \"id\": 1\n}\n", Format::Json),
            (b"[]", Format::Json),
            (b"[{\"id\": 1}]\n{\"id\": 2}\n", Format::Jsonl),
            (b"{\"id\": 1, broken\n{\"id\": 2}\n", Format::Jsonl),
        ] {
            let text = String::from_utf8_lossy(bytes);
            assert_eq!(content(bytes, true), Some(Content::Is(format)), "{text}");
        }
        assert!(matches!(
            content(b"[Submitted on 3 Mar 2021]\n", true),
            Some(Content::Other(_))
        ));
    }
}
