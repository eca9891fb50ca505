//! `/api/export`: papers in formats that other tools read.

use crate::app::Shared;
use crate::errors::{ErrorBody, Failure};
use crate::input::Body;
use crate::shape::word;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use syntopic_library::{
    FormatError, LibraryError, Paper, bibtex, write_csl, write_csv, write_jsonl, write_ris,
};
use utoipa::ToSchema;

/// Most papers of one file.
const MOST_EXPORTED: usize = 10_000;

/// A format of other tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ExportFormat {
    Bibtex,
    Csv,
    /// What `syntopic add` reads again.
    Jsonl,
    Ris,
    CslJson,
}

impl ExportFormat {
    /// Media type and the end of a file's name.
    fn kind(self) -> (&'static str, &'static str) {
        match self {
            Self::Bibtex => ("application/x-bibtex; charset=utf-8", "bib"),
            Self::Csv => ("text/csv; charset=utf-8", "csv"),
            Self::Jsonl => ("application/jsonl", "jsonl"),
            Self::Ris => ("application/x-research-info-systems", "ris"),
            Self::CslJson => ("application/vnd.citationstyles.csl+json", "json"),
        }
    }

    fn write(self, papers: &[Paper]) -> Result<Vec<u8>, FormatError> {
        let mut out = Vec::new();
        match self {
            Self::Bibtex => out = bibtex::bibtex(papers).into_bytes(),
            Self::Csv => write_csv(&mut out, papers)?,
            Self::Jsonl => {
                for paper in papers {
                    write_jsonl(&mut out, paper)?;
                }
            }
            Self::Ris => write_ris(&mut out, papers)?,
            Self::CslJson => write_csl(&mut out, papers)?,
        }
        Ok(out)
    }
}

/// Which papers, and how.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportBody {
    #[serde(deserialize_with = "word")]
    format: ExportFormat,
    /// Ids of the papers, in the order they are written.
    #[schema(max_items = 10000)]
    ids: Vec<String>,
}

/// A list of papers as a file.
#[utoipa::path(post, path = "/api/export", tag = "papers", request_body = ExportBody,
    responses(
        (status = 200, description = "The file", content(
            (String = "application/x-bibtex"),
            (String = "text/csv"),
            (String = "application/jsonl"),
            (String = "application/x-research-info-systems"),
            (Vec<Object> = "application/vnd.citationstyles.csl+json"),
        )),
        (status = 404, description = "A paper is not there", body = ErrorBody),
    )
)]
pub(crate) async fn export(app: Shared, Body(body): Body<ExportBody>) -> Result<Response, Failure> {
    if body.ids.len() > MOST_EXPORTED {
        let message = format!("more than {MOST_EXPORTED} papers: export them in parts");
        return Err(Failure::invalid(message));
    }
    let format = body.format;
    let bytes = app.pool.read(move |library, _| {
        let ids: Vec<&str> = body.ids.iter().map(String::as_str).collect();
        let found = library.papers_called(&ids)?.into_iter().zip(ids);
        let papers = found.map(|(paper, id)| match paper {
            Some(paper) => Ok(paper),
            // Says which are most like it.
            None => library.paper(id),
        });
        let papers: Vec<Paper> = papers.collect::<Result<_, LibraryError>>()?;
        Ok(format.write(&papers)?)
    });
    let bytes = bytes.await?;
    let (kind, end) = format.kind();
    let name = format!("attachment; filename=\"papers.{end}\"");
    let about = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((about, bytes).into_response())
}
