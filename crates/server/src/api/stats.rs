//! `/api/stats`: what is in the library and what made it.

use crate::api::topics::TopicsStateBody;
use crate::app::Shared;
use crate::errors::Failure;
use crate::input::Parameters;
use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// What is in the library.
#[derive(Serialize, ToSchema)]
pub(crate) struct Stats {
    /// Version of syntopic.
    version: &'static str,
    #[schema(minimum = 0)]
    papers: usize,
    /// Papers with an abstract.
    #[schema(minimum = 0)]
    with_abstract: usize,
    /// Papers without a vector: they are not searched, nor on the map or in topics, until `syntopic embed` completes them.
    #[schema(minimum = 0)]
    without_vector: usize,
    /// Papers longer than the model reads: their vectors stand for their beginning.
    #[schema(minimum = 0)]
    truncated: usize,
    /// Earliest year, if any is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    from_year: Option<i32>,
    /// Latest year, if any is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    to_year: Option<i32>,
    /// Name of the model.
    model: String,
    /// What runs it here.
    model_mode: String,
    /// Numbers of a vector.
    #[schema(minimum = 1)]
    dim: usize,
    /// Longest text in tokens.
    #[schema(minimum = 1)]
    max_tokens: usize,
    /// How vectors are kept: `f32`, `f16` or `int8`.
    storage: String,
    /// A change to another model that is under way or was interrupted; until it is complete, the present model serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reembed: Option<ReembedBody>,
    /// How papers are searched.
    index: String,
    topics: TopicsStateBody,
    /// How many topics there are.
    #[schema(minimum = 0)]
    n_topics: usize,
    /// How often the library was changed.
    #[schema(minimum = 0)]
    generation: u64,
    /// Bytes of its files.
    #[schema(minimum = 0)]
    size_bytes: u64,
}

/// How far a change to another model has come.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReembedBody {
    /// Name of the new model.
    model: String,
    /// Papers that have a vector of it.
    #[schema(minimum = 0)]
    done: usize,
    /// Papers in the library.
    #[schema(minimum = 0)]
    of: usize,
}

/// What is in the library and what made it.
#[utoipa::path(get, path = "/api/stats", tag = "server",
    responses((status = 200, description = "Counts and names", body = Stats))
)]
pub(crate) async fn stats(app: Shared, asked: Parameters) -> Result<Json<Stats>, Failure> {
    asked.end()?;
    let info = app.pool.read(|library, _| library.info()).await?;
    let model = app.pool.known_model();
    let identity = model.identity();
    Ok(Json(Stats {
        version: env!("CARGO_PKG_VERSION"),
        papers: info.papers,
        with_abstract: info.with_abstract,
        without_vector: info.without_vector,
        truncated: info.truncated,
        from_year: info.years.map(|years| years.0),
        to_year: info.years.map(|years| years.1),
        model: identity.name.clone(),
        model_mode: model.mode().to_owned(),
        dim: identity.dim,
        max_tokens: identity.max_tokens,
        storage: info.storage.to_string(),
        reembed: info.reembed.map(|work| ReembedBody {
            model: work.model,
            done: work.done,
            of: work.of,
        }),
        index: info.index,
        topics: info.topics.into(),
        n_topics: info.n_topics.unwrap_or(0),
        generation: info.generation,
        size_bytes: info.size_bytes,
    }))
}
