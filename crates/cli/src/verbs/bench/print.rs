//! The reports of `syntopic bench embed` as text.

use super::super::count;
use crate::table::{self, Column};
use std::io::Write;
use syntopic_library::bench::{
    ColdReport, EmbedBenchReport, LatencyReport, LengthPoint, LengthsReport, Machine, ProfilePart,
    Setting,
};

/// Papers a second, and what of the machine they took.
pub(super) fn throughput(r: &EmbedBenchReport, out: &mut dyn Write) -> anyhow::Result<()> {
    write(out, what(r).into_iter().chain(rates(r)).chain(machine(r)))?;
    let Some(parts) = &r.profile else {
        return Ok(());
    };
    let row = |part: &ProfilePart| {
        vec![
            part.part.clone(),
            format!("{:.2}", part.thread_s),
            format!("{:.1}%", part.share * 100.0),
        ]
    };
    let rows: Vec<Vec<String>> = parts.iter().map(row).collect();
    let columns = [Column::Left, Column::Right, Column::Right];
    table::write(out, &columns, &["part", "thread s", "share"], &rows)?;
    Ok(())
}

/// Milliseconds a title.
pub(super) fn latency(r: &LatencyReport, out: &mut dyn Write) -> anyhow::Result<()> {
    let input = format!(
        "{}: {}, {:.0} tokens on average{}, one at a time, {}",
        r.input,
        count(r.texts, "title"),
        r.tokens_per_text.mean,
        skipped(r.skipped),
        passes(r.repeat)
    );
    let times = format!(
        "{:.3} ms median, {:.3} p90, {:.3} p95, {:.3} p99, {:.3} to {:.3}",
        r.p50_ms, r.p90_ms, r.p95_ms, r.p99_ms, r.min_ms, r.max_ms
    );
    let lines = [
        ("model", model(&r.setting)),
        ("input", input),
        ("a title", times),
        ("threads", r.setting.threads.to_string()),
        (
            "memory",
            format!("{} at most", number(r.peak_rss_mb, " MB")),
        ),
        ("program", program(&r.setting.machine)),
    ];
    write(out, lines)
}

/// Throughput by length.
pub(super) fn lengths(r: &LengthsReport, out: &mut dyn Write) -> anyhow::Result<()> {
    let input = format!(
        "words of {}{}, {}",
        r.input,
        skipped(r.skipped),
        passes(r.repeat)
    );
    let lines = [
        ("model", model(&r.setting)),
        ("input", input),
        ("threads", r.setting.threads.to_string()),
        (
            "memory",
            format!("{} at most", number(r.peak_rss_mb, " MB")),
        ),
        ("program", program(&r.setting.machine)),
    ];
    write(out, lines)?;
    let row = |p: &LengthPoint| {
        let (slow, fast) = p.sent_per_s_range;
        vec![
            p.length.to_string(),
            format!("{:.1}", p.tokens_mean),
            p.texts.to_string(),
            format!("{:.2}", p.sent_per_s),
            format!("{slow:.2}-{fast:.2}"),
            format!("{:.0}", p.tok_per_s),
            format!("{:.1}%", p.peak_share * 100.0),
        ]
    };
    let rows: Vec<Vec<String>> = r.points.iter().map(row).collect();
    let header = [
        "length", "tokens", "texts", "texts/s", "passes", "tok/s", "peak",
    ];
    table::write(out, &[Column::Right; 7], &header, &rows)?;
    for left in &r.left_out {
        writeln!(out, "{} tokens left out: {}", left.length, left.why)?;
    }
    Ok(())
}

/// Process start to first vector.
pub(super) fn cold(r: &ColdReport, out: &mut dyn Write) -> anyhow::Result<()> {
    let times = format!(
        "{:.1} ms median of {}, {:.1} to {:.1}",
        r.p50_ms,
        count(r.starts, "start"),
        r.min_ms,
        r.max_ms
    );
    let parts = format!(
        "{:.1} ms to find, check and load the model, {:.1} ms to embed (medians)",
        r.load_ms, r.embed_ms
    );
    let lines = [
        ("model", format!("{}, {}", r.model, r.mode)),
        ("cold start", times),
        ("", parts),
        ("threads", r.threads.to_string()),
        ("program", program(&r.machine)),
    ];
    write(out, lines)
}

fn write(out: &mut dyn Write, lines: impl IntoIterator<Item = Line>) -> anyhow::Result<()> {
    for (name, value) in lines {
        writeln!(out, "{name:<12}{value}")?;
    }
    Ok(())
}

/// The model, and what runs it.
fn model(s: &Setting) -> String {
    format!("{} on {}, {}", s.model, s.device, s.mode)
}

/// ", 2 records skipped", or nothing.
pub(super) fn skipped(records: usize) -> String {
    match records {
        0 => String::new(),
        n => format!(", {} skipped", count(n, "record")),
    }
}

/// The program and the machine that it ran on.
pub(super) fn program(m: &Machine) -> String {
    let features = match m.cpu_features.as_slice() {
        [] => String::new(),
        some => format!(" ({})", some.join(" ")),
    };
    format!(
        "syntopic {}, {} build, on {}{features}, {}, load before {}",
        m.version,
        m.build,
        m.cpu.as_deref().unwrap_or("an unknown processor"),
        count(m.cpus, "processor"),
        number(m.load, "")
    )
}

fn number(value: Option<f64>, unit: &str) -> String {
    value.map_or_else(|| String::from("unknown"), |v| format!("{v:.1}{unit}"))
}

/// A name and what is said of it.
type Line = (&'static str, String);

/// What was measured.
fn what(r: &EmbedBenchReport) -> Vec<Line> {
    let texts = count(r.texts, "text");
    let input = format!(
        "{}: {texts}, {} truncated{}",
        r.input,
        r.truncated,
        skipped(r.skipped)
    );
    let t = &r.tokens_per_text;
    let tokens = format!(
        "{:.0} a text on average ({:.0} to {:.0}, median {:.0})",
        t.mean, t.min, t.max, t.p50
    );
    vec![
        ("model", model(&r.setting)),
        ("input", input),
        ("tokens", tokens),
    ]
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
        r.setting.batch_tokens
    );
    let b = &r.batch_ms;
    let halved = match r.halved_batches {
        0 => String::new(),
        1 => String::from("; 1 batch did not fit the GPU and was halved"),
        n => format!("; {n} batches did not fit the GPU and were halved"),
    };
    let batch = format!(
        "{:.1} ms median, {:.1} p90, {:.1} p99, {:.1} at most{halved}",
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
        count(r.setting.threads, "thread"),
        r.peak_share * 100.0
    );
    let threads = format!(
        "{} of {}; pools: Candle {}, rayon {}",
        r.setting.threads,
        count(r.setting.machine.cpus, "processor"),
        r.setting.candle_threads,
        r.setting.rayon_threads
    );
    let cpu_s = r
        .cpu_s
        .map_or_else(|| String::from("unknown"), |s| format!("{s:.2} s"));
    vec![
        ("peak", peak),
        ("threads", threads),
        (
            "memory",
            format!("{} at most", number(r.peak_rss_mb, " MB")),
        ),
        ("processor", format!("{cpu_s} in the median pass")),
        ("program", program(&r.setting.machine)),
    ]
}

fn passes(n: usize) -> String {
    if n == 1 {
        String::from("1 pass")
    } else {
        format!("{n} passes")
    }
}
