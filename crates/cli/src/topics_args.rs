//! The arguments of `syntopic topics`.
//!
//! Not for: what is done with them (`verbs::topics`), or the files that topics are written to (`topics_export`).

use crate::args::DeviceArgument;
use clap::Args;

const TOPICS_EXAMPLES: &str = "\
Examples:
  syntopic topics                 as many topics as the data suggest; the scores are printed
  syntopic topics -k 12 --json
  syntopic topics --csv > topics.csv
  syntopic topics --export topics.json --bibtex topics-bib
  syntopic topics --over-time                     papers of each topic a year; what rises, what falls
  syntopic topics --over-time month --csv > months.csv";

#[derive(Debug, Args)]
#[command(after_help = TOPICS_EXAMPLES)]
pub(crate) struct TopicsArguments {
    /// How many topics; chosen from the data when not given
    #[arg(short, long, value_name = "N")]
    pub(crate) k: Option<usize>,

    /// Seed of the clustering; the same seed and papers give the same topics
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// Print one line a paper as CSV: topic, name, rank in the topic, id, title
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,

    /// Must be the library's own model, which is the default
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,

    #[command(flatten)]
    pub(crate) on: DeviceArgument,

    #[command(flatten)]
    pub(crate) export: crate::topics_export::ExportArguments,

    #[command(flatten)]
    pub(crate) view: crate::topics_views::ViewArguments,
}
