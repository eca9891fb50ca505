//! One transaction of papers and vectors, checked again under the write lock: between reading a paper and committing it
//! another process may have changed the library.

use crate::create::Draft;
use crate::engine::Library;
use crate::model::RecordedModel;
use crate::rows::{Change, Known, VectorRow, known, put, text_sha256};
use crate::store::{Store, next_generation, read_meta, set_meta};
use crate::titles::make_table;
use crate::{LibraryError, Storage, changes};
use rusqlite::Transaction;
use syntopic_core::{Paper, PaperId, Row, TEXT_RECIPE};
use syntopic_embed::Embedded;

/// Papers to commit together.
pub(crate) struct Batch<'a> {
    /// Only their details are new: their vectors stay.
    pub(crate) details: &'a [Paper],
    /// Their texts are new.
    pub(crate) texts: &'a [Paper],
    /// The vectors of `texts`, in the same order.
    pub(crate) embedded: Option<&'a Embedded>,
    /// Those of their titles, in the same order.
    pub(crate) titles: &'a [Option<Vec<f32>>],
    /// What made the vectors.
    pub(crate) model: Option<&'a RecordedModel>,
    /// Which implementation of it ran.
    pub(crate) mode: Option<&'a str>,
    /// How a new library keeps its vectors.
    pub(crate) storage: Storage,
}

/// What a commit did.
#[derive(Default)]
pub(crate) struct Committed {
    pub(crate) added: usize,
    pub(crate) updated: usize,
    pub(crate) details_updated: usize,
    /// Already there by now, with the same text.
    pub(crate) unchanged: usize,
    /// Left out: what is stored has changed meanwhile, and with it the text that must be embedded.
    pub(crate) text_changed: Vec<Paper>,
    /// What was written.
    ids: Vec<PaperId>,
}

impl Committed {
    /// Writes a paper, with the vector of its text where it has one, and counts it.
    fn put(
        &mut self,
        tx: &Transaction<'_>,
        paper: &Paper,
        vector: Option<&VectorRow<'_>>,
        storage: Storage,
    ) -> Result<(), rusqlite::Error> {
        let known = known(tx, &paper.id)?;
        let mut whole = paper.clone();
        if let Some(known) = &known {
            // What another process has added to it meanwhile stays.
            whole.fill_from(&known.paper);
        }
        let change = Known::change(known.as_ref(), &whole);
        let needs_vector = matches!(change, Change::New | Change::Text);
        if (needs_vector && vector.is_none()) || text_sha256(&whole) != text_sha256(paper) {
            self.text_changed.push(whole);
            return Ok(());
        }
        *match change {
            Change::New => &mut self.added,
            Change::Text => &mut self.updated,
            Change::Details => &mut self.details_updated,
            Change::Unchanged => &mut self.unchanged,
        } += 1;
        if change != Change::Unchanged {
            self.ids.push(whole.id.clone());
        }
        put(tx, &whole, vector, storage)
    }
}

impl Library {
    /// Commits a batch, all or nothing, and makes the library with its first one.
    pub(crate) fn commit(
        &mut self,
        batch: &Batch<'_>,
    ) -> Result<Result<Committed, RecordedModel>, LibraryError> {
        if self.store.is_none() {
            match Store::open(&self.folder) {
                Ok(store) => self.store = Some(store),
                Err(LibraryError::NotFound(_)) => return self.commit_first(batch),
                Err(error) => return Err(error),
            }
        }
        let folder = &self.folder;
        let store = self.store.as_mut();
        commit(
            store.ok_or_else(|| LibraryError::NotFound(folder.clone()))?,
            batch,
        )
    }

    /// The first batch of a new library: in place with it or not at all.
    fn commit_first(
        &mut self,
        batch: &Batch<'_>,
    ) -> Result<Result<Committed, RecordedModel>, LibraryError> {
        let new_folder = !self.folder.exists();
        std::fs::create_dir_all(&self.folder).map_err(|source| LibraryError::Io {
            path: self.folder.clone(),
            source,
        })?;
        let made = Draft::new(self.folder.join("library.db")).and_then(|mut draft| {
            let done = commit(&mut draft.store, batch)?;
            Ok((draft.publish()?, done))
        });
        if made.is_err() && new_folder {
            // Only if nobody has put anything there meanwhile.
            let _ = std::fs::remove_dir(&self.folder);
        }
        let (first, done) = made?;
        self.store = Some(Store::open(&self.folder)?);
        if first {
            return Ok(done);
        }
        self.commit(batch)
    }
}

/// Commits a batch, all or nothing. Where another model made the library, nothing is written and that model is given.
fn commit(
    store: &mut Store,
    batch: &Batch<'_>,
) -> Result<Result<Committed, RecordedModel>, LibraryError> {
    store.write(|tx| {
        let storage = agree_on_storage(tx, batch.storage)?;
        if let Some(ours) = batch.model
            && let Some(theirs) = agree_on_model(tx, ours)?
        {
            return Ok(Err(theirs));
        }
        make_table(tx)?;
        let mut done = Committed::default();
        for paper in batch.details {
            done.put(tx, paper, None, storage)?;
        }
        for (index, paper) in batch.texts.iter().enumerate() {
            let vector = (batch.embedded).map(|embedded| vector_row(embedded, batch.titles, index));
            done.put(tx, paper, vector.as_ref(), storage)?;
        }
        if let (Some(mode), false) = (batch.mode, batch.texts.is_empty()) {
            record_mode(tx, mode)?;
        }
        changes::record(tx, std::mem::take(&mut done.ids))?;
        next_generation(tx)?;
        Ok(Ok(done))
    })
}

/// How the library keeps its vectors: as is asked where it has none yet, otherwise as it does.
fn agree_on_storage(tx: &Transaction<'_>, asked: Storage) -> Result<Storage, rusqlite::Error> {
    let recorded = read_meta(tx, "vectors")?;
    match recorded.and_then(|text| text.parse().ok()) {
        Some(recorded) => Ok(recorded),
        None if read_meta(tx, "model")?.is_none() => {
            set_meta(tx, "vectors", asked.name())?;
            Ok(asked)
        }
        // It is of before there was a choice.
        None => Ok(Storage::F32),
    }
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

/// Records which implementation of the model ran, one line each.
fn record_mode(tx: &Transaction<'_>, mode: &str) -> Result<(), rusqlite::Error> {
    let known = read_meta(tx, "modes")?.unwrap_or_default();
    if known.lines().any(|line| line == mode) {
        return Ok(());
    }
    let mut lines: Vec<&str> = known.lines().chain([mode]).collect();
    lines.sort_unstable();
    set_meta(tx, "modes", &lines.join("\n"))
}

fn vector_row<'a>(
    embedded: &'a Embedded,
    titles: &'a [Option<Vec<f32>>],
    index: usize,
) -> VectorRow<'a> {
    VectorRow {
        tokens: embedded.tokens[index],
        truncated: embedded.truncated[index],
        vector: embedded.vectors.row(Row::from_index(index)),
        title: titles.get(index).and_then(Option::as_deref),
    }
}
