//! `syntopic topics --changes`: how it is printed. Not for: finding out.

use crate::table::{self, Column};
use crate::verbs::count;
use std::io::Write;
use syntopic_library::{ChangesReport, TwoTopics};

/// Topics whose movement is shown: those that moved farthest; `--json` has all.
const SHOWN: usize = 10;

/// One line on what became of the topics.
pub(crate) fn summary(changes: &ChangesReport) -> String {
    let events = [
        (changes.born.len(), "born"),
        (changes.died.len(), "died"),
        (changes.split.len(), "split"),
        (changes.merged.len(), "merged"),
    ];
    let events: Vec<String> = (events.iter())
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}"))
        .collect();
    let events = if events.is_empty() {
        String::from("none was born or died")
    } else {
        events.join(", ")
    };
    format!(
        "topics of before, kept: {} came, {} left; {events} (--changes tells more, --fresh makes topics anew)",
        count(changes.came, "paper"),
        changes.left
    )
}

pub(crate) fn print(changes: Option<&ChangesReport>, out: &mut dyn Write) -> anyhow::Result<()> {
    let Some(changes) = changes else {
        writeln!(
            out,
            "the topics were made anew, and no paper has come or gone since"
        )?;
        return Ok(());
    };
    let came = count(changes.came, "paper");
    writeln!(out, "{came} came, {} left", changes.left)?;
    for born in &changes.born {
        let (size, moved) = (count(born.size, "paper"), born.moved);
        writeln!(
            out,
            "born    {:>3}  {}  ({size}, {moved} of them from other topics)",
            born.id, born.name
        )?;
    }
    for died in &changes.died {
        writeln!(out, "died    {:>3}  {}", died.id, died.name)?;
    }
    for (what, all) in [("split ", &changes.split), ("merged", &changes.merged)] {
        for TwoTopics {
            id,
            name,
            into,
            into_name,
        } in all
        {
            let how = if what == "merged" {
                "is now part of"
            } else {
                "parted from it:"
            };
            writeln!(
                out,
                "{what}  {id:>3}  {name}\n             {how} {into}  {into_name}"
            )?;
        }
    }
    if changes.drift.is_empty() {
        return Ok(());
    }
    let rows: Vec<Vec<String>> = (changes.drift.iter().take(SHOWN))
        .map(|drift| {
            let [id, before, now] = [drift.id as usize, drift.before, drift.now];
            let mut row = [id, before, now].map(|n| n.to_string()).to_vec();
            row.extend([format!("{:.3}", drift.cosine), drift.name.clone()]);
            row
        })
        .collect();
    let columns = [
        Column::Right,
        Column::Right,
        Column::Right,
        Column::Right,
        Column::Shrinks,
    ];
    writeln!(out)?;
    table::write(
        out,
        &columns,
        &["topic", "before", "now", "cosine", "name"],
        &rows,
    )?;
    let rest = changes.drift.len().saturating_sub(SHOWN);
    let more = if rest > 0 {
        format!("; {rest} more moved less")
    } else {
        String::new()
    };
    writeln!(
        out,
        "\nCosine: of the topic's centre now and before, 1 where it has not moved{more}."
    )?;
    Ok(())
}
