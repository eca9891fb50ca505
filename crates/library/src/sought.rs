//! The search by vectors for what was asked, with what may be a hit.
//!
//! Not for: understanding the query (`asked.rs`) nor the order of the hits (`hybrid.rs`).

use crate::engine::Library;
use crate::{LibraryError, Progress};
use std::collections::HashSet;
use syntopic_core::Row;
use syntopic_index::Hit;

/// What is looked for.
pub(crate) struct Sought {
    pub(crate) vector: Vec<f32>,
    /// The same of the titles, where all of them have a vector.
    pub(crate) title: Option<Vec<f32>>,
    /// Rows of the queries: no hits.
    pub(crate) own: HashSet<Row>,
    /// For each row whether it may be a hit; `None` where all may.
    pub(crate) passing: Option<Vec<bool>>,
    pub(crate) recall: Option<f64>,
    /// Of which state of the library the rows are.
    pub(crate) generation: u64,
}

impl Sought {
    /// Whether a row may be a hit.
    pub(crate) fn may_be(&self, row: Row) -> bool {
        !self.own.contains(&row) && self.passing.as_ref().is_none_or(|all| all[row.index()])
    }

    /// The same without a filter; nothing where there is none.
    pub(crate) fn unfiltered(&self) -> Option<Self> {
        self.passing.as_ref()?;
        Some(Self {
            vector: self.vector.clone(),
            title: self.title.clone(),
            own: self.own.clone(),
            passing: None,
            recall: self.recall,
            generation: self.generation,
        })
    }
}

impl Library {
    /// # Errors
    /// [`LibraryError::Busy`] when papers came or went since the query was understood: its rows are those of before.
    pub(crate) fn same_rows(&self, sought: &Sought) -> Result<(), LibraryError> {
        if self.catalogue()?.stamp().generation == sought.generation {
            return Ok(());
        }
        Err(LibraryError::Busy(self.store()?.path().to_owned()))
    }

    /// At most `pool` rows, most similar first, those of the queries left out, where `k` are to be shown.
    pub(crate) fn nearest(
        &mut self,
        sought: &Sought,
        (k, pool): (usize, usize),
        notes: &mut Vec<String>,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<Hit>, LibraryError> {
        let n_rows = self.catalogue()?.n_rows();
        let keep = |row: Row| sought.may_be(row);
        let possible = match &sought.passing {
            None => n_rows - sought.own.len(),
            Some(_) => (0..n_rows)
                .filter(|&row| keep(Row::from_index(row)))
                .count(),
        };
        if sought.passing.is_some() {
            notes.push(format!("{possible} of {n_rows} papers pass the filter"));
        } else if k > possible {
            notes.push(format!(
                "{k} papers were asked for, the library has {possible}"
            ));
        }
        let options = self.index_options.clone();
        self.open_index(&options, sought.recall, progress)?;
        self.same_rows(sought)?;
        let (index, rows) = (self.index()?, self.catalogue()?.rows());
        let filter: Option<&dyn Fn(Row) -> bool> = match sought.passing {
            Some(_) => Some(&keep),
            None => None,
        };
        let wanted = match filter {
            Some(_) => pool.min(possible.max(1)),
            None => pool.saturating_add(sought.own.len()).min(n_rows),
        };
        let found = index.find_where(rows, &sought.vector, wanted, filter)?;
        if !index.is_exact() {
            notes.push(index.describe_search(found.looked_at, wanted));
        }
        let others = found.hits.into_iter().filter(|hit| keep(hit.row));
        Ok(others.take(pool).collect())
    }
}
