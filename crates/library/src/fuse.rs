//! How likeness of meaning and likeness of words become one score.
//!
//! Not for: computing either of them (`syntopic_index` and `lexical` do), nor for finding candidates (`hybrid.rs`).

use crate::nearness::{FIRST, Nearness};
use serde::Serialize;

/// What makes two papers alike.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RelatedMode {
    /// Meaning and words: the default, for it does at least as well as either of them on the co-citations and citations of
    /// `benches/RESULTS.md`.
    #[default]
    Hybrid,
    /// Meaning: the cosine of the vectors.
    Semantic,
    /// Rare words in common: BM25.
    Lexical,
}

impl RelatedMode {
    /// Every mode, the default first.
    pub const ALL: [Self; 3] = [Self::Hybrid, Self::Semantic, Self::Lexical];

    /// How it is called on a command line and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hybrid => "hybrid",
            Self::Semantic => "semantic",
            Self::Lexical => "lexical",
        }
    }

    /// What a pair scores: larger is more alike. `cosine` is that of the vectors, `near` is [`Nearness::of`], which only the hybrid
    /// mode looks at, `title` the cosine of the titles, where they have vectors, and `lexical` BM25 as a share of what the query
    /// would score itself.
    pub(crate) fn score(self, cosine: f32, near: f32, title: Option<f32>, lexical: f32) -> f32 {
        match self {
            Self::Hybrid => with_title(near, title, lexical),
            Self::Semantic => cosine,
            Self::Lexical => lexical,
        }
    }
}

fn hybrid(near: f32, lexical: f32) -> f32 {
    (near + LEXICAL_WEIGHT * lexical) / (1.0 + LEXICAL_WEIGHT)
}

fn with_title(near: f32, title: Option<f32>, lexical: f32) -> f32 {
    let Some(title) = title else {
        return hybrid(near, lexical);
    };
    let weights = 1.0 + LEXICAL_WEIGHT;
    (weights * hybrid(near, lexical) + TITLE_WEIGHT * title) / (weights + TITLE_WEIGHT)
}

/// The places of the first hits among candidates, by their vectors and likeness of words: what the hybrid mode draws the query
/// towards.
pub(crate) fn first_hits<'r>(
    near: &Nearness,
    candidates: impl Iterator<Item = (&'r [f32], f32)>,
) -> Vec<usize> {
    let scores = candidates.map(|(vector, lexical)| hybrid(near.of(vector), lexical));
    largest(&scores.collect::<Vec<f32>>(), FIRST, |_| true)
}

/// What likeness of words (BM25 as a share of the query's own) counts beside a cosine of 1. Chosen on co-citations, citations and searches.
const LEXICAL_WEIGHT: f32 = 1.2;

/// What the cosine of the titles counts beside a cosine of 1, where titles have vectors.
const TITLE_WEIGHT: f32 = 0.3;

/// The place of the `n` largest scores that `keep` lets pass and that are above 0, largest first, ties in order of place.
pub(crate) fn largest(scores: &[f32], n: usize, keep: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut places: Vec<usize> = (0..scores.len())
        .filter(|&place| scores[place] > 0.0 && keep(place))
        .collect();
    let order = |a: &usize, b: &usize| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b));
    if n > 0 && n < places.len() {
        places.select_nth_unstable_by(n - 1, order);
    }
    places.truncate(n);
    places.sort_unstable_by(order);
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_are_those_of_a_full_sort() {
        let mut state = 7u64;
        let scores: Vec<f32> = (0..500)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005) + 1;
                // Few values, so that there are ties.
                (state >> 60) as f32 - 4.0
            })
            .collect();
        let keep = |place: usize| !place.is_multiple_of(7);
        let mut all: Vec<usize> = (0..500).filter(|&p| scores[p] > 0.0 && keep(p)).collect();
        all.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        for n in [0, 1, 10, 100, 1_000] {
            assert_eq!(largest(&scores, n, keep), all[..n.min(all.len())], "{n}");
        }
    }

    #[test]
    fn the_same_text_scores_one_in_every_mode() {
        for mode in RelatedMode::ALL {
            assert!((mode.score(1.0, 1.0, Some(1.0), 1.0) - 1.0).abs() < 1e-6);
            assert_eq!(mode.score(0.0, 0.0, None, 0.0), 0.0);
        }
        assert!((RelatedMode::Hybrid.score(0.9, 0.5, None, 0.25) - 0.8 / 2.2).abs() < 1e-6);
        let titled = RelatedMode::Hybrid.score(0.9, 0.5, Some(0.7), 0.25);
        let weights = 2.2 + TITLE_WEIGHT;
        assert!((titled - (0.8 + 0.7 * TITLE_WEIGHT) / weights).abs() < 1e-6);
    }
}
