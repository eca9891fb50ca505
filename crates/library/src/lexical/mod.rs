//! Which papers share words with a text, and how rare those words are: BM25 over titles and abstracts.
//!
//! Not for: meaning (the vectors), nor where the file of a library is kept (`lexical/stored.rs` says that).

mod bytes;
mod fields;
mod lexicon;
mod stored;
mod words;

pub(crate) use fields::{Fields, FieldsBuilder, Words};
pub(crate) use lexicon::Terms;
pub(crate) use stored::{OpenLexicon, file_problem};
