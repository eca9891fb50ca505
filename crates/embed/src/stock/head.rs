//! From token vectors to one vector a text: pooling, and the Dense modules after it.

use super::checkpoint::open;
use super::settings::Activation;
use super::{Batch, Place};
use crate::EmbedError;
use crate::config::{PoolingMode, read_json, unsupported};
use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{Linear, Module, linear_b};
use serde::Deserialize;
use std::path::Path;

/// Token vectors `(texts, tokens, hidden)` to one a text, `(texts, hidden)`, in f32 whatever numbers the token vectors are.
/// Padding never takes part, nor do the tokens that the batch skips, of which a text's last is none.
pub(super) fn pool(states: &Tensor, batch: &Batch, mode: PoolingMode) -> Result<Tensor> {
    let states = states.to_dtype(DType::F32)?;
    let mut weights = Vec::with_capacity(batch.lengths.len() * batch.width);
    for &length in &batch.lengths {
        weights.extend(pool_weights(mode, batch.skip, length));
        weights.resize(weights.len() + batch.width - length, 0.0);
    }
    let shape = (batch.lengths.len(), 1, batch.width);
    if mode == PoolingMode::Max {
        let lowered = |weight| if weight > 0.0 { 0.0 } else { -1e30f32 };
        let lowered = weights.into_iter().map(lowered).collect();
        let shape = (batch.lengths.len(), batch.width, 1);
        let lowered = Tensor::from_vec(lowered, shape, states.device())?;
        return states.broadcast_add(&lowered)?.max(1);
    }
    let weights = Tensor::from_vec(weights, shape, states.device())?;
    weights.matmul(&states)?.squeeze(1)
}

/// What each of a text's tokens counts for in its vector: nothing for the first `skip`, of which the last token is none. In
/// [`PoolingMode::Max`], which has no weights, all others alike.
pub(crate) fn pool_weights(mode: PoolingMode, skip: usize, length: usize) -> Vec<f32> {
    let skip = skip.min(length.saturating_sub(1));
    let n = (length - skip) as f32;
    let one = |at: usize, i: usize| if i == at { 1.0 } else { 0.0 };
    // Places are counted in the whole text.
    let places: usize = (skip + 1..=length).sum();
    let weight = |i: usize| match mode {
        _ if i < skip => 0.0,
        PoolingMode::Cls => one(skip, i),
        PoolingMode::LastToken => one(length - 1, i),
        PoolingMode::MeanSqrtLen => 1.0 / n.sqrt(),
        PoolingMode::WeightedMean => (i + 1) as f32 / places as f32,
        PoolingMode::Mean | PoolingMode::Max => 1.0 / n,
    };
    (0..length).map(weight).collect()
}

/// `config.json` of a Dense module.
#[derive(Deserialize)]
struct DenseConfig {
    in_features: usize,
    out_features: usize,
    #[serde(default = "yes")]
    bias: bool,
    activation_function: Option<String>,
    module_input_name: Option<String>,
    module_output_name: Option<String>,
    #[serde(default)]
    use_residual: bool,
}

fn yes() -> bool {
    true
}

/// A loaded Dense module.
pub(crate) struct Dense {
    linear: Linear,
    activation: DenseActivation,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
}

enum DenseActivation {
    Identity,
    Tanh,
    Sigmoid,
    Other(Activation),
}

impl Dense {
    /// Reads the modules of these subfolders, the first of which is given vectors of `inputs` numbers.
    pub(crate) fn load_all(
        folder: &Path,
        modules: &[String],
        inputs: usize,
        device: &Device,
    ) -> std::result::Result<Vec<Self>, EmbedError> {
        let mut all: Vec<Self> = Vec::new();
        for module in modules {
            let inputs = all.last().map_or(inputs, |dense| dense.outputs);
            all.push(Self::load(&folder.join(module), inputs, device)?);
        }
        Ok(all)
    }

    /// One vector.
    pub(crate) fn run(&self, vector: &[f32]) -> Result<Vec<f32>> {
        let vector = Tensor::new(vector, &Device::Cpu)?.unsqueeze(0)?;
        self.forward(&vector)?.flatten_all()?.to_vec1()
    }

    /// Reads the module of `folder`, which is given vectors of `inputs` numbers. It computes in f32 on every device.
    fn load(
        folder: &Path,
        inputs: usize,
        device: &Device,
    ) -> std::result::Result<Self, EmbedError> {
        let path = folder.join("config.json");
        let config: DenseConfig = read_json(&path)?;
        let refused =
            |what, got: &str, supported| Err(unsupported(path.clone(), what, got, supported));
        let named = [&config.module_input_name, &config.module_output_name];
        if let Some(name) = named
            .into_iter()
            .flatten()
            .find(|n| *n != "sentence_embedding")
        {
            return refused(
                "the Dense module's input or output",
                name,
                "sentence_embedding",
            );
        }
        if config.use_residual {
            return refused("the Dense module's setting", "use_residual: true", "false");
        }
        // torch's Tanh is what the class takes where none is named.
        let name = config.activation_function.as_deref();
        let activation = match name.unwrap_or("torch.nn.modules.activation.Tanh") {
            "torch.nn.modules.linear.Identity" => DenseActivation::Identity,
            "torch.nn.modules.activation.Tanh" => DenseActivation::Tanh,
            "torch.nn.modules.activation.Sigmoid" => DenseActivation::Sigmoid,
            "torch.nn.modules.activation.ReLU" => DenseActivation::Other(Activation::Relu),
            "torch.nn.modules.activation.GELU" => DenseActivation::Other(Activation::Gelu),
            "torch.nn.modules.activation.SiLU" => DenseActivation::Other(Activation::Silu),
            other => {
                let supported = "torch's Identity, Tanh, Sigmoid, ReLU, GELU, SiLU";
                return refused("the Dense module's activation", other, supported);
            }
        };
        if config.in_features != inputs || config.out_features == 0 {
            return Err(EmbedError::Config {
                why: format!(
                    "in_features {} and out_features {}, and the module before gives {inputs} numbers",
                    config.in_features, config.out_features
                ),
                path,
            });
        }
        let place = Place {
            device: device.clone(),
            numbers: DType::F32,
        };
        let weights = open(folder, &place)?;
        if !config.bias && weights.contains_tensor("linear.bias") {
            return Err(EmbedError::Config {
                why: "it says bias: false, and the weights beside it have a linear.bias".to_owned(),
                path,
            });
        }
        Ok(Self {
            linear: linear_b(
                inputs,
                config.out_features,
                config.bias,
                weights.pp("linear"),
            )?,
            activation,
            inputs,
            outputs: config.out_features,
        })
    }

    pub(super) fn forward(&self, vectors: &Tensor) -> Result<Tensor> {
        let vectors = self.linear.forward(vectors)?;
        match &self.activation {
            DenseActivation::Identity => Ok(vectors),
            DenseActivation::Tanh => vectors.tanh(),
            DenseActivation::Sigmoid => candle_nn::ops::sigmoid(&vectors),
            DenseActivation::Other(activation) => activation.of(&vectors),
        }
    }
}
