//! `syntopic related`

use super::print_json;
use crate::args::Arguments;
use crate::bars::Bars;
use crate::exit;
use crate::related_args::RelatedArguments;
use crate::table::{self, Column, fit};
use anyhow::Context;
use std::io::{Read, Write};
use syntopic_library::{Query, QueryReport, Related, RelatedHit, RelatedOptions, read_query_file};

/// Widest that a query is shown above the table.
const QUERY_WIDTH: usize = 96;

/// What messages call the standard input.
const STDIN: &str = "standard input";

/// Most queries beside the first that are named above the table.
const QUERIES: usize = 9;

/// Widest that a sentence is shown under a hit.
const SENTENCE_WIDTH: usize = 160;

pub(crate) fn run(
    arguments: &Arguments,
    verb: &RelatedArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let mut library = arguments.open()?.with_device(verb.on.device);
    let (queries, understood) = queries(verb)?;
    let mut queries = queries.into_iter();
    let query = queries
        .next()
        .ok_or_else(|| anyhow::anyhow!("nothing to look for"))?;
    let not_ids = verb.not.iter().cloned().map(Query::Paper);
    let not_texts = verb.not_text.iter().cloned().map(Query::Text);
    let options = RelatedOptions {
        k: verb.k,
        mode: verb.mode.0,
        and: queries.collect(),
        not: not_ids.chain(not_texts).collect(),
        filter: verb.only.filter()?,
        diverse: verb.diverse,
        all_versions: verb.all_versions,
        explain: verb.explain,
        recall: verb.recall,
        model: verb.model.clone(),
    };
    let mut related = library.related(&query, &options, &mut |event| bars.show(event))?;
    bars.clear();
    related.notes.splice(0..0, understood);
    if arguments.json {
        print_json(out, &related)?;
    } else {
        print(&related, out)?;
        if verb.explain {
            explain(&related, out)?;
        }
        (related.notes.iter())
            .chain(&versions_note(&related))
            .for_each(|note| bars.remark(&format!("note: {note}")));
    }
    Ok(exit::DONE)
}

/// What the hits are to be like: ids, then texts, files and topics; with what was understood of each file.
fn queries(verb: &RelatedArguments) -> anyhow::Result<(Vec<Query>, Vec<String>)> {
    let (mut queries, mut understood) = (Vec::new(), Vec::new());
    let mut read = |bytes: Vec<u8>, name: &str, queries: &mut Vec<Query>| {
        let file = read_query_file(name, &bytes)?;
        // That a text was read is said of files alone: it is what is expected of the standard input.
        let is_text = matches!(file.queries[..], [Query::Text(_)]);
        if !is_text || name != STDIN {
            understood.push(file.understood);
        }
        queries.extend(file.queries);
        anyhow::Ok(())
    };
    for id in verb.ids.iter().chain(&verb.like) {
        if id == "-" {
            let mut bytes = Vec::new();
            std::io::stdin()
                .read_to_end(&mut bytes)
                .context("cannot read the standard input")?;
            read(bytes, STDIN, &mut queries)?;
        } else {
            queries.push(Query::Paper(id.clone()));
        }
    }
    queries.extend(verb.text.iter().cloned().map(Query::Text));
    for file in &verb.file {
        let bytes =
            std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        read(bytes, &file.display().to_string(), &mut queries)?;
    }
    queries.extend(verb.like_topic.iter().cloned().map(Query::Topic));
    Ok((queries, understood))
}

/// A query as it is called above the table.
fn name(query: &QueryReport) -> String {
    let words = query.title.as_ref().or(query.text.as_ref());
    let words = words
        .map(|words| fit(words, QUERY_WIDTH))
        .unwrap_or_default();
    match (&query.id, &query.like_topics[..]) {
        (Some(id), _) => format!("{id}: {words}"),
        (None, []) => format!("\"{words}\""),
        (None, [topic]) => format!("the topic \"{topic}\""),
        (None, topics) => format!("the topics {topics:?}"),
    }
}

pub(crate) fn print(related: &Related, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "Related to {}", name(&related.query))?;
    for query in related.and.iter().take(QUERIES) {
        writeln!(out, "and to {}", name(query))?;
    }
    if related.and.len() > QUERIES {
        writeln!(out, "and to {} more", related.and.len() - QUERIES)?;
    }
    for query in &related.not {
        writeln!(out, "not to {}", name(query))?;
    }
    let rows: Vec<Vec<String>> = related
        .hits
        .iter()
        .map(|hit| {
            vec![
                hit.rank.to_string(),
                format!("{:.3}", hit.score),
                hit.title.clone(),
                hit.year
                    .map_or_else(|| String::from("-"), |year| year.to_string()),
                hit.topic.clone().unwrap_or_else(|| String::from("-")),
                hit.id.clone(),
            ]
        })
        .collect();
    let columns = [
        Column::Right,
        Column::Right,
        Column::Shrinks,
        Column::Left,
        Column::Shrinks,
        Column::Shrinks,
    ];
    table::write(
        out,
        &columns,
        &["rank", "score", "title", "year", "topic", "id"],
        &rows,
    )?;
    Ok(())
}

/// Which versions of the hits are not shown; nothing where there are none.
fn versions_note(related: &Related) -> Option<String> {
    let with = related.hits.iter().filter(|hit| !hit.versions.is_empty());
    let told: Vec<String> = with
        .map(|hit| {
            let ids: Vec<&str> = hit.versions.iter().map(|v| v.id.as_str()).collect();
            format!("{} (of {})", ids.join(", "), hit.id)
        })
        .collect();
    let told = (!told.is_empty()).then(|| told.join("; "))?;
    Some(format!(
        "other versions of hits, which --all-versions shows: {told}"
    ))
}

/// Of each hit what its score is made of, the rare words it shares with the query, its topic beside the query's, and the two
/// sentences that are nearest.
fn explain(related: &Related, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out)?;
    for hit in &related.hits {
        writeln!(out, "{:>4}  {}", hit.rank, score_line(hit))?;
        if let Some(line) = topic_line(related, hit) {
            writeln!(out, "      {line}")?;
        }
        if let Some(pair) = &hit.sentences {
            let [ours, theirs] =
                [&pair.query, &pair.hit].map(|sentence| fit(sentence, SENTENCE_WIDTH));
            writeln!(out, "      nearest sentences ({:.3}):", pair.cosine)?;
            writeln!(out, "        query  {ours}")?;
            writeln!(out, "        hit    {theirs}")?;
        }
    }
    Ok(())
}

fn score_line(hit: &RelatedHit) -> String {
    let meaning = match hit.scores.nearness {
        Some(counted) => format!("meaning {counted:.3} (cosine {:.3})", hit.scores.cosine),
        None => format!("cosine {:.3}", hit.scores.cosine),
    };
    let mut parts = vec![meaning];
    parts.extend(hit.scores.title.map(|title| format!("titles {title:.3}")));
    let words = hit.scores.lexical;
    parts.extend(words.map(|lexical| format!("words {lexical:.3}")));
    if let Some(share) = hit.closer_than {
        parts.push(format!("closer than {} of random pairs", percent(share)));
    }
    if !hit.shared_words.is_empty() {
        parts.push(format!("both have {}", hit.shared_words.join(", ")));
    }
    parts.join("; ")
}

/// The topic of a hit, and whether a query is in it too; nothing where there is none.
fn topic_line(related: &Related, hit: &RelatedHit) -> Option<String> {
    let topic = hit.topic.as_ref()?;
    let queries = std::iter::once(&related.query).chain(&related.and);
    let theirs: Vec<&String> = queries.filter_map(|query| query.topic.as_ref()).collect();
    Some(match theirs.first() {
        None => format!("topic: {topic}"),
        Some(_) if theirs.contains(&topic) => format!("both in the topic: {topic}"),
        Some(other) => format!("topic: {topic}; of the query: {other}"),
    })
}

/// A share in percent, with so many decimals that 99.97% is not 100%; only the whole is that.
fn percent(share: f64) -> String {
    let tenths = (share * 1000.0).floor() / 10.0;
    match tenths {
        t if t >= 99.9 && share < 1.0 => format!("{:.2}%", (share * 10_000.0).floor() / 100.0),
        t if t == t.trunc() => format!("{t:.0}%"),
        t => format!("{t:.1}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_never_rounded_up_to_the_whole() {
        let shown = [0.0, 0.5, 0.9984, 0.9997, 0.99999, 1.0].map(percent);
        assert_eq!(shown, ["0%", "50%", "99.8%", "99.97%", "99.99%", "100%"]);
    }
}
