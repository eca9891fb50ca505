//! How much a paper belongs to each topic: more than one topic a paper, with weights that sum to 1.
//!
//! The weight of topic `t` for a paper `x` is its share in a mixture of von Mises-Fisher distributions of one concentration (Banerjee
//! et al. 2005), `w_t = exp(kappa cos(x, mu_t)) / sum_s exp(kappa cos(x, mu_s))` with `mu` the centres. In so many dimensions the
//! likeliest `kappa` makes every weight 0 or 1; so it is chosen as temperatures are (Guo et al. 2017), such that the weights of a
//! paper say best which topics its nearest papers are in. The centre of its own topic is that of the other papers in it. The topic that a paper is in counts as no farther than any other: its
//! weight is the largest. Not for: which topic that is.

use crate::alike::Pile;
use crate::order::fixed_sample;
use rayon::prelude::*;
use syntopic_core::{Embeddings, Row, dot};

/// Papers that `kappa` is fitted on.
const FITTED: usize = 500;
/// Nearest papers whose topics weights are to tell.
const NEAREST: usize = 15;
/// Weights below this are left out, and the rest is scaled to sum to 1.
const LEAST: f64 = 0.05;
/// `kappa` is at most this: then weights are 0 or 1 but for ties.
const MOST_KAPPA: f64 = 1_000.0;

/// The weights of all papers.
#[derive(Debug, Clone, PartialEq)]
pub struct Memberships {
    /// The concentration: larger is nearer to one topic a paper.
    pub kappa: f64,
    /// For each row its topics as positions, and their weights: largest first, beginning with the one it is in; they sum to 1.
    pub of: Vec<Vec<(u32, f64)>>,
}

/// The weights of every row in `topics`, given by their papers; each row must be in one topic, and those in none have no weights.
///
/// The order of the rows matters in the choice of the papers that `kappa` is fitted on alone: a fixed sample where they are many.
#[must_use]
pub fn memberships(rows: &Embeddings, topics: &[&[usize]]) -> Memberships {
    let mut own: Vec<Option<u32>> = vec![None; rows.n_rows()];
    for (topic, members) in (0u32..).zip(topics) {
        members.iter().for_each(|&m| own[m] = Some(topic));
    }
    let piles: Vec<Pile> = topics.iter().map(|m| Pile::of(rows, m)).collect();
    let cosines = |row: usize| cosines(rows.row(Row::from_index(row)), &piles, own[row]);
    let sample: Vec<usize> = fixed_sample(rows.n_rows(), FITTED);
    let observed: Vec<Observed> = sample
        .into_par_iter()
        .map(|row| Observed {
            cosines: cosines(row),
            topics: topics_around(rows, row, &own),
        })
        .collect();
    let kappa = fit(&observed);
    let of = (0..rows.n_rows())
        .into_par_iter()
        .with_min_len(64)
        .map(|row| own[row].map_or_else(Vec::new, |own| largest(&cosines(row), own, kappa)))
        .collect();
    Memberships { kappa, of }
}

/// A paper's cosines to the centres, and the topics of the papers nearest to it.
struct Observed {
    cosines: Vec<f64>,
    topics: Vec<u32>,
}

/// Cosines to all centres, that of its own topic without the row itself and no less than any other.
fn cosines(row: &[f32], topics: &[Pile], own: Option<u32>) -> Vec<f64> {
    let own = own.map(|own| own as usize);
    let of = |(t, pile): (usize, &Pile)| pile.cosine(row, own == Some(t));
    let mut all: Vec<f64> = topics.iter().enumerate().map(of).collect();
    if let Some(own) = own {
        let most = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // A topic of one paper has no others, nor has any where it is the only one.
        all[own] = if most.is_finite() { most } else { 1.0 };
    }
    all
}

/// Topics of the papers nearest to a row, of equals the first.
fn topics_around(rows: &Embeddings, row: usize, own: &[Option<u32>]) -> Vec<u32> {
    let asked = rows.row(Row::from_index(row));
    let mut near: Vec<(f32, usize)> = (rows.rows().enumerate())
        .filter(|(other, _)| *other != row)
        .map(|(other, vector)| (dot(asked, vector), other))
        .collect();
    let nearer = |a: &(f32, usize), b: &(f32, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    if near.len() > NEAREST {
        near.select_nth_unstable_by(NEAREST - 1, nearer);
        near.truncate(NEAREST);
    }
    near.sort_by(nearer);
    near.iter().filter_map(|&(_, other)| own[other]).collect()
}

/// The `kappa` under which the topics observed are likeliest. Their log-likelihood is concave in `kappa`, so its slope is halved in
/// upon: at each paper, the mean cosine of the topics around it less that of topics drawn by its weights.
fn fit(observed: &[Observed]) -> f64 {
    let slope = |kappa: f64| -> f64 {
        let of = |paper: &Observed| {
            let weights = weights(&paper.cosines, kappa);
            let by_weight: f64 = weights.iter().zip(&paper.cosines).map(|(w, c)| w * c).sum();
            let around = paper.topics.iter().map(|&t| paper.cosines[t as usize]);
            around.map(|cosine| cosine - by_weight).sum::<f64>()
        };
        observed.iter().map(of).sum()
    };
    let (mut low, mut high) = (0.0, MOST_KAPPA);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if slope(middle) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// All weights; they sum to 1.
fn weights(cosines: &[f64], kappa: f64) -> Vec<f64> {
    let most = cosines.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let raised: Vec<f64> = cosines.iter().map(|c| (kappa * (c - most)).exp()).collect();
    let sum: f64 = raised.iter().sum();
    raised.into_iter().map(|r| r / sum).collect()
}

/// The weights that are kept, largest first, of equals the paper's own topic and then the first.
fn largest(cosines: &[f64], own: u32, kappa: f64) -> Vec<(u32, f64)> {
    let mut kept: Vec<(u32, f64)> = (0u32..).zip(weights(cosines, kappa)).collect();
    kept.retain(|&(topic, weight)| weight >= LEAST || topic == own);
    kept.sort_by(|a, b| {
        b.1.total_cmp(&a.1)
            .then((a.0 != own).cmp(&(b.0 != own)))
            .then(a.0.cmp(&b.0))
    });
    let sum: f64 = kept.iter().map(|(_, weight)| weight).sum();
    kept.iter_mut().for_each(|(_, weight)| *weight /= sum);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Papers on a quarter circle, in two topics at its ends.
    fn quarter(n: usize) -> (Embeddings, Vec<usize>, Vec<usize>) {
        let angle = |i: usize| i as f32 * std::f32::consts::FRAC_PI_2 / (n - 1) as f32;
        let data = (0..n).flat_map(|i| [angle(i).cos(), angle(i).sin()]);
        let rows = Embeddings::new(data.collect(), 2).unwrap();
        let (a, b) = ((0..n / 2).collect(), (n / 2..n).collect());
        (rows, a, b)
    }

    #[test]
    fn weights_sum_to_one_and_a_papers_own_topic_has_the_largest() {
        let (rows, a, b) = quarter(60);
        let found = memberships(&rows, &[&a, &b]);
        assert!(found.kappa > 0.0 && found.kappa < MOST_KAPPA);
        for (row, of) in found.of.iter().enumerate() {
            let sum: f64 = of.iter().map(|(_, w)| w).sum();
            assert!((sum - 1.0).abs() < 1e-9);
            assert_eq!(of[0].0, u32::from(row >= 30));
            assert!(of.is_sorted_by(|x, y| x.1 >= y.1));
        }
        // At the end of the circle it is one topic's, in its middle both topics'.
        let second = |row: usize| found.of[row].get(1).map_or(0.0, |(_, w)| *w);
        assert!(second(0) < 0.1 && second(29) > 0.3, "{}", second(29));
    }

    #[test]
    fn a_paper_in_a_farther_topic_is_still_most_of_that() {
        let (rows, mut a, mut b) = quarter(40);
        b.retain(|&row| row != 39);
        a.push(39);
        let found = memberships(&rows, &[&a, &b]);
        assert_eq!(found.of[39][0].0, 0);
        assert!(found.of[39][0].1 >= found.of[39][1].1);
    }

    #[test]
    fn kappa_is_what_the_weights_were_drawn_with() {
        // One observed topic for each of many papers, as often as its weight under kappa 10 says.
        let mut observed = Vec::new();
        for step in 0..20 {
            let cosines = vec![0.3 + 0.01 * f64::from(step), 0.4];
            let first = (1_000.0 * weights(&cosines, 10.0)[0]).round() as usize;
            let mut topics = vec![0; first];
            topics.resize(1_000, 1);
            observed.push(Observed { cosines, topics });
        }
        let found = fit(&observed);
        assert!((found - 10.0).abs() < 0.1, "{found}");
    }

    #[test]
    fn the_edges_have_weights_too() {
        let (rows, _, _) = quarter(3);
        let one = memberships(&rows, &[&[0, 1, 2]]);
        assert!(one.of.iter().all(|of| of[..] == [(0, 1.0)]));
        let none = memberships(&rows, &[&[0, 1]]);
        assert!(none.of[2].is_empty());
        let copies = Embeddings::new([0.6f32, 0.8].repeat(4), 2).unwrap();
        let found = memberships(&copies, &[&[0, 1], &[2, 3]]);
        assert_eq!(found.of[3], [(1, 0.5), (0, 0.5)]);
    }
}
