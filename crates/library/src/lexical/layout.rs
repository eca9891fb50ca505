//! The parts of a file of words: where each is, read and written.
//!
//! Lengths of rows; where each word ends among the words; where its postings begin, and the end of the last; the words one after
//! the other, ascending; of each word how many rows have it, and those. Not for: what is made of them (`lexicon.rs`).

use crate::rows::Sha;
use syntopic_index::{IndexError, PagedFile, PagedFormat};

/// The version changes whenever the layout, the words or their weights do. (The first one had a checksum where the version is
/// now: it reads as another version, as it should.)
pub(super) const FORMAT: PagedFormat = PagedFormat {
    magic: *b"SYNTLEX1",
    version: 2,
    sizes,
};

const LENGTHS: usize = 0;
const ENDS: usize = 1;
const STARTS: usize = 2;
const WORDS: usize = 3;
const POSTINGS: usize = 4;
const N_PARTS: usize = 5;

/// The words of the header.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Parts {
    /// How many rows.
    pub(super) n_rows: usize,
    /// How many words are known.
    pub(super) n_words: usize,
    /// Bytes of all of them.
    pub(super) letters: usize,
    /// Bytes of all postings.
    postings: usize,
    /// Words of all rows.
    pub(super) total: u64,
}

fn sizes(words: &[u64]) -> Option<Vec<usize>> {
    let size = |at: usize| usize::try_from(*words.get(at)?).ok();
    let (n_rows, n_words) = (size(0)?, size(1)?);
    Some(vec![
        n_rows.checked_mul(4)?,
        n_words.checked_mul(8)?,
        n_words.checked_add(1)?.checked_mul(8)?,
        size(2)?,
        size(3)?,
    ])
}

impl Parts {
    /// The file of an index of words, made from nothing that is named yet.
    pub(super) fn write(
        lengths: &[u32],
        (text, ends): (&str, &[u64]),
        (starts, postings): (&[u64], &[u8]),
    ) -> Result<Vec<u8>, IndexError> {
        let parts = Self {
            n_rows: lengths.len(),
            n_words: ends.len(),
            letters: text.len(),
            postings: postings.len(),
            total: lengths.iter().map(|&length| u64::from(length)).sum(),
        };
        let lengths: Vec<u8> = lengths.iter().flat_map(|n| n.to_ne_bytes()).collect();
        let longs = |all: &[u64]| -> Vec<u8> { all.iter().flat_map(|n| n.to_ne_bytes()).collect() };
        let (ends, starts) = (longs(ends), longs(starts));
        let all = [&lengths[..], &ends, &starts, text.as_bytes(), postings];
        FORMAT.to_bytes(&parts.header(), &all, [0; 32])
    }

    /// The same file, made from what `made_from` names.
    pub(super) fn rewrite(&self, file: &PagedFile, made_from: &Sha) -> Result<Vec<u8>, IndexError> {
        let sizes = sizes(&self.header()).ok_or(IndexError::Checksum)?;
        let mut all = Vec::with_capacity(N_PARTS);
        for (part, size) in sizes.into_iter().enumerate() {
            all.push(file.bytes(part, 0..size)?);
        }
        FORMAT.to_bytes(&self.header(), &all, *made_from)
    }

    fn header(&self) -> [u64; N_PARTS] {
        let Self {
            n_rows,
            n_words,
            letters,
            postings,
            total,
        } = *self;
        [
            n_rows as u64,
            n_words as u64,
            letters as u64,
            postings as u64,
            total,
        ]
    }

    /// Those of an open file.
    pub(super) fn of(file: &PagedFile) -> Result<Self, IndexError> {
        let size = |at| usize::try_from(file.word(at)).map_err(|_| IndexError::Checksum);
        Ok(Self {
            n_rows: size(0)?,
            n_words: size(1)?,
            letters: size(2)?,
            postings: size(3)?,
            total: file.word(4),
        })
    }

    /// Words of each row, the title's counted as often as they weigh.
    pub(super) fn lengths<'f>(&self, file: &'f PagedFile) -> Result<&'f [u32], IndexError> {
        file.u32s(LENGTHS, 0..self.n_rows)
    }

    /// The `at`-th word.
    pub(super) fn word<'f>(&self, file: &'f PagedFile, at: usize) -> Result<&'f str, IndexError> {
        let ends = file.u64s(ENDS, at.saturating_sub(1)..at + 1)?;
        let (start, end) = match *ends {
            [end] => (0, end),
            [start, end] => (start, end),
            _ => return Err(IndexError::Checksum),
        };
        let word = file.bytes(WORDS, place(start, end)?)?;
        std::str::from_utf8(word).map_err(|_| IndexError::Malformed("a word is no text"))
    }

    /// The postings of the `at`-th word.
    pub(super) fn postings<'f>(
        &self,
        file: &'f PagedFile,
        at: usize,
    ) -> Result<&'f [u8], IndexError> {
        match *file.u64s(STARTS, at..at + 2)? {
            [start, end] => file.bytes(POSTINGS, place(start, end)?),
            _ => Err(IndexError::Checksum),
        }
    }
}

fn place(start: u64, end: u64) -> Result<std::ops::Range<usize>, IndexError> {
    let size = |n: u64| usize::try_from(n).map_err(|_| IndexError::Checksum);
    Ok(size(start)?..size(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexical::lexicon::{Lexicon, terms};

    fn read(bytes: &[u8]) -> Result<Lexicon, IndexError> {
        Lexicon::of_file(FORMAT.copy(bytes)?)
    }

    #[test]
    fn an_index_comes_back_and_no_damaged_one_does() {
        let lexicon = Lexicon::of(&[("graphs", "of images"), ("", "图像 images"), ("a", "")]);
        let bytes = lexicon.to_bytes(&[7; 32]).unwrap();
        let query = terms(&[("images graphs", 1)]);
        let expected = lexicon.scores(&query).unwrap();
        let back = read(&bytes).unwrap();
        assert_eq!(back.made_from(), [7; 32]);
        assert!(expected[1] > 0.0 && back.verify().is_ok());
        assert_eq!(back.scores(&query).unwrap(), expected);
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            let flipped = read(&flipped);
            if let Ok(scores) = flipped
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|l| l.scores(&query))
            {
                assert_eq!(scores, expected, "byte {at} flipped");
            }
            assert!(
                flipped.and_then(|l| l.verify()).is_err(),
                "byte {at} flipped"
            );
            assert!(read(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn right_checksums_over_nonsense_make_nothing_panic() {
        let sound = (("abcd", [1, 4]), ([0, 3, 6], [1, 0, 1, 1, 1, 2]));
        let ((text, ends), (starts, postings)) = sound;
        let file = |text: &str, ends: &[u64], starts: &[u64], postings: &[u8]| {
            let bytes = Parts::write(&[1, 2], (text, ends), (starts, postings)).unwrap();
            read(&bytes).unwrap()
        };
        let query = terms(&[("bcd 图a", 1), ("a1", 3)]);
        assert!(file(text, &ends, &starts, &postings).verify().is_ok());
        let wrong = [
            file(text, &[1, 9], &starts, &postings),
            file(text, &[4, 1], &starts, &postings),
            file("图a", &ends, &starts, &postings),
            file("bbcd", &[2, 2], &starts, &postings),
            file("bbcd", &[2, 4], &[0, 9, 6], &postings),
            file(text, &ends, &[0, u64::MAX, 6], &postings),
            file(text, &ends, &[0, 0, 6], &postings),
            file(text, &ends, &starts, &[1, 0, 1, 1, 7, 2]),
            file(text, &ends, &starts, &[2, 0, 1, 1, 1, 2]),
            file(text, &ends, &starts, &[1, 0, 1, 0xff, 0xff, 0xff]),
        ];
        for (at, wrong) in wrong.iter().enumerate() {
            assert!(wrong.verify().is_err_and(|error| error.is_damage()), "{at}");
            let _ = wrong.scores(&query);
        }
    }
}
