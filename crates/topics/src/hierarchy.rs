//! Topics grouped into fewer and fewer: which of them belong together at each coarser level.
//!
//! Two groups at a time become one: those whose union loses least of the sum of cosines to the centre, which is what spherical
//! k-means maximises, `|S_a| + |S_b| - |S_a + S_b|` with `S` the sum of a group's vectors (Ward 1963, for unit vectors). Levels are
//! cuts of that one tree, so that a group of a finer level lies in one of each coarser one. Not for: the topics themselves, or names.

use crate::TopicsError;
use crate::alike::Pile;
use crate::topics::mean;
use syntopic_core::{Embeddings, Row, dot};

/// A level has about a quarter of the groups of the one below: 8, 30, 120.
const A_QUARTER: f64 = 4.0;

/// A group of topics.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The topics in it, ascending, as positions.
    pub topics: Vec<usize>,
    /// Its papers: of each topic as many as its size asks for, most central first.
    pub members: Vec<usize>,
    /// Mean cosine of its papers to its centre, larger is tighter.
    pub tightness: f32,
    /// Unit vector, the direction of the sum of its papers' vectors.
    pub centroid: Vec<f32>,
}

/// Numbers of groups, coarse to fine, above `k` topics of a tree of `depth` levels: each about a quarter of the one below, and none
/// of fewer than 2, so there may be fewer levels.
#[must_use]
pub fn levels_above(k: usize, depth: usize) -> Vec<usize> {
    let above = (1..depth as i32).map(|up| (k as f64 / A_QUARTER.powi(up)).round() as usize);
    let mut levels: Vec<usize> = above.take_while(|&groups| groups > 1).collect();
    levels.reverse();
    levels
}

/// That numbers of groups, coarse to fine, ascend from 1.
///
/// # Errors
/// When they do not.
pub fn check_levels(levels: &[usize]) -> Result<(), TopicsError> {
    let ascend = levels.windows(2).all(|pair| pair[0] < pair[1]);
    if levels.first() == Some(&0) || !ascend {
        return Err(TopicsError::Levels(levels.to_vec()));
    }
    Ok(())
}

/// The group of each topic at each of `levels`, which are numbers of groups, ascending; `topics` are the papers of each. Levels of
/// as many groups as there are topics, or more, are left out. Groups are numbered by their papers, largest first, of equals by their first topic.
///
/// The result depends on the order of the topics in ties alone.
///
/// # Errors
/// As [`check_levels`].
pub fn hierarchy(
    rows: &Embeddings,
    topics: &[&[usize]],
    levels: &[usize],
) -> Result<Vec<Vec<u32>>, TopicsError> {
    check_levels(levels)?;
    let piles: Vec<Pile> = topics
        .iter()
        .map(|members| Pile::of(rows, members))
        .collect();
    let wanted = levels.iter().rev().copied();
    let mut left = Joining::of(&piles);
    let mut cuts = Vec::new();
    for groups in wanted.filter(|&groups| groups < topics.len()) {
        while left.n_groups() > groups {
            left.join();
        }
        cuts.push(left.numbered());
    }
    cuts.reverse();
    Ok(cuts)
}

/// The groups of a level, by the number that each topic has.
#[must_use]
pub fn groups(rows: &Embeddings, topics: &[&[usize]], group_of: &[u32]) -> Vec<Group> {
    let n_groups = group_of.iter().max().map_or(0, |most| *most as usize + 1);
    let mut of = vec![Vec::new(); n_groups];
    for (topic, &group) in group_of.iter().enumerate() {
        of[group as usize].push(topic);
    }
    let group = |own: Vec<usize>| {
        let members = in_turn(&own.iter().map(|&t| topics[t]).collect::<Vec<_>>());
        let centroid = Pile::of(rows, &members).direction();
        let cosine = |&m: &usize| dot(rows.row(Row::from_index(m)), &centroid);
        let cosines: Vec<f32> = members.iter().map(cosine).collect();
        Group {
            topics: own,
            members,
            tightness: mean(&cosines),
            centroid,
        }
    };
    of.into_iter().map(group).collect()
}

/// The papers of several topics, so that any beginning of the list has each topic's share, the most central papers first.
fn in_turn(topics: &[&[usize]]) -> Vec<usize> {
    let mut all = Vec::new();
    for (t, members) in topics.iter().enumerate() {
        let place = |rank: usize| (2 * rank + 1) as f64 / (2 * members.len()) as f64;
        all.extend(members.iter().enumerate().map(|(r, &m)| (place(r), t, m)));
    }
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all.into_iter().map(|(_, _, member)| member).collect()
}

/// Groups while they are joined.
struct Joining {
    /// Dot products of the groups' sums, `(n, n)`.
    products: Vec<Vec<f64>>,
    sizes: Vec<usize>,
    /// The topics of each group, ascending; of one that was joined to another, none.
    groups: Vec<Vec<usize>>,
    /// For each group the later one that it costs least to be joined with.
    nearest: Vec<Option<(f64, usize)>>,
}

impl Joining {
    fn of(piles: &[Pile]) -> Self {
        let product = |a: &Pile| piles.iter().map(|b| a.product(b)).collect();
        let mut joining = Self {
            products: piles.iter().map(product).collect(),
            sizes: piles.iter().map(|pile| pile.size).collect(),
            groups: (0..piles.len()).map(|topic| vec![topic]).collect(),
            nearest: vec![None; piles.len()],
        };
        (0..piles.len()).for_each(|a| joining.look(a));
        joining
    }

    fn n_groups(&self) -> usize {
        self.groups.iter().filter(|group| !group.is_empty()).count()
    }

    /// What two groups lose where they become one.
    fn cost(&self, a: usize, b: usize) -> f64 {
        let length = |square: f64| square.max(0.0).sqrt();
        let (aa, bb, ab) = (
            self.products[a][a],
            self.products[b][b],
            self.products[a][b],
        );
        length(aa) + length(bb) - length(aa + bb + 2.0 * ab)
    }

    fn look(&mut self, a: usize) {
        let later = a + 1..self.groups.len();
        let costs = later
            .filter(|&b| !self.groups[b].is_empty())
            .map(|b| (self.cost(a, b), b));
        self.nearest[a] = costs.reduce(|best, next| if next.0 < best.0 { next } else { best });
    }

    /// Makes one of the two groups that lose least by it; of equals, the first.
    fn join(&mut self) {
        let pairs = self.nearest.iter().enumerate();
        let pairs = pairs.filter_map(|(a, near)| near.map(|(cost, b)| (cost, a, b)));
        let Some((_, a, b)) = pairs.reduce(|best, next| if next.0 < best.0 { next } else { best })
        else {
            return;
        };
        for other in 0..self.groups.len() {
            let along = self.products[b][other];
            self.products[a][other] += along;
        }
        for other in 0..self.groups.len() {
            // The group's own square too: its row above has had b's products added, those of b with itself included.
            let along = self.products[other][b];
            self.products[other][a] += along;
        }
        self.sizes[a] += self.sizes[b];
        let gone = std::mem::take(&mut self.groups[b]);
        self.groups[a].extend(gone);
        self.groups[a].sort_unstable();
        self.nearest[b] = None;
        for other in 0..self.groups.len() {
            if self.groups[other].is_empty() {
                continue;
            }
            let met = self.nearest[other].is_some_and(|(_, near)| near == a || near == b);
            if other == a || met {
                self.look(other);
            } else if other < a {
                let cost = self.cost(other, a);
                if self.nearest[other]
                    .is_none_or(|(least, near)| cost < least || (cost == least && a < near))
                {
                    self.nearest[other] = Some((cost, a));
                }
            }
        }
    }

    /// The number of each topic's group.
    fn numbered(&self) -> Vec<u32> {
        let mut order: Vec<usize> = (0..self.groups.len())
            .filter(|&g| !self.groups[g].is_empty())
            .collect();
        order.sort_by_key(|&g| (std::cmp::Reverse(self.sizes[g]), self.groups[g][0]));
        let mut group_of = vec![0; self.groups.len()];
        for (number, g) in (0u32..).zip(order) {
            self.groups[g].iter().for_each(|&t| group_of[t] = number);
        }
        group_of
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four corners of a square, in three and four dimensions: pairs are near, and two of the pairs to each other.
    fn topics_of(n: usize) -> (Embeddings, Vec<Vec<usize>>) {
        let row = |i: usize| {
            let (a, b) = (i as f32 * 0.7, i as f32 * i as f32 * 0.31);
            let v = [a.cos(), a.sin(), b.cos(), 0.5 * b.sin()];
            let length = v.iter().map(|x| x * x).sum::<f32>().sqrt();
            v.map(|x| x / length)
        };
        let rows = Embeddings::new((0..3 * n).flat_map(row).collect(), 4).unwrap();
        let topics = (0..n).map(|t| vec![3 * t, 3 * t + 1, 3 * t + 2]);
        (rows, topics.collect())
    }

    fn slices(topics: &[Vec<usize>]) -> Vec<&[usize]> {
        topics.iter().map(Vec::as_slice).collect()
    }

    /// The definition: of all pairs, the one that loses least, again and again.
    fn by_definition(rows: &Embeddings, topics: &[Vec<usize>], n_groups: usize) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = (0..topics.len()).map(|t| vec![t]).collect();
        let length = |some: &[usize]| {
            let members: Vec<usize> = some.iter().flat_map(|&t| topics[t].clone()).collect();
            let pile = Pile::of(rows, &members);
            pile.product(&pile).sqrt()
        };
        while groups.len() > n_groups {
            let mut best = (f64::INFINITY, 0, 0);
            for a in 0..groups.len() {
                for b in a + 1..groups.len() {
                    let both = [groups[a].clone(), groups[b].clone()].concat();
                    let loss = length(&groups[a]) + length(&groups[b]) - length(&both);
                    if loss < best.0 - 1e-9 {
                        best = (loss, a, b);
                    }
                }
            }
            let gone = groups.remove(best.2);
            groups[best.1].extend(gone);
            groups[best.1].sort_unstable();
        }
        groups.sort();
        groups
    }

    #[test]
    fn groups_are_those_of_the_definition_at_every_level() {
        let (rows, topics) = topics_of(14);
        let levels = [1, 2, 3, 5, 8, 13];
        let found = hierarchy(&rows, &slices(&topics), &levels).unwrap();
        for (cut, n) in found.iter().zip(levels) {
            let mut own = vec![Vec::new(); n];
            (0..14).for_each(|t| own[cut[t] as usize].push(t));
            own.sort();
            assert_eq!(own, by_definition(&rows, &topics, n), "{n} groups");
        }
    }

    #[test]
    fn a_finer_group_lies_in_one_coarser_one_and_the_largest_comes_first() {
        let (rows, topics) = topics_of(20);
        let found = hierarchy(&rows, &slices(&topics), &[3, 7]).unwrap();
        for t in 0..20 {
            for s in 0..20 {
                assert!(found[1][t] != found[1][s] || found[0][t] == found[0][s]);
            }
        }
        let made = groups(&rows, &slices(&topics), &found[0]);
        let sizes: Vec<usize> = made.iter().map(|group| group.members.len()).collect();
        assert!(sizes.is_sorted_by(|a, b| a >= b) && sizes.iter().sum::<usize>() == 60);
    }

    #[test]
    fn levels_of_no_fewer_groups_than_topics_are_left_out() {
        let (rows, topics) = topics_of(4);
        let found = hierarchy(&rows, &slices(&topics), &[2, 4, 9]).unwrap();
        assert_eq!(found.len(), 1);
        assert!(hierarchy(&rows, &[], &[2]).unwrap().is_empty());
        assert!(hierarchy(&rows, &slices(&topics), &[]).unwrap().is_empty());
        for wrong in [&[0, 2][..], &[3, 3], &[5, 2]] {
            let why = hierarchy(&rows, &slices(&topics), wrong).unwrap_err();
            assert!(why.to_string().contains("8,30,120"), "{why}");
        }
    }

    #[test]
    fn a_level_has_a_quarter_of_the_groups_of_the_one_below() {
        assert_eq!(levels_above(120, 3), [8, 30]);
        assert_eq!(levels_above(13, 2), [3]);
        assert_eq!(levels_above(13, 9), [3]);
        assert!(levels_above(5, 3).is_empty());
        assert!(levels_above(120, 1).is_empty() && levels_above(120, 0).is_empty());
    }

    #[test]
    fn papers_of_a_group_take_turns_by_the_sizes_of_its_topics() {
        assert_eq!(in_turn(&[&[1, 2, 3, 4], &[9, 8]]), [1, 9, 2, 3, 8, 4]);
        assert!(in_turn(&[]).is_empty());
    }

    #[test]
    fn copies_are_grouped_in_their_order() {
        let rows = Embeddings::new([0.6f32, 0.8].repeat(6), 2).unwrap();
        let topics: Vec<Vec<usize>> = (0..6).map(|i| vec![i]).collect();
        let found = hierarchy(&rows, &slices(&topics), &[2]).unwrap();
        assert_eq!(found[0].iter().filter(|g| **g == 0).count(), 5);
    }
}
