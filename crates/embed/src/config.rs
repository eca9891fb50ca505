//! What a sentence-transformers folder says of its model: pooling, length limit, prompts, architecture.
//!
//! Both generations of configuration files are read (before 6: `pooling_mode_mean_tokens: true` and
//! `sentence_bert_config.json`; since 6: `"pooling_mode": "mean"` and `tokenizer_config.json`). What is asked for and
//! not implemented is refused by name, never run wrongly. `modules.json` is read in `pipeline.rs`, prompts
//! in `prompts.rs`, what concerns the case of letters in `case.rs`.

use crate::prompts::{Own, Prompts};
use crate::stock::adapter;
use crate::{EmbedError, pipeline};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// How token vectors become one vector: the modes of sentence-transformers. Padding never takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PoolingMode {
    /// Mean of the token vectors.
    Mean,
    /// The first token's vector (`[CLS]`).
    Cls,
    /// The largest of each number.
    Max,
    /// Sum of the token vectors, over the root of how many they are.
    MeanSqrtLen,
    /// Mean in which the n-th token counts n times.
    WeightedMean,
    /// The last token's vector.
    LastToken,
}

impl PoolingMode {
    /// All, by the names that sentence-transformers uses; its older files say `cls_token` and the like.
    pub(crate) const ALL: [PoolingMode; 6] = [
        PoolingMode::Mean,
        PoolingMode::Cls,
        PoolingMode::Max,
        PoolingMode::MeanSqrtLen,
        PoolingMode::WeightedMean,
        PoolingMode::LastToken,
    ];

    /// The name that sentence-transformers uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            PoolingMode::Mean => "mean",
            PoolingMode::Cls => "cls",
            PoolingMode::Max => "max",
            PoolingMode::MeanSqrtLen => "mean_sqrt_len_tokens",
            PoolingMode::WeightedMean => "weightedmean",
            PoolingMode::LastToken => "lasttoken",
        }
    }
}

/// The encoders that run, by `model_type` of `config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Architecture {
    Bert,
    DistilBert,
    Mpnet,
    XlmRoberta,
    ModernBert,
    NomicBert,
    JinaBert,
    Qwen3,
}

impl Architecture {
    pub(crate) const SUPPORTED: &str = "bert, distilbert, mpnet, xlm-roberta, roberta, camembert, modernbert, nomic_bert, jina_bert, qwen3";

    /// The architecture of this name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "bert" => Architecture::Bert,
            "distilbert" => Architecture::DistilBert,
            "mpnet" => Architecture::Mpnet,
            // One and the same model under three names.
            "xlm-roberta" | "roberta" | "camembert" => Architecture::XlmRoberta,
            "modernbert" => Architecture::ModernBert,
            "nomic_bert" => Architecture::NomicBert,
            "jina_bert" => Architecture::JinaBert,
            "qwen3" => Architecture::Qwen3,
            _ => return None,
        })
    }

    /// Whether its positions are computed, so that there is no last one; the others have a table.
    fn counts_positions(self) -> bool {
        matches!(
            self,
            Architecture::ModernBert
                | Architecture::NomicBert
                | Architecture::JinaBert
                | Architecture::Qwen3
        )
    }

    /// How many rows of the position table are never a text's: XLM-RoBERTa counts from after its padding token's number,
    /// MPNet from 2 whatever that is.
    fn unused_positions(self, config: &Value) -> u64 {
        match self {
            Architecture::Mpnet => 2,
            Architecture::XlmRoberta => config["pad_token_id"].as_u64().unwrap_or(1) + 1,
            _ => 0,
        }
    }
}

/// `model_type` of `config.json`; JinaBERT calls itself `bert`, and says by its positions that it is none.
fn model_type(config: &Value) -> &str {
    match config["model_type"].as_str().unwrap_or("") {
        "bert" if config["position_embedding_type"] == "alibi" => "jina_bert",
        name => name,
    }
}

/// The settings of one model folder.
#[derive(Debug, Clone, PartialEq)]
pub struct SentenceConfig {
    /// How token vectors become one.
    pub pooling_mode: PoolingMode,
    /// Further poolings, whose vectors are set behind the first one's; none for most models.
    pub more_poolings: Vec<PoolingMode>,
    /// Whether the tokens of the prompt take part in the pooling.
    pub include_prompt: bool,
    /// Subfolders of the Dense modules that follow the pooling, in order.
    pub dense: Vec<String>,
    /// Longest input in tokens, special tokens included; longer texts are cut there, and counted.
    pub max_tokens: usize,
    /// Whether the folder itself asks for unit vectors. syntopic makes them unit length in any case: it compares by cosine.
    pub normalize: bool,
    /// Texts put before queries and papers.
    pub prompts: Prompts,
    /// `model_type` of `config.json`; `jina_bert` for JinaBERT.
    pub architecture: String,
    /// The lengths that the model's vectors may be cut to, as it says itself; empty for most models.
    pub matryoshka_dims: Vec<usize>,
    /// The length that the model asks its vectors to be cut to.
    pub truncate_dim: Option<usize>,
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
        let architecture = model_type(&config).to_owned();
        let Some(kind) = Architecture::of(&architecture) else {
            return Err(unsupported(
                folder.join("config.json"),
                "the architecture",
                &architecture,
                Architecture::SUPPORTED,
            ));
        };
        let takes_adapters = matches!(kind, Architecture::Bert | Architecture::XlmRoberta);
        if adapter::is_there(folder) && !takes_adapters {
            return Err(unsupported(
                folder.join(adapter::CONFIG),
                "an adapter in the architecture",
                &architecture,
                "bert, roberta, xlm-roberta, camembert",
            ));
        }
        refuse_of_any(&config, &folder.join("config.json"))?;
        refuse_other_code(&config, kind, &folder.join("config.json"))?;
        let mut notes = Vec::new();
        let modules = pipeline::read(folder, &mut notes)?;
        let own = Own::read(folder)?;
        own.note_similarity(modules.normalize, &mut notes)?;
        Ok(Self {
            pooling_mode: modules.pooling,
            more_poolings: modules.more_poolings,
            include_prompt: modules.include_prompt,
            dense: modules.dense,
            max_tokens: read_max_tokens(folder, &config, kind)?,
            normalize: modules.normalize,
            prompts: own.prompts(&mut notes)?,
            matryoshka_dims: matryoshka_dims(&[&config, &own.config]),
            truncate_dim: own.truncate_dim()?,
            architecture,
            notes,
        })
    }

    /// The architecture, if it is one of those that run.
    pub(crate) fn kind(&self) -> Option<Architecture> {
        Architecture::of(&self.architecture)
    }

    /// All poolings, in the order in which their vectors are set side by side.
    pub(crate) fn poolings(&self) -> Vec<PoolingMode> {
        let first = std::iter::once(self.pooling_mode);
        first.chain(self.more_poolings.iter().copied()).collect()
    }

    /// The names of the poolings, joined by `+`.
    #[must_use]
    pub fn pooling_name(&self) -> String {
        let names: Vec<&str> = self.poolings().into_iter().map(PoolingMode::name).collect();
        match self.include_prompt {
            true => names.join("+"),
            false => format!("{} without the prompt", names.join("+")),
        }
    }
}

/// The lengths that a model was trained to be cut to, under the names that published models use, ascending.
fn matryoshka_dims(configs: &[&Value]) -> Vec<usize> {
    let names = ["matryoshka_dims", "matryoshka_dimensions"];
    let lists = configs
        .iter()
        .flat_map(|config| names.map(|name| config[name].as_array()));
    let numbers = lists.flatten().flatten().filter_map(Value::as_u64);
    let mut dims: Vec<usize> = numbers
        .filter_map(|dim| usize::try_from(dim).ok())
        .collect();
    dims.sort_unstable();
    dims.dedup();
    dims
}

/// The files that may hold the settings of the Transformer module; sentence-transformers uses the first that says anything.
pub(crate) const TRANSFORMER_CONFIGS: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];

/// Settings of the Transformer module that would change the vectors, with the one value that is implemented.
const ONE_VALUE: [(&str, &str); 2] = [
    ("transformer_task", "feature-extraction"),
    ("module_output_name", "token_embeddings"),
];

/// The same, implemented only where they are absent or empty. `…_kwargs` is what `…_args` is called since 6.
const EMPTY: [&str; 10] = [
    "tokenizer_name_or_path",
    "tokenizer_args",
    "tokenizer_kwargs",
    "processor_kwargs",
    "config_args",
    "config_kwargs",
    "processing_kwargs",
    "query_length",
    "document_length",
    "query_expansion",
];

/// The settings of the Transformer module (`sentence_bert_config.json`).
#[derive(Debug, Default, Deserialize)]
pub(crate) struct TransformerConfig {
    max_seq_length: Option<u64>,
    do_lower_case: Option<bool>,
}

impl TransformerConfig {
    /// Reads them; a folder without them has the defaults.
    ///
    /// # Errors
    /// When a file is not what it should be, or has a setting that is not supported.
    pub(crate) fn read(folder: &Path) -> Result<Self, EmbedError> {
        for name in TRANSFORMER_CONFIGS {
            let path = folder.join(name);
            let Some(config) = read_json_if_there::<Value>(&path)? else {
                continue;
            };
            if config.as_object().is_some_and(serde_json::Map::is_empty) {
                continue;
            }
            refuse_settings(&config, &path)?;
            return serde_json::from_value(config).map_err(|error| EmbedError::Config {
                path,
                why: format!("not the JSON expected: {error}"),
            });
        }
        Ok(Self::default())
    }

    /// Whether texts are put in lower case before they are tokenized.
    pub(crate) fn do_lower_case(&self) -> bool {
        self.do_lower_case.unwrap_or(false)
    }
}

/// Those that are read, or change nothing.
const READ: [&str; 4] = [
    "max_seq_length",
    "do_lower_case",
    "modality_config",
    "unpad_inputs",
];

/// Whether a text goes through the model as every text does.
fn is_plain_modality(config: &Value) -> bool {
    let text = &config["text"];
    let is = |name: &str, value: &str| text[name].is_null() || text[name] == value;
    let alone = config
        .as_object()
        .is_none_or(|all| all.keys().all(|name| name == "text"));
    config.is_null()
        || (alone
            && text.is_object()
            && is("method", "forward")
            && is("method_output_name", "last_hidden_state"))
}

/// Names the first setting that would change the vectors and is not implemented, or that is not known.
fn refuse_settings(config: &Value, path: &Path) -> Result<(), EmbedError> {
    let refused = |key: &str, supported| {
        let got = format!("{key}: {}", config[key]);
        Err(unsupported(path.to_owned(), "the setting", &got, supported))
    };
    for (key, supported) in ONE_VALUE {
        if !config[key].is_null() && config[key] != supported {
            return refused(key, supported);
        }
    }
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    if let Some(key) = EMPTY.into_iter().find(|key| !is_empty(&config[*key])) {
        return refused(key, "no value");
    }
    if !is_plain_modality(&config["modality_config"]) {
        return refused("modality_config", "text, forward, last_hidden_state");
    }
    let known = |key: &str| {
        READ.contains(&key)
            || EMPTY.contains(&key)
            || ONE_VALUE.iter().any(|(name, _)| *name == key)
    };
    let mut members = config
        .as_object()
        .into_iter()
        .flat_map(serde_json::Map::iter);
    match members.find(|(key, value)| !known(key) && !is_empty(value)) {
        Some((key, _)) => refused(
            key,
            "the settings of sentence-transformers' Transformer module",
        ),
        None => Ok(()),
    }
}

/// Settings of `config.json` that change every architecture's vectors.
fn refuse_of_any(config: &Value, path: &Path) -> Result<(), EmbedError> {
    let without = |name: &str| matches!(config[name], Value::Null | Value::Bool(false));
    let all = ["quantization_config", "add_cross_attention"];
    match all.into_iter().find(|name| !without(name)) {
        Some(name) => Err(unsupported(
            path.to_owned(),
            "the setting",
            &format!("{name}: {}", config[name]),
            "no value or false",
        )),
        None => Ok(()),
    }
}

/// That what is run is what the checkpoint was made with: one that brings a model of its own (`auto_map`), parts that its
/// architecture does not have, or another attention, would be run as something else. What NomicBERT and JinaBERT bring is what is
/// implemented here.
fn refuse_other_code(config: &Value, kind: Architecture, path: &Path) -> Result<(), EmbedError> {
    let refused = |name: &str, got: &Value, supported| {
        let got = format!("{name}: {got}");
        Err(unsupported(path.to_owned(), "the setting", &got, supported))
    };
    let own = &config["auto_map"]["AutoModel"];
    if !own.is_null() && !matches!(kind, Architecture::NomicBert | Architecture::JinaBert) {
        const THEIRS: &str =
            "architectures as transformers has them, without code of the model's own";
        return refused("auto_map.AutoModel", own, THEIRS);
    }
    for (name, usual) in [
        ("lora_adaptations", Value::Null),
        ("use_bidirectional_attention", Value::Bool(false)),
        ("is_causal", Value::Bool(kind == Architecture::Qwen3)),
    ] {
        let got = &config[name];
        if !got.is_null() && *got != usual {
            return refused(name, got, "no value, as the architecture has it");
        }
    }
    Ok(())
}

/// `model_max_length` of `tokenizer_config.json`; absent where the tokenizer knows no limit, which its library writes as 1e30.
fn tokenizers_limit(folder: &Path) -> Result<Option<u64>, EmbedError> {
    const NO_LIMIT: f64 = 1e15;
    let path = folder.join("tokenizer_config.json");
    let config = read_json_if_there::<Value>(&path)?.unwrap_or_default();
    // The second is its older name.
    let named = ["model_max_length", "max_len"];
    let name = named.iter().find(|name| !config[**name].is_null());
    let name = name.copied().unwrap_or(named[0]);
    let limit = &config[name];
    match limit.as_f64() {
        None if limit.is_null() => Ok(None),
        Some(length) if length >= NO_LIMIT => Ok(None),
        // Exact: below 2^53.
        Some(length) if length >= 0.0 && length.fract() == 0.0 => Ok(Some(length as u64)),
        _ => Err(EmbedError::Config {
            path,
            why: format!("{name} is {limit}, expected a number of tokens"),
        }),
    }
}

/// Longest input: `sentence_bert_config.json`, else the tokenizer's, capped by the position embeddings.
fn read_max_tokens(folder: &Path, config: &Value, kind: Architecture) -> Result<usize, EmbedError> {
    // The second is what the first published NomicBERTs call it.
    let positions = ["max_position_embeddings", "n_positions"]
        .iter()
        .find_map(|name| config[*name].as_u64())
        .ok_or_else(|| EmbedError::Config {
            path: folder.join("config.json"),
            why: "max_position_embeddings is missing".to_owned(),
        })?;
    let positions = positions.saturating_sub(kind.unused_positions(config));
    let own = TransformerConfig::read(folder)?.max_seq_length;
    let wanted = match own {
        Some(length) => Some(length),
        None => tokenizers_limit(folder)?,
    };
    let length = match (own, kind.counts_positions()) {
        // Positions are computed: a text may have more of them than the model was trained with, if its folder says so.
        (Some(own), true) => own,
        _ => wanted.unwrap_or(positions).min(positions),
    };
    if length < 3 {
        let says = match (own, wanted) {
            (Some(_), _) => "sentence_bert_config.json",
            (None, Some(wanted)) if wanted < 3 => "tokenizer_config.json",
            _ => "config.json",
        };
        return Err(EmbedError::Config {
            path: folder.join(says),
            why: format!(
                "a maximum of {length} tokens leaves no room for a word between the special tokens"
            ),
        });
    }
    Ok(usize::try_from(length).unwrap_or(usize::MAX))
}

pub(crate) fn unsupported(
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
pub(crate) fn read_json_if_there<T: DeserializeOwned>(
    path: &Path,
) -> Result<Option<T>, EmbedError> {
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
pub(crate) mod tests {
    use super::*;

    /// A folder with the given files.
    pub(crate) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        dir
    }

    pub(crate) const BERT: &str = r#"{"model_type":"bert","max_position_embeddings":512}"#;
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
            (config.pooling_mode, config.max_tokens, config.normalize),
            (PoolingMode::Mean, 256, true)
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
            (config.pooling_mode, config.max_tokens, config.normalize),
            (PoolingMode::Cls, 512, false)
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
        assert_eq!(
            (config.pooling_mode, config.max_tokens),
            (PoolingMode::Mean, 512)
        );
        assert!(
            config.notes[0].contains("modules.json"),
            "{:?}",
            config.notes
        );
    }

    /// The error that reading a folder with these files gives.
    pub(crate) fn refusal(files: &[(&str, &str)]) -> String {
        let read = SentenceConfig::read(folder(files).path());
        read.expect_err("refused").to_string()
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        let refused = |files: &[(&str, &str)], word: &str| {
            let error = refusal(files);
            assert!(
                error.contains(word) && error.contains("supported"),
                "{error}"
            );
        };
        refused(&[("config.json", r#"{"model_type":"t5"}"#)], "t5");
        for (settings, word) in [
            (r#"{"transformer_task":"fill-mask"}"#, "fill-mask"),
            (
                r#"{"module_output_name":"sentence_embedding"}"#,
                "supported: token_embeddings",
            ),
            (r#"{"query_length":32}"#, "query_length: 32"),
            (
                r#"{"tokenizer_args":{"model_max_length":64}}"#,
                "tokenizer_args",
            ),
            (
                r#"{"processing_kwargs":{"text":{"max_length":9}}}"#,
                "processing_kwargs",
            ),
        ] {
            let files = [
                ("config.json", BERT),
                ("sentence_bert_config.json", settings),
            ];
            refused(&files, word);
        }
    }

    #[test]
    fn a_tokenizers_limit_is_a_number_of_tokens() {
        let read = |limit: &str| {
            let tokenizer = format!(r#"{{"model_max_length":{limit}}}"#);
            let dir = folder(&[("config.json", BERT), ("tokenizer_config.json", &tokenizer)]);
            SentenceConfig::read(dir.path()).map(|config| config.max_tokens)
        };
        for (limit, tokens) in [
            ("64", 64),
            ("64.0", 64),
            ("null", 512),
            ("1e30", 512),
            ("600", 512),
        ] {
            assert_eq!(read(limit).expect("a limit"), tokens, "{limit}");
        }
        for limit in ["-1", "64.5", "\"64\"", "[64]"] {
            let error = read(limit).expect_err("refused").to_string();
            assert!(
                error.contains("tokenizer_config.json")
                    && error.contains(&format!("model_max_length is {limit}")),
                "{error}"
            );
        }
    }

    #[test]
    fn the_first_file_that_says_anything_of_the_transformer_counts() {
        let dir = folder(&[
            ("config.json", BERT),
            ("sentence_bert_config.json", "{}"),
            (
                "sentence_distilbert_config.json",
                r#"{"max_seq_length":99,"tokenizer_args":{},"query_length":null}"#,
            ),
            ("sentence_xlnet_config.json", r#"{"max_seq_length":7}"#),
        ]);
        let config = SentenceConfig::read(dir.path()).expect("a configuration");
        assert_eq!(config.max_tokens, 99);
        let files = [
            ("config.json", BERT),
            ("sentence_bert_config.json", r#"{"max_seq_length":"256"}"#),
        ];
        let error = refusal(&files);
        assert!(
            error.contains("sentence_bert_config.json") && error.contains("\"256\""),
            "{error}"
        );
    }

    #[test]
    fn missing_and_broken_files_are_named() {
        let missing = refusal(&[]);
        assert!(
            missing.contains("config.json") && missing.contains("missing"),
            "{missing}"
        );
        let broken = refusal(&[("config.json", "{")]);
        assert!(
            broken.contains("config.json") && broken.contains("JSON"),
            "{broken}"
        );
    }
}
