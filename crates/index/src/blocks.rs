//! The blocks of a file: each verified when it is first looked at, so that opening a large file reads little of it.
//!
//! Not for: the header and the checksums themselves, which [`crate::header`] verifies by SHA-256 before any block counts.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::IndexError;
use crate::lines::cast;

/// Bytes that one checksum covers: a page, so that verifying reads no page that would not be read anyway.
pub(crate) const BLOCK: usize = 1 << 12;

/// Blocks that one thread verifies at a time.
const TOGETHER: usize = 256;

/// Which blocks of a file were verified, and whether one was found to be damaged.
#[derive(Debug)]
pub(crate) struct Blocks {
    /// Where the checksums are in the file, and what they cover.
    checksums: Range<usize>,
    data: Range<usize>,
    /// A bit for each block, set once it was found right. Threads that meet at a block both verify it.
    right: Vec<AtomicU64>,
    left: AtomicUsize,
    damaged: AtomicBool,
}

/// The checksums of `data`, block by block.
pub(crate) fn checksums_of(data: &[u8]) -> Vec<u32> {
    data.par_chunks(BLOCK).map(crc32fast::hash).collect()
}

impl Blocks {
    /// Blocks of which none was looked at.
    pub(crate) fn unseen(checksums: Range<usize>, data: Range<usize>) -> Self {
        let n_blocks = data.len().div_ceil(BLOCK);
        let words = 0..n_blocks.div_ceil(64);
        Self {
            checksums,
            data,
            right: words.map(|_| AtomicU64::new(0)).collect(),
            left: AtomicUsize::new(n_blocks),
            damaged: AtomicBool::new(false),
        }
    }

    /// No block is left to be verified: the bytes were made by this process.
    pub(crate) fn trusted() -> Self {
        Self::unseen(0..0, 0..0)
    }

    /// Whether every block was verified.
    #[inline]
    pub(crate) fn are_right(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }

    /// Whether a block was found damaged.
    pub(crate) fn damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Whether the blocks that `range` of the file's `bytes` lies in are those that were written, and `sound` besides (which
    /// is asked once for each block, with its place in the file).
    #[inline]
    pub(crate) fn touch(
        &self,
        bytes: &[u8],
        range: Range<usize>,
        sound: &impl Fn(Range<usize>) -> bool,
    ) -> bool {
        if self.are_right() || range.is_empty() {
            return true;
        }
        let (first, last) = (self.block_of(range.start), self.block_of(range.end - 1));
        (first..=last).all(|block| self.is_right(block) || self.verify(bytes, block, sound))
    }

    /// Verifies every block that was not yet.
    ///
    /// # Errors
    /// [`IndexError::Checksum`] when one is damaged.
    pub(crate) fn verify_all(
        &self,
        bytes: &[u8],
        sound: &(impl Fn(Range<usize>) -> bool + Sync),
    ) -> Result<(), IndexError> {
        if !self.are_right() {
            let n_blocks = self.data.len().div_ceil(BLOCK);
            let all = (0..n_blocks)
                .into_par_iter()
                .with_min_len(TOGETHER)
                .all(|block| self.is_right(block) || self.verify(bytes, block, sound));
            if !all {
                return Err(IndexError::Checksum);
            }
        }
        Ok(())
    }

    #[inline]
    fn block_of(&self, at: usize) -> usize {
        (at - self.data.start) / BLOCK
    }

    #[inline]
    fn is_right(&self, block: usize) -> bool {
        // Relaxed: the bytes themselves never change, so whoever sees the bit may read them.
        self.right[block / 64].load(Ordering::Relaxed) & (1 << (block % 64)) != 0
    }

    #[cold]
    fn verify(&self, bytes: &[u8], block: usize, sound: &impl Fn(Range<usize>) -> bool) -> bool {
        let from = self.data.start + block * BLOCK;
        let range = from..(from + BLOCK).min(self.data.end);
        let expected = cast::<u32>(&bytes[self.checksums.clone()])
            .and_then(|checksums| checksums.get(block).copied());
        if expected != Some(crc32fast::hash(&bytes[range.clone()])) || !sound(range) {
            self.damaged.store(true, Ordering::Relaxed);
            return false;
        }
        let bit = 1 << (block % 64);
        let before = self.right[block / 64].fetch_or(bit, Ordering::Relaxed);
        if before & bit == 0 {
            self.left.fetch_sub(1, Ordering::Relaxed);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::{bytes_of, bytes_of_mut, zeroed};

    #[test]
    fn a_block_counts_once_it_was_found_right_and_never_when_damaged() {
        let len = 3 * BLOCK + 100;
        let mut lines = zeroed(64 + len);
        let bytes = bytes_of_mut(&mut lines);
        bytes[64..]
            .iter_mut()
            .zip(0..)
            .for_each(|(byte, i)| *byte = (i % 251) as u8);
        let sums = checksums_of(&bytes[64..64 + len]);
        bytes[..16].copy_from_slice(bytes_of(&sums));
        bytes[64 + BLOCK + 7] ^= 1;
        let blocks = Blocks::unseen(0..16, 64..64 + len);
        let all = |_: Range<usize>| true;
        assert!(blocks.touch(bytes, 64..64 + BLOCK, &all) && !blocks.damaged());
        assert!(
            !blocks.touch(bytes, 64 + BLOCK - 1..64 + BLOCK + 1, &all),
            "into the next one"
        );
        assert!(blocks.damaged() && !blocks.are_right());
        assert!(blocks.touch(bytes, 64 + 2 * BLOCK..64 + len, &all));
        assert!(blocks.verify_all(bytes, &all).is_err());
        bytes[64 + BLOCK + 7] ^= 1;
        let blocks = Blocks::unseen(0..16, 64..64 + len);
        assert!(
            !blocks.touch(bytes, 64..65, &|range| range.start != 64),
            "unsound"
        );
        let blocks = Blocks::unseen(0..16, 64..64 + len);
        assert!(blocks.verify_all(bytes, &all).is_ok() && blocks.are_right());
        assert!(Blocks::trusted().are_right());
    }
}
