//! Which papers came or changed since the derived files were made, so that a search may know what those files do not.
//!
//! Not for: what the change was, nor for a library of which no file was made yet.

use crate::rows::Stamp;
use crate::store::{read_generation, read_meta, set_meta};
use rusqlite::{Connection, Transaction};
use syntopic_core::PaperId;

const TABLE: &str = "
CREATE TABLE IF NOT EXISTS changes(
  id TEXT PRIMARY KEY,
  generation INTEGER NOT NULL -- the last one that changed the paper
) STRICT, WITHOUT ROWID";

/// Since which count of changes, and up to which, the table has all papers that changed.
const KEY: &str = "changes";

/// Records papers that a transaction changes, which is about to count as one more change.
pub(crate) fn record(
    tx: &Transaction<'_>,
    ids: impl IntoIterator<Item = PaperId>,
) -> Result<(), rusqlite::Error> {
    tx.execute_batch(TABLE)?;
    let now = read_generation(tx)?;
    let next = now + 1;
    if read_meta(tx, "rows")?.is_none() {
        // No file holds anything that could be out of date.
        return set_meta(tx, KEY, &format!("{next} {next}"));
    }
    let from = match recorded(tx)? {
        Some((from, to)) if to == now => from,
        // A syntopic that records nothing wrote meanwhile.
        _ => {
            tx.execute("DELETE FROM changes", [])?;
            now
        }
    };
    let sql = "INSERT OR REPLACE INTO changes(id, generation) VALUES (?1, ?2)";
    let mut insert = tx.prepare_cached(sql)?;
    for id in ids {
        insert.execute((id.as_str(), next as i64))?;
    }
    set_meta(tx, KEY, &format!("{from} {next}"))
}

/// Records that no derived file holds anything of the library any more, in a transaction that is about to count as one more change.
pub(crate) fn begin_again(tx: &Transaction<'_>) -> Result<(), rusqlite::Error> {
    tx.execute_batch(TABLE)?;
    tx.execute("DELETE FROM changes", [])?;
    tx.execute("DELETE FROM meta WHERE key = 'rows'", [])?;
    record(tx, [])
}

/// Records that the derived files hold what the library was after `stamp`.
pub(crate) fn forget(tx: &Transaction<'_>, stamp: &Stamp) -> Result<(), rusqlite::Error> {
    let Some((from, to)) = recorded(tx)? else {
        return Ok(());
    };
    tx.execute_batch(TABLE)?;
    let generation = stamp.generation;
    let sql = "DELETE FROM changes WHERE generation <= ?1";
    tx.execute(sql, [generation as i64])?;
    set_meta(tx, KEY, &format!("{} {to}", from.max(generation)))
}

/// Ids of the papers that came or changed since the library had changed `generation` times; nothing where that is not known.
pub(crate) fn since(
    db: &Connection,
    generation: u64,
) -> Result<Option<Vec<String>>, rusqlite::Error> {
    match recorded(db)? {
        Some((from, to)) if from <= generation && to == read_generation(db)? => {}
        _ => return Ok(None),
    }
    let sql = "SELECT id FROM changes WHERE generation > ?1 ORDER BY id";
    let mut statement = db.prepare_cached(sql)?;
    let ids = statement.query_map([generation as i64], |row| row.get(0))?;
    ids.collect::<Result<_, _>>().map(Some)
}

fn recorded(db: &Connection) -> Result<Option<(u64, u64)>, rusqlite::Error> {
    let text = read_meta(db, KEY)?;
    Ok(text.and_then(|text| {
        let (from, to) = text.split_once(' ')?;
        Some((from.parse().ok()?, to.parse().ok()?))
    }))
}
