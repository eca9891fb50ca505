//! Whether a folder's `tokenizer.json` is the tokenizer that its other files declare. Not for: the case of letters, where they
//! decide (`case.rs`).
//!
//! transformers makes some tokenizers anew, from the vocabulary and what `tokenizer_config.json` says, whatever else
//! `tokenizer.json` holds. Nearly always both are the same. Where they are not, the ids would be others: that is refused by name.
//! The tokenizers of XLM-RoBERTa, whose published files differ in ways that do not matter, are taken as they stand.

use crate::EmbedError;
use crate::config::{read_json_if_there, unsupported};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tokenizers::models::ModelWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::utils::truncation::TruncationDirection;
use tokenizers::{Model, Tokenizer};

const CONFIG: &str = "tokenizer_config.json";

/// The class that reads the folder, without `Fast`: of `tokenizer_config.json`, else of `config.json`.
///
/// # Errors
/// When a file is not what it should be.
pub(crate) fn class(folder: &Path) -> Result<Option<String>, EmbedError> {
    for file in [CONFIG, "config.json"] {
        let config = read_json_if_there::<Value>(&folder.join(file))?.unwrap_or_default();
        if let Some(class) = config["tokenizer_class"].as_str() {
            return Ok(Some(class.strip_suffix("Fast").unwrap_or(class).to_owned()));
        }
    }
    Ok(None)
}

/// Compares `tokenizer`, as it was read from `folder/tokenizer.json`, with what the other files say.
///
/// # Errors
/// [`EmbedError::Unsupported`] where it is another.
pub(crate) fn check(tokenizer: &Tokenizer, is_bert: bool, folder: &Path) -> Result<(), EmbedError> {
    let config = read_json_if_there::<Value>(&folder.join(CONFIG))?.unwrap_or_default();
    let class = class(folder)?.unwrap_or_default();
    let checked = Checked {
        tokenizer,
        config: &config,
        folder,
    };
    checked.truncation()?;
    checked.special_tokens()?;
    match class.as_str() {
        _ if is_bert => {
            checked.word_piece()?;
            let names = match class.as_str() {
                "MPNetTokenizer" => ("<s>", "</s>"),
                _ => ("[CLS]", "[SEP]"),
            };
            checked.ends(names, !class.is_empty())
        }
        "RobertaTokenizer" => {
            checked.prefix_space()?;
            checked.ends(("<s>", "</s>"), true)
        }
        "Qwen2Tokenizer" | "GPT2Tokenizer" => checked.prefix_space(),
        _ => Ok(()),
    }
}

struct Checked<'a> {
    tokenizer: &'a Tokenizer,
    config: &'a Value,
    folder: &'a Path,
}

impl Checked<'_> {
    fn path(&self) -> PathBuf {
        self.folder.join("tokenizer.json")
    }

    /// A token's text in the configuration, which writes it alone or with how it is matched.
    fn named<'n>(&'n self, name: &str, default: &'n str) -> &'n str {
        let token = &self.config[name];
        token
            .as_str()
            .or(token["content"].as_str())
            .unwrap_or(default)
    }

    fn truncation(&self) -> Result<(), EmbedError> {
        let from_left = self
            .tokenizer
            .get_truncation()
            .is_some_and(|truncation| truncation.direction == TruncationDirection::Left);
        if from_left {
            return Err(unsupported(
                self.path(),
                "the truncation direction",
                "Left",
                "Right",
            ));
        }
        Ok(())
    }

    /// Words that are said to be tokens of their own, and that the tokenizer would take apart.
    fn special_tokens(&self) -> Result<(), EmbedError> {
        if self.config["split_special_tokens"] == true {
            return Err(unsupported(
                self.folder.join(CONFIG),
                "the setting",
                "split_special_tokens: true",
                "false",
            ));
        }
        let map = self.folder.join("special_tokens_map.json");
        let map = read_json_if_there::<Value>(&map)?.unwrap_or_default();
        let texts = |value: &Value| -> Vec<String> {
            let one = |token: &Value| {
                token
                    .as_str()
                    .or(token["content"].as_str())
                    .map(str::to_owned)
            };
            match value {
                Value::Array(list) => list.iter().filter_map(one).collect(),
                other => one(other).into_iter().collect(),
            }
        };
        let mut declared: Vec<String> = Vec::new();
        for source in [self.config, &map] {
            for name in [
                "additional_special_tokens",
                "extra_special_tokens",
                "mask_token",
            ] {
                declared.extend(texts(&source[name]));
            }
            if let Value::Object(named) = &source["extra_special_tokens"] {
                declared.extend(named.values().flat_map(texts));
            }
        }
        let is_token = |word: &String| {
            let id = self.tokenizer.token_to_id(word);
            id.is_some()
                && self
                    .tokenizer
                    .get_added_vocabulary()
                    .get_vocab()
                    .get(word)
                    .copied()
                    == id
        };
        match declared.iter().find(|word| !is_token(word)) {
            Some(word) => Err(self.differs(
                "without the special token that other files declare,",
                word,
                "a tokenizer.json that has every special token among its added_tokens",
            )),
            None => self.added(),
        }
    }

    /// The older list of added tokens.
    fn added(&self) -> Result<(), EmbedError> {
        let path = self.folder.join("added_tokens.json");
        let Some(Value::Object(added)) = read_json_if_there::<Value>(&path)? else {
            return Ok(());
        };
        let same =
            |word: &str, id: &Value| self.tokenizer.token_to_id(word).map(u64::from) == id.as_u64();
        match added.iter().find(|(word, id)| !same(word, id)) {
            Some((word, _)) => Err(self.differs(
                "without what added_tokens.json lists,",
                word,
                "a tokenizer.json that has it under the same number",
            )),
            None => Ok(()),
        }
    }

    /// The parts of BERT's tokenizer but for its normalizer.
    fn word_piece(&self) -> Result<(), EmbedError> {
        const BERTS: &str = "that of BertTokenizer; any with the tokenizer_class PreTrainedTokenizerFast in tokenizer_config.json";
        if !matches!(
            self.tokenizer.get_pre_tokenizer(),
            Some(PreTokenizerWrapper::BertPreTokenizer(_))
        ) {
            let kind = serde_json::to_value(self.tokenizer.get_pre_tokenizer()).unwrap_or_default();
            let kind = kind["type"].as_str().unwrap_or("none").to_owned();
            return Err(self.differs("the pre_tokenizer", &kind, BERTS));
        }
        let ModelWrapper::WordPiece(model) = self.tokenizer.get_model() else {
            return Err(self.differs("a tokenizer model other than", "WordPiece", BERTS));
        };
        let unknown = self.named("unk_token", "[UNK]");
        if model.unk_token != unknown || model.get_vocab_size() == 0 {
            return Err(self.differs("the unknown token", &model.unk_token, BERTS));
        }
        if model.max_input_chars_per_word != 100 {
            let got = format!(
                "max_input_chars_per_word: {}",
                model.max_input_chars_per_word
            );
            return Err(self.differs("the setting", &got, BERTS));
        }
        if model.continuing_subword_prefix != "##" {
            let got = &model.continuing_subword_prefix;
            return Err(self.differs("the continuing_subword_prefix", got, BERTS));
        }
        Ok(())
    }

    /// What is put around a text: the tokens that the configuration names, or the class's own.
    fn ends(&self, (cls, sep): (&str, &str), is_named: bool) -> Result<(), EmbedError> {
        let around = self.tokenizer.encode_fast("", true);
        let around = around
            .map(|tokens| tokens.get_ids().to_vec())
            .unwrap_or_default();
        let names = [self.named("cls_token", cls), self.named("sep_token", sep)];
        let wanted: Option<Vec<u32>> = names
            .iter()
            .map(|name| self.tokenizer.token_to_id(name))
            .collect();
        // Where no class is named, MPNet's tokens are meant as often as BERT's.
        let free = !is_named && self.config["cls_token"].is_null();
        if free || wanted.as_ref() == Some(&around) {
            return Ok(());
        }
        Err(self.differs(
            "with a post_processor that does not put around a text",
            &names.join(" … "),
            "one that does, as the tokenizer_class asks; any with the tokenizer_class PreTrainedTokenizerFast in tokenizer_config.json",
        ))
    }

    /// Whether a text is read as if a blank stood before it.
    fn prefix_space(&self) -> Result<(), EmbedError> {
        let Some(asked) = self.config["add_prefix_space"].as_bool() else {
            return Ok(());
        };
        let steps = match self.tokenizer.get_pre_tokenizer() {
            Some(PreTokenizerWrapper::Sequence(steps)) => steps.as_ref().to_vec(),
            Some(step) => vec![step.clone()],
            None => Vec::new(),
        };
        let differs = steps.iter().any(|step| match step {
            PreTokenizerWrapper::ByteLevel(bytes) => bytes.add_prefix_space != asked,
            _ => false,
        });
        match differs {
            true => Err(self.differs(
                "with another add_prefix_space than tokenizer_config.json's",
                &asked.to_string(),
                "the same in both",
            )),
            false => Ok(()),
        }
    }

    fn differs(&self, what: &'static str, got: &str, supported: &'static str) -> EmbedError {
        unsupported(self.path(), what, got, supported)
    }
}

#[cfg(test)]
mod tests {
    use crate::tokens::TextTokenizer;
    use serde_json::{Value, json};
    use std::path::PathBuf;

    fn read_with(
        checkpoint: &str,
        tokenizer: impl Fn(&mut Value),
        config: &Value,
        more: &[(&str, Value)],
    ) -> Result<(), String> {
        let tiny = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/tiny");
        let from = tiny.join(checkpoint);
        let folder = tempfile::tempdir().expect("a folder");
        let json = |name: &str| -> Value {
            let bytes = std::fs::read(from.join(name)).expect("a file");
            serde_json::from_slice(&bytes).expect("JSON")
        };
        let write = |name: &str, value: &Value| {
            std::fs::write(folder.path().join(name), value.to_string()).expect("written");
        };
        let mut changed = json("tokenizer.json");
        tokenizer(&mut changed);
        write("tokenizer.json", &changed);
        write("config.json", &json("config.json"));
        write("tokenizer_config.json", config);
        for (name, value) in more {
            write(name, value);
        }
        let read = TextTokenizer::read(folder.path(), 128);
        read.map(|_| ()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_tokenizer_that_is_not_the_declared_one_is_refused_by_name() {
        let bert = json!({"tokenizer_class": "BertTokenizer"});
        let refused = |change: fn(&mut Value), config: &Value, word: &str| {
            let error = read_with("bert-cls", change, config, &[]).expect_err(word);
            assert!(
                error.contains(word) && error.contains("supported"),
                "{error}"
            );
            // What is taken as it stands.
            let free = json!({"tokenizer_class": "PreTrainedTokenizerFast"});
            assert!(word == "Left" || read_with("bert-cls", change, &free, &[]).is_ok());
        };
        assert_eq!(read_with("bert-cls", |_| (), &bert, &[]), Ok(()));
        refused(
            |t| t["post_processor"] = Value::Null,
            &bert,
            "[CLS] … [SEP]",
        );
        refused(
            |t| t["pre_tokenizer"] = json!({"type": "Whitespace"}),
            &bert,
            "Whitespace",
        );
        refused(
            |t| t["model"]["max_input_chars_per_word"] = json!(5),
            &bert,
            "max_input_chars_per_word: 5",
        );
        refused(|t| t["model"]["unk_token"] = json!("[PAD]"), &bert, "[PAD]");
        refused(
            |t| t["truncation"] = json!({"direction": "Left", "max_length": 9, "strategy": "LongestFirst", "stride": 0}),
            &bert,
            "Left",
        );
    }

    #[test]
    fn the_other_files_are_compared_too() {
        for (config, file, word) in [
            (
                json!({"tokenizer_class": "BertTokenizer", "cls_token": "[MASK]"}),
                None,
                "[MASK] … [SEP]",
            ),
            (
                json!({"additional_special_tokens": ["[NEW]"]}),
                None,
                "[NEW]",
            ),
            (
                json!({"extra_special_tokens": {"image": "[IMG]"}}),
                None,
                "[IMG]",
            ),
            (json!({"mask_token": {"content": "[M]"}}), None, "[M]"),
            (
                json!({"split_special_tokens": true}),
                None,
                "split_special_tokens",
            ),
            (
                json!({}),
                Some(("special_tokens_map.json", json!({"mask_token": "[M]"}))),
                "[M]",
            ),
            (
                json!({}),
                Some(("added_tokens.json", json!({"[NEW]": 30_000}))),
                "[NEW]",
            ),
        ] {
            let more: Vec<(&str, Value)> = file.into_iter().collect();
            let error = read_with("bert-cls", |_| (), &config, &more).expect_err(word);
            assert!(error.contains(word), "{error}");
        }
        let space = json!({"tokenizer_class": "Qwen2Tokenizer", "add_prefix_space": true});
        let error = read_with("qwen3-lasttoken", |_| (), &space, &[]).expect_err("refused");
        assert!(error.contains("add_prefix_space"), "{error}");
        // The older place of the class.
        let older = json!({"tokenizer_class": "BertTokenizer", "model_type": "xlm-roberta"});
        let whitespace = |t: &mut Value| t["pre_tokenizer"] = json!({"type": "Whitespace"});
        let error = read_with(
            "bert-cls",
            whitespace,
            &json!({}),
            &[("config.json", older)],
        );
        assert!(error.is_err_and(|error| error.contains("Whitespace")));
    }
}
