//! Topics to names: which phrases of its own papers tell a topic from the others.
//!
//! A phrase's weight is its class-based TF-IDF (Grootendorst 2022, "BERTopic"), `tf * ln(1 + A / f)`, with `tf` its share of the
//! topic's words, `f` its occurrences in all topics and `A` the mean number of words a topic has; times how widely it is used
//! in the topic, and times the topic's share of its frequency in all topics, so that what every topic says names none. The phrases of largest weight are ranked again with the nearness of their vector to the topic's centroid, and
//! taken one by one by maximal marginal relevance (Carbonell & Goldstein 1998), so that they differ from each other.

use crate::candidates::{Candidate, TopicPhrases};
use crate::topics::{PhraseEmbedder, Term};
use crate::{TopicOptions, TopicsError};
use std::collections::{BTreeMap, HashMap, HashSet};
use syntopic_core::{Embeddings, Row, dot};

/// Phrases of a topic that are embedded.
const EMBEDDED: usize = 40;
/// Share of nearness in the final score; the rest is the weight.
const NEARNESS: f32 = 0.6;
/// Share of the score in maximal marginal relevance; the rest is the difference from the phrases taken.
const RELEVANCE: f32 = 0.7;

/// A single word is vaguer than a phrase.
const SINGLE_WORD: f32 = 0.85;

/// Phrases that share more than this of their words say the same and do not stand in one name; two shared words are enough
/// from half on ("transfer learning" beside "contrastive learning" is fine).
const SAME: f32 = 0.6;

/// A phrase on its way into a name.
#[derive(Debug, Clone)]
struct Scored {
    key: String,
    surface: String,
    stems: Vec<String>,
    weight: f64,
    /// Weight and nearness mixed, 0 to 1.
    score: f32,
}

/// Name and terms of a topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// Phrases of its own papers joined by ", ".
    pub name: String,
    /// Its best phrases, best first.
    pub terms: Vec<Term>,
}

/// What names are wanted, in the order of the topics.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// Used where a topic has no phrase.
    pub(crate) fallbacks: &'a [String],
    /// The name of a topic that has one and keeps it.
    pub(crate) known: &'a [Option<&'a str>],
    /// Names that others have.
    pub(crate) taken: &'a [&'a str],
}

/// Names for all topics: `phrases`, `centroids` (unit, `dim` numbers each) and what is `wanted` in the same order. Topics whose
/// name is known keep it and get no terms.
pub(crate) fn name_topics(
    phrases: &[TopicPhrases],
    centroids: &[&[f32]],
    wanted: Wanted<'_>,
    options: &TopicOptions,
    embed_phrases: &mut PhraseEmbedder<'_>,
) -> Result<Vec<Label>, TopicsError> {
    let mut scored = weigh(phrases);
    // Their phrases have weighed against the others' by now, and need no vector.
    let known = scored.iter_mut().zip(wanted.known);
    known
        .filter(|(_, name)| name.is_some())
        .for_each(|(topic, _)| topic.clear());
    let dim = centroids.first().map_or(0, |c| c.len());
    let (rows, vectors) = embed_all(&scored, dim, embed_phrases)?;
    if let Some(vectors) = &vectors {
        for (topic, centroid) in scored.iter_mut().zip(centroids) {
            score(topic, |key| dot(vectors.row(rows[key]), centroid));
        }
    }
    let similarity = |a: &Scored, b: &Scored| match &vectors {
        Some(vectors) => {
            dot(vectors.row(rows[&a.key]), vectors.row(rows[&b.key])).max(overlap(a, b))
        }
        None => overlap(a, b),
    };
    let ranked: Vec<Vec<Scored>> = scored
        .into_iter()
        .map(|topic| rank(topic, &similarity))
        .collect();
    let names = unique_names(&ranked, wanted, options.name_phrases);
    let terms = ranked.iter().map(|topic| terms(topic, options.terms));
    Ok(names
        .into_iter()
        .zip(terms)
        .map(|(name, terms)| Label { name, terms })
        .collect())
}

/// The phrases of largest weight of each topic, largest first.
fn weigh(topics: &[TopicPhrases]) -> Vec<Vec<Scored>> {
    let mut everywhere: HashMap<&str, (u64, f64)> = HashMap::new();
    for topic in topics {
        for candidate in &topic.candidates {
            let total = everywhere.entry(&candidate.key).or_default();
            total.0 += u64::from(candidate.count);
            total.1 += f64::from(candidate.count) / topic.words.max(1) as f64;
        }
    }
    let mean_words =
        topics.iter().map(|t| t.words).sum::<u64>() as f64 / topics.len().max(1) as f64;
    let weigh_one = |topic: &TopicPhrases, candidate: &Candidate| {
        let (count, frequency) = everywhere[candidate.key.as_str()];
        let tf = f64::from(candidate.count) / topic.words.max(1) as f64;
        let share = tf / frequency;
        let weight = tf
            * (1.0 + mean_words / count as f64).ln()
            * spread(candidate, topic.papers)
            * length_bonus(candidate)
            * share;
        Scored {
            key: candidate.key.clone(),
            surface: candidate.surface.clone(),
            stems: candidate.stems.clone(),
            weight,
            score: 0.0,
        }
    };
    let best = |topic: &TopicPhrases| {
        let mut scored: Vec<Scored> = topic
            .candidates
            .iter()
            .map(|c| weigh_one(topic, c))
            .collect();
        scored.sort_by(|a, b| {
            b.weight
                .total_cmp(&a.weight)
                .then_with(|| a.key.cmp(&b.key))
        });
        scored.truncate(EMBEDDED);
        let most = scored.first().map_or(1.0, |s| s.weight);
        scored
            .iter_mut()
            .for_each(|s| s.score = (s.weight / most).sqrt() as f32);
        scored
    };
    topics.iter().map(best).collect()
}

/// Phrases used in several papers are preferred: the root of the share of papers, less than half for a phrase of one paper among several.
fn spread(candidate: &Candidate, papers: usize) -> f64 {
    let share = f64::from(candidate.papers) / papers.max(1) as f64;
    let alone = if candidate.papers == 1 && papers > 2 {
        0.4
    } else {
        1.0
    };
    let title = if candidate.titles > 0 { 1.3 } else { 1.0 };
    share.sqrt() * alone * title
}

/// A phrase of two or three words says more than its words, but occurs less.
fn length_bonus(candidate: &Candidate) -> f64 {
    match candidate.stems.len() {
        0 | 1 => 1.0,
        2 => 1.8,
        _ => 2.0,
    }
}

type Vectors = (HashMap<String, Row>, Option<Embeddings>);

/// One call for all phrases of all topics, each phrase once, in the order of their keys.
fn embed_all(
    topics: &[Vec<Scored>],
    dim: usize,
    embed_phrases: &mut PhraseEmbedder<'_>,
) -> Result<Vectors, TopicsError> {
    let mut surfaces: BTreeMap<&str, &str> = BTreeMap::new();
    for phrase in topics.iter().flatten() {
        surfaces.entry(&phrase.key).or_insert(&phrase.surface);
    }
    let rows = surfaces
        .keys()
        .enumerate()
        .map(|(i, key)| ((*key).to_owned(), Row::from_index(i)))
        .collect();
    let texts: Vec<String> = surfaces.into_values().map(str::to_owned).collect();
    if texts.is_empty() {
        return Ok((rows, None));
    }
    let vectors = embed_phrases(&texts).map_err(TopicsError::EmbedPhrases)?;
    if vectors.n_rows() != texts.len() || vectors.dim() != dim {
        return Err(TopicsError::PhraseRows {
            got_rows: vectors.n_rows(),
            got_dim: vectors.dim(),
            phrases: texts.len(),
            dim,
        });
    }
    Ok((rows, Some(vectors)))
}

/// Mixes weight and nearness; the nearness of a topic's phrases is spread over 0 to 1.
fn score(topic: &mut [Scored], nearness: impl Fn(&str) -> f32) {
    let near: Vec<f32> = topic.iter().map(|phrase| nearness(&phrase.key)).collect();
    let low = near.iter().copied().fold(f32::INFINITY, f32::min);
    let high = near.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for (phrase, near) in topic.iter_mut().zip(near) {
        let near = if high > low {
            (near - low) / (high - low)
        } else {
            1.0
        };
        let single = if phrase.stems.len() == 1 {
            SINGLE_WORD
        } else {
            1.0
        };
        phrase.score = single * (NEARNESS * near + (1.0 - NEARNESS) * phrase.score);
    }
}

/// The phrases by maximal marginal relevance, best first. `similarity` is 1 for the same phrase.
fn rank(mut left: Vec<Scored>, similarity: &impl Fn(&Scored, &Scored) -> f32) -> Vec<Scored> {
    let mut taken: Vec<Scored> = Vec::with_capacity(left.len());
    let mut nearest = vec![0f32; left.len()];
    while !left.is_empty() {
        let value = |i: usize| RELEVANCE * left[i].score - (1.0 - RELEVANCE) * nearest[i];
        let best = (0..left.len()).max_by(|&a, &b| {
            value(a)
                .total_cmp(&value(b))
                .then_with(|| left[b].key.cmp(&left[a].key))
        });
        let best = best.expect("left is not empty");
        let phrase = left.swap_remove(best);
        nearest.swap_remove(best);
        for (other, near) in left.iter().zip(nearest.iter_mut()) {
            *near = near.max(similarity(&phrase, other));
        }
        taken.push(phrase);
    }
    taken
}

/// Whether two phrases are too alike to stand in one name.
fn says_the_same(a: &Scored, b: &Scored) -> bool {
    let overlap = overlap(a, b);
    let shared = overlap * a.stems.len().min(b.stems.len()) as f32;
    overlap > SAME || (shared > 1.5 && overlap >= 0.5)
}

/// Share of the shorter phrase's words that the other has too; 1 where one contains the other or is its initials.
fn overlap(a: &Scored, b: &Scored) -> f32 {
    let words: HashSet<&String> = a.stems.iter().collect();
    let shared = b
        .stems
        .iter()
        .collect::<HashSet<_>>()
        .iter()
        .filter(|s| words.contains(**s))
        .count();
    let contained = a.key.contains(&b.key) || b.key.contains(&a.key);
    let initials = |phrase: &Scored| {
        phrase
            .stems
            .iter()
            .filter_map(|s| s.chars().next())
            .collect::<String>()
    };
    let abbreviated =
        (a.stems.len() > 1 && initials(a) == b.key) || (b.stems.len() > 1 && initials(b) == a.key);
    if contained || abbreviated {
        1.0
    } else {
        shared as f32 / a.stems.len().min(b.stems.len()).max(1) as f32
    }
}

/// The first `count` phrases of each topic that belong to it rather than to another; more where that is the name of another topic.
/// What stands in a name that is known is that topic's.
fn unique_names(ranked: &[Vec<Scored>], wanted: Wanted<'_>, count: usize) -> Vec<String> {
    let mut owners: HashMap<&str, (f32, usize)> = HashMap::new();
    for (topic, phrases) in ranked.iter().enumerate() {
        for phrase in phrases {
            let owner = owners.entry(&phrase.key).or_insert((phrase.score, topic));
            if phrase.score > owner.0 {
                *owner = (phrase.score, topic);
            }
        }
    }
    let known = wanted.known.iter().flatten();
    let mut used: HashSet<String> = known.map(|name| name.to_lowercase()).collect();
    let taken: HashSet<String> = (used.iter())
        .flat_map(|name| name.split(", ").map(str::to_owned))
        .collect();
    used.extend(wanted.taken.iter().map(|name| name.to_lowercase()));
    let mut names = Vec::with_capacity(ranked.len());
    for (topic, phrases) in ranked.iter().enumerate() {
        if let Some(name) = wanted.known[topic] {
            names.push(name.to_owned());
            continue;
        }
        let (own, others): (Vec<&Scored>, Vec<&Scored>) = phrases.iter().partition(|p| {
            owners[p.key.as_str()].1 == topic && !taken.contains(&p.surface.to_lowercase())
        });
        let fallback = &wanted.fallbacks[topic];
        let name = first_unused(&own, &others, fallback, count, &used);
        used.insert(name.to_lowercase());
        names.push(name);
    }
    names
}

/// A name that no other topic has: of the topic's own phrases, then those it shares, then the fallback, then a number.
fn first_unused(
    own: &[&Scored],
    others: &[&Scored],
    fallback: &str,
    count: usize,
    used: &HashSet<String>,
) -> String {
    let mut parts: Vec<&Scored> = Vec::new();
    let mut name = String::new();
    for phrase in own.iter().chain(others) {
        if parts.iter().any(|part| says_the_same(part, phrase)) {
            continue;
        }
        parts.push(phrase);
        name = parts
            .iter()
            .map(|p| p.surface.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        if parts.len() >= count && !used.contains(&name.to_lowercase()) {
            return name;
        }
    }
    if name.is_empty() {
        name = fallback.to_owned();
    }
    let numbered = (2..).map(|i| format!("{name} ({i})"));
    std::iter::once(name.clone())
        .chain(numbered)
        .find(|name| !used.contains(&name.to_lowercase()))
        .expect("numbers do not end")
}

/// The first terms, none containing an earlier one or contained in it.
fn terms(ranked: &[Scored], count: usize) -> Vec<Term> {
    let mut taken: Vec<&Scored> = Vec::new();
    for phrase in ranked {
        if taken.len() < count && taken.iter().all(|t| overlap(t, phrase) < 1.0) {
            taken.push(phrase);
        }
    }
    taken
        .into_iter()
        .map(|s| Term {
            phrase: s.surface.clone(),
            score: s.score,
        })
        .collect()
}
