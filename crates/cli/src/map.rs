//! `syntopic map`: the library as a page, a picture, or a figure of how faithful its layout is.

use crate::args::Arguments;
use crate::bars::Bars;
use crate::exit;
use crate::verbs::print_json;
use anyhow::Context;
use clap::Args;
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use syntopic_library::map::{MapData, MapOptions, MapRequest, MapScoreRequest, score_map};
use syntopic_library::write_file;

const EXAMPLES: &str = "\
Examples:
  syntopic map --out map.html           one file that opens in any browser, without a network
  syntopic map --out map.svg            a still picture; .png too
  syntopic map --out map.html --exaggeration 4
                                        clusters drawn together, with more space between them
  syntopic map --vectors V.npy --json   how much of the neighbourhoods of these vectors our layout keeps
  syntopic map --vectors V.npy --layout umap.npy --json
                                        the same of another program's layout of them

Papers lie near those they are like. Topics are those of `syntopic topics`; where there are none, they are made first.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct MapArguments {
    /// File to write, by its ending: .html (to explore), .svg or .png (for papers and slides)
    #[arg(long, short, value_name = "FILE", required_unless_present = "vectors")]
    out: Option<PathBuf>,

    /// Attraction of neighbours, from 1 up; larger draws clusters together and keeps fewer of the nearest neighbours
    #[arg(long, value_name = "X", default_value_t = MapOptions::default().exaggeration)]
    exaggeration: f32,

    /// Make no topics where there are none
    #[arg(long)]
    no_topics: bool,

    /// Instead of a map, measure one of the vectors in this file: a .npy matrix of 32-bit floats, a row each
    #[arg(long, value_name = "V.npy", conflicts_with_all = ["out", "no_topics"])]
    vectors: Option<PathBuf>,

    /// Measure this layout instead of ours: a .npy matrix of two 32-bit floats a row
    #[arg(long, value_name = "XY.npy", requires = "vectors")]
    layout: Option<PathBuf>,

    /// Nearest neighbours compared when measuring
    #[arg(short, default_value_t = 10, value_name = "K", requires = "vectors")]
    k: usize,
}

/// What was written.
#[derive(Serialize)]
struct Written {
    out: String,
    papers: usize,
    topics: usize,
    bytes: usize,
}

pub(crate) fn run(
    arguments: &Arguments,
    verb: &MapArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let options = MapOptions {
        exaggeration: verb.exaggeration,
        ..MapOptions::default()
    };
    match (&verb.vectors, &verb.out) {
        (Some(vectors), _) => measure(arguments, (verb, vectors), options, bars, out),
        (None, Some(path)) => draw(arguments, (verb, path), options, bars, out),
        (None, None) => anyhow::bail!("no file to write was named: --out map.html"),
    }
}

fn draw(
    arguments: &Arguments,
    (verb, path): (&MapArguments, &Path),
    options: MapOptions,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    // Before any work is done.
    let picture = Picture::of(path)?;
    let mut library = arguments.open()?;
    let request = MapRequest {
        make_topics: !verb.no_topics,
        options,
        ..MapRequest::default()
    };
    let map = library.map(&request, &mut |event| bars.show(event))?;
    let bytes = picture.draw(&map)?;
    write_file(path, &bytes)?;
    bars.clear();
    let written = Written {
        out: path.display().to_string(),
        papers: map.papers.len(),
        topics: map.topics.len(),
        bytes: bytes.len(),
    };
    if arguments.json {
        print_json(out, &written)?;
    } else {
        let (papers, topics) = (written.papers, written.topics);
        let size = written.bytes.div_ceil(1024);
        writeln!(
            out,
            "{}: {papers} papers, {topics} topics, {size} KiB",
            written.out
        )?;
    }
    Ok(exit::DONE)
}

/// What a map is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Picture {
    Html,
    Svg,
    Png,
}

impl Picture {
    /// By the ending of the file.
    fn of(path: &Path) -> anyhow::Result<Self> {
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        match ending.as_deref() {
            Some("html" | "htm") => Ok(Self::Html),
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            _ => anyhow::bail!(
                "{}: a map is written by the ending of its file, which must be .html, .svg or .png",
                path.display()
            ),
        }
    }

    fn draw(self, map: &MapData) -> anyhow::Result<Vec<u8>> {
        Ok(match self {
            Self::Html => map.to_html().into_bytes(),
            Self::Svg => map.to_svg().into_bytes(),
            Self::Png => map.to_png()?,
        })
    }
}

fn measure(
    arguments: &Arguments,
    (verb, vectors): (&MapArguments, &Path),
    options: MapOptions,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let request = MapScoreRequest {
        vectors: vectors.to_owned(),
        layout: verb.layout.clone(),
        k: verb.k,
        options,
    };
    let report = score_map(&request, &mut |event| bars.show(event))
        .context("the layout was not measured")?;
    bars.clear();
    if arguments.json {
        print_json(out, &report)?;
        return Ok(exit::DONE);
    }
    let score = &report.score;
    writeln!(
        out,
        "{}: trustworthiness {:.4}, {:.4} of the {} nearest kept ({} of {} rows looked at)",
        report.layout,
        score.trustworthiness,
        score.preservation,
        score.neighbors,
        score.sampled,
        score.rows
    )?;
    if let (Some(neighbors), Some(layout)) = (report.neighbors_s, report.layout_s) {
        writeln!(out, "neighbours {neighbors:.1} s, layout {layout:.1} s")?;
    }
    Ok(exit::DONE)
}
