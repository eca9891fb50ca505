//! `/api/papers`: papers as a list, one by one, new and gone.

use crate::api::filter::{FilterBody, checked_year};
use crate::api::types::{NewPaper, PaperBody};
use crate::app::Shared;
use crate::errors::{ErrorBody, Failure};
use crate::input::{Body, Named, Parameters, bounded_text, checked_text};
use crate::shape::objects;
use axum::Json;
use serde::{Deserialize, Serialize};
use syntopic_library::{AddOptions, AddReport, Format, LibraryError, ReadOptions, Source};
use utoipa::ToSchema;

/// Most papers of one answer.
const MOST_LISTED: usize = 500;

/// Most papers that are added at once: embedding them takes time.
const MOST_ADDED: usize = 500;

/// What messages call papers of a request.
const REQUEST: &str = "the request";

/// A part of the papers.
#[derive(Serialize, ToSchema)]
pub(crate) struct PaperList {
    /// How many papers pass.
    #[schema(minimum = 0)]
    total: usize,
    /// Number of the first of those that are here, from 0.
    #[schema(minimum = 0)]
    offset: usize,
    /// In the order of their ids.
    papers: Vec<PaperBody>,
}

/// The papers that pass a filter, in the order of ids, a part at a time.
#[utoipa::path(get, path = "/api/papers", tag = "papers",
    params(
        FilterBody,
        ("offset" = Option<usize>, Query, description = "Number of the first to show, from 0", minimum = 0, maximum = 1000000000),
        ("limit" = Option<usize>, Query, description = "How many to show; 50 if not given", minimum = 1, maximum = 500),
    ),
    responses(
        (status = 200, description = "A part of the papers", body = PaperList),
        (status = 404, description = "An author, a topic or a paper is not there", body = ErrorBody),
        (status = 409, description = "A topic is named and there are none, or the library is empty", body = ErrorBody),
    )
)]
pub(crate) async fn list(app: Shared, mut asked: Parameters) -> Result<Json<PaperList>, Failure> {
    let filter = FilterBody::take(&mut asked)?;
    let offset = asked.number("offset", 0, 0..=1_000_000_000)?;
    let limit = asked.number("limit", 50, 1..=MOST_LISTED)?;
    asked.end()?;
    let topics = app.topics().await?;
    let part = app
        .pool
        .read(move |library, _| library.part_of_list(&filter, offset, limit))
        .await?;
    let papers = part.papers.into_iter();
    Ok(Json(PaperList {
        total: part.total,
        offset,
        papers: papers.map(|paper| PaperBody::of(paper, &topics)).collect(),
    }))
}

/// One paper.
#[utoipa::path(get, path = "/api/papers/{id}", tag = "papers",
    params(("id" = String, Path, description = "Id of the paper, percent-encoded", max_length = 512)),
    responses(
        (status = 200, description = "The paper", body = PaperBody),
        (status = 404, description = "No paper has the id; `nearest` names those most like it", body = ErrorBody),
    )
)]
pub(crate) async fn one(app: Shared, Named(id): Named) -> Result<Json<PaperBody>, Failure> {
    let topics = app.topics().await?;
    let paper = app.pool.read(move |library, _| library.paper(&id)).await?;
    Ok(Json(PaperBody::of(paper, &topics)))
}

/// Papers to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddBody {
    #[serde(deserialize_with = "objects")]
    #[schema(min_items = 1, max_items = 500)]
    papers: Vec<NewPaper>,
}

/// A paper that did not go in.
#[derive(Serialize, ToSchema)]
pub(crate) struct LeftOut {
    /// Its place in the request, from 0.
    #[schema(minimum = 0)]
    index: u64,
    why: String,
}

/// What became of papers to add.
#[derive(Serialize, ToSchema)]
pub(crate) struct AddAnswer {
    /// New papers.
    #[schema(minimum = 0)]
    added: usize,
    /// Papers with a new text, embedded again.
    #[schema(minimum = 0)]
    updated: usize,
    /// Papers with new details alone.
    #[schema(minimum = 0)]
    details_updated: usize,
    /// Papers that were there already, the same.
    #[schema(minimum = 0)]
    unchanged: usize,
    /// Papers longer than the model reads: their vectors stand for their beginning.
    #[schema(minimum = 0)]
    truncated: usize,
    /// Those that did not go in.
    left_out: Vec<LeftOut>,
    /// How many papers the library has now.
    #[schema(minimum = 0)]
    papers: usize,
}

/// Adds papers; those that are there already are left as they are, or brought up to date.
#[utoipa::path(post, path = "/api/papers", tag = "papers", request_body = AddBody,
    responses((status = 200, description = "What became of them", body = AddAnswer))
)]
pub(crate) async fn add(
    app: Shared,
    Body(body): Body<AddBody>,
) -> Result<Json<AddAnswer>, Failure> {
    if body.papers.is_empty() || body.papers.len() > MOST_ADDED {
        let n = body.papers.len();
        let message = format!("the request has {n} papers: send 1 to {MOST_ADDED}");
        return Err(Failure::invalid(message));
    }
    body.papers.iter().try_for_each(check)?;
    let lines = body.papers.iter().map(serde_json::to_string);
    let text = lines.collect::<Result<Vec<_>, _>>();
    let text = text.map_err(|_| Failure::panicked())?.join("\n");
    let source = Source::Given {
        name: REQUEST.to_owned(),
        text,
    };
    let options = AddOptions {
        read: ReadOptions {
            format: Some(Format::Jsonl),
            ..ReadOptions::default()
        },
        ..AddOptions::default()
    };
    let report = app
        .pool
        .write(move |library, progress| library.add(&[source], &options, progress))
        .await?;
    app.forget_topics();
    Ok(Json(answer(report)))
}

/// That its parts are no larger than the document says.
fn check(paper: &NewPaper) -> Result<(), Failure> {
    for text in paper.texts() {
        checked_text("a paper", text.clone())?;
    }
    bounded_text("an id", paper.id.clone(), 512)?;
    paper.year.map_or(Ok(()), checked_year)?;
    if paper.id.is_empty() {
        return Err(Failure::invalid("a paper has an empty id"));
    }
    if paper.authors.len() > 10_000 || paper.categories.len() > 1_000 {
        return Err(Failure::invalid(
            "a paper has more than 10000 authors or 1000 categories",
        ));
    }
    Ok(())
}

fn answer(report: AddReport) -> AddAnswer {
    let left_out = report.skipped.into_iter();
    AddAnswer {
        added: report.added,
        updated: report.updated,
        details_updated: report.details_updated,
        unchanged: report.unchanged,
        truncated: report.truncated,
        left_out: left_out
            .map(|skipped| LeftOut {
                index: skipped.line.saturating_sub(1),
                why: skipped.why,
            })
            .collect(),
        papers: report.papers,
    }
}

/// What is gone.
#[derive(Serialize, ToSchema)]
pub(crate) struct RemoveAnswer {
    removed: Vec<String>,
    /// How many papers the library has now.
    #[schema(minimum = 0)]
    papers: usize,
}

/// Takes a paper out of the library.
#[utoipa::path(delete, path = "/api/papers/{id}", tag = "papers",
    params(("id" = String, Path, description = "Id of the paper, percent-encoded", max_length = 512)),
    responses(
        (status = 200, description = "It is gone", body = RemoveAnswer),
        (status = 404, description = "No paper has the id", body = ErrorBody),
    )
)]
pub(crate) async fn remove(app: Shared, Named(id): Named) -> Result<Json<RemoveAnswer>, Failure> {
    let report = app
        .pool
        .write(move |library, _| {
            let report = library.remove(&[id])?;
            match report.unknown.into_iter().next() {
                Some(unknown) => Err(LibraryError::UnknownId {
                    id: unknown.id,
                    nearest: unknown.nearest,
                }),
                None => Ok((report.removed, report.papers)),
            }
        })
        .await;
    app.forget_topics();
    let (removed, papers) = report?;
    Ok(Json(RemoveAnswer { removed, papers }))
}
