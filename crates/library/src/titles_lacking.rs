//! Vectors of titles for papers that have the vector of their text alone: those of a library of before there were any.
//!
//! Not for: papers without any vector (`embed.rs`).

use crate::commit::agree_on_model;
use crate::embed::{EmbedReport, EmbedRequest, Numbered};
use crate::engine::Library;
use crate::model::RecordedModel;
use crate::rows::{COLUMNS, N_COLUMNS, Tables, paper_of};
use crate::store::{Store, read_meta, set_meta};
use crate::titles::{is_there, make_table, put_title, titles_alone};
use crate::{Event, LibraryError, Progress};
use rusqlite::{Connection, OptionalExtension, Transaction};
use syntopic_core::Paper;

/// How many titles there are of which the model knows no word: no `embed` gives them a vector. Counted by `embed`, forgotten where
/// papers go or the model changes.
const WORDLESS: &str = "titles_wordless";

/// Forgets how many titles have no word that the model knows.
pub(crate) fn forget_wordless(tx: &Transaction<'_>) -> Result<(), rusqlite::Error> {
    tx.execute("DELETE FROM meta WHERE key = ?1", [WORDLESS])?;
    Ok(())
}

/// Papers `p` with the vector `v` of their text, which have a title without a vector.
fn lacking(db: &Connection) -> Result<String, rusqlite::Error> {
    let all = "FROM papers p JOIN vectors v USING (paper) WHERE trim(p.title) <> ''";
    let without = "AND NOT EXISTS (SELECT 1 FROM titles t WHERE t.paper = p.paper AND t.text_sha256 = v.text_sha256)";
    Ok(match is_there(db)? {
        true => format!("{all} {without}"),
        false => all.to_owned(),
    })
}

fn n_lacking(db: &Connection) -> Result<usize, rusqlite::Error> {
    let sql = format!("SELECT count(*) {}", lacking(db)?);
    let all: usize = db.query_row(&sql, [], |row| row.get(0))?;
    let wordless = read_meta(db, WORDLESS)?.and_then(|text| text.parse().ok());
    Ok(all.saturating_sub(wordless.unwrap_or(0)))
}

/// The next of them, in the order of their rows.
fn next(db: &Connection, after: i64, limit: usize) -> Result<Vec<Numbered>, rusqlite::Error> {
    let sql = format!(
        "SELECT {COLUMNS}, p.paper {} AND p.paper > {after} ORDER BY p.paper LIMIT {limit}",
        lacking(db)?
    );
    let mut statement = db.prepare(&sql)?;
    let found = statement.query_map([], |row| Ok((row.get(N_COLUMNS)?, paper_of(row)?)))?;
    found.collect()
}

impl Store {
    /// How many papers have the vector of their text and a title without one, which `embed` would give one.
    pub(crate) fn n_lacking_titles(&self) -> Result<usize, LibraryError> {
        self.read(n_lacking)
    }

    /// Whether there are papers with vectors and titles, and no title has one.
    pub(crate) fn lacks_all_titles(&self) -> Result<bool, LibraryError> {
        if self.has_titles()? {
            return Ok(false);
        }
        let wordless = self.meta(WORDLESS)?.is_some();
        let any = self.read(|db| {
            let sql = format!("SELECT EXISTS (SELECT 1 {})", lacking(db)?);
            db.query_row(&sql, [], |row| row.get(0))
        });
        Ok(!wordless && any?)
    }
}

impl Library {
    /// Embeds the titles of those papers, batch by batch, each committed whole.
    pub(crate) fn complete_titles(
        &mut self,
        request: &EmbedRequest,
        report: &mut EmbedReport,
        progress: &mut Progress<'_>,
    ) -> Result<(), LibraryError> {
        let of = self.store()?.n_lacking_titles()?;
        if of == 0 {
            return Ok(());
        }
        if self.embedder.is_none() {
            self.load_model(request.model.as_deref(), progress)?;
        }
        let (mut after, mut wordless, mut done) = (0, 0, 0);
        loop {
            let batch = request.batch.max(1);
            let found = self.store()?.read(|db| next(db, after, batch))?;
            let (Some((last, _)), Some(embedder)) = (found.last(), &self.embedder) else {
                break;
            };
            after = *last;
            let papers: Vec<&Paper> = found.iter().map(|(_, paper)| paper).collect();
            let vectors = titles_alone(embedder, &papers, &mut |within| {
                let done = done + within;
                let of = of.max(done);
                let _ = progress(Event::Embedding { done, of });
            })?;
            done += papers.len();
            wordless += vectors.iter().filter(|vector| vector.is_none()).count();
            report.titles += self.commit_titles(request, &found, &vectors)?;
            if progress(Event::Committed { ids: &[] }).is_break() {
                let papers = report.embedded;
                return Err(LibraryError::Cancelled { papers });
            }
        }
        let store = self.store.as_mut();
        let store = store.ok_or_else(|| LibraryError::NotFound(self.folder.clone()))?;
        store.write(|tx| set_meta(tx, WORDLESS, &wordless.to_string()))
    }

    /// Writes the vectors of titles of papers that are there as they were; gives how many.
    fn commit_titles(
        &mut self,
        request: &EmbedRequest,
        papers: &[Numbered],
        vectors: &[Option<Vec<f32>>],
    ) -> Result<usize, LibraryError> {
        let asked = request.model.as_deref();
        let known = self.recorded_model()?.map(|model| model.spec);
        let (Some(embedder), Some(store)) = (&self.embedder, &mut self.store) else {
            return Err(LibraryError::NotFound(self.folder.clone()));
        };
        let ours = RecordedModel::new(asked.or(known.as_deref()), embedder.identity());
        let written = store.write(|tx| {
            if let Some(theirs) = agree_on_model(tx, &ours)? {
                return Ok(Err(theirs));
            }
            make_table(tx, Tables::Present)?;
            let mut n = 0;
            for ((row, paper), vector) in papers.iter().zip(vectors) {
                if vector.is_some() && is_as_it_was(tx, *row, paper)? {
                    put_title(tx, Tables::Present, (*row, paper), vector.as_deref())?;
                    n += 1;
                }
            }
            Ok(Ok(n))
        })?;
        written.map_err(|theirs| theirs.refuses(&ours, asked))
    }
}

fn is_as_it_was(tx: &Transaction<'_>, row: i64, paper: &Paper) -> Result<bool, rusqlite::Error> {
    let sql = format!("SELECT {COLUMNS} FROM papers p WHERE p.paper = ?1");
    let now = tx
        .prepare_cached(&sql)?
        .query_row([row], paper_of)
        .optional()?;
    Ok(now.is_some_and(|now| now == *paper))
}
