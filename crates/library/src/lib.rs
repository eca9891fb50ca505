//! The public engine: open a library, add papers, find related ones, name topics; the one owner of disk state.
//!
//! Not for: HTTP or argument parsing. It never prints: progress goes to a closure, results are values.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests fail by panicking"))]

mod add;
mod asked;
pub mod bench;
pub mod bench_index;
pub mod bibtex;
mod calibration;
mod catalogue;
mod check;
mod commit;
mod create;
mod derived;
pub mod distill;
mod diverse;
mod dry_run;
mod duplicates;
mod engine;
mod error;
pub mod eval;
mod explain;
mod filter;
mod fuse;
mod hits;
mod hybrid;
mod info;
mod lexical;
pub mod map;
mod model;
pub mod models;
mod nearness;
mod neighbors;
mod npy;
mod over_time;
mod progress;
mod query_file;
mod random;
mod related;
mod rows;
mod sentences;
mod sought;
mod storage;
mod storage_loss;
mod store;
mod stored_index;
mod suggest;
mod titles;
mod topic_changes;
mod topic_graph;
mod topic_names;
mod topic_state;
mod topic_update;
mod topics;

pub use add::{AddOptions, AddReport, FileReport, Source};
pub use check::{CheckReport, RecallReport};
pub use dry_run::{DryRun, Why, dry_run};
pub use duplicates::{DuplicatesReport, SameBy, Version, VersionGroup};
pub use engine::Library;
pub use error::LibraryError;
pub use explain::SentencePair;
pub use filter::Filter;
pub use fuse::RelatedMode;
pub use hybrid::Scores;
pub use info::{InfoReport, TopicsState};
pub use neighbors::NeighborGraph;
pub use over_time::{Direction, OverTimeReport, Period, TopicOverTime};
pub use progress::{Event, Progress};
pub use query_file::{QueryFile, read_query_file};
pub use related::{Query, QueryReport, Related, RelatedHit, RelatedOptions};
pub use storage::Storage;
pub use storage_loss::StorageLoss;
pub use syntopic_core::{Paper, PaperId};
pub use syntopic_embed::distill::DistillError;
pub use syntopic_embed::models::{EMBEDDED, Fetch, ModelError};
pub use syntopic_embed::{Cut, Device, EmbedError, Mode, ModelIdentity};
pub use syntopic_formats::{ColumnMap, Format, FormatError, ReadOptions, Skipped};
pub use syntopic_index::IndexError;
pub use syntopic_topics::TopicsError;
pub use topic_changes::{Born, ChangesReport, Drift, NamedTopic, TwoTopics};
pub use topics::{Candidate, TopicReport, TopicsReport, TopicsRequest};

/// The sample corpus: a saved Hugging Face Papers page with 65 papers, as `data/hf-papers.txt`.
pub const SAMPLE_PAGE: &str = include_str!("../../../data/hf-papers.txt");
