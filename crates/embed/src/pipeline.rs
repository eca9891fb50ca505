//! Which modules a sentence-transformers folder chains (`modules.json`), and how its pooling module pools.
//!
//! One chain is implemented: Transformer, Pooling and, if asked for, Normalize. Any other is refused by name.

use crate::config::{read_json, read_json_if_there, unsupported};
use crate::{EmbedError, Pooling};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// What follows the transformer.
pub(crate) struct Modules {
    pub(crate) pooling: Pooling,
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
        notes.push(format!(
            "{} has no modules.json: mean pooling and unit length are assumed",
            folder.display()
        ));
        return Ok(Modules {
            pooling: Pooling::Mean,
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
    let subfolder = &pooling.path;
    let leaves = subfolder.split(['/', '\\']).any(|part| part == "..");
    if leaves || Path::new(subfolder).is_absolute() {
        return Err(unsupported(
            path,
            "a module path outside the folder",
            subfolder,
            "a folder below it",
        ));
    }
    Ok(Modules {
        pooling: read_pooling(&folder.join(subfolder).join("config.json"))?,
        normalize: !rest.is_empty(),
    })
}

/// That the modules are known ones, each once, in the order that makes a vector of a text.
fn check_chain(modules: &[Module], path: &Path) -> Result<(), EmbedError> {
    let kinds: Vec<&str> = modules.iter().map(Module::kind).collect();
    let known = |kind: &&str| ["Transformer", "Pooling", "Normalize"].contains(kind);
    if let Some(unknown) = kinds.iter().copied().find(|kind| !known(kind)) {
        return Err(unsupported(
            path.to_owned(),
            "the module",
            unknown,
            "sentence-transformers' Transformer, Pooling, Normalize",
        ));
    }
    if !kinds.contains(&"Pooling") {
        return Err(no_pooling(path));
    }
    match kinds[..] {
        ["Transformer", "Pooling"] | ["Transformer", "Pooling", "Normalize"] => Ok(()),
        _ => Err(unsupported(
            path.to_owned(),
            "the chain of modules",
            &kinds.join(", "),
            "Transformer, Pooling, and after them Normalize or nothing",
        )),
    }
}

fn no_pooling(path: &Path) -> EmbedError {
    EmbedError::Config {
        path: path.to_owned(),
        why: "it lists no Pooling module, so token vectors cannot become one vector".to_owned(),
    }
}

/// The one pooling mode that a `1_Pooling/config.json` asks for, in either generation's words.
fn read_pooling(path: &Path) -> Result<Pooling, EmbedError> {
    const SUPPORTED: &str = "mean, cls";
    const OLDER: &str = "pooling_mode_";
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
            .filter(|(key, value)| key.starts_with(OLDER) && **value == Value::Bool(true))
            .map(|(key, _)| key.trim_start_matches(OLDER).to_owned())
            .collect(),
    };
    let is_older = config.keys().any(|key| key.starts_with(OLDER));
    match asked.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // As sentence-transformers reads an older file that sets none.
        [] if is_older => Ok(Pooling::Mean),
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

#[cfg(test)]
mod tests {
    use crate::config::tests::{BERT, folder, refusal};
    use crate::{Pooling, SentenceConfig};
    use serde_json::json;

    const MEAN: &str = r#"{"pooling_mode":"mean"}"#;

    /// `modules.json` with these classes, each in the folder that its kind has.
    fn modules(classes: &[&str]) -> String {
        let module = |class: &&str| {
            let path = match class.rsplit('.').next() {
                Some("Pooling") => "1_Pooling",
                Some("Normalize") => "2_Normalize",
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
            (r#"{"pooling_mode_max_tokens":true}"#, "max_tokens"),
            (
                r#"{"pooling_mode_mean_tokens":true,"pooling_mode_cls_token":true}"#,
                "cls_token + mean",
            ),
            (r#"{"pooling_mode":["mean","cls"]}"#, "mean + cls"),
            (
                r#"{"pooling_mode":"mean","include_prompt":false}"#,
                "include_prompt",
            ),
        ] {
            let error = refused(&modules, pooling);
            assert!(
                error.contains(word) && error.contains("supported: mean, cls"),
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
                    "(supported: Transformer, Pooling, and after them Normalize or nothing)"
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
                (config.pooling, config.normalize),
                (Pooling::Mean, normalize)
            );
        }
        let whole = modules(&["Transformer", "Pooling"]);
        assert!(refused(&whole, "{}").contains("the pooling"));
    }

    #[test]
    fn modules_of_other_kinds_and_places_are_refused_by_name() {
        let error = refused(&modules(&["Transformer", "Pooling", "Dense"]), MEAN);
        assert!(error.contains("the module \"Dense\""), "{error}");
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
