//! `--against FILE`: the figures of other programs under ours.

use super::super::count;
use super::Output;
use crate::args::BenchEmbedArguments;
use crate::bars::Bars;
use crate::exit;
use crate::table::{self, Column};
use serde::Serialize;
use std::io::Write;
use syntopic_library::bench::{Against, ComparedFigures, Peer, PeerLines, Wanted};

/// Our report, and the others beside it where asked for.
#[derive(Serialize)]
pub(super) struct Beside<R> {
    #[serde(flatten)]
    pub(super) report: R,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) against: Option<Against>,
}

impl<R: Serialize> Beside<R> {
    /// As JSON or as text; the warnings also on stderr. Lines that could not be used make the result incomplete.
    pub(super) fn show(
        &self,
        mut output: Output<'_>,
        print: impl Fn(&R, &mut dyn Write) -> anyhow::Result<()>,
    ) -> anyhow::Result<u8> {
        let code = output.show(self, |beside: &Self, out| {
            print(&beside.report, out)?;
            match &beside.against {
                Some(against) => print_against(against, out),
                None => Ok(()),
            }
        })?;
        let Some(against) = &self.against else {
            return Ok(code);
        };
        output.out.flush()?;
        for warning in &against.warnings {
            output.bars.remark(&format!("warning: {warning}"));
        }
        Ok(if against.lines.bad_lines.is_empty() {
            code
        } else {
            exit::INCOMPLETE
        })
    }
}

/// The lines of the file, where one is given. Read before anything is measured, so that a wrong name costs nothing.
pub(super) fn read_peers(
    verb: &BenchEmbedArguments,
    bars: &Bars,
) -> anyhow::Result<Option<PeerLines>> {
    let Some(path) = &verb.against else {
        return Ok(None);
    };
    let wanted = if verb.latency {
        Wanted::Latency
    } else {
        Wanted::Throughput
    };
    let peers = PeerLines::read(path, wanted)?;
    for bad in &peers.bad_lines {
        bars.remark(&format!(
            "skipped: {}:{}: {}",
            peers.file, bad.line, bad.why
        ));
    }
    Ok(Some(peers))
}

fn print_against(against: &Against, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "\n{}: {}{}; ratios are ours over theirs",
        against.lines.file,
        count(against.peers.len(), "peer"),
        passed_over(&against.lines)
    )?;
    let figures = shown(against);
    let header = header(against, &figures);
    let cells = |peer| peer_cells(peer, &figures);
    let rows: Vec<Vec<String>> = against.peers.iter().map(cells).collect();
    let mut columns = vec![Column::Right; header.len()];
    columns[0] = Column::Left;
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    table::write(out, &columns, &header, &rows)?;
    for peer in &against.peers {
        if let Some(error) = &peer.line.error {
            let last = error.lines().rfind(|line| !line.trim().is_empty());
            let why = last.unwrap_or("it does not say why");
            writeln!(out, "{} failed: {why}", peer.line.peer)?;
        }
    }
    Ok(())
}

/// What of the file does not stand in the table.
fn passed_over(lines: &PeerLines) -> String {
    let mut text = String::new();
    if !lines.bad_lines.is_empty() {
        let bad = count(lines.bad_lines.len(), "bad line");
        text.push_str(&format!(", {bad} skipped"));
    }
    if lines.other_lines > 0 {
        let other = count(lines.other_lines, "line");
        text.push_str(&format!(", {other} of other measurements"));
    }
    text
}

fn header(against: &Against, figures: &[Figure]) -> Vec<String> {
    let mut header = vec![String::from("peer")];
    header.extend(figures.iter().map(|(name, _, _)| (*name).to_owned()));
    let ran = against.peers.iter().find(|peer| !peer.ratios.is_empty());
    match ran.map(|peer| peer.ratios.as_slice()) {
        Some([_]) => header.extend(figures.iter().map(|(name, _, _)| format!("ratio {name}"))),
        Some(several) => header.extend(several.iter().map(|one| format!("ratio {}", one.ours))),
        None => {}
    }
    header
}

/// A figure: its name, the digits shown, and how it is read.
type Figure = (&'static str, usize, fn(&ComparedFigures) -> Option<f64>);

/// The figures of the measurement that was made.
fn shown(against: &Against) -> [Figure; 3] {
    let latency = against
        .peers
        .iter()
        .flat_map(|peer| &peer.ratios)
        .any(|ratios| ratios.figures.p50_ms.is_some());
    if latency {
        [
            ("p50 ms", 3, |f| f.p50_ms),
            ("p95 ms", 3, |f| f.p95_ms),
            ("MB", 0, |f| f.peak_rss_mb),
        ]
    } else {
        [
            ("abstracts/s", 2, |f| f.sent_per_s),
            ("cpu s", 2, |f| f.cpu_s),
            ("MB", 0, |f| f.peak_rss_mb),
        ]
    }
}

fn peer_cells(peer: &Peer, figures: &[Figure]) -> Vec<String> {
    let number = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| String::from("-"), |v| format!("{v:.digits$}"))
    };
    let mut cells = vec![peer.line.peer.clone()];
    if peer.line.error.is_some() {
        cells.push(String::from("failed"));
        return cells;
    }
    cells.extend(
        figures
            .iter()
            .map(|(_, digits, read)| number(read(&peer.line.figures), *digits)),
    );
    match peer.ratios.as_slice() {
        // One of ours: all its ratios. Several: the one of the first figure, a column each.
        [one] => cells.extend(
            figures
                .iter()
                .map(|(_, _, read)| number(read(&one.figures), 2)),
        ),
        several => cells.extend(
            several
                .iter()
                .map(|one| number(figures[0].2(&one.figures), 2)),
        ),
    }
    cells
}
