//! What long work tells while it runs, and how the caller stops it.

use std::ops::ControlFlow;
use syntopic_core::PaperId;
use syntopic_embed::models::Fetch;

/// One step of long work.
#[derive(Debug)]
pub enum Event<'a> {
    /// The model is looked for or fetched.
    Model(Fetch),
    /// A source is being read.
    Reading {
        /// Its name.
        source: &'a str,
        /// Papers read of it so far.
        papers: usize,
    },
    /// Texts of the batch in hand are being embedded.
    Embedding {
        /// Texts embedded by this call so far.
        done: usize,
        /// Texts known to be needed so far.
        of: usize,
    },
    /// Papers were written for good, new ones or with something new.
    Committed {
        /// Their ids.
        ids: &'a [PaperId],
    },
    /// The database is being copied.
    Copying {
        /// Pages copied.
        done: usize,
        /// Pages in all.
        of: usize,
    },
    /// The index is being built.
    Indexing {
        /// Rows in it.
        done: usize,
        /// Rows in all.
        of: usize,
    },
    /// Papers are being clustered or topics named.
    Topics {
        /// What is being done.
        step: &'static str,
        /// How many are done.
        done: usize,
        /// How many there are.
        of: usize,
    },
    /// A static model is being made.
    Distilling {
        /// What is being done.
        step: &'static str,
        /// How much is done.
        done: usize,
        /// How much there is.
        of: usize,
    },
    /// Something the user should know; the work goes on.
    Note(&'a str),
}

/// Called with every event; `Break` finishes the batch in hand and stops.
pub type Progress<'a> = dyn FnMut(Event<'_>) -> ControlFlow<()> + 'a;
