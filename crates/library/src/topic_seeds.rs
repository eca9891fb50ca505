//! Topics that a user asks for by a name and some words, kept with the library so that later runs have them too.
//!
//! Not for: which papers are near enough to them (`syntopic_topics`).

use crate::engine::Library;
use crate::topic_names::{Given, free_name, give_names};
use crate::{Event, LibraryError, Progress, TopicsReport};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use syntopic_core::Embeddings;
use syntopic_embed::{Embedder, TextKind};
use syntopic_topics::Topics;

/// A topic that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedTopic {
    /// What it is called.
    pub name: String,
    /// What it is about, the name included: papers are compared with it.
    pub text: String,
}

impl SeedTopic {
    /// Reads "name: what it is about", or a text that is both; nothing of one without letters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, about) = text.split_once(':').unwrap_or((text, ""));
        let (name, about) = (name.trim(), about.trim());
        let text = [name, about].map(|part| part.trim_end_matches('.'));
        name.chars().any(char::is_alphanumeric).then(|| Self {
            name: name.to_owned(),
            text: text.join(". ").trim_end_matches(". ").to_owned(),
        })
    }
}

/// The vectors of seeds, embedded as a text that is searched with.
pub(crate) fn seed_vectors(
    embedder: &Embedder,
    seeds: &[SeedTopic],
) -> Result<Option<Embeddings>, LibraryError> {
    if seeds.is_empty() {
        return Ok(None);
    }
    let texts: Vec<&str> = seeds.iter().map(|seed| seed.text.as_str()).collect();
    let embedded = embedder.embed(&texts, TextKind::Query, &mut |_| ControlFlow::Continue(()))?;
    Ok(Some(embedded.vectors))
}

/// That no two seeds are called the same.
pub(crate) fn check_seeds(seeds: &[SeedTopic]) -> Result<(), LibraryError> {
    for (at, seed) in seeds.iter().enumerate() {
        if seeds[..at]
            .iter()
            .any(|other| same(&other.name, &seed.name))
        {
            return Err(LibraryError::TopicNameTaken(seed.name.clone()));
        }
    }
    Ok(())
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

/// Says of the topics which seed they are of, by the names that seeds keep.
pub(crate) fn mark_seeds(report: &mut TopicsReport, seeds: &[SeedTopic]) {
    for topic in report.topics.iter_mut().filter(|t| t.named_by_user) {
        let seed = seeds.iter().find(|seed| seed.name == topic.name);
        topic.seed = seed.map(|seed| seed.text.clone());
    }
}

impl Library {
    /// Names the topics just made, whose centres are in the same order: by their seeds, and by the names that users gave to such
    /// topics before. Names of the seeds of `before` are given up.
    pub(crate) fn name_new_topics(
        &mut self,
        report: &mut TopicsReport,
        (topics, centres): (&Topics, &[&[f32]]),
        (seeds, before): (&[SeedTopic], &[SeedTopic]),
        progress: &mut Progress<'_>,
    ) -> Result<(), LibraryError> {
        let mut given = self.given_names()?;
        let is_seed = |given: &Given| {
            let mut all = seeds.iter().chain(before);
            all.any(|seed| same(&seed.name, &given.name))
        };
        given.retain(|given| !is_seed(given));
        give_names(&given, &mut report.topics, centres, progress);
        if seeds.is_empty() && before.is_empty() {
            return Ok(());
        }
        for (at, topic) in topics.topics.iter().enumerate() {
            if let Some(seed) = topic.seed.map(|seed| &seeds[seed]) {
                report.topics[at].name.clone_from(&seed.name);
                report.topics[at].named_by_user = true;
                given.push(Given {
                    name: seed.name.clone(),
                    centre: topic.centroid.clone(),
                });
            }
        }
        for at in 0..topics.topics.len() {
            if topics.topics[at].seed.is_none() {
                let name = report.topics[at].name.clone();
                report.topics[at].name = free_name(&report.topics, at, name);
            }
        }
        self.keep_given(&given)?;
        mark_seeds(report, seeds);
        tell_seeds(topics, seeds, progress);
        Ok(())
    }
}

/// Says how many papers each seed has, and from which cosine on.
fn tell_seeds(topics: &Topics, seeds: &[SeedTopic], progress: &mut Progress<'_>) {
    for (at, (seed, least)) in seeds.iter().zip(&topics.seed_thresholds).enumerate() {
        let size = topics.topics.iter().find(|topic| topic.seed == Some(at));
        let name = &seed.name;
        let note = match size.map(|topic| topic.size) {
            Some(size) => {
                format!("seed topic {name:?}: {size} papers of cosine {least:.2} or more")
            }
            None => format!(
                "seed topic {name:?}: no paper has a cosine of {least:.2} or more, so there is no such topic; --seed-threshold says how \
                 near is enough"
            ),
        };
        let _ = progress(Event::Note(&note));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_a_name_and_a_text() {
        let seed = |text: &str| SeedTopic::parse(text).map(|seed| (seed.name, seed.text));
        let of = |name: &str, text: &str| Some((name.to_owned(), text.to_owned()));
        assert_eq!(
            seed("vision: masked images, contrast."),
            of("vision", "vision. masked images, contrast")
        );
        assert_eq!(
            seed(" graph networks "),
            of("graph networks", "graph networks")
        );
        assert_eq!(seed("graphs:"), of("graphs", "graphs"));
        for wrong in ["", " : x", "..."] {
            assert_eq!(seed(wrong), None, "{wrong}");
        }
        let twice = [seed("a: b"), seed("A: c")].map(|seed| {
            let (name, text) = seed.unwrap();
            SeedTopic { name, text }
        });
        assert!(check_seeds(&twice).is_err() && check_seeds(&twice[..1]).is_ok());
    }
}
