//! The one truth of a library: `library.db`, SQLite in WAL mode with full synchronisation, one writer.
//!
//! Not for: models, search or topics; it keeps papers and their vectors and hands them back.

use crate::LibraryError;
use rusqlite::{
    Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params,
};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use syntopic_core::{Embeddings, Paper, PaperId, paper_text};

/// The format that this version writes, in SQLite's `user_version`.
pub(crate) const FORMAT: i64 = 1;

/// SQLite's `application_id` of a library: "SYNT".
const APPLICATION_ID: i64 = 0x5359_4e54;

/// How long a writer waits for another one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

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

/// SHA-256.
pub(crate) type Sha = [u8; 32];

/// Hash of what is embedded of a paper.
pub(crate) fn text_sha256(paper: &Paper) -> Sha {
    Sha256::digest(paper_text(paper).as_bytes()).into()
}

/// What an incoming paper means for the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Already there, the same.
    Unchanged,
    /// Already there with the same text; year, venue and the like differ.
    Details,
    /// Already there with another text, or without a vector.
    Text,
    /// Not there yet.
    New,
}

/// A vector and what is known of the text it stands for.
pub(crate) struct VectorRow<'a> {
    pub(crate) tokens: usize,
    pub(crate) truncated: bool,
    pub(crate) vector: &'a [f32],
}

/// All vectors in the order of their ids, so that ties by row are ties by id.
pub(crate) struct Snapshot {
    pub(crate) ids: Vec<PaperId>,
    pub(crate) vectors: Embeddings,
    /// SHA-256 of ids and vectors: what derived files carry.
    pub(crate) sha256: Sha,
}

/// An open `library.db`.
pub(crate) struct Store {
    path: PathBuf,
    db: Connection,
}

impl Store {
    /// Opens an existing library of `folder`.
    pub(crate) fn open(folder: &Path) -> Result<Self, LibraryError> {
        let path = folder.join("library.db");
        if !path.is_file() {
            return Err(LibraryError::NotFound(folder.to_owned()));
        }
        match Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE) {
            Err(LibraryError::ReadOnly(path)) => Self::connect_read_only(path),
            other => other,
        }
    }

    /// Opens a library that this user may read but not write, when nothing waits in its write-ahead log: without write
    /// permission SQLite cannot take part in locking, so the file is read as it is.
    fn connect_read_only(path: PathBuf) -> Result<Self, LibraryError> {
        let log = path.with_extension("db-wal");
        if std::fs::metadata(log).is_ok_and(|log| log.len() > 0) {
            return Err(LibraryError::ReadOnly(path));
        }
        let error = |source| LibraryError::sqlite(&path, source);
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
        check_format(&db, &path)?;
        Ok(Self { path, db })
    }

    /// Opens the library of `folder`, making folder and library when there is none.
    pub(crate) fn open_or_create(folder: &Path) -> Result<Self, LibraryError> {
        std::fs::create_dir_all(folder).map_err(|source| LibraryError::Io {
            path: folder.to_owned(),
            source,
        })?;
        Self::connect(
            folder.join("library.db"),
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        )
    }

    fn connect(path: PathBuf, flags: OpenFlags) -> Result<Self, LibraryError> {
        let error = |source| LibraryError::sqlite(&path, source);
        let db = Connection::open_with_flags(&path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(error)?;
        db.busy_timeout(BUSY_TIMEOUT).map_err(error)?;
        let tables = check_format(&db, &path)?;
        switch_to_wal(&db).map_err(error)?;
        db.execute_batch("PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;")
            .map_err(error)?;
        let mut store = Self { path, db };
        if tables == 0 {
            store.create_tables()?;
        }
        Ok(store)
    }

    fn create_tables(&mut self) -> Result<(), LibraryError> {
        self.write(|tx| {
            // Another process may have made them since we looked.
            let tables: i64 =
                tx.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            if tables == 0 {
                tx.execute_batch(SCHEMA)?;
                tx.pragma_update(None, "application_id", APPLICATION_ID)?;
                tx.pragma_update(None, "user_version", FORMAT)?;
            }
            Ok(())
        })
    }

    /// Where the database is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` in one transaction and commits it, all or nothing.
    pub(crate) fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<T, LibraryError> {
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

    /// Runs a reading query.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, LibraryError> {
        work(&self.db).map_err(|source| LibraryError::sqlite(&self.path, source))
    }

    /// A recorded setting.
    pub(crate) fn meta(&self, key: &str) -> Result<Option<String>, LibraryError> {
        self.read(|db| read_meta(db, key))
    }

    /// How often the library was changed.
    pub(crate) fn generation(&self) -> Result<u64, LibraryError> {
        Ok(self
            .meta("generation")?
            .and_then(|g| g.parse().ok())
            .unwrap_or(0))
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

    /// How many papers.
    pub(crate) fn n_papers(&self) -> Result<usize, LibraryError> {
        self.read(|db| db.query_row("SELECT count(*) FROM papers", [], |row| row.get(0)))
    }

    /// What adding `paper` would mean.
    pub(crate) fn change(&self, paper: &Paper) -> Result<Change, LibraryError> {
        let stored: Option<(Paper, Option<Sha>)> = self.read(|db| {
            let sql = format!("SELECT {COLUMNS}, v.text_sha256 FROM papers p LEFT JOIN vectors v USING (paper) WHERE p.id = ?1");
            db.prepare_cached(&sql)?
                .query_row([paper.id.as_str()], |row| Ok((paper_of(row)?, row.get(N_COLUMNS)?)))
                .optional()
        })?;
        Ok(match stored {
            None => Change::New,
            Some((_, sha)) if sha != Some(text_sha256(paper)) => Change::Text,
            Some((stored, _)) if stored != *paper => Change::Details,
            Some(_) => Change::Unchanged,
        })
    }

    /// The paper of an id.
    pub(crate) fn paper(&self, id: &PaperId) -> Result<Option<Paper>, LibraryError> {
        self.read(|db| {
            let sql = format!("SELECT {COLUMNS} FROM papers p WHERE p.id = ?1");
            db.prepare_cached(&sql)?
                .query_row([id.as_str()], paper_of)
                .optional()
        })
    }

    /// Every paper in the order of ids.
    pub(crate) fn papers(&self) -> Result<Vec<Paper>, LibraryError> {
        self.read(|db| {
            let sql = format!("SELECT {COLUMNS} FROM papers p ORDER BY p.id");
            db.prepare_cached(&sql)?.query_map([], paper_of)?.collect()
        })
    }

    /// Every vector in the order of ids; `dim` numbers each.
    pub(crate) fn snapshot(&self, dim: usize) -> Result<Snapshot, LibraryError> {
        let (mut ids, mut data) = (Vec::new(), Vec::new());
        let mut sha = Sha256::new();
        let damaged = |why: String| LibraryError::Corrupt {
            path: self.path.clone(),
            why,
        };
        let sql = "SELECT p.id, v.vector FROM papers p JOIN vectors v USING (paper) ORDER BY p.id";
        let rows: Vec<(String, Vec<u8>)> = self.read(|db| {
            db.prepare_cached(sql)?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })?;
        for (id, vector) in rows {
            if vector.len() != dim * 4 {
                return Err(damaged(format!(
                    "the vector of {id:?} has {} bytes, expected {}",
                    vector.len(),
                    dim * 4
                )));
            }
            sha.update((id.len() as u64).to_le_bytes());
            sha.update(&id);
            sha.update(&vector);
            ids.push(PaperId::new(id)?);
            data.extend(
                vector
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|bytes| f32::from_le_bytes(*bytes)),
            );
        }
        Ok(Snapshot {
            ids,
            vectors: Embeddings::new(data, dim)?,
            sha256: sha.finalize().into(),
        })
    }
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

/// That a database is a library of a format that this version reads; gives its count of tables, 0 for a new one.
fn check_format(db: &Connection, path: &Path) -> Result<i64, LibraryError> {
    let number = |sql: &str| {
        db.query_row(sql, [], |row| row.get::<_, i64>(0))
            .map_err(|source| LibraryError::sqlite(path, source))
    };
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    if tables > 0 && number("PRAGMA application_id")? != APPLICATION_ID {
        return Err(LibraryError::Corrupt {
            path: path.to_owned(),
            why: String::from("it is an SQLite database of something else"),
        });
    }
    let found = number("PRAGMA user_version")?;
    if found > FORMAT {
        return Err(LibraryError::NewerFormat {
            path: path.to_owned(),
            found,
            supported: FORMAT,
        });
    }
    Ok(tables)
}

/// Writes a paper, with its vector where the text is new, and leaves the count of generations to the caller.
pub(crate) fn put(
    tx: &Transaction<'_>,
    paper: &Paper,
    vector: Option<&VectorRow<'_>>,
) -> Result<(), rusqlite::Error> {
    let list =
        |items: &[String]| serde_json::to_string(items).unwrap_or_else(|_| String::from("[]"));
    let row: i64 = tx
        .prepare_cached(
            "INSERT INTO papers(id, title, abstract, authors, year, date, venue, url, doi, categories)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT(id) DO UPDATE SET title = ?2, abstract = ?3, authors = ?4, year = ?5, date = ?6, venue = ?7,
                                           url = ?8, doi = ?9, categories = ?10
             RETURNING paper",
        )?
        .query_row(
            params![
                paper.id.as_str(),
                paper.title,
                paper.abstract_text,
                list(&paper.authors),
                paper.year,
                paper.date,
                paper.venue,
                paper.url,
                paper.doi,
                list(&paper.categories)
            ],
            |row| row.get(0),
        )?;
    if let Some(row_vector) = vector {
        let bytes: Vec<u8> = row_vector
            .vector
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        tx.prepare_cached(
            "INSERT OR REPLACE INTO vectors(paper, text_sha256, tokens, truncated, vector) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![row, text_sha256(paper), row_vector.tokens, row_vector.truncated, bytes])?;
    }
    Ok(())
}

/// A recorded setting, also within a transaction.
pub(crate) fn read_meta(db: &Connection, key: &str) -> Result<Option<String>, rusqlite::Error> {
    db.prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()
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

/// Counts one more change, so that everything derived from the library is stale.
pub(crate) fn next_generation(tx: &Transaction<'_>) -> Result<(), rusqlite::Error> {
    tx.execute(
        "INSERT INTO meta(key, value) VALUES ('generation', '1')
         ON CONFLICT(key) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)",
        [],
    )
    .map(|_| ())
}

const COLUMNS: &str =
    "p.id, p.title, p.abstract, p.authors, p.year, p.date, p.venue, p.url, p.doi, p.categories";
const N_COLUMNS: usize = 10;

fn paper_of(row: &rusqlite::Row<'_>) -> Result<Paper, rusqlite::Error> {
    let damaged = |column: usize, why: Box<dyn std::error::Error + Send + Sync>| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, why)
    };
    let list = |column: usize| -> Result<Vec<String>, rusqlite::Error> {
        serde_json::from_str(&row.get::<_, String>(column)?).map_err(|e| damaged(column, e.into()))
    };
    Ok(Paper {
        id: PaperId::new(row.get::<_, String>(0)?).map_err(|e| damaged(0, e.into()))?,
        title: row.get(1)?,
        abstract_text: row.get(2)?,
        authors: list(3)?,
        year: row.get(4)?,
        date: row.get(5)?,
        venue: row.get(6)?,
        url: row.get(7)?,
        doi: row.get(8)?,
        categories: list(9)?,
    })
}
