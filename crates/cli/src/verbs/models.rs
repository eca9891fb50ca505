//! `syntopic models`

use super::{count, print_json};
use crate::args::{Arguments, Models, ModelsArguments};
use crate::bars::Bars;
use crate::exit;
use crate::table::{self, Column};
use serde::Serialize;
use std::io::Write;
use syntopic_library::models::{
    self, ModelCard, ModelReport, ModelSources, RemoveReport, SpeedReport,
};
use syntopic_library::{EmbedError, LibraryError, ModelError};

pub(crate) fn run(
    arguments: &Arguments,
    verb: &ModelsArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let sources = ModelSources::from_env();
    match &verb.what {
        None | Some(Models::List) => {
            for line in models::unlisted(&sources) {
                bars.line(&line);
            }
            list(&models::list(&sources), arguments.json, out)
        }
        Some(Models::Pull { name }) => {
            let pulled = models::pull(name, &sources, &mut |event| bars.show(event))?;
            bars.clear();
            if arguments.json {
                print_json(out, &pulled)?;
            } else {
                writeln!(
                    out,
                    "{} is at {} (from {})",
                    pulled.name, pulled.folder, pulled.source
                )?;
            }
            Ok(exit::DONE)
        }
        Some(Models::Show { name }) => {
            let card = models::show(name, &sources)?;
            if arguments.json {
                print_json(out, &card)?;
            } else {
                print_card(&card, out)?;
            }
            Ok(exit::DONE)
        }
        Some(Models::Remove { name }) => {
            let removed = models::remove(name, &sources)?;
            if arguments.json {
                print_json(out, &removed)?;
            } else {
                print_removed(&removed, out)?;
            }
            Ok(exit::DONE)
        }
        Some(Models::Verify { name }) => verify(name.as_deref(), &sources, arguments.json, out),
    }
}

fn list(models: &[ModelReport], json: bool, out: &mut dyn Write) -> anyhow::Result<u8> {
    if json {
        print_json(out, &serde_json::json!({ "models": models }))?;
        return Ok(exit::DONE);
    }
    let rows: Vec<Vec<String>> = models
        .iter()
        .map(|model| {
            vec![
                format!(
                    "{}{}",
                    told_apart(model, models),
                    if model.default { " (default)" } else { "" }
                ),
                number(model.dim),
                number(model.max_tokens),
                megabytes(model.size_bytes),
                model.licence.clone(),
                model
                    .stsb
                    .map_or_else(|| String::from("-"), |stsb| format!("{stsb:.1}")),
                model.speed.as_ref().map_or_else(
                    || String::from("-"),
                    |s| format!("{:.0}", s.abstracts_per_s),
                ),
                model
                    .installed
                    .clone()
                    .unwrap_or_else(|| String::from("not fetched yet")),
            ]
        })
        .collect();
    let columns = [
        Column::Left,
        Column::Right,
        Column::Right,
        Column::Right,
        Column::Left,
        Column::Right,
        Column::Right,
        Column::Shrinks,
    ];
    table::write(
        out,
        &columns,
        &[
            "name",
            "dim",
            "tokens",
            "size",
            "licence",
            "STS-B",
            "abstracts/s",
            "where",
        ],
        &rows,
    )?;
    for model in models {
        if let Some(s) = &model.speed {
            writeln!(out, "{}: {}, as measured once", model.name, speed(s))?;
        }
    }
    Ok(exit::DONE)
}

/// Its name, with the beginning of its commit where another of that name is listed.
fn told_apart(model: &ModelReport, all: &[ModelReport]) -> String {
    let same = all.iter().filter(|other| other.name == model.name);
    match same.count() {
        0 | 1 => model.name.clone(),
        _ => format!("{}@{:.8}", model.name, model.revision),
    }
}

/// A fact a line; what is the same for all models, or empty, is left out.
fn print_card(card: &ModelCard, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{}", card.name)?;
    let quoted = |prompt: &str| match prompt {
        "" => String::from("none"),
        prompt => format!("{prompt:?}"),
    };
    let dims: Vec<String> = card.trained_dims.iter().map(usize::to_string).collect();
    let mut facts = vec![
        ("numbers a vector", card.dim.to_string()),
        (
            "may be cut to (--dim)",
            match &dims[..] {
                [] => String::from("no other length, as far as it says"),
                dims => dims.join(", "),
            },
        ),
        ("longest text, tokens", card.max_tokens.to_string()),
        ("architecture", card.architecture.clone()),
        ("pooling", card.pooling.clone()),
        ("similarity", card.similarity.to_owned()),
        ("before a query", quoted(&card.query_prompt)),
        ("before a paper", quoted(&card.document_prompt)),
        ("runs as", card.mode.clone()),
        ("where", card.folder.clone()),
        ("revision", card.revision.clone()),
        ("SHA-256 of the weights", card.weights_sha256.clone()),
    ];
    if let Some(known) = &card.known {
        facts.insert(0, ("about", known.summary.clone()));
        facts.insert(1, ("licence", known.licence.clone()));
        facts.insert(2, ("on the hub", known.hub_id.clone()));
        facts.insert(3, ("size", megabytes(known.size_bytes)));
        facts.extend(known.speed.as_ref().map(|s| ("speed", speed(s))));
        facts.extend(
            known
                .stsb
                .map(|stsb| ("STS-B, Spearman", format!("{stsb:.1}"))),
        );
    }
    for (name, fact) in facts {
        writeln!(out, "  {name:<24}{fact}")?;
    }
    for note in &card.notes {
        writeln!(out, "  note: {note}")?;
    }
    Ok(())
}

/// A number that may not be known.
fn number(of: Option<usize>) -> String {
    of.map_or_else(|| String::from("-"), |n| n.to_string())
}

fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}

fn speed(s: &SpeedReport) -> String {
    let threads = count(s.threads, "thread");
    format!(
        "{:.0} abstracts/s ({}, {threads})",
        s.abstracts_per_s, s.cpu
    )
}

fn print_removed(removed: &RemoveReport, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "{} is removed from {}: {} freed",
        removed.name,
        removed.folder,
        megabytes(removed.freed_bytes)
    )?;
    if let Some(place) = &removed.still_at {
        writeln!(
            out,
            "it is still at {place}, which is not syntopic's to remove"
        )?;
    }
    Ok(())
}

/// One verified file.
#[derive(Serialize)]
struct Verified {
    model: String,
    file: String,
    ok: bool,
    problem: Option<String>,
}

fn verify(
    name: Option<&str>,
    sources: &ModelSources,
    json: bool,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let names: Vec<String> = match name {
        Some(name) => vec![name.to_owned()],
        // A model of the hub may be here at several commits.
        None => models::list(sources)
            .into_iter()
            .map(|m| match m.name.contains('/') {
                true => format!("{}@{}", m.name, m.revision),
                false => m.name,
            })
            .collect(),
    };
    let mut verified = Vec::new();
    for model in &names {
        let files = match models::verify(model, sources) {
            // Without a name, a model that is not here is none of the question; a damaged one is here.
            Err(LibraryError::Embed(EmbedError::Model(ModelError::NotInstalled { .. })))
                if name.is_none() =>
            {
                continue;
            }
            result => result?,
        };
        verified.extend(files.into_iter().map(|file| Verified {
            model: model.clone(),
            ok: file.ok(),
            file: file.file,
            problem: file.problem,
        }));
    }
    if json {
        print_json(out, &serde_json::json!({ "files": verified }))?;
    } else {
        for file in &verified {
            let state = file
                .problem
                .as_deref()
                .unwrap_or(if file.ok { "ok" } else { "not ok" });
            writeln!(out, "{}/{}: {state}", file.model, file.file)?;
        }
        if verified.is_empty() {
            writeln!(
                out,
                "no model is on this machine yet: `syntopic models pull NAME` fetches one"
            )?;
        }
    }
    Ok(if verified.iter().all(|v| v.ok) {
        exit::DONE
    } else {
        exit::PROBLEMS
    })
}
