//! `/api/map`: where each paper lies in the plane.
//!
//! The places are of one state of the library, made once and kept in memory; names of papers and topics are those of now.

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
use syntopic_library::Event;
use syntopic_library::map::MapRequest;
use utoipa::ToSchema;

/// A paper on the map, in short.
struct Point {
    id: String,
    title: String,
    year: Option<i32>,
    place: [f32; 2],
}

/// Where the papers of one state of the library lie, in the order of ids.
pub(crate) struct Layout(Vec<Point>);

/// A topic on the map.
#[derive(Serialize, ToSchema)]
pub(crate) struct MapTopicBody {
    #[serde(flatten)]
    topic: TopicName,
    /// How many papers of it are on the map.
    #[schema(minimum = 0)]
    size: usize,
    /// Where its name stands: amid most of its papers.
    x: f32,
    y: f32,
}

/// The map: every list but `topics` has a value for each paper, in one order.
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
}

/// Every paper's place. The first time, laying out a large library takes longer than a request: then ask again.
#[utoipa::path(get, path = "/api/map", tag = "map",
    responses(
        (status = 200, description = "The map", body = MapBody),
        (status = 202, description = "It is being laid out: ask again", body = Running),
        (status = 409, description = "The library has no papers", body = ErrorBody),
    )
)]
pub(crate) async fn map(app: Shared, asked: Parameters) -> Result<Response, Failure> {
    asked.end()?;
    let generation = app.pool.read(|library, _| library.generation()).await?;
    let (pool, job) = (Arc::clone(&app.pool), Arc::clone(&app.map));
    let begin = move || async move {
        let laid_out = pool.read(move |library, progress| {
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
            place,
        });
        Ok(Layout(points.collect()))
    };
    match app.map.ask(generation, begin).await? {
        Told::Running(at) => Ok((StatusCode::ACCEPTED, Json(at)).into_response()),
        Told::Done(layout) => {
            let topics = app.topics().await?;
            let topic_of = layout.0.iter().map(|point| topics.place_of(&point.id));
            let topic_of: Vec<Option<usize>> = topic_of.collect();
            let named = topics.all().iter().map(|topic| TopicName {
                id: topic.id,
                name: topic.name.clone(),
            });
            Ok(Json(body(&layout, topic_of, named.collect())).into_response())
        }
    }
}

fn body(layout: &Layout, topic_of: Vec<Option<usize>>, names: Vec<TopicName>) -> MapBody {
    let mut members = vec![Vec::new(); names.len()];
    for (point, topic) in layout.0.iter().zip(&topic_of) {
        if let Some(topic) = topic {
            members[*topic].push(point.place);
        }
    }
    let points = || layout.0.iter();
    let topics = names.into_iter().zip(&mut members);
    MapBody {
        ids: points().map(|point| point.id.clone()).collect(),
        titles: points().map(|point| point.title.clone()).collect(),
        years: points().map(|point| point.year).collect(),
        x: points().map(|point| point.place[0]).collect(),
        y: points().map(|point| point.place[1]).collect(),
        topics: topics
            .map(|(topic, members)| {
                let [x, y] = syntopic_library::map::amid(members);
                let size = members.len();
                MapTopicBody { topic, size, x, y }
            })
            .collect(),
        topic_of,
    }
}
