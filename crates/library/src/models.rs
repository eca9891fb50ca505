//! The models that syntopic knows: list, fetch, verify.

use crate::{Event, LibraryError, Progress};
use serde::Serialize;
use syntopic_embed::models::{
    EMBEDDED, FileReport, Registry, ResolveOptions, embedded_size, installed, resolve,
    resolve_spec, verify as verify_files,
};
use syntopic_embed::{EmbedOptions, Embedder};

/// One known model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelReport {
    /// Its name.
    pub name: String,
    /// Its id on the hub.
    pub hub_id: String,
    /// The pinned revision.
    pub revision: String,
    /// Numbers a vector.
    pub dim: usize,
    /// Longest text in tokens.
    pub max_tokens: usize,
    /// How token vectors become one.
    pub pooling: String,
    /// Bytes of all its files.
    pub size_bytes: u64,
    /// Its licence.
    pub licence: String,
    /// Whether it is used when none is named.
    pub default: bool,
    /// Its folder, where it is on this machine.
    pub installed: Option<String>,
}

/// Every known model.
#[must_use]
pub fn list(options: &ResolveOptions) -> Vec<ModelReport> {
    let registry = Registry::builtin();
    let default = &registry.default_model().name;
    let known = registry.models().iter().map(|entry| ModelReport {
        name: entry.name.clone(),
        hub_id: entry.hub_id.clone(),
        revision: entry.revision.clone(),
        dim: entry.dimension,
        max_tokens: entry.max_tokens,
        pooling: entry.pooling.clone(),
        size_bytes: entry.size(),
        licence: entry.licence.clone(),
        default: entry.name == *default,
        installed: installed(entry, options).map(|at| at.folder.display().to_string()),
    });
    known.chain(inside_the_binary(options)).collect()
}

/// The model that needs no fetching.
fn inside_the_binary(options: &ResolveOptions) -> Option<ModelReport> {
    let folder = resolve_spec(EMBEDDED, options, &mut |_| ()).ok()?;
    let embedder = Embedder::load(&folder, EmbedOptions::default()).ok()?;
    let identity = embedder.identity();
    Some(ModelReport {
        name: identity.name.clone(),
        hub_id: String::from("(inside the binary)"),
        revision: identity.revision.clone(),
        dim: identity.dim,
        max_tokens: identity.max_tokens,
        pooling: identity.pooling.clone(),
        size_bytes: embedded_size(),
        licence: String::from("Apache-2.0"),
        default: false,
        installed: Some(folder.folder.display().to_string()),
    })
}

/// Where a fetched model is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PullReport {
    /// Its name.
    pub name: String,
    /// Its revision.
    pub revision: String,
    /// Its folder.
    pub folder: String,
    /// Where it came from.
    pub source: String,
    /// SHA-256 of its weights.
    pub weights_sha256: String,
}

/// Fetches a model unless it is there, and says where.
///
/// # Errors
/// When the name is unknown, or no source has the model.
pub fn pull(
    name: &str,
    options: &ResolveOptions,
    progress: &mut Progress<'_>,
) -> Result<PullReport, LibraryError> {
    let mut hear = |fetch| {
        let _ = progress(Event::Model(fetch));
    };
    let folder = match name {
        EMBEDDED => resolve_spec(name, options, &mut hear)?,
        _ => resolve(Registry::builtin().get(name)?, options, &mut hear)?,
    };
    Ok(PullReport {
        name: folder.name,
        revision: folder.revision,
        folder: folder.folder.display().to_string(),
        source: folder.source.to_string(),
        weights_sha256: folder.weights_sha256,
    })
}

/// Hashes every file of a model that is on this machine.
///
/// # Errors
/// When the name is unknown, or the model is not on this machine.
pub fn verify(name: &str, options: &ResolveOptions) -> Result<Vec<FileReport>, LibraryError> {
    if name == EMBEDDED {
        // Its bytes are the program's own.
        return Ok(Vec::new());
    }
    Ok(verify_files(Registry::builtin().get(name)?, options)?)
}

pub use syntopic_embed::models::ResolveOptions as ModelSources;
