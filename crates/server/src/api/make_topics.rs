//! Topics made, brought up to date, and changed by hand: what `syntopic topics` can do.

use crate::api::topics::{TopicList, no_such_topic};
use crate::app::{App, Shared};
use crate::errors::{ErrorBody, Failure};
use crate::input::{
    Body, Named, bounded_text, in_bounds, maybe_whole, maybe_wholes, whole, wholes,
};
use crate::jobs::{Running, Told};
use crate::shape::objects;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use syntopic_library::{
    Event, Levels, Library, LibraryError, Progress, SeedTopic, TopicsReport, TopicsRequest,
    TopicsState,
};
use utoipa::ToSchema;

/// Most topics, and most papers of the least of them.
const MOST: usize = 100_000;

/// Most topics that are asked for by a text.
const MOST_SEEDS: usize = 100;

/// How topics are made. What is left out is as for the topics made last.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MakeBody {
    /// How many; chosen from the papers if not given. Another number than those kept so far were made with makes them anew.
    #[serde(deserialize_with = "maybe_whole")]
    #[schema(minimum = 1, maximum = 100000)]
    k: Option<usize>,
    /// Seed of the clustering: another one makes them anew.
    #[serde(deserialize_with = "maybe_whole")]
    #[schema(minimum = 0, maximum = 2147483647)]
    seed: Option<usize>,
    /// Least papers of a topic when topics are made: smaller ones become part of others.
    #[serde(deserialize_with = "maybe_whole")]
    #[schema(minimum = 1, maximum = 100000)]
    min_size: Option<usize>,
    /// Levels of a tree of topics, these being the finest, each with about a quarter of the groups of the one below; 1 is no groups.
    #[serde(deserialize_with = "maybe_whole")]
    #[schema(minimum = 1, maximum = 10)]
    depth: Option<usize>,
    /// The same by how many there are at each level, coarse to fine, more and more: the last is the number of topics. Not with
    /// `depth` or `k`.
    #[serde(deserialize_with = "maybe_wholes")]
    #[schema(min_items = 1, max_items = 10)]
    levels: Option<Vec<i64>>,
    /// Largest share of the papers that are called outliers, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    max_outliers: Option<f64>,
    /// Topics that are asked for: papers near enough to one are in it, the rest is clustered.
    #[serde(deserialize_with = "objects")]
    #[schema(max_items = 100)]
    seed_topics: Vec<SeedBody>,
    /// Least cosine of a paper to the seed topic that it is in.
    #[schema(minimum = -1, maximum = 1)]
    seed_threshold: Option<f32>,
    /// Whether the seed topics of earlier runs are given up. Not with `seed_topics` or `seed_threshold`.
    unseed: bool,
    /// Whether they are made anew though there are some that could be brought up to date.
    fresh: bool,
}

/// A topic that is asked for.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeedBody {
    /// What it is called.
    #[schema(min_length = 1, max_length = 1000, pattern = "\\S")]
    name: String,
    /// What it is about.
    #[serde(default)]
    #[schema(max_length = 10000)]
    about: String,
}

impl MakeBody {
    fn request(self) -> Result<TopicsRequest, Failure> {
        let bounded = |name, value: Option<usize>| {
            let checked = value.map(|n| in_bounds(name, n, 1..=MOST));
            checked.transpose()
        };
        let seed = self.seed.map(|n| in_bounds("seed", n, 0..=2_147_483_647));
        let levels = self.checked_levels()?;
        let k = bounded("k", self.k)?.or(levels.as_ref().and_then(|(_, k)| *k));
        if let Some(most) = self.max_outliers
            && !(0.0..=1.0).contains(&most)
        {
            return Err(LibraryError::OutlierShare(most).into());
        }
        if let Some(cosine) = self.seed_threshold
            && !(-1.0..=1.0).contains(&cosine)
        {
            let message = format!("seed_threshold is {cosine}: it must be -1 to 1");
            return Err(Failure::invalid(message));
        }
        if self.unseed && (!self.seed_topics.is_empty() || self.seed_threshold.is_some()) {
            let message = "unseed gives up topics that seed_topics asks for: say one of them";
            return Err(Failure::contradiction(message));
        }
        Ok(TopicsRequest {
            k,
            seed: seed.transpose()?.map(|n| n as u64),
            min_size: bounded("min_size", self.min_size)?,
            levels: levels.map(|(levels, _)| levels),
            max_outliers: self.max_outliers,
            seeds: seeds(self.seed_topics)?,
            seed_threshold: self.seed_threshold,
            unseed: self.unseed,
            fresh: self.fresh,
            model: None,
        })
    }

    /// How topics are grouped, and their number where that is said with it.
    fn checked_levels(&self) -> Result<Option<(Levels, Option<usize>)>, Failure> {
        let Some(numbers) = &self.levels else {
            let depth = self.depth.map(|n| in_bounds("depth", n, 1..=10));
            return Ok(depth.transpose()?.map(|depth| (Levels::Depth(depth), None)));
        };
        if self.depth.is_some() || self.k.is_some() {
            let message = "levels says how many topics there are: leave k and depth out";
            return Err(Failure::contradiction(message));
        }
        let given = in_bounds("the number of levels", numbers.len(), 1..=10)?;
        let from_one = |&n: &i64| usize::try_from(n).ok().filter(|n| *n > 0);
        let numbers: Vec<usize> = numbers.iter().filter_map(from_one).collect();
        let ascend = numbers.len() == given && numbers.windows(2).all(|pair| pair[0] < pair[1]);
        match numbers.split_last() {
            Some((&k, coarser)) if ascend => Ok(Some((Levels::Numbers(coarser.to_vec()), Some(k)))),
            _ => {
                let message =
                    "levels have more and more topics, from 1 on: write them as [8, 30, 120]";
                Err(Failure::contradiction(message))
            }
        }
    }
}

fn seeds(asked: Vec<SeedBody>) -> Result<Vec<SeedTopic>, Failure> {
    if asked.len() > MOST_SEEDS {
        let message = format!("seed_topics has more than {MOST_SEEDS} values");
        return Err(Failure::invalid(message));
    }
    let one = |seed: SeedBody| {
        let name = bounded_text("the name of a seed topic", in_one_line(&seed.name), 1_000)?;
        let about = bounded_text("what a seed topic is about", seed.about, 10_000)?;
        if name.is_empty() {
            return Err(Failure::invalid("a seed topic has no name"));
        }
        let text = format!("{name}. {}", about.trim());
        let text = text.trim_end_matches([' ', '.']).to_owned();
        Ok(SeedTopic { name, text })
    };
    asked.into_iter().map(one).collect()
}

/// A name without line breaks.
fn in_one_line(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Makes topics, or brings those there are up to date. It may take longer than a request: then ask again.
#[utoipa::path(post, path = "/api/topics", tag = "topics", request_body = MakeBody,
    responses(
        (status = 200, description = "They are made", body = TopicList),
        (status = 202, description = "They are being made: ask again", body = Running),
        (status = 409, description = "The library has no papers, or fewer than topics are asked for, a name is taken, or what is asked for contradicts itself", body = ErrorBody),
    )
)]
pub(crate) async fn make(app: Shared, Body(body): Body<MakeBody>) -> Result<Response, Failure> {
    let request = body.request()?;
    let generation = app.pool.read(|library, _| library.generation()).await?;
    let mut key = DefaultHasher::new();
    (generation, format!("{request:?}")).hash(&mut key);
    let (pool, job) = (Arc::clone(&app.pool), Arc::clone(&app.making_topics));
    let begin = move || async move {
        let made = pool.write_long(move |library, progress| {
            library.topics(&request, &mut |event| {
                if let Event::Topics { step, done, of } = event {
                    job.tell(Running::at(step, done, of));
                }
                progress(event)
            })
        });
        made.await
    };
    let told = app.making_topics.ask(key.finish(), begin).await;
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

/// Changes topics and gives all of them.
async fn changed(
    app: &App,
    change: impl FnOnce(&mut Library, &mut Progress<'_>) -> Result<TopicsReport, LibraryError>
    + Send
    + 'static,
) -> Result<Json<TopicList>, Failure> {
    let report = app.pool.write(change).await;
    app.forget_topics();
    app.making_topics.forget();
    let list = TopicList::of(TopicsState::Current, Some(&report?));
    Ok(Json(list))
}

fn number(id: &str) -> Result<u32, Failure> {
    id.parse().map_err(|_| no_such_topic())
}

/// What a topic is to be called.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RenameBody {
    /// Its name; an empty one gives up the one that a user gave.
    #[schema(max_length = 1000)]
    name: String,
}

/// Names a topic. Topics made later have the name too where one lies at nearly the same place.
#[utoipa::path(patch, path = "/api/topics/{id}", tag = "topics", request_body = RenameBody,
    params(("id" = u32, Path, description = "Number of the topic", minimum = 0)),
    responses(
        (status = 200, description = "It is called so", body = TopicList),
        (status = 404, description = "No topic has the number", body = ErrorBody),
        (status = 409, description = "There are no topics of the present papers, another has the name, or a user gave it none to give up", body = ErrorBody),
    )
)]
pub(crate) async fn rename(
    app: Shared,
    Named(id): Named,
    Body(body): Body<RenameBody>,
) -> Result<Json<TopicList>, Failure> {
    let name = in_one_line(&bounded_text("the name", body.name, 1_000)?);
    let names = [(number(&id)?, name)];
    let rename = move |library: &mut Library, progress: &mut Progress<'_>| {
        library.rename_topics(&names, progress)
    };
    changed(&app, rename).await
}

/// Topics that are to be one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MergeBody {
    /// Their numbers: the first one stays.
    #[serde(deserialize_with = "wholes")]
    #[schema(min_items = 2, max_items = 1000)]
    topics: Vec<i64>,
}

/// Makes one topic of several.
#[utoipa::path(post, path = "/api/topics/merge", tag = "topics", request_body = MergeBody,
    responses(
        (status = 200, description = "They are one", body = TopicList),
        (status = 404, description = "No topic has one of the numbers", body = ErrorBody),
        (status = 409, description = "There are no topics of the present papers, or it is one topic alone", body = ErrorBody),
    )
)]
pub(crate) async fn merge(
    app: Shared,
    Body(body): Body<MergeBody>,
) -> Result<Json<TopicList>, Failure> {
    in_bounds("the number of topics", body.topics.len(), 2..=1_000)?;
    let numbers = body.topics.iter().map(|&n| u32::try_from(n).ok());
    let numbers: Option<Vec<u32>> = numbers.collect();
    let numbers = numbers.ok_or_else(no_such_topic)?;
    let merge = move |library: &mut Library, progress: &mut Progress<'_>| {
        library.merge_topics(&numbers, progress)
    };
    changed(&app, merge).await
}

/// Into how many a topic falls.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SplitBody {
    #[serde(default = "two", deserialize_with = "whole")]
    #[schema(minimum = 2, maximum = 1000, default = 2)]
    parts: usize,
}

fn two() -> usize {
    2
}

/// Makes several topics of one: the largest part keeps the number.
#[utoipa::path(post, path = "/api/topics/{id}/split", tag = "topics", request_body = SplitBody,
    params(("id" = u32, Path, description = "Number of the topic", minimum = 0)),
    responses(
        (status = 200, description = "It is several", body = TopicList),
        (status = 404, description = "No topic has the number", body = ErrorBody),
        (status = 409, description = "There are no topics of the present papers, or it has fewer papers", body = ErrorBody),
    )
)]
pub(crate) async fn split(
    app: Shared,
    Named(id): Named,
    Body(body): Body<SplitBody>,
) -> Result<Json<TopicList>, Failure> {
    let id = number(&id)?;
    let parts = in_bounds("parts", body.parts, 2..=1_000)?;
    let split = move |library: &mut Library, progress: &mut Progress<'_>| {
        library.split_topic(id, parts, progress)
    };
    changed(&app, split).await
}
