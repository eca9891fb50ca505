//! The settings of a distillation, their ranges, and what it tells while it runs.

use super::DistillError;

/// How a static model is made. The defaults are those measured best for all-MiniLM-L6-v2 on abstracts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DistillOptions {
    /// Length of a vector, at most the teacher's. Default 240: with 30,522 tokens, the folder stays below 8 MB.
    pub dim: usize,
    /// Phrases of random words of the vocabulary that are fitted beside the texts. Default 60,000.
    pub phrases: usize,
    /// How much a phrase counts beside a text, above 0. Default 0.3.
    pub phrase_weight: f32,
    /// The `a` of the weight `a / (a + frequency)` that tokens start with (Arora, Liang and Ma 2017). Default 0.001.
    pub sif: f64,
    /// Passes over texts and phrases. Default 5.
    pub epochs: usize,
    /// Texts a step. Default 512.
    pub batch: usize,
    /// Largest step size. Default 0.03.
    pub learning_rate: f32,
    /// Of the phrases and of the order of texts. Default 1.
    pub seed: u64,
}

impl Default for DistillOptions {
    fn default() -> Self {
        Self {
            dim: 240,
            phrases: 60_000,
            phrase_weight: 0.3,
            sif: 1e-3,
            epochs: 5,
            batch: 512,
            learning_rate: 0.03,
            seed: 1,
        }
    }
}

impl DistillOptions {
    /// Refuses what is out of range.
    pub(super) fn check(&self) -> Result<(), DistillError> {
        let positive = |x: f64| x.is_finite() && x > 0.0;
        let above_0 = "a number above 0";
        let checks = [
            ("dim", self.dim.to_string(), self.dim > 0, above_0),
            (
                "phrase_weight",
                self.phrase_weight.to_string(),
                positive(self.phrase_weight.into()),
                above_0,
            ),
            ("sif", self.sif.to_string(), positive(self.sif), above_0),
            ("epochs", self.epochs.to_string(), self.epochs > 0, above_0),
            ("batch", self.batch.to_string(), self.batch > 0, above_0),
            (
                "learning_rate",
                self.learning_rate.to_string(),
                positive(self.learning_rate.into()),
                above_0,
            ),
        ];
        match checks.into_iter().find(|(_, _, holds, _)| !holds) {
            Some((name, got, _, expected)) => Err(DistillError::Option {
                name,
                got,
                expected,
            }),
            None => Ok(()),
        }
    }

    /// Refuses more dimensions than the teacher has.
    pub(super) fn check_against(&self, teacher: usize) -> Result<(), DistillError> {
        if self.dim > teacher {
            return Err(DistillError::TooManyDimensions {
                dim: self.dim,
                teacher,
            });
        }
        Ok(())
    }
}

/// What a distillation is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DistillStep {
    /// The teacher embeds the texts: by far the longest step.
    Texts,
    /// The teacher embeds every token of the vocabulary.
    Vocabulary,
    /// The teacher embeds the phrases.
    Phrases,
    /// The vectors of tokens are fitted.
    Fit,
}

/// How far a distillation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DistillProgress {
    /// The step it is at.
    pub step: DistillStep,
    /// Texts embedded, or batches fitted.
    pub done: usize,
    /// Of so many.
    pub of: usize,
}
