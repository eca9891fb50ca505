//! `syntopic duplicates`

use super::{count, print_json};
use crate::args::Arguments;
use crate::bars::Bars;
use crate::exit;
use crate::related_args::DuplicatesArguments;
use std::io::Write;
use syntopic_library::{DuplicatesReport, SameBy};

pub(crate) fn run(
    arguments: &Arguments,
    verb: &DuplicatesArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let report = arguments.open()?.duplicates()?;
    if arguments.json {
        print_json(out, &report)?;
    } else if verb.csv {
        write_csv(&report, out)?;
    } else {
        print(&report, out)?;
    }
    if !report.of_volumes.is_empty() {
        bars.remark(&format!(
            "note: too many titles for one paper have the same identifier, which groups nothing: {}",
            report.of_volumes.join(", ")
        ));
    }
    Ok(exit::DONE)
}

fn reasons(reasons: &[SameBy]) -> String {
    let names: Vec<&str> = reasons.iter().map(|reason| reason.name()).collect();
    names.join(", ")
}

fn print(report: &DuplicatesReport, out: &mut dyn Write) -> anyhow::Result<()> {
    for group in &report.groups {
        writeln!(out, "{}", reasons(&group.reasons))?;
        for paper in &group.papers {
            let year = paper.year.map(|year| format!(" ({year})"));
            let year = year.unwrap_or_default();
            writeln!(out, "  {}: {}{year}", paper.id, paper.title)?;
        }
        writeln!(out)?;
    }
    let (papers, groups) = (count(report.papers, "paper"), report.groups.len());
    match groups {
        0 => writeln!(out, "no two of {papers} are versions of one another")?,
        _ => writeln!(
            out,
            "{} among {papers}: {} beyond one of each",
            count(groups, "group"),
            count(report.extra, "record")
        )?,
    }
    Ok(())
}

fn write_csv(report: &DuplicatesReport, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(["group", "reasons", "id", "year", "title"])?;
    for (at, group) in report.groups.iter().enumerate() {
        for paper in &group.papers {
            let year = paper.year.map(|year| year.to_string()).unwrap_or_default();
            let (at, why) = (at.to_string(), reasons(&group.reasons));
            csv.write_record([&at, &why, &paper.id, &year, &paper.title])?;
        }
    }
    csv.flush()?;
    Ok(())
}
