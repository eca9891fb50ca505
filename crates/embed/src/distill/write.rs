//! A distilled table, rounded to int8, as the folder that model2vec reads.

use super::DistillError;
use safetensors::tensor::{Dtype, SafeTensorError, TensorView};
use std::path::Path;

/// A static model as made by [`super::distill`].
#[derive(Debug, Clone, PartialEq)]
pub struct Distilled {
    /// Length of a vector.
    pub dim: usize,
    /// `(vocabulary, dim)`, rows by token id.
    pub embeddings: Vec<i8>,
    /// The factor of each row: its scale, in which its importance is contained.
    pub weights: Vec<f32>,
    /// `tokenizer.json`, without padding and truncation.
    pub tokenizer: String,
    /// Mean of `1 - cosine` with the teacher over the last pass, before rounding; 0 is perfect.
    pub loss: f64,
    /// Share of the teacher's vectors that so many dimensions can hold, 0 to 1.
    pub share: f64,
    /// Texts and phrases that it was fitted on.
    pub fitted_on: (usize, usize),
    /// The weight that tokens started with.
    pub(super) sif: f64,
}

/// Where a static model comes from, for its card.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Provenance {
    /// The teacher's name, as the hub knows it.
    pub teacher: String,
    /// Its revision, or empty.
    pub revision: String,
    /// The licence of the result: that of the teacher allows it.
    pub licence: String,
    /// What it was fitted on, in a sentence.
    pub corpus: String,
    /// The command that makes it again.
    pub command: String,
}

/// Most tokens that are read of a text, model2vec's default.
const MAX_TOKENS: usize = 512;

impl Distilled {
    /// Rounds `table` (rows of `dim`) to int8, each row by its own scale.
    pub(super) fn round(table: &[f32], dim: usize) -> (Vec<i8>, Vec<f32>) {
        let scales = table.chunks_exact(dim).map(|row| {
            let largest = row.iter().fold(0f32, |most, x| most.max(x.abs()));
            largest / 127.0
        });
        let weights: Vec<f32> = scales.collect();
        let round = |(row, &scale): (&[f32], &f32)| -> Vec<i8> {
            let steps = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            row.iter().map(|x| (x * steps).round() as i8).collect()
        };
        let embeddings = table
            .chunks_exact(dim)
            .zip(&weights)
            .flat_map(round)
            .collect();
        (embeddings, weights)
    }

    /// The files of the folder, by name. The same model gives the same bytes.
    ///
    /// # Errors
    /// When safetensors cannot hold the table.
    pub fn files(
        &self,
        provenance: &Provenance,
    ) -> Result<Vec<(&'static str, Vec<u8>)>, DistillError> {
        let weights = self.weights().map_err(|e| DistillError::Write {
            path: "model.safetensors".into(),
            source: std::io::Error::other(e),
        })?;
        Ok(vec![
            ("model.safetensors", weights),
            ("config.json", self.config(provenance).into_bytes()),
            ("tokenizer.json", self.tokenizer.clone().into_bytes()),
            ("README.md", self.card(provenance).into_bytes()),
        ])
    }

    /// Writes the folder, which is made when it is missing.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, folder: &Path, provenance: &Provenance) -> Result<(), DistillError> {
        let error = |path: &Path, source| DistillError::Write {
            path: path.to_owned(),
            source,
        };
        std::fs::create_dir_all(folder).map_err(|e| error(folder, e))?;
        for (name, bytes) in self.files(provenance)? {
            let path = folder.join(name);
            std::fs::write(&path, bytes).map_err(|e| error(&path, e))?;
        }
        Ok(())
    }

    fn weights(&self) -> Result<Vec<u8>, SafeTensorError> {
        let table: Vec<u8> = self.embeddings.iter().map(|x| x.cast_unsigned()).collect();
        let factors: Vec<u8> = self.weights.iter().flat_map(|x| x.to_le_bytes()).collect();
        let rows = self.weights.len();
        let tensors = [
            (
                "embeddings",
                TensorView::new(Dtype::I8, vec![rows, self.dim], &table)?,
            ),
            (
                "weights",
                TensorView::new(Dtype::F32, vec![rows], &factors)?,
            ),
        ];
        safetensors::serialize(tensors, None)
    }

    fn config(&self, provenance: &Provenance) -> String {
        let config = serde_json::json!({
            "model_type": "model2vec",
            "architectures": ["StaticModel"],
            "tokenizer_name": provenance.teacher,
            "apply_pca": self.dim,
            "sif_coefficient": self.sif,
            "hidden_dim": self.dim,
            "seq_length": 1_000_000,
            "normalize": true,
            "pooling": "mean",
            "max_length": MAX_TOKENS,
            "embedding_dtype": "int8",
        });
        format!("{config:#}\n")
    }

    fn card(&self, provenance: &Provenance) -> String {
        let Provenance {
            teacher,
            revision,
            licence,
            corpus,
            command,
        } = provenance;
        let (texts, phrases) = self.fitted_on;
        let at = if revision.is_empty() {
            String::new()
        } else {
            format!(" at revision {revision}")
        };
        format!(
            "---\nlibrary_name: model2vec\nlicense: {licence}\nbase_model: {teacher}\ntags:\n- static-embeddings\n---\n\n\
             # A static model distilled from {teacher}\n\n\
             Made by syntopic from {teacher}{at}: {rows} tokens, {dim} dimensions, int8 with one factor a token.\n\
             The vector of a text is the mean of the vectors of its tokens, at unit length.\n\n\
             Fitted on {texts} texts and on {phrases} phrases of random words of the vocabulary. {corpus}\n\
             Mean cosine with the teacher on them: {cosine:.4}.\n\n\
             Made again by: `{command}`\n\nLicence: {licence}\n",
            rows = self.weights.len(),
            dim = self.dim,
            cosine = 1.0 - self.loss,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_rounded_by_its_own_scale() {
        let (embeddings, weights) = Distilled::round(&[1.0, -2.0, 0.0, 0.0, 0.01, 0.005], 2);
        assert_eq!(embeddings, [64, -127, 0, 0, 127, 64]);
        assert_eq!(weights, [2.0 / 127.0, 0.0, 0.01 / 127.0]);
    }
}
