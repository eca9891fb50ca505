//! `syntopic eval topics`: its arguments and its print.

use crate::args::Arguments;
use crate::bars::Bars;
use crate::exit;
use crate::verbs::print_json;
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use syntopic_library::eval::grown::{GrownReport, Growth, grown};
use syntopic_library::eval::topics::{TopicsEval, TopicsEvalReport, topics};
use syntopic_library::models::ModelSources;

const EXAMPLES: &str = "\
Examples:
  syntopic eval topics --papers papers.jsonl --label-field category
  syntopic bench embed papers.jsonl -n 100000 --repeat 1 --save a.npy
  syntopic eval topics --papers papers.jsonl --vectors a.npy -k 46 --json
  syntopic eval topics --papers papers.jsonl --vectors a.npy -k 120 --levels 8,30
  syntopic eval topics --papers papers.jsonl --vectors a.npy --grow 0.5 --hold-out physics,art

V-measure, ARI and NMI compare the topics with the labels, 1 being the same groups; k-NN accuracy is the share of papers
whose label is the commonest of their 10 nearest others. Seconds are those of clustering alone.
--grow judges how well topics last: those of a part of the papers, brought up to date with the rest, beside topics made anew.";

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

    /// Numbers of groups, coarse to fine, that the topics are grouped into: each level is compared with the labels too
    #[arg(
        long,
        value_name = "N,N",
        value_delimiter = ',',
        conflicts_with = "grow"
    )]
    pub(crate) levels: Vec<usize>,

    /// Least papers of a topic
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) min_size: usize,

    /// Largest share of papers that are called outliers
    #[arg(long, value_name = "SHARE", default_value_t = syntopic_library::MAX_OUTLIERS, value_parser = crate::topics_views::outlier_share)]
    pub(crate) max_outliers: f64,

    /// Vectors of these papers in their order, a .npy matrix of 32-bit floats; the papers are embedded when not given
    #[arg(long, value_name = "V.npy")]
    pub(crate) vectors: Option<PathBuf>,

    /// Make topics of this share of the papers first, evenly spaced, and bring them up to date with the rest
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) grow: Option<f64>,

    /// Labels whose papers all come with the rest: are they born as topics?
    #[arg(
        long,
        value_name = "LABEL,LABEL",
        value_delimiter = ',',
        requires = "grow"
    )]
    pub(crate) hold_out: Vec<String>,

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
        levels: verb.levels.clone(),
        min_size: verb.min_size,
        max_outliers: verb.max_outliers,
        vectors: verb.vectors.clone(),
        seed: verb.seed,
        model: verb.model.clone(),
    };
    let models = ModelSources::from_env();
    if let Some(first) = verb.grow {
        let hold_out = verb.hold_out.clone();
        let report = grown(&eval, &Growth { first, hold_out }, &models, &mut |event| {
            bars.show(event)
        })?;
        bars.clear();
        if arguments.json {
            print_json(out, &report)?;
        } else {
            print_grown(&report, out)?;
        }
        return Ok(exit::DONE);
    }
    let report = topics(&eval, &models, &mut |event| bars.show(event))?;
    bars.clear();
    if arguments.json {
        print_json(out, &report)?;
    } else {
        print(&report, out)?;
    }
    Ok(exit::DONE)
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|s| *s > 0.0 && *s < 1.0);
    share.ok_or_else(|| String::from("a share is above 0 and below 1, as 0.5"))
}

fn print_grown(r: &GrownReport, out: &mut dyn Write) -> anyhow::Result<()> {
    let [died, split, merged] = r.died_split_merged;
    writeln!(
        out,
        "{} topics of {} papers, then {} papers more: {} born, {died} died, {split} split, {merged} merged; least cosine of a \
         centre before and after {:.3}",
        r.n_topics_first,
        r.first,
        r.n - r.first,
        r.born.len(),
        r.most_drift
    )?;
    for (what, a) in [("up to date", &r.updated), ("made anew ", &r.fresh)] {
        writeln!(
            out,
            "{what}  {} topics, V-measure {:.4}, ARI {:.4}, {:.1} s",
            a.n_topics, a.v_measure, a.ari, a.seconds
        )?;
    }
    for born in &r.born {
        let held = if born.held_out { ", held back" } else { "" };
        writeln!(
            out,
            "born {:>4}: {} papers, {:.2} of them {}{held}, {:.2} of that label",
            born.id, born.size, born.precision, born.label, born.recall
        )?;
    }
    Ok(())
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
    writeln!(
        out,
        "without {:.1}% outliers: V-measure {:.4}, ARI {:.4}",
        100.0 * r.outlier_share,
        r.v_measure_inliers,
        r.ari_inliers
    )?;
    for level in &r.levels {
        writeln!(
            out,
            "in {} groups: V-measure {:.4}, ARI {:.4}, NMI {:.4}",
            level.n_groups, level.v_measure, level.ari, level.nmi
        )?;
    }
    Ok(())
}
