//! Vectors of the length that the model gives them, before they are made unit length: for those who ask for them so. No paper's is kept so.

use super::{Embedder, Encoder, How};
use crate::EmbedError;
use crate::tokens::Tokens;
use std::ops::ControlFlow;
use syntopic_core::{EmbeddingsError, Row};

impl Embedder {
    /// Whether [`Embedder::embed_tokens_raw`] can be had: not of static models, and not on a GPU, where vectors leave the device at
    /// unit length.
    #[must_use]
    pub fn gives_raw(&self) -> bool {
        matches!(self.model, Encoder::Stock(_) | Encoder::Fast(_))
    }

    /// Vectors of texts that were read already, of each of which the first `skip` tokens take no part, as they are after the model's
    /// pooling and Dense modules; what is cut from them is left out. Made unit length, they are those of [`Embedder::embed_tokens`].
    ///
    /// # Errors
    /// When [`Embedder::gives_raw`] is false, or the model fails or gives what is no number.
    pub fn embed_tokens_raw(
        &self,
        tokens: &[Tokens],
        skip: usize,
    ) -> Result<Vec<Vec<f32>>, EmbedError> {
        if !self.gives_raw() {
            return Err(EmbedError::UnitLengthOnly);
        }
        let dim = self.model.dim();
        let mut data = vec![0f32; tokens.len() * dim];
        let how = How { skip, unit: false };
        let mut go_on = |_| ControlFlow::Continue(());
        self.rows(tokens, how, &mut data, &mut go_on)?;
        let rows = data.chunks_exact(dim).enumerate().map(|(at, row)| {
            let row = &row[..self.identity.dim];
            match row.iter().find(|value| !value.is_finite()) {
                None => Ok(row.to_vec()),
                Some(&value) => {
                    let row = Row::from_index(at);
                    Err(EmbeddingsError::NotFinite { row, value }.into())
                }
            }
        });
        rows.collect()
    }
}
