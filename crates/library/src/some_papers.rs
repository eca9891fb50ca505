//! A few papers of many: several by their ids, a part of a list. Nothing else is read.
//!
//! Not for: which papers are alike (`related.rs`), nor what else is known of one (`show.rs`).

use crate::engine::Library;
use crate::rows::known;
use crate::store::one_moment;
use crate::{Filter, LibraryError};
use syntopic_core::{Paper, PaperId};

/// A part of a list of papers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// How many papers the whole list has.
    pub total: usize,
    /// Those asked for, in the order of ids.
    pub papers: Vec<Paper>,
}

impl Library {
    /// The papers of these ids, in the same order, `None` where no paper has the id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn papers_called(&self, ids: &[&str]) -> Result<Vec<Option<Paper>>, LibraryError> {
        let ids = ids.iter().map(|id| PaperId::new(id).ok());
        self.store()?.read(|db| {
            let _moment = one_moment(db)?;
            ids.map(|id| match id {
                Some(id) => Ok(known(db, &id)?.map(|known| known.paper)),
                None => Ok(None),
            })
            .collect()
        })
    }

    /// At most `limit` of the papers that pass, from the one of number `offset` on, in the order of ids.
    ///
    /// # Errors
    /// When the filter names a topic or an author that there is none of, or the database cannot be read.
    pub fn part_of_list(
        &mut self,
        filter: &Filter,
        offset: usize,
        limit: usize,
    ) -> Result<Part, LibraryError> {
        self.at_one_moment(|library| {
            let mut ids = library.ids()?;
            if let Some(passing) = library.passing_ids(filter)? {
                ids.retain(|id| passing.contains(id));
            }
            let wanted = ids.iter().skip(offset).take(limit);
            let wanted: Vec<&str> = wanted.map(String::as_str).collect();
            let papers = library.papers_called(&wanted)?;
            Ok(Part {
                total: ids.len(),
                papers: papers.into_iter().flatten().collect(),
            })
        })
    }
}
