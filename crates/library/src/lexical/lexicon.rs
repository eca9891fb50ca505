//! An inverted index: of each word the papers that have it, scored by BM25. In memory or in a file, of which a query reads the
//! words and rows that it has to.
//!
//! Not for: reading papers, which of them to show, or where files are (`lexical/stored.rs` says that).

use super::layout::{FORMAT, Parts};
use super::words::words;
use crate::rows::Sha;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::path::Path;
use syntopic_index::{IndexError, PagedFile};

/// How soon more of the same word stops counting, and how much a long text is held against it: the usual values (Robertson and
/// Zaragoza, "The probabilistic relevance framework: BM25 and beyond", 2009).
const K1: f32 = 1.2;
const B: f32 = 0.75;

/// How soon a word repeated in the query stops counting (k3 there).
const K3: f32 = 8.0;

/// How often a word of the title counts: as that many words of the abstract.
pub(crate) const TITLE_WEIGHT: u32 = 2;

/// Words of one text, each with how often it occurs, in their order.
pub(crate) type Terms = Vec<(String, u32)>;

/// The words of some texts, each counted as often as its text weighs.
pub(crate) fn terms(texts: &[(&str, u32)]) -> Terms {
    let mut counts: HashMap<String, u32> = HashMap::new();
    for &(text, weight) in texts {
        words(text, |word| match counts.get_mut(word) {
            Some(count) => *count += weight,
            None => drop(counts.insert(word.to_owned(), weight)),
        });
    }
    let mut terms: Terms = counts.into_iter().collect();
    terms.sort_unstable();
    terms
}

/// Of each word the rows that have it. Rows are those of the vectors: in the order of ids.
#[derive(Debug)]
pub(crate) struct Lexicon {
    file: PagedFile,
    parts: Parts,
}

/// Collects rows one after the other.
#[derive(Default)]
pub(crate) struct LexiconBuilder {
    lengths: Vec<u32>,
    of_word: HashMap<String, Postings>,
}

/// The rows that have a word.
#[derive(Default)]
struct Postings {
    n_rows: u32,
    last: u32,
    /// For each row, in order: how far it is from the row before, and how often it has the word, both as variable-length
    /// numbers.
    bytes: Vec<u8>,
}

impl LexiconBuilder {
    /// Adds the next row.
    pub(crate) fn push(&mut self, terms: &[(String, u32)]) {
        let row = u32::try_from(self.lengths.len()).unwrap_or(u32::MAX);
        for (word, count) in terms {
            let postings = match self.of_word.get_mut(word) {
                Some(known) => known,
                None => self.of_word.entry(word.clone()).or_default(),
            };
            write_number(&mut postings.bytes, row - postings.last);
            write_number(&mut postings.bytes, *count);
            postings.n_rows += 1;
            postings.last = row;
        }
        let length = terms.iter().map(|(_, count)| count).sum();
        self.lengths.push(length);
    }

    /// The index over all rows.
    ///
    /// # Errors
    /// When it is more than the address space.
    pub(crate) fn finish(self) -> Result<Lexicon, IndexError> {
        let mut all: Vec<_> = self.of_word.into_iter().collect();
        all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let (mut text, mut ends) = (String::new(), Vec::new());
        let (mut starts, mut postings) = (vec![0], Vec::new());
        for (word, word_postings) in all {
            text.push_str(&word);
            ends.push(text.len() as u64);
            write_number(&mut postings, word_postings.n_rows);
            postings.extend(word_postings.bytes);
            starts.push(postings.len() as u64);
        }
        let file = Parts::write(&self.lengths, (&text, &ends), (&starts, &postings))?;
        Lexicon::of_file(FORMAT.copy(&file)?)
    }
}

/// A word of a query as the library knows it.
pub(crate) struct Weighted<'a> {
    pub(crate) word: &'a str,
    /// The rows that have it, and how often: see [`Postings`].
    postings: &'a [u8],
    /// How rare it is: larger is rarer, always above 0.
    pub(crate) rarity: f32,
    /// What it counts in this query.
    weight: f32,
}

impl Lexicon {
    /// The index over `rows` of title and abstract.
    #[cfg(test)]
    pub(crate) fn of(rows: &[(&str, &str)]) -> Self {
        let mut builder = LexiconBuilder::default();
        rows.iter()
            .for_each(|(title, text)| builder.push(&terms(&[(title, 2), (text, 1)])));
        builder.finish().unwrap()
    }

    /// The index in a file, whatever it was made from; what is in it is verified when it is looked at.
    ///
    /// # Errors
    /// When it cannot be read, is no such file, is one of another version, or is damaged as far as was looked.
    pub(super) fn open(path: &Path) -> Result<Self, IndexError> {
        Self::of_file(FORMAT.open(path)?)
    }

    pub(super) fn of_file(file: PagedFile) -> Result<Self, IndexError> {
        let parts = Parts::of(&file)?;
        Ok(Self { file, parts })
    }

    /// Its file, as made from the papers of `made_from`.
    ///
    /// # Errors
    /// When it is damaged.
    pub(super) fn to_bytes(&self, made_from: &Sha) -> Result<Vec<u8>, IndexError> {
        self.parts.rewrite(&self.file, made_from)
    }

    /// What it was made from.
    pub(super) fn made_from(&self) -> Sha {
        self.file.made_from()
    }

    /// How many rows.
    pub(crate) fn n_rows(&self) -> usize {
        self.parts.n_rows
    }

    /// How like a query each row is, by the words they share: 0 shares none, 1 is as like it as the query's own text would be
    /// were it a paper here. Larger is more similar; it may exceed 1 where a paper repeats the query's words.
    ///
    /// # Errors
    /// When a place of the file that is looked at is damaged.
    pub(crate) fn scores(&self, query: &[(String, u32)]) -> Result<Vec<f32>, IndexError> {
        let weighted = self.weigh(query)?;
        let mean = self.mean_length();
        let lengths = self.parts.lengths(&self.file)?;
        let norms: Vec<f32> = lengths.iter().map(|&n| long(n as f32, mean)).collect();
        let mut scores = vec![0f32; self.n_rows()];
        for word in &weighted {
            each_posting(word.postings, |row, count| {
                let place = scores.get_mut(row).zip(norms.get(row));
                let (score, norm) = place.ok_or(NO_SUCH_ROW)?;
                *score += word.weight * often(count as f32, *norm);
                Ok(())
            })?;
        }
        let own = own_score(query, &weighted, mean);
        if own > 0.0 {
            scores.iter_mut().for_each(|score| *score /= own);
        }
        Ok(scores)
    }

    /// The words of a query that any row has.
    ///
    /// # Errors
    /// As [`Lexicon::scores`].
    pub(crate) fn weigh<'q>(
        &'q self,
        query: &'q [(String, u32)],
    ) -> Result<Vec<Weighted<'q>>, IndexError> {
        let n = self.n_rows() as f32;
        let mut known = Vec::with_capacity(query.len());
        for (word, count) in query {
            let Some(at) = self.find(word)? else {
                continue;
            };
            let mut postings = self.parts.postings(&self.file, at)?;
            let have = read_number(&mut postings).ok_or(NO_SUCH_ROW)? as f32;
            // Above 0 even for a word that all papers have (as Lucene does it).
            let rarity = (1.0 + (n - have + 0.5) / (have + 0.5)).ln();
            let count = *count as f32;
            let weight = rarity * count * (K3 + 1.0) / (count + K3);
            known.push(Weighted {
                word,
                postings,
                rarity,
                weight,
            });
        }
        Ok(known)
    }

    /// Verifies all of it: every byte, that words ascend, and that every row of a word is one.
    ///
    /// # Errors
    /// When anything is not as it was written, or breaks a rule of the format.
    pub(super) fn verify(&self) -> Result<(), IndexError> {
        self.file.verify()?;
        let (mut before, mut letters) = (None, 0);
        let mut total = 0;
        for &length in self.parts.lengths(&self.file)? {
            total += u64::from(length);
        }
        for at in 0..self.parts.n_words {
            let word = self.parts.word(&self.file, at)?;
            letters += word.len();
            if before.is_some_and(|before| before >= word) {
                return Err(IndexError::Malformed("its words do not ascend"));
            }
            before = Some(word);
            let mut postings = self.parts.postings(&self.file, at)?;
            let mut left = read_number(&mut postings).ok_or(NO_SUCH_ROW)?;
            each_posting(postings, |row, _| {
                left = left.checked_sub(1).ok_or(NO_SUCH_ROW)?;
                (row < self.parts.n_rows).then_some(()).ok_or(NO_SUCH_ROW)
            })?;
            if left > 0 {
                return Err(NO_SUCH_ROW);
            }
        }
        if letters != self.parts.letters || total != self.parts.total {
            return Err(IndexError::Malformed(
                "its counts are not those of its words",
            ));
        }
        Ok(())
    }

    /// Which word it is.
    fn find(&self, word: &str) -> Result<Option<usize>, IndexError> {
        let (mut first, mut end) = (0, self.parts.n_words);
        while first < end {
            let middle = first.midpoint(end);
            match self.parts.word(&self.file, middle)?.cmp(word) {
                Ordering::Less => first = middle + 1,
                Ordering::Equal => return Ok(Some(middle)),
                Ordering::Greater => end = middle,
            }
        }
        Ok(None)
    }

    fn mean_length(&self) -> f32 {
        (self.parts.total as f32 / self.n_rows().max(1) as f32).max(1.0)
    }
}

const NO_SUCH_ROW: IndexError = IndexError::Malformed("a word is in a row that there is not");

/// Calls `each` with every row of a word and how often it has it.
fn each_posting(
    mut postings: &[u8],
    mut each: impl FnMut(usize, u32) -> Result<(), IndexError>,
) -> Result<(), IndexError> {
    let mut row = 0u32;
    while !postings.is_empty() {
        let gap = read_number(&mut postings).ok_or(NO_SUCH_ROW)?;
        let count = read_number(&mut postings).ok_or(NO_SUCH_ROW)?;
        row = row.checked_add(gap).ok_or(NO_SUCH_ROW)?;
        each(row as usize, count)?;
    }
    Ok(())
}

/// What length does to the counts of a row.
fn long(length: f32, mean: f32) -> f32 {
    K1 * (1.0 - B + B * length / mean)
}

/// What `count` of a word count.
fn often(count: f32, norm: f32) -> f32 {
    count * (K1 + 1.0) / (count + norm)
}

/// What the query's own text would score.
fn own_score(query: &[(String, u32)], weighted: &[Weighted<'_>], mean: f32) -> f32 {
    let length: u32 = query.iter().map(|(_, count)| count).sum();
    let norm = long(length as f32, mean);
    let mut counts = query.iter();
    let each = weighted.iter().filter_map(|word| {
        let (_, count) = counts.find(|(known, _)| known == word.word)?;
        Some(word.weight * often(*count as f32, norm))
    });
    each.sum()
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
fn write_number(bytes: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes a number off the front.
#[inline]
fn read_number(bytes: &mut &[u8]) -> Option<u32> {
    let mut number = 0u32;
    for shift in (0..32).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_length_come_back() {
        let numbers = [0, 1, 127, 128, 16_383, 16_384, 2_097_152, u32::MAX];
        let mut bytes = Vec::new();
        numbers.iter().for_each(|&n| write_number(&mut bytes, n));
        let mut read = &bytes[..];
        assert_eq!(numbers.map(|_| read_number(&mut read).unwrap()), numbers);
        assert_eq!(read_number(&mut read), None);
    }

    #[test]
    fn scores_are_those_of_the_formula() {
        let rows = [
            ("graph networks", "graphs learn"),
            ("protein folding", "networks fold"),
            ("", "markets"),
        ];
        let lexicon = Lexicon::of(&rows);
        // Lengths with titles twice: 2*2+2, 2*2+2, 1.
        assert_eq!(lexicon.parts.lengths(&lexicon.file).unwrap(), [6, 6, 1]);
        let mean = 13.0 / 3.0;
        let norm = 1.2 * (0.25 + 0.75 * 6.0 / mean);
        let idf = |df: f32| (1.0 + (3.0 - df + 0.5) / (df + 0.5)).ln();
        let often = |n: f32, norm: f32| n * 2.2 / (n + norm);
        // "graph" three times in the first row (twice for the title), "network" twice there and once in the second.
        let query = terms(&[("graph network galaxy", 1)]);
        let own_norm = 1.2 * (0.25 + 0.75 * 3.0 / mean);
        let own = (idf(1.0) + idf(2.0)) * often(1.0, own_norm);
        let first = idf(1.0) * often(3.0, norm) + idf(2.0) * often(2.0, norm);
        let second = idf(2.0) * often(1.0, norm);
        let expected = [first / own, second / own, 0.0];
        for (got, expected) in lexicon.scores(&query).unwrap().iter().zip(expected) {
            assert!((got - expected).abs() < 1e-5, "{got} {expected}");
        }
    }

    #[test]
    fn a_paper_scores_one_against_itself_and_less_against_others() {
        let rows = [
            ("Masked graph autoencoders", "They learn from graphs alone."),
            ("Masked image autoencoders", "They learn from images alone."),
            (
                "Contrastive learning of graphs",
                "Pairs of views are compared.",
            ),
        ];
        let lexicon = Lexicon::of(&rows);
        for (row, (title, text)) in rows.iter().enumerate() {
            let scores = lexicon.scores(&terms(&[(title, 2), (text, 1)])).unwrap();
            assert!((scores[row] - 1.0).abs() < 1e-5, "{scores:?}");
            let best = (0..3).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
            assert_eq!(best, Some(row));
        }
        assert_eq!(lexicon.scores(&terms(&[("of the", 1)])).unwrap(), [0.0; 3]);
        let none = Lexicon::of(&[]).scores(&terms(&[("graphs", 1)]));
        assert!(none.unwrap().is_empty());
    }
}
