//! A file of parts that is mapped, not read: opening it reads its header, and a look at a part the pages it is in, each verified
//! when it is first looked at.
//!
//! The header (see [`crate::header`]); the checksums of all blocks that follow; then the parts, each beginning on a cache line.
//! Numbers are in the byte order of the machine that wrote them. Not for: what the parts mean, which the caller knows.

use std::ops::Range;
use std::path::Path;

use crate::IndexError;
use crate::blocks::{BLOCK, Blocks, checksums_of};
use crate::header::{Format, HEADER, SHA, WORDS};
use crate::lines::{LINE, Plain, bytes_of, cast};
use crate::store::Store;

/// Which kind of file it is, and of which layout.
#[derive(Debug, Clone, Copy)]
pub struct PagedFormat {
    /// What it begins with.
    pub magic: [u8; 8],
    /// Changes whenever the layout does, or what it means.
    pub version: u32,
    /// The sizes of its parts in bytes, by the words of its header; nothing when there can be no such file.
    pub sizes: fn(&[u64]) -> Option<Vec<usize>>,
}

/// A file that is open, or its bytes in memory.
#[derive(Debug)]
pub struct PagedFile {
    store: Store,
    blocks: Blocks,
    words: [u64; WORDS],
    made_from: [u8; SHA],
    parts: Vec<Range<usize>>,
}

/// Where everything is.
struct Places {
    checksums: Range<usize>,
    parts: Vec<Range<usize>>,
    /// What the checksums cover.
    data: Range<usize>,
}

/// Whether a block is sound besides its checksum: any bytes are.
fn sound(_: Range<usize>) -> bool {
    true
}

impl PagedFormat {
    fn header(&self) -> Format {
        Format {
            magic: self.magic,
            version: self.version,
        }
    }

    /// Nothing when it is more than the address space.
    fn places(&self, words: &[u64; WORDS]) -> Option<Places> {
        let sizes = (self.sizes)(words)?;
        let mut total = 0usize;
        for size in &sizes {
            total = total.checked_add(size.checked_next_multiple_of(LINE)?)?;
        }
        let mut at = HEADER;
        let mut next = |len: usize| {
            let range = at..at.checked_add(len)?;
            at = range.end.checked_next_multiple_of(LINE)?;
            Some(range)
        };
        let checksums = next(total.div_ceil(BLOCK).checked_mul(4)?)?;
        let parts = sizes.into_iter().map(&mut next);
        let parts = parts.collect::<Option<Vec<_>>>()?;
        let end = next(0)?.end;
        Some(Places {
            data: end.checked_sub(total)?..end,
            checksums,
            parts,
        })
    }

    /// The bytes of a file: the words of its header, at most 50, its parts, and the SHA-256 that names what it was made from.
    ///
    /// # Errors
    /// [`IndexError::Malformed`] when the parts are not of the sizes that the words say.
    pub fn to_bytes(
        &self,
        words: &[u64],
        parts: &[&[u8]],
        made_from: [u8; SHA],
    ) -> Result<Vec<u8>, IndexError> {
        let mut header = [0; WORDS];
        let place = header.get_mut(..words.len()).ok_or(IndexError::Malformed(
            "its header has more words than there is room for",
        ))?;
        place.copy_from_slice(words);
        let places = self.places(&header).ok_or(WRONG_SIZES)?;
        if !parts
            .iter()
            .map(|part| part.len())
            .eq(places.parts.iter().map(ExactSizeIterator::len))
        {
            return Err(WRONG_SIZES);
        }
        let mut file = vec![0; places.data.end];
        for (range, part) in places.parts.into_iter().zip(parts) {
            file[range].copy_from_slice(part);
        }
        let checksums = checksums_of(&file[places.data]);
        file[places.checksums.clone()].copy_from_slice(bytes_of(&checksums));
        self.header()
            .write(&mut file, &header, made_from, places.checksums);
        Ok(file)
    }

    /// The file at `path`, mapped into memory: its header and the checksums are verified now, each block when it is first looked
    /// at, all of them by [`PagedFile::verify`]. The file must be replaced, never changed, while any process has it open.
    ///
    /// # Errors
    /// When it cannot be read ([`IndexError::File`]), is of another format ([`IndexError::NotAnIndex`]) or version
    /// ([`IndexError::Version`]), or is damaged as far as was looked.
    pub fn open(&self, path: &Path) -> Result<PagedFile, IndexError> {
        self.read(Store::map(path)?)
    }

    /// [`PagedFormat::open`] of a copy of bytes.
    ///
    /// # Errors
    /// As [`PagedFormat::open`].
    pub fn copy(&self, bytes: &[u8]) -> Result<PagedFile, IndexError> {
        self.read(Store::copy(bytes))
    }

    fn read(&self, store: Store) -> Result<PagedFile, IndexError> {
        let bytes = store.bytes();
        let head = self.header().read(bytes)?;
        let places = self.places(&head.words).ok_or(IndexError::Checksum)?;
        if bytes.len() != places.data.end {
            return Err(IndexError::Checksum);
        }
        head.check_checksums(bytes, places.checksums.clone(), places.data.start)?;
        Ok(PagedFile {
            store,
            blocks: Blocks::unseen(places.checksums, places.data),
            words: head.words,
            made_from: head.rows_sha256,
            parts: places.parts,
        })
    }
}

const WRONG_SIZES: IndexError = IndexError::Malformed("its parts are not of the sizes it says");

impl PagedFile {
    /// One word of the header.
    ///
    /// # Panics
    /// When a header has no so many words.
    #[must_use]
    pub fn word(&self, at: usize) -> u64 {
        self.words[at]
    }

    /// What names the content it was made from.
    #[must_use]
    pub fn made_from(&self) -> [u8; SHA] {
        self.made_from
    }

    /// All its bytes, verified or not: to be written.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.store.bytes()
    }

    /// Bytes of a part, once they are verified.
    ///
    /// # Errors
    /// [`IndexError::Checksum`] when there are no such bytes, or they are damaged.
    #[inline]
    pub fn bytes(&self, part: usize, range: Range<usize>) -> Result<&[u8], IndexError> {
        self.touched(part, range).ok_or(IndexError::Checksum)
    }

    /// Numbers of a part that holds nothing else, once they are verified; `range` counts numbers.
    ///
    /// # Errors
    /// As [`PagedFile::bytes`].
    #[inline]
    pub fn u32s(&self, part: usize, range: Range<usize>) -> Result<&[u32], IndexError> {
        self.numbers(part, range).ok_or(IndexError::Checksum)
    }

    /// [`PagedFile::u32s`] of twice the size.
    ///
    /// # Errors
    /// As [`PagedFile::bytes`].
    #[inline]
    pub fn u64s(&self, part: usize, range: Range<usize>) -> Result<&[u64], IndexError> {
        self.numbers(part, range).ok_or(IndexError::Checksum)
    }

    /// Verifies every block that was not yet.
    ///
    /// # Errors
    /// [`IndexError::Checksum`] when one is not as it was written.
    pub fn verify(&self) -> Result<(), IndexError> {
        self.blocks.verify_all(self.store.bytes(), &sound)
    }

    /// Whether every block was verified.
    pub(crate) fn is_right(&self) -> bool {
        self.blocks.are_right()
    }

    /// Whether a block was found damaged.
    pub(crate) fn is_damaged(&self) -> bool {
        self.blocks.damaged()
    }

    /// All numbers of a part, verified or not.
    pub(crate) fn all<T: Plain>(&self, part: usize) -> &[T] {
        cast(&self.store.bytes()[self.parts[part].clone()])
            .expect("a part begins on a line and holds whole numbers: its owner's sizes say so")
    }

    #[inline]
    pub(crate) fn numbers<T: Plain>(&self, part: usize, range: Range<usize>) -> Option<&[T]> {
        let size = size_of::<T>();
        let range = range.start.checked_mul(size)?..range.end.checked_mul(size)?;
        cast(self.touched(part, range)?)
    }

    #[inline]
    pub(crate) fn touched(&self, part: usize, range: Range<usize>) -> Option<&[u8]> {
        let place = self.parts.get(part)?;
        if range.start > range.end || range.end > place.len() {
            return None;
        }
        let range = place.start + range.start..place.start + range.end;
        let bytes = self.store.bytes();
        let right = self.blocks.touch(bytes, range.clone(), &sound);
        right.then(|| &bytes[range])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: PagedFormat = PagedFormat {
        magic: *b"SYNTEST\n",
        version: 4,
        sizes: |words| {
            let [letters, numbers, ..] = *words else {
                return None;
            };
            Some(vec![
                usize::try_from(letters).ok()?,
                usize::try_from(numbers).ok()?.checked_mul(8)?,
                4,
            ])
        },
    };

    fn file() -> Vec<u8> {
        let numbers: Vec<u64> = (0..3000).collect();
        let parts = [b"letters".as_slice(), bytes_of(&numbers), &[1, 0, 0, 0]];
        FORMAT.to_bytes(&[7, 3000], &parts, [5; SHA]).unwrap()
    }

    #[test]
    fn parts_come_back_and_what_is_not_there_is_an_error() {
        let bytes = file();
        let read = FORMAT.copy(&bytes).unwrap();
        assert_eq!((read.word(1), read.made_from()), (3000, [5; SHA]));
        assert_eq!(read.bytes(0, 0..7).unwrap(), b"letters");
        assert_eq!(read.u64s(1, 2998..3000).unwrap(), [2998, 2999]);
        assert!(!read.is_right(), "not all was looked at");
        assert_eq!(
            read.u32s(2, 0..1).unwrap(),
            [u32::from_ne_bytes([1, 0, 0, 0])]
        );
        let backwards = Range { start: 2, end: 1 };
        for wrong in [0..8, usize::MAX..usize::MAX, backwards] {
            assert_eq!(read.bytes(0, wrong), Err(IndexError::Checksum));
        }
        assert!(read.u64s(1, 2999..3001).is_err() && read.u64s(1, 0..usize::MAX).is_err());
        assert!(read.bytes(3, 0..0).is_err());
        assert!(read.verify().is_ok() && read.is_right() && read.as_bytes() == bytes);
        assert!(
            FORMAT
                .to_bytes(&[8, 0], &[b"letters", &[], &[0; 4]], [0; SHA])
                .is_err()
        );
        assert!(
            FORMAT
                .to_bytes(&[0; 99], &[&[], &[], &[0; 4]], [0; SHA])
                .is_err()
        );
    }

    #[test]
    fn another_version_is_told_from_damage_and_damage_is_found() {
        let bytes = file();
        let newer = PagedFormat {
            version: 5,
            ..FORMAT
        };
        let (got, expected) = (4, 5);
        assert_eq!(
            newer.copy(&bytes).err(),
            Some(IndexError::Version { got, expected })
        );
        assert_eq!(
            FORMAT.copy(b"of another kind").err(),
            Some(IndexError::NotAnIndex)
        );
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            let wrong = FORMAT.copy(&flipped).and_then(|file| file.verify());
            assert!(wrong.is_err(), "byte {at} flipped");
            assert!(FORMAT.copy(&bytes[..at]).is_err(), "cut at {at}");
        }
    }
}
