//! How far two groupings of the same things agree, by figures that do not depend on how groups are numbered.
//!
//! Not for: how well separated groups are; that needs vectors, these need none.

use serde::Serialize;
use std::collections::BTreeMap;

/// Agreement of two groupings. The order of the two does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Agreement {
    /// Harmonic mean of homogeneity and completeness (Rosenberg & Hirschberg 2007), 0 to 1: larger is more alike.
    pub v_measure: f64,
    /// Share of pairs treated alike, corrected for chance (Hubert & Arabie 1985), at most 1: larger is more alike, 0 is chance.
    pub ari: f64,
    /// Mutual information over the arithmetic mean of the two entropies, 0 to 1. In this form it is the V-measure by
    /// another road; both are given because both are asked for.
    pub nmi: f64,
}

/// Compares the groups `a[i]` and `b[i]` of each thing `i`; things past the end of the shorter slice do not count.
/// Two groupings of nothing, or that both put all in one group, agree entirely.
#[must_use]
pub fn agreement(a: &[u32], b: &[u32]) -> Agreement {
    let n = a.len().min(b.len());
    let (mut cells, mut in_a, mut in_b) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (&x, &y) in a.iter().zip(b) {
        *cells.entry((x, y)).or_insert(0u64) += 1;
        *in_a.entry(x).or_insert(0u64) += 1;
        *in_b.entry(y).or_insert(0u64) += 1;
    }
    let (h_a, h_b) = (entropy(in_a.values(), n), entropy(in_b.values(), n));
    let shared: f64 = cells
        .iter()
        .map(|((x, y), &count)| {
            let (count, expected) = (count as f64, in_a[x] as f64 * in_b[y] as f64);
            count / n as f64 * (count * n as f64 / expected).ln()
        })
        .sum();
    Agreement {
        v_measure: v_measure(shared, h_a, h_b),
        ari: adjusted_rand(
            pairs(cells.values()),
            pairs(in_a.values()),
            pairs(in_b.values()),
            pairs(std::iter::once(&(n as u64))),
        ),
        nmi: if h_a + h_b > 0.0 {
            (2.0 * shared / (h_a + h_b)).clamp(0.0, 1.0)
        } else {
            1.0
        },
    }
}

fn entropy<'a>(sizes: impl Iterator<Item = &'a u64>, n: usize) -> f64 {
    sizes
        .map(|&size| {
            let share = size as f64 / n as f64;
            -share * share.ln()
        })
        .sum()
}

fn v_measure(shared: f64, h_a: f64, h_b: f64) -> f64 {
    let part = |h: f64| {
        if h > 0.0 {
            (shared / h).clamp(0.0, 1.0)
        } else {
            1.0
        }
    };
    let (homogeneity, completeness) = (part(h_a), part(h_b));
    if homogeneity + completeness > 0.0 {
        2.0 * homogeneity * completeness / (homogeneity + completeness)
    } else {
        0.0
    }
}

/// Unordered pairs within groups of these sizes.
fn pairs<'a>(sizes: impl Iterator<Item = &'a u64>) -> f64 {
    sizes
        .map(|&size| size as f64 * (size as f64 - 1.0) / 2.0)
        .sum()
}

fn adjusted_rand(both: f64, in_a: f64, in_b: f64, all: f64) -> f64 {
    let most = f64::midpoint(in_a, in_b);
    let expected = if all > 0.0 { in_a * in_b / all } else { 0.0 };
    if most == expected {
        1.0
    } else {
        (both - expected) / (most - expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: [u32; 12] = [0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3];
    const B: [u32; 12] = [1, 1, 0, 0, 0, 2, 2, 2, 2, 1, 3, 0];

    /// `sklearn.metrics.v_measure_score`, `adjusted_rand_score` and `normalized_mutual_info_score` (1.x) of the same lists.
    #[test]
    fn equals_scikit_learn() {
        let found = agreement(&A, &B);
        assert!((found.v_measure - 0.502_890_942_203_581).abs() < 1e-12);
        assert!((found.ari - 0.185_185_185_185_185_17).abs() < 1e-12);
        assert!((found.nmi - 0.502_890_942_203_581_1).abs() < 1e-12);
        let mut back = B;
        back.reverse();
        let found = agreement(&A, &back);
        assert!((found.v_measure - 0.623_258_887_806_951).abs() < 1e-12);
        assert!((found.ari - 0.366_255_144_032_921_8).abs() < 1e-12);
    }

    #[test]
    fn numbering_and_order_do_not_matter() {
        let renumbered = A.map(|a| 90 - 7 * a);
        let same = agreement(&A, &renumbered);
        assert!((same.v_measure - 1.0).abs() < 1e-12 && (same.ari - 1.0).abs() < 1e-12);
        let (ab, ba) = (agreement(&A, &B), agreement(&B, &A));
        assert!((ab.v_measure - ba.v_measure).abs() < 1e-12 && (ab.ari - ba.ari).abs() < 1e-12);
    }

    #[test]
    fn the_edges_are_scikit_learns() {
        assert_eq!(agreement(&[], &[]).v_measure, 1.0);
        let one = agreement(&[0, 0, 0], &[5, 5, 5]);
        assert_eq!((one.v_measure, one.ari, one.nmi), (1.0, 1.0, 1.0));
        let split = agreement(&[0, 0, 0, 0], &[0, 1, 2, 3]);
        assert_eq!((split.v_measure, split.ari, split.nmi), (0.0, 0.0, 0.0));
    }
}
