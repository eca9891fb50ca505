//! Topics that a user merges and splits: kept as such when papers come later.

use crate::derived::hex;
use crate::engine::Library;
use crate::topic_state::Kept;
use crate::{LibraryError, Progress, TopicsReport};
use syntopic_core::paper_text;
use syntopic_topics::{ByHand, Standing, by_hand};

impl Library {
    /// Makes one topic of several of the present papers: the first number given stays, with a name of the user's if it has one.
    ///
    /// # Errors
    /// When there are no topics of the present papers, none has such a number, or the model cannot be loaded to name the topic.
    pub fn merge_topics(
        &mut self,
        numbers: &[u32],
        progress: &mut Progress<'_>,
    ) -> Result<TopicsReport, LibraryError> {
        self.at_one_moment(|library| library.merge(numbers, progress))
    }

    fn merge(
        &mut self,
        numbers: &[u32],
        progress: &mut Progress<'_>,
    ) -> Result<TopicsReport, LibraryError> {
        let kept = self.topics_of_now()?;
        let topics = numbers.iter().map(|&number| position(&kept, number));
        let topics = topics.collect::<Result<Vec<usize>, _>>()?;
        if topics.iter().all(|topic| Some(topic) == topics.first()) {
            return Err(LibraryError::OneToMerge);
        }
        self.change_by_hand(&kept, &ByHand::Merge(topics), progress)
    }

    /// Makes several topics of one of the present papers: the part of most papers keeps number and name of the user's.
    ///
    /// # Errors
    /// As [`Library::merge_topics`], and when the topic has fewer papers than `parts`.
    pub fn split_topic(
        &mut self,
        number: u32,
        parts: usize,
        progress: &mut Progress<'_>,
    ) -> Result<TopicsReport, LibraryError> {
        self.at_one_moment(|library| {
            let kept = library.topics_of_now()?;
            let topic = position(&kept, number)?;
            library.change_by_hand(&kept, &ByHand::Split { topic, parts }, progress)
        })
    }

    /// The topics of the last run, if the papers have not changed since.
    fn topics_of_now(&mut self) -> Result<Kept, LibraryError> {
        self.forget_other_rows()?;
        let stamp = hex(&self.load_snapshot()?.stamp.texts_sha256);
        let kept = self.kept_topics()?.filter(|kept| kept.made_from == stamp);
        kept.ok_or(LibraryError::NoTopics)
    }

    fn change_by_hand(
        &mut self,
        kept: &Kept,
        what: &ByHand,
        progress: &mut Progress<'_>,
    ) -> Result<TopicsReport, LibraryError> {
        let papers = self.papers_with_vectors()?;
        let texts: Vec<String> = papers.iter().map(paper_text).collect();
        let snapshot = self.load_snapshot()?;
        let (places, left) = kept.places(snapshot, &texts);
        let ids: Vec<&str> = papers.iter().map(|paper| paper.id.as_str()).collect();
        let standing = Standing {
            rows: &snapshot.vectors,
            ids: &ids,
            places: &places,
            kept: &kept.as_they_were(),
            next: kept.next,
        };
        let changed = by_hand(standing, what, &kept.options())?;
        self.name_and_keep(kept, &changed, (&papers, &texts), Some((0, left)), progress)
    }
}

/// The position of the topic with a number.
fn position(kept: &Kept, number: u32) -> Result<usize, LibraryError> {
    let found = kept.topics.iter().position(|topic| topic.number == number);
    found.ok_or_else(|| LibraryError::UnknownTopic {
        asked: number.to_string(),
        names: kept.topics.iter().map(|t| t.name.clone()).collect(),
    })
}
