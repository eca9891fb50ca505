//! `/api/topics`: the named topics, one of them with its papers, and making them.

use crate::api::over_time::{Asked, Trend, trend_of};
use crate::api::types::{PaperBody, PaperTitle, TopicName};
use crate::app::Shared;
use crate::errors::{ErrorBody, Failure};
use crate::input::{Body, Named, Parameters, in_bounds, maybe_whole};
use crate::jobs::{Running, Told};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use syntopic_library::{
    Event, Library, LibraryError, TopicReport, TopicsReport, TopicsRequest, TopicsState,
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
        Ok(Self {
            of: of.collect(),
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

    /// The topic of a paper.
    pub(crate) fn name_of(&self, paper: &str) -> Option<TopicName> {
        let topic = self.all().get(self.place_of(paper)?)?;
        Some(TopicName {
            id: topic.id,
            name: topic.name.clone(),
        })
    }
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
}

impl TopicList {
    fn of(state: TopicsState, report: Option<&TopicsReport>) -> Self {
        let topics = report.map_or(&[][..], |report| &report.topics);
        Self {
            state: state.into(),
            topics: topics.iter().map(TopicBody::of).collect(),
            k_method: report.map(|report| report.k_method.clone()),
            silhouette: report.map(|report| report.silhouette),
        }
    }
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

/// How topics are made.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MakeBody {
    /// How many; chosen from the papers if not given.
    #[serde(deserialize_with = "maybe_whole")]
    #[schema(minimum = 1, maximum = 1000)]
    k: Option<usize>,
    /// Whether they are made anew though there are some that could be brought up to date.
    fresh: bool,
}

/// Makes topics, or brings those there are up to date. It may take longer than a request: then ask again.
#[utoipa::path(post, path = "/api/topics", tag = "topics", request_body = MakeBody,
    responses(
        (status = 200, description = "They are made", body = TopicList),
        (status = 202, description = "They are being made: ask again", body = Running),
        (status = 409, description = "The library has no papers, or fewer than topics are asked for", body = ErrorBody),
    )
)]
pub(crate) async fn make(app: Shared, Body(body): Body<MakeBody>) -> Result<Response, Failure> {
    let k = body.k.map(|k| in_bounds("k", k, 1..=1_000));
    let request = TopicsRequest {
        k: k.transpose()?,
        fresh: body.fresh,
        ..TopicsRequest::default()
    };
    let (pool, job) = (Arc::clone(&app.pool), Arc::clone(&app.making_topics));
    let begin = move || async move {
        let made = pool.write(move |library, progress| {
            library.topics(&request, &mut |event| {
                if let Event::Topics { step, done, of } = event {
                    job.tell(Running::at(step, done, of));
                }
                progress(event)
            })
        });
        made.await
    };
    let told = app.making_topics.ask(0, begin).await;
    app.forget_topics();
    match told? {
        Told::Done(report) => {
            // Whoever asks next wants them made of the papers of then.
            app.making_topics.forget();
            let list = TopicList::of(TopicsState::Current, Some(&report));
            Ok(Json(list).into_response())
        }
        Told::Running(at) => Ok((StatusCode::ACCEPTED, Json(at)).into_response()),
    }
}

/// One topic with its papers.
#[derive(Serialize, ToSchema)]
pub(crate) struct TopicPage {
    #[serde(flatten)]
    topic: TopicBody,
    /// What it is called where no user names it.
    made_name: String,
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
    let Some(report) = &topics.report else {
        return Err(LibraryError::NoTopics.into());
    };
    let number = id.parse::<u32>().ok();
    let topic = report.topics.iter().find(|topic| Some(topic.id) == number);
    let Some(topic) = topic else {
        let message = "no topic has this number: /api/topics lists them";
        return Err(Failure::new(
            StatusCode::NOT_FOUND,
            "unknown_topic",
            message,
        ));
    };
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
        papers: papers.map(|paper| PaperBody::of(paper, &topics)).collect(),
        over_time: over_time.and_then(|report| trend_of(&report, topic.id)),
    }))
}
