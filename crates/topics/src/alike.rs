//! How alike two groups of papers are, whatever their sizes; and what is usual among the topics at hand.
//!
//! The centres of small groups are noisy, so their cosine says less than it seems. Mean cosines of pairs are free of that:
//! `r(A, B) = b / sqrt(w(A) w(B))`, with `b` the mean cosine of a paper of A with one of B and `w` that of two different papers
//! of one group, estimates the cosine that the centres of endlessly many such papers would have (Spearman's correction for
//! attenuation, 1904). All are dot products of sums.

use crate::TopicsError;
use crate::kmeans::{KMeansOptions, cluster};
use syntopic_core::{Embeddings, Row, dot};

/// Mean cosines below this are not told from none.
const LEAST_COHESION: f64 = 0.02;
/// Papers of a topic that its halves are looked for in, at most.
const HALVED: usize = 500;

/// The sum of some rows, and how many they are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pile {
    sum: Vec<f32>,
    pub(crate) size: usize,
}

impl Pile {
    /// Rows added in their order.
    pub(crate) fn of(rows: &Embeddings, members: &[usize]) -> Self {
        let mut sum = vec![0.0f64; rows.dim()];
        for &member in members {
            let row = rows.row(Row::from_index(member));
            sum.iter_mut()
                .zip(row)
                .for_each(|(s, &x)| *s += f64::from(x));
        }
        Self {
            sum: sum.into_iter().map(|s| s as f32).collect(),
            size: members.len(),
        }
    }

    /// No rows.
    pub(crate) fn empty() -> Self {
        Self {
            sum: Vec::new(),
            size: 0,
        }
    }

    /// Takes in the rows of another pile.
    pub(crate) fn add(&mut self, other: &Self) {
        self.sum.resize(other.sum.len(), 0.0);
        let sums = self.sum.iter_mut().zip(&other.sum);
        sums.for_each(|(sum, other)| *sum += other);
        self.size += other.size;
    }

    /// Dot product of the two sums.
    pub(crate) fn product(&self, other: &Self) -> f64 {
        f64::from(dot(&self.sum, &other.sum))
    }

    /// Cosine of a unit vector to the centre, as if it were not in the pile where it is (`inside`); minus infinity where there is no
    /// centre then.
    pub(crate) fn cosine(&self, row: &[f32], inside: bool) -> f64 {
        let out = f64::from(u8::from(inside));
        let along = f64::from(dot(row, &self.sum));
        let square = self.product(self) - out * (2.0 * along - 1.0);
        if square > 1e-6 {
            (along - out) / square.sqrt()
        } else {
            f64::NEG_INFINITY
        }
    }

    /// The sum at length 1; as it is where it has no direction.
    pub(crate) fn direction(&self) -> Vec<f32> {
        let length = self.product(self).sqrt();
        let unit = |s: &f32| (f64::from(*s) / length) as f32;
        if length > 1e-6 {
            self.sum.iter().map(unit).collect()
        } else {
            self.sum.clone()
        }
    }

    /// Mean cosine of two different rows of it, larger is tighter; none of fewer than two rows.
    pub(crate) fn cohesion(&self) -> Option<f64> {
        let n = self.size as f64;
        (self.size > 1).then(|| (f64::from(dot(&self.sum, &self.sum)) - n) / (n * (n - 1.0)))
    }

    /// `r`, at most about 1, larger is more alike. A single row is taken to hold together as the other group does; none where both
    /// are single, one is empty, or one holds together by nothing.
    pub(crate) fn alike(&self, other: &Self) -> Option<f64> {
        if self.size.min(other.size) == 0 {
            return None;
        }
        let own = self.cohesion().or_else(|| other.cohesion())?;
        let within = own.max(0.0) * other.cohesion().unwrap_or(own).max(0.0);
        let between =
            f64::from(dot(&self.sum, &other.sum)) / (self.size as f64 * other.size as f64);
        (within > LEAST_COHESION * LEAST_COHESION).then(|| between / within.sqrt())
    }
}

/// The two halves of some rows that 2-means finds, as positions; none of fewer than four rows.
pub(crate) fn halves(
    rows: &Embeddings,
    members: &[usize],
    seed: u64,
) -> Result<Option<[Vec<usize>; 2]>, TopicsError> {
    if members.len() < 4 {
        return Ok(None);
    }
    let own = rows.select(members.iter().copied().map(Row::from_index));
    let options = KMeansOptions {
        k: 2,
        seed,
        restarts: 1,
        max_iterations: 10,
        move_rows: false,
    };
    let found = cluster(&own, options)?;
    let half = |which: u32| {
        let of = members.iter().zip(&found.assignment);
        of.filter(|(_, own)| **own == which)
            .map(|(&m, _)| m)
            .collect()
    };
    Ok(Some([half(0), half(1)]))
}

/// How alike the halves of some rows are: of a fixed sample where they are many.
pub(crate) fn halves_alike(
    rows: &Embeddings,
    members: &[usize],
    seed: u64,
) -> Result<Option<f64>, TopicsError> {
    let step = members.len().div_ceil(HALVED).max(1);
    let sample: Vec<usize> = members.iter().copied().step_by(step).collect();
    let halves = halves(rows, &sample, seed)?;
    Ok(halves.and_then(|[a, b]| Pile::of(rows, &a).alike(&Pile::of(rows, &b))))
}

/// What is usual among some topics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Usual {
    /// At most this alike, two groups are apart.
    pub(crate) apart: f64,
    /// From this on alike, two groups are one.
    pub(crate) one: f64,
    /// Least cohesion of a group.
    pub(crate) cohesion: f64,
    /// Least papers of a group.
    pub(crate) size: usize,
}

/// Two groups are apart where they are no more alike than half of the topics are to the topic nearest to them, within these
/// bounds. Of arXiv's 46 labels with 6 held back, the groups of held-back papers are .50 to .70 alike to the nearest topic,
/// those of papers of known labels .77 and more.
const APART: (f64, f64) = (0.6, 0.75);
/// Two groups are one where they are as alike as half of the topics' halves are to each other, within these bounds.
const ONE: (f64, f64) = (0.8, 0.95);
/// No group of fewer papers becomes a topic, nor one of less than half as many as half of the topics have.
const LEAST_SIZE: usize = 4;

impl Usual {
    /// Of topics given as positions of their papers.
    pub(crate) fn of(
        rows: &Embeddings,
        topics: &[&[usize]],
        piles: &[Pile],
        seed: u64,
    ) -> Result<Self, TopicsError> {
        let nearest = |a: usize| {
            let others = (0..piles.len()).filter(|&b| b != a);
            others
                .filter_map(|b| piles[a].alike(&piles[b]))
                .max_by(f64::total_cmp)
        };
        let near = quantile((0..piles.len()).filter_map(nearest).collect(), 0.5);
        let mut split = Vec::new();
        for members in topics {
            split.extend(halves_alike(rows, members, seed)?);
        }
        let halves = quantile(split, 0.5);
        let sizes = piles.iter().map(|pile| pile.size as f64);
        let sizes = sizes.filter(|&size| size > 0.0).collect();
        let cohesions = piles.iter().filter_map(Pile::cohesion).collect();
        let (near, halves) = (near.unwrap_or(APART.0), halves.unwrap_or(ONE.0));
        Ok(Self {
            apart: near.min(halves).clamp(APART.0, APART.1),
            one: near.max(halves).clamp(ONE.0, ONE.1),
            cohesion: quantile(cohesions, 0.25).unwrap_or(0.0),
            size: LEAST_SIZE.max(quantile(sizes, 0.5).unwrap_or(0.0) as usize / 2),
        })
    }
}

/// The value below which the share of all lies, the lower of two; none of none.
fn quantile(mut values: Vec<f64>, share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some(values[(last as f64 * share) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likeness_does_not_depend_on_how_many_papers_there_are() {
        // Papers of two subjects: the subject's direction, and one of its own each.
        let dim = 100;
        let paper = |subject: usize, own: usize| {
            let mut row = vec![0.0f32; dim];
            (row[0], row[1]) = if subject == 0 {
                (0.6, 0.0)
            } else {
                (0.48, 0.36)
            };
            row[2 + own] = 0.8;
            row
        };
        let data = (0..80).flat_map(|i| paper(i % 2, i));
        let rows = Embeddings::new(data.collect(), dim).unwrap();
        let pile = |subject: usize, n: usize| {
            let members: Vec<usize> = (0..n).map(|i| 2 * i + subject).collect();
            Pile::of(&rows, &members)
        };
        for n in [2, 5, 40] {
            let alike = pile(0, n).alike(&pile(1, n)).unwrap();
            assert!((alike - 0.8).abs() < 1e-3, "{n}: {alike}");
            assert!((pile(1, n).cohesion().unwrap() - 0.36).abs() < 1e-3);
        }
        assert!((pile(0, 1).alike(&pile(1, 40)).unwrap() - 0.8).abs() < 1e-3);
        assert_eq!(pile(0, 1).alike(&pile(1, 1)), None);
        assert_eq!(pile(0, 3).alike(&Pile::of(&rows, &[])), None);
    }

    #[test]
    fn few_papers_have_no_halves_and_equal_ones_have() {
        let rows = Embeddings::new([0.6f32, 0.8].repeat(5), 2).unwrap();
        assert_eq!(halves(&rows, &[0, 1, 2], 1).unwrap(), None);
        let [a, b] = halves(&rows, &[0, 1, 2, 3, 4], 1).unwrap().unwrap();
        assert!(!a.is_empty() && !b.is_empty() && a.len() + b.len() == 5);
    }

    #[test]
    fn quantiles_are_the_lower_of_two() {
        assert_eq!(quantile(vec![3.0, 1.0, 2.0, 4.0], 0.5), Some(2.0));
        assert_eq!(quantile(Vec::new(), 0.5), None);
    }
}
