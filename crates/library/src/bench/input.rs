//! The texts that are embedded.

use super::EmbedBench;
use crate::add::Source;
use crate::{Event, LibraryError, Progress};
use syntopic_core::{Paper, paper_text};

/// Skipped records that are named one by one.
const SHOWN: usize = 20;

/// Characters of an abstract that stand for a title where there is none, as in the peers' script.
const UNTITLED: usize = 80;

/// What is taken of a paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The text that a library embeds: title and abstract.
    Whole,
    /// The title alone: a short text, such as a search.
    Title,
}

impl Part {
    fn of(self, paper: &Paper) -> String {
        match self {
            Part::Whole => paper_text(paper),
            Part::Title if paper.title.trim().is_empty() => {
                let text = paper.abstract_text.as_deref().unwrap_or_default();
                text.chars().take(UNTITLED).collect()
            }
            Part::Title => paper.title.clone(),
        }
    }
}

/// What is embedded.
pub(super) struct Input {
    pub(super) name: String,
    pub(super) texts: Vec<String>,
    /// Records that are no papers.
    pub(super) skipped: usize,
}

/// Reads the papers of `bench`, at least one.
pub(super) fn read(
    bench: &EmbedBench,
    part: Part,
    progress: &mut Progress<'_>,
) -> Result<Input, LibraryError> {
    let sample = Source::Text {
        name: String::from("the sample corpus"),
        text: crate::SAMPLE_PAGE,
    };
    let source = bench.source.as_ref().unwrap_or(&sample);
    let name = source.name();
    let (mut texts, mut skipped) = (Vec::new(), 0);
    for record in syntopic_formats::open(&name, source.open()?, None)? {
        match record? {
            Ok(paper) => texts.push(part.of(&paper)),
            Err(bad) => {
                skipped += 1;
                if skipped <= SHOWN {
                    let _ = progress(Event::Note(&format!("skipped: {bad}")));
                }
            }
        }
        if bench.limit.is_some_and(|limit| texts.len() >= limit.max(1)) {
            break;
        }
    }
    if texts.is_empty() {
        return Err(LibraryError::NoPapers(name));
    }
    Ok(Input {
        name,
        texts,
        skipped,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use syntopic_core::PaperId;

    #[test]
    fn a_paper_without_a_title_is_known_by_how_its_abstract_begins() {
        let id = || PaperId::new("x").unwrap();
        let long = "ä".repeat(100);
        let titled = Paper::new(id(), "A title", Some(&long)).unwrap();
        assert_eq!(Part::Title.of(&titled), "A title");
        assert_eq!(Part::Whole.of(&titled), paper_text(&titled));
        let untitled = Paper::new(id(), "", Some(&long)).unwrap();
        assert_eq!(Part::Title.of(&untitled), "ä".repeat(80));
    }
}
