//! A new `library.db`: made whole under a temporary name and put in its place, so that an empty or half-made file is never a
//! new library but always a damaged one.

use crate::LibraryError;
use crate::store::{APPLICATION_ID, FORMAT};
use rusqlite::{Connection, OpenFlags};
use std::fs::File;
use std::path::Path;

const SCHEMA: &str = "
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE papers(
  paper INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL,
  abstract TEXT,
  authors TEXT NOT NULL,     -- JSON list
  year INTEGER,
  date TEXT,
  venue TEXT,
  url TEXT,
  doi TEXT,
  categories TEXT NOT NULL   -- JSON list
) STRICT;
CREATE TABLE vectors(
  paper INTEGER PRIMARY KEY REFERENCES papers(paper) ON DELETE CASCADE,
  text_sha256 BLOB NOT NULL, -- of the text that was embedded
  tokens INTEGER NOT NULL,   -- read by the model
  truncated INTEGER NOT NULL,
  vector BLOB NOT NULL       -- f32, little endian
) STRICT;
";

/// Makes an empty library at `path`, whose folder is there. Another process may do the same: who comes second finds the
/// first one's and leaves it.
pub(crate) fn create(path: &Path) -> Result<(), LibraryError> {
    let error = |source| LibraryError::Io {
        path: path.to_owned(),
        source,
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".library.db-");
    let file = crate::derived::open_to_readers(&mut builder)
        .tempfile_in(folder)
        .map_err(error)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(file.path(), flags)
        .and_then(|db| {
            db.execute_batch("PRAGMA synchronous=FULL; BEGIN;")?;
            db.execute_batch(SCHEMA)?;
            db.pragma_update(None, "application_id", APPLICATION_ID)?;
            db.pragma_update(None, "user_version", FORMAT)?;
            db.execute_batch("COMMIT;")?;
            db.close().map_err(|(_, error)| error)
        })
        .map_err(|source| LibraryError::sqlite(path, source))?;
    match file.persist_noclobber(path) {
        Ok(_) => {}
        Err(e) if e.error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
        Err(e) => return Err(error(e.error)),
    }
    // The new name is durable once the folder is synced; where folders cannot be opened, the system sees to it.
    match File::open(folder) {
        Ok(folder) => folder.sync_all().map_err(error),
        Err(_) => Ok(()),
    }
}
