//! `/api/topics`: the named topics, and one of them with its papers.
//!
//! Not for: making and changing them (`make_topics.rs`), their groups (`hierarchy.rs`), or papers at their edges (`weights.rs`).

use crate::api::hierarchy::{GroupName, parents_of};
use crate::api::over_time::{Asked, Trend, trend_of};
use crate::api::types::{PaperBody, PaperTitle, TopicName};
use crate::app::Shared;
use crate::errors::{ErrorBody, Failure};
use crate::input::{Named, Parameters};
use axum::Json;
use axum::http::StatusCode;
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use syntopic_library::{
    GroupReport, Library, LibraryError, TopicReport, TopicsReport, TopicsState,
};
use utoipa::ToSchema;

/// Titles of the most central papers that a list of topics shows.
const SHOWN: usize = 3;

/// The topics of one moment, and which papers are in which.
pub(crate) struct TopicIndex {
    pub(crate) state: TopicsState,
    pub(crate) report: Option<TopicsReport>,
    /// By the id of a paper, a place in the report.
    of: HashMap<String, usize>,
    /// Ids of papers that are far from every topic.
    outliers: HashSet<String>,
    /// Another number where other papers are in other topics.
    pub(crate) key: u64,
}

impl TopicIndex {
    pub(crate) fn read(library: &mut Library) -> Result<Self, LibraryError> {
        let report = match library.stored_topics() {
            Err(LibraryError::Empty(_)) => None,
            other => other?,
        };
        let state = match &report {
            Some(_) => TopicsState::Current,
            None => library.info()?.topics,
        };
        let topics = report.iter().flat_map(|report| &report.topics).enumerate();
        let of = topics.flat_map(|(at, topic)| topic.papers.iter().map(move |id| (id.clone(), at)));
        let outliers = report.iter().flat_map(|report| &report.outliers);
        Ok(Self {
            of: of.collect(),
            outliers: outliers.map(|outlier| outlier.id.clone()).collect(),
            key: report.as_ref().map_or(0, key_of),
            state,
            report,
        })
    }

    pub(crate) fn place_of(&self, paper: &str) -> Option<usize> {
        self.of.get(paper).copied()
    }

    pub(crate) fn all(&self) -> &[TopicReport] {
        self.report.as_ref().map_or(&[], |report| &report.topics)
    }

    /// Groups of topics, the coarsest level first.
    pub(crate) fn groups(&self) -> &[GroupReport] {
        self.report.as_ref().map_or(&[], |report| &report.groups)
    }

    /// The report, of topics that there are.
    pub(crate) fn made(&self) -> Result<&TopicsReport, Failure> {
        (self.report.as_ref()).ok_or_else(|| LibraryError::NoTopics.into())
    }

    pub(crate) fn is_outlier(&self, paper: &str) -> bool {
        self.outliers.contains(paper)
    }

    /// The topic with a number, by its name.
    pub(crate) fn called(&self, id: u32) -> Option<TopicName> {
        let topic = self.all().iter().find(|topic| topic.id == id)?;
        Some(TopicName {
            id,
            name: topic.name.clone(),
        })
    }

    /// The topic of a paper.
    pub(crate) fn name_of(&self, paper: &str) -> Option<TopicName> {
        let topic = self.all().get(self.place_of(paper)?)?;
        Some(TopicName {
            id: topic.id,
            name: topic.name.clone(),
        })
    }
}

/// Stands for which papers are in which topics, and what these are called.
fn key_of(report: &TopicsReport) -> u64 {
    let mut hasher = DefaultHasher::new();
    for topic in &report.topics {
        (topic.id, &topic.name, &topic.papers).hash(&mut hasher);
    }
    for group in &report.groups {
        (group.level, group.id, &group.name, &group.topics).hash(&mut hasher);
    }
    hasher.finish()
}

/// One topic, in short.
#[derive(Serialize, ToSchema)]
pub(crate) struct TopicBody {
    /// Its number, which stays.
    #[schema(minimum = 0)]
    id: u32,
    name: String,
    /// Whether a user gave it that name.
    named_by_user: bool,
    /// The text that it was asked for by, of a topic that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    seed: Option<String>,
    /// Number of the group of the finest level that it is in, where topics are grouped: see `/api/hierarchy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    parent: Option<u32>,
    /// How many papers it has.
    #[schema(minimum = 0)]
    size: usize,
    /// Mean cosine of its papers to its centre: larger is tighter, at most 1.
    tightness: f32,
    /// The phrases that tell it from the others, best first.
    terms: Vec<String>,
    /// Its most central papers.
    examples: Vec<PaperTitle>,
}

impl TopicBody {
    fn of(topic: &TopicReport) -> Self {
        let papers = topic.papers.iter().zip(&topic.titles).take(SHOWN);
        Self {
            id: topic.id,
            name: topic.name.clone(),
            named_by_user: topic.named_by_user,
            seed: topic.seed.clone(),
            parent: topic.parent,
            size: topic.size,
            tightness: topic.tightness,
            terms: topic.terms.clone(),
            examples: papers
                .map(|(id, title)| PaperTitle {
                    id: id.clone(),
                    title: title.clone(),
                })
                .collect(),
        }
    }
}

/// Whether there are topics.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TopicsStateBody {
    /// They were never made.
    None,
    /// Papers have changed since.
    Stale,
    /// They are of the present papers.
    Current,
}

impl From<TopicsState> for TopicsStateBody {
    fn from(state: TopicsState) -> Self {
        match state {
            TopicsState::None => Self::None,
            TopicsState::Stale => Self::Stale,
            TopicsState::Current => Self::Current,
        }
    }
}

/// The topics; none where they are not of the present papers.
#[derive(Serialize, ToSchema)]
pub(crate) struct TopicList {
    state: TopicsStateBody,
    /// By their numbers.
    topics: Vec<TopicBody>,
    /// How their number was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    k_method: Option<String>,
    /// Mean silhouette over cosine distances: larger is better, from -1 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    silhouette: Option<f32>,
    /// How many levels of groups there are above the topics: see `/api/hierarchy`.
    #[schema(minimum = 0)]
    levels: usize,
    /// Papers far from every topic, each of which is in the nearest all the same: see `/api/outliers`.
    #[schema(minimum = 0)]
    outliers: usize,
}

impl TopicList {
    pub(crate) fn of(state: TopicsState, report: Option<&TopicsReport>) -> Self {
        let topics = report.map_or(&[][..], |report| &report.topics);
        Self {
            state: state.into(),
            topics: topics.iter().map(TopicBody::of).collect(),
            k_method: report.map(|report| report.k_method.clone()),
            silhouette: report.map(|report| report.silhouette),
            levels: report.map_or(0, levels_of),
            outliers: report.map_or(0, |report| report.outliers.len()),
        }
    }
}

/// How many levels of groups there are.
pub(crate) fn levels_of(report: &TopicsReport) -> usize {
    let levels = report.groups.iter().map(|group| group.level + 1);
    levels.max().unwrap_or(0)
}

/// The named topics of the library.
#[utoipa::path(get, path = "/api/topics", tag = "topics",
    responses((status = 200, description = "The topics, or that there are none", body = TopicList))
)]
pub(crate) async fn list(app: Shared, asked: Parameters) -> Result<Json<TopicList>, Failure> {
    asked.end()?;
    let topics = app.topics().await?;
    Ok(Json(TopicList::of(topics.state, topics.report.as_ref())))
}

/// The error of a number that no topic has.
pub(crate) fn no_such_topic() -> Failure {
    let message = "no topic has this number: /api/topics lists them";
    Failure::new(StatusCode::NOT_FOUND, "unknown_topic", message)
}

/// One topic with its papers.
#[derive(Serialize, ToSchema)]
pub(crate) struct TopicPage {
    #[serde(flatten)]
    topic: TopicBody,
    /// What it is called where no user names it.
    made_name: String,
    /// The groups that it is in, the largest first; none where topics are not grouped.
    parents: Vec<GroupName>,
    /// How many of its papers are far from every topic.
    #[schema(minimum = 0)]
    outliers: usize,
    /// A part of its papers, most central first.
    papers: Vec<PaperBody>,
    /// How many papers it has a year.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    over_time: Option<Trend>,
}

/// One topic: its terms, its papers, most central first, and how many it has a year.
#[utoipa::path(get, path = "/api/topics/{id}", tag = "topics",
    params(
        ("id" = u32, Path, description = "Number of the topic", minimum = 0),
        ("offset" = Option<usize>, Query, description = "Number of the first paper to show, from 0", minimum = 0, maximum = 1000000000),
        ("limit" = Option<usize>, Query, description = "How many papers to show; 50 if not given", minimum = 1, maximum = 500),
    ),
    responses(
        (status = 200, description = "The topic", body = TopicPage),
        (status = 404, description = "No topic has the number", body = ErrorBody),
        (status = 409, description = "There are no topics of the present papers", body = ErrorBody),
    )
)]
pub(crate) async fn one(
    app: Shared,
    Named(id): Named,
    mut asked: Parameters,
) -> Result<Json<TopicPage>, Failure> {
    let offset = asked.number("offset", 0, 0..=1_000_000_000)?;
    let limit = asked.number("limit", 50, 1..=500)?;
    asked.end()?;
    let topics = app.topics().await?;
    let report = topics.made()?;
    let number = id.parse::<u32>().ok();
    let topic = report.topics.iter().find(|topic| Some(topic.id) == number);
    let topic = topic.ok_or_else(no_such_topic)?;
    let shown = topic.papers.iter().skip(offset).take(limit);
    let shown: Vec<String> = shown.cloned().collect();
    let index = Arc::clone(&topics);
    let papers = app.pool.read(move |library, _| {
        let ids: Vec<&str> = shown.iter().map(String::as_str).collect();
        let papers = library.papers_called(&ids)?;
        let over_time = match &index.report {
            Some(report) => Some(library.over_time(report, Asked::default().period())?),
            None => None,
        };
        Ok((papers, over_time))
    });
    let (papers, over_time) = papers.await?;
    let papers = papers.into_iter().flatten();
    Ok(Json(TopicPage {
        topic: TopicBody::of(topic),
        made_name: topic.made_name.clone(),
        parents: parents_of(&report.groups, topic.parent),
        outliers: (report.outliers.iter())
            .filter(|outlier| outlier.topic == topic.id)
            .count(),
        papers: papers.map(|paper| PaperBody::of(paper, &topics)).collect(),
        over_time: over_time.and_then(|report| trend_of(&report, topic.id)),
    }))
}
