//! The indexes of words of a library: `words.bin` and `title-words.bin`, made from the papers when one is missing, damaged or of
//! other papers. Both are mapped: a search reads the words it asks for.

use super::lexicon::Lexicon;
use super::{Fields, FieldsBuilder, Words};
use crate::engine::Library;
use crate::rows::{Sha, Stamp};
use crate::store::{Store, one_moment, read_generation};
use crate::{Event, LibraryError, Progress, derived};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use syntopic_index::IndexError;

/// Papers whose words are taken at a time.
const TOGETHER: usize = 4_096;

/// The files of whole texts and of titles.
const FILES: [&str; 2] = ["words.bin", "title-words.bin"];

/// Below this many papers the index is made anew rather than kept in a file, unless a library says otherwise.
pub(crate) const KEPT_FROM: usize = 2_000;

/// The index of words opened last, and what it was made from.
pub(crate) struct OpenLexicon {
    sha256: Sha,
    fields: Fields,
}

impl OpenLexicon {
    /// What the files at `paths` hold, if both are there, whole and of those papers.
    pub(crate) fn of_files(paths: &[PathBuf; 2], stamp: &Stamp, n_rows: usize) -> Option<Self> {
        let sha256 = stamp.texts_sha256;
        let read = |path: &PathBuf| {
            let found = read_file(path, (&named(path, &sha256), n_rows), false);
            found.ok().flatten()
        };
        let fields = Fields {
            whole: read(&paths[0])?,
            titles: read(&paths[1])?,
        };
        Some(Self { sha256, fields })
    }
}

impl Library {
    /// Opens the index of words of the present papers, whose rows are those of the catalogue.
    pub(crate) fn open_lexicon(&mut self, progress: &mut Progress<'_>) -> Result<(), LibraryError> {
        if self.older.is_some() {
            return Ok(());
        }
        let catalogue = self.open_catalogue(progress)?;
        let (stamp, n_rows) = (*catalogue.stamp(), catalogue.n_rows());
        let sha256 = stamp.texts_sha256;
        let is_it = |open: &OpenLexicon| open.sha256 == sha256;
        if self.lexicon.as_ref().is_some_and(is_it) {
            return Ok(());
        }
        let [whole, titles] = self.words_paths().map(|path| {
            let made_from = named(&path, &sha256);
            let found = read_file(&path, (&made_from, n_rows), self.distrust);
            found.unwrap_or_else(|error| {
                let note = format!("{} is made again: {error}", path.display());
                let _ = progress(Event::Note(&note));
                None
            })
        });
        let fields = match whole.zip(titles) {
            Some((whole, titles)) => Fields { whole, titles },
            None => self.make_words((stamp.generation, n_rows), &sha256, progress)?,
        };
        self.lexicon = Some(OpenLexicon { sha256, fields });
        Ok(())
    }

    /// The index of the papers of the database, and kept for the next time.
    fn make_words(
        &self,
        (generation, n_rows): (u64, usize),
        sha256: &Sha,
        progress: &mut Progress<'_>,
    ) -> Result<Fields, LibraryError> {
        let fields = read_words(self.store()?, generation)?;
        if fields.n_rows() != n_rows {
            // Papers came between reading the vectors and reading the texts.
            return Err(LibraryError::Busy(self.store()?.path().to_owned()));
        }
        if n_rows >= self.words_kept_from {
            let both = [&fields.whole, &fields.titles];
            for (path, lexicon) in self.words_paths().iter().zip(both) {
                let bytes = lexicon.to_bytes(&named(path, sha256))?;
                derived::keep(path, &bytes, progress);
            }
        }
        Ok(fields)
    }

    /// The index that [`Library::open_lexicon`] opened.
    pub(crate) fn lexicon(&self) -> Result<&Fields, LibraryError> {
        let open = self.lexicon.as_ref();
        open.map(|open| &open.fields)
            .ok_or_else(|| LibraryError::Empty(self.folder.clone()))
    }

    /// Where the files of whole texts and of titles are.
    pub(crate) fn words_paths(&self) -> [PathBuf; 2] {
        FILES.map(|name| self.folder.join(name))
    }
}

/// What a file is made from: those papers, and the words that its name says. One in the place of the other is out of date.
fn named(path: &Path, sha256: &Sha) -> Sha {
    let name = path.file_name().unwrap_or_default();
    let mut made_from = Sha256::new_with_prefix(name.as_encoded_bytes());
    made_from.update(sha256);
    made_from.finalize().into()
}

/// A file's index, if it is there and of these papers. All of it is verified where it is distrusted, otherwise
/// each page when it is looked at.
///
/// # Errors
/// When it is damaged, of another version, or no such file.
fn read_file(
    path: &Path,
    (sha256, n_rows): (&Sha, usize),
    distrust: bool,
) -> Result<Option<Lexicon>, IndexError> {
    let lexicon = match Lexicon::open(path) {
        Err(IndexError::File { .. }) => return Ok(None),
        Err(error) => return Err(error),
        Ok(lexicon) => lexicon,
    };
    if distrust {
        lexicon.verify()?;
    }
    let same = lexicon.made_from() == *sha256 && lexicon.n_rows() == n_rows;
    Ok(same.then_some(lexicon))
}

/// What is wrong with the file, if it is there and anything is; one of other papers or another version is merely out of date.
pub(crate) fn file_problem(path: &Path) -> Option<IndexError> {
    let found = Lexicon::open(path).and_then(|lexicon| lexicon.verify());
    found.err().filter(IndexError::is_damage)
}

/// The words of every paper that has a vector, in the order of ids.
///
/// # Errors
/// [`LibraryError::Busy`] when the library was changed since it had changed `generation` times.
fn read_words(store: &Store, generation: u64) -> Result<Fields, LibraryError> {
    let sql = "SELECT p.title, p.abstract FROM papers p JOIN vectors v USING (paper) ORDER BY p.id";
    let mut builder = FieldsBuilder::default();
    let same = store.read(|db| {
        let _moment = one_moment(db)?;
        if read_generation(db)? != generation {
            return Ok(false);
        }
        let mut statement = db.prepare_cached(sql)?;
        let mut rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        loop {
            let some: Vec<(String, Option<String>)> =
                rows.by_ref().take(TOGETHER).collect::<Result<_, _>>()?;
            if some.is_empty() {
                return Ok(true);
            }
            let words: Vec<_> = some
                .par_iter()
                .map(|(title, text)| Words::of_paper(title, text.as_deref()))
                .collect();
            words.iter().for_each(|words| builder.push(words));
        }
    })?;
    if !same {
        return Err(LibraryError::Busy(store.path().to_owned()));
    }
    Ok(builder.finish()?)
}
