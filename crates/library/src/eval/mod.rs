//! How good results are, by labels, by judgments of people, or beside another model's: figures of files that need no library.
//!
//! Not for: speed ([`crate::bench`]) or the recall of an index ([`crate::bench_index`]).

mod bootstrap;
mod corpus;
pub mod grown;
mod judgments;
mod metrics;
mod queries;
pub mod related;
pub mod topics;
pub mod vectors;

pub use bootstrap::Figure;
pub use judgments::{Judgment, JudgmentsError};
