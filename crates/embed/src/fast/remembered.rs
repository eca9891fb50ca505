//! How near a model's two vectors were when it was last asked, so that only its first start pays for the question.
//!
//! A file a model in syntopic's cache, named after all that decides the answer. Not for: the question (`agreement.rs`).

use super::FastEncoder;
use crate::models::{ModelFolder, hex};
use crate::{EmbedError, SentenceConfig};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// Counted up whenever the texts or the kernels change what they would say.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Document {
    format: u32,
    /// For whoever looks into the file.
    model: String,
    /// The smallest one.
    cosine: f64,
}

/// Where the answer for one model is.
pub(super) struct Remembered {
    path: Option<PathBuf>,
    model: String,
}

impl Remembered {
    pub(super) fn of(
        model: &ModelFolder,
        config: &SentenceConfig,
        int16: &FastEncoder,
    ) -> Result<Self, EmbedError> {
        let path = model.folder.join("config.json");
        let settings = std::fs::read(&path).map_err(|error| EmbedError::Config {
            why: error.to_string(),
            path,
        })?;
        let mut key = Sha256::new();
        for part in [
            model.revision.as_bytes(),
            model.weights_sha256.as_bytes(),
            config.pooling_name().as_bytes(),
            config.prompts.document.as_bytes(),
            int16.description().as_bytes(),
            &settings,
        ] {
            key.update(part.len().to_le_bytes());
            key.update(part);
        }
        let name = format!("{}.json", &hex(&key.finalize())[..32]);
        let cache = model.cache_dir.as_ref();
        Ok(Self {
            path: cache.map(|cache| cache.join("agreement").join(name)),
            model: format!("{} {}", model.name, model.revision),
        })
    }

    /// The cosine found before; none where there is no such file, or it says nothing.
    pub(super) fn cosine(&self) -> Option<f64> {
        let bytes = std::fs::read(self.path.as_ref()?).ok()?;
        let document: Document = serde_json::from_slice(&bytes).ok()?;
        let known = document.format == FORMAT && (-1.01..=1.01).contains(&document.cosine);
        known.then_some(document.cosine)
    }

    /// Keeps it. Where the cache cannot be written, the next start asks again, and nothing else is lost.
    pub(super) fn keep(&self, cosine: f64) {
        let document = Document {
            format: FORMAT,
            model: self.model.clone(),
            cosine,
        };
        if let Some(path) = &self.path
            && let Some(folder) = path.parent()
            && let Ok(bytes) = serde_json::to_vec_pretty(&document)
            && std::fs::create_dir_all(folder).is_ok()
            && let Ok(file) = tempfile::NamedTempFile::new_in(folder)
            && std::fs::write(file.path(), bytes).is_ok()
        {
            let _ = file.persist(path);
        }
    }
}
