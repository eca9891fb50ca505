//! The interface of text-embeddings-inference: `/embed`, `/similarity`, `/rerank`, `/info`, and a proper refusal of `/embed_sparse`.
//!
//! `/rerank` compares vectors of the query and of each text; a cross-encoder, which reads both together, is not served here.
//! `/health` and `/metrics` are those of the whole server.

use crate::app::{App, Shared};
use crate::errors::Failure;
use crate::input::Body;
use crate::shape::{maybe_object, object, word};
use crate::texts::{self, As, Text};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use syntopic_library::{SharedModel, TextKind, TokenText};

/// Most texts of one request.
const MOST_TEXTS: usize = 512;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/embed", post(embed))
        .route("/embed_sparse", post(embed_sparse))
        .route("/similarity", post(similarity))
        .route("/rerank", post(rerank))
        .route("/info", get(info))
}

/// A text, or the ids of its tokens.
#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Words(String),
    Ids(Vec<u32>),
}

impl From<Input> for Text {
    fn from(input: Input) -> Self {
        match input {
            Input::Words(text) => Self::Words(text),
            Input::Ids(ids) => Self::Tokens(ids),
        }
    }
}

/// One text or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Inputs {
    Many(Vec<Input>),
    One(Input),
}

impl Inputs {
    fn texts(self) -> Vec<Text> {
        match self {
            Self::One(input) => vec![input.into()],
            Self::Many(inputs) => inputs.into_iter().map(Text::from).collect(),
        }
    }
}

/// Which end of a long text is cut.
#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
enum Direction {
    #[default]
    #[serde(alias = "right")]
    Right,
    #[serde(alias = "left")]
    Left,
}

/// How texts are read.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Reading {
    /// Whether a text that is too long is cut; refused otherwise. Default: cut, as `/info` says by `auto_truncate`.
    truncate: Option<bool>,
    #[serde(deserialize_with = "word")]
    truncation_direction: Direction,
    prompt_name: Option<String>,
}

impl Reading {
    /// The prompt asked for, by name.
    fn kind(&self) -> Result<TextKind, Failure> {
        match self.prompt_name.as_deref() {
            None | Some("document" | "passage") => Ok(TextKind::Document),
            Some("query") => Ok(TextKind::Query),
            Some(_) => Err(Failure::invalid("prompt_name must be query or document")),
        }
    }

    fn read_as(&self, kind: TextKind) -> As {
        match self.truncation_direction {
            Direction::Right => As::Begun(kind),
            Direction::Left => As::Ended(kind),
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct EmbedBody {
    inputs: Inputs,
    /// Whether vectors are of unit length; default: yes. Otherwise of the length that the model gives them, where it gives others.
    normalize: Option<bool>,
    dimensions: Option<usize>,
    #[serde(flatten)]
    reading: Reading,
}

/// What vectors are wanted of.
struct Wanted<'a> {
    texts: Vec<Text>,
    kind: TextKind,
    reading: &'a Reading,
}

/// What the model reads of each text.
async fn read(
    app: &App,
    model: &SharedModel,
    wanted: Wanted<'_>,
) -> Result<Vec<TokenText>, Failure> {
    let Wanted {
        texts,
        kind,
        reading,
    } = wanted;
    if texts.is_empty() {
        let message = "inputs cannot be empty";
        return Err(Failure::new(StatusCode::BAD_REQUEST, "empty", message));
    }
    if texts.len() > MOST_TEXTS {
        let n = texts.len();
        let message = format!("batch size {n} > maximum allowed batch size {MOST_TEXTS}");
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        return Err(Failure::new(status, "too_large", message));
    }
    if texts
        .iter()
        .any(|text| matches!(text, Text::Words(words) if words.is_empty()))
    {
        return Err(Failure::invalid("inputs cannot hold an empty text"));
    }
    let read = texts::read(app, model, texts, reading.read_as(kind)).await?;
    if reading.truncate == Some(false)
        && let Some(at) = read.iter().position(|text| text.is_truncated())
    {
        let most = model.identity().max_tokens;
        let message =
            format!("input {at} has more than {most} tokens: send truncate: true to cut it");
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        return Err(Failure::new(status, "too_long", message));
    }
    Ok(read)
}

/// Unit vectors of texts.
async fn vectors(
    app: &App,
    model: &SharedModel,
    wanted: Wanted<'_>,
) -> Result<Vec<Vec<f32>>, Failure> {
    let read = read(app, model, wanted).await?;
    Ok(texts::embed(app, model.clone(), read).await?.rows)
}

/// Vectors of texts, at `/embed` and at the bare address.
pub(crate) async fn embed(
    app: Shared,
    Body(asked): Body<EmbedBody>,
) -> Result<Json<Vec<Vec<f32>>>, Failure> {
    let model = app.pool.model().await?;
    let raw = asked.normalize == Some(false);
    if raw && !model.gives_raw() {
        let message = "normalize: false: this model gives vectors of unit length alone, as static models and models on a GPU do here";
        return Err(Failure::invalid(message));
    }
    let cut = texts::check_dim(&model, asked.dimensions)?;
    let wanted = Wanted {
        texts: asked.inputs.texts(),
        kind: asked.reading.kind()?,
        reading: &asked.reading,
    };
    let mut read = read(&app, &model, wanted).await?;
    if raw {
        read = read.into_iter().map(TokenText::raw).collect();
    }
    let rows = texts::embed(&app, model, read).await?.rows;
    let cut = |row| if raw { cut.begin(row) } else { cut.of(row) };
    Ok(Json(rows.into_iter().map(cut).collect()))
}

async fn embed_sparse() -> Failure {
    let message =
        "`/embed_sparse` needs a SPLADE model, and this one gives dense vectors: use /embed";
    Failure::new(StatusCode::FAILED_DEPENDENCY, "no_sparse_model", message)
}

#[derive(Deserialize)]
struct SimilarityBody {
    #[serde(deserialize_with = "object")]
    inputs: SimilarityInputs,
    #[serde(default, deserialize_with = "maybe_object")]
    parameters: Option<Reading>,
}

#[derive(Deserialize)]
struct SimilarityInputs {
    source_sentence: String,
    sentences: Vec<String>,
}

/// Cosines of one vector with others, all of unit length.
fn cosines(rows: &[Vec<f32>]) -> Vec<f32> {
    let Some((first, rest)) = rows.split_first() else {
        return Vec::new();
    };
    let cosine = |row: &Vec<f32>| first.iter().zip(row).map(|(a, b)| a * b).sum::<f32>();
    rest.iter()
        .map(|row| cosine(row).clamp(-1.0, 1.0))
        .collect()
}

async fn similarity(
    app: Shared,
    Body(asked): Body<SimilarityBody>,
) -> Result<Json<Vec<f32>>, Failure> {
    let SimilarityInputs {
        source_sentence,
        sentences,
    } = asked.inputs;
    if sentences.is_empty() {
        let message = "inputs.sentences cannot be empty";
        return Err(Failure::new(StatusCode::BAD_REQUEST, "empty", message));
    }
    let texts = std::iter::once(source_sentence).chain(sentences);
    let reading = asked.parameters.unwrap_or_default();
    let wanted = Wanted {
        texts: texts.map(Text::Words).collect(),
        kind: reading.kind()?,
        reading: &reading,
    };
    let model = app.pool.model().await?;
    let rows = vectors(&app, &model, wanted).await?;
    Ok(Json(cosines(&rows)))
}

#[derive(Deserialize)]
struct RerankBody {
    query: String,
    texts: Vec<String>,
    /// Cosines, from -1 to 1, rather than the same from 0 to 1.
    #[serde(default)]
    raw_scores: bool,
    #[serde(default)]
    return_text: bool,
    #[serde(flatten)]
    reading: Reading,
}

#[derive(Debug, Serialize, PartialEq)]
struct Rank {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    score: f32,
}

async fn rerank(app: Shared, Body(asked): Body<RerankBody>) -> Result<Json<Vec<Rank>>, Failure> {
    let texts: Vec<Text> = asked.texts.iter().cloned().map(Text::Words).collect();
    let query = vec![Text::Words(asked.query)];
    let model = app.pool.model().await?;
    let wanted = |texts, kind| Wanted {
        texts,
        kind,
        reading: &asked.reading,
    };
    let (query, rows) = tokio::try_join!(
        vectors(&app, &model, wanted(query, TextKind::Query)),
        vectors(&app, &model, wanted(texts, TextKind::Document)),
    )?;
    let rows: Vec<Vec<f32>> = query.into_iter().chain(rows).collect();
    let texts = asked.return_text.then_some(asked.texts);
    Ok(Json(ranks(&cosines(&rows), texts, asked.raw_scores)))
}

/// The best first, ties in the order given.
fn ranks(cosines: &[f32], texts: Option<Vec<String>>, raw: bool) -> Vec<Rank> {
    let mut texts: Vec<Option<String>> = match texts {
        Some(texts) => texts.into_iter().map(Some).collect(),
        None => vec![None; cosines.len()],
    };
    let mut ranks: Vec<Rank> = (cosines.iter().zip(&mut texts).enumerate())
        .map(|(index, (cosine, text))| Rank {
            index,
            text: text.take(),
            score: if raw { *cosine } else { 0.5 * (1.0 + cosine) },
        })
        .collect();
    ranks.sort_by(|a, b| b.score.total_cmp(&a.score));
    ranks
}

async fn info(app: Shared) -> Result<Json<Value>, Failure> {
    let model = app.pool.model().await?;
    let identity = model.identity();
    Ok(Json(json!({
        "model_id": identity.name,
        "model_sha": identity.revision,
        "model_dtype": model.mode(),
        "model_type": { "embedding": { "pooling": identity.pooling } },
        "max_concurrent_requests": crate::pool::MOST_WAITING,
        "max_input_length": identity.max_tokens,
        "max_batch_tokens": app.batcher.budget(),
        "max_batch_requests": null,
        "max_client_batch_size": MOST_TEXTS,
        "auto_truncate": true,
        "tokenization_workers": crate::app::READERS,
        "version": env!("CARGO_PKG_VERSION"),
        "rerank": "bi-encoder: cosines of vectors, no cross-encoder",
    })))
}

/// The error of a request, as text-embeddings-inference tells it.
pub(crate) fn error_body(failure: &Failure) -> Value {
    let kind = match failure.status.as_u16() {
        400 if failure.code == "empty" => "Empty",
        429 => "Overloaded",
        422 if failure.code == "no_tokens" => "Tokenizer",
        424 => "Backend",
        503 => "Unhealthy",
        500.. => "Backend",
        _ => "Validation",
    };
    json!({ "error": failure.message, "error_type": kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_is_first_and_ties_keep_their_order() {
        let rows = [
            vec![1.0, 0.0],
            vec![0.0, 1.0],
            vec![0.6, 0.8],
            vec![0.6, 0.8],
        ];
        let cosines = cosines(&rows);
        assert_eq!(cosines, [0.0, 0.6, 0.6]);
        let texts = Some(["a", "b", "c"].map(String::from).to_vec());
        let told = ranks(&cosines, texts, false);
        let order: Vec<usize> = told.iter().map(|rank| rank.index).collect();
        assert_eq!(order, [1, 2, 0]);
        assert_eq!((told[0].score, told[0].text.as_deref()), (0.8, Some("b")));
        assert_eq!(ranks(&cosines, None, true)[2].score, 0.0);
    }
}
