//! Vectors alone to clusters: the part of [`crate::topics()`] that needs no texts, in its steps.
//!
//! Not for: names; and it says nothing of how good the clusters are.

use crate::choose::{SAMPLE, choose_and_cluster};
use crate::graph::{NeighborFinder, smooth};
use crate::kmeans::{Clustering, regroup};
use crate::order::canonical_order;
use crate::reduce::reduce;
use crate::small::give_up_small;
use crate::topics::{KChoice, Step};
use crate::{Document, TopicOptions, TopicsError};
use syntopic_core::{Embeddings, Row};

/// From so many rows on they are drawn towards their neighbours first; among fewer, the neighbours of a row are a good
/// part of all rows, and topics would run into one another.
pub(crate) const SMOOTH_FROM: usize = 1_000;

/// The cluster of each row, and how many there are and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Partition {
    /// Below `choice.k`, in the order of the rows given. Numbers follow from the ids, not from the order.
    pub assignment: Vec<u32>,
    /// How the number of clusters came about.
    pub choice: KChoice,
}

/// Clusters `rows`, whose ids are `ids` in the same order, as [`crate::topics()`] does before it names anything.
///
/// # Errors
/// When there are no rows, ids and rows differ in number, an option is wrong, or `neighbors` fails.
pub fn partition(
    rows: &Embeddings,
    ids: &[&str],
    options: &TopicOptions,
    neighbors: &mut NeighborFinder<'_>,
    progress: &mut dyn FnMut(Step),
) -> Result<Partition, TopicsError> {
    let documents: Vec<Document<'_>> = ids
        .iter()
        .map(|&id| Document {
            id,
            title: "",
            text: "",
        })
        .collect();
    check(rows, &documents, options)?;
    let order = canonical_order(rows, &documents);
    let sorted = rows.select(order.iter().copied().map(Row::from_index));
    let (found, choice) = partition_sorted(&sorted, options, neighbors, progress)?;
    let mut assignment = vec![0; ids.len()];
    for (&i, own) in order.iter().zip(found.assignment) {
        assignment[i] = own;
    }
    Ok(Partition { assignment, choice })
}

/// What both entries ask of their input.
pub(crate) fn check(
    rows: &Embeddings,
    documents: &[Document<'_>],
    options: &TopicOptions,
) -> Result<(), TopicsError> {
    if documents.is_empty() {
        return Err(TopicsError::NoDocuments);
    }
    if rows.n_rows() != documents.len() {
        return Err(TopicsError::RowsAndDocuments {
            rows: rows.n_rows(),
            documents: documents.len(),
        });
    }
    options.check(documents.len())
}

/// Smooths, reduces, chooses k and clusters rows in canonical order. Centroids and objective are those of the rows as given.
pub(crate) fn partition_sorted(
    rows: &Embeddings,
    options: &TopicOptions,
    neighbors: &mut NeighborFinder<'_>,
    progress: &mut dyn FnMut(Step),
) -> Result<(Clustering, KChoice), TopicsError> {
    let n = rows.n_rows();
    if options.smoothing == 0 || n < SMOOTH_FROM {
        let (found, choice) = choose_and_cluster(rows, (rows, None), options, progress)?;
        return Ok(give_up_small(rows, found, choice, options.min_size));
    }
    progress(Step::Neighbors);
    let graph = neighbors(rows, options.neighbors).map_err(TopicsError::FindNeighbors)?;
    if graph.n_rows() != n {
        return Err(TopicsError::GraphOfOtherRows {
            got: graph.n_rows(),
            expected: n,
        });
    }
    let smoothed = smooth(rows, &graph, options.smoothing);
    let reduced = (n > SAMPLE).then(|| reduce(&smoothed));
    let reduced = reduced.as_ref().unwrap_or(&smoothed);
    let (found, choice) =
        choose_and_cluster(&smoothed, (reduced, Some(&graph)), options, progress)?;
    let (found, choice) = give_up_small(reduced, found, choice, options.min_size);
    Ok((regroup(rows, found.assignment, choice.k), choice))
}
