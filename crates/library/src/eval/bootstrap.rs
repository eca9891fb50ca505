//! A mean over queries and how far it can be trusted.

use crate::random::below;
use serde::Serialize;

/// Resamples.
const ROUNDS: usize = 2_000;

/// A mean over queries, with the interval that holds 95% of the means of queries drawn again with replacement (the percentile
/// bootstrap of Efron, 1979; 2,000 draws, always the same).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// What it is called, such as `MAP` or `NDCG@10`.
    pub name: String,
    /// The mean; larger is better.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Queries it is over.
    pub n: usize,
}

impl Figure {
    /// Over the queries that have a value.
    pub(super) fn of(name: String, values: &[f64], seed: u64) -> Self {
        let n = values.len();
        let mean = |sum: f64| if n == 0 { 0.0 } else { sum / n as f64 };
        let mut state = seed;
        let mut means: Vec<f64> = (0..ROUNDS)
            .map(|_| mean((0..n).map(|_| values[below(&mut state, n)]).sum()))
            .collect();
        means.sort_by(f64::total_cmp);
        Self {
            name,
            mean: mean(values.iter().sum()),
            low: means[ROUNDS * 25 / 1_000],
            high: means[ROUNDS * 975 / 1_000 - 1],
            n,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_the_normal_approximation() {
        // 400 values of 0 and 1, half and half: the standard error of the mean is 0.025.
        let values: Vec<f64> = (0..400).map(|i| f64::from(i % 2)).collect();
        let figure = Figure::of(String::from("x"), &values, 42);
        assert_eq!((figure.mean, figure.n), (0.5, 400));
        assert!((figure.low - 0.451).abs() < 0.004, "{figure:?}");
        assert!((figure.high - 0.549).abs() < 0.004, "{figure:?}");
        let again = Figure::of(String::from("x"), &values, 42);
        assert_eq!(figure, again);
        let none = Figure::of(String::from("x"), &[], 42);
        assert_eq!((none.mean, none.n), (0.0, 0));
        let one = Figure::of(String::from("x"), &[0.25], 42);
        assert_eq!((one.low, one.high), (0.25, 0.25));
    }
}
