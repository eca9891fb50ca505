//! The list of known models: what each is called, which bytes it is made of, and where they can be had.
//!
//! Not for: fetching anything.

use super::ModelError;
use crate::PoolingMode;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// The weights' file name; every model has exactly this one.
pub(super) const WEIGHTS: &str = "model.safetensors";
const BUILTIN: &str = include_str!("../../../../models/registry.toml");
/// Endings of formats that are, or may hold, a pickle.
const PICKLES: [&str; 8] = [
    ".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy",
];

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Path inside the model folder, with `/`.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, 64 lower-case hex digits. Empty while a file without a known hash is on its way; its size alone is then compared.
    pub sha256: String,
}

/// A PyPI wheel that holds the model folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheel {
    /// The package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Path of the model folder inside the wheel, with `/`.
    pub folder: String,
    /// The wheel's file name.
    pub file: String,
    /// The wheel's size in bytes.
    pub size: u64,
    /// The wheel's SHA-256, 64 lower-case hex digits.
    pub sha256: String,
}

/// A measured speed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Speed {
    /// Abstracts a second.
    pub abstracts: f64,
    /// Which CPU.
    pub cpu: String,
    /// Threads.
    pub threads: usize,
}

/// One known model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// The name that users write.
    pub name: String,
    /// One line about it.
    #[serde(default)]
    pub summary: String,
    /// `organisation/name` on the hub.
    pub hub_id: String,
    /// Pinned commit of the hub repository, 40 hex digits.
    pub revision: String,
    /// SPDX licence of the weights.
    pub licence: String,
    /// The name of a [`PoolingMode`].
    pub pooling: String,
    /// Whether the model's own last step is an L2 norm.
    #[serde(default = "yes")]
    pub normalize: bool,
    /// Longest input in tokens, the special ones included; what is beyond is cut.
    pub max_tokens: usize,
    /// Length of an embedding.
    pub dimension: usize,
    /// The lengths that it was trained to be cut to; most models name none.
    #[serde(default)]
    pub matryoshka: Vec<usize>,
    /// Abstracts a second, and on which CPU, with how many threads: as measured, once.
    #[serde(default)]
    pub speed: Option<Speed>,
    /// Spearman correlation with people's judgements on the test half of STS-B, times 100, as measured here.
    #[serde(default)]
    pub stsb: Option<f64>,
    /// What is put before a text, by its kind (`query`, `document`); empty for most models.
    #[serde(default)]
    pub prompts: BTreeMap<String, String>,
    /// Every file that the encoder reads.
    pub files: Vec<FileEntry>,
    /// Where else the files can be had.
    #[serde(default)]
    pub wheel: Option<Wheel>,
}

fn yes() -> bool {
    true
}

impl ModelEntry {
    /// Bytes of all files together.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// SHA-256 of `model.safetensors`.
    #[must_use]
    pub fn weights_sha256(&self) -> &str {
        self.files
            .iter()
            .find(|file| file.path == WEIGHTS)
            .map_or("", |file| file.sha256.as_str())
    }

    fn check(&self) -> Result<(), String> {
        if !is_name(&self.name) {
            return Err(
                "its name may have only letters, digits, '.', '_' and '-', and no '.' first".into(),
            );
        }
        if !is_hub_id(&self.hub_id) {
            return Err(format!(
                "hub_id is {:?}, expected organisation/name",
                self.hub_id
            ));
        }
        if !is_hex(&self.revision, 40) {
            return Err(format!(
                "revision is {:?}, expected a commit of 40 hex digits",
                self.revision
            ));
        }
        let poolings = PoolingMode::ALL.map(PoolingMode::name);
        if !poolings.contains(&self.pooling.as_str()) {
            return Err(format!(
                "pooling is {:?}, expected one of {}",
                self.pooling,
                poolings.join(", ")
            ));
        }
        if self.max_tokens < 3 || self.dimension == 0 {
            return Err("max_tokens must be at least 3 and dimension at least 1".into());
        }
        self.check_files()?;
        self.wheel.as_ref().map_or(Ok(()), Wheel::check)
    }

    fn check_files(&self) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for file in &self.files {
            check_path(&file.path)?;
            if !is_hex(&file.sha256, 64) {
                return Err(format!(
                    "sha256 of {} must be 64 lower-case hex digits",
                    file.path
                ));
            }
            if !seen.insert(&file.path) {
                return Err(format!("{} is listed twice", file.path));
            }
        }
        if self.weights_sha256().is_empty() {
            return Err(format!("{WEIGHTS} is not among its files"));
        }
        Ok(())
    }
}

impl Wheel {
    fn check(&self) -> Result<(), String> {
        check_path(&self.folder)?;
        if !is_name(&self.package) || !is_name(&self.version) || !is_name(&self.file) {
            return Err("the wheel's package, version and file may have only letters, digits, '.', '_' and '-'".into());
        }
        if !is_hex(&self.sha256, 64) {
            return Err("the wheel's sha256 must be 64 lower-case hex digits".into());
        }
        Ok(())
    }

    /// `package==version`, as pip writes it.
    #[must_use]
    pub fn requirement(&self) -> String {
        format!("{}=={}", self.package, self.version)
    }
}

/// The known models; the first is the default.
#[derive(Debug, Clone, PartialEq)]
pub struct Registry {
    models: Vec<ModelEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    #[serde(rename = "model")]
    models: Vec<ModelEntry>,
}

impl Registry {
    /// The registry that is compiled in.
    #[must_use]
    pub fn builtin() -> &'static Registry {
        static REGISTRY: OnceLock<Registry> = OnceLock::new();
        REGISTRY.get_or_init(|| {
            Registry::parse(BUILTIN).expect("a test parses the compiled-in registry")
        })
    }

    /// Reads a registry in the format of `models/registry.toml`.
    ///
    /// # Errors
    /// [`ModelError::BadRegistry`] names the model and the rule: unknown fields, an unsafe or pickle-like file name,
    /// a hash or revision of the wrong form, a name used twice, no model at all.
    pub fn parse(text: &str) -> Result<Registry, ModelError> {
        let bad = |reason: String| ModelError::BadRegistry { reason };
        let document: Document =
            toml::from_str(text).map_err(|error| bad(error.to_string().trim_end().to_string()))?;
        if document.format != 1 {
            return Err(bad(format!(
                "its format is {}, this program reads format 1",
                document.format
            )));
        }
        let mut names = BTreeSet::new();
        for model in &document.models {
            model
                .check()
                .map_err(|reason| bad(format!("model {:?}: {reason}", model.name)))?;
            if !names.insert(&model.name) {
                return Err(bad(format!("two models are called {:?}", model.name)));
            }
        }
        if document.models.is_empty() {
            return Err(bad("it names no model".into()));
        }
        Ok(Registry {
            models: document.models,
        })
    }

    /// All models, the default first.
    #[must_use]
    pub fn models(&self) -> &[ModelEntry] {
        &self.models
    }

    /// The model used when none is named.
    #[must_use]
    pub fn default_model(&self) -> &ModelEntry {
        &self.models[0]
    }

    /// The model of that name, or of that hub id.
    ///
    /// # Errors
    /// [`ModelError::UnknownModel`], with the nearest names.
    pub fn get(&self, name: &str) -> Result<&ModelEntry, ModelError> {
        let found = self
            .models
            .iter()
            .find(|model| model.name == name || model.hub_id == name);
        found.ok_or_else(|| ModelError::UnknownModel {
            name: name.to_string(),
            suggestions: self.near(name),
            known: self
                .models
                .iter()
                .map(|model| model.name.clone())
                .chain([String::from(super::EMBEDDED)])
                .collect(),
        })
    }

    /// At most three names near a mistyped name or hub id, nearest first, ties by name.
    fn near(&self, name: &str) -> Vec<String> {
        let asked = name.to_lowercase();
        // Of `organisation/name`, or of a path, the last part is a name of its own.
        let last = asked.rsplit(std::path::is_separator).next();
        let mut near: Vec<(usize, &str)> = Vec::new();
        for model in &self.models {
            let (known, hub_id) = (model.name.to_lowercase(), model.hub_id.to_lowercase());
            let of_last = last.map_or(usize::MAX, |last| distance(last, &known));
            let of_whole = distance(&asked, &known).min(edit_distance(&asked, &hub_id));
            let distance = of_last.min(of_whole);
            if distance <= known.chars().count() / 3 {
                near.push((distance, &model.name));
            }
        }
        near.sort_unstable();
        near.into_iter()
            .take(3)
            .map(|(_, name)| name.to_string())
            .collect()
    }
}

/// How far a name is from a known one; nothing where one is a part of the other.
fn distance(asked: &str, known: &str) -> usize {
    let part = asked.len() >= 3 && (known.contains(asked) || asked.contains(known));
    if part { 0 } else { edit_distance(asked, known) }
}

/// Whether a text has the form of a hub id, `organisation/name`.
pub(super) fn is_hub_id(text: &str) -> bool {
    text.split_once('/')
        .is_some_and(|(organisation, name)| is_name(organisation) && is_name(name))
}

/// Levenshtein distance in characters.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// Whether a name ends like a format that may hold a pickle.
pub(super) fn is_pickle(name: &str) -> bool {
    let name = name.to_lowercase();
    PICKLES.iter().any(|ending| name.ends_with(ending))
}

pub(super) fn is_name(text: &str) -> bool {
    !text.starts_with(['.', '-'])
        && !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

pub(super) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// A relative path of plain names: nothing that could leave the model folder.
pub(super) fn check_plain(path: &str) -> Result<(), String> {
    match path.split('/').all(is_name) {
        true => Ok(()),
        false => Err(format!("{path:?} is not a plain relative path")),
    }
}

/// The same, and no pickle.
fn check_path(path: &str) -> Result<(), String> {
    check_plain(path)?;
    if is_pickle(path) {
        return Err(format!(
            "{path} is refused: only safetensors weights are read, a pickle can run code"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distance_counts_characters() {
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("abc", ""), 3);
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("größe", "große"), 1);
    }

    #[test]
    fn names_that_leave_the_folder_or_hold_pickles_are_refused() {
        for path in [
            "../x.json",
            "/x.json",
            "a/../b.json",
            "a\\b.json",
            "",
            "a//b",
            ".hidden",
            "C:x",
        ] {
            assert!(check_path(path).is_err(), "{path} was accepted");
        }
        for path in [
            "pytorch_model.bin",
            "model.PT",
            "a/weights.pkl",
            "last.ckpt",
        ] {
            assert!(check_path(path).expect_err(path).contains("pickle"));
        }
        assert_eq!(check_path("1_Pooling/config.json"), Ok(()));
    }
}
