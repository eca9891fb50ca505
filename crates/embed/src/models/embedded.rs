//! The model inside the binary: a static one distilled from all-MiniLM-L6-v2, which needs no download and no cache.

use super::resolve::{ModelFolder, Source};
use super::stamp::hex;
use crate::static_model::StaticFiles;
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::sync::LazyLock;

/// The name of the model inside the binary.
pub const EMBEDDED: &str = "embedded";

/// Its files; `models/embedded/` in the repository.
pub(crate) const FILES: StaticFiles<'static> = StaticFiles {
    weights: include_bytes!("../../../../models/embedded/model.safetensors"),
    config: include_bytes!("../../../../models/embedded/config.json"),
    tokenizer: include_bytes!("../../../../models/embedded/tokenizer.json"),
};

static WEIGHTS_SHA256: LazyLock<String> = LazyLock::new(|| hex(&Sha256::digest(FILES.weights)));

/// The model inside the binary. Its folder is no folder, and its revision a hash of all its files.
pub(super) fn embedded() -> ModelFolder {
    let mut all = Sha256::new();
    for file in [FILES.weights, FILES.config, FILES.tokenizer] {
        all.update((file.len() as u64).to_le_bytes());
        all.update(file);
    }
    let revision = hex(&all.finalize());
    ModelFolder {
        cache_dir: None,
        name: EMBEDDED.to_owned(),
        revision: format!("embedded-{}", &revision[..40]),
        folder: PathBuf::from("(inside the binary)"),
        source: Source::Embedded,
        weights_sha256: WEIGHTS_SHA256.clone(),
    }
}

/// Bytes of its files.
#[must_use]
pub fn embedded_size() -> u64 {
    (FILES.weights.len() + FILES.config.len() + FILES.tokenizer.len()) as u64
}
