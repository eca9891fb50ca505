//! Bytes of a foreign format to papers: streaming, one error per bad record.
//!
//! [`open`] looks at the first bytes, says which [`Format`] they are, and gives an iterator: a paper, or a [`Skipped`]
//! record with its line and reason, or, once and last, a [`FormatError`] when reading itself failed. Memory is bounded
//! by the longest record, not by the file (a page also keeps its first MiB until its layout is known, and one id a paper, to
//! notice repeats).
//!
//! Text is cleaned on the way in: every run of white space and control characters (NUL included) becomes one space, so
//! that a title or an abstract is one line. Nothing else is changed, and no field is guessed.
//!
//! Of a page, lines that belong to no paper are counted ([`Papers::chrome_lines`]), and apart from them those that may have
//! been the title of one ([`Papers::doubtful_lines`], [`Papers::doubts`]).
//!
//! Not for: opening files by name, models, or the disk layout of a library.

mod bibtex;
mod chrome_words;
mod detect;
mod encoding;
mod html;
mod json;
mod jsonl;
mod layout;
mod lines;
mod page;
mod paper_url;
mod papers;
mod paragraphs;
mod parquet;
mod records;
mod shape;
mod slug;
mod strings;
mod table;
mod tagged;
mod unpack;
mod write;
mod write_parquet;
mod xml;

pub use detect::Format;
pub use jsonl::write_jsonl;
pub use lines::MAX_LINE_BYTES;
pub use page::MAX_DOUBTS;
pub use papers::{Papers, ReadOptions, open, open_with};
pub use table::ColumnMap;
pub use write::{write_csl, write_csv, write_ris};
pub use write_parquet::write_parquet;

use serde::Serialize;
use std::{fmt, io};

/// The formats, as messages list them.
const SUPPORTED: &str = "jsonl (one {\"id\", \"title\", \"abstract\"} object per line; json: a list of them), csv (also with \
semicolons or tabs), parquet, bibtex, ris, wos (Web of Science), medline and pubmed-xml (PubMed), arxiv-atom, oai and arxiv-json (arXiv), \
acl-xml (ACL Anthology), openalex, semantic-scholar, csl-json (Zotero), hf-papers (a saved Hugging Face Papers page as text), \
hf-papers-html (the same page as HTML)";

/// A record that was left out, and why; the records around it are not touched by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Name of the file, as it was given to [`open`].
    pub source: String,
    /// Its line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.source, self.line, self.why)
    }
}

/// Why a whole file cannot be read, or a paper not written.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The input failed: a directory, no permission, a broken pipe.
    #[error("{file}: cannot be read: {error}")]
    Read {
        /// Name of the file.
        file: String,
        /// What the system said.
        error: io::Error,
    },
    /// No bytes, or white space only.
    #[error("{file}: the file is empty: expected {SUPPORTED}")]
    Empty {
        /// Name of the file.
        file: String,
    },
    /// The first bytes are of no supported format.
    #[error(
        "{file}: this looks like {looks_like}, which is not supported. Supported: {SUPPORTED}. \
         If it is one of these, name it: --format NAME"
    )]
    Unknown {
        /// Name of the file.
        file: String,
        /// What the first bytes look like.
        looks_like: &'static str,
    },
    /// A table whose columns do not say what they are.
    #[error(
        "{file}: {why}. The columns are: {headings}. Say which is which: --map title=COLUMN --map abstract=COLUMN"
    )]
    Columns {
        /// Name of the file.
        file: String,
        /// What is missing.
        why: String,
        /// The headings, the first of them.
        headings: String,
    },
    /// A page was read to its end and nothing in it has the shape of a paper.
    #[error(
        "{file}: no paper in {lines} lines: a paper is a title line and, after it, an abstract of 25 words or more on one \
         line. Save the page of a list with its abstracts shown; if this is another format, name it with --format"
    )]
    NoPapers {
        /// Name of the file.
        file: String,
        /// How many lines were read.
        lines: u64,
    },
    /// A name that is no [`Format`].
    #[error("unknown format {0:?}: expected one of {names}", names = Format::names())]
    UnknownName(String),
    /// A paper could not be written.
    #[error("cannot write the paper: {0}")]
    Write(io::Error),
}

/// One line of text: every run of white space and control characters as one space, none at the ends.
fn clean(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let gap = |c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}';
    for word in text.split(gap).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_one_clean_line() {
        assert_eq!(clean("\u{feff} a\0b\r\n\tc\u{a0}d \u{2028} "), "a b c d");
        assert_eq!(clean(" \r\n"), "");
    }

    #[test]
    fn messages_say_what_to_do() {
        let file = "p.json".to_owned();
        let unknown = FormatError::Unknown {
            file,
            looks_like: "a PDF",
        }
        .to_string();
        assert!(
            unknown.starts_with("p.json: this looks like a PDF, which is not supported."),
            "{unknown}"
        );
        assert!(unknown.contains("jsonl (one"), "{unknown}");
        let skipped = Skipped {
            source: "p.jsonl".to_owned(),
            line: 7,
            why: "no id".to_owned(),
        };
        assert_eq!(skipped.to_string(), "p.jsonl:7: no id");
    }
}
