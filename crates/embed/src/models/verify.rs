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
/// The place looked at is the first that holds any file of the model.
///
/// # Errors
/// [`ModelError::NotInstalled`] where no place holds any of its files.
pub fn verify(entry: &ModelEntry, options: &ResolveOptions) -> Result<Vec<FileReport>, ModelError> {
    let places = places(entry, options);
    let any = |place: &&Where| {
        entry
            .files
            .iter()
            .any(|file| place.folder.join(&file.path).exists())
    };
    let Some(place) = places.iter().find(any) else {
        return Err(ModelError::NotInstalled {
            name: entry.name.clone(),
            looked_in: places.into_iter().map(|place| place.folder).collect(),
        });
    };
    let mut stamps = match place.source {
        Source::Cache => Stamps::beside(&place.folder),
        _ => Stamps::of_foreign(&place.folder, &options.cache_dir),
    };
    Ok(examine_all(
        entry,
        &place.folder,
        &mut stamps,
        true,
        &mut |_| (),
    ))
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
