//! Adding papers: read, compare with what is there, embed what is new, commit batch by batch.

use crate::commit::Batch;
use crate::embedding::{Made, embed};
use crate::engine::Library;
use crate::model::RecordedModel;
use crate::rows::{Change, Known, known};
use crate::storage_loss::Measuring;
use crate::{Event, LibraryError, Progress, Storage, older};
use serde::Serialize;
use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use syntopic_core::{Paper, PaperId};
use syntopic_embed::Device;
use syntopic_formats::{Papers, ReadOptions, Skipped};

/// Where papers come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// The standard input.
    Stdin,
    /// Text that is in memory already.
    Text {
        /// What messages call it.
        name: String,
        /// The text.
        text: &'static str,
    },
    /// Text that somebody handed over.
    Given {
        /// What messages call it.
        name: String,
        /// The text.
        text: String,
    },
}

impl Source {
    /// What messages call it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Source::File(path) => path.display().to_string(),
            Source::Stdin => String::from("standard input"),
            Source::Text { name, .. } | Source::Given { name, .. } => name.clone(),
        }
    }

    /// Opens it for reading.
    pub(crate) fn open(&self) -> Result<Box<dyn BufRead + '_>, LibraryError> {
        match self {
            Source::Stdin => Ok(Box::new(BufReader::new(std::io::stdin()))),
            Source::Text { text, .. } => Ok(Box::new(text.as_bytes())),
            Source::Given { text, .. } => Ok(Box::new(text.as_bytes())),
            Source::File(path) => {
                let error = |source| LibraryError::Source {
                    path: path.clone(),
                    source,
                };
                if std::fs::metadata(path).map_err(error)?.is_dir() {
                    return Err(LibraryError::Directory(path.clone()));
                }
                Ok(Box::new(BufReader::with_capacity(
                    1 << 16,
                    File::open(path).map_err(error)?,
                )))
            }
        }
    }
}

/// How papers are added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddOptions {
    /// Registry name or folder of the model; the library's own, or the registry's default for a new one.
    pub model: Option<String>,
    /// How the sources are read: their format, which is detected from their content when not given, and the columns of
    /// tables.
    pub read: ReadOptions,
    /// How a new library keeps its vectors, by default as f32; an existing one keeps them as it does, and another storage is
    /// refused.
    pub storage: Option<Storage>,
    /// Papers embedded and committed together. Default 128, and 4,096 on a GPU, which would wait for the disk most of the
    /// time else: an interruption loses at most the batch in hand.
    pub batch: usize,
    /// Whether papers are embedded. Default true; otherwise they are stored without vectors, for [`Library::embed`] to complete, and
    /// a paper with a new text loses the vector of its old one.
    pub embed: bool,
    /// Whether papers that are not in the library are left out. Default false.
    pub only_known: bool,
}

impl Default for AddOptions {
    fn default() -> Self {
        Self {
            model: None,
            read: ReadOptions::default(),
            storage: None,
            batch: 128,
            embed: true,
            only_known: false,
        }
    }
}

impl AddOptions {
    /// The defaults for a library whose model runs there.
    #[must_use]
    pub fn on(device: Device) -> Self {
        let defaults = Self::default();
        Self {
            batch: if device.is_gpu() {
                4_096
            } else {
                defaults.batch
            },
            ..defaults
        }
    }
}

/// What became of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Its name.
    pub source: String,
    /// The format it was read as.
    pub format: Option<String>,
    /// The encoding it was read in, where that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Papers read of it.
    pub papers: usize,
    /// Lines left out because they are page chrome, not papers.
    pub chrome_lines: u64,
    /// Characters of its papers that are U+FFFD: what its encoding does not have.
    #[serde(skip_serializing_if = "is_none_unreadable")]
    pub unreadable_characters: u64,
    /// How many of the lines left out may be titles of papers without an abstract.
    pub doubtful_lines: u64,
    /// The first of them, each with its place.
    pub doubts: Vec<Skipped>,
    /// Why it could not be read to its end, if so; the papers before that are in.
    pub error: Option<String>,
}

/// What an `add` did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AddReport {
    /// Each source.
    pub files: Vec<FileReport>,
    /// Papers that were not there.
    pub added: usize,
    /// Papers whose text changed, embedded again.
    pub updated: usize,
    /// Papers of which only year, venue and the like changed.
    pub details_updated: usize,
    /// Papers that were there already, the same.
    pub unchanged: usize,
    /// Papers that were there already without a vector, and have one now.
    #[serde(skip_serializing_if = "is_zero")]
    pub completed: usize,
    /// Ids of papers that are not in the library and were left out, where only those that are in it were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// Embedded papers longer than the model reads; the model saw their beginning.
    pub truncated: usize,
    /// Embedded papers of which a static model knows no word: their vectors resemble nothing in particular.
    pub without_known_words: usize,
    /// Papers read of which neither the source nor the library has an abstract.
    pub without_abstract: usize,
    /// Papers read that lack something which the library has of them, such as the abstract: it was kept.
    pub kept: usize,
    /// Records that are no papers, each with its place and reason, up to 100,000.
    pub skipped: Vec<Skipped>,
    /// How many more there were.
    #[serde(skip_serializing_if = "is_zero")]
    pub skipped_unnamed: usize,
    /// Papers in the library now.
    pub papers: usize,
    /// Of them, those that have no vector yet.
    #[serde(skip_serializing_if = "is_zero")]
    pub without_vector: usize,
}

/// The most records left out that are named one by one: a file that is none at all has millions.
pub(crate) const MOST_NAMED: usize = 100_000;

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
pub(crate) fn is_zero(n: &usize) -> bool {
    *n == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
pub(crate) fn is_none_unreadable(n: &u64) -> bool {
    *n == 0
}

impl AddReport {
    /// How many records are no papers.
    #[must_use]
    pub fn n_skipped(&self) -> usize {
        self.skipped.len() + self.skipped_unnamed
    }

    /// Whether every record of every source went in.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.skipped.is_empty()
            && self.unknown.is_empty()
            && self.files.iter().all(|f| f.error.is_none())
    }
}

/// Papers that wait for the next commit.
#[derive(Default)]
struct Pending {
    ids: HashSet<PaperId>,
    /// New or with a new text: to be embedded.
    texts: Vec<Paper>,
    /// Only details changed.
    details: Vec<Paper>,
    /// Of the texts of all.
    bytes: usize,
}

/// Bytes of texts that may wait: most batches are full long before.
const MOST_WAITING: usize = 64 << 20;

impl Library {
    /// Adds the papers of `sources`: new ones are embedded, changed texts are embedded again, the rest is left as it
    /// is. A bad record is skipped and reported, a source that cannot be read is reported, and the others go on.
    ///
    /// # Errors
    /// When no source can be read, the model cannot be had or is another than the library's, the database cannot be
    /// written, or `progress` asked to stop. What was committed before that stays.
    pub fn add(
        &mut self,
        sources: &[Source],
        options: &AddOptions,
        progress: &mut Progress<'_>,
    ) -> Result<AddReport, LibraryError> {
        if (options.model.is_some() || self.cut.is_some()) && self.recorded_model()?.is_some() {
            // Refuse another model, or another length of vectors, before anything is read.
            self.load_model(options.model.as_deref(), progress)?;
        }
        let recorded = self.recorded_storage()?;
        if let (Some(recorded), Some(asked)) = (recorded, options.storage)
            && recorded != asked
        {
            return Err(LibraryError::OtherStorage { recorded, asked });
        }
        let mut adding = Adding {
            storage: recorded.or(options.storage).unwrap_or_default(),
            loss: Measuring::default(),
            library: self,
            options,
            progress,
            pending: Pending::default(),
            report: AddReport::default(),
            embedded: 0,
            lock: None,
        };
        adding.lock();
        let mut first_error = None;
        for source in sources {
            let mut file = FileReport {
                source: source.name(),
                format: None,
                encoding: None,
                papers: 0,
                chrome_lines: 0,
                unreadable_characters: 0,
                doubtful_lines: 0,
                doubts: Vec::new(),
                error: None,
            };
            if let Err(error) = adding.read(source, &mut file) {
                if !is_of_the_source(&error) {
                    return Err(adding.end(error));
                }
                file.error = Some(error.to_string());
                first_error.get_or_insert(error);
            }
            adding.report.files.push(file);
        }
        if let Err(error) = adding.flush() {
            return Err(adding.end(error));
        }
        let (loss, mut report) = (adding.loss, adding.report);
        self.record_loss(loss)?;
        if let Some(error) = first_error
            && report
                .files
                .iter()
                .all(|f| f.error.is_some() && f.papers == 0)
        {
            return Err(error);
        }
        report.papers = self.n_papers()?;
        report.without_vector = self.n_without_vector()?;
        Ok(report)
    }
}

impl Library {
    /// How the library keeps its vectors; nothing where it has none yet.
    pub(crate) fn recorded_storage(&self) -> Result<Option<Storage>, LibraryError> {
        match (&self.store, self.recorded_model()?) {
            (Some(store), Some(_)) => store.storage().map(Some),
            _ => Ok(None),
        }
    }

    pub(crate) fn record_loss(&mut self, loss: Measuring) -> Result<(), LibraryError> {
        match (self.recorded_model()?, &mut self.store) {
            (Some(model), Some(store)) if !loss.is_empty() => {
                store.write(|tx| loss.record(tx, model.dim))
            }
            _ => Ok(()),
        }
    }
}

/// One `add` under way.
struct Adding<'a, 'p> {
    library: &'a mut Library,
    options: &'a AddOptions,
    progress: &'a mut Progress<'p>,
    pending: Pending,
    report: AddReport,
    embedded: usize,
    storage: Storage,
    loss: Measuring,
    /// Tells other processes that papers are being added.
    lock: Option<File>,
}

impl Adding<'_, '_> {
    /// Takes the lock, unless it is held, cannot be had just now, or there is no library yet.
    fn lock(&mut self) {
        if self.lock.is_none() && self.library.exists() {
            self.lock = older::adding(self.library.folder());
        }
    }

    /// Takes in one source.
    fn read(&mut self, source: &Source, file: &mut FileReport) -> Result<(), LibraryError> {
        let mut papers =
            syntopic_formats::open_with(&file.source, source.open()?, &self.options.read)?;
        file.format = Some(papers.format().to_string());
        file.encoding = papers.encoding().map(str::to_owned);
        let result = self.take_all(&mut papers, file);
        file.chrome_lines = papers.chrome_lines();
        file.unreadable_characters = papers.unreadable();
        file.doubtful_lines = papers.doubtful_lines();
        file.doubts = papers.doubts().collect();
        result
    }

    fn take_all(
        &mut self,
        papers: &mut Papers<'_>,
        file: &mut FileReport,
    ) -> Result<(), LibraryError> {
        for record in papers {
            match record? {
                Err(_) if self.report.skipped.len() >= MOST_NAMED => {
                    self.report.skipped_unnamed += 1;
                }
                Err(skipped) => self.report.skipped.push(skipped),
                Ok(paper) => {
                    file.papers += 1;
                    self.take(paper)?;
                    if (self.progress)(Event::Reading {
                        source: &file.source,
                        papers: file.papers,
                    })
                    .is_break()
                    {
                        self.flush()?;
                        return Err(LibraryError::Cancelled { papers: 0 });
                    }
                }
            }
        }
        Ok(())
    }

    /// Puts one paper to those that wait, unless it is there already, the same.
    fn take(&mut self, mut paper: Paper) -> Result<(), LibraryError> {
        if self.pending.ids.contains(&paper.id) {
            // The same id twice in one batch: the first must be in before the second is compared with it.
            self.flush()?;
        }
        let known = match &self.library.store {
            Some(store) => store.read(|db| known(db, &paper.id))?,
            None => None,
        };
        if let Some(known) = &known {
            self.report.kept += usize::from(paper.fill_from(&known.paper));
        }
        if known.is_none() && self.options.only_known {
            self.report.unknown.push(paper.id.to_string());
            return Ok(());
        }
        self.report.without_abstract += usize::from(paper.abstract_text.is_none());
        let change = match known.as_ref() {
            Some(known) if !self.options.embed && known.paper == paper => Change::Unchanged,
            _ if !self.options.embed => Change::Details,
            known => Known::change(known, &paper),
        };
        let texts = [&paper.title].into_iter().chain(&paper.abstract_text);
        let bytes = texts.map(String::len).sum::<usize>();
        match change {
            Change::Unchanged => {
                self.report.unchanged += 1;
                return Ok(());
            }
            Change::Details => {
                self.pending.ids.insert(paper.id.clone());
                self.pending.details.push(paper);
            }
            Change::Text | Change::New => {
                self.pending.ids.insert(paper.id.clone());
                self.pending.texts.push(paper);
            }
        }
        self.pending.bytes += bytes;
        if self.pending.texts.len() >= self.options.batch.max(1)
            || self.pending.details.len() >= 10_000
            || self.pending.bytes >= MOST_WAITING
        {
            self.flush()?;
        }
        Ok(())
    }

    /// Embeds and commits what waits, all or nothing.
    fn flush(&mut self) -> Result<(), LibraryError> {
        let mut pending = std::mem::take(&mut self.pending);
        while !(pending.texts.is_empty() && pending.details.is_empty()) {
            let made = match &pending.texts[..] {
                [] => None,
                texts => Some(self.embed(texts)?),
            };
            let asked = self.options.model.as_deref();
            let model = self.library.embedder.as_ref();
            let model = model.filter(|_| self.options.embed);
            let recorded = self.library.recorded_model()?.map(|r| r.spec);
            let spec = asked.or(recorded.as_deref());
            let mode = model.map(|embedder| embedder.mode().to_owned());
            let model = model.map(|embedder| RecordedModel::new(spec, embedder.identity()));
            let batch = Batch {
                details: &pending.details,
                texts: &pending.texts,
                made: made.as_ref(),
                model: model.as_ref(),
                mode: mode.as_deref(),
                storage: self.storage,
                bare: !self.options.embed,
                only_known: self.options.only_known,
            };
            let committed = self.library.commit(&batch)?;
            self.lock();
            let done = match (committed, &model) {
                (Ok(done), _) => done,
                (Err(theirs), Some(ours)) => return Err(theirs.refuses(ours, asked)),
                (Err(_), None) => return Ok(()),
            };
            (self.library.snapshot, self.library.stored) = (None, None);
            if let (Some(made), true) = (&made, self.storage != Storage::F32) {
                self.loss.take(self.storage, &made.texts.vectors);
            }
            // A wish to stop is met with the next paper that is read.
            let _ = (self.progress)(Event::Committed { ids: &done.ids });
            self.report.added += done.added;
            self.report.updated += done.updated;
            self.report.completed += done.completed;
            self.report.details_updated += done.details_updated;
            self.report.unchanged += done.unchanged;
            self.report.unknown.extend(done.unknown);
            self.report.truncated += made.map_or(0, |made| made.truncated());
            pending = Pending {
                texts: done.text_changed,
                ..Pending::default()
            };
        }
        Ok(())
    }

    fn embed(&mut self, papers: &[Paper]) -> Result<Made, LibraryError> {
        self.library
            .load_model(self.options.model.as_deref(), self.progress)?;
        let Some(embedder) = self.library.embedder.as_ref() else {
            return Err(LibraryError::Empty(self.library.folder.clone()));
        };
        let made = embed(embedder, papers, (self.embedded, None), self.progress)?;
        self.embedded += papers.len();
        self.report.without_known_words += made.without_known_words();
        Ok(made)
    }

    /// What ends the whole `add`: what storing cost is recorded for the batches that stay, as nobody has the given vectors
    /// afterwards.
    fn end(self, error: LibraryError) -> LibraryError {
        let error = self.stopped(error);
        // The error that ended it is the one to tell.
        let _ = self.library.record_loss(self.loss);
        error
    }

    /// An error that ends the whole `add`, with what is kept.
    fn stopped(&self, error: LibraryError) -> LibraryError {
        match error {
            LibraryError::Cancelled { .. } => LibraryError::Cancelled {
                papers: self.report.added + self.report.updated + self.report.completed,
            },
            other => other,
        }
    }
}

/// Whether an error concerns one source alone, so that the others can go on.
pub(crate) fn is_of_the_source(error: &LibraryError) -> bool {
    matches!(
        error,
        LibraryError::Source { .. } | LibraryError::Directory(_) | LibraryError::Format(_)
    )
}
