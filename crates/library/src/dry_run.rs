//! What `add` would read of sources, without a model and without a library: nothing is embedded and nothing is written.

use crate::add::{MOST_NAMED, Source, is_none_unreadable, is_of_the_source, is_zero};
use crate::{Event, LibraryError, Progress};
use serde::Serialize;
use syntopic_formats::{ReadOptions, Skipped};

/// What is in one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DryRun {
    /// Its name.
    pub source: String,
    /// The format it is read as; `None` where it cannot be read.
    pub format: Option<String>,
    /// The encoding it is read in, where that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Papers in it.
    pub records: usize,
    /// Those that have an abstract.
    pub with_abstract: usize,
    /// Characters of its papers that are U+FFFD: what its encoding does not have.
    #[serde(skip_serializing_if = "is_none_unreadable")]
    pub unreadable_characters: u64,
    /// Records that are no papers, up to 100,000.
    pub skipped: Vec<Why>,
    /// How many more there are.
    #[serde(skip_serializing_if = "is_zero")]
    pub skipped_unnamed: usize,
    /// Why it cannot be read to its end, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A record that would be left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Why {
    /// File and line.
    #[serde(rename = "where")]
    pub place: String,
    /// What is wrong with it.
    pub why: String,
}

/// Reads the sources to their ends.
///
/// # Errors
/// When `progress` asked to stop. A source that cannot be read is named in its place.
pub fn dry_run(
    sources: &[Source],
    options: &ReadOptions,
    progress: &mut Progress<'_>,
) -> Result<Vec<DryRun>, LibraryError> {
    let mut all = Vec::new();
    for source in sources {
        let mut found = DryRun {
            source: source.name(),
            format: None,
            encoding: None,
            records: 0,
            with_abstract: 0,
            unreadable_characters: 0,
            skipped: Vec::new(),
            skipped_unnamed: 0,
            error: None,
        };
        match read(source, options, &mut found, progress) {
            Err(error) if is_of_the_source(&error) => found.error = Some(error.to_string()),
            done => done?,
        }
        all.push(found);
    }
    Ok(all)
}

fn read(
    source: &Source,
    options: &ReadOptions,
    found: &mut DryRun,
    progress: &mut Progress<'_>,
) -> Result<(), LibraryError> {
    let mut papers = syntopic_formats::open_with(&found.source, source.open()?, options)?;
    found.format = Some(papers.format().to_string());
    found.encoding = papers.encoding().map(str::to_owned);
    while let Some(record) = papers.next() {
        found.unreadable_characters = papers.unreadable();
        match record? {
            Ok(paper) => {
                found.records += 1;
                found.with_abstract += usize::from(paper.abstract_text.is_some());
            }
            Err(_) if found.skipped.len() >= MOST_NAMED => found.skipped_unnamed += 1,
            Err(Skipped { source, line, why }) => found.skipped.push(Why {
                place: format!("{source}:{line}"),
                why,
            }),
        }
        let event = Event::Reading {
            source: &found.source,
            papers: found.records,
        };
        if progress(event).is_break() {
            return Err(LibraryError::Cancelled { papers: 0 });
        }
    }
    Ok(())
}
