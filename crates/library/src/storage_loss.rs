//! What rounding the vectors of a library costs, measured while they are added: afterwards nobody has the others.

use crate::store::{read_meta, set_meta};
use crate::{LibraryError, Storage};
use rusqlite::Transaction;
use serde::{Deserialize, Serialize};
use syntopic_core::{Embeddings, Row, dot};
use syntopic_index::exact_batch;

/// Vectors of one `add` that recall is measured on: its first ones.
const SAMPLE: usize = 10_000;

/// How many of them are asked about.
const QUERIES: usize = 500;

/// Neighbours of each.
const K: usize = 10;

/// What was lost of vectors that are not kept as f32.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StorageLoss {
    /// Vectors measured.
    pub vectors: usize,
    /// Mean cosine of what is kept with what the model gave: 1 is no loss.
    pub mean_cosine: f64,
    /// The least.
    pub min_cosine: f64,
    /// Share of the 10 nearest papers by the vectors of the model that are so by those kept.
    pub recall_at_10: f64,
    /// Papers that this was measured among, of one `add`.
    pub recall_among: usize,
}

/// The measurement under way.
#[derive(Debug, Default)]
pub(crate) struct Measuring {
    vectors: usize,
    sum: f64,
    min: f64,
    given: Vec<f32>,
    kept: Vec<f32>,
}

impl Measuring {
    /// Takes in vectors as the model gave them.
    pub(crate) fn take(&mut self, storage: Storage, vectors: &Embeddings) {
        for vector in vectors.rows() {
            let kept = storage.decode(&storage.encode(vector));
            let cosine = f64::from(dot(vector, &kept)).min(1.0);
            self.min = if self.vectors == 0 {
                cosine
            } else {
                self.min.min(cosine)
            };
            self.sum += cosine;
            self.vectors += 1;
            if self.vectors <= SAMPLE {
                self.given.extend(vector);
                self.kept.extend(kept);
            }
        }
    }

    /// Whether there is nothing to record.
    pub(crate) fn is_empty(&self) -> bool {
        self.vectors == 0
    }

    /// Records the loss, together with what earlier adds recorded; recall is that of the largest add.
    pub(crate) fn record(self, tx: &Transaction<'_>, dim: usize) -> Result<(), rusqlite::Error> {
        let before =
            read_meta(tx, "storage_loss")?.and_then(|text| serde_json::from_str(&text).ok());
        let mut loss = self.loss(dim);
        if let Some::<StorageLoss>(before) = before {
            let (n, m) = (loss.vectors as f64, before.vectors as f64);
            loss.mean_cosine = (loss.mean_cosine * n + before.mean_cosine * m) / (n + m);
            loss.min_cosine = loss.min_cosine.min(before.min_cosine);
            loss.vectors += before.vectors;
            if before.recall_among > loss.recall_among {
                (loss.recall_at_10, loss.recall_among) = (before.recall_at_10, before.recall_among);
            }
        }
        set_meta(
            tx,
            "storage_loss",
            &serde_json::to_string(&loss).unwrap_or_default(),
        )
    }

    fn loss(self, dim: usize) -> StorageLoss {
        let rows = Embeddings::new(self.given, dim)
            .and_then(|given| Ok((given, Embeddings::new(self.kept, dim)?)));
        let (recall, among) = rows.map_or((1.0, 0), |(given, kept)| recall(&given, &kept));
        StorageLoss {
            vectors: self.vectors,
            mean_cosine: self.sum / self.vectors.max(1) as f64,
            min_cosine: self.min,
            recall_at_10: recall,
            recall_among: among,
        }
    }
}

/// The mean share of the nearest by `given` that are among the nearest by `kept`, and the number of rows. A paper counts as
/// found when it is as near as the last of them; the paper itself, the nearest of all, is left out.
fn recall(given: &Embeddings, kept: &Embeddings) -> (f64, usize) {
    let n = given.n_rows();
    let k = K.min(n.saturating_sub(1));
    if k == 0 {
        return (1.0, n);
    }
    let step = n.div_ceil(QUERIES);
    let asked: Vec<Row> = (0..n).step_by(step).map(Row::from_index).collect();
    let truth = exact_batch(given, &given.select(asked.iter().copied()), k + 1);
    let found = exact_batch(kept, &kept.select(asked.iter().copied()), k + 1);
    let shares = asked
        .iter()
        .zip(truth.iter().zip(&found))
        .map(|(own, (truth, found))| {
            let query = given.row(*own);
            let others = |hits: &[syntopic_index::Hit]| {
                let rows = hits.iter().map(|hit| hit.row).filter(|row| row != own);
                rows.take(k).collect::<Vec<_>>()
            };
            let Some(last) = others(truth).last().copied() else {
                return 1.0;
            };
            let least = dot(query, given.row(last));
            let right = others(found)
                .into_iter()
                .filter(|row| dot(query, given.row(*row)) >= least);
            right.count() as f64 / k as f64
        });
    (shares.sum::<f64>() / asked.len() as f64, n)
}

/// The storage that a library records; f32 where it records none.
pub(crate) fn recorded(
    text: Option<String>,
    path: &std::path::Path,
) -> Result<Storage, LibraryError> {
    text.map_or(Ok(Storage::F32), |text| text.parse())
        .map_err(|why| LibraryError::Corrupt {
            path: path.to_owned(),
            why: format!("how its vectors are kept is unknown to this version: {why}"),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_is_that_of_the_vectors_kept() {
        let mut state = 9u64;
        let mut number = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f32 / (1 << 24) as f32 - 0.5
        };
        let mut data: Vec<f32> = (0..600 * 24).map(|_| number()).collect();
        for row in data.chunks_mut(24) {
            let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
            row.iter_mut().for_each(|v| *v /= length);
        }
        let rows = Embeddings::new(data, 24).unwrap();
        let loss = |storage| {
            let mut measuring = Measuring::default();
            measuring.take(storage, &rows);
            measuring.loss(24)
        };
        let (none, half, byte) = (loss(Storage::F32), loss(Storage::F16), loss(Storage::Int8));
        assert_eq!(
            (none.recall_at_10, none.recall_among, none.vectors),
            (1.0, 600, 600)
        );
        assert!(
            half.min_cosine > 0.999_99 && half.recall_at_10 > 0.99,
            "{half:?}"
        );
        assert!(
            byte.min_cosine < half.min_cosine && byte.min_cosine > 0.999,
            "{byte:?}"
        );
        assert!((0.9..1.0).contains(&byte.recall_at_10), "{byte:?}");
        assert!(byte.mean_cosine >= byte.min_cosine && byte.mean_cosine < 1.0);
    }
}
