//! The three files of a model2vec folder, checked.

use super::{StaticFiles, StaticModelError};
use candle_core::{DType, Device, Tensor};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde::Deserialize;

/// One row a token, or a row a group of tokens.
pub(super) enum Table {
    /// As stored; the weights hold the scale of each row.
    I8(Vec<i8>),
    /// Any of the float types.
    F32(Vec<f32>),
}

impl Table {
    fn is_zero(&self) -> bool {
        match self {
            Self::I8(numbers) => numbers.iter().all(|n| *n == 0),
            Self::F32(numbers) => numbers.iter().all(|n| *n == 0.0),
        }
    }
}

/// What the files say.
pub(super) struct Parts {
    pub(super) table: Table,
    pub(super) rows: usize,
    pub(super) dim: usize,
    pub(super) weights: Option<Vec<f32>>,
    pub(super) mapping: Option<Vec<u32>>,
    pub(super) unknown: Option<u32>,
    pub(super) max_tokens: Option<usize>,
}

/// Reads and checks `files`.
pub(super) fn read(files: &StaticFiles<'_>) -> Result<Parts, StaticModelError> {
    let tensors = SafeTensors::deserialize(files.weights)
        .map_err(|e| weights_error(format!("not a safetensors file: {e}")))?;
    // Of model2vec, and of sentence-transformers' StaticEmbedding.
    let embeddings = tensors
        .tensor("embeddings")
        .or_else(|_| tensors.tensor("embedding.weight"))
        .map_err(|_| {
            weights_error(format!(
                "no tensor \"embeddings\" in it, only {:?}",
                tensors.names()
            ))
        })?;
    let &[rows, dim] = embeddings.shape() else {
        let shape = embeddings.shape();
        return Err(weights_error(format!(
            "embeddings have the shape {shape:?}, expected (rows, dim)"
        )));
    };
    if rows == 0 || dim == 0 {
        return Err(weights_error(format!(
            "embeddings of shape ({rows}, {dim}) hold nothing"
        )));
    }
    let weights = tensors
        .tensor("weights")
        .ok()
        .map(|t| floats("weights", &t))
        .transpose()?;
    let mapping = tensors
        .tensor("mapping")
        .ok()
        .map(|t| mapping(&t, rows))
        .transpose()?;
    let vocabulary = mapping.as_ref().map_or(rows, Vec::len);
    if let Some(weights) = &weights
        && weights.len() != vocabulary
    {
        let got = weights.len();
        return Err(weights_error(format!(
            "{got} weights for {vocabulary} tokens, expected one each"
        )));
    }
    let table = table(&embeddings)?;
    if table.is_zero() {
        return Err(weights_error(
            "embeddings are zeros: every text would get the same vector or none".to_owned(),
        ));
    }
    Ok(Parts {
        table,
        rows,
        dim,
        weights,
        mapping,
        unknown: unknown_token(files.tokenizer)?,
        max_tokens: max_tokens(files.config)?,
    })
}

fn weights_error(why: String) -> StaticModelError {
    StaticModelError::Format {
        file: "model.safetensors",
        why,
    }
}

fn table(view: &TensorView<'_>) -> Result<Table, StaticModelError> {
    if view.dtype() == safetensors::Dtype::I8 {
        return Ok(Table::I8(
            view.data().iter().map(|&b| b.cast_signed()).collect(),
        ));
    }
    floats("embeddings", view).map(Table::F32)
}

/// A tensor of any float type as finite f32, flat.
fn floats(name: &str, view: &TensorView<'_>) -> Result<Vec<f32>, StaticModelError> {
    let values = tensor(name, view)
        .and_then(|t| t.to_dtype(DType::F32)?.to_vec1::<f32>())
        .map_err(|e| weights_error(format!("{name} cannot be read as f32: {e}")))?;
    match values.iter().position(|x| !x.is_finite()) {
        Some(at) => Err(weights_error(format!(
            "{name} hold {} at {at}, expected finite numbers",
            values[at]
        ))),
        None => Ok(values),
    }
}

/// A row for each token id.
fn mapping(view: &TensorView<'_>, rows: usize) -> Result<Vec<u32>, StaticModelError> {
    let values = tensor("mapping", view)
        .and_then(|t| t.to_dtype(DType::I64)?.to_vec1::<i64>())
        .map_err(|e| weights_error(format!("mapping cannot be read as integers: {e}")))?;
    let row = |(token, &row): (usize, &i64)| match u32::try_from(row) {
        Ok(row) if (row as usize) < rows => Ok(row),
        _ => Err(weights_error(format!(
            "token {token} is mapped to row {row} of {rows}"
        ))),
    };
    values.iter().enumerate().map(row).collect()
}

/// The tensor as candle reads it, flat.
fn tensor(name: &str, view: &TensorView<'_>) -> candle_core::Result<Tensor> {
    let dtype = match view.dtype() {
        safetensors::Dtype::F16 => DType::F16,
        safetensors::Dtype::BF16 => DType::BF16,
        safetensors::Dtype::F32 => DType::F32,
        safetensors::Dtype::F64 => DType::F64,
        safetensors::Dtype::I32 => DType::I32,
        safetensors::Dtype::I64 => DType::I64,
        other => candle_core::bail!("{name} have the type {other:?}"),
    };
    let len = view.shape().iter().product();
    Tensor::from_raw_buffer(view.data(), dtype, &[len], &Device::Cpu)
}

/// The token that model2vec leaves out of the mean: `unk_token` of the tokenizer's model, or `unk_id` of a Unigram one.
fn unknown_token(tokenizer: &[u8]) -> Result<Option<u32>, StaticModelError> {
    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        added_tokens: Vec<Added>,
        model: Model,
    }
    #[derive(Deserialize)]
    struct Added {
        id: u32,
        content: String,
    }
    #[derive(Deserialize)]
    struct Model {
        unk_token: Option<String>,
        unk_id: Option<u32>,
        #[serde(default)]
        vocab: serde_json::Value,
    }
    let file: File = serde_json::from_slice(tokenizer).map_err(|e| StaticModelError::Format {
        file: "tokenizer.json",
        why: e.to_string(),
    })?;
    let Some(token) = file.model.unk_token else {
        return Ok(file.model.unk_id);
    };
    let added = file
        .added_tokens
        .iter()
        .find(|added| added.content == token);
    let listed = || {
        let id = file.model.vocab.get(&token)?.as_u64()?;
        u32::try_from(id).ok()
    };
    Ok(added.map(|added| added.id).or_else(listed))
}

/// `max_length` of the configuration: 512 where it says nothing, none where it is null (model2vec 0.10).
fn max_tokens(config: &[u8]) -> Result<Option<usize>, StaticModelError> {
    let error = |why| StaticModelError::Format {
        file: "config.json",
        why,
    };
    let config: serde_json::Value =
        serde_json::from_slice(config).map_err(|e| error(e.to_string()))?;
    match config.get("max_length") {
        None => Ok(Some(512)),
        Some(serde_json::Value::Null) => Ok(None),
        Some(value) => match value.as_u64().and_then(|n| usize::try_from(n).ok()) {
            Some(n) if n > 0 => Ok(Some(n)),
            _ => Err(error(format!(
                "max_length is {value}, expected a number above 0 or null"
            ))),
        },
    }
}
