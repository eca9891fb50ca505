//! Files of tagged lines: RIS, the exports of Web of Science, and PubMed's MEDLINE form. Not for: which line is a tag's, which
//! differs by format and is said below.
//!
//! Records end where their format says, and also where the next one begins: a missing end loses no record. Lines without a
//! tag go on with the field before them.

use crate::lines::{Lines, MAX_LINE_BYTES, RawLine, too_long};
use crate::page::Bad;
use crate::records::{Draft, Record, Records, natural_order, plain};
use std::collections::VecDeque;
use std::io::{self, BufRead};

/// How lines are tagged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `TY  - JOUR` … `ER  -`.
    Ris,
    /// `PT J` … `ER`, in a file that begins with `FN`.
    WebOfScience,
    /// `PMID- 123`, `TI  - …`, between blank lines.
    Medline,
}

/// A line of a record.
enum Line<'l> {
    Tag(&'l str, &'l str),
    More(&'l str),
}

impl Kind {
    fn line(self, line: &str) -> Line<'_> {
        let tagged = match self {
            Kind::Ris => cut(line, 2, "  -"),
            Kind::Medline => cut(line, 4, "-"),
            Kind::WebOfScience => web_of_science(line),
        };
        match tagged {
            Some((tag, value)) => Line::Tag(tag.trim_end(), value.trim()),
            None => Line::More(line.trim()),
        }
    }

    /// The tag that a record begins with.
    fn first(self) -> &'static str {
        match self {
            Kind::Ris => "TY",
            Kind::WebOfScience => "PT",
            Kind::Medline => "PMID",
        }
    }
}

/// A tag of so many capitals, digits and blanks, what stands behind it, and the rest.
fn cut<'l>(line: &'l str, wide: usize, behind: &str) -> Option<(&'l str, &'l str)> {
    let (tag, rest) = line.split_at_checked(wide)?;
    let rest = rest.strip_prefix(behind)?;
    let named = tag.trim_end();
    let is_tag = named
        .bytes()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        && named.starts_with(|c: char| c.is_ascii_uppercase());
    // Behind the dash comes a blank, or nothing.
    (is_tag && (rest.is_empty() || rest.starts_with([' ', '\t']))).then_some((named, rest))
}

/// Two letters or digits and a blank; the end of a record and of the file stand alone.
fn web_of_science(line: &str) -> Option<(&str, &str)> {
    let (tag, rest) = line.split_at_checked(2)?;
    let is_tag = tag.starts_with(|c: char| c.is_ascii_uppercase())
        && tag
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    (is_tag && (rest.trim().is_empty() || rest.starts_with(' '))).then_some((tag, rest))
}

/// The records of one file.
pub(crate) struct TaggedRecords<R> {
    lines: Lines<R>,
    kind: Kind,
    /// The record that is being read: its line and its fields.
    open: Option<(u64, Fields)>,
}

impl<R: BufRead> TaggedRecords<R> {
    pub(crate) fn new(lines: Lines<R>, kind: Kind) -> Self {
        Self {
            lines,
            kind,
            open: None,
        }
    }

    fn finish(&mut self, ready: &mut VecDeque<Record>) {
        if let Some((line, fields)) = self.open.take() {
            let draft = match self.kind {
                Kind::Ris => ris(&fields),
                Kind::WebOfScience => of_web_of_science(&fields),
                Kind::Medline => medline(&fields),
            };
            ready.push_back(Ok(Draft { line, ..draft }));
        }
    }

    fn take(&mut self, line: &str, number: u64, ready: &mut VecDeque<Record>) {
        if line.trim().is_empty() {
            if self.kind == Kind::Medline {
                self.finish(ready);
            }
            return;
        }
        match self.kind.line(line) {
            Line::Tag("ER" | "EF", _) if self.kind != Kind::Medline => self.finish(ready),
            Line::Tag(tag, value) => {
                if tag == self.kind.first() {
                    self.finish(ready);
                    self.open = Some((number, Fields::default()));
                }
                // Before the first record stand the names of tool and version.
                if let Some((_, fields)) = &mut self.open {
                    fields.add(tag, value);
                }
            }
            Line::More(more) => {
                if let Some((_, fields)) = &mut self.open {
                    fields.go_on(more, self.kind);
                }
            }
        }
        let endless = |open: &mut (u64, Fields)| open.1.is_endless();
        if let Some((line, _)) = self.open.take_if(endless) {
            let why = format!(
                "the record does not end within {MAX_LINE_BYTES} bytes or {MAX_FIELDS} fields"
            );
            ready.push_back(Err(Bad { line, why }));
        }
    }
}

impl<R: BufRead> Records for TaggedRecords<R> {
    fn next(&mut self, ready: &mut VecDeque<Record>) -> io::Result<bool> {
        let limit = self.lines.limit();
        let line = match self.lines.next()? {
            None => {
                self.finish(ready);
                return Ok(false);
            }
            Some(RawLine::Bytes(line)) => Ok(String::from_utf8_lossy(line).into_owned()),
            Some(RawLine::TooLong(bytes)) => Err(too_long(bytes, limit)),
        };
        let number = self.lines.number;
        match line {
            Ok(line) => self.take(&line, number, ready),
            Err(why) => {
                // The record goes with its line.
                self.open = None;
                ready.push_back(Err(Bad { line: number, why }));
            }
        }
        Ok(true)
    }
}

/// The most fields of a record.
const MAX_FIELDS: usize = 1_000_000;

/// The fields of a record in the order of the file.
#[derive(Default)]
struct Fields(Vec<(String, String)>, usize);

impl Fields {
    fn add(&mut self, tag: &str, value: &str) {
        self.1 += tag.len() + value.len();
        self.0.push((tag.to_owned(), value.to_owned()));
    }

    /// Whether it has more than any record, because its end is missing say.
    fn is_endless(&self) -> bool {
        self.0.len() > MAX_FIELDS || self.1 > MAX_LINE_BYTES
    }

    fn go_on(&mut self, more: &str, kind: Kind) {
        let Some((tag, value)) = self.0.last_mut() else {
            return;
        };
        // Of these, Web of Science writes one a line.
        if kind == Kind::WebOfScience && matches!(tag.as_str(), "AU" | "AF" | "CA") {
            let tag = tag.clone();
            self.add(&tag, more);
            return;
        }
        if !value.is_empty() {
            value.push(' ');
        }
        value.push_str(more);
        self.1 += more.len() + 1;
    }

    /// All values of a tag.
    fn all<'f>(&'f self, tag: &'f str) -> impl Iterator<Item = &'f str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == tag)
            .map(|(_, value)| value.as_str())
    }

    /// The first value of the first of these tags that has one.
    fn first(&self, tags: &[&str]) -> String {
        let found = tags
            .iter()
            .find_map(|tag| self.all(tag).find(|value| !value.is_empty()));
        plain(found.unwrap_or_default())
    }

    fn names(&self, tags: &[&str]) -> Vec<String> {
        let lists = tags.iter().map(|tag| self.all(tag).collect::<Vec<_>>());
        let first = lists
            .into_iter()
            .find(|list| !list.is_empty())
            .unwrap_or_default();
        first
            .into_iter()
            .map(|name| natural_order(&plain(name)))
            .collect()
    }
}

fn ris(fields: &Fields) -> Draft {
    // A number alone counts the records of a file: two files may use one for different papers.
    let own = fields.first(&["ID"]);
    let is_name = !own.is_empty() && !own.bytes().all(|b| b.is_ascii_digit());
    let number = fields.first(&["AN"]);
    let id = if is_name {
        own
    } else if number.starts_with("WOS:") {
        number
    } else {
        String::new()
    };
    let date = fields.first(&["DA", "Y1"]);
    let date = date.trim_end_matches('/');
    Draft {
        id,
        title: fields.first(&["TI", "T1", "CT", "BT"]),
        abstract_text: fields.first(&["AB", "N2"]),
        authors: fields.names(&["AU", "A1"]),
        year: fields.first(&["PY", "Y1", "DA"]),
        // A year alone is no day.
        date: if date.len() == 4 {
            String::new()
        } else {
            date.to_owned()
        },
        venue: fields.first(&["JF", "T2", "JO", "BT", "J2", "JA"]),
        url: fields.first(&["UR", "LK"]),
        doi: fields.first(&["DO"]),
        categories: fields.all("KW").map(plain).collect(),
        line: 0,
    }
}

fn of_web_of_science(fields: &Fields) -> Draft {
    let keywords = fields.first(&["DE", "ID"]);
    Draft {
        id: fields.first(&["UT"]),
        title: fields.first(&["TI"]),
        abstract_text: fields.first(&["AB"]),
        authors: fields.names(&["AF", "AU", "CA"]),
        year: fields.first(&["PY", "EY"]),
        date: String::new(),
        venue: fields.first(&["SO"]),
        url: String::new(),
        doi: fields.first(&["DI"]),
        categories: keywords
            .split(';')
            .map(|word| word.trim().to_owned())
            .collect(),
        line: 0,
    }
}

fn medline(fields: &Fields) -> Draft {
    let doi = ["LID", "AID"].iter().flat_map(|tag| fields.all(tag));
    let doi = doi.filter_map(|id| id.strip_suffix("[doi]")).next();
    let pmid = fields.first(&["PMID"]);
    Draft {
        id: match pmid.is_empty() {
            true => String::new(),
            false => format!("PMID:{pmid}"),
        },
        title: fields.first(&["TI", "BTI"]),
        abstract_text: fields.first(&["AB"]),
        authors: fields.names(&["FAU", "AU", "CN"]),
        year: fields.first(&["DP"]),
        date: fields.first(&["DP"]),
        venue: fields.first(&["JT", "TA"]),
        url: format!("https://pubmed.ncbi.nlm.nih.gov/{pmid}/"),
        doi: doi.unwrap_or_default().trim().to_owned(),
        categories: fields.all("MH").map(plain).collect(),
        line: 0,
    }
}
