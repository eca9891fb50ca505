//! BERT's tokenization of ASCII text without the general machinery: the same ids, some twenty times sooner.
//!
//! Text falls into chunks at ASCII white space, and no step of BERT's tokenization looks beyond a chunk: each may be done by
//! whoever is quickest. ASCII chunks are cut into words and matched in a trie here; a chunk with any other letter goes to
//! the tokenizers crate, and so does a whole text that spells out a special token.
//!
//! Not for: other kinds of tokenizers, or settings that BERT's have not ([`WordPiece::of`] gives `None`).

use crate::tokens::Tokens;
use tokenizers::models::ModelWrapper;
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::{Model, Tokenizer};

/// The quick half of a BERT tokenizer; the tokenizer itself is passed in for what is left to it.
pub(crate) struct WordPiece {
    pieces: Trie,
    lowercase: bool,
    /// For a word that has no pieces.
    unknown: u32,
    /// Longest word that is cut into pieces, in characters.
    longest_word: usize,
    /// Ids before and after those of a text.
    before: Vec<u32>,
    after: Vec<u32>,
    /// What is a token wherever it stands in a text.
    special: Vec<String>,
}

impl WordPiece {
    /// The quick half of `tokenizer`, which cuts and pads nothing yet; `None` when it does not tokenize as BERT does.
    pub(crate) fn of(tokenizer: &Tokenizer) -> Option<Self> {
        let ModelWrapper::WordPiece(model) = tokenizer.get_model() else {
            return None;
        };
        let NormalizerWrapper::BertNormalizer(normalizer) = tokenizer.get_normalizer()? else {
            return None;
        };
        let PreTokenizerWrapper::BertPreTokenizer(_) = tokenizer.get_pre_tokenizer()? else {
            return None;
        };
        let added = tokenizer.get_added_tokens_decoder();
        let plain = added.values().all(|token| {
            // Looked for in the text as it is, and of it nothing but themselves.
            !token.normalized && !token.lstrip && !token.rstrip && !token.content.is_empty()
        });
        let longest_word = model.max_input_chars_per_word;
        if !normalizer.clean_text
            || !plain
            || tokenizer.get_encode_special_tokens()
            || longest_word > Word::MOST
        {
            return None;
        }
        let prefix = model.continuing_subword_prefix.as_str();
        let vocabulary = model.get_vocab();
        if vocabulary.keys().map(String::len).sum::<usize>() > Trie::MOST_LETTERS {
            return None;
        }
        let (before, after) = around(tokenizer)?;
        Some(Self {
            unknown: *vocabulary.get(&model.unk_token)?,
            pieces: Trie::new(&vocabulary, prefix),
            lowercase: normalizer.lowercase,
            longest_word,
            before,
            after,
            special: added.into_values().map(|token| token.content).collect(),
        })
    }

    /// The same without special tokens around a text.
    pub(crate) fn bare(mut self) -> Self {
        self.before.clear();
        self.after.clear();
        self
    }

    /// Tokens of `text`, special tokens included, at most `most`; `None` where the whole text must be left to `tokenizer`.
    ///
    /// # Errors
    /// What the tokenizers crate could not do, as text.
    pub(crate) fn encode(
        &self,
        text: &str,
        most: usize,
        tokenizer: &Tokenizer,
    ) -> Result<Option<Tokens>, String> {
        let room = most.checked_sub(self.before.len() + self.after.len());
        let (Some(room), false) = (room, self.has_special(text)) else {
            return Ok(None);
        };
        let mut ids = self.before.clone();
        let full = self.before.len() + room;
        for chunk in text.split([' ', '\t', '\n', '\r']) {
            // One more than there is room for shows that the text is cut.
            if ids.len() > full {
                break;
            }
            if chunk.is_ascii() {
                self.words(chunk.as_bytes(), full, &mut ids);
            } else {
                let rest = tokenizer.encode_fast(chunk, false);
                ids.extend_from_slice(rest.map_err(|e| e.to_string())?.get_ids());
            }
        }
        let truncated = ids.len() > full;
        ids.truncate(full);
        ids.extend_from_slice(&self.after);
        Ok(Some(Tokens { ids, truncated }))
    }

    fn has_special(&self, text: &str) -> bool {
        // Most texts have no bracket, and a search for one byte is quick.
        let first = |token: &str| text.as_bytes().contains(&token.as_bytes()[0]);
        self.special
            .iter()
            .any(|token| first(token) && text.contains(token.as_str()))
    }

    /// Appends the pieces of an ASCII chunk, until there are more than `full` ids.
    fn words(&self, chunk: &[u8], full: usize, ids: &mut Vec<u32>) {
        let mut word = Word::default();
        for &byte in chunk {
            // Control characters vanish, wherever they stand; the white ones among them end a chunk.
            if byte.is_ascii_control() {
                continue;
            }
            let byte = if self.lowercase {
                byte.to_ascii_lowercase()
            } else {
                byte
            };
            if byte.is_ascii_punctuation() {
                self.pieces_of(&mut word, ids);
                word.push(byte);
                self.pieces_of(&mut word, ids);
                if ids.len() > full {
                    return;
                }
            } else {
                word.push(byte);
            }
        }
        self.pieces_of(&mut word, ids);
    }

    /// Appends the pieces of a word, longest first piece first, and empties it.
    fn pieces_of(&self, word: &mut Word, ids: &mut Vec<u32>) {
        let before = ids.len();
        if word.length > self.longest_word {
            ids.push(self.unknown);
        } else {
            let mut rest = word.bytes();
            let mut root = Trie::FIRST;
            while !rest.is_empty() {
                let Some((id, length)) = self.pieces.longest(root, rest) else {
                    // Then no piece of it counts.
                    ids.truncate(before);
                    ids.push(self.unknown);
                    break;
                };
                ids.push(id);
                rest = &rest[length..];
                root = Trie::LATER;
            }
        }
        word.length = 0;
    }
}

/// The ids that the tokenizer puts before and after those of a text.
fn around(tokenizer: &Tokenizer) -> Option<(Vec<u32>, Vec<u32>)> {
    let ids = |special: bool| {
        let encoding = tokenizer.encode_fast("a", special).ok()?;
        Some(encoding.get_ids().to_vec())
    };
    let (bare, whole) = (ids(false)?, ids(true)?);
    let at = (whole.windows(bare.len().max(1))).position(|window| window == bare)?;
    let after = whole[at + bare.len()..].to_vec();
    Some((whole[..at].to_vec(), after))
}

/// The letters of a word as they come.
struct Word {
    bytes: [u8; Word::MOST],
    /// How many came, which may be more than are kept.
    length: usize,
}

impl Word {
    /// As many as BERT's tokenizers cut into pieces; a longer word is unknown.
    const MOST: usize = 100;

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
        }
        self.length += 1;
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length.min(Self::MOST)]
    }
}

impl Default for Word {
    fn default() -> Self {
        Self {
            bytes: [0; Self::MOST],
            length: 0,
        }
    }
}

/// All ASCII pieces by their letters: two trees, for the first piece of a word and for the later ones, in one hash table from
/// (node, letter) to node.
struct Trie {
    /// Key and value side by side; an open addressing table of a power of two.
    edges: Vec<(u32, u32)>,
    /// The piece that ends at a node, [`NONE`] where none does.
    ids: Vec<u32>,
}

/// No key, no node, no id.
const NONE: u32 = u32::MAX;

impl Trie {
    const FIRST: u32 = 0;
    const LATER: u32 = 1;
    /// So many letters make nodes that fit [`key`].
    const MOST_LETTERS: usize = 1 << 23;

    fn new(vocabulary: &std::collections::HashMap<String, u32>, prefix: &str) -> Self {
        let letters: usize = vocabulary.keys().map(String::len).sum();
        let mut trie = Self {
            edges: vec![(NONE, NONE); (letters * 4).next_power_of_two()],
            ids: vec![NONE; 2],
        };
        for (piece, &id) in vocabulary {
            if !piece.is_ascii() {
                continue;
            }
            trie.insert(Self::FIRST, piece.as_bytes(), id);
            if let Some(later) = piece.strip_prefix(prefix) {
                trie.insert(Self::LATER, later.as_bytes(), id);
            }
        }
        trie.shrink();
        trie
    }

    fn insert(&mut self, root: u32, piece: &[u8], id: u32) {
        let mut node = root;
        for &byte in piece {
            let place = self.place(node, byte);
            if self.edges[place].1 == NONE {
                let new = u32::try_from(self.ids.len()).unwrap_or(NONE);
                self.edges[place] = (key(node, byte), new);
                self.ids.push(NONE);
            }
            node = self.edges[place].1;
        }
        self.ids[node as usize] = id;
    }

    /// The table no larger than its edges need, so that more of it is in the cache.
    fn shrink(&mut self) {
        let size = (self.ids.len() * 2).next_power_of_two();
        let old = std::mem::replace(&mut self.edges, vec![(NONE, NONE); size]);
        for (key, node) in old.into_iter().filter(|edge| edge.0 != NONE) {
            let place = self.place(key >> 7, (key & 127) as u8);
            self.edges[place] = (key, node);
        }
    }

    /// Where the edge of `byte` from `node` is, or would be.
    #[inline]
    fn place(&self, node: u32, byte: u8) -> usize {
        let key = key(node, byte);
        let mask = self.edges.len() - 1;
        // Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4); the high bits are the well mixed ones.
        let hash = u64::from(key).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let mut place = hash as usize & mask;
        while self.edges[place].0 != key && self.edges[place].0 != NONE {
            place = (place + 1) & mask;
        }
        place
    }

    /// The longest piece that `text` begins with, and its length.
    #[inline]
    fn longest(&self, root: u32, text: &[u8]) -> Option<(u32, usize)> {
        let (mut node, mut best) = (root, None);
        for (index, &byte) in text.iter().enumerate() {
            node = self.edges[self.place(node, byte)].1;
            if node == NONE {
                break;
            }
            let id = self.ids[node as usize];
            if id != NONE {
                best = Some((id, index + 1));
            }
        }
        best
    }
}

/// Node and letter in one number: an ASCII letter has 7 bits, and a vocabulary has fewer than 2^25 letters.
#[inline]
fn key(node: u32, byte: u8) -> u32 {
    node << 7 | u32::from(byte)
}

#[cfg(test)]
#[path = "../fuzz/comparing.rs"]
mod comparing;
#[cfg(test)]
#[path = "../../formats/fuzz/mutation.rs"]
mod mutation;

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// A BERT tokenizer of the reference files, cut at `most` tokens, and its quick half.
    fn tiny(most: usize) -> (Tokenizer, WordPiece) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../tests/reference/tiny/bert-cls/tokenizer.json");
        let mut tokenizer = Tokenizer::from_file(path).unwrap();
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).unwrap();
        let quick = WordPiece::of(&tokenizer).expect("a BERT tokenizer");
        let truncation = tokenizers::TruncationParams {
            max_length: most,
            ..Default::default()
        };
        tokenizer.with_truncation(Some(truncation)).unwrap();
        (tokenizer, quick)
    }

    fn assert_same(text: &str, most: usize, (tokenizer, quick): &(Tokenizer, WordPiece)) -> bool {
        let slow = tokenizer.encode_fast(text, true).unwrap();
        let Some(found) = quick.encode(text, most, tokenizer).unwrap() else {
            return false;
        };
        assert_eq!(found.ids, slow.get_ids(), "{text:?} cut at {most}");
        let cut = !slow.get_overflowing().is_empty();
        assert_eq!(found.truncated, cut, "{text:?} cut at {most}");
        true
    }

    #[test]
    fn the_ids_are_those_of_the_tokenizers_crate() {
        let long = "x".repeat(100);
        let longer = "x".repeat(101);
        for most in [2, 3, 5, 16, 128] {
            let both = tiny(most);
            for text in [
                "",
                " ",
                "Hello",
                "a\u{b}b c\u{c}d\u{0}e\u{7f}f",
                "Don't split-me, (please)!",
                "##ing ## # ing##",
                "caf\u{e9} na\u{ef}ve \u{4e2d}\u{6587}text",
                "e\u{301} \u{301}x a\u{a0}b a\u{2028}b",
                "\u{fffd}\u{200b} \u{1f600}",
                "\u{39f}\u{394}\u{39f}\u{3a3} \u{130}",
                "tabs\tand\r\nbreaks",
                long.as_str(),
                longer.as_str(),
                "[ CLS] [cls] [MASK",
            ] {
                assert!(
                    assert_same(text, most, &both),
                    "{text:?} is for the quick half"
                );
            }
            for text in ["[CLS]", "a [SEP] b", "x[MASK]y"] {
                assert!(
                    !assert_same(text, most, &both),
                    "{text:?} is left to the crate"
                );
            }
        }
        let (tokenizer, quick) = tiny(2);
        assert!(quick.encode("a", 1, &tokenizer).unwrap().is_none());
    }

    #[test]
    fn the_ids_of_random_texts_are_those_of_the_tokenizers_crate() {
        let mut state = 7u64;
        let mut random = move |below: usize| {
            // SplitMix64 (Steele, Lea and Flood 2014).
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) % below as u64) as usize
        };
        let strange: Vec<char> = "\u{e9}\u{301}\u{4e2d}\u{a0}\u{2013}\u{3a3}\u{ad}\u{7f}\u{b}\u{0}\u{130}\u{df}\u{1e9e}\u{ac00}\u{fb01}"
            .chars()
            .collect();
        let words = [
            "the",
            "learning",
            "transformers",
            "un",
            "able",
            "[SEP",
            "GPT-4",
        ];
        for most in [4, 20, 128] {
            let both = tiny(most);
            for _ in 0..3_000 {
                let mut text = String::new();
                for _ in 0..random(40) {
                    match random(12) {
                        0 => text.push(strange[random(strange.len())]),
                        1..4 => text.push(char::from(random(128) as u8)),
                        4..7 => text.push(' '),
                        7..9 => text.push_str(words[random(words.len())]),
                        _ => text.push(char::from(b'a' + random(26) as u8)),
                    }
                }
                assert_same(&text, most, &both);
            }
        }
    }

    /// The fuzz target (`../fuzz`) through its corpus and changes of it.
    #[test]
    fn the_ids_of_changed_texts_are_those_of_the_tokenizers_crate() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/wordpiece");
        let entries = std::fs::read_dir(corpus).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let samples: Vec<Vec<u8>> = paths
            .iter()
            .map(|path| std::fs::read(path).unwrap())
            .collect();
        samples.iter().for_each(|bytes| comparing::same_ids(bytes));
        let mut random = mutation::Random(3);
        for _ in 0..mutation::rounds(3_000) {
            comparing::same_ids(&mutation::mutated(&samples, &mut random));
        }
    }

    #[test]
    fn other_tokenizers_are_left_alone() {
        let (tokenizer, _) = tiny(16);
        let changed = |what: &str, to: &str| {
            let text = tokenizer.to_string(false).unwrap();
            assert!(text.contains(what), "{what}");
            let tokenizer: Tokenizer = text.replace(what, to).parse().unwrap();
            WordPiece::of(&tokenizer).is_none()
        };
        assert!(!changed("\"lowercase\":true", "\"lowercase\":false"));
        assert!(changed("\"clean_text\":true", "\"clean_text\":false"));
        assert!(changed("\"normalized\":false", "\"normalized\":true"));
        let longer = "\"max_input_chars_per_word\":101";
        assert!(changed("\"max_input_chars_per_word\":100", longer));
        assert!(changed(
            "{\"type\":\"BertPreTokenizer\"}",
            "{\"type\":\"Whitespace\"}"
        ));
    }
}
