//! Papers taken out of the library, with their vectors. What is made from the rows (index, words, topics) notices by its stamp
//! and is brought up to date by whoever asks next.

use crate::store::next_generation;
use crate::titles_lacking::forget_wordless;
use crate::{Library, LibraryError, changes, suggest};
use serde::Serialize;
use syntopic_core::PaperId;

/// What was taken out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RemoveReport {
    /// Ids of the papers that are gone, in the order they were named.
    pub removed: Vec<String>,
    /// Ids that no paper has.
    pub unknown: Vec<UnknownPaper>,
    /// Papers in the library now.
    pub papers: usize,
}

/// An id that no paper has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnknownPaper {
    /// As it was asked for.
    pub id: String,
    /// The ids that are most like it, at most three.
    pub nearest: Vec<String>,
}

impl Library {
    /// Takes papers out, all that there are in one transaction; ids that no paper has are named and change nothing.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn remove(&mut self, ids: &[String]) -> Result<RemoveReport, LibraryError> {
        let mut report = RemoveReport::default();
        let folder = self.folder.clone();
        let store = self.store.as_mut().ok_or(LibraryError::NotFound(folder))?;
        let mut missing: Vec<String> = Vec::new();
        (report.removed, missing) = store.write(|tx| {
            let (mut gone, mut missing) = (Vec::new(), std::mem::take(&mut missing));
            let mut statement = tx.prepare_cached("DELETE FROM papers WHERE id = ?1")?;
            for id in ids {
                let named_before = gone.contains(id) || missing.contains(id);
                match statement.execute([id.trim()])? {
                    _ if named_before => {}
                    0 => missing.push(id.clone()),
                    _ => gone.push(id.clone()),
                }
            }
            if !gone.is_empty() {
                changes::record(tx, gone.iter().filter_map(|id| PaperId::new(id).ok()))?;
                forget_wordless(tx)?;
                next_generation(tx)?;
            }
            Ok((gone, missing))
        })?;
        if !report.removed.is_empty() {
            (self.snapshot, self.stored, self.index) = (None, None, None);
        }
        if !missing.is_empty() {
            let known = self.ids()?;
            let unknown = missing.into_iter().map(|id| UnknownPaper {
                nearest: suggest::nearest(&id, known.iter().map(String::as_str)),
                id,
            });
            report.unknown = unknown.collect();
        }
        report.papers = self.n_papers()?;
        Ok(report)
    }

    /// The papers that pass, in the order of ids.
    ///
    /// # Errors
    /// When the filter names a topic or an author that there is none of, or the database cannot be read.
    pub fn list(
        &mut self,
        filter: &crate::Filter,
    ) -> Result<Vec<syntopic_core::Paper>, LibraryError> {
        let papers = self.papers()?;
        let Some(passing) = self.passing_ids(filter)? else {
            return Ok(papers);
        };
        let passes = |paper: &syntopic_core::Paper| passing.contains(paper.id.as_str());
        Ok(papers.into_iter().filter(passes).collect())
    }
}
