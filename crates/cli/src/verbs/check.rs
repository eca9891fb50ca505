//! `syntopic check`

use super::{count, print_json};
use crate::args::{Arguments, CheckArguments};
use crate::bars::Bars;
use crate::exit;
use std::io::Write;
use syntopic_library::CheckReport;

pub(crate) fn run(
    arguments: &Arguments,
    verb: &CheckArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let mut library = arguments.open()?;
    let report = library.check(verb.recall.then_some(verb.k), &mut |event| bars.show(event))?;
    bars.clear();
    if arguments.json {
        print_json(out, &report)?;
    } else {
        print(&report, out)?;
    }
    Ok(if report.ok {
        exit::DONE
    } else {
        exit::PROBLEMS
    })
}

fn print(report: &CheckReport, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "{}, {}",
        count(report.papers, "paper"),
        count(report.vectors, "vector")
    )?;
    for problem in &report.problems {
        writeln!(out, "problem: {problem}")?;
    }
    for note in &report.notes {
        writeln!(out, "note: {note}")?;
    }
    if let Some(recall) = &report.recall {
        writeln!(out, "index: {}", recall.index)?;
        writeln!(
            out,
            "recall@{} {:.4} (95% interval {:.4} to {:.4}, worst query {:.2}) over {} papers of the library as queries; {} unreachable",
            recall.k,
            recall.mean,
            recall.low,
            recall.high,
            recall.worst,
            recall.n_queries,
            count(recall.unreachable, "paper")
        )?;
    }
    writeln!(out, "{}", if report.ok { "ok" } else { "not ok" })?;
    Ok(())
}
