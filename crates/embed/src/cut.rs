//! Shorter vectors: the first numbers of a model's, made unit length again, as models trained for it allow ("Matryoshka
//! Representation Learning", Kusupati et al. 2022).

use crate::models::Registry;
use crate::{EmbedError, Embedder};

/// How vectors are to be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Numbers that are left of a vector.
    pub dim: usize,
    /// Also where the model does not say that it was trained for vectors of that length.
    pub force: bool,
}

impl Embedder {
    /// The same model with vectors cut to `cut.dim` numbers, which is part of its identity. Its own length is no cut.
    ///
    /// # Errors
    /// [`EmbedError::CutLength`] where its vectors have fewer numbers or none are asked for, and [`EmbedError::NotTrainedForCut`]
    /// where it does not say that it was trained for that length, unless the cut is forced.
    pub fn cut_to(mut self, cut: Cut) -> Result<Self, EmbedError> {
        let of = self.whole_dim();
        if cut.dim == 0 || cut.dim > of {
            return Err(EmbedError::CutLength { dim: cut.dim, of });
        }
        let trained = self.trained_dims();
        if cut.dim != of && !cut.force && !trained.contains(&cut.dim) {
            return Err(EmbedError::NotTrainedForCut {
                model: self.identity().name.clone(),
                dim: cut.dim,
                of,
                trained,
            });
        }
        self.set_dim(cut.dim);
        Ok(self)
    }

    /// The lengths that the model says it was trained to be cut to, by its files or by the registry; ascending, most often none.
    #[must_use]
    pub fn trained_dims(&self) -> Vec<usize> {
        let known = Registry::builtin().get(&self.identity().name).ok();
        let known = known.filter(|entry| entry.revision == self.identity().revision);
        let mut dims = known.map_or_else(Vec::new, |entry| entry.matryoshka.clone());
        dims.extend(&self.config().matryoshka_dims);
        dims.extend(self.config().truncate_dim);
        // A name of no length that there is, such as a larger sibling's, is no offer.
        dims.retain(|dim| (1..=self.whole_dim()).contains(dim));
        dims.sort_unstable();
        dims.dedup();
        dims
    }
}

/// Rows of `dim` numbers, of which the first `to` are kept and made unit length.
pub(crate) fn cut_rows(rows: &[f32], dim: usize, to: usize) -> Vec<f32> {
    let mut cut = Vec::with_capacity(rows.len() / dim * to);
    for row in rows.chunks_exact(dim) {
        let row = &row[..to];
        let length = row
            .iter()
            .map(|x| f64::from(*x).powi(2))
            .sum::<f64>()
            .sqrt();
        cut.extend(row.iter().map(|x| (f64::from(*x) / length) as f32));
    }
    cut
}

/// The lengths a model names, for a message.
pub(crate) fn named(trained: &[usize]) -> String {
    if trained.is_empty() {
        return String::from("it names none");
    }
    let dims: Vec<String> = trained.iter().map(usize::to_string).collect();
    format!("it names {}", dims.join(", "))
}

#[cfg(test)]
mod tests {
    use super::cut_rows;

    #[test]
    fn the_first_numbers_are_kept_and_made_unit_length() {
        assert_eq!(
            cut_rows(&[0.3, 0.4, 0.866, 1.0, 0.0, 0.0], 3, 2),
            [0.6, 0.8, 1.0, 0.0]
        );
    }
}
