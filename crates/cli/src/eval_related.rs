//! `syntopic eval related`: its arguments and its print.

use crate::args::{Arguments, positive};
use crate::bars::Bars;
use crate::exit;
use crate::related_args::{Mode, mode};
use crate::table::{self, Column};
use crate::verbs::{count, print_json};
use anyhow::Context;
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use syntopic_library::Source;
use syntopic_library::eval::related::{EvalRelated, EvalRelatedReport, PairScore, eval_related};

const EXAMPLES: &str = "\
Examples:
  syntopic eval related --papers papers.jsonl --judgments judged.tsv
  syntopic eval related --papers papers.jsonl --judgments judged.tsv --mode semantic --scores scores.tsv
  syntopic eval related --papers papers.jsonl --judgments judged.tsv --model embedded --json
  syntopic eval related --papers papers.jsonl --judgments answers.tsv --queries questions.jsonl

Judgments are lines of query, paper and grade, separated by tabs: the ids of two papers of the file, and how related they are, 0 for not; \
a header row is recognised. The judged papers of each query are put in order by each mode, the query itself left out, and last by the plain fusion of the semantic and the lexical order (reciprocal ranks, \
k = 60), a yardstick that is no mode. \
MAP, MRR, P@k and Recall@k count grades from --relevant as related; NDCG@k cuts at rank k, NDCG%p at p percent of the list, both with the \
grade as the gain and log2(rank + 1) as the discount.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct EvalRelatedArguments {
    /// The papers
    #[arg(long, value_name = "FILE")]
    pub(crate) papers: PathBuf,

    /// Lines of query, paper and grade, separated by tabs
    #[arg(long, value_name = "FILE.tsv")]
    pub(crate) judgments: PathBuf,

    /// Queries that are no papers of the file, as lines of JSON: {"id": "q1", "text": "words"}, or {"id": "q2", "like": ["ID", "ID"]} for
    /// papers of the file that are liked together. The judgments' first column then has the ids of queries
    #[arg(long, value_name = "FILE.jsonl")]
    pub(crate) queries: Option<PathBuf>,

    /// Modes to compare [default: hybrid,semantic,lexical]
    #[arg(long, value_name = "MODE,MODE", value_delimiter = ',', value_parser = mode)]
    pub(crate) mode: Vec<Mode>,

    /// Write query_id, paper_id and score of every judged pair in the first mode, separated by tabs
    #[arg(long, value_name = "FILE.tsv")]
    pub(crate) scores: Option<PathBuf>,

    /// Ranks at which lists are cut
    #[arg(short, value_name = "N,N", value_delimiter = ',', default_values_t = [10, 20], value_parser = positive)]
    pub(crate) k: Vec<usize>,

    /// Percentages of a list at which it is cut
    #[arg(long, value_name = "P,P", value_delimiter = ',', default_values_t = [20.0])]
    pub(crate) percent: Vec<f64>,

    /// The least grade that counts as related
    #[arg(long, value_name = "GRADE", default_value_t = 1.0)]
    pub(crate) relevant: f64,

    /// A name of `syntopic models`, or the folder of a model
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
}

pub(crate) fn run(
    arguments: &Arguments,
    verb: &EvalRelatedArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let judgments = std::fs::read_to_string(&verb.judgments)
        .with_context(|| format!("cannot read {}", verb.judgments.display()))?;
    let papers = Source::File(verb.papers.clone());
    let mut asked = EvalRelated::new(papers, judgments);
    if let Some(path) = &verb.queries {
        let text = std::fs::read_to_string(path);
        asked.queries = Some(text.with_context(|| format!("cannot read {}", path.display()))?);
    }
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
        .chain(report.modes.iter().map(|mode| mode.mode))
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
