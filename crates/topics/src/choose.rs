//! How many topics: tried numbers, their scores, and the rule that picks one.

use crate::kmeans::{Clustering, KMeansOptions, cluster};
use crate::order::{distinct_rows, fixed_sample};
use crate::silhouette::silhouette;
use crate::topics::{KCandidate, KChoice, Step};
use crate::{TopicOptions, TopicsError};
use syntopic_core::{Embeddings, Row};

/// Numbers are tried on a fixed sample of this many papers when there are more.
pub(crate) const SAMPLE: usize = 3_000;
/// Up to this many papers all restarts are run; above it an eighth of them.
const FEW_PAPERS: usize = 2_000;
/// At most this many numbers are tried in the usual range.
const TRIED: usize = 14;
/// Iterations of a clustering of the sample.
const DRAFT_ITERATIONS: u64 = 25;
/// "A reasonable structure has been found" (Kaufman & Rousseeuw 1990): from this silhouette on, fewer topics than usual are right.
const STRONG: f64 = 0.5;

/// The clustering asked for, of `reduced`, and how its number of topics came about: by `rows`, which are the same where there are
/// at most [`SAMPLE`].
pub(crate) fn choose_and_cluster(
    rows: &Embeddings,
    reduced: &Embeddings,
    options: &TopicOptions,
    progress: &mut dyn FnMut(Step),
) -> Result<(Clustering, KChoice), TopicsError> {
    let n = rows.n_rows();
    let (usual, tried) = numbers_to_try(n, distinct_rows(rows));
    let settled = match options.k {
        Some(k) => Some((k, "given by the caller")),
        None if tried.is_empty() => Some((
            1,
            "1 topic: too few different papers to compare numbers of topics",
        )),
        None => None,
    };
    if let Some((k, method)) = settled {
        progress(Step::Cluster);
        let choice = KChoice {
            k,
            given: options.k.is_some(),
            method: method.to_owned(),
            candidates: Vec::new(),
        };
        return Ok((run(reduced, k, options)?, choice));
    }
    let sample =
        (n > SAMPLE).then(|| rows.select(fixed_sample(n, SAMPLE).into_iter().map(Row::from_index)));
    let scored_rows = sample.as_ref().unwrap_or(rows);
    let (scores, runs) = score(scored_rows, &tried, (options, sample.is_some()), progress)?;
    let k = pick(&scores, usual.0);
    let choice = KChoice {
        k,
        given: false,
        method: explain(k, usual, &scores, scored_rows.n_rows()),
        candidates: candidates(&scores),
    };
    progress(Step::Cluster);
    // Without a sample, the clustering that was scored is the one asked for.
    let at_hand = tried.iter().zip(runs).find(|(tried, _)| **tried == k);
    match at_hand {
        Some((_, found)) if sample.is_none() => Ok((found, choice)),
        _ => Ok((run(reduced, k, options)?, choice)),
    }
}

/// A number of topics, its mean silhouette and the standard error of that.
type Score = (usize, f64, f64);

/// Clusters into each number of topics tried, and scores the result.
fn score(
    rows: &Embeddings,
    tried: &[usize],
    (options, sampled): (&TopicOptions, bool),
    progress: &mut dyn FnMut(Step),
) -> Result<(Vec<Score>, Vec<Clustering>), TopicsError> {
    let (mut scores, mut runs) = (Vec::new(), Vec::new());
    let of = tried.len();
    for (done, &k) in tried.iter().enumerate() {
        progress(Step::ChooseK { tried: done, of });
        let found = if sampled {
            draft(rows, k, options)?
        } else {
            run(rows, k, options)?
        };
        let score = silhouette(rows, &found.assignment, k);
        scores.push((k, score.mean, score.standard_error));
        runs.push(found);
    }
    progress(Step::ChooseK { tried: of, of });
    Ok((scores, runs))
}

fn run(rows: &Embeddings, k: usize, options: &TopicOptions) -> Result<Clustering, TopicsError> {
    let restarts = if rows.n_rows() > FEW_PAPERS {
        (options.restarts / 8).max(1)
    } else {
        options.restarts
    };
    cluster(
        rows,
        KMeansOptions {
            k,
            seed: options.seed,
            restarts,
            max_iterations: options.max_iterations,
            move_rows: true,
        },
    )
}

/// A quick clustering of a sample, whose score is all that is wanted of it.
fn draft(rows: &Embeddings, k: usize, options: &TopicOptions) -> Result<Clustering, TopicsError> {
    cluster(
        rows,
        KMeansOptions {
            k,
            seed: options.seed,
            restarts: 1,
            max_iterations: options.max_iterations.min(DRAFT_ITERATIONS),
            move_rows: false,
        },
    )
}

/// The usual range of k for `n` papers, from the cube root of `n` to four times that, and the numbers to try: a geometric grid
/// over the range, and every number below it (they are few, and taken only where the structure is strong).
/// No number above half the papers or above the number of different vectors; none at all where that leaves less than 2.
fn numbers_to_try(n: usize, distinct: usize) -> ((usize, usize), Vec<usize>) {
    let root = (n as f64).cbrt();
    let most = (n / 2).min(distinct);
    let high = ((4.0 * root).round() as usize).min(most);
    let low = (root.round() as usize).clamp(2, high.max(2));
    if high < 2 {
        return ((1, 1), Vec::new());
    }
    let ratio = high as f64 / low as f64;
    let grid = (0..TRIED)
        .map(|i| (low as f64 * ratio.powf(i as f64 / (TRIED - 1) as f64)).round() as usize);
    let mut tried: Vec<usize> = (2..low.min(8)).chain(grid).collect();
    tried.dedup();
    ((low, high), tried)
}

/// The k of the best mean silhouette, the smallest of equals (Kaufman & Rousseeuw 1990). A k below the usual range counts only
/// with a strong silhouette.
fn pick(scores: &[Score], low: usize) -> usize {
    let usable = scores
        .iter()
        .filter(|(k, mean, _)| *k >= low || *mean >= STRONG);
    let best = usable.reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.expect("the grid starts at the low end of the range").0
}

fn candidates(scores: &[Score]) -> Vec<KCandidate> {
    scores
        .iter()
        .map(|&(k, mean, _)| KCandidate {
            k,
            score: mean as f32,
        })
        .collect()
}

fn explain(k: usize, (low, high): (usize, usize), scores: &[Score], papers: usize) -> String {
    let (_, mean, error) = scores
        .iter()
        .find(|s| s.0 == k)
        .copied()
        .unwrap_or_default();
    format!(
        "the best mean cosine silhouette of {low} to {high} topics (cube root of the papers, to 4 times that): {mean:.3} +- \
         {error:.3} for {k} topics, on {papers} papers"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_grows_with_the_cube_root() {
        assert_eq!(numbers_to_try(65, 65).0, (4, 16));
        assert_eq!(numbers_to_try(23_000, 23_000).0, (28, 114));
        assert_eq!(
            numbers_to_try(65, 65).1,
            [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 16]
        );
        assert!(numbers_to_try(150_000, 150_000).1.len() <= TRIED + 6);
    }

    #[test]
    fn few_or_equal_papers_leave_nothing_to_try() {
        for (n, distinct) in [(1, 1), (2, 2), (3, 3), (500, 1)] {
            assert!(
                numbers_to_try(n, distinct).1.is_empty(),
                "{n} papers, {distinct} different"
            );
        }
        assert_eq!(numbers_to_try(4, 4).1, [2]);
        assert_eq!(numbers_to_try(500, 3).1, [2, 3]);
    }

    #[test]
    fn the_best_silhouette_wins() {
        let scores = [
            (2, 0.3, 0.01),
            (4, 0.10, 0.01),
            (5, 0.195, 0.01),
            (6, 0.20, 0.01),
            (7, 0.19, 0.01),
        ];
        assert_eq!(pick(&scores, 4), 6);
        let equal = [(4, 0.2, 0.01), (5, 0.2, 0.01)];
        assert_eq!(pick(&equal, 4), 4);
        let strong = [(3, 0.9, 0.01), (4, 0.7, 0.01), (5, 0.6, 0.01)];
        assert_eq!(pick(&strong, 4), 3);
    }
}
