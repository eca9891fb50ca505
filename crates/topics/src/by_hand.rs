//! Topics merged and split because a user wants it so. Not for: finding out what should be.

use crate::kmeans::{KMeansOptions, cluster};
use crate::update::{State, in_order};
use crate::{Change, Standing, TopicOptions, TopicsError, Updated};
use syntopic_core::Row;

/// What a user wants of topics at hand, which are meant by their positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ByHand {
    /// The first has the papers of all, and its number.
    Merge(Vec<usize>),
    /// One becomes several; the part of most papers keeps the number.
    Split {
        /// Which one.
        topic: usize,
        /// Into how many, at least 1 and at most its papers.
        parts: usize,
    },
}

/// Does it. Every paper must be in a topic.
///
/// # Errors
/// When a position is that of no topic, a topic has fewer papers than parts, or places and papers differ in number.
pub fn by_hand(
    standing: Standing<'_>,
    what: &ByHand,
    options: &TopicOptions,
) -> Result<Updated, TopicsError> {
    let (order, rows) = in_order(standing, options)?;
    let mut state = State::new(&order, standing);
    let known = |topic: usize| topic < standing.kept.len();
    match what {
        ByHand::Merge(topics) => {
            if let Some(&wrong) = topics.iter().find(|topic| !known(**topic)) {
                return Err(TopicsError::NoSuchTopic(wrong));
            }
            merge(&mut state, topics);
        }
        &ByHand::Split { topic, parts } => {
            if !known(topic) {
                return Err(TopicsError::NoSuchTopic(topic));
            }
            let members = std::mem::take(&mut state.members[topic]);
            TopicOptions {
                k: Some(parts),
                min_size: 1,
                ..options.clone()
            }
            .check(members.len())?;
            let own = rows.select(members.iter().copied().map(Row::from_index));
            let found = cluster(
                &own,
                KMeansOptions {
                    k: parts,
                    seed: options.seed,
                    restarts: options.restarts,
                    max_iterations: options.max_iterations,
                    move_rows: true,
                },
            )?;
            let mut groups = vec![Vec::new(); parts];
            for (&row, &part) in members.iter().zip(&found.assignment) {
                groups[part as usize].push(row);
            }
            split(&mut state, topic, groups);
        }
    }
    Ok(state.finish(&rows, &order, standing.kept))
}

fn merge(state: &mut State, topics: &[usize]) {
    let Some((&into, others)) = topics.split_first() else {
        return;
    };
    for &gone in others.iter().filter(|gone| **gone != into) {
        let members = std::mem::take(&mut state.members[gone]);
        if members.is_empty() {
            continue;
        }
        state.members[into].extend(members);
        state.changes.push(Change::Merged {
            number: state.numbers[gone],
            into: state.numbers[into],
        });
    }
    state.members[into].sort_unstable();
    settle(state, into);
}

fn split(state: &mut State, topic: usize, mut groups: Vec<Vec<usize>>) {
    groups.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    let mut groups = groups.into_iter();
    state.members[topic] = groups.next().unwrap_or_default();
    settle(state, topic);
    let number = state.numbers[topic];
    for group in groups {
        let into = state.open(group);
        state.changes.push(Change::Split { number, into });
    }
}

/// The topic is what the user wants it to be, with all its papers.
fn settle(state: &mut State, topic: usize) {
    state.remade[topic] = true;
    for &row in &state.members[topic] {
        state.settled[row] = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeptTopic, Place};
    use syntopic_core::Embeddings;

    fn change(what: &ByHand) -> Result<Updated, TopicsError> {
        let angles = [0.0f32, 0.05, 0.5, 0.55, 1.4, 1.5];
        let data = angles.iter().flat_map(|a| [a.cos(), a.sin()]);
        let rows = Embeddings::new(data.collect(), 2).unwrap();
        let places = [0, 0, 0, 0, 1, 2].map(Place::Joined);
        let kept = [4, 5, 7].map(|number| KeptTopic {
            number,
            centre: vec![1.0, 0.0],
        });
        let standing = Standing {
            rows: &rows,
            ids: &["a", "b", "c", "d", "e", "f"],
            places: &places,
            kept: &kept,
            next: 9,
        };
        by_hand(standing, what, &TopicOptions::default())
    }

    #[test]
    fn topics_are_one_under_the_first_number() {
        let found = change(&ByHand::Merge(vec![2, 1])).unwrap();
        let numbers: Vec<u32> = found.topics.iter().map(|t| t.number).collect();
        assert_eq!(numbers, [4, 7]);
        assert_eq!(found.changes, [Change::Merged { number: 5, into: 7 }]);
        assert_eq!(found.settled, [false, false, false, false, true, true]);
        assert_eq!(found.next, 9);
    }

    #[test]
    fn a_topic_is_several() {
        let found = change(&ByHand::Split { topic: 0, parts: 2 }).unwrap();
        let numbers: Vec<u32> = found.topics.iter().map(|t| t.number).collect();
        assert_eq!(numbers, [4, 5, 7, 9]);
        let mut apart = [
            found.topics[0].members.clone(),
            found.topics[3].members.clone(),
        ];
        apart.iter_mut().for_each(|members| members.sort_unstable());
        assert_eq!(apart, [vec![0, 1], vec![2, 3]]);
        assert_eq!(found.changes, [Change::Split { number: 4, into: 9 }]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(change(&ByHand::Split { topic: 1, parts: 2 }).is_err());
        assert!(change(&ByHand::Split { topic: 0, parts: 0 }).is_err());
        assert!(change(&ByHand::Split { topic: 3, parts: 2 }).is_err());
        assert!(change(&ByHand::Merge(vec![0, 3])).is_err());
    }
}
