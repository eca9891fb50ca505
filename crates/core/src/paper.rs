//! A paper and its identity.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest id accepted, in bytes.
pub const MAX_ID_BYTES: usize = 512;

/// Why an id or a paper is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaperError {
    /// The id is the empty string or white space.
    #[error("the id is empty: every paper needs one")]
    EmptyId,
    /// The id is longer than [`MAX_ID_BYTES`].
    #[error("the id has {got} bytes, at most {MAX_ID_BYTES} are accepted")]
    LongId {
        /// Its length in bytes.
        got: usize,
    },
    /// The id holds a control character (a line break, say), which no terminal or file would show faithfully.
    #[error("the id {0:?} holds a control character")]
    ControlInId(String),
    /// Neither title nor abstract has any text.
    #[error("paper {0} has neither a title nor an abstract")]
    NoText(PaperId),
}

/// Identity of a paper within a library: non-empty, trimmed, without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PaperId(String);

impl PaperId {
    /// Trims and checks `id`.
    ///
    /// # Errors
    /// When it is empty, longer than [`MAX_ID_BYTES`] bytes, or holds a control character.
    pub fn new(id: impl AsRef<str>) -> Result<Self, PaperError> {
        let id = id.as_ref().trim();
        if id.is_empty() {
            return Err(PaperError::EmptyId);
        }
        if id.len() > MAX_ID_BYTES {
            return Err(PaperError::LongId { got: id.len() });
        }
        if id.chars().any(char::is_control) {
            return Err(PaperError::ControlInId(id.to_owned()));
        }
        Ok(Self(id.to_owned()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PaperId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for PaperId {
    type Error = PaperError;
    fn try_from(id: String) -> Result<Self, PaperError> {
        Self::new(id)
    }
}

impl From<PaperId> for String {
    fn from(id: PaperId) -> Self {
        id.0
    }
}

/// A paper as a source describes it. Absent is absent: an unknown field is `None` or empty, never a guess.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paper {
    /// Its identity.
    pub id: PaperId,
    /// Its title; may be empty when the abstract is not.
    pub title: String,
    /// Its abstract, if the source has one.
    #[serde(rename = "abstract", default, skip_serializing_if = "Option::is_none")]
    pub abstract_text: Option<String>,
    /// Names in the order of the source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
    /// Year of publication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<i32>,
    /// Date as the source wrote it, usually `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Journal or conference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub venue: Option<String>,
    /// Where to read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// DOI as the source wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doi: Option<String>,
    /// Subject categories, primary first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
}

impl Paper {
    /// A paper with an id, a title and perhaps an abstract; white space around them is trimmed, an empty abstract is none.
    ///
    /// # Errors
    /// When title and abstract are both empty: there is nothing to read or embed.
    pub fn new(id: PaperId, title: &str, abstract_text: Option<&str>) -> Result<Self, PaperError> {
        let title = title.trim().to_owned();
        let abstract_text = abstract_text
            .map(str::trim)
            .filter(|a| !a.is_empty())
            .map(str::to_owned);
        if title.is_empty() && abstract_text.is_none() {
            return Err(PaperError::NoText(id));
        }
        Ok(Self {
            id,
            title,
            abstract_text,
            authors: Vec::new(),
            year: None,
            date: None,
            venue: None,
            url: None,
            doi: None,
            categories: Vec::new(),
        })
    }

    /// Takes over from `known`, an earlier record of the same paper, whatever this one does not have: a source that leaves
    /// out the abstract or the year does not say that there is none. Gives whether anything was taken over.
    pub fn fill_from(&mut self, known: &Paper) -> bool {
        fn fill<T: Clone>(field: &mut Option<T>, known: &Option<T>) -> bool {
            let filled = field.is_none() && known.is_some();
            if filled {
                field.clone_from(known);
            }
            filled
        }
        fn fill_list(field: &mut Vec<String>, known: &[String]) -> bool {
            let filled = field.is_empty() && !known.is_empty();
            if filled {
                *field = known.to_vec();
            }
            filled
        }
        let title = self.title.is_empty() && !known.title.is_empty();
        if title {
            self.title.clone_from(&known.title);
        }
        // All of them, so no short circuit.
        title
            | fill(&mut self.abstract_text, &known.abstract_text)
            | fill_list(&mut self.authors, &known.authors)
            | fill(&mut self.year, &known.year)
            | fill(&mut self.date, &known.date)
            | fill(&mut self.venue, &known.venue)
            | fill(&mut self.url, &known.url)
            | fill(&mut self.doi, &known.doi)
            | fill_list(&mut self.categories, &known.categories)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_later_record_leaves_out_is_taken_over_and_what_it_says_stays() {
        let id = PaperId::new("x").expect("an id");
        let mut known = Paper::new(id.clone(), "Old", Some("Text.")).expect("a paper");
        known.authors = vec![String::from("A")];
        known.year = Some(2020);
        known.date = Some(String::from("2020-01-02"));
        known.venue = Some(String::from("V"));
        known.url = Some(String::from("u"));
        known.doi = Some(String::from("d"));
        known.categories = vec![String::from("c")];
        let mut bare = Paper::new(id.clone(), "New", None).expect("a paper");
        assert!(bare.fill_from(&known));
        let expected = Paper {
            title: String::from("New"),
            ..known.clone()
        };
        assert_eq!(bare, expected);
        assert!(!bare.fill_from(&known), "nothing is left to take over");
        let mut untitled = Paper::new(id, "", Some("Other text.")).expect("a paper");
        untitled.year = Some(2021);
        assert!(untitled.fill_from(&known));
        assert_eq!(
            (untitled.title.as_str(), untitled.year),
            ("Old", Some(2021))
        );
        assert_eq!(untitled.abstract_text.as_deref(), Some("Other text."));
    }
}
