//! The rows that a search scores by: in memory, or in a file of which a search reads what it needs.

use syntopic_core::{Embeddings, Row};

use crate::lines::{LINE, prefetch};
use crate::{IndexError, StoredRows};

/// Lines of a row that are asked for.
const PREFETCHED: usize = 8;

/// Rows of shape `(n_rows, dim)`, wherever they are: made from [`Embeddings`] or [`StoredRows`] by `into()`.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    dim: usize,
    n_rows: usize,
    data: &'a [f32],
    /// Where a row must be verified before it is looked at.
    stored: Option<&'a StoredRows>,
}

impl<'a> From<&'a Embeddings> for Rows<'a> {
    fn from(rows: &'a Embeddings) -> Self {
        Self {
            dim: rows.dim(),
            n_rows: rows.n_rows(),
            data: rows.as_slice(),
            stored: None,
        }
    }
}

impl<'a> From<&'a StoredRows> for Rows<'a> {
    fn from(rows: &'a StoredRows) -> Self {
        Self {
            dim: rows.dim(),
            n_rows: rows.n_rows(),
            data: rows.all(),
            stored: (!rows.is_right()).then_some(rows),
        }
    }
}

impl<'a> Rows<'a> {
    /// How many rows.
    #[must_use]
    pub fn n_rows(self) -> usize {
        self.n_rows
    }

    /// How many numbers a row has.
    #[must_use]
    pub fn dim(self) -> usize {
        self.dim
    }

    /// One row; of rows in a file only after [`Rows::verified`], or [`Rows::touched`].
    #[inline]
    pub(crate) fn row(self, row: Row) -> &'a [f32] {
        &self.data[row.index() * self.dim..][..self.dim]
    }

    /// Asks for the beginning of a row; the processor guesses the rest.
    #[inline]
    pub(crate) fn prefetch(self, row: Row) {
        const NUMBERS: usize = LINE / 4;
        let numbers = self.row(row).iter().step_by(NUMBERS);
        numbers.take(PREFETCHED).for_each(prefetch);
    }

    /// One row, once it is verified; nothing where it is damaged.
    #[inline]
    pub(crate) fn touched(self, row: Row) -> Option<&'a [f32]> {
        match self.stored {
            None => Some(self.row(row)),
            Some(stored) => stored.touched(row),
        }
    }

    /// The rows once all of them are verified, to be read without further question.
    ///
    /// # Errors
    /// [`IndexError::DamagedRows`] when the file is damaged.
    pub(crate) fn verified(self) -> Result<Self, IndexError> {
        if let Some(stored) = self.stored {
            stored.verify_blocks()?;
        }
        Ok(Self {
            stored: None,
            ..self
        })
    }

    /// That no row was found damaged.
    ///
    /// # Errors
    /// [`IndexError::DamagedRows`] when one was.
    pub(crate) fn check(self) -> Result<(), IndexError> {
        match self.stored {
            Some(stored) if stored.is_damaged() => Err(IndexError::DamagedRows),
            _ => Ok(()),
        }
    }
}
