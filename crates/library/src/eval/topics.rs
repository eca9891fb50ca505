//! How well the topics found agree with labels that people gave.

use super::vectors::{check_count, judge, neighbours, read_labels, wrong};
use crate::add::Source;
use crate::{Event, LibraryError, Progress, model, npy, topic_graph};
use serde::Serialize;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;
use syntopic_core::{Embeddings, paper_text};
use syntopic_embed::models::ResolveOptions;
use syntopic_embed::{EmbedOptions, TextKind};
use syntopic_topics::{Partition, TopicOptions, agreement, hierarchy, outliers, partition};

/// Nearest papers that vote on a label, as in the figures of others.
const VOTERS: usize = 10;

/// What is measured.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicsEval {
    /// A file of JSON objects, one a line: papers, each with a label.
    pub papers: PathBuf,
    /// The member of these objects that is the label, a string or a number. Default `label`.
    pub label_field: String,
    /// Number of topics. Default: chosen from the data.
    pub k: Option<usize>,
    /// Numbers of groups, coarse to fine, that topics are grouped into. Default: none.
    pub levels: Vec<usize>,
    /// Least papers of a topic. Default 1.
    pub min_size: usize,
    /// Largest share of papers that are called outliers. Default [`crate::MAX_OUTLIERS`].
    pub max_outliers: f64,
    /// A `.npy` file of 32-bit floats, a row a paper in their order. Default: the papers are embedded.
    pub vectors: Option<PathBuf>,
    /// Seed of the clustering. Default: that of [`TopicOptions`].
    pub seed: Option<u64>,
    /// The model that embeds, where no vectors are given. Default: the default of the registry.
    pub model: Option<String>,
}

impl TopicsEval {
    /// The defaults, of a file of labelled papers.
    #[must_use]
    pub fn of(papers: PathBuf) -> Self {
        Self {
            papers,
            label_field: String::from("label"),
            k: None,
            levels: Vec::new(),
            min_size: 1,
            max_outliers: crate::MAX_OUTLIERS,
            vectors: None,
            seed: None,
            model: None,
        }
    }
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TopicsEvalReport {
    /// Papers.
    pub n: usize,
    /// Different labels.
    pub n_labels: usize,
    /// V-measure of topics and labels, 0 to 1: larger is better.
    pub v_measure: f64,
    /// Adjusted Rand index of topics and labels, at most 1, 0 is chance: larger is better.
    pub ari: f64,
    /// Normalised mutual information (arithmetic mean) of topics and labels, 0 to 1: larger is better.
    pub nmi: f64,
    /// Share of papers whose label is the commonest of their 10 nearest others, 0 to 1: what the vectors allow.
    pub knn_accuracy: f64,
    /// Topics found.
    pub n_topics: usize,
    /// Whether their number was given.
    pub k_given: bool,
    /// Share of papers that are outliers: far from the topic that they are nearest to, and that the figures above count them in.
    pub outlier_share: f64,
    /// V-measure of the papers that are no outliers.
    pub v_measure_inliers: f64,
    /// Adjusted Rand index of these.
    pub ari_inliers: f64,
    /// Seconds that clustering took, neighbours and the choice of the number included; reading and embedding are not.
    pub seconds: f64,
    /// The levels that were asked for, coarsest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<LevelEval>,
}

/// How the groups of a level agree with the labels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LevelEval {
    /// Groups.
    pub n_groups: usize,
    /// V-measure, 0 to 1: larger is better.
    pub v_measure: f64,
    /// Adjusted Rand index, at most 1: larger is better.
    pub ari: f64,
    /// Normalised mutual information, 0 to 1: larger is better.
    pub nmi: f64,
}

/// Measures.
///
/// # Errors
/// When the papers cannot be read or have no labels, vectors and papers differ in number, or `k` is 0 or too large.
pub fn topics(
    eval: &TopicsEval,
    models: &ResolveOptions,
    progress: &mut Progress<'_>,
) -> Result<TopicsEvalReport, LibraryError> {
    let rows = match &eval.vectors {
        Some(path) => npy::read_unit_rows(path)?,
        None => embed(eval, models, progress)?,
    };
    let n = rows.n_rows();
    let labels = read_labels(&eval.papers, &eval.label_field, n)?;
    let ids = read_ids(&eval.papers, n)?;
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let options = options_of(eval);
    let begun = Instant::now();
    let found = partition(
        &rows,
        &ids,
        &options,
        &mut topic_graph::neighbors,
        &mut |step| {
            let _ = progress(topic_graph::event(step));
        },
    )?;
    let seconds = begun.elapsed().as_secs_f64();
    let numbers: Vec<u32> = labels.iter().map(|&label| label as u32).collect();
    let agreed = agreement(&numbers, &found.assignment);
    let members = members(&ids, &found);
    let topics: Vec<&[usize]> = members.iter().map(Vec::as_slice).collect();
    let far: HashSet<usize> = (outliers(&rows, &topics, eval.max_outliers).iter())
        .map(|outlier| outlier.member)
        .collect();
    let near = (0..n).filter(|i| !far.contains(i));
    let (near, own): (Vec<u32>, Vec<u32>) = near.map(|i| (numbers[i], found.assignment[i])).unzip();
    let inliers = agreement(&near, &own);
    let knn = judge(&labels, &neighbours(&rows, VOTERS));
    Ok(TopicsEvalReport {
        n,
        n_labels: knn.labels,
        v_measure: agreed.v_measure,
        ari: agreed.ari,
        nmi: agreed.nmi,
        knn_accuracy: knn.accuracy,
        n_topics: found.choice.k,
        k_given: found.choice.given,
        outlier_share: far.len() as f64 / n.max(1) as f64,
        v_measure_inliers: inliers.v_measure,
        ari_inliers: inliers.ari,
        seconds,
        levels: judge_levels((&rows, &topics), &eval.levels, &found, &numbers)?,
    })
}

/// The papers of each topic, in the order of ids.
fn members(ids: &[&str], found: &Partition) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..ids.len()).collect();
    order.sort_by_key(|&i| ids[i]);
    let mut members = vec![Vec::new(); found.choice.k];
    for i in order {
        members[found.assignment[i] as usize].push(i);
    }
    members
}

/// Groups the topics found, and compares each level with the labels.
fn judge_levels(
    (rows, topics): (&Embeddings, &[&[usize]]),
    levels: &[usize],
    found: &Partition,
    labels: &[u32],
) -> Result<Vec<LevelEval>, LibraryError> {
    let levels = hierarchy(rows, topics, levels)?;
    let judge = |group_of: &Vec<u32>| {
        let own: Vec<u32> = (found.assignment.iter())
            .map(|&topic| group_of[topic as usize])
            .collect();
        let agreed = agreement(labels, &own);
        LevelEval {
            n_groups: group_of.iter().max().map_or(0, |most| *most as usize + 1),
            v_measure: agreed.v_measure,
            ari: agreed.ari,
            nmi: agreed.nmi,
        }
    };
    Ok(levels.iter().map(judge).collect())
}

/// How topics are found.
pub(super) fn options_of(eval: &TopicsEval) -> TopicOptions {
    let options = TopicOptions::default();
    TopicOptions {
        k: eval.k,
        min_size: eval.min_size,
        seed: eval.seed.unwrap_or(options.seed),
        ..options
    }
}

/// The vectors of the papers' texts, as a library would store them.
pub(super) fn embed(
    eval: &TopicsEval,
    models: &ResolveOptions,
    progress: &mut Progress<'_>,
) -> Result<Embeddings, LibraryError> {
    let source = Source::File(eval.papers.clone());
    let mut texts = Vec::new();
    for record in syntopic_formats::open(&source.name(), source.open()?, None)? {
        match record? {
            Ok(paper) => texts.push(paper_text(&paper)),
            Err(bad) => return Err(wrong(&eval.papers, format!("a paper is unusable: {bad}"))),
        }
    }
    let embedder = model::load(
        eval.model.as_deref(),
        models,
        EmbedOptions::default(),
        None,
        progress,
    )?;
    let embedded = embedder.embed(&texts, TextKind::Document, &mut |p| {
        progress(Event::Embedding {
            done: p.done,
            of: p.of,
        })
    })?;
    Ok(embedded.vectors)
}

/// The `id` of each record, or its line's number where it has none.
pub(super) fn read_ids(path: &Path, n: usize) -> Result<Vec<String>, LibraryError> {
    let text = std::fs::read_to_string(path).map_err(|source| LibraryError::Io {
        path: path.to_owned(),
        source,
    })?;
    let id = |(number, line): (usize, &str)| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        match &record["id"] {
            serde_json::Value::String(id) => id.clone(),
            serde_json::Value::Number(id) => id.to_string(),
            _ => format!("line {number:012}"),
        }
    };
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let ids: Vec<String> = lines.enumerate().map(id).collect();
    check_count(path, ids.len(), n)?;
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_records_or_their_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.jsonl");
        std::fs::write(
            &path,
            "{\"id\": \"b\"}\n\n{\"id\": 7}\n{\"title\": \"x\"}\n",
        )
        .unwrap();
        assert_eq!(read_ids(&path, 3).unwrap(), ["b", "7", "line 000000000002"]);
        let why = read_ids(&path, 4).unwrap_err().to_string();
        assert!(why.contains("it has 3 rows"), "{why}");
    }
}
