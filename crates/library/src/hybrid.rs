//! Candidates by meaning and by words, and their one score.
//!
//! Not for: understanding a query (`related.rs`), nor for what the score is (`fuse.rs`).

use crate::engine::Library;
use crate::fuse::largest;
use crate::lexical::{Terms, Words};
use crate::related::{DISLIKE, Sought};
use crate::{LibraryError, Progress, RelatedMode};
use serde::Serialize;
use std::collections::BTreeSet;
use syntopic_core::{Paper, Row, dot};

/// Candidates taken by meaning, and as many by words, at least.
const CANDIDATES: usize = 200;

/// Most shared words that are shown of a hit.
const SHARED: usize = 5;

/// Shared words rarer than this, as a share of the rarest possible, are worth showing.
const TELLING: f32 = 0.35;

/// What a hit's score is made of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Scores {
    /// Cosine of the vectors: larger is more similar, 1 is the same. Of several queries, that to their blend.
    pub cosine: f32,
    /// How like the query the paper is by the words they share, rare ones counting more: BM25, as a share of what the query's
    /// own text would score. `None` in semantic mode, which does not look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lexical: Option<f32>,
}

/// A row, its score, and what that is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ranked {
    pub(crate) row: Row,
    pub(crate) score: f32,
    pub(crate) scores: Scores,
}

/// The words of what is liked and disliked, text by text.
#[derive(Debug, Default)]
pub(crate) struct SoughtWords {
    pub(crate) liked: Vec<Words>,
    pub(crate) disliked: Vec<Words>,
}

impl SoughtWords {
    /// Words that are liked and those of `paper`, the rarest first, at most [`SHARED`].
    fn shared_with(&self, paper: &Paper, library: &Library) -> Result<Vec<String>, LibraryError> {
        let lexicon = library.lexicon()?;
        let theirs = Words::of_paper(&paper.title, paper.abstract_text.as_deref()).whole;
        let both = |word: &str| {
            theirs
                .binary_search_by(|(known, _)| known.as_str().cmp(word))
                .is_ok()
        };
        let mine: Terms = self
            .liked
            .iter()
            .flat_map(|words| &words.whole)
            .filter(|(word, _)| both(word))
            .cloned()
            .collect();
        let least = TELLING * ((lexicon.n_rows() + 1) as f32).ln();
        let mut shared: Vec<(f32, &str)> = lexicon
            .whole()
            .weigh(&mine)
            .iter()
            .map(|word| (word.rarity, word.word))
            .collect();
        shared.retain(|(rarity, _)| *rarity >= least);
        shared.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        shared.dedup_by(|a, b| a.1 == b.1);
        Ok(shared
            .into_iter()
            .take(SHARED)
            .map(|(_, word)| word.to_owned())
            .collect())
    }
}

impl Library {
    /// At most `k` rows of the highest score, ties in the order of ids, those of the queries left out.
    pub(crate) fn ranked(
        &mut self,
        sought: &Sought,
        words: &SoughtWords,
        (mode, k): (RelatedMode, usize),
        notes: &mut Vec<String>,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<Ranked>, LibraryError> {
        if mode == RelatedMode::Semantic {
            let found = self.nearest(sought, (k, k), notes, progress)?;
            let ranked = found.into_iter().map(|hit| Ranked {
                row: hit.row,
                score: hit.score,
                scores: Scores {
                    cosine: hit.score,
                    lexical: None,
                },
            });
            return Ok(ranked.collect());
        }
        let pool = CANDIDATES.max(k.saturating_mul(2));
        let near = self.nearest(sought, (k, pool), notes, progress)?;
        self.open_lexicon(progress)?;
        let lexical = self.lexical_scores(words)?;
        let keep = |place: usize| sought.may_be(Row::from_index(place));
        let mut rows: BTreeSet<usize> = largest(&lexical, pool, keep).into_iter().collect();
        rows.extend(near.iter().map(|hit| hit.row.index()));
        let catalogue = self.catalogue()?;
        let mut ranked = Vec::with_capacity(rows.len());
        for place in rows {
            let row = Row::from_index(place);
            let cosine = dot(&sought.vector, catalogue.vector(row)?);
            let score = mode.score(cosine, lexical[place]);
            let scores = Scores {
                cosine,
                lexical: Some(lexical[place]),
            };
            ranked.push(Ranked { row, score, scores });
        }
        // Rows come in the order of ids, and a stable sort keeps that among equals.
        ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
        ranked.truncate(k);
        Ok(ranked)
    }

    /// For each row the mean likeness of words to what is liked, less half of that to what is disliked.
    fn lexical_scores(&self, words: &SoughtWords) -> Result<Vec<f32>, LibraryError> {
        let lexicon = self.lexicon()?;
        let mut sum = vec![0f32; lexicon.n_rows()];
        for (all, sign) in [(&words.liked, 1.0), (&words.disliked, -DISLIKE)] {
            for query in all {
                let share = sign / all.len() as f32;
                let scores = lexicon.scores(query);
                sum.iter_mut()
                    .zip(scores)
                    .for_each(|(sum, score)| *sum += share * score);
            }
        }
        Ok(sum)
    }

    /// The telling words that a hit shares with what is liked, the rarest first; none in semantic mode.
    pub(crate) fn shared_words(
        &self,
        words: &SoughtWords,
        mode: RelatedMode,
        paper: &Paper,
    ) -> Result<Vec<String>, LibraryError> {
        if mode == RelatedMode::Semantic {
            return Ok(Vec::new());
        }
        words.shared_with(paper, self)
    }
}
