//! How good topics are, without labels and without a language model: figures that are known by name.

use crate::graph::NeighborFinder;
use crate::partition::partition;
use crate::silhouette::silhouette;
use crate::topics::Step;
use crate::{TopicOptions, TopicsError, agreement, coherence, effective_rank, topic_words};
use rand::SeedableRng;
use rand::seq::index;
use rand_xoshiro::Xoshiro256Plus;
use serde::Serialize;
use syntopic_core::{Embeddings, Row};

/// Words of a topic whose coherence is looked at.
const WORDS: usize = 10;
/// Papers of a subsample, at most; it is half of the papers where that is fewer.
const SUBSAMPLE: usize = 5_000;
/// Fewer papers than this have no halves whose topics could be compared.
const LEAST_PAPERS: usize = 8;

/// The figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scorecard {
    /// Papers.
    pub papers: usize,
    /// Topics.
    pub topics: usize,
    /// Mean cosine silhouette of all papers (Rousseeuw 1987), -1 to 1: larger is better separated.
    pub silhouette: f64,
    /// Its standard error.
    pub silhouette_error: f64,
    /// Mean over the topics of the NPMI of pairs of their 10 words (Bouma 2009), -1 to 1: larger is more coherent.
    pub coherence: f64,
    /// Different words over all words of all topics (Dieng et al. 2020), 0 to 1: larger means that topics share fewer.
    pub diversity: f64,
    /// Mean adjusted Rand index, at most 1, of these topics and those that subsamples of the papers are clustered into, as many, each
    /// compared on its papers: larger is more stable. None of too few papers or one topic.
    pub stability: Option<f64>,
    /// Its standard error over the subsamples.
    pub stability_error: Option<f64>,
    /// Subsamples.
    pub subsamples: usize,
    /// Papers of each.
    pub subsample_papers: usize,
    /// Effective rank of the vectors (RankMe, Garrido et al. 2023), 1 to their length: larger means more directions used.
    pub effective_rank: f64,
    /// Length of the vectors.
    pub dim: usize,
    /// Share of papers that are outliers.
    pub outlier_share: f64,
}

/// Papers in topics.
#[derive(Debug, Clone, Copy)]
pub struct Scored<'a> {
    /// Their vectors.
    pub rows: &'a Embeddings,
    /// Their ids, in the same order.
    pub ids: &'a [&'a str],
    /// Their texts, in the same order.
    pub texts: &'a [&'a str],
    /// The topic of each, below `k`.
    pub assignment: &'a [u32],
    /// How many topics.
    pub k: usize,
    /// How many papers are outliers.
    pub outliers: usize,
}

/// Scores topics; `subsamples` are drawn by the seed of `options`, and clustered as `options` say.
///
/// # Errors
/// As [`partition`].
pub fn scorecard(
    scored: Scored<'_>,
    subsamples: usize,
    options: &TopicOptions,
    neighbors: &mut NeighborFinder<'_>,
    progress: &mut dyn FnMut(Step),
) -> Result<Scorecard, TopicsError> {
    let n = scored.ids.len();
    let separation = silhouette(scored.rows, scored.assignment, scored.k);
    let own: Vec<Option<u32>> = scored.assignment.iter().copied().map(Some).collect();
    let words = topic_words(scored.texts, &own, scored.k, WORDS);
    let words = coherence(scored.texts, &words);
    let size = (n / 2).min(SUBSAMPLE);
    let mut agreed = Vec::new();
    if n >= LEAST_PAPERS && scored.k > 1 && size > scored.k {
        for done in 0..subsamples {
            progress(Step::Subsample {
                done,
                of: subsamples,
            });
            agreed.push(again(scored, (done, size), options, neighbors)?);
        }
    }
    let mean = agreed.iter().sum::<f64>() / agreed.len().max(1) as f64;
    let squares: f64 = agreed.iter().map(|a| (a - mean).powi(2)).sum();
    let spread = (squares / (agreed.len().max(2) - 1) as f64).sqrt();
    Ok(Scorecard {
        papers: n,
        topics: scored.k,
        silhouette: separation.mean,
        silhouette_error: separation.standard_error,
        coherence: words.mean,
        diversity: words.diversity,
        stability: (!agreed.is_empty()).then_some(mean),
        stability_error: (agreed.len() > 1).then(|| spread / (agreed.len() as f64).sqrt()),
        subsamples: agreed.len(),
        subsample_papers: size,
        effective_rank: effective_rank(scored.rows),
        dim: scored.rows.dim(),
        outlier_share: scored.outliers as f64 / n.max(1) as f64,
    })
}

/// How far the topics of a subsample of `size` papers agree with those that its papers are in.
fn again(
    scored: Scored<'_>,
    (number, size): (usize, usize),
    options: &TopicOptions,
    neighbors: &mut NeighborFinder<'_>,
) -> Result<f64, TopicsError> {
    let seed = options.seed.wrapping_add(1 + number as u64);
    let mut rng = Xoshiro256Plus::seed_from_u64(seed);
    let mut chosen = index::sample(&mut rng, scored.ids.len(), size).into_vec();
    chosen.sort_unstable();
    let rows = scored
        .rows
        .select(chosen.iter().copied().map(Row::from_index));
    let ids: Vec<&str> = chosen.iter().map(|&i| scored.ids[i]).collect();
    let options = TopicOptions {
        k: Some(scored.k),
        seed,
        min_size: 1,
        ..options.clone()
    };
    let found = partition(&rows, &ids, &options, neighbors, &mut |_| ())?;
    let own: Vec<u32> = chosen.iter().map(|&i| scored.assignment[i]).collect();
    Ok(agreement(&own, &found.assignment).ari)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NeighborGraph;

    /// Papers of three subjects, each with words of its own.
    fn card(n: usize, assignment: &[u32]) -> Scorecard {
        let angle = |i: usize| (i % 3) as f32 * 2.0 + (i / 3) as f32 * 0.01;
        let data = (0..n).flat_map(|i| [angle(i).cos(), angle(i).sin()]);
        let rows = Embeddings::new(data.collect(), 2).unwrap();
        let ids: Vec<String> = (0..n).map(|i| format!("{i:03}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let words = ["graphs kernels", "proteins genes", "prices markets"];
        let texts: Vec<&str> = (0..n).map(|i| words[i % 3]).collect();
        let scored = Scored {
            rows: &rows,
            ids: &ids,
            texts: &texts,
            assignment,
            k: assignment.iter().max().map_or(0, |most| *most as usize + 1),
            outliers: 1,
        };
        let mut none = |_: &Embeddings, _: usize| Ok(NeighborGraph::new(0, 0, Vec::new())?);
        let options = TopicOptions::default();
        scorecard(scored, 4, &options, &mut none, &mut |_| ()).unwrap()
    }

    #[test]
    fn true_topics_are_stable_and_coherent_and_mixed_ones_are_not() {
        let by_subject: Vec<u32> = (0..30).map(|i| i % 3).collect();
        let found = card(30, &by_subject);
        assert_eq!((found.papers, found.topics, found.subsamples), (30, 3, 4));
        assert!(found.silhouette > 0.9 && found.silhouette_error < 0.05);
        assert!((found.coherence - 1.0).abs() < 1e-9 && (found.diversity - 1.0).abs() < 1e-9);
        assert_eq!(
            (found.stability, found.stability_error),
            (Some(1.0), Some(0.0))
        );
        assert!(found.effective_rank > 1.5 && found.effective_rank <= 2.0 + 1e-9);
        assert!((found.outlier_share - 1.0 / 30.0).abs() < 1e-12);
        let mixed: Vec<u32> = (0..30).map(|i| i / 10).collect();
        let found = card(30, &mixed);
        assert!(
            found.silhouette < 0.1 && found.stability < Some(0.3),
            "{found:?}"
        );
    }

    #[test]
    fn few_papers_and_one_topic_have_no_stability() {
        assert_eq!(card(3, &[0, 1, 2]).stability, None);
        let one = card(30, &[0; 30]);
        assert_eq!((one.stability, one.silhouette), (None, 0.0));
        assert_eq!(card(1, &[0]).papers, 1);
    }
}
