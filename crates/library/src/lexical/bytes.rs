//! The index of words as the bytes of a file, and back, believing none of them.

use super::lexicon::Lexicon;
use crate::rows::Sha;
use sha2::{Digest, Sha256};

/// Changes whenever the layout, the words or their weights do.
const MAGIC: &[u8; 8] = b"SYNTLEX1";

/// Magic, checksum, source, and three counts.
const HEADER: usize = 8 + 32 + 32 + 24;

impl Lexicon {
    /// The index as bytes: what it is, a SHA-256 of all that follows it, that of the papers it was made from, the counts of
    /// rows, words and bytes of words, then lengths, ends of words, starts of postings, words and postings; little-endian.
    pub(super) fn to_bytes(&self, made_from: &Sha) -> Vec<u8> {
        let letters = self.text.len();
        let mut bytes = Vec::with_capacity(HEADER + self.postings.len() + letters);
        bytes.extend(MAGIC);
        bytes.extend([0; 32]);
        bytes.extend(made_from);
        for count in [self.lengths.len(), self.ends.len(), letters] {
            bytes.extend((count as u64).to_le_bytes());
        }
        bytes.extend(self.lengths.iter().flat_map(|n| n.to_le_bytes()));
        bytes.extend(self.ends.iter().flat_map(|n| n.to_le_bytes()));
        bytes.extend(self.starts.iter().flat_map(|n| n.to_le_bytes()));
        bytes.extend(self.text.as_bytes());
        bytes.extend(&self.postings);
        let sha: Sha = Sha256::digest(&bytes[40..]).into();
        bytes[8..40].copy_from_slice(&sha);
        bytes
    }

    /// What [`Lexicon::to_bytes`] wrote of the papers of `made_from`; `Ok(None)` of other papers.
    ///
    /// # Errors
    /// What is wrong with the bytes, when they are damaged.
    pub(super) fn from_bytes(bytes: &[u8], made_from: &Sha) -> Result<Option<Self>, &'static str> {
        if bytes.len() < HEADER || !bytes.starts_with(MAGIC) {
            return Err("it is no index of words of this version");
        }
        let sha: Sha = Sha256::digest(&bytes[40..]).into();
        if sha != bytes[8..40] {
            return Err("its checksum is wrong");
        }
        if bytes[40..72] != made_from[..] {
            return Ok(None);
        }
        parse(&bytes[72..])
            .map(Some)
            .ok_or("its parts do not fit together")
    }
}

fn parse(bytes: &[u8]) -> Option<Lexicon> {
    let (counts, rest) = bytes.split_at_checked(24)?;
    let mut counts = longs(counts).map(usize::try_from);
    let mut count = || counts.next()?.ok();
    let (n_rows, n_words, letters) = (count()?, count()?, count()?);
    let (lengths, rest) = rest.split_at_checked(n_rows.checked_mul(4)?)?;
    let (ends, rest) = rest.split_at_checked(n_words.checked_mul(8)?)?;
    let (starts, rest) = rest.split_at_checked(n_words.checked_add(1)?.checked_mul(8)?)?;
    let (text, postings) = rest.split_at_checked(letters)?;
    let text = std::str::from_utf8(text).ok()?;
    let ends: Vec<u64> = longs(ends).collect();
    let starts: Vec<u64> = longs(starts).collect();
    let last =
        |all: &[u64], len: usize| all.is_sorted() && all.last().is_none_or(|n| *n == len as u64);
    let whole = last(&ends, text.len()) && last(&starts, postings.len());
    let lexicon = Lexicon {
        lengths: lengths
            .as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| u32::from_le_bytes(*bytes))
            .collect(),
        text: text.to_owned(),
        ends,
        starts,
        postings: postings.to_vec(),
    };
    let words = || (0..n_words).map(|at| lexicon.word(at));
    let whole = whole && words().all(|word| word.is_some()) && words().is_sorted();
    whole.then_some(lexicon)
}

fn longs(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let numbers = bytes.as_chunks::<8>().0;
    numbers.iter().map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexical::lexicon::terms;

    #[test]
    fn an_index_comes_back_and_no_damaged_one_does() {
        let lexicon = Lexicon::of(&[("graphs", "of images"), ("", "图像 images"), ("a", "")]);
        let bytes = lexicon.to_bytes(&[7; 32]);
        let back = Lexicon::from_bytes(&bytes, &[7; 32]).unwrap().unwrap();
        assert_eq!(back, lexicon);
        assert!(back.scores(&terms(&[("images", 1)]))[1] > 0.0);
        assert_eq!(Lexicon::from_bytes(&bytes, &[8; 32]), Ok(None), "others");
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            let read = Lexicon::from_bytes(&flipped, &[7; 32]);
            assert!(!matches!(read, Ok(Some(_))), "byte {at} flipped");
            let cut = Lexicon::from_bytes(&bytes[..at], &[7; 32]);
            assert!(cut.is_err(), "cut at {at}");
        }
        // A right checksum over nonsense makes nothing panic either.
        for at in 72..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 0x55;
            let sha: Sha = Sha256::digest(&wrong[40..]).into();
            wrong[8..40].copy_from_slice(&sha);
            if let Ok(Some(read)) = Lexicon::from_bytes(&wrong, &[7; 32]) {
                read.scores(&terms(&[("graphs images 图像", 1)]));
            }
        }
    }
}
