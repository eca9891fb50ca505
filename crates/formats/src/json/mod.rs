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
        match &mut self.source {
            Source::Values(values) => match values.next()? {
                None => return Ok(false),
                Some(found) => ready.extend(records(&found, self.kind)),
            },
            Source::Lines(lines) => {
                let limit = lines.limit();
                let number = lines.number + 1;
                match lines.next()? {
                    None => return Ok(false),
                    Some(RawLine::TooLong(bytes)) => {
                        let why = too_long(bytes, limit);
                        ready.push_back(Err(Bad { line: number, why }));
                    }
                    Some(RawLine::Bytes(line)) if line.trim_ascii().is_empty() => {}
                    Some(RawLine::Bytes(bytes)) => {
                        let found = Found::Value {
                            line: number,
                            bytes,
                        };
                        ready.extend(records(&found, self.kind));
                    }
                }
            }
        }
        Ok(true)
    }
}

/// The records of one value of the file. Of an answer that cannot be read as a whole, each record of its list is read for itself.
fn records(found: &Found<'_>, kind: Kind) -> Vec<Record> {
    let (line, bytes) = match found {
        Found::Bad { line, why } => {
            return vec![Err(Bad {
                line: *line,
                why: why.clone(),
            })];
        }
        Found::Value { line, bytes } => (*line, *bytes),
    };
    let placed = |drafts: Drafts, line| {
        let placed = drafts.into_iter().map(move |draft| match draft {
            Ok(draft) => Ok(Draft { line, ..draft }),
            Err(why) => Err(Bad { line, why }),
        });
        placed.collect::<Vec<_>>()
    };
    let why = match parsed(bytes) {
        Ok(Value::Object(object)) => return placed(in_object(&object, kind), line),
        Ok(_) => "not an object".to_owned(),
        Err(why) => why,
    };
    let Some((before, list)) = values::list_in(bytes, &LISTS) else {
        return placed(vec![Err(why)], line);
    };
    let mut all = Vec::new();
    let mut values = Values::new(list);
    // Memory does not fail.
    while let Ok(Some(found)) = values.next() {
        let (inner, drafts) = match found {
            Found::Bad { line, why } => (line, vec![Err(why)]),
            Found::Value { line, bytes } => match parsed(bytes) {
                Ok(item) => (line, listed(&item, kind)),
                Err(why) => (line, vec![Err(why)]),
            },
        };
        all.extend(placed(drafts, line + before + inner - 1));
    }
    all
}

fn parsed(bytes: &[u8]) -> Result<Value, String> {
    crate::jsonl::check_size(bytes)?;
    serde_json::from_slice(bytes).map_err(|error| {
        let what = error.to_string();
        let what = what
            .split_once(" at line ")
            .map_or(what.as_str(), |(what, _)| what);
        format!("not JSON: {what}")
    })
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
