//! Topics grouped into fewer and fewer: which of them belong together at each coarser level.
//!
//! Two groups at a time become one: those whose union loses least of the sum of cosines to the centre, which is what spherical
//! k-means maximises, `|S_a| + |S_b| - |S_a + S_b|` with `S` the sum of a group's vectors (Ward 1963, for unit vectors). Where a level is
//! reached, what is grouped moves, one at a time, to where it raises that sum; from then on the groups of that level stay together, so
//! that a group of a finer level lies in one of each coarser one. Not for: the topics themselves, or names.

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
    let mut units: Vec<Pile> = topics.iter().map(|m| Pile::of(rows, m)).collect();
    // Which unit each topic is in.
    let mut unit_of: Vec<usize> = (0..topics.len()).collect();
    let mut cuts = Vec::new();
    for &n_groups in levels.iter().rev().filter(|&&n| n < topics.len()) {
        let products = products(&units);
        let mut group_of = join(&products, n_groups);
        move_single(&products, &mut group_of, n_groups);
        unit_of.iter_mut().for_each(|unit| *unit = group_of[*unit]);
        units = merged(&units, &group_of, n_groups);
        cuts.push(numbered(&unit_of, &units));
    }
    cuts.reverse();
    Ok(cuts)
}

/// Dot products of the sums of piles, `(n, n)`.
fn products(piles: &[Pile]) -> Vec<Vec<f64>> {
    let with = |a: &Pile| piles.iter().map(|b| a.product(b)).collect();
    piles.iter().map(with).collect()
}

/// The piles of each group as one.
fn merged(units: &[Pile], group_of: &[usize], n_groups: usize) -> Vec<Pile> {
    let mut groups = vec![Pile::empty(); n_groups];
    for (unit, &group) in units.iter().zip(group_of) {
        groups[group].add(unit);
    }
    groups
}

/// The number of each topic's group: the group of most papers first, of equals the one of the first topic.
fn numbered(group_of: &[usize], groups: &[Pile]) -> Vec<u32> {
    let first = |group: usize| group_of.iter().position(|own| *own == group);
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|&group| (std::cmp::Reverse(groups[group].size), first(group)));
    let mut number = vec![0; groups.len()];
    (0u32..).zip(order).for_each(|(n, group)| number[group] = n);
    group_of.iter().map(|&group| number[group]).collect()
}

/// Moves one unit at a time to the group where it raises the sum of the groups' lengths most, in passes until none moves. The last unit
/// of a group stays.
fn move_single(products: &[Vec<f64>], group_of: &mut [usize], n_groups: usize) {
    const PASSES: usize = 50;
    let length = |square: f64| square.max(0.0).sqrt();
    let n = products.len();
    // Products of each group's sum with every unit, and with itself.
    let mut along = vec![vec![0.0; n]; n_groups];
    let mut sizes = vec![0; n_groups];
    for (unit, &group) in group_of.iter().enumerate() {
        sizes[group] += 1;
        (0..n).for_each(|other| along[group][other] += products[unit][other]);
    }
    let mut squares = vec![0.0; n_groups];
    (0..n).for_each(|unit| squares[group_of[unit]] += along[group_of[unit]][unit]);
    for _ in 0..PASSES {
        let mut moved = false;
        for unit in 0..n {
            let (from, own) = (group_of[unit], products[unit][unit]);
            if sizes[from] == 1 {
                continue;
            }
            let left = squares[from] - 2.0 * along[from][unit] + own;
            let loss = length(squares[from]) - length(left);
            let gain =
                |to: usize| length(squares[to] + 2.0 * along[to][unit] + own) - length(squares[to]);
            let others = (0..n_groups)
                .filter(|&to| to != from)
                .map(|to| (gain(to), to));
            let best = others.reduce(|best, next| if next.0 > best.0 { next } else { best });
            // More than rounding can.
            let Some((_, to)) = best.filter(|(gain, _)| *gain > loss + 1e-6 * length(own)) else {
                continue;
            };
            squares[from] = left;
            squares[to] += 2.0 * along[to][unit] + own;
            for other in 0..n {
                along[from][other] -= products[unit][other];
                along[to][other] += products[unit][other];
            }
            (sizes[from], sizes[to]) = (sizes[from] - 1, sizes[to] + 1);
            group_of[unit] = to;
            moved = true;
        }
        if !moved {
            break;
        }
    }
}

/// The group, below `n_groups`, of each unit, where two at a time were joined that lose least by it.
fn join(products: &[Vec<f64>], n_groups: usize) -> Vec<usize> {
    let mut joining = Joining::of(products);
    while joining.n_groups() > n_groups {
        joining.join();
    }
    let mut group_of = vec![0; products.len()];
    let groups = joining.groups.iter().filter(|group| !group.is_empty());
    for (number, group) in groups.enumerate() {
        group.iter().for_each(|&unit| group_of[unit] = number);
    }
    group_of
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
    /// The units of each group, ascending; of one that was joined to another, none.
    groups: Vec<Vec<usize>>,
    /// For each group the later one that it costs least to be joined with.
    nearest: Vec<Option<(f64, usize)>>,
}

impl Joining {
    fn of(products: &[Vec<f64>]) -> Self {
        let n = products.len();
        let mut joining = Self {
            products: products.to_vec(),
            groups: (0..n).map(|unit| vec![unit]).collect(),
            nearest: vec![None; n],
        };
        (0..n).for_each(|a| joining.look(a));
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
    fn groups_are_joined_as_the_definition_says() {
        let (rows, topics) = topics_of(14);
        let piles: Vec<Pile> = topics.iter().map(|m| Pile::of(&rows, m)).collect();
        for n in [1, 2, 3, 5, 8, 13, 14] {
            let found = join(&products(&piles), n);
            let mut own = vec![Vec::new(); n];
            (0..14).for_each(|t| own[found[t]].push(t));
            own.sort();
            assert_eq!(own, by_definition(&rows, &topics, n), "{n} groups");
        }
    }

    #[test]
    fn moving_raises_the_sum_and_leaves_no_group_empty() {
        let (rows, topics) = topics_of(30);
        let piles: Vec<Pile> = topics.iter().map(|m| Pile::of(&rows, m)).collect();
        let all = products(&piles);
        let sum = |group_of: &[usize]| -> f64 {
            let groups = merged(&piles, group_of, 5);
            groups.iter().map(|group| group.product(group).sqrt()).sum()
        };
        let mut group_of: Vec<usize> = (0..30).map(|t| t % 5).collect();
        let before = sum(&group_of);
        move_single(&all, &mut group_of, 5);
        assert!(sum(&group_of) > before);
        assert!((0..5).all(|group| group_of.contains(&group)));
        let settled = group_of.clone();
        move_single(&all, &mut group_of, 5);
        assert_eq!(group_of, settled);
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
