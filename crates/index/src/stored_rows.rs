//! Rows and their keys in a file that is mapped, not read: a search touches the rows it scores and no others.
//!
//! The header (see [`crate::header`]); the checksums of all blocks that follow; then, each beginning on a cache line: where
//! each key begins, the keys, ascending, and the rows as 32-bit floats. Numbers are in the byte order of the machine that
//! wrote them. The caller keeps the truth elsewhere: this file is a copy of it that opens at once.

use std::ops::Range;
use std::path::Path;

use syntopic_core::{Embeddings, Row};

use crate::IndexError;
use crate::blocks::{BLOCK, Blocks, checksums_of};
use crate::header::{Format, HEADER, SHA, WORDS};
use crate::lines::{LINE, Plain, bytes_of, cast};
use crate::store::Store;

const FORMAT: Format = Format {
    magic: *b"SYNTROW\n",
    version: 1,
};

/// Rows of shape `(n_rows, dim)` and the key of each, in a file.
#[derive(Debug)]
pub struct StoredRows {
    store: Store,
    blocks: Blocks,
    dim: usize,
    n_rows: usize,
    rows_sha256: [u8; SHA],
    parts: Parts,
}

#[derive(Debug, Clone)]
struct Parts {
    checksums: Range<usize>,
    starts: Range<usize>,
    keys: Range<usize>,
    rows: Range<usize>,
}

impl Parts {
    /// Where everything is; nothing when it is more than the address space.
    fn of(n_rows: usize, dim: usize, keys_len: usize) -> Option<Self> {
        let sizes = [
            n_rows.checked_add(1)?.checked_mul(8)?,
            keys_len,
            n_rows.checked_mul(dim)?.checked_mul(4)?,
        ];
        let mut total = 0usize;
        for size in sizes {
            total = total.checked_add(size.checked_next_multiple_of(LINE)?)?;
        }
        let mut at = HEADER;
        let mut next = |len: usize| {
            let range = at..at.checked_add(len)?;
            at = range.end.checked_next_multiple_of(LINE)?;
            Some(range)
        };
        Some(Self {
            checksums: next(total.div_ceil(BLOCK).checked_mul(4)?)?,
            starts: next(sizes[0])?,
            keys: next(sizes[1])?,
            rows: next(sizes[2])?,
        })
    }

    /// What the checksums cover.
    fn data(&self) -> Range<usize> {
        self.starts.start..self.rows.end.next_multiple_of(LINE)
    }
}

/// Whether a block is sound besides its checksum: any numbers are rows.
fn sound(_: Range<usize>) -> bool {
    true
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
        let (n_rows, dim) = (rows.n_rows(), rows.dim());
        let parts = Parts::of(n_rows, dim, keys.len()).ok_or(IndexError::TooManyRows { n_rows })?;
        let data = parts.data();
        let mut file = vec![0; data.end];
        file[parts.starts.clone()].copy_from_slice(bytes_of(&starts));
        file[parts.keys.clone()].copy_from_slice(keys.as_bytes());
        file[parts.rows.clone()].copy_from_slice(bytes_of(rows.as_slice()));
        let checksums = checksums_of(&file[data]);
        file[parts.checksums.clone()].copy_from_slice(bytes_of(&checksums));
        let mut words = [0; WORDS];
        words[..3].copy_from_slice(&[n_rows as u64, dim as u64, keys.len() as u64]);
        FORMAT.write(&mut file, &words, rows_sha256, parts.checksums);
        Ok(file)
    }

    /// The file at `path`, mapped into memory: its header and the checksums are verified now, each block when it is first
    /// looked at, all of them by [`StoredRows::verify`]. The file must be replaced, never changed, while any process has it
    /// open.
    ///
    /// # Errors
    /// When it cannot be read, is no such file, is damaged as far as was looked, or was made from other rows than
    /// `expected_rows_sha256` names.
    pub fn open(path: &Path, expected_rows_sha256: [u8; SHA]) -> Result<Self, IndexError> {
        Self::read(Store::map(path)?, Some(expected_rows_sha256))
    }

    /// [`StoredRows::open`] whatever rows it was made from: to be verified.
    ///
    /// # Errors
    /// As [`StoredRows::open`].
    pub fn open_stale(path: &Path) -> Result<Self, IndexError> {
        Self::read(Store::map(path)?, None)
    }

    fn read(store: Store, expected: Option<[u8; SHA]>) -> Result<Self, IndexError> {
        let bytes = store.bytes();
        let head = FORMAT.read(bytes)?;
        let (n_rows, dim) = (head.size(0)?, head.size(1)?);
        if expected.is_some_and(|sha| sha != head.rows_sha256) {
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
        let parts = Parts::of(n_rows, dim, head.size(2)?).ok_or(IndexError::Checksum)?;
        if bytes.len() != parts.data().end {
            return Err(IndexError::Checksum);
        }
        head.check_checksums(bytes, parts.checksums.clone(), parts.starts.start)?;
        let blocks = Blocks::unseen(parts.checksums.clone(), parts.data());
        Ok(Self {
            store,
            blocks,
            dim,
            n_rows,
            rows_sha256: head.rows_sha256,
            parts,
        })
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
        self.rows_sha256
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
        let starts = self.parts.starts.start + at * 8;
        let (Some(from), Some(to)) = (self.number(starts), self.number(starts + 8)) else {
            return Err(IndexError::DamagedRows);
        };
        let keys = self.parts.keys.clone();
        let range = (keys.start.checked_add(from), keys.start.checked_add(to));
        match range {
            (Some(from), Some(to)) if at < self.n_rows && from <= to && to <= keys.end => {
                let key = self.bytes(from..to).ok_or(IndexError::DamagedRows)?;
                std::str::from_utf8(key).map_err(|_| IndexError::DamagedRows)
            }
            _ => Err(IndexError::DamagedRows),
        }
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
        let all = self.blocks.verify_all(self.store.bytes(), &sound);
        all.map_err(|_| IndexError::DamagedRows)
    }

    /// Whether every block was verified.
    pub(crate) fn is_right(&self) -> bool {
        self.blocks.are_right()
    }

    /// Whether a block was found damaged.
    pub(crate) fn is_damaged(&self) -> bool {
        self.blocks.damaged()
    }

    /// All rows, verified or not.
    pub(crate) fn all(&self) -> &[f32] {
        self.cast(&self.parts.rows)
    }

    /// One row, once its blocks are right.
    #[inline]
    pub(crate) fn touched(&self, row: Row) -> Option<&[f32]> {
        if row.index() >= self.n_rows {
            return None;
        }
        let len = self.dim * 4;
        let from = self.parts.rows.start + row.index() * len;
        cast(self.bytes(from..from + len)?)
    }

    fn number(&self, at: usize) -> Option<usize> {
        if at + 8 > self.parts.starts.end {
            return None;
        }
        let number: &[u64] = cast(self.bytes(at..at + 8)?)?;
        usize::try_from(number[0]).ok()
    }

    #[inline]
    fn bytes(&self, range: Range<usize>) -> Option<&[u8]> {
        let bytes = self.store.bytes();
        let right = self.blocks.touch(bytes, range.clone(), &sound);
        right.then(|| &bytes[range])
    }

    fn cast<T: Plain>(&self, range: &Range<usize>) -> &[T] {
        cast(&self.store.bytes()[range.clone()])
            .expect("parts begin on lines and hold whole numbers: checked when read")
    }
}

#[cfg(test)]
impl StoredRows {
    /// The file in memory.
    pub(crate) fn from_bytes(bytes: &[u8], sha: [u8; SHA]) -> Result<Self, IndexError> {
        Self::read(Store::copy(bytes), Some(sha))
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
