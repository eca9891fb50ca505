//! How many topics: tried numbers, their scores, and the rule that picks one.

use crate::graph::NeighborGraph;
use crate::kmeans::{Clustering, KMeansOptions, cluster};
use crate::modularity::Edges;
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
/// A number of topics that cuts neighbours apart is none: its modularity is at least this share of the best one's. Of papers of few, broad subjects the
/// silhouette alone takes numbers far too large, as rows drawn towards their neighbours are tight around ever smaller centres.
const OF_BEST_MODULARITY: f64 = 0.95;

/// The clustering asked for, of `reduced`, and how its number of topics came about: by `rows`, which are the same where there are
/// at most [`SAMPLE`], and the graph of their neighbours where there is one.
pub(crate) fn choose_and_cluster(
    rows: &Embeddings,
    (reduced, graph): (&Embeddings, Option<&NeighborGraph>),
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
    let sampled = (n > SAMPLE).then(|| fixed_sample(n, SAMPLE));
    let edges = graph.map(|graph| match &sampled {
        Some(some) => Edges::from_rows(rows, graph, some.iter().copied()),
        None => Edges::from_rows(rows, graph, 0..n),
    });
    let sample = sampled.map(|some| rows.select(some.into_iter().map(Row::from_index)));
    let scored_rows = sample.as_ref().unwrap_or(rows);
    let how = (options, sample.is_some());
    let (scores, runs) = score(scored_rows, edges.as_ref(), &tried, how, progress)?;
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

/// What is known of a number of topics.
#[derive(Clone, Copy)]
struct Score {
    k: usize,
    silhouette: f64,
    standard_error: f64,
    modularity: Option<f64>,
}

/// Clusters into each number of topics tried, and scores the result.
fn score(
    rows: &Embeddings,
    edges: Option<&Edges>,
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
        scores.push(Score {
            k,
            silhouette: score.mean,
            standard_error: score.standard_error,
            modularity: edges.map(|edges| edges.modularity(&found.centroids)),
        });
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

/// The k of the best mean silhouette, the smallest of equals (Kaufman & Rousseeuw 1990), of those whose modularity is near the
/// best, where it is known. A k below the usual range counts only with a strong silhouette.
fn pick(scores: &[Score], low: usize) -> usize {
    let usable = || {
        let in_range = |s: &&Score| s.k >= low || s.silhouette >= STRONG;
        scores.iter().filter(in_range)
    };
    let most = usable().filter_map(|s| s.modularity).reduce(f64::max);
    let enough = |s: &&Score| match (s.modularity, most) {
        (Some(own), Some(most)) => own >= most.min(OF_BEST_MODULARITY * most),
        _ => true,
    };
    let best = usable().filter(enough).reduce(|best, next| {
        if next.silhouette > best.silhouette {
            next
        } else {
            best
        }
    });
    best.expect("the grid starts at the low end of the range").k
}

fn candidates(scores: &[Score]) -> Vec<KCandidate> {
    scores
        .iter()
        .map(|score| KCandidate {
            k: score.k,
            score: score.silhouette as f32,
            modularity: score.modularity.map(|own| own as f32),
        })
        .collect()
}

fn explain(k: usize, (low, high): (usize, usize), scores: &[Score], papers: usize) -> String {
    let chosen = scores.iter().find(|s| s.k == k);
    let (mean, error) = chosen.map_or((0.0, 0.0), |s| (s.silhouette, s.standard_error));
    let among = if chosen.is_some_and(|s| s.modularity.is_some()) {
        ", of the numbers that keep neighbours together about as well as any (modularity)"
    } else {
        ""
    };
    format!(
        "the best mean cosine silhouette of {low} to {high} topics (cube root of the papers, to 4 times that){among}: {mean:.3} +- \
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

    fn scores(given: &[(usize, f64, Option<f64>)]) -> Vec<Score> {
        let one = |&(k, silhouette, modularity)| Score {
            k,
            silhouette,
            standard_error: 0.01,
            modularity,
        };
        given.iter().map(one).collect()
    }

    #[test]
    fn the_best_silhouette_wins() {
        let plain = |given: &[(usize, f64)]| {
            let given: Vec<_> = given.iter().map(|&(k, mean)| (k, mean, None)).collect();
            pick(&scores(&given), 4)
        };
        assert_eq!(
            plain(&[(2, 0.3), (4, 0.10), (5, 0.195), (6, 0.20), (7, 0.19)]),
            6
        );
        assert_eq!(plain(&[(4, 0.2), (5, 0.2)]), 4);
        assert_eq!(plain(&[(3, 0.9), (4, 0.7), (5, 0.6)]), 3);
    }

    #[test]
    fn numbers_that_cut_neighbours_apart_are_passed_over() {
        let tried = [
            (3, 0.1, Some(0.9)),
            (4, 0.2, Some(0.60)),
            (6, 0.3, Some(0.58)),
            (9, 0.4, Some(0.56)),
        ];
        assert_eq!(pick(&scores(&tried), 4), 6);
        // Below the usual range it counts with a strong silhouette, and sets what the best modularity is.
        let strong = [
            (3, 0.6, Some(0.66)),
            (4, 0.7, Some(0.60)),
            (6, 0.5, Some(0.65)),
        ];
        assert_eq!(pick(&scores(&strong), 4), 3);
        // No structure at all: nothing is left out but what is worse than the best.
        let none = [(4, 0.1, Some(-0.2)), (6, 0.2, Some(-0.1))];
        assert_eq!(pick(&scores(&none), 4), 6);
    }
}
