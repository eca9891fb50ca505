//! Spherical k-means: unit vectors to `k` clusters that are never empty.
//!
//! Each run: k-means++ starts, then linfa's KMeans one iteration at a time with the centroids brought back to unit length
//! between them (Dhillon & Modha 2001), then moves of single rows while they raise the objective (the "first variation" of
//! Dhillon, Guan & Kogan 2002; Hartigan's method). The last step matters for few papers in many dimensions, where a row weighs
//! so much in its own centroid that plain k-means stops early.

use crate::TopicsError;
use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_clustering::{KMeans, KMeansInit};
use linfa_nn::distance::Distance;
use ndarray::{Array2, ArrayView, ArrayView2, Dimension};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256Plus;
use rayon::prelude::*;
use syntopic_core::{Embeddings, Row, dot};

use crate::order::fixed_sample;

/// Above this many rows the runs work on a fixed sample of this size and only the best goes on with all rows.
const FIT_SAMPLE: usize = 10_000;
/// Up to this many rows single rows are moved after k-means; above it a row no longer weighs much in its centroid.
const LOCAL_SEARCH_ROWS: usize = 5_000;
/// A move must raise the sum of cosines by more than rounding can.
const LEAST_GAIN: f64 = 1e-4;
/// Iterations end when centroids have turned by less than this (1 - cosine, mean over the rows).
const STILL: f64 = 1e-6;

/// How to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KMeansOptions {
    pub(crate) k: usize,
    pub(crate) seed: u64,
    pub(crate) restarts: usize,
    pub(crate) max_iterations: u64,
    /// Whether single rows are moved at the end, where they are few enough for it to matter.
    pub(crate) move_rows: bool,
}

/// `k` clusters, none empty.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Clustering {
    /// Cluster of each row, below `k`.
    pub(crate) assignment: Vec<u32>,
    /// Unit centroids, `(k, dim)` row-major: the direction of the sum of the members.
    pub(crate) centroids: Vec<f32>,
    /// Sum over the rows of the cosine to their centroid: larger is better.
    pub(crate) objective: f64,
}

/// `1 - cos` of unit vectors, through our dot product: linfa's assignment then runs vectorised.
#[derive(Debug, Clone, Copy)]
struct CosineDistance;

impl Distance<f32> for CosineDistance {
    fn distance<D: Dimension>(&self, a: ArrayView<f32, D>, b: ArrayView<f32, D>) -> f32 {
        match (a.as_slice(), b.as_slice()) {
            (Some(a), Some(b)) => 1.0 - dot(a, b),
            _ => 1.0 - a.iter().zip(&b).map(|(x, y)| x * y).sum::<f32>(),
        }
    }
}

/// The best of `restarts` runs; the first of equals. Needs `1 <= k <= n_rows`.
pub(crate) fn cluster(
    rows: &Embeddings,
    options: KMeansOptions,
) -> Result<Clustering, TopicsError> {
    let sample = (rows.n_rows() > FIT_SAMPLE.max(options.k)).then(|| {
        rows.select(
            fixed_sample(rows.n_rows(), FIT_SAMPLE.max(options.k))
                .into_iter()
                .map(Row::from_index),
        )
    });
    let fitted = sample.as_ref().unwrap_or(rows);
    let runs: Vec<Clustering> = (0..options.restarts as u64)
        .into_par_iter()
        .map(|run| {
            let mut rng = Xoshiro256Plus::seed_from_u64(options.seed.wrapping_add(run));
            descend(fitted, plus_plus(fitted, options.k, &mut rng), options)
        })
        .collect::<Result<_, _>>()?;
    let best = runs.into_iter().reduce(|best, run| {
        if run.objective > best.objective + 1e-9 {
            run
        } else {
            best
        }
    });
    let best = best.expect("restarts is at least 1, options are checked");
    if sample.is_some() {
        descend(rows, best.centroids, options)
    } else {
        Ok(best)
    }
}

/// From starting centroids to a clustering that no step improves.
fn descend(
    rows: &Embeddings,
    mut centroids: Vec<f32>,
    options: KMeansOptions,
) -> Result<Clustering, TopicsError> {
    let k = options.k;
    let mut assignment = Vec::new();
    for _ in 0..3 {
        lloyd(rows, &mut centroids, options)?;
        assignment = assign(rows, &centroids);
        if !fill_empty(rows, &mut assignment, &centroids, k) {
            break;
        }
        centroids = unit_centroids(rows, &assignment, k);
    }
    if options.move_rows && rows.n_rows() <= LOCAL_SEARCH_ROWS {
        move_single_rows(rows, &mut assignment, k);
    }
    Ok(regroup(rows, assignment, k))
}

/// The centroids and the objective of rows in given clusters, none of them empty.
pub(crate) fn regroup(rows: &Embeddings, assignment: Vec<u32>, k: usize) -> Clustering {
    let centroids = unit_centroids(rows, &assignment, k);
    let cosine =
        |(row, &own): (&[f32], &u32)| f64::from(dot(row, centroid(&centroids, own, rows.dim())));
    let objective = rows.rows().zip(&assignment).map(cosine).sum();
    Clustering {
        assignment,
        centroids,
        objective,
    }
}

/// k-means++ (Arthur & Vassilvitskii 2007) for `1 - cos`, which is half the squared Euclidean distance of unit vectors;
/// each row's distance to the nearest start is kept, so this takes `n * k * dim` steps (linfa's takes `n * k^2 * dim`).
fn plus_plus(rows: &Embeddings, k: usize, rng: &mut Xoshiro256Plus) -> Vec<f32> {
    let n = rows.n_rows();
    let mut chosen = rng.gen_range(0..n);
    let mut centroids = Vec::with_capacity(k * rows.dim());
    let mut nearest = vec![f32::INFINITY; n];
    for start in 0..k {
        let centre = rows.row(Row::from_index(chosen));
        centroids.extend_from_slice(centre);
        nearest
            .par_iter_mut()
            .enumerate()
            .with_min_len(512)
            .for_each(|(i, distance)| {
                *distance =
                    distance.min((1.0 - dot(rows.row(Row::from_index(i)), centre)).max(0.0));
            });
        nearest[chosen] = 0.0;
        let total: f64 = nearest.iter().map(|&d| f64::from(d)).sum();
        let mut left = rng.gen_range(0.0..1.0) * total;
        // Where all distances are 0 every row is a start already or a copy of one: any will do.
        chosen = (start + 1) % n;
        for (i, &distance) in nearest.iter().enumerate().filter(|(_, d)| **d > 0.0) {
            chosen = i;
            left -= f64::from(distance);
            if left < 0.0 {
                break;
            }
        }
    }
    centroids
}

/// linfa's KMeans, one iteration at a time, centroids back to unit length after each.
fn lloyd(
    rows: &Embeddings,
    centroids: &mut [f32],
    options: KMeansOptions,
) -> Result<(), TopicsError> {
    let (n, dim, k) = (rows.n_rows(), rows.dim(), options.k);
    let view =
        ArrayView2::from_shape((n, dim), rows.as_slice()).expect("Embeddings are whole rows");
    let dataset = DatasetBase::from(view);
    for _ in 0..options.max_iterations {
        let start = Array2::from_shape_vec((k, dim), centroids.to_vec()).expect("k rows of dim");
        let rng = Xoshiro256Plus::seed_from_u64(options.seed);
        let step = KMeans::params_with(k, rng, CosineDistance)
            .init_method(KMeansInit::Precomputed(start))
            .n_runs(1)
            .max_n_iterations(1)
            .fit(&dataset)?;
        let mut turned = 0.0;
        let parts = step
            .centroids()
            .outer_iter()
            .zip(step.cluster_count())
            .zip(centroids.chunks_exact_mut(dim));
        for ((mean, &count), old) in parts {
            // linfa counts the old centroid as one more member; take it out again. An empty cluster stays where it is.
            let sum: Vec<f32> = mean
                .iter()
                .zip(&*old)
                .map(|(m, o)| m * (count + 1.0) - o)
                .collect();
            if count > 0.0
                && let Some(unit) = to_unit(&sum)
            {
                turned += f64::from(count) * f64::from(1.0 - dot(&unit, old)).max(0.0);
                old.copy_from_slice(&unit);
            }
        }
        if turned <= STILL * n as f64 {
            break;
        }
    }
    Ok(())
}

/// The nearest centroid of each row, the first of equals.
pub(crate) fn assign(rows: &Embeddings, centroids: &[f32]) -> Vec<u32> {
    let nearest = |i: usize| {
        let row = rows.row(Row::from_index(i));
        let mut best = (0, f32::NEG_INFINITY);
        for (cluster, centre) in (0u32..).zip(centroids.chunks_exact(rows.dim())) {
            let cosine = dot(row, centre);
            if cosine > best.1 {
                best = (cluster, cosine);
            }
        }
        best.0
    };
    (0..rows.n_rows())
        .into_par_iter()
        .with_min_len(64)
        .map(nearest)
        .collect()
}

/// Gives each empty cluster the row farthest from its centroid (the first of equals) of those that are not alone in theirs.
/// Whether there was an empty cluster.
fn fill_empty(rows: &Embeddings, assignment: &mut [u32], centroids: &[f32], k: usize) -> bool {
    let mut sizes = cluster_sizes(assignment, k);
    let empty: Vec<usize> = (0..k).filter(|&c| sizes[c] == 0).collect();
    if empty.is_empty() {
        return false;
    }
    let cosine = |i: usize| {
        dot(
            rows.row(Row::from_index(i)),
            centroid(centroids, assignment[i], rows.dim()),
        )
    };
    let mut farthest: Vec<(f32, usize)> = (0..rows.n_rows()).map(|i| (cosine(i), i)).collect();
    farthest.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut givers = farthest.into_iter();
    for cluster in empty {
        if let Some((_, i)) = givers.find(|&(_, i)| sizes[assignment[i] as usize] > 1) {
            sizes[assignment[i] as usize] -= 1;
            assignment[i] = cluster as u32;
            sizes[cluster] = 1;
        }
    }
    true
}

/// Moves one row at a time to the cluster where it raises `sum of |sum of members|` (the objective) most, in passes over
/// the rows in order until none moves. A cluster never gives its last row.
fn move_single_rows(rows: &Embeddings, assignment: &mut [u32], k: usize) {
    let dim = rows.dim();
    for _pass in 0..50 {
        let (mut sums, mut sizes) = (
            cluster_sums(rows, assignment, k),
            cluster_sizes(assignment, k),
        );
        let mut squares: Vec<f64> = sums
            .chunks_exact(dim)
            .map(|s| f64::from(dot(s, s)))
            .collect();
        let length = |square: f64| square.max(0.0).sqrt();
        let mut moved = false;
        for (row, own) in rows.rows().zip(assignment.iter_mut()) {
            let from = *own as usize;
            if sizes[from] == 1 {
                continue;
            }
            let along: Vec<f64> = sums
                .chunks_exact(dim)
                .map(|sum| f64::from(dot(row, sum)))
                .collect();
            let loss = length(squares[from]) - length(squares[from] - 2.0 * along[from] + 1.0);
            let mut best = (from, loss + LEAST_GAIN);
            for to in (0..k).filter(|&to| to != from) {
                let gain = length(squares[to] + 2.0 * along[to] + 1.0) - length(squares[to]);
                if gain > best.1 {
                    best = (to, gain);
                }
            }
            let to = best.0;
            if to == from {
                continue;
            }
            sums[from * dim..][..dim]
                .iter_mut()
                .zip(row)
                .for_each(|(s, x)| *s -= x);
            sums[to * dim..][..dim]
                .iter_mut()
                .zip(row)
                .for_each(|(s, x)| *s += x);
            squares[from] += 1.0 - 2.0 * along[from];
            squares[to] += 1.0 + 2.0 * along[to];
            (sizes[from], sizes[to]) = (sizes[from] - 1, sizes[to] + 1);
            *own = to as u32;
            moved = true;
        }
        if !moved {
            break;
        }
    }
}

/// Sum of the rows of each cluster, `(k, dim)` row-major, added in row order.
pub(crate) fn cluster_sums(rows: &Embeddings, assignment: &[u32], k: usize) -> Vec<f32> {
    let mut sums = vec![0.0f64; k * rows.dim()];
    for (row, &own) in rows.rows().zip(assignment) {
        let sum = &mut sums[own as usize * rows.dim()..][..rows.dim()];
        sum.iter_mut()
            .zip(row)
            .for_each(|(s, &x)| *s += f64::from(x));
    }
    sums.into_iter().map(|s| s as f32).collect()
}

/// How many rows each cluster has.
pub(crate) fn cluster_sizes(assignment: &[u32], k: usize) -> Vec<usize> {
    let mut sizes = vec![0; k];
    assignment.iter().for_each(|&own| sizes[own as usize] += 1);
    sizes
}

/// One centroid of a `(k, dim)` matrix.
pub(crate) fn centroid(centroids: &[f32], cluster: u32, dim: usize) -> &[f32] {
    &centroids[cluster as usize * dim..][..dim]
}

/// Directions of the clusters' sums; where a sum has none (opposite members), that of the first member.
fn unit_centroids(rows: &Embeddings, assignment: &[u32], k: usize) -> Vec<f32> {
    let mut centroids = cluster_sums(rows, assignment, k);
    for (cluster, sum) in centroids.chunks_exact_mut(rows.dim()).enumerate() {
        match to_unit(sum) {
            Some(unit) => sum.copy_from_slice(&unit),
            None => {
                let first = assignment
                    .iter()
                    .position(|&own| own as usize == cluster)
                    .unwrap_or(0);
                sum.copy_from_slice(rows.row(Row::from_index(first)));
            }
        }
    }
    centroids
}

/// The vector at length 1; nothing where it is too short to have a direction.
fn to_unit(vector: &[f32]) -> Option<Vec<f32>> {
    let length = vector
        .iter()
        .map(|&v| f64::from(v) * f64::from(v))
        .sum::<f64>()
        .sqrt();
    (length > 1e-6).then(|| {
        vector
            .iter()
            .map(|&v| (f64::from(v) / length) as f32)
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(k: usize) -> KMeansOptions {
        KMeansOptions {
            k,
            seed: 1,
            restarts: 4,
            max_iterations: 50,
            move_rows: true,
        }
    }

    /// `n` unit vectors in `dim` dimensions with no structure.
    fn noise(n: usize, dim: usize) -> Embeddings {
        let mut rng = Xoshiro256Plus::seed_from_u64(7);
        let rows = (0..n).flat_map(|_| {
            let row: Vec<f32> = (0..dim).map(|_| rng.gen_range(-1.0..1.0)).collect();
            to_unit(&row).expect("not zero")
        });
        Embeddings::new(rows.collect(), dim).expect("unit rows")
    }

    #[test]
    fn every_k_gives_k_clusters_and_the_objective_never_falls_with_k() {
        let rows = noise(40, 8);
        let mut last = 0.0;
        for k in [1, 2, 5, 20, 39, 40] {
            let found = cluster(&rows, options(k)).expect("clusters");
            assert!(
                cluster_sizes(&found.assignment, k).iter().all(|&s| s > 0),
                "k = {k}"
            );
            assert!(
                found.objective > last,
                "k = {k}: {} after {last}",
                found.objective
            );
            last = found.objective;
        }
        assert!((last - 40.0).abs() < 1e-3, "each row its own centroid");
    }

    #[test]
    fn identical_rows_still_give_k_clusters() {
        let rows = Embeddings::new([0.6f32, 0.8].repeat(6), 2).expect("unit rows");
        for k in 1..=6 {
            let found = cluster(&rows, options(k)).expect("clusters");
            assert!(
                cluster_sizes(&found.assignment, k).iter().all(|&s| s > 0),
                "k = {k}"
            );
        }
    }

    #[test]
    fn opposite_rows_have_a_centroid() {
        let rows = Embeddings::new(vec![1.0, 0.0, -1.0, 0.0], 2).expect("unit rows");
        let found = cluster(&rows, options(1)).expect("clusters");
        assert_eq!(found.centroids, [1.0, 0.0]);
    }

    #[test]
    fn moving_single_rows_improves_on_linfa_alone() {
        let rows = noise(60, 32);
        let k = 8;
        let mut rng = Xoshiro256Plus::seed_from_u64(3);
        let mut centroids = plus_plus(&rows, k, &mut rng);
        lloyd(&rows, &mut centroids, options(k)).expect("iterations");
        let mut assignment = assign(&rows, &centroids);
        let objective = |a: &[u32]| -> f64 {
            let sums = cluster_sums(&rows, a, k);
            sums.chunks_exact(rows.dim())
                .map(|s| f64::from(dot(s, s)).sqrt())
                .sum()
        };
        let before = objective(&assignment);
        move_single_rows(&rows, &mut assignment, k);
        assert!(
            objective(&assignment) > before + 0.1,
            "{before} -> {}",
            objective(&assignment)
        );
    }

    #[test]
    fn more_rows_than_the_sample_are_all_assigned() {
        let rows = noise(FIT_SAMPLE + 500, 4);
        let found = cluster(
            &rows,
            KMeansOptions {
                restarts: 1,
                ..options(3)
            },
        )
        .expect("clusters");
        assert_eq!(found.assignment.len(), rows.n_rows());
        assert_eq!(found.assignment, assign(&rows, &found.centroids).as_slice());
    }
}
