//! Whether the words of a topic stand together in papers: the words that tell it from others, and how coherent they are.
//!
//! Not for: names that people read; those are phrases, chosen otherwise.

use crate::stop_words::is_stop_word;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap, HashSet};

/// How coherent the words of topics are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coherence {
    /// Mean over the topics of two words or more, -1 to 1: larger is better, 0 is chance. 0 where there is no such topic.
    pub mean: f64,
    /// The same of each topic in order; nothing for a topic of fewer than two words.
    pub per_topic: Vec<Option<f64>>,
    /// Different words over all words of all topics, 0 to 1: larger means that topics share fewer.
    pub diversity: f64,
}

/// Normalised pointwise mutual information of the pairs of each topic's words, by the texts that they occur in together
/// (Bouma 2009): `ln(p(a, b) / (p(a) p(b))) / -ln p(a, b)`, -1 for a pair that no text has and 1 for one that all have.
/// Words are compared in lower case, as runs of at least two letters, digits and underscores.
#[must_use]
pub fn coherence(texts: &[&str], words: &[Vec<String>]) -> Coherence {
    let vocabulary: BTreeSet<&str> = words.iter().flatten().map(String::as_str).collect();
    let place: HashMap<&str, usize> = vocabulary.iter().copied().zip(0..).collect();
    let postings = postings(texts, &place);
    let pair = |a: &String, b: &String| {
        let (a, b) = (&postings[place[a.as_str()]], &postings[place[b.as_str()]]);
        npmi(a.len(), b.len(), shared(a, b), texts.len())
    };
    let of_topic = |topic: &Vec<String>| {
        let pairs = topic
            .iter()
            .enumerate()
            .flat_map(|(i, a)| topic[i + 1..].iter().map(move |b| (a, b)));
        let scores: Vec<f64> = pairs.map(|(a, b)| pair(a, b)).collect();
        (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
    };
    let per_topic: Vec<Option<f64>> = words.par_iter().map(of_topic).collect();
    let scored: Vec<f64> = per_topic.iter().copied().flatten().collect();
    let all = words.iter().map(Vec::len).sum::<usize>();
    Coherence {
        mean: scored.iter().sum::<f64>() / scored.len().max(1) as f64,
        per_topic,
        diversity: vocabulary.len() as f64 / all.max(1) as f64,
    }
}

/// The `count` words that tell each topic from all papers, best first: those of largest `p(w|t) ln(p(w|t) / p(w))`, the word's
/// part of the divergence of the topic from all papers (Kullback & Leibler 1951), where `p` is a share of texts. Stop words and
/// words no commoner in the topic than elsewhere are left out. Equals by their letters.
///
/// `topics[i]` is the topic of `texts[i]`, below `k`, or nothing for a paper in none. Of labelled arXiv papers and of ohsumed
/// these words are more coherent than those of class-based TF-IDF.
#[must_use]
pub fn topic_words(
    texts: &[&str],
    topics: &[Option<u32>],
    k: usize,
    count: usize,
) -> Vec<Vec<String>> {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); k];
    let mut none = Vec::new();
    for (i, topic) in topics.iter().enumerate().take(texts.len()) {
        match topic.and_then(|t| members.get_mut(t as usize)) {
            Some(members) => members.push(i),
            None => none.push(i),
        }
    }
    let count_of = |members: &Vec<usize>| text_counts(texts, members);
    let counts: Vec<HashMap<String, u32>> = members.par_iter().map(count_of).collect();
    let mut everywhere: HashMap<String, u32> = text_counts(texts, &none);
    for (word, n) in counts.iter().flatten() {
        *everywhere.entry(word.clone()).or_default() += n;
    }
    let n = texts.len() as f64;
    let best = |(own, members): (HashMap<String, u32>, &Vec<usize>)| {
        let weigh = |(word, in_topic): (String, u32)| {
            let p = f64::from(in_topic) / members.len() as f64;
            let weight = p * (p * n / f64::from(everywhere[&word])).ln();
            (weight > 0.0).then_some((weight, word))
        };
        let mut weighed: Vec<(f64, String)> = own.into_iter().filter_map(weigh).collect();
        weighed.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        weighed.truncate(count);
        weighed.into_iter().map(|(_, word)| word).collect()
    };
    counts.into_iter().zip(&members).map(best).collect()
}

/// In how many of these texts each word is that is no stop word.
fn text_counts(texts: &[&str], members: &[usize]) -> HashMap<String, u32> {
    let mut counts = HashMap::new();
    for &i in members {
        let lower = texts[i].to_lowercase();
        let distinct: HashSet<&str> = words_of(&lower).collect();
        for word in distinct.into_iter().filter(|word| !is_stop_word(word)) {
            match counts.get_mut(word) {
                Some(count) => *count += 1,
                None => drop(counts.insert(word.to_owned(), 1)),
            }
        }
    }
    counts
}

/// The texts that each word of the vocabulary is in, ascending.
fn postings(texts: &[&str], place: &HashMap<&str, usize>) -> Vec<Vec<u32>> {
    let found = |text: &&str| {
        let lower = text.to_lowercase();
        let known = words_of(&lower).filter_map(|word| place.get(word).copied());
        known.collect::<BTreeSet<usize>>()
    };
    let found: Vec<BTreeSet<usize>> = texts.par_iter().with_min_len(64).map(found).collect();
    let mut postings = vec![Vec::new(); place.len()];
    for (text, words) in (0u32..).zip(found) {
        words.into_iter().for_each(|word| postings[word].push(text));
    }
    postings
}

/// Runs of at least two word characters of a lower-case text.
fn words_of(lower: &str) -> impl Iterator<Item = &str> {
    lower
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| word.chars().nth(1).is_some())
}

/// How many numbers two ascending lists share.
fn shared(a: &[u32], b: &[u32]) -> usize {
    let (less, more) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    less.iter()
        .filter(|text| more.binary_search(text).is_ok())
        .count()
}

fn npmi(a: usize, b: usize, both: usize, n: usize) -> f64 {
    if both == 0 {
        return -1.0;
    }
    if both == n {
        return 1.0;
    }
    let p = |count: usize| count as f64 / n as f64;
    (p(both) / (p(a) * p(b))).ln() / -p(both).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 4] = [
        "Graph kernels",
        "graph kernels, a",
        "proteins",
        "proteins graph",
    ];

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|w| (*w).to_owned()).collect()
    }

    #[test]
    fn pairs_count_by_the_texts_that_have_both() {
        let topics = [
            words(&["graph", "kernels"]),
            words(&["kernels", "proteins"]),
            words(&["graph"]),
        ];
        let found = coherence(&TEXTS, &topics);
        // graph is in 3 of 4 texts, kernels in 2, both in 2: ln((2/4) / (3/4 * 2/4)) / -ln(2/4).
        let first = (0.5f64 / 0.375).ln() / 2f64.ln();
        assert!((found.per_topic[0].unwrap() - first).abs() < 1e-12);
        assert_eq!(found.per_topic[1..], [Some(-1.0), None]);
        assert!((found.mean - (first - 1.0) / 2.0).abs() < 1e-12);
        assert!((found.diversity - 0.6).abs() < 1e-12);
    }

    #[test]
    fn words_tell_a_topic_from_the_papers_of_others_and_of_none() {
        let topics = [Some(0), Some(0), Some(1), None];
        let found = topic_words(&TEXTS, &topics, 3, 10);
        assert_eq!(found[0], ["kernels", "graph"]);
        assert_eq!(found[1], ["proteins"]);
        assert!(found[2].is_empty());
        assert_eq!(topic_words(&TEXTS, &topics, 3, 1)[0], ["kernels"]);
    }

    #[test]
    fn nothing_gives_nothing() {
        let found = coherence(&[], &[]);
        assert_eq!((found.mean, found.diversity), (0.0, 0.0));
        assert!(found.per_topic.is_empty());
        assert_eq!(
            coherence(&["a b"], &[words(&["graph", "kernel"])]).mean,
            -1.0
        );
        assert_eq!(
            coherence(&["graph kernel"], &[words(&["graph", "kernel"])]).mean,
            1.0
        );
        assert!(topic_words(&[], &[], 2, 10).iter().all(Vec::is_empty));
    }
}
