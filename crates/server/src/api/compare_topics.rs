//! `/api/topics/compare`: how two runs of topics differ, as `syntopic topics --compare` says it.

use crate::app::Shared;
use crate::errors::{ErrorBody, Failure};
use crate::input::{Body, in_bounds, whole};
use crate::shape::{maybe_object, object, objects};
use axum::Json;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use syntopic_library::{ComparisonReport, SideTopic, TopicReport, TopicsReport, compare_topics};
use utoipa::ToSchema;

/// A topic of a run.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct RunTopic {
    /// Its number.
    #[serde(deserialize_with = "whole")]
    #[schema(minimum = 0, maximum = 2147483647)]
    id: u32,
    name: String,
    /// Ids of its papers.
    papers: Vec<String>,
}

/// A run of topics as `syntopic topics --json` or `--export` writes it; of what it has beside, nothing is looked at.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct RunBody {
    #[serde(deserialize_with = "objects")]
    topics: Vec<RunTopic>,
}

impl RunBody {
    fn report(self) -> Result<TopicsReport, Failure> {
        let topics = self.topics.into_iter().map(|topic| {
            in_bounds(
                "the number of a topic",
                topic.id as usize,
                0..=2_147_483_647,
            )?;
            let mut known = HashSet::new();
            let mut papers = topic.papers;
            papers.retain(|id| known.insert(id.clone()));
            Ok(TopicReport {
                id: topic.id,
                name: topic.name,
                size: papers.len(),
                papers,
                ..TopicReport::default()
            })
        });
        Ok(TopicsReport {
            topics: topics.collect::<Result<_, Failure>>()?,
            ..TopicsReport::default()
        })
    }
}

/// Two runs of topics.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompareBody {
    /// The first.
    #[serde(deserialize_with = "object")]
    a: RunBody,
    /// The second; the topics of now if not given.
    #[serde(default, deserialize_with = "maybe_object")]
    b: Option<RunBody>,
}

/// A topic of one of the runs.
#[derive(Serialize, ToSchema)]
pub(crate) struct SideBody {
    /// Its number there.
    #[schema(minimum = 0)]
    id: u32,
    name: String,
    /// How many papers it has.
    #[schema(minimum = 0)]
    size: usize,
}

impl SideBody {
    fn of(side: SideTopic) -> Self {
        Self {
            id: side.id,
            name: side.name,
            size: side.size,
        }
    }
}

/// A topic of the first run and its like in the second.
#[derive(Serialize, ToSchema)]
pub(crate) struct MatchBody {
    topic: SideBody,
    /// The one with most of its papers; not there where no topic has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    like: Option<SideBody>,
    /// Papers in both.
    #[schema(minimum = 0)]
    shared: usize,
    /// Of the papers in either, the share in both.
    #[schema(minimum = 0, maximum = 1)]
    jaccard: f64,
}

/// How two runs differ, on the papers that both have.
#[derive(Serialize, ToSchema)]
pub(crate) struct ComparisonBody {
    /// Papers that both have.
    #[schema(minimum = 0)]
    papers: usize,
    /// Papers that only the first has, and only the second.
    #[schema(min_items = 2, max_items = 2)]
    only: Vec<usize>,
    /// How many topics each has.
    #[schema(min_items = 2, max_items = 2)]
    topics: Vec<usize>,
    /// Adjusted Rand index, at most 1: larger is more alike, 0 is chance.
    ari: f64,
    /// Normalised mutual information, 0 to 1: larger is more alike.
    nmi: f64,
    /// For each topic of the first run its like in the second.
    matches: Vec<MatchBody>,
    /// Topics of the second run that are no such like.
    unmatched: Vec<SideBody>,
}

impl ComparisonBody {
    fn of(report: ComparisonReport) -> Self {
        // A figure that cannot be had is told as 0, as JSON has no word for it.
        let finite = |value: f64| if value.is_finite() { value } else { 0.0 };
        let matches = report.matches.into_iter().map(|one| MatchBody {
            topic: SideBody::of(one.topic),
            like: one.like.map(SideBody::of),
            shared: one.shared,
            jaccard: finite(one.jaccard),
        });
        Self {
            papers: report.papers,
            only: report.only.to_vec(),
            topics: report.topics.to_vec(),
            ari: finite(report.ari),
            nmi: finite(report.nmi),
            matches: matches.collect(),
            unmatched: report.unmatched.into_iter().map(SideBody::of).collect(),
        }
    }
}

/// How two runs of topics differ: one given and the topics of now, or two given. Nothing is stored.
#[utoipa::path(post, path = "/api/topics/compare", tag = "topics", request_body = CompareBody,
    responses(
        (status = 200, description = "How they differ", body = ComparisonBody),
        (status = 409, description = "No second run is given, and there are no topics of the present papers", body = ErrorBody),
    )
)]
pub(crate) async fn compare(
    app: Shared,
    Body(asked): Body<CompareBody>,
) -> Result<Json<ComparisonBody>, Failure> {
    let now = match asked.b {
        Some(_) => None,
        None => Some(app.topics().await?),
    };
    if let Some(topics) = &now {
        topics.made()?;
    }
    let (a, b) = (asked.a.report()?, asked.b.map(RunBody::report).transpose()?);
    let compared = tokio::task::spawn_blocking(move || {
        let now = now.as_ref().and_then(|topics| topics.report.as_ref());
        let other = b.as_ref().or(now);
        other.map(|other| compare_topics(&a, other))
    });
    let compared = compared.await.map_err(|_| Failure::panicked())?;
    let report = compared.ok_or_else(Failure::panicked)?;
    Ok(Json(ComparisonBody::of(report)))
}
