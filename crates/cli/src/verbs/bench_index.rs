//! `syntopic bench index`

use super::bench::Output;
use crate::args::{Arguments, BenchIndexArguments};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use syntopic_library::bench_index::{
    ChurnReport, IndexBench, IndexBenchReport, OpenReport, churn, index, open,
};

pub(super) fn run(
    arguments: &Arguments,
    verb: &BenchIndexArguments,
    mut output: Output<'_>,
) -> anyhow::Result<u8> {
    let bars = output.bars;
    if verb.open {
        let folder = arguments.library();
        let start = &mut |id: &str| start(&folder, id);
        let report = open(&folder, verb.starts, start, &mut |event| bars.show(event))?;
        return output.show(&report, print_open);
    }
    let defaults = IndexBench::of(verb.base.clone().unwrap_or_default());
    let bench = IndexBench {
        queries: verb.queries.clone(),
        n_queries: verb.nq,
        k: verb.k,
        efforts: if verb.ef.is_empty() {
            defaults.efforts.clone()
        } else {
            verb.ef.clone()
        },
        hnsw_rs: verb.hnsw_rs,
        ..defaults
    };
    if let Some(share) = verb.churn {
        let report = churn(&bench, share, &mut |event| bars.show(event))?;
        return output.show(&report, print_churn);
    }
    let report = index(&bench, &mut |event| bars.show(event))?;
    output.show(&report, print)
}

/// Milliseconds from the start to the end of this program, asked for the papers related to one.
fn start(folder: &Path, id: &str) -> anyhow::Result<f64> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["related", "--json", "--quiet", "--library"]);
    command.arg(folder).arg("--").arg(id).stdin(Stdio::null());
    let begun = Instant::now();
    let ended = command.output()?;
    let ms = begun.elapsed().as_secs_f64() * 1e3;
    anyhow::ensure!(
        ended.status.success(),
        "a process that was started failed: {}",
        String::from_utf8_lossy(&ended.stderr).trim()
    );
    Ok(ms)
}

fn print_open(r: &OpenReport, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{}", r.index)?;
    writeln!(
        out,
        "{} papers, {:.1} MB of files made from them; {} new processes, from start to end:",
        r.papers,
        r.files_bytes as f64 / 1e6,
        r.starts
    )?;
    writeln!(
        out,
        "p50 {:.1} ms, p90 {:.1}, fastest {:.1}, slowest {:.1}",
        r.p50_ms, r.p90_ms, r.min_ms, r.max_ms
    )?;
    writeln!(
        out,
        "the same questions to an open library: p50 {:.1} ms, p90 {:.1}",
        r.warm_p50_ms, r.warm_p90_ms
    )?;
    Ok(())
}

fn print_churn(r: &ChurnReport, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "{} rows, {} of them deleted and as many added in {:.2} s; a fresh build takes {:.2} s; {} unreachable",
        r.n, r.changed_rows, r.refresh_s, r.build_s, r.unreachable
    )?;
    writeln!(out, "{:>6} {:>16} {:>13}", "ef", "recall, changed", "fresh")?;
    for p in &r.points {
        writeln!(
            out,
            "{:>6} {:>16.4} {:>13.4}",
            p.ef, p.recall_changed, p.recall_fresh
        )?;
    }
    writeln!(out, "largest loss {:.4}", r.largest_loss)?;
    Ok(())
}

fn print(r: &IndexBenchReport, out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(out, "{}", r.index)?;
    writeln!(
        out,
        "built in {:.2} s on {} threads, opened in {:.1} ms",
        r.build_s, r.build_threads, r.open_ms
    )?;
    writeln!(
        out,
        "{:>6} {:>8} {:>10} {:>10} {:>8}",
        "ef", "recall", "q/s, 1 thr", "q/s, 2 thr", "p50 us"
    )?;
    for p in &r.points {
        writeln!(
            out,
            "{:>6} {:>8.4} {:>10.0} {:>10.0} {:>8.0}",
            p.ef, p.recall, p.qps_1t, p.qps_2t, p.p50_us
        )?;
    }
    let e = &r.exact;
    writeln!(
        out,
        "{:>6} {:>8.4} {:>10.0} {:>10.0} {:>8.0}",
        "exact",
        1.0,
        e.qps_1t,
        e.qps_2t,
        1e6 / e.qps_single_call_1t
    )?;
    Ok(())
}
