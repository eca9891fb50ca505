//! OpenAI's `/v1/embeddings` and `/v1/models`, as its clients ask them.
//!
//! Differences that are said: a text longer than the model reads is cut, and `truncated` names it, where OpenAI refuses it; and
//! lists of tokens are of the served model's tokenizer.

use crate::app::Shared;
use crate::errors::Failure;
use crate::input::{Body, MOST_LETTERS, Named};
use crate::shape::word;
use crate::texts::{self, As, Text};
use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use syntopic_library::{SharedModel, TextKind};

/// Most inputs of one request, as OpenAI has it.
const MOST_INPUTS: usize = 2_048;

pub(crate) fn routes() -> Router<Arc<crate::app::App>> {
    Router::new()
        .route("/v1/embeddings", post(embeddings))
        .route("/v1/models", get(models))
        .route("/v1/models/{model}", get(model))
}

/// A model, as `/v1/models` lists it.
#[derive(Serialize)]
struct ModelBody {
    id: String,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
}

impl ModelBody {
    fn of(model: &SharedModel) -> Self {
        Self {
            id: model.identity().name.clone(),
            object: "model",
            created: 0,
            owned_by: "syntopic",
        }
    }
}

async fn models(app: Shared) -> Result<Json<Value>, Failure> {
    let model = ModelBody::of(&app.pool.model().await?);
    Ok(Json(
        serde_json::json!({ "object": "list", "data": [model] }),
    ))
}

async fn model(app: Shared, Named(name): Named) -> Result<Json<ModelBody>, Failure> {
    let model = app.pool.model().await?;
    check_model(&model, &name)?;
    Ok(Json(ModelBody::of(&model)))
}

/// That the model asked for is the one that is served; its name may go without its organisation.
fn check_model(model: &SharedModel, asked: &str) -> Result<(), Failure> {
    let served = &model.identity().name;
    let short = |name: &str| name.rsplit('/').next().unwrap_or_default().to_lowercase();
    if short(served) == short(asked) {
        return Ok(());
    }
    let message = format!("the model is not served here: this server has {served}");
    Err(Failure::new(StatusCode::NOT_FOUND, "model_not_found", message).of("model"))
}

#[derive(Deserialize)]
struct Asked {
    input: Value,
    model: String,
    #[serde(default, deserialize_with = "word")]
    encoding_format: Encoding,
    dimensions: Option<usize>,
    /// Taken and not looked at, as OpenAI does for its own ends.
    #[serde(rename = "user")]
    _user: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    #[default]
    Float,
    Base64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Numbers {
    Float(Vec<f32>),
    Base64(String),
}

#[derive(Serialize)]
struct Embedding {
    object: &'static str,
    index: usize,
    embedding: Numbers,
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: usize,
    total_tokens: usize,
}

#[derive(Serialize)]
struct Answer {
    object: &'static str,
    data: Vec<Embedding>,
    model: String,
    usage: Usage,
    /// Places of the inputs that the model read the beginning of alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    truncated: Vec<usize>,
}

async fn embeddings(app: Shared, Body(asked): Body<Asked>) -> Result<Response, Failure> {
    let model = app.pool.model().await?;
    check_model(&model, &asked.model)?;
    let cut = texts::check_dim(&model, asked.dimensions).map_err(|e| e.of("dimensions"))?;
    let inputs = inputs(asked.input).map_err(|failure| failure.of("input"))?;
    let read = texts::read(&app, &model, inputs, As::Begun(TextKind::Document)).await;
    let read = read.map_err(|failure| failure.of("input"))?;
    let tokens = read.iter().map(|text| text.n_tokens()).sum();
    let truncated = (0..read.len()).filter(|at| read[*at].is_truncated());
    let truncated = truncated.collect();
    let name = model.identity().name.clone();
    let rows = texts::embed(&app, model, read).await?.rows;
    let data = rows.into_iter().enumerate().map(|(index, row)| {
        let row = cut.of(row);
        let embedding = match asked.encoding_format {
            Encoding::Float => Numbers::Float(row),
            Encoding::Base64 => {
                let bytes: Vec<u8> = row.iter().flat_map(|x| x.to_le_bytes()).collect();
                Numbers::Base64(BASE64_STANDARD.encode(bytes))
            }
        };
        Embedding {
            object: "embedding",
            index,
            embedding,
        }
    });
    let answer = Answer {
        object: "list",
        data: data.collect(),
        model: name,
        usage: Usage {
            prompt_tokens: tokens,
            total_tokens: tokens,
        },
        truncated,
    };
    Ok(Json(answer).into_response())
}

/// A string, strings, a list of tokens, or such lists.
fn inputs(input: Value) -> Result<Vec<Text>, Failure> {
    let wrong = || {
        let message =
            "input must be a text, a list of texts, a list of tokens or a list of such lists";
        Failure::invalid(message)
    };
    let inputs = match input {
        Value::String(text) => vec![Text::Words(text)],
        Value::Array(all) if all.first().is_some_and(Value::is_number) => vec![tokens(&all)?],
        Value::Array(all) => {
            let one = |value: Value| match value {
                Value::String(text) => Ok(Text::Words(text)),
                Value::Array(ids) => tokens(&ids),
                _ => Err(wrong()),
            };
            all.into_iter().map(one).collect::<Result<_, _>>()?
        }
        _ => return Err(wrong()),
    };
    if inputs.is_empty() || inputs.len() > MOST_INPUTS {
        let n = inputs.len();
        let message = format!("input has {n} values: send 1 to {MOST_INPUTS}");
        return Err(Failure::invalid(message));
    }
    for input in &inputs {
        match input {
            Text::Words(text) if text.is_empty() => {
                return Err(Failure::invalid("input holds an empty text"));
            }
            Text::Tokens(ids) if ids.is_empty() || ids.len() > MOST_LETTERS => {
                let message = format!(
                    "a list of tokens has {}: send 1 to {MOST_LETTERS}",
                    ids.len()
                );
                return Err(Failure::invalid(message));
            }
            _ => {}
        }
    }
    Ok(inputs)
}

fn tokens(values: &[Value]) -> Result<Text, Failure> {
    let id = |value: &Value| {
        let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
        id.ok_or_else(|| Failure::invalid(format!("{value} is no token")))
    };
    values
        .iter()
        .map(id)
        .collect::<Result<_, _>>()
        .map(Text::Tokens)
}

/// The error of a request, as OpenAI tells it.
pub(crate) fn error_body(failure: &Failure) -> Value {
    let kind = match failure.status.as_u16() {
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    };
    let code = match failure.code {
        "wrong_key" => "invalid_api_key",
        "overloaded" => "rate_limit_exceeded",
        code => code,
    };
    serde_json::json!({ "error": {
        "message": failure.message, "type": kind, "param": failure.parameter, "code": code,
    } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn inputs_are_texts_or_tokens_and_nothing_else() {
        let n = |input: Value| inputs(input).map(|inputs| inputs.len()).ok();
        assert_eq!(n(json!("a")), Some(1));
        assert_eq!(n(json!(["a", "b"])), Some(2));
        assert_eq!(n(json!([5, 6, 7])), Some(1));
        assert_eq!(n(json!([[5], [6, 7]])), Some(2));
        for wrong in [
            json!(""),
            json!([]),
            json!(["a", ""]),
            json!([[]]),
            json!([-1]),
            json!([1.5]),
            json!([1, "a"]),
            json!([4_294_967_296_u64]),
            json!({"a": 1}),
            json!(null),
            json!(7),
            json!(vec!["a"; MOST_INPUTS + 1]),
        ] {
            assert_eq!(n(wrong.clone()), None, "{wrong}");
        }
    }
}
