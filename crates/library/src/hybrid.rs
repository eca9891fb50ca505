//! Candidates by meaning and by words, and their one score.
//!
//! Not for: understanding a query (`related.rs`), nor for what the score is (`fuse.rs`).

use crate::engine::Library;
use crate::fuse::{first_hits, largest};
use crate::lexical::{Terms, Words};
use crate::nearness::Nearness;
use crate::related::DISLIKE;
use crate::sought::Sought;
use crate::titles::likeness;
use crate::{LibraryError, Progress, RelatedMode};
use serde::Serialize;
use std::collections::BTreeSet;
use syntopic_core::{Paper, Row, dot};
use syntopic_index::Hit;

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
    /// What the hybrid mode counts of meaning: the cosine less half of what all papers of the library share, of the query drawn
    /// towards its first hits. `None` in the other modes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearness: Option<f32>,
    /// Cosine of the vectors of the titles alone, of a text that of the text; of a paper whose title has no vector, the cosine of the
    /// whole texts. `None` in the other modes, and where the query's title or no title of the candidates has a vector.
    #[serde(rename = "titles", skip_serializing_if = "Option::is_none")]
    pub title: Option<f32>,
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

/// The rows that may be hits: the nearest by meaning, and at most `pool` of the likest by words.
fn candidates(sought: &Sought, near: &[Hit], lexical: &[f32], pool: usize) -> BTreeSet<usize> {
    let keep = |place: usize| sought.may_be(Row::from_index(place));
    let mut rows: BTreeSet<usize> = largest(lexical, pool, keep).into_iter().collect();
    rows.extend(near.iter().map(|hit| hit.row.index()));
    rows
}

impl Library {
    /// At most `wanted` rows of the highest score, ties in the order of ids, those of the queries left out, where `k` are to be
    /// shown.
    pub(crate) fn ranked(
        &mut self,
        sought: &Sought,
        words: &SoughtWords,
        (mode, k, wanted): (RelatedMode, usize, usize),
        notes: &mut Vec<String>,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<Ranked>, LibraryError> {
        if mode == RelatedMode::Semantic {
            let found = self.nearest(sought, (k, wanted), notes, progress)?;
            let ranked = found.into_iter().map(|hit| Ranked {
                row: hit.row,
                score: hit.score,
                scores: Scores {
                    cosine: hit.score,
                    nearness: None,
                    title: None,
                    lexical: None,
                },
            });
            return Ok(ranked.collect());
        }
        let pool = CANDIDATES.max(wanted.saturating_mul(2));
        let near = self.nearest(sought, (k, pool), notes, progress)?;
        self.open_lexicon(progress)?;
        self.same_rows(sought)?;
        let lexical = self.lexical_scores(words)?;
        let rows = candidates(sought, &near, &lexical, pool);
        let near = match mode {
            RelatedMode::Hybrid => Some(self.drawn(sought, &rows, &lexical, pool, progress)?),
            _ => None,
        };
        let mut ranked = self.scored(sought, &rows, &lexical, (mode, near))?;
        // Rows come in the order of ids, and a stable sort keeps that among equals. Papers that share no word with the query
        // are all equal in lexical mode: the nearest come first.
        ranked.sort_by(|a, b| {
            let scores = b.score.total_cmp(&a.score);
            scores.then(b.scores.cosine.total_cmp(&a.scores.cosine))
        });
        ranked.truncate(wanted);
        Ok(ranked)
    }

    /// How near papers are to the query, drawn towards its first hits: those of the whole library, whatever the filter, so that
    /// a paper's score does not hang on it. `rows` are the candidates that pass the filter.
    fn drawn(
        &mut self,
        sought: &Sought,
        rows: &BTreeSet<usize>,
        lexical: &[f32],
        pool: usize,
        progress: &mut Progress<'_>,
    ) -> Result<Nearness, LibraryError> {
        let unfiltered = match sought.unfiltered() {
            None => None,
            Some(all) => {
                let near = self.nearest(&all, (pool, pool), &mut Vec::new(), progress)?;
                self.same_rows(sought)?;
                Some(candidates(&all, &near, lexical, pool))
            }
        };
        let catalogue = self.catalogue()?;
        let rows = unfiltered.as_ref().unwrap_or(rows).iter();
        let vectors = rows.map(|&place| Ok((place, catalogue.vector(Row::from_index(place))?)));
        let vectors = vectors.collect::<Result<Vec<_>, LibraryError>>()?;
        let row = |row| catalogue.vector(row);
        let near = Nearness::new(&sought.vector, catalogue.n_rows(), row)?;
        let all = (vectors.iter()).map(|&(place, vector)| (vector, lexical[place]));
        let first = first_hits(&near, all);
        Ok(near.drawn(first.iter().map(|&at| vectors[at].1)))
    }

    /// The scores of rows; `near` is given in hybrid mode.
    fn scored(
        &self,
        sought: &Sought,
        rows: &BTreeSet<usize>,
        lexical: &[f32],
        (mode, near): (RelatedMode, Option<Nearness>),
    ) -> Result<Vec<Ranked>, LibraryError> {
        let catalogue = self.catalogue()?;
        let with_titles = near.is_some() && self.store()?.has_titles()?;
        let asked = sought.title.as_deref().filter(|_| with_titles);
        let titles = match asked {
            Some(_) => self
                .store()?
                .titles_of(catalogue, rows.iter().map(|&place| Row::from_index(place)))?,
            None => vec![None; rows.len()],
        };
        let scored = rows.iter().zip(&titles).map(|(&place, title)| {
            let row = Row::from_index(place);
            let vector = catalogue.vector(row)?;
            let (cosine, lexical) = (dot(&sought.vector, vector), lexical[place]);
            let nearness = near.as_ref().map(|near| near.of(vector));
            let title = asked.map(|query| likeness(query, title.as_deref(), cosine));
            Ok(Ranked {
                row,
                score: mode.score(cosine, nearness.unwrap_or(cosine), title, lexical),
                scores: Scores {
                    cosine,
                    nearness,
                    title,
                    lexical: Some(lexical),
                },
            })
        });
        scored.collect()
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
