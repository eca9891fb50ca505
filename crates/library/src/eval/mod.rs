//! How good results are, by figures that are computed from files: nothing here needs a library.
//!
//! Not for: speed ([`crate::bench`]) or the recall of an index ([`crate::bench_index`]).

pub mod topics;
pub mod vectors;
