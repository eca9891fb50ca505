//! `syntopic info`

use super::print_json;
use crate::args::Arguments;
use crate::exit;
use std::io::Write;
use syntopic_library::{InfoReport, Library, TopicsState};

pub(crate) fn run(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<u8> {
    let report = Library::open(arguments.library())?.info()?;
    if arguments.json {
        print_json(out, &report)?;
    } else {
        print(&report, out)?;
    }
    Ok(exit::DONE)
}

fn print(report: &InfoReport, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut line = |name: &str, value: String| writeln!(out, "{name:<12}{value}");
    line(
        "library",
        format!(
            "{} (format {}, changed {} times)",
            report.library, report.format, report.generation
        ),
    )?;
    let abstracts = format!("{} with an abstract", report.with_abstract);
    line(
        "papers",
        format!(
            "{} ({abstracts}, {} with a vector)",
            report.papers, report.vectors
        ),
    )?;
    if let Some((first, last)) = report.years {
        line("years", format!("{first} to {last}"))?;
    }
    if let (Some(model), Some(dim), Some(max)) = (&report.model, report.dim, report.max_tokens) {
        line(
            "model",
            format!("{model}, {dim} dimensions, up to {max} tokens"),
        )?;
        line(
            "revision",
            report.model_revision.clone().unwrap_or_default(),
        )?;
        line(
            "weights",
            format!(
                "SHA-256 {}",
                report.weights_sha256.as_deref().unwrap_or("unknown")
            ),
        )?;
    }
    line("text", report.text_recipe.clone())?;
    line(
        "truncated",
        format!(
            "{} papers are longer than the model reads",
            report.truncated
        ),
    )?;
    line("index", report.index.clone())?;
    let topics = match (report.topics, report.n_topics) {
        (TopicsState::Current, Some(n)) => n.to_string(),
        (TopicsState::Stale, _) => String::from("out of date: `syntopic topics` makes them"),
        _ => String::from("not made yet: `syntopic topics` makes them"),
    };
    line("topics", topics)?;
    line("size", format!("{:.1} MB", report.size_bytes as f64 / 1e6))?;
    Ok(())
}
