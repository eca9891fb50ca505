//! Topics that last: papers that came join the topics at hand, which keep their numbers; what became of them is told.
//!
//! Papers that had a topic stay there. A new one joins the topic whose centre is nearest. Then, where papers came: a group of them
//! that is large, tight and apart from all topics is a topic of its own; a topic whose halves have moved apart splits; two topics
//! that have grown into one merge. What "large", "tight" and "apart" mean is what is usual among the topics at hand
//! (`alike.rs`). Not for: names; and the first topics, which [`crate::topics()`] makes.

use crate::alike::{Pile, Usual, halves, halves_alike};
use crate::births::{Vectors, groups_apart};
use crate::graph::{NeighborFinder, smooth};
use crate::kmeans::{centroid, regroup};
use crate::order::canonical_order;
use crate::partition::{SMOOTH_FROM, check};
use crate::silhouette::silhouette;
use crate::topics::{Step, central, mean};
use crate::{Document, TopicOptions, TopicsError};
use syntopic_core::{Embeddings, Row, dot};

/// A topic splits or merges only where the likeness of its parts has changed by this since its papers settled.
const CHANGE: f64 = 0.15;
/// A settled paper moves to a topic just born only where that is nearer by this.
const NEARER: f32 = 0.05;
/// A topic as it was.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptTopic {
    /// Its number.
    pub number: u32,
    /// Its centre, a unit vector.
    pub centre: Vec<f32>,
}

/// Where a paper was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: it came since.
    New,
    /// It was there when the topic at this position was made.
    Settled(usize),
    /// It joined the topic at this position later.
    Joined(usize),
}

/// What became of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Papers form a group of their own.
    Born {
        /// The new topic.
        number: u32,
        /// How many of its papers had been in other topics when those were made.
        moved: usize,
    },
    /// None of its papers is left.
    Died {
        /// The topic.
        number: u32,
    },
    /// Its papers fell into two groups.
    Split {
        /// The topic, which goes on with one of them.
        number: u32,
        /// The new topic, of the other one.
        into: u32,
    },
    /// It became one with another.
    Merged {
        /// The topic that is no more.
        number: u32,
        /// The one that has its papers.
        into: u32,
    },
}

/// A topic as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdatedTopic {
    /// Its number.
    pub number: u32,
    /// Its position among the topics before, if it was there.
    pub was: Option<usize>,
    /// Whether it was born, split off, parted from or merged: its name says something else.
    pub remade: bool,
    /// Its papers as positions in the order given, most central first.
    pub members: Vec<usize>,
    /// Mean cosine of its papers to its centre, larger is tighter.
    pub tightness: f32,
    /// Unit vector, the direction of the sum of its papers' vectors.
    pub centroid: Vec<f32>,
    /// Cosine of its centre now and before, of one that was there.
    pub drift: Option<f32>,
}

/// What an update gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Updated {
    /// By their numbers; none is empty.
    pub topics: Vec<UpdatedTopic>,
    /// For each paper, in the order given, whether it is settled where it is.
    pub settled: Vec<bool>,
    /// Deaths, then births, splits and merges.
    pub changes: Vec<Change>,
    /// The number that the next new topic would have.
    pub next: u32,
    /// Mean cosine silhouette of all papers.
    pub silhouette: f32,
}

/// Papers and the topics they were in.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// Their vectors.
    pub rows: &'a Embeddings,
    /// Their ids, in the same order.
    pub ids: &'a [&'a str],
    /// Where they were, in the same order.
    pub places: &'a [Place],
    /// The topics, by their numbers.
    pub kept: &'a [KeptTopic],
    /// The next free number.
    pub next: u32,
}

/// Brings topics up to date with their papers; `None` where no paper of any of them is left, so that there is nothing to keep.
///
/// The result does not depend on the order of the papers nor on the number of threads, but on the topics as they were.
///
/// # Errors
/// As for [`crate::partition()`], and when places and papers differ in number or name a topic that is not there.
pub fn update(
    standing: Standing<'_>,
    options: &TopicOptions,
    neighbors: &mut NeighborFinder<'_>,
    progress: &mut dyn FnMut(Step),
) -> Result<Option<Updated>, TopicsError> {
    let (order, rows) = in_order(standing, options)?;
    let mut state = State::new(&order, standing);
    if state.members.iter().all(Vec::is_empty) {
        return Ok(None);
    }
    if !state.new.is_empty() {
        let smoothed = smoothed(&rows, options, neighbors, progress)?;
        progress(Step::Cluster);
        let at = Vectors {
            raw: &rows,
            near: smoothed.as_ref().unwrap_or(&rows),
            seed: options.seed,
        };
        let piles = state.piles(&rows);
        let topics: Vec<&[usize]> = state.members.iter().map(Vec::as_slice).collect();
        let mut usual = Usual::of(&rows, &topics, &piles, options.seed)?;
        usual.size = usual.size.max(options.min_size);
        let came = state.came();
        let born = groups_apart(at, &came, &piles, usual)?;
        state.seat(at, born, usual.size);
        state.split(at, usual)?;
        state.merge(&rows, usual);
    }
    Ok(Some(state.finish(&rows, &order, standing.kept)))
}

/// Positions in the order that everything is computed in, and the rows in that order.
pub(crate) fn in_order(
    standing: Standing<'_>,
    options: &TopicOptions,
) -> Result<(Vec<usize>, Embeddings), TopicsError> {
    let documents: Vec<Document<'_>> = (standing.ids.iter())
        .map(|&id| Document {
            id,
            title: "",
            text: "",
        })
        .collect();
    check(standing.rows, &documents, options)?;
    let known = |place: &Place| match *place {
        Place::New => true,
        Place::Settled(at) | Place::Joined(at) => at < standing.kept.len(),
    };
    if standing.places.len() != documents.len() || !standing.places.iter().all(known) {
        return Err(TopicsError::RowsAndDocuments {
            rows: standing.places.len(),
            documents: documents.len(),
        });
    }
    let order = canonical_order(standing.rows, &documents);
    let rows = standing
        .rows
        .select(order.iter().copied().map(Row::from_index));
    Ok((order, rows))
}

/// The rows drawn towards their neighbours, where topics are made of such.
fn smoothed(
    rows: &Embeddings,
    options: &TopicOptions,
    neighbors: &mut NeighborFinder<'_>,
    progress: &mut dyn FnMut(Step),
) -> Result<Option<Embeddings>, TopicsError> {
    if options.smoothing == 0 || rows.n_rows() < SMOOTH_FROM {
        return Ok(None);
    }
    progress(Step::Neighbors);
    let graph = neighbors(rows, options.neighbors).map_err(TopicsError::FindNeighbors)?;
    if graph.n_rows() != rows.n_rows() {
        return Err(TopicsError::GraphOfOtherRows {
            got: graph.n_rows(),
            expected: rows.n_rows(),
        });
    }
    Ok(Some(smooth(rows, &graph, options.smoothing)))
}

/// The topics while they are brought up to date. Positions of papers are canonical and ascending.
pub(crate) struct State {
    /// Papers of each topic; of one that is no more, none.
    pub(crate) members: Vec<Vec<usize>>,
    pub(crate) numbers: Vec<u32>,
    /// Topics that were there before come first.
    n_kept: usize,
    pub(crate) remade: Vec<bool>,
    pub(crate) settled: Vec<bool>,
    /// Papers without a topic.
    new: Vec<usize>,
    pub(crate) changes: Vec<Change>,
    next: u32,
}

impl State {
    pub(crate) fn new(order: &[usize], standing: Standing<'_>) -> Self {
        let n_kept = standing.kept.len();
        let mut state = Self {
            members: vec![Vec::new(); n_kept],
            numbers: standing.kept.iter().map(|topic| topic.number).collect(),
            n_kept,
            remade: vec![false; n_kept],
            settled: vec![false; order.len()],
            new: Vec::new(),
            changes: Vec::new(),
            next: standing.next,
        };
        for (row, &i) in order.iter().enumerate() {
            match standing.places[i] {
                Place::New => state.new.push(row),
                Place::Joined(at) => state.members[at].push(row),
                Place::Settled(at) => {
                    state.members[at].push(row);
                    state.settled[row] = true;
                }
            }
        }
        state
    }

    /// Papers that came since topics were made, ascending.
    fn came(&self) -> Vec<usize> {
        let joined = self.members.iter().flatten().copied();
        let mut came: Vec<usize> = joined.filter(|&row| !self.settled[row]).collect();
        came.extend(&self.new);
        came.sort_unstable();
        came
    }

    fn piles(&self, rows: &Embeddings) -> Vec<Pile> {
        self.members.iter().map(|m| Pile::of(rows, m)).collect()
    }

    /// A new topic with the next free number.
    pub(crate) fn open(&mut self, members: Vec<usize>) -> u32 {
        let number = self.next;
        self.next += 1;
        self.numbers.push(number);
        self.remade.push(true);
        members.iter().for_each(|&row| self.settled[row] = true);
        self.members.push(members);
        number
    }

    /// Gives each new paper its topic, the groups `born` among them; groups that get fewer than `least` papers are none.
    fn seat(&mut self, at: Vectors<'_>, mut born: Vec<Vec<usize>>, least: usize) {
        let (own, moved) = loop {
            let (own, moved) = self.nearest(at.near, &born);
            let sizes: Vec<usize> = (0..born.len())
                .map(|b| own.iter().filter(|o| **o == self.n_kept + b).count())
                .collect();
            let mut sizes = sizes.iter();
            let before = born.len();
            born.retain(|_| sizes.next().is_some_and(|&size| size >= least));
            if born.len() == before {
                break (own, moved);
            }
        };
        let mut groups = vec![Vec::new(); self.n_kept + born.len()];
        for (row, &topic) in own.iter().enumerate() {
            groups[topic].push(row);
        }
        let newborn = groups.split_off(self.n_kept);
        self.members = groups;
        for (members, moved) in newborn.into_iter().zip(moved) {
            let number = self.open(members);
            self.changes.push(Change::Born { number, moved });
        }
        self.new.clear();
    }

    /// The topic of every paper, those of `born` after the kept ones, and how many settled papers each of `born` takes.
    fn nearest(&self, near: &Embeddings, born: &[Vec<usize>]) -> (Vec<usize>, Vec<usize>) {
        let centre = |members: &Vec<usize>| {
            let alone = near.select(members.iter().copied().map(Row::from_index));
            let found = regroup(&alone, vec![0; members.len()], 1);
            centroid(&found.centroids, 0, near.dim()).to_vec()
        };
        let kept: Vec<Option<Vec<f32>>> = (self.members.iter())
            .map(|m| (!m.is_empty()).then(|| centre(m)))
            .collect();
        let centres: Vec<Option<Vec<f32>>> = kept
            .into_iter()
            .chain(born.iter().map(|m| Some(centre(m))))
            .collect();
        let cosine = |row: usize, topic: usize| {
            let centre = centres[topic].as_ref();
            centre.map_or(f32::NEG_INFINITY, |c| {
                dot(near.row(Row::from_index(row)), c)
            })
        };
        let best = |row: usize, topics: std::ops::Range<usize>, first: (usize, f32)| {
            topics.fold(first, |best, topic| {
                let found = cosine(row, topic);
                if found > best.1 { (topic, found) } else { best }
            })
        };
        let mut own = vec![0; near.n_rows()];
        for &row in &self.new {
            own[row] = best(row, 0..centres.len(), (0, f32::NEG_INFINITY)).0;
        }
        let mut moved = vec![0; born.len()];
        for (topic, members) in self.members.iter().enumerate() {
            for &row in members {
                let stays = if self.settled[row] { NEARER } else { 0.0 };
                let here = (topic, cosine(row, topic) + stays);
                own[row] = best(row, self.n_kept..centres.len(), here).0;
                if own[row] != topic && self.settled[row] {
                    moved[own[row] - self.n_kept] += 1;
                }
            }
        }
        (own, moved)
    }

    /// Parts topics whose halves lie apart and have not when their papers settled.
    fn split(&mut self, at: Vectors<'_>, usual: Usual) -> Result<(), TopicsError> {
        for topic in 0..self.n_kept {
            let members = &self.members[topic];
            let settled: Vec<usize> = self.settled_of(topic);
            if members.len() == settled.len() {
                continue;
            }
            let Some([a, b]) = halves(at.raw, members, at.seed)? else {
                continue;
            };
            let alike = Pile::of(at.raw, &a).alike(&Pile::of(at.raw, &b));
            let apart = alike.is_some_and(|alike| alike <= usual.apart);
            if a.len().min(b.len()) < usual.size || !apart {
                continue;
            }
            let before = halves_alike(at.raw, &settled, at.seed)?.unwrap_or(1.0);
            if before - alike.unwrap_or(1.0) < CHANGE {
                continue;
            }
            let count = |half: &[usize]| {
                let settled = half.iter().filter(|row| self.settled[**row]).count();
                (settled, half.len(), std::cmp::Reverse(half[0]))
            };
            let (stay, go) = if count(&a) >= count(&b) {
                (a, b)
            } else {
                (b, a)
            };
            let number = self.numbers[topic];
            stay.iter().for_each(|&row| self.settled[row] = true);
            self.members[topic] = stay;
            self.remade[topic] = true;
            let into = self.open(go);
            self.changes.push(Change::Split { number, into });
        }
        Ok(())
    }

    fn settled_of(&self, topic: usize) -> Vec<usize> {
        let members = self.members[topic].iter().copied();
        members.filter(|&row| self.settled[row]).collect()
    }

    /// Makes one of topics that have become one: the most alike first.
    fn merge(&mut self, rows: &Embeddings, usual: Usual) {
        let piles = self.piles(rows);
        let settled: Vec<Pile> = (0..self.members.len())
            .map(|topic| Pile::of(rows, &self.settled_of(topic)))
            .collect();
        let mut pairs = Vec::new();
        for a in 0..self.n_kept {
            for b in a + 1..self.n_kept {
                let now = piles[a].alike(&piles[b]).filter(|now| *now >= usual.one);
                let before = settled[a].alike(&settled[b]);
                if let (Some(now), Some(before)) = (now, before)
                    && now - before >= CHANGE
                    && piles[a].size.min(piles[b].size) >= usual.size
                {
                    pairs.push((now, a, b));
                }
            }
        }
        pairs.sort_by(|x, y| y.0.total_cmp(&x.0).then((x.1, x.2).cmp(&(y.1, y.2))));
        let mut met = vec![false; self.n_kept];
        for (_, a, b) in pairs {
            if met[a] || met[b] || self.remade[a] || self.remade[b] {
                continue;
            }
            (met[a], met[b]) = (true, true);
            let (into, gone) = if settled[a].size >= settled[b].size {
                (a, b)
            } else {
                (b, a)
            };
            let members = std::mem::take(&mut self.members[gone]);
            self.members[into].extend(members);
            self.members[into].sort_unstable();
            self.members[into]
                .iter()
                .for_each(|&row| self.settled[row] = true);
            self.remade[into] = true;
            self.changes.push(Change::Merged {
                number: self.numbers[gone],
                into: self.numbers[into],
            });
        }
    }

    /// The topics that are left, by their numbers, in the order of papers that was given.
    pub(crate) fn finish(self, rows: &Embeddings, order: &[usize], kept: &[KeptTopic]) -> Updated {
        let mut left: Vec<usize> = (0..self.members.len())
            .filter(|&t| !self.members[t].is_empty())
            .collect();
        left.sort_by_key(|&t| self.numbers[t]);
        let mut assignment = vec![0; order.len()];
        for (at, &topic) in (0u32..).zip(&left) {
            self.members[topic]
                .iter()
                .for_each(|&row| assignment[row] = at);
        }
        let silhouette = silhouette(rows, &assignment, left.len()).mean as f32;
        let found = regroup(rows, assignment, left.len());
        let topic = |(at, &t): (u32, &usize)| {
            let centroid = centroid(&found.centroids, at, rows.dim()).to_vec();
            let (cosines, members) = central(rows, &self.members[t], &centroid);
            let was = (t < self.n_kept).then_some(t);
            UpdatedTopic {
                number: self.numbers[t],
                was,
                remade: self.remade[t],
                members: members.into_iter().map(|m| order[m]).collect(),
                tightness: mean(&cosines),
                drift: was.map(|t| dot(&kept[t].centre, &centroid)),
                centroid,
            }
        };
        let topics = (0u32..).zip(&left).map(topic).collect();
        let mut settled = vec![false; order.len()];
        for (row, &i) in order.iter().enumerate() {
            settled[i] = self.settled[row];
        }
        Updated {
            topics,
            settled,
            changes: self.deaths().chain(self.changes.iter().copied()).collect(),
            next: self.next,
            silhouette,
        }
    }

    /// The topics without papers, but for those that are in others.
    fn deaths(&self) -> impl Iterator<Item = Change> {
        let merged = |number: u32| {
            let is = |change: &Change| matches!(change, Change::Merged { number: gone, .. } if *gone == number);
            self.changes.iter().any(is)
        };
        let empty = (0..self.n_kept).filter(|&t| self.members[t].is_empty());
        let numbers = empty.map(|t| self.numbers[t]);
        numbers
            .filter(move |&number| !merged(number))
            .map(|number| Change::Died { number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NeighborGraph;

    const DIM: usize = 120;

    /// A paper that leans towards each of some subjects so much, with a direction of its own.
    fn paper(own: usize, leans: &[(usize, f32)]) -> Vec<f32> {
        let mut row = vec![0.0f32; DIM];
        leans
            .iter()
            .for_each(|&(subject, lean)| row[subject] = lean);
        row[20 + own % 100] = 0.7;
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter().map(|x| x / length).collect()
    }

    /// Papers of subject `s`, `n` of them.
    fn papers(s: usize, n: usize) -> Vec<Vec<f32>> {
        (0..n).map(|i| paper(31 * s + i, &[(s, 1.0)])).collect()
    }

    fn bring(papers: &[(Vec<f32>, Place)], n_kept: usize) -> Option<Updated> {
        let rows: Vec<f32> = papers.iter().flat_map(|p| p.0.clone()).collect();
        let rows = Embeddings::new(rows, DIM).unwrap();
        // Named by their vectors, so that the order of the papers is not that of the ids.
        let ids: Vec<String> = papers.iter().map(|p| format!("{:?}", p.0)).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let places: Vec<Place> = papers.iter().map(|p| p.1).collect();
        let kept: Vec<KeptTopic> = (0..n_kept)
            .map(|at| KeptTopic {
                number: at as u32,
                centre: paper(0, &[(at, 1.0)]),
            })
            .collect();
        let standing = Standing {
            rows: &rows,
            ids: &ids,
            places: &places,
            kept: &kept,
            next: n_kept as u32,
        };
        let mut none = |_: &Embeddings, _: usize| Ok(NeighborGraph::new(0, 0, Vec::new())?);
        update(standing, &TopicOptions::default(), &mut none, &mut |_| ()).unwrap()
    }

    fn at(rows: Vec<Vec<f32>>, place: Place) -> Vec<(Vec<f32>, Place)> {
        rows.into_iter().map(|row| (row, place)).collect()
    }

    fn three_subjects() -> Vec<(Vec<f32>, Place)> {
        (0..3)
            .flat_map(|s| at(papers(s, 12), Place::Settled(s)))
            .collect()
    }

    #[test]
    fn a_new_paper_joins_the_nearest_topic_and_nothing_else_moves() {
        let mut all = three_subjects();
        all.push((paper(99, &[(2, 1.0), (1, 0.5)]), Place::New));
        let found = bring(&all, 3).unwrap();
        assert!(found.changes.is_empty(), "{:?}", found.changes);
        let sizes: Vec<usize> = found.topics.iter().map(|t| t.members.len()).collect();
        assert_eq!(sizes, [12, 12, 13]);
        assert!(found.topics[2].members.contains(&36) && !found.settled[36]);
        assert!(
            found
                .topics
                .iter()
                .all(|t| !t.remade && t.drift > Some(0.5))
        );
    }

    #[test]
    fn a_group_of_its_own_is_born_and_three_papers_are_none() {
        let mut all = three_subjects();
        all.extend(at(papers(4, 3), Place::New));
        assert!(bring(&all, 3).unwrap().changes.is_empty());
        // The three came before; with more of them they are a topic.
        let n = all.len();
        all[n - 3..].iter_mut().for_each(|p| p.1 = Place::Joined(0));
        all.extend(at(
            (3..10).map(|i| paper(124 + i, &[(4, 1.0)])).collect(),
            Place::New,
        ));
        let found = bring(&all, 3).unwrap();
        assert_eq!(
            found.changes,
            [Change::Born {
                number: 3,
                moved: 0
            }]
        );
        assert_eq!(found.topics[3].members.len(), 10);
        assert!(found.settled.iter().all(|&settled| settled) && found.next == 4);
    }

    #[test]
    fn a_topic_without_papers_dies_and_its_number_is_not_given_again() {
        let mut all = three_subjects();
        all.retain(|p| p.1 != Place::Settled(1));
        let found = bring(&all, 3).unwrap();
        assert_eq!(found.changes, [Change::Died { number: 1 }]);
        let numbers: Vec<u32> = found.topics.iter().map(|t| t.number).collect();
        assert_eq!((numbers, found.next), (vec![0, 2], 3));
        assert_eq!(bring(&at(papers(1, 2), Place::New), 3), None);
    }

    #[test]
    fn a_topic_splits_where_its_papers_have_moved_apart() {
        let mut all = three_subjects();
        // Topic 0 was of papers between two subjects; now there are many of each.
        all.drain(..12);
        let between = (0..12)
            .map(|i| paper(i, &[(10, 0.75), (11, 0.7)]))
            .collect();
        all.extend(at(between, Place::Settled(0)));
        for subject in [10, 11] {
            let joined =
                (0..40).map(|i| paper(50 * subject + i, &[(subject, 1.0), (21 - subject, 0.2)]));
            all.extend(at(joined.collect(), Place::Joined(0)));
        }
        all.push((paper(7, &[(10, 1.0), (11, 0.3)]), Place::New));
        let found = bring(&all, 3).unwrap();
        assert_eq!(found.changes, [Change::Split { number: 0, into: 3 }]);
        assert!(found.topics[0].remade && found.topics[3].remade);
        assert_eq!(
            found.topics[0].members.len() + found.topics[3].members.len(),
            93
        );
    }

    #[test]
    fn two_topics_that_have_become_one_merge() {
        let mut all = at(papers(2, 12), Place::Settled(2));
        let lean = |a: usize, b: usize, own: usize, much: f32| paper(own, &[(a, 1.0), (b, much)]);
        all.extend(at(
            (0..8).map(|i| lean(0, 1, i, 0.3)).collect(),
            Place::Settled(0),
        ));
        all.extend(at(
            (0..8).map(|i| lean(1, 0, 40 + i, 0.3)).collect(),
            Place::Settled(1),
        ));
        all.extend(at(
            (0..60).map(|i| lean(0, 1, 3 * i, 0.95)).collect(),
            Place::Joined(0),
        ));
        all.extend(at(
            (0..60).map(|i| lean(1, 0, 7 * i, 0.95)).collect(),
            Place::Joined(1),
        ));
        all.push((lean(0, 1, 5, 0.9), Place::New));
        let found = bring(&all, 3).unwrap();
        assert_eq!(found.changes, [Change::Merged { number: 1, into: 0 }]);
        assert_eq!(found.topics.len(), 2);
        assert!(found.topics[0].remade && !found.topics[1].remade);
    }

    #[test]
    fn the_order_of_papers_changes_nothing() {
        let mut all = three_subjects();
        all.extend(at(papers(4, 10), Place::New));
        let found = bring(&all, 3).unwrap();
        all.reverse();
        let again = bring(&all, 3).unwrap();
        assert_eq!(found.changes, again.changes);
        let last = all.len() - 1;
        for (one, other) in found.topics.iter().zip(&again.topics) {
            let turned: Vec<usize> = other.members.iter().map(|m| last - m).collect();
            assert_eq!((&one.members, &one.centroid), (&turned, &other.centroid));
        }
    }

    #[test]
    fn places_that_are_not_there_are_refused() {
        let rows = Embeddings::new(paper(0, &[(0, 1.0)]), DIM).unwrap();
        let standing = Standing {
            rows: &rows,
            ids: &["a"],
            places: &[Place::Settled(1)],
            kept: &[],
            next: 0,
        };
        let mut none = |_: &Embeddings, _: usize| Ok(NeighborGraph::new(0, 0, Vec::new())?);
        assert!(update(standing, &TopicOptions::default(), &mut none, &mut |_| ()).is_err());
    }
}
