//! Whether a model's vectors survive the rounding of [`Precision::Int16`], asked of the model itself: what it makes of a few
//! texts, both ways.
//!
//! It decides what `auto` runs. Not for: how far single texts are apart, which
//! `tests/narrow.rs` measures where there are real weights.

use super::remembered::Remembered;
use super::{FastEncoder, Precision};
use crate::models::ModelFolder;
use crate::tokens::{TextTokenizer, Tokens};
use crate::{EmbedError, SentenceConfig};

/// Least cosine of every text's two vectors for `auto` to take integers. Over a thousand abstracts the smallest cosine is
/// then to be .999 and more, which is a fifth as near: so few texts do not hold the worst one.
pub(crate) const ENOUGH: f64 = 0.9995;

/// What models are asked: a title, numbers, other languages, names, a word. Few, since they are run twice.
const TEXTS: [&str; 5] = [
    "Spectral gaps of sparse random graphs",
    "In a randomised trial of 412 adults, 5 mg daily lowered blood pressure by 7.3 mmHg more than placebo (95% CI 4.1-10.5, \
     p < 0.001); adverse events were as frequent in both arms.",
    "Das Verhalten großer Sprachmodelle bei seltenen Wörtern; 学习词的表示；обучение представлений",
    "arXiv:2101.00001v2 [cs.LG], GNN + LLM = ?",
    "cats",
];

/// The encoder to run where `auto` chose `int16`: itself where its vectors agree with those of f32, else the latter, with a
/// note in `config`.
///
/// # Errors
/// When a text cannot be tokenized or the weights cannot be read.
pub(crate) fn settle(
    model: &ModelFolder,
    config: &mut SentenceConfig,
    tokenizer: &TextTokenizer,
    int16: FastEncoder,
) -> Result<FastEncoder, EmbedError> {
    if int16.precision() == Precision::F32 {
        return Ok(int16);
    }
    let remembered = Remembered::of(model, config, &int16)?;
    let known = remembered.cosine();
    if known.is_some_and(|cosine| cosine >= ENOUGH) {
        return Ok(int16);
    }
    let exact = match FastEncoder::load(&model.folder, config, Precision::F32)? {
        Ok(exact) => exact,
        // It runs what int16 runs.
        Err(why) => return Err(EmbedError::Candle(candle_core::Error::Msg(why))),
    };
    let cosine = match known {
        Some(cosine) => cosine,
        None => {
            let cosine = smallest_cosine(&int16, &exact, &tokens(tokenizer, config)?)?;
            remembered.keep(cosine);
            cosine
        }
    };
    if cosine >= ENOUGH {
        return Ok(int16);
    }
    config.notes.push(format!(
        "mode int16 would move this model's vectors (cosine {cosine:.5}, and {ENOUGH} is asked): f32 runs, slower"
    ));
    Ok(exact)
}

/// The texts as papers.
fn tokens(tokenizer: &TextTokenizer, config: &SentenceConfig) -> Result<Vec<Tokens>, EmbedError> {
    let encode = |(index, text): (usize, &&str)| {
        let text = format!("{}{text}", config.prompts.document);
        let encoded = tokenizer.encode(&text);
        encoded.map_err(|why| EmbedError::Tokenize { index, why })
    };
    TEXTS.iter().enumerate().map(encode).collect()
}

/// The smallest cosine of the texts' vectors by both; NaN where there is one.
fn smallest_cosine(a: &FastEncoder, b: &FastEncoder, tokens: &[Tokens]) -> Result<f64, EmbedError> {
    a.check(tokens)?;
    let dim = a.dim();
    let unit = |model: &FastEncoder| -> Result<Vec<f32>, EmbedError> {
        // Two halves: packed with others or not, a text's vector is the same.
        let (first, last) = tokens.split_at(tokens.len() / 2);
        let embed = |part: &[Tokens]| model.embed(&part.iter().collect::<Vec<_>>(), 0);
        let (mut pooled, rest) = rayon::join(|| embed(first), || embed(last));
        pooled.extend(rest);
        model.finish(pooled)
    };
    let (ours, theirs) = (unit(a)?, unit(b)?);
    let cosines = ours.chunks_exact(dim).zip(theirs.chunks_exact(dim));
    let cosines = cosines.map(|(a, b)| {
        let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
        products.sum::<f64>()
    });
    let smaller = |a: f64, b: f64| if a.is_nan() || a < b { a } else { b };
    Ok(cosines.fold(1.0, smaller))
}
