//! Texts to unit vectors: tokenize, batch by length, run the model, put the rows back in order.

mod raw;
mod read;

use crate::cut::{Cut, cut_rows};
use crate::embedded::{BatchStats, EmbedProgress, Embedded, ModelIdentity};
use crate::fast::{FastEncoder, Plan, Precision, Run, settle};
use crate::gpu::{GpuModel, Job};
use crate::mode::{EmbedOptions, Mode, TextKind};
use crate::models::ModelFolder;
use crate::peak::{Peak, measure_peak, measure_peak_of};
use crate::profile::{Part, counted};
use crate::static_model::StaticModel;
use crate::stock::StockModel;
use crate::tokens::{TextTokenizer, Tokens};
use crate::{EmbedError, PoolingMode, SentenceConfig, static_encoder};
use rayon::prelude::*;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::time::{Duration, Instant};
use syntopic_core::Embeddings;

/// What runs the model.
enum Encoder {
    Stock(StockModel),
    Fast(FastEncoder),
    Gpu(GpuModel),
    Static(StaticModel),
}

impl Encoder {
    /// Loads what `mode` asks for, or refuses by name; a fallback is noted in `config`.
    fn load(
        folder: &Path,
        config: &mut SentenceConfig,
        options: EmbedOptions,
    ) -> Result<Self, EmbedError> {
        if options.device.is_gpu() {
            let model = GpuModel::load(folder, config, options.device, options.mode)?;
            return Ok(Encoder::Gpu(model));
        }
        let (precision, what) = match options.mode {
            Mode::Stock => return Ok(Encoder::Stock(StockModel::load(folder, config)?)),
            Mode::Auto => (FastEncoder::fastest(), None),
            Mode::F32 => (Precision::F32, Some("in mode f32")),
            Mode::Bf16 => (Precision::Bf16, Some("in mode bf16")),
            Mode::Int16 => (Precision::Int16, Some("in mode int16")),
            Mode::Int8 => (Precision::Int8, Some("in mode int8")),
            Mode::F16 => return Err(options.mode.not_on(options.device)),
        };
        let why = match FastEncoder::load(folder, config, precision)? {
            Ok(model) => return Ok(Encoder::Fast(model)),
            Err(why) => why,
        };
        if let Some(what) = what {
            return Err(EmbedError::Unsupported {
                path: folder.join("config.json"),
                what,
                got: why,
                supported: "mode auto or stock",
            });
        }
        config.notes.push(format!(
            "the packed encoder does not run this model ({why}): the plain path does, many times slower"
        ));
        Ok(Encoder::Stock(StockModel::load(folder, config)?))
    }

    /// What it is made of; nothing where vectors are looked up and added.
    fn plan(&self) -> Option<&Plan> {
        match self {
            Encoder::Stock(model) => Some(model.plan()),
            Encoder::Fast(model) => Some(model.plan()),
            Encoder::Gpu(model) => Some(model.plan()),
            Encoder::Static(_) => None,
        }
    }

    /// Numbers a vector.
    fn dim(&self) -> usize {
        match self {
            Encoder::Stock(model) => model.dim(),
            Encoder::Fast(model) => model.dim(),
            Encoder::Gpu(model) => model.dim(),
            Encoder::Static(model) => model.dim(),
        }
    }
}

/// What vectors are made of texts.
#[derive(Clone, Copy)]
struct How {
    /// Tokens at the beginning of each that take no part.
    skip: usize,
    /// Whether they are made unit length.
    unit: bool,
}

/// A loaded model.
pub struct Embedder {
    tokenizer: TextTokenizer,
    model: Encoder,
    mode: String,
    config: SentenceConfig,
    identity: ModelIdentity,
    options: EmbedOptions,
}

impl Embedder {
    /// Loads the model of a resolved folder.
    ///
    /// # Errors
    /// When a file is missing, damaged, or asks for what is not supported; when the device is a GPU and this build has no
    /// CUDA, or CUDA finds none.
    pub fn load(folder: &ModelFolder, options: EmbedOptions) -> Result<Self, EmbedError> {
        options.device.check()?;
        let (tokenizer, model, config) = match static_encoder::load(folder, options.mode)? {
            Some(mut parts) => {
                if options.device.is_gpu() {
                    parts.config.notes.push(format!(
                        "{} is a static model: it runs on the CPU, as adding vectors is no work for a GPU",
                        folder.name
                    ));
                }
                (parts.tokenizer, Encoder::Static(parts.model), parts.config)
            }
            None => load_encoder(folder, options)?,
        };
        let mode = match &model {
            Encoder::Stock(_) => "f32 (Candle)".to_owned(),
            Encoder::Fast(model) => model.description(),
            Encoder::Gpu(model) => model.description(),
            Encoder::Static(_) => "static (vectors of tokens, added)".to_owned(),
        };
        let identity = ModelIdentity {
            name: folder.name.clone(),
            revision: folder.revision.clone(),
            weights_sha256: folder.weights_sha256.clone(),
            pooling: config.pooling_name(),
            document_prompt: config.prompts.document.clone(),
            query_prompt: config.prompts.query.clone(),
            max_tokens: config.max_tokens,
            dim: model.dim(),
        };
        let embedder = Self {
            tokenizer,
            model,
            mode,
            config,
            identity,
            options,
        };
        match embedder.config.truncate_dim {
            Some(dim) => embedder.cut_to(Cut { dim, force: true }),
            None => Ok(embedder),
        }
    }

    /// Numbers of a vector before any cut.
    #[must_use]
    pub fn whole_dim(&self) -> usize {
        self.model.dim()
    }

    pub(crate) fn set_dim(&mut self, dim: usize) {
        self.identity.dim = dim;
    }

    /// What the folder says of the model.
    #[must_use]
    pub fn config(&self) -> &SentenceConfig {
        &self.config
    }

    /// What made the vectors.
    #[must_use]
    pub fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    /// What runs the model on this machine, for reports: `f32 AVX2 (packed)`, say.
    #[must_use]
    pub fn mode(&self) -> &str {
        &self.mode
    }

    /// Where the model runs, for reports: `cpu`, or `cuda:0 (NVIDIA H100 PCIe)`, say.
    #[must_use]
    pub fn device(&self) -> &str {
        match &self.model {
            Encoder::Gpu(model) => model.device(),
            Encoder::Stock(_) | Encoder::Fast(_) | Encoder::Static(_) => "cpu",
        }
    }

    /// Threads that run the model: rayon's pool for the packed encoder, and for the tokenizer of a GPU; Candle's own for
    /// its BERT.
    #[must_use]
    pub fn threads(&self) -> usize {
        let (candle, rayon) = crate::thread_counts();
        match self.model {
            Encoder::Stock(_) => candle,
            Encoder::Fast(_) | Encoder::Gpu(_) | Encoder::Static(_) => rayon,
        }
    }

    /// The pooling in use, the first where a model has several.
    #[must_use]
    pub fn pooling(&self) -> PoolingMode {
        self.config.pooling_mode
    }

    /// Things a user should know about the model folder.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.config.notes
    }

    /// Multiply-adds, counted as two operations each, that a text of `tokens` tokens costs this model.
    #[must_use]
    pub fn operations(&self, tokens: usize) -> f64 {
        self.model
            .plan()
            .map_or(0.0, |plan| plan.operations(tokens))
    }

    /// The multiply-add peak of this machine for the numbers that the model multiplies: f32, or the narrower ones that its
    /// mode is named after. It is what [`Embedder::operations`] a second are a share of. Runs `threads` threads for `time`; on
    /// a GPU, products of large matrices, whatever the threads.
    ///
    /// # Errors
    /// When the GPU fails.
    pub fn measure_peak(&self, threads: usize, time: Duration) -> Result<Peak, EmbedError> {
        Ok(match &self.model {
            Encoder::Gpu(model) => model.measure_peak(time)?,
            Encoder::Fast(model) => measure_peak_of(model.precision(), threads, time),
            _ => measure_peak(threads, time),
        })
    }

    /// Token ids of one text as the model reads them, without a prompt.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn tokenize(&self, text: &str) -> Result<Tokens, EmbedError> {
        self.tokenizer
            .encode(text)
            .map_err(|why| EmbedError::Tokenize { index: 0, why })
    }

    /// Unit vectors of `texts`, in their order, whatever they are batched with. `progress` is called on the calling
    /// thread, as batches finish and with all texts at the end, and may stop the work.
    ///
    /// # Errors
    /// When a text cannot be tokenized, the model fails or gives no unit vectors, or `progress` asked to stop.
    pub fn embed<T: AsRef<str> + Sync>(
        &self,
        texts: &[T],
        kind: TextKind,
        progress: &mut dyn FnMut(EmbedProgress) -> ControlFlow<()>,
    ) -> Result<Embedded, EmbedError> {
        let of = texts.len();
        let progress = &mut |done| progress(EmbedProgress { done, of });
        let skip = self.skip(kind)?;
        if let Encoder::Gpu(model) = &self.model {
            let tokenize = |range| self.tokenize_all(texts, kind, range);
            return self.embed_on_gpu(model, (of, skip), &tokenize, progress);
        }
        let start = Instant::now();
        let tokens = self.tokenize_all(texts, kind, 0..of)?;
        let tokenize_time = start.elapsed();
        let embedded = self.run(&tokens, skip, progress)?;
        Ok(Embedded {
            tokenize_time,
            ..embedded
        })
    }

    /// Unit vectors of texts that were read already, of each of which the first `skip` tokens take no part.
    ///
    /// # Errors
    /// When the model fails or gives no unit vectors.
    pub fn embed_tokens(&self, tokens: &[Tokens], skip: usize) -> Result<Embedded, EmbedError> {
        let mut go_on = |_| ControlFlow::Continue(());
        if let Encoder::Gpu(model) = &self.model {
            let tokenize = |range: Range<usize>| Ok(tokens[range].to_vec());
            return self.embed_on_gpu(model, (tokens.len(), skip), &tokenize, &mut go_on);
        }
        self.run(tokens, skip, &mut go_on)
    }

    fn run(
        &self,
        tokens: &[Tokens],
        skip: usize,
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Embedded, EmbedError> {
        let mut data = vec![0f32; tokens.len() * self.model.dim()];
        let how = How { skip, unit: true };
        let (batches, without_tokens) = self.rows(tokens, how, &mut data, progress)?;
        Ok(Embedded {
            without_tokens,
            vectors: self.checked(data)?,
            tokens: tokens.iter().map(|t| t.ids.len()).collect(),
            truncated: tokens.iter().map(|t| t.truncated).collect(),
            batches,
            tokenize_time: Duration::ZERO,
            halved_batches: 0,
        })
    }

    /// Writes the vector of each text to its row of `data`; gives the batches, and the texts without a known token.
    fn rows(
        &self,
        tokens: &[Tokens],
        how: How,
        data: &mut [f32],
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<(Vec<BatchStats>, Vec<usize>), EmbedError> {
        let of_all = |batches| (batches, Vec::new());
        match &self.model {
            Encoder::Stock(model) => self
                .run_stock(model, tokens, how, data, progress)
                .map(of_all),
            Encoder::Fast(model) => self
                .run_fast(model, tokens, how, data, progress)
                .map(of_all),
            // Its callers do that, as texts are tokenized while it computes.
            Encoder::Gpu(_) => Ok(of_all(Vec::new())),
            Encoder::Static(model) => run_static(model, tokens, data, progress),
        }
    }

    /// Texts in windows, each tokenized while the GPU computes the one before.
    fn embed_on_gpu(
        &self,
        model: &GpuModel,
        (texts, skip): (usize, usize),
        tokenize: &(dyn Fn(Range<usize>) -> Result<Vec<Tokens>, EmbedError> + Sync),
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Embedded, EmbedError> {
        let job = Job {
            texts,
            batch_tokens: self.options.batch_tokens,
            skip,
            tokenize,
        };
        let done = model.embed(&job, progress)?;
        Ok(Embedded {
            vectors: self.checked(done.vectors)?,
            tokens: done.tokens,
            truncated: done.truncated,
            without_tokens: Vec::new(),
            batches: done.batches,
            tokenize_time: done.tokenize_time,
            halved_batches: done.halved,
        })
    }

    /// The model's rows, cut to the length asked for.
    fn checked(&self, mut rows: Vec<f32>) -> Result<Embeddings, EmbedError> {
        let (whole, dim) = (self.model.dim(), self.identity.dim);
        if dim < whole {
            rows = cut_rows(&rows, whole, dim);
        }
        Ok(Embeddings::new(rows, dim)?)
    }

    /// One batch after the other, each on all threads.
    fn run_stock(
        &self,
        model: &StockModel,
        tokens: &[Tokens],
        how: How,
        data: &mut [f32],
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<BatchStats>, EmbedError> {
        let (dim, of) = (self.model.dim(), tokens.len());
        let mut batches = Vec::new();
        let mut done = 0;
        for batch in length_sorted_batches(tokens, self.options.batch_tokens) {
            let start = Instant::now();
            let members: Vec<&Tokens> = batch.iter().map(|&i| &tokens[i]).collect();
            let rows = model.embed(&members, how.skip, how.unit)?;
            for (&text, row) in batch.iter().zip(rows.chunks_exact(dim)) {
                data[text * dim..][..dim].copy_from_slice(row);
            }
            batches.push(BatchStats {
                texts: batch.len(),
                tokens: members.iter().map(|t| t.ids.len()).sum(),
                padded_tokens: batch.len() * members.iter().map(|t| t.ids.len()).max().unwrap_or(0),
                time: start.elapsed(),
            });
            done += batch.len();
            if progress(done).is_break() && done < of {
                return Err(EmbedError::Cancelled { done, of });
            }
        }
        Ok(batches)
    }

    /// Threads that each run whole batches.
    fn run_fast(
        &self,
        model: &FastEncoder,
        tokens: &[Tokens],
        how: How,
        data: &mut [f32],
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<BatchStats>, EmbedError> {
        model.check(tokens)?;
        let run = Run {
            tokens,
            skip: how.skip,
            group_tokens: self.options.batch_tokens,
            threads: rayon::current_num_threads(),
        };
        let groups = model
            .run(&run, progress)
            .map_err(|done| EmbedError::Cancelled {
                done,
                of: tokens.len(),
            })?;
        let dim = self.model.dim();
        let mut batches = Vec::with_capacity(groups.len());
        for group in groups {
            let vectors = match how.unit {
                true => model.finish(group.vectors)?,
                false => model.through_dense(group.vectors)?,
            };
            for (&text, row) in group.texts.iter().zip(vectors.chunks_exact(dim)) {
                data[text * dim..][..dim].copy_from_slice(row);
            }
            let sum = group.texts.iter().map(|&i| tokens[i].ids.len()).sum();
            batches.push(BatchStats {
                texts: group.texts.len(),
                tokens: sum,
                padded_tokens: sum,
                time: group.time,
            });
        }
        Ok(batches)
    }

    fn prompt(&self, kind: TextKind) -> &str {
        match kind {
            TextKind::Document => &self.config.prompts.document,
            TextKind::Query => &self.config.prompts.query,
        }
    }

    /// Tokens at the beginning of every text that take no part in the pooling: those of the prompt where the model says so.
    fn skip(&self, kind: TextKind) -> Result<usize, EmbedError> {
        if self.config.include_prompt || self.prompt(kind).is_empty() {
            return Ok(0);
        }
        self.tokenizer
            .count_without_end(self.prompt(kind))
            .map_err(|why| EmbedError::Tokenize { index: 0, why })
    }

    fn tokenize_all<T: AsRef<str> + Sync>(
        &self,
        texts: &[T],
        kind: TextKind,
        range: Range<usize>,
    ) -> Result<Vec<Tokens>, EmbedError> {
        let encode = |(index, text): (usize, &T)| {
            self.read(text.as_ref(), kind).map_err(|error| match error {
                EmbedError::Tokenize { why, .. } => EmbedError::Tokenize { index, why },
                other => other,
            })
        };
        let indexed = texts[range.clone()].par_iter().enumerate();
        indexed
            .map(|(i, text)| counted(Part::Tokenize, || encode((range.start + i, text))))
            .collect()
    }
}

/// Tokenizer, encoder and settings of a folder with a transformer.
fn load_encoder(
    model: &ModelFolder,
    options: EmbedOptions,
) -> Result<(TextTokenizer, Encoder, SentenceConfig), EmbedError> {
    let folder = model.folder.as_path();
    let mut config = SentenceConfig::read(folder)?;
    let max_tokens = config.max_tokens;
    let (tokenizer, encoder) = rayon::join(
        || TextTokenizer::read(folder, max_tokens),
        || Encoder::load(folder, &mut config, options),
    );
    let (tokenizer, encoder) = (
        tokenizer?,
        encoder.map_err(|error| error.of_folder(folder))?,
    );
    let encoder = match encoder {
        Encoder::Fast(fast) if options.mode == Mode::Auto => {
            Encoder::Fast(settle(model, &mut config, &tokenizer, fast)?)
        }
        encoder => encoder,
    };
    Ok((tokenizer, encoder, config))
}

/// Texts that a static model is given between two reports of progress.
const STATIC_BATCH: usize = 4_096;

/// All threads on each batch; gives the texts without a known token too.
fn run_static(
    model: &StaticModel,
    tokens: &[Tokens],
    data: &mut [f32],
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<(Vec<BatchStats>, Vec<usize>), EmbedError> {
    let (mut batches, mut without, mut done) = (Vec::new(), Vec::new(), 0);
    for batch in tokens.chunks(STATIC_BATCH) {
        let start = Instant::now();
        let ids: Vec<&[u32]> = batch.iter().map(|t| t.ids.as_slice()).collect();
        let rows = model.embed(&ids)?;
        data[done * model.dim()..][..rows.vectors.len()].copy_from_slice(&rows.vectors);
        without.extend(rows.without_tokens.into_iter().map(|text| done + text));
        let sum = ids.iter().map(|ids| ids.len()).sum();
        batches.push(BatchStats {
            texts: batch.len(),
            tokens: sum,
            padded_tokens: sum,
            time: start.elapsed(),
        });
        done += batch.len();
        if progress(done).is_break() && done < tokens.len() {
            return Err(EmbedError::Cancelled {
                done,
                of: tokens.len(),
            });
        }
    }
    Ok((batches, without))
}

/// Indices of the texts in batches of similar length, shortest first, each of at most `budget` tokens with padding.
pub(crate) fn length_sorted_batches(tokens: &[Tokens], budget: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..tokens.len()).collect();
    order.sort_by_key(|&i| (tokens[i].ids.len(), i));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    for index in order {
        // The newest member is the longest, so it sets the width of the batch.
        let width = tokens[index].ids.len();
        match batches.last_mut() {
            Some(batch) if (batch.len() + 1) * width <= budget => batch.push(index),
            _ => batches.push(vec![index]),
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fast::of_lengths;

    fn lengths(batches: &[Vec<usize>]) -> Vec<usize> {
        batches.iter().map(Vec::len).collect()
    }

    impl Embedder {
        /// The same with another model behind it: one of `gpu/` at a place of the test's choice.
        pub(crate) fn with_gpu_model(self, model: GpuModel) -> Self {
            Self {
                model: Encoder::Gpu(model),
                ..self
            }
        }
    }

    #[test]
    fn batches_hold_every_text_once_and_keep_the_budget() {
        let tokens = of_lengths(&[5, 1, 9, 5, 3, 20]);
        let batches = length_sorted_batches(&tokens, 10);
        assert_eq!(batches, vec![vec![1, 4], vec![0, 3], vec![2], vec![5]]);
        assert_eq!(lengths(&length_sorted_batches(&tokens, 1_000)), vec![6]);
        assert_eq!(lengths(&length_sorted_batches(&tokens, 0)), vec![1; 6]);
        assert!(length_sorted_batches(&[], 10).is_empty());
    }
}
