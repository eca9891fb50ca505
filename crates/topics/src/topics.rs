//! From vectors and texts to named topics: the steps in order, and what comes out.

use crate::candidates::{TopicPhrases, topic_phrases};
use crate::graph::NeighborFinder;
use crate::kmeans::{Clustering, centroid};
use crate::names::{Label, Wanted, name_topics};
use crate::order::canonical_order;
use crate::partition::check;
use crate::seeds::{Seeds, partition_guided};
use crate::silhouette::silhouette;
use crate::{TopicOptions, TopicsError};
use rayon::prelude::*;
use serde::Serialize;
use syntopic_core::{Embeddings, Row, dot};

/// What topics need of a paper beside its vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document<'a> {
    /// Its id; results are numbered and ties broken by it.
    pub id: &'a str,
    /// Its title, may be empty.
    pub title: &'a str,
    /// Title and abstract.
    pub text: &'a str,
}

/// Embeds phrases with the model that made the papers' vectors: one unit row a phrase, in order. Called at most once.
pub type PhraseEmbedder<'a> =
    dyn FnMut(&[String]) -> Result<Embeddings, Box<dyn std::error::Error + Send + Sync>> + 'a;

/// What topics need of others: the index and the model.
pub struct Tools<'a, 'b> {
    /// Finds neighbours.
    pub neighbors: &'a mut NeighborFinder<'b>,
    /// Embeds phrases.
    pub embed_phrases: &'a mut PhraseEmbedder<'b>,
    /// Topics that are asked for, if any are.
    pub seeds: Option<Seeds<'a>>,
}

impl std::fmt::Debug for Tools<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tools").finish_non_exhaustive()
    }
}

/// What is being done, for a progress display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The neighbours of each paper are looked up.
    Neighbors,
    /// Numbers of topics are compared.
    ChooseK {
        /// Numbers tried so far.
        tried: usize,
        /// Numbers to try.
        of: usize,
    },
    /// The final clustering is made.
    Cluster,
    /// Subsamples are clustered, for a scorecard.
    Subsample {
        /// Those done.
        done: usize,
        /// How many there are.
        of: usize,
    },
    /// Topics get their names.
    Label {
        /// Topics whose papers have been read.
        done: usize,
        /// Topics.
        of: usize,
    },
}

/// The topics of a set of papers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Topics {
    /// Topic of each paper, in the order given: an index into `topics`.
    pub assignment: Vec<u32>,
    /// The topics, largest first (of equals, that with the smallest paper id); `topics[i].id == i`.
    pub topics: Vec<Topic>,
    /// How the number of topics came about.
    pub choice: KChoice,
    /// Least cosine of a paper to each seed.
    #[serde(skip)]
    pub seed_thresholds: Vec<f32>,
    /// Mean cosine silhouette of all papers, -1 to 1, exact; larger is better separated, 0 for one topic.
    pub silhouette: f32,
    /// Mean cosine of all papers to the centroid of their topic, larger is tighter.
    pub tightness: f32,
}

/// One topic.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Topic {
    /// From 0, by size.
    pub id: u32,
    /// Phrases of its own papers joined by ", "; no two topics have the same.
    pub name: String,
    /// Its best phrases, best first; the first of them that no other topic has a better claim to make the name.
    pub terms: Vec<Term>,
    /// How many papers.
    pub size: usize,
    /// Its papers as positions in the order given, most central first.
    pub members: Vec<usize>,
    /// Mean cosine of its papers to its centroid, larger is tighter.
    pub tightness: f32,
    /// Which of the seeds it is of.
    #[serde(skip)]
    pub seed: Option<usize>,
    /// Unit vector, the direction of the sum of its papers' vectors.
    #[serde(skip)]
    pub centroid: Vec<f32>,
}

/// A phrase and how well it tells a topic from the others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Term {
    /// As papers write it most.
    pub phrase: String,
    /// Half c-TF-IDF, half nearness to the centroid, 0 to 1; larger is better.
    pub score: f32,
}

/// How the number of topics came about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KChoice {
    /// The number of topics.
    pub k: usize,
    /// Whether the caller gave it.
    pub given: bool,
    /// How it was chosen, one line a user can read.
    pub method: String,
    /// Numbers tried, ascending; none where it was given or there was nothing to compare.
    pub candidates: Vec<KCandidate>,
}

/// A number of topics that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct KCandidate {
    /// The number.
    pub k: usize,
    /// Mean cosine silhouette with it (of a fixed sample of 3,000 where there are more papers), larger is better.
    pub score: f32,
    /// How much more often a paper and its nearest ones share a topic than by chance (modularity, of the same sample); absent where
    /// there are too few papers for a graph of neighbours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modularity: Option<f32>,
}

/// A topic before it has a name; positions are canonical.
struct Group {
    cluster: usize,
    members: Vec<usize>,
    cosines: Vec<f32>,
    centroid: Vec<f32>,
}

/// Finds the topics of `documents`, whose vectors are `rows` in the same order, and names them.
///
/// The result does not depend on the order of the input nor on the number of threads: everything is computed in the order of
/// the ids (ties: texts, then vectors). Topics are never empty.
///
/// # Errors
/// When there are no papers, vectors and papers differ in number, an option is wrong (`k` of 0 or above the number of papers
/// is never clamped), or one of `tools` fails or gives another shape.
pub fn topics(
    rows: &Embeddings,
    documents: &[Document<'_>],
    options: &TopicOptions,
    tools: Tools<'_, '_>,
    progress: &mut dyn FnMut(Step),
) -> Result<Topics, TopicsError> {
    check(rows, documents, options)?;
    let order = canonical_order(rows, documents);
    let sorted_rows = rows.select(order.iter().copied().map(Row::from_index));
    let sorted_documents: Vec<Document<'_>> = order.iter().map(|&i| documents[i]).collect();

    let guided = partition_guided(
        &sorted_rows,
        options,
        tools.seeds,
        tools.neighbors,
        progress,
    )?;
    let (clustering, choice) = (guided.found, guided.choice);
    let silhouette = silhouette(&sorted_rows, &clustering.assignment, choice.k).mean as f32;
    let groups = groups(&sorted_rows, &clustering, choice.k);
    let members: Vec<&[usize]> = groups.iter().map(|g| g.members.as_slice()).collect();
    let phrases = read(&members, &sorted_documents, progress);
    let centroids: Vec<&[f32]> = groups.iter().map(|g| g.centroid.as_slice()).collect();
    let fallbacks: Vec<String> = groups
        .iter()
        .map(|g| fallback_name(&sorted_documents, &g.members))
        .collect();
    let wanted = Wanted {
        fallbacks: &fallbacks,
        known: &vec![None; groups.len()],
        taken: &[],
    };
    let labels = name_topics(&phrases, &centroids, wanted, options, tools.embed_phrases)?;

    let mut assignment = vec![0; documents.len()];
    let mut topics = Vec::with_capacity(groups.len());
    for ((id, group), label) in (0u32..).zip(groups).zip(labels) {
        let members: Vec<usize> = group.members.iter().map(|&m| order[m]).collect();
        members.iter().for_each(|&m| assignment[m] = id);
        topics.push(Topic {
            id,
            name: label.name,
            terms: label.terms,
            size: members.len(),
            members,
            tightness: mean(&group.cosines),
            seed: guided.seed_of[group.cluster],
            centroid: group.centroid,
        });
    }
    let tightness = (clustering.objective / documents.len() as f64) as f32;
    Ok(Topics {
        assignment,
        topics,
        choice,
        seed_thresholds: guided.thresholds,
        silhouette,
        tightness,
    })
}

/// The clusters in the order of their ids: largest first, then the one with the smallest paper id. Members most central first.
fn groups(rows: &Embeddings, clustering: &Clustering, k: usize) -> Vec<Group> {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); k];
    for (row, &cluster) in clustering.assignment.iter().enumerate() {
        members[cluster as usize].push(row);
    }
    let mut groups: Vec<Group> = Vec::with_capacity(k);
    let mut clusters: Vec<usize> = (0..k).collect();
    clusters.sort_by_key(|&c| {
        (
            std::cmp::Reverse(members[c].len()),
            members[c].first().copied(),
        )
    });
    for cluster in clusters {
        let centroid = centroid(&clustering.centroids, cluster as u32, rows.dim()).to_vec();
        let (cosines, members) = central(rows, &members[cluster], &centroid);
        groups.push(Group {
            cluster,
            members,
            cosines,
            centroid,
        });
    }
    groups
}

/// The cosines of some rows to their centroid, and the rows, most central first.
pub(crate) fn central(
    rows: &Embeddings,
    members: &[usize],
    centroid: &[f32],
) -> (Vec<f32>, Vec<usize>) {
    let cosine = |&m: &usize| (dot(rows.row(Row::from_index(m)), centroid), m);
    let mut central: Vec<(f32, usize)> = members.iter().map(cosine).collect();
    // Two papers are equally near their centre, but for the last bits, which differ between processors.
    central.sort_by_key(|&(cosine, m)| (std::cmp::Reverse((cosine * 1e4).round() as i64), m));
    central.into_iter().unzip()
}

/// A topic on its way to a name.
#[derive(Debug, Clone, Copy)]
pub struct Nameless<'a> {
    /// Its papers as positions among the documents, most central first.
    pub members: &'a [usize],
    /// Its centre, a unit vector.
    pub centroid: &'a [f32],
    /// The name it keeps; `None` where it is to get one.
    pub name: Option<&'a str>,
}

/// Names those of `topics` that have none, by what tells them from all the others: name and terms, best first, of each of
/// these, `None` for the rest. No two topics have the same name, nor one of those `taken` elsewhere.
///
/// # Errors
/// When the phrases cannot be embedded.
pub fn name_some(
    documents: &[Document<'_>],
    (topics, taken): (&[Nameless<'_>], &[&str]),
    options: &TopicOptions,
    embed_phrases: &mut PhraseEmbedder<'_>,
    progress: &mut dyn FnMut(Step),
) -> Result<Vec<Option<Label>>, TopicsError> {
    let members: Vec<&[usize]> = topics.iter().map(|t| t.members).collect();
    let phrases = read(&members, documents, progress);
    let centroids: Vec<&[f32]> = topics.iter().map(|t| t.centroid).collect();
    let fallbacks: Vec<String> = (members.iter())
        .map(|members| fallback_name(documents, members))
        .collect();
    let known: Vec<Option<&str>> = topics.iter().map(|t| t.name).collect();
    let wanted = Wanted {
        fallbacks: &fallbacks,
        known: &known,
        taken,
    };
    let labels = name_topics(&phrases, &centroids, wanted, options, embed_phrases)?;
    let named = labels.into_iter().zip(known);
    Ok(named
        .map(|(label, known)| known.is_none().then_some(label))
        .collect())
}

/// Reads the phrases of every topic's papers.
fn read(
    groups: &[&[usize]],
    documents: &[Document<'_>],
    progress: &mut dyn FnMut(Step),
) -> Vec<TopicPhrases> {
    const AT_ONCE: usize = 16;
    let mut phrases = Vec::with_capacity(groups.len());
    for some in groups.chunks(AT_ONCE) {
        progress(Step::Label {
            done: phrases.len(),
            of: groups.len(),
        });
        let read: Vec<TopicPhrases> = some
            .par_iter()
            .map(|members| topic_phrases(documents, members))
            .collect();
        phrases.extend(read);
    }
    progress(Step::Label {
        done: groups.len(),
        of: groups.len(),
    });
    phrases
}

/// The name of a topic whose papers have no usable phrase: the beginning of a title, or of a text, or "untitled".
fn fallback_name(documents: &[Document<'_>], members: &[usize]) -> String {
    let title = |&m: &usize| {
        let text = if documents[m].title.trim().is_empty() {
            documents[m].text
        } else {
            documents[m].title
        };
        let short: String = text
            .split_whitespace()
            .take(8)
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .take(80)
            .collect();
        (!short.is_empty()).then_some(short)
    };
    members
        .iter()
        .find_map(title)
        .unwrap_or_else(|| "untitled".to_owned())
}

pub(crate) fn mean(values: &[f32]) -> f32 {
    (values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len().max(1) as f64) as f32
}
