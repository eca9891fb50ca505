//! Queries that are no papers of the judged file: texts, and papers of the file that are liked together.
//!
//! Lines of JSON: `{"id": "q1", "text": "words or an abstract"}`, or `{"id": "q2", "like": ["paper", "other paper"]}`. Not for: what is
//! judged of them (`judgments.rs`).

use super::judgments::JudgmentsError;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What one query asks with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Question {
    /// A text.
    Text(String),
    /// Papers, by their ids: one or more.
    Like(Vec<String>),
}

/// The questions by the ids of the queries.
pub(super) type Questions = BTreeMap<String, Question>;

#[derive(Deserialize)]
struct Line {
    id: Id,
    text: Option<String>,
    like: Option<Vec<Id>>,
}

/// An id, which may be written as a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Number(i64),
}

impl Id {
    fn into_string(self) -> String {
        match self {
            Self::Text(text) => text.trim().to_owned(),
            Self::Number(number) => number.to_string(),
        }
    }
}

/// Reads the lines; blank ones are passed over.
pub(super) fn parse(text: &str) -> Result<Questions, JudgmentsError> {
    let mut questions = Questions::new();
    for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let wrong = |why: String| JudgmentsError::Query { line: at + 1, why };
        let (id, question) = question(line).map_err(wrong)?;
        if questions.contains_key(&id) {
            return Err(wrong(format!("the query {id:?} was there before")));
        }
        questions.insert(id, question);
    }
    match questions.is_empty() {
        true => Err(JudgmentsError::NoQueries),
        false => Ok(questions),
    }
}

fn question(line: &str) -> Result<(String, Question), String> {
    let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let id = line.id.into_string();
    let question = match (line.text, line.like) {
        (Some(text), None) if !text.trim().is_empty() => Question::Text(text),
        (None, Some(like)) if !like.is_empty() => {
            Question::Like(like.into_iter().map(Id::into_string).collect())
        }
        _ => return Err(String::from("it has not one of \"text\" and \"like\"")),
    };
    match id.is_empty() {
        true => Err(String::from("the id is empty")),
        false => Ok((id, question)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_liked_papers_are_read_and_anything_else_is_named() {
        let found =
            parse("\u{feff}{\"id\":\"a\",\"text\":\"Words\"}\n\n{\"id\":7,\"like\":[\"x\",3]}\n");
        let like = Question::Like(vec![String::from("x"), String::from("3")]);
        let expected = [("7", like), ("a", Question::Text(String::from("Words")))];
        let expected = expected.map(|(id, question)| (id.to_owned(), question));
        assert_eq!(found.unwrap(), Questions::from(expected));
        let error = |text| parse(text).unwrap_err().to_string();
        assert!(error(" \n").contains("the queries are empty"));
        for (text, why) in [
            ("{\"id\":\"a\"}", "line 1 of the queries: it has not one of"),
            (
                "\n{\"id\":\"a\",\"text\":\" \"}",
                "line 2 of the queries: it has not",
            ),
            ("{\"id\":\"a\",\"like\":[]}", "it has not one of"),
            (
                "{\"id\":\"a\",\"text\":\"x\",\"like\":[\"b\"]}",
                "it has not one of",
            ),
            ("{\"id\":\" \",\"text\":\"x\"}", "the id is empty"),
            (
                "{\"id\":1,\"text\":\"x\"}\n{\"id\":\"1\",\"text\":\"x\"}",
                "line 2 of the queries: the query \"1\"",
            ),
            ("query\tpaper", "line 1 of the queries: expected"),
        ] {
            assert!(error(text).contains(why), "{text}: {}", error(text));
        }
    }
}
