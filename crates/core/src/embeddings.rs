//! A matrix of unit vectors, checked once where it is made and trusted everywhere after.

use std::fmt;

/// How far from 1 the length of a row may be.
pub const UNIT_TOLERANCE: f32 = 1e-4;

/// Index of a vector within one [`Embeddings`], from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Row(pub u32);

impl Row {
    /// As an index into a slice.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The row of position `index`.
    ///
    /// # Panics
    /// When there are more than 2^32 rows; [`Embeddings::new`] accepts no more.
    #[must_use]
    pub fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).expect("at most 2^32 rows"))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Why numbers are not a matrix of unit vectors.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EmbeddingsError {
    /// The dimension is 0.
    #[error("the dimension is 0: a vector needs at least one number")]
    ZeroDimension,
    /// The count of numbers is no multiple of the dimension.
    #[error("{len} numbers are no whole rows of {dim}")]
    Ragged {
        /// How many numbers.
        len: usize,
        /// The dimension.
        dim: usize,
    },
    /// More rows than a [`Row`] can name.
    #[error("{0} rows are more than 2^32")]
    TooManyRows(usize),
    /// NaN or infinity.
    #[error("row {row} holds {value}, which is no finite number")]
    NotFinite {
        /// Which row.
        row: Row,
        /// The number.
        value: f32,
    },
    /// The length is not 1.
    #[error("row {row} has length {length}, a unit vector was expected (1 +- {UNIT_TOLERANCE})")]
    NotUnit {
        /// Which row.
        row: Row,
        /// Its Euclidean length.
        length: f32,
    },
}

/// Unit vectors as rows, shape `(n_rows, dim)`, row-major `f32`. The dot product of two rows is their cosine
/// similarity: larger is more similar, 1 is the same direction.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    dim: usize,
    data: Vec<f32>,
}

impl Embeddings {
    /// Takes rows of `dim` numbers; the only way to make an `Embeddings`, so the checks hold everywhere.
    ///
    /// # Errors
    /// When a number is not finite, a row's length differs from 1 by more than [`UNIT_TOLERANCE`] (a zero row does),
    /// or `data` is not whole rows.
    pub fn new(data: Vec<f32>, dim: usize) -> Result<Self, EmbeddingsError> {
        if dim == 0 {
            return Err(EmbeddingsError::ZeroDimension);
        }
        if !data.len().is_multiple_of(dim) {
            return Err(EmbeddingsError::Ragged {
                len: data.len(),
                dim,
            });
        }
        if u32::try_from(data.len() / dim).is_err() {
            return Err(EmbeddingsError::TooManyRows(data.len() / dim));
        }
        for (index, row) in data.chunks_exact(dim).enumerate() {
            check_row(row, Row::from_index(index))?;
        }
        Ok(Self { dim, data })
    }

    /// How many rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.data.len() / self.dim
    }

    /// How many numbers a row has.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// One row, `dim` numbers.
    ///
    /// # Panics
    /// When `row` is not below `n_rows`.
    #[must_use]
    pub fn row(&self, row: Row) -> &[f32] {
        &self.data[row.index() * self.dim..][..self.dim]
    }

    /// All rows in order.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.data.chunks_exact(self.dim)
    }

    /// All numbers, row-major.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        &self.data
    }

    /// The rows named, in that order.
    ///
    /// # Panics
    /// When a row is not below `n_rows`.
    #[must_use]
    pub fn select(&self, rows: impl IntoIterator<Item = Row>) -> Self {
        let data = rows
            .into_iter()
            .flat_map(|row| self.row(row).iter().copied())
            .collect();
        Self {
            dim: self.dim,
            data,
        }
    }
}

/// Finite and of unit length, or an error that names the row.
fn check_row(row: &[f32], at: Row) -> Result<(), EmbeddingsError> {
    if let Some(&value) = row.iter().find(|v| !v.is_finite()) {
        return Err(EmbeddingsError::NotFinite { row: at, value });
    }
    let length = row
        .iter()
        .map(|v| f64::from(*v) * f64::from(*v))
        .sum::<f64>()
        .sqrt() as f32;
    if (length - 1.0).abs() > UNIT_TOLERANCE {
        return Err(EmbeddingsError::NotUnit { row: at, length });
    }
    Ok(())
}

/// The dot product of two vectors of the same length, summed in 16 lanes in a fixed order: the same on every machine,
/// and simple enough that the compiler vectorises it.
///
/// # Panics
/// In a debug build, when the lengths differ.
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    debug_assert_eq!(a.len(), b.len());
    let mut lanes = [0f32; LANES];
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..LANES {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0] + a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_rows_are_taken() {
        let e = Embeddings::new(vec![1.0, 0.0, 0.6, 0.8], 2).expect("two unit rows");
        assert_eq!((e.n_rows(), e.dim()), (2, 2));
        assert_eq!(e.row(Row(1)), [0.6, 0.8]);
        assert_eq!(e.select([Row(1), Row(1), Row(0)]).n_rows(), 3);
        assert!(
            Embeddings::new(Vec::new(), 2)
                .expect("no rows are fine")
                .is_empty()
        );
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        assert_eq!(
            Embeddings::new(vec![], 0),
            Err(EmbeddingsError::ZeroDimension)
        );
        assert_eq!(
            Embeddings::new(vec![1.0; 3], 2),
            Err(EmbeddingsError::Ragged { len: 3, dim: 2 })
        );
        let nan = Embeddings::new(vec![1.0, 0.0, f32::NAN, 0.0], 2).expect_err("NaN");
        assert!(nan.to_string().contains("row 1"), "{nan}");
        let zero = Embeddings::new(vec![0.0, 0.0], 2).expect_err("a zero row");
        assert_eq!(
            zero,
            EmbeddingsError::NotUnit {
                row: Row(0),
                length: 0.0
            }
        );
        assert!(matches!(
            Embeddings::new(vec![f32::INFINITY, 0.0], 2),
            Err(EmbeddingsError::NotFinite { .. })
        ));
    }

    #[test]
    fn dot_agrees_with_the_plain_sum() {
        for n in [0, 1, 15, 16, 17, 33, 384] {
            let a: Vec<f32> = (0..n).map(|i| (i as f32 * 0.37).sin()).collect();
            let b: Vec<f32> = (0..n).map(|i| (i as f32 * 0.11).cos()).collect();
            let plain: f64 = a
                .iter()
                .zip(&b)
                .map(|(x, y)| f64::from(*x) * f64::from(*y))
                .sum();
            assert!((f64::from(dot(&a, &b)) - plain).abs() < 1e-4, "n = {n}");
        }
    }
}
