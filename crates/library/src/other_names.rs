//! The papers that are meant by identifiers of other places: a DOI, an arXiv id, numbers of PubMed, the ACL Anthology or Semantic
//! Scholar.
//!
//! Not for: which records are versions of one paper (`duplicates`).

use crate::duplicates::keys::{arxiv, arxiv_id, doi, plain_doi};
use crate::engine::Library;
use crate::{LibraryError, suggest};
use syntopic_core::Paper;

/// What an identifier names.
enum Name {
    Doi(String),
    Arxiv(String),
    /// An id with its label, or the end of the address of a paper's page at a place.
    At(&'static str, String, String),
    Url(String),
}

impl Name {
    /// `DOI:10.1/x`, `ARXIV:2103.03230`, `PMID:19872477`, `ACL:W12-3903`, `CorpusId:215416146`, `URL:https://…`; upper and lower case
    /// alike.
    fn read(asked: &str) -> Option<Self> {
        let (label, rest) = asked.split_once(':')?;
        let rest = rest.trim();
        Some(match label.trim().to_lowercase().as_str() {
            "doi" => Self::Doi(plain_doi(rest)?),
            "arxiv" => Self::Arxiv(arxiv_id(&rest.to_lowercase())?),
            "pmid" => Self::At(
                "pubmed.ncbi.nlm.nih.gov/",
                format!("pmid:{rest}"),
                rest.to_lowercase(),
            ),
            "acl" => Self::At(
                "aclanthology.org/",
                format!("acl:{rest}"),
                rest.to_lowercase(),
            ),
            "corpusid" => Self::At(
                "semanticscholar.org/corpusid:",
                format!("corpusid:{rest}"),
                rest.to_lowercase(),
            ),
            "url" => Self::Url(rest.trim_end_matches('/').to_owned()),
            _ => return None,
        })
    }

    fn is_of(&self, paper: &Paper) -> bool {
        let url = paper.url.as_deref().unwrap_or_default();
        match self {
            Self::Doi(asked) => doi(paper).as_ref() == Some(asked),
            Self::Arxiv(asked) => arxiv(paper).as_ref() == Some(asked),
            Self::At(place, labelled, bare) => {
                let id = paper.id.as_str();
                let url = url.to_lowercase();
                let end = url.split_once(place).map(|(_, end)| end);
                let end = end.map(|end| end.trim_end_matches('/').trim_end_matches(".pdf"));
                id.eq_ignore_ascii_case(&labelled.to_lowercase())
                    || (*place == "aclanthology.org/" && id.eq_ignore_ascii_case(bare))
                    || end == Some(bare.as_str())
            }
            Self::Url(asked) => url.trim_end_matches('/') == asked,
        }
    }
}

/// A paper's arXiv id without its version, from its DOI, its URL or its own id; nothing where none of them is one.
#[must_use]
pub fn arxiv_id_of(paper: &Paper) -> Option<String> {
    arxiv(paper)
}

impl Library {
    /// The ids of the papers that are meant: each by its id in this library, or by a labelled identifier as Semantic Scholar has
    /// them (`DOI:`, `ARXIV:`, `PMID:`, `ACL:`, `CorpusId:`, `URL:`). Of several papers with one, the first by id.
    ///
    /// # Errors
    /// [`LibraryError::UnknownId`] of the first that no paper has; when the database cannot be read.
    pub fn ids_of(&self, asked: &[&str]) -> Result<Vec<String>, LibraryError> {
        let known = self.papers_called(asked)?;
        let mut identified = None;
        let found = asked.iter().zip(known).map(|(asked, paper)| {
            if let Some(paper) = paper {
                return Ok(paper.id.to_string());
            }
            let papers = match &mut identified {
                Some(papers) => papers,
                none => none.insert(self.store()?.identified()?),
            };
            let named = Name::read(asked).and_then(|name| papers.iter().find(|p| name.is_of(p)));
            named
                .map(|paper| paper.id.to_string())
                .ok_or_else(|| LibraryError::UnknownId {
                    id: (*asked).to_owned(),
                    nearest: suggest::nearest(asked, papers.iter().map(|paper| paper.id.as_str())),
                })
        });
        found.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syntopic_core::PaperId;

    fn paper(id: &str, doi: &str, url: &str) -> Paper {
        let mut paper = Paper::new(PaperId::new(id).unwrap(), "T", None).unwrap();
        let field = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        (paper.doi, paper.url) = (field(doi), field(url));
        paper
    }

    #[test]
    fn labelled_identifiers_name_papers() {
        for (asked, named) in [
            ("DOI:10.1/AB", paper("x", "https://doi.org/10.1/ab", "")),
            ("ARXIV:2103.03230", paper("2103.03230v2", "", "")),
            (
                "arXiv:2103.03230v1",
                paper("x", "", "https://arxiv.org/abs/2103.03230"),
            ),
            ("PMID:19872477", paper("PMID:19872477", "", "")),
            (
                "pmid:19872477",
                paper("x", "", "https://pubmed.ncbi.nlm.nih.gov/19872477/"),
            ),
            ("ACL:W12-3903", paper("W12-3903", "", "")),
            (
                "ACL:W12-3903",
                paper("x", "", "https://aclanthology.org/W12-3903.pdf"),
            ),
            ("CorpusId:215416146", paper("CorpusID:215416146", "", "")),
            (
                "URL:https://a.example/b/",
                paper("x", "", "https://a.example/b"),
            ),
        ] {
            assert!(
                Name::read(asked).is_some_and(|name| name.is_of(&named)),
                "{asked}"
            );
            let other = paper("y", "10.1/abc", "https://a.example/b/c");
            assert!(
                !Name::read(asked).is_some_and(|name| name.is_of(&other)),
                "{asked}"
            );
        }
        for none in [
            "DOI:",
            "DOI:x",
            "ARXIV:x",
            "MAG:112218234",
            "2103.03230",
            "",
        ] {
            assert!(Name::read(none).is_none(), "{none}");
        }
    }
}
