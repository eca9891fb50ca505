//! A static model made from another model and a corpus of papers: vectors of tokens that add up to nearly the other model's.

use crate::add::Source;
use crate::{Event, LibraryError, Progress};
use serde::Serialize;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;
use syntopic_core::paper_text;
use syntopic_embed::distill::{
    DistillError, DistillOptions, DistillProgress, DistillStep, Provenance, Teacher, distill,
};
use syntopic_embed::models::{Registry, ResolveOptions, resolve_spec};
use syntopic_embed::{Device, EmbedError, EmbedOptions, Embedder, Mode, TextKind};

/// What is made.
#[derive(Debug, Clone, PartialEq)]
pub struct DistillRequest {
    /// The papers it is to be good at, some thousands.
    pub sources: Vec<Source>,
    /// Registry name or folder of the model that is learnt from; the registry's default when not given.
    pub model: Option<String>,
    /// Where the model that is learnt from runs.
    pub device: Device,
    /// Where the new model's folder is made.
    pub out: PathBuf,
    /// Length of a vector.
    pub dim: usize,
    /// Phrases of random words that are learnt from beside the papers.
    pub phrases: usize,
    /// Whether a folder that is not empty is written to.
    pub force: bool,
    /// Of phrases and order: the same seed and papers give the same model.
    pub seed: u64,
}

impl DistillRequest {
    /// A model for the papers of `sources`, made at `out`, with the settings measured best.
    #[must_use]
    pub fn new(sources: Vec<Source>, out: PathBuf) -> Self {
        let defaults = DistillOptions::default();
        Self {
            sources,
            model: None,
            device: Device::Cpu,
            out,
            force: false,
            dim: defaults.dim,
            phrases: defaults.phrases,
            seed: defaults.seed,
        }
    }
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DistillReport {
    /// Its folder.
    pub folder: String,
    /// The model that was learnt from.
    pub teacher: String,
    /// Papers and phrases it was fitted on.
    pub fitted_on: (usize, usize),
    /// Records of the sources that are no papers, and were left out.
    pub skipped: usize,
    /// Length of a vector.
    pub dim: usize,
    /// Mean cosine with the teacher on what it was fitted on, before rounding: 1 is the same.
    pub mean_cosine: f64,
    /// Seconds it took.
    pub seconds: f64,
}

/// Makes a static model.
///
/// # Errors
/// When the folder to make is there and not empty, a source cannot be read or there is no paper, the model cannot be had or
/// is a static one, an option is out of range, the folder
/// cannot be written, or `progress` asked to stop.
pub fn make(
    request: &DistillRequest,
    models: &ResolveOptions,
    progress: &mut Progress<'_>,
) -> Result<DistillReport, LibraryError> {
    let start = Instant::now();
    request.device.check()?;
    if request.out.is_file() {
        return Err(DistillError::IsFile(request.out.clone()).into());
    }
    let has_files = std::fs::read_dir(&request.out).is_ok_and(|mut files| files.next().is_some());
    if has_files && !request.force {
        return Err(DistillError::NotEmpty(request.out.clone()).into());
    }
    let (texts, skipped) = read(&request.sources, progress)?;
    let spec = request
        .model
        .as_deref()
        .unwrap_or(&Registry::builtin().default_model().name);
    let folder = resolve_spec(spec, models, &mut |fetch| {
        let _ = progress(Event::Model(fetch));
    })?;
    if folder.is_static() {
        return Err(DistillError::StaticTeacher(folder.name).into());
    }
    let path = folder.folder.join("tokenizer.json");
    let tokenizer = std::fs::read(&path).map_err(|source| LibraryError::Io { path, source })?;
    let exact = EmbedOptions {
        mode: Mode::F32,
        ..EmbedOptions::on(request.device)
    };
    let embedder = Embedder::load(&folder, exact)?;
    if request.dim > embedder.identity().dim {
        return Err(DistillError::TooManyDimensions {
            dim: request.dim,
            teacher: embedder.identity().dim,
        }
        .into());
    }
    let options = DistillOptions {
        dim: request.dim,
        phrases: request.phrases,
        seed: request.seed,
        ..DistillOptions::default()
    };
    let mut ask = |texts: &[&str]| -> Result<Vec<f32>, EmbedError> {
        let embedded =
            embedder.embed(
                texts,
                TextKind::Document,
                &mut |_| ControlFlow::Continue(()),
            )?;
        Ok(embedded.vectors.as_slice().to_vec())
    };
    let teacher = Teacher {
        tokenizer: &tokenizer,
        embed: &mut ask,
    };
    let made = distill(teacher, &texts, &options, &mut |done| {
        report(done, progress)
    })?;
    made.write(&request.out, &provenance(request, &folder))?;
    Ok(DistillReport {
        folder: request.out.display().to_string(),
        teacher: folder.name,
        fitted_on: made.fitted_on,
        skipped,
        dim: made.dim,
        mean_cosine: 1.0 - made.loss,
        seconds: start.elapsed().as_secs_f64(),
    })
}

fn read(
    sources: &[Source],
    progress: &mut Progress<'_>,
) -> Result<(Vec<String>, usize), LibraryError> {
    let (mut texts, mut skipped) = (Vec::new(), 0);
    for source in sources {
        for record in syntopic_formats::open(&source.name(), source.open()?, None)? {
            match record? {
                Ok(paper) => texts.push(paper_text(&paper)),
                Err(bad) => {
                    skipped += 1;
                    let _ = progress(Event::Note(&format!("skipped: {bad}")));
                }
            }
        }
    }
    Ok((texts, skipped))
}

fn report(done: DistillProgress, progress: &mut Progress<'_>) -> ControlFlow<()> {
    let step = match done.step {
        DistillStep::Texts => "the teacher reads the papers",
        DistillStep::Vocabulary => "the teacher reads the vocabulary",
        DistillStep::Phrases => "the teacher reads phrases",
        DistillStep::Fit => "fitting",
    };
    progress(Event::Distilling {
        step,
        done: done.done,
        of: done.of,
    })
}

fn provenance(
    request: &DistillRequest,
    teacher: &syntopic_embed::models::ModelFolder,
) -> Provenance {
    let names: Vec<String> = request.sources.iter().map(Source::name).collect();
    let known = Registry::builtin().get(&teacher.name).ok();
    Provenance {
        teacher: known.map_or_else(|| teacher.name.clone(), |entry| entry.hub_id.clone()),
        revision: teacher.revision.clone(),
        licence: known.map_or_else(
            || String::from("that of the teacher"),
            |entry| entry.licence.to_lowercase(),
        ),
        corpus: format!("The texts are the papers of {}.", names.join(", ")),
        command: format!(
            "syntopic distill --model {} --dim {} --phrases {} --seed {} --out FOLDER {}",
            teacher.name,
            request.dim,
            request.phrases,
            request.seed,
            names.join(" ")
        ),
    }
}

impl From<DistillError> for LibraryError {
    fn from(error: DistillError) -> Self {
        match error {
            DistillError::Cancelled => LibraryError::Cancelled { papers: 0 },
            DistillError::Teacher(error) => LibraryError::Embed(error),
            error => LibraryError::Distill(error),
        }
    }
}
