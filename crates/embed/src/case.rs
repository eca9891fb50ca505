//! Which letters' case the tokenizer sees: what other files of a folder say over its `tokenizer.json`.
//!
//! Two do. Where the tokenizer is transformers' `BertTokenizer`, `tokenizer_config.json` decides (its `__init__` makes the
//! normalizer anew from `do_lower_case`, `strip_accents` and `tokenize_chinese_chars`). And `do_lower_case` in
//! `sentence_bert_config.json` asks for lower case before anything else. Both are done as sentence-transformers 6 and
//! transformers 5 do them, so that the token ids are theirs. A tokenizer that cuts texts at their beginning is refused here.

use crate::config::{Architecture, TransformerConfig, read_json_if_there, unsupported};
use crate::{EmbedError, declared};
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;
use tokenizers::Tokenizer;
use tokenizers::normalizers::{BertNormalizer, Lowercase, NormalizerWrapper, Sequence};

/// What `tokenizer_config.json` says of the normalizer, with the defaults of `BertTokenizer`.
#[derive(Debug, Default, Deserialize)]
struct TokenizerConfig {
    do_lower_case: Option<bool>,
    strip_accents: Option<bool>,
    tokenize_chinese_chars: Option<bool>,
    truncation_side: Option<String>,
}

/// Whether transformers reads this folder's tokenizer as `BertTokenizer`, or as one that makes its normalizer in the same
/// way; where no class is named it goes by the architecture.
fn is_bert(folder: &Path) -> Result<bool, EmbedError> {
    let Some(class) = declared::class(folder)? else {
        let config = read_json_if_there::<Value>(&folder.join("config.json"))?;
        let kind = config.and_then(|c| Architecture::of(c["model_type"].as_str()?));
        return Ok(match kind.unwrap_or(Architecture::Bert) {
            Architecture::Bert
            | Architecture::DistilBert
            | Architecture::Mpnet
            | Architecture::NomicBert
            | Architecture::JinaBert => true,
            Architecture::XlmRoberta | Architecture::ModernBert | Architecture::Qwen3 => false,
        });
    };
    Ok([
        "BertTokenizer",
        "DistilBertTokenizer",
        "MPNetTokenizer",
        "ElectraTokenizer",
        "LayoutLMTokenizer",
    ]
    .contains(&class.as_str()))
}

/// Gives `tokenizer`, read from `folder/tokenizer.json`, the normalizer that the whole folder asks for.
///
/// # Errors
/// When a configuration file is not what it should be, or asks for a normalizer that is not supported.
pub(crate) fn apply(tokenizer: &mut Tokenizer, folder: &Path) -> Result<(), EmbedError> {
    let config = read_json_if_there::<TokenizerConfig>(&folder.join("tokenizer_config.json"))?
        .unwrap_or_default();
    if let Some(side) = config
        .truncation_side
        .as_deref()
        .filter(|side| *side != "right")
    {
        return Err(unsupported(
            folder.join("tokenizer_config.json"),
            "the setting truncation_side",
            side,
            "right",
        ));
    }
    let is_bert = is_bert(folder)?;
    declared::check(tokenizer, is_bert, folder)?;
    if is_bert {
        let normalizer = as_bert(tokenizer.get_normalizer(), &config, folder)?;
        set(tokenizer, normalizer.into(), folder)?;
    }
    if TransformerConfig::read(folder)?.do_lower_case() {
        let normalizer = lower_case_first(tokenizer.get_normalizer().cloned());
        set(tokenizer, normalizer, folder)?;
    }
    Ok(())
}

fn set(
    tokenizer: &mut Tokenizer,
    normalizer: NormalizerWrapper,
    folder: &Path,
) -> Result<(), EmbedError> {
    match tokenizer.with_normalizer(Some(normalizer)) {
        Ok(_) => Ok(()),
        Err(error) => Err(EmbedError::Tokenizer {
            path: folder.join("tokenizer.json"),
            why: error.to_string(),
        }),
    }
}

/// `BertTokenizer`'s own normalizer. Over one of another kind transformers 5 puts it and transformers 4 does not.
fn as_bert(
    found: Option<&NormalizerWrapper>,
    config: &TokenizerConfig,
    folder: &Path,
) -> Result<BertNormalizer, EmbedError> {
    if !matches!(found, Some(NormalizerWrapper::BertNormalizer(_))) {
        let kind = serde_json::to_value(found).unwrap_or_default();
        return Err(unsupported(
            folder.join("tokenizer.json"),
            "with the tokenizer class BertTokenizer, the normalizer",
            kind["type"].as_str().unwrap_or("none"),
            "BertNormalizer; any with the tokenizer_class PreTrainedTokenizerFast in tokenizer_config.json",
        ));
    }
    Ok(BertNormalizer::new(
        true,
        config.tokenize_chinese_chars.unwrap_or(true),
        config.strip_accents,
        config.do_lower_case.unwrap_or(true),
    ))
}

/// Lower case before all else, unless it is already among the steps (`Transformer.__init__`).
///
/// It goes letter by letter, so that `Σ` is always `σ`. Versions before 6 called Python's `str.lower()` instead, which
/// makes `ς` of a `Σ` that ends a word, and of a special token in the text, such as `[SEP]`, a word. In all else the two agree.
fn lower_case_first(found: Option<NormalizerWrapper>) -> NormalizerWrapper {
    let is_lower_case = |step: &NormalizerWrapper| matches!(step, NormalizerWrapper::Lowercase(_));
    let rest = match found {
        Some(NormalizerWrapper::Sequence(steps)) => steps.into_iter().collect(),
        Some(step) if is_lower_case(&step) => return step,
        Some(step) => vec![step],
        None => Vec::new(),
    };
    if rest.iter().any(is_lower_case) {
        return NormalizerWrapper::Sequence(Sequence::new(rest));
    }
    let first = std::iter::once(NormalizerWrapper::Lowercase(Lowercase));
    NormalizerWrapper::Sequence(Sequence::new(first.chain(rest).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::TextTokenizer;
    use serde_json::json;
    use std::path::PathBuf;

    const TEXT: &str = "Graph NEURAL Café ΟΔΟΣ";
    /// What transformers 5.23 (tokenizers 0.23) gives for [`TEXT`] with the tiny model's vocabulary, which has no capitals.
    const LOWERED_AND_STRIPPED: [u32; 11] = [2, 330, 398, 686, 69, 37, 67, 88, 66, 1, 3];
    const LOWERED: [u32; 8] = [2, 330, 398, 686, 69, 1, 1, 3];
    const AS_WRITTEN: [u32; 6] = [2, 1, 1, 1, 1, 3];

    fn tiny() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/tiny/bert-cls")
    }

    fn tiny_json(file: &str) -> Value {
        serde_json::from_slice(&std::fs::read(tiny().join(file)).expect("a file")).expect("JSON")
    }

    /// A folder with the tiny model's tokenizer and these files.
    fn folder(normalizer: &Value, tokenizer_config: &Value, own: &Value) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let mut tokenizer = tiny_json("tokenizer.json");
        tokenizer["normalizer"] = normalizer.clone();
        for (name, value) in [
            ("tokenizer.json", &tokenizer),
            ("tokenizer_config.json", tokenizer_config),
            ("sentence_bert_config.json", own),
        ] {
            if !value.is_null() {
                std::fs::write(folder.path().join(name), value.to_string()).expect("a file");
            }
        }
        folder
    }

    fn ids(normalizer: &Value, tokenizer_config: &Value, own: &Value) -> Vec<u32> {
        let folder = folder(normalizer, tokenizer_config, own);
        let tokenizer = TextTokenizer::read(folder.path(), 128).expect("a tokenizer");
        tokenizer.encode(TEXT).expect("tokens").ids
    }

    fn bert(lowercase: bool) -> Value {
        json!({"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
            "lowercase": lowercase})
    }

    #[test]
    fn do_lower_case_lowers_before_a_cased_tokenizer() {
        let class = json!({"tokenizer_class": "TokenizersBackend"});
        let ask = |own: Value| ids(&bert(false), &class, &own);
        assert_eq!(ask(Value::Null), AS_WRITTEN);
        assert_eq!(ask(json!({"do_lower_case": false})), AS_WRITTEN);
        assert_eq!(ask(json!({"do_lower_case": null})), AS_WRITTEN);
        assert_eq!(ask(json!({"do_lower_case": true})), LOWERED);
        let uncased = ids(&bert(true), &class, &json!({"do_lower_case": true}));
        assert_eq!(uncased, LOWERED_AND_STRIPPED);
    }

    #[test]
    fn a_bert_tokenizer_takes_its_case_from_its_configuration() {
        for lowercase in [false, true] {
            let ask = |config: Value| ids(&bert(lowercase), &config, &Value::Null);
            // As transformers 5.23 reads each of these folders.
            for class in ["BertTokenizer", "BertTokenizerFast"] {
                let config = json!({"tokenizer_class": class, "do_lower_case": false});
                assert_eq!(ask(config), AS_WRITTEN);
                let config = json!({"tokenizer_class": class});
                assert_eq!(ask(config), LOWERED_AND_STRIPPED);
            }
            assert_eq!(ask(json!({"do_lower_case": false})), AS_WRITTEN);
            assert_eq!(ask(json!({})), LOWERED_AND_STRIPPED);
            assert_eq!(ask(Value::Null), LOWERED_AND_STRIPPED);
            let kept = if lowercase {
                &LOWERED_AND_STRIPPED[..]
            } else {
                &AS_WRITTEN
            };
            let config =
                json!({"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": !lowercase});
            assert_eq!(ask(config), kept);
        }
        let config = json!({"strip_accents": false});
        assert_eq!(ids(&bert(true), &config, &Value::Null), LOWERED);
    }

    #[test]
    fn a_capital_sigma_at_the_end_of_a_word_is_lowered_as_anywhere() {
        let lowered = |found: Option<NormalizerWrapper>| {
            use tokenizers::{NormalizedString, Normalizer};
            let mut text = NormalizedString::from("ΟΔΟΣ İ ẞ");
            lower_case_first(found)
                .normalize(&mut text)
                .expect("normalized");
            text.get().to_owned()
        };
        assert_eq!(lowered(None), "οδοσ i\u{307} ß");
        let lower = || NormalizerWrapper::Lowercase(Lowercase);
        assert_eq!(lowered(Some(lower())), "οδοσ i\u{307} ß");
        let steps = |n: NormalizerWrapper| match n {
            NormalizerWrapper::Sequence(steps) => steps.as_ref().len(),
            _ => 1,
        };
        let sequence = |s: Vec<_>| Some(NormalizerWrapper::Sequence(Sequence::new(s)));
        let nfc = || NormalizerWrapper::NFC(tokenizers::normalizers::NFC);
        assert_eq!(steps(lower_case_first(sequence(vec![nfc(), lower()]))), 2);
        assert_eq!(steps(lower_case_first(sequence(vec![nfc(), nfc()]))), 3);
    }

    #[test]
    fn what_transformers_versions_read_differently_is_refused_by_name() {
        let error = |normalizer: Value, own: Value| {
            let folder = folder(&normalizer, &Value::Null, &own);
            let error = TextTokenizer::read(folder.path(), 128)
                .err()
                .expect("refused");
            error.to_string()
        };
        let refused = error(json!({"type": "Lowercase"}), Value::Null);
        assert!(
            refused.contains("tokenizer.json: with the tokenizer class BertTokenizer, the normalizer \"Lowercase\""),
            "{refused}"
        );
        assert!(error(Value::Null, Value::Null).contains("\"none\""));
        let other_end = folder(
            &bert(true),
            &json!({"truncation_side": "left"}),
            &Value::Null,
        );
        let refused = TextTokenizer::read(other_end.path(), 128)
            .err()
            .expect("refused");
        assert!(
            refused.to_string().contains("truncation_side \"left\""),
            "{refused}"
        );
        let refused = error(bert(true), json!({"do_lower_case": "yes"}));
        assert!(
            refused.contains("sentence_bert_config.json") && refused.contains("boolean"),
            "{refused}"
        );
    }
}
