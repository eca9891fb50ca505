//! A file to search with: one text, or papers in a known format.
//!
//! Not for: adding papers (`add.rs`).

use crate::LibraryError;
use crate::related::Query;
use syntopic_core::Paper;
use syntopic_formats::{Format, FormatError};

/// What a file to search with holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryFile {
    /// One text, or each paper.
    pub queries: Vec<Query>,
    /// What was understood, in one line that begins with the file's name.
    pub understood: String,
}

/// Reads the content of a file that messages call `name`. In a format of papers it is those; plain text is a page of papers where two or
/// more titles with their abstracts are found in it, and otherwise one text.
///
/// # Errors
/// When it is empty, is of a format of papers and holds none, or is no text.
pub fn read_query_file(name: &str, content: &[u8]) -> Result<QueryFile, LibraryError> {
    let one_text = |looks_like: Option<&str>| {
        let text = std::str::from_utf8(content).map_err(|error| LibraryError::NotText {
            name: name.to_owned(),
            at: error.valid_up_to(),
        })?;
        let looks_like = looks_like.map(|other| format!(", though it looks like {other}"));
        Ok(QueryFile {
            queries: vec![Query::Text(
                text.trim_start_matches('\u{feff}').trim().to_owned(),
            )],
            understood: format!("{name}: read as one text{}", looks_like.unwrap_or_default()),
        })
    };
    let mut records = match syntopic_formats::open(name, Box::new(content), None) {
        Ok(records) => records,
        Err(FormatError::Empty { .. }) => {
            return Err(LibraryError::EmptyQueryFile(name.to_owned()));
        }
        Err(FormatError::Unknown { looks_like, .. }) => {
            return one_text((!looks_like.starts_with("text ")).then_some(looks_like));
        }
        Err(error) => return Err(error.into()),
    };
    let format = records.format();
    let (mut papers, mut skipped) = (Vec::<Paper>::new(), 0);
    for record in &mut records {
        match record {
            Ok(Ok(paper)) => papers.push(paper),
            Ok(Err(_)) => skipped += 1,
            Err(_) if format == Format::HfPapersText => return one_text(None),
            Err(error) => return Err(error.into()),
        }
    }
    let titled = papers.len() > 1 && papers.iter().all(|paper| !paper.title.is_empty());
    if format == Format::HfPapersText && !titled {
        return one_text(None);
    }
    if papers.is_empty() {
        return Err(LibraryError::NoPapers(name.to_owned()));
    }
    let mut understood = match papers.len() {
        1 => format!("{name}: 1 paper ({format})"),
        n => format!("{name}: {n} papers ({format})"),
    };
    if skipped > 0 {
        understood.push_str(&format!(", left out: {skipped}"));
    }
    let queries = papers
        .into_iter()
        .map(|paper| Query::Given(Box::new(paper)));
    Ok(QueryFile {
        queries: queries.collect(),
        understood,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<QueryFile, LibraryError> {
        read_query_file("f", text.as_bytes())
    }

    #[test]
    fn texts_and_papers_are_told_apart() {
        let long = "We learn images from two views of each and keep the features decorrelated, which needs no negative samples \
            and no large batches, and is better than all that was there before it, as we show.";
        let one = |text: &str| {
            let file = read(text).unwrap();
            assert_eq!(file.understood, "f: read as one text");
            assert_eq!(file.queries, [Query::Text(text.trim().to_owned())]);
        };
        one("graph networks\n");
        one(long);
        one(&format!("A title\n{long}\n"));
        one("@article is how BibTeX begins");
        let file = read("%0 Journal Article\n%T T\n").unwrap();
        let understood = "f: read as one text, though it looks like EndNote";
        assert_eq!(
            (file.queries.len(), file.understood.as_str()),
            (1, understood)
        );
        let file = read("@article{a,\n  title = {T}\n}\n").unwrap();
        assert_eq!(file.understood, "f: 1 paper (bibtex)");
        let page = format!("Views of images\n\n{long}\n\nViews of graphs\n\n{long}\n");
        let file = read(&page).unwrap();
        assert_eq!(
            (file.queries.len(), file.understood.as_str()),
            (2, "f: 2 papers (hf-papers)")
        );
        let file = read("{\"id\":\"a\",\"title\":\"T\"}\n{\"id\":\"b\"}\n").unwrap();
        assert_eq!(file.understood, "f: 1 paper (jsonl), left out: 1");
        assert!(matches!(&file.queries[0], Query::Given(paper) if paper.title == "T"));
    }

    #[test]
    fn empty_files_and_those_without_text_say_so() {
        let error = read_query_file("f", b"caf\xe9").unwrap_err().to_string();
        assert_eq!(error, "f is not UTF-8 text (byte 3): convert it first");
        assert!(read_query_file("f", b"%PDF-1.4 \xe2\xe3").is_err());
        for text in ["", " \n", "\u{feff}\n"] {
            assert!(matches!(read(text), Err(LibraryError::EmptyQueryFile(_))));
        }
        assert!(matches!(
            read("{\"id\":\"a\"}\n"),
            Err(LibraryError::NoPapers(_))
        ));
    }
}
