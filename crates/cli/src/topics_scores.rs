//! `syntopic topics --weights, --scorecard, --compare`: how they are printed. Not for: the figures.

use crate::table::{self, Column};
use crate::verbs::{count, print_json};
use anyhow::Context;
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use syntopic_library::{
    ComparisonReport, LibraryError, Scorecard, TopicsReport, WeightsReport, compare_topics,
};

/// Topics shown a paper; `--json` and `--csv` have all.
const SHOWN: usize = 3;

pub(crate) fn print_weights(
    weights: &WeightsReport,
    report: &TopicsReport,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let names = names(report);
    writeln!(
        out,
        "each paper with the topics it belongs to and their weights, which sum to 1 (kappa {:.1})\n",
        weights.kappa
    )?;
    for paper in &weights.papers {
        let shown: Vec<String> = (paper.topics.iter().take(SHOWN))
            .map(|topic| format!("{:.2} {}", topic.weight, names[&topic.id]))
            .collect();
        let rest = paper.topics.len().saturating_sub(SHOWN);
        let more = if rest > 0 {
            format!("; {rest} more")
        } else {
            String::new()
        };
        writeln!(out, "{}: {}{more}", paper.id, shown.join("; "))?;
    }
    Ok(())
}

/// One line a paper and topic.
pub(crate) fn weights_csv(
    weights: &WeightsReport,
    report: &TopicsReport,
) -> anyhow::Result<Vec<u8>> {
    let names = names(report);
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["id", "topic", "name", "weight"])?;
    for paper in &weights.papers {
        for topic in &paper.topics {
            let (number, weight) = (topic.id.to_string(), format!("{:.6}", topic.weight));
            csv.write_record([&paper.id, &number, names[&topic.id], &weight])?;
        }
    }
    Ok(csv.into_inner()?)
}

fn names(report: &TopicsReport) -> HashMap<u32, &str> {
    let topics = report.topics.iter();
    topics
        .map(|topic| (topic.id, topic.name.as_str()))
        .collect()
}

pub(crate) fn print_scorecard(card: &Scorecard, out: &mut dyn Write) -> std::io::Result<()> {
    let stability = card.stability.map_or_else(
        || String::from("-"),
        |mean| {
            let error = card.stability_error.unwrap_or_default();
            format!("{mean:.3} +- {error:.3}")
        },
    );
    let (papers, topics) = (count(card.papers, "paper"), count(card.topics, "topic"));
    let rows = [
        (
            "silhouette (cosine)",
            format!("{:.3} +- {:.3}", card.silhouette, card.silhouette_error),
            String::from("-1 to 1; how much nearer papers are to their own topic than to the next"),
        ),
        (
            "coherence (NPMI)",
            format!("{:.3}", card.coherence),
            String::from("-1 to 1; how often the 10 words of a topic stand together, 0 is chance"),
        ),
        (
            "diversity",
            format!("{:.3}", card.diversity),
            String::from("0 to 1; different words among those of all topics"),
        ),
        (
            "stability (ARI)",
            stability,
            format!(
                "at most 1; the same topics in {} of {}, 0 is chance",
                count(card.subsamples, "subsample"),
                count(card.subsample_papers, "paper")
            ),
        ),
        (
            "effective rank",
            format!("{:.1}", card.effective_rank),
            format!("1 to {}; directions that the vectors use", card.dim),
        ),
        (
            "outliers",
            format!("{:.3}", card.outlier_share),
            String::from("share of papers far from every topic"),
        ),
    ];
    let rows: Vec<Vec<String>> = (rows.into_iter())
        .map(|(what, figure, means)| vec![what.to_owned(), figure, means])
        .collect();
    writeln!(
        out,
        "{topics} of {papers}; larger is better, but for outliers\n"
    )?;
    let columns = [Column::Left, Column::Left, Column::Shrinks];
    table::write(out, &columns, &["", "figure", "what it says"], &rows)
}

/// Reads two files of topics, compares them and prints how they differ.
pub(crate) fn compare(files: &[PathBuf], json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    let [a, b] = files else {
        anyhow::bail!("--compare takes two files: those that --export or --json wrote");
    };
    let report = compare_topics(&read(a)?, &read(b)?);
    if json {
        return print_json(out, &report);
    }
    print_comparison(&report, out)?;
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<TopicsReport> {
    let text = std::fs::read_to_string(path).map_err(|source| LibraryError::Io {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_str(&text).with_context(|| {
        format!(
            "{} holds no topics: write such a file with `syntopic topics --export topics.json`",
            path.display()
        )
    })
}

fn print_comparison(report: &ComparisonReport, out: &mut dyn Write) -> std::io::Result<()> {
    let [a, b] = report.topics;
    writeln!(
        out,
        "{} in both ({} only in the first, {} only in the second), {a} and {b} topics: ARI {:.4}, NMI {:.4} (1 is the same)\n",
        count(report.papers, "paper"),
        report.only[0],
        report.only[1],
        report.ari,
        report.nmi
    )?;
    let rows: Vec<Vec<String>> = (report.matches.iter())
        .map(|m| {
            let (like, name) = (m.like.as_ref()).map_or_else(<(String, String)>::default, |like| {
                (like.id.to_string(), like.name.clone())
            });
            let (id, shared) = (m.topic.id.to_string(), m.shared.to_string());
            let jaccard = format!("{:.2}", m.jaccard);
            vec![id, m.topic.name.clone(), like, name, shared, jaccard]
        })
        .collect();
    let columns = [
        Column::Right,
        Column::Shrinks,
        Column::Right,
        Column::Shrinks,
        Column::Right,
        Column::Right,
    ];
    let header = ["first", "name", "second", "name", "shared", "jaccard"];
    table::write(out, &columns, &header, &rows)?;
    for topic in &report.unmatched {
        let size = count(topic.size, "paper");
        writeln!(
            out,
            "\nonly in the second: {}  {}  ({size})",
            topic.id, topic.name
        )?;
    }
    Ok(())
}
