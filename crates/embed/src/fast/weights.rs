//! A checkpoint's tensors, packed for the kernels while they are read; the word table stays in the mapped file.

use super::adapter::Adapter;
use super::checkpoint::Checkpoint;
use super::matrix::{Panels, Precision};
use super::names::{Biased, Part};
use super::plan::{NormKind, Places, Plan, Relative};
use super::rowwise::Norm;
use crate::EmbedError;
use crate::stock::{bucket, slopes};
use rayon::prelude::*;
use std::borrow::Cow;
use std::path::Path;

/// Columns of the feed-forward part's inner layer that are computed and used before the next: their activations stay in
/// the cache. MiniLM's 1,536 make four blocks.
const INNER_BLOCK: usize = 384;

/// A linear layer.
pub(super) struct Linear {
    /// `(inputs, outputs)`.
    pub(super) weights: Panels,
    pub(super) bias: Vec<f32>,
}

/// One block of the feed-forward part: some of its inner columns.
pub(super) struct InnerBlock {
    pub(super) up: Linear,
    /// What is put through the activation and multiplied with them.
    pub(super) gate: Option<Linear>,
    /// From these inner columns to the outputs; the bias of the whole is [`Layer::down_bias`].
    pub(super) down: Panels,
}

/// One layer of the encoder.
pub(super) struct Layer {
    /// Per head of keys, its queries, its key and its value side by side: `(hidden, (queries + 2) head widths)`.
    pub(super) heads: Vec<Linear>,
    /// Gains of the norms of queries and of keys, where they have any.
    pub(super) head_norms: Option<[Vec<f32>; 2]>,
    pub(super) attended: Linear,
    /// What follows attention: its own norm, or where norms come first that of the feed-forward part.
    pub(super) attended_norm: Norm,
    pub(super) inner: Vec<InnerBlock>,
    pub(super) down_bias: Vec<f32>,
    /// What follows the feed-forward part: its own norm, or where norms come first that of the next layer's attention, after
    /// the last layer the encoder's.
    pub(super) output_norm: Norm,
    pub(super) adapter: Option<Adapter>,
}

/// Everything the encoder needs.
pub(super) struct Weights {
    pub(super) plan: Plan,
    /// Of the linear layers.
    pub(super) precision: Precision,
    words: WordTable,
    /// What is added to the embeddings of words: rows of positions with the first token type's added, or the latter alone,
    /// or a row of noughts.
    places: Vec<f32>,
    /// The norm of embeddings.
    pub(super) place_norm: Option<Norm>,
    /// That of the first layer's attention, where norms come first.
    pub(super) entry_norm: Option<Norm>,
    /// Biases of relative positions by distance, divided by the scale of scores: a row a head of queries, as
    /// [`super::attention::Biases`] describes. Empty where there are none.
    pub(super) biases: Vec<f32>,
    pub(super) layers: Vec<Layer>,
}

/// The embeddings of words, `(words, hidden)`.
enum WordTable {
    /// In the file, which stays mapped: only the pages of words that occur are ever read.
    Mapped(Checkpoint, String),
    /// Converted, for files of another number type or kind.
    Owned(Vec<[u8; 4]>),
}

impl Weights {
    pub(super) fn read(
        folder: &Path,
        plan: Plan,
        precision: Precision,
    ) -> Result<Self, EmbedError> {
        let file = Checkpoint::open(folder, &plan, precision)?;
        if let Some((tensor, why)) = plan.names.unlike
            && file.has(&format!("{tensor}.weight"))
        {
            return Err(EmbedError::Config {
                path: folder.join("config.json"),
                why: why.to_owned(),
            });
        }
        let hidden = plan.hidden;
        let of = |name: &str| format!("{}{name}", file.prefix);
        let place_norm = plan.names.first_norm.map(|name| file.norm(name, &plan));
        let entry_norm = match plan.names.norm_at_entry {
            true => Some(file.layer_norm(0, plan.names.attention_norm, &plan)?),
            false => None,
        };
        let mut layers = (0..plan.layers)
            .into_par_iter()
            .map(|index| file.layer(index, &plan))
            .collect::<Result<Vec<_>, _>>()?;
        let adapters = Adapter::read(folder, &plan, precision)?;
        for (layer, adapter) in layers.iter_mut().zip(adapters) {
            layer.adapter = Some(adapter);
        }
        let word_name = of(&format!("{}.weight", plan.names.words));
        // The packed pages of the file are given back with its first mapping; of the second only words are read.
        let converted = match file.bytes(&word_name, &[plan.words, hidden])? {
            Cow::Borrowed(_) => None,
            Cow::Owned(words) => Some(words),
        };
        let (places, biases) = (file.places(&plan)?, file.biases(&plan)?);
        drop(file);
        let words = match converted {
            None => WordTable::Mapped(Checkpoint::open(folder, &plan, precision)?, word_name),
            Some(words) => WordTable::Owned(words),
        };
        Ok(Self {
            precision,
            words,
            places,
            place_norm: place_norm.transpose()?,
            entry_norm,
            biases,
            layers,
            plan,
        })
    }

    /// The embeddings of all words, row-major `(words, hidden)`, little-endian.
    pub(super) fn word_table(&self) -> &[[u8; 4]] {
        match &self.words {
            WordTable::Owned(words) => words,
            WordTable::Mapped(file, name) => file.stored(name),
        }
    }

    /// What is added to the embeddings of a text's words, one row a token.
    pub(super) fn places<'a>(&'a self, ids: &'a [u32]) -> impl Iterator<Item = &'a [f32]> {
        let hidden = self.plan.hidden;
        let mut counted = 0;
        ids.iter().enumerate().map(move |(index, id)| {
            let row = match self.plan.places {
                Places::FromZero { .. } => index,
                Places::Nowhere => 0,
                Places::After { pad, .. } if *id == pad => pad as usize,
                Places::After { pad, .. } => {
                    counted += 1;
                    pad as usize + counted
                }
            };
            &self.places[row * hidden..][..hidden]
        })
    }
}

impl Checkpoint {
    fn places(&self, plan: &Plan) -> Result<Vec<f32>, EmbedError> {
        let table = |name: &str, rows: usize| {
            let name = format!("{}{name}.weight", self.prefix);
            self.numbers(&name, &[rows, plan.hidden])
        };
        let mut places = match (plan.names.positions, plan.places) {
            (Some(name), Places::FromZero { rows } | Places::After { rows, .. }) => {
                table(name, rows)?
            }
            _ => vec![0.0; plan.hidden],
        };
        if let Some(name) = plan.names.types {
            let types = table(name, plan.types)?;
            for row in places.chunks_exact_mut(plan.hidden) {
                row.iter_mut().zip(&types).for_each(|(x, t)| *x += t);
            }
        }
        Ok(places)
    }

    fn biases(&self, plan: &Plan) -> Result<Vec<f32>, EmbedError> {
        let (length, middle) = (plan.biases_length(), plan.longest().saturating_sub(1));
        // Scores are scaled after the bias is added here, before it in the model.
        let scale = (plan.width as f32).sqrt();
        Ok(match plan.relative {
            Relative::Nothing => Vec::new(),
            Relative::Buckets(buckets) => {
                let name = format!("{}{}.weight", self.prefix, plan.names.relative);
                let table = self.numbers(&name, &[buckets, plan.heads])?;
                let by_distance = |head: usize| {
                    let table = &table;
                    (0..length).map(move |at| {
                        // The key is `at` behind the first of them.
                        let bucket = bucket(middle, at, buckets) as usize;
                        table[bucket * plan.heads + head] * scale
                    })
                };
                (0..plan.heads).flat_map(by_distance).collect()
            }
            Relative::Slopes { .. } => {
                let by_distance = |slope: f32| {
                    (0..length).map(move |at| -slope * at.abs_diff(middle) as f32 * scale)
                };
                slopes(plan.heads)
                    .into_iter()
                    .flat_map(by_distance)
                    .collect()
            }
        })
    }

    fn norm(&self, name: &str, plan: &Plan) -> Result<Norm, EmbedError> {
        let (name, shape) = (format!("{}{name}", self.prefix), [plan.hidden]);
        Ok(Norm {
            gain: self.numbers(&format!("{name}.weight"), &shape)?,
            shift: match plan.norm {
                NormKind::Layer => self.numbers(&format!("{name}.bias"), &shape)?,
                NormKind::LayerNoShift | NormKind::Rms => vec![0.0; plan.hidden],
            },
            epsilon: plan.epsilon as f32,
        })
    }

    fn layer_norm(&self, index: usize, name: &str, plan: &Plan) -> Result<Norm, EmbedError> {
        self.norm(&format!("{}.{index}.{name}", plan.names.layer), plan)
    }

    fn layer(&self, index: usize, plan: &Plan) -> Result<Layer, EmbedError> {
        let names = plan.names;
        let reader = Reader {
            file: self,
            plan,
            layer: format!("{}{}.{index}.", self.prefix, names.layer),
        };
        let (attended_norm, output_norm) = match names.last_norm {
            None => (
                self.layer_norm(index, names.attention_norm, plan)?,
                self.layer_norm(index, names.inner_norm, plan)?,
            ),
            Some(last) => (
                self.layer_norm(index, names.inner_norm, plan)?,
                match index + 1 < plan.layers {
                    true => self.layer_norm(index + 1, names.attention_norm, plan)?,
                    false => self.norm(last, plan)?,
                },
            ),
        };
        Ok(Layer {
            heads: reader.heads()?,
            head_norms: reader.head_norms()?,
            attended: reader.attended()?,
            attended_norm,
            inner: reader.inner()?,
            down_bias: reader.bias(names.down, plan.hidden)?,
            output_norm,
            adapter: None,
        })
    }
}

/// Reads one layer.
struct Reader<'a> {
    file: &'a Checkpoint,
    plan: &'a Plan,
    /// What its tensors' names begin with.
    layer: String,
}

/// Rows of a linear layer, one an output, and a bias each.
struct Rows<'a> {
    numbers: Cow<'a, [[u8; 4]]>,
    bias: Vec<f32>,
    /// Numbers of a row.
    depth: usize,
    /// The first of them that counts.
    first: usize,
}

impl Rows<'_> {
    /// From the row of this output on.
    fn row(&self, output: usize) -> &[[u8; 4]] {
        &self.numbers[(self.first + output) * self.depth..]
    }
}

impl<'a> Reader<'a> {
    /// A linear layer's bias; noughts in a model without.
    fn bias(&self, name: &str, outputs: usize) -> Result<Vec<f32>, EmbedError> {
        let names = self.plan.names;
        let has = match names.biased {
            Biased::All => true,
            Biased::AllButUp => name != names.up.name,
            Biased::Nothing => false,
        };
        if !has {
            return Ok(vec![0.0; outputs]);
        }
        let name = format!("{}{name}.bias", self.layer);
        self.file.numbers(&name, &[outputs])
    }

    fn rows(&self, part: Part, outputs: usize, depth: usize) -> Result<Rows<'a>, EmbedError> {
        let first = part.part * outputs;
        let name = format!("{}{}.weight", self.layer, part.name);
        let bias = self.bias(part.name, part.of * outputs)?;
        Ok(Rows {
            numbers: self.file.bytes(&name, &[part.of * outputs, depth])?,
            bias: bias[first..][..outputs].to_vec(),
            depth,
            first,
        })
    }

    fn heads(&self) -> Result<Vec<Linear>, EmbedError> {
        let (plan, names) = (self.plan, self.plan.names);
        let (width, served) = (plan.width, plan.served());
        let (all, shared) = (plan.heads * width, plan.key_heads * width);
        let queries = self.rows(names.query, all, plan.hidden)?;
        let keys = self.rows(names.key, shared, plan.hidden)?;
        let values = self.rows(names.value, shared, plan.hidden)?;
        let head = |head: usize| {
            // Where an output of the head comes from.
            let source = |column: usize| match column / width {
                part if part < served => (&queries, head * served * width + column),
                part if part == served => (&keys, head * width + column % width),
                _ => (&values, head * width + column % width),
            };
            let columns = (served + 2) * width;
            Linear {
                weights: Panels::pack(self.file.precision, columns, plan.hidden, |column| {
                    let (rows, output) = source(column);
                    rows.row(output)
                }),
                bias: (0..columns)
                    .map(source)
                    .map(|(rows, output)| rows.bias[output])
                    .collect(),
            }
        };
        Ok((0..plan.key_heads).map(head).collect())
    }

    fn head_norms(&self) -> Result<Option<[Vec<f32>; 2]>, EmbedError> {
        let Some([queries, keys]) = self.plan.names.head_norms else {
            return Ok(None);
        };
        let gain = |name| {
            let name = format!("{}{name}.weight", self.layer);
            self.file.numbers(&name, &[self.plan.width])
        };
        Ok(Some([gain(queries)?, gain(keys)?]))
    }

    fn attended(&self) -> Result<Linear, EmbedError> {
        let (plan, name) = (self.plan, self.plan.names.attended);
        let part = Part {
            name,
            part: 0,
            of: 1,
        };
        let depth = plan.heads * plan.width;
        let rows = self.rows(part, plan.hidden, depth)?;
        Ok(Linear {
            weights: Panels::pack(self.file.precision, plan.hidden, depth, |c| rows.row(c)),
            bias: rows.bias,
        })
    }

    fn inner(&self) -> Result<Vec<InnerBlock>, EmbedError> {
        let (plan, names, precision) = (self.plan, self.plan.names, self.file.precision);
        let (hidden, inner) = (plan.hidden, plan.inner);
        let up = self.rows(names.up, inner, hidden)?;
        let gate = match names.gate {
            Some(part) => Some(self.rows(part, inner, hidden)?),
            None => None,
        };
        let down = format!("{}{}.weight", self.layer, names.down);
        let down = self.file.bytes(&down, &[hidden, inner])?;
        let block = |first: usize| {
            let width = INNER_BLOCK.min(inner - first);
            let some = |rows: &Rows<'_>| Linear {
                weights: Panels::pack(precision, width, hidden, |c| rows.row(first + c)),
                bias: rows.bias[first..][..width].to_vec(),
            };
            InnerBlock {
                up: some(&up),
                gate: gate.as_ref().map(some),
                down: Panels::pack(precision, hidden, width, |c| &down[c * inner + first..]),
            }
        };
        Ok((0..inner).step_by(INNER_BLOCK).map(block).collect())
    }
}
