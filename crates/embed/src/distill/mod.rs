//! A static embedding model made from any model: minutes on a CPU, then a thousand times as fast, at some loss.
//!
//! Every token of the vocabulary goes through the teacher, is weighted by how rare it is and brought to fewer dimensions
//! (Model2Vec: van Dongen and Tulkens 2024); then the vectors of tokens are fitted, so that the mean over a text comes near
//! the teacher's vector of that text (as Tokenlearn does), on the texts given and on phrases of random words.
//!
//! Not for: reading such a model (`static_model`), or choosing papers to fit on.

mod error;
mod fit;
mod options;
mod phrases;
mod principal;
mod random;
mod write;

use crate::EmbedError;
pub use error::DistillError;
use fit::{Examples, Plan, fit};
pub use options::{DistillOptions, DistillProgress, DistillStep};
use principal::Basis;
use random::Random;
use rayon::prelude::*;
use std::ops::ControlFlow;
use tokenizers::Tokenizer;
pub use write::{Distilled, Provenance};

/// Texts that the teacher is given at once; between two such calls the work can be cancelled.
const AT_ONCE: usize = 1024;

/// Texts to unit vectors, `(texts.len(), dim)`, row after row.
pub type TeacherFn<'a> = dyn FnMut(&[&str]) -> Result<Vec<f32>, EmbedError> + 'a;

/// The model that is learnt from.
pub struct Teacher<'a> {
    /// Its `tokenizer.json`; the static model takes it over.
    pub tokenizer: &'a [u8],
    /// What gives its vectors; it is asked for about a thousand texts at once.
    pub embed: &'a mut TeacherFn<'a>,
}

/// Makes a static model from `teacher`, fitted on `texts` (some thousand abstracts of the kind it is meant for; what is
/// not among them is not learnt). The same inputs and the same seed give the same bytes, whatever the number of threads, as
/// far as the teacher does.
///
/// # Errors
/// When an option is out of range, there is no text, the teacher fails, or `progress` asked to stop.
pub fn distill<T: AsRef<str> + Sync>(
    teacher: Teacher<'_>,
    texts: &[T],
    options: &DistillOptions,
    progress: &mut dyn FnMut(DistillProgress) -> ControlFlow<()>,
) -> Result<Distilled, DistillError> {
    options.check()?;
    let vocabulary = Vocabulary::read(teacher.tokenizer)?;
    let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
    if texts.is_empty() {
        return Err(DistillError::NoTexts);
    }
    let mut ask = Ask {
        embed: teacher.embed,
        progress,
        dim: None,
    };
    let mut random = Random::new(options.seed);

    let said = ask.all(&texts, DistillStep::Texts)?;
    let dim = said.len() / texts.len();
    options.check_against(dim)?;
    let basis = Basis::of(&said, dim, options.dim);
    let mut examples = Examples::default();
    let bags = vocabulary.bags(&texts)?;
    let mut table = vocabulary.start(&mut ask, &basis, &bags, options)?;
    examples.extend(bags, &basis.project(&said), options.dim, 1.0);
    drop(said);

    let phrases = vocabulary.phrases(options, &mut random);
    let phrases: Vec<&str> = phrases.iter().map(String::as_str).collect();
    let targets = basis.project(&ask.all(&phrases, DistillStep::Phrases)?);
    let bags = vocabulary.bags(&phrases)?;
    examples.extend(bags, &targets, options.dim, options.phrase_weight);

    let loss = fit_all(&mut table, &examples, options, &mut random, ask.progress)?;
    let (embeddings, weights) = Distilled::round(&table, options.dim);
    Ok(Distilled {
        dim: options.dim,
        embeddings,
        weights,
        tokenizer: vocabulary.json()?,
        loss,
        share: basis.share,
        fitted_on: (texts.len(), phrases.len()),
        sif: options.sif,
    })
}

fn fit_all(
    table: &mut [f32],
    examples: &Examples,
    options: &DistillOptions,
    random: &mut Random,
    progress: &mut dyn FnMut(DistillProgress) -> ControlFlow<()>,
) -> Result<f64, DistillError> {
    let plan = Plan {
        epochs: options.epochs,
        batch: options.batch,
        learning_rate: options.learning_rate,
        dim: options.dim,
    };
    let mut report = |done, of| {
        progress(DistillProgress {
            step: DistillStep::Fit,
            done,
            of,
        })
    };
    match fit(table, examples, &plan, random, &mut report) {
        ControlFlow::Continue(loss) => Ok(loss),
        ControlFlow::Break(()) => Err(DistillError::Cancelled),
    }
}

/// The teacher, asked in portions.
struct Ask<'a, 'b> {
    embed: &'a mut TeacherFn<'a>,
    progress: &'b mut dyn FnMut(DistillProgress) -> ControlFlow<()>,
    /// Length of its vectors, once known.
    dim: Option<usize>,
}

impl Ask<'_, '_> {
    /// Vectors of `texts`, `(n, dim)`.
    fn all(&mut self, texts: &[&str], step: DistillStep) -> Result<Vec<f32>, DistillError> {
        let of = texts.len();
        let mut rows = Vec::new();
        for (i, part) in texts.chunks(AT_ONCE).enumerate() {
            let said = (self.embed)(part)?;
            let dim = *self.dim.get_or_insert(said.len() / part.len());
            if dim == 0 || said.len() != dim * part.len() {
                return Err(DistillError::TeacherShape {
                    got: said.len(),
                    texts: part.len(),
                });
            }
            rows.extend_from_slice(&said);
            let done = i * AT_ONCE + part.len();
            if (self.progress)(DistillProgress { step, done, of }).is_break() {
                return Err(DistillError::Cancelled);
            }
        }
        Ok(rows)
    }
}

/// The teacher's tokenizer and the pieces it knows, by id.
struct Vocabulary {
    tokenizer: Tokenizer,
    /// Empty where an id has no piece.
    pieces: Vec<String>,
    /// Ids that are no text: `[CLS]` and the like.
    special: Vec<bool>,
}

impl Vocabulary {
    fn read(json: &[u8]) -> Result<Self, DistillError> {
        let error = |e: tokenizers::Error| DistillError::Tokenizer(e.to_string());
        let mut tokenizer = Tokenizer::from_bytes(json).map_err(error)?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(error)?;
        let known = tokenizer.get_vocab(true);
        let len = known.values().max().map_or(0, |&id| id as usize + 1);
        let mut pieces = vec![String::new(); len];
        for (piece, id) in known {
            pieces[id as usize] = piece;
        }
        let mut special = vec![false; len];
        for (&id, token) in &tokenizer.get_added_tokens_decoder() {
            special[id as usize] = token.special;
        }
        Ok(Self {
            tokenizer,
            pieces,
            special,
        })
    }

    fn json(&self) -> Result<String, DistillError> {
        self.tokenizer
            .to_string(false)
            .map_err(|e| DistillError::Tokenizer(e.to_string()))
    }

    /// The tokens of each text, without special ones.
    fn bags(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>, DistillError> {
        texts
            .par_iter()
            .map(|text| match self.tokenizer.encode_fast(*text, false) {
                Ok(encoding) => Ok(encoding.get_ids().to_vec()),
                Err(e) => Err(DistillError::Tokenizer(e.to_string())),
            })
            .collect()
    }

    fn phrases(&self, options: &DistillOptions, random: &mut Random) -> Vec<String> {
        phrases::phrases(&phrases::words(&self.pieces), options.phrases, random)
    }

    /// The table to start from: what the teacher says of each piece, in the basis, weighted by its rarity in `bags`.
    /// Special tokens get nothing.
    fn start(
        &self,
        ask: &mut Ask<'_, '_>,
        basis: &Basis,
        bags: &[Vec<u32>],
        options: &DistillOptions,
    ) -> Result<Vec<f32>, DistillError> {
        let texts: Vec<&str> = self
            .pieces
            .iter()
            .map(|piece| phrases::plain(piece))
            .collect();
        let mut table = basis.project(&ask.all(&texts, DistillStep::Vocabulary)?);
        let mut counts = vec![1usize; self.pieces.len()];
        bags.iter()
            .flatten()
            .for_each(|&id| counts[id as usize] += 1);
        let total = counts.iter().sum::<usize>() as f64;
        for (id, row) in table.chunks_exact_mut(options.dim).enumerate() {
            let frequency = counts[id] as f64 / total;
            let weight = if self.special[id] {
                0.0
            } else {
                options.sif / (options.sif + frequency)
            };
            row.iter_mut().for_each(|x| *x *= weight as f32);
        }
        Ok(table)
    }
}
