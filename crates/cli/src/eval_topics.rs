//! `syntopic eval topics`: its arguments and its print.

use crate::args::Arguments;
use crate::bars::Bars;
use crate::exit;
use crate::verbs::print_json;
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use syntopic_library::eval::topics::{TopicsEval, TopicsEvalReport, topics};
use syntopic_library::models::ModelSources;

const EXAMPLES: &str = "\
Examples:
  syntopic eval topics --papers papers.jsonl --label-field category
  syntopic bench embed papers.jsonl -n 100000 --repeat 1 --save a.npy
  syntopic eval topics --papers papers.jsonl --vectors a.npy -k 46 --json

V-measure, ARI and NMI compare the topics with the labels, 1 being the same groups; k-NN accuracy is the share of papers
whose label is the commonest of their 10 nearest others. Seconds are those of clustering alone.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct EvalTopicsArguments {
    /// JSON objects, one a line: papers, each with a label
    #[arg(long, value_name = "P.jsonl")]
    pub(crate) papers: PathBuf,

    /// Which of their members is the label
    #[arg(long, default_value = "label", value_name = "NAME")]
    pub(crate) label_field: String,

    /// How many topics; chosen from the data when not given
    #[arg(short, long, value_name = "N")]
    pub(crate) k: Option<usize>,

    /// Vectors of these papers in their order, a .npy matrix of 32-bit floats; the papers are embedded when not given
    #[arg(long, value_name = "V.npy")]
    pub(crate) vectors: Option<PathBuf>,

    /// Seed of the clustering
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// The model that embeds: a name of `syntopic models`, or a folder
    #[arg(long, value_name = "NAME", conflicts_with = "vectors")]
    pub(crate) model: Option<String>,
}

pub(crate) fn run(
    arguments: &Arguments,
    verb: &EvalTopicsArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let eval = TopicsEval {
        papers: verb.papers.clone(),
        label_field: verb.label_field.clone(),
        k: verb.k,
        vectors: verb.vectors.clone(),
        seed: verb.seed,
        model: verb.model.clone(),
    };
    let report = topics(&eval, &ModelSources::from_env(), &mut |event| {
        bars.show(event)
    })?;
    bars.clear();
    if arguments.json {
        print_json(out, &report)?;
    } else {
        print(&report, out)?;
    }
    Ok(exit::DONE)
}

fn print(r: &TopicsEvalReport, out: &mut dyn Write) -> anyhow::Result<()> {
    let chosen = if r.k_given { "given" } else { "chosen" };
    writeln!(
        out,
        "{} papers, {} labels, {} topics ({chosen}), {:.1} s",
        r.n, r.n_labels, r.n_topics, r.seconds
    )?;
    writeln!(
        out,
        "V-measure {:.4}, ARI {:.4}, NMI {:.4}, 10-NN accuracy {:.4}",
        r.v_measure, r.ari, r.nmi, r.knn_accuracy
    )?;
    Ok(())
}
