//! Vectors and texts of papers to clusters with readable names, and figures of how good they are.
//!
//! [`topics`] is the one entry. Not for: models (phrase vectors come through a closure), files, or SQLite.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests fail by panicking"))]

mod candidates;
mod choose;
mod error;
mod kmeans;
pub mod map;
mod names;
mod options;
mod order;
mod silhouette;
mod stop_words;
mod topics;
mod words;

pub use error::TopicsError;
pub use options::TopicOptions;
pub use topics::{
    Document, KCandidate, KChoice, PhraseEmbedder, Step, Term, Topic, Topics, topics,
};
