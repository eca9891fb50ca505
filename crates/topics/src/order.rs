//! The order that everything is computed in, so that the order of the input cannot matter.

use crate::Document;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use syntopic_core::{Embeddings, Row};

/// Positions sorted by id, then text, title and the bits of the vector. Two papers equal in all of them are interchangeable.
pub(crate) fn canonical_order(rows: &Embeddings, documents: &[Document<'_>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..documents.len()).collect();
    let bits = |i: usize| rows.row(Row::from_index(i)).iter().map(|v| v.to_bits());
    order.sort_by(|&a, &b| {
        let (x, y) = (&documents[a], &documents[b]);
        (x.id, x.text, x.title)
            .cmp(&(y.id, y.text, y.title))
            .then_with(|| bits(a).cmp(bits(b)))
    });
    order
}

/// At most `size` positions below `n`, evenly spaced: a fixed sample of the canonical order.
pub(crate) fn fixed_sample(n: usize, size: usize) -> Vec<usize> {
    if n <= size {
        (0..n).collect()
    } else {
        (0..size).map(|i| i * n / size).collect()
    }
}

/// How many different vectors there are (by a 64-bit hash of their bits).
pub(crate) fn distinct_rows(rows: &Embeddings) -> usize {
    let hash = |row: &[f32]| {
        let mut hasher = DefaultHasher::new();
        row.iter().for_each(|v| v.to_bits().hash(&mut hasher));
        hasher.finish()
    };
    rows.rows().map(hash).collect::<HashSet<u64>>().len()
}
