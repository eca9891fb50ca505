//! The topics of the run before, brought up to date with the papers of now.
//!
//! Not for: topics made anew (`topics`), or how papers find their topics (`syntopic_topics::update`).

use crate::derived::hex;
use crate::engine::Library;
use crate::topic_changes::changes;
use crate::topic_names::{Given, give_names};
use crate::topic_outliers::MAX_OUTLIERS;
use crate::topic_seeds::mark_seeds;
use crate::topic_state::Kept;
use crate::topics::{documents, embed_phrases};
use crate::{LibraryError, Progress, TopicReport, TopicsReport, TopicsRequest, topic_graph};
use syntopic_core::{Paper, paper_text};
use syntopic_topics::{Nameless, Place, Standing, TopicOptions, Updated, name_some, update};

/// Name and terms of a topic.
type Label = (String, Vec<String>);

/// What becomes of the topics, and how many papers came and left.
type Brought = (Updated, (usize, usize));

impl Library {
    /// Brings kept topics up to date; `None` where no paper of them is left. Those stored will do for the same papers if groups
    /// and outliers are to be `as_stored`.
    pub(crate) fn update_topics(
        &mut self,
        kept: &Kept,
        request: &TopicsRequest,
        as_stored: bool,
        progress: &mut Progress<'_>,
    ) -> Result<Option<TopicsReport>, LibraryError> {
        if request.model.is_some() {
            self.load_model(request.model.as_deref(), progress)?;
        }
        let stamp = hex(&self.load_snapshot()?.stamp.texts_sha256);
        if as_stored
            && stamp == kept.made_from
            && let Some(report) = self.stored_topics()?
        {
            return Ok(Some(report));
        }
        let papers = self.papers_with_vectors()?;
        let texts: Vec<String> = papers.iter().map(paper_text).collect();
        let Some((updated, came_and_left)) =
            self.bring_up_to_date(kept, (&papers, &texts), progress)?
        else {
            return Ok(None);
        };
        // Where nothing came or went since, what was told last still holds.
        let told = (stamp != kept.made_from).then_some(came_and_left);
        self.name_and_keep(kept, &updated, (&papers, &texts), told, progress)
            .map(Some)
    }

    /// Names the topics as they are now, and keeps them; tells of the changes where papers `came_and_left`.
    pub(crate) fn name_and_keep(
        &mut self,
        kept: &Kept,
        updated: &Updated,
        (papers, texts): (&[Paper], &[String]),
        came_and_left: Option<(usize, usize)>,
        progress: &mut Progress<'_>,
    ) -> Result<TopicsReport, LibraryError> {
        let stamp = hex(&self.load_snapshot()?.stamp.texts_sha256);
        let labels = self.labels(kept, updated, (papers, texts), progress)?;
        let mut report = report(kept, updated, labels, papers);
        let centres: Vec<&[f32]> = (updated.topics.iter())
            .map(|topic| topic.centroid.as_slice())
            .collect();
        let given = self.move_names(kept, updated)?;
        give_names(&given, &mut report.topics, &centres, progress);
        report.changes = match came_and_left {
            Some(came_and_left) => Some(changes(updated, kept, &report.topics, came_and_left)),
            None => kept.changes.clone(),
        };
        if let Some(levels) = &kept.levels {
            let read = (papers, texts);
            self.group_topics(&mut report, levels, &kept.groups, read, progress)?;
        }
        mark_seeds(&mut report, &kept.seeds);
        self.mark_outliers(&mut report, kept.max_outliers.unwrap_or(MAX_OUTLIERS))?;
        let settled = &updated.settled;
        let now = Kept::of(&report, &centres, (papers, texts, settled), updated.next);
        let now = Kept {
            k: kept.k,
            min_size: kept.min_size,
            levels: kept.levels.clone(),
            max_outliers: kept.max_outliers,
            seeds: kept.seeds.clone(),
            seed_threshold: kept.seed_threshold,
            made_from: stamp,
            ..now
        };
        self.keep_topics(&report, progress)?;
        self.keep_for_later(&now, progress);
        Ok(report)
    }

    /// What becomes of the topics, and how many papers came and left.
    fn bring_up_to_date(
        &self,
        kept: &Kept,
        (papers, texts): (&[Paper], &[String]),
        progress: &mut Progress<'_>,
    ) -> Result<Option<Brought>, LibraryError> {
        let Some(snapshot) = &self.snapshot else {
            return Err(LibraryError::Empty(self.folder.clone()));
        };
        let (places, left) = kept.places(snapshot, texts);
        let ids: Vec<&str> = papers.iter().map(|paper| paper.id.as_str()).collect();
        let topics = kept.as_they_were();
        let standing = Standing {
            rows: &snapshot.vectors,
            ids: &ids,
            places: &places,
            kept: &topics,
            next: kept.next,
        };
        let mut hear = |step| {
            let _ = progress(topic_graph::event(step));
        };
        let options = kept.options();
        let options = &TopicOptions {
            min_size: kept.min_size.unwrap_or(1).min(papers.len()),
            ..options
        };
        let updated = update(standing, options, &mut topic_graph::neighbors, &mut hear)?;
        let came = places.iter().filter(|place| **place == Place::New).count();
        Ok(updated.map(|updated| (updated, (came, left))))
    }

    /// The names made of papers' words and the terms of the topics: kept, or made where a topic is another now. The model is
    /// needed only for these.
    fn labels(
        &mut self,
        kept: &Kept,
        updated: &Updated,
        (papers, texts): (&[Paper], &[String]),
        progress: &mut Progress<'_>,
    ) -> Result<Vec<Label>, LibraryError> {
        let was = |at: usize| {
            let topic = &kept.topics[at];
            (topic.made_name.clone(), topic.terms.clone())
        };
        let mut labels: Vec<Option<Label>> = (updated.topics.iter())
            .map(|topic| topic.was.filter(|_| !topic.remade).map(was))
            .collect();
        if labels.iter().any(Option::is_none) {
            let embedder = self.load_model(None, progress)?;
            let nameless: Vec<Nameless<'_>> = (updated.topics.iter().zip(&labels))
                .map(|(topic, label)| Nameless {
                    members: &topic.members,
                    centroid: &topic.centroid,
                    name: label.as_ref().map(|(name, _)| name.as_str()),
                })
                .collect();
            let progress = std::cell::RefCell::new(progress);
            let mut embed =
                |phrases: &[String]| embed_phrases(embedder, phrases, &mut **progress.borrow_mut());
            let made = name_some(
                &documents(papers, texts),
                (&nameless, &[]),
                &kept.options(),
                &mut embed,
                &mut |step| {
                    let _ = (progress.borrow_mut())(topic_graph::event(step));
                },
            )?;
            let made = made.into_iter().map(|made| {
                let words = |made: syntopic_topics::Label| {
                    let terms = made.terms.into_iter().map(|term| term.phrase).collect();
                    (made.name, terms)
                };
                made.map(words)
            });
            for (label, made) in labels.iter_mut().zip(made.collect::<Vec<_>>()) {
                *label = label.take().or(made);
            }
        }
        Ok(labels.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// The names of the user go with their topics to where these are now; all such names.
    fn move_names(&mut self, kept: &Kept, updated: &Updated) -> Result<Vec<Given>, LibraryError> {
        let named = updated.topics.iter().filter_map(|topic| {
            let was = &kept.topics[topic.was?];
            was.named_by_user
                .then_some((was.name.as_str(), topic.centroid.as_slice()))
        });
        let moved: Vec<(&str, &[f32])> = named.collect();
        self.move_given(&moved)
    }
}

fn report(kept: &Kept, updated: &Updated, labels: Vec<Label>, papers: &[Paper]) -> TopicsReport {
    let topics = updated.topics.iter().zip(labels);
    let topics: Vec<TopicReport> = topics
        .map(|(topic, (name, terms))| TopicReport {
            id: topic.number,
            named_by_user: false,
            made_name: name.clone(),
            name,
            size: topic.members.len(),
            tightness: topic.tightness,
            terms,
            parent: None,
            seed: None,
            papers: (topic.members.iter())
                .map(|&m| papers[m].id.to_string())
                .collect(),
            titles: (topic.members.iter())
                .map(|&m| papers[m].title.clone())
                .collect(),
        })
        .collect();
    TopicsReport {
        k: topics.len(),
        k_given: kept.k.is_some(),
        k_method: kept.k_method.clone(),
        candidates: kept.candidates.clone(),
        silhouette: updated.silhouette,
        papers: papers.len(),
        seed: kept.seed,
        topics,
        ..TopicsReport::default()
    }
}
