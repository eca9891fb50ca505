//! A text to the token ids that the model reads, with truncation by us, whatever `tokenizer.json` asks for.

use crate::wordpiece::WordPiece;
use crate::{EmbedError, case};
use std::path::Path;
use std::sync::OnceLock;
use tokenizers::normalizers::Precompiled;
use tokenizers::{Tokenizer, TruncationParams};

/// Token ids of one text, special tokens included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// At most the model's maximum.
    pub ids: Vec<u32>,
    /// Whether the text had more and was cut.
    pub truncated: bool,
}

/// Whether every text has a token, none more than a model of so many positions reads, and all are of its words;
/// `first` is the number of the first in what a user gave.
pub(crate) fn check(
    first: usize,
    texts: &[Tokens],
    words: usize,
    positions: usize,
) -> Result<(), EmbedError> {
    let wrong = |why: String| Err(EmbedError::Candle(candle_core::Error::Msg(why)));
    for (index, text) in (first..).zip(texts) {
        let length = text.ids.len();
        if length == 0 || length > positions {
            return wrong(format!(
                "text {index} has {length} tokens, and the model reads 1 to {positions}; check max_seq_length"
            ));
        }
        if let Some(id) = text.ids.iter().find(|id| **id as usize >= words) {
            return wrong(format!(
                "token {id} of text {index} is not among the model's {words} words; tokenizer and weights differ"
            ));
        }
    }
    Ok(())
}

/// The tokenizer of a file. The crate panics on a precompiled normalizer that is none, so each is tried before.
fn read_checked(path: &Path) -> tokenizers::Result<Tokenizer> {
    #[derive(serde::Deserialize)]
    struct Normalized {
        #[serde(default)]
        normalizer: serde_json::Value,
    }
    fn check(normalizer: &serde_json::Value) -> serde_json::Result<()> {
        if normalizer["type"] == "Precompiled" {
            serde_json::from_str::<Precompiled>(&normalizer.to_string())?;
        }
        let inner = normalizer["normalizers"].as_array();
        inner.into_iter().flatten().try_for_each(check)
    }
    let bytes = std::fs::read(path)?;
    if bytes.windows(11).any(|part| part == b"Precompiled") {
        let normalized: Normalized = serde_json::from_slice(&bytes)?;
        check(&normalized.normalizer)?;
    }
    Tokenizer::from_bytes(&bytes)
}

/// What becomes of the end of a text that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It is left out.
    Cut,
    /// The beginning is left out.
    Kept,
}

/// The tokenizer of a model folder, with its truncation and padding replaced.
pub struct TextTokenizer {
    tokenizer: Tokenizer,
    /// The same without truncation, which stops it once it has enough; made when first needed.
    whole: OnceLock<Tokenizer>,
    /// Where it tokenizes as BERT does.
    quick: Option<WordPiece>,
    max_tokens: usize,
    /// Whether special tokens are put around a text.
    special: bool,
}

impl TextTokenizer {
    /// Reads `folder/tokenizer.json`, and what the folder's configuration says of the case of letters; texts are cut at
    /// `max_tokens`, special tokens included, and never padded.
    ///
    /// # Errors
    /// When a file is missing, is not what it should be, or asks for what is not supported.
    pub fn read(folder: &Path, max_tokens: usize) -> Result<Self, EmbedError> {
        Self::make(folder, None, max_tokens, true)
    }

    /// The tokenizer of a static model, which knows no special tokens: that of `folder`, or of the bytes of a
    /// `tokenizer.json` with the folder to name in messages.
    pub(crate) fn of_static(
        folder: &Path,
        bytes: Option<&[u8]>,
        max_tokens: usize,
    ) -> Result<Self, EmbedError> {
        Self::make(folder, bytes, max_tokens, false)
    }

    fn make(
        folder: &Path,
        bytes: Option<&[u8]>,
        max_tokens: usize,
        special: bool,
    ) -> Result<Self, EmbedError> {
        let path = folder.join("tokenizer.json");
        let error = |why: tokenizers::Error| EmbedError::Tokenizer {
            path: path.clone(),
            why: why.to_string(),
        };
        if bytes.is_none() && !path.exists() {
            return Err(EmbedError::Config {
                path,
                why: "the file is missing; where a model has only the vocabulary of a slow tokenizer, transformers' \
                      AutoTokenizer writes it: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
                    .to_owned(),
            });
        }
        let mut tokenizer = match bytes {
            Some(bytes) => Tokenizer::from_bytes(bytes),
            None => read_checked(&path),
        }
        .map_err(error)?;
        tokenizer.with_padding(None);
        if special {
            case::apply(&mut tokenizer, folder)?;
        }
        tokenizer.with_truncation(None).map_err(error)?;
        let quick = WordPiece::of(&tokenizer);
        let truncation = TruncationParams {
            max_length: max_tokens,
            ..TruncationParams::default()
        };
        tokenizer.with_truncation(Some(truncation)).map_err(error)?;
        Ok(Self {
            whole: OnceLock::new(),
            quick: quick.map(|quick| if special { quick } else { quick.bare() }),
            tokenizer,
            max_tokens,
            special,
        })
    }

    /// Tokens of `text`.
    ///
    /// # Errors
    /// What the tokenizers crate could not do, as text.
    pub fn encode(&self, text: &str) -> Result<Tokens, String> {
        if let Some(quick) = &self.quick
            && let Some(tokens) = quick.encode(text, self.max_tokens, &self.tokenizer)?
        {
            return Ok(tokens);
        }
        // A very long text is cut before it is tokenized when its head alone fills the model: the ids are the same,
        // and 10 MB cost what 16 kB cost.
        if let Some(head) = head(text, self.max_tokens.saturating_mul(64)) {
            let tokens = self.encode_whole(head)?;
            if tokens.truncated {
                return Ok(tokens);
            }
        }
        self.encode_whole(text)
    }

    /// Tokens of `text`, the last ones where it has more than the model reads; and how many were cut off.
    pub(crate) fn encode_end(&self, text: &str) -> Result<(Tokens, usize), String> {
        let whole = self.whole.get_or_init(|| {
            let mut whole = self.tokenizer.clone();
            // Only a strategy that needs pairs of texts is refused.
            let _ = whole.with_truncation(None);
            whole
        });
        let encoding = whole.encode_fast(text, self.special);
        let encoding = encoding.map_err(|e| e.to_string())?;
        if encoding.len() <= self.max_tokens {
            let tokens = Tokens {
                ids: encoding.get_ids().to_vec(),
                truncated: false,
            };
            return Ok((tokens, 0));
        }
        let all = (encoding.get_ids().iter()).zip(encoding.get_special_tokens_mask());
        let inside = all.filter(|(_, special)| **special == 0);
        let inside: Vec<u32> = inside.map(|(id, _)| *id).collect();
        let tokens = self.of_ids(&inside, End::Kept)?;
        let cut = encoding.len().saturating_sub(tokens.ids.len());
        Ok((tokens, cut))
    }

    /// How many special tokens are before a text.
    pub(crate) fn count_before(&self) -> Result<usize, String> {
        Ok(self.around()?.0.len())
    }

    /// Tokens that somebody else made with this tokenizer: with special tokens around them, which are put there unless they are
    /// there. Where they are too many, those at one end are left out.
    pub(crate) fn of_ids(&self, ids: &[u32], end: End) -> Result<Tokens, String> {
        let words = self.tokenizer.get_vocab_size(true);
        if let Some(id) = ids.iter().find(|id| **id as usize >= words) {
            return Err(format!(
                "{id} is no token of this model, which has 0 to {}",
                words - 1
            ));
        }
        let (first, last) = self.around()?;
        let inside = ids.strip_prefix(first.as_slice()).unwrap_or(ids);
        let inside = inside.strip_suffix(last.as_slice()).unwrap_or(inside);
        if inside.is_empty() {
            return Err(String::from("it has no tokens but special ones"));
        }
        let room = self
            .max_tokens
            .saturating_sub(first.len() + last.len())
            .max(1);
        let truncated = inside.len() > room;
        let inside = match end {
            End::Cut => &inside[..inside.len().min(room)],
            End::Kept => &inside[inside.len().saturating_sub(room)..],
        };
        Ok(Tokens {
            ids: [first.as_slice(), inside, last.as_slice()].concat(),
            truncated,
        })
    }

    /// The special tokens before and behind a text.
    fn around(&self) -> Result<(Vec<u32>, Vec<u32>), String> {
        let encoding = self.tokenizer.encode_fast("a", self.special);
        let encoding = encoding.map_err(|e| e.to_string())?;
        let (ids, special) = (encoding.get_ids(), encoding.get_special_tokens_mask());
        let first = special.iter().take_while(|is| **is == 1).count();
        let last = special.iter().rev().take_while(|is| **is == 1).count();
        // Where a text has no token of its own, all of it is before.
        let last = last.min(ids.len() - first);
        Ok((ids[..first].to_vec(), ids[ids.len() - last..].to_vec()))
    }

    /// Tokens of `text` but for a special one at its end, as sentence-transformers counts those of a prompt.
    pub(crate) fn count_without_end(&self, text: &str) -> Result<usize, String> {
        let encoding = self
            .tokenizer
            .encode_fast(text, self.special)
            .map_err(|e| e.to_string())?;
        let special = encoding.get_special_tokens_mask().last() == Some(&1);
        Ok(encoding.len() - usize::from(special))
    }

    fn encode_whole(&self, text: &str) -> Result<Tokens, String> {
        let encoding = self
            .tokenizer
            .encode_fast(text, self.special)
            .map_err(|e| e.to_string())?;
        Ok(Tokens {
            ids: encoding.get_ids().to_vec(),
            truncated: !encoding.get_overflowing().is_empty(),
        })
    }
}

/// The first `bytes` or a little more of a longer text, up to an ASCII space or line break: a place where every
/// tokenizer that splits at white space splits. `None` when the text is shorter or has no such place.
fn head(text: &str, bytes: usize) -> Option<&str> {
    let rest = text.as_bytes().get(bytes..)?;
    let offset = rest.iter().position(|b| matches!(b, b' ' | b'\n'))?;
    // An ASCII byte is never inside a UTF-8 sequence, so the cut is at a character boundary.
    text.get(..bytes + offset)
}

#[cfg(test)]
mod tests {
    use super::head;

    #[test]
    fn a_head_ends_before_white_space() {
        assert_eq!(head("aaa bbb ccc", 1), Some("aaa"));
        assert_eq!(head("aaa bbb ccc", 3), Some("aaa"));
        assert_eq!(head("aaa bbb ccc", 4), Some("aaa bbb"));
        assert_eq!(head("aaa bbb ccc", 9), None);
        assert_eq!(head("äöü ß", 1), Some("äöü"));
        assert_eq!(head("aaa", 10), None);
    }
}
