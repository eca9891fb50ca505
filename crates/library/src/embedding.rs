//! Papers to vectors, of their texts and of their titles, as every verb that writes vectors makes them.
//!
//! Not for: which papers need one, nor how it is kept.

use crate::titles::title_vectors;
use crate::{Event, LibraryError, Progress};
use std::ops::ControlFlow;
use syntopic_core::{Paper, paper_text};
use syntopic_embed::{EmbedError, Embedded, Embedder, TextKind};

/// Ids of papers without known words that a note names.
const NAMED: usize = 5;

/// The vectors of some papers, in their order.
pub(crate) struct Made {
    pub(crate) texts: Embedded,
    /// Of the titles alone, where there are some.
    pub(crate) titles: Vec<Option<Vec<f32>>>,
}

impl Made {
    /// Texts longer than the model reads.
    pub(crate) fn truncated(&self) -> usize {
        self.texts.truncated.iter().filter(|cut| **cut).count()
    }

    /// Texts of which a static model knows no word.
    pub(crate) fn without_known_words(&self) -> usize {
        self.texts.without_tokens.len()
    }
}

/// Embeds `papers`; `before` were embedded by the same call of the user. A wish to stop is met when they are committed, so that
/// the work is not lost.
///
/// # Errors
/// When a text cannot be tokenized, with the paper's id, or the model cannot run.
pub(crate) fn embed(
    embedder: &Embedder,
    papers: &[Paper],
    (before, of): (usize, Option<usize>),
    progress: &mut Progress<'_>,
) -> Result<Made, LibraryError> {
    let texts: Vec<String> = papers.iter().map(paper_text).collect();
    let embedded = embedder.embed(&texts, TextKind::Document, &mut |p| {
        let _ = progress(Event::Embedding {
            done: before + p.done,
            of: of.unwrap_or(before + p.of),
        });
        ControlFlow::Continue(())
    });
    let texts = embedded.map_err(|error| match error {
        EmbedError::Tokenize { index, why } => LibraryError::Embed(EmbedError::Tokenize {
            index,
            why: format!("{why} (paper {})", papers[index].id),
        }),
        other => LibraryError::from(other),
    })?;
    let titles = title_vectors(embedder, papers, &texts.vectors)?;
    let made = Made { texts, titles };
    if made.without_known_words() > 0 {
        let ids = made.texts.without_tokens.iter().take(NAMED);
        let ids: Vec<&str> = ids.map(|&paper| papers[paper].id.as_str()).collect();
        let _ = progress(Event::Note(&format!(
            "the model knows no word of {} papers ({}…): their vectors resemble nothing in particular",
            made.without_known_words(),
            ids.join(", ")
        )));
    }
    Ok(made)
}
