//! An inverted index: of each word the papers that have it, scored by BM25.
//!
//! Not for: reading papers, or which of them to show.

use super::words::words;
use std::cmp::Ordering;
use std::collections::HashMap;

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
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Lexicon {
    /// Words of each row, the title's counted as often as they weigh.
    pub(super) lengths: Vec<u32>,
    /// The words one after the other, sorted: opening a file allocates none by itself.
    pub(super) text: String,
    /// Where each word ends in it.
    pub(super) ends: Vec<u64>,
    /// Where the postings of each word begin, and the end of the last.
    pub(super) starts: Vec<u64>,
    /// For each row that has the word, in order: how far it is from the row before, and how often it has it, both as
    /// variable-length numbers.
    pub(super) postings: Vec<u8>,
}

/// Collects rows one after the other.
#[derive(Default)]
pub(crate) struct LexiconBuilder {
    lengths: Vec<u32>,
    of_word: HashMap<String, (u32, Vec<u8>)>,
}

impl LexiconBuilder {
    /// Adds the next row.
    pub(crate) fn push(&mut self, terms: &[(String, u32)]) {
        let row = u32::try_from(self.lengths.len()).unwrap_or(u32::MAX);
        for (word, count) in terms {
            let (last, bytes) = match self.of_word.get_mut(word) {
                Some(known) => known,
                None => self.of_word.entry(word.clone()).or_default(),
            };
            write_number(bytes, row - *last);
            write_number(bytes, *count);
            *last = row;
        }
        let length = terms.iter().map(|(_, count)| count).sum();
        self.lengths.push(length);
    }

    /// The index over all rows.
    pub(crate) fn finish(self) -> Lexicon {
        let mut all: Vec<_> = self.of_word.into_iter().collect();
        all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut lexicon = Lexicon {
            lengths: self.lengths,
            starts: vec![0],
            ..Lexicon::default()
        };
        for (word, (_, bytes)) in all {
            lexicon.text.push_str(&word);
            lexicon.ends.push(lexicon.text.len() as u64);
            lexicon.postings.extend(bytes);
            lexicon.starts.push(lexicon.postings.len() as u64);
        }
        lexicon
    }
}

/// A word of a query as the library knows it.
pub(crate) struct Weighted<'a> {
    pub(crate) word: &'a str,
    /// The rows that have it, and how often.
    rows: Vec<(u32, u32)>,
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
        builder.finish()
    }

    /// How many rows.
    pub(crate) fn n_rows(&self) -> usize {
        self.lengths.len()
    }

    /// How like a query each row is, by the words they share: 0 shares none, 1 is as like it as the query's own text would be
    /// were it a paper here. Larger is more similar; it may exceed 1 where a paper repeats the query's words.
    pub(crate) fn scores(&self, query: &[(String, u32)]) -> Vec<f32> {
        let weighted = self.weigh(query);
        let mean = self.mean_length();
        let norms: Vec<f32> = self
            .lengths
            .iter()
            .map(|&length| long(length as f32, mean))
            .collect();
        let mut scores = vec![0f32; self.n_rows()];
        for word in &weighted {
            for &(row, count) in &word.rows {
                scores[row as usize] += word.weight * often(count as f32, norms[row as usize]);
            }
        }
        let own = own_score(query, &weighted, mean);
        if own > 0.0 {
            scores.iter_mut().for_each(|score| *score /= own);
        }
        scores
    }

    /// The words of a query that any row has.
    pub(crate) fn weigh<'q>(&self, query: &'q [(String, u32)]) -> Vec<Weighted<'q>> {
        let n = self.n_rows() as f32;
        let known = query.iter().filter_map(|(word, count)| {
            let rows = self.rows_of(word)?;
            let have = rows.len() as f32;
            // Above 0 even for a word that all papers have (as Lucene does it).
            let rarity = (1.0 + (n - have + 0.5) / (have + 0.5)).ln();
            let count = *count as f32;
            let weight = rarity * count * (K3 + 1.0) / (count + K3);
            Some(Weighted {
                word,
                rows,
                rarity,
                weight,
            })
        });
        known.collect()
    }

    /// The `at`-th word; `None` where there are no so many, or the parts of a file do not fit together.
    pub(super) fn word(&self, at: usize) -> Option<&str> {
        let start = at
            .checked_sub(1)
            .map_or(Some(&0), |before| self.ends.get(before))?;
        self.text.get(*start as usize..*self.ends.get(at)? as usize)
    }

    /// Which word it is.
    fn find(&self, word: &str) -> Option<usize> {
        let (mut first, mut end) = (0, self.ends.len());
        while first < end {
            let middle = first.midpoint(end);
            match self.word(middle)?.cmp(word) {
                Ordering::Less => first = middle + 1,
                Ordering::Equal => return Some(middle),
                Ordering::Greater => end = middle,
            }
        }
        None
    }

    fn mean_length(&self) -> f32 {
        let sum: u64 = self.lengths.iter().map(|&length| u64::from(length)).sum();
        (sum as f32 / self.n_rows().max(1) as f32).max(1.0)
    }

    /// The rows that have a word, each with how often; `None` where no row has.
    fn rows_of(&self, word: &str) -> Option<Vec<(u32, u32)>> {
        let at = self.find(word)?;
        let range = self.starts[at] as usize..self.starts[at + 1] as usize;
        let mut bytes = self.postings.get(range)?.iter();
        let (mut rows, mut row) = (Vec::new(), 0u32);
        while let (Some(gap), Some(count)) = (read_number(&mut bytes), read_number(&mut bytes)) {
            row = row.checked_add(gap)?;
            if row as usize >= self.n_rows() {
                return None;
            }
            rows.push((row, count));
        }
        Some(rows)
    }
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

fn read_number<'a>(bytes: &mut impl Iterator<Item = &'a u8>) -> Option<u32> {
    let mut number = 0u32;
    for shift in (0..32).step_by(7) {
        let byte = *bytes.next()?;
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
        let mut read = bytes.iter();
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
        assert_eq!(lexicon.lengths, [6, 6, 1]);
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
        for (got, expected) in lexicon.scores(&query).iter().zip(expected) {
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
            let scores = lexicon.scores(&terms(&[(title, 2), (text, 1)]));
            assert!((scores[row] - 1.0).abs() < 1e-5, "{scores:?}");
            let best = (0..3).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
            assert_eq!(best, Some(row));
        }
        assert_eq!(lexicon.scores(&terms(&[("of the", 1)])), [0.0; 3]);
        assert!(Lexicon::of(&[]).scores(&terms(&[("graphs", 1)])).is_empty());
    }
}
