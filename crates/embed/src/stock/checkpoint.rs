//! The weights of a model folder, by name, whatever prefix they were saved under and in however many files.

use super::{Place, pickle};
use crate::EmbedError;
use crate::shards::{is_pickle, weight_files};
use candle_core::{DType, Device, Tensor, safetensors};
use candle_nn::VarBuilder;
use std::collections::HashMap;
use std::path::Path;

/// The weights of a folder, as the numbers of `place` whatever precision they are stored in.
pub(super) fn open(folder: &Path, place: &Place) -> Result<VarBuilder<'static>, EmbedError> {
    let files = weight_files(folder).map_err(|why| EmbedError::Config {
        path: folder.to_owned(),
        why,
    })?;
    if let [whole] = &files[..]
        && !is_pickle(whole)
    {
        let bytes = read(&folder.join(whole))?;
        return Ok(VarBuilder::from_buffered_safetensors(
            bytes,
            place.numbers,
            &place.device,
        )?);
    }
    let mut tensors = HashMap::new();
    for name in &files {
        tensors.extend(load_file(&folder.join(name))?);
    }
    Ok(VarBuilder::from_tensors(
        tensors,
        place.numbers,
        &place.device,
    ))
}

/// The tensors of one file, f32.
pub(crate) fn load_file(path: &Path) -> Result<HashMap<String, Tensor>, EmbedError> {
    let tensors = if path.extension().is_some_and(|ending| ending == "bin") {
        pickle::read(path).map_err(|why| EmbedError::Config {
            path: path.to_owned(),
            why,
        })?
    } else {
        safetensors::load_buffer(&read(path)?, &Device::Cpu)?
    };
    let single = |(name, tensor): (String, Tensor)| Ok((name, tensor.to_dtype(DType::F32)?));
    tensors.into_iter().map(single).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, EmbedError> {
    std::fs::read(path).map_err(|error| EmbedError::Config {
        path: path.to_owned(),
        why: error.to_string(),
    })
}

/// Where the encoder begins: at the top, or under the one of `prefixes` that has the tensor `probe`.
pub(super) fn root<'a>(
    weights: VarBuilder<'a>,
    probe: &str,
    prefixes: &[&str],
) -> Result<VarBuilder<'a>, EmbedError> {
    let found = prefix(probe, prefixes, |name| weights.contains_tensor(name))?;
    Ok(match found.trim_end_matches('.') {
        "" => weights,
        found => weights.pp(found),
    })
}

/// Under which of `prefixes` the tensor `probe` is: `bert.`, say, in a checkpoint that has a head beside the encoder; empty where
/// it is at the top, or nowhere.
///
/// # Errors
/// When the weights hold it twice, so that nobody knows which encoder is meant.
pub(crate) fn prefix(
    probe: &str,
    prefixes: &[&str],
    has: impl Fn(&str) -> bool,
) -> Result<String, EmbedError> {
    let below = prefixes.iter().map(|name| format!("{name}."));
    let mut found = std::iter::once(String::new())
        .chain(below)
        .filter(|prefix| has(&format!("{prefix}{probe}")));
    match (found.next(), found.next()) {
        (Some(one), Some(other)) => Err(EmbedError::Candle(candle_core::Error::Msg(format!(
            "the weights hold {one}{probe} and {other}{probe}: two encoders, of which one is meant; save the model with one"
        )))),
        (one, _) => Ok(one.unwrap_or_default()),
    }
}
