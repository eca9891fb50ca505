//! Vectors and texts of papers to clusters with readable names, and figures of how good they are.
//!
//! [`topics()`] is the entry; [`partition()`] is its part that needs no texts, [`update()`] brings topics up to date with their papers, [`agreement()`] compares two groupings. Not for: models (phrase vectors come through a closure), files, or SQLite.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests fail by panicking"))]

mod agreement;
mod alike;
mod births;
mod by_hand;
mod candidates;
mod choose;
mod coherence;
mod error;
mod graph;
mod hierarchy;
mod kmeans;
pub mod map;
mod memberships;
mod modularity;
mod names;
mod options;
mod order;
mod outliers;
mod partition;
mod rank;
mod reduce;
mod scorecard;
mod seeds;
mod silhouette;
mod small;
mod stop_words;
mod topics;
mod update;
mod words;

pub use agreement::{Agreement, agreement};
pub use by_hand::{ByHand, by_hand};
pub use coherence::{Coherence, coherence, topic_words};
pub use error::TopicsError;
pub use graph::{NeighborFinder, NeighborGraph};
pub use hierarchy::{Group, check_levels, groups, hierarchy, levels_above};
pub use memberships::{Memberships, memberships};
pub use names::Label;
pub use options::TopicOptions;
pub use outliers::{Outlier, outliers};
pub use partition::{Partition, partition};
pub use rank::effective_rank;
pub use scorecard::{Scorecard, Scored, scorecard};
pub use seeds::Seeds;
pub use topics::{
    Document, KCandidate, KChoice, Nameless, PhraseEmbedder, Step, Term, Tools, Topic, Topics,
    name_some, topics,
};
pub use update::{Change, KeptTopic, Place, Standing, Updated, UpdatedTopic, update};
