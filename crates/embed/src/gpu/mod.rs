//! Models on a GPU: every architecture of `stock/` with its weights as f32, f16 or bf16 on the device, batches sorted by
//! length, pooling and unit length on the device, and texts tokenized while it computes.
//!
//! What only a GPU can run is [`Device::open`] alone: everything here runs on Candle's CPU device too, where the tests run
//! it. Candle's tensors are copied from and to pageable memory; what is copied is ids, vectors and, for models whose tokens do not
//! see all others, a mask a batch.
//!
//! Not for: the CPU, where `fast/` is many times faster.

mod flights;
mod peak;
#[cfg(test)]
mod tests;
mod windows;

use crate::error::first_line;
use crate::fast::Plan;
use crate::stock::{Place, StockModel};
use crate::tokens::{Tokens, check};
use crate::{BatchStats, Device, EmbedError, Mode, Peak, SentenceConfig};
use candle_core::DType;
use flights::{Flights, Landed};
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A model on a device.
pub(crate) struct GpuModel {
    model: StockModel,
    place: Place,
    /// The device, for people.
    name: String,
    /// Most tokens of a batch that the device's memory was found to hold.
    fits: AtomicUsize,
}

/// What is embedded.
pub(crate) struct Job<'a> {
    /// How many texts.
    pub(crate) texts: usize,
    /// Most tokens in a batch, padding included.
    pub(crate) batch_tokens: usize,
    /// How many of a text's first tokens take no part in the pooling.
    pub(crate) skip: usize,
    /// Tokens of some of the texts.
    pub(crate) tokenize: &'a (dyn Fn(Range<usize>) -> Result<Vec<Tokens>, EmbedError> + Sync),
}

/// What came of it, each in the order of the texts.
#[derive(Default)]
pub(crate) struct Done {
    /// Unit vectors, one after the other.
    pub(crate) vectors: Vec<f32>,
    /// Tokens of each text.
    pub(crate) tokens: Vec<usize>,
    /// Which texts were cut.
    pub(crate) truncated: Vec<bool>,
    /// The batches in the order finished.
    pub(crate) batches: Vec<BatchStats>,
    /// Time to tokenize, most of it while the device computed.
    pub(crate) tokenize_time: Duration,
    /// Batches that did not fit the device's memory and were halved.
    pub(crate) halved: usize,
}

impl GpuModel {
    /// Reads the model of `folder` onto `device`, as the numbers that `mode` says: [`Mode::Auto`] is f16.
    pub(crate) fn load(
        folder: &Path,
        config: &SentenceConfig,
        device: Device,
        mode: Mode,
    ) -> Result<Self, EmbedError> {
        let numbers = match mode {
            Mode::Auto | Mode::F16 => DType::F16,
            Mode::Bf16 => DType::BF16,
            Mode::F32 => DType::F32,
            other => return Err(other.not_on(device)),
        };
        let (device, name) = device.open()?;
        Self::load_at(folder, config, Place { device, numbers }, name)
    }

    /// The same at any place.
    fn load_at(
        folder: &Path,
        config: &SentenceConfig,
        place: Place,
        name: String,
    ) -> Result<Self, EmbedError> {
        Ok(Self {
            model: StockModel::load_at(folder, config, &place)?,
            place,
            name,
            fits: AtomicUsize::new(usize::MAX),
        })
    }

    pub(crate) fn plan(&self) -> &Plan {
        self.model.plan()
    }

    /// Numbers a vector.
    pub(crate) fn dim(&self) -> usize {
        self.model.dim()
    }

    /// The device, for reports.
    pub(crate) fn device(&self) -> &str {
        &self.name
    }

    /// What runs, for reports.
    pub(crate) fn description(&self) -> String {
        let where_it_runs = if self.place.device.is_cpu() {
            "Candle"
        } else {
            "Candle, CUDA"
        };
        format!("{} ({where_it_runs})", self.place.numbers.as_str())
    }

    /// What the device multiplies at most, as Candle asks it to.
    pub(crate) fn measure_peak(&self, time: Duration) -> Result<Peak, EmbedError> {
        peak::measure(&self.place, peak::SIZE, time)
    }

    /// Embeds texts, tokenizing the next ones while the device computes. `progress` is called on the calling thread with
    /// the number of texts finished.
    pub(crate) fn embed(
        &self,
        job: &Job<'_>,
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Done, EmbedError> {
        let start = |texts: &[&Tokens]| self.model.vectors(texts, job.skip);
        let budget = job.batch_tokens.min(self.fits.load(Ordering::Relaxed));
        let mut flights = Flights::new(&start, budget, &self.name);
        let mut done = Done {
            vectors: vec![0f32; job.texts * self.dim()],
            ..Done::default()
        };
        let mut finished = 0;
        windows::in_turn(job, &mut |window| {
            let limits = self.model.limits();
            check(window.first, &window.tokens, limits.words, limits.positions)?;
            done.tokenize_time += window.time;
            done.tokens
                .extend(window.tokens.iter().map(|t| t.ids.len()));
            done.truncated
                .extend(window.tokens.iter().map(|t| t.truncated));
            flights.run(&window.tokens, &mut |landed| {
                self.keep(landed, window.first, &mut done)?;
                finished += landed.texts.len();
                match progress(finished) {
                    ControlFlow::Break(()) if finished < job.texts => Err(EmbedError::Cancelled {
                        done: finished,
                        of: job.texts,
                    }),
                    _ => Ok(()),
                }
            })
        })?;
        done.halved = flights.halved();
        if done.halved > 0 {
            self.fits.fetch_min(flights.budget(), Ordering::Relaxed);
        }
        Ok(done)
    }

    /// Puts the vectors of a batch where they belong.
    fn keep(&self, landed: &Landed<'_>, first: usize, done: &mut Done) -> Result<(), EmbedError> {
        let dim = self.dim();
        let finite = landed.vectors.iter().all(|x| x.is_finite());
        if !finite && self.place.numbers == DType::F16 {
            return Err(EmbedError::TooLargeForF16);
        }
        for (&text, row) in landed.texts.iter().zip(landed.vectors.chunks_exact(dim)) {
            done.vectors[(first + text) * dim..][..dim].copy_from_slice(row);
        }
        done.batches.push(landed.stats);
        Ok(())
    }
}

/// Whether the memory of the device was too small: CUDA's own error, or that of cuBLAS for its workspace.
fn is_out_of_memory(error: &candle_core::Error) -> bool {
    let text = first_line(error);
    text.contains("CUDA_ERROR_OUT_OF_MEMORY") || text.contains("CUBLAS_STATUS_ALLOC_FAILED")
}
