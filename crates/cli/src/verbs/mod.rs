//! One module a verb: call the library, print what it gives.

pub(crate) mod add;
pub(crate) mod bench;
mod bench_index;
pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod distill;
pub(crate) mod duplicates;
pub(crate) mod embed;
pub(crate) mod generated;
pub(crate) mod info;
pub(crate) mod keep;
pub(crate) mod list;
pub(crate) mod models;
pub(crate) mod reembed;
pub(crate) mod related;
pub(crate) mod remove;
pub(crate) mod show;
pub(crate) mod topics;
pub(crate) mod update;

use serde::Serialize;
use std::io::Write;

/// A value as indented JSON and a line break.
pub(crate) fn print_json(out: &mut dyn Write, value: &impl Serialize) -> anyhow::Result<()> {
    // Made whole first, so that a failure to write stays an I/O error.
    let text = serde_json::to_string_pretty(value)?;
    writeln!(out, "{text}")?;
    Ok(())
}

/// "1 paper", "2 papers".
pub(crate) fn count(n: usize, what: &str) -> String {
    if n == 1 {
        format!("1 {what}")
    } else {
        format!("{n} {what}s")
    }
}
