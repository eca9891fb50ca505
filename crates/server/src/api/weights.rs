//! Papers at the edges of topics: how much of each topic a paper is, and which are far from every one.

use crate::api::topics::TopicIndex;
use crate::api::types::{PaperBody, TopicName};
use crate::app::{App, Shared};
use crate::errors::{ErrorBody, Failure};
use crate::input::{Named, Parameters};
use crate::jobs::{Running, Told};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use syntopic_library::{LibraryError, PaperWeights, WeightsReport};
use utoipa::ToSchema;

/// A topic and how much of a paper it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct WeightBody {
    #[serde(flatten)]
    topic: TopicName,
    /// The weights of a paper sum to 1.
    #[schema(minimum = 0, maximum = 1)]
    weight: f64,
}

/// The topics of a paper.
#[derive(Serialize, ToSchema)]
pub(crate) struct PaperTopics {
    /// Id of the paper.
    id: String,
    /// Its topics, the one it is in first, then by weight.
    topics: Vec<WeightBody>,
}

impl PaperTopics {
    fn of(paper: &PaperWeights, topics: &TopicIndex) -> Self {
        // One that was made or left just now has no name here.
        let named = paper.topics.iter().filter_map(|of| {
            Some(WeightBody {
                topic: topics.called(of.id)?,
                weight: of.weight,
            })
        });
        Self {
            id: paper.id.clone(),
            topics: named.collect(),
        }
    }
}

/// The topics of every paper.
#[derive(Serialize, ToSchema)]
pub(crate) struct WeightsBody {
    /// The concentration that the weights were made with: larger is nearer to one topic a paper.
    #[schema(minimum = 0)]
    kappa: f64,
    /// How many papers there are.
    #[schema(minimum = 0)]
    total: usize,
    /// Number of the first of those that are here, from 0.
    #[schema(minimum = 0)]
    offset: usize,
    /// In the order of their ids.
    papers: Vec<PaperTopics>,
}

/// The weights of all papers, made once for the topics of now.
async fn told(app: &App, topics: &Arc<TopicIndex>) -> Result<Told<WeightsReport>, Failure> {
    topics.made()?;
    let (pool, index) = (Arc::clone(&app.pool), Arc::clone(topics));
    let begin = move || async move {
        let made = pool.read_long(move |library, _| match &index.report {
            Some(report) => library.topic_weights(report),
            None => Err(LibraryError::NoTopics),
        });
        made.await
    };
    app.weights.ask(topics.key, begin).await
}

/// How much of each topic the papers are, a part of them at a time. It may take longer than a request: then ask again.
#[utoipa::path(get, path = "/api/weights", tag = "topics",
    params(
        ("offset" = Option<usize>, Query, description = "Number of the first to show, from 0", minimum = 0, maximum = 1000000000),
        ("limit" = Option<usize>, Query, description = "How many to show; 50 if not given", minimum = 1, maximum = 1000),
    ),
    responses(
        (status = 200, description = "Weights of papers", body = WeightsBody),
        (status = 202, description = "They are being found: ask again", body = Running),
        (status = 409, description = "There are no topics of the present papers", body = ErrorBody),
    )
)]
pub(crate) async fn weights(app: Shared, mut asked: Parameters) -> Result<Response, Failure> {
    let offset = asked.number("offset", 0, 0..=1_000_000_000)?;
    let limit = asked.number("limit", 50, 1..=1_000)?;
    asked.end()?;
    let topics = app.topics().await?;
    let report = match told(&app, &topics).await? {
        Told::Running(at) => return Ok((StatusCode::ACCEPTED, Json(at)).into_response()),
        Told::Done(report) => report,
    };
    let shown = report.papers.iter().skip(offset).take(limit);
    let body = WeightsBody {
        kappa: report.kappa,
        total: report.papers.len(),
        offset,
        papers: shown.map(|paper| PaperTopics::of(paper, &topics)).collect(),
    };
    Ok(Json(body).into_response())
}

/// How much of each topic one paper is. It may take longer than a request: then ask again.
#[utoipa::path(get, path = "/api/papers/{id}/topics", tag = "topics",
    params(("id" = String, Path, description = "Id of the paper, percent-encoded", max_length = 512)),
    responses(
        (status = 200, description = "Its topics; none of a paper without a vector", body = PaperTopics),
        (status = 202, description = "They are being found: ask again", body = Running),
        (status = 404, description = "No paper has the id", body = ErrorBody),
        (status = 409, description = "There are no topics of the present papers", body = ErrorBody),
    )
)]
pub(crate) async fn of_paper(app: Shared, Named(id): Named) -> Result<Response, Failure> {
    let topics = app.topics().await?;
    topics.made()?;
    let paper = app.pool.read(move |library, _| library.paper(&id)).await?;
    let report = match told(&app, &topics).await? {
        Told::Running(at) => return Ok((StatusCode::ACCEPTED, Json(at)).into_response()),
        Told::Done(report) => report,
    };
    let id = paper.id.as_str();
    let at = report
        .papers
        .binary_search_by(|known| known.id.as_str().cmp(id));
    let body = match at.ok().and_then(|at| report.papers.get(at)) {
        Some(paper) => PaperTopics::of(paper, &topics),
        None => PaperTopics {
            id: id.to_owned(),
            topics: Vec::new(),
        },
    };
    Ok(Json(body).into_response())
}

/// A paper far from every topic.
#[derive(Serialize, ToSchema)]
pub(crate) struct OutlierBody {
    /// With the topic nearest to it.
    paper: PaperBody,
    /// Cosine to the nearest centre of any topic, its own without it: at most 1.
    cosine: f32,
}

/// Papers far from every topic.
#[derive(Serialize, ToSchema)]
pub(crate) struct OutlierList {
    /// How many there are.
    #[schema(minimum = 0)]
    total: usize,
    /// These as a share of all papers.
    #[schema(minimum = 0, maximum = 1)]
    share: f64,
    /// The largest such share that was asked for.
    #[schema(minimum = 0, maximum = 1)]
    max_share: f64,
    /// Number of the first of those that are here, from 0.
    #[schema(minimum = 0)]
    offset: usize,
    /// The farthest first.
    papers: Vec<OutlierBody>,
}

/// Papers far from every topic, the farthest first; each is in the topic nearest to it all the same.
#[utoipa::path(get, path = "/api/outliers", tag = "topics",
    params(
        ("offset" = Option<usize>, Query, description = "Number of the first to show, from 0", minimum = 0, maximum = 1000000000),
        ("limit" = Option<usize>, Query, description = "How many to show; 50 if not given", minimum = 1, maximum = 500),
    ),
    responses(
        (status = 200, description = "The papers", body = OutlierList),
        (status = 409, description = "There are no topics of the present papers", body = ErrorBody),
    )
)]
pub(crate) async fn outliers(
    app: Shared,
    mut asked: Parameters,
) -> Result<Json<OutlierList>, Failure> {
    let offset = asked.number("offset", 0, 0..=1_000_000_000)?;
    let limit = asked.number("limit", 50, 1..=500)?;
    asked.end()?;
    let topics = app.topics().await?;
    let report = topics.made()?;
    let shown = report.outliers.iter().skip(offset).take(limit);
    let (ids, cosines): (Vec<String>, Vec<f32>) = shown
        .map(|outlier| (outlier.id.clone(), outlier.cosine))
        .unzip();
    let papers = app.pool.read(move |library, _| {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        library.papers_called(&ids)
    });
    let papers = papers.await?.into_iter().zip(cosines);
    Ok(Json(OutlierList {
        total: report.outliers.len(),
        share: report.outlier_share,
        max_share: report.max_outliers,
        offset,
        papers: papers
            .filter_map(|(paper, cosine)| {
                let paper = PaperBody::of(paper?, &topics);
                Some(OutlierBody { paper, cosine })
            })
            .collect(),
    }))
}
