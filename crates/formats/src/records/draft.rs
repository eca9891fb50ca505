//! A record's fields on their way to a paper: cleaning, and the id of a record that has none.

use crate::clean;
use crate::slug::title_id;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use syntopic_core::{Paper, PaperId};

/// What a record says, as it says it; empty is absent.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Draft {
    /// The line of the file that it begins on, from 1.
    pub(crate) line: u64,
    /// Its own id.
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) abstract_text: String,
    pub(crate) authors: Vec<String>,
    /// Any text with a year in it.
    pub(crate) year: String,
    pub(crate) date: String,
    pub(crate) venue: String,
    pub(crate) url: String,
    pub(crate) doi: String,
    pub(crate) categories: Vec<String>,
}

/// The ids that one file's records have been given.
#[derive(Default)]
pub(crate) struct Naming {
    given: HashMap<String, Sharing>,
}

/// The records that share an id, by a hash of what they say.
enum Sharing {
    Few(Vec<u64>),
    /// Each with its place, since looking through all of them would take long.
    Many(HashMap<u64, usize>),
}

impl Sharing {
    /// Which of them one is, from 0; it is added where it is none of them.
    fn place(&mut self, hash: u64) -> usize {
        const FEW: usize = 32;
        match self {
            Sharing::Few(all) => {
                if let Some(place) = all.iter().position(|other| *other == hash) {
                    return place;
                }
                let place = all.len();
                all.push(hash);
                if all.len() > FEW {
                    *self = Sharing::Many(all.iter().copied().zip(0..).collect());
                }
                place
            }
            Sharing::Many(all) => {
                let next = all.len();
                *all.entry(hash).or_insert(next)
            }
        }
    }
}

impl Naming {
    /// The paper of a record. Its id is its own, else its DOI, else made of its title (of its abstract where it has none):
    /// the same in every file. A second record of one id that says something else gets `-2` after it, and so on, so that none
    /// takes another's place: another title under one id or DOI, another abstract under one title.
    pub(crate) fn paper(&mut self, draft: Draft) -> Result<Paper, String> {
        let title = clean(&draft.title);
        let abstract_text = clean(&draft.abstract_text);
        let doi = bare_doi(&clean(&draft.doi));
        let own = clean(&draft.id);
        if title.is_empty() && abstract_text.is_empty() {
            let named = [&own, &doi].into_iter().find(|name| !name.is_empty());
            return Err(match named {
                Some(name) => format!("{name}: neither a title nor an abstract"),
                None => "neither a title nor an abstract".to_owned(),
            });
        }
        let id = match (own.is_empty(), doi.is_empty()) {
            (false, _) => self.apart(own, &title),
            (true, false) => self.apart(doi.clone(), &title),
            (true, true) => {
                let text = if title.is_empty() {
                    &abstract_text
                } else {
                    &title
                };
                self.apart(title_id(text), &abstract_text)
            }
        };
        let id = PaperId::new(id).map_err(|error| error.to_string())?;
        let mut paper =
            Paper::new(id, &title, Some(&abstract_text)).map_err(|error| error.to_string())?;
        let lines = |list: Vec<String>| -> Vec<String> {
            let lines = list.iter().map(|line| clean(line));
            lines.filter(|line| !line.is_empty()).collect()
        };
        let line = |text: &str| Some(clean(text)).filter(|text| !text.is_empty());
        paper.authors = lines(draft.authors);
        paper.categories = lines(draft.categories);
        paper.date = line(&draft.date);
        paper.year = year_in(&draft.year).or_else(|| year_in(&draft.date));
        paper.venue = line(&draft.venue);
        paper.url = line(&draft.url);
        paper.doi = Some(doi).filter(|doi| !doi.is_empty());
        Ok(paper)
    }

    /// An id, and behind it which of the records it is that share it and say something else.
    fn apart(&mut self, id: String, says: &str) -> String {
        let mut hasher = DefaultHasher::new();
        says.to_lowercase().hash(&mut hasher);
        let hash = hasher.finish();
        let place = match self.given.get_mut(&id) {
            Some(sharing) => sharing.place(hash),
            None => {
                self.given.insert(id.clone(), Sharing::Few(vec![hash]));
                0
            }
        };
        match place {
            0 => id,
            place => format!("{id}-{}", place + 1),
        }
    }
}

/// A DOI without the address that it is often written as, and without `doi:` before it.
pub(crate) fn bare_doi(doi: &str) -> String {
    let lower = doi.to_ascii_lowercase();
    let prefixes = [
        "https://doi.org/",
        "http://doi.org/",
        "https://dx.doi.org/",
        "http://dx.doi.org/",
        "doi:",
    ];
    let start = prefixes.iter().find(|prefix| lower.starts_with(**prefix));
    doi[start.map_or(0, |prefix| prefix.len())..]
        .trim()
        .to_owned()
}

/// The first run of four digits that is a year (1500 to 2999), or the first four of a run of eight (20210304).
pub(crate) fn year_in(text: &str) -> Option<i32> {
    let runs = text.split(|c: char| !c.is_ascii_digit());
    runs.filter(|run| matches!(run.len(), 4 | 8))
        .filter_map(|run| run[..4].parse().ok())
        .find(|year| (1500..3000).contains(year))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(title: &str, abstract_text: &str) -> Draft {
        Draft {
            title: title.to_owned(),
            abstract_text: abstract_text.to_owned(),
            ..Draft::default()
        }
    }

    fn ids(drafts: &[Draft]) -> Vec<String> {
        let mut naming = Naming::default();
        let id = |draft: &Draft| naming.paper(draft.clone()).expect("a paper").id.to_string();
        drafts.iter().map(id).collect()
    }

    #[test]
    fn an_id_is_its_own_or_the_doi_or_made_of_the_title() {
        let own = Draft {
            id: " a1 ".to_owned(),
            doi: "10.1/x".to_owned(),
            ..draft("T", "")
        };
        let doi = Draft {
            doi: "https://doi.org/10.1/X".to_owned(),
            ..draft("T", "")
        };
        assert_eq!(
            ids(&[own, doi, draft("A  Title", "")]),
            ["a1", "10.1/X", "a-title"]
        );
        assert_eq!(ids(&[draft("", "Only words.")]), ["only-words"]);
        let shared = |title| Draft {
            id: "12345".to_owned(),
            ..draft(title, "")
        };
        let all = [shared("One"), shared("Two"), shared("ONE")];
        assert_eq!(ids(&all), ["12345", "12345-2", "12345"]);
    }

    #[test]
    fn records_of_one_title_do_not_take_each_others_place() {
        let all = [
            draft("Editorial", "One."),
            draft("Editorial", "Two."),
            draft("Editorial", "One."),
            draft("Editorial", "Three."),
        ];
        assert_eq!(
            ids(&all),
            ["editorial", "editorial-2", "editorial", "editorial-3"]
        );
    }

    #[test]
    fn thousands_of_records_of_one_title_are_told_apart() {
        let all: Vec<Draft> = (0..5_000)
            .chain(0..5_000)
            .map(|n| draft("Editorial", &format!("Number {n}.")))
            .collect();
        let ids = ids(&all);
        assert_eq!(
            (ids[0].as_str(), ids[33].as_str()),
            ("editorial", "editorial-34")
        );
        assert_eq!(ids[..5_000], ids[5_000..]);
        let distinct: std::collections::HashSet<&String> = ids.iter().collect();
        assert_eq!(distinct.len(), 5_000);
    }

    #[test]
    fn what_says_nothing_is_refused() {
        let error = Naming::default()
            .paper(draft(" \n", "\0"))
            .expect_err("refused");
        assert_eq!(error, "neither a title nor an abstract");
        let named = Draft {
            doi: "doi: 10.1/x".to_owned(),
            ..Draft::default()
        };
        let error = Naming::default().paper(named).expect_err("refused");
        assert!(error.starts_with("10.1/x: "), "{error}");
    }

    #[test]
    fn years_are_found_in_what_sources_write() {
        for (text, year) in [
            ("2018", Some(2018)),
            ("2014//", Some(2014)),
            ("10 15", None),
            ("20210304", Some(2021)),
            ("May 0001, 1999", Some(1999)),
            ("Thu, 4 Mar 2021 10:00", Some(2021)),
            ("2021-03-04", Some(2021)),
            ("03/04/21", None),
            ("0000-00-00", None),
            ("1009-01-02", None),
            ("٢٠٢١", None),
            ("", None),
        ] {
            assert_eq!(year_in(text), year, "{text}");
        }
    }
}
