//! Papers of Semantic Scholar: of its answers and of its bulk files. A paper that was fetched with its citations and references
//! brings those with it.

use super::{Drafts, Object, objects, text, text_at};
use crate::records::{Draft, plain};
use serde_json::Value;

/// The paper, and those that cite it and that it cites, as far as they have a title.
pub(super) fn papers(object: &Object) -> Drafts {
    let around = ["citations", "references"]
        .into_iter()
        .flat_map(|name| objects(object, name));
    let titled = around.filter(|paper| paper.get("title").is_some_and(Value::is_string));
    std::iter::once(object)
        .chain(titled)
        .map(|one| Ok(paper(one)))
        .collect()
}

fn paper(object: &Object) -> Draft {
    let external = |name: &str| text_at(object, &["externalIds", name]);
    let ids = [
        text(object, "paperId"),
        external("DOI"),
        prefixed("ARXIV:", &external("ArXiv")),
        prefixed("CorpusId:", &text(object, "corpusid")),
        prefixed("CorpusId:", &text(object, "corpusId")),
    ];
    let fields = objects(object, "s2FieldsOfStudy").map(|field| text(field, "category"));
    let mut categories: Vec<String> = Vec::new();
    for field in fields {
        if !categories.contains(&field) {
            categories.push(field);
        }
    }
    let venues = [
        text(object, "venue"),
        text_at(object, &["publicationVenue", "name"]),
        text_at(object, &["journal", "name"]),
    ];
    Draft {
        id: ids
            .into_iter()
            .find(|id| !id.is_empty())
            .unwrap_or_default(),
        title: plain(&text(object, "title")),
        abstract_text: plain(&text(object, "abstract")),
        authors: objects(object, "authors")
            .map(|author| text(author, "name"))
            .collect(),
        year: text(object, "year"),
        date: text(object, "publicationDate"),
        venue: venues
            .into_iter()
            .find(|venue| !venue.is_empty())
            .unwrap_or_default(),
        url: text(object, "url"),
        doi: external("DOI"),
        categories,
        line: 0,
    }
}

fn prefixed(prefix: &str, id: &str) -> String {
    match id {
        "" => String::new(),
        id => format!("{prefix}{id}"),
    }
}
