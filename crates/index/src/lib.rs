//! A vector to its nearest rows: exact and HNSW behind one type.
//!
//! The rows ([`syntopic_core::Embeddings`]) are the truth and stay with the caller; an [`Index`] holds a graph over them at
//! most, and a compact form of each that the walk compares; what it returns is compared again, by the rows. [`exact()`]
//! compares every row, and [`measure_recall`] says how much of its answer an index finds.
//!
//! Not for: text, models, files, or keeping the rows.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests fail by panicking"))]

mod audit;
mod baseline;
mod batch;
mod blend;
mod blocks;
mod build;
mod bytes;
mod calibrate;
mod dot;
mod dot8;
mod draft;
mod error;
mod exact;
mod found;
mod graph;
mod grid;
mod header;
mod hit;
mod index;
mod layout;
mod lines;
mod neighbors;
mod options;
mod paged;
mod prune;
mod recall;
mod refresh;
mod rows;
mod screen;
mod store;
mod stored_rows;
mod tile;
mod twins;
mod walk;

pub use audit::Audit;
pub use batch::exact_batch;
pub use blend::blend;
pub use calibrate::Calibration;
pub use error::IndexError;
pub use exact::exact;
pub use found::{Found, LookedAt};
pub use hit::Hit;
pub use index::Index;
pub use neighbors::Neighbors;
pub use options::{Builder, DEFAULT_EXACT_BELOW, Effort, IndexOptions, Kind};
pub use paged::{PagedFile, PagedFormat};
pub use recall::{Recall, measure_recall};
pub use refresh::Refreshed;
pub use rows::Rows;
pub use stored_rows::StoredRows;
