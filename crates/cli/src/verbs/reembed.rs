//! `syntopic reembed`

use super::{count, print_json};
use crate::args::Arguments;
use crate::bars::Bars;
use crate::exit;
use crate::lifecycle_args::ReembedArguments;
use crate::stop::Stop;
use anyhow::Context;
use std::io::Write;
use syntopic_library::{AddOptions, Library, ReembedReport, ReembedRequest};

pub(crate) fn run(
    arguments: &Arguments,
    verb: &ReembedArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let device = verb.on.device;
    let mut library = (arguments.open()?)
        .with_device(device)
        .with_cut(verb.dim.cut());
    if verb.give_up {
        return give_up(arguments, &mut library, out);
    }
    let request = ReembedRequest {
        model: verb.model.clone(),
        storage: verb.store,
        ..AddOptions::on(device).into()
    };
    let stop = Stop::listen().context("cannot listen to Ctrl-C")?;
    let report = library.reembed(&request, &mut |event| stop.after(bars.show(event)))?;
    bars.clear();
    if arguments.json {
        print_json(out, &report)?;
    } else {
        print(&report, &library, out)?;
    }
    Ok(exit::DONE)
}

fn give_up(
    arguments: &Arguments,
    library: &mut Library,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let dropped = library.give_up_reembed()?;
    if arguments.json {
        print_json(out, &serde_json::json!({ "given_up": dropped }))?;
    } else if dropped {
        writeln!(out, "given up: the library keeps the vectors that it has")?;
    } else {
        writeln!(
            out,
            "nothing to give up: no change to another model is under way"
        )?;
    }
    Ok(exit::DONE)
}

fn print(report: &ReembedReport, library: &Library, out: &mut dyn Write) -> anyhow::Result<()> {
    let before = match report.kept {
        0 => String::new(),
        n => format!(", {n} before"),
    };
    writeln!(out, "{} embedded{before}", count(report.embedded, "paper"))?;
    if report.truncated > 0 {
        let n = count(report.truncated, "paper");
        writeln!(
            out,
            "{n} longer than the model reads: the vector stands for the beginning"
        )?;
    }
    writeln!(
        out,
        "{} in {}: vectors of {}, {} numbers each, kept as {}",
        count(report.papers, "paper"),
        library.folder().display(),
        report.model,
        report.dim,
        report.storage
    )?;
    Ok(())
}
