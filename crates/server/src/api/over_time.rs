//! `/api/over-time`: how many papers each topic has a period, and which topics rise or fall.

use crate::app::Shared;
use crate::errors::{ErrorBody, Failure};
use crate::input::Parameters;
use axum::Json;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use std::sync::Arc;
use syntopic_library::{Direction, LibraryError, OverTimeReport, Period, TopicOverTime};
use utoipa::ToSchema;

/// The length of a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Asked {
    /// A calendar year, written 2024.
    #[default]
    Year,
    /// A calendar month, written 2024-03.
    Month,
}

impl Asked {
    pub(crate) fn period(self) -> Period {
        match self {
            Self::Year => Period::Year,
            Self::Month => Period::Month,
        }
    }
}

impl FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse()? {
            Period::Year => Ok(Self::Year),
            Period::Month => Ok(Self::Month),
        }
    }
}

/// Where the share of a topic goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DirectionBody {
    /// Its slope is at least three standard errors above 0.
    Rising,
    /// Its slope is at least three standard errors below 0.
    Falling,
    /// Neither can be said.
    Steady,
}

/// One topic over time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TopicOverTimeBody {
    /// Number of the topic.
    #[schema(minimum = 0)]
    id: u32,
    name: String,
    /// How many of its papers have a date.
    #[schema(minimum = 0)]
    dated: usize,
    /// Papers each period.
    counts: Vec<usize>,
    /// Share of each period's papers.
    shares: Vec<f64>,
    /// Change of its share a period.
    slope: f64,
    /// Standard error of that.
    standard_error: f64,
    direction: DirectionBody,
}

impl TopicOverTimeBody {
    fn of(topic: &TopicOverTime) -> Self {
        // A figure that cannot be had is told as 0, as JSON has no word for it.
        let finite = |value: f64| if value.is_finite() { value } else { 0.0 };
        Self {
            id: topic.id,
            name: topic.name.clone(),
            dated: topic.dated,
            counts: topic.counts.clone(),
            shares: topic.shares.iter().copied().map(finite).collect(),
            slope: finite(topic.slope),
            standard_error: finite(topic.standard_error),
            direction: match topic.direction {
                Direction::Rising => DirectionBody::Rising,
                Direction::Falling => DirectionBody::Falling,
                Direction::Steady => DirectionBody::Steady,
            },
        }
    }
}

/// Topics over time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OverTimeBody {
    period: Asked,
    /// Every period from the first to the last.
    periods: Vec<String>,
    /// Papers of all topics each period.
    totals: Vec<usize>,
    /// Papers counted.
    #[schema(minimum = 0)]
    dated: usize,
    /// Papers left out, as they have no date that can be used.
    #[schema(minimum = 0)]
    undated: usize,
    topics: Vec<TopicOverTimeBody>,
}

/// One topic a year.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Trend {
    /// Every period from the first to the last.
    periods: Vec<String>,
    /// Papers of all topics each period.
    totals: Vec<usize>,
    #[serde(flatten)]
    topic: TrendOfTopic,
}

/// Its own numbers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrendOfTopic {
    /// Papers each period.
    counts: Vec<usize>,
    /// Change of its share a period.
    slope: f64,
    direction: DirectionBody,
}

/// What a report says of one topic.
pub(crate) fn trend_of(report: &OverTimeReport, id: u32) -> Option<Trend> {
    let topic = report.topics.iter().find(|topic| topic.id == id)?;
    let topic = TopicOverTimeBody::of(topic);
    Some(Trend {
        periods: report.periods.clone(),
        totals: report.totals.clone(),
        topic: TrendOfTopic {
            counts: topic.counts,
            slope: topic.slope,
            direction: topic.direction,
        },
    })
}

/// Papers of each topic a year or a month, with slopes.
#[utoipa::path(get, path = "/api/over-time", tag = "topics",
    params(("period" = Option<Asked>, Query, description = "Length of a period; a year if not given")),
    responses(
        (status = 200, description = "Topics over time", body = OverTimeBody),
        (status = 409, description = "There are no topics of the present papers", body = ErrorBody),
    )
)]
pub(crate) async fn over_time(
    app: Shared,
    mut asked: Parameters,
) -> Result<Json<OverTimeBody>, Failure> {
    let period: Asked = asked.parsed("period")?.unwrap_or_default();
    asked.end()?;
    let topics = app.topics().await?;
    if topics.report.is_none() {
        return Err(LibraryError::NoTopics.into());
    }
    let index = Arc::clone(&topics);
    let report = app.pool.read(move |library, _| match &index.report {
        Some(report) => library.over_time(report, period.period()),
        None => Err(LibraryError::NoTopics),
    });
    let report = report.await?;
    Ok(Json(OverTimeBody {
        period,
        topics: report.topics.iter().map(TopicOverTimeBody::of).collect(),
        periods: report.periods,
        totals: report.totals,
        dated: report.dated,
        undated: report.papers - report.dated,
    }))
}
