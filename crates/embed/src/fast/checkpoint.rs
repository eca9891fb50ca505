//! The tensors of a folder's weights, by name: mapped where they are safetensors, read where they are torch's own files.
//!
//! Not for: what they are used for (`weights.rs`).

use super::matrix::Precision;
use super::plan::Plan;
use crate::EmbedError;
use crate::shards::{is_pickle, weight_files};
use crate::stock::{load_file, prefix};
use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Device, Error, Tensor};
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

/// The weights of a folder.
pub(super) struct Checkpoint {
    files: Files,
    /// Of the linear layers that are packed from it.
    pub(super) precision: Precision,
    /// Where the encoder begins, `bert.` say, in a checkpoint that has a head beside it.
    pub(super) prefix: String,
}

enum Files {
    Mapped(MmapedSafetensors),
    /// As f32.
    Read(HashMap<String, Tensor>),
}

impl Checkpoint {
    pub(super) fn open(
        folder: &Path,
        plan: &Plan,
        precision: Precision,
    ) -> Result<Self, EmbedError> {
        let files = Files::open(folder)?;
        let probe = format!("{}.weight", plan.names.words);
        let prefix = prefix(&probe, plan.names.prefixes, |name| files.has(name))?;
        Ok(Self {
            files,
            precision,
            prefix,
        })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.files.has(&format!("{}{name}", self.prefix))
    }

    /// A tensor of this shape as little-endian f32, in place where it is stored so.
    pub(super) fn bytes(
        &self,
        name: &str,
        shape: &[usize],
    ) -> Result<Cow<'_, [[u8; 4]]>, EmbedError> {
        let found = self.files.shape(name)?;
        if found != shape {
            return Err(EmbedError::Candle(Error::Msg(format!(
                "{name} has shape {found:?}, and config.json says {shape:?}; weights and configuration differ"
            ))));
        }
        let tensor = match &self.files {
            Files::Mapped(file) if DType::try_from(file.get(name)?.dtype())? == DType::F32 => {
                return Ok(Cow::Borrowed(self.stored(name)));
            }
            Files::Mapped(file) => file.load(name, &Device::Cpu)?.to_dtype(DType::F32)?,
            Files::Read(tensors) => tensors[name].clone(),
        };
        let numbers = tensor.flatten_all()?.to_vec1::<f32>()?;
        Ok(Cow::Owned(
            numbers.into_iter().map(f32::to_le_bytes).collect(),
        ))
    }

    /// The bytes of a mapped tensor as they are; none of any other.
    pub(super) fn stored(&self, name: &str) -> &[[u8; 4]] {
        match &self.files {
            Files::Mapped(file) => file
                .get(name)
                .map_or(&[], |view| view.data().as_chunks::<4>().0),
            Files::Read(_) => &[],
        }
    }

    /// The same as numbers.
    pub(super) fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EmbedError> {
        let bytes = self.bytes(name, shape)?;
        Ok(bytes.iter().map(|b| f32::from_le_bytes(*b)).collect())
    }
}

impl Files {
    fn open(folder: &Path) -> Result<Self, EmbedError> {
        let names = weight_files(folder).map_err(|why| EmbedError::Config {
            path: folder.to_owned(),
            why,
        })?;
        let paths: Vec<_> = names.iter().map(|name| folder.join(name)).collect();
        if names.iter().any(|name| is_pickle(name)) {
            let mut tensors = HashMap::new();
            for path in &paths {
                tensors.extend(load_file(path)?);
            }
            return Ok(Files::Read(tensors));
        }
        // SAFETY: the files must not change while they are mapped. They were verified by SHA-256 when they were resolved, the
        // cache writes files under a temporary name and renames them, and nothing here writes to them; a user who edits a
        // model's weights in place while it runs gets wrong vectors or a bus error, as with every mapped file.
        let file = unsafe { MmapedSafetensors::multi(&paths) }?;
        Ok(Files::Mapped(file))
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Files::Mapped(file) => file.get(name).is_ok(),
            Files::Read(tensors) => tensors.contains_key(name),
        }
    }

    fn shape(&self, name: &str) -> Result<Vec<usize>, EmbedError> {
        Ok(match self {
            Files::Mapped(file) => file.get(name)?.shape().to_vec(),
            Files::Read(tensors) => match tensors.get(name) {
                Some(tensor) => tensor.dims().to_vec(),
                None => return Err(Error::Msg(format!("there is no tensor {name}")).into()),
            },
        })
    }
}
