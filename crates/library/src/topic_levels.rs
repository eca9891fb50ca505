//! Topics in groups, at several levels: a tree, coarse to fine, that lasts as the topics do.
//!
//! Not for: which topics belong together (`syntopic_topics::hierarchy`).

use crate::engine::Library;
use crate::topics::{documents, embed_phrases};
use crate::{Event, LibraryError, Progress, TopicsReport, topic_graph};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use syntopic_core::{Embeddings, Paper, dot};
use syntopic_topics::{Group, Nameless, TopicOptions, groups, hierarchy, levels_above, name_some};

/// How topics are grouped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Levels {
    /// In a tree of so many levels, the topics being the finest: each level has about a quarter of the groups of the one below, and
    /// none has fewer than 2. 1 is no groups.
    Depth(usize),
    /// Into these numbers of groups, coarse to fine.
    Numbers(Vec<usize>),
}

/// A group of topics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupReport {
    /// Its level: 0 is the coarsest.
    pub level: usize,
    /// Its number, which no other group of the level has; from 0, largest first, when groups are made.
    pub id: u32,
    /// The group of the level above that it lies in; none at the coarsest level.
    pub parent: Option<u32>,
    /// No other group or topic is called so, but where it has one part only: then it is called as that is.
    pub name: String,
    /// How many papers.
    pub size: usize,
    /// Mean cosine of its papers to its centre: larger is tighter, at most 1.
    pub tightness: f32,
    /// The phrases that tell it from the other groups of its level, best first.
    pub terms: Vec<String>,
    /// The numbers of its topics, ascending.
    pub topics: Vec<u32>,
}

impl Levels {
    /// None where it is no groups that are asked for.
    pub(crate) fn if_any(self) -> Option<Self> {
        match &self {
            Self::Depth(0 | 1) => None,
            Self::Numbers(numbers) if numbers.is_empty() => None,
            _ => Some(self),
        }
    }

    /// The numbers of groups, coarse to fine, above `k` topics.
    fn above(&self, k: usize) -> Vec<usize> {
        match self {
            Self::Depth(depth) => levels_above(k, *depth),
            Self::Numbers(numbers) => numbers.clone(),
        }
    }
}

/// The groups at each level by number, and which of them each topic is in.
struct Level {
    numbers: Vec<u32>,
    group_of: Vec<u32>,
}

impl Library {
    /// Groups the topics of `report` as `wanted`; where there are groups from `before`, they stay, and topics that came since join
    /// the nearest. Papers and texts are those of the rows.
    pub(crate) fn group_topics(
        &mut self,
        report: &mut TopicsReport,
        wanted: &Levels,
        before: &[GroupReport],
        (papers, texts): (&[Paper], &[String]),
        progress: &mut Progress<'_>,
    ) -> Result<(), LibraryError> {
        report.groups.clear();
        let rows: HashMap<&str, usize> = (papers.iter().enumerate())
            .map(|(row, paper)| (paper.id.as_str(), row))
            .collect();
        let members: Vec<Vec<usize>> = (report.topics.iter())
            .map(|t| {
                t.papers
                    .iter()
                    .filter_map(|id| rows.get(id.as_str()).copied())
            })
            .map(Iterator::collect)
            .collect();
        let topics: Vec<&[usize]> = members.iter().map(Vec::as_slice).collect();
        let numbers: Vec<u32> = report.topics.iter().map(|topic| topic.id).collect();
        let vectors = &self.load_snapshot()?.vectors;
        let levels = if before.is_empty() {
            let cuts = hierarchy(vectors, &topics, &wanted.above(topics.len()))?;
            cuts.into_iter().map(new_level).collect()
        } else {
            as_before(vectors, &topics, &numbers, before)
        };
        let mut made = Vec::new();
        for level in &levels {
            made.push(groups(vectors, &topics, &level.group_of));
        }
        for at in (0..levels.len()).rev() {
            let own = describe(&numbers, (&levels, &made), at);
            let own =
                self.name_groups(report, own, (&made[at], before), (papers, texts), progress)?;
            report.groups.splice(0..0, own);
        }
        let finest = levels.last();
        for (at, topic) in report.topics.iter_mut().enumerate() {
            topic.parent = finest.map(|level| level.numbers[level.group_of[at] as usize]);
        }
        if before.is_empty() {
            tell_fewer(report, wanted, progress);
        }
        Ok(())
    }

    /// Gives names and terms to the groups of a level: those that they had, those of a group's only part, or new ones.
    fn name_groups(
        &mut self,
        report: &TopicsReport,
        mut own: Vec<GroupReport>,
        (made, before): (&[Group], &[GroupReport]),
        (papers, texts): (&[Paper], &[String]),
        progress: &mut Progress<'_>,
    ) -> Result<Vec<GroupReport>, LibraryError> {
        let mut known = vec![false; own.len()];
        for (group, known) in own.iter_mut().zip(&mut known) {
            let had = (before.iter()).find(|b| (b.level, b.id) == (group.level, group.id));
            let label = only_part(report, group)
                .or_else(|| had.map(|had| (had.name.clone(), had.terms.clone())));
            if let Some(label) = label {
                (group.name, group.terms) = label;
                *known = true;
            }
        }
        if known.iter().all(|&known| known) {
            return Ok(own);
        }
        let nameless: Vec<Nameless<'_>> = (made.iter().zip(&own).zip(&known))
            .map(|((made, group), &known)| Nameless {
                members: &made.members,
                centroid: &made.centroid,
                name: known.then_some(group.name.as_str()),
            })
            .collect();
        let finer = report.groups.iter().map(|group| group.name.as_str());
        let taken = report.topics.iter().map(|topic| topic.name.as_str());
        let taken: Vec<&str> = taken.chain(finer).collect();
        let embedder = self.load_model(None, progress)?;
        let progress = std::cell::RefCell::new(progress);
        let mut embed =
            |phrases: &[String]| embed_phrases(embedder, phrases, &mut **progress.borrow_mut());
        let labels = name_some(
            &documents(papers, texts),
            (&nameless, &taken),
            &TopicOptions::default(),
            &mut embed,
            &mut |step| {
                let _ = (progress.borrow_mut())(topic_graph::event(step));
            },
        )?;
        for (group, label) in own.iter_mut().zip(labels) {
            if let Some(label) = label {
                group.name = label.name;
                group.terms = label.terms.into_iter().map(|term| term.phrase).collect();
            }
        }
        Ok(own)
    }
}

/// Says where fewer levels came about than were asked for.
fn tell_fewer(report: &TopicsReport, levels: &Levels, progress: &mut Progress<'_>) {
    let wanted = match levels {
        Levels::Depth(depth) => *depth,
        Levels::Numbers(numbers) => numbers.len() + 1,
    };
    let found = report.groups.first().map_or(1, |_| depth_of(report));
    if found < wanted {
        let note = format!(
            "{found} levels instead of {wanted}: {} topics make no more",
            report.k
        );
        let _ = progress(Event::Note(&note));
    }
}

/// How many levels a report has, the topics included.
fn depth_of(report: &TopicsReport) -> usize {
    let deepest = report.groups.iter().map(|group| group.level + 1).max();
    1 + deepest.unwrap_or(0)
}

fn new_level(group_of: Vec<u32>) -> Level {
    let most = group_of.iter().max().map_or(0, |most| most + 1);
    Level {
        numbers: (0..most).collect(),
        group_of,
    }
}

/// The levels of before with the topics of now: one that was in no group joins that of the finest level whose centre is nearest to
/// its own, and with it those above. Groups that have lost their topics are gone.
fn as_before(
    rows: &Embeddings,
    topics: &[&[usize]],
    numbers: &[u32],
    before: &[GroupReport],
) -> Vec<Level> {
    let n_levels = before
        .iter()
        .map(|group| group.level + 1)
        .max()
        .unwrap_or(0);
    let at = |level: usize, topic: u32| {
        let mut own = before.iter().filter(|group| group.level == level);
        own.find(|group| group.topics.contains(&topic))
            .map(|group| group.id)
    };
    let finest = n_levels.saturating_sub(1);
    let settled: Vec<Option<u32>> = numbers.iter().map(|&topic| at(finest, topic)).collect();
    // A topic that was there stands for each that came since.
    let host: Vec<usize> = (0..topics.len())
        .map(|t| match settled[t] {
            Some(_) => t,
            None => nearest_host(rows, topics, &settled, t),
        })
        .collect();
    let level = |level: usize| {
        let own: Vec<u32> = (host.iter())
            .map(|&t| at(level, numbers[t]).unwrap_or(0))
            .collect();
        let mut left = own.clone();
        left.sort_unstable();
        left.dedup();
        let place = |id: &u32| left.binary_search(id).unwrap_or(0) as u32;
        Level {
            group_of: own.iter().map(place).collect(),
            numbers: left.clone(),
        }
    };
    (0..n_levels).map(level).collect()
}

/// A topic of the group whose centre is nearest to that of topic `t`; itself where there is no group.
fn nearest_host(
    rows: &Embeddings,
    topics: &[&[usize]],
    settled: &[Option<u32>],
    t: usize,
) -> usize {
    let own = |group: u32| (0..topics.len()).filter(move |&s| settled[s] == Some(group));
    let centre = |some: &[&[usize]]| {
        groups(rows, some, &vec![0; some.len()])
            .swap_remove(0)
            .centroid
    };
    let asked = centre(&topics[t..=t]);
    let mut ids: Vec<u32> = settled.iter().flatten().copied().collect();
    ids.sort_unstable();
    ids.dedup();
    let near = ids.into_iter().filter_map(|id| {
        let some: Vec<&[usize]> = own(id).map(|s| topics[s]).collect();
        Some((dot(&asked, &centre(&some)), own(id).next()?))
    });
    let best = near.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map_or(t, |(_, host)| host)
}

/// The groups of level `at`, without names.
fn describe(
    numbers: &[u32],
    (levels, made): (&[Level], &[Vec<Group>]),
    at: usize,
) -> Vec<GroupReport> {
    let above = at.checked_sub(1).map(|above| &levels[above]);
    let describe = |(group, &id): (&Group, &u32)| GroupReport {
        level: at,
        id,
        parent: above.map(|level| level.numbers[level.group_of[group.topics[0]] as usize]),
        name: String::new(),
        size: group.members.len(),
        tightness: group.tightness,
        terms: Vec::new(),
        topics: group.topics.iter().map(|&t| numbers[t]).collect(),
    };
    made[at]
        .iter()
        .zip(&levels[at].numbers)
        .map(describe)
        .collect()
}

/// Name and terms of the only topic or finer group of a group that has but one part.
fn only_part(report: &TopicsReport, group: &GroupReport) -> Option<(String, Vec<String>)> {
    let finer = report
        .groups
        .iter()
        .find(|finer| finer.topics == group.topics);
    let topic = || {
        let [only] = group.topics[..] else {
            return None;
        };
        let topic = report.topics.iter().find(|topic| topic.id == only)?;
        Some((topic.name.clone(), topic.terms.clone()))
    };
    topic().or_else(|| finer.map(|finer| (finer.name.clone(), finer.terms.clone())))
}
