//! The nearest rows of many queries, and of one over and over, by comparing every pair.

use std::ops::Range;

use rayon::prelude::*;
use syntopic_core::{Embeddings, Row};

use crate::Rows;
use crate::dot::dot1;
use crate::exact::exact_of;
use crate::hit::{Best, Hit, Scored};
use crate::screen::{Asked, LONGEST, Screen};
use crate::tile::QUERIES;

/// Queries that one thread compares with all rows at a time: as many as stay near it in memory.
const CHUNK: usize = 32 * QUERIES;

/// From this many queries on, making rows ready takes less time than it saves.
const WORTH: usize = 4;

/// Groups of rows of which one thread finds the best at least: fewer are done before another has begun.
const PART: usize = 64;

/// The exact answer of every query, in their order: the same answers bit for bit, many times faster than one at a time. The rows
/// are first made ready, which reads them once and takes `dim + 16` bytes each; whoever asks again should ask a
/// [`crate::Index`], which keeps them so. The threads share the work.
///
/// # Panics
/// When the queries have another dimension than the rows.
#[must_use]
pub fn exact_batch(rows: &Embeddings, queries: &Embeddings, k: usize) -> Vec<Vec<Hit>> {
    assert!(
        queries.is_empty() || queries.dim() == rows.dim(),
        "the queries and the rows have one dimension"
    );
    let queries: Vec<&[f32]> = queries.rows().collect();
    exact_batch_of(rows.into(), &queries, k)
}

/// [`exact_batch`], of rows that are verified.
pub(crate) fn exact_batch_of(rows: Rows<'_>, queries: &[&[f32]], k: usize) -> Vec<Vec<Hit>> {
    if queries.len() < WORTH || rows.dim() > LONGEST {
        let one = |query: &&[f32]| exact_of(rows, query, k);
        return queries.iter().map(one).collect();
    }
    Screen::new(rows).nearest(rows, queries, k)
}

impl Screen {
    /// The exact answer of every query, in their order, among `rows`, which it was made from.
    ///
    /// # Panics
    /// When the queries have another dimension than the rows, or there are fewer rows than it was made from.
    pub(crate) fn nearest(&self, rows: Rows<'_>, queries: &[&[f32]], k: usize) -> Vec<Vec<Hit>> {
        if k == 0 || queries.is_empty() {
            return vec![Vec::new(); queries.len()];
        }
        let threads = rayon::current_num_threads();
        // Every thread as many chunks; where there are too few queries for that, a part of the rows each.
        let rounds = queries.len().div_ceil(CHUNK * threads);
        let share = queries.len().div_ceil(rounds * threads);
        let share = share.next_multiple_of(QUERIES).min(CHUNK);
        let n_parts = if queries.len() > share * (threads - 1) {
            1
        } else {
            (2 * threads).min(self.n_groups().div_ceil(PART)).max(1)
        };
        let part = self.n_groups().div_ceil(n_parts);
        let parts: Vec<Range<usize>> = (0..n_parts)
            .map(|at| at * part..((at + 1) * part).min(self.n_groups()))
            .collect();
        queries
            .par_chunks(share)
            .flat_map_iter(|chunk| {
                let asked: Vec<Asked<'_>> = chunk.iter().map(|query| self.ask(query)).collect();
                let best = match &parts[..] {
                    [all] => self.best_of(rows, &asked, all.clone(), k),
                    parts => {
                        let of = |part: &Range<usize>| self.best_of(rows, &asked, part.clone(), k);
                        let found: Vec<Vec<Best>> = parts.par_iter().map(of).collect();
                        found.into_iter().reduce(merge).unwrap_or_default()
                    }
                };
                best.into_iter()
                    .map(|best| best.into_sorted().into_iter().map(Hit::from).collect())
            })
            .collect()
    }

    /// The best rows of some groups for each query.
    fn best_of(
        &self,
        rows: Rows<'_>,
        asked: &[Asked<'_>],
        groups: Range<usize>,
        k: usize,
    ) -> Vec<Best> {
        let mut best: Vec<Best> = asked.iter().map(|_| Best::new(k)).collect();
        let (tiles, rest) = asked.as_chunks::<QUERIES>();
        let (tiles_best, rest_best) = best.split_at_mut(tiles.len() * QUERIES);
        // What a row must be able to score to be looked at.
        let mut least = vec![[f32::NEG_INFINITY; QUERIES]; tiles.len()];
        let mut rest_least = vec![f32::NEG_INFINITY; rest.len()];
        for group in groups {
            let best = tiles_best.as_chunks_mut::<QUERIES>().0;
            for ((asked, best), least) in tiles.iter().zip(best).zip(&mut least) {
                self.offer(rows, asked.each_ref(), group, least, best);
            }
            for ((asked, best), least) in rest.iter().zip(&mut *rest_best).zip(&mut rest_least) {
                let (least, best) = (std::array::from_mut(least), std::array::from_mut(best));
                self.offer(rows, [asked], group, least, best);
            }
        }
        best
    }

    /// Scores the rows of a group that can be among the best, and keeps those that are.
    #[inline]
    fn offer<const N: usize>(
        &self,
        rows: Rows<'_>,
        asked: [&Asked<'_>; N],
        group: usize,
        least: &mut [f32; N],
        best: &mut [Best; N],
    ) {
        let reach = self.reach(asked, group, *least);
        for n in (0..N).filter(|n| reach[*n] != 0) {
            self.look(rows, asked[n], group, reach[n], &mut best[n]);
            least[n] = best[n]
                .worst()
                .map_or(f32::NEG_INFINITY, |worst| worst.score);
        }
    }

    #[cold]
    #[inline(never)]
    fn look(&self, rows: Rows<'_>, asked: &Asked<'_>, group: usize, reach: u16, best: &mut Best) {
        for (place, row) in self.rows_of(group).enumerate() {
            if reach >> place & 1 == 1 {
                let id = row as u32;
                let score = dot1(asked.query, rows.row(Row(id)));
                best.offer(Scored { score, id });
            }
        }
    }
}

fn merge(all: Vec<Best>, more: Vec<Best>) -> Vec<Best> {
    all.into_iter().zip(more).map(|(a, b)| a.merge(b)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::exact::exact;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

        #[test]
        fn a_batch_is_its_single_searches(
            (n, n_queries, dim) in (0usize..200, 0usize..300, 1usize..40),
            k in 0usize..70,
            // Few different numbers: many equal rows and scores.
            numbers in proptest::collection::vec(1u8..4, 7..400),
            threads in 1usize..4,
        ) {
            let unit_rows = |n: usize, from: usize| {
                let mut data: Vec<f32> =
                    (0..n * dim).map(|i| f32::from(numbers[(from + i) % numbers.len()]) - 1.5).collect();
                for row in data.chunks_mut(dim) {
                    let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
                    row.iter_mut().for_each(|v| *v /= length);
                }
                Embeddings::new(data, dim).expect("unit rows")
            };
            let (rows, queries) = (unit_rows(n, 0), unit_rows(n_queries, 5));
            let expected: Vec<Vec<Hit>> = queries.rows().map(|query| exact(&rows, query, k)).collect();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            let found = pool.install(|| exact_batch(&rows, &queries, k));
            prop_assert_eq!(&found, &expected);
            if dim == rows.dim() && n > 0 {
                let screen = Screen::new((&rows).into());
                for (query, expected) in queries.rows().zip(&expected).take(3) {
                    let one = pool.install(|| screen.nearest((&rows).into(), &[query], k));
                    prop_assert_eq!(&one[0], expected);
                }
            }
        }
    }
}
