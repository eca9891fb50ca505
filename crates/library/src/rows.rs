//! Papers and vectors as rows of the database: how they are written, read back, and what is wrong with a damaged one.

use crate::derived::hex;
use crate::store::{Store, one_moment, read_generation, read_meta, set_meta};
use crate::titles::{embedded_text, put_title};
use crate::{LibraryError, Storage, changes, storage_loss};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use sha2::{Digest, Sha256};
use syntopic_core::{Embeddings, EmbeddingsError, Paper, PaperId, paper_text};

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

/// A paper as the library knows it.
pub(crate) struct Known {
    pub(crate) paper: Paper,
    /// Hash of the text that its vector stands for, if it has one.
    pub(crate) embedded: Option<Sha>,
}

impl Known {
    /// What adding `paper` would mean where `known` is there.
    pub(crate) fn change(known: Option<&Known>, paper: &Paper) -> Change {
        match known {
            None => Change::New,
            Some(known) if known.embedded != Some(text_sha256(paper)) => Change::Text,
            Some(known) if known.paper != *paper => Change::Details,
            Some(_) => Change::Unchanged,
        }
    }
}

/// A vector and what is known of the text it stands for.
pub(crate) struct VectorRow<'a> {
    pub(crate) tokens: usize,
    pub(crate) truncated: bool,
    pub(crate) vector: &'a [f32],
    /// Of the title alone, where there is one.
    pub(crate) title: Option<&'a [f32]>,
}

/// All vectors in the order of their ids, so that ties by row are ties by id.
pub(crate) struct Snapshot {
    pub(crate) ids: Vec<PaperId>,
    pub(crate) vectors: Embeddings,
    pub(crate) stamp: Stamp,
}

/// What all rows of one moment are known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// How often the library had been changed.
    pub(crate) generation: u64,
    /// SHA-256 of ids and vectors: what the index is made from.
    pub(crate) sha256: Sha,
    /// SHA-256 of ids, vectors and texts: what topics are made from. A text may change beyond what the model reads.
    pub(crate) texts_sha256: Sha,
}

impl Stamp {
    /// Records it, unless a later one is, and that what changed up to it is in the derived files.
    pub(crate) fn keep(&self, tx: &Transaction<'_>) -> Result<(), rusqlite::Error> {
        let recorded = read_meta(tx, "rows")?.and_then(|text| Self::parse(&text));
        if recorded.is_some_and(|recorded| recorded.generation > self.generation) {
            return Ok(());
        }
        changes::forget(tx, self)?;
        self.put(tx)
    }

    /// Records it: whoever finds it beside the same count of changes need not read the rows to know it.
    fn put(&self, tx: &Transaction<'_>) -> Result<(), rusqlite::Error> {
        let [sha256, texts] = [self.sha256, self.texts_sha256].map(|sha| hex(&sha));
        let text = format!("{} {sha256} {texts}", self.generation);
        set_meta(tx, "rows", &text)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let stamp = Self {
            generation: words.next()?.parse().ok()?,
            sha256: from_hex(words.next()?)?,
            texts_sha256: from_hex(words.next()?)?,
        };
        words.next().is_none().then_some(stamp)
    }
}

fn from_hex(text: &str) -> Option<Sha> {
    let mut sha = [0; 32];
    for (byte, pair) in sha.iter_mut().zip(text.as_bytes().as_chunks::<2>().0) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    (text.len() == 64).then_some(sha)
}

impl Store {
    /// How many papers.
    pub(crate) fn n_papers(&self) -> Result<usize, LibraryError> {
        self.read(|db| db.query_row("SELECT count(*) FROM papers", [], |row| row.get(0)))
    }

    /// Every paper in the order of ids.
    pub(crate) fn papers(&self) -> Result<Vec<Paper>, LibraryError> {
        self.read(|db| {
            let sql = format!("SELECT {COLUMNS} FROM papers p ORDER BY p.id");
            db.prepare_cached(&sql)?.query_map([], paper_of)?.collect()
        })
    }

    /// Every paper in the order of ids, with what identifies it and its title, without abstract, authors and categories.
    pub(crate) fn identified(&self) -> Result<Vec<Paper>, LibraryError> {
        self.read(|db| {
            let sql = "SELECT p.id, p.title, NULL, '[]', p.year, p.date, p.venue, p.url, p.doi, '[]' FROM papers p ORDER BY p.id";
            db.prepare_cached(sql)?.query_map([], paper_of)?.collect()
        })
    }

    /// How vectors are kept.
    pub(crate) fn storage(&self) -> Result<Storage, LibraryError> {
        storage_loss::recorded(self.meta("vectors")?, self.path())
    }

    /// The recorded stamp, if it is that of the present rows.
    pub(crate) fn stamp(&self) -> Result<Option<Stamp>, LibraryError> {
        self.read(|db| {
            let _moment = one_moment(db)?;
            let generation = read_generation(db)?;
            let stamp = read_meta(db, "rows")?.and_then(|text| Stamp::parse(&text));
            Ok(stamp.filter(|stamp| stamp.generation == generation))
        })
    }

    /// The stamp recorded last, of whichever state of the library.
    pub(crate) fn last_stamp(&self) -> Result<Option<Stamp>, LibraryError> {
        let text = self.meta("rows")?;
        Ok(text.and_then(|text| Stamp::parse(&text)))
    }

    /// A paper and its vector, `dim` numbers, as they are stored.
    pub(crate) fn paper_and_vector(
        &self,
        id: &PaperId,
        dim: usize,
    ) -> Result<Option<(Paper, Vec<f32>)>, LibraryError> {
        let storage = self.storage()?;
        let sql = format!(
            "SELECT {COLUMNS}, v.vector FROM papers p JOIN vectors v USING (paper) WHERE p.id = ?1"
        );
        let found: Option<(Paper, Vec<u8>)> = self.read(|db| {
            db.prepare_cached(&sql)?
                .query_row([id.as_str()], |row| {
                    Ok((paper_of(row)?, row.get(N_COLUMNS)?))
                })
                .optional()
        })?;
        let Some((paper, vector)) = found else {
            return Ok(None);
        };
        match vector_problem(&vector, dim, storage) {
            None => Ok(Some((paper, storage.decode(&vector)))),
            Some(why) => Err(LibraryError::Corrupt {
                path: self.path().to_owned(),
                why: format!("the vector of \"{id}\" {why}"),
            }),
        }
    }

    /// Every vector in the order of ids; `dim` numbers each.
    pub(crate) fn snapshot(&self, dim: usize) -> Result<Snapshot, LibraryError> {
        let damaged = |why: String| LibraryError::Corrupt {
            path: self.path().to_owned(),
            why,
        };
        let sql = "SELECT p.id, v.vector, v.text_sha256 FROM papers p JOIN vectors v USING (paper) ORDER BY p.id";
        type Rows = Vec<(String, Vec<u8>, Vec<u8>)>;
        let storage = self.storage()?;
        let (generation, rows) = self.read(|db| {
            // Both of one moment.
            let _moment = one_moment(db)?;
            let generation = read_generation(db)?;
            let rows = db
                .prepare_cached(sql)?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect::<Result<Rows, _>>()?;
            Ok((generation, rows))
        })?;
        let (mut ids, mut data) = (Vec::new(), Vec::new());
        let (mut sha, mut texts) = (Sha256::new(), Sha256::new());
        for (id, vector, text) in rows {
            if let Some(why) = wrong_length(&vector, dim, storage) {
                return Err(damaged(format!("the vector of {id:?} {why}")));
            }
            sha.update((id.len() as u64).to_le_bytes());
            sha.update(&id);
            sha.update(&vector);
            texts.update(&text);
            let known = format!("the id {id:?}");
            ids.push(crate::rows::id(id).map_err(|why| damaged(format!("{known}: {why}")))?);
            data.extend(storage.decode(&vector));
        }
        let sha256: Sha = sha.finalize().into();
        texts.update(sha256);
        let vectors = Embeddings::new(data, dim).map_err(|error| {
            damaged(match &error {
                EmbeddingsError::NotFinite { row, .. } | EmbeddingsError::NotUnit { row, .. } => {
                    format!("the vector of \"{}\": {error}", ids[row.index()])
                }
                _ => error.to_string(),
            })
        })?;
        Ok(Snapshot {
            ids,
            vectors,
            stamp: Stamp {
                generation,
                sha256,
                texts_sha256: texts.finalize().into(),
            },
        })
    }
}

fn wrong_length(vector: &[u8], dim: usize, storage: Storage) -> Option<String> {
    let (got, expected) = (vector.len(), dim * storage.bytes());
    (got != expected).then(|| format!("has {got} bytes, expected {expected}"))
}

/// What is wrong with a stored vector, if anything.
pub(crate) fn vector_problem(vector: &[u8], dim: usize, storage: Storage) -> Option<String> {
    wrong_length(vector, dim, storage).or_else(|| {
        let made = Embeddings::new(storage.decode(vector), dim);
        made.err().map(|error| format!("is damaged: {error}"))
    })
}

/// What is stored of an id, also within a transaction.
pub(crate) fn known(db: &Connection, id: &PaperId) -> Result<Option<Known>, rusqlite::Error> {
    let embedded = embedded_text(db)?;
    let sql = format!(
        "SELECT {COLUMNS}, {embedded} FROM papers p LEFT JOIN vectors v USING (paper) WHERE p.id = ?1"
    );
    db.prepare_cached(&sql)?
        .query_row([id.as_str()], known_of)
        .optional()
}

/// A paper of [`COLUMNS`], followed by the hash of its embedded text.
pub(crate) fn known_of(row: &Row<'_>) -> Result<Known, rusqlite::Error> {
    let paper = paper_of(row)?;
    let embedded = row.get(N_COLUMNS).map_err(|error| {
        let why = format!("the text hash of \"{}\" is damaged: {error}", paper.id);
        rusqlite::Error::FromSqlConversionFailure(N_COLUMNS, Type::Blob, why.into())
    })?;
    Ok(Known { paper, embedded })
}

/// Writes a paper, with its vector where the text is new, and leaves the count of generations to the caller.
pub(crate) fn put(
    tx: &Transaction<'_>,
    paper: &Paper,
    vector: Option<&VectorRow<'_>>,
    storage: Storage,
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
    if let Some(vector) = vector {
        put_vector(tx, Tables::Present, (row, paper), vector, storage)?;
    }
    Ok(())
}

/// Where vectors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tables {
    /// Those that searches read.
    Present,
    /// Those of another model, which are to take their place.
    Next,
}

impl Tables {
    /// The table of the vectors of texts.
    pub(crate) fn vectors(self) -> &'static str {
        match self {
            Self::Present => "vectors",
            Self::Next => "next_vectors",
        }
    }

    /// The table of the vectors of titles.
    pub(crate) fn titles(self) -> &'static str {
        match self {
            Self::Present => "titles",
            Self::Next => "next_titles",
        }
    }
}

/// Writes the vectors of the paper of a row.
pub(crate) fn put_vector(
    tx: &Transaction<'_>,
    tables: Tables,
    (row, paper): (i64, &Paper),
    vector: &VectorRow<'_>,
    storage: Storage,
) -> Result<(), rusqlite::Error> {
    let bytes = storage.encode(vector.vector);
    let sql = format!(
        "INSERT OR REPLACE INTO {}(paper, text_sha256, tokens, truncated, vector) VALUES (?1, ?2, ?3, ?4, ?5)",
        tables.vectors()
    );
    let hash = text_sha256(paper);
    tx.prepare_cached(&sql)?
        .execute(params![row, hash, vector.tokens, vector.truncated, bytes])?;
    put_title(tx, tables, (row, paper), vector.title)
}

/// Takes away the vectors of a paper.
pub(crate) fn forget_vector(tx: &Transaction<'_>, id: &PaperId) -> Result<(), rusqlite::Error> {
    for table in ["vectors", "titles"] {
        let sql =
            format!("DELETE FROM {table} WHERE paper = (SELECT paper FROM papers WHERE id = ?1)");
        tx.prepare_cached(&sql)?.execute([id.as_str()])?;
    }
    Ok(())
}

/// Whether a paper is there, also within a transaction.
pub(crate) fn is_there(db: &Connection, id: &PaperId) -> Result<bool, rusqlite::Error> {
    db.prepare_cached("SELECT EXISTS (SELECT 1 FROM papers WHERE id = ?1)")?
        .query_row([id.as_str()], |row| row.get(0))
}

/// The columns of a paper `p`, in the order that [`known_of`] reads.
pub(crate) const COLUMNS: &str =
    "p.id, p.title, p.abstract, p.authors, p.year, p.date, p.venue, p.url, p.doi, p.categories";
pub(crate) const N_COLUMNS: usize = 10;

pub(crate) fn paper_of(row: &Row<'_>) -> Result<Paper, rusqlite::Error> {
    paper_fields(row).map_err(|error| {
        let id = row
            .get_ref(0)
            .ok()
            .and_then(|id| id.as_bytes().ok())
            .map_or_else(
                || String::from("?"),
                |id| String::from_utf8_lossy(id).into(),
            );
        let why = match error {
            rusqlite::Error::FromSqlConversionFailure(column, _, why) => {
                let name = row.as_ref().column_name(column).unwrap_or("a field");
                format!("{name}: {why}")
            }
            other => other.to_string(),
        };
        let why = format!("the paper \"{id}\" is damaged: {why}");
        rusqlite::Error::FromSqlConversionFailure(0, Type::Text, why.into())
    })
}

/// A stored id, which is as it was when it was checked.
fn id(stored: String) -> Result<PaperId, String> {
    let id = PaperId::new(&stored).map_err(|error| error.to_string())?;
    if id.as_str() == stored {
        Ok(id)
    } else {
        Err(String::from(
            "it begins or ends with white space, which no id does",
        ))
    }
}

fn paper_fields(row: &Row<'_>) -> Result<Paper, rusqlite::Error> {
    let damaged = |column: usize, why: Box<dyn std::error::Error + Send + Sync>| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why)
    };
    let list = |column: usize| -> Result<Vec<String>, rusqlite::Error> {
        serde_json::from_str(&row.get::<_, String>(column)?).map_err(|e| damaged(column, e.into()))
    };
    Ok(Paper {
        id: id(row.get(0)?).map_err(|why| damaged(0, why.into()))?,
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
