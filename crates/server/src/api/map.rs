//! `/api/map`: where each paper lies in the plane.
//!
//! The places are of one state of the library, which keeps those of many papers in a file; names of papers and topics are those of now.

use crate::api::topics::TopicIndex;
use crate::api::types::TopicName;
use crate::app::{App, Shared};
use crate::errors::{ErrorBody, Failure};
use crate::input::Parameters;
use crate::jobs::{Running, Told};
use axum::Json;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use std::io::Write;
use std::sync::Arc;
use syntopic_library::Event;
use syntopic_library::map::{MapRequest, amid};
use utoipa::ToSchema;

/// A paper on the map, in short.
struct Point {
    id: String,
    title: String,
    year: Option<i32>,
    place: [f32; 2],
}

/// Where the papers of one state of the library lie, in the order of ids.
pub(crate) struct Layout {
    generation: u64,
    points: Vec<Point>,
}

/// The map as it is sent: made once for one layout and the topics of one moment.
pub(crate) struct SentMap {
    made_of: (u64, u64),
    json: Bytes,
    gzip: Bytes,
}

/// A topic on the map.
#[derive(Serialize, ToSchema)]
pub(crate) struct MapTopicBody {
    #[serde(flatten)]
    topic: TopicName,
    /// Number of the group of the finest level that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    parent: Option<u32>,
    /// How many papers of it are on the map.
    #[schema(minimum = 0)]
    size: usize,
    /// Where its name stands: amid most of its papers.
    x: f32,
    y: f32,
}

/// A group of topics on the map.
#[derive(Serialize, ToSchema)]
pub(crate) struct MapGroupBody {
    /// Its level: 0 is the coarsest.
    #[schema(minimum = 0)]
    level: usize,
    /// Its number, which no other group of the level has.
    #[schema(minimum = 0)]
    id: u32,
    /// Number of the group of the level above that it lies in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    parent: Option<u32>,
    name: String,
    /// How many papers of it are on the map.
    #[schema(minimum = 0)]
    size: usize,
    /// Where its name stands: amid most of its papers.
    x: f32,
    y: f32,
}

/// The map: every list but `topics` and `groups` has a value for each paper, in one order.
#[derive(Serialize, ToSchema)]
pub(crate) struct MapBody {
    ids: Vec<String>,
    titles: Vec<String>,
    /// Years of the papers, where they are known.
    years: Vec<Option<i32>>,
    /// From -1 to 1, to the right.
    x: Vec<f32>,
    /// From -1 to 1, upwards.
    y: Vec<f32>,
    /// Places in `topics`, of papers that have one.
    topic_of: Vec<Option<usize>>,
    topics: Vec<MapTopicBody>,
    /// Groups of topics, the coarsest level first; none where topics are not grouped.
    groups: Vec<MapGroupBody>,
}

/// Every paper's place. The first time, laying out a large library takes longer than a request: then ask again.
#[utoipa::path(get, path = "/api/map", tag = "map",
    responses(
        (status = 200, description = "The map", body = MapBody),
        (status = 202, description = "It is being laid out: ask again", body = Running),
        (status = 304, description = "The caller has it already, as it said by If-None-Match"),
        (status = 409, description = "The library has no papers", body = ErrorBody),
    )
)]
pub(crate) async fn map(
    app: Shared,
    headers: HeaderMap,
    asked: Parameters,
) -> Result<Response, Failure> {
    asked.end()?;
    let generation = app.pool.read(|library, _| library.generation()).await?;
    let (pool, job) = (Arc::clone(&app.pool), Arc::clone(&app.map));
    let begin = move || async move {
        let laid_out = pool.read_long(move |library, progress| {
            let request = MapRequest {
                related: 0,
                make_topics: false,
                ..MapRequest::default()
            };
            library.map(&request, &mut |event| {
                match event {
                    Event::Topics { step, done, of } => job.tell(Running::at(step, done, of)),
                    Event::Indexing { done, of } => job.tell(Running::at("indexing", done, of)),
                    _ => {}
                }
                progress(event)
            })
        });
        let data = laid_out.await?;
        let papers = data.papers.into_iter().zip(data.positions);
        let points = papers.map(|(paper, place)| Point {
            id: paper.id.to_string(),
            title: paper.title,
            year: paper.year,
            place: place.map(shorter),
        });
        Ok(Layout {
            generation,
            points: points.collect(),
        })
    };
    match app.map.ask(generation, begin).await? {
        Told::Running(at) => Ok((StatusCode::ACCEPTED, Json(at)).into_response()),
        Told::Done(layout) => {
            let topics = app.topics().await?;
            let sent = sent(&app, layout, topics).await?;
            Ok(answer(&sent, &headers))
        }
    }
}

/// With five digits: a thousandth of the smallest dot's width where one is as near as one can be.
fn shorter(along: f32) -> f32 {
    (along * 1e5).round() / 1e5
}

/// The map as it is sent, made anew where the layout or the topics are others than last time: once, however many ask.
async fn sent(
    app: &App,
    layout: Arc<Layout>,
    topics: Arc<TopicIndex>,
) -> Result<Arc<SentMap>, Failure> {
    let made_of = (layout.generation, topics.key);
    let mut last = Arc::clone(&app.sent_map).lock_owned().await;
    if let Some(sent) = last.as_ref().filter(|sent| sent.made_of == made_of) {
        return Ok(Arc::clone(sent));
    }
    // The lock is held by the work, so that a caller who goes away does not let another begin it beside.
    let made = tokio::task::spawn_blocking(move || {
        let json = serde_json::to_vec(&body(&layout, &topics))?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::new(4));
        gzip.write_all(&json)?;
        let gzip = gzip.finish()?;
        let made = Arc::new(SentMap {
            made_of,
            json: json.into(),
            gzip: gzip.into(),
        });
        *last = Some(Arc::clone(&made));
        Ok::<_, std::io::Error>(made)
    });
    let made = made.await.map_err(|_| Failure::panicked())?;
    made.map_err(|_| Failure::panicked())
}

/// The map, smaller for whoever can read that, or nothing where the caller has it. Both forms have a tag of their own.
fn answer(sent: &SentMap, headers: &HeaderMap) -> Response {
    let small = takes_gzip(headers);
    let form = if small { "-gzip" } else { "" };
    let tag = format!("\"{:x}-{:x}{form}\"", sent.made_of.0, sent.made_of.1);
    let about = [
        (header::ETAG, tag.as_str()),
        (header::CACHE_CONTROL, "private, no-cache"),
        (header::VARY, "Accept-Encoding"),
        (header::CONTENT_TYPE, "application/json"),
    ];
    if listed(headers, header::IF_NONE_MATCH)
        .any(|known| known == "*" || known.trim_start_matches("W/") == tag)
    {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    if small {
        let smaller = [(header::CONTENT_ENCODING, "gzip")];
        return (about, smaller, sent.gzip.clone()).into_response();
    }
    (about, sent.json.clone()).into_response()
}

/// The values of a header that is a list.
fn listed(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let given = headers.get_all(name).into_iter();
    let given = given.filter_map(|value| value.to_str().ok());
    given.flat_map(|value| value.split(',').map(str::trim))
}

/// Whether the caller can read gzip: by its name, and not by a weight of nothing.
fn takes_gzip(headers: &HeaderMap) -> bool {
    listed(headers, header::ACCEPT_ENCODING).any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
        named && weight != Some(0.0)
    })
}

fn body(layout: &Layout, index: &TopicIndex) -> MapBody {
    let points = || layout.points.iter();
    let topic_of: Vec<Option<usize>> = points().map(|p| index.place_of(&p.id)).collect();
    let mut members = vec![Vec::new(); index.all().len()];
    for (point, topic) in points().zip(&topic_of) {
        if let Some(topic) = topic {
            members[*topic].push(point.place);
        }
    }
    let groups = index.groups().iter().map(|group| {
        let topics = index.all().iter().zip(&members);
        let inside = topics.filter(|(topic, _)| group.topics.binary_search(&topic.id).is_ok());
        let mut places: Vec<[f32; 2]> = inside.flat_map(|(_, all)| all.iter().copied()).collect();
        let [x, y] = amid(&mut places).map(shorter);
        MapGroupBody {
            level: group.level,
            id: group.id,
            parent: group.parent,
            name: group.name.clone(),
            size: places.len(),
            x,
            y,
        }
    });
    let groups = groups.collect();
    let topics = index.all().iter().zip(&mut members).map(|(topic, places)| {
        let [x, y] = amid(places).map(shorter);
        MapTopicBody {
            topic: TopicName {
                id: topic.id,
                name: topic.name.clone(),
            },
            parent: topic.parent,
            size: places.len(),
            x,
            y,
        }
    });
    MapBody {
        ids: points().map(|point| point.id.clone()).collect(),
        titles: points().map(|point| point.title.clone()).collect(),
        years: points().map(|point| point.year).collect(),
        x: points().map(|point| point.place[0]).collect(),
        y: points().map(|point| point.place[1]).collect(),
        topics: topics.collect(),
        groups,
        topic_of,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn both_forms_have_tags_of_their_own() {
        let sent = SentMap {
            made_of: (1, 2),
            json: "{}".into(),
            gzip: "packed".into(),
        };
        let ask = |pairs: &[(header::HeaderName, &'static str)]| {
            let pairs = pairs.iter().cloned();
            let headers = pairs.map(|(name, value)| (name, HeaderValue::from_static(value)));
            let answer = answer(&sent, &headers.collect());
            let of = |name| {
                let value = answer.headers().get(name)?;
                Some(value.to_str().expect("text").to_owned())
            };
            let (tag, packed) = (of(header::ETAG), of(header::CONTENT_ENCODING));
            assert_eq!(of(header::VARY).as_deref(), Some("Accept-Encoding"));
            (
                answer.status().as_u16(),
                tag.expect("a tag"),
                packed.is_some(),
            )
        };
        let (plain, packed) = ("\"1-2\"", "\"1-2-gzip\"");
        let encoding = header::ACCEPT_ENCODING;
        assert_eq!(ask(&[]), (200, plain.to_owned(), false));
        for takes in ["gzip", "br, gzip;q=0.5", "GZIP"] {
            assert_eq!(
                ask(&[(encoding.clone(), takes)]),
                (200, packed.to_owned(), true)
            );
        }
        for takes in ["br", "gzip;q=0", "gzip; q=0.0, br"] {
            assert_eq!(
                ask(&[(encoding.clone(), takes)]),
                (200, plain.to_owned(), false)
            );
        }
        let known = header::IF_NONE_MATCH;
        assert_eq!(ask(&[(known.clone(), "\"1-2\"")]).0, 304);
        assert_eq!(ask(&[(known.clone(), "\"0-0\", W/\"1-2\"")]).0, 304);
        assert_eq!(ask(&[(known.clone(), "\"1-2-gzip\"")]).0, 200);
        let both = [(encoding.clone(), "gzip"), (known.clone(), "\"1-2-gzip\"")];
        assert_eq!(ask(&both).0, 304);
        assert_eq!(ask(&[(encoding, "gzip"), (known, "\"1-2\"")]).0, 200);
    }
}
