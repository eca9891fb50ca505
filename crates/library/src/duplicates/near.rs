//! Whether two records are of one paper by what they say, and which pairs of many are worth comparing.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use syntopic_core::Paper;

/// Letters at either end of an abstract that bring two papers together to be compared.
const END: usize = 48;

/// Papers of a block up to so many are compared with one another; of a larger one, each with [`NEIGHBOURS`].
const BLOCK: usize = 24;

/// Papers that each paper of a large block is compared with: those that follow it by title and abstract.
const NEIGHBOURS: usize = 8;

/// Two abstracts under the same title are of one paper when they share so much of their words, 0 to 1.
const SAME_TITLE: f64 = 0.6;

/// Words that two abstracts must share where the titles differ a little.
const NEAR_TITLE: f64 = 0.9;

/// Words that two titles must share to differ a little.
const TITLES: f64 = 0.8;

/// Fewest words of a title that says which paper it is without an abstract beside it.
const TELLING_TITLE: usize = 4;

/// What is compared of a paper.
struct Text {
    /// Of the title, in lower case, without spaces and marks.
    title: String,
    title_words: Vec<String>,
    abstract_words: Vec<String>,
}

impl Text {
    fn of(paper: &Paper) -> Self {
        Self {
            title: letters(&paper.title),
            title_words: words(&paper.title),
            abstract_words: words(paper.abstract_text.as_deref().unwrap_or_default()),
        }
    }

    fn numbers(&self) -> Vec<&String> {
        let numbers = self.title_words.iter();
        numbers
            .filter(|word| word.chars().any(char::is_numeric) || is_roman(word))
            .collect()
    }
}

fn letters(text: &str) -> String {
    let letters = text.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// In lower case and sorted, as often as they occur.
fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let mut words: Vec<String> = (words.filter(|word| !word.is_empty()))
        .map(str::to_lowercase)
        .collect();
    words.sort_unstable();
    words
}

/// "ii" of "Part II".
fn is_roman(word: &str) -> bool {
    word.chars().all(|c| matches!(c, 'i' | 'v' | 'x'))
}

/// Twice the words that two sorted lists share, as a share of the words of both (Dice): 1 where they are the same.
fn shared(a: &[String], b: &[String]) -> f64 {
    let (mut i, mut j, mut both) = (0, 0, 0usize);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (i, j, both) = (i + 1, j + 1, both + 1),
        }
    }
    match a.len() + b.len() {
        0 => 1.0,
        n => 2.0 * both as f64 / n as f64,
    }
}

/// Whether years or authors say that these are two papers: years more than one apart, or not one name in common.
fn contradict(a: &Paper, b: &Paper) -> bool {
    let years = a.year.zip(b.year).is_some_and(|(a, b)| a.abs_diff(b) > 1);
    let names = |paper: &Paper| -> BTreeSet<String> {
        let all = paper.authors.iter().flat_map(|name| words(name));
        all.filter(|word| word.chars().count() > 2).collect()
    };
    let (ours, theirs) = (names(a), names(b));
    years || (!ours.is_empty() && !theirs.is_empty() && ours.is_disjoint(&theirs))
}

/// Whether title and abstract of two papers are nearly the same, as the page of `duplicates` says it.
pub(super) fn near_identical(a: &Paper, b: &Paper) -> bool {
    let (ours, theirs) = (Text::of(a), Text::of(b));
    let same_title = ours.title == theirs.title;
    let without = |text: &Text| text.abstract_words.is_empty();
    match (without(&ours), without(&theirs)) {
        (true, true) | (true, false) | (false, true) => {
            same_title && ours.title_words.len() >= TELLING_TITLE && !contradict(a, b)
        }
        (false, false) if same_title => {
            shared(&ours.abstract_words, &theirs.abstract_words) >= SAME_TITLE
        }
        (false, false) => {
            ours.numbers() == theirs.numbers()
                && shared(&ours.title_words, &theirs.title_words) >= TITLES
                && shared(&ours.abstract_words, &theirs.abstract_words) >= NEAR_TITLE
                && !contradict(a, b)
        }
    }
}

/// Pairs of places that share the title, its words or an end of the abstract, each once, smaller place first: near-linear in the
/// number of papers, as no block is compared whole once it is large.
pub(super) fn candidates(papers: &[&Paper]) -> Vec<(usize, usize)> {
    let mut keyed: Vec<(u64, usize)> = Vec::new();
    for (place, paper) in papers.iter().enumerate() {
        keyed.extend(keys(paper).into_iter().map(|key| (key, place)));
    }
    keyed.sort_unstable();
    let mut pairs = Vec::new();
    for block in keyed.chunk_by(|a, b| a.0 == b.0) {
        let mut places: Vec<usize> = block.iter().map(|(_, place)| *place).collect();
        let mut reach = places.len();
        if places.len() > BLOCK {
            let text = |&place: &usize| {
                let paper = papers[place];
                let text = paper.abstract_text.as_deref().unwrap_or_default();
                (letters(&paper.title), letters(text), place)
            };
            places.sort_by_cached_key(text);
            reach = NEIGHBOURS;
        }
        for (at, &one) in places.iter().enumerate() {
            let others = places[at + 1..].iter().take(reach);
            pairs.extend(others.map(|&other| (one.min(other), one.max(other))));
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// What a paper is put into blocks by. That two texts may have one key by chance costs a comparison.
fn keys(paper: &Paper) -> Vec<u64> {
    let hash = |kind: u8, text: &dyn Fn(&mut DefaultHasher)| {
        // Its keys are fixed: the same papers come into the same blocks always.
        let mut hasher = DefaultHasher::new();
        kind.hash(&mut hasher);
        text(&mut hasher);
        hasher.finish()
    };
    let mut keys = Vec::new();
    let title = letters(&paper.title);
    if !title.is_empty() {
        let mut long = words(&paper.title);
        long.retain(|word| word.chars().count() > 3);
        keys.push(hash(0, &|h| title.hash(h)));
        if !long.is_empty() {
            keys.push(hash(1, &|h| long.hash(h)));
        }
    }
    let text: Vec<char> = letters(paper.abstract_text.as_deref().unwrap_or_default())
        .chars()
        .collect();
    if text.len() >= END {
        keys.push(hash(2, &|h| text[..END].hash(h)));
        keys.push(hash(3, &|h| text[text.len() - END..].hash(h)));
    }
    keys
}
