//! Which papers belong to no topic: those that the middle of every topic is far from.
//!
//! Not for: papers between two topics, which belong to both (`memberships.rs`); and no paper loses its topic, which is the one
//! nearest to it.

use crate::alike::Pile;
use rayon::prelude::*;
use syntopic_core::{Embeddings, Row};

/// A paper is an outlier where its cosine to the nearest centre of a topic is this many standard deviations below what half of the papers
/// have; the deviation is estimated by the median one, times 1.4826, so that outliers do not count (Rousseeuw & Croux 1993).
///
/// Of 100 arXiv papers among 7,400 medical ones, and of 200 medical ones among 23,000 of arXiv's, the cosine to the centre finds more
/// than the margin to the second topic, the agreement of neighbours, or the nearness of neighbours do (`benches/RESULTS.md`).
const DEVIATIONS: f64 = 2.0;
/// Median deviation to standard deviation, of normal ones.
const TO_STANDARD: f64 = 1.4826;

/// A paper far from every topic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlier {
    /// The paper, as a position.
    pub member: usize,
    /// Its topic, as a position.
    pub topic: usize,
    /// Cosine to the nearest centre of any topic, its own without it.
    pub cosine: f32,
}

/// The outliers of `topics`, given by their papers: at most a share `most` of all, farthest first; of equals, the first ones.
///
/// A paper does not count in the centre of its own topic, whose papers may be few. The order of the papers within the topics does not matter.
#[must_use]
pub fn outliers(rows: &Embeddings, topics: &[&[usize]], most: f64) -> Vec<Outlier> {
    let piles: Vec<Pile> = topics.iter().map(|m| Pile::of(rows, m)).collect();
    let nearest = |row: &[f32], own: usize| {
        let cosines = piles.iter().enumerate();
        cosines
            .map(|(topic, pile)| pile.cosine(row, topic == own))
            .fold(f64::NEG_INFINITY, f64::max) as f32
    };
    let members = topics.iter().enumerate();
    let members: Vec<(usize, usize)> = members
        .flat_map(|(topic, members)| members.iter().map(move |&member| (topic, member)))
        .collect();
    let mut all: Vec<Outlier> = members
        .into_par_iter()
        .with_min_len(64)
        .map(|(topic, member)| Outlier {
            member,
            topic,
            cosine: nearest(rows.row(Row::from_index(member)), topic),
        })
        .collect();
    let n = all.len();
    let Some(middle) = median(all.iter().map(|o| f64::from(o.cosine)).collect()) else {
        return Vec::new();
    };
    let away = |o: &Outlier| (f64::from(o.cosine) - middle).abs();
    let spread = TO_STANDARD * median(all.iter().map(away).collect()).unwrap_or(0.0);
    // Cosines nearer than this are rounding.
    let fence = middle - (DEVIATIONS * spread).max(1e-4);
    all.retain(|o| f64::from(o.cosine) < fence);
    all.sort_by(|a, b| {
        let nearness = |o: &Outlier| (f64::from(o.cosine) * 1e5).round() as i64;
        (nearness(a), a.member).cmp(&(nearness(b), b.member))
    });
    all.truncate((most * n as f64 + 1e-9) as usize);
    all
}

/// The lower of the two in the middle; none of none.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some(values[last / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty papers near one direction, and two that are near none.
    fn rows() -> Embeddings {
        let mut data = Vec::new();
        for i in 0..20 {
            let angle = 0.02 * i as f32;
            data.extend([angle.cos(), angle.sin(), 0.0]);
        }
        data.extend([0.0, 0.6, 0.8, 0.0, 0.0, 1.0]);
        Embeddings::new(data, 3).unwrap()
    }

    #[test]
    fn the_farthest_come_first_and_no_more_than_asked_for() {
        let all: Vec<usize> = (0..22).collect();
        let found = outliers(&rows(), &[&all], 0.1);
        let members: Vec<usize> = found.iter().map(|o| o.member).collect();
        assert_eq!(members, [21, 20]);
        assert!(found[0].cosine < found[1].cosine && found[1].cosine < 0.8);
        assert_eq!(outliers(&rows(), &[&all], 0.05).len(), 1);
        assert!(outliers(&rows(), &[&all], 0.0).is_empty());
        assert!(outliers(&rows(), &[&all], 1.0).len() < 5, "only outliers");
    }

    #[test]
    fn a_paper_is_far_though_a_topic_is_its_own_and_copies_are_not() {
        let near: Vec<usize> = (0..20).collect();
        let found = outliers(&rows(), &[&near, &[20]], 0.1);
        assert_eq!(found[0].member, 20, "seen from the other topic");
        let copies = Embeddings::new([0.6f32, 0.8].repeat(5), 2).unwrap();
        assert!(outliers(&copies, &[&[0, 1, 2, 3, 4]], 1.0).is_empty());
        assert!(outliers(&copies, &[], 1.0).is_empty());
    }

    #[test]
    fn the_order_within_topics_does_not_matter() {
        let mut all: Vec<usize> = (0..22).collect();
        let found = outliers(&rows(), &[&all], 0.5);
        all.reverse();
        let turned = outliers(&rows(), &[&all], 0.5);
        let members = |o: &[Outlier]| o.iter().map(|o| o.member).collect::<Vec<_>>();
        assert_eq!(members(&found), members(&turned));
    }
}
