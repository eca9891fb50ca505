//! Bottleneck adapters of the adapters library (Houlsby et al. 2019; Pfeiffer et al. 2021), which SPECTER2 puts into its base:
//! a narrow layer after the feed-forward part of every layer. Their files lie beside those of the base.
//!
//! Not for: LoRA, prefix tuning and other kinds, and several adapters at once; they are refused by name.

use super::Place;
use super::checkpoint::load_file;
use super::settings::Activation;
use crate::EmbedError;
use crate::config::{read_json, read_json_if_there, unsupported};
use crate::fast;
use candle_core::{Result, Tensor};
use candle_nn::{LayerNorm, Linear, Module};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

/// The file that says what an adapter is.
pub(crate) const CONFIG: &str = "adapter_config.json";
/// The files that hold its weights; the first that is there counts.
pub(crate) const WEIGHTS: [&str; 2] = ["adapter.safetensors", "pytorch_adapter.bin"];
/// The model that SPECTER2's adapters are for.
const SPECTER2: &str = "allenai/specter2_base";

/// Whether the folder has an adapter.
pub(crate) fn is_there(folder: &Path) -> bool {
    folder.join(CONFIG).is_file()
}

/// Whether it is one of SPECTER2's, which are used with the first token's vector: neither they nor their base say so.
pub(crate) fn is_specter2(folder: &Path) -> std::result::Result<bool, EmbedError> {
    let config: Option<Value> = read_json_if_there(&folder.join(CONFIG))?;
    Ok(config.is_some_and(|config| config["model_name"] == SPECTER2))
}

/// The adapter's part in one layer.
pub(crate) struct Adapter {
    down: Linear,
    up: Linear,
    activation: Activation,
    scaling: f64,
}

/// The same as plain numbers: matrices as rows of inputs, one an output.
pub(crate) struct AdapterNumbers {
    pub(crate) down: Vec<f32>,
    pub(crate) down_bias: Vec<f32>,
    pub(crate) activation: fast::Activation,
    pub(crate) up: Vec<f32>,
    pub(crate) up_bias: Vec<f32>,
    /// What is added is multiplied by it.
    pub(crate) scaling: f32,
}

impl Adapter {
    /// The adapter of the folder, a part for each of `layers` layers of `hidden` numbers, at the model's place.
    pub(crate) fn load(
        folder: &Path,
        layers: usize,
        hidden: usize,
        place: &Place,
    ) -> std::result::Result<Vec<Self>, EmbedError> {
        let path = folder.join(CONFIG);
        let config: Value = read_json(&path)?;
        let (activation, scaling) = settings(&config, &path)?;
        let name = config["name"].as_str().unwrap_or_default();
        let file = WEIGHTS.iter().map(|name| folder.join(name));
        let Some(file) = file.into_iter().find(|file| file.is_file()) else {
            return Err(EmbedError::Config {
                path,
                why: format!("none of {} is beside it", WEIGHTS.join(" and ")),
            });
        };
        let tensors = load_file(&file)?;
        let part = |layer: usize| {
            let begin = format!("encoder.layer.{layer}.output.adapters.{name}.");
            let linear = |end: &str| linear(&tensors, &begin, end, place);
            let (down, up) = (linear("adapter_down.0")?, linear("adapter_up")?);
            let narrow = down.weight().dim(0)?;
            if down.weight().dims() != [narrow, hidden] || up.weight().dims() != [hidden, narrow] {
                candle_core::bail!("{begin}*: its layers do not fit a model of {hidden} numbers");
            }
            Ok(Self {
                down,
                up,
                activation,
                scaling,
            })
        };
        let parts = (0..layers).map(part).collect::<Result<_>>();
        parts.map_err(|error| EmbedError::Config {
            path: file,
            why: error.to_string(),
        })
    }

    /// For the packed encoder.
    pub(crate) fn numbers(&self) -> Result<AdapterNumbers> {
        let all = |tensor: Option<&Tensor>| match tensor {
            Some(tensor) => tensor.flatten_all()?.to_vec1(),
            None => Ok(Vec::new()),
        };
        Ok(AdapterNumbers {
            down: all(Some(self.down.weight()))?,
            down_bias: all(self.down.bias())?,
            activation: self.activation.packed(),
            up: all(Some(self.up.weight()))?,
            up_bias: all(self.up.bias())?,
            scaling: self.scaling as f32,
        })
    }

    /// What a layer gives, `(texts, tokens, hidden)`: `inner` is the feed-forward part's, `attended` what it was given, and
    /// `norm` the layer's own.
    pub(super) fn forward(
        &self,
        inner: &Tensor,
        attended: &Tensor,
        norm: &LayerNorm,
    ) -> Result<Tensor> {
        let states = norm.forward(&(inner + attended)?)?;
        let narrow = self.activation.of(&self.down.forward(&states)?)?;
        let wide = (self.up.forward(&narrow)? * self.scaling)?;
        norm.forward(&((wide + inner)? + attended)?)
    }
}

/// Settings of the one kind of adapter that is implemented, that of the names `pfeiffer` and `seq_bn`.
const SETTINGS: [(&str, bool); 12] = [
    ("output_adapter", true),
    ("original_ln_before", true),
    ("original_ln_after", true),
    ("residual_before_ln", true),
    ("mh_adapter", false),
    ("cross_adapter", false),
    ("adapter_residual_before_ln", false),
    ("ln_before", false),
    ("ln_after", false),
    ("is_parallel", false),
    ("phm_layer", false),
    ("use_gating", false),
];

/// The models whose layers an adapter is known to go into.
const MODELS: [&str; 4] = ["bert", "roberta", "xlm-roberta", "camembert"];

/// The activation, and the factor of what the adapter adds.
fn settings(config: &Value, path: &Path) -> std::result::Result<(Activation, f64), EmbedError> {
    let refused = |(got, supported): (String, &'static str)| {
        unsupported(path.to_owned(), "the adapter", &got, supported)
    };
    if let Some(other) = other_kind(config) {
        return Err(refused(other));
    }
    let own = &config["config"];
    let activation = match own["non_linearity"].as_str() {
        Some("relu") => Activation::Relu,
        Some("swish") => Activation::Silu,
        _ => {
            let got = format!("non_linearity: {}", own["non_linearity"]);
            return Err(refused((got, "relu, swish")));
        }
    };
    match &own["scaling"] {
        Value::Null => Ok((activation, 1.0)),
        Value::Number(scaling) => Ok((activation, scaling.as_f64().unwrap_or(1.0))),
        other => Err(refused((format!("scaling: {other}"), "a number"))),
    }
}

/// What makes it another kind of adapter, and what is implemented instead.
fn other_kind(config: &Value) -> Option<(String, &'static str)> {
    let (kind, own) = (&config["model_type"], &config["config"]);
    if !config["peft_type"].is_null() {
        let got = format!("peft_type: {}", config["peft_type"]);
        return Some((got, "bottleneck adapters of the adapters library"));
    }
    if !MODELS.iter().any(|known| kind == known) {
        let got = format!("model_type: {kind}");
        return Some((got, "bert, roberta, xlm-roberta, camembert"));
    }
    if !own["architecture"].is_null() {
        let got = format!("architecture: {}", own["architecture"]);
        return Some((got, "none: bottleneck adapters"));
    }
    // What newer versions added is absent from older files, and off there.
    let other = |(key, value): &&(&str, bool)| match &own[*key] {
        Value::Null => *value,
        got => *got != json!(value),
    };
    if let Some((key, _)) = SETTINGS.iter().find(other) {
        return Some((
            format!("{key}: {}", own[*key]),
            "the settings of pfeiffer and seq_bn",
        ));
    }
    let left_out = own["leave_out"].as_array().is_some_and(|l| !l.is_empty());
    if left_out || !own["inv_adapter"].is_null() {
        let got = format!(
            "inv_adapter: {}, leave_out: {}",
            own["inv_adapter"], own["leave_out"]
        );
        return Some((got, "inv_adapter: null, leave_out: []"));
    }
    None
}

/// A linear layer whose tensors' names have `begin` in them, whatever is before that, and end with `end`.
fn linear(
    tensors: &HashMap<String, Tensor>,
    begin: &str,
    end: &str,
    place: &Place,
) -> Result<Linear> {
    let find = |what: &str| {
        let whole = format!("{begin}{end}.{what}");
        let found = tensors.iter().find(|(name, _)| {
            // "layer.1." must not be found in "other_layer.1." alone.
            name.strip_suffix(&whole)
                .is_some_and(|before| before.is_empty() || before.ends_with('.'))
        });
        match found {
            Some((_, tensor)) => tensor.to_device(&place.device)?.to_dtype(place.numbers),
            None => Err(candle_core::Error::Msg(format!("{whole} is missing"))),
        }
    };
    Ok(Linear::new(find("weight")?, Some(find("bias")?)))
}
