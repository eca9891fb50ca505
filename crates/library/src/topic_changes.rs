//! What became of topics since the run before, as users hear of it.

use crate::TopicReport;
use crate::topic_state::Kept;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use syntopic_topics::{Change, Updated};

/// What an update of the topics found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ChangesReport {
    /// Papers that came since the run before, those with another text included.
    pub came: usize,
    /// Papers that are no longer there.
    pub left: usize,
    /// Topics of new papers that form a group of their own.
    pub born: Vec<Born>,
    /// Topics that have lost their papers.
    pub died: Vec<NamedTopic>,
    /// Topics whose papers fell into two groups.
    pub split: Vec<TwoTopics>,
    /// Topics that became one with another.
    pub merged: Vec<TwoTopics>,
    /// How far the centre of each topic that was there has moved, farthest first.
    pub drift: Vec<Drift>,
}

/// A topic by its number and name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedTopic {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
}

/// A new topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Born {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// How many papers it has.
    pub size: usize,
    /// How many of these had been in other topics.
    pub moved: usize,
}

/// A topic that became two, or two that became one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TwoTopics {
    /// The topic's number.
    pub id: u32,
    /// What it was called.
    pub name: String,
    /// The number of the topic that split off, or that has the papers now.
    pub into: u32,
    /// The name of that one.
    pub into_name: String,
}

/// How far a topic has moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Cosine of its centre now and before: 1 has not moved.
    pub cosine: f32,
    /// Papers before.
    pub before: usize,
    /// Papers now.
    pub now: usize,
}

/// What an update found, by the names that topics had and have.
pub(crate) fn changes(
    updated: &Updated,
    kept: &Kept,
    topics: &[TopicReport],
    (came, left): (usize, usize),
) -> ChangesReport {
    let now: HashMap<u32, &TopicReport> = topics.iter().map(|t| (t.id, t)).collect();
    let before: HashMap<u32, &str> = (kept.topics.iter())
        .map(|t| (t.number, t.name.as_str()))
        .collect();
    let name = |id: u32| now.get(&id).map_or_else(String::new, |t| t.name.clone());
    let old_name = |id: u32| {
        before
            .get(&id)
            .map_or_else(String::new, |&name| name.to_owned())
    };
    let mut report = ChangesReport {
        came,
        left,
        ..ChangesReport::default()
    };
    for change in &updated.changes {
        let two = |id: u32, into: u32| TwoTopics {
            id,
            name: old_name(id),
            into,
            into_name: name(into),
        };
        match *change {
            Change::Born { number, moved } => report.born.push(Born {
                id: number,
                name: name(number),
                size: now.get(&number).map_or(0, |t| t.size),
                moved,
            }),
            Change::Died { number } => report.died.push(NamedTopic {
                id: number,
                name: old_name(number),
            }),
            Change::Split { number, into } => report.split.push(two(number, into)),
            Change::Merged { number, into } => report.merged.push(two(number, into)),
        }
    }
    let moved = updated.topics.iter().filter_map(|topic| {
        let was = &kept.topics[topic.was?];
        Some(Drift {
            id: topic.number,
            name: name(topic.number),
            cosine: topic.drift?,
            before: was.settled.len() + was.joined.len(),
            now: topic.members.len(),
        })
    });
    report.drift = moved.collect();
    report
        .drift
        .sort_by(|a, b| a.cosine.total_cmp(&b.cosine).then(a.id.cmp(&b.id)));
    report
}
