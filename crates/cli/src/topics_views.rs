//! `syntopic topics --over-time`, `--changes`, `--weights`, `--scorecard`, `--compare`: other ways to look at the topics than their list.

use crate::args::Arguments;
use crate::bars::Bars;
use crate::exit;
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use syntopic_library::{Library, Period, TopicsReport};

#[derive(Debug, Args)]
pub(crate) struct ViewArguments {
    /// Show instead how many papers each topic has a year, or a month, which topics rise and which fall, and how many papers have no
    /// date; with --csv one line a topic and period, with --json everything
    #[arg(long, value_name = "year|month", num_args = 0..=1, default_missing_value = "year")]
    pub(crate) over_time: Option<Period>,

    /// Show instead what became of the topics when papers came or went last: those born, died, split and merged, and how far each has
    /// moved
    #[arg(long, conflicts_with_all = ["over_time", "csv"])]
    pub(crate) changes: bool,

    /// Show instead which topics each paper belongs to, and how much: weights that sum to 1, the largest for the topic it is in; with
    /// --csv one line a paper and topic
    #[arg(long, conflicts_with_all = ["over_time", "changes"])]
    pub(crate) weights: bool,

    /// Show instead how good the topics are, without labels: silhouette, coherence, diversity, stability, effective rank, outliers
    #[arg(long, conflicts_with_all = ["over_time", "changes", "weights", "csv"])]
    pub(crate) scorecard: bool,

    /// Compare two runs instead, by the files that --export or --json wrote: ARI, NMI, and which topics map to which. No library is
    /// opened
    #[arg(long, value_names = ["A.json", "B.json"], num_args = 2, conflicts_with_all = ["over_time", "changes", "weights", "scorecard"])]
    pub(crate) compare: Vec<PathBuf>,
}

/// Reads a share of outliers.
pub(crate) fn outlier_share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok();
    let share = share.filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| String::from("a share is from 0 to 1, as 0.1"))
}

impl ViewArguments {
    /// Prints what was asked for instead of the list of topics; `None` when nothing was.
    pub(crate) fn run(
        &self,
        arguments: &Arguments,
        csv: bool,
        (library, report): (&mut Library, &TopicsReport),
        bars: &Bars,
        out: &mut dyn Write,
    ) -> anyhow::Result<Option<u8>> {
        if self.changes {
            bars.clear();
            if arguments.json {
                crate::verbs::print_json(out, &report.changes)?;
            } else {
                crate::topic_changes::print(report.changes.as_ref(), out)?;
            }
            return Ok(Some(exit::DONE));
        }
        if self.weights {
            let weights = library.topic_weights(report)?;
            bars.clear();
            if arguments.json {
                crate::verbs::print_json(out, &weights)?;
            } else if csv {
                out.write_all(&crate::topics_scores::weights_csv(&weights, report)?)?;
            } else {
                crate::topics_scores::print_weights(&weights, report, out)?;
            }
            return Ok(Some(exit::DONE));
        }
        if self.scorecard {
            let card = library.score_topics(report, &mut |event| bars.show(event))?;
            bars.clear();
            if arguments.json {
                crate::verbs::print_json(out, &card)?;
            } else {
                crate::topics_scores::print_scorecard(&card, out)?;
            }
            return Ok(Some(exit::DONE));
        }
        let Some(period) = self.over_time else {
            return Ok(None);
        };
        let counted = library.over_time(report, period)?;
        bars.clear();
        if arguments.json {
            crate::verbs::print_json(out, &counted)?;
        } else if csv {
            out.write_all(&crate::over_time::csv(&counted)?)?;
        } else {
            crate::over_time::print(&counted, out)?;
        }
        Ok(Some(exit::DONE))
    }
}
