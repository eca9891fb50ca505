//! `syntopic bench`: `embed` in its forms, and `index`.

mod beside;
mod children;
mod compare;
mod print;

use super::print_json;
use crate::args::{Arguments, Bench, BenchArguments, BenchEmbedArguments};
use crate::bars::Bars;
use crate::exit;
use beside::{Beside, read_peers};
use clap::CommandFactory;
use clap::error::ErrorKind;
use serde::Serialize;
use std::io::Write;
use syntopic_library::bench::{EmbedBench, Ours, Sweep, embed, first_vector, latency, lengths};
use syntopic_library::models::ModelSources;
use syntopic_library::{Mode, Source};

pub(crate) fn run(
    arguments: &Arguments,
    verb: &BenchArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let json = arguments.json;
    let output = Output { json, bars, out };
    match &verb.what {
        Bench::Embed(verb) => run_embed(verb, output),
        Bench::Index(verb) => super::bench_index::run(arguments, verb, output),
    }
}

/// Where a report goes.
pub(super) struct Output<'a> {
    pub(super) json: bool,
    pub(super) bars: &'a Bars,
    pub(super) out: &'a mut dyn Write,
}

impl Output<'_> {
    /// A report as JSON or as text.
    pub(super) fn show<R: Serialize>(
        &mut self,
        report: &R,
        print: impl Fn(&R, &mut dyn Write) -> anyhow::Result<()>,
    ) -> anyhow::Result<u8> {
        self.bars.clear();
        if self.json {
            print_json(self.out, report)?;
        } else {
            print(report, self.out)?;
        }
        Ok(exit::DONE)
    }
}

fn run_embed(verb: &BenchEmbedArguments, mut output: Output<'_>) -> anyhow::Result<u8> {
    verb.on.device.check()?;
    for mode in &verb.mode {
        mode.parse::<Mode>()?;
    }
    if verb.compare || sweep(verb).is_several() {
        let alone = [
            (verb.save.is_some(), "--save"),
            (verb.profile, "--profile"),
            (!verb.lengths.is_empty(), "--lengths"),
            (verb.cold, "--cold"),
            (verb.dim.dim.is_some(), "--dim"),
        ];
        if let Some((_, option)) = alone.iter().find(|(given, _)| *given) {
            return Ok(refuse(&format!(
                "{option} takes one model, mode, number of threads and batch size: give one value of each"
            )));
        }
        return compare::run(verb, output);
    }
    if verb.cold {
        return match children::cold(verb, output.bars)? {
            Ok(report) => output.show(&report, print::cold),
            Err(failed) => Ok(failed.told(output.bars)),
        };
    }
    if let Some(&threads) = verb.threads.first() {
        // The first use of rayon in this process, so nothing has made its pool yet.
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()?;
    }
    run_one(verb, output)
}

/// One configuration, in this process.
fn run_one(verb: &BenchEmbedArguments, mut output: Output<'_>) -> anyhow::Result<u8> {
    let bench = options(verb)?;
    let sources = ModelSources::from_env();
    let bars = output.bars;
    let progress = &mut |event: syntopic_library::Event<'_>| bars.show(event);
    if verb.first_vector {
        let said = first_vector(&bench, &sources, progress)?;
        // One line, which the process that waits for it reads as it comes.
        writeln!(output.out, "{}", serde_json::to_string(&said)?)?;
        return Ok(exit::DONE);
    }
    if !verb.lengths.is_empty() {
        let report = lengths(&bench, &verb.lengths, &sources, progress)?;
        return output.show(&report, print::lengths);
    }
    let peers = read_peers(verb, bars)?;
    if verb.latency {
        let report = latency(&bench, &sources, progress)?;
        let against = peers.map(|peers| peers.beside(&[Ours::from(&report)]));
        return Beside { report, against }.show(output, print::latency);
    }
    let report = embed(&bench, &sources, progress)?;
    let against = peers.map(|peers| peers.beside(&[Ours::from(&report)]));
    Beside { report, against }.show(output, print::throughput)
}

/// What the library is asked to measure.
fn options(verb: &BenchEmbedArguments) -> anyhow::Result<EmbedBench> {
    let defaults = EmbedBench::default();
    Ok(EmbedBench {
        source: verb.file.clone().map(Source::File),
        model: verb.model.first().cloned(),
        cut: verb.dim.cut(),
        limit: verb.n,
        repeat: verb.repeat.unwrap_or(defaults.repeat),
        batch_tokens: verb.batch_tokens.first().copied(),
        mode: match verb.mode.first() {
            Some(mode) => mode.parse()?,
            None => defaults.mode,
        },
        device: verb.on.device,
        profile: verb.profile,
        save: verb.save.clone(),
    })
}

fn sweep(verb: &BenchEmbedArguments) -> Sweep {
    Sweep {
        static_models: Vec::new(),
        models: verb.model.clone(),
        modes: verb.mode.clone(),
        threads: verb.threads.clone(),
        batch_tokens: verb.batch_tokens.clone(),
        device: verb.on.device,
    }
}

/// Says what is wrong with the command line, as clap does for what it can see itself.
fn refuse(why: &str) -> u8 {
    let error = Arguments::command().error(ErrorKind::ArgumentConflict, why);
    // A closed pipe is no reason to fail again.
    let _ = error.print();
    exit::USAGE
}
