//! What answers are made of: papers with their topics.

use crate::api::topics::TopicIndex;
use crate::input::maybe_whole;
use serde::{Deserialize, Serialize};
use syntopic_library::Paper;
use utoipa::ToSchema;

/// A topic that a paper is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct TopicName {
    /// Its number.
    #[schema(minimum = 0)]
    pub(crate) id: u32,
    pub(crate) name: String,
}

/// A paper as the library knows it. What is not known is left out.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PaperBody {
    pub(crate) id: String,
    /// May be empty where there is an abstract.
    pub(crate) title: String,
    #[serde(rename = "abstract", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) abstract_text: Option<String>,
    pub(crate) authors: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) year: Option<i32>,
    /// As its source wrote it, mostly YYYY-MM-DD.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) venue: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) doi: Option<String>,
    pub(crate) categories: Vec<String>,
    /// Its topic, where topics are of the present papers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) topic: Option<TopicName>,
    /// True of a paper far from every topic: the one above is the nearest.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub(crate) outlier: bool,
}

impl PaperBody {
    pub(crate) fn of(paper: Paper, topics: &TopicIndex) -> Self {
        let id = paper.id.to_string();
        Self {
            topic: topics.name_of(&id),
            outlier: topics.is_outlier(&id),
            id,
            title: paper.title,
            abstract_text: paper.abstract_text,
            authors: paper.authors,
            year: paper.year,
            date: paper.date,
            venue: paper.venue,
            url: paper.url,
            doi: paper.doi,
            categories: paper.categories,
        }
    }
}

/// A paper by its title.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PaperTitle {
    pub(crate) id: String,
    pub(crate) title: String,
}

/// A paper to add: a title or an abstract must be there.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPaper {
    /// What it is called in this library; a paper that has the id already is replaced where it differs.
    #[schema(min_length = 1, max_length = 512)]
    pub(crate) id: String,
    #[serde(default)]
    title: String,
    #[serde(rename = "abstract", skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100000)]
    abstract_text: Option<String>,
    #[serde(default)]
    #[schema(max_items = 10000)]
    pub(crate) authors: Vec<String>,
    #[serde(
        default,
        deserialize_with = "maybe_whole",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = -10000, maximum = 10000)]
    pub(crate) year: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    venue: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    doi: Option<String>,
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub(crate) categories: Vec<String>,
}

impl NewPaper {
    /// Everything it says, for a check of lengths.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &String> {
        let some = [
            &self.abstract_text,
            &self.date,
            &self.venue,
            &self.url,
            &self.doi,
        ];
        [&self.id, &self.title]
            .into_iter()
            .chain(some.into_iter().flatten())
            .chain(&self.authors)
            .chain(&self.categories)
    }
}
