//! The arguments of `syntopic topics`.
//!
//! Not for: what is done with them (`verbs::topics`), or the files that topics are written to (`topics_export`).

use crate::args::DeviceArgument;
use clap::Args;

const TOPICS_EXAMPLES: &str = "\
Examples:
  syntopic topics                 as many topics as the data suggest; the scores are printed
  syntopic topics -k 12 --json
  syntopic topics --seed-topic 'self-supervised vision: contrastive learning, masked image modelling'
  syntopic topics --depth 2                       topics in groups
  syntopic topics --levels 8,30,120               120 topics in 30 groups in 8
  syntopic topics --min-size 20                   no topic of fewer papers
  syntopic topics --csv > topics.csv
  syntopic topics --rename 3='Graph learning'     kept, and given again when topics are made anew
  syntopic topics --merge 3,7                     topic 7 becomes part of topic 3
  syntopic topics --split 0=3                     topic 0 becomes three
  syntopic topics --changes                       after `add`: topics born, died, split, merged, moved
  syntopic topics --scorecard                     how good they are
  syntopic topics --compare a.json b.json         two runs, as --export wrote them
  syntopic topics --weights --csv > weights.csv   more than one topic a paper
  syntopic topics --fresh                         start anew
  syntopic topics --export topics.json --bibtex topics-bib
  syntopic topics --over-time                     papers of each topic a year; what rises, what falls
  syntopic topics --over-time month --csv > months.csv

Topics last. After `add`, `syntopic topics` brings those of the last run up to date: numbers and names stay, each new paper joins
the nearest topic, and new papers that form a group of their own are a new topic with the next free number.";

#[derive(Debug, Args)]
#[command(after_help = TOPICS_EXAMPLES)]
pub(crate) struct TopicsArguments {
    /// How many topics, when they are made; chosen from the data when not given. Another number than the topics kept so far were made
    /// with makes them anew
    #[arg(short, long, value_name = "N")]
    pub(crate) k: Option<usize>,

    /// Seed of the clustering; the same seed and papers give the same topics. Another one makes them anew
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// Make topics anew, with new numbers, instead of bringing those of the last run up to date
    #[arg(long)]
    pub(crate) fresh: bool,

    /// Name topic N of the topics made last as you like; topics made later have the name too where one lies at nearly the same
    /// place. Without a name (3=) your name is given up again. May be given several times
    #[arg(long, value_name = "N=NAME", value_parser = rename, conflicts_with_all = ["k", "seed", "model", "fresh"])]
    pub(crate) rename: Vec<(u32, String)>,

    /// Make one topic of several of the topics made last, as 3,7: the first number stays
    #[arg(long, value_name = "N,M", value_delimiter = ',', conflicts_with_all = ["k", "seed", "model", "fresh", "rename"])]
    pub(crate) merge: Vec<u32>,

    /// Make two topics, or K, of topic N of the topics made last: the largest part keeps the number
    #[arg(long, value_name = "N[=K]", value_parser = split, conflicts_with_all = ["k", "seed", "model", "fresh", "rename", "merge"])]
    pub(crate) split: Option<(u32, usize)>,

    /// Largest share of the papers that are called outliers: those far from every topic, which are listed in the nearest all the same.
    /// 0.1 unless another was asked for before
    #[arg(long, value_name = "SHARE", value_parser = crate::topics_views::outlier_share, conflicts_with_all = ["rename", "merge", "split"])]
    pub(crate) max_outliers: Option<f64>,

    /// Print one line a paper as CSV: topic, name, rank in the topic, id, title, whether it is an outlier
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,

    /// Must be the library's own model, which is the default
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,

    #[command(flatten)]
    pub(crate) seeds: crate::topics_seeds::SeedArguments,

    #[command(flatten)]
    pub(crate) tree: crate::topics_tree::TreeArguments,

    #[command(flatten)]
    pub(crate) on: DeviceArgument,

    #[command(flatten)]
    pub(crate) export: crate::topics_export::ExportArguments,

    #[command(flatten)]
    pub(crate) view: crate::topics_views::ViewArguments,
}

/// Reads "3=Graph learning".
fn rename(text: &str) -> Result<(u32, String), String> {
    let read = text.split_once('=').and_then(|(number, name)| {
        let number = number.trim().parse().ok()?;
        Some((number, name.trim().to_owned()))
    });
    read.ok_or_else(|| {
        String::from("write the number of a topic and its name, as 3='Graph learning'")
    })
}

/// Reads "3" or "3=4".
fn split(text: &str) -> Result<(u32, usize), String> {
    let (number, parts) = text.split_once('=').unwrap_or((text, "2"));
    let read = number.trim().parse().ok().zip(parts.trim().parse().ok());
    read.filter(|(_, parts)| *parts >= 2).ok_or_else(|| {
        String::from("write the number of a topic, or it and how many it is to become, as 3=4")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_becomes_two_or_as_many_as_said() {
        assert_eq!((split("3"), split("3=4")), (Ok((3, 2)), Ok((3, 4))));
        for wrong in ["", "a", "3=", "3=1", "=2"] {
            assert!(split(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_follows_the_number_of_its_topic() {
        assert_eq!(rename("3= a = b "), Ok((3, String::from("a = b"))));
        assert_eq!(rename("3= "), Ok((3, String::new())));
        for wrong in ["", "3", "=a", "a=3", "-1=a"] {
            assert!(rename(wrong).is_err(), "{wrong}");
        }
    }
}
