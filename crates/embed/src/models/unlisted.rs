//! A model on the hub that the registry does not list: `organisation/name[@revision]`.
//!
//! The first time, the hub is asked which commit that is and which files it has; those that decide what the model computes are
//! fetched, hashed, and pinned (`pins.rs`). From then on it is found as a model of the registry is. Not for: judging whether
//! the model can be run, which the encoder does when it reads the files.

use super::cache::OwnCache;
use super::error::{ModelError, Tried};
use super::folder::{decides, hash_of_weights, use_given};
use super::options::ResolveOptions;
use super::pins::{self, Pins};
use super::registry::{FileEntry, ModelEntry, Registry, check_plain, is_hex, is_hub_id, is_name};
use super::resolve::{self, Failure, Fetch, ModelFolder, Order, Source};
use super::source_hub::{self, Listed, Listing};
use super::stamp::sha256;
use crate::config::SentenceConfig;
use crate::error::EmbedError;
use crate::shards::{INDEX, PICKLE, PICKLE_INDEX, WHOLE};
use crate::static_encoder::is_static;
use std::fs::File;
use std::path::{Path, PathBuf};

/// What the hub calls the branch that is meant where none is named.
const MAIN: &str = "main";

/// A model as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// `organisation/name`.
    pub(super) id: String,
    /// Branch, tag or commit.
    pub(super) revision: String,
    /// Whether it was named.
    named: bool,
}

impl Asked {
    /// Reads `organisation/name[@revision]`, or `name@revision` of a model that the registry lists.
    pub(super) fn read(spec: &str, registry: &Registry) -> Option<Self> {
        let (name, revision) = match spec.split_once('@') {
            Some((name, revision)) => (name, Some(revision)),
            None => (spec, None),
        };
        let listed = registry.get(name).ok().filter(|_| revision.is_some());
        let id = listed.map_or(name, |entry| &entry.hub_id);
        let plain = |revision: &str| revision.split('/').all(is_name);
        (is_hub_id(id) && revision.is_none_or(plain)).then(|| Self {
            id: id.to_owned(),
            revision: revision.unwrap_or(MAIN).to_owned(),
            named: revision.is_some(),
        })
    }

    /// The model of the registry that this is, at the commit asked for.
    fn listed<'a>(&self, registry: &'a Registry, commit: &str) -> Option<&'a ModelEntry> {
        let entry = registry.get(&self.id).ok()?;
        (entry.revision == commit).then_some(entry)
    }
}

/// Finds the model, or fetches it.
///
/// # Errors
/// [`ModelError::NoSource`] lists what was tried; [`ModelError::DiskFull`] and [`ModelError::Io`].
pub(super) fn resolve(
    asked: &Asked,
    registry: &Registry,
    options: &ResolveOptions,
    progress: &mut dyn FnMut(Fetch),
) -> Result<ModelFolder, ModelError> {
    let known = |commit: &str| asked.listed(registry, commit);
    if let Some(entry) = known(&asked.revision) {
        return resolve::resolve(entry, options, progress);
    }
    let pinned = Pins::read(&asked.id, options).entry(&asked.revision);
    // A commit is what it is; a branch may have moved.
    let ask_again = options.refresh && !options.offline && !is_hex(&asked.revision, 40);
    let mut tried = Vec::new();
    if !ask_again {
        if let Some(entry) = &pinned {
            return found(entry, options, progress);
        }
        if let Some(folder) = from_snapshot(asked, options, &mut tried, progress) {
            return Ok(folder);
        }
        if options.offline {
            tried.push(Tried {
                source: source_hub::name(options),
                reason: "not asked: offline (HF_HUB_OFFLINE)".into(),
            });
            return Err(no_source(asked, registry, options, tried));
        }
    }
    let reason = match pin(asked, options, progress) {
        Ok(entry) => {
            return match known(&entry.revision) {
                Some(listed) => resolve::resolve(listed, options, progress),
                None => found(&entry, options, progress),
            };
        }
        Err(Failure::Fatal(error)) => return Err(error),
        Err(Failure::Source(reason)) => reason,
    };
    if let Some(entry) = pinned {
        let commit = &entry.revision[..12];
        progress(Fetch::Note(format!(
            "{}: {reason}; what was fetched of it before is used ({commit})",
            asked.id
        )));
        return found(&entry, options, progress);
    }
    tried.push(Tried {
        source: source_hub::name(options),
        reason,
    });
    Err(no_source(asked, registry, options, tried))
}

/// A pinned model's folder, with the hash of its weights, which may be in several files.
fn found(
    entry: &ModelEntry,
    options: &ResolveOptions,
    progress: &mut dyn FnMut(Fetch),
) -> Result<ModelFolder, ModelError> {
    let folder = resolve::resolve(entry, options, progress)?;
    let weights_sha256 = hash_of_weights(&folder.folder, &entry.files)?;
    Ok(ModelFolder {
        weights_sha256,
        ..folder
    })
}

/// A snapshot in the Hugging Face cache. Other programs fetch what they need themselves: without `modules.json` it may be that
/// the model has none, or that nobody asked for it, and then its vectors would be pooled wrongly.
fn from_snapshot(
    asked: &Asked,
    options: &ResolveOptions,
    tried: &mut Vec<Tried>,
    progress: &mut dyn FnMut(Fetch),
) -> Option<ModelFolder> {
    let cache = options.hub_cache()?;
    let outcome = match snapshot(asked, &cache) {
        None => Err("the model is not there".to_owned()),
        Some((commit, folder)) if !folder.join("modules.json").is_file() => Err(format!(
            "its snapshot {commit} has no modules.json: fetched in part, or a model without one; give its folder with --model \
             to use it as it is"
        )),
        Some((commit, folder)) => use_given(&folder, &[], options, progress)
            .map(|given| ModelFolder {
                name: asked.id.clone(),
                revision: commit,
                source: Source::HuggingFaceCache,
                ..given
            })
            .map_err(|error| error.to_string()),
    };
    outcome
        .map_err(|reason| {
            tried.push(Tried {
                source: format!("the Hugging Face cache {}", cache.display()),
                reason,
            });
        })
        .ok()
}

/// Commit and folder of the snapshot that the revision stands for.
fn snapshot(asked: &Asked, cache: &Path) -> Option<(String, PathBuf)> {
    let repository = cache.join(format!("models--{}", pins::folder_name(&asked.id)));
    let commit = if is_hex(&asked.revision, 40) {
        asked.revision.clone()
    } else {
        let text = std::fs::read_to_string(repository.join("refs").join(&asked.revision)).ok()?;
        text.trim().to_owned()
    };
    let folder = repository.join("snapshots").join(&commit);
    (is_hex(&commit, 40) && folder.is_dir()).then_some((commit, folder))
}

/// Asks the hub, fetches every file that comes without a hash, and remembers all.
fn pin(
    asked: &Asked,
    options: &ResolveOptions,
    progress: &mut dyn FnMut(Fetch),
) -> Result<ModelEntry, Failure> {
    progress(Fetch::Trying {
        source: source_hub::name(options),
    });
    let listing = source_hub::list(&asked.id, &asked.revision, options)?;
    let files = choose(&listing).map_err(Failure::Source)?;
    let licence = listing.licence.as_deref();
    let mut entry = pins::entry(&asked.id, &listing.commit, licence, files);
    let own = entry.clone();
    let cache = OwnCache::of(&own, options);
    let _lock = cache.lock(progress).map_err(Failure::Fatal)?;
    let temp = cache.temp().map_err(Failure::Fatal)?;
    let unhashed: Vec<&FileEntry> = own.files.iter().filter(|f| f.sha256.is_empty()).collect();
    let order = Order {
        entry: &own,
        files: &unhashed,
        temp: temp.path(),
        options,
    };
    let arrived = source_hub::fetch(&order, progress)?;
    check_supported(asked, &own, &arrived).map_err(Failure::Fatal)?;
    let mut hashed = Vec::new();
    for file in entry.files.iter_mut().filter(|f| f.sha256.is_empty()) {
        let path = arrived.join(&file.path);
        let hash = File::open(&path).and_then(|mut file| sha256(&mut file));
        file.sha256 = hash.map_err(|error| Failure::Fatal(ModelError::io("read", &path, error)))?;
        hashed.push(file.clone());
    }
    let hashed: Vec<&FileEntry> = hashed.iter().collect();
    cache.place(&arrived, &hashed).map_err(Failure::Fatal)?;
    let mut pins = Pins::read(&asked.id, options);
    pins.remember(&asked.revision, &entry);
    pins.write(options).map_err(Failure::Fatal)?;
    Ok(entry)
}

/// That what has arrived of a model, all of it but large files, asks for nothing that cannot be run: before its weights are
/// fetched. Whatever else may be wrong is told by whoever loads it.
fn check_supported(asked: &Asked, entry: &ModelEntry, arrived: &Path) -> Result<(), ModelError> {
    let is_settings = |file: &&FileEntry| {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        name.ends_with(".json") && name != "tokenizer.json"
    };
    let mut settings = entry.files.iter().filter(is_settings);
    let all_arrived = settings.all(|file| file.sha256.is_empty());
    if !all_arrived || is_static(arrived) {
        return Ok(());
    }
    match SentenceConfig::read(arrived) {
        Err(EmbedError::Unsupported {
            path,
            what,
            got,
            supported,
        }) => Err(ModelError::NotSupported {
            name: asked.id.clone(),
            reason: format!(
                "{} asks for {what} {got:?}; supported: {supported}",
                path.strip_prefix(arrived).unwrap_or(&path).display()
            ),
        }),
        _ => Ok(()),
    }
}

/// The files that decide what the model computes, its weights in the form that is read: safetensors, whole before sharded;
/// torch's own only where there is no other.
fn choose(listing: &Listing) -> Result<Vec<FileEntry>, String> {
    let in_folder = |folder: &str| -> Vec<&Listed> {
        let files = listing.files.iter();
        let inside = files.filter(|file| match file.path.rsplit_once('/') {
            Some((parent, _)) => parent == folder,
            None => folder.is_empty(),
        });
        inside.collect()
    };
    let mut chosen = weights(&in_folder(""))?;
    let is_there = |path: &str| listing.files.iter().any(|file| file.path == path);
    if !is_there("tokenizer.json") {
        return Err(
            "it has no tokenizer.json (the fast tokenizer's file), which syntopic reads: save the model with a fast tokenizer \
             and give that folder"
                .into(),
        );
    }
    for file in &listing.files {
        let wanted = match file.path.split_once('/') {
            None => decides(&file.path),
            Some((folder, "config.json" | "tokenizer.json")) => is_module(folder),
            Some(_) => false,
        };
        if wanted {
            chosen.push(file);
        }
        if let Some((folder, "config.json")) = file.path.split_once('/')
            && is_module(folder)
        {
            // A module without weights, as Pooling, has none to choose.
            chosen.extend(weights(&in_folder(folder)).unwrap_or_default());
        }
    }
    chosen.sort_by(|a, b| a.path.cmp(&b.path));
    chosen.dedup_by(|a, b| a.path == b.path);
    if let Some(file) = chosen.iter().find(|file| check_plain(&file.path).is_err()) {
        return Err(format!("it lists {:?}, no plain path", file.path));
    }
    Ok(chosen.into_iter().map(Listed::entry).collect())
}

/// The files of weights among those of one folder.
fn weights<'a>(files: &[&'a Listed]) -> Result<Vec<&'a Listed>, String> {
    let name = |file: &Listed| file.path.rsplit('/').next().unwrap_or_default().to_owned();
    let named = |wanted: &str| files.iter().copied().find(|file| name(file) == wanted);
    for (whole, index, ending) in [
        (WHOLE, INDEX, ".safetensors"),
        (PICKLE, PICKLE_INDEX, ".bin"),
    ] {
        if let Some(file) = named(whole) {
            return Ok(vec![file]);
        }
        let Some(index) = named(index) else {
            continue;
        };
        let stem = whole.trim_end_matches(ending);
        let shards = files.iter().copied().filter(|file| {
            let name = name(file);
            name.starts_with(&format!("{stem}-")) && name.ends_with(ending)
        });
        return Ok(std::iter::once(index).chain(shards).collect());
    }
    Err(format!(
        "it has no weights that are read ({WHOLE}, {INDEX} with its files, or {PICKLE})"
    ))
}

/// Whether a folder is a module's by its name: `1_Pooling`.
fn is_module(folder: &str) -> bool {
    folder.starts_with(|c: char| c.is_ascii_digit()) && folder.contains('_')
}

fn no_source(
    asked: &Asked,
    registry: &Registry,
    options: &ResolveOptions,
    tried: Vec<Tried>,
) -> ModelError {
    let mut advice = Vec::new();
    let mut listed = registry.models().iter();
    if let Some(entry) = listed.find(|entry| entry.hub_id == asked.id && asked.named) {
        advice.push(format!(
            "leave out @{}: {} is then the pinned revision, which has other sources too",
            asked.revision, entry.name
        ));
    } else if let Err(ModelError::UnknownModel { suggestions, .. }) = registry.get(&asked.id)
        && !suggestions.is_empty()
    {
        advice.push(format!("did you mean {}?", suggestions.join(" or ")));
    }
    if options.offline {
        advice.push("unset HF_HUB_OFFLINE, so that the model may be fetched".to_owned());
    }
    advice.push(
        "check the id and the revision on the hub; a private or gated model needs HF_TOKEN".into(),
    );
    advice.push("set HF_ENDPOINT to a hub or mirror that this machine reaches".into());
    advice.push(format!(
        "if {} is meant to be a folder, there is none of that name here: give the path of one that holds the model's files",
        asked.id
    ));
    ModelError::NoSource {
        name: match asked.named {
            true => format!("{}@{}", asked.id, asked.revision),
            false => asked.id.clone(),
        },
        tried,
        advice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hub_ids_with_and_without_a_revision() {
        let read = |spec: &str| {
            Asked::read(spec, Registry::builtin())
                .map(|asked| (asked.id, asked.revision, asked.named))
        };
        let some = |id: &str, revision: &str, named| Some((id.into(), revision.into(), named));
        assert_eq!(
            read("BAAI/bge-small-en-v1.5"),
            some("BAAI/bge-small-en-v1.5", "main", false)
        );
        assert_eq!(read("a/b@v1.0"), some("a/b", "v1.0", true));
        assert_eq!(read("a/b@refs/pr/3"), some("a/b", "refs/pr/3", true));
        assert_eq!(
            read("all-MiniLM-L6-v2@main"),
            some("sentence-transformers/all-MiniLM-L6-v2", "main", true)
        );
        for none in [
            "a", "a/b/c", "a/b@", "a/b@../x", "./a/b", "/a/b", "a@main", "a/b@c@d", "",
        ] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn a_revision_that_can_be_none_is_named() {
        for (spec, revision) in [("a/b@", ""), ("a/b@../x", "../x"), ("a/b@c@d", "c@d")] {
            let error = resolve::resolve_spec(spec, &ResolveOptions::new("nowhere"), &mut |_| ());
            assert!(
                matches!(&error, Err(ModelError::BadRevision { revision: named, .. }) if named == revision),
                "{spec}: {error:?}"
            );
        }
    }

    fn listing(paths: &[&str]) -> Listing {
        let files = paths.iter().map(|path| Listed {
            path: (*path).to_owned(),
            size: 1,
            sha256: None,
        });
        Listing {
            commit: "0".repeat(40),
            licence: None,
            files: files.collect(),
        }
    }

    fn chosen(paths: &[&str]) -> Vec<String> {
        let files = choose(&listing(paths)).expect("a model");
        files.into_iter().map(|file| file.path).collect()
    }

    #[test]
    fn only_what_decides_is_fetched_and_weights_once() {
        let all = [
            ".gitattributes",
            "1_Pooling/config.json",
            "2_Dense/config.json",
            "2_Dense/model.safetensors",
            "2_Dense/pytorch_model.bin",
            "README.md",
            "config.json",
            "model.safetensors",
            "modules.json",
            "onnx/config.json",
            "onnx/model.onnx",
            "pytorch_model.bin",
            "tf_model.h5",
            "tokenizer.json",
        ];
        assert_eq!(
            chosen(&all),
            [
                "1_Pooling/config.json",
                "2_Dense/config.json",
                "2_Dense/model.safetensors",
                "config.json",
                "model.safetensors",
                "modules.json",
                "tokenizer.json"
            ]
        );
        let sharded = [
            "config.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
            "pytorch_model.bin",
            "tokenizer.json",
        ];
        assert_eq!(chosen(&sharded).len(), 5);
        assert_eq!(
            chosen(&["config.json", "pytorch_model.bin", "tokenizer.json"]),
            ["config.json", "pytorch_model.bin", "tokenizer.json"]
        );
        let refused = |paths: &[&str]| choose(&listing(paths)).expect_err("refused");
        assert!(refused(&["config.json", "tokenizer.json", "model.onnx"]).contains("no weights"));
        assert!(
            refused(&["config.json", "model.safetensors", "vocab.txt"]).contains("tokenizer.json")
        );
    }
}
