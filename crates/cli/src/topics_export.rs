//! `syntopic topics --export FILE --bibtex FOLDER`: the topics as files.

use crate::bars::Bars;
use crate::verbs::count;
use clap::Args;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use syntopic_library::bibtex::bibtex;
use syntopic_library::{Library, LibraryError, TopicReport, TopicsReport, write_file};

/// Longest part of a topic's name in the name of its file.
const NAME: usize = 60;

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// Write the topics to a file too, by its ending: .csv (one line a paper) or .json (all that is known of each topic)
    #[arg(long, value_name = "FILE", value_parser = export)]
    export: Option<Export>,

    /// Write the papers of each topic to a BibTeX file of its own in this folder, the most central first
    #[arg(long, value_name = "FOLDER")]
    bibtex: Option<PathBuf>,
}

/// A file and what it is to be.
#[derive(Debug, Clone)]
enum Export {
    Csv(PathBuf),
    Json(PathBuf),
}

fn export(text: &str) -> Result<Export, String> {
    let path = PathBuf::from(text);
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        Some("csv") => Ok(Export::Csv(path)),
        Some("json") => Ok(Export::Json(path)),
        _ => Err(String::from(
            "its ending says what is written: .csv or .json",
        )),
    }
}

impl ExportArguments {
    /// Writes what was asked for.
    pub(crate) fn write(
        &self,
        report: &TopicsReport,
        library: &Library,
        bars: &Bars,
    ) -> anyhow::Result<()> {
        match &self.export {
            Some(Export::Csv(path)) => write_file(path, &crate::verbs::topics::csv(report)?)?,
            Some(Export::Json(path)) => write_file(path, &serde_json::to_vec_pretty(report)?)?,
            None => {}
        }
        if let Some(folder) = &self.bibtex {
            let files = write_bibtex(folder, report, library)?;
            let files = count(files, "BibTeX file");
            bars.remark(&format!("{files} written to {}", folder.display()));
        }
        Ok(())
    }
}

/// One file a topic; gives how many.
fn write_bibtex(folder: &Path, report: &TopicsReport, library: &Library) -> anyhow::Result<usize> {
    std::fs::create_dir_all(folder).map_err(|source| LibraryError::Io {
        path: folder.to_owned(),
        source,
    })?;
    let papers = library.papers()?;
    let of: HashMap<&str, _> = papers.iter().map(|p| (p.id.as_str(), p)).collect();
    for topic in &report.topics {
        let members = topic
            .papers
            .iter()
            .filter_map(|id| of.get(id.as_str()).copied());
        let path = folder.join(file_name(topic));
        write_file(&path, bibtex(members).as_bytes())?;
    }
    Ok(report.topics.len())
}

/// "007-graph-networks.bib": safe in every file system.
fn file_name(topic: &TopicReport) -> String {
    let lower = topic.name.to_lowercase();
    let words = lower
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let mut name = format!("{:03}", topic.id);
    for word in words {
        if name.len() + word.len() >= NAME {
            break;
        }
        name.push('-');
        name.push_str(word);
    }
    name + ".bib"
}
