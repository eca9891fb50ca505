//! How topics over time are printed. Not for: counting them.

use crate::table::{self, Column};
use crate::verbs::count;
use std::io::Write;
use syntopic_library::{Direction, OverTimeReport, Period, TopicOverTime};

/// Bars of rising height, for shares from 0 to the topic's largest.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Periods that have a bar of their own in the table: the latest.
const SHOWN: usize = 40;

/// A line a topic and period that has papers of it.
pub(crate) fn csv(report: &OverTimeReport) -> anyhow::Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["period", "topic", "name", "papers", "of", "share"])?;
    for topic in &report.topics {
        for (place, &papers) in topic.counts.iter().enumerate().filter(|(_, n)| **n > 0) {
            csv.write_record([
                report.periods[place].as_str(),
                &topic.id.to_string(),
                &topic.name,
                &papers.to_string(),
                &report.totals[place].to_string(),
                &format!("{:.6}", topic.shares[place]),
            ])?;
        }
    }
    Ok(csv.into_inner()?)
}

pub(crate) fn print(report: &OverTimeReport, out: &mut dyn Write) -> anyhow::Result<()> {
    print_counts(report, out)?;
    let Some(last) = report.periods.last() else {
        return Ok(());
    };
    let from = report.periods.len().saturating_sub(SHOWN);
    let rows: Vec<Vec<String>> = report.topics.iter().map(|t| row(t, from)).collect();
    let shown = format!("{} to {last}", report.periods[from]);
    let columns = [
        Column::Right,
        Column::Right,
        Column::Right,
        Column::Left,
        Column::Left,
        Column::Shrinks,
    ];
    let header = ["topic", "papers", "share a year", "", &shown, "name"];
    writeln!(out)?;
    table::write(out, &columns, &header, &rows)?;
    writeln!(
        out,
        "\nShare a year: points of a hundred that the topic's share gains, and its standard error; a topic rises or falls where \
         that is three standard errors or more. Bars are shares, a bar a {}, each line's highest the largest of them.",
        word(report.period)
    )?;
    Ok(())
}

fn print_counts(report: &OverTimeReport, out: &mut dyn Write) -> anyhow::Result<()> {
    let papers = count(report.papers, "paper");
    match (report.periods.first(), report.periods.last()) {
        (Some(first), Some(last)) => writeln!(
            out,
            "{} of {papers} have a date, from {first} to {last}",
            report.dated
        )?,
        _ => writeln!(out, "none of {papers} has a date that can be counted")?,
    }
    for (n, what) in [
        (report.undated, "without a date"),
        (report.without_month, "with a year but no month"),
        (report.invalid, "with a date that cannot be read"),
    ] {
        if n > 0 {
            writeln!(out, "not counted: {} {what}", count(n, "paper"))?;
        }
    }
    Ok(())
}

fn row(topic: &TopicOverTime, from: usize) -> Vec<String> {
    let direction = match topic.direction {
        Direction::Rising => "rising",
        Direction::Falling => "falling",
        Direction::Steady => "",
    };
    vec![
        topic.id.to_string(),
        topic.dated.to_string(),
        format!(
            "{:+.2} ± {:.2}",
            100.0 * topic.slope,
            100.0 * topic.standard_error
        ),
        direction.to_owned(),
        bars(&topic.shares[from..]),
        topic.name.clone(),
    ]
}

fn word(period: Period) -> &'static str {
    match period {
        Period::Year => "year",
        Period::Month => "month",
    }
}

/// A bar a share, the largest the highest; a period without papers of the topic is blank.
fn bars(shares: &[f64]) -> String {
    let most = shares.iter().copied().fold(0.0, f64::max);
    let bar = |&share: &f64| {
        if share <= 0.0 {
            return ' ';
        }
        let height = (share / most * BARS.len() as f64).ceil() as usize;
        BARS[height.clamp(1, BARS.len()) - 1]
    };
    shares.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_their_share_of_the_largest() {
        assert_eq!(bars(&[0.0, 0.01, 0.5, 1.0]), " ▁▄█");
        assert_eq!(bars(&[0.25]), "█");
        assert_eq!(bars(&[0.0, 0.0]), "  ");
        assert_eq!(bars(&[]), "");
    }
}
