//! `syntopic list`

use super::print_json;
use crate::args::{Arguments, ListArguments};
use crate::exit;
use crate::table::{self, Column};
use std::io::Write;
use syntopic_library::{
    Library, Paper, bibtex::bibtex, write_csl, write_csv, write_jsonl, write_npy, write_parquet,
    write_ris,
};

pub(crate) fn run(
    arguments: &Arguments,
    verb: &ListArguments,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let mut library = arguments.open()?;
    let mut papers = match &verb.ids[..] {
        [] => library.list(&verb.only.filter()?)?,
        ids => {
            let all = ids.iter().map(|id| library.paper(id));
            all.collect::<Result<Vec<Paper>, _>>()?
        }
    };
    papers.truncate(verb.k.unwrap_or(usize::MAX));
    match verb.format.as_deref() {
        Some("csv") => write_csv(out, &papers)?,
        Some("parquet") => {
            let (vectors, dim) = library.vectors_of(&papers)?;
            write_parquet(out, &papers, (dim > 0).then_some(&vectors[..]))?;
        }
        Some("npy") => return vectors(&library, &papers, out),
        Some("ris") => write_ris(out, &papers)?,
        Some("csl-json") => write_csl(out, &papers)?,
        Some("bibtex") => out.write_all(bibtex(&papers).as_bytes())?,
        Some(_) => {
            for paper in &papers {
                write_jsonl(out, paper)?;
            }
        }
        None if verb.ids_only => {
            for paper in &papers {
                writeln!(out, "{}", paper.id)?;
            }
        }
        None if arguments.json => print_json(out, &serde_json::json!({ "papers": papers }))?,
        None if !verb.ids.is_empty() => print_whole(&papers, out)?,
        None => print(&papers, out)?,
    }
    Ok(exit::DONE)
}

/// The vectors alone; papers that have none are named.
fn vectors(library: &Library, papers: &[Paper], out: &mut dyn Write) -> anyhow::Result<u8> {
    let (vectors, dim) = library.vectors_of(papers)?;
    let rows: Vec<&[f32]> = vectors.iter().flatten().map(Vec::as_slice).collect();
    write_npy(out, rows.iter().copied(), dim)?;
    let without = papers
        .iter()
        .zip(&vectors)
        .filter(|(_, vector)| vector.is_none());
    let mut code = exit::DONE;
    for (paper, _) in without {
        writeln!(
            std::io::stderr(),
            "left out: {} has no vector yet",
            paper.id
        )?;
        code = exit::INCOMPLETE;
    }
    Ok(code)
}

fn print(papers: &[Paper], out: &mut dyn Write) -> anyhow::Result<()> {
    let rows: Vec<Vec<String>> = papers
        .iter()
        .map(|paper| {
            let year = paper.year.map(|year| year.to_string());
            vec![
                paper.id.to_string(),
                year.unwrap_or_default(),
                paper.title.clone(),
            ]
        })
        .collect();
    let columns = [Column::Left, Column::Right, Column::Shrinks];
    table::write(out, &columns, &["id", "year", "title"], &rows)?;
    Ok(())
}

/// Every field, a paper after the other.
pub(crate) fn print_whole(papers: &[Paper], out: &mut dyn Write) -> anyhow::Result<()> {
    for (number, paper) in papers.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        for (name, value) in [
            ("id", paper.id.to_string()),
            ("title", paper.title.clone()),
            ("authors", paper.authors.join(", ")),
            (
                "year",
                paper.year.map(|year| year.to_string()).unwrap_or_default(),
            ),
            ("date", text(&paper.date)),
            ("venue", text(&paper.venue)),
            ("url", text(&paper.url)),
            ("doi", text(&paper.doi)),
            ("categories", paper.categories.join(", ")),
            ("abstract", text(&paper.abstract_text)),
        ] {
            if !value.is_empty() {
                writeln!(out, "{name}: {value}")?;
            }
        }
    }
    Ok(())
}
