//! Formats that are lists of records, each with fields of its own: what they have in common. Not for: saved pages, in which
//! papers are found by the shape of lines.

mod draft;
mod names;
mod wording;

pub(crate) use draft::{Draft, Naming, year_in};
pub(crate) use names::{name_parts, natural_order};
pub(crate) use wording::plain;

use crate::page::Bad;
use std::collections::VecDeque;
use std::io;

/// What one record says, or why it is left out.
pub(crate) type Record = Result<Draft, Bad>;

/// A file as a list of records, read one after the other.
pub(crate) trait Records {
    /// Reads on, and puts what was found into `ready`, none or several; false at the end of the file.
    ///
    /// # Errors
    /// When the input cannot be read.
    fn next(&mut self, ready: &mut VecDeque<Record>) -> io::Result<bool>;
}
