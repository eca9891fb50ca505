//! `syntopic add FILE…`

use super::{count, print_json};
use crate::args::{AddArguments, Arguments};
use crate::bars::Bars;
use crate::exit;
use crate::stop::Stop;
use anyhow::Context;
use std::io::Write;
use std::path::Path;
use syntopic_library::{
    AddOptions, AddReport, ColumnMap, DryRun, Event, Format, Library, PaperId, ReadOptions, Source,
    dry_run,
};

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
    let read = ReadOptions {
        format,
        columns: columns(&verb.map)?,
    };
    let sources: Vec<Source> = verb.files.iter().map(|file| source(file)).collect();
    if verb.dry_run {
        return show_dry_run(arguments, &sources, &read, bars, out);
    }
    let device = verb.on.device;
    let mut library = Library::open_or_create(arguments.library())?
        .with_wait(arguments.wait)?
        .with_device(device)
        .with_cut(verb.dim.cut());
    let options = AddOptions {
        model: verb.model.clone(),
        read,
        storage: verb.store,
        embed: !verb.no_embed,
        ..AddOptions::on(device)
    };
    let stop = Stop::listen().context("cannot listen to Ctrl-C")?;
    let mut unsaid = Ok(());
    let report = library.add(&sources, &options, &mut |event| {
        if let (Event::Committed { ids }, true, Ok(())) = (&event, verb.ids, &unsaid) {
            unsaid = print_ids(ids, out);
        }
        stop.after(bars.show(event))
    })?;
    unsaid?;
    bars.clear();
    say_what_was_left_out(&report, bars);
    if verb.ids {
        return Ok(code(&report));
    }
    if arguments.json {
        print_json(out, &report)?;
    } else {
        print(&report, &library, out)?;
    }
    Ok(code(&report))
}

fn code(report: &AddReport) -> u8 {
    if report.is_complete() {
        exit::DONE
    } else {
        exit::INCOMPLETE
    }
}

/// The ids of papers that are in the library for good, at once.
fn print_ids(ids: &[PaperId], out: &mut dyn Write) -> std::io::Result<()> {
    for id in ids {
        writeln!(out, "{id}")?;
    }
    out.flush()
}

/// `FIELD=COLUMN` of every `--map`.
pub(crate) fn columns(given: &[String]) -> anyhow::Result<ColumnMap> {
    let one = |text: &String| match text.split_once('=') {
        Some((field, column)) => Ok((field.trim().to_owned(), column.trim().to_owned())),
        None => Err(anyhow::anyhow!(
            "--map {text}: expected FIELD=COLUMN, as in --map title=\"Paper name\""
        )),
    };
    given.iter().map(one).collect()
}

/// What the files hold, on stdout; what would be left out, on stderr.
fn show_dry_run(
    arguments: &Arguments,
    sources: &[Source],
    read: &ReadOptions,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let stop = Stop::listen().context("cannot listen to Ctrl-C")?;
    let found = dry_run(sources, read, &mut |event| stop.after(bars.show(event)))?;
    bars.clear();
    if arguments.json {
        match &found[..] {
            [one] => print_json(out, one)?,
            several => print_json(out, &several)?,
        }
    } else {
        for file in &found {
            print_dry_run(file, bars, out)?;
        }
    }
    let complete = |file: &DryRun| file.skipped.is_empty() && file.error.is_none();
    Ok(if found.iter().all(complete) {
        exit::DONE
    } else {
        exit::INCOMPLETE
    })
}

fn print_dry_run(file: &DryRun, bars: &Bars, out: &mut dyn Write) -> anyhow::Result<()> {
    if let Some(error) = &file.error {
        bars.line(&format!("error: {error}"));
    }
    for skipped in file.skipped.iter().take(SHOWN) {
        bars.line(&format!(
            "would be skipped: {}: {}",
            skipped.place, skipped.why
        ));
    }
    let all = file.skipped.len() + file.skipped_unnamed;
    if all > SHOWN {
        let more = all - SHOWN;
        bars.line(&format!("would be skipped: {more} more; --json lists them"));
    }
    say_what_was_unreadable(&file.source, file.unreadable_characters, bars);
    let Some(format) = &file.format else {
        return Ok(());
    };
    writeln!(
        out,
        "{}: {}, {} with an abstract ({format}{}); nothing was added",
        file.source,
        count(file.records, "paper"),
        file.with_abstract,
        coded(file.encoding.as_deref())
    )?;
    Ok(())
}

fn say_what_was_unreadable(source: &str, characters: u64, bars: &Bars) {
    if characters > 0 {
        let characters = count(characters as usize, "character");
        bars.line(&format!(
            "{source}: {characters} could not be read and stand as U+FFFD"
        ));
    }
}

/// The encoding behind a format's name, where it is not UTF-8.
fn coded(encoding: Option<&str>) -> String {
    encoding.map(|name| format!(", {name}")).unwrap_or_default()
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
        say_what_was_unreadable(&file.source, file.unreadable_characters, bars);
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
    for id in report.unknown.iter().take(SHOWN) {
        bars.line(&format!(
            "not in the library: {id}; `syntopic add` takes it in"
        ));
    }
    if report.unknown.len() > SHOWN {
        let more = report.unknown.len() - SHOWN;
        bars.line(&format!(
            "not in the library: {more} more; --json lists all"
        ));
    }
    for skipped in report.skipped.iter().take(SHOWN) {
        bars.line(&format!("skipped: {skipped}"));
    }
    if report.n_skipped() > SHOWN {
        bars.line(&format!(
            "skipped: {} more; --json lists them",
            report.n_skipped() - SHOWN
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
            "{}: {} ({format}{}{chrome})",
            file.source,
            count(file.papers, "paper"),
            coded(file.encoding.as_deref())
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
            report.without_vector,
            "without a vector: `syntopic embed` makes it",
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
pub(crate) fn what_was_done(report: &AddReport) -> String {
    let changed = match report.without_vector {
        0 => "with a new text, embedded again",
        _ => "with a new text",
    };
    let parts = [
        (report.added, "added"),
        (report.updated, changed),
        (report.completed, "already there, now with a vector"),
        (report.details_updated, "with new details"),
        (report.unchanged, "already there"),
        (report.unknown.len(), "not in the library"),
        (report.n_skipped(), "skipped"),
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
