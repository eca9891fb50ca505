//! Which model made a library, and how it is found and loaded again.

use crate::{Event, LibraryError, Progress};
use serde::{Deserialize, Serialize};
use std::path::Path;
use syntopic_embed::models::{EMBEDDED, Registry, ResolveOptions, resolve_spec};
use syntopic_embed::{Cut, EmbedOptions, Embedder, ModelIdentity};

/// What a library records of its model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordedModel {
    /// How to find it again: a registry name, a hub id with its commit, or a folder.
    pub(crate) spec: String,
    pub(crate) name: String,
    pub(crate) revision: String,
    pub(crate) weights_sha256: String,
    pub(crate) pooling: String,
    pub(crate) document_prompt: String,
    pub(crate) query_prompt: String,
    pub(crate) max_tokens: usize,
    pub(crate) dim: usize,
}

impl RecordedModel {
    pub(crate) fn new(spec: Option<&str>, identity: &ModelIdentity) -> Self {
        Self {
            spec: spec.map_or_else(
                || identity.name.clone(),
                |spec| lasting_spec(spec, identity),
            ),
            name: identity.name.clone(),
            revision: identity.revision.clone(),
            weights_sha256: identity.weights_sha256.clone(),
            pooling: identity.pooling.clone(),
            document_prompt: identity.document_prompt.clone(),
            query_prompt: identity.query_prompt.clone(),
            max_tokens: identity.max_tokens,
            dim: identity.dim,
        }
    }

    /// Whether vectors of the two can be compared. Names and places may differ. The revision may not: of a known model it
    /// pins every file, of a folder it is the hash of the files that decide (configuration, tokenizer).
    pub(crate) fn compares_with(&self, other: &Self) -> bool {
        self.weights_sha256 == other.weights_sha256
            && self.revision == other.revision
            && self.pooling == other.pooling
            && self.document_prompt == other.document_prompt
            && self.query_prompt == other.query_prompt
            && self.max_tokens == other.max_tokens
            && self.dim == other.dim
    }

    /// That `loaded` makes vectors which can be compared with the library's.
    pub(crate) fn check(
        &self,
        loaded: &ModelIdentity,
        asked: Option<&str>,
    ) -> Result<(), LibraryError> {
        let loaded = Self::new(asked, loaded);
        if self.compares_with(&loaded) {
            Ok(())
        } else {
            Err(self.refuses(&loaded, asked))
        }
    }

    /// The error of a library with this model that is asked to work with another.
    pub(crate) fn refuses(&self, other: &Self, asked: Option<&str>) -> LibraryError {
        let as_long = Self {
            dim: self.dim,
            ..other.clone()
        };
        if self.compares_with(&as_long) {
            return LibraryError::OtherLength {
                library: self.dim,
                asked: other.dim,
            };
        }
        LibraryError::OtherModel {
            library: self.describe(),
            asked: other.describe(),
            spec: asked.unwrap_or(&other.name).to_owned(),
        }
    }

    /// This model at its new place, where its recorded one is a folder that is no longer there.
    pub(crate) fn moved_to(self, asked: &str) -> Option<Self> {
        let spec = absolute_spec(asked);
        let gone = Path::new(&self.spec).is_absolute() && !Path::new(&self.spec).is_dir();
        (gone && spec != self.spec).then_some(Self { spec, ..self })
    }

    fn describe(&self) -> String {
        let weights = self
            .weights_sha256
            .get(..12)
            .unwrap_or(&self.weights_sha256);
        let revision = self.revision.get(..19).unwrap_or(&self.revision);
        format!(
            "{} (revision {revision}…, weights {weights}…, {} pooling, {} tokens, {} numbers)",
            self.name, self.pooling, self.max_tokens, self.dim
        )
    }
}

/// What finds the same model again, whatever becomes of a branch of the hub.
fn lasting_spec(spec: &str, identity: &ModelIdentity) -> String {
    let listed = Registry::builtin().get(&identity.name);
    // A folder's name has no separator.
    let of_hub = identity.name.contains('/') && !Path::new(spec).is_dir();
    match listed {
        Ok(entry) if entry.revision == identity.revision && !Path::new(spec).is_dir() => {
            entry.name.clone()
        }
        _ if of_hub => format!("{}@{}", identity.name, identity.revision),
        _ => absolute_spec(spec),
    }
}

/// A folder by its full path, so that the library finds it from anywhere; the name of a known model as it is, as
/// [`resolve_spec`] reads it.
fn absolute_spec(spec: &str) -> String {
    if spec == EMBEDDED || Registry::builtin().get(spec).is_ok() {
        return spec.to_owned();
    }
    match std::fs::canonicalize(spec) {
        Ok(path) if path.is_dir() => path.display().to_string(),
        _ => spec.to_owned(),
    }
}

/// Finds, fetches if need be, and loads a model; the registry's default when none is named.
pub(crate) fn load(
    spec: Option<&str>,
    resolve: &ResolveOptions,
    options: EmbedOptions,
    cut: Option<Cut>,
    progress: &mut Progress<'_>,
) -> Result<Embedder, LibraryError> {
    // Before anything is fetched.
    options.device.check()?;
    let spec = spec.unwrap_or(&Registry::builtin().default_model().name);
    let folder = resolve_spec(spec, resolve, &mut |fetch| {
        // A fetch has no batch to finish: it goes on, and its temporary files are removed if the process ends.
        let _ = progress(Event::Model(fetch));
    })?;
    let mut embedder = Embedder::load(&folder, options)?;
    if let Some(cut) = cut {
        embedder = embedder.cut_to(cut)?;
    }
    for note in embedder.notes() {
        let _ = progress(Event::Note(note));
    }
    Ok(embedder)
}
