//! Papers of arXiv's metadata snapshot: one object a line.

use super::{Object, text};
use crate::records::{Draft, name_parts, plain};
use crate::xml::listed_authors;
use serde_json::Value;

pub(super) fn paper(object: &Object) -> Draft {
    let field = |name: &str| plain(&text(object, name));
    let parsed = object.get("authors_parsed").and_then(Value::as_array);
    let authors = match parsed {
        Some(list) if !list.is_empty() => list.iter().filter_map(parsed_name).collect(),
        _ => listed_authors(&field("authors")),
    };
    let id = text(object, "id");
    let first = object.get("versions").and_then(Value::as_array);
    let first = first.and_then(|versions| versions.first()?["created"].as_str());
    Draft {
        url: format!("https://arxiv.org/abs/{id}"),
        id,
        title: field("title"),
        abstract_text: field("abstract"),
        authors,
        year: first.unwrap_or_default().to_owned(),
        date: text(object, "update_date"),
        venue: field("journal-ref"),
        doi: text(object, "doi"),
        categories: text(object, "categories")
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
        line: 0,
    }
}

/// `["Curie", "Marie", ""]`.
fn parsed_name(name: &Value) -> Option<String> {
    let part = |at: usize| name[at].as_str().unwrap_or_default();
    name.is_array()
        .then(|| plain(&name_parts(part(1), part(0), part(2))))
}
