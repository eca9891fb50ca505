//! What is remembered of models from the hub that the registry does not list: which commit a branch stood for when it was
//! asked for, and the size and hash that each file had when it arrived.
//!
//! With that they are models as the registry's are: verified, fetched again where a file is damaged, and the same from one run
//! to the next whatever the branch has become. One `pins.json` a model, in its folder of syntopic's own cache; it goes when the
//! model is removed.

use super::error::ModelError;
use super::options::ResolveOptions;
use super::registry::{FileEntry, ModelEntry, Registry, check_plain, is_hex, is_hub_id};
use super::unlisted::Asked;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

const FILE: &str = "pins.json";
const FORMAT: u32 = 1;

/// All that is remembered of one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pins {
    format: u32,
    hub_id: String,
    /// As the model's card said last.
    licence: Option<String>,
    /// Commit by the revision that was asked for.
    asked: BTreeMap<String, String>,
    /// Files by commit.
    commits: BTreeMap<String, Vec<FileEntry>>,
}

impl Pins {
    /// What is remembered of a model, nothing where that cannot be read: it is then asked for again.
    pub(super) fn read(hub_id: &str, options: &ResolveOptions) -> Self {
        let found = read(&folder(hub_id, options).join(FILE));
        found.filter(|pins| pins.hub_id == hub_id).unwrap_or(Self {
            format: FORMAT,
            hub_id: hub_id.to_owned(),
            licence: None,
            asked: BTreeMap::new(),
            commits: BTreeMap::new(),
        })
    }

    /// The model at this revision: a branch or tag that was asked for before, or a commit.
    pub(super) fn entry(&self, revision: &str) -> Option<ModelEntry> {
        let commit = self.asked.get(revision).map_or(revision, String::as_str);
        let files = self.commits.get(commit)?;
        Some(entry(
            &self.hub_id,
            commit,
            self.licence.as_deref(),
            files.clone(),
        ))
    }

    /// Remembers that `revision` is this model.
    pub(super) fn remember(&mut self, revision: &str, model: &ModelEntry) {
        if !model.licence.is_empty() {
            self.licence = Some(model.licence.clone());
        }
        if revision != model.revision {
            self.asked
                .insert(revision.to_owned(), model.revision.clone());
        }
        self.commits
            .insert(model.revision.clone(), model.files.clone());
    }

    /// Writes them, whole or not at all.
    ///
    /// # Errors
    /// [`ModelError::Io`] or [`ModelError::DiskFull`].
    pub(super) fn write(&self, options: &ResolveOptions) -> Result<(), ModelError> {
        let folder = folder(&self.hub_id, options);
        let path = folder.join(FILE);
        let failed = |error| ModelError::write(&folder, &path, 1 << 16, error);
        let mut temporary = tempfile::NamedTempFile::new_in(&folder).map_err(failed)?;
        let text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        temporary.write_all(&text).map_err(failed)?;
        temporary.as_file().sync_all().map_err(failed)?;
        temporary
            .persist(&path)
            .map_err(|error| failed(error.error))?;
        Ok(())
    }
}

/// A model of the hub as the registry would list it. What only its files tell (lengths, pooling) is left empty.
pub(super) fn entry(
    hub_id: &str,
    commit: &str,
    licence: Option<&str>,
    files: Vec<FileEntry>,
) -> ModelEntry {
    ModelEntry {
        name: hub_id.to_owned(),
        summary: String::from("From the hub; not in the registry"),
        hub_id: hub_id.to_owned(),
        revision: commit.to_owned(),
        licence: licence.unwrap_or_default().to_owned(),
        pooling: String::new(),
        normalize: true,
        max_tokens: 0,
        dimension: 0,
        matryoshka: Vec::new(),
        speed: None,
        stsb: None,
        prompts: BTreeMap::new(),
        files,
        wheel: None,
    }
}

/// Every model of the hub that was fetched without being in the registry, each at the revisions that are remembered, sorted by
/// name; a commit is listed once, whatever it was asked for as.
#[must_use]
pub fn pinned(options: &ResolveOptions) -> Vec<ModelEntry> {
    let items = fs::read_dir(options.cache_dir.join("models"));
    let mut all: Vec<Pins> = items
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|item| read(&item.path().join(FILE)))
        .collect();
    all.sort_by(|a, b| a.hub_id.cmp(&b.hub_id));
    let entries = all.iter().flat_map(|pins| {
        let commits = pins.commits.keys();
        commits.filter_map(|commit| pins.entry(commit))
    });
    entries.collect()
}

/// The model that was fetched from the hub as `spec`, `organisation/name[@revision]`, without the network.
#[must_use]
pub fn pinned_as(spec: &str, options: &ResolveOptions) -> Option<ModelEntry> {
    let asked = Asked::read(spec, Registry::builtin())?;
    Pins::read(&asked.id, options).entry(&asked.revision)
}

/// What cannot be read of what is remembered: each file, and the model that it is of.
#[must_use]
pub fn damaged_pins(options: &ResolveOptions) -> Vec<ModelError> {
    let items = fs::read_dir(options.cache_dir.join("models"));
    let folders = items
        .into_iter()
        .flatten()
        .flatten()
        .map(|item| item.path());
    let damaged = folders.filter_map(|folder| {
        let path = folder.join(FILE);
        let name = folder.file_name()?.to_str()?.replacen("--", "/", 1);
        (path.is_file() && read(&path).is_none()).then_some(ModelError::BadPins { name, path })
    });
    damaged.collect()
}

/// The error that names the file, where `spec` is a model whose file cannot be read; and the model, which can be removed.
#[must_use]
pub fn damaged_as(spec: &str, options: &ResolveOptions) -> Option<(ModelError, ModelEntry)> {
    let asked = Asked::read(spec, Registry::builtin())?;
    let path = folder(&asked.id, options).join(FILE);
    if !path.is_file() || read(&path).is_some() {
        return None;
    }
    let model = entry(&asked.id, &asked.revision, None, Vec::new());
    let name = asked.id;
    Some((ModelError::BadPins { name, path }, model))
}

/// Whether `spec` names a model of the hub, as far as its form says.
#[must_use]
pub fn is_of_hub(spec: &str) -> bool {
    Asked::read(spec, Registry::builtin()).is_some()
}

fn folder(hub_id: &str, options: &ResolveOptions) -> PathBuf {
    options.cache_dir.join("models").join(folder_name(hub_id))
}

/// A model's folder below `<cache>/models`: its name, which for a hub id would be two folders.
pub(super) fn folder_name(name: &str) -> String {
    name.replace('/', "--")
}

/// `None` for what is not there or not of this format, and for what names files that could lie elsewhere.
fn read(path: &Path) -> Option<Pins> {
    let pins: Pins = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let mut files = pins.commits.values().flatten();
    let plain = files.all(|file| check_plain(&file.path).is_ok() && is_hex(&file.sha256, 64));
    let commits = pins.commits.keys().all(|commit| is_hex(commit, 40));
    let right = pins.format == FORMAT && is_hub_id(&pins.hub_id) && commits && plain;
    right.then_some(pins)
}
