//! Batches on a device that computes while we go on: several are started before the first is waited for, and one that does
//! not fit the device's memory is halved.
//!
//! Not for: what a batch runs; that is a closure, so that tests can run out of memory without a GPU.

use super::is_out_of_memory;
use crate::embedder::length_sorted_batches;
use crate::error::first_line;
use crate::tokens::Tokens;
use crate::{BatchStats, EmbedError};
use candle_core::Tensor;
use std::time::{Duration, Instant};

/// Batches started before they are waited for. Starting one takes about as long as a fast GPU needs to compute it.
const TOGETHER: usize = 8;

/// Starts a batch: unit vectors, `(texts, dim)`, that may still be in the making.
pub(super) type Start<'a> = &'a dyn Fn(&[&Tokens]) -> candle_core::Result<Tensor>;

/// Hears of a batch that is finished; an error ends the work.
pub(super) type Land<'a> = &'a mut dyn FnMut(&Landed<'_>) -> Result<(), EmbedError>;

/// Runs batches.
pub(super) struct Flights<'a> {
    start: Start<'a>,
    /// Most tokens in a batch, padding included.
    budget: usize,
    /// The device, for messages.
    device: &'a str,
    halved: usize,
    flying: Vec<Flying>,
    took_off: Instant,
}

/// A batch that was started.
struct Flying {
    texts: Vec<usize>,
    vectors: Tensor,
}

/// A finished batch.
pub(super) struct Landed<'a> {
    /// Positions of its texts.
    pub(super) texts: &'a [usize],
    /// Their vectors, one after the other.
    pub(super) vectors: &'a [f32],
    /// Its time is its share, by tokens computed, of the time of the batches that flew together.
    pub(super) stats: BatchStats,
}

impl<'a> Flights<'a> {
    pub(super) fn new(start: Start<'a>, budget: usize, device: &'a str) -> Self {
        Self {
            start,
            budget,
            device,
            halved: 0,
            flying: Vec::new(),
            took_off: Instant::now(),
        }
    }

    /// Most tokens in a batch, after what was learnt of the device's memory.
    pub(super) fn budget(&self) -> usize {
        self.budget
    }

    /// Batches that did not fit.
    pub(super) fn halved(&self) -> usize {
        self.halved
    }

    /// Runs `tokens` in batches of similar length, the longest first, so that what does not fit is known soon. All have
    /// landed at the end.
    pub(super) fn run(&mut self, tokens: &[Tokens], land: Land<'_>) -> Result<(), EmbedError> {
        let mut waiting = length_sorted_batches(tokens, self.budget);
        while let Some(mut batch) = waiting.pop() {
            let padded = padded(&batch, tokens);
            if padded > self.budget && batch.len() > 1 {
                waiting.push(batch.split_off(batch.len() / 2));
                waiting.push(batch);
                continue;
            }
            if self.flying.is_empty() {
                self.took_off = Instant::now();
            }
            let members: Vec<&Tokens> = batch.iter().map(|&i| &tokens[i]).collect();
            match (self.start)(&members) {
                Ok(vectors) => self.flying.push(Flying {
                    texts: batch,
                    vectors,
                }),
                Err(error) if is_out_of_memory(&error) => {
                    let flew = !self.flying.is_empty();
                    self.land(tokens, land)?;
                    self.make_room(&batch, padded, flew, &error)?;
                    waiting.push(batch);
                }
                Err(error) => return Err(error.into()),
            }
            if self.flying.len() >= TOGETHER {
                self.land(tokens, land)?;
            }
        }
        self.land(tokens, land)
    }

    /// A batch did not fit: later ones, and itself, are to be half as large. A single text is tried again alone.
    fn make_room(
        &mut self,
        batch: &[usize],
        padded: usize,
        flew: bool,
        error: &candle_core::Error,
    ) -> Result<(), EmbedError> {
        if batch.len() > 1 {
            self.budget = padded / 2;
            self.halved += 1;
        } else if !flew {
            return Err(EmbedError::DeviceMemory {
                device: self.device.to_owned(),
                tokens: padded,
                why: first_line(error),
            });
        }
        Ok(())
    }

    /// Waits for all batches that fly.
    fn land(&mut self, tokens: &[Tokens], land: Land<'_>) -> Result<(), EmbedError> {
        let mut vectors = Vec::with_capacity(self.flying.len());
        for flying in &self.flying {
            vectors.push(flying.vectors.flatten_all()?.to_vec1::<f32>()?);
        }
        let time = self.took_off.elapsed();
        let flown = std::mem::take(&mut self.flying);
        let all: usize = flown.iter().map(|f| padded(&f.texts, tokens)).sum();
        for (flying, vectors) in flown.iter().zip(&vectors) {
            let padded_tokens = padded(&flying.texts, tokens);
            let share = padded_tokens as f64 / all.max(1) as f64;
            land(&Landed {
                texts: &flying.texts,
                vectors,
                stats: BatchStats {
                    texts: flying.texts.len(),
                    tokens: flying.texts.iter().map(|&i| tokens[i].ids.len()).sum(),
                    padded_tokens,
                    time: Duration::from_secs_f64(time.as_secs_f64() * share),
                },
            })?;
        }
        Ok(())
    }
}

/// Tokens that a batch computes, padding included.
fn padded(batch: &[usize], tokens: &[Tokens]) -> usize {
    let longest = batch.iter().map(|&i| tokens[i].ids.len()).max();
    batch.len() * longest.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fast::of_lengths;
    use candle_core::{Device, Error};
    use std::cell::RefCell;

    /// A device whose memory holds `room` tokens, and what it ran: texts by tokens, in the order started. A vector is the
    /// number of tokens of its text.
    struct Fake {
        room: usize,
        ran: RefCell<Vec<(usize, usize)>>,
    }

    impl Fake {
        fn start(&self, texts: &[&Tokens]) -> candle_core::Result<Tensor> {
            let lengths: Vec<f32> = texts.iter().map(|t| t.ids.len() as f32).collect();
            let longest = texts.iter().map(|t| t.ids.len()).max().unwrap_or(0);
            self.ran.borrow_mut().push((texts.len(), longest));
            if texts.len() * longest > self.room {
                // As CUDA's driver says it through cudarc and Candle.
                let why = "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")";
                return Err(Error::Cuda(why.into()));
            }
            Tensor::from_vec(lengths, (texts.len(), 1), &Device::Cpu)
        }
    }

    /// The vectors by text, how often a batch was halved, the budget afterwards, and what ran.
    type Outcome = (Vec<f32>, usize, usize, Vec<(usize, usize)>);

    fn run(lengths: &[usize], budget: usize, room: usize) -> Result<Outcome, EmbedError> {
        let tokens = of_lengths(lengths);
        let fake = Fake {
            room,
            ran: RefCell::default(),
        };
        let start = |texts: &[&Tokens]| fake.start(texts);
        let mut flights = Flights::new(&start, budget, "cuda:7");
        let mut vectors = vec![0f32; lengths.len()];
        flights.run(&tokens, &mut |landed| {
            for (&text, vector) in landed.texts.iter().zip(landed.vectors) {
                assert_eq!(vectors[text], 0.0, "text {text} ran twice");
                vectors[text] = *vector;
            }
            assert_eq!(landed.stats.texts, landed.texts.len());
            Ok(())
        })?;
        let (halved, budget) = (flights.halved(), flights.budget());
        Ok((vectors, halved, budget, fake.ran.take()))
    }

    #[test]
    fn every_text_runs_once_and_the_longest_come_first() {
        let lengths = [5, 1, 9, 5, 3, 20];
        let (vectors, halved, budget, ran) = run(&lengths, 10, usize::MAX).expect("vectors");
        assert_eq!(vectors, lengths.map(|n| n as f32));
        assert_eq!((halved, budget), (0, 10));
        assert_eq!(ran, [(1, 20), (1, 9), (2, 5), (2, 3)]);
        assert!(run(&[], 10, 10).expect("nothing").0.is_empty());
    }

    #[test]
    fn a_batch_that_does_not_fit_is_halved_and_so_are_those_after_it() {
        let lengths: Vec<usize> = (0..64).map(|i| 1 + i % 7).collect();
        let (vectors, halved, budget, ran) = run(&lengths, 400, 60).expect("vectors");
        let expected: Vec<f32> = lengths.iter().map(|n| *n as f32).collect();
        assert_eq!(vectors, expected);
        assert!(
            halved > 0 && budget <= 60 && budget > 15,
            "{halved}, {budget}"
        );
        let too_large = ran.iter().filter(|(n, width)| n * width > 60).count();
        assert_eq!(
            too_large, halved,
            "what did not fit once is not tried again: {ran:?}"
        );
    }

    #[test]
    fn what_flies_lands_before_a_batch_is_halved() {
        // Twelve batches of one text, then one of many: more than fly together.
        let lengths: Vec<usize> = [[50; 12].as_slice(), &[2; 40]].concat();
        let (vectors, halved, _, _) = run(&lengths, 60, 50).expect("vectors");
        assert_eq!(vectors.iter().sum::<f32>(), 680.0);
        assert_eq!(halved, 1);
    }

    #[test]
    fn a_single_text_that_does_not_fit_is_an_error_that_says_so() {
        let error = run(&[3, 80, 2], 100, 50).expect_err("refused").to_string();
        let expected = "cuda:7 has too little memory for a single text of 80 tokens: DriverError(CUDA_ERROR_OUT_OF_MEMORY, \
                        \"out of memory\"); run it with --device cpu";
        assert_eq!(error, expected);
    }

    #[test]
    fn other_errors_and_wishes_to_stop_end_the_work() {
        let tokens = of_lengths(&[2; 40]);
        let fails = |_: &[&Tokens]| {
            Err(Error::Cuda(
                "DriverError(CUDA_ERROR_ILLEGAL_ADDRESS)".into(),
            ))
        };
        let mut flights = Flights::new(&fails, 2, "cuda:0");
        let error = flights.run(&tokens, &mut |_| Ok(())).expect_err("fails");
        assert!(error.to_string().contains("ILLEGAL_ADDRESS"), "{error}");
        let works = |texts: &[&Tokens]| {
            Tensor::zeros((texts.len(), 1), candle_core::DType::F32, &Device::Cpu)
        };
        let mut flights = Flights::new(&works, 2, "cuda:0");
        let stop = &mut |_: &Landed<'_>| Err(EmbedError::Cancelled { done: 1, of: 40 });
        let error = flights.run(&tokens, stop).expect_err("stopped");
        assert!(matches!(error, EmbedError::Cancelled { done: 1, of: 40 }));
    }
}
