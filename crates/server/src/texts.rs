//! Texts of a request to vectors: read by the tokenizer on a pool of threads, then embedded in turn with everybody else's.
//!
//! Not for: what other services call these things (`openai.rs`, `tei.rs`).

use crate::app::App;
use crate::batch::Vectors;
use crate::errors::Failure;
use crate::input::checked_text;
use std::time::Instant;
use syntopic_library::{LibraryError, SharedModel, TextKind, TokenText};

/// Something to embed.
pub(crate) enum Text {
    Words(String),
    /// Ids of the model's tokenizer.
    Tokens(Vec<u32>),
}

/// How many numbers of a vector are wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers(usize);

impl Numbers {
    /// The first of them as they are.
    pub(crate) fn begin(self, mut row: Vec<f32>) -> Vec<f32> {
        row.truncate(self.0);
        row
    }

    /// The first of them, of unit length again.
    pub(crate) fn of(self, row: Vec<f32>) -> Vec<f32> {
        if row.len() <= self.0 {
            return row;
        }
        let row = self.begin(row);
        let length = row
            .iter()
            .map(|x| f64::from(*x).powi(2))
            .sum::<f64>()
            .sqrt();
        // A beginning of nothing but zeros has no direction, and stays.
        let length = if length > 0.0 { length } else { 1.0 };
        row.iter()
            .map(|x| (f64::from(*x) / length) as f32)
            .collect()
    }
}

/// That vectors may be cut to this length: one that the model says it was trained for.
pub(crate) fn check_dim(model: &SharedModel, asked: Option<usize>) -> Result<Numbers, Failure> {
    let whole = model.identity().dim;
    let trained = model.trained_dims();
    match asked {
        None => Ok(Numbers(whole)),
        Some(asked) if asked == whole || (asked < whole && trained.contains(&asked)) => {
            Ok(Numbers(asked))
        }
        Some(asked) => {
            let also: String = trained.iter().map(|dim| format!(", or {dim}")).collect();
            let message = format!("vectors of this model have {whole} numbers{also}, not {asked}");
            Err(Failure::invalid(message))
        }
    }
}

/// What a text is read as, and from which end where it is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum As {
    /// Its beginning.
    Begun(TextKind),
    /// Its end.
    Ended(TextKind),
}

/// What the model reads of each text.
pub(crate) async fn read(
    app: &App,
    model: &SharedModel,
    texts: Vec<Text>,
    read_as: As,
) -> Result<Vec<TokenText>, Failure> {
    app.batcher.check_room()?;
    let admitted = app.admitted.try_acquire();
    let _admitted = admitted.map_err(|_| Failure::overloaded())?;
    let texts = texts.into_iter().map(|text| match text {
        Text::Words(words) => checked_text("a text", words).map(Text::Words),
        tokens => Ok(tokens),
    });
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    let model = model.clone();
    let place = app.reading.acquire().await;
    let _place = place.map_err(|_| Failure::panicked())?;
    let begun = Instant::now();
    let read = tokio::task::spawn_blocking(move || {
        let one = |text: &Text| match text {
            Text::Words(words) => match read_as {
                As::Begun(kind) => model.read(words, kind),
                As::Ended(kind) => model.read_end(words, kind),
            },
            Text::Tokens(ids) => match read_as {
                As::Begun(_) => model.read_ids(ids),
                As::Ended(_) => model.read_end_of_ids(ids),
            },
        };
        texts.iter().map(one).collect::<Result<Vec<_>, _>>()
    });
    let read = read.await.map_err(|_| Failure::panicked())?;
    app.metrics.tei.tokenized(begun.elapsed());
    read.map_err(|error| LibraryError::from(error).into())
}

/// Their vectors, by the model that read them.
pub(crate) async fn embed(
    app: &App,
    model: SharedModel,
    texts: Vec<TokenText>,
) -> Result<Vectors, Failure> {
    let n = texts.len();
    let made = app.batcher.embed(model, texts).await?;
    app.metrics.tei.embedded(n, &made);
    Ok(made)
}
