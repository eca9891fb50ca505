//! Papers as JSON lines: one object a line, `id`, `title`, `abstract` and perhaps `authors`, `year`, `date`, `venue`, `url`,
//! `doi`, `categories`. Not for: JSON arrays, or objects over several lines (`open` says how to convert them).
//!
//! Unknown fields are ignored, `null` and empty text are as good as absent. A field of the wrong type, or one that stands
//! there twice, makes the record a skipped one that names the field: nothing is lost silently.

use crate::FormatError;
use crate::clean;
use crate::records::year_in;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;
use std::io::Write;
use syntopic_core::{Paper, PaperId};

/// The fields that are read.
const FIELDS: [&str; 10] = [
    "id",
    "title",
    "abstract",
    "authors",
    "year",
    "date",
    "venue",
    "url",
    "doi",
    "categories",
];

/// How deep a record may be nested; a paper needs 3.
const MAX_DEPTH: usize = 64;

/// How many values a record may have; each takes some hundred bytes of memory.
const MAX_VALUES: usize = 2_000_000;

/// Writes one paper as one line, in the form that [`open`](crate::open) reads as [`Format::Jsonl`](crate::Format::Jsonl).
/// Absent fields are left out.
///
/// # Errors
/// When `out` cannot be written.
pub fn write_jsonl(out: &mut dyn Write, paper: &Paper) -> Result<(), FormatError> {
    let mut line = serde_json::to_vec(paper).map_err(|error| FormatError::Write(error.into()))?;
    line.push(b'\n');
    out.write_all(&line).map_err(FormatError::Write)
}

/// The paper of one line, `None` for a blank one, or why the record is skipped.
pub(crate) fn parse(line: &[u8]) -> Result<Option<Paper>, String> {
    let text = std::str::from_utf8(line).map_err(|error| {
        format!(
            "invalid UTF-8 at byte {} of the line",
            error.valid_up_to() + 1
        )
    })?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Ok(None);
    }
    check_size(text.as_bytes())?;
    let Fields(mut fields) = serde_json::from_str(text).map_err(|error| {
        let at = error.column();
        let what = error.to_string();
        let what = what
            .rsplit_once(" at line ")
            .map_or(what.as_str(), |(what, _)| what);
        format!("not a JSON object with a paper in it: {what} (column {at})")
    })?;
    paper(&mut fields).map(Some)
}

/// Refuses what is nested deeper than any record, or has so many values that they take much more memory than their text. An
/// ignored field is not parsed, but it counts.
pub(crate) fn check_size(json: &[u8]) -> Result<(), String> {
    let (mut depth, mut deepest, mut values) = (0usize, 0, 0usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                values += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
    }
    if deepest > MAX_DEPTH {
        return Err(format!("the JSON is nested more than {MAX_DEPTH} deep"));
    }
    if values > MAX_VALUES {
        return Err(format!("the JSON has more than {MAX_VALUES} values"));
    }
    Ok(())
}

/// The known fields of a record.
struct Fields(Map<String, Value>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Fields, A::Error> {
                let mut fields = Map::new();
                while let Some(name) = object.next_key::<String>()? {
                    if !FIELDS.contains(&name.as_str()) {
                        object.next_value::<IgnoredAny>()?;
                    } else if fields.contains_key(&name) {
                        return Err(A::Error::custom(format!(
                            "the field \"{name}\" is there twice"
                        )));
                    } else {
                        fields.insert(name, object.next_value::<Value>()?);
                    }
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

fn paper(fields: &mut Map<String, Value>) -> Result<Paper, String> {
    let id = id(fields.remove("id"))?;
    let mut text = |name| text(name, fields.remove(name));
    let title = text("title")?.unwrap_or_default();
    let abstract_text = text("abstract")?;
    let (date, venue, url, doi) = (text("date")?, text("venue")?, text("url")?, text("doi")?);
    let mut paper =
        Paper::new(id, &title, abstract_text.as_deref()).map_err(|error| error.to_string())?;
    paper.authors = authors(fields.remove("authors"))?;
    paper.year = match year(fields.remove("year"))? {
        None => date.as_deref().and_then(year_in),
        year => year,
    };
    paper.categories = categories(fields.remove("categories"))?;
    (paper.date, paper.venue, paper.url, paper.doi) = (date, venue, url, doi);
    Ok(paper)
}

/// What a field should have been, and what it is.
fn wrong(name: &str, expected: &str, got: &Value) -> String {
    let got = match got {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    };
    format!("the field \"{name}\" should be {expected}, got {got}")
}

fn id(value: Option<Value>) -> Result<PaperId, String> {
    let id = match value {
        None | Some(Value::Null) => return Err("no \"id\": every record needs one".to_owned()),
        Some(Value::String(text)) => text,
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => number.to_string(),
        // 2103.03230 as a number is 2103.0323: another paper.
        Some(other) => return Err(wrong("id", "a string or a whole number", &other)),
    };
    PaperId::new(id).map_err(|error| error.to_string())
}

/// A string as one clean line; empty is absent.
fn text(name: &str, value: Option<Value>) -> Result<Option<String>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(clean(&text)).filter(|text| !text.is_empty())),
        Some(other) => Err(wrong(name, "a string", &other)),
    }
}

/// A list of names or of objects with a `name`, or one string: names between semicolons. Commas are not guessed at.
fn authors(value: Option<Value>) -> Result<Vec<String>, String> {
    let expected =
        "a list of names, a list of {\"name\": …}, or one string with ; between the names";
    let names = match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => text.split(';').map(clean).collect(),
        Some(Value::Array(list)) => list
            .into_iter()
            .map(|author| match author {
                Value::String(name) => Ok(clean(&name)),
                Value::Object(ref object) => match object.get("name") {
                    Some(Value::String(name)) => Ok(clean(name)),
                    _ => Err(wrong("authors", expected, &author)),
                },
                other => Err(wrong("authors", expected, &other)),
            })
            .collect::<Result<_, _>>()?,
        Some(other) => return Err(wrong("authors", expected, &other)),
    };
    Ok(names.into_iter().filter(|name| !name.is_empty()).collect())
}

/// A list of strings, or one string: split at semicolons if it has any, otherwise at blanks and commas.
fn categories(value: Option<Value>) -> Result<Vec<String>, String> {
    let expected = "a list of strings or one string";
    let names: Vec<String> = match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if text.contains(';') => text.split(';').map(clean).collect(),
        Some(Value::String(text)) => clean(&text).split([' ', ',']).map(str::to_owned).collect(),
        Some(Value::Array(list)) => list
            .into_iter()
            .map(|category| match category {
                Value::String(name) => Ok(clean(&name)),
                other => Err(wrong("categories", expected, &other)),
            })
            .collect::<Result<_, _>>()?,
        Some(other) => return Err(wrong("categories", expected, &other)),
    };
    Ok(names.into_iter().filter(|name| !name.is_empty()).collect())
}

/// A whole number from 1 to 9999, as a number (2021 or 2021.0) or as text; empty text is absent.
fn year(value: Option<Value>) -> Result<Option<i32>, String> {
    let (year, value) = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
        Some(Value::String(text)) => (text.trim().parse::<f64>().ok(), Value::String(text)),
        Some(Value::Number(number)) => (number.as_f64(), Value::Number(number)),
        Some(other) => (None, other),
    };
    match year {
        Some(year) if (1.0..=9999.0).contains(&year) && year.fract() == 0.0 => {
            Ok(Some(year as i32))
        }
        _ => Err(wrong("year", "a year from 1 to 9999", &value)),
    }
}
