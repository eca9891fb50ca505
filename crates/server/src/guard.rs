//! Who may ask, how long they may wait, and what is noted of it: what every request passes, whatever it asks for.
//!
//! Not for: what a body may hold (`input.rs`).

use crate::app::App;
use crate::errors::{Failure, Shape};
use crate::log::TARGET;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;
use tracing::Instrument;

/// How long a request may take; one that adds papers embeds them, and may take longer.
const TIME: Duration = Duration::from_secs(60);
const TIME_TO_EMBED: Duration = Duration::from_secs(300);
const TIME_TO_ADD: Duration = Duration::from_secs(600);

/// Routes that need no key: they tell nothing of the library.
const OPEN: [&str; 7] = [
    "/",
    "/assets/{*path}",
    "/docs",
    "/health",
    "/metrics",
    "/openapi.json",
    "/ready",
];

/// Routes that embed for callers: many texts at once may take long.
const EMBEDDING: [&str; 5] = ["/", "/embed", "/rerank", "/similarity", "/v1/embeddings"];

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a browser may do with a page of ours: use our own scripts, styles and pictures, and ask nobody else.
const CONTENT_SECURITY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
     font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=()",
    ),
];

/// The middleware around everything.
pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let shape = Shape::of(&method, request.uri().path());
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(String::new, |route| route.as_str().to_owned());
    let span = tracing::info_span!(target: TARGET, "request", id, %method, route);
    let flight = InFlight::begin(&app);
    let mut response = async {
        let answered = match admit(&app, &request, &route) {
            Err(failure) => Err(failure),
            Ok(()) => tokio::time::timeout(time_for(&method, &route), next.run(request))
                .await
                .map_err(|_| Failure::timed_out()),
        };
        let response = answered.unwrap_or_else(IntoResponse::into_response);
        let failure = response.extensions().get::<Failure>().cloned();
        let response = match failure {
            Some(failure) if shape != Shape::Ours => {
                let allowed = response.headers().get(header::ALLOW).cloned();
                let mut response = failure.shaped(shape);
                response
                    .headers_mut()
                    .extend(allowed.map(|all| (header::ALLOW, all)));
                response
            }
            _ => response,
        };
        note(&app, &response, begun.elapsed());
        response
    }
    .instrument(span)
    .await;
    drop(flight);
    let status = response.status().as_u16();
    let time = begun.elapsed();
    app.metrics.answered(method.as_str(), &route, status, time);
    if EMBEDDING.contains(&route.as_str()) && method == Method::POST {
        app.metrics.tei.answered(status < 400, time);
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// Counts a request while it is answered, also where its caller goes away.
struct InFlight<'a>(&'a App);

impl<'a> InFlight<'a> {
    fn begin(app: &'a App) -> Self {
        app.metrics.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(app)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.metrics.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A line of the log: within the request's span, which has its id, method and route.
fn note(app: &App, response: &Response, time: Duration) {
    let status = response.status();
    let milliseconds = (time.as_secs_f64() * 1e4).round() / 10.0;
    let logged = response.extensions().get::<Failure>();
    let code = logged.map_or("", |logged| logged.code);
    if status == StatusCode::TOO_MANY_REQUESTS {
        app.metrics.refused.fetch_add(1, Ordering::Relaxed);
    }
    let status = status.as_u16();
    match logged.and_then(|logged| logged.cause.as_deref()) {
        Some(cause) => {
            tracing::error!(target: TARGET, status, milliseconds, code, cause, "failed");
        }
        None if status >= 500 => {
            tracing::error!(target: TARGET, status, milliseconds, code, "failed");
        }
        None if code.is_empty() => tracing::info!(target: TARGET, status, milliseconds, "answered"),
        None => tracing::info!(target: TARGET, status, milliseconds, code, "refused"),
    }
}

fn time_for(method: &Method, route: &str) -> Duration {
    match route {
        "/api/papers" if method == Method::POST => TIME_TO_ADD,
        route if EMBEDDING.contains(&route) => TIME_TO_EMBED,
        _ => TIME,
    }
}

/// The caller's own id of the request, if it is harmless, else one of ours.
fn request_id(headers: &HeaderMap) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let harmless = |id: &&str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        (1..=64).contains(&id.len()) && id.bytes().all(plain)
    };
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    given.filter(harmless).map_or_else(
        || {
            let n = COUNT.fetch_add(1, Ordering::Relaxed);
            format!("{:016x}", RandomState::new().hash_one(n))
        },
        str::to_owned,
    )
}

/// Whether a request is for this server, of its own page or of a program, and has the key.
fn admit(app: &App, request: &Request, route: &str) -> Result<(), Failure> {
    let host = host(request)?;
    if !is_ours(host, &app.guard.hosts) {
        let message = "this server is not called so: start it with --host-name NAME to let it be";
        return Err(Failure::new(StatusCode::FORBIDDEN, "wrong_host", message));
    }
    check_origin(request.headers(), host)?;
    match &app.guard.api_key {
        Some(key) if !is_open(request.method(), route) => check_key(request.headers(), key),
        _ => Ok(()),
    }
}

/// Whether a request tells nothing of the library.
fn is_open(method: &Method, route: &str) -> bool {
    OPEN.contains(&route) && matches!(*method, Method::GET | Method::HEAD)
}

fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// How the caller calls this server, with the port.
fn host(request: &Request) -> Result<&str, Failure> {
    let authority = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    let host = authority.or_else(|| text_of(request.headers(), header::HOST));
    host.ok_or_else(|| {
        let message = "the request names no host";
        Failure::new(StatusCode::BAD_REQUEST, "no_host", message)
    })
}

/// Whether a name is this server's: an address, `localhost`, or one that the user gave. A page elsewhere whose name was made
/// to lead here has another.
fn is_ours(host: &str, names: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// That no page of elsewhere asks: browsers say from where.
fn check_origin(headers: &HeaderMap, host: &str) -> Result<(), Failure> {
    let elsewhere = || {
        let message = "pages of other places may not ask this server";
        Failure::new(StatusCode::FORBIDDEN, "wrong_origin", message)
    };
    if let Some(origin) = headers.get(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or_default();
        let from = origin.split_once("://").map(|(_, from)| from);
        if !from.is_some_and(|from| from.eq_ignore_ascii_case(host)) {
            return Err(elsewhere());
        }
    }
    let site = text_of(headers, HeaderName::from_static("sec-fetch-site"));
    let mode = text_of(headers, HeaderName::from_static("sec-fetch-mode"));
    if site == Some("cross-site") && mode != Some("navigate") {
        return Err(elsewhere());
    }
    Ok(())
}

/// That the key is right; how long that takes tells nothing of it.
fn check_key(headers: &HeaderMap, key: &str) -> Result<(), Failure> {
    let bearer = text_of(headers, header::AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
    });
    let given = bearer.or_else(|| text_of(headers, HeaderName::from_static("x-api-key")));
    let [given, right] = [given.unwrap_or_default(), key].map(Sha256::digest);
    if given.ct_eq(&right).into() {
        return Ok(());
    }
    let message = "this server wants its key: send it as Authorization: Bearer KEY";
    Err(Failure::new(StatusCode::UNAUTHORIZED, "wrong_key", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_knows_its_names() {
        let names = [String::from("papers.example")];
        for ours in [
            "localhost:7411",
            "LOCALHOST",
            "127.0.0.1:7411",
            "[::1]:7411",
            "10.0.0.7",
            "Papers.Example:80",
        ] {
            assert!(is_ours(ours, &names), "{ours}");
        }
        for other in [
            "evil.example",
            "localhost.evil.example:7411",
            "",
            "[evil]",
            ":80",
        ] {
            assert!(!is_ours(other, &names), "{other}");
        }
    }

    #[test]
    fn only_our_own_page_may_ask() {
        let from = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_str(value).unwrap());
            }
            check_origin(&headers, "localhost:7411").is_ok()
        };
        assert!(from(&[]));
        assert!(from(&[("origin", "http://localhost:7411")]));
        assert!(from(&[
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate")
        ]));
        for wrong in ["http://localhost:7412", "http://evil.example", "null", ""] {
            assert!(!from(&[("origin", wrong)]), "{wrong}");
        }
        assert!(!from(&[
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "no-cors")
        ]));
    }

    #[test]
    fn the_key_is_taken_as_bearer_or_by_its_own_header() {
        let with = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_str(value).unwrap());
            check_key(&headers, "sesame").is_ok()
        };
        assert!(with("authorization", "Bearer sesame") && with("x-api-key", "sesame"));
        assert!(!with("authorization", "Bearer sesam") && !with("authorization", "sesame"));
        assert!(!with("authorization", "Basic sesame") && !with("x-api-key", ""));
        assert!(check_key(&HeaderMap::new(), "sesame").is_err());
    }

    #[test]
    fn an_id_of_the_callers_is_kept_if_it_is_harmless() {
        let with = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(id).unwrap());
            request_id(&headers)
        };
        assert_eq!(with("abc-1"), "abc-1");
        assert_ne!(with("a b"), "a b");
        assert_ne!(with(&"x".repeat(65)), "x".repeat(65));
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
