//! Rows and their keys in a file that is mapped, not read: a search touches the rows it scores and no others.
//!
//! A [`crate::paged`] file of three parts: where each key begins, the keys, ascending, and the rows as 32-bit floats. The caller
//! keeps the truth elsewhere: this file is a copy of it that opens at once.

use std::path::Path;

use syntopic_core::{Embeddings, Row};

use crate::IndexError;
use crate::header::SHA;
use crate::lines::bytes_of;
use crate::paged::{PagedFile, PagedFormat};

const FORMAT: PagedFormat = PagedFormat {
    magic: *b"SYNTROW\n",
    version: 1,
    sizes,
};

const STARTS: usize = 0;
const KEYS: usize = 1;
const ROWS: usize = 2;

/// Rows of shape `(n_rows, dim)` and the key of each, in a file.
#[derive(Debug)]
pub struct StoredRows {
    file: PagedFile,
    dim: usize,
    n_rows: usize,
}

/// Rows, numbers of each, and bytes of the keys are the words of the header.
fn sizes(words: &[u64]) -> Option<Vec<usize>> {
    let mut sizes = words.iter().map(|word| usize::try_from(*word).ok());
    let (n_rows, dim, keys) = (sizes.next()??, sizes.next()??, sizes.next()??);
    Some(vec![
        n_rows.checked_add(1)?.checked_mul(8)?,
        keys,
        n_rows.checked_mul(dim)?.checked_mul(4)?,
    ])
}

impl StoredRows {
    /// The file of `rows`, whose keys are `keys`, in the same order; `rows_sha256` names their content, as the caller
    /// computes it.
    ///
    /// # Errors
    /// When the keys do not ascend, or are not as many as the rows.
    pub fn to_bytes<'k>(
        rows: &Embeddings,
        keys: impl IntoIterator<Item = &'k str>,
        rows_sha256: [u8; SHA],
    ) -> Result<Vec<u8>, IndexError> {
        let keys: Vec<&str> = keys.into_iter().collect();
        if keys.len() != rows.n_rows() || !keys.is_sorted_by(|a, b| a < b) {
            return Err(IndexError::Malformed("its keys do not ascend, one a row"));
        }
        let mut starts = vec![0u64];
        for key in &keys {
            starts.push(starts[starts.len() - 1] + key.len() as u64);
        }
        let keys = keys.concat();
        let words = [rows.n_rows(), rows.dim(), keys.len()].map(|n| n as u64);
        let parts = [
            bytes_of(&starts),
            keys.as_bytes(),
            bytes_of(rows.as_slice()),
        ];
        FORMAT.to_bytes(&words, &parts, rows_sha256)
    }

    /// The file at `path`, mapped into memory: its header and the checksums are verified now, each block when it is first
    /// looked at, all of them by [`StoredRows::verify`]. The file must be replaced, never changed, while any process has it
    /// open.
    ///
    /// # Errors
    /// When it cannot be read, is no such file, is damaged as far as was looked, or was made from other rows than
    /// `expected_rows_sha256` names.
    pub fn open(path: &Path, expected_rows_sha256: [u8; SHA]) -> Result<Self, IndexError> {
        Self::read(FORMAT.open(path)?, Some(expected_rows_sha256))
    }

    /// [`StoredRows::open`] whatever rows it was made from: to be verified.
    ///
    /// # Errors
    /// As [`StoredRows::open`].
    pub fn open_stale(path: &Path) -> Result<Self, IndexError> {
        Self::read(FORMAT.open(path)?, None)
    }

    fn read(file: PagedFile, expected: Option<[u8; SHA]>) -> Result<Self, IndexError> {
        let size = |at: usize| usize::try_from(file.word(at)).unwrap_or(usize::MAX);
        let (n_rows, dim) = (size(0), size(1));
        if expected.is_some_and(|sha| sha != file.made_from()) {
            return Err(IndexError::Stale {
                got: n_rows as u64,
                expected: n_rows,
            });
        }
        if dim == 0 || u32::try_from(n_rows).is_err() {
            return Err(IndexError::Malformed(
                "it has no numbers a row, or too many rows",
            ));
        }
        Ok(Self { file, dim, n_rows })
    }

    /// How many rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// How many numbers a row has.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// What names the content it was made from.
    #[must_use]
    pub fn rows_sha256(&self) -> [u8; SHA] {
        self.file.made_from()
    }

    /// One row, `dim` numbers.
    ///
    /// # Errors
    /// When there is no such row, or its place in the file is damaged.
    pub fn row(&self, row: Row) -> Result<&[f32], IndexError> {
        self.touched(row).ok_or(IndexError::DamagedRows)
    }

    /// One key.
    ///
    /// # Errors
    /// As [`StoredRows::row`].
    pub fn key(&self, row: Row) -> Result<&str, IndexError> {
        let at = row.index();
        let starts = self.file.numbers::<u64>(STARTS, at..at.saturating_add(2));
        let [from, to] = *starts.ok_or(IndexError::DamagedRows)? else {
            return Err(IndexError::DamagedRows);
        };
        let (Ok(from), Ok(to)) = (usize::try_from(from), usize::try_from(to)) else {
            return Err(IndexError::DamagedRows);
        };
        let key = self.file.touched(KEYS, from..to);
        let key = key.and_then(|key| std::str::from_utf8(key).ok());
        key.ok_or(IndexError::DamagedRows)
    }

    /// The row of a key, if there is one.
    ///
    /// # Errors
    /// As [`StoredRows::row`].
    pub fn row_of(&self, key: &str) -> Result<Option<Row>, IndexError> {
        let (mut low, mut high) = (0, self.n_rows);
        while low < high {
            let middle = usize::midpoint(low, high);
            let row = Row::from_index(middle);
            match self.key(row)?.cmp(key) {
                std::cmp::Ordering::Equal => return Ok(Some(row)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    /// Verifies every block that was not yet, and that the keys ascend.
    ///
    /// # Errors
    /// [`IndexError::DamagedRows`] when anything is not as it was written.
    pub fn verify(&self) -> Result<(), IndexError> {
        self.verify_blocks()?;
        let mut before = None;
        for row in 0..self.n_rows {
            let key = self.key(Row::from_index(row))?;
            if before.is_some_and(|before| before >= key) {
                return Err(IndexError::DamagedRows);
            }
            before = Some(key);
        }
        Ok(())
    }

    pub(crate) fn verify_blocks(&self) -> Result<(), IndexError> {
        self.file.verify().map_err(|_| IndexError::DamagedRows)
    }

    /// Whether every block was verified.
    pub(crate) fn is_right(&self) -> bool {
        self.file.is_right()
    }

    /// Whether a block was found damaged.
    pub(crate) fn is_damaged(&self) -> bool {
        self.file.is_damaged()
    }

    /// All rows, verified or not.
    pub(crate) fn all(&self) -> &[f32] {
        self.file.all(ROWS)
    }

    /// One row, once its blocks are right.
    #[inline]
    pub(crate) fn touched(&self, row: Row) -> Option<&[f32]> {
        if row.index() >= self.n_rows {
            return None;
        }
        let from = row.index() * self.dim;
        self.file.numbers(ROWS, from..from + self.dim)
    }
}

#[cfg(test)]
impl StoredRows {
    /// The file in memory.
    pub(crate) fn from_bytes(bytes: &[u8], sha: [u8; SHA]) -> Result<Self, IndexError> {
        Self::read(FORMAT.copy(bytes)?, Some(sha))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    fn made(n: usize) -> (Embeddings, Vec<String>, Vec<u8>) {
        let data = (0..n).flat_map(|i| {
            let (sin, cos) = (i as f64).to_radians().sin_cos();
            [cos as f32, sin as f32, 0.0]
        });
        let rows = Embeddings::new(data.collect(), 3).unwrap();
        let keys: Vec<String> = (0..n).map(|i| format!("é{:05}", i * 3)).collect();
        let file = StoredRows::to_bytes(&rows, keys.iter().map(String::as_str), [9; SHA]).unwrap();
        (rows, keys, file)
    }

    #[test]
    fn what_was_stored_comes_back_and_keys_are_found() {
        for n in [0, 1, 1000] {
            let (rows, keys, file) = made(n);
            let stored = StoredRows::from_bytes(&file, [9; SHA]).unwrap();
            assert_eq!(
                (stored.n_rows(), stored.dim(), stored.rows_sha256()),
                (n, 3, [9; SHA])
            );
            for (i, key) in keys.iter().enumerate() {
                let row = Row::from_index(i);
                assert_eq!(stored.key(row).unwrap(), key);
                assert_eq!(stored.row(row).unwrap(), rows.row(row));
                assert_eq!(stored.row_of(key).unwrap(), Some(row));
            }
            for absent in ["", "a", "é00001", "ü"] {
                assert_eq!(stored.row_of(absent).unwrap(), None);
            }
            assert!(
                stored.row(Row::from_index(n)).is_err() && stored.key(Row::from_index(n)).is_err()
            );
            assert!(stored.verify().is_ok() && stored.is_right());
        }
    }

    #[test]
    fn wrong_keys_and_other_rows_are_refused() {
        let (rows, mut keys, file) = made(5);
        assert!(matches!(
            StoredRows::from_bytes(&file, [8; SHA]),
            Err(IndexError::Stale { .. })
        ));
        keys.swap(1, 2);
        let to_bytes = |keys: &[String]| {
            StoredRows::to_bytes(&rows, keys.iter().map(String::as_str), [9; SHA])
        };
        assert!(to_bytes(&keys).is_err() && to_bytes(&keys[..4]).is_err());
    }

    /// Whatever is cut off or flipped: refused when opened, or by the first look at the place, and by `verify`.
    #[test]
    fn no_damage_gives_a_wrong_row() {
        let (rows, keys, file) = made(2_000);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
        for _ in 0..1_000 {
            let cut = rng.gen_range(0..file.len());
            assert!(
                StoredRows::from_bytes(&file[..cut], [9; SHA]).is_err(),
                "cut at {cut}"
            );
            let mut flipped = file.clone();
            let bit = rng.gen_range(0..8 * file.len());
            flipped[bit / 8] ^= 1 << (bit % 8);
            let Ok(stored) = StoredRows::from_bytes(&flipped, [9; SHA]) else {
                continue;
            };
            for _ in 0..50 {
                let row = Row(rng.gen_range(0..2_000));
                if let Ok(found) = stored.row(row) {
                    assert_eq!(found, rows.row(row), "bit {bit}");
                }
                if let Ok(found) = stored.row_of(&keys[row.index()]) {
                    assert_eq!(found, Some(row), "bit {bit}");
                }
            }
            assert!(stored.verify().is_err() && stored.is_damaged(), "bit {bit}");
        }
    }
}
