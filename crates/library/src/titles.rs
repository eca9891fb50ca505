//! The vector of a paper's title alone, beside the vector of its text: how it is made, kept and compared.
//!
//! Kept rounded to one byte a number, with the hash of the text it was made with, so that one that an older syntopic left behind is
//! not used. Libraries of before have none: then titles do not count. Not for: finding candidates, nor the words of a title.

use crate::catalogue::Catalogue;
use crate::rows::{Tables, text_sha256, vector_problem};
use crate::store::Store;
use crate::{LibraryError, Storage};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::ops::ControlFlow;
use syntopic_core::{Embeddings, Paper, Row, dot, paper_text};
use syntopic_embed::{Embedder, TextKind};

/// How the vectors are kept.
const KEPT: Storage = Storage::Int8;

const COLUMNS: &str = "(
  paper INTEGER PRIMARY KEY REFERENCES papers(paper) ON DELETE CASCADE,
  text_sha256 BLOB NOT NULL, -- of the text of the paper that the title is of
  vector BLOB NOT NULL       -- of the title alone, a signed byte a number
) STRICT";

/// Those whose paper has still the text that they were made with.
const CURRENT: &str =
    "FROM titles t JOIN vectors v USING (paper) WHERE t.text_sha256 = v.text_sha256";

/// The vector of each paper's title as it is kept, shape `(dim,)` each; `None` of a paper without a title, or of whose title the
/// model knows no word. `texts` are the vectors of the whole texts: of a paper without an abstract that is its title's.
///
/// # Errors
/// When a title cannot be embedded.
pub(crate) fn title_vectors(
    embedder: &Embedder,
    papers: &[Paper],
    texts: &Embeddings,
) -> Result<Vec<Option<Vec<f32>>>, LibraryError> {
    let places: Vec<usize> = (0..papers.len())
        .filter(|&at| !is_bare(&papers[at]) && !papers[at].title.trim().is_empty())
        .collect();
    let titles: Vec<&str> = places.iter().map(|&at| papers[at].title.trim()).collect();
    let mut vectors: Vec<Option<Vec<f32>>> = (papers.iter().enumerate())
        .map(|(at, paper)| is_bare(paper).then(|| texts.row(Row::from_index(at)).to_vec()))
        .collect();
    if !titles.is_empty() {
        let mut go_on = |_| ControlFlow::Continue(());
        let embedded = embedder.embed(&titles, TextKind::Document, &mut go_on)?;
        for (at, &place) in places.iter().enumerate() {
            if !embedded.without_tokens.contains(&at) {
                vectors[place] = Some(embedded.vectors.row(Row::from_index(at)).to_vec());
            }
        }
    }
    let kept = |vector: Vec<f32>| KEPT.decode(&KEPT.encode(&vector));
    Ok(vectors.into_iter().map(|vector| vector.map(kept)).collect())
}

/// The same of papers whose texts have their vectors already; `hear` is told how many are done.
///
/// # Errors
/// When a title cannot be embedded.
pub(crate) fn titles_alone(
    embedder: &Embedder,
    papers: &[&Paper],
    hear: &mut dyn FnMut(usize),
) -> Result<Vec<Option<Vec<f32>>>, LibraryError> {
    let texts: Vec<String> = (papers.iter())
        .map(|paper| match is_bare(paper) {
            true => paper_text(paper),
            false => paper.title.trim().to_owned(),
        })
        .collect();
    let embedded = embedder.embed(&texts, TextKind::Document, &mut |progress| {
        hear(progress.done);
        ControlFlow::Continue(())
    })?;
    let one = |(at, paper): (usize, &&Paper)| {
        let is_known = is_bare(paper) || !embedded.without_tokens.contains(&at);
        is_known.then(|| {
            let vector = embedded.vectors.row(Row::from_index(at));
            KEPT.decode(&KEPT.encode(vector))
        })
    };
    Ok(papers.iter().enumerate().map(one).collect())
}

/// Whether a paper has no abstract, so that its text is its title.
fn is_bare(paper: &Paper) -> bool {
    (paper.abstract_text.as_deref().unwrap_or_default().trim()).is_empty()
}

/// In a query of `papers p`: whether the paper has a vector of its title that cannot be one, by its length beside the recorded one, or by
/// being nothing but zeros. Where no length is recorded nobody knows.
const DAMAGED: &str = "EXISTS (SELECT 1 FROM titles t WHERE t.paper = p.paper AND (
  length(t.vector) <> (SELECT json_extract(value, '$.dim') FROM meta WHERE key = 'model' AND json_valid(value))
  OR t.vector = zeroblob(length(t.vector))))";

/// In the same query: the hash of the text that the paper's vectors stand for, nothing where the one of its title is damaged, so that the
/// paper's text counts as not embedded and adding it again makes both anew.
pub(crate) fn embedded_text(db: &Connection) -> Result<String, rusqlite::Error> {
    let hash = "v.text_sha256";
    Ok(match is_there(db)? {
        true => format!("CASE WHEN {DAMAGED} THEN NULL ELSE {hash} END"),
        false => hash.to_owned(),
    })
}

/// Makes the table in a library of before.
pub(crate) fn make_table(tx: &Transaction<'_>, tables: Tables) -> Result<(), rusqlite::Error> {
    let table = tables.titles();
    tx.execute_batch(&format!("CREATE TABLE IF NOT EXISTS {table}{COLUMNS}"))
}

/// Writes the vector of a paper's title.
pub(crate) fn put_title(
    tx: &Transaction<'_>,
    tables: Tables,
    (row, paper): (i64, &Paper),
    vector: Option<&[f32]>,
) -> Result<(), rusqlite::Error> {
    let table = tables.titles();
    let Some(vector) = vector else {
        let sql = format!("DELETE FROM {table} WHERE paper = ?1");
        return tx.prepare_cached(&sql)?.execute([row]).map(|_| ());
    };
    let sql =
        format!("INSERT OR REPLACE INTO {table}(paper, text_sha256, vector) VALUES (?1, ?2, ?3)");
    let values = params![row, text_sha256(paper), KEPT.encode(vector)];
    tx.prepare_cached(&sql)?.execute(values).map(|_| ())
}

/// How like a title the titles of papers are: the cosine, and of a paper whose title has no vector, `cosine`, that of the texts.
pub(crate) fn likeness(query: &[f32], title: Option<&[f32]>, cosine: f32) -> f32 {
    title.map_or(cosine, |title| dot(query, title))
}

impl Store {
    /// How many papers have the vector of their title.
    pub(crate) fn n_titles(&self) -> Result<usize, LibraryError> {
        self.read(|db| {
            if !is_there(db)? {
                return Ok(0);
            }
            let sql = format!("SELECT count(*) {CURRENT}");
            db.query_row(&sql, [], |row| row.get(0))
        })
    }

    /// Whether any paper has the vector of its title.
    pub(crate) fn has_titles(&self) -> Result<bool, LibraryError> {
        let sql = format!("SELECT EXISTS (SELECT 1 {CURRENT})");
        self.read(|db| {
            Ok(is_there(db)? && db.prepare_cached(&sql)?.query_row([], |row| row.get(0))?)
        })
    }

    /// What is wrong with the vectors of titles, each with its next step; `dim` is the length of the library's vectors.
    pub(crate) fn title_problems(&self, dim: usize) -> Result<Vec<String>, LibraryError> {
        let sql = "SELECT p.id, t.vector FROM titles t LEFT JOIN papers p USING (paper) ORDER BY p.id, t.paper";
        self.read(|db| {
            let (mut problems, mut orphans) = (Vec::new(), 0);
            if !is_there(db)? {
                return Ok(problems);
            }
            let mut statement = db.prepare(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let Some(id) = row.get::<_, Option<String>>(0)? else {
                    orphans += 1;
                    continue;
                };
                let problem = match row.get_ref(1)?.as_blob() {
                    Ok(vector) => vector_problem(vector, dim, KEPT),
                    Err(error) => Some(format!("is damaged: {error}")),
                };
                problems.extend(problem.map(|why| {
                    format!("the vector of the title of {id} {why}: add the paper again")
                }));
            }
            if orphans > 0 {
                problems.push(format!("{orphans} vectors of titles have no paper"));
            }
            Ok(problems)
        })
    }

    /// The vector of the title of each row, where there is one.
    pub(crate) fn titles_of(
        &self,
        catalogue: Catalogue<'_>,
        rows: impl Iterator<Item = Row>,
    ) -> Result<Vec<Option<Vec<f32>>>, LibraryError> {
        let ids = rows
            .map(|row| catalogue.id(row))
            .collect::<Result<Vec<_>, _>>()?;
        let sql = format!(
            "SELECT t.vector {CURRENT} AND t.paper = (SELECT paper FROM papers WHERE id = ?1)"
        );
        let found: Vec<Option<Vec<u8>>> = self.read(|db| {
            if !is_there(db)? {
                return Ok(vec![None; ids.len()]);
            }
            let mut statement = db.prepare_cached(&sql)?;
            let found = (ids.iter()).map(|id| {
                statement
                    .query_row([id.as_str()], |row| row.get(0))
                    .optional()
            });
            found.collect()
        })?;
        let dim = catalogue.rows().dim();
        let read = |(bytes, id): (Option<Vec<u8>>, &syntopic_core::PaperId)| {
            let Some(bytes) = bytes else {
                return Ok(None);
            };
            match vector_problem(&bytes, dim, KEPT) {
                None => Ok(Some(KEPT.decode(&bytes))),
                Some(why) => Err(LibraryError::Corrupt {
                    path: self.path().to_owned(),
                    why: format!("the vector of the title of \"{id}\" {why}"),
                }),
            }
        };
        found.into_iter().zip(&ids).map(read).collect()
    }
}

pub(crate) fn is_there(db: &Connection) -> Result<bool, rusqlite::Error> {
    let sql =
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'titles')";
    db.prepare_cached(sql)?.query_row([], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AddOptions, Library, Query, Related, RelatedMode, RelatedOptions, Source};
    use std::path::Path;

    const PAPERS: &str =
        "{\"id\":\"a\",\"title\":\"Masked graph autoencoders\",\"abstract\":\"We hide nodes.\"}
{\"id\":\"b\",\"title\":\"Graph autoencoders with masks\",\"abstract\":\"Edges are hidden.\"}
{\"id\":\"c\",\"title\":\"Prices of electricity\"}
";

    fn add(folder: &Path, text: &'static str) {
        let options = AddOptions {
            model: Some(String::from(crate::EMBEDDED)),
            ..AddOptions::default()
        };
        let name = String::from("papers");
        let mut library = Library::open_or_create(folder).unwrap();
        let mut go_on = |_: crate::Event<'_>| ControlFlow::Continue(());
        library
            .add(&[Source::Text { name, text }], &options, &mut go_on)
            .unwrap();
    }

    fn ask(folder: &Path, id: &str) -> Result<Related, LibraryError> {
        let query = Query::Paper(id.to_owned());
        let options = RelatedOptions::default();
        let mut go_on = |_: crate::Event<'_>| ControlFlow::Continue(());
        Library::open(folder)
            .unwrap()
            .related(&query, &options, &mut go_on)
    }

    fn change(folder: &Path, sql: &str) {
        let db = rusqlite::Connection::open(folder.join("library.db")).unwrap();
        db.execute_batch(sql).unwrap();
    }

    fn problems(folder: &Path) -> Vec<String> {
        let mut go_on = |_: crate::Event<'_>| ControlFlow::Continue(());
        let report = Library::open(folder).unwrap().check(None, &mut go_on);
        report.unwrap().problems
    }

    fn titles(folder: &Path) -> usize {
        Library::open(folder).unwrap().info().unwrap().titles
    }

    #[test]
    fn every_title_has_a_vector_and_a_library_without_them_ranks_as_it_did() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("library");
        add(&folder, PAPERS);
        assert_eq!(titles(&folder), 3);
        let with = ask(&folder, "a").unwrap();
        let scores = with.hits.iter().find(|hit| hit.id == "b").unwrap().scores;
        assert!(
            scores.title.unwrap() > scores.cosine,
            "their titles are more alike: {scores:?}"
        );
        change(&folder, "DROP TABLE titles");
        assert_eq!(titles(&folder), 0);
        for hit in ask(&folder, "a").unwrap().hits {
            let s = hit.scores;
            let plain =
                RelatedMode::Hybrid.score(s.cosine, s.nearness.unwrap(), None, s.lexical.unwrap());
            assert_eq!((s.title, hit.score), (None, plain));
        }
        // What comes later has one; what was there counts by the cosine of the texts.
        add(
            &folder,
            "{\"id\":\"d\",\"title\":\"Electricity markets\",\"abstract\":\"On trade.\"}",
        );
        assert_eq!(titles(&folder), 1);
        let scores = ask(&folder, "d").unwrap().hits[0].scores;
        assert_eq!(scores.title, Some(scores.cosine));
        assert!(ask(&folder, "a").unwrap().hits[0].scores.title.is_none());
    }

    #[test]
    fn a_changed_title_has_a_new_vector_and_a_stale_one_is_not_used() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("library");
        add(&folder, PAPERS);
        let before = ask(&folder, "a").unwrap();
        add(
            &folder,
            "{\"id\":\"a\",\"title\":\"Electricity\",\"abstract\":\"We hide nodes.\"}",
        );
        let after = ask(&folder, "a").unwrap();
        let title = |all: &Related| {
            all.hits
                .iter()
                .find(|hit| hit.id == "c")
                .unwrap()
                .scores
                .title
        };
        assert!(title(&after) > title(&before), "{after:?}");
        change(&folder, "UPDATE titles SET text_sha256 = zeroblob(32)");
        assert_eq!(titles(&folder), 0);
        assert!(ask(&folder, "a").unwrap().hits[0].scores.title.is_none());
        change(
            &folder,
            "UPDATE titles SET text_sha256 = (SELECT text_sha256 FROM vectors v WHERE v.paper = titles.paper)",
        );
        change(&folder, "UPDATE titles SET vector = x'00'");
        let error = ask(&folder, "a").unwrap_err().to_string();
        assert!(
            error.contains("the vector of the title of \"a\" has 1 bytes"),
            "{error}"
        );
        let a_again = "{\"id\":\"a\",\"title\":\"Electricity\",\"abstract\":\"We hide nodes.\"}";
        assert_eq!(problems(&folder).len(), 3);
        add(&folder, a_again);
        add(&folder, PAPERS);
        assert_eq!(problems(&folder), [""; 0], "adding again repairs");
        change(
            &folder,
            "UPDATE titles SET vector = zeroblob(length(vector)) WHERE paper = 2;
             PRAGMA foreign_keys = OFF; INSERT INTO titles VALUES (99, zeroblob(32), x'00')",
        );
        let found = problems(&folder);
        let words = [
            "the vector of the title of b is damaged",
            "1 vectors of titles have no paper",
        ];
        assert!(
            found.len() == 2 && words.iter().zip(&found).all(|(word, p)| p.contains(word)),
            "{found:?}"
        );
        add(&folder, PAPERS);
        assert_eq!(problems(&folder).len(), 1);
        change(&folder, "DELETE FROM titles WHERE paper = 99");
        change(
            &folder,
            "PRAGMA foreign_keys=ON; DELETE FROM papers WHERE id = 'b'",
        );
        assert_eq!(titles(&folder), 2);
    }
}
