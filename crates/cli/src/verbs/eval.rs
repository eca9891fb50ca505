//! `syntopic eval related`

use super::{count, print_json};
use crate::args::{Arguments, EvalRelatedArguments};
use crate::bars::Bars;
use crate::exit;
use crate::table::{self, Column};
use anyhow::Context;
use std::io::Write;
use syntopic_library::Source;
use syntopic_library::eval::{EvalRelated, EvalRelatedReport, PairScore, eval_related};

pub(crate) fn run_related(
    arguments: &Arguments,
    verb: &EvalRelatedArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let judgments = std::fs::read_to_string(&verb.judgments)
        .with_context(|| format!("cannot read {}", verb.judgments.display()))?;
    let papers = Source::File(verb.papers.clone());
    let mut asked = EvalRelated::new(papers, judgments);
    if !verb.mode.is_empty() {
        asked.modes = verb.mode.iter().map(|mode| mode.0).collect();
    }
    asked.model.clone_from(&verb.model);
    asked.cuts.clone_from(&verb.k);
    asked.percents.clone_from(&verb.percent);
    asked.relevant_from = verb.relevant;
    let report = eval_related(&asked, &mut |event| bars.show(event))?;
    bars.clear();
    if let Some(path) = &verb.scores {
        std::fs::write(path, scores(&report.scores))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if arguments.json {
        print_json(out, &report)?;
    } else {
        print(&report, out)?;
    }
    for note in &report.notes {
        bars.remark(&format!("note: {note}"));
    }
    Ok(exit::DONE)
}

/// Every judged pair as tab-separated lines under a header.
fn scores(pairs: &[PairScore]) -> String {
    let mut text = String::from("query_id\tpaper_id\tscore\n");
    for pair in pairs {
        text.push_str(&format!("{}\t{}\t{}\n", pair.query, pair.paper, pair.score));
    }
    text
}

fn print(report: &EvalRelatedReport, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "{} judged in {} of {}, model {}; mean over queries and its 95% interval",
        count(report.pairs, "pair"),
        if report.queries == 1 {
            String::from("1 query")
        } else {
            format!("{} queries", report.queries)
        },
        count(report.papers, "paper"),
        report.model
    )?;
    let names = report.modes.first().map(|mode| &mode.figures);
    let rows: Vec<Vec<String>> = (names.into_iter().flatten().enumerate())
        .map(|(at, figure)| {
            let cells = report.modes.iter().map(|mode| {
                let figure = &mode.figures[at];
                format!(
                    "{:.4} ({:.3} to {:.3})",
                    figure.mean, figure.low, figure.high
                )
            });
            [figure.name.clone()].into_iter().chain(cells).collect()
        })
        .collect();
    let header: Vec<&str> = (["figure"].into_iter())
        .chain(report.modes.iter().map(|mode| mode.mode.name()))
        .collect();
    table::write(out, &vec![Column::Left; header.len()], &header, &rows)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_lines_that_any_evaluator_reads() {
        let pair = PairScore {
            query: String::from("a"),
            paper: String::from("b"),
            score: 0.5,
        };
        assert_eq!(scores(&[pair]), "query_id\tpaper_id\tscore\na\tb\t0.5\n");
    }
}
