//! Vectors for the papers that have none: what `add` left out, or what was found damaged.
//!
//! Not for: papers that come (`add.rs`), nor vectors of another model (`reembed.rs`).

use crate::commit::{
    UNEMBEDDED, agree_on_model, agree_on_storage, completes, record_mode, vector_row,
};
use crate::embedding::{Made, embed};
use crate::engine::Library;
use crate::model::RecordedModel;
use crate::rows::{COLUMNS, N_COLUMNS, Tables, paper_of, put_vector};
use crate::storage_loss::Measuring;
use crate::store::next_generation;
use crate::titles::make_table;
use crate::{AddOptions, Event, LibraryError, Progress, Storage, changes, older};
use rusqlite::{Connection, Transaction};
use serde::Serialize;
use syntopic_core::{Paper, PaperId};

/// How papers are completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedRequest {
    /// The model of a library that has no vector yet; another one than the library's is refused. Default: the library's, of a
    /// library without one the default model.
    pub model: Option<String>,
    /// How a library that has no vector yet keeps them. Default f32.
    pub storage: Option<Storage>,
    /// Papers embedded and committed together. Default 128, on a GPU 4,096.
    pub batch: usize,
}

impl From<AddOptions> for EmbedRequest {
    fn from(options: AddOptions) -> Self {
        let (model, storage, batch) = (options.model, options.storage, options.batch);
        Self {
            model,
            storage,
            batch,
        }
    }
}

/// What an `embed` did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EmbedReport {
    /// Papers that have a vector now and had none.
    pub embedded: usize,
    /// Of them, those longer than the model reads; it saw their beginning.
    pub truncated: usize,
    /// Of them, those of which a static model knows no word.
    pub without_known_words: usize,
    /// Titles that have a vector now and had none, of papers that had one.
    pub titles: usize,
    /// Papers in the library.
    pub papers: usize,
    /// Papers that still have no vector: they came meanwhile.
    pub without_vector: usize,
}

/// A paper and its row.
pub(crate) type Numbered = (i64, Paper);

impl Library {
    /// Embeds every paper that has no vector, and every title without one, batch by batch, each committed whole: whatever stops it,
    /// the next call goes on where this one was.
    ///
    /// # Errors
    /// When the model cannot be had or is another than the library's, the database cannot be written, or `progress` asked to stop.
    /// What was committed before that stays.
    pub fn embed(
        &mut self,
        request: &EmbedRequest,
        progress: &mut Progress<'_>,
    ) -> Result<EmbedReport, LibraryError> {
        let _alone = self.alone("embed")?;
        let mut report = self.complete(request, progress)?;
        self.complete_titles(request, &mut report, progress)?;
        Ok(report)
    }

    /// The same, of a process that is alone at work already.
    pub(crate) fn complete(
        &mut self,
        request: &EmbedRequest,
        progress: &mut Progress<'_>,
    ) -> Result<EmbedReport, LibraryError> {
        let of = self.count_without_vector()?;
        let recorded = self.recorded_storage()?;
        if let (Some(recorded), Some(asked)) = (recorded, request.storage)
            && recorded != asked
        {
            return Err(LibraryError::OtherStorage { recorded, asked });
        }
        if of > 0 || request.model.is_some() || self.cut.is_some() {
            self.load_model(request.model.as_deref(), progress)?;
        }
        let _lock = older::adding(self.folder());
        let mut loss = Measuring::default();
        let mut report = EmbedReport::default();
        let storage = recorded.or(request.storage).unwrap_or_default();
        let done = self.embed_all((request, storage, of), &mut loss, &mut report, progress);
        // Nobody has the given vectors afterwards; the error that ended it is the one to tell.
        let recorded = self.record_loss(loss);
        done.and(recorded)?;
        report.papers = self.n_papers()?;
        report.without_vector = self.count_without_vector()?;
        if report.without_vector == 0 {
            self.settle()?;
        }
        Ok(report)
    }

    fn embed_all(
        &mut self,
        (request, storage, of): (&EmbedRequest, Storage, usize),
        loss: &mut Measuring,
        report: &mut EmbedReport,
        progress: &mut Progress<'_>,
    ) -> Result<(), LibraryError> {
        let (mut after, mut of_this_round) = (0, 0);
        loop {
            let batch = request.batch.max(1);
            let found = self.store()?.read(|db| lacking(db, after, batch))?;
            let Some((last, _)) = found.last() else {
                if std::mem::take(&mut of_this_round) == 0 {
                    return Ok(());
                }
                // Papers may have come or changed meanwhile.
                after = 0;
                continue;
            };
            after = *last;
            let papers: Vec<Paper> = found.into_iter().map(|(_, paper)| paper).collect();
            let Some(embedder) = self.embedder.as_ref() else {
                self.load_model(request.model.as_deref(), progress)?;
                after = 0;
                continue;
            };
            let of = of.max(report.embedded + papers.len());
            let made = embed(embedder, &papers, (report.embedded, Some(of)), progress)?;
            let ids = self.commit_vectors((request, storage), &papers, &made)?;
            if storage != Storage::F32 {
                loss.take(storage, &made.texts.vectors);
            }
            of_this_round += ids.len();
            report.embedded += ids.len();
            report.truncated += made.truncated();
            report.without_known_words += made.without_known_words();
            if progress(Event::Committed { ids: &ids }).is_break() {
                let papers = report.embedded;
                return Err(LibraryError::Cancelled { papers });
            }
        }
    }

    /// Writes the vectors of papers that are still there with that text; gives the ids of those.
    fn commit_vectors(
        &mut self,
        (request, storage): (&EmbedRequest, Storage),
        papers: &[Paper],
        made: &Made,
    ) -> Result<Vec<PaperId>, LibraryError> {
        let folder = self.folder.clone();
        let asked = request.model.as_deref();
        let known = self.recorded_model()?.map(|model| model.spec);
        let (Some(embedder), Some(store)) = (&self.embedder, &mut self.store) else {
            return Err(LibraryError::NotFound(folder));
        };
        let ours = RecordedModel::new(asked.or(known.as_deref()), embedder.identity());
        let mode = embedder.mode();
        let written = store.write(|tx| {
            let storage = agree_on_storage(tx, storage)?;
            if let Some(theirs) = agree_on_model(tx, &ours)? {
                return Ok(Err(theirs));
            }
            make_table(tx, Tables::Present)?;
            record_mode(tx, mode)?;
            let mut ids = Vec::new();
            for (index, paper) in papers.iter().enumerate() {
                if let Some(row) = completes(tx, paper)? {
                    let vector = vector_row(made, index);
                    put_vector(tx, Tables::Present, (row, paper), &vector, storage)?;
                    ids.push(paper.id.clone());
                }
            }
            changes::record(tx, ids.iter().cloned())?;
            next_generation(tx)?;
            Ok(Ok(ids))
        })?;
        (self.snapshot, self.stored) = (None, None);
        written.map_err(|theirs| theirs.refuses(&ours, asked))
    }

    /// Records that every paper has a vector.
    fn settle(&mut self) -> Result<(), LibraryError> {
        if !self.has_unembedded()? {
            return Ok(());
        }
        let store = self.store.as_mut();
        let store = store.ok_or_else(|| LibraryError::NotFound(self.folder.clone()))?;
        store.write(|tx: &Transaction<'_>| {
            // One may have come this moment.
            if n_lacking(tx)? == 0 {
                tx.execute("DELETE FROM meta WHERE key = ?1", [UNEMBEDDED])?;
            }
            Ok(())
        })
    }

    /// Whether papers were ever stored without vectors, and not all have been completed since.
    pub(crate) fn has_unembedded(&self) -> Result<bool, LibraryError> {
        let Some(store) = &self.store else {
            return Ok(false);
        };
        Ok(store.meta(UNEMBEDDED)?.is_some())
    }

    /// How many papers have no vector yet. Where none was stored so, they are not counted.
    pub(crate) fn n_without_vector(&self) -> Result<usize, LibraryError> {
        if !self.has_unembedded()? {
            return Ok(0);
        }
        self.count_without_vector()
    }

    fn count_without_vector(&self) -> Result<usize, LibraryError> {
        self.store()?.read(n_lacking)
    }
}

/// Papers `p` without a vector.
const LACKING: &str =
    "FROM papers p WHERE NOT EXISTS (SELECT 1 FROM vectors v WHERE v.paper = p.paper)";

fn n_lacking(db: &Connection) -> Result<usize, rusqlite::Error> {
    let sql = format!("SELECT count(*) {LACKING}");
    db.query_row(&sql, [], |row| row.get(0))
}

/// The next papers without a vector, in the order of their rows.
fn lacking(db: &Connection, after: i64, limit: usize) -> Result<Vec<Numbered>, rusqlite::Error> {
    let sql = format!(
        "SELECT {COLUMNS}, p.paper {LACKING} AND p.paper > {after} ORDER BY p.paper LIMIT {limit}"
    );
    let mut statement = db.prepare(&sql)?;
    let found = statement.query_map([], |row| Ok((row.get(N_COLUMNS)?, paper_of(row)?)))?;
    found.collect()
}
