//! Which modules a sentence-transformers folder chains (`modules.json`), and how its pooling module pools.
//!
//! One chain is implemented: Transformer, Pooling, any number of Dense modules and, if asked for, Normalize. Any other is
//! refused by name.

use crate::config::{read_json, read_json_if_there, unsupported};
use crate::stock::adapter;
use crate::{EmbedError, PoolingMode};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// What follows the transformer.
pub(crate) struct Modules {
    pub(crate) pooling: PoolingMode,
    /// Further poolings, whose vectors are set behind the first one's.
    pub(crate) more_poolings: Vec<PoolingMode>,
    /// Whether the tokens of the prompt take part.
    pub(crate) include_prompt: bool,
    /// Subfolders of the Dense modules that follow it.
    pub(crate) dense: Vec<String>,
    /// Whether a Normalize module ends the chain.
    pub(crate) normalize: bool,
}

/// One member of `modules.json`, which lists them in the order they run.
#[derive(Debug, Deserialize)]
struct Module {
    #[serde(default)]
    path: String,
    #[serde(rename = "type")]
    class: String,
}

impl Module {
    /// The class's own name, where it is one of sentence-transformers' classes: `Pooling` of
    /// `sentence_transformers.models.Pooling`, say.
    fn kind(&self) -> &str {
        let own = self.class.starts_with("sentence_transformers.");
        let name = self.class.rsplit('.').next().unwrap_or_default();
        if own { name } else { &self.class }
    }
}

/// Reads `modules.json` and the pooling module's configuration.
///
/// # Errors
/// When a file is not what it should be, or the chain or its pooling is not supported.
pub(crate) fn read(folder: &Path, notes: &mut Vec<String>) -> Result<Modules, EmbedError> {
    let path = folder.join("modules.json");
    let Some(modules) = read_json_if_there::<Vec<Module>>(&path)? else {
        let (pooling, why) = match adapter::is_specter2(folder)? {
            true => (
                PoolingMode::Cls,
                "the first token's vector, as SPECTER2 is used,",
            ),
            false => (PoolingMode::Mean, "mean pooling"),
        };
        notes.push(format!(
            "{} has no modules.json: {why} and unit length are assumed",
            folder.display()
        ));
        return Ok(Modules {
            pooling,
            more_poolings: Vec::new(),
            include_prompt: true,
            dense: Vec::new(),
            normalize: true,
        });
    };
    check_chain(&modules, &path)?;
    let [transformer, pooling, rest @ ..] = &modules[..] else {
        return Err(no_pooling(&path));
    };
    if !matches!(transformer.path.as_str(), "" | ".") {
        return Err(unsupported(
            path,
            "the Transformer module's path",
            &transformer.path,
            "the model folder itself, written as an empty path",
        ));
    }
    for subfolder in [pooling].into_iter().chain(rest).map(|m| &m.path) {
        let leaves = subfolder.split(['/', '\\']).any(|part| part == "..");
        if leaves || Path::new(subfolder).is_absolute() {
            return Err(unsupported(
                path,
                "a module path outside the folder",
                subfolder,
                "a folder below it",
            ));
        }
    }
    let dense = rest.iter().filter(|module| module.kind() == "Dense");
    let (poolings, include_prompt) = read_pooling(&folder.join(&pooling.path).join("config.json"))?;
    let [pooling, more_poolings @ ..] = &poolings[..] else {
        return Err(no_pooling(&path));
    };
    Ok(Modules {
        pooling: *pooling,
        more_poolings: more_poolings.to_vec(),
        include_prompt,
        dense: dense.map(|module| module.path.clone()).collect(),
        normalize: rest.last().is_some_and(|m| m.kind() == "Normalize"),
    })
}

/// That nothing comes after the vectors of a static model but their length of 1, which ours have in any case.
///
/// # Errors
/// When `modules.json` is not what it should be, or lists another chain.
pub(crate) fn check_static(folder: &Path) -> Result<(), EmbedError> {
    let path = folder.join("modules.json");
    let modules = read_json_if_there::<Vec<Module>>(&path)?.unwrap_or_default();
    let kinds: Vec<&str> = modules.iter().map(Module::kind).collect();
    match &kinds[..] {
        [] | ["StaticEmbedding"] | ["StaticEmbedding", "Normalize"] => Ok(()),
        _ => Err(unsupported(
            path,
            "the chain of modules of a static model",
            &listed(&kinds),
            "StaticEmbedding, and after it Normalize or nothing",
        )),
    }
}

/// That a folder without model2vec's `config.json` is no static model after all: sentence-transformers' own counts unknown
/// words in, which is not implemented.
///
/// # Errors
/// When it is one.
pub(crate) fn check_not_static(folder: &Path) -> Result<(), EmbedError> {
    let path = folder.join("modules.json");
    let modules = read_json_if_there::<Vec<Module>>(&path)?.unwrap_or_default();
    match modules.first() {
        Some(first) if first.kind() == "StaticEmbedding" => Err(unsupported(
            path,
            "the module",
            "StaticEmbedding",
            "static models that model2vec wrote, with a config.json of model_type model2vec; or a Transformer",
        )),
        _ => Ok(()),
    }
}

/// That the modules are known ones, each once, in the order that makes a vector of a text.
fn check_chain(modules: &[Module], path: &Path) -> Result<(), EmbedError> {
    let kinds: Vec<&str> = modules.iter().map(Module::kind).collect();
    let known = |kind: &&str| ["Transformer", "Pooling", "Dense", "Normalize"].contains(kind);
    if let Some(unknown) = kinds.iter().copied().find(|kind| !known(kind)) {
        return Err(unsupported(
            path.to_owned(),
            "the module",
            unknown,
            "sentence-transformers' Transformer, Pooling, Dense, Normalize",
        ));
    }
    if !kinds.contains(&"Pooling") {
        return Err(no_pooling(path));
    }
    let is_dense = |kinds: &[&str]| kinds.iter().all(|kind| *kind == "Dense");
    match &kinds[..] {
        ["Transformer", "Pooling", rest @ .., "Normalize"] if is_dense(rest) => Ok(()),
        ["Transformer", "Pooling", rest @ ..] if is_dense(rest) => Ok(()),
        _ => Err(unsupported(
            path.to_owned(),
            "the chain of modules",
            &listed(&kinds),
            "Transformer, Pooling, and after them Dense modules, Normalize, both or nothing",
        )),
    }
}

/// Modules for a message: all of a chain, the first of a long list.
fn listed(kinds: &[&str]) -> String {
    const MOST: usize = 12;
    let shown = kinds[..kinds.len().min(MOST)].join(", ");
    match kinds.len().saturating_sub(MOST) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn no_pooling(path: &Path) -> EmbedError {
    EmbedError::Config {
        path: path.to_owned(),
        why: "it lists no Pooling module, so token vectors cannot become one vector".to_owned(),
    }
}

/// The pooling modes that a `1_Pooling/config.json` asks for, in either generation's words, and whether the prompt takes part.
fn read_pooling(path: &Path) -> Result<(Vec<PoolingMode>, bool), EmbedError> {
    const SUPPORTED: &str = "mean, cls, max, mean_sqrt_len_tokens, weightedmean, lasttoken";
    const OLDER: &str = "pooling_mode_";
    let config: BTreeMap<String, Value> = read_json(path)?;
    let known = [
        "word_embedding_dimension",
        "embedding_dimension",
        "pooling_mode",
        "include_prompt",
    ];
    if let Some(key) = config
        .keys()
        .find(|key| !known.contains(&key.as_str()) && !key.starts_with(OLDER))
    {
        return Err(unsupported(
            path.to_owned(),
            "the setting",
            key,
            "those of sentence-transformers' Pooling module",
        ));
    }
    let include_prompt = config.get("include_prompt") != Some(&Value::Bool(false));
    let asked: Vec<String> = match config.get("pooling_mode") {
        Some(Value::String(mode)) => vec![mode.clone()],
        Some(Value::Array(modes)) => modes
            .iter()
            .map(|m| m.as_str().unwrap_or("?").to_owned())
            .collect(),
        Some(other) => vec![other.to_string()],
        None => config
            .iter()
            .filter(|(key, value)| key.starts_with(OLDER) && **value == Value::Bool(true))
            .map(|(key, _)| key.trim_start_matches(OLDER).to_owned())
            .collect(),
    };
    let is_older = config.keys().any(|key| key.starts_with(OLDER));
    let known = |name: &String| {
        let mut all = PoolingMode::ALL.into_iter();
        all.find(|mode| mode.name() == name || older_name(*mode) == name)
    };
    let modes: Option<Vec<PoolingMode>> = asked.iter().map(known).collect();
    match modes {
        // As sentence-transformers reads an older file that sets none.
        Some(modes) if modes.is_empty() && is_older => {
            Ok((vec![PoolingMode::Mean], include_prompt))
        }
        Some(mut modes) if !modes.is_empty() => {
            // A list has its own order; of switches it is the one that sentence-transformers sets vectors side by side in.
            if !config.contains_key("pooling_mode") {
                modes.sort_by_key(|mode| SIDE_BY_SIDE.iter().position(|other| other == mode));
            }
            Ok((modes, include_prompt))
        }
        _ => Err(unsupported(
            path.to_owned(),
            "the pooling",
            &asked.join(" + "),
            SUPPORTED,
        )),
    }
}

/// The order of the vectors of an older file that switches several modes on.
const SIDE_BY_SIDE: [PoolingMode; 6] = [
    PoolingMode::Cls,
    PoolingMode::Max,
    PoolingMode::Mean,
    PoolingMode::MeanSqrtLen,
    PoolingMode::WeightedMean,
    PoolingMode::LastToken,
];

/// What `pooling_mode_…` of an older file ends with.
fn older_name(mode: PoolingMode) -> &'static str {
    match mode {
        PoolingMode::Mean => "mean_tokens",
        PoolingMode::Cls => "cls_token",
        PoolingMode::Max => "max_tokens",
        PoolingMode::WeightedMean => "weightedmean_tokens",
        PoolingMode::MeanSqrtLen | PoolingMode::LastToken => mode.name(),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{BERT, folder, refusal};
    use crate::{PoolingMode, SentenceConfig};
    use serde_json::json;

    const MEAN: &str = r#"{"pooling_mode":"mean"}"#;

    /// `modules.json` with these classes, each in the folder that its kind has.
    fn modules(classes: &[&str]) -> String {
        let module = |class: &&str| {
            let path = match class.rsplit('.').next() {
                Some("Pooling") => "1_Pooling",
                Some("Dense") => "2_Dense",
                Some("Normalize") => "3_Normalize",
                _ => "",
            };
            json!({"path": path, "type": format!("sentence_transformers.models.{class}")})
        };
        serde_json::Value::from_iter(classes.iter().map(module)).to_string()
    }

    fn refused(modules: &str, pooling: &str) -> String {
        refusal(&[
            ("config.json", BERT),
            ("modules.json", modules),
            ("1_Pooling/config.json", pooling),
        ])
    }

    #[test]
    fn a_pooling_that_is_not_supported_is_refused_by_name() {
        let modules = modules(&["Transformer", "Pooling", "Normalize"]);
        for (pooling, word) in [
            (
                r#"{"pooling_mode_attention_tokens":true}"#,
                "attention_tokens",
            ),
            (
                r#"{"pooling_mode":["mean","attention"]}"#,
                "mean + attention",
            ),
            (r#"{"pooling_mode":[]}"#, "the pooling \"\""),
        ] {
            let error = refused(&modules, pooling);
            assert!(
                error.contains(word) && error.contains("(supported: "),
                "{error}"
            );
        }
    }

    #[test]
    fn a_chain_that_is_not_supported_is_refused_by_name() {
        for chain in [
            &["Transformer", "Pooling", "Pooling"][..],
            &["Transformer", "Pooling", "Normalize", "Pooling"],
            &["Transformer", "Transformer", "Pooling"],
            &["Transformer", "Pooling", "Transformer"],
            &["Transformer", "Normalize", "Pooling"],
            &["Normalize", "Transformer", "Pooling"],
            &["Pooling", "Transformer"],
            &["Pooling"],
            &["Transformer", "Pooling", "Normalize", "Normalize"],
            &["Transformer", "Pooling", "Normalize", "Dense"],
            &["Transformer", "Dense", "Pooling"],
        ] {
            let error = refused(&modules(chain), MEAN);
            let named = format!(
                "the chain of modules \"{}\" is not supported",
                chain.join(", ")
            );
            assert!(
                error.contains("modules.json") && error.contains(&named),
                "{error}"
            );
            assert!(
                error.contains(
                    "(supported: Transformer, Pooling, and after them Dense modules, Normalize, both or nothing)"
                ),
                "{error}"
            );
        }
    }

    #[test]
    fn the_one_chain_is_read() {
        let none_set = r#"{"pooling_mode_cls_token":false,"pooling_mode_mean_tokens":false}"#;
        for (chain, pooling, normalize) in [
            (&["Transformer", "Pooling"][..], MEAN, false),
            (&["Transformer", "Pooling", "Normalize"], MEAN, true),
            (&["Transformer", "Pooling"], none_set, false),
        ] {
            let dir = folder(&[
                ("config.json", BERT),
                ("modules.json", &modules(chain)),
                ("1_Pooling/config.json", pooling),
            ]);
            let config = SentenceConfig::read(dir.path()).expect("a configuration");
            assert_eq!(
                (config.pooling_mode, config.normalize),
                (PoolingMode::Mean, normalize)
            );
        }
        let whole = modules(&["Transformer", "Pooling"]);
        assert!(refused(&whole, "{}").contains("the pooling"));
    }

    #[test]
    fn every_mode_is_read_in_both_generations() {
        let whole = modules(&["Transformer", "Pooling", "Dense", "Dense", "Normalize"]);
        for mode in PoolingMode::ALL {
            let older = format!(
                r#"{{"pooling_mode_cls_token":false,"pooling_mode_{}":true}}"#,
                super::older_name(mode)
            );
            let newer = format!(r#"{{"pooling_mode":"{}"}}"#, mode.name());
            for pooling in [older, newer] {
                let dir = folder(&[
                    ("config.json", BERT),
                    ("modules.json", &whole),
                    ("1_Pooling/config.json", &pooling),
                ]);
                let config = SentenceConfig::read(dir.path()).expect("a configuration");
                assert_eq!((config.pooling_mode, config.normalize), (mode, true));
                assert_eq!(config.dense, ["2_Dense", "2_Dense"]);
            }
        }
    }

    #[test]
    fn several_poolings_keep_the_order_of_sentence_transformers() {
        use PoolingMode::{Cls, LastToken, Max, Mean};
        let whole = modules(&["Transformer", "Pooling"]);
        let switched = r#"{"pooling_mode_lasttoken":true,"pooling_mode_mean_tokens":true,
            "pooling_mode_cls_token":true,"pooling_mode_max_tokens":true,"include_prompt":false}"#;
        let listed = r#"{"pooling_mode":["mean","cls"],"include_prompt":true}"#;
        for (pooling, modes, prompt) in [
            (switched, &[Cls, Max, Mean, LastToken][..], false),
            (listed, &[Mean, Cls], true),
        ] {
            let dir = folder(&[
                ("config.json", BERT),
                ("modules.json", &whole),
                ("1_Pooling/config.json", pooling),
            ]);
            let config = SentenceConfig::read(dir.path()).expect("a configuration");
            assert_eq!(config.poolings(), modes);
            assert_eq!(config.include_prompt, prompt);
        }
    }

    #[test]
    fn modules_of_other_kinds_and_places_are_refused_by_name() {
        let error = refused(&modules(&["Transformer", "Pooling", "WordWeights"]), MEAN);
        assert!(error.contains("the module \"WordWeights\""), "{error}");
        let theirs = r#"[{"path":"","type":"custom_st.Transformer"}]"#;
        assert!(refused(theirs, MEAN).contains("\"custom_st.Transformer\""));
        for chain in [&["Transformer"][..], &["Transformer", "Normalize"], &[]] {
            let error = refused(&modules(chain), MEAN);
            assert!(error.contains("lists no Pooling module"), "{error}");
        }
        let whole = modules(&["Transformer", "Pooling"]);
        let elsewhere = whole.replace("\"path\":\"\"", "\"path\":\"0_Transformer\"");
        assert!(refused(&elsewhere, MEAN).contains("\"0_Transformer\""));
        for path in ["../1_Pooling", "/1_Pooling", "a/../../b"] {
            let outside = whole.replace("1_Pooling", path);
            let error = refused(&outside, MEAN);
            assert!(error.contains("outside the folder"), "{path}: {error}");
        }
        let error = refused(r#"[{"path":""}]"#, MEAN);
        assert!(
            error.contains("modules.json") && error.contains("type"),
            "{error}"
        );
    }
}
