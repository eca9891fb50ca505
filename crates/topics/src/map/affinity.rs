//! How strongly neighbours attract one another: t-SNE's joint probabilities `p_ij`, on the given neighbours alone.

use crate::map::NeighborGraph;
use rayon::prelude::*;

/// Effective number of neighbours, as a share of those given; t-SNE's usual third of them.
const PERPLEXITY_SHARE: f32 = 1.0 / 3.0;

/// Halvings of the interval that the width of a kernel is looked for in.
const HALVINGS: usize = 40;

/// A symmetric sparse matrix `p_ij` that sums to 1, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Affinities {
    /// Where the entries of each row begin, and the number of all at the end.
    pub(super) begins: Vec<usize>,
    /// Column and value of each entry, columns ascending within a row.
    pub(super) entries: Vec<(u32, f32)>,
}

impl Affinities {
    /// The entries of one row.
    pub(super) fn of(&self, row: usize) -> &[(u32, f32)] {
        &self.entries[self.begins[row]..self.begins[row + 1]]
    }
}

/// `p_ij = (p_j|i + p_i|j) / 2n`.
pub(super) fn affinities(graph: NeighborGraph<'_>, n: usize) -> Affinities {
    let k = graph.k.max(1);
    let conditional: Vec<f32> = graph
        .cosines
        .par_chunks(k)
        .flat_map_iter(conditional)
        .collect();
    let half = 0.5 / n as f32;
    let mut edges: Vec<(u32, u32, f32)> = Vec::with_capacity(2 * conditional.len());
    for (at, (&j, p)) in graph.rows.iter().zip(conditional).enumerate() {
        let i = (at / k) as u32;
        edges.extend([(i, j, p * half), (j, i, p * half)]);
    }
    // Two edges at most have the same ends, and the sum of two numbers does not depend on their order.
    edges.par_sort_unstable_by_key(|&(i, j, _)| (i, j));
    let mut begins = vec![0; n + 1];
    let mut entries: Vec<(u32, f32)> = Vec::with_capacity(edges.len());
    let mut last = None;
    for (i, j, p) in edges {
        if last == Some((i, j)) {
            entries.last_mut().expect("an edge was there").1 += p;
        } else {
            entries.push((j, p));
            begins[i as usize + 1] += 1;
            last = Some((i, j));
        }
    }
    for row in 0..n {
        begins[row + 1] += begins[row];
    }
    Affinities { begins, entries }
}

/// `p_j|i` of one row's neighbours: a Gaussian over their distances, whose width gives the perplexity.
fn conditional(cosines: &[f32]) -> Vec<f32> {
    let nearest = cosines.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    // Half the squared Euclidean distance of unit vectors, from that of the nearest.
    let distances: Vec<f32> = cosines.iter().map(|cosine| nearest - cosine).collect();
    let wanted = (cosines.len() as f32 * PERPLEXITY_SHARE).max(1.0).ln();
    let (mut low, mut high) = (0.0, f32::INFINITY);
    let mut beta = 1.0f32;
    let mut weights = vec![0.0; distances.len()];
    for _ in 0..HALVINGS {
        if entropy(&distances, beta, &mut weights) > wanted {
            low = beta;
            beta = if high.is_finite() {
                f32::midpoint(low, high)
            } else {
                (beta * 2.0).min(1e9)
            };
        } else {
            high = beta;
            beta = f32::midpoint(low, high);
        }
    }
    weights
}

/// Shannon's entropy, in nats, of the weights at `beta`, which are written to `weights` and sum to 1.
fn entropy(distances: &[f32], beta: f32, weights: &mut [f32]) -> f32 {
    let (mut sum, mut moment) = (0.0, 0.0);
    for (weight, distance) in weights.iter_mut().zip(distances) {
        *weight = (-beta * distance).exp();
        sum += *weight;
        moment += *weight * distance;
    }
    weights.iter_mut().for_each(|weight| *weight /= sum);
    sum.ln() + beta * moment / sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_have_the_perplexity_and_favour_the_near() {
        let cosines: Vec<f32> = (0..15).map(|i| 0.9 - 0.02 * i as f32).collect();
        let p = conditional(&cosines);
        assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(p.windows(2).all(|two| two[0] > two[1]));
        let entropy: f32 = p.iter().map(|p| -p * p.ln()).sum();
        assert!((entropy.exp() - 5.0).abs() < 0.01, "{}", entropy.exp());
        // Equal distances cannot be told apart by any width.
        let equal = conditional(&[0.5; 6]);
        assert!(
            equal.iter().all(|p| (p - 1.0 / 6.0).abs() < 1e-6),
            "{equal:?}"
        );
    }

    #[test]
    fn the_matrix_is_symmetric_and_sums_to_one() {
        // 0 and 1 are mutual, 2 has a neighbour that does not have it.
        let graph = NeighborGraph {
            k: 1,
            rows: &[1, 0, 1],
            cosines: &[0.9, 0.9, 0.1],
        };
        let all = affinities(graph, 3);
        assert_eq!(all.of(0), [(1, 1.0 / 3.0)]);
        assert_eq!(all.of(1), [(0, 1.0 / 3.0), (2, 0.5 / 3.0)]);
        assert_eq!(all.of(2), [(1, 0.5 / 3.0)]);
    }
}
