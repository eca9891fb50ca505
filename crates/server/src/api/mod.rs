//! Our own interface, under `/api`: each handler is one call of the library and its answer as JSON.
//!
//! Not for: the interfaces of other services, which have modules of their own beside this one.

pub(crate) mod compare_topics;
pub(crate) mod export;
pub(crate) mod filter;
pub(crate) mod hierarchy;
pub(crate) mod like;
pub(crate) mod make_topics;
pub(crate) mod map;
pub(crate) mod over_time;
pub(crate) mod papers;
pub(crate) mod related;
pub(crate) mod stats;
pub(crate) mod topic_views;
pub(crate) mod topics;
pub(crate) mod types;
pub(crate) mod weights;

use crate::app::App;
use axum::Router;
use axum::routing::{get, post};
use std::sync::Arc;

/// Addresses are named again at each handler, for the document; a test compares the two.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/papers", get(papers::list).post(papers::add))
        .route("/api/papers/{id}", get(papers::one).delete(papers::remove))
        .route("/api/papers/{id}/related", get(related::of_paper))
        .route("/api/related", post(related::related))
        .route("/api/papers/{id}/neighbours", get(related::neighbours))
        .route("/api/papers/{id}/topics", get(weights::of_paper))
        .route("/api/topics", get(topics::list).post(make_topics::make))
        .route("/api/topics/merge", post(make_topics::merge))
        .route("/api/topics/changes", get(topic_views::changes))
        .route("/api/topics/scorecard", get(topic_views::scorecard))
        .route("/api/topics/compare", post(compare_topics::compare))
        .route(
            "/api/topics/{id}",
            get(topics::one).patch(make_topics::rename),
        )
        .route("/api/topics/{id}/split", post(make_topics::split))
        .route("/api/hierarchy", get(hierarchy::hierarchy))
        .route("/api/outliers", get(weights::outliers))
        .route("/api/weights", get(weights::weights))
        .route("/api/over-time", get(over_time::over_time))
        .route("/api/map", get(map::map))
        .route("/api/export", post(export::export))
        .route("/api/stats", get(stats::stats))
}
