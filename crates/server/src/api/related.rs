//! `/api/related`: the papers most like what is liked and unlike what is not.

use crate::api::filter::FilterBody;
use crate::api::like::{GIVEN, Like};
use crate::api::topics::TopicIndex;
use crate::api::types::PaperBody;
use crate::app::{App, Shared};
use crate::errors::{ErrorBody, Failure};
use crate::input::{Body, Named, Parameters, in_bounds, whole};
use crate::shape::{object, word};
use axum::Json;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use syntopic_library::{
    Paper, Query, QueryReport, Related, RelatedHit, RelatedMode, RelatedOptions, Version,
};
use utoipa::ToSchema;

/// Most hits of one answer.
const MOST_HITS: usize = 200;

/// Most things that are liked, or not, at once.
const MOST_QUERIES: usize = 20;

/// What makes papers alike.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ModeBody {
    /// Meaning and rare words.
    #[default]
    Hybrid,
    /// Meaning alone.
    Semantic,
    /// Rare words alone.
    Lexical,
}

impl FromStr for ModeBody {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "hybrid" => Ok(Self::Hybrid),
            "semantic" => Ok(Self::Semantic),
            "lexical" => Ok(Self::Lexical),
            _ => Err("the modes are hybrid, semantic and lexical"),
        }
    }
}

impl From<ModeBody> for RelatedMode {
    fn from(mode: ModeBody) -> Self {
        match mode {
            ModeBody::Hybrid => Self::Hybrid,
            ModeBody::Semantic => Self::Semantic,
            ModeBody::Lexical => Self::Lexical,
        }
    }
}

/// What related papers are asked for.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RelatedBody {
    /// What hits are to be like: all of it, on average.
    #[schema(min_items = 1, max_items = 20)]
    like: Vec<Like>,
    /// What hits are to be unlike.
    #[serde(default)]
    #[schema(max_items = 20)]
    unlike: Vec<Like>,
    /// What a paper must be to be a hit.
    #[serde(default, deserialize_with = "object")]
    filter: FilterBody,
    #[serde(default, deserialize_with = "word")]
    mode: ModeBody,
    /// Whether hits are to be unlike each other too.
    #[serde(default)]
    diverse: bool,
    /// Whether every version of a paper may be a hit.
    #[serde(default)]
    all_versions: bool,
    /// Whether to say of each hit how it compares with random pairs, and which sentences are nearest. Takes longer.
    #[serde(default)]
    explain: bool,
    /// Whether all papers are compared, this once, however large the library is. Not with `recall`.
    #[serde(default)]
    exact: bool,
    /// Share of the true hits that the search of a large library is to find: it stays so for all who ask later.
    #[schema(minimum = 0.5, maximum = 0.9999)]
    recall: Option<f64>,
    /// Most hits.
    #[serde(default = "ten", deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 200, default = 10)]
    limit: usize,
}

fn ten() -> usize {
    10
}

/// Something that was asked with, as it was understood.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Understood {
    /// Id of the paper.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    id: Option<String>,
    /// Title of the paper.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    title: Option<String>,
    /// The text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    text: Option<String>,
    /// Names of the topics whose centre it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    topics: Vec<String>,
    /// Whether the text is longer than the model reads, and only its beginning was compared.
    truncated: bool,
}

impl From<QueryReport> for Understood {
    fn from(report: QueryReport) -> Self {
        Self {
            id: report.id.filter(|id| !id.starts_with(GIVEN)),
            title: report.title,
            text: report.text,
            topics: report.like_topics,
            truncated: report.truncated,
        }
    }
}

/// Two sentences that are near to each other.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Sentences {
    /// Of what was asked with.
    query: String,
    /// Of the hit.
    hit: String,
    /// Cosine of the two: larger is nearer, at most 1.
    cosine: f32,
}

/// Why a paper is a hit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Why {
    /// Cosine of the vectors: larger is more alike, at most 1.
    cosine: f32,
    /// What the hybrid mode counts of meaning.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    nearness: Option<f32>,
    /// Cosine of the titles alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    titles: Option<f32>,
    /// Likeness by shared words, rare ones counting more; 1 is the same text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    lexical: Option<f32>,
    /// Rare words in common, the rarest first.
    shared_words: Vec<String>,
    /// Percentage of random pairs of the library that are less alike, 0 to 100; with `explain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    percentile: Option<f64>,
    /// The nearest sentences; with `explain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    sentences: Option<Sentences>,
}

/// Another version of a hit, which is no hit itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionBody {
    id: String,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    year: Option<i32>,
}

impl From<Version> for VersionBody {
    fn from(version: Version) -> Self {
        Self {
            id: version.id,
            title: version.title,
            year: version.year,
        }
    }
}

/// One related paper.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Hit {
    /// From 1.
    #[schema(minimum = 1)]
    rank: usize,
    /// What hits are ordered by: larger is more alike.
    score: f32,
    paper: PaperBody,
    why: Why,
    /// Other versions of the paper.
    versions: Vec<VersionBody>,
}

/// Related papers, most alike first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RelatedAnswer {
    like: Vec<Understood>,
    unlike: Vec<Understood>,
    mode: ModeBody,
    hits: Vec<Hit>,
    /// How it was searched, and anything else to know.
    notes: Vec<String>,
}

/// The papers most like what is liked: papers by id, texts, centres of topics.
#[utoipa::path(post, path = "/api/related", tag = "related", request_body = RelatedBody,
    responses(
        (status = 200, description = "Related papers", body = RelatedAnswer),
        (status = 404, description = "A paper, a topic or an author is not there", body = ErrorBody),
        (status = 409, description = "The library is empty, a topic is named and there are none, or what is asked for contradicts itself", body = ErrorBody),
    )
)]
pub(crate) async fn related(
    app: Shared,
    Body(body): Body<RelatedBody>,
) -> Result<Json<RelatedAnswer>, Failure> {
    for (what, queries) in [("like", &body.like), ("unlike", &body.unlike)] {
        if queries.len() > MOST_QUERIES {
            let message = format!("{what} has more than {MOST_QUERIES} values");
            return Err(Failure::invalid(message));
        }
    }
    let queries = |all: Vec<Like>| {
        all.into_iter()
            .map(Like::query)
            .collect::<Result<Vec<_>, _>>()
    };
    let mut like = queries(body.like)?.into_iter();
    let Some(first) = like.next() else {
        let message = "like is empty: give a paper's id, a text or a topic";
        return Err(Failure::invalid(message));
    };
    let options = RelatedOptions {
        k: in_bounds("limit", body.limit, 1..=MOST_HITS)?,
        mode: body.mode.into(),
        and: like.collect(),
        not: queries(body.unlike)?,
        filter: body.filter.checked()?,
        diverse: body.diverse,
        all_versions: body.all_versions,
        explain: body.explain,
        recall: recall(body.exact, body.recall)?,
        model: None,
    };
    ask(&app, first, options, body.mode).await.map(Json)
}

/// Which share of the true hits a search is to find, where that was said.
fn recall(exact: bool, share: Option<f64>) -> Result<Option<f64>, Failure> {
    match (exact, share) {
        (true, None) => Ok(Some(1.0)),
        (true, Some(_)) => Err(Failure::contradiction(
            "exact finds all true hits: leave recall out",
        )),
        (false, Some(share)) if !(0.5..=0.9999).contains(&share) => {
            let message = format!("recall is {share}: it must be 0.5 to 0.9999");
            Err(Failure::invalid(message))
        }
        (false, share) => Ok(share),
    }
}

/// The papers most like one paper of the library.
#[utoipa::path(get, path = "/api/papers/{id}/related", tag = "related",
    params(
        ("id" = String, Path, description = "Id of the paper, percent-encoded", max_length = 512),
        FilterBody,
        ("mode" = Option<ModeBody>, Query, description = "What makes papers alike; hybrid if not given"),
        ("diverse" = Option<bool>, Query, description = "Whether hits are to be unlike each other too"),
        ("all_versions" = Option<bool>, Query, description = "Whether every version of a paper may be a hit"),
        ("explain" = Option<bool>, Query, description = "Whether to say of each hit how it compares with random pairs, and which sentences are nearest"),
        ("limit" = Option<usize>, Query, description = "Most hits; 10 if not given", minimum = 1, maximum = 200),
    ),
    responses(
        (status = 200, description = "Related papers", body = RelatedAnswer),
        (status = 404, description = "The paper, a topic or an author is not there", body = ErrorBody),
        (status = 409, description = "A topic is named and there are none", body = ErrorBody),
    )
)]
pub(crate) async fn of_paper(
    app: Shared,
    Named(id): Named,
    mut asked: Parameters,
) -> Result<Json<RelatedAnswer>, Failure> {
    let mode: ModeBody = asked.parsed("mode")?.unwrap_or_default();
    let options = RelatedOptions {
        k: asked.number("limit", 10, 1..=MOST_HITS)?,
        mode: mode.into(),
        filter: FilterBody::take(&mut asked)?,
        diverse: asked.flag("diverse")?,
        all_versions: asked.flag("all_versions")?,
        explain: asked.flag("explain")?,
        ..RelatedOptions::default()
    };
    asked.end()?;
    ask(&app, Query::Paper(id), options, mode).await.map(Json)
}

/// The papers whose vectors are nearest to that of one paper: by meaning alone, every version of it too.
#[utoipa::path(get, path = "/api/papers/{id}/neighbours", tag = "related",
    params(
        ("id" = String, Path, description = "Id of the paper, percent-encoded", max_length = 512),
        ("limit" = Option<usize>, Query, description = "How many; 10 if not given", minimum = 1, maximum = 200),
    ),
    responses(
        (status = 200, description = "The nearest papers: their score is the cosine", body = RelatedAnswer),
        (status = 404, description = "The paper is not there", body = ErrorBody),
        (status = 409, description = "The paper has no vector", body = ErrorBody),
    )
)]
pub(crate) async fn neighbours(
    app: Shared,
    Named(id): Named,
    mut asked: Parameters,
) -> Result<Json<RelatedAnswer>, Failure> {
    let options = RelatedOptions {
        k: asked.number("limit", 10, 1..=MOST_HITS)?,
        mode: RelatedMode::Semantic,
        all_versions: true,
        ..RelatedOptions::default()
    };
    asked.end()?;
    let found = ask(&app, Query::Paper(id), options, ModeBody::Semantic);
    found.await.map(Json)
}

/// Asks the library, and looks up the papers of the hits.
async fn ask(
    app: &App,
    query: Query,
    options: RelatedOptions,
    mode: ModeBody,
) -> Result<RelatedAnswer, Failure> {
    let topics = app.topics().await?;
    let found = app.pool.read(move |library, progress| {
        let related = library.related(&query, &options, progress)?;
        let ids: Vec<&str> = related.hits.iter().map(|hit| hit.id.as_str()).collect();
        let papers = library.papers_called(&ids)?;
        Ok((related, papers))
    });
    let (related, papers) = found.await?;
    let Related {
        query,
        and,
        not,
        hits,
        notes,
        ..
    } = related;
    let like = std::iter::once(query).chain(and);
    let hits = hits.into_iter().zip(papers);
    Ok(RelatedAnswer {
        like: like.map(Understood::from).collect(),
        unlike: not.into_iter().map(Understood::from).collect(),
        mode,
        // One that was removed just now is no hit any more.
        hits: hits
            .filter_map(|(hit, paper)| Some(hit_of(hit, paper?, &topics)))
            .collect(),
        notes,
    })
}

fn hit_of(hit: RelatedHit, paper: Paper, topics: &TopicIndex) -> Hit {
    Hit {
        rank: hit.rank,
        score: hit.score,
        paper: PaperBody::of(paper, topics),
        why: Why {
            cosine: hit.scores.cosine,
            nearness: hit.scores.nearness,
            titles: hit.scores.title,
            lexical: hit.scores.lexical,
            shared_words: hit.shared_words,
            percentile: hit.closer_than.map(|share| 100.0 * share),
            sentences: hit.sentences.map(|pair| Sentences {
                query: pair.query,
                hit: pair.hit,
                cosine: pair.cosine,
            }),
        },
        versions: hit.versions.into_iter().map(VersionBody::from).collect(),
    }
}
