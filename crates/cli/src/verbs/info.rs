//! `syntopic info`

use super::{count, print_json};
use crate::args::Arguments;
use crate::exit;
use std::io::Write;
use syntopic_library::{InfoReport, TopicsState};

pub(crate) fn run(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<u8> {
    let report = arguments.open()?.info()?;
    if arguments.json {
        print_json(out, &report)?;
    } else {
        print(&report, out)?;
    }
    Ok(exit::DONE)
}

fn print(report: &InfoReport, out: &mut dyn Write) -> anyhow::Result<()> {
    for (name, value) in contents(report)
        .into_iter()
        .chain(model(report))
        .chain(derived(report))
    {
        writeln!(out, "{name:<12}{value}")?;
    }
    Ok(())
}

/// A name and what is said of it.
type Line = (&'static str, String);

/// What is in it.
fn contents(report: &InfoReport) -> Vec<Line> {
    let library = format!(
        "{} (format {}, changed {} times)",
        report.library, report.format, report.generation
    );
    let papers = format!(
        "{} ({} with an abstract, {} with a vector)",
        report.papers, report.with_abstract, report.vectors
    );
    let mut lines = vec![("library", library), ("papers", papers)];
    if report.without_vector > 0 {
        let n = count(report.without_vector, "paper");
        let without =
            format!("{n} without a vector, not found by searches: `syntopic embed` makes them");
        lines.push(("to embed", without));
    }
    if let Some((first, last)) = report.years {
        lines.push(("years", format!("{first} to {last}")));
    }
    lines
}

/// What made its vectors.
fn model(report: &InfoReport) -> Vec<Line> {
    let mut lines = Vec::new();
    if let (Some(model), Some(dim), Some(max)) = (&report.model, report.dim, report.max_tokens) {
        let model = format!("{model}, {dim} dimensions, up to {max} tokens");
        let weights = report.weights_sha256.as_deref().unwrap_or("unknown");
        lines.extend([
            ("model", model),
            (
                "revision",
                report.model_revision.clone().unwrap_or_default(),
            ),
            ("weights", format!("SHA-256 {weights}")),
            ("ran as", report.modes.join(", ")),
        ]);
    }
    lines.extend(report.dim.map(|dim| ("vectors", vectors(report, dim))));
    lines.extend(report.dim.map(|dim| ("titles", titles(report, dim))));
    let truncated = format!(
        "{} papers are longer than the model reads",
        report.truncated
    );
    lines.push(("text", report.text_recipe.clone()));
    lines.push(("truncated", truncated));
    lines
}

/// How many papers have one, and what that costs.
fn titles(report: &InfoReport, dim: usize) -> String {
    let (have, all) = (report.titles, report.papers);
    let next = match report.titles_lacking {
        0 => String::new(),
        n => format!("; `syntopic embed` makes {n} that are missing"),
    };
    if have == 0 {
        return format!("no vectors: `related` does not compare titles by meaning{next}");
    }
    format!("vectors of {have} of {all} papers, int8, {dim} bytes each{next}")
}

/// How they are kept, and what that costs.
fn vectors(report: &InfoReport, dim: usize) -> String {
    let kept = format!(
        "{}, {} bytes each",
        report.storage,
        dim * report.storage.bytes()
    );
    match &report.storage_loss {
        None => kept,
        Some(loss) => {
            let cosines = format!(
                "{kept}; cosine with the model's {:.6} on average, {:.6} at least ({} measured)",
                loss.mean_cosine, loss.min_cosine, loss.vectors
            );
            match loss.recall_among {
                0 | 1 => cosines,
                among => format!(
                    "{cosines}; {:.1}% of the 10 nearest the same (among {among})",
                    100.0 * loss.recall_at_10
                ),
            }
        }
    }
}

/// What is made from them, and the size of all.
fn derived(report: &InfoReport) -> Vec<Line> {
    let topics = match (report.topics, report.n_topics) {
        (TopicsState::Current, Some(n)) => n.to_string(),
        (TopicsState::Stale, _) => String::from("out of date: `syntopic topics` makes them"),
        _ => String::from("not made yet: `syntopic topics` makes them"),
    };
    let under_way = report.reembed.as_ref().map(|state| {
        let (model, done, of) = (&state.model, state.done, state.of);
        let line = format!(
            "{model}: {done} of {of} papers done; the old vectors serve. `syntopic reembed` goes on"
        );
        ("reembed", line)
    });
    let lines = vec![
        ("index", report.index.clone()),
        ("topics", topics),
        ("size", format!("{:.1} MB", report.size_bytes as f64 / 1e6)),
    ];
    under_way.into_iter().chain(lines).collect()
}
