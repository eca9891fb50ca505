//! `syntopic models`

use super::print_json;
use crate::args::{Arguments, Models, ModelsArguments};
use crate::bars::Bars;
use crate::exit;
use crate::table::{self, Column};
use serde::Serialize;
use std::io::Write;
use syntopic_library::models::{self, ModelReport, ModelSources};
use syntopic_library::{EmbedError, LibraryError, ModelError};

pub(crate) fn run(
    arguments: &Arguments,
    verb: &ModelsArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let sources = ModelSources::from_env();
    match &verb.what {
        None | Some(Models::List) => list(&models::list(&sources), arguments.json, out),
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
                    model.name,
                    if model.default { " (default)" } else { "" }
                ),
                model.dim.to_string(),
                model.max_tokens.to_string(),
                format!("{:.0} MB", model.size_bytes as f64 / 1e6),
                model.licence.clone(),
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
        Column::Shrinks,
    ];
    table::write(
        out,
        &columns,
        &["name", "dim", "tokens", "size", "licence", "where"],
        &rows,
    )?;
    Ok(exit::DONE)
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
        None => models::list(sources).into_iter().map(|m| m.name).collect(),
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
