//! syntopic's own cache of one model: `<cache>/models/<name>/<revision>/`.
//!
//! Files arrive in a temporary folder beside the target and are renamed into it one by one, each verified and on disk
//! before that, so another process sees a right file or none. A lock file keeps two processes from fetching the same
//! model twice; where the file system has no locks, the renames alone keep the cache whole.

use super::error::ModelError;
use super::files::{FileReport, examine};
use super::options::ResolveOptions;
use super::pins::folder_name;
use super::registry::{FileEntry, ModelEntry};
use super::resolve::Fetch;
use super::stamp::Stamps;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const TEMP: &str = ".fetch-";

pub(super) struct OwnCache<'a> {
    entry: &'a ModelEntry,
    /// `<cache>/models/<name>`
    parent: PathBuf,
    /// `<cache>/models/<name>/<revision>`
    pub(super) folder: PathBuf,
}

/// Held while the cache is changed; dropping it lets the next process in.
pub(super) struct Lock {
    file: Option<File>,
}

impl<'a> OwnCache<'a> {
    pub(super) fn of(entry: &'a ModelEntry, options: &ResolveOptions) -> Self {
        let parent = options
            .cache_dir
            .join("models")
            .join(folder_name(&entry.name));
        let folder = parent.join(&entry.revision);
        OwnCache {
            entry,
            parent,
            folder,
        }
    }

    /// `<cache>/models/<name>`, which holds every revision.
    pub(super) fn parent(&self) -> &Path {
        &self.parent
    }

    /// Compares every file with its entry, by stamp where that is enough.
    pub(super) fn examine(&self, force: bool, progress: &mut dyn FnMut(Fetch)) -> Vec<FileReport> {
        let mut stamps = Stamps::beside(&self.folder);
        examine_all(self.entry, &self.folder, &mut stamps, force, progress)
    }

    /// Makes the folders and takes the lock, waiting for another process that holds it.
    pub(super) fn lock(&self, progress: &mut dyn FnMut(Fetch)) -> Result<Lock, ModelError> {
        fs::create_dir_all(&self.folder).map_err(|error| {
            ModelError::write(&self.parent, &self.folder, self.entry.size(), error)
        })?;
        let path = self.parent.join(".lock");
        let file = File::create(&path).map_err(|error| ModelError::io("create", &path, error))?;
        let locked = match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                progress(Fetch::Note(format!(
                    "waiting for another process that is fetching {}",
                    self.entry.name
                )));
                file.lock()
            }
            Ok(()) => Ok(()),
            Err(TryLockError::Error(error)) => Err(error),
        };
        Ok(match locked {
            Ok(()) => {
                self.sweep();
                Lock { file: Some(file) }
            }
            Err(_) => Lock { file: None },
        })
    }

    /// Removes what a killed process left; only called under the lock, so nobody is using it.
    fn sweep(&self) {
        for item in fs::read_dir(&self.parent).into_iter().flatten().flatten() {
            if item.file_name().to_string_lossy().starts_with(TEMP) {
                let _ = fs::remove_dir_all(item.path());
            }
        }
    }

    /// Names and removes the files that are there and wrong.
    pub(super) fn discard(
        &self,
        reports: &[FileReport],
        progress: &mut dyn FnMut(Fetch),
    ) -> Result<(), ModelError> {
        for report in reports.iter().filter(|report| !report.missing) {
            let Some(problem) = &report.problem else {
                continue;
            };
            progress(Fetch::Note(format!(
                "{} is not the file it should be ({problem}); removed, to be fetched again",
                report.path.display()
            )));
            let removed = if report.path.is_dir() {
                fs::remove_dir_all(&report.path)
            } else {
                fs::remove_file(&report.path)
            };
            removed.map_err(|error| ModelError::io("remove", &report.path, error))?;
        }
        Ok(())
    }

    /// An empty folder on the same file system as the target.
    pub(super) fn temp(&self) -> Result<TempDir, ModelError> {
        tempfile::Builder::new()
            .prefix(TEMP)
            .tempdir_in(&self.parent)
            .map_err(|error| {
                ModelError::write(&self.parent, &self.parent, self.entry.size(), error)
            })
    }

    /// Moves verified files from `temp` into place and stamps them.
    pub(super) fn place(&self, temp: &Path, files: &[&FileEntry]) -> Result<(), ModelError> {
        let mut stamps = Stamps::beside(&self.folder);
        for file in files {
            let to = self.folder.join(&file.path);
            let fail = |error| ModelError::write(&self.folder, &to, file.size, error);
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder).map_err(fail)?;
            }
            fs::rename(temp.join(&file.path), &to).map_err(fail)?;
            if let Some(folder) = to.parent() {
                sync_folder(folder);
            }
            let metadata = fs::metadata(&to).map_err(|error| ModelError::io("read", &to, error))?;
            stamps.record(&file.path, &metadata, file.sha256.clone());
        }
        sync_folder(&self.folder);
        stamps.save().map_err(|error| {
            ModelError::write(&self.folder, &self.folder, self.entry.size(), error)
        })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            // Closing the file lets go of it anyway.
            let _ = file.unlock();
        }
    }
}

/// Compares every file of a folder with its entry and keeps what was learnt in the stamps.
pub(super) fn examine_all(
    entry: &ModelEntry,
    folder: &Path,
    stamps: &mut Stamps,
    force: bool,
    progress: &mut dyn FnMut(Fetch),
) -> Vec<FileReport> {
    let reports = entry
        .files
        .iter()
        .map(|file| examine(folder, file, stamps, force, progress))
        .collect();
    save(stamps, folder, progress);
    reports
}

/// A stamp that cannot be written costs a hash next time, nothing else.
pub(super) fn save(stamps: &mut Stamps, folder: &Path, progress: &mut dyn FnMut(Fetch)) {
    if let Err(error) = stamps.save() {
        progress(Fetch::Note(format!(
            "the checks of {} could not be recorded ({error}); its files will be hashed again next time",
            folder.display()
        )));
    }
}

/// Makes a rename survive a power cut, where the system allows it.
fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}
