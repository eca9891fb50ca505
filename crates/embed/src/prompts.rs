//! What a sentence-transformers folder says beside its model (`config_sentence_transformers.json`): what to put before a
//! query and a paper, and how vectors are meant to be compared.
//!
//! Prompts are chosen as sentence-transformers 6 chooses them in `encode_query` and `encode_document`, with one exception:
//! where a model has no `document` prompt and one named `passage` or `corpus`, that one is put before papers, as its
//! authors mean it. sentence-transformers looks for these names too, but finds the empty `document` prompt that it gives
//! every model first.

use crate::EmbedError;
use crate::config::{read_json_if_there, unsupported};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// The file that is read.
pub(crate) const FILE: &str = "config_sentence_transformers.json";

/// What is put before a text, per kind of text; empty for most models.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prompts {
    /// Before a query.
    pub query: String,
    /// Before a paper.
    pub document: String,
}

/// The file of one folder.
pub(crate) struct Own {
    path: PathBuf,
    /// Null where there is no file.
    pub(crate) config: Value,
}

impl Own {
    pub(crate) fn read(folder: &Path) -> Result<Self, EmbedError> {
        let path = folder.join(FILE);
        let config: Value = read_json_if_there(&path)?.unwrap_or_default();
        match config["model_type"].as_str() {
            Some(kind) if kind != "SentenceTransformer" => Err(unsupported(
                path,
                "the model type",
                kind,
                "SentenceTransformer",
            )),
            _ => Ok(Self { path, config }),
        }
    }

    fn wrong(&self, why: String) -> EmbedError {
        EmbedError::Config {
            path: self.path.clone(),
            why,
        }
    }

    /// Prompts by kind; a note where the folder asks for one before every text, which is put before none.
    pub(crate) fn prompts(&self, notes: &mut Vec<String>) -> Result<Prompts, EmbedError> {
        let named = self.named()?;
        let prompt = |names: &[&str]| {
            let first = names.iter().find_map(|name| named.get(*name)?.as_str());
            first.unwrap_or_default().to_owned()
        };
        let prompts = Prompts {
            query: prompt(&["query"]),
            document: prompt(&["document", "passage", "corpus"]),
        };
        self.note_default(&named, notes)?;
        Ok(prompts)
    }

    /// The length that vectors are to be cut to.
    pub(crate) fn truncate_dim(&self) -> Result<Option<usize>, EmbedError> {
        let dim = &self.config["truncate_dim"];
        let number = dim.as_u64().filter(|dim| *dim > 0);
        match number.and_then(|dim| usize::try_from(dim).ok()) {
            None if !dim.is_null() => Err(self.wrong(format!(
                "truncate_dim is {dim}, expected how many numbers of a vector to keep"
            ))),
            number => Ok(number),
        }
    }

    /// All prompts by name, each a text.
    fn named(&self) -> Result<Map<String, Value>, EmbedError> {
        let mut named = match &self.config["prompts"] {
            Value::Null => return Ok(Map::new()),
            Value::Object(named) => named.clone(),
            other => {
                return Err(self.wrong(format!(
                    "prompts is {other}, expected an object of texts by name"
                )));
            }
        };
        // null is no prompt.
        named.retain(|_, prompt| !prompt.is_null());
        match named.iter().find(|(_, prompt)| !prompt.is_string()) {
            Some((name, prompt)) => {
                Err(self.wrong(format!("the prompt {name:?} is {prompt}, expected a text")))
            }
            None => Ok(named),
        }
    }

    /// `default_prompt_name` is for texts of no kind; ours are queries and papers.
    fn note_default(
        &self,
        named: &Map<String, Value>,
        notes: &mut Vec<String>,
    ) -> Result<(), EmbedError> {
        let name = match &self.config["default_prompt_name"] {
            Value::Null => return Ok(()),
            Value::String(name) => name,
            other => {
                return Err(self.wrong(format!(
                    "default_prompt_name is {other}, expected the name of a prompt"
                )));
            }
        };
        let used = ["query", "document"].contains(&name.as_str());
        match named.get(name).and_then(Value::as_str) {
            None if !used => Err(self.wrong(format!(
                "default_prompt_name is {name:?}, and the prompts are {}",
                listed(named)
            ))),
            Some(prompt) if !used && !prompt.is_empty() => {
                notes.push(format!(
                    "its default prompt {name:?} is put before neither queries nor papers, as sentence-transformers \
                     embeds them; name it \"query\" or \"document\" in {FILE} to have it used"
                ));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Says so where cosine is not how the model's vectors are meant to be compared.
    pub(crate) fn note_similarity(
        &self,
        normalize: bool,
        notes: &mut Vec<String>,
    ) -> Result<(), EmbedError> {
        const SUPPORTED: [&str; 4] = ["cosine", "dot", "euclidean", "manhattan"];
        let name = match &self.config["similarity_fn_name"] {
            Value::Null => "cosine",
            Value::String(name) if SUPPORTED.contains(&name.as_str()) => name,
            other => {
                return Err(unsupported(
                    self.path.clone(),
                    "the similarity function",
                    other.as_str().unwrap_or(&other.to_string()),
                    "cosine; dot, euclidean and manhattan with a note",
                ));
            }
        };
        match (name, normalize) {
            ("cosine", true) => {}
            // Of unit vectors, all three rank alike.
            ("dot" | "euclidean", true) => {}
            ("cosine", false) => notes.push(
                "the model's own vectors are not of unit length: syntopic makes them so, as cosine asks".to_owned(),
            ),
            _ => notes.push(format!(
                "the model is meant to be compared by {name:?}: syntopic compares by cosine, which may rank otherwise"
            )),
        }
        Ok(())
    }
}

/// Names in quotation marks.
fn listed(named: &Map<String, Value>) -> String {
    let names: Vec<String> = named.keys().map(|name| format!("{name:?}")).collect();
    match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(config: &str) -> Own {
        Own {
            path: PathBuf::from("model").join(FILE),
            config: serde_json::from_str(config).expect("JSON"),
        }
    }

    #[test]
    fn each_kind_takes_the_first_of_its_names() {
        for (config, query, document, notes) in [
            ("{}", "", "", 0),
            (r#"{"prompts":{}}"#, "", "", 0),
            (
                r#"{"prompts":{"query":"q: ","passage":"p: "}}"#,
                "q: ",
                "p: ",
                0,
            ),
            (r#"{"prompts":{"corpus":"c: "}}"#, "", "c: ", 0),
            // An empty one is one.
            (
                r#"{"prompts":{"query":"q: ","document":"","passage":"p: "}}"#,
                "q: ",
                "",
                0,
            ),
            (
                r#"{"prompts":{"query":null,"document":"d: "}}"#,
                "",
                "d: ",
                0,
            ),
            (
                r#"{"prompts":{"query":"q: "},"default_prompt_name":"query"}"#,
                "q: ",
                "",
                0,
            ),
            (
                r#"{"prompts":{"s2p":"s: "},"default_prompt_name":"s2p"}"#,
                "",
                "",
                1,
            ),
            (r#"{"default_prompt_name":"document"}"#, "", "", 0),
        ] {
            let mut said = Vec::new();
            let prompts = own(config).prompts(&mut said).expect("prompts");
            assert_eq!(
                (prompts.query.as_str(), prompts.document.as_str()),
                (query, document),
                "{config}"
            );
            assert_eq!(said.len(), notes, "{config}: {said:?}");
        }
    }

    #[test]
    fn what_is_no_prompt_is_refused() {
        for (config, words) in [
            (r#"{"prompts":["query: "]}"#, "prompts is [\"query: \"]"),
            (
                r#"{"prompts":{"query":7}}"#,
                "the prompt \"query\" is 7, expected a text",
            ),
            (
                r#"{"prompts":{"s2p":"s: "},"default_prompt_name":"s2s"}"#,
                "default_prompt_name is \"s2s\", and the prompts are \"s2p\"",
            ),
            (r#"{"default_prompt_name":3}"#, "default_prompt_name is 3"),
        ] {
            let error = own(config).prompts(&mut Vec::new()).expect_err("refused");
            let error = error.to_string();
            assert!(error.contains(words) && error.contains(FILE), "{error}");
        }
    }
}
