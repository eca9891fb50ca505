//! `syntopic bench index`

use super::bench::Output;
use crate::args::BenchIndexArguments;
use std::io::Write;
use syntopic_library::bench_index::{IndexBench, IndexBenchReport, index};

pub(super) fn run(verb: &BenchIndexArguments, mut output: Output<'_>) -> anyhow::Result<u8> {
    let defaults = IndexBench::of(verb.base.clone());
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
    let bars = output.bars;
    let report = index(&bench, &mut |event| bars.show(event))?;
    output.show(&report, print)
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
