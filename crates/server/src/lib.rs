//! HTTP, MCP and the web page over one library.
//!
//! Not for: algorithms or disk layout: every answer is one call of `syntopic-library`, run on a pool of blocking threads.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests fail by panicking"))]

mod api;
mod app;
mod batch;
mod connections;
mod errors;
mod guard;
mod input;
mod jobs;
mod log;
mod mcp;
mod metrics;
mod openai;
mod openapi;
mod page;
mod pool;
mod route;
mod scholar;
mod serve;
mod shape;
mod tei;
mod tei_metrics;
mod texts;

pub use log::LogFormat;
pub use serve::{ServeError, ServeOptions, serve, serve_mcp};
