//! All that a library knows of one paper.

use crate::engine::Library;
use crate::rows::{COLUMNS, N_COLUMNS, paper_of};
use crate::{LibraryError, suggest};
use rusqlite::OptionalExtension;
use serde::Serialize;
use syntopic_core::Paper;

/// A paper and what was made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PaperDetails {
    /// Its fields.
    #[serde(flatten)]
    pub paper: Paper,
    /// Tokens that the model read of it; nothing where it has no vector yet.
    pub tokens: Option<usize>,
    /// Whether it is longer than the model reads.
    pub truncated: bool,
    /// The name of its topic, where `topics` was run since the last change.
    pub topic: Option<String>,
}

impl Library {
    /// One paper.
    ///
    /// # Errors
    /// [`LibraryError::UnknownId`] where no paper has the id; when the database cannot be read.
    pub fn paper(&self, id: &str) -> Result<Paper, LibraryError> {
        self.paper_and_tokens(id).map(|(paper, _)| paper)
    }

    /// One paper, with what was made of it.
    ///
    /// # Errors
    /// As [`Library::paper`].
    pub fn show(&mut self, id: &str) -> Result<PaperDetails, LibraryError> {
        let (paper, read) = self.paper_and_tokens(id)?;
        let topic = match read {
            Some(_) => (self.topic_names(std::slice::from_ref(&paper.id), &mut Vec::new())?)
                .and_then(|names| names.into_iter().next().flatten()),
            None => None,
        };
        Ok(PaperDetails {
            paper,
            tokens: read.map(|(tokens, _)| tokens),
            truncated: read.is_some_and(|(_, truncated)| truncated),
            topic,
        })
    }

    fn paper_and_tokens(&self, id: &str) -> Result<(Paper, Option<(usize, bool)>), LibraryError> {
        let sql = format!(
            "SELECT {COLUMNS}, v.tokens, v.truncated FROM papers p LEFT JOIN vectors v USING (paper) WHERE p.id = ?1"
        );
        let found = self.store()?.read(|db| {
            let mut statement = db.prepare_cached(&sql)?;
            let found = statement.query_row([id.trim()], |row| {
                let tokens: Option<usize> = row.get(N_COLUMNS)?;
                let truncated: Option<bool> = row.get(N_COLUMNS + 1)?;
                Ok((paper_of(row)?, tokens.zip(truncated)))
            });
            found.optional()
        })?;
        if let Some(found) = found {
            return Ok(found);
        }
        let known = self.ids()?;
        Err(LibraryError::UnknownId {
            id: id.to_owned(),
            nearest: suggest::nearest(id, known.iter().map(String::as_str)),
        })
    }

    /// The vectors of papers in their order, where they have one, as they are kept; and their length, 0 in a library without any.
    ///
    /// # Errors
    /// When the database cannot be read, or a vector is damaged.
    #[allow(clippy::type_complexity, reason = "vectors and their length")]
    pub fn vectors_of(
        &self,
        papers: &[Paper],
    ) -> Result<(Vec<Option<Vec<f32>>>, usize), LibraryError> {
        let Some(model) = self.recorded_model()? else {
            return Ok((vec![None; papers.len()], 0));
        };
        let store = self.store()?;
        let of = |paper: &Paper| {
            let found = store.paper_and_vector(&paper.id, model.dim)?;
            Ok(found.map(|(_, vector)| vector))
        };
        let vectors: Result<_, LibraryError> = papers.iter().map(of).collect();
        Ok((vectors?, model.dim))
    }

    /// Every id in order.
    pub(crate) fn ids(&self) -> Result<Vec<String>, LibraryError> {
        self.store()?.read(|db| {
            let mut statement = db.prepare_cached("SELECT id FROM papers ORDER BY id")?;
            statement.query_map([], |row| row.get(0))?.collect()
        })
    }
}
