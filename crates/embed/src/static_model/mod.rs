//! A static embedding model: a text's vector is the mean of fixed vectors of its tokens, at unit length.
//!
//! Reads what model2vec writes (`embeddings` as float or int8, optional `weights` and `mapping`) and gives its vectors.
//! Source: van Dongen and Tulkens, Model2Vec (2024).
//!
//! Not for: tokenizing, or making such a model (`distill`).

mod error;
mod mean;
mod read;

pub use error::StaticModelError;
use mean::{Lookup, add_rows};
use rayon::prelude::*;
use read::Table;
use std::path::Path;
use std::sync::OnceLock;

/// The bytes of the three files of a static model's folder.
#[derive(Debug, Clone, Copy)]
pub struct StaticFiles<'a> {
    /// `model.safetensors`.
    pub weights: &'a [u8],
    /// `config.json`.
    pub config: &'a [u8],
    /// `tokenizer.json`.
    pub tokenizer: &'a [u8],
}

/// A static embedding model in memory.
pub struct StaticModel {
    table: Table,
    rows: usize,
    dim: usize,
    weights: Option<Vec<f32>>,
    mapping: Option<Vec<u32>>,
    unknown: Option<u32>,
    max_tokens: Option<usize>,
    /// Made when the first text without a known token is met.
    fallback: OnceLock<Vec<f32>>,
}

/// Vectors of texts.
#[derive(Debug, Clone, PartialEq)]
pub struct StaticRows {
    /// `(n_texts, dim)`, row after row, each of unit length.
    pub vectors: Vec<f32>,
    /// Positions of the texts that have no known token and got [`StaticModel::fallback`]; the caller shows them.
    pub without_tokens: Vec<usize>,
}

impl StaticModel {
    /// Reads a folder that model2vec or [`crate::distill`] wrote.
    ///
    /// # Errors
    /// When a file is missing or is not what model2vec writes.
    pub fn load(folder: &Path) -> Result<Self, StaticModelError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| StaticModelError::Read {
                path: path.to_owned(),
                source,
            })
        };
        Self::from_files(StaticFiles {
            weights: &read(&folder.join("model.safetensors"))?,
            config: &read(&folder.join("config.json"))?,
            tokenizer: &read(&folder.join("tokenizer.json"))?,
        })
    }

    /// The same from files that are in memory already (inside the binary, say).
    ///
    /// # Errors
    /// When a file is not what model2vec writes.
    pub fn from_files(files: StaticFiles<'_>) -> Result<Self, StaticModelError> {
        let parts = read::read(&files)?;
        Ok(Self {
            table: parts.table,
            rows: parts.rows,
            dim: parts.dim,
            weights: parts.weights,
            mapping: parts.mapping,
            unknown: parts.unknown,
            max_tokens: parts.max_tokens,
            fallback: OnceLock::new(),
        })
    }

    /// Length of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// How many tokens it knows; ids are below this.
    pub fn vocabulary(&self) -> usize {
        self.mapping.as_ref().map_or(self.rows, Vec::len)
    }

    /// Most tokens of a text that model2vec reads, or none. The caller cuts, so that it can count what it cut;
    /// [`StaticModel::embed`] reads all ids it is given. (model2vec also cuts the letters of a text at this number times the
    /// median length of a token; this is not done here.)
    pub fn max_tokens(&self) -> Option<usize> {
        self.max_tokens
    }

    /// The vector of a text without a known token: the direction of the mean of all tokens, so that such a text resembles no
    /// particular one.
    pub fn fallback(&self) -> &[f32] {
        self.fallback.get_or_init(|| {
            let all: Vec<u32> = (0..).take(self.vocabulary()).collect();
            let mut row = vec![0f32; self.dim];
            self.sum(&all, &mut row);
            if !to_unit_length(&mut row) {
                row.fill(0.0);
                row[0] = 1.0;
            }
            row
        })
    }

    /// The vector of each text, given as its token ids without special tokens. The unknown token counts for nothing, as in
    /// model2vec. A text's vector is the same bit for bit whatever texts and however many threads are beside it.
    ///
    /// # Errors
    /// When an id is not below [`StaticModel::vocabulary`].
    pub fn embed<T: AsRef<[u32]> + Sync>(
        &self,
        texts: &[T],
    ) -> Result<StaticRows, StaticModelError> {
        let vocabulary = self.vocabulary();
        let mut vectors = vec![0f32; texts.len() * self.dim];
        let known: Vec<bool> = vectors
            .par_chunks_mut(self.dim)
            .zip(texts)
            .with_min_len(64)
            .enumerate()
            .map(|(text, (row, ids))| {
                let ids = ids.as_ref();
                match ids.iter().find(|&&id| id as usize >= vocabulary) {
                    Some(&id) => Err(StaticModelError::UnknownToken {
                        text,
                        id,
                        vocabulary,
                    }),
                    None => Ok(self.embed_one(ids, row)),
                }
            })
            .collect::<Result<_, _>>()?;
        let without_tokens = (0..texts.len()).filter(|&i| !known[i]).collect();
        Ok(StaticRows {
            vectors,
            without_tokens,
        })
    }

    /// Writes the vector of `ids` to `row`, which is zero; false when the fallback had to be taken.
    fn embed_one(&self, ids: &[u32], row: &mut [f32]) -> bool {
        let known = self.sum(ids, row) && to_unit_length(row);
        if !known {
            row.copy_from_slice(self.fallback());
        }
        known
    }

    fn sum(&self, ids: &[u32], row: &mut [f32]) -> bool {
        let lookup = Lookup {
            mapping: self.mapping.as_deref(),
            weights: self.weights.as_deref(),
            unknown: self.unknown,
        };
        match &self.table {
            Table::I8(table) => add_rows(table, ids, &lookup, row),
            Table::F32(table) => add_rows(table, ids, &lookup, row),
        }
    }
}

/// Divides `row` by its length; false when it has none.
fn to_unit_length(row: &mut [f32]) -> bool {
    let squares: f64 = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    let length = squares.sqrt();
    if !length.is_finite() || length < 1e-20 {
        return false;
    }
    row.iter_mut()
        .for_each(|x| *x = (f64::from(*x) / length) as f32);
    true
}
