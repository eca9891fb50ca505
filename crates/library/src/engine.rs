//! An open library: its database, its model once needed, and its vectors once read.

use crate::catalogue::Stored;
use crate::model::RecordedModel;
use crate::rows::Snapshot;
use crate::store::{Store, set_meta};
use crate::stored_index::OpenIndex;
use crate::{LibraryError, Progress};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use syntopic_core::TEXT_RECIPE;
use syntopic_embed::models::{ModelError, ResolveOptions};
use syntopic_embed::{Cut, Device, EmbedError, EmbedOptions, Embedder};
use syntopic_index::IndexOptions;

/// A library of papers in one folder.
pub struct Library {
    pub(crate) folder: PathBuf,
    /// `None` until the first paper of a new library is committed, so that a failed `add` leaves nothing behind.
    pub(crate) store: Option<Store>,
    pub(crate) resolve: ResolveOptions,
    /// Where the model runs.
    pub(crate) device: Device,
    pub(crate) embedder: Option<Arc<Embedder>>,
    /// How the user named that model, if they did.
    pub(crate) loaded_spec: Option<String>,
    pub(crate) snapshot: Option<Snapshot>,
    /// The file of ids and vectors, where it is used instead.
    pub(crate) stored: Option<Stored>,
    /// The index opened last.
    pub(crate) index: Option<OpenIndex>,
    /// The index of words opened last.
    pub(crate) lexicon: Option<crate::lexical::OpenLexicon>,
    /// The identifiers that are a volume's, and of which state of the library; once they were asked for.
    pub(crate) volumes: Option<(u64, std::collections::BTreeSet<String>)>,
    /// How the index is made where the user does not say.
    pub(crate) index_options: IndexOptions,
    /// From so many papers on the index of words is kept in files.
    pub(crate) words_kept_from: usize,
    /// Files of an earlier state, while they are what answers.
    pub(crate) older: Option<crate::older::Older>,
    /// Held while derived files are ours to bring up to date.
    pub(crate) bringing: Option<std::fs::File>,
    /// Whether a derived file was found damaged.
    pub(crate) distrust: bool,
    /// What the user asked the vectors to be cut to, if they did.
    pub(crate) cut: Option<Cut>,
    /// Whether to wait for other writers as long as it takes.
    pub(crate) wait: bool,
}

impl Library {
    /// Opens the library of `folder`.
    ///
    /// # Errors
    /// When there is none, it is damaged, or a newer syntopic made it.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, LibraryError> {
        let folder = folder.as_ref().to_owned();
        let store = Some(Store::open(&folder)?);
        Ok(Self::of(folder, store))
    }

    fn of(folder: PathBuf, store: Option<Store>) -> Self {
        Self {
            folder,
            store,
            resolve: ResolveOptions::from_env(),
            device: Device::Cpu,
            embedder: None,
            loaded_spec: None,
            snapshot: None,
            stored: None,
            index: None,
            lexicon: None,
            volumes: None,
            index_options: IndexOptions::default(),
            words_kept_from: crate::lexical::KEPT_FROM,
            older: None,
            bringing: None,
            distrust: false,
            cut: None,
            wait: false,
        }
    }

    /// Opens the library of `folder`; where there is none, one is made when the first papers are added.
    ///
    /// # Errors
    /// When an existing one is damaged or a newer syntopic made it.
    pub fn open_or_create(folder: impl AsRef<Path>) -> Result<Self, LibraryError> {
        match Self::open(&folder) {
            Err(LibraryError::NotFound(folder)) => {
                can_become_a_folder(&folder).map(|()| Self::of(folder, None))
            }
            other => other,
        }
    }

    /// Says where models are looked for; the default is what the environment says.
    #[must_use]
    pub fn with_model_sources(mut self, resolve: ResolveOptions) -> Self {
        self.resolve = resolve;
        self
    }

    /// Says where the model runs; the default is the CPU. A library does not depend on it: vectors that one device made can
    /// be compared with those of another.
    #[must_use]
    pub fn with_device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// Says what the vectors of a new library are cut to; an existing one keeps its own length, and another is refused.
    #[must_use]
    pub fn with_cut(mut self, cut: Option<Cut>) -> Self {
        self.cut = cut;
        self
    }

    /// Says whether to wait as long as it takes while another process writes. By default that is an error after five seconds.
    ///
    /// # Errors
    /// When the database cannot be told so.
    pub fn with_wait(mut self, wait: bool) -> Result<Self, LibraryError> {
        self.wait = wait;
        self.store = (self.store.take())
            .map(|store| store.with_patience(wait))
            .transpose()?;
        Ok(self)
    }

    /// The library's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether there is a library on disk: not before the first paper of a new one is committed.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.store.is_some()
    }

    /// How many papers it holds.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn n_papers(&self) -> Result<usize, LibraryError> {
        self.store.as_ref().map_or(Ok(0), Store::n_papers)
    }

    /// Every paper, in the order of ids.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn papers(&self) -> Result<Vec<syntopic_core::Paper>, LibraryError> {
        self.store.as_ref().map_or(Ok(Vec::new()), Store::papers)
    }

    /// The database, of a library that has one.
    pub(crate) fn store(&self) -> Result<&Store, LibraryError> {
        self.store
            .as_ref()
            .ok_or_else(|| LibraryError::NotFound(self.folder.clone()))
    }

    /// The model that made the library, if it has any vector.
    pub(crate) fn recorded_model(&self) -> Result<Option<RecordedModel>, LibraryError> {
        let Some(store) = &self.store else {
            return Ok(None);
        };
        let text = match store.model()? {
            (Some(text), _) => text,
            (None, false) => return Ok(None),
            // Nobody could say which model the vectors are of, and another one's would be mixed with them.
            (None, true) => {
                return Err(LibraryError::Corrupt {
                    path: store.path().to_owned(),
                    why: String::from("it holds vectors, but not which model made them"),
                });
            }
        };
        let damaged = |e: serde_json::Error| LibraryError::Corrupt {
            path: store.path().to_owned(),
            why: format!("the recorded model is unreadable: {e}"),
        };
        let found = store
            .meta("text_recipe")?
            .ok_or_else(|| LibraryError::Corrupt {
                path: store.path().to_owned(),
                why: String::from("it does not say how its papers became texts"),
            })?;
        if found != TEXT_RECIPE {
            return Err(LibraryError::OtherRecipe {
                found,
                ours: TEXT_RECIPE.to_owned(),
            });
        }
        serde_json::from_str(&text).map(Some).map_err(damaged)
    }

    /// Loads the model, the library's own or `asked` for a new library, and checks that it is the one that made the
    /// vectors. Afterwards `self.embedder` is there.
    pub(crate) fn load_model(
        &mut self,
        asked: Option<&str>,
        progress: &mut Progress<'_>,
    ) -> Result<&Embedder, LibraryError> {
        let recorded = self.recorded_model()?;
        let known = recorded.as_ref().map(|r| r.spec.as_str());
        let spec = asked.or(known);
        let cut = self.wanted_cut(recorded.as_ref());
        let loaded = match self.embedder.take() {
            Some(loaded)
                if (asked.is_none() || self.loaded_spec.as_deref() == asked)
                    && made_by(recorded.as_ref(), &loaded) =>
            {
                Ok(loaded)
            }
            _ => {
                let options = EmbedOptions::on(self.device);
                crate::model::load(spec, &self.resolve, options, cut, progress).map(Arc::new)
            }
        };
        let embedder = loaded.map_err(|error| match (error, asked, known) {
            (
                LibraryError::Embed(EmbedError::Model(source @ ModelError::NotAFolder { .. })),
                None,
                Some(spec),
            ) => LibraryError::ModelMoved {
                spec: spec.to_owned(),
                source,
            },
            (error, ..) => error,
        })?;
        let embedder = match &recorded {
            Some(recorded) if self.cut.is_none() => as_long_as(embedder, recorded.dim)?,
            _ => embedder,
        };
        if let Some(recorded) = recorded {
            recorded.check(embedder.identity(), asked)?;
            self.record_new_place(recorded, asked);
        }
        if asked.is_some() {
            self.loaded_spec = asked.map(str::to_owned);
        }
        Ok(self.embedder.insert(embedder))
    }

    /// What the user asked vectors to be cut to, with the consent that the library's own length stands for.
    fn wanted_cut(&self, recorded: Option<&RecordedModel>) -> Option<Cut> {
        let recorded = recorded.map(|model| model.dim);
        self.cut.map(|cut| Cut {
            force: cut.force || recorded == Some(cut.dim),
            ..cut
        })
    }

    /// Where the user said that a model which is no longer at its recorded place is now, records that, so that they need
    /// not say it again. A library that cannot be written just now forgets it.
    fn record_new_place(&mut self, recorded: RecordedModel, asked: Option<&str>) {
        if let (Some(asked), Some(store)) = (asked, &mut self.store)
            && let Some(moved) = recorded.moved_to(asked)
            && let Ok(text) = serde_json::to_string(&moved)
        {
            let _ = store.write(|tx| set_meta(tx, "model", &text));
        }
    }

    /// Does `work` on the library as it is at one moment: whatever other processes commit meanwhile is not seen, and none of
    /// them is waited for.
    pub(crate) fn at_one_moment<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, LibraryError>,
    ) -> Result<T, LibraryError> {
        let held = self.store.as_ref().map_or(Ok(false), Store::hold)?;
        let done = work(self);
        if let Some(store) = self.store.as_ref().filter(|_| held) {
            store.let_go();
            (self.older, self.bringing) = (None, None);
        }
        done
    }

    /// Reads the vectors unless they are there, and gives them; a library without any is an error.
    pub(crate) fn load_snapshot(&mut self) -> Result<&Snapshot, LibraryError> {
        if self.snapshot.is_none() {
            let Some(model) = self.recorded_model()? else {
                return Err(self.without_vectors()?);
            };
            let snapshot = self.store()?.snapshot(model.dim)?;
            if snapshot.ids.is_empty() {
                return Err(self.without_vectors()?);
            }
            self.snapshot = Some(snapshot);
        }
        self.snapshot
            .as_ref()
            .ok_or_else(|| LibraryError::Empty(self.folder.clone()))
    }

    /// The error of a library without vectors: it is empty, or they are still to be made.
    fn without_vectors(&self) -> Result<LibraryError, LibraryError> {
        let folder = self.folder.clone();
        Ok(match self.n_papers()? {
            0 => LibraryError::Empty(folder),
            papers => LibraryError::NoVectors { folder, papers },
        })
    }
}

/// Whether a model that was loaded earlier is the library's still: another process may have given it another one.
pub(crate) fn made_by(recorded: Option<&RecordedModel>, loaded: &Embedder) -> bool {
    let loaded = RecordedModel::new(None, loaded.identity());
    recorded.is_none_or(|recorded| recorded.compares_with(&loaded))
}

/// The model with vectors cut to those of the library, if they are longer: its consent was asked when the library was made.
fn as_long_as(embedder: Arc<Embedder>, dim: usize) -> Result<Arc<Embedder>, LibraryError> {
    if dim >= embedder.whole_dim() || dim == embedder.identity().dim {
        return Ok(embedder);
    }
    match Arc::try_unwrap(embedder) {
        Ok(whole) => Ok(Arc::new(whole.cut_to(Cut { dim, force: true })?)),
        // One that others use is of the library already, or is refused by its length.
        Err(shared) => Ok(shared),
    }
}

/// That nothing but folders is on the way to `folder`, so that a slow `add` does not fail at its first commit.
fn can_become_a_folder(folder: &Path) -> Result<(), LibraryError> {
    let there = folder.ancestors().find(|path| path.exists());
    match there {
        Some(path) if !path.is_dir() => Err(LibraryError::Io {
            path: path.to_owned(),
            source: std::io::ErrorKind::NotADirectory.into(),
        }),
        _ => Ok(()),
    }
}
