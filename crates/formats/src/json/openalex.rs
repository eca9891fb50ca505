//! Works of OpenAlex, whose abstracts are inverted: each word with the places it stands at.

use super::{Object, objects, text, text_at};
use crate::records::{Draft, plain};
use serde_json::Value;

/// The most words of an abstract.
const MAX_WORDS: usize = 1_000_000;

/// Its most bytes: a long word at many places is little in the file and much in the abstract.
const MAX_BYTES: usize = 32 << 20;

pub(super) fn work(object: &Object) -> Result<Draft, String> {
    let names = ["title", "display_name"].map(|name| plain(&text(object, name)));
    let address = text(object, "id");
    let id = address.rsplit('/').next().unwrap_or_default().to_owned();
    let abstract_text = match object.get("abstract_inverted_index") {
        Some(Value::Object(index)) => {
            plain(&restored(index).map_err(|why| format!("{id}: {why}"))?)
        }
        _ => plain(&text(object, "abstract")),
    };
    let authors = objects(object, "authorships").map(|authorship| {
        match text_at(authorship, &["author", "display_name"]) {
            name if name.is_empty() => text(authorship, "raw_author_name"),
            name => name,
        }
    });
    let topics = objects(object, "topics").map(|topic| text(topic, "display_name"));
    let place = ["primary_location", "host_venue"]
        .map(|place| text_at(object, &[place, "source", "display_name"]));
    Ok(Draft {
        id,
        title: names
            .into_iter()
            .find(|name| !name.trim().is_empty())
            .unwrap_or_default(),
        abstract_text,
        authors: authors.collect(),
        year: text(object, "publication_year"),
        date: text(object, "publication_date"),
        venue: place
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or_default(),
        url: address,
        doi: text(object, "doi"),
        categories: topics.collect(),
        line: 0,
    })
}

/// The words in the order of their places. Two at one place both stand there, in the order of the index.
fn restored(index: &Object) -> Result<String, String> {
    let mut words: Vec<(usize, &str)> = Vec::new();
    let mut bytes = 0;
    for (word, places) in index {
        for place in places.as_array().into_iter().flatten() {
            let place = place.as_u64().and_then(|place| usize::try_from(place).ok());
            match place {
                Some(place) if words.len() < MAX_WORDS && bytes < MAX_BYTES => {
                    bytes += word.len() + 1;
                    words.push((place, word));
                }
                Some(_) => {
                    return Err(format!(
                        "an abstract of more than {MAX_WORDS} words or {MAX_BYTES} bytes"
                    ));
                }
                None => {
                    return Err(format!(
                        "the abstract has {word:?} at a place that is no number"
                    ));
                }
            }
        }
    }
    words.sort_by_key(|(place, _)| *place);
    let words: Vec<&str> = words.into_iter().map(|(_, word)| word).collect();
    Ok(words.join(" "))
}
