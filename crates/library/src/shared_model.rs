//! One loaded model for several open libraries, and for texts that are no papers: what a server holds.
//!
//! Not for: finding or loading models (`model.rs`), nor for batches of many callers, which are the server's.

use crate::engine::{Library, made_by};
use crate::{LibraryError, Progress};
use std::sync::Arc;
use syntopic_embed::models::{ResolveOptions, resolve_spec};
use syntopic_embed::{EmbedError, EmbedOptions, Embedder, ModelIdentity, TextKind, Tokens};

/// A text as the model reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenText {
    tokens: Tokens,
    skip: usize,
    raw: bool,
}

impl TokenText {
    /// How many tokens it has, special ones included.
    #[must_use]
    pub fn n_tokens(&self) -> usize {
        self.tokens.ids.len()
    }

    /// Whether the text had more than the model reads, and was cut.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.tokens.truncated
    }

    /// The same, whose vector is to have the length that the model gives it, where [`SharedModel::gives_raw`].
    #[must_use]
    pub fn raw(self) -> Self {
        Self { raw: true, ..self }
    }

    /// Whether the two may be embedded together: as many tokens at their beginnings, those of a prompt, take no part in their
    /// vectors, and both are of unit length or neither need be.
    #[must_use]
    pub fn goes_with(&self, other: &Self) -> bool {
        (self.skip, self.raw) == (other.skip, other.raw)
    }
}

/// A loaded model. Copies share it.
#[derive(Clone)]
pub struct SharedModel(Arc<Embedder>);

impl SharedModel {
    /// What made the vectors.
    #[must_use]
    pub fn identity(&self) -> &ModelIdentity {
        self.0.identity()
    }

    /// A model by its name, that is on this machine or can be had.
    ///
    /// # Errors
    /// When it is neither, or cannot be loaded.
    pub fn load(
        spec: &str,
        sources: &ResolveOptions,
        options: EmbedOptions,
    ) -> Result<Self, LibraryError> {
        let folder = resolve_spec(spec, sources, &mut |_| ())?;
        Ok(Self(Arc::new(Embedder::load(&folder, options)?)))
    }

    /// Whether both are the one that was loaded once.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// What the model reads of a text.
    ///
    /// # Errors
    /// When it cannot be tokenized.
    pub fn read(&self, text: &str, kind: TextKind) -> Result<TokenText, EmbedError> {
        Ok(TokenText {
            tokens: self.0.read(text, kind)?,
            skip: self.0.skipped_tokens(kind)?,
            raw: false,
        })
    }

    /// What the model reads of a text, from its end where it is too long.
    ///
    /// # Errors
    /// When it cannot be tokenized.
    pub fn read_end(&self, text: &str, kind: TextKind) -> Result<TokenText, EmbedError> {
        let (tokens, skip) = self.0.read_end(text, kind)?;
        Ok(TokenText {
            tokens,
            skip,
            raw: false,
        })
    }

    /// What the model reads of a text whose tokens somebody else made, with its tokenizer; no prompt is put before them.
    ///
    /// # Errors
    /// When there is none, or one is not the model's.
    pub fn read_ids(&self, ids: &[u32]) -> Result<TokenText, EmbedError> {
        let tokens = self.0.read_ids(ids)?;
        Ok(TokenText {
            tokens,
            skip: 0,
            raw: false,
        })
    }

    /// The same, from their end where they are too many.
    ///
    /// # Errors
    /// As [`SharedModel::read_ids`].
    pub fn read_end_of_ids(&self, ids: &[u32]) -> Result<TokenText, EmbedError> {
        let tokens = self.0.read_end_of_ids(ids)?;
        Ok(TokenText {
            tokens,
            skip: 0,
            raw: false,
        })
    }

    /// Whether it can give vectors of another length than 1, as they are before they are made so.
    #[must_use]
    pub fn gives_raw(&self) -> bool {
        self.0.gives_raw()
    }

    /// A vector of each text, in their order, whatever they are embedded with. All must go with the first ([`TokenText::goes_with`]).
    ///
    /// # Errors
    /// When the model fails, or raw vectors are wanted of one that has none.
    pub fn embed(&self, texts: &[TokenText]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let Some(first) = texts.first() else {
            return Ok(Vec::new());
        };
        let tokens: Vec<Tokens> = texts.iter().map(|text| text.tokens.clone()).collect();
        if first.raw {
            return self.0.embed_tokens_raw(&tokens, first.skip);
        }
        let embedded = self.0.embed_tokens(&tokens, first.skip)?;
        Ok(embedded.vectors.rows().map(<[f32]>::to_vec).collect())
    }

    /// The lengths that its vectors may be cut to, by what it says of itself.
    #[must_use]
    pub fn trained_dims(&self) -> Vec<usize> {
        self.0.trained_dims()
    }

    /// Threads that run it.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.0.threads()
    }

    /// What runs the model on this machine, for reports: `f32 AVX2 (packed)`, say.
    #[must_use]
    pub fn mode(&self) -> &str {
        self.0.mode()
    }
}

impl Library {
    /// The library's own model, loaded if it was not yet.
    ///
    /// # Errors
    /// When the model cannot be had, or is not the library's.
    pub fn shared_model(
        &mut self,
        progress: &mut Progress<'_>,
    ) -> Result<SharedModel, LibraryError> {
        self.load_model(None, progress)?;
        let empty = || LibraryError::Empty(self.folder.clone());
        self.embedder.clone().map(SharedModel).ok_or_else(empty)
    }

    /// Lets the library use a model that is loaded already; one that is not its own is refused when it is first needed.
    #[must_use]
    pub fn with_model(mut self, model: &SharedModel) -> Self {
        self.use_model(model);
        self
    }

    /// The same of a library that is open.
    pub fn use_model(&mut self, model: &SharedModel) {
        self.embedder = Some(Arc::clone(&model.0));
    }

    /// Whether the library's vectors are of this model: another process may have made them anew with another one.
    ///
    /// # Errors
    /// When the library cannot be read.
    pub fn is_made_by(&self, model: &SharedModel) -> Result<bool, LibraryError> {
        Ok(made_by(self.recorded_model()?.as_ref(), &model.0))
    }
}
