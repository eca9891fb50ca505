//! How good the topics of a library are, and how two runs of topics differ.

use crate::engine::Library;
use crate::{Event, LibraryError, Progress, TopicReport, TopicsReport, topic_graph};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use syntopic_core::paper_text;
use syntopic_topics::{Scorecard, Scored, TopicOptions, agreement, scorecard};

/// Subsamples whose topics are compared with those at hand.
const SUBSAMPLES: usize = 10;

impl Library {
    /// Scores the topics of `report`, which are those of the present papers, without labels: how separate, coherent, diverse and
    /// stable they are, and how many directions the vectors use.
    ///
    /// # Errors
    /// When the library cannot be read, or papers came or went since: then there are no topics of them.
    pub fn score_topics(
        &mut self,
        report: &TopicsReport,
        progress: &mut Progress<'_>,
    ) -> Result<Scorecard, LibraryError> {
        self.at_one_moment(|library| {
            library.forget_other_rows()?;
            library.score(report, progress)
        })
    }

    fn score(
        &mut self,
        report: &TopicsReport,
        progress: &mut Progress<'_>,
    ) -> Result<Scorecard, LibraryError> {
        let members = self.rows_of_topics(report)?;
        let snapshot = self.load_snapshot()?;
        let mut own = vec![None; snapshot.ids.len()];
        for (topic, rows) in (0u32..).zip(members) {
            rows.iter().for_each(|&row| own[row] = Some(topic));
        }
        let own: Option<Vec<u32>> = own.into_iter().collect();
        let assignment = own.ok_or(LibraryError::NoTopics)?;
        let texts: Vec<String> = (self.papers_with_vectors()?.iter())
            .map(paper_text)
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let snapshot = self.load_snapshot()?;
        let ids: Vec<&str> = snapshot.ids.iter().map(|id| id.as_str()).collect();
        let scored = Scored {
            rows: &snapshot.vectors,
            ids: &ids,
            texts: &texts,
            assignment: &assignment,
            k: report.topics.len(),
            outliers: report.outliers.len(),
        };
        let options = TopicOptions {
            seed: report.seed,
            ..TopicOptions::default()
        };
        let mut hear = |step| {
            let _ = progress(topic_graph::event(step));
        };
        let found = scorecard(
            scored,
            SUBSAMPLES,
            &options,
            &mut topic_graph::neighbors,
            &mut hear,
        )?;
        if found.stability.is_none() {
            let _ = progress(Event::Note(
                "how stable the topics are was not measured: half of the papers are too few for so many topics",
            ));
        }
        Ok(found)
    }
}

/// How two runs of topics differ, on the papers that both have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparisonReport {
    /// Papers that both have.
    pub papers: usize,
    /// Papers that only the first has, and only the second.
    pub only: [usize; 2],
    /// Topics of each.
    pub topics: [usize; 2],
    /// Adjusted Rand index, at most 1: larger is more alike, 0 is chance.
    pub ari: f64,
    /// Normalised mutual information, 0 to 1: larger is more alike.
    pub nmi: f64,
    /// For each topic of the first run, in its order, that of the second with which it shares most papers.
    pub matches: Vec<TopicMatch>,
    /// Topics of the second run that are no such topic.
    pub unmatched: Vec<SideTopic>,
}

/// A topic of one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SideTopic {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Its papers.
    pub size: usize,
}

/// A topic of the first run and its like in the second.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TopicMatch {
    /// The topic.
    pub topic: SideTopic,
    /// Its like; none where they share no paper.
    pub like: Option<SideTopic>,
    /// Papers in both.
    pub shared: usize,
    /// Of the papers in either, the share in both, 0 to 1.
    pub jaccard: f64,
}

/// Compares two runs.
#[must_use]
pub fn compare_topics(a: &TopicsReport, b: &TopicsReport) -> ComparisonReport {
    let (in_a, in_b) = (places(a), places(b));
    let both: BTreeMap<&str, (u32, u32)> = (in_a.iter())
        .filter_map(|(id, &own)| Some((*id, (own, *in_b.get(id)?))))
        .collect();
    let (own, other): (Vec<u32>, Vec<u32>) = both.values().copied().unzip();
    let agreed = agreement(&own, &other);
    let mut shared: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    both.values()
        .for_each(|&pair| *shared.entry(pair).or_default() += 1);
    let likes: Vec<Option<(u32, usize)>> = (0u32..)
        .zip(&a.topics)
        .map(|(at, _)| like(at, b, &shared))
        .collect();
    // By their places: numbers of topics that were given from outside may come twice.
    let found: BTreeSet<u32> = likes.iter().flatten().map(|(to, _)| *to).collect();
    let matches = (a.topics.iter().zip(likes))
        .map(|(topic, like)| matched(topic, b, like))
        .collect();
    ComparisonReport {
        papers: both.len(),
        only: [in_a.len() - both.len(), in_b.len() - both.len()],
        topics: [a.topics.len(), b.topics.len()],
        ari: agreed.ari,
        nmi: agreed.nmi,
        unmatched: (0u32..)
            .zip(&b.topics)
            .filter(|(at, _)| !found.contains(at))
            .map(|(_, topic)| side(topic))
            .collect(),
        matches,
    }
}

/// The topic of each paper, as a position.
fn places(report: &TopicsReport) -> HashMap<&str, u32> {
    let topics = (0u32..).zip(&report.topics);
    topics
        .flat_map(|(at, topic)| topic.papers.iter().map(move |id| (id.as_str(), at)))
        .collect()
}

fn side(topic: &TopicReport) -> SideTopic {
    SideTopic {
        id: topic.id,
        name: topic.name.clone(),
        size: topic.size,
    }
}

/// The place of the like of a topic, and the papers of both: of equals, the one of fewer papers, then the first.
fn like(at: u32, b: &TopicsReport, shared: &BTreeMap<(u32, u32), usize>) -> Option<(u32, usize)> {
    let own = shared.range((at, 0)..=(at, u32::MAX));
    let best = own.max_by_key(|&(&(_, to), &n)| {
        let size = std::cmp::Reverse(b.topics[to as usize].size);
        (n, size, std::cmp::Reverse(to))
    });
    best.map(|(&(_, to), &n)| (to, n))
}

fn matched(topic: &TopicReport, b: &TopicsReport, like: Option<(u32, usize)>) -> TopicMatch {
    let (like, n) = like.map_or((None, 0), |(to, n)| (Some(&b.topics[to as usize]), n));
    let either = (topic.size + like.map_or(0, |like| like.size)).saturating_sub(n);
    TopicMatch {
        topic: side(topic),
        like: like.map(side),
        shared: n,
        jaccard: n as f64 / either.max(1) as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(topics: &[&[&str]]) -> TopicsReport {
        let topic = |(id, papers): (u32, &&[&str])| TopicReport {
            id,
            name: format!("topic {id}"),
            size: papers.len(),
            papers: papers.iter().map(|&id| id.to_owned()).collect(),
            ..TopicReport::default()
        };
        TopicsReport {
            topics: (0..).zip(topics).map(topic).collect(),
            ..TopicsReport::default()
        }
    }

    #[test]
    fn topics_map_to_those_that_have_most_of_their_papers() {
        let a = run(&[&["a", "b", "c"], &["d", "e"], &["x"]]);
        let b = run(&[&["d", "e", "c"], &["a", "b"], &["y"]]);
        let found = compare_topics(&a, &b);
        assert_eq!((found.papers, found.only), (5, [1, 1]));
        let likes: Vec<Option<u32>> = (found.matches.iter())
            .map(|m| m.like.as_ref().map(|like| like.id))
            .collect();
        assert_eq!(likes, [Some(1), Some(0), None]);
        let shared: Vec<usize> = found.matches.iter().map(|m| m.shared).collect();
        assert_eq!(shared, [2, 2, 0]);
        assert!((found.matches[0].jaccard - 2.0 / 3.0).abs() < 1e-12);
        let left: Vec<u32> = found.unmatched.iter().map(|t| t.id).collect();
        assert_eq!(left, [2]);
        assert!(found.ari < 1.0 && found.nmi > 0.0);
    }

    #[test]
    fn the_same_is_alike_and_nothing_is_compared_with_nothing() {
        let a = run(&[&["a", "b"], &["c"]]);
        let same = compare_topics(&a, &a);
        assert!((same.ari - 1.0).abs() < 1e-12 && (same.nmi - 1.0).abs() < 1e-12);
        assert!(same.unmatched.is_empty());
        let none = compare_topics(&run(&[]), &a);
        assert_eq!(
            (none.papers, none.only, none.unmatched.len()),
            (0, [0, 3], 2)
        );
    }
}
