//! One loaded model for several open libraries: what a server holds.
//!
//! Not for: finding or loading models (`model.rs`).

use crate::engine::Library;
use crate::{LibraryError, Progress};
use std::sync::Arc;
use syntopic_embed::{Embedder, ModelIdentity};

/// A loaded model. Copies share it.
#[derive(Clone)]
pub struct SharedModel(Arc<Embedder>);

impl SharedModel {
    /// What made the vectors.
    #[must_use]
    pub fn identity(&self) -> &ModelIdentity {
        self.0.identity()
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
        self.embedder = Some(Arc::clone(&model.0));
        self
    }
}
