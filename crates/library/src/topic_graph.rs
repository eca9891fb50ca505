//! What the topics crate needs of the others: the neighbour graph of the index, and its steps as events.

use crate::Event;
use std::ops::ControlFlow;
use syntopic_core::{Embeddings, Row};
use syntopic_index::{Effort, Index, IndexOptions};
use syntopic_topics::{NeighborGraph, Step};

/// The nearest others of each row, by a graph of their own: one that was kept up to date as papers came would differ from
/// one made at once, and the topics with it.
pub(crate) fn neighbors(
    rows: &Embeddings,
    per_row: usize,
) -> Result<NeighborGraph, Box<dyn std::error::Error + Send + Sync>> {
    /// All pairs of fewer rows are compared sooner than a graph is built.
    const EXACT_BELOW: usize = 10_000;
    let options = IndexOptions {
        exact_below: EXACT_BELOW,
        effort: Effort::Recall(0.9),
        ..IndexOptions::default()
    };
    let index = Index::build(rows, &options, &mut |_| ControlFlow::Continue(()))?;
    let found = index.neighbors(rows, per_row, &mut |_| ControlFlow::Continue(()))?;
    let lists: Vec<u32> = (0..rows.n_rows())
        .flat_map(|i| found.of(Row::from_index(i)).iter().map(|hit| hit.row.0))
        .collect();
    Ok(NeighborGraph::new(rows.n_rows(), found.k(), lists)?)
}

/// A step as users hear of it.
pub(crate) fn event(step: Step) -> Event<'static> {
    let (step, done, of) = match step {
        Step::Neighbors => ("looking up neighbours", 0, 1),
        Step::ChooseK { tried, of } => ("choosing the number of topics", tried, of),
        Step::Cluster => ("clustering", 0, 1),
        Step::Subsample { done, of } => ("clustering subsamples", done, of),
        Step::Label { done, of } => ("naming topics", done, of),
    };
    Event::Topics { step, done, of }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_the_nearest_others_and_never_more_than_there_are() {
        let angle = |i: usize| i as f32 * 0.1;
        let data = (0..6).flat_map(|i| [angle(i).cos(), angle(i).sin()]);
        let rows = Embeddings::new(data.collect(), 2).unwrap();
        let graph = neighbors(&rows, 2).unwrap();
        assert_eq!((graph.of(0), graph.of(5)), (&[1, 2][..], &[4, 3][..]));
        assert_eq!(neighbors(&rows, 15).unwrap().of(0), [1, 2, 3, 4, 5]);
    }
}
