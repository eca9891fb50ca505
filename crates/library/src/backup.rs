//! A copy of a library as it is at one moment, made while others read and write it.
//!
//! Into a folder: a library like the first, derived files and all, so that it answers the same at once. Into a file: the database
//! alone, from which everything else is made again.

use crate::engine::Library;
use crate::store::Store;
use crate::{Event, LibraryError, Progress};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Pages of the database copied between two looks at whether to stop.
const PAGES: i32 = 1_000;

/// What a `backup` made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackupReport {
    /// The folder or file.
    pub backup: String,
    /// Whether it is a folder, hence a library as it stands.
    pub is_folder: bool,
    /// Papers in it.
    pub papers: usize,
    /// How often the library had been changed.
    pub generation: u64,
    /// Bytes of the copy.
    pub bytes: u64,
}

impl Library {
    /// Copies the library to `to`: a file where the name ends in `.db` or a file is there, otherwise a folder. The copy is of one
    /// moment, was read through once, and is in its place whole or not at all.
    ///
    /// # Errors
    /// When `to` is there and `force` is not given, or is this library; when it cannot be written, the library is damaged, or
    /// `progress` asked to stop.
    pub fn backup(
        &mut self,
        to: &Path,
        force: bool,
        progress: &mut Progress<'_>,
    ) -> Result<BackupReport, LibraryError> {
        let is_file = to.is_file() || to.extension().is_some_and(|name| name == "db");
        let target = if is_file {
            to.to_owned()
        } else {
            to.join("library.db")
        };
        self.may_be_written(&target, force)?;
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let new_folder = !folder.exists();
        std::fs::create_dir_all(folder).map_err(at(folder))?;
        let copied = self.copy_database((folder, &target), progress);
        if copied.is_err() && new_folder {
            // Only if nobody has put anything there meanwhile.
            let _ = std::fs::remove_dir(folder);
        }
        let mut report = copied?;
        report.backup = to.display().to_string();
        if !is_file {
            report.is_folder = true;
            for path in self.derived_paths() {
                report.bytes += copy_derived(&path, folder)?;
            }
        }
        sync_folder(folder)?;
        Ok(report)
    }

    /// That a backup may be put there.
    fn may_be_written(&self, target: &Path, force: bool) -> Result<(), LibraryError> {
        let own = self.store()?.path();
        let canonical = |path: &Path| std::fs::canonicalize(path).ok();
        if canonical(target).is_some_and(|target| Some(target) == canonical(own)) {
            return Err(LibraryError::BackupOntoItself(target.to_owned()));
        }
        let log = target.with_extension("db-wal");
        let in_use = std::fs::metadata(&log).is_ok_and(|found| found.len() > 0);
        if target.exists() && (!force || in_use) {
            return Err(LibraryError::BackupExists {
                path: target.to_owned(),
                in_use,
            });
        }
        Ok(())
    }

    /// The database as a file in its place.
    fn copy_database(
        &mut self,
        (folder, target): (&Path, &Path),
        progress: &mut Progress<'_>,
    ) -> Result<BackupReport, LibraryError> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".library.db-");
        let file = crate::derived::open_to_readers(&mut builder)
            .tempfile_in(folder)
            .map_err(at(folder))?;
        self.at_one_moment(|library| library.store()?.copy_to(file.path(), progress))?;
        let (papers, generation) = read_through(file.path())?;
        file.as_file().sync_all().map_err(at(target))?;
        let bytes = file.as_file().metadata().map_err(at(target))?.len();
        file.persist(target).map_err(|e| at(target)(e.error))?;
        Ok(BackupReport {
            backup: String::new(),
            is_folder: false,
            papers,
            generation,
            bytes,
        })
    }

    /// Every file made from the papers, there or not.
    pub(crate) fn derived_paths(&self) -> Vec<PathBuf> {
        let named = ["topics.json", "likeness.json", crate::map::kept::FILE]
            .map(|name| self.folder.join(name));
        let [words, titles] = self.words_paths();
        let of_rows = [self.index_path(), self.rows_path(), words, titles];
        of_rows.into_iter().chain(named).collect()
    }
}

impl Store {
    /// Copies the database, as it is held, into an empty file.
    fn copy_to(&self, path: &Path, progress: &mut Progress<'_>) -> Result<(), LibraryError> {
        // The read by which the moment begins.
        self.generation()?;
        let error = |source| LibraryError::sqlite(path, source);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut copy = Connection::open_with_flags(path, flags).map_err(error)?;
        let mut stopped = false;
        self.read(|db| {
            let backup = Backup::new(db, &mut copy)?;
            loop {
                match backup.step(PAGES)? {
                    StepResult::Done => return Ok(()),
                    // Somebody takes the log into the database just now.
                    StepResult::Busy | StepResult::Locked => {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    _ => {}
                }
                let pages = backup.progress();
                let of = usize::try_from(pages.pagecount).unwrap_or(0);
                let left = usize::try_from(pages.remaining).unwrap_or(0);
                let event = Event::Copying {
                    done: of.saturating_sub(left),
                    of,
                };
                if progress(event).is_break() {
                    stopped = true;
                    return Ok(());
                }
            }
        })?;
        copy.close().map_err(|(_, source)| error(source))?;
        match stopped {
            true => Err(LibraryError::BackupStopped),
            false => Ok(()),
        }
    }
}

/// That a copy is whole; its papers and how often it had been changed.
fn read_through(path: &Path) -> Result<(usize, u64), LibraryError> {
    let error = |source| LibraryError::sqlite(path, source);
    // Nobody else knows the file yet, and no log is to be left beside it.
    let copy = Store::open_alone(path)?;
    let lines: Vec<String> = copy.read(|db| {
        db.prepare("PRAGMA quick_check")?
            .query_map([], |row| row.get(0))?
            .collect()
    })?;
    if let Some(why) = lines.iter().find(|line| *line != "ok") {
        return Err(error(rusqlite::Error::FromSqlConversionFailure(
            0,
            rusqlite::types::Type::Text,
            why.clone().into(),
        )));
    }
    Ok((copy.n_papers()?, copy.generation()?))
}

/// Copies a derived file, which says itself of which papers it is; one that is not there is made again when it is needed.
fn copy_derived(path: &Path, folder: &Path) -> Result<u64, LibraryError> {
    let (Ok(mut from), Some(name)) = (File::open(path), path.file_name()) else {
        return Ok(0);
    };
    let target = folder.join(name);
    let mut builder = tempfile::Builder::new();
    let mut file = crate::derived::open_to_readers(&mut builder)
        .tempfile_in(folder)
        .map_err(at(&target))?;
    let bytes = std::io::copy(&mut from, file.as_file_mut()).map_err(at(&target))?;
    file.as_file().sync_all().map_err(at(&target))?;
    file.persist(&target).map_err(|e| at(&target)(e.error))?;
    Ok(bytes)
}

fn sync_folder(folder: &Path) -> Result<(), LibraryError> {
    // Where folders cannot be opened, the system sees to it.
    match File::open(folder) {
        Ok(opened) => opened.sync_all().map_err(at(folder)),
        Err(_) => Ok(()),
    }
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> LibraryError {
    let path = path.to_owned();
    |source| LibraryError::Io { path, source }
}
