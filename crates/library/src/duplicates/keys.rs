//! The identifiers that versions of one paper share: its DOI, and its arXiv id without the version.

use syntopic_core::Paper;

/// How URLs and labels of a DOI begin, in lower case.
const DOI_STARTS: [&str; 5] = [
    "https://doi.org/",
    "http://doi.org/",
    "https://dx.doi.org/",
    "http://dx.doi.org/",
    "doi:",
];

/// The DOI that arXiv gives its papers begins so.
const ARXIV_DOI: &str = "10.48550/arxiv.";

/// A paper's DOI in lower case, without URL and label; nothing where the field holds none.
pub(crate) fn doi(paper: &Paper) -> Option<String> {
    plain_doi(paper.doi.as_deref()?)
}

/// A DOI in lower case, without URL and label; nothing of what is none.
pub(crate) fn plain_doi(text: &str) -> Option<String> {
    let mut text = text.trim().to_lowercase();
    while let Some(rest) = DOI_STARTS.iter().find_map(|start| text.strip_prefix(start)) {
        text = rest.trim_start().to_owned();
    }
    let text = text.trim_end_matches(['.', ',', ';', '/']);
    (text.starts_with("10.") && text.contains('/')).then(|| text.to_owned())
}

/// A paper's arXiv id without its version, from its DOI, its URL or its own id; nothing where none of them is one.
pub(crate) fn arxiv(paper: &Paper) -> Option<String> {
    let of_doi = || doi(paper)?.strip_prefix(ARXIV_DOI).and_then(arxiv_id);
    let of_url = || {
        let url = paper.url.as_deref()?.to_lowercase();
        let (_, path) = url.split_once("arxiv.org/")?;
        let (_, id) = path.split_once('/')?;
        arxiv_id(id.split(['?', '#']).next()?.trim_end_matches(".pdf"))
    };
    let of_id = || {
        let id = paper.id.as_str().to_lowercase();
        arxiv_id(id.strip_prefix("arxiv:").unwrap_or(&id))
    };
    of_doi().or_else(of_url).or_else(of_id)
}

/// `2103.03230v2` and `hep-th/9901001v1` without their versions; nothing of what looks otherwise.
pub(crate) fn arxiv_id(text: &str) -> Option<String> {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let id = match text.rsplit_once('v') {
        Some((id, version)) if digits(version) => id,
        _ => text,
    };
    let new = id.split_once('.').is_some_and(|(month, number)| {
        month.len() == 4 && matches!(number.len(), 4 | 5) && digits(month) && digits(number)
    });
    let old = id.split_once('/').is_some_and(|(archive, number)| {
        let archive = archive
            .bytes()
            .all(|b| b.is_ascii_alphabetic() || b"-.".contains(&b));
        archive && number.len() == 7 && digits(number)
    });
    (new || old).then(|| id.to_owned())
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
    fn dois_are_the_same_however_they_are_written() {
        for text in [
            "10.1/AB.c",
            "https://doi.org/10.1/ab.C",
            " doi: 10.1/ab.c.",
            "DOI:https://dx.doi.org/10.1/ab.c",
        ] {
            assert_eq!(
                doi(&paper("x", text, "")).as_deref(),
                Some("10.1/ab.c"),
                "{text}"
            );
        }
        for text in ["", "none", "10.1", "11.1/a"] {
            assert_eq!(doi(&paper("x", text, "")), None, "{text}");
        }
    }

    #[test]
    fn arxiv_ids_are_found_and_lose_their_versions() {
        for (paper, expected) in [
            (paper("2103.03230", "", ""), Some("2103.03230")),
            (paper("arXiv:2103.03230v12", "", ""), Some("2103.03230")),
            (
                paper("arXiv:hep-th/9901001v2", "", ""),
                Some("hep-th/9901001"),
            ),
            (paper("math.CA/0101001", "", ""), Some("math.ca/0101001")),
            (
                paper("x", "https://doi.org/10.48550/arXiv.0704.0001", ""),
                Some("0704.0001"),
            ),
            (
                paper("x", "", "https://arxiv.org/pdf/2103.03230v1.pdf"),
                Some("2103.03230"),
            ),
            (
                paper("x", "", "http://arxiv.org/abs/hep-th/9901001#a"),
                Some("hep-th/9901001"),
            ),
            (paper("12.34", "", ""), None),
            (paper("review:2103.03230", "", ""), None),
            (paper("v2", "", "https://example.org/abs/2103.03230"), None),
        ] {
            assert_eq!(arxiv(&paper).as_deref(), expected, "{}", paper.id);
        }
    }
}
