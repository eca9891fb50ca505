//! Papers in formats that other tools read: CSV, RIS, CSL-JSON. Not for: BibTeX (the library's), and JSON lines (`jsonl.rs`).

use crate::FormatError;
use serde_json::{Value, json};
use std::io::Write;
use syntopic_core::Paper;

/// A table with headings that this crate reads too; authors and categories between semicolons.
///
/// # Errors
/// When `out` cannot be written.
pub fn write_csv(out: &mut dyn Write, papers: &[Paper]) -> Result<(), FormatError> {
    let error = |error: csv::Error| FormatError::Write(error.into());
    let mut rows = csv::Writer::from_writer(out);
    let headings = [
        "id",
        "title",
        "abstract",
        "authors",
        "year",
        "date",
        "venue",
        "url",
        "doi",
        "categories",
    ];
    rows.write_record(headings).map_err(error)?;
    for paper in papers {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        rows.write_record([
            paper.id.to_string(),
            paper.title.clone(),
            text(&paper.abstract_text),
            paper.authors.join("; "),
            paper.year.map(|year| year.to_string()).unwrap_or_default(),
            text(&paper.date),
            text(&paper.venue),
            text(&paper.url),
            text(&paper.doi),
            paper.categories.join("; "),
        ])
        .map_err(error)?;
    }
    rows.flush().map_err(FormatError::Write)
}

/// RIS, a record a paper. The id is kept in `ID`, which readers of other tools may leave out.
///
/// # Errors
/// When `out` cannot be written.
pub fn write_ris(out: &mut dyn Write, papers: &[Paper]) -> Result<(), FormatError> {
    for paper in papers {
        let kind = if paper.venue.is_some() { "JOUR" } else { "GEN" };
        let mut lines = vec![("TY", kind.to_owned()), ("ID", paper.id.to_string())];
        lines.push(("TI", paper.title.clone()));
        lines.extend(paper.authors.iter().map(|author| ("AU", author.clone())));
        lines.extend(paper.year.map(|year| ("PY", year.to_string())));
        for (tag, field) in [
            ("DA", &paper.date),
            ("JF", &paper.venue),
            ("DO", &paper.doi),
            ("UR", &paper.url),
        ] {
            lines.extend(field.iter().map(|text| (tag, text.clone())));
        }
        lines.extend(paper.categories.iter().map(|word| ("KW", word.clone())));
        lines.extend(paper.abstract_text.iter().map(|text| ("AB", text.clone())));
        for (tag, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
            writeln!(out, "{tag}  - {}", crate::clean(value)).map_err(FormatError::Write)?;
        }
        writeln!(out, "ER  - \n").map_err(FormatError::Write)?;
    }
    Ok(())
}

/// CSL-JSON: a list of items.
///
/// # Errors
/// When `out` cannot be written.
pub fn write_csl(out: &mut dyn Write, papers: &[Paper]) -> Result<(), FormatError> {
    let items: Vec<Value> = papers.iter().map(csl_item).collect();
    serde_json::to_writer_pretty(&mut *out, &items)
        .map_err(|error| FormatError::Write(error.into()))?;
    writeln!(out).map_err(FormatError::Write)
}

fn csl_item(paper: &Paper) -> Value {
    let kind = if paper.venue.is_some() {
        "article-journal"
    } else {
        "article"
    };
    let mut item = json!({"id": paper.id, "type": kind, "title": paper.title});
    let authors: Vec<Value> = paper
        .authors
        .iter()
        .map(|name| json!({"literal": name}))
        .collect();
    if !authors.is_empty() {
        item["author"] = Value::Array(authors);
    }
    if let Some(issued) = issued(paper) {
        item["issued"] = issued;
    }
    for (name, field) in [
        ("abstract", &paper.abstract_text),
        ("container-title", &paper.venue),
        ("URL", &paper.url),
        ("DOI", &paper.doi),
    ] {
        if let Some(text) = field {
            item[name] = json!(text);
        }
    }
    if !paper.categories.is_empty() {
        item["keyword"] = json!(paper.categories.join("; "));
    }
    item
}

/// The day where it is one in ISO 8601, else the year, and any other date as it is written.
fn issued(paper: &Paper) -> Option<Value> {
    let parts: Option<Vec<i64>> = paper
        .date
        .as_deref()
        .and_then(|date| date.split('-').map(|part| part.parse().ok()).collect());
    match (parts, paper.year, &paper.date) {
        (Some(parts), ..) if (2..=3).contains(&parts.len()) => Some(json!({"date-parts": [parts]})),
        (_, Some(year), None) => Some(json!({"date-parts": [[year]]})),
        (_, _, Some(date)) => Some(json!({"raw": date})),
        (_, None, None) => None,
    }
}
