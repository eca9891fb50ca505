//! `syntopic related`

use super::print_json;
use crate::args::{Arguments, RelatedArguments};
use crate::bars::Bars;
use crate::exit;
use crate::table::{self, Column, fit};
use anyhow::Context;
use std::io::{Read, Write};
use syntopic_library::{Library, Query, Related, RelatedOptions};

/// Widest that a query is shown above the table.
const QUERY_WIDTH: usize = 96;

pub(crate) fn run(
    arguments: &Arguments,
    verb: &RelatedArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let mut library = Library::open(arguments.library())?;
    let query = query(verb)?;
    let options = RelatedOptions {
        k: verb.k,
        model: verb.model.clone(),
    };
    let related = library.related(&query, &options, &mut |event| bars.show(event))?;
    bars.clear();
    if arguments.json {
        print_json(out, &related)?;
    } else {
        print(&related, out)?;
        related
            .notes
            .iter()
            .for_each(|note| bars.remark(&format!("note: {note}")));
    }
    Ok(exit::DONE)
}

fn query(verb: &RelatedArguments) -> anyhow::Result<Query> {
    if let Some(text) = &verb.text {
        return Ok(Query::Text(text.clone()));
    }
    if let Some(file) = &verb.file {
        let bytes =
            std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        return text_query(bytes, &file.display().to_string());
    }
    match verb.id.as_deref() {
        Some("-") => {
            let mut bytes = Vec::new();
            std::io::stdin()
                .read_to_end(&mut bytes)
                .context("cannot read the standard input")?;
            text_query(bytes, "standard input")
        }
        id => Ok(Query::Paper(id.unwrap_or_default().to_owned())),
    }
}

fn text_query(bytes: Vec<u8>, name: &str) -> anyhow::Result<Query> {
    let text = String::from_utf8(bytes).map_err(|e| {
        anyhow::anyhow!(
            "{name} is not UTF-8 text (byte {}): convert it first",
            e.utf8_error().valid_up_to()
        )
    })?;
    Ok(Query::Text(text))
}

pub(crate) fn print(related: &Related, out: &mut dyn Write) -> anyhow::Result<()> {
    let query = &related.query;
    match (&query.id, &query.title, &query.text) {
        (Some(id), Some(title), _) => {
            writeln!(out, "Related to {id}: {}", fit(title, QUERY_WIDTH))?
        }
        (_, _, Some(text)) => writeln!(out, "Related to: {}", fit(text, QUERY_WIDTH))?,
        _ => {}
    }
    let rows: Vec<Vec<String>> = related
        .hits
        .iter()
        .map(|hit| {
            vec![
                hit.rank.to_string(),
                format!("{:.3}", hit.score),
                hit.title.clone(),
                hit.year
                    .map_or_else(|| String::from("-"), |year| year.to_string()),
                hit.topic.clone().unwrap_or_else(|| String::from("-")),
                hit.id.clone(),
            ]
        })
        .collect();
    let columns = [
        Column::Right,
        Column::Right,
        Column::Shrinks,
        Column::Left,
        Column::Shrinks,
        Column::Shrinks,
    ];
    table::write(
        out,
        &columns,
        &["rank", "score", "title", "year", "topic", "id"],
        &rows,
    )?;
    Ok(())
}
