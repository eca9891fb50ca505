//! The header of our files, which is verified entirely before anything of it is believed.
//!
//! Magic, version, a number that tells the byte order, [`WORDS`] 64-bit words, the SHA-256 of the rows that the file was made
//! from, the SHA-256 of the block checksums, zeros, and at its end the SHA-256 of all that.

use std::ops::Range;

use sha2::{Digest, Sha256};

use crate::IndexError;
use crate::build::MAX_LAYERS;
use crate::lines::{bytes_of, cast};

/// Bytes of the header.
pub(crate) const HEADER: usize = 1024;

/// Words of a header: as many as the index has to say, the most of all files.
pub(crate) const WORDS: usize = 18 + 2 * MAX_LAYERS;

pub(crate) const SHA: usize = 32;

/// SHA-256.
pub(crate) type Sha = [u8; SHA];

/// Reads as another number on a machine with the other byte order.
const ORDER: u32 = 0x0102_0304;

const WORDS_AT: usize = 16;
const ROWS_AT: usize = WORDS_AT + 8 * WORDS;
const CHECKSUMS_AT: usize = ROWS_AT + SHA;
const HEADER_SHA_AT: usize = HEADER - SHA;

/// Which kind of file it is, and of which layout.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Format {
    pub(crate) magic: [u8; 8],
    pub(crate) version: u32,
}

/// What a header holds.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) words: [u64; WORDS],
    pub(crate) rows_sha256: Sha,
    checksums_sha256: Sha,
}

impl Format {
    /// Writes the header of `file`, whose block checksums are in place at `checksums`.
    pub(crate) fn write(
        self,
        file: &mut [u8],
        words: &[u64; WORDS],
        rows_sha256: Sha,
        checksums: Range<usize>,
    ) {
        let checksums_sha256 = Sha256::digest(&file[checksums]);
        let header = &mut file[..HEADER];
        header.fill(0);
        header[..8].copy_from_slice(&self.magic);
        header[8..12].copy_from_slice(&self.version.to_ne_bytes());
        header[12..16].copy_from_slice(&ORDER.to_ne_bytes());
        header[WORDS_AT..ROWS_AT].copy_from_slice(bytes_of(words));
        header[ROWS_AT..CHECKSUMS_AT].copy_from_slice(&rows_sha256);
        header[CHECKSUMS_AT..CHECKSUMS_AT + SHA].copy_from_slice(&checksums_sha256);
        let sha = Sha256::digest(&header[..HEADER_SHA_AT]);
        header[HEADER_SHA_AT..].copy_from_slice(&sha);
    }

    /// The header of `file`.
    ///
    /// # Errors
    /// When it is of another format or version, cut off, or not as it was written.
    pub(crate) fn read(self, file: &[u8]) -> Result<Head, IndexError> {
        let number = |at: usize| {
            file.get(at..at + 4)
                .and_then(|b| b.first_chunk())
                .map(|b| u32::from_ne_bytes(*b))
                .ok_or(IndexError::Checksum)
        };
        if !file.starts_with(&self.magic) {
            return Err(IndexError::NotAnIndex);
        }
        let (version, order) = (number(8)?, number(12)?);
        if version != self.version || order != ORDER {
            return Err(IndexError::Version {
                got: version,
                expected: self.version,
            });
        }
        let header = file.get(..HEADER).ok_or(IndexError::Checksum)?;
        if Sha256::digest(&header[..HEADER_SHA_AT]).as_slice() != &header[HEADER_SHA_AT..] {
            return Err(IndexError::Checksum);
        }
        let words: &[u64] = cast(&header[WORDS_AT..ROWS_AT]).ok_or(IndexError::Checksum)?;
        let sha = |at: usize| -> Sha {
            header[at..at + SHA]
                .try_into()
                .expect("32 bytes of a header")
        };
        Ok(Head {
            words: words.try_into().expect("as many words as it has"),
            rows_sha256: sha(ROWS_AT),
            checksums_sha256: sha(CHECKSUMS_AT),
        })
    }
}

impl Head {
    /// Whether the block checksums at `checksums` of `file` are those that were written, and zeros fill the gap up to
    /// `data`, which is in no block.
    ///
    /// # Errors
    /// [`IndexError::Checksum`] when not.
    pub(crate) fn check_checksums(
        &self,
        file: &[u8],
        checksums: Range<usize>,
        data: usize,
    ) -> Result<(), IndexError> {
        let gap = checksums.end..data;
        let sums = file.get(checksums).ok_or(IndexError::Checksum)?;
        let gap = file.get(gap).ok_or(IndexError::Checksum)?;
        if Sha256::digest(sums).as_slice() != self.checksums_sha256
            || gap.iter().any(|byte| *byte != 0)
        {
            return Err(IndexError::Checksum);
        }
        Ok(())
    }

    /// One word as a size.
    pub(crate) fn size(&self, at: usize) -> Result<usize, IndexError> {
        usize::try_from(self.words[at]).map_err(|_| IndexError::Malformed("a size is too large"))
    }
}
