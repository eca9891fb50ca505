//! Which sentences of what was asked and of a hit say the same.
//!
//! Vectors of sentences are made here, while the user waits: those of the query and of the hits that are shown, and only when
//! asked for. Where a library comes to keep them, [`Library::sentence_vectors`] is the one function to change.
//!
//! Not for: the order of hits.

use crate::asked::Asked;
use crate::engine::Library;
use crate::sentences::sentences;
use crate::{Event, LibraryError, Progress};
use serde::Serialize;
use syntopic_core::{Embeddings, Paper, Row, dot};
use syntopic_embed::{EmbedError, TextKind};

/// Sentences of one text that are compared: its first ones. An abstract has about ten.
const SENTENCES: usize = 64;

/// A sentence of what was asked, and the one of a hit that is most like it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SentencePair {
    /// Of the query's abstract or text; the title, of a paper without an abstract; the name, of a topic.
    pub query: String,
    /// Of the hit's abstract, or its title where it has none.
    pub hit: String,
    /// Cosine of their vectors: larger is more similar.
    pub cosine: f32,
}

/// The sentences that stand for a paper.
fn of_paper(paper: &Paper) -> Vec<String> {
    let found = sentences(paper.abstract_text.as_deref().unwrap_or_default());
    match found.is_empty() {
        true => vec![paper.title.clone()],
        false => (found.into_iter().take(SENTENCES))
            .map(str::to_owned)
            .collect(),
    }
}

/// The sentences that stand for a query.
fn of_query(asked: &Asked) -> Vec<String> {
    if let Some(paper) = &asked.paper {
        return of_paper(paper);
    }
    if !asked.report.like_topics.is_empty() {
        return asked.report.like_topics.clone();
    }
    let text = asked.report.text.as_deref().unwrap_or_default();
    let found = sentences(text).into_iter().take(SENTENCES);
    found.map(str::to_owned).collect()
}

/// The places and the cosine of the nearest pair of a row of `ours` and a row of `theirs`, the first of equal ones; nothing
/// where either has none.
fn nearest_pair(
    vectors: &Embeddings,
    ours: std::ops::Range<usize>,
    theirs: std::ops::Range<usize>,
) -> Option<(usize, usize, f32)> {
    let row = |at| vectors.row(Row::from_index(at));
    let mut best: Option<(usize, usize, f32)> = None;
    for one in ours {
        for other in theirs.clone() {
            let cosine = dot(row(one), row(other));
            if best.is_none_or(|(.., found)| cosine > found) {
                best = Some((one, other, cosine));
            }
        }
    }
    best
}

impl Library {
    /// For each of `papers` the sentence of it and the one of what is `liked` that are nearest to each other. Where the library's
    /// model cannot be had, none of all, with a note.
    pub(crate) fn sentence_pairs(
        &mut self,
        liked: &[Asked],
        papers: &[&Paper],
        notes: &mut Vec<String>,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<Option<SentencePair>>, LibraryError> {
        let ours: Vec<String> = liked.iter().flat_map(of_query).collect();
        let mut all = ours.clone();
        let mut places = Vec::with_capacity(papers.len());
        for paper in papers {
            let from = all.len();
            all.extend(of_paper(paper));
            places.push(from..all.len());
        }
        let vectors = match self.sentence_vectors(&all, progress) {
            Err(
                error @ (LibraryError::Embed(EmbedError::Model(_))
                | LibraryError::ModelMoved { .. }),
            ) => {
                notes.push(format!("no sentences are compared: {error}"));
                return Ok(vec![None; papers.len()]);
            }
            other => other?,
        };
        let pairs = places.into_iter().map(|theirs| {
            let (one, other, cosine) = nearest_pair(&vectors, 0..ours.len(), theirs)?;
            Some(SentencePair {
                query: all[one].clone(),
                hit: all[other].clone(),
                cosine,
            })
        });
        Ok(pairs.collect())
    }

    /// The unit vector of each sentence, shape `(texts, dim)`.
    fn sentence_vectors(
        &mut self,
        texts: &[String],
        progress: &mut Progress<'_>,
    ) -> Result<Embeddings, LibraryError> {
        let embedder = self.load_model(None, progress)?;
        let embedded = embedder.embed(texts, TextKind::Document, &mut |done| {
            progress(Event::Topics {
                step: "comparing sentences",
                done: done.done,
                of: done.of,
            })
        })?;
        Ok(embedded.vectors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syntopic_core::PaperId;

    #[test]
    fn the_nearest_pair_is_the_first_of_equal_ones() {
        let rows = [1.0, 0.0, 0.0, 1.0, 0.6, 0.8, 0.0, 1.0];
        let vectors = Embeddings::new(rows.to_vec(), 2).unwrap();
        assert_eq!(nearest_pair(&vectors, 0..2, 2..4), Some((1, 3, 1.0)));
        assert_eq!(nearest_pair(&vectors, 1..2, 1..4), Some((1, 1, 1.0)));
        assert_eq!(nearest_pair(&vectors, 0..0, 2..4), None);
        assert_eq!(nearest_pair(&vectors, 0..2, 4..4), None);
    }

    #[test]
    fn a_title_stands_for_a_paper_without_an_abstract() {
        let paper = |text| Paper::new(PaperId::new("a").unwrap(), "A title", text).unwrap();
        assert_eq!(of_paper(&paper(None)), ["A title"]);
        assert_eq!(of_paper(&paper(Some("One. Two."))), ["One.", "Two."]);
        let long = "One. ".repeat(SENTENCES + 1);
        assert_eq!(of_paper(&paper(Some(&long))).len(), SENTENCES);
    }
}
