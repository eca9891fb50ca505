//! `syntopic add FILE…`

use super::{count, print_json};
use crate::args::{AddArguments, Arguments};
use crate::bars::Bars;
use crate::exit;
use crate::stop::Stop;
use anyhow::Context;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use syntopic_library::{AddOptions, AddReport, Format, Library, Source};

/// Lines of a page that may be titles and are shown one by one; `--json` has the first 20.
const DOUBTS: usize = 5;

/// Skipped records that are shown one by one; `--json` has all.
const SHOWN: usize = 20;

pub(crate) fn run(
    arguments: &Arguments,
    verb: &AddArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let format = verb
        .format
        .as_deref()
        .map(str::parse::<Format>)
        .transpose()?;
    let sources: Vec<Source> = verb.files.iter().map(|file| source(file)).collect();
    let device = verb.on.device;
    let mut library = Library::open_or_create(arguments.library())?
        .with_device(device)
        .with_cut(verb.dim.cut());
    let options = AddOptions {
        model: verb.model.clone(),
        format,
        storage: verb.store,
        ..AddOptions::on(device)
    };
    let stop = Stop::listen().context("cannot listen to Ctrl-C")?;
    let report = library.add(&sources, &options, &mut |event| {
        let _ = bars.show(event);
        if stop.is_wanted() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    bars.clear();
    say_what_was_left_out(&report, bars);
    if arguments.json {
        print_json(out, &report)?;
    } else {
        print(&report, &library, out)?;
    }
    Ok(if report.is_complete() {
        exit::DONE
    } else {
        exit::INCOMPLETE
    })
}

pub(crate) fn source(file: &Path) -> Source {
    if file == Path::new("-") {
        Source::Stdin
    } else {
        Source::File(file.to_owned())
    }
}

/// Names the sources and records that did not go in, on stderr, `--quiet` or not: nothing is lost silently.
pub(crate) fn say_what_was_left_out(report: &AddReport, bars: &Bars) {
    for file in &report.files {
        if let Some(error) = &file.error {
            bars.line(&format!("error: {error}"));
        }
        let shown = file.doubts.iter().take(DOUBTS);
        for doubt in shown.clone() {
            bars.line(&format!("left out: {doubt}"));
        }
        let more = file.doubtful_lines - shown.count() as u64;
        if more > 0 {
            bars.line(&format!(
                "left out: {more} more lines of {} that may be titles",
                file.source
            ));
        }
    }
    for skipped in report.skipped.iter().take(SHOWN) {
        bars.line(&format!("skipped: {skipped}"));
    }
    if report.skipped.len() > SHOWN {
        bars.line(&format!(
            "skipped: {} more; --json lists all",
            report.skipped.len() - SHOWN
        ));
    }
}

pub(crate) fn print(
    report: &AddReport,
    library: &Library,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    for file in &report.files {
        let Some(format) = &file.format else { continue };
        let doubtful = match file.doubtful_lines {
            0 => String::new(),
            n => format!(", {n} of which may be titles"),
        };
        let chrome = match file.chrome_lines {
            0 => String::new(),
            1 => format!(", 1 line left out as page chrome{doubtful}"),
            n => format!(", {n} lines left out as page chrome{doubtful}"),
        };
        writeln!(
            out,
            "{}: {} ({format}{chrome})",
            file.source,
            count(file.papers, "paper")
        )?;
    }
    writeln!(out, "{}", what_was_done(report))?;
    for (n, what) in [
        (
            report.truncated,
            "longer than the model reads: the vector stands for the beginning",
        ),
        (
            report.without_abstract,
            "without an abstract: the vector stands for the title",
        ),
        (
            report.kept,
            "with less than the library has of it: what it has was kept",
        ),
    ] {
        if n > 0 {
            writeln!(out, "{} {what}", count(n, "paper"))?;
        }
    }
    let folder = library.folder().display();
    if library.exists() {
        writeln!(out, "{} in {folder}", count(report.papers, "paper"))?;
    } else {
        writeln!(out, "no library was made at {folder}")?;
    }
    Ok(())
}

/// The counts that are not 0, in one line.
fn what_was_done(report: &AddReport) -> String {
    let parts = [
        (report.added, "added"),
        (report.updated, "with a new text, embedded again"),
        (report.details_updated, "with new details"),
        (report.unchanged, "already there"),
        (report.skipped.len(), "skipped"),
    ];
    let said: Vec<String> = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}"))
        .collect();
    if said.is_empty() {
        String::from("nothing to add")
    } else {
        said.join(", ")
    }
}
