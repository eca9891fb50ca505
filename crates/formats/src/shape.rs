//! What a line of a saved page is, by its shape alone: an abstract, a title, or the page's own furniture ("chrome").
//! Not for: which title belongs to which abstract ([`crate::page`] pairs them).
//!
//! The rules, in the order they are tried. A word is a run of non-blanks; where a script writes without blanks, two
//! characters count as a word.
//!
//! 1. **Abstract**: 60 words or more that are no list of names.
//! 2. **Chrome**: no letters; a count ("1.2k", "Upvote 23"); a date ("Mar 13", "Published on 3 March 2025", "2 days ago");
//!    every word from the vocabulary of buttons and menus ("Log In", "Models Datasets Spaces"); a line that begins as the
//!    page's own lines do and no title does ("by…", "Submitted by", "©"); an address.
//! 3. **Names**: three or more names ("Jane Doe, John Smith, Wei Zhang"): rather authors than a title.
//! 4. **Abstract**: 25 words or more that hold the end of a sentence; a **banner** when they speak of cookies, your e-mail or
//!    rights reserved.
//! 5. **Page-like**: begins as lines of the page and titles both do ("Subscribe…", "Skip to…", "Copyright…"), or speaks of
//!    your inbox or of cookies. It is chrome in the page's own words alone ("Skip to main content"); with two other words
//!    and as long as a title it is **doubtful**, it may be one ("Copyright Traps for Large Language Models"). What else of
//!    this rule has two words and no count is a **button**; so is such a line of button words that this rule does not know.
//! 6. **Title**: 4 to 40 words, at most 300 characters, that begins with a capital, a digit or a letter of a script without
//!    capitals (a small letter only in a first word such as t-SNE or wav2vec) and does not end like a sentence or a
//!    list (`! . , ; : …`).
//! 7. **Loose**: as long as a title, but not its beginning or its end ("a line in small letters", "Look, no hands at all!").
//! 8. **Short**: anything else. It may be a title (GPT-4) or a button nobody listed.

use crate::chrome_words::{
    BUTTON_WORDS, DATE_WORDS, MONTHS_AND_DAYS, PAGE_OPENINGS, PAGE_PHRASES, PAGE_WORDS,
    SHARED_OPENINGS,
};

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Never part of a paper.
    Chrome,
    /// Chrome of two or more words, each of which may be in a title.
    Button,
    /// Chrome, but too much like a short abstract to be sure.
    Banner,
    /// Chrome, unless an abstract stands directly below it.
    Doubtful,
    /// Authors, unless an abstract below has no other title.
    Names,
    /// A title only when an abstract follows; one to three words.
    Short,
    /// A title only when an abstract follows; four words or more.
    Loose,
    /// A title, with or without an abstract.
    Title,
    /// An abstract.
    Abstract,
}

impl Shape {
    /// Whether the line alone does not say what it is: its neighbours decide.
    pub(crate) fn is_unknown(self) -> bool {
        matches!(
            self,
            Self::Doubtful | Self::Names | Self::Short | Self::Loose
        )
    }
}

const SURE_ABSTRACT_WORDS: usize = 60;
const MIN_ABSTRACT_WORDS: usize = 25;
const TITLE_WORDS: std::ops::RangeInclusive<usize> = 4..=40;
const MAX_TITLE_CHARS: usize = 300;

/// So many words that are not the page's own make a page-like line doubtful.
const FOREIGN_WORDS: usize = 2;

/// What `line` (one line, single blanks, not empty) is.
pub(crate) fn shape(line: &str) -> Shape {
    let words = word_count(line);
    let names = is_name_list(line);
    if words >= SURE_ABSTRACT_WORDS && !names {
        return Shape::Abstract;
    }
    let lower = line.to_lowercase();
    if is_chrome(line, &lower) {
        return Shape::Chrome;
    }
    let opens_as_the_page = begins_with(&lower, SHARED_OPENINGS);
    if is_button(&lower) {
        return if opens_as_the_page {
            Shape::Chrome
        } else {
            chrome_or_button(&lower)
        };
    }
    if names {
        return Shape::Names;
    }
    let of_the_page = PAGE_PHRASES.iter().any(|phrase| lower.contains(phrase));
    if words >= MIN_ABSTRACT_WORDS && holds_sentence_end(line) {
        return if of_the_page {
            Shape::Banner
        } else {
            Shape::Abstract
        };
    }
    let as_long_as_a_title =
        TITLE_WORDS.contains(&words) && line.chars().count() <= MAX_TITLE_CHARS;
    if of_the_page || opens_as_the_page {
        return match foreign_words(&lower) {
            0 => Shape::Chrome,
            FOREIGN_WORDS.. if as_long_as_a_title => Shape::Doubtful,
            _ => chrome_or_button(&lower),
        };
    }
    if !as_long_as_a_title {
        Shape::Short
    } else if begins_as_a_title(line) && ends_as_a_title(line) {
        Shape::Title
    } else {
        Shape::Loose
    }
}

/// Which of the two a line in the page's words is.
fn chrome_or_button(lower: &str) -> Shape {
    let words = page_words(lower).filter(|word| !is_count(word)).count();
    if words >= 2 && words == page_words(lower).count() {
        Shape::Button
    } else {
        Shape::Chrome
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
    is_date(lower) || is_byline(line) || begins_with(lower, PAGE_OPENINGS) || is_address(line)
}

/// Only words from the vocabulary of buttons and menus, and counts.
fn is_button(lower: &str) -> bool {
    page_words(lower).all(|word| is_count(word) || BUTTON_WORDS.contains(&word))
        && page_words(lower).next().is_some()
}

/// The words of a line in lower case, without what stands between the items of a menu.
fn page_words(lower: &str) -> impl Iterator<Item = &str> {
    lower.split(is_separator).filter(|word| !word.is_empty())
}

fn begins_with(lower: &str, openings: &[&str]) -> bool {
    openings.iter().any(|opening| lower.starts_with(opening))
}

/// How many words of a page-like line are not the page's own.
fn foreign_words(lower: &str) -> usize {
    let own =
        |word: &str| is_count(word) || BUTTON_WORDS.contains(&word) || PAGE_WORDS.contains(&word);
    page_words(lower).filter(|word| !own(word)).count()
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
    for word in page_words(lower) {
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

fn ends_as_a_title(line: &str) -> bool {
    !line.ends_with(['!', '.', ',', ';', ':', '…', '。', '！', '，'])
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
            "© 2025 Hugging Face",
            "Submitted by someone",
            "Read more",
            "View all papers of the week",
            "Terms of Service and Privacy Policy",
            "Skip to main content",
            "Skip to content",
            "Sign in to see your account",
            "Subscribe to our newsletter for updates",
            "Get trending papers in your email inbox!",
            "https://huggingface.co/papers",
            "@akhaliq",
            "•",
            "See all 12 versions of this paper",
            "Copyright 2025 The Allen Institute for AI",
            "Collections including this paper 4",
            "Page 2 of 10",
        ] {
            assert_eq!(shape(line), Shape::Chrome, "{line}");
        }
        for line in [
            "Log In",
            "Skip to Attention",
            "Models Datasets Spaces Docs Pricing",
            "Hugging Face",
            "Next page",
            "Open Code Models",
        ] {
            assert_eq!(shape(line), Shape::Button, "{line}");
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
    fn an_opening_of_the_page_may_be_that_of_a_title() {
        for line in [
            "Copyright Traps for Large Language Models",
            "copyright traps for large language models!",
            "Skip to Attention: Faster Decoding",
            "See All by Looking at A Few: Sparse Modeling",
            "Subscribe to Diverse Sources: Federated Learning",
            "Sign in the Wild: Recognizing Gestures",
            "Privacy Policy Question Answering with Transformers",
            "Find Spam in Your Email with Graphs",
        ] {
            assert_eq!(shape(line), Shape::Doubtful, "{line}");
        }
    }

    #[test]
    fn the_rest_is_names_loose_or_short() {
        for line in [
            "Jane Doe, John Smith, Wei Zhang".to_owned(),
            ["Jane Doe"; 40].join(", "),
        ] {
            assert_eq!(shape(&line), Shape::Names, "{line}");
        }
        for line in [
            "a line in lower case only",
            "Look, no hands at all!",
            "It ends as a sentence.",
            "A title that was cut...",
        ] {
            assert_eq!(shape(line), Shape::Loose, "{line}");
        }
        for line in ["GPT-4", "Segment Anything", "Gizmo", "wav2vec 3", "GPT-5!"] {
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
        let opening = format!("Copyright traps are a way to find copies. {sentence}");
        assert_eq!(shape(&opening), Shape::Abstract);
        let cookies = format!("Here we speak of the use of cookies. {sentence}");
        assert_eq!(shape(&cookies), Shape::Banner);
        assert_eq!(
            shape(&"自监督学习近年来受到广泛关注。".repeat(5)),
            Shape::Abstract
        );
    }
}
