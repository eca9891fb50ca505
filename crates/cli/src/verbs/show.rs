//! `syntopic show ID…`

use super::list::print_whole;
use super::print_json;
use crate::args::Arguments;
use crate::exit;
use crate::lifecycle_args::ShowArguments;
use std::io::Write;
use syntopic_library::PaperDetails;

pub(crate) fn run(
    arguments: &Arguments,
    verb: &ShowArguments,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let mut library = arguments.open()?;
    let ids = verb.ids.iter();
    let found: Vec<PaperDetails> = ids.map(|id| library.show(id)).collect::<Result<_, _>>()?;
    if arguments.json {
        match &found[..] {
            [one] => print_json(out, one)?,
            several => print_json(out, &several)?,
        }
        return Ok(exit::DONE);
    }
    for (number, details) in found.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        print_whole(std::slice::from_ref(&details.paper), out)?;
        if let Some(topic) = &details.topic {
            writeln!(out, "topic: {topic}")?;
        }
        writeln!(out, "vector: {}", vector(details))?;
    }
    Ok(exit::DONE)
}

fn vector(details: &PaperDetails) -> String {
    match (details.tokens, details.truncated) {
        (None, _) => String::from("none yet: `syntopic embed` makes it"),
        (Some(tokens), false) => format!("of all of it, {tokens} tokens"),
        (Some(tokens), true) => format!("of its beginning, {tokens} tokens"),
    }
}
