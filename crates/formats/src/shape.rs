//! What a line of a saved page is, by its shape alone: an abstract, a title, or the page's own furniture ("chrome").
//! Not for: which title belongs to which abstract ([`crate::page`] pairs them).
//!
//! The rules, in the order they are tried. A word is a run of non-blanks; where a script writes without blanks, two
//! characters count as a word.
//!
//! 1. **Abstract**: 60 words or more; or 25 or more that hold the end of a sentence. (Between 25 and 60 words a text that
//!    speaks of cookies, your e-mail or rights reserved is chrome.)
//! 2. **Chrome**: no letters; a count ("1.2k", "Upvote 23"); a date ("Mar 13", "Published on 3 March 2025", "2 days ago");
//!    every word from the vocabulary of buttons and menus ("Log In", "Models Datasets Spaces"); a line that begins as the
//!    page's own lines do ("by…", "Submitted by", "Get trending", "View all", "©"); an address; a line about your inbox.
//! 3. **Title**: 4 to 40 words, at most 300 characters, that begins with a capital, a digit or a letter of a script without
//!    capitals (a small letter only in a first word such as t-SNE or wav2vec), does not end like a sentence or a
//!    list (`! . , ; : …`), and is not a list of names ("Jane Doe, John Smith, Wei Zhang").
//! 4. **Short**: anything else. It may be a title (GPT-4) or a button nobody listed: its neighbours decide.

use crate::chrome_words::{BUTTON_WORDS, DATE_WORDS, MONTHS_AND_DAYS, PAGE_OPENINGS, PAGE_PHRASES};

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Never part of a paper.
    Chrome,
    /// A title only when an abstract follows and no better title is at hand.
    Short,
    /// A title, with or without an abstract.
    Title,
    /// An abstract.
    Abstract,
}

const SURE_ABSTRACT_WORDS: usize = 60;
const MIN_ABSTRACT_WORDS: usize = 25;
const TITLE_WORDS: std::ops::RangeInclusive<usize> = 4..=40;
const MAX_TITLE_CHARS: usize = 300;

/// What `line` (one line, single blanks, not empty) is.
pub(crate) fn shape(line: &str) -> Shape {
    let words = word_count(line);
    if words >= SURE_ABSTRACT_WORDS {
        return Shape::Abstract;
    }
    let lower = line.to_lowercase();
    if is_chrome(line, &lower) {
        return Shape::Chrome;
    }
    if words >= MIN_ABSTRACT_WORDS && holds_sentence_end(line) {
        return Shape::Abstract;
    }
    if is_title(line, words) {
        Shape::Title
    } else {
        Shape::Short
    }
}

/// Words, or half the characters of scripts that write without blanks, whichever is more.
fn word_count(line: &str) -> usize {
    let unspaced = line.chars().filter(|&c| writes_without_blanks(c)).count();
    line.split_whitespace().count().max(unspaced / 2)
}

/// Thai, Lao, Khmer, Japanese and Chinese characters.
fn writes_without_blanks(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')
}

/// Whether a sentence ends at the end of `line` or within it.
fn holds_sentence_end(line: &str) -> bool {
    let ends = |text: &str| {
        text.trim_end_matches(['"', '\'', '”', '’', ')', ']', '}', '$'])
            .ends_with(['.', '?', '!', '…', '。', '！', '？'])
    };
    let mut words = line.split_whitespace().peekable();
    let mut within = false;
    while let (Some(word), Some(next)) = (words.next(), words.peek()) {
        within |= ends(word)
            && word.chars().count() > 3
            && next.chars().next().is_some_and(|c| !c.is_lowercase());
    }
    within || ends(line) || line.contains('。')
}

/// Rule 2. `lower` is `line` in lower case.
fn is_chrome(line: &str, lower: &str) -> bool {
    if !line.chars().any(char::is_alphabetic) {
        return true;
    }
    let mut words = lower
        .split(is_separator)
        .filter(|w| !w.is_empty())
        .peekable();
    if words.peek().is_some() && words.all(|word| is_count(word) || BUTTON_WORDS.contains(&word)) {
        return true;
    }
    is_date(lower)
        || is_byline(line)
        || PAGE_OPENINGS
            .iter()
            .any(|opening| lower.starts_with(opening))
        || PAGE_PHRASES.iter().any(|phrase| lower.contains(phrase))
        || is_address(line)
}

fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            ',' | '.'
                | '·'
                | '•'
                | '|'
                | '/'
                | '('
                | ')'
                | '+'
                | '&'
                | ':'
                | '…'
                | '!'
                | '→'
                | '←'
                | '↑'
                | '-'
                | '–'
        )
}

/// A number, or one with a short unit: 23, 1.2k, 45%, 3rd.
fn is_count(word: &str) -> bool {
    let unit = word.trim_start_matches(|c: char| c.is_ascii_digit());
    unit.len() < word.len()
        && matches!(
            unit,
            "" | "k" | "m" | "b" | "%" | "st" | "nd" | "rd" | "th" | "d" | "h" | "w" | "y" | "min"
        )
}

/// Only the words of a date, and at least a month, a weekday or "ago" among them.
fn is_date(lower: &str) -> bool {
    let mut named = false;
    for word in lower.split(is_separator).filter(|w| !w.is_empty()) {
        let names = MONTHS_AND_DAYS
            .iter()
            .any(|name| word == *name || (word.len() == 3 && name.starts_with(word)));
        if !(names || is_count(word) || DATE_WORDS.contains(&word)) {
            return false;
        }
        named |= names || word == "ago";
    }
    named
}

/// "by AK and …", also as some browsers save it: "byAK and …".
fn is_byline(line: &str) -> bool {
    line.strip_prefix("by")
        .is_some_and(|rest| rest.starts_with(|c: char| c == ' ' || c == '@' || c.is_uppercase()))
}

/// One word that is an address of a page, of a mail box or of a user.
fn is_address(line: &str) -> bool {
    !line.contains(' ')
        && (line.contains("://")
            || line.starts_with("www.")
            || line.starts_with('@')
            || (line.contains('@') && line.contains('.')))
}

/// Rule 3.
fn is_title(line: &str, words: usize) -> bool {
    TITLE_WORDS.contains(&words)
        && line.chars().count() <= MAX_TITLE_CHARS
        && begins_as_a_title(line)
        && !line.ends_with(['!', '.', ',', ';', ':', '…', '。', '！', '，'])
        && !is_name_list(line)
}

fn begins_as_a_title(line: &str) -> bool {
    let opening = ['"', '\'', '“', '‘', '(', '[', '$', '«', '\\'];
    let Some(first) = line.trim_start_matches(opening).chars().next() else {
        return false;
    };
    let odd_name = |word: &str| {
        word.chars()
            .skip(1)
            .any(|c| c.is_uppercase() || c.is_ascii_digit() || c == '-')
    };
    first.is_alphanumeric()
        && (!first.is_lowercase() || line.split(' ').next().is_some_and(odd_name))
}

/// Three or more parts between commas, each of two to four capitalised words.
fn is_name_list(line: &str) -> bool {
    let capital = |word: &str| word.chars().next().is_some_and(char::is_uppercase);
    let name = |part: &str| {
        let words = part.split_whitespace().count();
        (2..=4).contains(&words) && part.split_whitespace().all(capital)
    };
    line.split(',').count() >= 3 && line.split(',').all(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chrome_is_known_by_its_words() {
        for line in [
            "new",
            "Get trending papers in your email inbox!",
            "Subscribe",
            "byAK and the research community",
            "by AK and the research community",
            "Mar 13",
            "Mar 12, 2025",
            "13 March",
            "Published on Mar 13, 2025",
            "2 days ago",
            "Thu, Mar 13",
            "2025-03-13",
            "23",
            "1.2k",
            "Upvote 23",
            "· 4 authors",
            "Log In",
            "Models Datasets Spaces Docs Pricing",
            "Hugging Face",
            "© 2025 Hugging Face",
            "Submitted by someone",
            "https://huggingface.co/papers",
            "@akhaliq",
            "•",
            "View all papers of the week",
            "Read more",
            "Terms of Service and Privacy Policy",
            "Next page",
            "Page 2 of 10",
            "We use cookies to make this page better and to count its readers. You can say no to all of them here, or say yes \
             and read on as before.",
        ] {
            assert_eq!(shape(line), Shape::Chrome, "{line}");
        }
    }

    #[test]
    fn titles_are_known_by_length_and_capitals() {
        for line in [
            "Random Teachers are Good Teachers",
            "Transformers learn in-context by gradient descent",
            "wav2vec 2.0: A Framework for Speech",
            "t-SNE and UMAP in practice",
            "Attention Is All You Need",
            "May the Force Be with You",
            "“Why Should I Trust You?” Explaining Any Classifier",
            "3D Gaussian Splatting for Views",
            "HuggingGPT: Solving AI Tasks with ChatGPT and its Friends in Hugging Face",
            "自监督视觉表征学习综述",
        ] {
            assert_eq!(shape(line), Shape::Title, "{line}");
        }
    }

    #[test]
    fn the_rest_is_short() {
        for line in [
            "GPT-4",
            "Segment Anything",
            "Gizmo",
            "a line in lower case only",
            "Look, no hands at all!",
            "Jane Doe, John Smith, Wei Zhang",
            "It ends as a sentence.",
        ] {
            assert_eq!(shape(line), Shape::Short, "{line}");
        }
    }

    #[test]
    fn abstracts_are_long() {
        let sentence = "We show that one short abstract of two sentences is found too. It has some more words than any title \
                        would have, and it ends in a full stop.";
        assert_eq!(shape(sentence), Shape::Abstract);
        assert_eq!(shape(&"word ".repeat(60)), Shape::Abstract);
        assert_ne!(shape(&"Word ".repeat(30)), Shape::Abstract);
        assert_eq!(
            shape(&"自监督学习近年来受到广泛关注。".repeat(5)),
            Shape::Abstract
        );
    }
}
