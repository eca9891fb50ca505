//! How much more often neighbours share a topic than they would by chance (modularity: Newman & Girvan 2004).
//!
//! Not for: finding topics. The number that has the best modularity is too small a number of topics; what it is good for is to tell that
//! topics were cut across where papers lie close.

use crate::graph::NeighborGraph;
use crate::kmeans::assign;
use std::collections::HashMap;
use syntopic_core::{Embeddings, Row};

/// Some rows' edges to their neighbours, and the vectors at both ends.
pub(crate) struct Edges {
    /// The rows at the ends, each once.
    ends: Embeddings,
    /// Positions in `ends`: a row, one of its neighbours.
    pairs: Vec<(usize, usize)>,
}

impl Edges {
    /// The edges that begin at the rows `from`.
    pub(crate) fn from_rows(
        rows: &Embeddings,
        graph: &NeighborGraph,
        from: impl Iterator<Item = usize>,
    ) -> Self {
        let (mut places, mut ends, mut pairs) = (HashMap::new(), Vec::new(), Vec::new());
        let mut place = |row: usize| {
            *places.entry(row).or_insert_with(|| {
                ends.push(row);
                ends.len() - 1
            })
        };
        for row in from {
            let own = place(row);
            let others = graph.of(row).iter();
            pairs.extend(others.map(|&other| (own, place(other as usize))));
        }
        let ends = rows.select(ends.into_iter().map(Row::from_index));
        Self { ends, pairs }
    }

    /// The modularity, at most 1, of the clusters whose centroids these are, `(k, dim)`, each row being its nearest one's: the share
    /// of the edges that stay in a cluster, less the share that would if both ends were drawn at random.
    pub(crate) fn modularity(&self, centroids: &[f32]) -> f64 {
        let k = centroids.len() / self.ends.dim();
        of_edges(&self.pairs, &assign(&self.ends, centroids), k)
    }
}

fn of_edges(pairs: &[(usize, usize)], own: &[u32], k: usize) -> f64 {
    let (mut ends_in, mut inside) = (vec![0usize; k], 0usize);
    for &(a, b) in pairs {
        let (a, b) = (own[a] as usize, own[b] as usize);
        ends_in[a] += 1;
        ends_in[b] += 1;
        inside += usize::from(a == b);
    }
    let all = pairs.len().max(1) as f64;
    let square = |&ends: &usize| (ends as f64 / (2.0 * all)).powi(2);
    inside as f64 / all - ends_in.iter().map(square).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_apart_make_a_half_and_one_makes_nothing() {
        // 0 and 1 are each other's neighbours, as are 2 and 3.
        let pairs = [(0, 1), (1, 0), (2, 3), (3, 2)];
        assert!((of_edges(&pairs, &[0, 0, 1, 1], 2) - 0.5).abs() < 1e-12);
        assert!(of_edges(&pairs, &[0, 0, 0, 0], 1).abs() < 1e-12);
        assert!((of_edges(&pairs, &[0, 1, 0, 1], 2) + 0.5).abs() < 1e-12);
        // Singles: by chance an edge would stay in a cluster once in four.
        assert!((of_edges(&pairs, &[0, 1, 2, 3], 4) + 0.25).abs() < 1e-12);
        assert!(of_edges(&[], &[], 1).abs() < 1e-12);
    }

    #[test]
    fn edges_of_some_rows_stand_for_those_of_all() {
        // Three directions, 400 rows around each; neighbours are the next five rows round the same direction, one in eight the next direction's.
        let (n, per_row) = (1_200usize, 5);
        let angle = |i: usize| (i % 3) as f32 * 2.0 + (i / 3) as f32 * 0.001;
        let data = (0..n).flat_map(|i| [angle(i).cos(), angle(i).sin()]);
        let rows = Embeddings::new(data.collect(), 2).expect("unit rows");
        let step = |i: usize, at: usize| {
            if (i + at).is_multiple_of(8) {
                1
            } else {
                3 * (at + 1)
            }
        };
        let lists = (0..n).flat_map(|i| (0..per_row).map(move |at| ((i + step(i, at)) % n) as u32));
        let graph = NeighborGraph::new(n, per_row, lists.collect()).expect("whole lists");
        let centroids: Vec<f32> = (0..3usize)
            .flat_map(|c| {
                let middle = angle(c) + 0.2;
                [middle.cos(), middle.sin()]
            })
            .collect();
        let all = Edges::from_rows(&rows, &graph, 0..n);
        assert_eq!((all.ends.n_rows(), all.pairs.len()), (n, n * per_row));
        let whole = all.modularity(&centroids);
        // By the definition, on the matrix of edges that count both ways.
        let own = |i: usize| i % 3;
        let mut degrees = vec![0f64; n];
        let mut inside = 0f64;
        for i in 0..n {
            for &j in graph.of(i) {
                degrees[i] += 1.0;
                degrees[j as usize] += 1.0;
                inside += if own(i) == own(j as usize) { 2.0 } else { 0.0 };
            }
        }
        let total: f64 = degrees.iter().sum();
        let chance = |c: usize| {
            let of: f64 = (0..n).filter(|&i| own(i) == c).map(|i| degrees[i]).sum();
            (of / total).powi(2)
        };
        let plain = inside / total - (0..3).map(chance).sum::<f64>();
        assert!((whole - plain).abs() < 1e-9, "{whole} {plain}");
        let some = Edges::from_rows(&rows, &graph, (0..n).step_by(5)).modularity(&centroids);
        assert!((whole - some).abs() < 0.03, "{whole} {some}");
    }
}
