//! The page and what belongs to it, all of it inside the binary.
//!
//! Not for: anything of the library; the page asks `/api`.

use crate::app::App;
use crate::errors::Failure;
use crate::input::Named;
use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// A file of the page.
struct Asset {
    /// Below `/assets/`.
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A file of `page/`, which is in the binary.
macro_rules! asset {
    ($name:literal, $kind:expr) => {
        Asset {
            name: $name,
            kind: $kind,
            bytes: include_bytes!(concat!("../page/", $name)),
        }
    };
}

const INDEX: Asset = asset!("index.html", HTML);

/// Everything that a page may ask for; a file that is not here is not there.
const ASSETS: [Asset; 14] = [
    asset!("page.css", CSS),
    asset!("app.css", CSS),
    asset!("app.js", SCRIPT),
    asset!("api.js", SCRIPT),
    asset!("dom.js", SCRIPT),
    asset!("hits.js", SCRIPT),
    asset!("map.js", SCRIPT),
    asset!("paper.js", SCRIPT),
    asset!("pixels.js", SCRIPT),
    asset!("plane.js", SCRIPT),
    asset!("query.js", SCRIPT),
    asset!("search.js", SCRIPT),
    asset!("topics.js", SCRIPT),
    asset!("trend.js", SCRIPT),
];

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        // text-embeddings-inference takes texts there.
        .route("/", get(index).post(crate::tei::embed))
        .route("/assets/{*path}", get(asset))
}

async fn index(headers: HeaderMap) -> Response {
    answer(&INDEX, &headers)
}

async fn asset(Named(name): Named, headers: HeaderMap) -> Response {
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(asset) => answer(asset, &headers),
        None => {
            let message = "the page has no such file";
            Failure::new(StatusCode::NOT_FOUND, "unknown_address", message).into_response()
        }
    }
}

/// The file, unless the browser has it.
fn answer(asset: &Asset, headers: &HeaderMap) -> Response {
    let sha = Sha256::digest(asset.bytes);
    let tag = sha
        .iter()
        .take(8)
        .fold(String::new(), |tag, byte| format!("{tag}{byte:02x}"));
    let tag = format!("\"{tag}\"");
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok());
    let about = [
        (header::CONTENT_TYPE, asset.kind),
        (header::ETAG, tag.as_str()),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    if known.is_some_and(|known| known.split(',').any(|known| known.trim() == tag)) {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    (about, asset.bytes).into_response()
}
