//! The named topics of a library: made on request, then kept and brought up to date with its papers (`topic_update`).

use crate::derived::hex;
use crate::engine::Library;
use crate::topic_outliers::{MAX_OUTLIERS, OutlierReport};
use crate::topic_seeds::{SeedTopic, check_seeds, seed_vectors};
use crate::topic_state::Kept;
use crate::{
    ChangesReport, Event, GroupReport, Levels, LibraryError, Progress, derived, topic_graph,
};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::ops::ControlFlow;
use syntopic_core::{Paper, PaperId, paper_text};
use syntopic_embed::{Embedder, TextKind};
use syntopic_topics::{Document, Seeds, Tools, TopicOptions, Topics, check_levels};

/// How topics are asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TopicsRequest {
    /// How many; chosen from the data when not given.
    pub k: Option<usize>,
    /// Seed of the clustering; the default is fixed, so the same papers give the same topics.
    pub seed: Option<u64>,
    /// The model that names are compared with; must be the library's own, which is also the default.
    pub model: Option<String>,
    /// Least papers of a topic when topics are made; default 1.
    pub min_size: Option<usize>,
    /// How topics are grouped; default as those kept so far, else not at all.
    pub levels: Option<Levels>,
    /// Largest share of the papers that are called outliers, 0 to 1; default as for those kept so far, else [`crate::MAX_OUTLIERS`].
    pub max_outliers: Option<f64>,
    /// Topics that are asked for; default those kept so far.
    pub seeds: Vec<SeedTopic>,
    /// Least cosine of a paper to the seed topic that it is in; default: halfway between the mean of all papers and
    /// that of the nearest hundredth, for each.
    pub seed_threshold: Option<f32>,
    /// Whether the seed topics kept so far are given up; default no.
    pub unseed: bool,
    /// Whether topics are made anew though there are some that could be brought up to date; default no.
    pub fresh: bool,
}

/// One topic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TopicReport {
    /// Its number, which stays: from 0, largest topic first, when topics are made; later ones have the next free number.
    pub id: u32,
    /// Unique among the topics.
    pub name: String,
    /// Whether the user gave it that name.
    #[serde(default)]
    pub named_by_user: bool,
    /// What it is called where the user names it not: phrases of its own papers.
    #[serde(default)]
    pub made_name: String,
    /// The text that it was asked for by, of a seed topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// How many papers.
    pub size: usize,
    /// Mean cosine of its papers to its centre: larger is tighter, at most 1.
    pub tightness: f32,
    /// The phrases that tell it from the others, best first.
    pub terms: Vec<String>,
    /// The number of the group of the finest level that it is in, where topics are grouped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u32>,
    /// Ids of its papers, most central first.
    pub papers: Vec<String>,
    /// Titles of the same papers, in the same order.
    pub titles: Vec<String>,
}

/// A number of topics that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// How many topics.
    pub k: usize,
    /// Its mean silhouette: larger is better.
    pub score: f64,
    /// How much more often a paper and its nearest ones share a topic than by chance (modularity, at most 1); from 1,000 papers on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modularity: Option<f64>,
}

/// The topics of a library.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TopicsReport {
    /// By their numbers.
    pub topics: Vec<TopicReport>,
    /// How many topics.
    pub k: usize,
    /// Whether the user gave that number.
    pub k_given: bool,
    /// How it was chosen, in one line.
    pub k_method: String,
    /// The numbers that were tried.
    pub candidates: Vec<Candidate>,
    /// Mean silhouette over cosine distances: larger is better, from -1 to 1.
    pub silhouette: f32,
    /// How many papers.
    pub papers: usize,
    /// The seed used.
    pub seed: u64,
    /// Papers far from every topic, farthest first; each is listed in the topic nearest to it all the same.
    #[serde(default)]
    pub outliers: Vec<OutlierReport>,
    /// How many papers these are, as a share.
    #[serde(default)]
    pub outlier_share: f64,
    /// The largest such share that was asked for.
    #[serde(default)]
    pub max_outliers: f64,
    /// Groups of topics, coarsest level first; none where topics are not grouped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupReport>,
    /// What became of them when papers came or went last; none of topics just made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<ChangesReport>,
}

impl Library {
    /// The library's papers in named topics, kept for `related`, `info` and the next run: those of the run before are brought up
    /// to date, unless there are none, `request` says `fresh`, or it asks for another number, size or seed than they were made with.
    /// Papers and vectors are those of one moment, whatever other processes commit meanwhile.
    ///
    /// # Errors
    /// When the library is empty, `k` is 0 or above the number of papers, the model is not the library's, or
    /// `progress` asked to stop.
    pub fn topics(
        &mut self,
        request: &TopicsRequest,
        progress: &mut Progress<'_>,
    ) -> Result<TopicsReport, LibraryError> {
        self.at_one_moment(|library| library.topics_of_one_moment(request, progress))
    }

    fn topics_of_one_moment(
        &mut self,
        request: &TopicsRequest,
        progress: &mut Progress<'_>,
    ) -> Result<TopicsReport, LibraryError> {
        self.forget_other_rows()?;
        let options = options(request);
        options.check(self.load_snapshot()?.ids.len())?;
        if let Some(Levels::Numbers(numbers)) = &request.levels {
            check_levels(&[numbers, request.k.as_slice()].concat())?;
        }
        let most = request.max_outliers;
        if let Some(most) = most.filter(|most| !(0.0..=1.0).contains(most)) {
            return Err(LibraryError::OutlierShare(most));
        }
        check_seeds(&request.seeds)?;
        let before = self.kept_topics()?;
        let kept = topics_to_keep(before.as_ref(), request, progress);
        let asked = request.levels.clone().map(Levels::if_any);
        if let Some(kept) = kept {
            let mut kept = kept.clone();
            let regroup = asked.as_ref().is_some_and(|asked| *asked != kept.levels);
            if regroup {
                (kept.levels, kept.groups) = (asked.clone().flatten(), Vec::new());
            }
            let as_stored = !regroup && (most.is_none() || most == kept.max_outliers);
            kept.max_outliers = most.or(kept.max_outliers);
            if let Some(report) = self.update_topics(&kept, request, as_stored, progress)? {
                return Ok(report);
            }
        }
        let lasting = Lasting::of(request, asked, before.unwrap_or_default());
        self.make_topics(request, &options, lasting, progress)
    }

    fn make_topics(
        &mut self,
        request: &TopicsRequest,
        options: &TopicOptions,
        lasting: Lasting,
        progress: &mut Progress<'_>,
    ) -> Result<TopicsReport, LibraryError> {
        self.load_model(request.model.as_deref(), progress)?;
        let papers = self.papers_with_vectors()?;
        let (Some(snapshot), Some(embedder)) = (&self.snapshot, &self.embedder) else {
            return Err(LibraryError::Empty(self.folder.clone()));
        };
        let texts: Vec<String> = papers.iter().map(paper_text).collect();
        let documents = documents(&papers, &texts);
        let seeds = seed_vectors(embedder, &lasting.seeds)?;
        let progress = std::cell::RefCell::new(progress);
        let mut phrases =
            |phrases: &[String]| embed_phrases(embedder, phrases, &mut **progress.borrow_mut());
        let topics = syntopic_topics::topics(
            &snapshot.vectors,
            &documents,
            options,
            Tools {
                neighbors: &mut topic_graph::neighbors,
                embed_phrases: &mut phrases,
                seeds: seeds.as_ref().map(|vectors| Seeds {
                    vectors,
                    threshold: lasting.seed_threshold,
                }),
            },
            &mut |step| {
                let _ = (progress.borrow_mut())(topic_graph::event(step));
            },
        )?;
        let mut report = report(&topics, &papers, options.seed);
        let centres: Vec<&[f32]> = topics
            .topics
            .iter()
            .map(|t| t.centroid.as_slice())
            .collect();
        let progress = progress.into_inner();
        let made_from = hex(&snapshot.stamp.texts_sha256);
        let seeds = (&lasting.seeds[..], &lasting.seeds_before[..]);
        self.name_new_topics(&mut report, (&topics, &centres), seeds, progress)?;
        if let Some(levels) = &lasting.levels {
            let read = (&papers[..], &texts[..]);
            self.group_topics(&mut report, levels, &[], read, progress)?;
        }
        self.mark_outliers(&mut report, lasting.max_outliers.unwrap_or(MAX_OUTLIERS))?;
        let settled = vec![true; papers.len()];
        let next = report.topics.len() as u32;
        let kept = Kept::of(&report, &centres, (&papers, &texts, &settled), next);
        let kept = Kept {
            k: request.k,
            min_size: request.min_size,
            levels: lasting.levels,
            max_outliers: lasting.max_outliers,
            seeds: lasting.seeds,
            seed_threshold: lasting.seed_threshold,
            made_from,
            ..kept
        };
        self.keep_topics(&report, progress)?;
        self.keep_for_later(&kept, progress);
        Ok(report)
    }

    /// Keeps the topics of the present papers until those change.
    pub(crate) fn keep_topics(
        &self,
        report: &TopicsReport,
        progress: &mut Progress<'_>,
    ) -> Result<(), LibraryError> {
        let Some(snapshot) = &self.snapshot else {
            return Err(LibraryError::Empty(self.folder.clone()));
        };
        let json = serde_json::to_string(report).unwrap_or_default();
        let sealed = derived::seal(&json, &snapshot.stamp.texts_sha256);
        derived::keep(&self.folder.join("topics.json"), &sealed, progress);
        Ok(())
    }

    /// The topics made last, if the papers have not changed since.
    ///
    /// # Errors
    /// When the library cannot be read.
    pub fn stored_topics(&mut self) -> Result<Option<TopicsReport>, LibraryError> {
        let made_from = self.stamp()?.texts_sha256;
        let bytes = std::fs::read(self.folder.join("topics.json")).ok();
        let json = bytes.and_then(|bytes| derived::unseal(&bytes, &made_from));
        Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
    }

    /// The topic's name of every id, or `None` with a note when there are no topics of these papers.
    pub(crate) fn topic_names(
        &mut self,
        ids: &[PaperId],
        notes: &mut Vec<String>,
    ) -> Result<Option<Vec<Option<String>>>, LibraryError> {
        let Some(report) = self.stored_topics()? else {
            let state = if self.folder.join("topics.json").exists() {
                "out of date"
            } else {
                "not made yet"
            };
            notes.push(format!("topics are {state}: `syntopic topics` makes them"));
            return Ok(None);
        };
        let names: HashMap<&str, &str> = report
            .topics
            .iter()
            .flat_map(|topic| {
                topic
                    .papers
                    .iter()
                    .map(|paper| (paper.as_str(), topic.name.as_str()))
            })
            .collect();
        Ok(Some(
            ids.iter()
                .map(|id| names.get(id.as_str()).map(|name| (*name).to_owned()))
                .collect(),
        ))
    }

    /// The papers of the snapshot's rows, in their order.
    pub(crate) fn papers_with_vectors(&self) -> Result<Vec<Paper>, LibraryError> {
        let Some(snapshot) = &self.snapshot else {
            return Ok(Vec::new());
        };
        let mut papers = self.store()?.papers()?;
        papers.retain(|paper| snapshot.ids.binary_search(&paper.id).is_ok());
        Ok(papers)
    }
}

/// What was asked for once and goes for the topics made now too.
struct Lasting {
    levels: Option<Levels>,
    max_outliers: Option<f64>,
    seeds: Vec<SeedTopic>,
    seed_threshold: Option<f32>,
    /// Seeds whose names are given up where they are no more.
    seeds_before: Vec<SeedTopic>,
}

impl Lasting {
    fn of(request: &TopicsRequest, levels: Option<Option<Levels>>, before: Kept) -> Self {
        // A depth goes for any number of topics.
        let as_before = (before.levels).filter(|levels| matches!(levels, Levels::Depth(_)));
        let keep_seeds = request.seeds.is_empty() && !request.unseed;
        Self {
            levels: levels.unwrap_or(as_before),
            max_outliers: request.max_outliers.or(before.max_outliers),
            seeds: if keep_seeds {
                before.seeds.clone()
            } else {
                request.seeds.clone()
            },
            seed_threshold: (request.seed_threshold)
                .or(before.seed_threshold.filter(|_| keep_seeds)),
            seeds_before: before.seeds,
        }
    }
}

/// How topics are found that are asked for so.
fn options(request: &TopicsRequest) -> TopicOptions {
    let options = TopicOptions::default();
    TopicOptions {
        k: request.k,
        min_size: request.min_size.unwrap_or(options.min_size),
        seed: request.seed.unwrap_or(options.seed),
        ..options
    }
}

/// The topics of the run before, where they are such as were asked for.
fn topics_to_keep<'k>(
    kept: Option<&'k Kept>,
    request: &TopicsRequest,
    progress: &mut Progress<'_>,
) -> Option<&'k Kept> {
    let kept = kept.filter(|_| !request.fresh)?;
    let others = (request.k.is_some() && request.k != kept.k)
        || request.seed.is_some_and(|seed| seed != kept.seed)
        || (request.min_size).is_some_and(|least| least != kept.min_size.unwrap_or(1))
        || (!request.seeds.is_empty() && request.seeds != kept.seeds)
        || (request.unseed && !kept.seeds.is_empty())
        || (request.seed_threshold.is_some() && request.seed_threshold != kept.seed_threshold);
    if others {
        let _ = progress(Event::Note(
            "the topics kept so far were made with another -k, --seed, --min-size or --seed-topic: these are made anew",
        ));
    }
    (!others).then_some(kept)
}

/// What the topics crate reads of papers and their texts.
pub(crate) fn documents<'a>(papers: &'a [Paper], texts: &'a [String]) -> Vec<Document<'a>> {
    let pairs = papers.iter().zip(texts);
    pairs
        .map(|(paper, text)| Document {
            id: paper.id.as_str(),
            title: &paper.title,
            text,
        })
        .collect()
}

/// Unit vectors of phrases, embedded as papers are.
pub(crate) fn embed_phrases(
    embedder: &Embedder,
    phrases: &[String],
    progress: &mut Progress<'_>,
) -> Result<syntopic_core::Embeddings, Box<dyn std::error::Error + Send + Sync>> {
    let embedded = embedder.embed(phrases, TextKind::Document, &mut |p| {
        let _ = progress(Event::Topics {
            step: "embedding phrases",
            done: p.done,
            of: p.of,
        });
        ControlFlow::Continue(())
    })?;
    Ok(embedded.vectors)
}

fn report(topics: &Topics, papers: &[Paper], seed: u64) -> TopicsReport {
    let reports = topics
        .topics
        .iter()
        .map(|topic| TopicReport {
            id: topic.id,
            name: topic.name.clone(),
            named_by_user: false,
            made_name: topic.name.clone(),
            size: topic.size,
            tightness: topic.tightness,
            terms: topic.terms.iter().map(|term| term.phrase.clone()).collect(),
            parent: None,
            seed: None,
            papers: topic
                .members
                .iter()
                .map(|&m| papers[m].id.to_string())
                .collect(),
            titles: topic
                .members
                .iter()
                .map(|&m| papers[m].title.clone())
                .collect(),
        })
        .collect();
    TopicsReport {
        topics: reports,
        k: topics.choice.k,
        k_given: topics.choice.given,
        k_method: topics.choice.method.clone(),
        candidates: topics
            .choice
            .candidates
            .iter()
            .map(|candidate| Candidate {
                k: candidate.k,
                score: f64::from(candidate.score),
                modularity: candidate.modularity.map(f64::from),
            })
            .collect(),
        silhouette: topics.silhouette,
        papers: papers.len(),
        seed,
        ..TopicsReport::default()
    }
}
