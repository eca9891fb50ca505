//! The nearest rows of many queries by comparing every pair.

use rayon::prelude::*;
use syntopic_core::{Embeddings, Row};

use crate::Rows;
use crate::dot::dot1;
use crate::exact::exact_of;
use crate::hit::{Best, Hit, Scored};
use crate::tile::{Packed, QUERIES, ROWS, margin, tile};

/// Queries that one thread compares with all rows at a time: as many as stay near it in memory.
const CHUNK: usize = 16 * QUERIES;

/// Rows that all queries of a chunk are compared with before the next ones: as many as stay in the first cache.
const PANEL: usize = 3 * ROWS;

/// The exact answer of every query, in their order: the same answers bit for bit, several times faster than one at a time,
/// because a row is fetched once for many queries. The threads share the queries.
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
    if k == 0 {
        return vec![Vec::new(); queries.len()];
    }
    if queries.len() < QUERIES {
        return queries
            .iter()
            .map(|query| exact_of(rows, query, k))
            .collect();
    }
    let share = queries
        .len()
        .div_ceil(rayon::current_num_threads())
        .next_multiple_of(QUERIES);
    queries
        .par_chunks(share.min(CHUNK))
        .flat_map_iter(|chunk| {
            let best = best_of_chunk(rows, chunk, k);
            best.into_iter()
                .map(|best| best.into_sorted().into_iter().map(Hit::from).collect())
        })
        .collect()
}

/// Tiles of [`QUERIES`] by [`ROWS`]; what is missing in the last ones is left over from earlier ones, and not looked at.
fn best_of_chunk(rows: Rows<'_>, queries: &[&[f32]], k: usize) -> Vec<Best> {
    let mut best: Vec<Best> = queries.iter().map(|_| Best::new(k)).collect();
    // What a row must score, by the fast kernel, to be looked at.
    let mut least = vec![f32::NEG_INFINITY; queries.len()];
    let margin = margin(rows.dim());
    let mut packed = Packed::new(rows.dim(), queries.len().next_multiple_of(QUERIES));
    queries
        .iter()
        .enumerate()
        .for_each(|(at, query)| packed.set(at, query));
    let mut panel = Packed::new(rows.dim(), PANEL);
    for from in (0..rows.n_rows()).step_by(PANEL) {
        let n = PANEL.min(rows.n_rows() - from);
        (0..n).for_each(|at| panel.set(at, rows.row(Row((from + at) as u32))));
        for first in (0..queries.len()).step_by(QUERIES) {
            for at in (0..n).step_by(ROWS) {
                let scores = tile(packed.get(first), panel.get(at));
                for (query, scores) in (first..queries.len()).zip(scores) {
                    // Mostly none of them: one look at all.
                    if !scores.iter().any(|score| *score >= least[query]) {
                        continue;
                    }
                    for (row, _) in (from + at..from + n)
                        .zip(scores)
                        .filter(|(_, score)| *score >= least[query])
                    {
                        let score = dot1(queries[query], rows.row(Row(row as u32)));
                        best[query].offer(Scored {
                            score,
                            id: row as u32,
                        });
                    }
                    least[query] = best[query]
                        .worst()
                        .map_or(f32::NEG_INFINITY, |worst| worst.score - margin);
                }
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::exact::exact;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn a_batch_is_its_single_searches(
            (n, n_queries, dim) in (0usize..60, 0usize..130, 1usize..40),
            k in 0usize..70,
            // Few different numbers: many equal rows and scores.
            numbers in proptest::collection::vec(1u8..4, 7..400),
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
            prop_assert_eq!(exact_batch(&rows, &queries, k), expected);
        }
    }
}
