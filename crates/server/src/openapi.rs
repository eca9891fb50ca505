//! `/openapi.json`, which says what the server answers, and `/docs`, the same for people.
//!
//! Not for: what each handler takes and gives; that stands beside the handler.

mod docs;

use crate::app::App;
use crate::errors::ErrorBody;
use crate::{api, route};
use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use std::sync::Arc;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, OpenApi as Document, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "syntopic",
        description = "Related papers and topics of one library. Errors of /api have one shape. Every answer carries \
                       X-Request-Id, which the server's log has too."
    ),
    paths(
        api::papers::list,
        api::papers::add,
        api::papers::one,
        api::papers::remove,
        api::related::of_paper,
        api::related::neighbours,
        api::related::related,
        api::topics::list,
        api::topics::one,
        api::make_topics::make,
        api::make_topics::rename,
        api::make_topics::merge,
        api::make_topics::split,
        api::topic_views::changes,
        api::topic_views::scorecard,
        api::compare_topics::compare,
        api::hierarchy::hierarchy,
        api::weights::outliers,
        api::weights::weights,
        api::weights::of_paper,
        api::over_time::over_time,
        api::map::map,
        api::export::export,
        api::stats::stats,
        route::health,
        route::ready,
        route::metrics,
    ),
    components(schemas(ErrorBody)),
    modifiers(&OfTheGuard)
)]
struct Api;

/// What every request may be answered with, whatever it asks for.
const ALWAYS: [(u16, &str); 6] = [
    (403, "Of a page or for a host that is not this server's"),
    (
        429,
        "The server has more to do than it takes in: see Retry-After",
    ),
    (500, "The server failed: its log says more"),
    (
        503,
        "The library is being written by another process, the server is stopping, or it has as many connections as it takes: see \
         Retry-After",
    ),
    (504, "It took too long"),
    (507, "The server's disk is full"),
];

/// What every connection may be answered with, whatever it asks for.
const OVER_FULL: &str = "There are as many connections as the server takes: see Retry-After";

/// What a request with a body may be answered with.
const WITH_BODY: [(u16, &str); 4] = [
    (400, "The body is no JSON"),
    (408, "The body did not come in time"),
    (413, "The body is too long"),
    (415, "The body is not said to be JSON"),
];

const KEY: &str = "key";

/// Adds the answers of what every request passes before its handler.
struct OfTheGuard;

impl Modify for OfTheGuard {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        if let Some(components) = &mut document.components {
            components.add_security_scheme(KEY, SecurityScheme::Http(scheme));
        }
        for (path, item) in &mut document.paths.paths {
            let of_ours = path.starts_with("/api/");
            let operations = [
                &mut item.get,
                &mut item.post,
                &mut item.patch,
                &mut item.delete,
            ];
            for operation in operations.into_iter().flatten() {
                if of_ours {
                    add(operation, &ALWAYS);
                    add(operation, &[(401, "The key is missing or wrong")]);
                    add(operation, &[(422, "A value is not what it has to be")]);
                    // With a key, or without one where the server has none.
                    let key = SecurityRequirement::new::<_, [&str; 0], &str>(KEY, []);
                    operation.security = Some(vec![SecurityRequirement::default(), key]);
                }
                add(operation, &[(403, ALWAYS[0].1), (503, OVER_FULL)]);
                if path.contains('{') {
                    add(
                        operation,
                        &[(400, "The address is not percent-encoded UTF-8")],
                    );
                }
                if operation.request_body.is_some() {
                    add(operation, &WITH_BODY);
                }
            }
        }
    }
}

fn add(operation: &mut Operation, answers: &[(u16, &str)]) {
    for (status, description) in answers {
        let content = Content::new(Some(Ref::from_schema_name("ErrorBody")));
        let response = ResponseBuilder::new()
            .description(*description)
            .content("application/json", content)
            .build();
        let known = &mut operation.responses.responses;
        known
            .entry(status.to_string())
            .or_insert(RefOr::T(response));
    }
}

pub(crate) fn routes() -> Router<Arc<App>> {
    let document = Api::openapi();
    let json = document.to_pretty_json().unwrap_or_default();
    let page = docs::page(&serde_json::from_str(&json).unwrap_or_default());
    let (json, page): (Arc<str>, Arc<str>) = (json.into(), page.into());
    Router::new()
        .route(
            "/openapi.json",
            get(move |State(_): State<Arc<App>>| {
                let json = json.to_string();
                async move { ([(header::CONTENT_TYPE, "application/json")], json).into_response() }
            }),
        )
        .route(
            "/docs",
            get(move |State(_): State<Arc<App>>| {
                let page = page.to_string();
                async move { Html(page) }
            }),
        )
}
