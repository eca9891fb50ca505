//! The one truth of a library: `library.db`, SQLite in WAL mode with full synchronisation, one writer.
//!
//! Not for: models, search or topics, nor for what a row holds (`rows.rs`); it opens the database and runs queries on it.

use crate::LibraryError;
use crate::unclean::{damage, was_left_open};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// The format that this version writes, in SQLite's `user_version`.
pub(crate) const FORMAT: i64 = 1;

/// SQLite's `application_id` of a library: "SYNT".
pub(crate) const APPLICATION_ID: i64 = 0x5359_4e54;

/// How long a writer waits for another one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest that SQLite can wait: some weeks.
const ANY_TIME: Duration = Duration::from_millis(i32::MAX as u64);

/// An open `library.db`.
pub(crate) struct Store {
    path: PathBuf,
    db: Connection,
    /// How long a writer waits for another one.
    patience: Duration,
    /// Of a database that is read without taking part in locking: what it looked like when it was opened.
    unlocked: Option<Looks>,
    /// What is wrong with a database that was not closed cleanly, so that nothing is written to it.
    damage: Option<String>,
}

/// What tells whether anybody wrote to a database: length and time of its file and of its write-ahead log.
type Looks = [Option<(u64, Option<SystemTime>)>; 2];

fn looks(path: &Path) -> Looks {
    [path, &log_of(path)].map(|file| {
        let found = std::fs::metadata(file).ok()?;
        Some((found.len(), found.modified().ok()))
    })
}

/// Where SQLite keeps the write-ahead log of a database.
fn log_of(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

/// Lets the plan of a statement be kept, whatever is bound to it. SQLite would plan the look-up of a paper anew for every id, which was
/// half the time of adding many; no plan here is better for one value than for another.
pub(crate) fn keep_plans(db: &Connection) -> Result<(), rusqlite::Error> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

impl Store {
    /// Opens an existing library of `folder`.
    pub(crate) fn open(folder: &Path) -> Result<Self, LibraryError> {
        let path = folder.join("library.db");
        check_file(folder, &path)?;
        let left_open = was_left_open(&path, &log_of(&path));
        match Self::connect(path) {
            Ok(mut store) if left_open => {
                store.damage = store.read(damage)?;
                Ok(store)
            }
            Err(LibraryError::ReadOnly(path)) => Self::connect_unlocked(path),
            // SQLite makes a file beside the database even to read it. Without room for that, it is read as it is.
            Err(full @ LibraryError::DiskFull(_)) => {
                Self::connect_unlocked(folder.join("library.db")).map_err(|_| full)
            }
            other => other,
        }
    }

    /// The database of a library that is still to be put in its place, `path`.
    pub(crate) fn of_draft(path: PathBuf, db: Connection) -> Self {
        Self {
            path,
            db,
            patience: BUSY_TIMEOUT,
            unlocked: None,
            damage: None,
        }
    }

    /// Ends the connection, with everything on disk.
    pub(crate) fn close(self) -> Result<(), LibraryError> {
        let Self { path, db, .. } = self;
        db.close()
            .map_err(|(_, source)| LibraryError::sqlite(&path, source))
    }

    /// Opens a library that this user may read but not write, when nothing waits in its write-ahead log: without write
    /// permission SQLite cannot take part in locking, so the file is read as it is, and [`Store::read`] sees to it that
    /// nobody wrote to it meanwhile.
    fn connect_unlocked(path: PathBuf) -> Result<Self, LibraryError> {
        let unlocked = looks(&path);
        if matches!(unlocked[1], Some((1.., _))) {
            return Err(LibraryError::ReadOnly(path));
        }
        let mut store = Self::open_alone(&path)?;
        store.unlocked = Some(unlocked);
        Ok(store)
    }

    /// Opens a database that nobody writes to, which is left without a trace.
    pub(crate) fn open_alone(path: &Path) -> Result<Self, LibraryError> {
        let error = |source| LibraryError::sqlite(path, source);
        let escaped = path
            .display()
            .to_string()
            .replace('%', "%25")
            .replace('?', "%3f")
            .replace('#', "%23");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)
            .map_err(error)?;
        keep_plans(&db).map_err(error)?;
        check_format(&db, path)?;
        Ok(Self {
            path: path.to_owned(),
            db,
            patience: BUSY_TIMEOUT,
            unlocked: None,
            damage: None,
        })
    }

    fn connect(path: PathBuf) -> Result<Self, LibraryError> {
        let error = |source| LibraryError::sqlite(&path, source);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&path, flags).map_err(error)?;
        db.busy_timeout(BUSY_TIMEOUT).map_err(error)?;
        keep_plans(&db).map_err(error)?;
        check_format(&db, &path)?;
        switch_to_wal(&db).map_err(error)?;
        db.execute_batch("PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;")
            .map_err(error)?;
        Ok(Self {
            path,
            db,
            patience: BUSY_TIMEOUT,
            unlocked: None,
            damage: None,
        })
    }

    /// The same, which waits for other writers as long as it takes, or no longer than usual.
    pub(crate) fn with_patience(mut self, wait: bool) -> Result<Self, LibraryError> {
        self.be_patient(if wait { ANY_TIME } else { BUSY_TIMEOUT })?;
        Ok(self)
    }

    fn be_patient(&mut self, patience: Duration) -> Result<(), LibraryError> {
        self.patience = patience;
        let set = self.db.busy_timeout(patience);
        set.map_err(|source| LibraryError::sqlite(&self.path, source))
    }

    /// Where the database is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Holds the database as it is at the next read, for all reads until [`Store::let_go`], whatever others commit meanwhile;
    /// whether it was not held already.
    pub(crate) fn hold(&self) -> Result<bool, LibraryError> {
        let free = self.db.is_autocommit();
        if free {
            let begun = self.db.execute_batch("BEGIN");
            begun.map_err(|source| LibraryError::sqlite(&self.path, source))?;
        }
        Ok(free)
    }

    /// Ends [`Store::hold`]. Nothing was written in it, so nothing can be lost.
    pub(crate) fn let_go(&self) {
        let _ = self.db.execute_batch("ROLLBACK");
    }

    /// Runs `work` in one transaction and commits it, all or nothing. While the database is held, what was written is seen only
    /// afterwards.
    pub(crate) fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<T, LibraryError> {
        self.open_for_writing()?;
        if !self.db.is_autocommit() {
            let mut other = Self::connect(self.path.clone())?;
            other.be_patient(self.patience)?;
            return other.write(work);
        }
        let path = &self.path;
        let error = |source| LibraryError::sqlite(path, source);
        let tx = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(error)?;
        let result = work(&tx).map_err(error)?;
        tx.commit().map_err(error)?;
        Ok(result)
    }

    /// Runs statements that are no transaction's, such as SQLite's own upkeep.
    pub(crate) fn upkeep(&mut self, sql: &str) -> Result<(), LibraryError> {
        self.open_for_writing()?;
        let done = self.db.execute_batch(sql);
        done.map_err(|source| LibraryError::sqlite(&self.path, source))
    }

    /// Lets a database be written to that was found damaged: for whoever mends it.
    pub(crate) fn write_though_damaged(&mut self) {
        self.damage = None;
    }

    /// Refuses where the database was found damaged. Opens one again that was opened to be read as it is: why it could not be written
    /// may be over.
    fn open_for_writing(&mut self) -> Result<(), LibraryError> {
        if let Some(why) = &self.damage {
            return Err(LibraryError::Corrupt {
                path: self.path.clone(),
                why: why.clone(),
            });
        }
        if self.unlocked.is_some() && self.db.is_autocommit() {
            let mut again = Self::connect(self.path.clone())?;
            again.be_patient(self.patience)?;
            *self = again;
        }
        Ok(())
    }

    /// Runs a reading query.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, LibraryError> {
        let result = work(&self.db);
        if let Some(before) = &self.unlocked
            && *before != looks(&self.path)
        {
            // What was read may be half of the old and half of the new.
            return Err(LibraryError::Busy(self.path.clone()));
        }
        result.map_err(|source| LibraryError::sqlite(&self.path, source))
    }

    /// A recorded setting.
    pub(crate) fn meta(&self, key: &str) -> Result<Option<String>, LibraryError> {
        self.read(|db| read_meta(db, key))
    }

    /// How often the library was changed.
    pub(crate) fn generation(&self) -> Result<u64, LibraryError> {
        self.read(read_generation)
    }

    /// The recorded model, and whether there is any vector: in one statement, so that both are of one moment.
    pub(crate) fn model(&self) -> Result<(Option<String>, bool), LibraryError> {
        self.read(|db| {
            db.prepare_cached(
                "SELECT (SELECT value FROM meta WHERE key = 'model'), EXISTS (SELECT 1 FROM vectors)",
            )?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        })
    }
}

/// That there is a database that is not empty. A new one is put in its place whole, so an empty one has lost everything;
/// SQLite would take it for a new one.
fn check_file(folder: &Path, path: &Path) -> Result<(), LibraryError> {
    // Looked for before the database itself: who makes a library makes its database first.
    let log = log_of(path);
    let has_log = log.exists();
    let damaged = |why: String| LibraryError::Corrupt {
        path: path.to_owned(),
        why,
    };
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(damaged(String::from("it is a directory"))),
        Ok(found) if found.is_file() && found.len() == 0 => Err(damaged(String::from(
            "it is empty, and a library's database never is",
        ))),
        Ok(_) => Ok(()),
        Err(error) if is_absent(&error) && has_log => Err(damaged(format!(
            "it is missing, and its write-ahead log {} is still there",
            log.display()
        ))),
        Err(error) if is_absent(&error) => Err(LibraryError::NotFound(folder.to_owned())),
        Err(source) => Err(LibraryError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Whether an error says that there is no such file, rather than that it cannot be looked at.
fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

/// Turns the write-ahead log on. SQLite does not wait for other processes here, whatever its time-out, so we do.
fn switch_to_wal(db: &Connection) -> Result<(), rusqlite::Error> {
    let start = Instant::now();
    loop {
        match db.execute_batch("PRAGMA journal_mode=WAL;") {
            Err(error)
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
                    && start.elapsed() < BUSY_TIMEOUT =>
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            result => return result,
        }
    }
}

/// That a database is a library of a format that this version reads.
fn check_format(db: &Connection, path: &Path) -> Result<(), LibraryError> {
    let number = |sql: &str| {
        db.query_row(sql, [], |row| row.get::<_, i64>(0))
            .map_err(|source| LibraryError::sqlite(path, source))
    };
    if number("PRAGMA application_id")? != APPLICATION_ID {
        return Err(LibraryError::Corrupt {
            path: path.to_owned(),
            why: String::from("it is an SQLite database of something else"),
        });
    }
    let found = number("PRAGMA user_version")?;
    if found < 1 {
        return Err(LibraryError::Corrupt {
            path: path.to_owned(),
            why: format!("it has format {found}, and there is none before 1"),
        });
    }
    if found > FORMAT {
        return Err(LibraryError::NewerFormat {
            path: path.to_owned(),
            found,
            supported: FORMAT,
        });
    }
    Ok(())
}

/// A recorded setting, also within a transaction.
pub(crate) fn read_meta(db: &Connection, key: &str) -> Result<Option<String>, rusqlite::Error> {
    db.prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()
}

/// How often the library was changed, also within a transaction.
pub(crate) fn read_generation(db: &Connection) -> Result<u64, rusqlite::Error> {
    let count = read_meta(db, "generation")?;
    Ok(count.and_then(|count| count.parse().ok()).unwrap_or(0))
}

/// A transaction of several reads, so that all of them are of one moment; nothing where they are already.
pub(crate) fn one_moment(db: &Connection) -> Result<Option<Transaction<'_>>, rusqlite::Error> {
    let free = db.is_autocommit();
    free.then(|| db.unchecked_transaction()).transpose()
}

/// Records a setting.
pub(crate) fn set_meta(
    tx: &Transaction<'_>,
    key: &str,
    value: &str,
) -> Result<(), rusqlite::Error> {
    tx.prepare_cached("INSERT OR REPLACE INTO meta(key, value) VALUES (?1, ?2)")?
        .execute([key, value])
        .map(|_| ())
}

/// Counts one more change.
pub(crate) fn next_generation(tx: &Transaction<'_>) -> Result<(), rusqlite::Error> {
    tx.execute(
        "INSERT INTO meta(key, value) VALUES ('generation', '1')
         ON CONFLICT(key) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)",
        [],
    )
    .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_without_a_lock_is_not_used_when_somebody_wrote() {
        let place = tempfile::tempdir().unwrap();
        let draft = crate::create::Draft::new(place.path().join("library.db")).unwrap();
        assert!(draft.publish().unwrap());
        let late = crate::create::Draft::new(place.path().join("library.db")).unwrap();
        assert!(!late.publish().unwrap(), "there is one already");
        let mut writer = Store::open(place.path()).unwrap();
        let path = writer.path().to_owned();
        let reader = Store::connect_unlocked(path.clone()).unwrap();
        assert_eq!(reader.n_papers().unwrap(), 0);
        writer.write(next_generation).unwrap();
        let read = reader.n_papers();
        assert!(matches!(read, Err(LibraryError::Busy(_))), "{read:?}");
        // With something in the write-ahead log, such a reader would miss it.
        let late = Store::connect_unlocked(path).err();
        assert!(matches!(late, Some(LibraryError::ReadOnly(_))), "{late:?}");
    }
}
