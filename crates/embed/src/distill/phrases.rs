//! Texts for words that the corpus lacks: some words of the vocabulary, side by side.
//!
//! Fitted on abstracts alone, the vectors of everyday words stay what the teacher says of each word by itself, which is a
//! poor part of a mean. What it says of a few words together teaches their weight and direction, and needs no other corpus:
//! with 15,000 abstracts, 60,000 phrases raise STS-B from 0.69 to 0.74 and cost 0.005 of overlap with the teacher.

use super::random::Random;

/// Shortest and longest phrase, in words.
const WORDS: std::ops::RangeInclusive<usize> = 2..=8;
/// The chance of the word at place `r` of the vocabulary is `(r + OFFSET)^-EXPONENT`: vocabularies are sorted by frequency,
/// and rare words should be seen too.
const OFFSET: f64 = 50.0;
const EXPONENT: f64 = 0.7;

/// A piece of a vocabulary as the text that a reader would see: without the marks of continuation and of spaces.
pub(super) fn plain(piece: &str) -> &str {
    let stripped = ["##", "\u{2581}", "\u{120}"]
        .iter()
        .find_map(|mark| piece.strip_prefix(mark))
        .unwrap_or(piece);
    if stripped.is_empty() { piece } else { stripped }
}

/// The whole words of a vocabulary, in its order: two letters or more, no piece that goes on a word.
pub(super) fn words(pieces: &[String]) -> Vec<&str> {
    let marks_spaces = pieces
        .iter()
        .any(|piece| piece.starts_with(['\u{2581}', '\u{120}']));
    pieces
        .iter()
        .filter(|piece| {
            if marks_spaces {
                piece.starts_with(['\u{2581}', '\u{120}'])
            } else {
                !piece.starts_with("##")
            }
        })
        .map(|piece| plain(piece))
        .filter(|word| word.len() > 1 && word.bytes().all(|b| b.is_ascii_alphabetic()))
        .collect()
}

/// `n` phrases; none when there are no words.
pub(super) fn phrases(words: &[&str], n: usize, random: &mut Random) -> Vec<String> {
    let mut total = 0.0;
    let chances: Vec<f64> = (0..words.len())
        .map(|place| {
            total += (place as f64 + OFFSET).powf(-EXPONENT);
            total
        })
        .collect();
    if words.is_empty() {
        return Vec::new();
    }
    let mut phrase = || {
        let len = WORDS.start() + random.below(WORDS.end() - WORDS.start() + 1);
        let chosen: Vec<&str> = (0..len)
            .map(|_| {
                let at = random.unit() * total;
                words[chances.partition_point(|&c| c <= at).min(words.len() - 1)]
            })
            .collect();
        chosen.join(" ")
    };
    (0..n).map(|_| phrase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(pieces: &[&str]) -> Vec<String> {
        pieces.iter().map(|&p| p.to_owned()).collect()
    }

    #[test]
    fn words_are_whole_words() {
        let wordpiece = owned(&["[CLS]", "a", "the", "##ing", "cat", "3d", "\u{65e5}"]);
        assert_eq!(words(&wordpiece), ["the", "cat"]);
        let sentencepiece = owned(&["<s>", "\u{2581}the", "ing", "\u{2581}", "\u{2581}cat"]);
        assert_eq!(words(&sentencepiece), ["the", "cat"]);
    }

    #[test]
    fn phrases_depend_on_the_seed_alone() {
        let words = ["alpha", "beta", "gamma"];
        let of = |seed| phrases(&words, 50, &mut Random::new(seed));
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        for phrase in of(3) {
            assert!(WORDS.contains(&phrase.split(' ').count()), "{phrase}");
        }
        assert!(phrases(&[], 5, &mut Random::new(1)).is_empty());
    }
}
