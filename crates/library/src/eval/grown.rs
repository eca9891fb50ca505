//! How well topics last: those of a part of the papers, brought up to date with the rest, beside topics made anew of all.
//!
//! Labels that are held back come all with the rest: whether each becomes a topic of its own, and nothing else does, is counted.

use super::topics::{TopicsEval, embed, options_of, read_ids};
use super::vectors::{number, read_names};
use crate::{LibraryError, Progress, npy, topic_graph};
use serde::Serialize;
use std::time::Instant;
use syntopic_core::{Embeddings, Row, dot};
use syntopic_embed::models::ResolveOptions;
use syntopic_topics::{Change, KeptTopic, Partition, Place, Standing, Updated};
use syntopic_topics::{agreement, partition, update};

/// Which papers come later.
#[derive(Debug, Clone, PartialEq)]
pub struct Growth {
    /// Share of the papers, evenly spaced in their order, that topics are made of first; above 0, below 1.
    pub first: f64,
    /// Labels whose papers all come later.
    pub hold_out: Vec<String>,
}

/// How topics agree with the labels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Agreed {
    /// Topics.
    pub n_topics: usize,
    /// V-measure, 0 to 1: larger is better.
    pub v_measure: f64,
    /// Adjusted Rand index, at most 1: larger is better.
    pub ari: f64,
    /// Seconds that it took.
    pub seconds: f64,
}

/// A topic that was born, and the label that most of its papers have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BornOf {
    /// Its number.
    pub id: u32,
    /// Its papers.
    pub size: usize,
    /// The commonest label of these.
    pub label: String,
    /// Whether that label was held back.
    pub held_out: bool,
    /// Share of its papers that have the label.
    pub precision: f64,
    /// Share of the label's papers that it has.
    pub recall: f64,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GrownReport {
    /// Papers.
    pub n: usize,
    /// Papers that the first topics were made of.
    pub first: usize,
    /// Topics of these.
    pub n_topics_first: usize,
    /// All papers in the topics brought up to date.
    pub updated: Agreed,
    /// All papers in topics made anew.
    pub fresh: Agreed,
    /// Topics born.
    pub born: Vec<BornOf>,
    /// Topics that died, split, merged.
    pub died_split_merged: [usize; 3],
    /// Least cosine of a topic's centre before and after.
    pub most_drift: f32,
}

/// Measures.
///
/// # Errors
/// As [`super::topics::topics`], and when the share leaves no paper first or none to come.
pub fn grown(
    eval: &TopicsEval,
    growth: &Growth,
    models: &ResolveOptions,
    progress: &mut Progress<'_>,
) -> Result<GrownReport, LibraryError> {
    let rows = match &eval.vectors {
        Some(path) => npy::read_unit_rows(path)?,
        None => embed(eval, models, progress)?,
    };
    let names = read_names(&eval.papers, &eval.label_field, rows.n_rows())?;
    let ids = read_ids(&eval.papers, rows.n_rows())?;
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let first = papers_first(&names, growth);
    let labels: Vec<u32> = number(&names).iter().map(|&label| label as u32).collect();
    let mut make = |rows: &Embeddings, ids: &[&str]| {
        partition(
            rows,
            ids,
            &options_of(eval),
            &mut topic_graph::neighbors,
            &mut |step| {
                let _ = progress(topic_graph::event(step));
            },
        )
    };
    let begun = Instant::now();
    let all = make(&rows, &ids)?;
    let fresh = agreed(&labels, &all.assignment, begun);
    let those: Vec<&str> = first.iter().map(|&i| ids[i]).collect();
    let some = rows.select(first.iter().copied().map(Row::from_index));
    let before = make(&some, &those)?;
    let n_topics_first = before.choice.k;
    let begun = Instant::now();
    let updated = bring(eval, (&rows, &ids), (&first, &before), progress)?;
    let mut assignment = vec![0; ids.len()];
    for topic in &updated.topics {
        topic
            .members
            .iter()
            .for_each(|&m| assignment[m] = topic.number);
    }
    Ok(GrownReport {
        n: ids.len(),
        first: first.len(),
        n_topics_first,
        updated: agreed(&labels, &assignment, begun),
        fresh,
        born: born(&updated, &names, growth),
        died_split_merged: count(&updated.changes),
        most_drift: (updated.topics.iter())
            .filter_map(|topic| topic.drift)
            .fold(1.0, f32::min),
    })
}

/// Papers that the first topics are made of, as positions, ascending.
fn papers_first(names: &[String], growth: &Growth) -> Vec<usize> {
    let steps = |i: usize| (i as f64 * growth.first).floor();
    (0..names.len())
        .filter(|&i| steps(i + 1) > steps(i) && !growth.hold_out.contains(&names[i]))
        .collect()
}

/// Brings the topics `before`, of the papers `first`, up to date with all of them.
fn bring(
    eval: &TopicsEval,
    (rows, ids): (&Embeddings, &[&str]),
    (first, before): (&[usize], &Partition),
    progress: &mut Progress<'_>,
) -> Result<Updated, LibraryError> {
    let mut places = vec![Place::New; ids.len()];
    let mut sums = vec![vec![0.0f32; rows.dim()]; before.choice.k];
    for (&i, &own) in first.iter().zip(&before.assignment) {
        places[i] = Place::Settled(own as usize);
        let row = rows.row(Row::from_index(i));
        let sum = &mut sums[own as usize];
        sum.iter_mut().zip(row).for_each(|(s, x)| *s += x);
    }
    let unit = |sum: Vec<f32>| {
        let length = dot(&sum, &sum).sqrt().max(f32::MIN_POSITIVE);
        sum.into_iter().map(|s| s / length).collect()
    };
    let kept: Vec<KeptTopic> = (0u32..)
        .zip(sums)
        .map(|(number, sum)| KeptTopic {
            number,
            centre: unit(sum),
        })
        .collect();
    let standing = Standing {
        rows,
        ids,
        places: &places,
        kept: &kept,
        next: kept.len() as u32,
    };
    let mut hear = |step| {
        let _ = progress(topic_graph::event(step));
    };
    let options = options_of(eval);
    let updated = update(standing, &options, &mut topic_graph::neighbors, &mut hear)?;
    // Papers of the first topics are all still there.
    updated.ok_or(LibraryError::NoTopics)
}

fn agreed(labels: &[u32], assignment: &[u32], begun: Instant) -> Agreed {
    let seconds = begun.elapsed().as_secs_f64();
    let found = agreement(labels, assignment);
    let mut topics = assignment.to_vec();
    topics.sort_unstable();
    topics.dedup();
    Agreed {
        n_topics: topics.len(),
        v_measure: found.v_measure,
        ari: found.ari,
        seconds,
    }
}

fn born(updated: &Updated, names: &[String], growth: &Growth) -> Vec<BornOf> {
    let new = updated.topics.iter().filter(|topic| topic.was.is_none());
    let describe = |topic: &syntopic_topics::UpdatedTopic| {
        let mut counts = std::collections::BTreeMap::new();
        for &member in &topic.members {
            *counts.entry(names[member].as_str()).or_insert(0usize) += 1;
        }
        let (label, most) = (counts.into_iter())
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
            .unwrap_or_default();
        let all = names.iter().filter(|name| *name == label).count();
        BornOf {
            id: topic.number,
            size: topic.members.len(),
            label: label.to_owned(),
            held_out: growth.hold_out.iter().any(|held| held == label),
            precision: most as f64 / topic.members.len().max(1) as f64,
            recall: most as f64 / all.max(1) as f64,
        }
    };
    new.map(describe).collect()
}

fn count(changes: &[Change]) -> [usize; 3] {
    let of = |is: fn(&Change) -> bool| changes.iter().filter(|change| is(change)).count();
    [
        of(|c| matches!(c, Change::Died { .. })),
        of(|c| matches!(c, Change::Split { .. })),
        of(|c| matches!(c, Change::Merged { .. })),
    ]
}
