//! Other ways to look at topics than their list: what became of them when papers came, and how good they are.

use crate::api::types::TopicName;
use crate::app::Shared;
use crate::errors::{ErrorBody, Failure};
use crate::input::Parameters;
use crate::jobs::{Running, Told};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use syntopic_library::{ChangesReport, Event, LibraryError, Scorecard, TwoTopics};
use utoipa::ToSchema;

/// A new topic.
#[derive(Serialize, ToSchema)]
pub(crate) struct BornBody {
    #[serde(flatten)]
    topic: TopicName,
    /// How many papers it has.
    #[schema(minimum = 0)]
    size: usize,
    /// How many of these had been in other topics.
    #[schema(minimum = 0)]
    moved: usize,
}

/// A topic that became two, or two that became one.
#[derive(Serialize, ToSchema)]
pub(crate) struct TwoBody {
    topic: TopicName,
    /// The one that split off, or that has the papers now.
    into: TopicName,
}

impl TwoBody {
    fn of(two: &TwoTopics) -> Self {
        Self {
            topic: TopicName {
                id: two.id,
                name: two.name.clone(),
            },
            into: TopicName {
                id: two.into,
                name: two.into_name.clone(),
            },
        }
    }
}

/// How far a topic has moved.
#[derive(Serialize, ToSchema)]
pub(crate) struct DriftBody {
    #[serde(flatten)]
    topic: TopicName,
    /// Cosine of its centre now and before: 1 has not moved.
    cosine: f32,
    /// Papers before.
    #[schema(minimum = 0)]
    before: usize,
    /// Papers now.
    #[schema(minimum = 0)]
    now: usize,
}

/// What became of topics when papers came or went last.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChangesBody {
    /// Papers that came, those with another text included.
    #[schema(minimum = 0)]
    came: usize,
    /// Papers that are no longer there.
    #[schema(minimum = 0)]
    left: usize,
    /// Topics of new papers that form a group of their own.
    born: Vec<BornBody>,
    /// Topics that have lost their papers.
    died: Vec<TopicName>,
    /// Topics whose papers fell into two groups.
    split: Vec<TwoBody>,
    /// Topics that became one with another.
    merged: Vec<TwoBody>,
    /// How far each topic that was there has moved, farthest first.
    drift: Vec<DriftBody>,
}

impl ChangesBody {
    fn of(changes: &ChangesReport) -> Self {
        let name = |id: u32, name: &String| TopicName {
            id,
            name: name.clone(),
        };
        let born = changes.born.iter().map(|born| BornBody {
            topic: name(born.id, &born.name),
            size: born.size,
            moved: born.moved,
        });
        let drift = changes.drift.iter().map(|drift| DriftBody {
            topic: name(drift.id, &drift.name),
            cosine: drift.cosine,
            before: drift.before,
            now: drift.now,
        });
        Self {
            came: changes.came,
            left: changes.left,
            born: born.collect(),
            died: (changes.died.iter())
                .map(|died| name(died.id, &died.name))
                .collect(),
            split: changes.split.iter().map(TwoBody::of).collect(),
            merged: changes.merged.iter().map(TwoBody::of).collect(),
            drift: drift.collect(),
        }
    }
}

/// What became of topics since they were made.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChangesAnswer {
    /// Not there where topics were just made, and nothing became of them yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    changes: Option<ChangesBody>,
}

/// What became of the topics when papers came or went last: those born, died, split and merged, and how far each has moved.
#[utoipa::path(get, path = "/api/topics/changes", tag = "topics",
    responses(
        (status = 200, description = "The changes", body = ChangesAnswer),
        (status = 409, description = "There are no topics of the present papers", body = ErrorBody),
    )
)]
pub(crate) async fn changes(
    app: Shared,
    asked: Parameters,
) -> Result<Json<ChangesAnswer>, Failure> {
    asked.end()?;
    let topics = app.topics().await?;
    let changes = topics.made()?.changes.as_ref();
    Ok(Json(ChangesAnswer {
        changes: changes.map(ChangesBody::of),
    }))
}

/// How good topics are, without labels.
#[derive(Serialize, ToSchema)]
pub(crate) struct ScorecardBody {
    /// Mean cosine silhouette of all papers, -1 to 1: larger is better separated.
    silhouette: f64,
    /// Its standard error.
    silhouette_error: f64,
    /// Mean NPMI of pairs of the topics' words, -1 to 1: larger is more coherent.
    coherence: f64,
    /// Different words over all words of all topics, 0 to 1: larger means that topics share fewer.
    diversity: f64,
    /// Mean adjusted Rand index of these topics and those of subsamples, at most 1: larger is more stable. Not of too few papers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    stability: Option<f64>,
    /// Its standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    stability_error: Option<f64>,
    /// Effective rank of the vectors, 1 to their length: larger means more directions used.
    effective_rank: f64,
    /// Length of the vectors.
    #[schema(minimum = 0)]
    dim: usize,
    /// Share of papers that are outliers.
    outlier_share: f64,
}

impl ScorecardBody {
    fn of(card: &Scorecard) -> Self {
        // A figure that cannot be had is told as 0, as JSON has no word for it.
        let finite = |value: f64| if value.is_finite() { value } else { 0.0 };
        Self {
            silhouette: finite(card.silhouette),
            silhouette_error: finite(card.silhouette_error),
            coherence: finite(card.coherence),
            diversity: finite(card.diversity),
            stability: card.stability.filter(|value| value.is_finite()),
            stability_error: card.stability_error.filter(|value| value.is_finite()),
            effective_rank: finite(card.effective_rank),
            dim: card.dim,
            outlier_share: finite(card.outlier_share),
        }
    }
}

/// How good the topics are: silhouette, coherence, diversity, stability, effective rank. It takes longer than a request: ask again.
#[utoipa::path(get, path = "/api/topics/scorecard", tag = "topics",
    responses(
        (status = 200, description = "The scores", body = ScorecardBody),
        (status = 202, description = "They are being measured: ask again", body = Running),
        (status = 409, description = "There are no topics of the present papers", body = ErrorBody),
    )
)]
pub(crate) async fn scorecard(app: Shared, asked: Parameters) -> Result<Response, Failure> {
    asked.end()?;
    let topics = app.topics().await?;
    topics.made()?;
    let (pool, job) = (Arc::clone(&app.pool), Arc::clone(&app.scorecard));
    let index = Arc::clone(&topics);
    let begin = move || async move {
        let made = pool.read_long(move |library, progress| {
            let report = index.report.as_ref().ok_or(LibraryError::NoTopics)?;
            library.score_topics(report, &mut |event| {
                if let Event::Topics { step, done, of } = event {
                    job.tell(Running::at(step, done, of));
                }
                progress(event)
            })
        });
        made.await
    };
    match app.scorecard.ask(topics.key, begin).await? {
        Told::Running(at) => Ok((StatusCode::ACCEPTED, Json(at)).into_response()),
        Told::Done(card) => Ok(Json(ScorecardBody::of(&card)).into_response()),
    }
}
