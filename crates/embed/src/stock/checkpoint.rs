//! The weights of a model folder, by name, whatever prefix they were saved under.

use crate::EmbedError;
use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use std::path::Path;

/// The weights of one file, as f32 whatever precision they are stored in.
pub(super) fn open(path: &Path) -> Result<VarBuilder<'static>, EmbedError> {
    let bytes = std::fs::read(path).map_err(|error| EmbedError::Config {
        path: path.to_owned(),
        why: error.to_string(),
    })?;
    Ok(VarBuilder::from_buffered_safetensors(
        bytes,
        DType::F32,
        &Device::Cpu,
    )?)
}

/// Where the encoder begins: at the top, or under the first of `prefixes` that has the tensor `probe`.
pub(super) fn root<'a>(weights: VarBuilder<'a>, probe: &str, prefixes: &[&str]) -> VarBuilder<'a> {
    let below = prefixes.iter().map(|prefix| weights.pp(prefix));
    match below.into_iter().find(|w| w.contains_tensor(probe)) {
        Some(found) if !weights.contains_tensor(probe) => found,
        _ => weights,
    }
}
