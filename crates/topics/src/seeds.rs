//! Topics that are asked for by a text: which papers are near enough to it, before the rest is clustered.
//!
//! Not for: names; and how a text becomes a vector, which is the caller's.

use crate::graph::NeighborFinder;
use crate::kmeans::{Clustering, regroup};
use crate::partition::partition_sorted;
use crate::topics::{KChoice, Step};
use crate::{TopicOptions, TopicsError};
use rayon::prelude::*;
use syntopic_core::{Embeddings, Row, dot};

/// A paper is a seed's where its cosine to it is nearer to that of the best papers, this share of all, than to the mean of all papers.
/// Alone, each of arXiv's 46 categories, by name and a few words, finds its papers with a mean F1 of .51 so, six archives, of up to
/// a third of all papers, theirs with .52, and 23 medical subjects theirs with .17. Two standard deviations above the mean give .49, .46
/// and .15, and the best fixed cosine of each of the three sets .50, .60 and .14 (`benches/RESULTS.md`).
const BEST_SHARE: f64 = 0.01;
/// The best papers are at least so many.
const BEST: usize = 3;

/// Topics that are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Seeds<'a> {
    /// A unit vector a topic, of the papers' model.
    pub vectors: &'a Embeddings,
    /// Least cosine of a paper to the seed that it is in; `None`: for each seed halfway between the mean of all papers and that of the
    /// best hundredth, at least 3.
    pub threshold: Option<f32>,
}

/// Clusters, some of which were asked for.
pub(crate) struct Guided {
    pub(crate) found: Clustering,
    pub(crate) choice: KChoice,
    /// For each cluster its seed.
    pub(crate) seed_of: Vec<Option<usize>>,
    /// Least cosine of each seed.
    pub(crate) thresholds: Vec<f32>,
}

/// Each row near enough to a seed is in the cluster of that which it is farthest above the threshold of; the rest is clustered as usual
/// (with `k` less those). A seed that no row is near has no cluster. Rows in canonical order.
pub(crate) fn partition_guided(
    rows: &Embeddings,
    options: &TopicOptions,
    seeds: Option<Seeds<'_>>,
    neighbors: &mut NeighborFinder<'_>,
    progress: &mut dyn FnMut(Step),
) -> Result<Guided, TopicsError> {
    let Some(seeds) = seeds else {
        let (found, choice) = partition_sorted(rows, options, neighbors, progress)?;
        return Ok(Guided {
            seed_of: vec![None; choice.k],
            found,
            choice,
            thresholds: Vec::new(),
        });
    };
    check(rows, seeds)?;
    let (own, thresholds) = seat(rows, seeds);
    let mut seed_of: Vec<Option<usize>> = (0..seeds.vectors.n_rows())
        .filter(|seed| own.contains(&Some(*seed)))
        .map(Some)
        .collect();
    let n_seeds = seed_of.len();
    let rest: Vec<usize> = (0..own.len()).filter(|&row| own[row].is_none()).collect();
    let of_rest = cluster_rest(rows, (&rest, n_seeds), options, neighbors, progress)?;
    let mut assignment: Vec<u32> = (own.iter())
        .map(|own| seed_of.iter().position(|seed| seed == own).unwrap_or(0) as u32)
        .collect();
    let mut choice = KChoice {
        k: 0,
        given: options.k.is_some(),
        method: String::from("every paper is near a seed topic"),
        candidates: Vec::new(),
    };
    if let Some((found, of)) = of_rest {
        for (&row, &cluster) in rest.iter().zip(&found.assignment) {
            assignment[row] = n_seeds as u32 + cluster;
        }
        choice = of;
    }
    choice.k += n_seeds;
    if n_seeds > 0 {
        let plural = if n_seeds == 1 { "" } else { "s" };
        let note = format!("; and {n_seeds} seed topic{plural}");
        choice.method.push_str(&note);
    }
    seed_of.resize(choice.k, None);
    Ok(Guided {
        found: regroup(rows, assignment, choice.k),
        choice,
        seed_of,
        thresholds,
    })
}

fn check(rows: &Embeddings, seeds: Seeds<'_>) -> Result<(), TopicsError> {
    if seeds.vectors.dim() == rows.dim() {
        return Ok(());
    }
    Err(TopicsError::SeedRows {
        got: seeds.vectors.dim(),
        expected: rows.dim(),
    })
}

/// The clusters of the rows that are no seed's; nothing where there is none.
fn cluster_rest(
    rows: &Embeddings,
    (rest, n_seeds): (&[usize], usize),
    options: &TopicOptions,
    neighbors: &mut NeighborFinder<'_>,
    progress: &mut dyn FnMut(Step),
) -> Result<Option<(Clustering, KChoice)>, TopicsError> {
    let least = n_seeds + rest.len().min(1);
    let k = match options.k {
        Some(k) if !(least..=n_seeds + rest.len()).contains(&k) => {
            return Err(TopicsError::SeedsAndTopics {
                k,
                seeds: n_seeds,
                rest: rest.len(),
            });
        }
        k => k.map(|k| k - n_seeds),
    };
    if rest.is_empty() {
        return Ok(None);
    }
    let options = TopicOptions {
        k,
        min_size: options.min_size.min(rest.len()),
        ..options.clone()
    };
    let rows = rows.select(rest.iter().copied().map(Row::from_index));
    partition_sorted(&rows, &options, neighbors, progress).map(Some)
}

/// The seed of each row, if it is near enough to one, and how near that is for each.
fn seat(rows: &Embeddings, seeds: Seeds<'_>) -> (Vec<Option<usize>>, Vec<f32>) {
    let cosines: Vec<Vec<f32>> = (seeds.vectors.rows())
        .map(|seed| {
            let all = (0..rows.n_rows()).into_par_iter().with_min_len(256);
            all.map(|row| dot(rows.row(Row::from_index(row)), seed))
                .collect()
        })
        .collect();
    let thresholds: Vec<f32> = (cosines.iter())
        .map(|cosines| seeds.threshold.unwrap_or_else(|| usual(cosines)))
        .collect();
    let seed = |row: usize| {
        let above = (0..cosines.len()).map(|s| (cosines[s][row] - thresholds[s], s));
        let near = above.filter(|(above, _)| *above >= 0.0);
        near.reduce(|best, next| if next.0 > best.0 { next } else { best })
            .map(|(_, seed)| seed)
    };
    ((0..rows.n_rows()).map(seed).collect(), thresholds)
}

/// The threshold of a seed whose cosines to all rows these are; more than any cosine where all are the same.
fn usual(cosines: &[f32]) -> f32 {
    let mean = |some: &[f32]| some.iter().map(|&c| f64::from(c)).sum::<f64>() / some.len() as f64;
    let mut best = cosines.to_vec();
    best.sort_by(|a, b| b.total_cmp(a));
    best.truncate(((best.len() as f64 * BEST_SHARE) as usize).max(BEST));
    let (all, best) = (mean(cosines), mean(&best));
    if best - all > 1e-6 {
        f64::midpoint(all, best) as f32
    } else {
        2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NeighborGraph;

    /// Ten papers of each of four subjects, with a direction of its own each.
    fn rows() -> Embeddings {
        let mut data = vec![0.0f32; 40 * 44];
        for i in 0..40 {
            data[44 * i + i % 4] = 0.8;
            data[44 * i + 4 + i] = 0.6;
        }
        Embeddings::new(data, 44).unwrap()
    }

    fn axis(subject: usize) -> Vec<f32> {
        let mut row = vec![0.0; 44];
        row[subject] = 1.0;
        row
    }

    fn guided(
        subjects: &[usize],
        threshold: Option<f32>,
        k: Option<usize>,
    ) -> Result<Guided, TopicsError> {
        let vectors = subjects.iter().flat_map(|&s| axis(s)).collect();
        let vectors = Embeddings::new(vectors, 44).unwrap();
        let seeds = Seeds {
            vectors: &vectors,
            threshold,
        };
        let options = TopicOptions {
            k,
            ..TopicOptions::default()
        };
        let mut none = |_: &Embeddings, _: usize| Ok(NeighborGraph::new(0, 0, Vec::new())?);
        partition_guided(&rows(), &options, Some(seeds), &mut none, &mut |_| ())
    }

    #[test]
    fn papers_near_a_seed_are_its_and_the_rest_is_clustered() {
        let found = guided(&[2, 0], Some(0.5), Some(4)).unwrap();
        assert_eq!(found.choice.k, 4);
        assert_eq!(found.seed_of, [Some(0), Some(1), None, None]);
        for (row, &own) in found.found.assignment.iter().enumerate() {
            match row % 4 {
                2 => assert_eq!(own, 0),
                0 => assert_eq!(own, 1),
                _ => assert!(own >= 2),
            }
        }
        assert_eq!(found.found.assignment[1], found.found.assignment[5]);
        assert!(found.choice.method.ends_with("; and 2 seed topics"));
    }

    #[test]
    fn the_threshold_lies_between_all_papers_and_the_best() {
        // A quarter of the papers have .8, the others 0: the mean is .2, the best have .8.
        let found = guided(&[1], None, None).unwrap();
        assert!((found.thresholds[0] - 0.5).abs() < 1e-6);
        assert_eq!(found.seed_of[0], Some(0));
        assert_eq!(
            found.found.assignment.iter().filter(|c| **c == 0).count(),
            10
        );
        assert_eq!(usual(&[0.5; 7]), 2.0);
        assert_eq!(usual(&[]), 2.0);
    }

    #[test]
    fn all_papers_may_be_near_and_too_few_topics_are_refused() {
        let found = guided(&[0, 1, 2, 3], Some(0.5), None).unwrap();
        assert_eq!(found.choice.k, 4);
        assert_eq!(found.seed_of, [Some(0), Some(1), Some(2), Some(3)]);
        for k in [1, 2, 50] {
            let why = guided(&[0, 1], Some(0.5), Some(k))
                .err()
                .unwrap()
                .to_string();
            assert!(why.contains(&k.to_string()), "{why}");
        }
    }

    #[test]
    fn seeds_of_another_length_are_refused() {
        let vectors = Embeddings::new(vec![1.0, 0.0], 2).unwrap();
        let seeds = Seeds {
            vectors: &vectors,
            threshold: None,
        };
        assert!(check(&rows(), seeds).is_err());
    }
}
