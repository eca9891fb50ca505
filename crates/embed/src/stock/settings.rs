//! What `config.json` says of an encoder, in the words of both generations of transformers.

use crate::EmbedError;
use crate::config::{read_json, unsupported};
use crate::fast;
use candle_core::{Result, Tensor};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The function between the two layers of a feed-forward part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Activation {
    /// Gauss' own, with the error function.
    #[serde(rename = "gelu")]
    Gelu,
    /// Its approximation by tanh.
    #[serde(rename = "gelu_new", alias = "gelu_pytorch_tanh")]
    GeluTanh,
    #[serde(rename = "relu")]
    Relu,
    #[serde(rename = "silu", alias = "swish")]
    Silu,
}

impl Activation {
    /// What the packed encoder calls it.
    pub(super) fn packed(self) -> fast::Activation {
        match self {
            Activation::Gelu => fast::Activation::Gelu,
            Activation::GeluTanh => fast::Activation::GeluTanh,
            Activation::Relu => fast::Activation::Relu,
            Activation::Silu => fast::Activation::Silu,
        }
    }

    pub(super) fn of(self, states: &Tensor) -> Result<Tensor> {
        match self {
            Activation::Gelu => states.gelu_erf(),
            Activation::GeluTanh => states.gelu(),
            Activation::Relu => states.relu(),
            Activation::Silu => states.silu(),
        }
    }
}

/// A `config.json` that is asked for its members by name.
pub(super) struct Settings {
    path: PathBuf,
    config: Value,
}

impl Settings {
    pub(super) fn read(folder: &Path) -> std::result::Result<Self, EmbedError> {
        let path = folder.join("config.json");
        Ok(Self {
            config: read_json(&path)?,
            path,
        })
    }

    /// The first of `names` that is there.
    pub(super) fn get<T: DeserializeOwned>(
        &self,
        names: &[&str],
    ) -> std::result::Result<T, EmbedError> {
        match self.find(names)? {
            Some(value) => Ok(value),
            None => Err(self.wrong(format!("{} is missing", names.join(" or ")))),
        }
    }

    /// The same, where it may be absent or null.
    pub(super) fn find<T: DeserializeOwned>(
        &self,
        names: &[&str],
    ) -> std::result::Result<Option<T>, EmbedError> {
        let named = |name: &&str| match self.config.get(*name) {
            None | Some(Value::Null) => None,
            Some(value) => Some((name.to_string(), value.clone())),
        };
        let Some((name, value)) = names.iter().find_map(named) else {
            return Ok(None);
        };
        match serde_json::from_value(value) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(self.wrong(format!("{name}: {error}"))),
        }
    }

    /// A number that is not nought, nor more than memory could hold of what it counts.
    pub(super) fn size(&self, names: &[&str]) -> std::result::Result<usize, EmbedError> {
        let name = names[0];
        let most = if name.contains("layer") {
            4_096
        } else {
            1 << 24
        };
        match self.get(names)? {
            0 => Err(self.wrong(format!("{name} is 0"))),
            size if size > most => Err(self.wrong(format!(
                "{name} is {size}, and no model has more than {most}"
            ))),
            size => Ok(size),
        }
    }

    /// Number and width of the heads of a layer that is `hidden` wide.
    pub(super) fn heads(
        &self,
        hidden: usize,
        names: &[&str],
    ) -> std::result::Result<usize, EmbedError> {
        let heads = self.size(names)?;
        if hidden.is_multiple_of(heads) {
            return Ok(heads);
        }
        Err(self.wrong(format!(
            "its width of {hidden} is not a multiple of its {heads} heads"
        )))
    }

    /// Refuses settings that would change the vectors and are not implemented: each must be absent, null, or that value.
    pub(super) fn only(
        &self,
        values: &[(&'static str, Value)],
    ) -> std::result::Result<(), EmbedError> {
        for (name, implemented) in values {
            let got = &self.config[*name];
            let same = match (got.as_f64(), implemented.as_f64()) {
                // 1 is 1.0.
                (Some(got), Some(implemented)) => got == implemented,
                _ => got == implemented,
            };
            if !got.is_null() && !same {
                return Err(EmbedError::Config {
                    path: self.path.clone(),
                    why: format!(
                        "the setting \"{name}: {got}\" is not supported (supported: {implemented})"
                    ),
                });
            }
        }
        Ok(())
    }

    /// Refuses another value under a second name that transformers gives a setting: one of the two would be ignored.
    pub(super) fn same(
        &self,
        setting: (&str, usize),
        second: &str,
    ) -> std::result::Result<(), EmbedError> {
        let (name, value) = setting;
        match self.find::<usize>(&[second])? {
            Some(other) if other != value => Err(self.wrong(format!(
                "{second} is {other}, which contradicts {name}, by which it is {value}"
            ))),
            _ => Ok(()),
        }
    }

    /// The base of the rotary frequencies: of `kind` in `rope_parameters`, as transformers writes since 5, or by its older
    /// names. Scaled ones are refused.
    pub(super) fn theta(
        &self,
        kind: Option<&str>,
        older: &[&str],
    ) -> std::result::Result<f64, EmbedError> {
        let all = &self.config["rope_parameters"];
        let parameters = match kind {
            Some(kind) => &all[kind],
            None => all,
        };
        let scaling = &self.config["rope_scaling"];
        for given in [parameters, scaling].into_iter().filter(|p| !p.is_null()) {
            let name = given["rope_type"].as_str().or(given["type"].as_str());
            if name != Some("default") {
                return Err(unsupported(
                    self.path.clone(),
                    "the rotary embedding",
                    &given.to_string(),
                    "rope_type default",
                ));
            }
        }
        match parameters["rope_theta"].as_f64() {
            Some(theta) => Ok(theta),
            None => self.get(older),
        }
    }

    pub(super) fn wrong(&self, why: String) -> EmbedError {
        EmbedError::Config {
            path: self.path.clone(),
            why,
        }
    }
}
