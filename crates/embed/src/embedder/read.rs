//! What the model reads of single texts, whoever tokenized them and whichever end of them is cut.

use super::Embedder;
use crate::EmbedError;
use crate::mode::TextKind;
use crate::tokens::{End, Tokens};

fn unread(why: String) -> EmbedError {
    EmbedError::Tokenize { index: 0, why }
}

impl Embedder {
    /// What the model reads of one text, its prompt and special tokens included.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn read(&self, text: &str, kind: TextKind) -> Result<Tokens, EmbedError> {
        let prompt = self.prompt(kind);
        let encoded = if prompt.is_empty() {
            self.tokenizer.encode(text)
        } else {
            self.tokenizer.encode(&format!("{prompt}{text}"))
        };
        encoded.map_err(unread)
    }

    /// The same of a text that is cut at its beginning where it is too long, the prompt with it; and how many of its first tokens take
    /// no part in its vector, as those of what is left of the prompt.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn read_end(&self, text: &str, kind: TextKind) -> Result<(Tokens, usize), EmbedError> {
        let text = format!("{}{text}", self.prompt(kind));
        let encoded = self.tokenizer.encode_end(&text);
        let (tokens, cut) = encoded.map_err(unread)?;
        // Once nothing is left of the prompt, the special token before it is one like others again.
        let special = self.tokenizer.count_before().map_err(unread)?;
        let left = self.skip(kind)?.saturating_sub(cut);
        Ok((tokens, if left > special { left } else { 0 }))
    }

    /// What the model reads of a text whose tokens somebody else made with its tokenizer: special tokens are put around them
    /// unless they are there, and what is too long is cut.
    ///
    /// # Errors
    /// When there is none, or one is not among the model's words.
    pub fn read_ids(&self, ids: &[u32]) -> Result<Tokens, EmbedError> {
        let read = self.tokenizer.of_ids(ids, End::Cut);
        read.map_err(unread)
    }

    /// The same of tokens that are cut at their beginning where they are too many.
    ///
    /// # Errors
    /// As [`Embedder::read_ids`].
    pub fn read_end_of_ids(&self, ids: &[u32]) -> Result<Tokens, EmbedError> {
        let read = self.tokenizer.of_ids(ids, End::Kept);
        read.map_err(unread)
    }

    /// Tokens at the beginning of every text of this kind that take no part in its vector.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn skipped_tokens(&self, kind: TextKind) -> Result<usize, EmbedError> {
        self.skip(kind)
    }
}
