//! Which papers that came form a topic of their own.
//!
//! They are divided by k-means into groups of several sizes; those that are large, tight and apart from all topics are taken,
//! the largest first. Not for: which of the papers then go there (`update.rs`).

use crate::TopicsError;
use crate::alike::{Pile, Usual};
use crate::kmeans::{KMeansOptions, cluster};
use syntopic_core::{Embeddings, Row};

/// Newcomers are divided into groups as large as the topics are; few of them also into two and four times as many, since a new
/// subject may then be a small part. Among many, small groups are apart by chance: of half of ohsumed's papers, added to topics of
/// the other half, five groups would be born where none should be.
const DIVISIONS: [usize; 3] = [1, 2, 4];
/// Newcomers are few where they are less than so many groups.
const FEW_GROUPS: usize = 4;

/// The vectors as given, by which groups are judged, and those by which papers find their topic.
#[derive(Clone, Copy)]
pub(crate) struct Vectors<'a> {
    pub(crate) raw: &'a Embeddings,
    pub(crate) near: &'a Embeddings,
    pub(crate) seed: u64,
}

/// Groups of the papers that `came` since topics were made, each large, tight, and apart from all topics and from each other:
/// the largest first.
pub(crate) fn groups_apart(
    at: Vectors<'_>,
    came: &[usize],
    piles: &[Pile],
    usual: Usual,
) -> Result<Vec<Vec<usize>>, TopicsError> {
    if came.len() < usual.size {
        return Ok(Vec::new());
    }
    let mut sizes: Vec<usize> = piles.iter().map(|p| p.size).filter(|&n| n > 0).collect();
    sizes.sort_unstable();
    let median = sizes[(sizes.len() - 1) / 2].max(1);
    let mut groups = drafts(at, came, median, usual)?;
    groups.retain(|group| group.len() >= usual.size);
    groups.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    let mut others: Vec<Pile> = piles.to_vec();
    groups.retain(|group| {
        let pile = Pile::of(at.raw, group);
        let tight = pile.cohesion().is_some_and(|c| c >= usual.cohesion);
        let apart = |other: &Pile| pile.alike(other).is_none_or(|r| r <= usual.apart);
        let born = tight && pile.cohesion() > Some(0.0) && others.iter().all(apart);
        if born {
            others.push(pile);
        }
        born
    });
    Ok(groups)
}

/// The papers divided into groups, as large as topics are, and smaller.
fn drafts(
    at: Vectors<'_>,
    came: &[usize],
    median: usize,
    usual: Usual,
) -> Result<Vec<Vec<usize>>, TopicsError> {
    let chosen = at.near.select(came.iter().copied().map(Row::from_index));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut last = 0;
    let few = came.len().div_ceil(median) < FEW_GROUPS;
    let divisions = if few { &DIVISIONS[..] } else { &DIVISIONS[..1] };
    for division in divisions {
        let k = ((came.len() * division).div_ceil(median)).min(came.len() / usual.size);
        if k == last {
            continue;
        }
        last = k;
        let options = KMeansOptions {
            k,
            seed: at.seed,
            restarts: 4,
            max_iterations: 25,
            move_rows: few,
        };
        let found = cluster(&chosen, options)?;
        let mut parts = vec![Vec::new(); k];
        for (&row, &own) in came.iter().zip(&found.assignment) {
            parts[own as usize].push(row);
        }
        groups.extend(parts);
    }
    Ok(groups)
}
