//! `syntopic embed`

use super::{count, print_json};
use crate::args::Arguments;
use crate::bars::Bars;
use crate::exit;
use crate::lifecycle_args::EmbedArguments;
use crate::stop::Stop;
use anyhow::Context;
use std::io::Write;
use syntopic_library::{AddOptions, EmbedReport, EmbedRequest, Library};

pub(crate) fn run(
    arguments: &Arguments,
    verb: &EmbedArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let device = verb.on.device;
    let mut library = (arguments.open()?)
        .with_device(device)
        .with_cut(verb.dim.cut());
    let request = EmbedRequest {
        model: verb.model.clone(),
        storage: verb.store,
        ..AddOptions::on(device).into()
    };
    let stop = Stop::listen().context("cannot listen to Ctrl-C")?;
    let report = library.embed(&request, &mut |event| stop.after(bars.show(event)))?;
    bars.clear();
    if arguments.json {
        print_json(out, &report)?;
    } else {
        print(&report, &library, out)?;
    }
    Ok(exit::DONE)
}

fn print(report: &EmbedReport, library: &Library, out: &mut dyn Write) -> anyhow::Result<()> {
    match report.embedded {
        0 => writeln!(out, "every paper has a vector already")?,
        n => writeln!(out, "{} embedded", count(n, "paper"))?,
    }
    if report.titles > 0 {
        writeln!(out, "{} embedded", count(report.titles, "title"))?;
    }
    if report.truncated > 0 {
        let n = count(report.truncated, "paper");
        writeln!(
            out,
            "{n} longer than the model reads: the vector stands for the beginning"
        )?;
    }
    if report.without_vector > 0 {
        let n = count(report.without_vector, "paper");
        writeln!(
            out,
            "{n} came meanwhile without a vector: `syntopic embed` makes it"
        )?;
    }
    let folder = library.folder().display();
    writeln!(out, "{} in {folder}", count(report.papers, "paper"))?;
    Ok(())
}
