//! Questions about a model that is already here: is it, where, and is every byte right.
//!
//! Not for: fetching or repairing; [`super::resolve`] does that, and a wrong file found here is fetched again by its
//! next call.

use super::cache::{OwnCache, examine_all};
use super::error::ModelError;
use super::options::ResolveOptions;
use super::registry::ModelEntry;
use super::resolve::{Source, snapshots};
use super::stamp::Stamps;
use std::path::{Path, PathBuf};

pub use super::files::FileReport;

/// Where a model lies on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Where {
    /// The folder.
    pub folder: PathBuf,
    /// Which kind of place it is.
    pub source: Source,
}

/// Where the model is, without fetching or hashing: every file there with the right size. `None`: it is not here.
#[must_use]
pub fn installed(entry: &ModelEntry, options: &ResolveOptions) -> Option<Where> {
    places(entry, options).into_iter().find(|place| {
        let whole = |path: &Path, size| {
            path.metadata()
                .is_ok_and(|m| m.is_file() && m.len() == size)
        };
        entry
            .files
            .iter()
            .all(|file| whole(&place.folder.join(&file.path), file.size))
    })
}

/// Hashes every file of the model again, whatever the stamps say: one report a file, in the registry's order.
///
/// The place looked at is the one that [`super::resolve`] would use: the first whose files are all right as far as the
/// stamps tell. Where there is none, it is the first that holds any file of the model.
///
/// # Errors
/// [`ModelError::NotInstalled`] where no place holds any of its files.
pub fn verify(entry: &ModelEntry, options: &ResolveOptions) -> Result<Vec<FileReport>, ModelError> {
    let places = places(entry, options);
    let mut first = None;
    for place in &places {
        let reports = place.examine(entry, options, false);
        if reports.iter().all(FileReport::ok) {
            // The stamps are news: nothing has to be read a second time.
            let read = reports.iter().all(|report| report.hashed);
            return Ok(if read {
                reports
            } else {
                place.examine(entry, options, true)
            });
        }
        if first.is_none() && reports.iter().any(|report| !report.missing) {
            first = Some(place);
        }
    }
    match first {
        Some(place) => Ok(place.examine(entry, options, true)),
        None => Err(ModelError::NotInstalled {
            name: entry.name.clone(),
            looked_in: places.into_iter().map(|place| place.folder).collect(),
        }),
    }
}

/// The wrong files of the model in syntopic's own cache, hashed again. [`verify`] passes over them where another place has the
/// whole model, and so does [`super::resolve`], after it has removed them.
#[must_use]
pub fn damaged_own_copy(entry: &ModelEntry, options: &ResolveOptions) -> Vec<FileReport> {
    if options.folder.is_some() {
        return Vec::new();
    }
    let own = Where {
        folder: OwnCache::of(entry, options).folder,
        source: Source::Cache,
    };
    let mut reports = own.examine(entry, options, true);
    reports.retain(|report| !report.ok() && !report.missing);
    reports
}

impl Where {
    /// Compares every file there with its entry; with `force`, by its bytes.
    fn examine(
        &self,
        entry: &ModelEntry,
        options: &ResolveOptions,
        force: bool,
    ) -> Vec<FileReport> {
        let mut stamps = match self.source {
            Source::Cache => Stamps::beside(&self.folder),
            _ => Stamps::of_foreign(&self.folder, &options.cache_dir),
        };
        examine_all(entry, &self.folder, &mut stamps, force, &mut |_| ())
    }
}

/// The places a model can lie, in the order [`super::resolve`] looks at them.
fn places(entry: &ModelEntry, options: &ResolveOptions) -> Vec<Where> {
    if let Some(folder) = &options.folder {
        return vec![Where {
            folder: folder.clone(),
            source: Source::Folder,
        }];
    }
    let mut places = vec![Where {
        folder: OwnCache::of(entry, options).folder,
        source: Source::Cache,
    }];
    let snapshots = snapshots(entry, options).into_iter();
    places.extend(snapshots.map(|folder| Where {
        folder,
        source: Source::HuggingFaceCache,
    }));
    places
}
