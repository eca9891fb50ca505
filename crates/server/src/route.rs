//! Which address leads to which handler.

use crate::app::{App, Shared};
use crate::errors::Failure;
use crate::guard::guard;
use crate::input::MOST_BYTES;
use crate::{api, mcp, openai, openapi, page, scholar, tei};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;

/// Everything the server answers.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .merge(page::routes())
        .merge(openapi::routes())
        .merge(api::routes())
        .merge(openai::routes())
        .merge(tei::routes())
        .merge(scholar::routes())
        .route_service("/mcp", mcp::service(&app))
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .fallback(nothing)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .layer(CatchPanicLayer::custom(|_| {
            Failure::panicked().into_response()
        }))
        .layer(from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}

/// That the process lives.
#[utoipa::path(get, path = "/health", tag = "server", responses(
    (status = 200, description = "The process lives", body = String, content_type = "text/plain")
))]
pub(crate) async fn health() -> &'static str {
    "ok\n"
}

/// That requests are taken in: not any more once the server was asked to end.
#[utoipa::path(get, path = "/ready", tag = "server", responses(
    (status = 200, description = "Requests are taken in", body = String, content_type = "text/plain"),
    (status = 503, description = "The server is ending", body = crate::errors::ErrorBody)
))]
pub(crate) async fn ready(app: Shared) -> Response {
    if app.is_stopping() {
        let message = "the server is ending: ask another one";
        return Failure::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", message).into_response();
    }
    "ready\n".into_response()
}

/// Counts and times for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "server", responses(
    (status = 200, description = "Prometheus' text format", body = String, content_type = "text/plain")
))]
pub(crate) async fn metrics(app: Shared) -> impl IntoResponse {
    let kind = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (kind, app.metrics.text(app.batcher.waiting()))
}

async fn nothing() -> Failure {
    let message = "there is nothing at this address: /docs lists what there is";
    Failure::new(StatusCode::NOT_FOUND, "unknown_address", message)
}

async fn wrong_method() -> Failure {
    let message = "this address does not take this method: the header Allow names those it does";
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", message)
}
