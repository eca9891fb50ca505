//! `syntopic completions` and `syntopic man`: made of the command line's own description.

use crate::args::Arguments;
use crate::exit;
use crate::lifecycle_args::{CompletionsArguments, ManArguments};
use anyhow::Context;
use clap::CommandFactory;
use std::io::Write;

const NAME: &str = "syntopic";

pub(crate) fn completions(verb: &CompletionsArguments, out: &mut dyn Write) -> anyhow::Result<u8> {
    // Made whole first: the generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(verb.shell, &mut Arguments::command(), NAME, &mut script);
    out.write_all(&script)?;
    Ok(exit::DONE)
}

pub(crate) fn man(verb: &ManArguments, out: &mut dyn Write) -> anyhow::Result<u8> {
    let command = Arguments::command();
    let Some(folder) = &verb.out else {
        clap_mangen::Man::new(command).render(out)?;
        return Ok(exit::DONE);
    };
    let place = || folder.display().to_string();
    std::fs::create_dir_all(folder).with_context(place)?;
    clap_mangen::generate_to(command, folder).with_context(place)?;
    writeln!(out, "the pages are in {}", folder.display())?;
    Ok(exit::DONE)
}
