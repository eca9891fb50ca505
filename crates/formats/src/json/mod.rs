//! JSON of other services: arXiv's metadata snapshot, OpenAlex, Semantic Scholar, CSL-JSON (Zotero). Objects one a line, in a
//! list, one after the other, or in the answer of a service around them. Not for: our own JSON lines (`jsonl.rs`).

mod arxiv;
mod csl;
mod openalex;
mod semantic_scholar;
mod values;

use crate::lines::{Lines, MAX_LINE_BYTES, RawLine, too_long};
use crate::page::Bad;
use crate::records::{Draft, Record, Records};
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::io::{self, BufRead};
use values::{Found, Values};

pub(crate) use values::keys;

/// Whose objects a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Papers of our own JSON lines, in a list or over several lines.
    Own,
    /// The metadata snapshot of arXiv.
    Arxiv,
    /// Works of OpenAlex.
    OpenAlex,
    /// Papers of Semantic Scholar.
    SemanticScholar,
    /// Items of the Citation Style Language, as Zotero exports them.
    Csl,
}

type Object = Map<String, Value>;

/// What an object holds: itself a record, or records in it.
type Drafts = Vec<Result<Draft, String>>;

/// The records of one file.
pub(crate) struct JsonRecords<R> {
    source: Source<R>,
    kind: Kind,
}

enum Source<R> {
    /// An object a line: a line that is none is left out alone.
    Lines(Lines<R>),
    Values(Values<R>),
}

impl<R: BufRead> JsonRecords<R> {
    /// Reads an object of every line, if they are said to be `by_lines`, or else of every value.
    pub(crate) fn new(input: R, kind: Kind, by_lines: bool) -> Self {
        let source = match by_lines {
            true => Source::Lines(Lines::new(input, MAX_LINE_BYTES)),
            false => Source::Values(Values::new(input)),
        };
        Self { source, kind }
    }
}

impl<R: BufRead> Records for JsonRecords<R> {
    fn next(&mut self, ready: &mut VecDeque<Record>) -> io::Result<bool> {
        let (line, found) = match &mut self.source {
            Source::Values(values) => match values.next()? {
                None => return Ok(false),
                Some(Found::Bad { line, why }) => (line, vec![Err(why)]),
                Some(Found::Value { line, bytes }) => (line, read(bytes, self.kind)),
            },
            Source::Lines(lines) => {
                let limit = lines.limit();
                let found = match lines.next()? {
                    None => return Ok(false),
                    Some(RawLine::TooLong(bytes)) => vec![Err(too_long(bytes, limit))],
                    Some(RawLine::Bytes(line)) if line.trim_ascii().is_empty() => Vec::new(),
                    Some(RawLine::Bytes(line)) => read(line, self.kind),
                };
                (lines.number, found)
            }
        };
        ready.extend(found.into_iter().map(|draft| match draft {
            Ok(draft) => Ok(Draft { line, ..draft }),
            Err(why) => Err(Bad { line, why }),
        }));
        Ok(true)
    }
}

/// The records of one value of the file.
fn read(bytes: &[u8], kind: Kind) -> Drafts {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(object)) => in_object(&object, kind),
        Ok(_) => vec![Err("not an object".to_owned())],
        Err(error) => {
            let what = error.to_string();
            let what = what
                .split_once(" at line ")
                .map_or(what.as_str(), |(what, _)| what);
            vec![Err(format!("not JSON: {what}"))]
        }
    }
}

/// The members under which services list their records.
const LISTS: [&str; 5] = ["results", "data", "items", "recommendedPapers", "matches"];

fn in_object(object: &Object, kind: Kind) -> Drafts {
    for name in LISTS {
        if let Some(Value::Array(list)) = object.get(name)
            && !is_record(object)
        {
            return list.iter().flat_map(|item| listed(item, kind)).collect();
        }
    }
    match kind {
        Kind::Own => vec![own(object)],
        Kind::Arxiv => vec![Ok(arxiv::paper(object))],
        Kind::OpenAlex => vec![openalex::work(object)],
        Kind::SemanticScholar => semantic_scholar::papers(object),
        Kind::Csl => vec![Ok(csl::item(object))],
    }
}

/// Whether it has a title itself.
fn is_record(object: &Object) -> bool {
    ["title", "display_name", "paperId"]
        .iter()
        .any(|name| object.contains_key(*name))
}

fn listed(item: &Value, kind: Kind) -> Drafts {
    match item {
        Value::Object(object) => {
            // Of lists of citations, where each stands beside what it says.
            let inner = ["citingPaper", "citedPaper"]
                .iter()
                .find_map(|name| object.get(*name));
            match inner.unwrap_or(item) {
                Value::Object(object) => in_object(object, kind),
                _ => vec![Err("no paper in this citation".to_owned())],
            }
        }
        _ => vec![Err("a member of the list is not an object".to_owned())],
    }
}

/// A paper of ours, as strictly as on a line of its own.
fn own(object: &Object) -> Result<Draft, String> {
    let line = serde_json::to_vec(object).map_err(|error| error.to_string())?;
    match crate::jsonl::parse(&line)? {
        Some(paper) => Ok(Draft {
            id: paper.id.to_string(),
            title: paper.title,
            abstract_text: paper.abstract_text.unwrap_or_default(),
            authors: paper.authors,
            year: paper.year.map(|year| year.to_string()).unwrap_or_default(),
            date: paper.date.unwrap_or_default(),
            venue: paper.venue.unwrap_or_default(),
            url: paper.url.unwrap_or_default(),
            doi: paper.doi.unwrap_or_default(),
            categories: paper.categories,
            line: 0,
        }),
        None => Err("an empty object".to_owned()),
    }
}

/// A text or a number as text; empty for all else.
fn text(object: &Object, name: &str) -> String {
    match object.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// A text at the end of a path of objects.
fn text_at(object: &Object, path: &[&str]) -> String {
    match path {
        [] => String::new(),
        [name] => text(object, name),
        [name, rest @ ..] => match object.get(*name) {
            Some(Value::Object(inner)) => text_at(inner, rest),
            _ => String::new(),
        },
    }
}

/// The objects of a list.
fn objects<'o>(object: &'o Object, name: &str) -> impl Iterator<Item = &'o Object> {
    let list = object.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_object)
}
