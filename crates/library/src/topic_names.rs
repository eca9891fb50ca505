//! Names that users give to topics: kept in the database with the centre of the topic, and given again to the topic that
//! lies there whenever topics are made anew.
//!
//! Not for: names made of the papers' own words, which are the topics crate's.

use crate::engine::Library;
use crate::rows::Snapshot;
use crate::store::set_meta;
use crate::{Event, LibraryError, Progress, TopicReport, TopicsReport};
use serde::{Deserialize, Serialize};
use syntopic_core::{PaperId, Row, dot};

/// Where the names are recorded in the database.
pub(crate) const KEY: &str = "topic_names";

/// A topic is the one that was named where the cosine of its centre with that topic's is at least this.
const RECOGNISED: f32 = 0.9;

/// A name and what it was given to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Given {
    pub(crate) name: String,
    /// Unit vector, the direction of the sum of the papers' vectors.
    pub(crate) centre: Vec<f32>,
}

impl Library {
    /// Gives topics of the present papers names of the user's, each a number and a name, and keeps them: topics made later
    /// have them too where they are recognised (the cosine of their centres is at least 0.9). An empty name gives up the one that
    /// the user gave, and the topic is called by its papers' words again.
    ///
    /// # Errors
    /// When there are no topics of the present papers, none has such a number, a name is another topic's, an empty one is for
    /// a topic that the user did not name, or the library cannot be written. Then no name is changed.
    pub fn rename_topics(
        &mut self,
        names: &[(u32, String)],
        progress: &mut Progress<'_>,
    ) -> Result<TopicsReport, LibraryError> {
        self.at_one_moment(|library| library.rename(names, progress))
    }

    fn rename(
        &mut self,
        names: &[(u32, String)],
        progress: &mut Progress<'_>,
    ) -> Result<TopicsReport, LibraryError> {
        self.forget_other_rows()?;
        let mut report = self.stored_topics()?.ok_or(LibraryError::NoTopics)?;
        let before: Vec<String> = report.topics.iter().map(|t| t.name.clone()).collect();
        for (id, name) in names {
            let named = report.topics.iter_mut().find(|topic| topic.id == *id);
            let topic = named.ok_or_else(|| LibraryError::UnknownTopic {
                asked: id.to_string(),
                names: before.clone(),
            })?;
            let name = name.trim();
            if name.is_empty() && !topic.named_by_user {
                return Err(LibraryError::NotNamedByUser(topic.id));
            }
            topic.named_by_user = !name.is_empty();
            topic.name = name.to_owned();
        }
        name_again(&mut report.topics);
        check(&report.topics)?;
        for group in &mut report.groups {
            // A group of one topic is called as that is.
            let only = (report.topics.iter()).find(|topic| group.topics == [topic.id]);
            if let Some(topic) = only {
                group.name.clone_from(&topic.name);
            }
        }
        self.load_snapshot()?;
        let mut given = self.given_names()?;
        let Some(snapshot) = &self.snapshot else {
            return Err(LibraryError::Empty(self.folder.clone()));
        };
        let named = |topic: &TopicReport| names.iter().any(|(id, _)| topic.id == *id);
        let renamed = report.topics.iter().zip(&before);
        for (topic, old) in renamed.clone().filter(|(topic, _)| named(topic)) {
            given.retain(|g| !same(&g.name, old) && !same(&g.name, &topic.name));
        }
        for (topic, _) in renamed.filter(|(topic, _)| named(topic) && topic.named_by_user) {
            given.extend(centre(snapshot, &topic.papers).map(|centre| Given {
                name: topic.name.clone(),
                centre,
            }));
        }
        self.keep_given(&given)?;
        self.keep_topics(&report, progress)?;
        if let Some(mut kept) = self.kept_topics()? {
            kept.groups.clone_from(&report.groups);
            for topic in &mut kept.topics {
                if let Some(now) = report.topics.iter().find(|now| now.id == topic.number) {
                    topic.name.clone_from(&now.name);
                    topic.named_by_user = now.named_by_user;
                }
            }
            self.keep_for_later(&kept, progress);
        }
        Ok(report)
    }

    /// Records where the topics are now that have these names of the user's, and gives all such names.
    pub(crate) fn move_given(
        &mut self,
        moved: &[(&str, &[f32])],
    ) -> Result<Vec<Given>, LibraryError> {
        let mut given = self.given_names()?;
        if moved.is_empty() {
            return Ok(given);
        }
        for one in &mut given {
            if let Some((_, centre)) = moved.iter().find(|(name, _)| same(name, &one.name)) {
                one.centre = centre.to_vec();
            }
        }
        self.keep_given(&given)?;
        Ok(given)
    }

    /// The names that users gave.
    pub(crate) fn given_names(&self) -> Result<Vec<Given>, LibraryError> {
        let store = self.store()?;
        let Some(text) = store.meta(KEY)? else {
            return Ok(Vec::new());
        };
        serde_json::from_str(&text).map_err(|error| LibraryError::Corrupt {
            path: store.path().to_owned(),
            why: format!("the names given to topics are unreadable: {error}"),
        })
    }

    pub(crate) fn keep_given(&mut self, given: &[Given]) -> Result<(), LibraryError> {
        let text = serde_json::to_string(given).unwrap_or_default();
        let folder = &self.folder;
        let store = self.store.as_mut();
        let store = store.ok_or_else(|| LibraryError::NotFound(folder.clone()))?;
        store.write(|tx| set_meta(tx, KEY, &text))
    }
}

/// Gives the topics just made, whose centres are `centres` in the same order, the names that users gave to such topics.
pub(crate) fn give_names(
    given: &[Given],
    topics: &mut [TopicReport],
    centres: &[&[f32]],
    progress: &mut Progress<'_>,
) {
    for name in give(given, topics, centres) {
        let note = format!("no topic is like the one that was named {name:?}: the name waits");
        let _ = progress(Event::Note(&note));
    }
}

/// That no two topics have the same name.
fn check(topics: &[TopicReport]) -> Result<(), LibraryError> {
    for (at, topic) in topics.iter().enumerate() {
        if is_taken(&topics[..at], &topic.name) {
            return Err(LibraryError::TopicNameTaken(topic.name.clone()));
        }
    }
    Ok(())
}

/// Topics without a name are called by their papers' words.
fn name_again(topics: &mut [TopicReport]) {
    for t in 0..topics.len() {
        if topics[t].name.is_empty() {
            // Topics that an older version kept do not say what they would be called.
            let terms = || topics[t].terms[..topics[t].terms.len().min(3)].join(", ");
            let made = Some(topics[t].made_name.clone()).filter(|name| !name.is_empty());
            topics[t].name = free_name(topics, t, made.unwrap_or_else(terms));
        }
    }
}

/// `own`, with a number where another topic than `t` is called so.
pub(crate) fn free_name(topics: &[TopicReport], t: usize, own: String) -> String {
    let taken = |name: &str| (0..topics.len()).any(|o| o != t && same(&topics[o].name, name));
    let free = std::iter::once(own.clone())
        .chain((2..).map(|i| format!("{own} ({i})")))
        .find(|name| !taken(name));
    free.unwrap_or(own)
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

fn is_taken(topics: &[TopicReport], name: &str) -> bool {
    topics.iter().any(|topic| same(&topic.name, name))
}

/// The direction of the sum of some papers' vectors; nothing where it has none.
fn centre(snapshot: &Snapshot, papers: &[String]) -> Option<Vec<f32>> {
    let mut sum = vec![0.0f64; snapshot.vectors.dim()];
    for paper in papers {
        let id = PaperId::new(paper).ok()?;
        let row = snapshot.ids.binary_search(&id).ok()?;
        let vector = snapshot.vectors.row(Row::from_index(row));
        sum.iter_mut()
            .zip(vector)
            .for_each(|(s, &x)| *s += f64::from(x));
    }
    let length = sum.iter().map(|s| s * s).sum::<f64>().sqrt();
    (length > 1e-6).then(|| sum.iter().map(|s| (s / length) as f32).collect())
}

/// Names the topics, the nearest pairs of name and topic first (of equals, the name given first); each name is given once
/// and each topic has one. The names that were given to none come back.
fn give(given: &[Given], topics: &mut [TopicReport], centres: &[&[f32]]) -> Vec<String> {
    let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
    for (g, one) in given.iter().enumerate() {
        let near = |(t, centre): (usize, &&[f32])| (dot(&one.centre, centre), g, t);
        pairs.extend(centres.iter().enumerate().map(near));
    }
    pairs.retain(|pair| pair.0 >= RECOGNISED);
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let (mut placed, mut named) = (vec![false; given.len()], vec![false; topics.len()]);
    for (_, g, t) in pairs {
        if !placed[g] && !named[t] {
            (placed[g], named[t]) = (true, true);
            topics[t].name.clone_from(&given[g].name);
            topics[t].named_by_user = true;
        }
    }
    for t in (0..topics.len()).filter(|&t| !named[t]) {
        topics[t].name = free_name(topics, t, topics[t].name.clone());
    }
    let waiting = given.iter().zip(placed).filter(|(_, placed)| !placed);
    waiting.map(|(g, _)| g.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(id: u32, name: &str) -> TopicReport {
        TopicReport {
            id,
            name: name.to_owned(),
            made_name: name.to_owned(),
            size: 1,
            tightness: 1.0,
            ..TopicReport::default()
        }
    }

    fn given(name: &str, angle: f32) -> Given {
        Given {
            name: name.to_owned(),
            centre: vec![angle.cos(), angle.sin()],
        }
    }

    #[test]
    fn a_name_goes_to_the_nearest_topic_or_waits() {
        let mut topics = [topic(0, "graphs"), topic(1, "words"), topic(2, "Mine")];
        let centres: [&[f32]; 3] = [&[1.0, 0.0], &[0.0, 1.0], &[-1.0, 0.0]];
        let names = [
            given("mine", 0.3),
            given("mine too", 0.1),
            given("far", 0.8),
        ];
        let waiting = give(&names, &mut topics, &centres);
        // Both of the first two are near topic 0; the nearer one has it.
        let found: Vec<&str> = topics.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(found, ["mine too", "words", "Mine"]);
        assert_eq!(waiting, ["mine", "far"]);
    }

    #[test]
    fn a_made_name_makes_room_for_a_given_one() {
        let mut topics = [topic(0, "Graphs"), topic(1, "words")];
        let centres: [&[f32]; 2] = [&[1.0, 0.0], &[0.0, 1.0]];
        let waiting = give(&[given("graphs", 1.5)], &mut topics, &centres);
        assert_eq!(
            (topics[0].name.as_str(), topics[1].name.as_str()),
            ("Graphs (2)", "graphs")
        );
        assert!(waiting.is_empty());
    }

    #[test]
    fn no_name_is_given_twice() {
        assert!(check(&[topic(0, "a"), topic(1, "b")]).is_ok());
        let twice = check(&[topic(0, "a"), topic(1, "A")])
            .unwrap_err()
            .to_string();
        assert!(twice.contains("\"A\""), "{twice}");
    }

    #[test]
    fn a_topic_without_a_name_is_called_by_its_words_again() {
        let mut topics = [topic(0, "graphs"), topic(1, "graphs"), topic(2, "")];
        topics[1].name.clear();
        topics[2].terms = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        name_again(&mut topics);
        let names = topics.map(|t| t.name);
        assert_eq!(names, ["graphs", "graphs (2)", "a, b, c"]);
    }
}
