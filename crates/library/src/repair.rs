//! What can be mended in a library, mended: vectors made anew, files made from the papers made again. No paper is ever taken away.

use crate::check::problem;
use crate::commit::UNEMBEDDED;
use crate::compact::remove_forgotten;
use crate::engine::Library;
use crate::map::kept;
use crate::rows::{COLUMNS, N_COLUMNS, known_of};
use crate::store::{next_generation, read_meta, set_meta};
use crate::{EmbedRequest, LibraryError, Progress, Storage, changes};
use rusqlite::{Connection, Transaction};
use serde::Serialize;
use std::time::Duration;

/// What a `repair` did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RepairReport {
    /// Whether nothing is wrong now.
    pub ok: bool,
    /// Papers in the library: as many as before.
    pub papers: usize,
    /// What was mended.
    pub mended: Vec<String>,
    /// What is still wrong, each with what it means.
    pub left: Vec<String>,
}

impl Library {
    /// Mends what can be made again: the database's own indexes, vectors that are damaged or missing, records that belong to no paper,
    /// and every file made from the papers. What it cannot mend it names.
    ///
    /// # Errors
    /// When another process is at work on the library, the database cannot be read at all or not be written, or `progress` asked to
    /// stop.
    pub fn repair(
        &mut self,
        request: &EmbedRequest,
        progress: &mut Progress<'_>,
    ) -> Result<RepairReport, LibraryError> {
        let _alone = self.alone("repair")?;
        if let Some(store) = &mut self.store {
            store.write_though_damaged();
        }
        let mut report = RepairReport::default();
        self.mend_indexes(&mut report)?;
        for part in [Self::mend_orphans, Self::mend_counts, Self::mend_vectors] {
            going_on(part(self, &mut report), &mut report)?;
        }
        let embedded = self.complete(request, progress).map(|found| {
            if found.embedded > 0 {
                let n = found.embedded;
                report.mended.push(format!("{n} papers were embedded"));
            }
        });
        going_on(embedded, &mut report)?;
        let refreshed = self.mend_files(&mut report, progress);
        going_on(refreshed, &mut report)?;
        let found = self.check(None, progress)?;
        (report.papers, report.ok) = (found.papers, found.ok && report.left.is_empty());
        let more = found.problems.into_iter();
        let known = std::mem::take(&mut report.left);
        let more = more.filter(|problem| !known.contains(problem));
        report.left = known
            .iter()
            .cloned()
            .chain(more.collect::<Vec<_>>())
            .collect();
        Ok(report)
    }

    /// SQLite's own indexes, where they do not agree with the tables.
    fn mend_indexes(&mut self, report: &mut RepairReport) -> Result<(), LibraryError> {
        let wrong = |db: &Connection| {
            let mut statement = db.prepare("PRAGMA integrity_check")?;
            let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
            let lines = lines.collect::<Result<Vec<_>, _>>()?;
            Ok(lines.iter().any(|line| line != "ok"))
        };
        if self.store()?.read(wrong)? {
            // What is wrong beyond that, the check at the end names.
            let again = self.upkeep("REINDEX");
            if again.is_ok() && !self.store()?.read(wrong)? {
                let mended = "library.db: its indexes were made again";
                report.mended.push(mended.to_owned());
            }
        }
        Ok(())
    }

    /// Vectors that belong to no paper.
    fn mend_orphans(&mut self, report: &mut RepairReport) -> Result<(), LibraryError> {
        let gone = self.writing(|tx| {
            crate::titles::make_table(tx, crate::rows::Tables::Present)?;
            let mut gone = 0;
            for table in ["vectors", "titles"] {
                let sql =
                    format!("DELETE FROM {table} WHERE paper NOT IN (SELECT paper FROM papers)");
                gone += tx.execute(&sql, [])?;
            }
            if gone > 0 {
                outdated(tx)?;
            }
            Ok(gone)
        })?;
        if gone > 0 {
            let mended = format!("{gone} vectors that belong to no paper were taken away");
            report.mended.push(mended);
        }
        Ok(())
    }

    /// The count of changes, and what it says of the derived files.
    fn mend_counts(&mut self, report: &mut RepairReport) -> Result<(), LibraryError> {
        let mended = self.writing(|tx| {
            let count = read_meta(tx, "generation")?;
            let wrong = count.is_some_and(|count| count.parse::<u64>().is_err());
            if wrong {
                set_meta(tx, "generation", "1")?;
                outdated(tx)?;
            }
            Ok(wrong)
        })?;
        if mended {
            report
                .mended
                .push(String::from("the count of changes begins again"));
        }
        let (Some(dim), Some(recorded)) = (
            self.recorded_model()?.map(|model| model.dim),
            self.store()?.stamp()?,
        ) else {
            return Ok(());
        };
        let truth = self.store()?.snapshot(dim);
        if truth.is_ok_and(|truth| truth.stamp != recorded) {
            self.writing(outdated)?;
            let mended = "what is recorded of the papers is made again: library.db was changed by another program";
            report.mended.push(mended.to_owned());
        }
        Ok(())
    }

    /// Takes away vectors that are damaged or stand for another text, so that they are made anew.
    fn mend_vectors(&mut self, report: &mut RepairReport) -> Result<(), LibraryError> {
        let Some(model) = self.recorded_model()? else {
            return Ok(());
        };
        let shape = (model.dim, self.store()?.storage()?);
        let title_bytes = model.dim * Storage::Int8.bytes();
        let found = self.writing(|tx| {
            let damaged = damaged(tx, shape)?;
            for (row, _) in &damaged {
                tx.execute("DELETE FROM vectors WHERE paper = ?1", [row])?;
                tx.execute("DELETE FROM titles WHERE paper = ?1", [row])?;
            }
            // Without the vector of its title a paper is as one of a library of before: it loses nothing else.
            let sql = "DELETE FROM vectors WHERE paper IN (SELECT paper FROM titles
                 WHERE length(vector) <> ?1 OR vector = zeroblob(length(vector)))";
            let titles = tx.execute(sql, [title_bytes])?;
            let sql = "DELETE FROM titles WHERE paper NOT IN (SELECT paper FROM vectors)";
            tx.execute(sql, [])?;
            if damaged.len() + titles > 0 {
                set_meta(tx, UNEMBEDDED, "1")?;
                outdated(tx)?;
            }
            Ok((damaged, titles))
        })?;
        (self.snapshot, self.stored) = (None, None);
        let (damaged, titles) = found;
        report
            .mended
            .extend(damaged.into_iter().map(|(_, why)| why));
        if titles > 0 {
            let mended = format!("{titles} vectors of titles were damaged");
            report.mended.push(mended);
        }
        Ok(())
    }

    /// Files made from the papers: each is read whole, and what is damaged or out of date is made again.
    fn mend_files(
        &mut self,
        report: &mut RepairReport,
        progress: &mut Progress<'_>,
    ) -> Result<(), LibraryError> {
        let forgotten = remove_forgotten(&self.folder, Duration::from_secs(3_600));
        if forgotten > 0 {
            let mended = format!("{forgotten} files of processes that were killed were removed");
            report.mended.push(mended);
        }
        let map = self.folder.join(kept::FILE);
        if kept::file_problem(&map).is_some() && std::fs::remove_file(&map).is_ok() {
            let mended = format!(
                "{} was damaged and is removed: the next map makes it again",
                kept::FILE
            );
            report.mended.push(mended);
        }
        self.distrust_files();
        let mut told = Vec::new();
        let done = self.refresh(&mut |event| {
            if let crate::Event::Note(note) = &event
                && note.contains("made again")
            {
                told.push((*note).to_owned());
            }
            progress(event)
        });
        self.distrust = false;
        report.mended.extend(told);
        done
    }
}

/// Goes on after what cannot be mended, which is named.
fn going_on(part: Result<(), LibraryError>, report: &mut RepairReport) -> Result<(), LibraryError> {
    match part {
        Err(error @ LibraryError::Cancelled { .. }) => Err(error),
        Err(LibraryError::Corrupt { why, .. }) => {
            if !report.left.contains(&why) {
                report.left.push(why);
            }
            Ok(())
        }
        Err(error @ (LibraryError::Embed(_) | LibraryError::ModelMoved { .. })) => {
            report.left.push(error.to_string());
            Ok(())
        }
        other => other,
    }
}

/// Nothing made from the papers is of the present ones any more.
fn outdated(tx: &Transaction<'_>) -> Result<(), rusqlite::Error> {
    changes::begin_again(tx)?;
    next_generation(tx)
}

/// Rows of papers whose vector is damaged or stands for another text, each with what was wrong. Papers that cannot be read are left.
fn damaged(
    db: &Connection,
    (dim, storage): (usize, Storage),
) -> Result<Vec<(i64, String)>, rusqlite::Error> {
    let sql = format!(
        "SELECT {COLUMNS}, v.text_sha256, v.vector, p.paper, v.tokens < 1 OR v.truncated NOT IN (0, 1)
         FROM papers p JOIN vectors v USING (paper) ORDER BY p.id"
    );
    let mut statement = db.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut damaged = Vec::new();
    while let Some(row) = rows.next()? {
        let at = row.get(N_COLUMNS + 2)?;
        let nonsense: bool = row.get(N_COLUMNS + 3)?;
        let vector = row.get_ref(N_COLUMNS + 1)?.as_blob_or_null();
        let vector = vector.map_err(|error| error.to_string());
        let why = match known_of(row) {
            Ok(known) if nonsense => Some(format!(
                "the vector of {} says nonsense of the tokens it was made from",
                known.paper.id
            )),
            Ok(known) => problem(&known, vector, Some((dim, storage))),
            Err(error) if error.to_string().contains("text hash") => Some(error.to_string()),
            Err(_) => None,
        };
        damaged.extend(why.map(|why| (at, why)));
    }
    Ok(damaged)
}
