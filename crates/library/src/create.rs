//! A new `library.db`: made under a temporary name, with its first papers, and put in its place, so that a failed `add` leaves
//! nothing and an empty or half-made file is never a new library but always a damaged one.

use crate::LibraryError;
use crate::rows::Tables;
use crate::store::{APPLICATION_ID, FORMAT, Store, keep_plans};
use rusqlite::{Connection, OpenFlags};
use std::fs::File;
use std::path::{Path, PathBuf};

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
";

/// Of a table of vectors.
const VECTORS: &str = "(
  paper INTEGER PRIMARY KEY REFERENCES papers(paper) ON DELETE CASCADE,
  text_sha256 BLOB NOT NULL, -- of the text that was embedded
  tokens INTEGER NOT NULL,   -- read by the model
  truncated INTEGER NOT NULL,
  vector BLOB NOT NULL       -- little endian, as `vectors` in `meta` says
) STRICT";

/// Makes a table of vectors where there is none.
pub(crate) fn make_vectors(db: &Connection, tables: Tables) -> Result<(), rusqlite::Error> {
    let table = tables.vectors();
    db.execute_batch(&format!("CREATE TABLE IF NOT EXISTS {table}{VECTORS}"))
}

/// A database under a temporary name, which goes when it is dropped.
pub(crate) struct Draft {
    pub(crate) store: Store,
    file: tempfile::NamedTempFile,
    path: PathBuf,
}

impl Draft {
    /// An empty library that is to be at `path`, whose folder is there.
    pub(crate) fn new(path: PathBuf) -> Result<Self, LibraryError> {
        let io = |source| LibraryError::Io {
            path: path.clone(),
            source,
        };
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".library.db-");
        let file = crate::derived::open_to_readers(&mut builder)
            .tempfile_in(folder)
            .map_err(io)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(file.path(), flags)
            .and_then(|db| {
                keep_plans(&db)?;
                db.execute_batch("PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; BEGIN;")?;
                db.execute_batch(SCHEMA)?;
                make_vectors(&db, Tables::Present)?;
                db.pragma_update(None, "application_id", APPLICATION_ID)?;
                db.pragma_update(None, "user_version", FORMAT)?;
                db.execute_batch("COMMIT;")?;
                Ok(db)
            })
            .map_err(|source| LibraryError::sqlite(&path, source))?;
        Ok(Self {
            store: Store::of_draft(path.clone(), db),
            file,
            path,
        })
    }

    /// Puts it in its place. Another process may have been first: then that one's library is left, and `false` is given.
    pub(crate) fn publish(self) -> Result<bool, LibraryError> {
        let Self { store, file, path } = self;
        let error = |source| LibraryError::Io {
            path: path.clone(),
            source,
        };
        store.close()?;
        match file.persist_noclobber(&path) {
            Ok(_) => {}
            Err(e) if e.error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(false),
            Err(e) => return Err(error(e.error)),
        }
        // The new name is durable once the folder is synced; where folders cannot be opened, the system sees to it.
        if let Some(Ok(folder)) = path.parent().map(File::open) {
            folder.sync_all().map_err(error)?;
        }
        Ok(true)
    }
}
