//! What can go wrong between a model's name and its verified files, in words that say what to do next.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// A source that was tried, and why it gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The source, with its place ("the hub at URL", "syntopic's cache FOLDER").
    pub source: String,
    /// Why it gave nothing.
    pub reason: String,
}

/// Everything that can fail in finding, fetching and checking a model. Each message ends with a full stop, so that another
/// sentence can follow it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A registry that cannot be read, or breaks a rule of its format.
    #[error("the model registry is not valid: {reason}.")]
    BadRegistry {
        /// What is wrong, and with which model.
        reason: String,
    },
    /// No model of that name.
    #[error("{}", unknown_model(name, suggestions, known))]
    UnknownModel {
        /// The name that was asked for.
        name: String,
        /// Known names near it, nearest first.
        suggestions: Vec<String>,
        /// Every known name.
        known: Vec<String>,
    },
    /// A given path is not a folder that can be read.
    #[error(
        "{} is not a model folder: {reason}; give a folder with model.safetensors, tokenizer.json and config.json.",
        path.display()
    )]
    NotAFolder {
        /// The given path.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A model of the hub at a revision that can be none.
    #[error(
        "{spec}: {revision:?} is no revision; write organisation/name@revision with a branch, a tag or a commit, or \
         organisation/name alone for the main branch."
    )]
    BadRevision {
        /// What was asked for.
        spec: String,
        /// What is after the `@`.
        revision: String,
    },
    /// A given folder without `model.safetensors`.
    #[error("{}", no_weights(folder, found))]
    NoWeights {
        /// The given folder.
        folder: PathBuf,
        /// Files there that look like weights in another format.
        found: Vec<String>,
    },
    /// Nothing to verify: the model is not on this machine.
    #[error(
        "model {name} is not on this machine (looked in {}); fetch it with `syntopic models pull {name}`.",
        list(looked_in)
    )]
    NotInstalled {
        /// The model.
        name: String,
        /// The folders that were looked in.
        looked_in: Vec<PathBuf>,
    },
    /// What is remembered of a model of the hub cannot be read.
    #[error(
        "{} cannot be read, so that it is not known what was fetched as {name}: `syntopic models pull {name}` writes it anew, \
         `syntopic models remove {name}` frees what is there.",
        path.display()
    )]
    BadPins {
        /// The model.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// Nothing to remove: syntopic's own cache has nothing of the model.
    #[error("{}", not_in_own_cache(name, folder, elsewhere.as_deref()))]
    NotInOwnCache {
        /// The model.
        name: String,
        /// Where syntopic's own cache would have it.
        folder: PathBuf,
        /// Where else it is on this machine.
        elsewhere: Option<PathBuf>,
    },
    /// No source has the model.
    #[error("{}", no_source(name, tried, advice))]
    NoSource {
        /// The model.
        name: String,
        /// Each source, in the order tried.
        tried: Vec<Tried>,
        /// What the user can do, one way an item.
        advice: Vec<String>,
    },
    /// The configuration of a model of the hub asks for what is not supported.
    #[error("{name} cannot be run: {reason}. Its weights were not fetched; choose another model.")]
    NotSupported {
        /// The model.
        name: String,
        /// What is not supported, and what is.
        reason: String,
    },
    /// The disk (or quota) was full while a model was fetched. What had arrived was removed.
    #[error(
        "no space left in {} while fetching a model: {needed} bytes are needed; what had arrived was removed. \
         Free some space, or set SYNTOPIC_CACHE to a folder on a larger disk.",
        folder.display()
    )]
    DiskFull {
        /// The folder that is written to.
        folder: PathBuf,
        /// Bytes that the whole fetch needs.
        needed: u64,
    },
    /// A file or folder that could not be read or written.
    #[error("cannot {action} {}: {source}{}.", path.display(), io_hint(action))]
    Io {
        /// What was tried ("read", "create", ...).
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl ModelError {
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        ModelError::Io {
            action,
            path: path.to_path_buf(),
            source,
        }
    }

    /// A failed write below `folder`: [`ModelError::DiskFull`] where that is the reason.
    pub(super) fn write(folder: &Path, path: &Path, needed: u64, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ModelError::DiskFull {
                folder: folder.to_path_buf(),
                needed,
            },
            _ => ModelError::io("write", path, source),
        }
    }
}

fn io_hint(action: &str) -> &'static str {
    if matches!(action, "write" | "create" | "lock") {
        "; if that folder cannot be written to, set SYNTOPIC_CACHE to one that can"
    } else {
        ""
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| path.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

fn unknown_model(name: &str, suggestions: &[String], known: &[String]) -> String {
    let mut text = format!("no model is called {name:?}");
    if !suggestions.is_empty() {
        let _ = write!(text, "; did you mean {}?", suggestions.join(" or "));
    } else {
        text.push('.');
    }
    // A name with a separator is a path already, relative or not.
    let here = if name.contains(std::path::is_separator) {
        ""
    } else {
        "./"
    };
    let _ = write!(
        text,
        " Known models: {}. Any other model is given by its hub id (organisation/name) or the path of its folder ({here}{name}, if \
         that is one).",
        known.join(", ")
    );
    text
}

fn no_weights(folder: &Path, found: &[String]) -> String {
    let mut text = format!("{} has no model.safetensors", folder.display());
    if found.iter().any(|name| name == "adapter_config.json") {
        text.push_str(
            ": it is an adapter, which is no model alone; copy its files into a copy of its base model's folder, and give \
             that folder.",
        );
        return text;
    }
    if !found.is_empty() {
        let _ = write!(
            text,
            "; it has {}, which syntopic does not read (of pickles, which can run code, pytorch_model.bin alone is read, and \
             nothing of it run; of weights in several files, all and their index must be there)",
            found.join(", ")
        );
    }
    text.push_str("; save the model as one safetensors file and give that folder.");
    text
}

fn not_in_own_cache(name: &str, folder: &Path, elsewhere: Option<&Path>) -> String {
    let none = format!("syntopic's own cache has no {name} ({})", folder.display());
    match elsewhere {
        Some(place) => format!(
            "{none}; it is at {}, which is not syntopic's to remove.",
            place.display()
        ),
        None => format!("{none}: there is nothing to remove."),
    }
}

fn no_source(name: &str, tried: &[Tried], advice: &[String]) -> String {
    let mut text =
        format!("model {name} was not found and could not be fetched. Tried, in this order:");
    for Tried { source, reason } in tried {
        let _ = write!(text, "\n  - {source}: {reason}");
    }
    text.push_str("\nWhat to do, any one of:");
    for way in advice {
        let _ = write!(text, "\n  - {way}.");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(name: &str, suggestions: &[&str]) -> ModelError {
        ModelError::UnknownModel {
            name: name.into(),
            suggestions: suggestions.iter().map(ToString::to_string).collect(),
            known: vec!["one".into(), "two".into()],
        }
    }

    #[test]
    fn an_unknown_name_is_told_as_a_path_the_way_it_was_given() {
        let advice = |name: &str| {
            let text = unknown(name, &[]).to_string();
            let from = text.find("of its folder").expect("advice");
            text[from..].to_owned()
        };
        assert_eq!(advice("mine"), "of its folder (./mine, if that is one).");
        for path in ["/abs/mine", "./mine", "../mine", "org/mine"] {
            assert_eq!(
                advice(path),
                format!("of its folder ({path}, if that is one).")
            );
        }
    }

    #[test]
    fn every_message_ends_so_that_another_sentence_can_follow() {
        let failed = || io::Error::from(io::ErrorKind::PermissionDenied);
        let path = Path::new("/a/folder");
        let tried = Tried {
            source: "the hub".into(),
            reason: "no answer".into(),
        };
        let errors = [
            ModelError::BadRegistry {
                reason: "it names no model".into(),
            },
            unknown("mine", &[]),
            unknown("oen", &["one"]),
            ModelError::NotAFolder {
                path: path.into(),
                reason: failed().to_string(),
            },
            ModelError::NoWeights {
                folder: path.into(),
                found: vec!["pytorch_model.bin".into()],
            },
            ModelError::NotInstalled {
                name: "one".into(),
                looked_in: vec![path.into()],
            },
            ModelError::NoSource {
                name: "one".into(),
                tried: vec![tried],
                advice: vec!["set HF_ENDPOINT".into()],
            },
            ModelError::DiskFull {
                folder: path.into(),
                needed: 1,
            },
            ModelError::io("read", path, failed()),
            ModelError::io("write", path, failed()),
        ];
        for error in errors {
            let text = error.to_string();
            let ends = text.ends_with('.') && !text.ends_with("..");
            assert!(ends, "{text}");
        }
    }
}
