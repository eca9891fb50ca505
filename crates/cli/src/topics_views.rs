//! `syntopic topics --over-time`, `--changes`: other ways to look at the topics than their list.

use crate::args::Arguments;
use crate::bars::Bars;
use crate::exit;
use clap::Args;
use std::io::Write;
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
}

impl ViewArguments {
    /// Prints what was asked for instead of the list of topics; `None` when nothing was.
    pub(crate) fn run(
        &self,
        arguments: &Arguments,
        csv: bool,
        (library, report): (&Library, &TopicsReport),
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
