//! What a sentence-transformers folder says of its model: pooling, length limit, prompts, architecture.
//!
//! Both generations of configuration files are read (before 6: `pooling_mode_mean_tokens: true` and
//! `sentence_bert_config.json`; since 6: `"pooling_mode": "mean"` and `tokenizer_config.json`). What is asked for and
//! not implemented is refused by name, never run wrongly.

use crate::EmbedError;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How token vectors become one vector. Padding never takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pooling {
    /// Mean of the token vectors.
    Mean,
    /// The first token's vector (`[CLS]`).
    Cls,
}

impl Pooling {
    /// The name that sentence-transformers uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Pooling::Mean => "mean",
            Pooling::Cls => "cls",
        }
    }
}

/// What is put before a text, per kind of text; empty for most models.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prompts {
    /// Before a query.
    pub query: String,
    /// Before a paper.
    pub document: String,
}

/// The settings of one model folder.
#[derive(Debug, Clone, PartialEq)]
pub struct SentenceConfig {
    /// How token vectors become one.
    pub pooling: Pooling,
    /// Longest input in tokens, special tokens included; longer texts are cut there, and counted.
    pub max_tokens: usize,
    /// Whether the folder itself asks for unit vectors. syntopic makes them unit length in any case: it compares by cosine.
    pub normalize: bool,
    /// Texts put before queries and papers.
    pub prompts: Prompts,
    /// `model_type` of `config.json`.
    pub architecture: String,
    /// Things a user should know, such as a missing `modules.json`.
    pub notes: Vec<String>,
}

impl SentenceConfig {
    /// Reads the configuration files of `folder`.
    ///
    /// # Errors
    /// When a needed file is missing or is not what it should be, or asks for an architecture, module or pooling that
    /// is not supported.
    pub fn read(folder: &Path) -> Result<Self, EmbedError> {
        let config: Value = read_json(&folder.join("config.json"))?;
        let architecture = config["model_type"].as_str().unwrap_or("").to_owned();
        if architecture != "bert" {
            return Err(unsupported(
                folder.join("config.json"),
                "the architecture",
                &architecture,
                "bert",
            ));
        }
        let mut notes = Vec::new();
        let (pooling, normalize) = read_modules(folder, &mut notes)?;
        Ok(Self {
            pooling,
            max_tokens: read_max_tokens(folder, &config)?,
            normalize,
            prompts: read_prompts(folder)?,
            architecture,
            notes,
        })
    }
}

/// Pooling and whether a Normalize module follows, from `modules.json`.
fn read_modules(folder: &Path, notes: &mut Vec<String>) -> Result<(Pooling, bool), EmbedError> {
    let path = folder.join("modules.json");
    let Some(modules) = read_json_if_there::<Vec<Value>>(&path)? else {
        notes.push(format!(
            "{} has no modules.json: mean pooling and unit length are assumed",
            folder.display()
        ));
        return Ok((Pooling::Mean, true));
    };
    let (mut pooling, mut normalize) = (None, false);
    for module in &modules {
        let full_type = module["type"].as_str().unwrap_or("");
        match full_type.rsplit('.').next().unwrap_or("") {
            "Transformer" => {}
            "Pooling" => {
                let subfolder = module["path"].as_str().unwrap_or("");
                if subfolder.split(['/', '\\']).any(|part| part == "..")
                    || Path::new(subfolder).is_absolute()
                {
                    return Err(unsupported(
                        path,
                        "a module path outside the folder",
                        subfolder,
                        "a folder below it",
                    ));
                }
                pooling = Some(read_pooling(&folder.join(subfolder).join("config.json"))?);
            }
            "Normalize" => normalize = true,
            _ => {
                return Err(unsupported(
                    path,
                    "the module",
                    full_type,
                    "Transformer, Pooling, Normalize",
                ));
            }
        }
    }
    let pooling = pooling.ok_or_else(|| EmbedError::Config {
        path,
        why: "it lists no Pooling module, so token vectors cannot become one vector".to_owned(),
    })?;
    Ok((pooling, normalize))
}

/// The one pooling mode that a `1_Pooling/config.json` asks for, in either generation's words.
fn read_pooling(path: &Path) -> Result<Pooling, EmbedError> {
    const SUPPORTED: &str = "mean, cls";
    let config: BTreeMap<String, Value> = read_json(path)?;
    if config.get("include_prompt") == Some(&Value::Bool(false)) {
        return Err(unsupported(
            path.to_owned(),
            "the pooling",
            "include_prompt: false",
            SUPPORTED,
        ));
    }
    let asked: Vec<String> = match config.get("pooling_mode") {
        Some(Value::String(mode)) => vec![mode.clone()],
        Some(Value::Array(modes)) => modes
            .iter()
            .map(|m| m.as_str().unwrap_or("?").to_owned())
            .collect(),
        Some(other) => vec![other.to_string()],
        None => config
            .iter()
            .filter(|(key, value)| key.starts_with("pooling_mode_") && **value == Value::Bool(true))
            .map(|(key, _)| key.trim_start_matches("pooling_mode_").to_owned())
            .collect(),
    };
    match asked.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["mean" | "mean_tokens"] => Ok(Pooling::Mean),
        ["cls" | "cls_token"] => Ok(Pooling::Cls),
        _ => Err(unsupported(
            path.to_owned(),
            "the pooling",
            &asked.join(" + "),
            SUPPORTED,
        )),
    }
}

/// Longest input: `sentence_bert_config.json`, else the tokenizer's, capped by the position embeddings.
fn read_max_tokens(folder: &Path, config: &Value) -> Result<usize, EmbedError> {
    let positions =
        config["max_position_embeddings"]
            .as_u64()
            .ok_or_else(|| EmbedError::Config {
                path: folder.join("config.json"),
                why: "max_position_embeddings is missing".to_owned(),
            })?;
    let own = read_json_if_there::<Value>(&folder.join("sentence_bert_config.json"))?
        .and_then(|c| c["max_seq_length"].as_u64());
    let tokenizers = || -> Result<Option<u64>, EmbedError> {
        // Absent or the library's "no limit" of 1e30, which is no u64.
        Ok(
            read_json_if_there::<Value>(&folder.join("tokenizer_config.json"))?
                .and_then(|c| c["model_max_length"].as_u64()),
        )
    };
    let wanted = match own {
        Some(length) => Some(length),
        None => tokenizers()?,
    };
    let length = wanted.unwrap_or(positions).min(positions);
    if length < 3 {
        return Err(EmbedError::Config {
            path: folder.join("sentence_bert_config.json"),
            why: format!(
                "a maximum of {length} tokens leaves no room for a word between the special tokens"
            ),
        });
    }
    Ok(usize::try_from(length).unwrap_or(usize::MAX))
}

/// Prompts by kind; models name the documents' one `document` or `passage`.
fn read_prompts(folder: &Path) -> Result<Prompts, EmbedError> {
    let Some(config) =
        read_json_if_there::<Value>(&folder.join("config_sentence_transformers.json"))?
    else {
        return Ok(Prompts::default());
    };
    let prompt = |names: &[&str]| {
        let default = config["default_prompt_name"].as_str();
        names
            .iter()
            .copied()
            .chain(default)
            .find_map(|name| config["prompts"][name].as_str())
            .unwrap_or("")
            .to_owned()
    };
    Ok(Prompts {
        query: prompt(&["query"]),
        document: prompt(&["document", "passage"]),
    })
}

fn unsupported(
    path: PathBuf,
    what: &'static str,
    got: &str,
    supported: &'static str,
) -> EmbedError {
    EmbedError::Unsupported {
        path,
        what,
        got: got.to_owned(),
        supported,
    }
}

/// A JSON file of the folder, or an error that names it.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, EmbedError> {
    read_json_if_there(path)?.ok_or_else(|| EmbedError::Config {
        path: path.to_owned(),
        why: "the file is missing; is this a sentence-transformers model folder?".to_owned(),
    })
}

/// The same, where the file may be absent.
fn read_json_if_there<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, EmbedError> {
    let error = |why: String| EmbedError::Config {
        path: path.to_owned(),
        why,
    };
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| error(format!("not the JSON expected: {e}"))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(error(e.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with the given files.
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        dir
    }

    const BERT: &str = r#"{"model_type":"bert","max_position_embeddings":512}"#;
    const MODULES: &str = r#"[{"path":"","type":"sentence_transformers.models.Transformer"},
        {"path":"1_Pooling","type":"sentence_transformers.models.Pooling"},
        {"path":"2_Normalize","type":"sentence_transformers.models.Normalize"}]"#;

    #[test]
    fn the_older_generation() {
        let dir = folder(&[
            ("config.json", BERT),
            ("modules.json", MODULES),
            (
                "1_Pooling/config.json",
                r#"{"pooling_mode_cls_token":false,"pooling_mode_mean_tokens":true}"#,
            ),
            ("sentence_bert_config.json", r#"{"max_seq_length":256}"#),
        ]);
        let config = SentenceConfig::read(dir.path()).expect("a configuration");
        assert_eq!(
            (config.pooling, config.max_tokens, config.normalize),
            (Pooling::Mean, 256, true)
        );
        assert_eq!(config.prompts, Prompts::default());
    }

    #[test]
    fn the_newer_generation() {
        let dir = folder(&[
            ("config.json", BERT),
            (
                "modules.json",
                r#"[{"path":"","type":"sentence_transformers.base.modules.transformer.Transformer"},
                {"path":"1_Pooling","type":"sentence_transformers.sentence_transformer.modules.pooling.Pooling"}]"#,
            ),
            (
                "1_Pooling/config.json",
                r#"{"embedding_dimension":384,"pooling_mode":"cls"}"#,
            ),
            ("tokenizer_config.json", r#"{"model_max_length":1000}"#),
            (
                "config_sentence_transformers.json",
                r#"{"prompts":{"query":"query: ","passage":"passage: "}}"#,
            ),
        ]);
        let config = SentenceConfig::read(dir.path()).expect("a configuration");
        assert_eq!(
            (config.pooling, config.max_tokens, config.normalize),
            (Pooling::Cls, 512, false)
        );
        assert_eq!(
            (
                config.prompts.query.as_str(),
                config.prompts.document.as_str()
            ),
            ("query: ", "passage: ")
        );
    }

    #[test]
    fn a_plain_folder_says_what_was_assumed() {
        let dir = folder(&[
            ("config.json", BERT),
            ("tokenizer_config.json", r#"{"model_max_length":1e30}"#),
        ]);
        let config = SentenceConfig::read(dir.path()).expect("a configuration");
        assert_eq!((config.pooling, config.max_tokens), (Pooling::Mean, 512));
        assert!(
            config.notes[0].contains("modules.json"),
            "{:?}",
            config.notes
        );
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        let refused = |files: &[(&str, &str)], word: &str| {
            let error = SentenceConfig::read(folder(files).path())
                .expect_err("refused")
                .to_string();
            assert!(
                error.contains(word) && error.contains("supported"),
                "{error}"
            );
        };
        refused(&[("config.json", r#"{"model_type":"t5"}"#)], "t5");
        let pooling = r#"{"pooling_mode_max_tokens":true}"#;
        refused(
            &[
                ("config.json", BERT),
                ("modules.json", MODULES),
                ("1_Pooling/config.json", pooling),
            ],
            "max_tokens",
        );
        let both = r#"{"pooling_mode_mean_tokens":true,"pooling_mode_cls_token":true}"#;
        refused(
            &[
                ("config.json", BERT),
                ("modules.json", MODULES),
                ("1_Pooling/config.json", both),
            ],
            "cls_token + mean",
        );
        let prompt = r#"{"pooling_mode":"mean","include_prompt":false}"#;
        refused(
            &[
                ("config.json", BERT),
                ("modules.json", MODULES),
                ("1_Pooling/config.json", prompt),
            ],
            "include_prompt",
        );
        let dense = r#"[{"path":"","type":"x.Transformer"},{"path":"2_Dense","type":"x.Dense"}]"#;
        refused(&[("config.json", BERT), ("modules.json", dense)], "x.Dense");
    }

    #[test]
    fn missing_and_broken_files_are_named() {
        let missing = SentenceConfig::read(folder(&[]).path())
            .expect_err("nothing there")
            .to_string();
        assert!(
            missing.contains("config.json") && missing.contains("missing"),
            "{missing}"
        );
        let broken = SentenceConfig::read(folder(&[("config.json", "{")]).path())
            .expect_err("broken")
            .to_string();
        assert!(
            broken.contains("config.json") && broken.contains("JSON"),
            "{broken}"
        );
    }
}
