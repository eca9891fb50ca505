//! A library that was not closed cleanly is looked over before anything is written to it.
//!
//! Not for: what SQLite mends by itself. A process that is killed loses no commit, since the write-ahead log is read again; but where the system
//! or a disk failed under it, pages may be damaged, and what is written next would spread that.

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// Whether the database `path` has something in its write-ahead log `log` though nobody has it open: the last who had did not close it.
/// Nothing is changed by asking. Whatever cannot be told is told by the opening that follows.
pub(crate) fn was_left_open(path: &Path, log: &Path) -> bool {
    let logged = std::fs::metadata(log).is_ok_and(|log| log.len() > 0);
    logged && nobody_has(path).unwrap_or(false)
}

/// Every connection to a database with a log holds a lock on it. Whoever can have it alone is the only one.
fn nobody_has(path: &Path) -> Result<bool, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    // The log stays: it is the mark of what is asked for here, until the database is closed cleanly.
    keep_log(&db)?;
    db.busy_timeout(std::time::Duration::ZERO)?;
    db.execute_batch("PRAGMA locking_mode=EXCLUSIVE;")?;
    let looked = db.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
    match looked {
        Ok(()) => Ok(true),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Leaves the write-ahead log where it is when the database is closed.
fn keep_log(db: &Connection) -> Result<(), rusqlite::Error> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(())
}

/// What SQLite's quick check finds wrong, if anything; then the log stays, so that whoever opens the database next finds it too.
pub(crate) fn damage(db: &Connection) -> Result<Option<String>, rusqlite::Error> {
    let found = db.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    let wrong = match found {
        Ok(line) if line == "ok" => return Ok(None),
        Ok(line) => line,
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
            error.to_string()
        }
        Err(error) => return Err(error),
    };
    keep_log(db)?;
    let wrong = wrong.replace('\n', " ");
    Ok(Some(format!(
        "it was not closed cleanly, and SQLite's quick check finds: {wrong}. Nothing is written to it before `syntopic repair` ran"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LibraryError;
    use crate::store::{Store, next_generation, set_meta};
    use std::path::PathBuf;

    /// What a process that was killed leaves of a library of some pages: its database and its log.
    fn left(place: &Path) -> PathBuf {
        let (there, folder) = (place.join("there"), place.join("left"));
        std::fs::create_dir_all(&there).unwrap();
        std::fs::create_dir_all(&folder).unwrap();
        let draft = crate::create::Draft::new(there.join("library.db")).unwrap();
        assert!(draft.publish().unwrap());
        let mut store = Store::open(&there).unwrap();
        let many = store.write(|tx| {
            (0..2_000).try_for_each(|i| set_meta(tx, &format!("key {i}"), &"x".repeat(90)))
        });
        many.unwrap();
        store.close().unwrap();
        let mut store = Store::open(&there).unwrap();
        store.write(next_generation).unwrap();
        for name in ["library.db", "library.db-wal"] {
            std::fs::copy(there.join(name), folder.join(name)).unwrap();
        }
        folder
    }

    fn left_open(folder: &Path) -> bool {
        was_left_open(&folder.join("library.db"), &folder.join("library.db-wal"))
    }

    #[test]
    fn a_killed_process_is_told_from_one_that_works_and_one_that_ended() {
        let place = tempfile::tempdir().unwrap();
        let folder = left(place.path());
        assert!(left_open(&folder));
        assert!(left_open(&folder), "asking changes nothing");
        assert!(
            !left_open(&place.path().join("there")),
            "it was closed by now"
        );
        let mut store = Store::open(&folder).unwrap();
        assert_eq!(store.generation().unwrap(), 1, "the log was read");
        assert!(!left_open(&folder), "it is open");
        store.write(next_generation).unwrap();
        assert!(!left_open(&folder), "it is open and written to");
        store.close().unwrap();
        assert!(!left_open(&folder), "it was closed");
        assert_eq!(Store::open(&folder).unwrap().generation().unwrap(), 2);
    }

    #[test]
    fn nothing_is_written_to_a_database_that_was_left_damaged() {
        let place = tempfile::tempdir().unwrap();
        let folder = left(place.path());
        let path = folder.join("library.db");
        let mut bytes = std::fs::read(&path).unwrap();
        // A page of the many settings; those that the log holds are the first ones.
        let page = bytes.len() - 4_096;
        bytes[page..page + 64].fill(0xa5);
        std::fs::write(&path, &bytes).unwrap();
        for time in 0..2 {
            let mut store = Store::open(&folder).unwrap();
            let refused = store.write(next_generation);
            let Err(LibraryError::Corrupt { why, .. }) = refused else {
                panic!("time {time}: {refused:?}");
            };
            assert!(why.contains("not closed cleanly"), "{why}");
            assert!(!why.contains('\n'), "{why}");
            // What can be read can be read; and whoever mends it may write.
            assert_eq!(store.generation().unwrap(), 1 + time);
            store.write_though_damaged();
            store.write(next_generation).unwrap();
        }
    }
}
