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

/// Words of what is liked that are worth showing where a hit has them too, the rarest first.
pub(crate) struct Telling(Vec<String>);

impl Telling {
    /// Those of `paper`, at most [`SHARED`].
    pub(crate) fn shared_with(&self, paper: &Paper) -> Vec<String> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let theirs = Words::of_paper(&paper.title, paper.abstract_text.as_deref()).whole;
        let has = |word: &&String| {
            theirs
                .binary_search_by(|(known, _)| known.cmp(word))
                .is_ok()
        };
        self.0.iter().filter(has).take(SHARED).cloned().collect()
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
        self.same_rows(sought)?;
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
        // Rows come in the order of ids, and a stable sort keeps that among equals. Papers that share no word with the query
        // are all equal in lexical mode: the nearest come first.
        ranked.sort_by(|a, b| {
            let scores = b.score.total_cmp(&a.score);
            scores.then(b.scores.cosine.total_cmp(&a.scores.cosine))
        });
        ranked.truncate(k);
        let without = |hit: &&Ranked| hit.scores.lexical == Some(0.0);
        match ranked.iter().filter(without).count() {
            0 => {}
            n if mode == RelatedMode::Lexical => notes.push(format!(
                "{n} of the hits share no word with the query: they are the nearest by meaning"
            )),
            _ => {}
        }
        Ok(ranked)
    }

    /// For each row the mean likeness of words to what is liked, less half of that to what is disliked.
    fn lexical_scores(&self, words: &SoughtWords) -> Result<Vec<f32>, LibraryError> {
        let lexicon = self.lexicon()?;
        let mut sum = vec![0f32; lexicon.n_rows()];
        for (all, sign) in [(&words.liked, 1.0), (&words.disliked, -DISLIKE)] {
            for query in all {
                let share = sign / all.len() as f32;
                let scores = lexicon.scores(query)?;
                sum.iter_mut()
                    .zip(scores)
                    .for_each(|(sum, score)| *sum += share * score);
            }
        }
        Ok(sum)
    }

    /// The telling words of what is liked; none in semantic mode.
    pub(crate) fn telling_words(
        &self,
        words: &SoughtWords,
        mode: RelatedMode,
    ) -> Result<Telling, LibraryError> {
        if mode == RelatedMode::Semantic {
            return Ok(Telling(Vec::new()));
        }
        let lexicon = self.lexicon()?;
        let liked = words.liked.iter().flat_map(|words| &words.whole);
        let liked: Terms = liked.cloned().collect();
        let least = TELLING * ((lexicon.n_rows() + 1) as f32).ln();
        let weighted = lexicon.whole().weigh(&liked)?;
        let rarities = weighted.iter().map(|word| (word.rarity, word.word));
        let mut telling: Vec<(f32, &str)> =
            rarities.filter(|(rarity, _)| *rarity >= least).collect();
        telling.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        telling.dedup();
        Ok(Telling(
            telling
                .into_iter()
                .map(|(_, word)| word.to_owned())
                .collect(),
        ))
    }
}
