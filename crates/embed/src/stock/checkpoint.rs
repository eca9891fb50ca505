//! The weights of a model folder, by name, whatever prefix they were saved under and in however many files.

use super::Place;
use crate::EmbedError;
use crate::shards::weight_files;
use candle_core::{Device, safetensors};
use candle_nn::VarBuilder;
use std::collections::HashMap;
use std::path::Path;

/// The weights of a folder, as the numbers of `place` whatever precision they are stored in.
pub(super) fn open(folder: &Path, place: &Place) -> Result<VarBuilder<'static>, EmbedError> {
    let files = weight_files(folder).map_err(|why| EmbedError::Config {
        path: folder.to_owned(),
        why,
    })?;
    let read = |name: &String| {
        let path = folder.join(name);
        std::fs::read(&path).map_err(|error| EmbedError::Config {
            path,
            why: error.to_string(),
        })
    };
    if let [whole] = &files[..] {
        let bytes = read(whole)?;
        return Ok(VarBuilder::from_buffered_safetensors(
            bytes,
            place.numbers,
            &place.device,
        )?);
    }
    let mut tensors = HashMap::new();
    for name in &files {
        tensors.extend(safetensors::load_buffer(&read(name)?, &Device::Cpu)?);
    }
    Ok(VarBuilder::from_tensors(
        tensors,
        place.numbers,
        &place.device,
    ))
}

/// Where the encoder begins: at the top, or under the first of `prefixes` that has the tensor `probe`.
pub(super) fn root<'a>(weights: VarBuilder<'a>, probe: &str, prefixes: &[&str]) -> VarBuilder<'a> {
    let below = prefixes.iter().map(|prefix| weights.pp(prefix));
    match below.into_iter().find(|w| w.contains_tensor(probe)) {
        Some(found) if !weights.contains_tensor(probe) => found,
        _ => weights,
    }
}
