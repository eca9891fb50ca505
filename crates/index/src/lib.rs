//! A vector to its nearest rows: exact and HNSW behind one type.
//!
//! The rows ([`syntopic_core::Embeddings`]) are the truth and stay with the caller; an [`Index`] holds a graph over them at
//! most. The graph is built by `hnsw_rs`, frozen into flat arrays, repaired where rows cannot be reached, and walked by our
//! own search. [`exact()`] compares every row, and [`measure_recall`] says how much of its answer an index finds.
//!
//! Not for: text, models, files, or keeping the rows.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests fail by panicking"))]

mod audit;
mod build;
mod bytes;
mod dot;
mod error;
mod exact;
mod graph;
mod hit;
mod index;
mod options;
mod recall;

pub use audit::Audit;
pub use error::IndexError;
pub use exact::exact;
pub use hit::Hit;
pub use index::Index;
pub use options::{DEFAULT_EXACT_BELOW, IndexOptions, Kind};
pub use recall::{Recall, measure_recall};
