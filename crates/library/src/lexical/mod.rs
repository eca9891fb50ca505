//! Which papers share words with a text, and how rare those words are: BM25 over titles and abstracts.
//!
//! Not for: meaning (the vectors), nor where the file of a library is kept (`lexical/stored.rs` says that).

mod fields;
mod layout;
mod lexicon;
mod stored;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use fields::{Fields, FieldsBuilder, Words};
pub(crate) use lexicon::Terms;
pub(crate) use stored::{KEPT_FROM, OpenLexicon, file_problem};
