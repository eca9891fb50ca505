//! Articles and book chapters of PubMed. The parts of a structured abstract follow each other, each behind its label.

use super::tree::Element;
use crate::records::{Draft, name_parts, plain};

/// `<PubmedArticle>` or `<PubmedBookArticle>`.
pub(super) fn article(article: &Element) -> Result<Draft, String> {
    if let Some(citation) = article.at(&["MedlineCitation"]) {
        return Ok(of_citation(citation, article));
    }
    match article.at(&["BookDocument"]) {
        Some(book) => Ok(of_book(book)),
        None => Err("neither a MedlineCitation nor a BookDocument in it".to_owned()),
    }
}

fn of_citation(citation: &Element, whole: &Element) -> Draft {
    let pmid = citation.text_at(&["PMID"]);
    let Some(article) = citation.at(&["Article"]) else {
        return Draft {
            id: id(&pmid),
            ..Draft::default()
        };
    };
    let ids = whole.at(&["PubmedData", "ArticleIdList"]);
    let doi = article
        .all("ELocationID")
        .find(|place| place.attribute("EIdType") == "doi")
        .or_else(|| {
            ids?.all("ArticleId")
                .find(|id| id.attribute("IdType") == "doi")
        });
    let date = article.at(&["Journal", "JournalIssue", "PubDate"]);
    let headings = citation.at(&["MeshHeadingList"]);
    let headings = headings
        .into_iter()
        .flat_map(|list| list.all("MeshHeading"));
    Draft {
        id: id(&pmid),
        title: plain(&article.text_at(&["ArticleTitle"])),
        abstract_text: abstract_of(article),
        authors: authors(article),
        year: date.map(|date| date.text()).unwrap_or_default(),
        date: date.map(day).unwrap_or_default(),
        venue: plain(&article.text_at(&["Journal", "Title"])),
        url: url(&pmid),
        doi: doi.map(Element::text).unwrap_or_default(),
        categories: headings
            .map(|heading| heading.text_at(&["DescriptorName"]))
            .collect(),
        ..Draft::default()
    }
}

fn of_book(book: &Element) -> Draft {
    let pmid = book.text_at(&["PMID"]);
    let title = plain(&book.text_at(&["ArticleTitle"]));
    let of_whole = plain(&book.text_at(&["Book", "BookTitle"]));
    let mut all = authors(book);
    if all.is_empty() {
        all = book.at(&["Book"]).map(authors).unwrap_or_default();
    }
    Draft {
        id: id(&pmid),
        title: if title.trim().is_empty() {
            of_whole.clone()
        } else {
            title
        },
        abstract_text: abstract_of(book),
        authors: all,
        year: book.text_at(&["Book", "PubDate"]),
        venue: of_whole,
        url: url(&pmid),
        ..Draft::default()
    }
}

/// As Semantic Scholar and others write it.
fn id(pmid: &str) -> String {
    match pmid.trim() {
        "" => String::new(),
        pmid => format!("PMID:{pmid}"),
    }
}

fn url(pmid: &str) -> String {
    match pmid.trim() {
        "" => String::new(),
        pmid => format!("https://pubmed.ncbi.nlm.nih.gov/{pmid}/"),
    }
}

fn abstract_of(article: &Element) -> String {
    let parts = article
        .at(&["Abstract"])
        .into_iter()
        .flat_map(|whole| whole.all("AbstractText"));
    let parts: Vec<String> = parts
        .map(|part| match part.attribute("Label") {
            "" => plain(&part.text()),
            label => format!("{label}: {}", plain(&part.text())),
        })
        .collect();
    parts.join(" ")
}

fn authors(article: &Element) -> Vec<String> {
    let listed = article
        .all("AuthorList")
        .filter(|list| list.attribute("Type") != "editors");
    listed
        .flat_map(|list| list.all("Author"))
        .map(|author| {
            let part = |name: &str| plain(&author.text_at(&[name]));
            let together = part("CollectiveName");
            if !together.trim().is_empty() {
                return together;
            }
            let given = [part("ForeName"), part("Initials")];
            let given = given.iter().find(|name| !name.trim().is_empty());
            name_parts(
                given.map_or("", |name| name),
                &part("LastName"),
                &part("Suffix"),
            )
        })
        .collect()
}

/// `2018-05-17` of year, month and day, as far as they are there and numbers or English months.
fn day(date: &Element) -> String {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let part = |name: &str| date.text_at(&[name]).trim().to_owned();
    let (year, month, of_month) = (part("Year"), part("Month"), part("Day"));
    if year.is_empty() {
        return part("MedlineDate");
    }
    let named = MONTHS
        .iter()
        .position(|name| month.to_lowercase().starts_with(name));
    let Some(month) = named.map(|at| at + 1).or_else(|| month.parse().ok()) else {
        return year;
    };
    match of_month.parse::<u8>() {
        Ok(of_month) => format!("{year}-{month:02}-{of_month:02}"),
        Err(_) => format!("{year}-{month:02}"),
    }
}
