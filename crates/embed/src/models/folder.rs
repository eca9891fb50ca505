//! A model folder that the user gives: used as it is, and named for what it holds.
//!
//! If all its files are those of a known model it is that model. Otherwise it is a model of its own, whose revision is a
//! hash of the files that decide what it computes, so that a library notices when any of them changes.

use super::cache::save;
use super::error::ModelError;
use super::files::{wrong_hash, wrong_size};
use super::options::ResolveOptions;
use super::registry::{FileEntry, ModelEntry, WEIGHTS, check_plain, is_pickle};
use super::resolve::{Fetch, ModelFolder, Source};
use super::stamp::{Stamps, hex};
use crate::config::TRANSFORMER_CONFIGS;
use crate::shards::{index, weight_files};
use crate::stock::adapter;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The files that decide what a sentence-transformers folder computes, beside [`TRANSFORMER_CONFIGS`] and `<n>_<Module>/`.
const DECIDING: [&str; 8] = [
    WEIGHTS,
    "config.json",
    "config_sentence_transformers.json",
    "modules.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
];

/// Uses `folder` as it is.
pub(super) fn use_given(
    folder: &Path,
    known: &[ModelEntry],
    options: &ResolveOptions,
    progress: &mut dyn FnMut(Fetch),
) -> Result<ModelFolder, ModelError> {
    let not = |reason: String| ModelError::NotAFolder {
        path: folder.to_path_buf(),
        reason,
    };
    let real = fs::canonicalize(folder).map_err(|error| not(error.to_string()))?;
    let names = names(&real).map_err(|error| not(error.to_string()))?;
    let files = weight_files(&real).map_err(not)?;
    if !files.iter().all(|file| names.contains(file)) {
        return Err(ModelError::NoWeights {
            folder: folder.to_path_buf(),
            found: other_weights(&real),
        });
    }
    let hashes = hashes(&real, &names, known, options, progress)?;
    let Some(weights_sha256) = hash_of(&files, &hashes) else {
        return Err(ModelError::NoWeights {
            folder: folder.to_path_buf(),
            found: Vec::new(),
        });
    };
    let made = |name: String, revision: String| ModelFolder {
        name,
        revision,
        folder: folder.to_path_buf(),
        source: Source::Folder,
        weights_sha256: weights_sha256.clone(),
        cache_dir: Some(options.cache_dir.clone()),
    };
    for entry in known
        .iter()
        .filter(|entry| entry.weights_sha256() == weights_sha256)
    {
        match difference(entry, &hashes) {
            None => return Ok(made(entry.name.clone(), entry.revision.clone())),
            Some(difference) => progress(Fetch::Note(format!(
                "{} has the weights of {} but is not the same model: {difference}",
                folder.display(),
                entry.name
            ))),
        }
    }
    let name = real.file_name().map_or_else(
        || "folder".into(),
        |name| name.to_string_lossy().into_owned(),
    );
    Ok(made(
        name,
        format!("folder-{}", fingerprint(&names, &hashes)),
    ))
}

/// Whether a file in a model's own folder takes part in deciding what it computes, weights aside.
pub(super) fn decides(name: &str) -> bool {
    let lists = [&DECIDING[1..], &TRANSFORMER_CONFIGS[..], &adapter::WEIGHTS].concat();
    lists.contains(&name) || name == adapter::CONFIG
}

/// SHA-256 of the weights of `folder`, whose files have the hashes that `files` say.
///
/// # Errors
/// [`ModelError::NoWeights`] where an index lists a file that `files` do not.
pub(super) fn hash_of_weights(folder: &Path, files: &[FileEntry]) -> Result<String, ModelError> {
    let known = files.iter();
    let hashes = known.map(|file| (file.path.clone(), (file.size, file.sha256.clone())));
    let weights = weight_files(folder).map_err(|reason| ModelError::NotAFolder {
        path: folder.to_owned(),
        reason,
    })?;
    hash_of(&weights, &hashes.collect()).ok_or_else(|| ModelError::NoWeights {
        folder: folder.to_owned(),
        found: other_weights(folder),
    })
}

/// Deciding files that are there, with `/`, sorted.
fn names(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut decides = [&DECIDING[..], &TRANSFORMER_CONFIGS].concat();
    // What is wrong with the index is told by who reads the weights.
    let weights = weight_files(folder).unwrap_or_default();
    decides.extend(index(folder));
    decides.extend(weights.iter().map(String::as_str));
    decides.push(adapter::CONFIG);
    decides.extend(adapter::WEIGHTS);
    let mut names = names_of_modules(folder);
    for item in fs::read_dir(folder)? {
        let item = item?;
        let name = item.file_name().to_string_lossy().into_owned();
        let path = item.path();
        if decides.contains(&name.as_str()) && path.is_file() {
            names.push(name);
        } else if name.starts_with(|c: char| c.is_ascii_digit())
            && name.contains('_')
            && path.is_dir()
        {
            names.extend(deciding_below(folder, &name));
        }
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// The deciding files of the subfolders that `modules.json` names, whatever they are called.
fn names_of_modules(folder: &Path) -> Vec<String> {
    let modules = fs::read(folder.join("modules.json")).ok();
    let modules =
        modules.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    let modules = modules.as_ref().and_then(serde_json::Value::as_array);
    let paths = modules
        .into_iter()
        .flatten()
        .filter_map(|module| module["path"].as_str());
    let mut names = Vec::new();
    for path in paths {
        let path = path.trim_end_matches('/');
        if matches!(path, "" | ".") || check_plain(path).is_err() {
            continue;
        }
        names.extend(deciding_below(folder, path));
    }
    names
}

/// The deciding files of a module's subfolder.
fn deciding_below(folder: &Path, name: &str) -> Vec<String> {
    let path = folder.join(name);
    let mut parts = weight_files(&path).unwrap_or_default();
    parts.extend(["config.json", "tokenizer.json"].map(str::to_owned));
    parts.retain(|part| path.join(part).is_file());
    parts.iter().map(|part| format!("{name}/{part}")).collect()
}

/// Size and SHA-256 of the deciding files and of what known models list, by stamp where that is enough.
fn hashes(
    folder: &Path,
    names: &[String],
    known: &[ModelEntry],
    options: &ResolveOptions,
    progress: &mut dyn FnMut(Fetch),
) -> Result<BTreeMap<String, (u64, String)>, ModelError> {
    let mut stamps = Stamps::of_foreign(folder, &options.cache_dir);
    let mut hashes = BTreeMap::new();
    let listed = known
        .iter()
        .flat_map(|entry| entry.files.iter().map(|file| &file.path));
    for name in names.iter().chain(listed) {
        let path: PathBuf = folder.join(name);
        let Ok(metadata) = fs::metadata(&path) else {
            continue;
        };
        if !metadata.is_file() || hashes.contains_key(name) {
            continue;
        }
        let sha256 = if let Some(sha256) = stamps.recorded(name, &metadata) {
            sha256.to_string()
        } else {
            progress(Fetch::Checking { file: name.clone() });
            stamps
                .hash(folder, name)
                .map_err(|error| ModelError::io("read", &path, error))?
        };
        hashes.insert(name.clone(), (metadata.len(), sha256));
    }
    save(&mut stamps, folder, progress);
    Ok(hashes)
}

/// SHA-256 of the weights; of several files, over their names and hashes. `None` where one was gone.
fn hash_of(files: &[String], hashes: &BTreeMap<String, (u64, String)>) -> Option<String> {
    if let [whole] = files {
        return hashes.get(whole).map(|(_, sha256)| sha256.clone());
    }
    let mut hasher = Sha256::new();
    for file in files {
        hasher.update(file.as_bytes());
        hasher.update([0]);
        hasher.update(hashes.get(file)?.1.as_bytes());
    }
    Some(hex(&hasher.finalize()))
}

/// The first file that is not the known model's.
fn difference(entry: &ModelEntry, hashes: &BTreeMap<String, (u64, String)>) -> Option<String> {
    entry
        .files
        .iter()
        .find_map(|file| match hashes.get(&file.path) {
            None => Some(format!("{} is not there", file.path)),
            Some((_, sha256)) if *sha256 == file.sha256 => None,
            Some((size, _)) if *size != file.size => {
                Some(format!("{}: {}", file.path, wrong_size(*size, file)))
            }
            Some((_, sha256)) => Some(format!("{}: {}", file.path, wrong_hash(sha256, file))),
        })
}

/// 16 hex digits over the deciding files' names and hashes, and of no others: a registry that grows must not change it.
fn fingerprint(names: &[String], hashes: &BTreeMap<String, (u64, String)>) -> String {
    let mut hasher = Sha256::new();
    for (name, (_, sha256)) in names.iter().filter_map(|name| hashes.get_key_value(name)) {
        hasher.update(name.as_bytes());
        hasher.update([0]);
        hasher.update(sha256.as_bytes());
    }
    hex(&hasher.finalize())[..16].to_string()
}

/// Weights in forms that are not read, sorted.
fn other_weights(folder: &Path) -> Vec<String> {
    let items = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<String> = items
        .map(|item| item.file_name().to_string_lossy().into_owned())
        .filter(|name| is_pickle(name) || name.contains(".safetensors") || name == adapter::CONFIG)
        .collect();
    found.sort_unstable();
    found
}
