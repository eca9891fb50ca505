//! `syntopic update FILE…`

use super::add::{columns, say_what_was_left_out, source, what_was_done};
use super::{count, print_json};
use crate::args::Arguments;
use crate::bars::Bars;
use crate::exit;
use crate::lifecycle_args::UpdateArguments;
use crate::stop::Stop;
use anyhow::Context;
use std::io::Write;
use syntopic_library::{AddOptions, Format, ReadOptions, Source};

pub(crate) fn run(
    arguments: &Arguments,
    verb: &UpdateArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let format = verb.format.as_deref().map(str::parse::<Format>);
    let read = ReadOptions {
        format: format.transpose()?,
        columns: columns(&verb.map)?,
    };
    let sources: Vec<Source> = verb.files.iter().map(|file| source(file)).collect();
    let mut library = arguments.open()?.with_device(verb.on.device);
    let options = AddOptions {
        read,
        embed: !verb.no_embed,
        only_known: true,
        ..AddOptions::on(verb.on.device)
    };
    let stop = Stop::listen().context("cannot listen to Ctrl-C")?;
    let report = library.add(&sources, &options, &mut |event| {
        stop.after(bars.show(event))
    })?;
    bars.clear();
    say_what_was_left_out(&report, bars);
    if arguments.json {
        print_json(out, &report)?;
    } else {
        let folder = library.folder().display();
        writeln!(out, "{}", what_was_done(&report))?;
        writeln!(out, "{} in {folder}", count(report.papers, "paper"))?;
    }
    Ok(if report.is_complete() {
        exit::DONE
    } else {
        exit::INCOMPLETE
    })
}
