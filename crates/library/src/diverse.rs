//! Which of the candidates to show so that the hits are relevant and unlike each other.
//!
//! Not for: how relevant a candidate is (`hybrid.rs`).

use crate::LibraryError;
use crate::duplicates::versions::Shown;
use crate::engine::Library;
use syntopic_core::dot;

/// How much relevance counts against being unlike what is chosen already: 1 is the plain order, 0 only asks for difference. At
/// a half, a copy of a chosen paper comes after any paper that is half as relevant and half as like it; at the 0.7 that is often
/// used, copies stayed together.
pub(crate) const TRADE_OFF: f32 = 0.5;

/// A candidate of less than this share of the best's relevance comes after all others: what has nothing to do with the query is unlike
/// everything that has.
const LEAST_RELEVANCE: f32 = 0.2;

/// Candidates that are chosen from, for each hit that is shown.
pub(crate) const POOL_PER_HIT: usize = 5;

/// At least so many candidates are chosen from.
pub(crate) const POOL: usize = 100;

/// Places of at most `k` candidates in the order of choice: each is the one of the largest [`TRADE_OFF`] times its relevance
/// less the rest times its largest similarity to one that is chosen already, among equals the one that comes first (maximal
/// marginal relevance; Carbonell and Goldstein, "The use of MMR, diversity-based reranking", SIGIR 1998); those that are hardly
/// relevant ([`LEAST_RELEVANCE`]) come last. `relevance[i]` and
/// `similarity(i, j)` are larger for more.
pub(crate) fn diverse(
    relevance: &[f32],
    similarity: impl Fn(usize, usize) -> f32,
    k: usize,
) -> Vec<usize> {
    // The largest similarity of each candidate to a chosen one, kept up to date: O(n) a choice.
    let mut nearest = vec![f32::NEG_INFINITY; relevance.len()];
    let least = least(relevance);
    let mut left: Vec<usize> = (0..relevance.len()).collect();
    let mut chosen = Vec::new();
    while chosen.len() < k && !left.is_empty() {
        let gain = |place: usize| {
            let relevance = relevance[place];
            (relevance >= least, marginal(relevance, nearest[place]))
        };
        let mut best = 0;
        for at in 1..left.len() {
            if gain(left[at]) > gain(left[best]) {
                best = at;
            }
        }
        let place = left.remove(best);
        for &other in &left {
            nearest[other] = nearest[other].max(similarity(other, place));
        }
        chosen.push(place);
    }
    chosen
}

/// The relevance below which candidates come last.
fn least(relevance: &[f32]) -> f32 {
    let best = relevance.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if best > 0.0 {
        LEAST_RELEVANCE * best
    } else {
        f32::NEG_INFINITY
    }
}

/// What choosing a candidate gains; nothing is chosen yet where `nearest` is not finite.
fn marginal(relevance: f32, nearest: f32) -> f32 {
    let unlike = if nearest.is_finite() { nearest } else { 0.0 };
    TRADE_OFF * relevance - (1.0 - TRADE_OFF) * unlike
}

impl Library {
    /// The first `k` of candidates in the order that [`diverse`] chooses.
    pub(crate) fn unlike_each_other(
        &self,
        found: Vec<Shown>,
        k: usize,
    ) -> Result<Vec<Shown>, LibraryError> {
        let catalogue = self.catalogue()?;
        let vectors = found.iter().map(|hit| catalogue.vector(hit.ranked.row));
        let vectors = vectors.collect::<Result<Vec<_>, _>>()?;
        let relevance: Vec<f32> = found.iter().map(|hit| hit.ranked.score).collect();
        let chosen = diverse(&relevance, |a, b| dot(vectors[a], vectors[b]), k);
        let mut found: Vec<Option<Shown>> = found.into_iter().map(Some).collect();
        Ok((chosen.into_iter().filter_map(|place| found[place].take())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, word for word.
    fn plain(relevance: &[f32], similarity: &[Vec<f32>], k: usize) -> Vec<usize> {
        let mut chosen: Vec<usize> = Vec::new();
        while chosen.len() < k.min(relevance.len()) {
            let gain = |i: usize| {
                let nearest = chosen.iter().map(|&c| similarity[i][c]);
                let nearest = nearest.fold(f32::NEG_INFINITY, |a, b| a.max(b));
                let best = relevance.iter().copied().fold(0.0, f32::max);
                (
                    relevance[i] >= 0.2 * best || best <= 0.0,
                    marginal(relevance[i], nearest),
                )
            };
            let free = (0..relevance.len()).filter(|i| !chosen.contains(i));
            let best = free.reduce(|a, b| if gain(b) > gain(a) { b } else { a });
            chosen.extend(best);
        }
        chosen
    }

    #[test]
    fn the_choice_is_that_of_the_definition() {
        let mut state = 9u64;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            // Few values, so that there are ties.
            ((state >> 33) % 8) as f32 / 8.0
        };
        for n in [0, 1, 2, 3, 17, 40] {
            let relevance: Vec<f32> = (0..n).map(|_| random()).collect();
            let half: Vec<Vec<f32>> = (0..n).map(|i| (0..i).map(|_| random()).collect()).collect();
            let of = |i: usize, j: usize| half[i.max(j)].get(i.min(j)).copied().unwrap_or(1.0);
            let similarity: Vec<Vec<f32>> =
                (0..n).map(|i| (0..n).map(|j| of(i, j)).collect()).collect();
            for k in [0, 1, 5, n, n + 3] {
                let fast = diverse(&relevance, |i, j| similarity[i][j], k);
                assert_eq!(fast, plain(&relevance, &similarity, k), "{n} {k}");
            }
        }
    }

    #[test]
    fn what_is_hardly_relevant_comes_last_however_unlike_it_is() {
        // The third is much like the first; the last is like nothing, the query neither.
        let similarity = |i: usize, j: usize| match (i.min(j), i.max(j)) {
            (_, 3) => 0.0,
            (0, 2) => 0.54,
            _ => 0.5,
        };
        assert_eq!(
            diverse(&[0.84, 0.83, 0.55, 0.03], similarity, 4),
            [0, 1, 2, 3]
        );
        // Where nothing is relevant, nothing is put last.
        assert_eq!(diverse(&[-0.1, -0.3, -0.2], |_, _| 0.0, 3), [0, 2, 1]);
    }

    #[test]
    fn a_copy_of_the_best_comes_later() {
        let alike = |i: usize, j: usize| if i + j == 1 { 1.0 } else { 0.0 };
        assert_eq!(diverse(&[0.9, 0.89, 0.7], alike, 3), [0, 2, 1]);
        assert_eq!(diverse(&[0.5, 0.5], |_, _| 0.0, 2), [0, 1], "ties by place");
    }
}
