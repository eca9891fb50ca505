//! Our own interface, under `/api`: each handler is one call of the library and its answer as JSON.
//!
//! Not for: the interfaces of other services, which have modules of their own beside this one.

pub(crate) mod export;
pub(crate) mod filter;
pub(crate) mod map;
pub(crate) mod over_time;
pub(crate) mod papers;
pub(crate) mod related;
pub(crate) mod stats;
pub(crate) mod topics;
pub(crate) mod types;

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
        .route("/api/topics", get(topics::list).post(topics::make))
        .route("/api/topics/{id}", get(topics::one))
        .route("/api/over-time", get(over_time::over_time))
        .route("/api/map", get(map::map))
        .route("/api/export", post(export::export))
        .route("/api/stats", get(stats::stats))
}
