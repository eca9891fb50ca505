//! Judgments of people: which paper is how related to which.
//!
//! A text of lines `query, paper, grade`, separated by tabs; grades are numbers, 0 is not related, and a missing grade is 1. A first line
//! whose grade is no number is a header. Not for: the papers themselves.

use std::collections::BTreeMap;

/// Why judgments cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JudgmentsError {
    /// A line is not `query, paper, grade`.
    #[error(
        "line {line} of the judgments: {why}; expected query, paper and grade, separated by tabs"
    )]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// No line holds a judgment.
    #[error("the judgments are empty: expected lines of query, paper and grade, separated by tabs")]
    Empty,
    /// A line of the queries is none.
    #[error(
        "line {line} of the queries: {why}; expected {{\"id\": …, \"text\": …}} or {{\"id\": …, \"like\": [ids of papers]}}"
    )]
    Query {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// No line holds a query.
    #[error("the queries are empty: expected lines of JSON with id and either text or like")]
    NoQueries,
    /// A query likes a paper that is not in the file.
    #[error("the query {query:?} likes the paper {paper:?}, which is not in the file of papers")]
    UnknownLiked {
        /// Id of the query.
        query: String,
        /// Id of the paper.
        paper: String,
    },
    /// No judged pair is of papers that were given.
    #[error(
        "none of the {judged} judged pairs is of two of the {papers} papers, or of a query and a paper: are the ids of the files the same?"
    )]
    NoPairs {
        /// Pairs that were judged.
        judged: usize,
        /// Papers that were read.
        papers: usize,
    },
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgment {
    /// Id of the paper asked about.
    pub query: String,
    /// Id of the paper judged.
    pub paper: String,
    /// How related it is: 0 is not, larger is more.
    pub grade: f64,
}

/// The judged papers of each query and their grades, in the order of ids; of a pair that is judged twice the higher grade.
pub(super) type Judged = BTreeMap<String, BTreeMap<String, f64>>;

/// Reads judgments.
pub(super) fn parse(text: &str) -> Result<Judged, JudgmentsError> {
    let mut judged = Judged::new();
    let text = text.trim_start_matches('\u{feff}');
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        match judgment(line) {
            Ok(Judgment {
                query,
                paper,
                grade,
            }) => {
                let known = judged.entry(query).or_default().entry(paper);
                let known = known.or_insert(grade);
                *known = known.max(grade);
            }
            Err(_) if index == 0 && is_header(line) => {}
            Err(why) => {
                return Err(JudgmentsError::Line {
                    line: index + 1,
                    why,
                });
            }
        }
    }
    if judged.is_empty() {
        return Err(JudgmentsError::Empty);
    }
    Ok(judged)
}

/// A line with three names and no grade, or with two that are names of columns.
fn is_header(line: &str) -> bool {
    let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
    matches!(fields[..], [_, _, grade] if grade.parse::<f64>().is_err())
}

fn judgment(line: &str) -> Result<Judgment, String> {
    let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
    let (query, paper, grade) = match fields[..] {
        [query, paper] => (query, paper, "1"),
        [query, paper, grade] => (query, paper, grade),
        _ => return Err(format!("it has {} fields", fields.len())),
    };
    if query.is_empty() || paper.is_empty() {
        return Err(String::from("an id is empty"));
    }
    match grade.parse::<f64>() {
        Ok(grade) if grade.is_finite() => Ok(Judgment {
            query: query.to_owned(),
            paper: paper.to_owned(),
            grade,
        }),
        _ => Err(format!("the grade {grade:?} is no number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judgments_are_read_with_and_without_a_header() {
        let plain = parse("a\tb\t2\na\tc\t0\n\na\tb\t1\n").unwrap();
        assert_eq!(
            plain["a"],
            BTreeMap::from([("b".into(), 2.0), ("c".into(), 0.0)])
        );
        let headed = parse("\u{feff}query\tpaper\tgrade\r\na\tb\t2\r\na\tc\t0\r\n").unwrap();
        assert_eq!(headed, plain);
        assert_eq!(parse("a\tb\n").unwrap()["a"]["b"], 1.0);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let message = |text| parse(text).unwrap_err().to_string();
        assert_eq!(
            message("a\tb\t1\na\tc\tmuch\n"),
            "line 2 of the judgments: the grade \"much\" is no number; expected query, paper and grade, separated by tabs"
        );
        assert!(message("a b 1\n").contains("line 1 of the judgments: it has 1 fields"));
        assert!(message("a\t\t1\n").contains("an id is empty"));
        assert!(message("a\tb\tNaN\n").contains("line 1 "));
        assert!(message("query\tpaper\tgrade\n").contains("are empty"));
    }
}
