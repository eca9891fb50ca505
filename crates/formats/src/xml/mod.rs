//! XML files of records: arXiv's Atom and OAI, PubMed, the ACL Anthology. Not for: HTML.
//!
//! A file is cut at the tags of its records, whatever is between them, and each record is read for itself: one that is no
//! XML is left out alone, and memory is that of one record. Entities of a document type are not expanded.

mod acl;
mod arxiv;
mod pubmed;
mod slices;
mod tree;

use crate::page::Bad;
use crate::records::{Draft, Record, Records};
pub(crate) use arxiv::listed_authors;
use slices::{Slice, Slicer};
use std::collections::VecDeque;
use std::io::{self, BufRead};
use tree::Element;

/// Which records a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `<entry>` of an Atom feed of arXiv.
    ArxivAtom,
    /// `<record>` of an answer of an OAI server.
    Oai,
    /// `<PubmedArticle>`.
    Pubmed,
    /// `<paper>` of the ACL Anthology.
    Acl,
}

impl Kind {
    /// The elements that are read as a whole.
    fn records(self) -> &'static [&'static str] {
        match self {
            Kind::ArxivAtom => &["entry"],
            Kind::Oai => &["record"],
            Kind::Pubmed => &["PubmedArticle", "PubmedBookArticle"],
            Kind::Acl => &["paper", "meta"],
        }
    }

    /// The elements around them whose attributes say something.
    fn around(self) -> &'static [&'static str] {
        match self {
            Kind::Acl => &["collection", "volume"],
            _ => &[],
        }
    }
}

/// The records of one file.
pub(crate) struct XmlRecords<R> {
    slicer: Slicer<R>,
    kind: Kind,
    volume: acl::Volume,
}

impl<R: BufRead> XmlRecords<R> {
    pub(crate) fn new(input: R, kind: Kind) -> Self {
        Self {
            slicer: Slicer::new(input, kind.records(), kind.around()),
            kind,
            volume: acl::Volume::default(),
        }
    }

    /// What an element says; `None` for one that is no paper.
    fn read(&mut self, element: &Element) -> Option<Result<Draft, String>> {
        match self.kind {
            Kind::ArxivAtom => Some(arxiv::entry(element)),
            Kind::Oai => Some(arxiv::record(element)),
            Kind::Pubmed => Some(pubmed::article(element)),
            Kind::Acl if element.name == "meta" => {
                self.volume.describe(element);
                None
            }
            Kind::Acl => Some(Ok(self.volume.paper(element))),
        }
    }
}

impl<R: BufRead> Records for XmlRecords<R> {
    fn next(&mut self, ready: &mut VecDeque<Record>) -> io::Result<bool> {
        let Some(slice) = self.slicer.next()? else {
            return Ok(false);
        };
        match slice {
            Slice::Around(tag) => {
                if let Ok(element) = tree::parse(&tag) {
                    self.volume.enter(&element);
                }
            }
            Slice::Broken { line, why } => ready.push_back(Err(Bad { line, why })),
            Slice::Record { line, text } => {
                let draft = match tree::parse(&text) {
                    Ok(element) => self.read(&element),
                    Err(why) => Some(Err(format!("not a well-formed record: {why}"))),
                };
                ready.extend(draft.map(|draft| match draft {
                    Ok(draft) => Ok(Draft { line, ..draft }),
                    Err(why) => Err(Bad { line, why }),
                }));
            }
        }
        Ok(true)
    }
}
