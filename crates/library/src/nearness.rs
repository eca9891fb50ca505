//! Nearness of meaning as the hybrid mode counts it: by what a paper has beside what all papers of the library share, and drawn
//! towards the query's first hits.
//!
//! The vectors of one field lie in a narrow cone: their mean says what the field is, and nothing of how two of its papers
//! differ. Half of it is taken off the query and off each paper before the cosine ("all but the top", Mu & Viswanath 2018, takes
//! off all of it). Then the query is moved towards the mean of its first hits, as relevance feedback does with hits that nobody
//! has judged (Rocchio 1971). What half and how far were chosen on co-citations and citations: `benches/RESULTS.md`.
//!
//! Not for: the cosine that is shown of a hit, nor for the semantic mode, which are those of the vectors as they are.

use crate::LibraryError;
use syntopic_core::{Row, dot};

/// How much of the papers' mean vector is left out.
const LEFT_OUT: f32 = 0.5;

/// First hits that the query is drawn towards.
pub(crate) const FIRST: usize = 10;

/// How much of the mean of the first hits is added to the query.
const DRAW: f32 = 0.5;

/// Rows, at most, that the mean is taken of: evenly spaced, so that they are the same for the same papers.
const SAMPLE: usize = 1024;

/// A query, and what is left out of it and of the papers.
#[derive(Debug, Clone)]
pub(crate) struct Nearness {
    /// Shape `(dim,)`; of length 1, or all zeros.
    query: Vec<f32>,
    /// Shape `(dim,)`.
    left_out: Vec<f32>,
}

impl Nearness {
    /// Of a unit vector `query` among `n_rows` papers, whose unit vectors `row` gives.
    ///
    /// # Errors
    /// Those of `row`.
    pub(crate) fn new<'r>(
        query: &[f32],
        n_rows: usize,
        mut row: impl FnMut(Row) -> Result<&'r [f32], LibraryError>,
    ) -> Result<Self, LibraryError> {
        let n = n_rows.min(SAMPLE);
        let mut left_out = vec![0f32; query.len()];
        for at in 0..n {
            add(&mut left_out, row(Row::from_index(at * n_rows / n))?, 1.0);
        }
        scale(&mut left_out, LEFT_OUT / n.max(1) as f32);
        let mut query = query.to_vec();
        add(&mut query, &left_out, -1.0);
        normalise(&mut query);
        Ok(Self { query, left_out })
    }

    /// The cosine of the query and a paper's unit vector, without what is left out of both; 0 where nothing is left.
    pub(crate) fn of(&self, paper: &[f32]) -> f32 {
        // |x - m|² = 1 - 2 x·m + m·m, for |x| = 1.
        let squared = 1.0 - 2.0 * dot(paper, &self.left_out) + dot(&self.left_out, &self.left_out);
        let product = dot(paper, &self.query) - dot(&self.left_out, &self.query);
        if squared <= 1e-6 {
            return 0.0;
        }
        (product / squared.sqrt()).clamp(-1.0, 1.0)
    }

    /// The same, of a query that is drawn towards papers; none draws it nowhere.
    pub(crate) fn drawn<'r>(&self, towards: impl ExactSizeIterator<Item = &'r [f32]>) -> Self {
        let mut drawn = self.clone();
        let share = DRAW / towards.len().max(1) as f32;
        for paper in towards {
            let mut paper = paper.to_vec();
            add(&mut paper, &self.left_out, -1.0);
            normalise(&mut paper);
            add(&mut drawn.query, &paper, share);
        }
        normalise(&mut drawn.query);
        drawn
    }
}

fn add(sum: &mut [f32], other: &[f32], share: f32) {
    (sum.iter_mut().zip(other)).for_each(|(sum, other)| *sum += share * other);
}

fn scale(vector: &mut [f32], factor: f32) {
    vector.iter_mut().for_each(|number| *number *= factor);
}

/// To length 1; a vector of (nearly) no length is left as zeros.
fn normalise(vector: &mut [f32]) {
    let length = dot(vector, vector).sqrt();
    scale(vector, if length > 1e-6 { 1.0 / length } else { 0.0 });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(numbers: [f32; 3]) -> Vec<f32> {
        let mut vector = numbers.to_vec();
        normalise(&mut vector);
        vector
    }

    fn nearness(query: &[f32], papers: &[Vec<f32>]) -> Nearness {
        Nearness::new(query, papers.len(), |row| Ok(&papers[row.index()])).unwrap()
    }

    #[test]
    fn what_all_papers_share_counts_less_and_a_paper_is_as_near_to_itself_as_can_be() {
        let papers = [
            unit([9.0, 1.0, 0.0]),
            unit([9.0, 0.0, 1.0]),
            unit([9.0, 1.0, 0.1]),
        ];
        let near = nearness(&papers[0], &papers);
        assert!((near.of(&papers[0]) - 1.0).abs() < 1e-5);
        let plain = dot(&papers[0], &papers[1]);
        assert!(near.of(&papers[1]) < plain && near.of(&papers[2]) > near.of(&papers[1]));
    }

    #[test]
    fn the_norm_by_parts_is_that_of_the_difference() {
        let papers = [unit([1.0, 2.0, -0.5]), unit([0.3, -1.0, 2.0])];
        let near = nearness(&papers[0], &papers);
        let mut plain = papers[1].clone();
        add(&mut plain, &near.left_out, -1.0);
        normalise(&mut plain);
        assert!((near.of(&papers[1]) - dot(&plain, &near.query)).abs() < 1e-5);
    }

    #[test]
    fn a_query_is_drawn_towards_papers_and_nowhere_without_any() {
        let papers = [
            unit([1.0, 0.0, 0.2]),
            unit([0.0, 1.0, 0.2]),
            unit([0.0, 0.0, 1.0]),
        ];
        let near = nearness(&papers[0], &papers);
        let drawn = near.drawn([papers[1].as_slice()].into_iter());
        assert!(drawn.of(&papers[1]) > near.of(&papers[1]));
        let none: [&[f32]; 0] = [];
        let nowhere = near.drawn(none.into_iter());
        assert!((nowhere.of(&papers[1]) - near.of(&papers[1])).abs() < 1e-6);
    }

    #[test]
    fn one_paper_and_none_are_no_trouble() {
        let one = [unit([1.0, 0.0, 0.0])];
        assert!((nearness(&one[0], &one).of(&one[0]) - 1.0).abs() < 1e-5);
        let none: [Vec<f32>; 0] = [];
        assert!((nearness(&one[0], &none).of(&one[0]) - 1.0).abs() < 1e-5);
    }
}
