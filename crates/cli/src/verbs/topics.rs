//! `syntopic topics`

use super::{count, print_json};
use crate::args::Arguments;
use crate::bars::Bars;
use crate::exit;
use crate::topics_args::TopicsArguments;
use std::collections::HashSet;
use std::io::Write;
use syntopic_library::{TopicsReport, TopicsRequest};

/// Most central papers shown a topic; `--json` and `--csv` have all.
const SHOWN: usize = 3;

pub(crate) fn run(
    arguments: &Arguments,
    verb: &TopicsArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    if !verb.view.compare.is_empty() {
        crate::topics_scores::compare(&verb.view.compare, arguments.json, out)?;
        return Ok(exit::DONE);
    }
    let mut library = arguments.open()?.with_device(verb.on.device);
    let request = TopicsRequest {
        k: verb.k.or(verb.tree.k()),
        seed: verb.seed,
        min_size: verb.tree.min_size,
        levels: verb.tree.levels(),
        max_outliers: verb.max_outliers,
        seeds: verb.seeds.seed_topic.clone(),
        seed_threshold: verb.seeds.seed_threshold,
        unseed: verb.seeds.unseed,
        model: verb.model.clone(),
        fresh: verb.fresh,
    };
    let mut show = |event: syntopic_library::Event<'_>| bars.show(event);
    let report = if let Some((number, parts)) = verb.split {
        library.split_topic(number, parts, &mut show)?
    } else if !verb.merge.is_empty() {
        library.merge_topics(&verb.merge, &mut show)?
    } else if !verb.rename.is_empty() {
        library.rename_topics(&verb.rename, &mut show)?
    } else {
        library.topics(&request, &mut show)?
    };
    bars.clear();
    verb.export.write(&report, &library, bars)?;
    let pair = (&mut library, &report);
    if let Some(code) = verb.view.run(arguments, verb.csv, pair, bars, out)? {
        return Ok(code);
    }
    if arguments.json {
        print_json(out, &report)?;
    } else if verb.csv {
        out.write_all(&csv(&report)?)?;
    } else {
        print(&report, out)?;
    }
    Ok(exit::DONE)
}

/// One line a paper.
pub(crate) fn csv(report: &TopicsReport) -> anyhow::Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["topic", "name", "rank", "id", "title", "outlier"])?;
    let outliers: HashSet<&str> = report.outliers.iter().map(|o| o.id.as_str()).collect();
    for topic in &report.topics {
        for (rank, (id, title)) in topic.papers.iter().zip(&topic.titles).enumerate() {
            let (topic_id, rank) = (topic.id.to_string(), (rank + 1).to_string());
            let far = if outliers.contains(id.as_str()) {
                "yes"
            } else {
                "no"
            };
            csv.write_record([&topic_id, &topic.name, &rank, id, title, far])?;
        }
    }
    Ok(csv.into_inner()?)
}

pub(crate) fn print(report: &TopicsReport, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "{} of {}; silhouette {:.3} (larger is better, -1 to 1)",
        count(report.k, "topic"),
        count(report.papers, "paper"),
        report.silhouette
    )?;
    writeln!(out, "{}", report.k_method)?;
    if !report.candidates.is_empty() {
        let tried: Vec<String> = report
            .candidates
            .iter()
            .map(|c| format!("{} ({:.3})", c.k, c.score))
            .collect();
        writeln!(out, "tried, with scores: {}", tried.join(", "))?;
    }
    if !report.outliers.is_empty() {
        writeln!(
            out,
            "{} ({:.1}% of the papers), far from every topic and listed in the nearest (--json names them)",
            count(report.outliers.len(), "outlier"),
            100.0 * report.outlier_share
        )?;
    }
    if let Some(changes) = &report.changes {
        writeln!(out, "{}", crate::topic_changes::summary(changes))?;
    }
    if !report.groups.is_empty() {
        crate::topics_tree::print(report, out)?;
        return Ok(());
    }
    for topic in &report.topics {
        writeln!(out)?;
        let size = count(topic.size, "paper");
        writeln!(
            out,
            "{:>3}  {}  ({size}, tightness {:.2})",
            topic.id, topic.name, topic.tightness
        )?;
        for title in topic.titles.iter().take(SHOWN) {
            writeln!(out, "       {title}")?;
        }
        if topic.size > SHOWN {
            writeln!(out, "       and {} more", topic.size - SHOWN)?;
        }
    }
    Ok(())
}
