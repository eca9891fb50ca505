//! The indexes of words of a library: `words.bin` and `title-words.bin`, made from the papers when one is missing, damaged or of other papers.

use super::lexicon::Lexicon;
use super::{Fields, FieldsBuilder, Words};
use crate::engine::Library;
use crate::rows::Sha;
use crate::store::{Store, read_generation};
use crate::{Event, LibraryError, Progress, derived};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// Papers whose words are taken at a time.
const TOGETHER: usize = 4_096;

/// The files of whole texts and of titles.
const FILES: [&str; 2] = ["words.bin", "title-words.bin"];

/// Below this many papers the index is made anew rather than kept in a file.
const KEPT_FROM: usize = 2_000;

/// The index of words opened last, and what it was made from.
pub(crate) struct OpenLexicon {
    sha256: Sha,
    fields: Fields,
}

impl Library {
    /// Opens the index of words of the present papers, whose rows are those of the catalogue.
    pub(crate) fn open_lexicon(&mut self, progress: &mut Progress<'_>) -> Result<(), LibraryError> {
        let catalogue = self.open_catalogue(progress)?;
        let (stamp, n_rows) = (*catalogue.stamp(), catalogue.n_rows());
        let sha256 = stamp.texts_sha256;
        if self
            .lexicon
            .as_ref()
            .is_some_and(|open| open.sha256 == sha256)
        {
            return Ok(());
        }
        let paths = self.words_paths();
        let [whole, titles] = &paths;
        let (whole, titles) =
            rayon::join(|| read_file(whole, &sha256), || read_file(titles, &sha256));
        for (path, why) in paths
            .iter()
            .zip([whole.as_ref().err(), titles.as_ref().err()])
        {
            if let Some(why) = why {
                let note = format!("{} is made again: {why}", path.display());
                let _ = progress(Event::Note(&note));
            }
        }
        let stored = (whole.ok().flatten().zip(titles.ok().flatten()))
            .map(|(whole, titles)| Fields { whole, titles });
        let fields = match stored.filter(|fields| fields.n_rows() == n_rows) {
            Some(fields) => fields,
            None => {
                let fields = read_words(self.store()?, stamp.generation)?;
                if n_rows >= KEPT_FROM {
                    for (path, lexicon) in paths.iter().zip([&fields.whole, &fields.titles]) {
                        derived::keep(path, &lexicon.to_bytes(&sha256), progress);
                    }
                }
                fields
            }
        };
        if fields.n_rows() != n_rows {
            // Papers came between reading the vectors and reading the texts.
            return Err(LibraryError::Busy(self.store()?.path().to_owned()));
        }
        self.lexicon = Some(OpenLexicon { sha256, fields });
        Ok(())
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

/// A file's index, if it is there and of these papers, or what is wrong with it.
fn read_file(path: &Path, sha256: &Sha) -> Result<Option<Lexicon>, &'static str> {
    match std::fs::read(path) {
        Ok(bytes) => Lexicon::from_bytes(&bytes, sha256),
        Err(_) => Ok(None),
    }
}

/// What is wrong with the file, if it is there and anything is; a file of other papers is merely out of date.
pub(crate) fn file_problem(path: &Path, texts_sha256: &Sha) -> Option<&'static str> {
    let bytes = std::fs::read(path).ok()?;
    Lexicon::from_bytes(&bytes, texts_sha256).err()
}

/// The words of every paper that has a vector, in the order of ids.
///
/// # Errors
/// [`LibraryError::Busy`] when the library was changed since it had changed `generation` times.
fn read_words(store: &Store, generation: u64) -> Result<Fields, LibraryError> {
    let sql = "SELECT p.title, p.abstract FROM papers p JOIN vectors v USING (paper) ORDER BY p.id";
    let mut builder = FieldsBuilder::default();
    let same = store.read(|db| {
        let tx = db.unchecked_transaction()?;
        if read_generation(&tx)? != generation {
            return Ok(false);
        }
        let mut statement = tx.prepare_cached(sql)?;
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
    Ok(builder.finish())
}
