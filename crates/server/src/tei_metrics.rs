//! The metrics that text-embeddings-inference has, by its names, for dashboards that know them.
//!
//! Not for: requests of the whole server (`metrics.rs`).

use crate::batch::{Ran, Vectors};
use crate::metrics::{Times, head};
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Upper ends of the buckets of sizes: texts or tokens.
const SIZES: [f64; 12] = [
    1.0, 4.0, 16.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 16384.0, 65536.0,
];

#[derive(Default)]
struct Counts {
    requests: u64,
    success: u64,
    failure: u64,
    texts: u64,
    duration: Times,
    tokenization: Times,
    queue: Times,
    inference: Times,
    batch_size: Times,
    batch_tokens: Times,
}

/// Counts of everything that was embedded for callers.
#[derive(Default)]
pub(crate) struct TeiMetrics(Mutex<Counts>);

impl TeiMetrics {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request to embed was answered.
    pub(crate) fn answered(&self, well: bool, time: Duration) {
        let mut counts = self.counts();
        counts.requests += 1;
        counts.success += u64::from(well);
        counts.failure += u64::from(!well);
        counts.duration.add(time.as_secs_f64());
    }

    pub(crate) fn tokenized(&self, time: Duration) {
        self.counts().tokenization.add(time.as_secs_f64());
    }

    pub(crate) fn embedded(&self, texts: usize, made: &Vectors) {
        let mut counts = self.counts();
        counts.texts += texts as u64;
        counts.queue.add(made.queued.as_secs_f64());
        counts.inference.add(made.running.as_secs_f64());
    }

    pub(crate) fn ran(&self, ran: Ran) {
        let mut counts = self.counts();
        counts.batch_size.add_within(ran.texts as f64, &SIZES);
        counts.batch_tokens.add_within(ran.tokens as f64, &SIZES);
    }

    /// All of it; `waiting` texts are in the queue.
    pub(crate) fn write(&self, text: &mut String, waiting: usize) {
        let counts = self.counts();
        for (name, help, n) in [
            ("te_request_count", "Requests to embed", counts.requests),
            (
                "te_request_success",
                "Requests to embed that went well",
                counts.success,
            ),
            (
                "te_request_failure",
                "Requests to embed that did not",
                counts.failure,
            ),
            ("te_embed_count", "Texts embedded", counts.texts),
        ] {
            head(text, name, "counter", help);
            let _ = writeln!(text, "{name} {n}");
        }
        head(text, "te_queue_size", "gauge", "Texts that wait");
        let _ = writeln!(text, "te_queue_size {waiting}");
        for (name, help, times) in [
            ("te_request_duration", "Seconds a request", &counts.duration),
            (
                "te_request_tokenization_duration",
                "Seconds to tokenize",
                &counts.tokenization,
            ),
            (
                "te_request_queue_duration",
                "Seconds in the queue",
                &counts.queue,
            ),
            (
                "te_request_inference_duration",
                "Seconds in the model",
                &counts.inference,
            ),
        ] {
            head(text, name, "histogram", help);
            times.write(text, name, "");
        }
        for (name, help, sizes) in [
            ("te_batch_next_size", "Texts a batch", &counts.batch_size),
            (
                "te_batch_next_tokens",
                "Tokens a batch",
                &counts.batch_tokens,
            ),
        ] {
            head(text, name, "histogram", help);
            sizes.write_within(text, name, "", &SIZES);
        }
    }
}
