//! One transaction of papers and vectors, checked again under the write lock: between reading a paper and committing it
//! another process may have changed the library.

use crate::LibraryError;
use crate::model::RecordedModel;
use crate::store::{Sha, Store, VectorRow, next_generation, put, read_meta, set_meta, text_sha256};
use rusqlite::{OptionalExtension, Transaction};
use syntopic_core::{Paper, Row, TEXT_RECIPE};
use syntopic_embed::Embedded;

/// Papers to commit together.
pub(crate) struct Batch<'a> {
    /// Only their details are new: their vectors stay.
    pub(crate) details: &'a [Paper],
    /// Their texts are new.
    pub(crate) texts: &'a [Paper],
    /// The vectors of `texts`, in the same order.
    pub(crate) embedded: Option<&'a Embedded>,
    /// What made the vectors.
    pub(crate) model: Option<&'a RecordedModel>,
}

/// What a commit did.
#[derive(Default)]
pub(crate) struct Committed {
    pub(crate) added: usize,
    pub(crate) updated: usize,
    pub(crate) details_updated: usize,
    /// Already there by now, with the same text.
    pub(crate) unchanged: usize,
    /// Left out: the stored text has become another one, so their text must be embedded after all.
    pub(crate) text_changed: Vec<Paper>,
}

/// Commits a batch, all or nothing. Where another model made the library, nothing is written and that model is given.
pub(crate) fn commit(
    store: &mut Store,
    batch: &Batch<'_>,
) -> Result<Result<Committed, RecordedModel>, LibraryError> {
    store.write(|tx| {
        if let Some(ours) = batch.model
            && let Some(theirs) = agree_on_model(tx, ours)?
        {
            return Ok(Err(theirs));
        }
        let mut done = Committed::default();
        for paper in batch.details {
            if stored_text(tx, paper)? == Some(Some(text_sha256(paper))) {
                put(tx, paper, None)?;
                done.details_updated += 1;
            } else {
                done.text_changed.push(paper.clone());
            }
        }
        for (index, paper) in batch.texts.iter().enumerate() {
            match stored_text(tx, paper)? {
                None => done.added += 1,
                Some(stored) if stored == Some(text_sha256(paper)) => done.unchanged += 1,
                Some(_) => done.updated += 1,
            }
            let vector = batch.embedded.map(|embedded| vector_row(embedded, index));
            put(tx, paper, vector.as_ref())?;
        }
        next_generation(tx)?;
        Ok(Ok(done))
    })
}

/// Records our model in a library that has none; gives the recorded one when its vectors cannot be compared with ours.
fn agree_on_model(
    tx: &Transaction<'_>,
    ours: &RecordedModel,
) -> Result<Option<RecordedModel>, rusqlite::Error> {
    let recorded = read_meta(tx, "model")?;
    match recorded.and_then(|text| serde_json::from_str::<RecordedModel>(&text).ok()) {
        Some(theirs) if !theirs.compares_with(ours) => Ok(Some(theirs)),
        // The same model, where it is now.
        Some(theirs) if theirs == *ours => Ok(None),
        _ => {
            let text = serde_json::to_string(ours).unwrap_or_default();
            set_meta(tx, "model", &text)?;
            set_meta(tx, "text_recipe", TEXT_RECIPE)?;
            Ok(None)
        }
    }
}

/// Hash of the text that a paper's stored vector stands for: `None` without the paper, `Some(None)` without a vector.
fn stored_text(
    tx: &Transaction<'_>,
    paper: &Paper,
) -> Result<Option<Option<Sha>>, rusqlite::Error> {
    tx.prepare_cached(
        "SELECT v.text_sha256 FROM papers p LEFT JOIN vectors v USING (paper) WHERE p.id = ?1",
    )?
    .query_row([paper.id.as_str()], |row| row.get(0))
    .optional()
}

fn vector_row(embedded: &Embedded, index: usize) -> VectorRow<'_> {
    VectorRow {
        tokens: embedded.tokens[index],
        truncated: embedded.truncated[index],
        vector: embedded.vectors.row(Row::from_index(index)),
    }
}
