//! Whether near vectors belong together: by labels, and by what another model's vectors say of the same texts.

use crate::{LibraryError, npy};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use syntopic_core::Embeddings;
use syntopic_index::exact_batch;

/// What is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VectorsEval {
    /// A `.npy` file of 32-bit floats, a row a text; rows need not be of unit length.
    pub vectors: PathBuf,
    /// A file of JSON objects, one a line, the n-th for the n-th row. Default: none.
    pub labels: Option<PathBuf>,
    /// The member of these objects that is the label, a string or a number. Default `label`.
    pub label_field: String,
    /// Vectors of the same texts by another model, in the same order. Default: none.
    pub against: Option<PathBuf>,
    /// Nearest neighbours looked at, the row itself not among them. Default 10.
    pub k: usize,
}

impl VectorsEval {
    /// The defaults, of a file of vectors.
    #[must_use]
    pub fn of(vectors: PathBuf) -> Self {
        Self {
            vectors,
            labels: None,
            label_field: String::from("label"),
            against: None,
            k: 10,
        }
    }
}

/// What was measured. All figures are over all rows, each compared with every other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VectorsReport {
    /// Rows.
    pub n: usize,
    /// Numbers a row.
    pub dim: usize,
    /// Nearest neighbours looked at.
    pub k: usize,
    /// By labels, where they were given.
    pub labels: Option<LabelsReport>,
    /// Mean share of a row's nearest that are among its nearest by the other vectors too, 0 to 1: larger is more alike.
    pub overlap: Option<f64>,
}

/// How well neighbours tell a row's label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelsReport {
    /// Different labels.
    pub labels: usize,
    /// Share of rows whose label is the commonest of their nearest (of equally common ones, that of the nearer; then the
    /// first by name), 0 to 1: larger is better.
    pub accuracy: f64,
    /// Share of all rows that have the commonest label: what knowing nothing would reach.
    pub commonest: f64,
}

/// Measures.
///
/// # Errors
/// When a file is no matrix of vectors or has another number of rows, a line has no label, or there are fewer than two rows.
pub fn vectors(eval: &VectorsEval) -> Result<VectorsReport, LibraryError> {
    if eval.k == 0 {
        return Err(LibraryError::ZeroK);
    }
    let rows = npy::read_unit_rows(&eval.vectors)?;
    let n = rows.n_rows();
    if n < 2 {
        return Err(wrong(
            &eval.vectors,
            format!("it has {n} rows: at least 2 are needed, so that a row has a neighbour"),
        ));
    }
    let labels = match &eval.labels {
        Some(path) => Some(read_labels(path, &eval.label_field, n)?),
        None => None,
    };
    let nearest = neighbours(&rows, eval.k);
    let overlap = match &eval.against {
        Some(path) => {
            let others = npy::read_unit_rows(path)?;
            check_count(path, others.n_rows(), n)?;
            Some(mean_overlap(&nearest, &neighbours(&others, eval.k)))
        }
        None => None,
    };
    Ok(VectorsReport {
        n,
        dim: rows.dim(),
        k: eval.k,
        labels: labels.map(|labels| judge(&labels, &nearest)),
        overlap,
    })
}

pub(super) fn wrong(path: &Path, why: String) -> LibraryError {
    LibraryError::Matrix {
        path: path.to_owned(),
        why,
    }
}

pub(super) fn check_count(path: &Path, got: usize, expected: usize) -> Result<(), LibraryError> {
    if got == expected {
        return Ok(());
    }
    Err(wrong(
        path,
        format!(
            "it has {got} rows and the vectors have {expected}: give one for each, in their order"
        ),
    ))
}

/// The `k` other rows nearest to each, nearest first, ties by row.
pub(super) fn neighbours(rows: &Embeddings, k: usize) -> Vec<Vec<usize>> {
    let all = exact_batch(rows, rows, k.saturating_add(1).min(rows.n_rows()));
    let others = |(own, hits): (usize, Vec<syntopic_index::Hit>)| {
        let hits = hits.into_iter().map(|hit| hit.row.index());
        hits.filter(|row| *row != own).take(k).collect()
    };
    all.into_iter().enumerate().map(others).collect()
}

/// Every row has as many nearest as any other, so the mean of shares is the share of all.
fn mean_overlap(ours: &[Vec<usize>], theirs: &[Vec<usize>]) -> f64 {
    let shared = |(ours, theirs): (&Vec<usize>, &Vec<usize>)| {
        ours.iter().filter(|row| theirs.contains(row)).count()
    };
    let shared: usize = ours.iter().zip(theirs).map(shared).sum();
    let all: usize = ours.iter().map(Vec::len).sum();
    shared as f64 / all as f64
}

/// The labels of `n` rows, numbered in the order of their names.
pub(super) fn read_labels(path: &Path, field: &str, n: usize) -> Result<Vec<usize>, LibraryError> {
    read_names(path, field, n).map(|names| number(&names))
}

/// Labels numbered in the order of their names.
pub(super) fn number(names: &[String]) -> Vec<usize> {
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let number = |name: &String| sorted.binary_search(name).unwrap_or_default();
    names.iter().map(number).collect()
}

/// The labels of `n` rows.
pub(super) fn read_names(path: &Path, field: &str, n: usize) -> Result<Vec<String>, LibraryError> {
    let io = |source| LibraryError::Io {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(io)?;
    let mut names = Vec::new();
    for (index, line) in std::io::BufReader::new(file).lines().enumerate() {
        let line = line.map_err(io)?;
        if line.trim().is_empty() {
            continue;
        }
        names.push(
            label(&line, field).map_err(|why| wrong(path, format!("line {}: {why}", index + 1)))?,
        );
    }
    check_count(path, names.len(), n)?;
    Ok(names)
}

fn label(line: &str, field: &str) -> Result<String, String> {
    let record: Value = serde_json::from_str(line).map_err(|e| format!("not JSON: {e}"))?;
    match &record[field] {
        Value::String(label) => Ok(label.clone()),
        Value::Number(label) => Ok(label.to_string()),
        Value::Null => Err(format!(
            "it has no {field:?}: name the member that is the label with --label-field"
        )),
        other => Err(format!(
            "its {field:?} is {other}, a string or a number was expected"
        )),
    }
}

/// k-nearest-neighbour classification, every row by all others (leave one out).
pub(super) fn judge(labels: &[usize], nearest: &[Vec<usize>]) -> LabelsReport {
    let n_labels = labels.iter().max().map_or(0, |most| most + 1);
    let mut sizes = vec![0usize; n_labels];
    labels.iter().for_each(|label| sizes[*label] += 1);
    let right = nearest
        .iter()
        .zip(labels)
        .filter(|(nearest, own)| vote(labels, nearest) == Some(**own))
        .count();
    let n = labels.len() as f64;
    LabelsReport {
        labels: n_labels,
        accuracy: right as f64 / n,
        commonest: sizes.into_iter().max().unwrap_or(0) as f64 / n,
    }
}

/// The label with the most votes; of several, the one whose votes are nearer, by the sum of their places; then the lowest.
fn vote(labels: &[usize], nearest: &[usize]) -> Option<usize> {
    let mut votes: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for (place, row) in nearest.iter().enumerate() {
        let (count, nearness) = votes.entry(labels[*row]).or_default();
        *count += 1;
        *nearness += nearest.len() - place;
    }
    // `max_by_key` gives the last of equals: backwards, the lowest label.
    let best = votes.into_iter().rev().max_by_key(|(_, votes)| *votes);
    best.map(|(label, _)| label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commonest_label_wins_then_the_nearer_one_then_the_lower() {
        let labels = [0, 1, 1, 0, 2];
        assert_eq!(vote(&labels, &[0, 1, 2]), Some(1));
        assert_eq!(vote(&labels, &[0, 1]), Some(0));
        assert_eq!(vote(&labels, &[1, 0]), Some(1));
        // Places 1 and 4 against 2 and 3: as near, so the lower label.
        assert_eq!(vote(&labels, &[1, 0, 3, 2]), Some(0));
        assert_eq!(vote(&labels, &[]), None);
    }

    #[test]
    fn a_row_is_no_neighbour_of_itself() {
        let same = Embeddings::new([1.0f32, 0.0].repeat(5), 2).unwrap();
        let nearest = neighbours(&same, 2);
        assert_eq!(nearest[0], [1, 2]);
        assert_eq!(nearest[4], [0, 1]);
        assert_eq!(neighbours(&same, 99)[2], [0, 1, 3, 4]);
        assert_eq!(mean_overlap(&nearest, &nearest), 1.0);
        let other = vec![vec![3, 4]; 5];
        assert_eq!(mean_overlap(&nearest[..2], &other[..2]), 0.0);
    }

    #[test]
    fn labels_are_strings_or_numbers_and_what_is_wrong_is_named() {
        assert_eq!(label(r#"{"c": "cs"}"#, "c").as_deref(), Ok("cs"));
        assert_eq!(label(r#"{"c": 7}"#, "c").as_deref(), Ok("7"));
        for (line, words) in [
            (r#"{"d": 7}"#, "--label-field"),
            (r#"{"c": ["cs"]}"#, "string or a number"),
            ("{", "not JSON"),
        ] {
            let why = label(line, "c").unwrap_err();
            assert!(why.contains(words), "{why}");
        }
    }
}
