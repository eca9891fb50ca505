//! `syntopic demo`: the whole path on the sample corpus.

use crate::args::{Arguments, DemoArguments};
use crate::bars::Bars;
use crate::exit;
use crate::verbs::{add, print_json, related, topics};
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;
use syntopic_library::{
    AddOptions, AddReport, EMBEDDED, EmbedError, Library, LibraryError, Query, Related,
    RelatedOptions, SAMPLE_PAGE, Source, TopicsReport, TopicsRequest,
};

/// Where the demo's library is, unless `--library` says: apart from the user's own.
const FOLDER: &str = "syntopic-demo";

/// The paper whose related papers are shown.
const PAPER: &str = "barlow-twins-self-supervised-learning";

/// How many of them.
const K: usize = 5;

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    added: &'a AddReport,
    related: &'a Related,
    topics: &'a TopicsReport,
}

pub(crate) fn run(
    arguments: &Arguments,
    verb: &DemoArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let folder = arguments
        .library
        .clone()
        .unwrap_or_else(|| PathBuf::from(FOLDER));
    let mut library = Library::open_or_create(&folder)?
        .with_device(verb.on.device)
        .with_cut(verb.dim.cut());
    let (added, related, topics) = main_job(&mut library, verb, bars)?;
    bars.clear();
    add::say_what_was_left_out(&added, bars);
    if arguments.json {
        let report = Report {
            added: &added,
            related: &related,
            topics: &topics,
        };
        print_json(out, &report)?;
        return Ok(exit::DONE);
    }
    add::print(&added, &library, out)?;
    writeln!(out)?;
    related::print(&related, out)?;
    writeln!(out)?;
    topics::print(&topics, out)?;
    bars.remark(&format!(
        "\nGo on:  syntopic --library {0} related --text \"graph neural networks\"\n        \
         syntopic --library {0} topics -k 5\n        syntopic --library mine add YOUR.jsonl",
        folder.display()
    ));
    Ok(exit::DONE)
}

/// Adds the sample's papers, names their topics, and finds the papers related to one.
fn main_job(
    library: &mut Library,
    verb: &DemoArguments,
    bars: &Bars,
) -> anyhow::Result<(AddReport, Related, TopicsReport)> {
    let source = Source::Text {
        name: String::from("data/hf-papers.txt"),
        text: SAMPLE_PAGE,
    };
    let sources = [source];
    let options = |model: Option<String>| AddOptions {
        model,
        ..AddOptions::default()
    };
    let first = library.add(&sources, &options(verb.model.clone()), &mut |event| {
        bars.show(event)
    });
    let added = match first {
        Err(LibraryError::Embed(EmbedError::Model(error)))
            if verb.model.is_none() && !library.exists() =>
        {
            bars.line(&format!(
                "note: {error}\nnote: the demo goes on with the model inside the binary, which is quicker and weaker"
            ));
            let model = Some(EMBEDDED.to_owned());
            library.add(&sources, &options(model), &mut |event| bars.show(event))?
        }
        other => other?,
    };
    let request = TopicsRequest {
        model: verb.model.clone(),
        fresh: true,
        ..TopicsRequest::default()
    };
    let topics = library.topics(&request, &mut |event| bars.show(event))?;
    let options = RelatedOptions {
        k: K,
        model: verb.model.clone(),
        ..RelatedOptions::default()
    };
    let id = library
        .papers()?
        .into_iter()
        .map(|paper| paper.id.to_string())
        .find(|id| id.starts_with(PAPER))
        .unwrap_or_else(|| String::from(PAPER));
    let related = library.related(&Query::Paper(id.clone()), &options, &mut |event| {
        bars.show(event)
    })?;
    Ok((added, related, topics))
}
