//! Which papers may be hits: by year, venue, author, category, topic or id.

use crate::engine::Library;
use crate::{LibraryError, TopicReport, suggest};
use serde::Serialize;
use std::collections::{BTreeSet, HashSet};

/// What a paper must be to be a hit. Every condition that is given must hold; of several venues, authors, categories,
/// topics or ids any one will do. The default lets every paper pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Filter {
    /// Of this year or a later one; a paper without a year does not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_year: Option<i32>,
    /// Of this year or an earlier one; a paper without a year does not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_year: Option<i32>,
    /// Words in the name of the venue, upper and lower case alike.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub venues: Vec<String>,
    /// Whole words of one author's name in any order, upper and lower case alike: `lecun`, or `Yann LeCun`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
    /// A category, upper and lower case alike, or the part of one before a dot: `cs` lets `cs.LG` pass.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// The number of a topic, or words in its name, upper and lower case alike.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
    /// Ids of papers; each must be that of one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
}

impl Filter {
    /// Whether every paper passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn lets_pass(&self, year: Option<i32>, venue: Option<&str>, categories: &[String]) -> bool {
        let years = (self
            .from_year
            .is_none_or(|from| year.is_some_and(|y| y >= from)))
            && (self.to_year.is_none_or(|to| year.is_some_and(|y| y <= to)));
        let in_venue = |asked: &String| {
            let asked = asked.to_lowercase();
            venue.is_some_and(|venue| !venue.is_empty() && venue.to_lowercase().contains(&asked))
        };
        let in_category =
            |asked: &String| categories.iter().any(|c| is_category(c, asked.as_str()));
        years
            && (self.venues.is_empty() || self.venues.iter().any(in_venue))
            && (self.categories.is_empty() || self.categories.iter().any(in_category))
    }
}

fn is_category(category: &str, asked: &str) -> bool {
    let head = category.get(..asked.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(asked))
        && matches!(category.as_bytes().get(asked.len()), None | Some(b'.'))
}

/// The words of a name, in lower case.
fn name_words(name: &str) -> Vec<String> {
    let words = name.split(|c: char| !c.is_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

/// Which of the authors asked for were found, and the names there are, to suggest from.
struct Authors<'a> {
    asked: Vec<(&'a str, Vec<String>, bool)>,
    names: BTreeSet<String>,
}

impl<'a> Authors<'a> {
    fn new(asked: &'a [String]) -> Self {
        let words = |name: &'a String| (name.as_str(), name_words(name), false);
        Self {
            asked: asked.iter().map(words).collect(),
            names: BTreeSet::new(),
        }
    }

    /// Whether any of `authors` is asked for; all are where none is.
    fn any_is_asked(&mut self, authors: Vec<String>) -> bool {
        let mut any = self.asked.is_empty();
        for name in authors {
            let known = name_words(&name);
            for (_, words, found) in &mut self.asked {
                if !words.is_empty() && words.iter().all(|word| known.contains(word)) {
                    *found = true;
                    any = true;
                }
            }
            if self.asked.iter().any(|(_, _, found)| !found) {
                self.names.insert(name);
            }
        }
        any
    }

    /// That each was found, whatever else the filter asks.
    fn check(self) -> Result<(), LibraryError> {
        let missing = self.asked.into_iter().find(|(_, _, found)| !found);
        let Some((asked, words, _)) = missing else {
            return Ok(());
        };
        // Who shares a name is nearer than whose name is spelt alike.
        let shares = |name: &&String| {
            let known = name_words(name);
            words
                .iter()
                .any(|word| word.chars().count() > 1 && known.contains(word))
        };
        let mut nearest: Vec<String> = self.names.iter().filter(shares).take(3).cloned().collect();
        if nearest.is_empty() {
            nearest = suggest::nearest(asked, self.names.iter().map(String::as_str));
        }
        if nearest.is_empty() {
            let lasts = self.names.iter().filter_map(|name| {
                let last = name.split_whitespace().next_back()?;
                (!suggest::nearest(asked, [last].into_iter()).is_empty()).then(|| name.clone())
            });
            nearest = lasts.take(3).collect();
        }
        Err(LibraryError::UnknownAuthor {
            asked: asked.to_owned(),
            nearest,
        })
    }
}

impl Library {
    /// For each row whether its paper passes; `None` where all do.
    pub(crate) fn passing(&mut self, filter: &Filter) -> Result<Option<Vec<bool>>, LibraryError> {
        let Some(passing) = self.passing_ids(filter)? else {
            return Ok(None);
        };
        let ids = self.catalogue()?.ids()?;
        Ok(Some(ids.iter().map(|id| passing.contains(*id)).collect()))
    }

    /// The ids of the papers that pass; `None` where all do.
    pub(crate) fn passing_ids(
        &mut self,
        filter: &Filter,
    ) -> Result<Option<HashSet<String>>, LibraryError> {
        if filter.is_empty() {
            return Ok(None);
        }
        let of_topics = self.papers_of_topics(&filter.topics)?;
        let by_id: HashSet<&str> = filter.ids.iter().map(String::as_str).collect();
        let mut known = HashSet::new();
        let mut authors = Authors::new(&filter.authors);
        let passing: HashSet<String> = self.store()?.read(|db| {
            let mut statement =
                db.prepare("SELECT id, year, venue, categories, authors FROM papers")?;
            let mut rows = statement.query([])?;
            let mut passing = HashSet::new();
            while let Some(row) = rows.next()? {
                let (id, venue) = (row.get::<_, String>(0)?, row.get::<_, Option<String>>(2)?);
                // What is no list has no category and no author; `check` names it.
                let list = |column: usize| -> Result<Vec<String>, rusqlite::Error> {
                    Ok(serde_json::from_str(&row.get::<_, String>(column)?).unwrap_or_default())
                };
                // Lists are read of whoever asks for one: that is most of the time of a filter by year.
                let categories = match filter.categories.is_empty() {
                    true => Vec::new(),
                    false => list(3)?,
                };
                let by_author = filter.authors.is_empty() || authors.any_is_asked(list(4)?);
                let by_id = by_id.is_empty() || by_id.contains(id.as_str());
                if by_id && !filter.ids.is_empty() {
                    known.insert(id.clone());
                }
                if by_author
                    && by_id
                    && of_topics.as_ref().is_none_or(|ids| ids.contains(&id))
                    && filter.lets_pass(row.get(1)?, venue.as_deref(), &categories)
                {
                    passing.insert(id);
                }
            }
            Ok(passing)
        })?;
        authors.check()?;
        if let Some(unknown) = filter.ids.iter().find(|id| !known.contains(*id)) {
            self.paper(unknown)?;
        }
        Ok(Some(passing))
    }

    /// Ids of the papers under the topics asked for; `None` where none is.
    fn papers_of_topics(
        &mut self,
        asked: &[String],
    ) -> Result<Option<HashSet<String>>, LibraryError> {
        if asked.is_empty() {
            return Ok(None);
        }
        let topics = self.stored_topics()?.ok_or(LibraryError::NoTopics)?.topics;
        let mut ids = HashSet::new();
        for asked in asked {
            let found = topics_called(&topics, asked)?;
            ids.extend(found.into_iter().flat_map(|topic| topic.papers.clone()));
        }
        Ok(Some(ids))
    }
}

/// The topic of a number, or those with these words in their names: one or more.
pub(crate) fn topics_called<'t>(
    topics: &'t [TopicReport],
    asked: &str,
) -> Result<Vec<&'t TopicReport>, LibraryError> {
    let asked = asked.trim();
    let found: Vec<&TopicReport> = (topics.iter())
        .filter(|topic| !asked.is_empty() && is_topic(topic, asked))
        .collect();
    if found.is_empty() {
        return Err(LibraryError::UnknownTopic {
            asked: asked.to_owned(),
            names: topics.iter().map(|topic| topic.name.clone()).collect(),
        });
    }
    Ok(found)
}

fn is_topic(topic: &TopicReport, asked: &str) -> bool {
    match asked.parse::<u32>() {
        Ok(id) => topic.id == id,
        Err(_) => topic.name.to_lowercase().contains(&asked.to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_condition_holds_or_the_paper_does_not_pass() {
        let strings = |all: &[&str]| all.iter().map(|&s| s.to_owned()).collect::<Vec<_>>();
        let filter = Filter {
            from_year: Some(2019),
            to_year: Some(2021),
            venues: strings(&["neurips", "ICML"]),
            categories: strings(&["CS", "stat.ML"]),
            ..Filter::default()
        };
        let cs = strings(&["math.OC", "cs.LG"]);
        let passes = |year, venue, categories: &[String]| filter.lets_pass(year, venue, categories);
        assert!(passes(Some(2019), Some("Advances in NeurIPS 32"), &cs));
        assert!(passes(Some(2021), Some("icml"), &strings(&["stat.ML"])));
        assert!(!passes(Some(2018), Some("icml"), &cs));
        assert!(!passes(Some(2022), Some("icml"), &cs));
        assert!(!passes(None, Some("icml"), &cs));
        assert!(!passes(Some(2020), Some("CVPR"), &cs));
        assert!(!passes(Some(2020), None, &cs));
        assert!(!passes(
            Some(2020),
            Some("icml"),
            &strings(&["csx.LG", "stat"])
        ));
        assert!(Filter::default().is_empty() && !filter.is_empty());
        assert!(Filter::default().lets_pass(None, None, &[]));
    }

    #[test]
    fn authors_are_found_by_whole_words_of_one_name() {
        let strings = |all: &[&str]| all.iter().map(|&s| s.to_owned()).collect::<Vec<_>>();
        let names = strings(&["LeCun, Yann", "Ada Lovelace"]);
        let by = |asked: &[&str]| {
            let asked = strings(asked);
            let mut authors = Authors::new(&asked);
            let any = authors.any_is_asked(names.clone());
            (any, authors.check().is_ok())
        };
        assert_eq!(by(&["lecun"]), (true, true));
        assert_eq!(by(&["yann LECUN"]), (true, true));
        assert_eq!(by(&["Yann Lovelace"]), (false, false), "words of two names");
        assert_eq!(by(&["lecu"]), (false, false), "no whole word");
        assert_eq!(by(&["ada", "nobody"]), (true, false));
        assert_eq!(by(&[", ."]), (false, false));
        let asked = strings(&["Ada Byron"]);
        let mut authors = Authors::new(&asked);
        authors.any_is_asked(names);
        let error = authors.check().unwrap_err().to_string();
        assert!(error.contains("did you mean Ada Lovelace"), "{error}");
    }
}
