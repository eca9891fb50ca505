//! Takes a model out of syntopic's own cache, and nothing else: the Hugging Face cache and given folders are never changed.

use super::cache::OwnCache;
use super::error::ModelError;
use super::options::ResolveOptions;
use super::registry::ModelEntry;
use super::verify::{Where, installed};
use std::fs;
use std::path::{Path, PathBuf};

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The folder that is gone.
    pub folder: PathBuf,
    /// Bytes of the files that were in it, all revisions and unfinished fetches together.
    pub freed: u64,
    /// Where the model still is, if it is in another place too.
    pub left: Option<Where>,
}

/// Removes every revision of a model from syntopic's own cache, waiting for a process that fetches it.
///
/// # Errors
/// [`ModelError::NotInOwnCache`] where nothing of it is there; [`ModelError::Io`] where it cannot be removed.
pub fn remove(entry: &ModelEntry, options: &ResolveOptions) -> Result<Removed, ModelError> {
    let cache = OwnCache::of(entry, options);
    let folder = cache.parent().to_owned();
    let elsewhere = || installed(entry, options);
    // A link is somebody else's arrangement.
    let own = fs::symlink_metadata(&folder).is_ok_and(|metadata| metadata.is_dir());
    if !own {
        return Err(ModelError::NotInOwnCache {
            name: entry.name.clone(),
            folder,
            elsewhere: elsewhere().map(|place| place.folder),
        });
    }
    let freed = {
        let _lock = cache.lock(&mut |_| ())?;
        let freed = size_below(&folder);
        fs::remove_dir_all(&folder).map_err(|error| ModelError::io("remove", &folder, error))?;
        freed
    };
    Ok(Removed {
        folder,
        freed,
        left: elsewhere(),
    })
}

fn size_below(folder: &Path) -> u64 {
    let items = fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |item: fs::DirEntry| match item.metadata() {
        Ok(metadata) if metadata.is_dir() => size_below(&item.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    items.map(size).sum()
}
