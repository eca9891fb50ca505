//! Items of the Citation Style Language (CSL-JSON), as Zotero, Pandoc and Crossref write them.

use super::{Object, objects, text};
use crate::records::{Draft, name_parts, plain};
use serde_json::Value;

pub(super) fn item(object: &Object) -> Draft {
    let field = |name: &str| plain(&text(object, name));
    let authors = objects(object, "author").map(|name| {
        let part = |part: &str| plain(&text(name, part));
        match part("literal") {
            whole if !whole.is_empty() => whole,
            _ => {
                let given = name_parts(&part("given"), &part("non-dropping-particle"), "");
                let given = name_parts(&given, &part("dropping-particle"), "");
                name_parts(&given, &part("family"), &part("suffix"))
            }
        }
    });
    let keywords = field("keyword");
    let keywords = keywords
        .split([',', ';'])
        .map(|word| word.trim().to_owned());
    Draft {
        id: text(object, "id"),
        title: field("title"),
        abstract_text: field("abstract"),
        authors: authors.collect(),
        year: year(object.get("issued")),
        date: date(object.get("issued")),
        venue: field("container-title"),
        url: text(object, "URL"),
        doi: text(object, "DOI"),
        categories: keywords.filter(|word| !word.is_empty()).collect(),
        ..Draft::default()
    }
}

fn year(issued: Option<&Value>) -> String {
    let first = issued.map(|issued| &issued["date-parts"][0][0]);
    match first {
        Some(Value::Number(year)) => year.to_string(),
        Some(Value::String(year)) => year.clone(),
        _ => String::new(),
    }
}

/// `2021-03-04` of `{"date-parts": [[2021, 3, 4]]}`, or what stands there as text.
fn date(issued: Option<&Value>) -> String {
    let Some(issued) = issued else {
        return String::new();
    };
    let parts = issued["date-parts"][0].as_array();
    let part = |at: usize| {
        let part = parts?.get(at)?;
        part.as_i64().or_else(|| part.as_str()?.trim().parse().ok())
    };
    match (part(0), part(1), part(2)) {
        (Some(year), Some(month), Some(day)) => format!("{year}-{month:02}-{day:02}"),
        (Some(year), Some(month), None) => format!("{year}-{month:02}"),
        _ => ["raw", "literal"]
            .iter()
            .find_map(|name| issued[*name].as_str())
            .or(issued.as_str())
            .unwrap_or_default()
            .to_owned(),
    }
}
