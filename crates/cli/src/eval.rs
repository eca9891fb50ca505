//! `syntopic eval`: its arguments, and one function a kind.

use crate::args::{Arguments, positive};
use crate::bars::Bars;
use crate::eval_related::{self, EvalRelatedArguments};
use crate::eval_topics::{self, EvalTopicsArguments};
use crate::exit;
use crate::verbs::print_json;
use clap::{ArgGroup, Args, Subcommand};
use std::io::Write;
use std::path::PathBuf;
use syntopic_library::eval::vectors::{VectorsEval, VectorsReport, vectors};

#[derive(Debug, Args)]
pub(crate) struct EvalArguments {
    #[command(subcommand)]
    pub(crate) what: Eval,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Eval {
    /// Related papers against judgments: MAP, MRR, NDCG, precision and recall of each mode, with intervals
    Related(EvalRelatedArguments),
    /// How well topics found agree with labels given
    Topics(EvalTopicsArguments),
    /// Whether near vectors belong together, by labels and by another model's vectors
    Vectors(EvalVectorsArguments),
}

const VECTORS_EXAMPLES: &str = "\
Examples:
  syntopic bench embed papers.jsonl -n 100000 --repeat 1 --model embedded --save a.npy
  syntopic bench embed papers.jsonl -n 100000 --repeat 1 --save b.npy
  syntopic eval vectors --vectors a.npy --labels papers.jsonl --label-field category
  syntopic eval vectors --vectors a.npy --against b.npy -k 10 --json

Accuracy: the share of rows whose label is the commonest among their k nearest others. Overlap: the mean share of a
row's k nearest others that are its k nearest in the other file too. Every row is compared with every other.";

#[derive(Debug, Args)]
#[command(after_help = VECTORS_EXAMPLES)]
#[command(group(ArgGroup::new("measure").required(true).multiple(true).args(["labels", "against"])))]
pub(crate) struct EvalVectorsArguments {
    /// A .npy matrix of 32-bit floats, a row a text
    #[arg(long, value_name = "A.npy")]
    pub(crate) vectors: PathBuf,

    /// JSON objects, one a line, the n-th for the n-th row
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,

    /// Which of their members is the label
    #[arg(
        long,
        default_value = "label",
        value_name = "NAME",
        requires = "labels"
    )]
    pub(crate) label_field: String,

    /// Another model's vectors of the same texts
    #[arg(long, value_name = "B.npy")]
    pub(crate) against: Option<PathBuf>,

    /// Nearest others looked at
    #[arg(value_parser = positive, short, long, default_value_t = 10, value_name = "K")]
    pub(crate) k: usize,
}

pub(crate) fn run(
    arguments: &Arguments,
    verb: &EvalArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    match &verb.what {
        Eval::Related(verb) => eval_related::run(arguments, verb, bars, out),
        Eval::Topics(verb) => eval_topics::run(arguments, verb, bars, out),
        Eval::Vectors(verb) => run_vectors(arguments, verb, bars, out),
    }
}

fn run_vectors(
    arguments: &Arguments,
    verb: &EvalVectorsArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let report = vectors(&VectorsEval {
        vectors: verb.vectors.clone(),
        labels: verb.labels.clone(),
        label_field: verb.label_field.clone(),
        against: verb.against.clone(),
        k: verb.k,
    })?;
    bars.clear();
    if arguments.json {
        print_json(out, &report)?;
    } else {
        print_vectors(&report, out)?;
    }
    Ok(exit::DONE)
}

fn print_vectors(r: &VectorsReport, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{} rows of {} numbers", r.n, r.dim)?;
    if let Some(l) = &r.labels {
        writeln!(
            out,
            "{}-NN accuracy {:.4} over {} labels (always the commonest label: {:.4})",
            r.k, l.accuracy, l.labels, l.commonest
        )?;
    }
    if let Some(overlap) = r.overlap {
        writeln!(out, "overlap of the {} nearest {overlap:.4}", r.k)?;
    }
    Ok(())
}
