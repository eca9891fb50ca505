//! `syntopic bench embed --compare`: many configurations, each run in a process of its own.

use super::Output;
use super::beside::{Beside, read_peers};
use super::children::{Failed, measure};
use crate::args::BenchEmbedArguments;
use crate::bars::Bars;
use crate::table::{self, Column};
use crate::{exit, verbs::count};
use std::io::Write;
use syntopic_library::bench::{
    Comparison, Configuration, EmbedBench, Figures, Measured, Ours, Row, Sweep, compare, find_model,
};
use syntopic_library::models::ModelSources;

pub(super) fn run(verb: &BenchEmbedArguments, output: Output<'_>) -> anyhow::Result<u8> {
    let peers = read_peers(verb, output.bars)?;
    let (report, first_failure) = measure_all(verb, output.bars)?;
    match &first_failure {
        // Nothing ran: the result is the failure itself.
        Some(failed) if report.rows.iter().all(|row| row.figures.is_none()) => {
            return Ok(failed.told(output.bars));
        }
        _ => {}
    }
    let against = peers.map(|peers| peers.beside(&Ours::of_rows(&report)));
    let code = Beside { report, against }.show(output, print)?;
    Ok(if first_failure.is_some() {
        exit::INCOMPLETE
    } else {
        code
    })
}

/// Runs every configuration in rounds, and gives the first failure, if there was one.
fn measure_all(
    verb: &BenchEmbedArguments,
    bars: &Bars,
) -> anyhow::Result<(Comparison, Option<Failed>)> {
    let mut sweep = super::sweep(verb);
    if verb.compare {
        sweep = sweep.or_all(std::thread::available_parallelism().map_or(1, usize::from));
    }
    sweep.static_models = find_models(&sweep, bars)?;
    let configurations = sweep.configurations();
    let rounds = verb.repeat.unwrap_or(EmbedBench::default().repeat);
    let mut first_failure = None;
    let report = compare(&configurations, rounds, &mut |round, configuration| {
        let ran = measure(verb, configuration);
        let said = match &ran {
            Ok(measured) => speed(measured),
            Err(failed) => format!("failed: {}", failed.why),
        };
        let (round, name) = (round + 1, name(configuration, sweep.models.len() > 1));
        bars.remark(&format!("round {round} of {rounds}, {name}: {said}"));
        ran.map_err(|failed| {
            let why = failed.why.clone();
            first_failure.get_or_insert(failed);
            why
        })
    });
    Ok((report, first_failure))
}

/// Fetches what is not there, with progress, before the quiet processes ask for it; gives those that are static.
fn find_models(sweep: &Sweep, bars: &Bars) -> anyhow::Result<Vec<String>> {
    let sources = ModelSources::from_env();
    let progress = &mut |event: syntopic_library::Event<'_>| bars.show(event);
    if sweep.models.is_empty() {
        find_model(None, &sources, progress)?;
    }
    let mut static_models = Vec::new();
    for model in &sweep.models {
        if find_model(Some(model), &sources, progress)? {
            static_models.push(model.clone());
        }
    }
    bars.clear();
    Ok(static_models)
}

/// What a line of progress calls a configuration.
fn name(configuration: &Configuration, with_model: bool) -> String {
    let mut name = configuration.mode.clone();
    if let Some(model) = configuration.model.as_ref().filter(|_| with_model) {
        name = format!("{model}, {name}");
    }
    if let Some(threads) = configuration.threads {
        name = format!("{name}, {}", count(threads, "thread"));
    }
    if let Some(tokens) = configuration.batch_tokens {
        name = format!("{name}, {tokens} tokens a batch");
    }
    name
}

fn speed(measured: &Measured) -> String {
    match measured {
        Measured::Throughput(report) => format!("{:.2}/s", report.sent_per_s),
        Measured::Latency(report) => format!("{:.3} ms a text", report.p50_ms),
    }
}

fn print(report: &Comparison, out: &mut dyn Write) -> anyhow::Result<()> {
    print_input(report, out)?;
    let asked = |row: &Row| row.configuration.model.clone();
    let models = report
        .rows
        .windows(2)
        .any(|two| asked(&two[0]) != asked(&two[1]));
    let (columns, header) = header(report, models);
    let cells = |(index, row): (usize, &Row)| {
        let mut cells = vec![(index + 1).to_string()];
        cells.extend(models.then(|| asked(row).unwrap_or_else(|| String::from("default"))));
        cells.extend(configuration_cells(row));
        cells.extend(figure_cells(row));
        cells
    };
    let rows: Vec<Vec<String>> = report.rows.iter().enumerate().map(cells).collect();
    table::write(out, &columns, &header, &rows)?;
    for (index, row) in report.rows.iter().enumerate() {
        if let Some(error) = &row.error {
            writeln!(out, "#{} did not run: {error}", index + 1)?;
        }
    }
    Ok(())
}

/// The columns of the table, with one for the models if there are several.
fn header(report: &Comparison, models: bool) -> (Vec<Column>, Vec<&'static str>) {
    let is_latency = |row: &Row| matches!(row.figures, Some(Figures::Latency(_)));
    let (mut columns, mut header) = (vec![Column::Right], vec!["#"]);
    if models {
        columns.push(Column::Left);
        header.push("model");
    }
    columns.push(Column::Left);
    header.extend(["mode", "threads", "batch tokens"]);
    if report.rows.iter().any(is_latency) {
        header.extend(["p50 ms", "rounds", "p90", "p99", "MB"]);
    } else {
        header.extend(["abstracts/s", "rounds", "tok/s", "cpu s", "MB", "peak"]);
    }
    header.push("ratio");
    columns.resize(header.len(), Column::Right);
    (columns, header)
}

/// What ran, on what: the same in every row.
fn print_input(report: &Comparison, out: &mut dyn Write) -> anyhow::Result<()> {
    let Some(measured) = report.rows.iter().find_map(|row| row.reports.first()) else {
        return Ok(());
    };
    let (input, texts, skipped, tokens) = match measured {
        Measured::Throughput(r) => (&r.input, r.texts, r.skipped, r.tokens_per_text.mean),
        Measured::Latency(r) => (&r.input, r.texts, r.skipped, r.tokens_per_text.mean),
    };
    let setting = measured.setting();
    let what = match measured {
        Measured::Throughput(_) => "text",
        Measured::Latency(_) => "title",
    };
    writeln!(
        out,
        "{} on {}; {input}: {}, {tokens:.0} tokens on average{}; {}",
        models(report).join(", "),
        setting.device,
        count(texts, what),
        super::print::skipped(skipped),
        count(report.rounds, "round")
    )?;
    writeln!(out, "{}", super::print::program(&setting.machine))?;
    Ok(())
}

/// The names of the models that ran.
fn models(report: &Comparison) -> Vec<&str> {
    let settings = report.rows.iter().filter_map(|row| row.setting.as_ref());
    let mut names: Vec<&str> = settings.map(|setting| setting.model.as_str()).collect();
    names.dedup();
    names
}

fn configuration_cells(row: &Row) -> Vec<String> {
    let asked = &row.configuration;
    let number = |n: Option<usize>| n.map_or_else(|| String::from("all"), |n| n.to_string());
    match &row.setting {
        Some(setting) => vec![
            setting.mode.clone(),
            setting.threads.to_string(),
            setting.batch_tokens.to_string(),
        ],
        None => vec![
            asked.mode.clone(),
            number(asked.threads),
            asked
                .batch_tokens
                .map_or_else(String::new, |n| n.to_string()),
        ],
    }
}

fn figure_cells(row: &Row) -> Vec<String> {
    let number = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| String::from("-"), |v| format!("{v:.digits$}"))
    };
    let mut cells = match &row.figures {
        None => vec![String::from("failed")],
        Some(Figures::Throughput(f)) => vec![
            format!("{:.2}", f.sent_per_s),
            format!("{:.2}-{:.2}", f.sent_per_s_range.0, f.sent_per_s_range.1),
            format!("{:.0}", f.tok_per_s),
            number(f.cpu_s, 2),
            number(f.peak_rss_mb, 0),
            format!("{:.1}%", f.peak_share * 100.0),
        ],
        Some(Figures::Latency(f)) => vec![
            format!("{:.3}", f.p50_ms),
            format!("{:.3}-{:.3}", f.p50_ms_range.0, f.p50_ms_range.1),
            format!("{:.3}", f.p90_ms),
            format!("{:.3}", f.p99_ms),
            number(f.peak_rss_mb, 0),
        ],
    };
    if row.figures.is_some() {
        cells.push(number(row.ratio, 3));
    }
    cells
}
