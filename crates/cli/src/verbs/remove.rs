//! `syntopic remove ID…`

use super::{count, print_json};
use crate::args::{Arguments, RemoveArguments};
use crate::exit;
use anyhow::Context;
use std::io::{BufRead, Write};
use syntopic_library::LibraryError;

pub(crate) fn run(
    arguments: &Arguments,
    verb: &RemoveArguments,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let mut library = arguments.open()?;
    let mut ids = Vec::new();
    for id in &verb.ids {
        if id != "-" {
            ids.push(id.clone());
            continue;
        }
        for line in std::io::stdin().lock().lines() {
            let line = line.context("the standard input cannot be read")?;
            ids.extend(Some(line.trim().to_owned()).filter(|id| !id.is_empty()));
        }
    }
    let report = library.remove(&ids)?;
    if let ([], [unknown]) = (&report.removed[..], &report.unknown[..]) {
        return Err(LibraryError::UnknownId {
            id: unknown.id.clone(),
            nearest: unknown.nearest.clone(),
        }
        .into());
    }
    if arguments.json {
        print_json(out, &report)?;
    } else {
        for unknown in &report.unknown {
            let like = match &unknown.nearest[..] {
                [] => String::new(),
                nearest => format!("; did you mean {}?", nearest.join(", ")),
            };
            writeln!(out, "no paper has the id {:?}{like}", unknown.id)?;
        }
        writeln!(
            out,
            "{} removed, {} in {}",
            report.removed.len(),
            count(report.papers, "paper"),
            library.folder().display()
        )?;
    }
    Ok(if report.unknown.is_empty() {
        exit::DONE
    } else {
        exit::INCOMPLETE
    })
}
