//! The phrases of a topic's own papers that could name it, with how often and in how many papers they occur.

use crate::Document;
use crate::stop_words::{
    can_link, cannot_begin, cannot_end, is_adjective, is_participle, is_stop_word, needs_noun,
};
use crate::words::{Word, runs};
use std::collections::HashMap;

/// A topic is named from this many of its papers, the most central ones: its name then costs the same whatever its size.
const READ_PAPERS: usize = 500;
/// From this many papers read on, a phrase must occur in at least two of them.
const MANY_PAPERS: usize = 20;
/// A phrase is a fragment when a longer one that contains it makes up this share of its occurrences (C-value, Frantzi et al. 2000).
const FRAGMENT_SHARE: f64 = 0.6;
/// Longest phrase in words; one more is counted, only to tell fragments.
const LONGEST: usize = 3;
/// The same in characters for scripts without spaces.
const LONGEST_UNSPACED: usize = 6;

/// A phrase that could name a topic.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidate {
    /// What its variants share.
    pub(crate) key: String,
    /// Its most frequent form.
    pub(crate) surface: String,
    /// Lower-case stems of its words.
    pub(crate) stems: Vec<String>,
    /// Occurrences in the papers read.
    pub(crate) count: u32,
    /// Papers read that have it.
    pub(crate) papers: u32,
    /// Occurrences in titles.
    pub(crate) titles: u32,
}

/// What the papers of a topic say.
#[derive(Debug, Clone, Default)]
pub(crate) struct TopicPhrases {
    /// Sorted by key, no fragments.
    pub(crate) candidates: Vec<Candidate>,
    /// Words read.
    pub(crate) words: u64,
    /// Papers read.
    pub(crate) papers: usize,
}

#[derive(Default)]
struct Entry {
    stems: Vec<String>,
    count: u32,
    papers: u32,
    last_paper: usize,
    titles: u32,
    inner: Vec<String>,
    surfaces: HashMap<String, u32>,
    usable: bool,
}

/// Reads the most central papers of a topic; `members` most central first.
pub(crate) fn topic_phrases(documents: &[Document<'_>], members: &[usize]) -> TopicPhrases {
    let mut entries: HashMap<String, Entry> = HashMap::new();
    let read = &members[..members.len().min(READ_PAPERS)];
    let mut words = 0;
    for (paper, &member) in (1..).zip(read) {
        let document = &documents[member];
        let body = document
            .text
            .strip_prefix(document.title)
            .unwrap_or(document.text);
        for (text, is_title) in [(document.title, true), (body, false)] {
            for run in runs(text) {
                words += run.len() as u64;
                count_run(&mut entries, &run, paper, is_title);
            }
        }
    }
    let fragments = fragments(&entries);
    let least = if read.len() >= MANY_PAPERS { 2 } else { 1 };
    let mut candidates: Vec<Candidate> = entries
        .into_iter()
        .filter(|(key, entry)| entry.usable && entry.papers >= least && !fragments.contains(key))
        .map(|(key, entry)| Candidate {
            key,
            surface: usual_surface(&entry.surfaces),
            stems: entry.stems,
            count: entry.count,
            papers: entry.papers,
            titles: entry.titles,
        })
        .collect();
    candidates.sort_by(|a, b| a.key.cmp(&b.key));
    TopicPhrases {
        candidates,
        words,
        papers: read.len(),
    }
}

/// Counts every phrase of a run of words.
fn count_run(entries: &mut HashMap<String, Entry>, run: &[Word], paper: usize, is_title: bool) {
    for first in 0..run.len() {
        let longest = if run[first].unspaced {
            LONGEST_UNSPACED
        } else {
            LONGEST
        };
        for length in 1..=(longest + 1).min(run.len() - first) {
            let phrase = &run[first..first + length];
            if length > 1 && phrase[0].unspaced != phrase[length - 1].unspaced {
                break;
            }
            let key = join_keys(phrase);
            let entry = entries.entry(key).or_default();
            if entry.count == 0 {
                entry.usable = is_usable(phrase);
                entry.stems = stems(phrase);
                if length > 1 {
                    entry.inner = vec![join_keys(&phrase[1..]), join_keys(&phrase[..length - 1])];
                }
            }
            entry.count += 1;
            if entry.last_paper != paper {
                entry.last_paper = paper;
                entry.papers += 1;
            }
            entry.titles += u32::from(is_title);
            // Titles Write Words With Capitals: they say little about how a phrase is written.
            *entry.surfaces.entry(join_surfaces(phrase)).or_default() +=
                if is_title { 1 } else { 4 };
        }
    }
}

/// Whether a phrase may stand in a name.
fn is_usable(phrase: &[Word]) -> bool {
    let [first, .., last] = phrase else {
        return is_usable_alone(&phrase[0]);
    };
    if first.unspaced {
        return phrase.iter().all(|w| w.unspaced) && phrase.len() <= LONGEST_UNSPACED;
    }
    let linked =
        |w: &Word| can_link(&lower(w)) || !cannot_begin(&lower(w)) || !cannot_end(&lower(w));
    phrase.len() <= LONGEST
        && !bars_start(first)
        && !bars_end(last)
        && phrase[1..phrase.len() - 1].iter().all(linked)
        && phrase
            .iter()
            .enumerate()
            .all(|(i, w)| phrase[..i].iter().all(|earlier| earlier.key != w.key))
}

fn is_usable_alone(word: &Word) -> bool {
    let says_nothing = is_stop_word(&lower(word)) || is_stop_word(&word.key) || is_modifier(word);
    !word.unspaced && word.key.chars().count() > 2 && !says_nothing
}

fn lower(word: &Word) -> String {
    word.surface.to_lowercase()
}

fn bars_start(word: &Word) -> bool {
    cannot_begin(&lower(word)) || cannot_begin(&word.key)
}

fn bars_end(word: &Word) -> bool {
    cannot_end(&lower(word)) || is_modifier(word) || is_adjective(&lower(word))
}

/// "graph-based", "human-annotated", "self-supervised": a description of what comes next, a fragment at the end of a phrase.
fn is_modifier(word: &Word) -> bool {
    let last = word.parts.last().map_or(word.key.as_str(), String::as_str);
    is_participle(last) || (!word.parts.is_empty() && needs_noun(last))
}

/// Keys of phrases that nearly always occur inside one longer phrase.
fn fragments(entries: &HashMap<String, Entry>) -> std::collections::HashSet<String> {
    let mut longer: HashMap<&str, u32> = HashMap::new();
    for entry in entries.values() {
        for inner in &entry.inner {
            let most = longer.entry(inner).or_default();
            *most = (*most).max(entry.count);
        }
    }
    longer
        .into_iter()
        .filter(|(key, most)| {
            entries.get(*key).is_some_and(|e| {
                *most >= 2 && f64::from(*most) >= FRAGMENT_SHARE * f64::from(e.count)
            })
        })
        .map(|(key, _)| key.to_owned())
        .collect()
}

/// The form seen most; of equals the one with fewer capitals, then the first by bytes.
fn usual_surface(surfaces: &HashMap<String, u32>) -> String {
    let capitals = |s: &str| s.chars().filter(|c| c.is_uppercase()).count();
    let best = surfaces
        .iter()
        .max_by(|(a, x), (b, y)| x.cmp(y).then(capitals(b).cmp(&capitals(a))).then(b.cmp(a)));
    best.map(|(surface, _)| surface.clone()).unwrap_or_default()
}

fn join_keys(phrase: &[Word]) -> String {
    phrase.iter().map(|w| w.key.as_str()).collect()
}

fn join_surfaces(phrase: &[Word]) -> String {
    let separator = if phrase[0].unspaced { "" } else { " " };
    phrase
        .iter()
        .map(|w| w.surface.as_str())
        .collect::<Vec<_>>()
        .join(separator)
}

fn stems(phrase: &[Word]) -> Vec<String> {
    phrase
        .iter()
        .flat_map(|w| {
            if w.parts.is_empty() {
                vec![w.key.clone()]
            } else {
                w.parts.clone()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surfaces(texts: &[&str]) -> Vec<String> {
        let documents: Vec<Document<'_>> = texts
            .iter()
            .map(|text| Document {
                id: "x",
                title: "",
                text,
            })
            .collect();
        let members: Vec<usize> = (0..texts.len()).collect();
        topic_phrases(&documents, &members)
            .candidates
            .into_iter()
            .map(|c| c.surface)
            .collect()
    }

    #[test]
    fn phrases_cross_no_border_and_begin_and_end_with_a_subject() {
        let found = surfaces(&[
            "We propose novel graph kernels. Kernels of proteins, however, are a challenging visual cue.",
        ]);
        for wanted in ["graph kernels", "proteins", "visual cue"] {
            assert!(found.iter().any(|f| f == wanted), "{wanted} in {found:?}");
        }
        for fragment in [
            "novel graph",
            "kernels of",
            "proteins however",
            "challenging visual",
            "propose",
        ] {
            assert!(
                !found.iter().any(|f| f == fragment),
                "{fragment} in {found:?}"
            );
        }
    }

    #[test]
    fn variants_are_one_phrase_in_its_usual_form() {
        let documents: Vec<Document<'_>> = [
            "Language Models win",
            "a language model; language models, language models",
            "two language-models",
        ]
        .iter()
        .map(|text| Document {
            id: "x",
            title: "",
            text,
        })
        .collect();
        let found = topic_phrases(&documents, &[0, 1, 2]);
        let phrase = found
            .candidates
            .iter()
            .find(|c| c.key == "languagemodel")
            .expect("the phrase");
        assert_eq!((phrase.count, phrase.papers), (5, 3));
        assert_eq!(phrase.surface, "language models");
    }

    #[test]
    fn parts_of_a_longer_phrase_are_fragments() {
        let found = surfaces(&[
            "graph neural kernels",
            "graph neural kernels",
            "graph neural kernels",
        ]);
        assert_eq!(found, ["graph neural kernels"]);
    }

    #[test]
    fn many_papers_need_a_phrase_twice() {
        let texts: Vec<String> = (0..MANY_PAPERS)
            .map(|i| format!("proteins, singleton{i}abc"))
            .collect();
        assert_eq!(
            surfaces(&texts.iter().map(String::as_str).collect::<Vec<_>>()),
            ["proteins"]
        );
    }
}
