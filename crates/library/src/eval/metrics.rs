//! Figures of one ranked list whose grades are known.
//!
//! Every list is the judged papers of one query, best score first; all of them are ranked, so recall and the ideal order are over
//! the judged papers. A grade of 0 is not related; a larger one is more related. Definitions: average precision, P@k, recall@k
//! and reciprocal rank as in Manning, Raghavan and Schütze, "Introduction to Information Retrieval" (2008), chapter 8;
//! NDCG as in Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques" (2002), with the grade as the gain and the logarithm of
//! rank + 1 to the base 2 as the discount, as trec_eval has it; NDCG%p cuts at p percent of the list, as in Mysore et al.,
//! "CSFCube" (2021), for lists of very different lengths.

/// Mean of the precision at the rank of each relevant paper; `None` where there is none.
pub(super) fn average_precision(relevant: &[bool]) -> Option<f64> {
    let (mut found, mut sum) = (0usize, 0.0);
    for (at, _) in relevant.iter().enumerate().filter(|(_, is)| **is) {
        found += 1;
        sum += found as f64 / (at + 1) as f64;
    }
    (found > 0).then(|| sum / found as f64)
}

/// One over the rank of the first relevant paper; `None` where there is none.
pub(super) fn reciprocal_rank(relevant: &[bool]) -> Option<f64> {
    let first = relevant.iter().position(|is| *is)?;
    Some(1.0 / (first + 1) as f64)
}

/// Relevant papers among the first `k`, as a share of `k`; a list that is shorter than `k` has no more to give.
pub(super) fn precision(relevant: &[bool], k: usize) -> f64 {
    count(relevant, k) / k.max(1) as f64
}

/// Relevant papers among the first `k`, as a share of all relevant ones; `None` where there is none.
pub(super) fn recall(relevant: &[bool], k: usize) -> Option<f64> {
    let all = count(relevant, relevant.len());
    (all > 0.0).then(|| count(relevant, k) / all)
}

fn count(relevant: &[bool], k: usize) -> f64 {
    relevant.iter().take(k).filter(|is| **is).count() as f64
}

/// Discounted gain of the first `k` as a share of the best possible; `None` where no grade is above 0.
pub(super) fn ndcg(grades: &[f64], k: usize) -> Option<f64> {
    let mut ideal = grades.to_vec();
    ideal.sort_by(|a, b| b.total_cmp(a));
    let best = gain(&ideal, k);
    (best > 0.0).then(|| gain(grades, k) / best)
}

fn gain(grades: &[f64], k: usize) -> f64 {
    let ranked = grades.iter().take(k).zip(2u32..);
    ranked
        .map(|(grade, next)| grade.max(0.0) / f64::from(next).log2())
        .sum()
}

/// The rank that is `percent` of a list of `n`, rounded down, at least 1.
pub(super) fn share_of(n: usize, percent: f64) -> usize {
    ((n as f64 * percent / 100.0).floor() as usize).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(got: Option<f64>, expected: f64) {
        let got = got.unwrap();
        assert!((got - expected).abs() < 1e-12, "{got} {expected}");
    }

    #[test]
    fn figures_are_those_worked_out_by_hand() {
        let relevant = [true, false, true, false, false, true];
        is(
            average_precision(&relevant),
            (1.0 + 2.0 / 3.0 + 3.0 / 6.0) / 3.0,
        );
        is(reciprocal_rank(&[false, false, true]), 1.0 / 3.0);
        is(Some(precision(&relevant, 3)), 2.0 / 3.0);
        is(Some(precision(&relevant, 10)), 0.3);
        is(recall(&relevant, 3), 2.0 / 3.0);
        is(recall(&relevant, 100), 1.0);
        // Grades 3, 2, 3, 0, 1, 2: DCG@6 6.861..., ideal 7.140..., NDCG 0.961 (the example of many textbooks).
        let grades = [3.0, 2.0, 3.0, 0.0, 1.0, 2.0];
        let dcg = 3.0 + 2.0 / 3f64.log2() + 3.0 / 2.0 + 1.0 / 6f64.log2() + 2.0 / 7f64.log2();
        let ideal = 3.0 + 3.0 / 3f64.log2() + 2.0 / 2.0 + 2.0 / 5f64.log2() + 1.0 / 6f64.log2();
        is(ndcg(&grades, 6), dcg / ideal);
        assert!((ndcg(&grades, 6).unwrap() - 0.961).abs() < 5e-4);
        is(ndcg(&grades, 1), 1.0);
        is(ndcg(&[0.0, 1.0], 1), 0.0);
        assert_eq!(share_of(104, 20.0), 20);
        assert_eq!(share_of(3, 20.0), 1);
    }

    #[test]
    fn where_nothing_is_relevant_there_is_no_figure() {
        assert_eq!(average_precision(&[false]), None);
        assert_eq!(reciprocal_rank(&[]), None);
        assert_eq!(recall(&[false], 1), None);
        assert_eq!(ndcg(&[0.0, 0.0], 2), None);
    }
}
