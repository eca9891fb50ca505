//! What is told of each hit: its paper, its topic, and why it is one.
//!
//! Not for: which papers are hits, nor their order (`related.rs`).

use crate::asked::Asked;
use crate::duplicates::versions::Shown;
use crate::engine::Library;
use crate::hybrid::SoughtWords;
use crate::related::RelatedHit;
use crate::{LibraryError, Progress, RelatedMode};
use syntopic_core::{Paper, PaperId, Row};

/// A hit with its paper.
pub(crate) type Described = (RelatedHit, Paper);

impl Library {
    /// The hits with their papers and topics; the topics of the queries are told to their reports.
    pub(crate) fn described(
        &mut self,
        found: Vec<Shown>,
        liked: &mut [Asked],
        notes: &mut Vec<String>,
    ) -> Result<Vec<Described>, LibraryError> {
        let mut ids: Vec<PaperId> = found.iter().map(|hit| hit.paper.id.clone()).collect();
        let n = ids.len();
        let mut own: Vec<&mut Asked> = liked.iter_mut().filter(|a| a.own.is_some()).collect();
        let ours = own.iter().filter_map(|asked| asked.paper.as_ref());
        ids.extend(ours.map(|paper| paper.id.clone()));
        let topics = self.topic_names(&ids, notes)?;
        let topic = |at: usize| topics.as_ref().and_then(|names| names.get(at)?.clone());
        for (at, asked) in own.iter_mut().enumerate() {
            asked.report.topic = topic(n + at);
        }
        let hits = found.into_iter().enumerate().map(|(at, hit)| {
            let told = RelatedHit {
                rank: at + 1,
                id: hit.paper.id.to_string(),
                score: hit.ranked.score,
                scores: hit.ranked.scores,
                closer_than: None,
                sentences: None,
                shared_words: Vec::new(),
                title: hit.paper.title.clone(),
                year: hit.paper.year,
                topic: topic(at),
                versions: hit.versions,
            };
            (told, hit.paper)
        });
        Ok(hits.collect())
    }

    /// Tells of each hit which rare words it shares with what is liked.
    pub(crate) fn name_shared_words(
        &self,
        hits: &mut [Described],
        words: &SoughtWords,
        mode: RelatedMode,
    ) -> Result<(), LibraryError> {
        let telling = self.telling_words(words, mode)?;
        for (hit, paper) in hits {
            hit.shared_words = telling.shared_with(paper);
        }
        Ok(())
    }

    /// Tells of each hit how it compares with random pairs, and which sentences are nearest.
    pub(crate) fn explain(
        &mut self,
        hits: &mut [Described],
        liked: &[Asked],
        notes: &mut Vec<String>,
        progress: &mut Progress<'_>,
    ) -> Result<(), LibraryError> {
        let likeness = self.likeness(progress)?;
        let papers: Vec<&Paper> = hits.iter().map(|(_, paper)| paper).collect();
        let pairs = self.sentence_pairs(liked, &papers, notes, progress)?;
        for ((hit, _), pair) in hits.iter_mut().zip(pairs) {
            hit.closer_than = likeness.share_below(hit.scores.cosine);
            hit.sentences = pair;
        }
        Ok(())
    }

    /// The paper of a row, whose vector in the database is the one in use.
    pub(crate) fn confirmed_paper(&self, row: Row, id: &PaperId) -> Result<Paper, LibraryError> {
        let catalogue = self.catalogue()?;
        let store = self.store()?;
        let (paper, vector) = store
            .paper_and_vector(id, catalogue.rows().dim())?
            .ok_or_else(|| LibraryError::Corrupt {
                path: store.path().to_owned(),
                why: format!("the vector of {id} has no paper"),
            })?;
        catalogue.confirm(row, &vector)?;
        Ok(paper)
    }
}
