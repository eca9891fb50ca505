//! Another model for a library: its vectors are made beside those in use, and take their place in one transaction when none is
//! missing.
//!
//! What is made stands in tables of its own, batch by batch, so an interrupted run is gone on with. Papers that come, change or go
//! meanwhile are met at the end: under the lock of the last transaction every paper must have the vector of its present text.

use crate::commit::{UNEMBEDDED, record_mode, vector_row};
use crate::create::make_vectors;
use crate::embed::Numbered;
use crate::embedding::{Made, embed};
use crate::engine::Library;
use crate::model::RecordedModel;
use crate::rows::{COLUMNS, N_COLUMNS, Sha, Tables, paper_of, put_vector, text_sha256};
use crate::storage_loss::Measuring;
use crate::store::{next_generation, read_meta, set_meta};
use crate::titles::make_table;
use crate::titles_lacking::forget_wordless;
use crate::topics_moved::move_topics;
use crate::{AddOptions, Event, LibraryError, Progress, Storage, changes};
use rusqlite::{Connection, OptionalExtension, Transaction};
use serde::{Deserialize, Serialize};
use syntopic_core::{Paper, PaperId, TEXT_RECIPE};
use syntopic_embed::{Cut, EmbedOptions, Embedder};

/// Where the work under way is recorded.
const KEY: &str = "reembed";

/// How vectors are made anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReembedRequest {
    /// The model. Default: that of the work under way, or where another storage or length is asked for, the library's.
    pub model: Option<String>,
    /// How the new vectors are kept. Default: as those in use, or as the work under way keeps them.
    pub storage: Option<Storage>,
    /// Papers embedded and committed together. Default 128, on a GPU 4,096.
    pub batch: usize,
}

impl From<AddOptions> for ReembedRequest {
    fn from(options: AddOptions) -> Self {
        let (model, storage, batch) = (options.model, options.storage, options.batch);
        Self {
            model,
            storage,
            batch,
        }
    }
}

/// What a `reembed` did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReembedReport {
    /// Papers embedded by this call.
    pub embedded: usize,
    /// Papers that an interrupted call had embedded before.
    pub kept: usize,
    /// Of those embedded, the ones longer than the model reads.
    pub truncated: usize,
    /// Of those embedded, the ones of which a static model knows no word.
    pub without_known_words: usize,
    /// Papers in the library: all have a vector of the new model.
    pub papers: usize,
    /// The model's name.
    pub model: String,
    /// Numbers a vector.
    pub dim: usize,
    /// How they are kept.
    pub storage: Storage,
}

/// Work under way, as `info` tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReembedState {
    /// The new model's name.
    pub model: String,
    /// Papers that have a vector of it.
    pub done: usize,
    /// Papers in the library.
    pub of: usize,
}

/// What is recorded of work under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Plan {
    model: RecordedModel,
    storage: String,
    /// Which implementations of the model ran, one line each.
    modes: String,
}

impl Plan {
    fn storage(&self) -> Storage {
        self.storage.parse().unwrap_or_default()
    }

    fn read(db: &Connection) -> Result<Option<Self>, rusqlite::Error> {
        let text = read_meta(db, KEY)?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    fn record(&self, tx: &Transaction<'_>) -> Result<(), rusqlite::Error> {
        set_meta(tx, KEY, &serde_json::to_string(self).unwrap_or_default())
    }
}

impl Library {
    /// Makes every vector anew with another model, or to be kept in another way, and then uses those: until then the old ones
    /// serve. A call that was stopped is gone on with by the next; with another model than that one's, what it made is dropped.
    ///
    /// # Errors
    /// When no model is named and none is under way, it is the library's own, it cannot be had, the database cannot be written, or
    /// `progress` asked to stop.
    pub fn reembed(
        &mut self,
        request: &ReembedRequest,
        progress: &mut Progress<'_>,
    ) -> Result<ReembedReport, LibraryError> {
        let _alone = self.alone("reembed")?;
        let before = self.store()?.read(Plan::read)?;
        let (plan, embedder) = self.plan(before.as_ref(), request, progress)?;
        let mut report = ReembedReport {
            kept: self.begin(before, &plan, progress)?,
            model: plan.model.name.clone(),
            dim: plan.model.dim,
            storage: plan.storage(),
            ..ReembedReport::default()
        };
        let mut loss = Measuring::default();
        loop {
            self.fill(
                (&plan, request.batch),
                &embedder,
                (&mut report, &mut loss),
                progress,
            )?;
            if self.swap(&plan)? {
                break;
            }
        }
        self.record_loss(loss)?;
        self.cut = None;
        (self.embedder, self.loaded_spec) = (Some(embedder.into()), request.model.clone());
        report.papers = self.n_papers()?;
        Ok(report)
    }

    /// Drops what an interrupted [`Library::reembed`] has made; whether there was any.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn give_up_reembed(&mut self) -> Result<bool, LibraryError> {
        let _alone = self.alone("reembed")?;
        let under_way = self.store()?.read(Plan::read)?.is_some();
        self.writing(drop_next)?;
        Ok(under_way)
    }

    /// How far an interrupted or running [`Library::reembed`] has come.
    pub(crate) fn reembed_state(&self) -> Result<Option<ReembedState>, LibraryError> {
        self.store()?.read(|db| {
            let Some(plan) = Plan::read(db)? else {
                return Ok(None);
            };
            let count = |sql| db.query_row(sql, [], |row| row.get(0));
            Ok(Some(ReembedState {
                model: plan.model.name,
                done: count("SELECT count(*) FROM next_vectors")?,
                of: count("SELECT count(*) FROM papers")?,
            }))
        })
    }

    /// With what the vectors are to be made, loaded.
    fn plan(
        &self,
        before: Option<&Plan>,
        request: &ReembedRequest,
        progress: &mut Progress<'_>,
    ) -> Result<(Plan, Embedder), LibraryError> {
        let present = self.recorded_model()?;
        let other_form = request.storage.is_some() || self.cut.is_some();
        let going_on = before.map(|plan| plan.model.clone());
        let own = present.clone().filter(|_| other_form);
        let spec = match (&request.model, going_on.or(own)) {
            (Some(spec), _) => spec.clone(),
            (None, Some(model)) => model.spec,
            (None, None) => return Err(LibraryError::NoOtherModel),
        };
        let options = EmbedOptions::on(self.device);
        let embedder = crate::model::load(Some(&spec), &self.resolve, options, self.cut, progress)?;
        let cut_before = before.map(|plan| plan.model.dim);
        let embedder = match cut_before {
            // Consent was asked when the work began.
            Some(dim)
                if request.model.is_none() && self.cut.is_none() && dim < embedder.whole_dim() =>
            {
                embedder.cut_to(Cut { dim, force: true })?
            }
            _ => embedder,
        };
        let model = RecordedModel::new(Some(&spec), embedder.identity());
        let same_work = before.filter(|plan| plan.model.compares_with(&model));
        let (has, kept) = (self.recorded_storage()?, same_work.map(Plan::storage));
        let storage = request.storage.or(kept).or(has).unwrap_or_default();
        let has_it = present.is_some_and(|present| present.compares_with(&model));
        if has_it && has == Some(storage) {
            return Err(LibraryError::SameModel(model.name));
        }
        let plan = Plan {
            model,
            storage: storage.name().to_owned(),
            modes: String::new(),
        };
        Ok((plan, embedder))
    }

    /// Records the work, and gives how many vectors an interrupted one of the same kind has made; others are dropped.
    fn begin(
        &mut self,
        before: Option<Plan>,
        plan: &Plan,
        progress: &mut Progress<'_>,
    ) -> Result<usize, LibraryError> {
        let goes_on = before.as_ref().is_some_and(|before| {
            before.model.compares_with(&plan.model) && before.storage == plan.storage
        });
        let kept = self.writing(|tx| {
            if !goes_on {
                drop_next(tx)?;
                plan.record(tx)?;
            }
            make_vectors(tx, Tables::Next)?;
            make_table(tx, Tables::Next)?;
            tx.query_row("SELECT count(*) FROM next_vectors", [], |row| row.get(0))
        })?;
        let note = match before {
            Some(before) if !goes_on => format!(
                "what was made of vectors of {} is dropped: those of {} are made instead",
                before.model.name, plan.model.name
            ),
            Some(_) if kept > 0 => format!("{kept} papers were embedded before: going on"),
            _ => return Ok(kept),
        };
        let _ = progress(Event::Note(&note));
        Ok(kept)
    }

    /// Makes what is missing.
    fn fill(
        &mut self,
        (plan, batch): (&Plan, usize),
        embedder: &Embedder,
        (report, loss): (&mut ReembedReport, &mut Measuring),
        progress: &mut Progress<'_>,
    ) -> Result<(), LibraryError> {
        let of = self.n_papers()?.saturating_sub(report.kept);
        let mut after = 0;
        loop {
            let (found, end) = self.store()?.read(|db| missing(db, after, batch.max(1)))?;
            after = end;
            let papers: Vec<Paper> = found.into_iter().map(|(_, paper)| paper).collect();
            if !papers.is_empty() {
                let of = Some(of.max(report.embedded + papers.len()));
                let made = embed(embedder, &papers, (report.embedded, of), progress)?;
                let ids = self.stage(plan, &papers, &made, embedder.mode())?;
                if plan.storage() != Storage::F32 {
                    loss.take(plan.storage(), &made.texts.vectors);
                }
                report.embedded += ids.len();
                report.truncated += made.truncated();
                report.without_known_words += made.without_known_words();
                if progress(Event::Committed { ids: &ids }).is_break() {
                    let papers = report.embedded;
                    return Err(LibraryError::Cancelled { papers });
                }
            }
            if end == i64::MAX {
                return Ok(());
            }
        }
    }

    /// Keeps vectors of papers that are still there for the time when none is missing.
    fn stage(
        &mut self,
        plan: &Plan,
        papers: &[Paper],
        made: &Made,
        mode: &str,
    ) -> Result<Vec<PaperId>, LibraryError> {
        self.writing(|tx| {
            let mut ids = Vec::new();
            for (index, paper) in papers.iter().enumerate() {
                let sql = "SELECT paper FROM papers WHERE id = ?1";
                let mut statement = tx.prepare_cached(sql)?;
                let row = statement.query_row([paper.id.as_str()], |row| row.get(0));
                if let Some(row) = row.optional()? {
                    let vector = vector_row(made, index);
                    put_vector(tx, Tables::Next, (row, paper), &vector, plan.storage())?;
                    ids.push(paper.id.clone());
                }
            }
            if let Some(mut plan) = Plan::read(tx)?
                && plan.modes.lines().all(|known| known != mode)
            {
                plan.modes = format!("{}{mode}\n", plan.modes);
                plan.record(tx)?;
            }
            Ok(ids)
        })
    }

    /// Puts the new vectors in the place of the old ones; `false` where a paper lacks one.
    fn swap(&mut self, plan: &Plan) -> Result<bool, LibraryError> {
        let from = self.recorded_model()?.zip(self.recorded_storage()?);
        let done = self.writing(|tx| {
            if !missing(tx, 0, 1)?.0.is_empty() {
                return Ok(false);
            }
            let old = from.as_ref().map(|(model, storage)| (model.dim, *storage));
            move_topics(tx, old, (plan.model.dim, plan.storage()))?;
            tx.execute_batch(
                "DROP TABLE vectors; ALTER TABLE next_vectors RENAME TO vectors;
                 DROP TABLE IF EXISTS titles; ALTER TABLE next_titles RENAME TO titles;
                 DELETE FROM meta WHERE key IN ('storage_loss', 'modes')",
            )?;
            let modes = Plan::read(tx)?.map(|plan| plan.modes).unwrap_or_default();
            tx.execute("DELETE FROM meta WHERE key IN (?1, ?2)", [KEY, UNEMBEDDED])?;
            let model = serde_json::to_string(&plan.model).unwrap_or_default();
            set_meta(tx, "model", &model)?;
            set_meta(tx, "text_recipe", TEXT_RECIPE)?;
            set_meta(tx, "vectors", &plan.storage)?;
            for mode in modes.lines() {
                record_mode(tx, mode)?;
            }
            forget_wordless(tx)?;
            changes::begin_again(tx)?;
            next_generation(tx)?;
            Ok(true)
        })?;
        if done {
            (self.snapshot, self.stored, self.index) = (None, None, None);
            (self.lexicon, self.volumes) = (None, None);
            // They are of the old vectors, and would be found out of date.
            for path in [self.index_path(), self.rows_path()] {
                let _ = std::fs::remove_file(path);
            }
        }
        Ok(done)
    }

    /// One transaction on the library's database.
    pub(crate) fn writing<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<T, LibraryError> {
        let folder = &self.folder;
        let store = self.store.as_mut();
        let store = store.ok_or_else(|| LibraryError::NotFound(folder.clone()))?;
        store.write(work)
    }
}

fn drop_next(tx: &Transaction<'_>) -> Result<(), rusqlite::Error> {
    tx.execute_batch("DROP TABLE IF EXISTS next_vectors; DROP TABLE IF EXISTS next_titles")?;
    tx.execute("DELETE FROM meta WHERE key = ?1", [KEY])?;
    Ok(())
}

/// The next papers that lack the new vector of their present text, in the order of rows after one, at most `limit`; and the last
/// row that was looked at, the largest number at the end.
fn missing(
    db: &Connection,
    after: i64,
    limit: usize,
) -> Result<(Vec<Numbered>, i64), rusqlite::Error> {
    // Where the old vector is of the same text as the new one, both are of the present text: a paper's text changes with its vector
    // or without any.
    let sql = format!(
        "SELECT {COLUMNS}, p.paper, n.text_sha256 FROM papers p
         LEFT JOIN next_vectors n USING (paper) LEFT JOIN vectors v USING (paper)
         WHERE p.paper > {after} AND (n.paper IS NULL OR n.text_sha256 IS NOT v.text_sha256) ORDER BY p.paper"
    );
    let mut statement = db.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let paper = paper_of(row)?;
        let at = row.get(N_COLUMNS)?;
        let made: Option<Sha> = row.get(N_COLUMNS + 1)?;
        if made != Some(text_sha256(&paper)) {
            found.push((at, paper));
        }
        if found.len() == limit {
            return Ok((found, at));
        }
    }
    Ok((found, i64::MAX))
}
