//! Semantic Scholar's recommendations, answered from this library.
//!
//! Differences that are said: `from` names no pool here and is not looked at; counts of citations and whatever else a library does
//! not know is null.

use crate::app::{App, Shared};
use crate::errors::Failure;
use crate::input::{Body, Named, Parameters};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use syntopic_library::{LibraryError, Paper, Query, RelatedOptions};

/// Most papers of one answer, as Semantic Scholar has it.
const MOST: usize = 500;

/// Most papers that are liked, or not.
const MOST_IDS: usize = 100;

/// What a library knows of a paper, and what Semantic Scholar has beside it, which is null here.
const FIELDS: [&str; 24] = [
    "abstract",
    "authors",
    "citationCount",
    "citationStyles",
    "corpusId",
    "embedding",
    "externalIds",
    "fieldsOfStudy",
    "influentialCitationCount",
    "isOpenAccess",
    "journal",
    "openAccessPdf",
    "paperId",
    "publicationDate",
    "publicationTypes",
    "publicationVenue",
    "referenceCount",
    "s2FieldsOfStudy",
    "textAvailability",
    "title",
    "tldr",
    "url",
    "venue",
    "year",
];

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/recommendations/v1/papers/forpaper/{*id}", get(for_paper))
        .route("/recommendations/v1/papers/", post(for_lists))
        .route("/recommendations/v1/papers", post(for_lists))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lists {
    positive_paper_ids: Vec<String>,
    #[serde(default)]
    negative_paper_ids: Vec<String>,
}

async fn for_paper(
    app: Shared,
    Named(id): Named,
    mut asked: Parameters,
) -> Result<Json<Value>, Failure> {
    // It names pools of Semantic Scholar's.
    asked.one("from")?;
    recommend(&app, vec![id], Vec::new(), asked).await
}

async fn for_lists(
    app: Shared,
    asked: Parameters,
    Body(lists): Body<Lists>,
) -> Result<Json<Value>, Failure> {
    if lists.positive_paper_ids.is_empty() {
        return Err(bad("positivePaperIds is empty: give at least one paper"));
    }
    if lists
        .positive_paper_ids
        .len()
        .max(lists.negative_paper_ids.len())
        > MOST_IDS
    {
        return Err(bad(format!("more than {MOST_IDS} papers in a list")));
    }
    let (liked, disliked) = (lists.positive_paper_ids, lists.negative_paper_ids);
    recommend(&app, liked, disliked, asked).await
}

fn bad(message: impl Into<String>) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, "invalid", message)
}

async fn recommend(
    app: &App,
    liked: Vec<String>,
    disliked: Vec<String>,
    mut asked: Parameters,
) -> Result<Json<Value>, Failure> {
    let limit = asked.number("limit", 100, 1..=MOST)?;
    let fields = fields(asked.one("fields")?.as_deref())?;
    asked.end()?;
    let papers = app.pool.read(move |library, progress| {
        let query = |all: &[String]| -> Result<Vec<Query>, LibraryError> {
            let ids: Vec<&str> = all.iter().map(String::as_str).collect();
            Ok(library
                .ids_of(&ids)?
                .into_iter()
                .map(Query::Paper)
                .collect())
        };
        let (liked, disliked) = (query(&liked)?, query(&disliked)?);
        let mut liked = liked.into_iter();
        let Some(first) = liked.next() else {
            return Ok(Vec::new());
        };
        let options = RelatedOptions {
            k: limit,
            and: liked.collect(),
            not: disliked,
            ..RelatedOptions::default()
        };
        let related = library.related(&first, &options, progress)?;
        let ids: Vec<&str> = related.hits.iter().map(|hit| hit.id.as_str()).collect();
        library.papers_called(&ids)
    });
    let papers = papers.await?.into_iter().flatten();
    let papers: Vec<Value> = papers.map(|paper| body(&paper, &fields)).collect();
    Ok(Json(json!({ "recommendedPapers": papers })))
}

/// The fields asked for: `paperId` always, `title` where none is named; `authors.name` asks for authors.
fn fields(asked: Option<&str>) -> Result<Vec<&'static str>, Failure> {
    let mut fields = vec!["paperId"];
    let asked = asked.unwrap_or("title").split(',').map(str::trim);
    for name in asked.filter(|name| !name.is_empty()) {
        let whole = name.split('.').next().unwrap_or_default();
        let known = FIELDS.into_iter().find(|field| *field == whole);
        let known =
            known.ok_or_else(|| bad(format!("Unrecognized or unsupported fields: [{name}]")))?;
        if !fields.contains(&known) {
            fields.push(known);
        }
    }
    Ok(fields)
}

fn body(paper: &Paper, fields: &[&str]) -> Value {
    let all = fields
        .iter()
        .map(|field| ((*field).to_owned(), value(paper, field)));
    Value::Object(all.collect::<Map<String, Value>>())
}

fn value(paper: &Paper, field: &str) -> Value {
    match field {
        "paperId" => json!(paper.id),
        "title" => json!(paper.title),
        "abstract" => json!(paper.abstract_text),
        "year" => json!(paper.year),
        "venue" => json!(paper.venue.as_deref().unwrap_or_default()),
        "url" => json!(paper.url),
        "publicationDate" => json!(paper.date),
        "authors" => {
            let one = |name: &String| json!({ "authorId": null, "name": name });
            paper.authors.iter().map(one).collect()
        }
        "externalIds" => {
            let mut ids = Map::new();
            if let Some(doi) = &paper.doi {
                ids.insert(String::from("DOI"), json!(doi));
            }
            if let Some(arxiv) = syntopic_library::arxiv_id_of(paper) {
                ids.insert(String::from("ArXiv"), json!(arxiv));
            }
            Value::Object(ids)
        }
        "fieldsOfStudy" => json!(paper.categories),
        "journal" => json!({ "name": paper.venue }),
        _ => Value::Null,
    }
}

/// The error of a request, as Semantic Scholar tells it.
pub(crate) fn error_body(failure: &Failure) -> Value {
    json!({ "error": failure.message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_known_ones_and_the_id_is_always_there() {
        assert_eq!(fields(None).unwrap(), ["paperId", "title"]);
        let asked = fields(Some("title, year,authors.name,paperId")).unwrap();
        assert_eq!(asked, ["paperId", "title", "year", "authors"]);
        let error = fields(Some("title,colour")).unwrap_err();
        assert_eq!(
            error.message,
            "Unrecognized or unsupported fields: [colour]"
        );
        assert!(FIELDS.is_sorted());
    }
}
