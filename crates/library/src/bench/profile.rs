//! Where the time of a pass goes, in shares of the thread time of all passes.

use super::throughput::Pass;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use syntopic_embed::Part;

/// A part of the work and what it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfilePart {
    /// Its name.
    pub part: String,
    /// Seconds of threads, over all passes.
    pub thread_s: f64,
    /// Share of all that was counted, from 0 to 1.
    pub share: f64,
}

/// The parts that took any time, and what of the model's time none of them counts.
pub(super) fn parts(spent: &[(Part, Duration)], passes: &[Pass]) -> Vec<ProfilePart> {
    let seconds = |part: &Part| {
        let found = spent.iter().find(|(p, _)| p == part);
        found.map_or(0.0, |(_, time)| time.as_secs_f64())
    };
    let tokenizing = seconds(&Part::Tokenize);
    let counted: f64 = spent.iter().map(|(_, time)| time.as_secs_f64()).sum();
    let batches = passes.iter().flat_map(|pass| &pass.embedded.batches);
    let model: f64 = batches.map(|b| b.time.as_secs_f64()).sum();
    let rest = (model - (counted - tokenizing)).max(0.0);
    let all = counted + rest;
    let named = Part::ALL
        .iter()
        .map(|part| (part.name(), seconds(part)))
        .chain([("the rest of the model", rest)]);
    named
        .filter(|(_, time)| *time > 0.0)
        .map(|(part, thread_s)| ProfilePart {
            part: part.to_owned(),
            thread_s,
            share: thread_s / all,
        })
        .collect()
}
