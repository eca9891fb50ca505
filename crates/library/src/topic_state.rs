//! The topics that a library keeps from run to run: their numbers, names, centres and papers, in the database, so that they
//! outlast `topics.json`.
//!
//! Not for: the report that users see (`topics`), or names that users gave (`topic_names`, which finds them again among other
//! topics too).

use crate::derived::hex;
use crate::engine::Library;
use crate::rows::{Sha, Snapshot};
use crate::store::set_meta;
use crate::{
    Candidate, ChangesReport, Event, GroupReport, Levels, LibraryError, Progress, SeedTopic,
    TopicReport, TopicsReport,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use syntopic_core::Paper;
use syntopic_topics::{Place, TopicOptions};

/// Where they are recorded in the database.
pub(crate) const KEY: &str = "topics";

/// The topics as the last run left them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// How many were asked for when they were made, if that was said.
    pub(crate) k: Option<usize>,
    /// The least papers of a topic that were asked for, if that was said.
    #[serde(default)]
    pub(crate) min_size: Option<usize>,
    /// How they are grouped, if they are.
    #[serde(default)]
    pub(crate) levels: Option<Levels>,
    /// The largest share of outliers that was asked for, if that was said.
    #[serde(default)]
    pub(crate) max_outliers: Option<f64>,
    /// Topics that were asked for.
    #[serde(default)]
    pub(crate) seeds: Vec<SeedTopic>,
    /// How near papers had to be to these, if that was said.
    #[serde(default)]
    pub(crate) seed_threshold: Option<f32>,
    /// The groups.
    #[serde(default)]
    pub(crate) groups: Vec<GroupReport>,
    /// The seed that they were made with.
    pub(crate) seed: u64,
    /// How their number came about when they were made.
    pub(crate) k_method: String,
    /// The numbers that were tried then.
    pub(crate) candidates: Vec<Candidate>,
    /// What the papers were known by.
    pub(crate) made_from: String,
    /// The next free number.
    pub(crate) next: u32,
    /// By their numbers.
    pub(crate) topics: Vec<KeptTopic>,
    /// What the last update found; none of topics just made.
    pub(crate) changes: Option<ChangesReport>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeptTopic {
    pub(crate) number: u32,
    /// Whether the user named it: where it is now is where that name belongs.
    pub(crate) named_by_user: bool,
    pub(crate) name: String,
    pub(crate) made_name: String,
    pub(crate) terms: Vec<String>,
    /// Unit vector.
    pub(crate) centre: Vec<f32>,
    /// Papers that were there when it was made, each an id and the beginning of the SHA-256 of its text.
    pub(crate) settled: Vec<(String, String)>,
    /// Papers that joined it since.
    pub(crate) joined: Vec<(String, String)>,
}

/// What a paper's text is known by.
pub(crate) fn text_key(text: &str) -> String {
    let sha: Sha = Sha256::digest(text.as_bytes()).into();
    hex(&sha[..8])
}

impl Kept {
    /// The topics of a report, whose centres are `centres` in the same order, with papers, their texts and whether they are
    /// settled in one order. What they were asked with and made from is left to the caller.
    pub(crate) fn of(
        report: &TopicsReport,
        centres: &[&[f32]],
        (papers, texts, settled): (&[Paper], &[String], &[bool]),
        next: u32,
    ) -> Self {
        let rows: HashMap<&str, usize> = (papers.iter().enumerate())
            .map(|(row, paper)| (paper.id.as_str(), row))
            .collect();
        let keep = |(topic, centre): (&TopicReport, &&[f32])| {
            let known = topic.papers.iter().filter_map(|id| rows.get(id.as_str()));
            let (there, since): (Vec<usize>, Vec<usize>) = known.partition(|row| settled[**row]);
            let keys = |rows: Vec<usize>| -> Vec<(String, String)> {
                let key = |row: usize| (papers[row].id.to_string(), text_key(&texts[row]));
                rows.into_iter().map(key).collect()
            };
            KeptTopic {
                number: topic.id,
                named_by_user: topic.named_by_user,
                name: topic.name.clone(),
                made_name: topic.made_name.clone(),
                terms: topic.terms.clone(),
                centre: centre.to_vec(),
                settled: keys(there),
                joined: keys(since),
            }
        };
        Self {
            k: None,
            min_size: None,
            levels: None,
            max_outliers: None,
            seeds: Vec::new(),
            seed_threshold: None,
            groups: report.groups.clone(),
            seed: report.seed,
            k_method: report.k_method.clone(),
            candidates: report.candidates.clone(),
            made_from: String::new(),
            next,
            topics: report.topics.iter().zip(centres).map(keep).collect(),
            changes: report.changes.clone(),
        }
    }

    /// How topics are found, as when these were made; but not how many.
    pub(crate) fn options(&self) -> TopicOptions {
        TopicOptions {
            seed: self.seed,
            ..TopicOptions::default()
        }
    }

    /// The topics as an update needs them.
    pub(crate) fn as_they_were(&self) -> Vec<syntopic_topics::KeptTopic> {
        let topic = |topic: &KeptTopic| syntopic_topics::KeptTopic {
            number: topic.number,
            centre: topic.centre.clone(),
        };
        self.topics.iter().map(topic).collect()
    }

    /// Where each paper of a library, by ids and texts in the same order, was; and how many papers are no longer there. A paper
    /// with another text is a new one.
    pub(crate) fn places(&self, snapshot: &Snapshot, texts: &[String]) -> (Vec<Place>, usize) {
        let mut of: HashMap<&str, (&str, Place)> = HashMap::new();
        for (at, topic) in self.topics.iter().enumerate() {
            let settled = topic
                .settled
                .iter()
                .map(|paper| (paper, Place::Settled(at)));
            let joined = topic.joined.iter().map(|paper| (paper, Place::Joined(at)));
            of.extend(
                settled
                    .chain(joined)
                    .map(|((id, key), p)| (id.as_str(), (key.as_str(), p))),
            );
        }
        let before = of.len();
        let place = |(id, text): (&syntopic_core::PaperId, &String)| match of.get(id.as_str()) {
            Some((key, place)) if *key == text_key(text) => *place,
            _ => Place::New,
        };
        let places: Vec<Place> = snapshot.ids.iter().zip(texts).map(place).collect();
        let still = snapshot
            .ids
            .iter()
            .filter(|id| of.contains_key(id.as_str()));
        let left = before - still.count();
        (places, left)
    }
}

impl Library {
    /// The topics kept from the last run. Unreadable ones are none: they can be made anew.
    pub(crate) fn kept_topics(&self) -> Result<Option<Kept>, LibraryError> {
        let text = self.store()?.meta(KEY)?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Keeps the topics for the next run; that they cannot be kept is said and no failure, since they are at hand.
    pub(crate) fn keep_for_later(&mut self, kept: &Kept, progress: &mut Progress<'_>) {
        let text = serde_json::to_string(kept).unwrap_or_default();
        let Some(store) = self.store.as_mut() else {
            return;
        };
        if let Err(error) = store.write(|tx| set_meta(tx, KEY, &text)) {
            let note = format!("the topics could not be kept for the next run: {error}");
            let _ = progress(Event::Note(&note));
        }
    }
}
