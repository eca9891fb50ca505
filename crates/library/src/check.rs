//! Is the library whole, and does the index find what exact search finds?

use crate::catalogue::file_problem;
use crate::engine::Library;
use crate::rows::{COLUMNS, Known, N_COLUMNS, known_of, text_sha256, vector_problem};
use crate::{Event, LibraryError, Progress, Storage};
use serde::Serialize;
use syntopic_index::{Index, IndexError, Kind, measure_recall};

/// Queries that recall is measured with.
const RECALL_QUERIES: usize = 1_000;

/// Recall of the index against exact search.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecallReport {
    /// Neighbours a query: those asked for, or all others where there are fewer.
    pub k: usize,
    /// Papers asked about.
    pub n_queries: usize,
    /// Mean share of the exact neighbours that were found.
    pub mean: f64,
    /// Lower end of its 95% interval.
    pub low: f64,
    /// Upper end of its 95% interval.
    pub high: f64,
    /// The worst query.
    pub worst: f64,
    /// Papers that no search can reach.
    pub unreachable: usize,
    /// Which index was measured.
    pub index: String,
}

/// What `check` found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CheckReport {
    /// Whether there is no problem.
    pub ok: bool,
    /// Papers in the library.
    pub papers: usize,
    /// Papers that have a vector.
    pub vectors: usize,
    /// What is wrong, each with what it means.
    pub problems: Vec<String>,
    /// What else a user should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Recall, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recall: Option<RecallReport>,
}

impl Library {
    /// Checks the database, that every paper can be read and has the vector of its present text, and the vectors
    /// themselves, those of titles too; with `recall_k`, also measures the recall of the index. A graph is measured even where exact search
    /// would be used. Whatever is damaged is a problem of the report, and the check goes on.
    ///
    /// # Errors
    /// When the database cannot be read for another reason than damage, or `recall_k` is 0.
    pub fn check(
        &mut self,
        recall_k: Option<usize>,
        progress: &mut Progress<'_>,
    ) -> Result<CheckReport, LibraryError> {
        if recall_k == Some(0) {
            return Err(LibraryError::ZeroK);
        }
        self.at_one_moment(|library| library.check_all(recall_k, progress))
    }

    fn check_all(
        &mut self,
        recall_k: Option<usize>,
        progress: &mut Progress<'_>,
    ) -> Result<CheckReport, LibraryError> {
        let mut report = CheckReport::default();
        note(&mut report, |report| self.check_database(report))?;
        let mut dim = None;
        note(&mut report, |_| {
            dim = self.recorded_model()?.map(|model| model.dim);
            Ok(())
        })?;
        note(&mut report, |report| self.check_rows(dim, report))?;
        self.tell_of_unembedded(&mut report)?;
        if let Some(dim) = dim {
            note(&mut report, |report| {
                report.problems.extend(self.store()?.title_problems(dim)?);
                Ok(())
            })?;
        }
        if let (Some(dim), true) = (dim, report.problems.is_empty()) {
            note(&mut report, |report| self.check_files(dim, report))?;
        }
        if let Some(k) = recall_k {
            if !report.problems.is_empty() {
                report.notes.push(String::from(
                    "recall was not measured: the problems come first",
                ));
            } else if report.vectors < 2 {
                report.notes.push(String::from(
                    "recall was not measured: one paper has no neighbours to find",
                ));
            } else {
                report.recall = Some(self.recall(k, progress)?);
            }
        }
        if let Some(recall) = report.recall.as_ref().filter(|r| r.unreachable > 0) {
            report.problems.push(format!(
                "{} papers cannot be reached through the index",
                recall.unreachable
            ));
        }
        report.ok = report.problems.is_empty();
        Ok(report)
    }

    fn check_database(&self, report: &mut CheckReport) -> Result<(), LibraryError> {
        let lines: Vec<String> = self.store()?.read(|db| {
            db.prepare("PRAGMA integrity_check")?
                .query_map([], |row| row.get(0))?
                .collect()
        })?;
        let wrong = lines.into_iter().filter(|line| line != "ok");
        report
            .problems
            .extend(wrong.map(|line| format!("library.db: {line}")));
        let orphans: usize = self.store()?.read(|db| {
            let sql = "SELECT count(*) FROM vectors WHERE paper NOT IN (SELECT paper FROM papers)";
            db.query_row(sql, [], |row| row.get(0))
        })?;
        if orphans > 0 {
            report
                .problems
                .push(format!("{orphans} vectors have no paper"));
        }
        let without_tokens: usize = self.store()?.read(|db| {
            let sql = "SELECT count(*) FROM vectors WHERE tokens < 1 OR truncated NOT IN (0, 1)";
            db.query_row(sql, [], |row| row.get(0))
        })?;
        if without_tokens > 0 {
            report.problems.push(format!(
                "{without_tokens} vectors say nonsense of the tokens they were made from"
            ));
        }
        let generation = self.store()?.meta("generation")?;
        if generation.is_some_and(|count| count.parse::<u64>().is_err()) {
            report
                .problems
                .push(String::from("the count of changes is no number"));
        }
        Ok(())
    }

    /// Every paper, its vector, and whether the vector is of its present text.
    fn check_rows(&self, dim: Option<usize>, report: &mut CheckReport) -> Result<(), LibraryError> {
        let store = self.store()?;
        let shape = dim.zip(Some(store.storage()?));
        // Where papers were stored without vectors, a missing one is no damage.
        let some_lack = self.has_unembedded()?;
        let sql = format!(
            "SELECT {COLUMNS}, v.text_sha256, v.vector FROM papers p LEFT JOIN vectors v USING (paper) ORDER BY p.id"
        );
        store.read(|db| {
            let mut statement = db.prepare(&sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                report.papers += 1;
                let vector = row.get_ref(N_COLUMNS + 1)?.as_blob_or_null();
                report.vectors += usize::from(!matches!(vector, Ok(None)));
                match known_of(row) {
                    // Its own words, with SQLite's left out.
                    Err(error) => {
                        let error = LibraryError::sqlite(store.path(), error);
                        report.problems.push(row_problem(error));
                    }
                    Ok(known) if some_lack && matches!(vector, Ok(None)) => drop(known),
                    Ok(known) => {
                        let vector = vector.map_err(|error| error.to_string());
                        report.problems.extend(problem(&known, vector, shape));
                    }
                }
            }
            Ok(())
        })
    }

    fn tell_of_unembedded(&self, report: &mut CheckReport) -> Result<(), LibraryError> {
        let lacking = report.papers.saturating_sub(report.vectors);
        if lacking > 0 && self.has_unembedded()? {
            report.notes.push(format!(
                "{lacking} papers have no vector yet: `syntopic embed` makes them"
            ));
        }
        Ok(())
    }

    /// Every byte of the files made from the papers, and the record of what they were made from.
    fn check_files(&self, dim: usize, report: &mut CheckReport) -> Result<(), LibraryError> {
        let store = self.store()?;
        let truth = store.snapshot(dim)?.stamp;
        if store.stamp()?.is_some_and(|recorded| recorded != truth) {
            report.problems.push(String::from(
                "the papers or vectors are others than those recorded: library.db was changed by another program",
            ));
        }
        let index = match Index::open_stale(&self.index_path()) {
            // One of another version is merely out of date.
            Err(IndexError::File { .. } | IndexError::Version { .. }) | Ok(_) => None,
            Err(error) => Some(("index.bin", error)),
        };
        let rows = file_problem(&self.rows_path(), truth.sha256).map(|error| ("rows.bin", error));
        for (file, error) in index.into_iter().chain(rows) {
            report.problems.push(format!(
                "{file}: {error}. Delete it: the next search makes it again"
            ));
        }
        for path in self.words_paths() {
            if let Some(error) = crate::lexical::file_problem(&path) {
                let file = path.file_name().unwrap_or(path.as_os_str());
                let file = file.to_string_lossy();
                let problem = format!("{file}: {error}. Delete it: the next search makes it again");
                report.problems.push(problem);
            }
        }
        let map = crate::map::kept::FILE;
        if let Some(why) = crate::map::kept::file_problem(&self.folder.join(map)) {
            let problem = format!("{map}: {why}. Delete it: the next map makes it again");
            report.problems.push(problem);
        }
        Ok(())
    }

    fn recall(
        &mut self,
        k: usize,
        progress: &mut Progress<'_>,
    ) -> Result<RecallReport, LibraryError> {
        let folder = self.folder.clone();
        let empty = || LibraryError::Empty(folder.clone());
        let mut options = self.index_options.clone();
        let exact = self.vectors()?.n_rows() < options.exact_below;
        if exact {
            // Exact search has nothing to measure; the graph that a larger library would get has.
            options.kind = Kind::Hnsw;
        }
        let built = if options.kind == Kind::Hnsw {
            let rows = self.vectors()?;
            let index = Index::build(rows, &options, &mut |done| {
                progress(Event::Indexing {
                    done,
                    of: rows.n_rows(),
                })
            })?;
            Some(index)
        } else {
            self.open_index(&options, None, progress)?;
            self.load_snapshot()?;
            None
        };
        let rows = &self.snapshot.as_ref().ok_or_else(empty)?.vectors;
        let index = built.as_ref().map_or_else(|| self.index(), Ok)?;
        let recall = measure_recall(index, rows, k, RECALL_QUERIES, 42)?;
        Ok(RecallReport {
            k: recall.k,
            n_queries: recall.n_queries,
            mean: recall.mean,
            low: recall.low,
            high: recall.high,
            worst: recall.worst,
            unreachable: recall.unreachable,
            index: if exact {
                format!(
                    "this library is searched exactly; a graph over it, as a larger one gets: {}",
                    index.describe()
                )
            } else {
                index.describe()
            },
        })
    }
}

/// Runs a part of the check; what it finds damaged is a problem, and the other parts go on.
fn note(
    report: &mut CheckReport,
    part: impl FnOnce(&mut CheckReport) -> Result<(), LibraryError>,
) -> Result<(), LibraryError> {
    match part(report) {
        Err(error @ (LibraryError::Corrupt { .. } | LibraryError::OtherRecipe { .. })) => {
            report.problems.push(row_problem(error));
            Ok(())
        }
        other => other,
    }
}

/// A damage without the advice of an error that ends a command.
fn row_problem(error: LibraryError) -> String {
    match error {
        LibraryError::Corrupt { why, .. } => why,
        other => other.to_string(),
    }
}

/// What is wrong with a paper's vector, if anything.
pub(crate) fn problem(
    known: &Known,
    vector: Result<Option<&[u8]>, String>,
    shape: Option<(usize, Storage)>,
) -> Option<String> {
    let id = &known.paper.id;
    let (Some(embedded), Ok(Some(vector))) = (known.embedded, &vector) else {
        return Some(match vector {
            Err(why) => format!("the vector of {id} is damaged: {why}"),
            Ok(_) => format!("{id} has no vector: `syntopic embed` makes it"),
        });
    };
    if embedded != text_sha256(&known.paper) {
        return Some(format!(
            "the vector of {id} stands for another text: add the paper again"
        ));
    }
    let why = shape.and_then(|(dim, storage)| vector_problem(vector, dim, storage))?;
    Some(format!("the vector of {id} {why}"))
}
