//! Vectors as one byte a number, and a query scored against them.
//!
//! Scalar quantisation, a grid for each dimension: number `d` of a row is `middle[d] + step[d] * code`, the code from -127 to
//! 127, fitted to the smallest and largest number of that dimension. The query is not rounded to bytes but to 16 bits, its
//! numbers multiplied by the steps first, so the sum of products is one exact integer whatever the instructions, and the
//! middles add the same to every row. What is left of the error is the rows' half step: about 0.0005 of a cosine at 384
//! numbers. Every answer is reranked by the rows themselves.

use rayon::prelude::*;
use syntopic_core::{Embeddings, Row};

use crate::dot::dot1;
use crate::dot8::{self, Wide};
use crate::lines::{LINE, Line, Lines, zeroed};

/// The largest code.
const TOP: f32 = 127.0;

/// Where the codes of each dimension lie, shape `(dim,)` each.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grid {
    pub(crate) middle: Vec<f32>,
    pub(crate) step: Vec<f32>,
}

/// A query ready to be scored against codes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Prepared {
    /// Padded with zeros to whole lines.
    values: Vec<Wide>,
    scale: f32,
    offset: f32,
}

impl Grid {
    /// The grid that covers all numbers of `rows`.
    pub(crate) fn fit(rows: &Embeddings) -> Self {
        let dim = rows.dim();
        let mut low = vec![f32::INFINITY; dim];
        let mut high = vec![f32::NEG_INFINITY; dim];
        for row in rows.rows() {
            for d in 0..dim {
                low[d] = low[d].min(row[d]);
                high[d] = high[d].max(row[d]);
            }
        }
        let ends = || low.iter().zip(&high);
        Self {
            middle: ends().map(|(low, high)| (low + high) / 2.0).collect(),
            step: ends().map(|(low, high)| (high - low) / 2.0 / TOP).collect(),
        }
    }

    /// Whether the code of `row` is as near to it as that of any row the grid was fitted to: no number is beyond the ends by more
    /// than the half step that rounding takes.
    pub(crate) fn covers(&self, row: &[f32]) -> bool {
        let mut numbers = row.iter().zip(self.middle.iter().zip(&self.step));
        numbers.all(|(value, (middle, step))| (value - middle).abs() <= (TOP + 0.5) * step)
    }

    /// The root of the sum of the squared steps: as it grows, so does the error of every score.
    pub(crate) fn coarseness(&self) -> f32 {
        let squares = self.step.iter().map(|step| f64::from(*step).powi(2));
        squares.sum::<f64>().sqrt() as f32
    }

    /// Lines of one code.
    pub(crate) fn lines(&self) -> usize {
        self.middle.len().div_ceil(LINE)
    }

    /// The codes of `rows` in the order of `nodes`, [`Grid::lines`] each.
    pub(crate) fn encode_all(&self, rows: &Embeddings, nodes: &[u32]) -> Lines {
        let mut codes = zeroed(nodes.len() * self.lines() * LINE);
        codes
            .par_chunks_mut(self.lines())
            .zip(nodes)
            .for_each(|(code, row)| self.encode(rows.row(Row(*row)), code));
        codes
    }

    /// The code of `row`; numbers beyond the grid become its ends.
    pub(crate) fn encode(&self, row: &[f32], code: &mut [Line]) {
        let grid = self.middle.iter().zip(&self.step);
        for (d, (value, (middle, step))) in row.iter().zip(grid).enumerate() {
            let steps = if *step > 0.0 {
                (value - middle) / step
            } else {
                0.0
            };
            code[d / LINE].0[d % LINE] = steps.round().clamp(-TOP, TOP) as i8;
        }
    }

    /// By how much two rows may be out of order in the scores of `query`, as good as ever: the rounding of a number is even
    /// over half a step to either side, so its variance is `step^2 / 12`, a score's that of the sum, a difference's twice
    /// that; six times its root is passed once in 10^9.
    pub(crate) fn slack(&self, query: &[f32]) -> f32 {
        const LANES: usize = 8;
        let mut sums = [0f32; LANES];
        for (query, step) in query.chunks(LANES).zip(self.step.chunks(LANES)) {
            for ((sum, q), s) in sums.iter_mut().zip(query).zip(step) {
                *sum += (q * s) * (q * s);
            }
        }
        6.0 * (sums.iter().sum::<f32>() / 6.0).sqrt()
    }

    /// `query` made ready, into the room of an earlier one.
    pub(crate) fn prepare(&self, query: &[f32], prepared: &mut Prepared) {
        prepared.offset = dot1(query, &self.middle);
        prepared.values.resize(self.lines(), [0; LINE]);
        prepared.scale = dot8::widen(query, &self.step, &mut prepared.values);
    }
}

/// Codes one after the other, one a node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Codes<'a> {
    pub(crate) lines: &'a [Line],
    pub(crate) per_node: usize,
}

impl<'a> Codes<'a> {
    #[inline]
    pub(crate) fn of(&self, node: u32) -> &'a [Line] {
        &self.lines[node as usize * self.per_node..][..self.per_node]
    }
}

impl Prepared {
    #[inline]
    fn score(&self, sum: i32) -> f32 {
        sum as f32 * self.scale + self.offset
    }

    /// About the cosine with one code.
    #[inline]
    pub(crate) fn one(&self, code: &[Line]) -> f32 {
        self.score(dot8::dots(&self.values, [code])[0])
    }

    /// About the cosine with each of four codes.
    #[inline]
    pub(crate) fn four(&self, codes: [&[Line]; 4]) -> [f32; 4] {
        dot8::dots(&self.values, codes).map(|sum| self.score(sum))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unit_rows(n: usize, dim: usize, numbers: &[f32]) -> Embeddings {
        let mut data: Vec<f32> = (0..n * dim).map(|i| numbers[i % numbers.len()]).collect();
        for row in data.chunks_mut(dim) {
            row[0] += 3.0;
            let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
            row.iter_mut().for_each(|v| *v /= length);
        }
        Embeddings::new(data, dim).expect("unit rows")
    }

    #[test]
    fn a_grid_covers_what_it_was_fitted_to_and_nothing_beyond() {
        let rows = unit_rows(40, 6, &[0.3, -0.2, 0.9, -0.5, 0.1, 0.7, -0.8]);
        let grid = Grid::fit(&rows);
        assert!(rows.rows().all(|row| grid.covers(row)));
        let mut beyond = rows.row(Row(0)).to_vec();
        beyond[3] = grid.middle[3] + 127.4 * grid.step[3];
        assert!(grid.covers(&beyond), "its code is as near as others");
        beyond[3] = grid.middle[3] - 128.0 * grid.step[3];
        assert!(!grid.covers(&beyond));
        let flat = Grid::fit(&Embeddings::new(vec![1.0, 0.0, 1.0, 0.0], 2).expect("unit rows"));
        assert!(flat.covers(&[1.0, 0.0]) && !flat.covers(&[0.8, 0.6]));
        assert_eq!(flat.coarseness(), 0.0);
    }

    proptest! {
        #[test]
        fn a_score_is_near_the_cosine(
            dim in 1usize..300,
            numbers in proptest::collection::vec(-1f32..1.0, 997..998),
        ) {
            let rows = unit_rows(9, dim, &numbers);
            let grid = Grid::fit(&rows);
            let codes = grid.encode_all(&rows, &(0..9).collect::<Vec<_>>());
            let codes = Codes { lines: &codes, per_node: grid.lines() };
            let mut prepared = Prepared::default();
            // Used again, as a search does.
            grid.prepare(rows.row(Row(1)), &mut prepared);
            grid.prepare(rows.row(Row(0)), &mut prepared);
            // Half a step of every number, in the worst direction, and the query's rounding.
            let bound: f32 = grid.step.iter().zip(rows.row(Row(0))).map(|(s, q)| s * q.abs() * 0.51).sum::<f32>() + 1e-4;
            for node in 0..9 {
                let score = prepared.one(codes.of(node));
                let cosine = dot1(rows.row(Row(0)), rows.row(Row(node)));
                prop_assert!((score - cosine).abs() <= bound, "{} {}", score, cosine);
                prop_assert_eq!(prepared.four([codes.of(node); 4]), [score; 4]);
            }
        }
    }
}
