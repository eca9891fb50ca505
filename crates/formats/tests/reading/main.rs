//! What `open` makes of pages and JSON lines, good, odd and damaged.

mod detection;
mod jsonl;
mod page_html;
mod page_pairing;
mod page_properties;
mod page_text;
mod robustness;

use syntopic_core::Paper;
use syntopic_formats::{Format, FormatError, Skipped, open};

/// The saved page that ships as the sample.
const PAGE: &str = include_str!("../../../../data/hf-papers.txt");

/// An abstract as short as they come, whose words differ by `name`.
fn abstract_of(name: &str) -> String {
    format!(
        "We study {name} and find that it works. The idea is simple, the proof is short, and the experiments on four \
         data sets show that nothing else comes close to it."
    )
}

/// Everything that came of one input.
#[derive(Debug, PartialEq)]
struct Read {
    format: Format,
    papers: Vec<Paper>,
    skipped: Vec<Skipped>,
    chrome: u64,
    doubtful: u64,
    doubts: Vec<String>,
}

impl Read {
    fn titles(&self) -> Vec<&str> {
        self.papers
            .iter()
            .map(|paper| paper.title.as_str())
            .collect()
    }

    /// Titles of the papers without an abstract.
    fn bare(&self) -> Vec<&str> {
        self.papers
            .iter()
            .filter(|p| p.abstract_text.is_none())
            .map(|p| p.title.as_str())
            .collect()
    }

    /// The skipped records as they are shown.
    fn messages(&self) -> Vec<String> {
        self.skipped.iter().map(ToString::to_string).collect()
    }
}

fn read_as(bytes: &[u8], format: Option<Format>) -> Result<Read, FormatError> {
    let mut items = open("in", Box::new(bytes), format)?;
    let (mut papers, mut skipped) = (Vec::new(), Vec::new());
    for item in items.by_ref() {
        match item? {
            Ok(paper) => papers.push(paper),
            Err(bad) => skipped.push(bad),
        }
    }
    assert!(items.next().is_none(), "an exhausted iterator stays so");
    Ok(Read {
        format: items.format(),
        papers,
        skipped,
        chrome: items.chrome_lines(),
        doubtful: items.doubtful_lines(),
        doubts: items.doubts().map(|doubt| doubt.to_string()).collect(),
    })
}

/// Reads what must be readable, finding out its format.
fn read(text: impl AsRef<[u8]>) -> Read {
    read_as(text.as_ref(), None).expect("a readable file")
}

/// The message of what must not be readable.
fn refused(bytes: &[u8], format: Option<Format>) -> String {
    read_as(bytes, format)
        .expect_err("not a readable file")
        .to_string()
}
