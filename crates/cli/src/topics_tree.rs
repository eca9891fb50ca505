//! `syntopic topics --levels --depth --min-size`: topics in a tree, its arguments and its print.
//!
//! Not for: which topics belong together.

use crate::verbs::count;
use clap::Args;
use std::io::Write;
use syntopic_library::{GroupReport, Levels, TopicsReport};

#[derive(Debug, Args)]
pub(crate) struct TreeArguments {
    /// Group the topics in a tree of N levels, the topics being the finest: a level has about a quarter of the groups of the one
    /// below. It stays so until another is asked for; 1 is no groups
    #[arg(long, value_name = "N", value_parser = depth, conflicts_with_all = ["levels", "rename", "merge", "split"])]
    depth: Option<usize>,

    /// Group the topics in a tree of so many at each level, coarse to fine: the last is the number of topics, like -k
    #[arg(long, value_name = "N,N,N", value_delimiter = ',', conflicts_with_all = ["k", "rename", "merge", "split"])]
    levels: Vec<usize>,

    /// Least papers of a topic when topics are made: smaller ones become part of others
    #[arg(long, value_name = "N", conflicts_with_all = ["rename", "merge", "split"])]
    pub(crate) min_size: Option<usize>,
}

fn depth(text: &str) -> Result<usize, String> {
    let depth = text.parse().ok().filter(|depth| (1..=10).contains(depth));
    depth.ok_or_else(|| String::from("a tree has 1 to 10 levels"))
}

impl TreeArguments {
    /// The number of topics that was said with the levels.
    pub(crate) fn k(&self) -> Option<usize> {
        self.levels.last().copied()
    }

    /// How topics are to be grouped, if that was said.
    pub(crate) fn levels(&self) -> Option<Levels> {
        let numbers = self.levels.split_last();
        let numbers = numbers.map(|(_, coarser)| Levels::Numbers(coarser.to_vec()));
        numbers.or(self.depth.map(Levels::Depth))
    }
}

/// One line a group and topic, each below the group that it is in.
pub(crate) fn print(report: &TopicsReport, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out)?;
    for group in report.groups.iter().filter(|group| group.level == 0) {
        print_group(report, group, out)?;
    }
    Ok(())
}

fn print_group(
    report: &TopicsReport,
    group: &GroupReport,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let indent = 4 * group.level;
    let (papers, topics) = (
        count(group.size, "paper"),
        count(group.topics.len(), "topic"),
    );
    writeln!(out, "{:indent$}{}  ({papers}, {topics})", "", group.name)?;
    let inside = (report.groups.iter())
        .filter(|finer| finer.level == group.level + 1 && finer.parent == Some(group.id));
    let mut finest = true;
    for finer in inside {
        finest = false;
        print_group(report, finer, out)?;
    }
    if finest {
        let own = (report.topics.iter()).filter(|topic| topic.parent == Some(group.id));
        for topic in own {
            let size = count(topic.size, "paper");
            writeln!(
                out,
                "{:indent$}{:>7}  {}  ({size}, tightness {:.2})",
                "", topic.id, topic.name, topic.tightness
            )?;
        }
    }
    Ok(())
}
