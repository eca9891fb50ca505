//! The models that syntopic knows: list, fetch, verify, remove, and what a model says of itself.

use crate::{Event, LibraryError, Progress};
use serde::Serialize;
use syntopic_embed::models::{
    EMBEDDED, FileReport, ModelEntry, ModelError, ModelFolder, Registry, ResolveOptions,
    damaged_as, damaged_own_copy, damaged_pins, embedded_size, installed, is_of_hub, pinned,
    pinned_as, remove as remove_files, resolve_spec, verify as verify_files,
};
use syntopic_embed::{EmbedError, EmbedOptions, Embedder, SentenceConfig};

/// A measured speed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpeedReport {
    /// Abstracts a second.
    pub abstracts_per_s: f64,
    /// On which CPU.
    pub cpu: String,
    /// With how many threads.
    pub threads: usize,
}

/// One known model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelReport {
    /// Its name.
    pub name: String,
    /// One line about it.
    pub summary: String,
    /// Its id on the hub.
    pub hub_id: String,
    /// The pinned revision.
    pub revision: String,
    /// Numbers a vector; not known of a model that is not in the registry (`models show` loads it and tells).
    pub dim: Option<usize>,
    /// Longest text in tokens; likewise.
    pub max_tokens: Option<usize>,
    /// How token vectors become one; likewise.
    pub pooling: Option<String>,
    /// Bytes of all its files.
    pub size_bytes: u64,
    /// Its licence.
    pub licence: String,
    /// How fast it was, where it was measured.
    pub speed: Option<SpeedReport>,
    /// Spearman correlation with people's judgements on the test half of STS-B, times 100, where it was measured.
    pub stsb: Option<f64>,
    /// Whether it is used when none is named.
    pub default: bool,
    /// Its folder, where it is on this machine.
    pub installed: Option<String>,
    /// Which kind of place that is.
    pub source: Option<String>,
}

/// What a model that is on this machine says of itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelCard {
    /// What the registry says of it; nothing of a folder of no known model.
    pub known: Option<ModelReport>,
    /// Its name.
    pub name: String,
    /// Its revision; of a folder of no known model, a hash of the files that decide its vectors.
    pub revision: String,
    /// SHA-256 of its weights.
    pub weights_sha256: String,
    /// Its folder.
    pub folder: String,
    /// Which kind of encoder it is.
    pub architecture: String,
    /// What runs it on this machine.
    pub mode: String,
    /// Numbers a vector.
    pub dim: usize,
    /// The shorter lengths it says it was trained for (`--dim`).
    pub trained_dims: Vec<usize>,
    /// Longest text in tokens.
    pub max_tokens: usize,
    /// How token vectors become one.
    pub pooling: String,
    /// How its vectors are compared: always `cosine`; `notes` tell where the model is meant to be compared otherwise.
    pub similarity: &'static str,
    /// Put before every query.
    pub query_prompt: String,
    /// Put before every paper.
    pub document_prompt: String,
    /// What a user should know of it.
    pub notes: Vec<String>,
}

/// Every known model: the registry's, the one inside the binary, and those of the hub that were fetched.
#[must_use]
pub fn list(options: &ResolveOptions) -> Vec<ModelReport> {
    let known = Registry::builtin().models().iter();
    let fetched = pinned(options);
    known
        .map(|entry| report(entry, options))
        .chain(inside_the_binary(options))
        .chain(fetched.iter().map(|entry| report(entry, options)))
        .collect()
}

/// A model of the registry, or one of the hub that was fetched, by its name or id, with `@` and its revision where several are
/// remembered.
fn known_entry(spec: &str, options: &ResolveOptions) -> Result<ModelEntry, ModelError> {
    let unknown = match Registry::builtin().get(spec) {
        Ok(entry) => return Ok(entry.clone()),
        Err(unknown) => unknown,
    };
    match (pinned_as(spec, options), damaged_as(spec, options)) {
        (Some(entry), _) => Ok(entry),
        (None, Some((damaged, _))) => Err(damaged),
        (None, None) => Err(unknown),
    }
}

/// A model that is on this machine, without the network. Of one of the hub that is not, the error says how to fetch it.
fn here(spec: &str, options: &ResolveOptions) -> Result<ModelFolder, ModelError> {
    let offline = ResolveOptions {
        offline: true,
        ..options.clone()
    };
    resolve_spec(spec, &offline, &mut |_| ()).map_err(|error| match error {
        ModelError::NoSource { .. } if is_of_hub(spec) => match damaged_as(spec, options) {
            Some((damaged, _)) => damaged,
            None => ModelError::NotInstalled {
                name: spec.to_owned(),
                looked_in: vec![options.cache_dir.join("models")],
            },
        },
        error => error,
    })
}

/// What stops some models of the hub from being listed, a line each.
#[must_use]
pub fn unlisted(options: &ResolveOptions) -> Vec<String> {
    let damaged = damaged_pins(options);
    damaged.iter().map(ToString::to_string).collect()
}

/// What the files of a fetched model say where the registry says nothing: numbers a vector and tokens. The first only where
/// no Dense module changes it.
fn said_by_files(folder: &std::path::Path) -> (Option<usize>, Option<usize>) {
    let Ok(config) = SentenceConfig::read(folder) else {
        return (None, None);
    };
    let text = std::fs::read(folder.join("config.json")).unwrap_or_default();
    let json: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    let names = ["hidden_size", "dim", "n_embd"];
    let hidden = names.iter().find_map(|name| json[*name].as_u64());
    let hidden = hidden.and_then(|hidden| usize::try_from(hidden).ok());
    let plain = config.dense.is_empty();
    let poolings = 1 + config.more_poolings.len();
    let dim = config
        .truncate_dim
        .or(hidden.map(|hidden| hidden * poolings));
    (dim.filter(|_| plain), Some(config.max_tokens))
}

fn report(entry: &ModelEntry, options: &ResolveOptions) -> ModelReport {
    let place = installed(entry, options);
    let said = match (&place, entry.dimension) {
        (Some(place), 0) => said_by_files(&place.folder),
        _ => (None, None),
    };
    ModelReport {
        name: entry.name.clone(),
        summary: entry.summary.clone(),
        hub_id: entry.hub_id.clone(),
        revision: entry.revision.clone(),
        dim: Some(entry.dimension).filter(|dim| *dim > 0).or(said.0),
        max_tokens: Some(entry.max_tokens)
            .filter(|tokens| *tokens > 0)
            .or(said.1),
        pooling: Some(entry.pooling.clone()).filter(|pooling| !pooling.is_empty()),
        size_bytes: entry.size(),
        licence: match entry.licence.as_str() {
            "" => String::from("not said"),
            licence => licence.to_owned(),
        },
        speed: entry.speed.as_ref().map(|speed| SpeedReport {
            abstracts_per_s: speed.abstracts,
            cpu: speed.cpu.clone(),
            threads: speed.threads,
        }),
        stsb: entry.stsb,
        default: entry.name == Registry::builtin().default_model().name,
        source: place.as_ref().map(|at| at.source.to_string()),
        installed: place.map(|at| at.folder.display().to_string()),
    }
}

/// STS-B of the model inside the binary, as `models/README.md` says.
const EMBEDDED_STSB: f64 = 73.17;

/// Its abstracts a second, as `benches/RESULTS.md` says.
const EMBEDDED_SPEED: f64 = 64_500.0;

/// The model that needs no fetching.
fn inside_the_binary(options: &ResolveOptions) -> Option<ModelReport> {
    let folder = resolve_spec(EMBEDDED, options, &mut |_| ()).ok()?;
    let embedder = Embedder::load(&folder, EmbedOptions::default()).ok()?;
    let identity = embedder.identity();
    Some(ModelReport {
        name: identity.name.clone(),
        summary: String::from("Static, quick and weaker: vectors of tokens, added"),
        hub_id: String::from("(inside the binary)"),
        revision: identity.revision.clone(),
        dim: Some(identity.dim),
        max_tokens: Some(identity.max_tokens),
        pooling: Some(identity.pooling.clone()),
        size_bytes: embedded_size(),
        licence: String::from("Apache-2.0"),
        speed: Some(SpeedReport {
            abstracts_per_s: EMBEDDED_SPEED,
            cpu: String::from("AMD EPYC, Zen 3"),
            threads: 2,
        }),
        stsb: Some(EMBEDDED_STSB),
        default: false,
        installed: Some(folder.folder.display().to_string()),
        source: Some(folder.source.to_string()),
    })
}

/// The card of a model: a known one that is on this machine, or a folder. Nothing is fetched.
///
/// # Errors
/// When the name is unknown, the model is not on this machine, or cannot be loaded.
pub fn show(spec: &str, options: &ResolveOptions) -> Result<ModelCard, LibraryError> {
    if let Ok(entry) = known_entry(spec, options)
        && installed(&entry, options).is_none()
    {
        // The error of a model that is not here says how to fetch it.
        verify_files(&entry, options)?;
    }
    let folder = here(spec, options)?;
    let embedder = Embedder::load(&folder, EmbedOptions::default())?;
    let (identity, config) = (embedder.identity(), embedder.config());
    let known = list(options)
        .into_iter()
        .find(|known| (&known.name, &known.revision) == (&identity.name, &identity.revision));
    Ok(ModelCard {
        known,
        name: identity.name.clone(),
        revision: identity.revision.clone(),
        weights_sha256: identity.weights_sha256.clone(),
        folder: folder.folder.display().to_string(),
        architecture: config.architecture.clone(),
        mode: embedder.mode().to_owned(),
        dim: identity.dim,
        trained_dims: embedder.trained_dims(),
        max_tokens: identity.max_tokens,
        pooling: identity.pooling.clone(),
        similarity: "cosine",
        query_prompt: identity.query_prompt.clone(),
        document_prompt: identity.document_prompt.clone(),
        notes: embedder.notes().to_vec(),
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

impl From<ModelFolder> for PullReport {
    fn from(folder: ModelFolder) -> Self {
        Self {
            name: folder.name,
            revision: folder.revision,
            folder: folder.folder.display().to_string(),
            source: folder.source.to_string(),
            weights_sha256: folder.weights_sha256,
        }
    }
}

/// Fetches a model, by its name or hub id, unless it is there, and says where; a folder is there. Of a model that the registry
/// does not list, the hub is asked again what the branch stands for.
///
/// # Errors
/// When the name is unknown, or no source has the model.
pub fn pull(
    name: &str,
    options: &ResolveOptions,
    progress: &mut Progress<'_>,
) -> Result<PullReport, LibraryError> {
    let anew = ResolveOptions {
        refresh: true,
        ..options.clone()
    };
    let folder = resolve_spec(name, &anew, &mut |fetch| {
        let _ = progress(Event::Model(fetch));
    })?;
    Ok(folder.into())
}

/// Hashes every file of a model that is on this machine: of a known one, by its name or hub id, each file, wrong ones in
/// syntopic's own cache included even where another place has the whole model; of a folder, whether it loads.
///
/// # Errors
/// When the name is unknown, or the model is not on this machine.
pub fn verify(name: &str, options: &ResolveOptions) -> Result<Vec<FileReport>, LibraryError> {
    if name == EMBEDDED {
        return Ok(vec![verify_embedded(options)?]);
    }
    let entry = match known_entry(name, options) {
        Ok(entry) => entry,
        Err(_) => return verify_folder(name, options),
    };
    let mut reports = verify_files(&entry, options)?;
    for mut wrong in damaged_own_copy(&entry, options) {
        if reports.iter().all(|report| report.path != wrong.path) {
            wrong.problem = wrong.problem.map(|problem| {
                format!(
                    "syntopic's own copy {} is wrong ({problem}); another place has the right one, and `syntopic models pull {}` \
                     removes it",
                    wrong.path.display(),
                    entry.name
                )
            });
            reports.push(wrong);
        }
    }
    Ok(reports)
}

/// Its bytes are the program's own: they are right if they are a model that loads.
fn verify_embedded(options: &ResolveOptions) -> Result<FileReport, LibraryError> {
    let folder = resolve_spec(EMBEDDED, options, &mut |_| ())?;
    let loaded = Embedder::load(&folder, EmbedOptions::default());
    Ok(FileReport {
        file: String::from("(inside the binary)"),
        path: folder.folder,
        problem: loaded.err().map(|error| error.to_string()),
        missing: false,
        hashed: false,
    })
}

/// A folder has no list of right hashes: it is right if it is a model that loads.
fn verify_folder(spec: &str, options: &ResolveOptions) -> Result<Vec<FileReport>, LibraryError> {
    let folder = here(spec, options)?;
    let loaded = Embedder::load(&folder, EmbedOptions::default());
    let problem = match loaded {
        Ok(_) => None,
        Err(error @ EmbedError::Model(_)) => return Err(error.into()),
        Err(error) => Some(error.to_string()),
    };
    Ok(vec![FileReport {
        file: format!(
            "weights {}",
            &folder.weights_sha256[..12.min(folder.weights_sha256.len())]
        ),
        path: folder.folder,
        problem,
        missing: false,
        hashed: true,
    }])
}

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoveReport {
    /// The model.
    pub name: String,
    /// The folder that is gone.
    pub folder: String,
    /// Bytes freed.
    pub freed_bytes: u64,
    /// Where the model still is, if it is in another place too.
    pub still_at: Option<String>,
}

/// Removes a known model, by its name or hub id, from syntopic's own cache, every revision of it. Nothing else is ever removed.
///
/// # Errors
/// When the name is unknown, nothing of the model is in that cache, or it cannot be removed.
pub fn remove(name: &str, options: &ResolveOptions) -> Result<RemoveReport, LibraryError> {
    if name == EMBEDDED {
        return Err(LibraryError::from(ModelError::NotInOwnCache {
            name: name.to_owned(),
            folder: options.cache_dir.join("models"),
            elsewhere: Some("(inside the binary)".into()),
        }));
    }
    if std::path::Path::new(name).is_dir() && Registry::builtin().get(name).is_err() {
        return Err(LibraryError::from(ModelError::NotInOwnCache {
            name: name.to_owned(),
            folder: options.cache_dir.join("models"),
            elsewhere: Some(name.into()),
        }));
    }
    let entry = match damaged_as(name, options) {
        Some((_, entry)) => entry,
        None => known_entry(name, options)?,
    };
    let removed = remove_files(&entry, options)?;
    Ok(RemoveReport {
        name: entry.name.clone(),
        folder: removed.folder.display().to_string(),
        freed_bytes: removed.freed,
        still_at: removed.left.map(|place| place.folder.display().to_string()),
    })
}

pub use syntopic_embed::models::ResolveOptions as ModelSources;
