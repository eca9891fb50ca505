//! Papers of the ACL Anthology. Their year and venue stand once, before the papers of a volume.

use super::tree::Element;
use crate::records::{Draft, name_parts, plain};

/// The volume that is being read.
#[derive(Debug, Default)]
pub(super) struct Volume {
    collection: String,
    number: String,
    title: String,
    year: String,
}

impl Volume {
    /// A `<collection>` or `<volume>` begins.
    pub(super) fn enter(&mut self, tag: &Element) {
        let id = tag.attribute("id").to_owned();
        *self = match tag.name.as_str() {
            "collection" => Self {
                collection: id,
                ..Self::default()
            },
            _ => Self {
                collection: std::mem::take(&mut self.collection),
                number: id,
                ..Self::default()
            },
        };
    }

    /// Its `<meta>`.
    pub(super) fn describe(&mut self, meta: &Element) {
        self.title = plain(&meta.text_at(&["booktitle"]));
        self.year = meta.text_at(&["year"]);
    }

    /// A `<paper>` of it.
    pub(super) fn paper(&self, paper: &Element) -> Draft {
        let address = paper.text_at(&["url"]).trim().to_owned();
        let (id, url) = if address.is_empty() {
            (self.id_of(paper.attribute("id")), String::new())
        } else if let Some((_, id)) = address.rsplit_once('/') {
            (id.trim_end_matches(".pdf").to_owned(), address)
        } else {
            let url = format!("https://aclanthology.org/{address}");
            (address, url)
        };
        let authors = paper.all("author").map(|author| {
            let part = |name: &str| plain(&author.text_at(&[name]));
            name_parts(&part("first"), &part("last"), "")
        });
        Draft {
            id,
            title: plain(&paper.text_at(&["title"])),
            abstract_text: plain(&paper.text_at(&["abstract"])),
            authors: authors.collect(),
            year: self.year.clone(),
            venue: self.title.clone(),
            url,
            doi: paper.text_at(&["doi"]),
            ..Draft::default()
        }
    }

    /// `2021.eacl-main.1`, and of the collections before 2020 `P18-1001`.
    fn id_of(&self, paper: &str) -> String {
        let (collection, volume) = (&self.collection, &self.number);
        if collection.is_empty() || paper.is_empty() {
            return String::new();
        }
        if collection.contains('.') {
            return format!("{collection}-{volume}.{paper}");
        }
        let wide = 4usize.saturating_sub(volume.len());
        format!("{collection}-{volume}{paper:0>wide$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::tree::parse;

    #[test]
    fn a_paper_without_an_address_is_named_by_its_place() {
        for (collection, volume, id) in [
            ("2021.eacl", "main", "2021.eacl-main.7"),
            ("P18", "1", "P18-1007"),
            ("W12", "39", "W12-3907"),
        ] {
            let mut place = Volume::default();
            for (name, id) in [("collection", collection), ("volume", volume)] {
                place.enter(&parse(&format!("<{name} id='{id}'/>")).expect("XML"));
            }
            place.describe(
                &parse("<meta><booktitle>B</booktitle><year>2018</year></meta>").expect("XML"),
            );
            let paper =
                parse("<paper id='7'><title>A <fixed-case>BERT</fixed-case></title></paper>");
            let draft = place.paper(&paper.expect("XML"));
            assert_eq!((draft.id.as_str(), draft.title.as_str()), (id, "A BERT"));
            assert_eq!((draft.venue.as_str(), draft.year.as_str()), ("B", "2018"));
        }
    }
}
