//! Encoders on CPU at the speed of the hardware, in f32, bfloat16, or integers of 16 or 8 bits: packed weights, packed texts, no padding.
//!
//! What an architecture is made of is a plan (`plan.rs`), and one loop runs all of them (`encode.rs`). Candle reads the
//! weights, and the plain path (`stock/`) is the twin that tests compare with. The tokens of several
//! texts form one matrix for the linear layers; attention runs per text and head (`encode.rs`). A text's vector is the
//! same bit for bit whatever it is batched with and however many threads run.
//!
//! Not for: GPUs.

mod adapter;
mod agreement;
mod attention;
mod bytes;
mod checkpoint;
mod encode;
mod functions;
mod groups;
mod halves;
mod isa;
mod linear;
mod matrix;
mod names;
mod number;
mod plan;
mod product;
mod quantise;
mod remembered;
mod rotary;
mod rowwise;
mod split;
mod tile;
mod vector;
mod weights;

pub(crate) use agreement::settle;
pub(crate) use groups::Run;
#[cfg(test)]
pub(crate) use groups::tests::of_lengths;
pub(crate) use matrix::Precision;
pub(crate) use names::{BERT, DISTILBERT, JINA, MODERN, MPNET, NOMIC, QWEN3, ROBERTA};
pub(crate) use plan::{NormKind, Places, Plan, Relative, View};
pub(crate) use rowwise::Activation;

use crate::stock::Dense;
use crate::tokens::{Tokens, check};
use crate::{EmbedError, PoolingMode, SentenceConfig};
use encode::Scratch;
use isa::Isa;
use plan::Planned;
use split::SplitScratch;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use weights::Weights;

/// A loaded encoder with its weights packed for this CPU.
pub(crate) struct FastEncoder {
    weights: Weights,
    /// More than one are set side by side.
    poolings: Vec<PoolingMode>,
    dense: Vec<Dense>,
    isa: Isa,
    /// Buffers of threads that are not running, so that a warm call allocates none.
    idle: Mutex<Vec<Scratch>>,
    /// Buffers of texts that several threads run.
    idle_split: Mutex<Vec<SplitScratch>>,
}

impl FastEncoder {
    /// Reads the configuration and the weights of `folder`; why this path does not run the model, where it does not.
    pub(crate) fn load(
        folder: &Path,
        config: &SentenceConfig,
        precision: Precision,
    ) -> Result<Result<Self, String>, EmbedError> {
        let plan = match Plan::read(folder, config)? {
            Planned::Runs(plan) => plan,
            Planned::Refused(why) => return Ok(Err(why)),
        };
        let poolings = config.poolings();
        let dense = Dense::load_all(
            folder,
            &config.dense,
            poolings.len() * plan.hidden,
            &candle_core::Device::Cpu,
        )?;
        Ok(Ok(Self {
            weights: Weights::read(folder, plan, precision)?,
            poolings,
            dense,
            isa: Isa::best(),
            idle: Mutex::default(),
            idle_split: Mutex::default(),
        }))
    }

    /// What runs, for reports.
    pub(crate) fn description(&self) -> String {
        let precision = self.precision();
        let (name, isa) = (precision.name(), self.isa.name(precision));
        format!("{name} {isa} (packed)")
    }

    pub(crate) fn precision(&self) -> Precision {
        self.weights.precision
    }

    /// The fastest precision on this CPU.
    pub(crate) fn fastest() -> Precision {
        Isa::best().fastest()
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.weights.plan
    }

    /// Numbers a vector.
    pub(crate) fn dim(&self) -> usize {
        let last = self.dense.last();
        last.map_or(self.pooled(), |dense| dense.outputs)
    }

    /// Numbers of a pooled vector.
    fn pooled(&self) -> usize {
        self.poolings.len() * self.weights.plan.hidden
    }

    /// Whether every text has a token, none more than the model has positions, and all are of its vocabulary.
    pub(crate) fn check(&self, texts: &[Tokens]) -> Result<(), EmbedError> {
        let (words, positions) = (self.weights.plan.words, self.weights.plan.longest());
        check(0, texts, words, positions)
    }

    /// Pooled vectors of checked texts, row-major `(texts.len(), pooled)`; the first `skip` tokens of a text take no part in
    /// pooling.
    fn embed(&self, texts: &[&Tokens], skip: usize) -> Vec<f32> {
        with_idle(&self.idle, |scratch| self.encode(texts, skip, scratch))
    }

    /// The pooled vector of one checked text, soonest: on up to `threads` threads of rayon's pool.
    fn embed_split(&self, text: &Tokens, skip: usize, threads: usize) -> Vec<f32> {
        // Inside the pool, where handing work on costs microseconds.
        rayon::scope(|_| {
            with_idle(&self.idle_split, |scratch| {
                self.encode_split(text, skip, threads, scratch)
            })
        })
    }
}

/// Runs `f` with buffers that no other thread uses.
fn with_idle<S: Default, R>(idle: &Mutex<Vec<S>>, f: impl FnOnce(&mut S) -> R) -> R {
    // A buffer is overwritten before it is read, whatever a thread that panicked left in it.
    let lock = || idle.lock().unwrap_or_else(PoisonError::into_inner);
    let taken = lock().pop();
    let mut scratch = taken.unwrap_or_default();
    let result = f(&mut scratch);
    lock().push(scratch);
    result
}

#[cfg(test)]
mod tests {
    use super::isa::tests::every_isa;
    use super::*;

    /// The tiny BERT of the reference files.
    fn tiny(precision: Precision) -> FastEncoder {
        let folder =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/tiny/bert-cls");
        let mut config = SentenceConfig::read(&folder).expect("a configuration");
        config.pooling_mode = PoolingMode::Mean;
        let loaded = FastEncoder::load(&folder, &config, precision).expect("a model");
        loaded.expect("one that runs")
    }

    fn text(length: usize) -> Tokens {
        Tokens {
            ids: (0..length)
                .map(|i| (i * 37 + length) as u32 % 1_500)
                .collect(),
            truncated: false,
        }
    }

    #[test]
    fn the_portable_path_and_this_cpus_agree_and_splitting_changes_no_bit() {
        let texts: Vec<Tokens> = [1, 2, 7, 16, 33, 128].map(text).into();
        let exact = run(&mut tiny(Precision::F32), &texts, Isa::Portable);
        for precision in [
            Precision::F32,
            Precision::Int16,
            Precision::Int8,
            Precision::Bf16,
        ] {
            assert_paths_agree(precision, &texts, &exact);
        }
    }

    /// A last bit of f32 that differs may move a number to the next integer, and from there on two paths round differently: then
    /// neither is nearer to f32 than the other, and each is about as far from it as the portable one is.
    fn assert_paths_agree(precision: Precision, texts: &[Tokens], exact: &[f32]) {
        let largest = |a: &[f32], b: &[f32]| {
            let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
            differences.fold(0f32, f32::max)
        };
        let mut model = tiny(precision);
        let portable = run(&mut model, texts, Isa::Portable);
        let rounding = largest(&portable, exact);
        let (allowed, allowed_from_f32) = match precision {
            Precision::F32 => (1e-6, 1e-6),
            Precision::Int16 => (1e-4, 1.5 * rounding),
            Precision::Int8 | Precision::Bf16 => (rounding.min(1e-2), 1.5 * rounding),
        };
        let mut vectors = Vec::new();
        for isa in every_isa() {
            let ours = run(&mut model, texts, isa);
            let (apart, from_f32) = (largest(&ours, &portable), largest(&ours, exact));
            println!(
                "{precision:?}, {isa:?}: largest difference from the portable path {apart:e}, from f32 {from_f32:e}, where the \
                 portable path's is {rounding:e}"
            );
            assert!(
                apart <= allowed && from_f32 <= allowed_from_f32,
                "{precision:?}, {isa:?}: {apart} apart, {allowed} allowed; {from_f32} from f32, {allowed_from_f32} allowed"
            );
            vectors.push((isa, ours));
        }
        // All but the portable path multiply and add in one step, and all sum in one order; `vdpbf16ps` rounds its own way.
        if precision != Precision::Bf16 {
            let fused = vectors.get(1..).unwrap_or_default();
            for pair in fused.windows(2) {
                assert_eq!(pair[0].1, pair[1].1, "{:?}, {:?}", pair[0].0, pair[1].0);
            }
        }
    }

    /// All texts together, which must be what each alone gives on any number of threads.
    fn run(model: &mut FastEncoder, texts: &[Tokens], isa: Isa) -> Vec<f32> {
        model.isa = isa;
        let members: Vec<&Tokens> = texts.iter().collect();
        let together = model.embed(&members, 0);
        for (text, expected) in texts.iter().zip(together.chunks(64)) {
            for threads in 1..5 {
                assert_eq!(model.embed_split(text, 0, threads), expected, "{isa:?}");
            }
        }
        together
    }

    #[test]
    fn what_the_model_cannot_read_is_an_error_not_a_panic() {
        let model = tiny(Precision::F32);
        assert!(model.check(&[text(1), text(128)]).is_ok());
        let unknown = Tokens {
            ids: vec![1, 1_500],
            truncated: false,
        };
        for (wrong, message) in [
            (text(0), "has 0 tokens"),
            (text(129), "has 129 tokens"),
            (unknown, "token 1500"),
        ] {
            let error = model.check(&[wrong]).expect_err("refused").to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
