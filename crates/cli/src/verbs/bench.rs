//! `syntopic bench embed`

use super::{count, print_json};
use crate::args::{Arguments, Bench, BenchArguments};
use crate::bars::Bars;
use crate::exit;
use std::io::Write;
use syntopic_library::Source;
use syntopic_library::bench::{EmbedBench, EmbedBenchReport, embed};
use syntopic_library::models::ModelSources;

pub(crate) fn run(
    arguments: &Arguments,
    verb: &BenchArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let verb = match &verb.what {
        Bench::Embed(verb) => verb,
        Bench::Index(verb) => return super::bench_index::run(arguments, verb, bars, out),
    };
    if let Some(threads) = verb.threads {
        // The first use of rayon in this process, so nothing has made its pool yet.
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()?;
    }
    let bench = EmbedBench {
        source: verb.file.clone().map(Source::File),
        model: verb.model.clone(),
        limit: verb.n,
        repeat: verb.repeat,
        batch_tokens: verb.batch_tokens,
        mode: verb.mode.parse()?,
        save: verb.save.clone(),
    };
    let report = embed(&bench, &ModelSources::from_env(), &mut |event| {
        bars.show(event)
    })?;
    bars.clear();
    if arguments.json {
        print_json(out, &report)?;
    } else {
        print(&report, out)?;
    }
    Ok(exit::DONE)
}

fn print(r: &EmbedBenchReport, out: &mut dyn Write) -> anyhow::Result<()> {
    let lines = what(r).into_iter().chain(rates(r)).chain(machine(r));
    for (name, value) in lines {
        writeln!(out, "{name:<12}{value}")?;
    }
    Ok(())
}

/// A name and what is said of it.
type Line = (&'static str, String);

/// What was measured.
fn what(r: &EmbedBenchReport) -> Vec<Line> {
    let processor = r.cpu.as_deref().unwrap_or("unknown processor");
    let model = format!("{} on {}, {} ({processor})", r.model, r.device, r.mode);
    let skipped = match r.skipped {
        0 => String::new(),
        n => format!(", {} skipped", count(n, "record")),
    };
    let texts = count(r.texts, "text");
    let input = format!("{}: {texts}, {} truncated{skipped}", r.input, r.truncated);
    let t = &r.tokens_per_text;
    let tokens = format!(
        "{:.0} a text on average ({:.0} to {:.0}, median {:.0})",
        t.mean, t.min, t.max, t.p50
    );
    vec![("model", model), ("input", input), ("tokens", tokens)]
}

/// How fast it was.
fn rates(r: &EmbedBenchReport) -> Vec<Line> {
    let (slow, fast) = r.sent_per_s_range;
    let abstracts = format!(
        "{:.2}/s (median of {}, {slow:.2} to {fast:.2})",
        r.sent_per_s,
        passes(r.repeat)
    );
    let tokens = format!(
        "{:.0} tokens/s without padding, {:.1}% of the time tokenizing",
        r.tok_per_s,
        r.tokenize_share * 100.0
    );
    let padding = format!(
        "{:.1}% of the computed tokens ({} tokens a batch)",
        r.padding_share * 100.0,
        r.batch_tokens
    );
    let b = &r.batch_ms;
    let batch = format!(
        "{:.1} ms median, {:.1} p90, {:.1} p99, {:.1} at most",
        b.p50, b.p90, b.p99, b.max
    );
    vec![
        ("abstracts", abstracts),
        ("", tokens),
        ("padding", padding),
        ("batch", batch),
    ]
}

/// What of the machine it used.
fn machine(r: &EmbedBenchReport) -> Vec<Line> {
    let peak = format!(
        "{:.1} of {:.1} Gop/s ({}, {}): {:.1}%",
        r.achieved_gops,
        r.peak_gops,
        r.peak_instructions,
        count(r.threads, "thread"),
        r.peak_share * 100.0
    );
    let threads = format!(
        "{} processors, Candle {}, rayon {}",
        r.cpus, r.candle_threads, r.rayon_threads
    );
    let number = |value: Option<f64>, unit: &str| {
        value.map_or_else(|| String::from("unknown"), |v| format!("{v:.1}{unit}"))
    };
    let memory = format!("{} at most", number(r.peak_rss_mb, " MB"));
    let processor = format!(
        "{} over all passes, load before {}",
        number(r.cpu_s, " s"),
        number(r.load, "")
    );
    vec![
        ("peak", peak),
        ("threads", threads),
        ("memory", memory),
        ("processor", processor),
    ]
}

fn passes(n: usize) -> String {
    if n == 1 {
        String::from("1 pass")
    } else {
        format!("{n} passes")
    }
}
