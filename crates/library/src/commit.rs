//! One transaction of papers and vectors, checked again under the write lock: between reading a paper and committing it
//! another process may have changed the library.

use crate::create::Draft;
use crate::embedding::Made;
use crate::engine::Library;
use crate::model::RecordedModel;
use crate::rows::{
    Change, Known, Tables, VectorRow, forget_vector, is_there, known, put, text_sha256,
};
use crate::store::{Store, next_generation, read_meta, set_meta};
use crate::titles::make_table;
use crate::{LibraryError, Storage, changes};
use rusqlite::{OptionalExtension, Transaction};
use syntopic_core::{Paper, PaperId, Row, TEXT_RECIPE};

/// Set where papers were stored without vectors, until `embed` finds that every paper has one.
pub(crate) const UNEMBEDDED: &str = "unembedded";

/// Papers to commit together.
pub(crate) struct Batch<'a> {
    /// Only their details are new: their vectors stay.
    pub(crate) details: &'a [Paper],
    /// Their texts are new.
    pub(crate) texts: &'a [Paper],
    /// The vectors of `texts`, in the same order.
    pub(crate) made: Option<&'a Made>,
    /// What made the vectors.
    pub(crate) model: Option<&'a RecordedModel>,
    /// Which implementation of it ran.
    pub(crate) mode: Option<&'a str>,
    /// How a new library keeps its vectors.
    pub(crate) storage: Storage,
    /// Whether `details` may be new or have new texts: they are stored without vectors.
    pub(crate) bare: bool,
    /// Whether papers that are not there are left out.
    pub(crate) only_known: bool,
}

/// What a commit did.
#[derive(Default)]
pub(crate) struct Committed {
    pub(crate) added: usize,
    pub(crate) updated: usize,
    /// There without a vector before.
    pub(crate) completed: usize,
    pub(crate) details_updated: usize,
    /// Already there by now, with the same text.
    pub(crate) unchanged: usize,
    /// Left out: what is stored has changed meanwhile, and with it the text that must be embedded.
    pub(crate) text_changed: Vec<Paper>,
    /// Left out because they are not there.
    pub(crate) unknown: Vec<String>,
    /// What was written.
    pub(crate) ids: Vec<PaperId>,
    /// Of it, what the files made from the papers hold otherwise.
    outdated: Vec<PaperId>,
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
        let whole = completed(paper, known.as_ref());
        let change = Known::change(known.as_ref(), &whole);
        let needs_vector = matches!(change, Change::New | Change::Text);
        if (needs_vector && vector.is_none()) || text_sha256(&whole) != text_sha256(paper) {
            self.text_changed.push(whole);
            return Ok(());
        }
        let had_none = known
            .as_ref()
            .is_some_and(|known| known.embedded.is_none() && known.paper == whole);
        *match change {
            Change::New => &mut self.added,
            Change::Text if had_none => &mut self.completed,
            Change::Text => &mut self.updated,
            Change::Details => &mut self.details_updated,
            Change::Unchanged => &mut self.unchanged,
        } += 1;
        if change != Change::Unchanged {
            self.ids.push(whole.id.clone());
            self.outdated.push(whole.id.clone());
        }
        put(tx, &whole, vector, storage)
    }

    /// Writes a paper without a vector, and takes away the one of another text.
    fn put_bare(&mut self, tx: &Transaction<'_>, paper: &Paper) -> Result<(), rusqlite::Error> {
        let known = known(tx, &paper.id)?;
        let whole = completed(paper, known.as_ref());
        match &known {
            None => self.added += 1,
            Some(known) if known.paper == whole => {
                self.unchanged += 1;
                return Ok(());
            }
            Some(known) if text_sha256(&known.paper) != text_sha256(&whole) => {
                self.updated += 1;
                self.outdated.push(whole.id.clone());
                forget_vector(tx, &whole.id)?;
            }
            Some(_) => {
                self.details_updated += 1;
                self.outdated.push(whole.id.clone());
            }
        }
        self.ids.push(whole.id.clone());
        put(tx, &whole, None, Storage::F32)
    }
}

/// The row of a paper that is there with the same text and has no vector.
pub(crate) fn completes(
    tx: &Transaction<'_>,
    paper: &Paper,
) -> Result<Option<i64>, rusqlite::Error> {
    match known(tx, &paper.id)? {
        Some(known) if text_sha256(&known.paper) == text_sha256(paper) => {}
        _ => return Ok(None),
    }
    let sql = "SELECT p.paper FROM papers p WHERE p.id = ?1
         AND NOT EXISTS (SELECT 1 FROM vectors v WHERE v.paper = p.paper)";
    tx.prepare_cached(sql)?
        .query_row([paper.id.as_str()], |row| row.get(0))
        .optional()
}

/// A paper with what another process has added to it meanwhile.
fn completed(paper: &Paper, known: Option<&Known>) -> Paper {
    let mut whole = paper.clone();
    if let Some(known) = known {
        whole.fill_from(&known.paper);
    }
    whole
}

impl Library {
    /// Commits a batch, all or nothing, and makes the library with its first one.
    pub(crate) fn commit(
        &mut self,
        batch: &Batch<'_>,
    ) -> Result<Result<Committed, RecordedModel>, LibraryError> {
        if self.store.is_none() {
            match Store::open(&self.folder) {
                Ok(store) => self.store = Some(store.with_patience(self.wait)?),
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
        self.store = Some(Store::open(&self.folder)?.with_patience(self.wait)?);
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
        let storage = match batch.bare {
            true => batch.storage,
            false => agree_on_storage(tx, batch.storage)?,
        };
        if let Some(ours) = batch.model
            && let Some(theirs) = agree_on_model(tx, ours)?
        {
            return Ok(Err(theirs));
        }
        make_table(tx, Tables::Present)?;
        let mut done = Committed::default();
        for paper in batch.details {
            if batch.only_known && !is_there(tx, &paper.id)? {
                done.unknown.push(paper.id.to_string());
            } else if batch.bare {
                done.put_bare(tx, paper)?;
            } else {
                done.put(tx, paper, None, storage)?;
            }
        }
        for (index, paper) in batch.texts.iter().enumerate() {
            if batch.only_known && !is_there(tx, &paper.id)? {
                done.unknown.push(paper.id.to_string());
                continue;
            }
            let vector = batch.made.map(|made| vector_row(made, index));
            done.put(tx, paper, vector.as_ref(), storage)?;
        }
        if batch.bare && done.added + done.updated > 0 {
            set_meta(tx, UNEMBEDDED, "1")?;
        }
        if let (Some(mode), false) = (batch.mode, batch.texts.is_empty()) {
            record_mode(tx, mode)?;
        }
        changes::record(tx, std::mem::take(&mut done.outdated))?;
        next_generation(tx)?;
        Ok(Ok(done))
    })
}

/// How the library keeps its vectors: as is asked where it has none yet, otherwise as it does.
pub(crate) fn agree_on_storage(
    tx: &Transaction<'_>,
    asked: Storage,
) -> Result<Storage, rusqlite::Error> {
    if read_meta(tx, "model")?.is_none() {
        set_meta(tx, "vectors", asked.name())?;
        return Ok(asked);
    }
    // One of before there was a choice says nothing.
    let recorded = read_meta(tx, "vectors")?;
    let recorded = recorded.and_then(|text| text.parse().ok());
    Ok(recorded.unwrap_or(Storage::F32))
}

/// Records our model in a library that has none; gives the recorded one when its vectors cannot be compared with ours.
pub(crate) fn agree_on_model(
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
pub(crate) fn record_mode(tx: &Transaction<'_>, mode: &str) -> Result<(), rusqlite::Error> {
    let known = read_meta(tx, "modes")?.unwrap_or_default();
    if known.lines().any(|line| line == mode) {
        return Ok(());
    }
    let mut lines: Vec<&str> = known.lines().chain([mode]).collect();
    lines.sort_unstable();
    set_meta(tx, "modes", &lines.join("\n"))
}

pub(crate) fn vector_row(made: &Made, index: usize) -> VectorRow<'_> {
    VectorRow {
        tokens: made.texts.tokens[index],
        truncated: made.texts.truncated[index],
        vector: made.texts.vectors.row(Row::from_index(index)),
        title: made.titles.get(index).and_then(Option::as_deref),
    }
}
