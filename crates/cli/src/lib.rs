//! Arguments to one call of the library, and its result printed: results to stdout, everything else to stderr.
//!
//! Not for: algorithms or disk layout.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests fail by panicking"))]

mod args;
mod bars;
mod eval;
mod eval_related;
mod eval_topics;
mod exit;
mod lifecycle_args;
mod map;
mod over_time;
mod related_args;
mod serve;
mod stop;
mod table;
mod topic_changes;
mod topics_args;
mod topics_export;
mod topics_scores;
mod topics_seeds;
mod topics_tree;
mod topics_views;
mod verbs;

use args::{Arguments, Verb};
use bars::Bars;
use clap::Parser;
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// Runs one command line and gives its exit code; `arguments` begins with the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    hide_expected_panics();
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // clap's own help, version and usage messages; a closed pipe is no reason to fail again.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(exit::USAGE));
        }
    };
    let bars = Bars::new(arguments.quiet);
    // Not locked: `mcp` writes to it on a thread of its own.
    let mut out = std::io::stdout();
    let result = match &arguments.verb {
        Verb::Add(verb) => verbs::add::run(&arguments, verb, &bars, &mut out),
        Verb::Update(verb) => verbs::update::run(&arguments, verb, &bars, &mut out),
        Verb::Embed(verb) => verbs::embed::run(&arguments, verb, &bars, &mut out),
        Verb::Reembed(verb) => verbs::reembed::run(&arguments, verb, &bars, &mut out),
        Verb::Related(verb) => verbs::related::run(&arguments, verb, &bars, &mut out),
        Verb::Duplicates(verb) => verbs::duplicates::run(&arguments, verb, &bars, &mut out),
        Verb::Topics(verb) => verbs::topics::run(&arguments, verb, &bars, &mut out),
        Verb::Map(verb) => map::run(&arguments, verb, &bars, &mut out),
        Verb::Bench(verb) => verbs::bench::run(&arguments, verb, &bars, &mut out),
        Verb::Eval(verb) => eval::run(&arguments, verb, &bars, &mut out),
        Verb::Models(verb) => verbs::models::run(&arguments, verb, &bars, &mut out),
        Verb::Distill(verb) => verbs::distill::run(&arguments, verb, &bars, &mut out),
        Verb::Remove(verb) => verbs::remove::run(&arguments, verb, &mut out),
        Verb::List(verb) => verbs::list::run(&arguments, verb, &mut out),
        Verb::Info => verbs::info::run(&arguments, &mut out),
        Verb::Check(verb) => verbs::check::run(&arguments, verb, &bars, &mut out),
        Verb::Show(verb) => verbs::show::run(&arguments, verb, &mut out),
        Verb::Repair(verb) => verbs::keep::repair(&arguments, verb, &bars, &mut out),
        Verb::Backup(verb) => verbs::keep::backup(&arguments, verb, &bars, &mut out),
        Verb::Compact => verbs::keep::compact(&arguments, &bars, &mut out),
        Verb::Migrate => verbs::keep::migrate(&arguments, &mut out),
        Verb::Serve(verb) => serve::run(&arguments, verb, &bars, &mut out),
        Verb::Completions(verb) => verbs::generated::completions(verb, &mut out),
        Verb::Man(verb) => verbs::generated::man(verb, &mut out),
        Verb::Mcp(verb) => serve::run_mcp(&arguments, verb, &bars),
        Verb::Demo(verb) => verbs::demo::run(&arguments, verb, &bars, &mut out),
    };
    bars.clear();
    match result.and_then(|code| out.flush().map(|()| code).map_err(Into::into)) {
        Ok(code) => ExitCode::from(code),
        Err(error) if exit::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            bars.line(&format!("error: {}", exit::message(&error)));
            ExitCode::from(exit::code(&error))
        }
    }
}

/// Panics that are caught as errors of a file are told as those, and not printed too.
fn hide_expected_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !syntopic_core::panic_is_expected() {
            usual(panic);
        }
    }));
}
