//! `syntopic distill FILE… --out FOLDER`

use super::add::source;
use super::{count, print_json};
use crate::args::{Arguments, DistillArguments};
use crate::bars::Bars;
use crate::exit;
use std::io::Write;
use syntopic_library::distill::{DistillRequest, make};
use syntopic_library::models::ModelSources;

pub(crate) fn run(
    arguments: &Arguments,
    verb: &DistillArguments,
    bars: &Bars,
    out: &mut dyn Write,
) -> anyhow::Result<u8> {
    let sources = verb.files.iter().map(|file| source(file)).collect();
    let request = DistillRequest {
        model: verb.model.clone(),
        device: verb.on.device,
        dim: verb.dim,
        phrases: verb.phrases,
        seed: verb.seed,
        force: verb.force,
        ..DistillRequest::new(sources, verb.out.clone())
    };
    let report = make(&request, &ModelSources::from_env(), &mut |event| {
        bars.show(event)
    })?;
    bars.clear();
    if arguments.json {
        print_json(out, &report)?;
    } else {
        let (papers, phrases) = report.fitted_on;
        writeln!(
            out,
            "{}: {} dimensions, learnt from {} on {} and {} in {:.0} s; mean cosine with it {:.3}",
            report.folder,
            report.dim,
            report.teacher,
            count(papers, "paper"),
            count(phrases, "phrase"),
            report.seconds,
            report.mean_cosine
        )?;
    }
    Ok(if report.skipped == 0 {
        exit::DONE
    } else {
        exit::INCOMPLETE
    })
}
