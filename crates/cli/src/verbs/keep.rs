//! `syntopic backup`, `compact`, `repair` and `migrate`: what keeps a library whole and small.

use super::{count, print_json};
use crate::args::Arguments;
use crate::bars::Bars;
use crate::exit;
use crate::lifecycle_args::{BackupArguments, RepairArguments};
use crate::stop::Stop;
use anyhow::Context;
use std::io::Write;
use syntopic_library::{AddOptions, EmbedRequest};

pub(crate) fn backup(
    arguments: &Arguments,
    verb: &BackupArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let mut library = arguments.open()?;
    let stop = Stop::listen().context("cannot listen to Ctrl-C")?;
    let report = library.backup(&verb.to, verb.force, &mut |event| {
        stop.after(bars.show(event))
    })?;
    bars.clear();
    if arguments.json {
        print_json(out, &report)?;
    } else {
        let size = report.bytes as f64 / 1e6;
        let kind = match report.is_folder {
            true => "a library as it stands",
            false => "the database alone",
        };
        writeln!(
            out,
            "{} in {}, {size:.1} MB: {kind}",
            count(report.papers, "paper"),
            report.backup
        )?;
    }
    Ok(exit::DONE)
}

pub(crate) fn compact(
    arguments: &Arguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let report = arguments.open()?.compact(&mut |event| bars.show(event))?;
    bars.clear();
    if arguments.json {
        print_json(out, &report)?;
    } else {
        writeln!(
            out,
            "{} bytes before, {} bytes now, {}",
            report.before_bytes,
            report.after_bytes,
            count(report.papers, "paper")
        )?;
        if report.removed_files > 0 {
            let n = count(report.removed_files, "temporary file");
            writeln!(out, "{n} of processes that were killed removed")?;
        }
    }
    Ok(exit::DONE)
}

pub(crate) fn repair(
    arguments: &Arguments,
    verb: &RepairArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let mut library = arguments.open()?.with_device(verb.on.device);
    let request = EmbedRequest {
        model: verb.model.clone(),
        ..AddOptions::on(verb.on.device).into()
    };
    let stop = Stop::listen().context("cannot listen to Ctrl-C")?;
    let report = library.repair(&request, &mut |event| stop.after(bars.show(event)))?;
    bars.clear();
    if arguments.json {
        print_json(out, &report)?;
    } else {
        for mended in &report.mended {
            writeln!(out, "mended: {mended}")?;
        }
        for left in &report.left {
            writeln!(out, "left: {left}")?;
        }
        let state = match (report.ok, report.mended.len()) {
            (true, 0) => "nothing to mend",
            (true, _) => "ok",
            (false, _) => "not ok",
        };
        writeln!(out, "{}: {state}", count(report.papers, "paper"))?;
    }
    Ok(if report.ok {
        exit::DONE
    } else {
        exit::PROBLEMS
    })
}

pub(crate) fn migrate(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<u8> {
    let report = arguments.open()?.migrate()?;
    if arguments.json {
        print_json(out, &report)?;
    } else {
        let format = report.to;
        writeln!(
            out,
            "format {format} is the only one there has been: nothing to migrate"
        )?;
        if report.titles_lacking > 0 {
            let n = count(report.titles_lacking, "title");
            writeln!(
                out,
                "{n} without a vector, which `related` compares: `syntopic embed` makes them"
            )?;
        }
    }
    Ok(exit::DONE)
}
