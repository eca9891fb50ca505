//! Topics of fewer papers than a user wants of one: their papers go where they are nearest.

use crate::kmeans::{Clustering, centroid, cluster_sizes, regroup};
use crate::topics::KChoice;
use syntopic_core::{Embeddings, Row, dot};

/// While there is a cluster of fewer than `least` rows beside another one, the smallest (of equals, the last) is given up and each of
/// its rows goes to the nearest other centre. The method of the choice tells how many were.
pub(crate) fn give_up_small(
    rows: &Embeddings,
    mut found: Clustering,
    mut choice: KChoice,
    least: usize,
) -> (Clustering, KChoice) {
    let asked = choice.k;
    while choice.k > 1 {
        let sizes = cluster_sizes(&found.assignment, choice.k);
        let smallest = (0..choice.k).rev().min_by_key(|&c| sizes[c]).unwrap_or(0);
        if sizes[smallest] >= least {
            break;
        }
        choice.k -= 1;
        found = without(rows, &found, smallest as u32, choice.k);
    }
    let gone = asked - choice.k;
    if gone > 0 {
        let note = format!("; {gone} of fewer than {least} papers are part of others");
        choice.method.push_str(&note);
    }
    (found, choice)
}

/// The clustering without a cluster; `k` are left, numbered as before but for the gap.
fn without(rows: &Embeddings, found: &Clustering, gone: u32, k: usize) -> Clustering {
    let nearest = |row: usize| {
        let row = rows.row(Row::from_index(row));
        let cosine = |c: u32| dot(row, centroid(&found.centroids, c, rows.dim()));
        let others = (0..=k as u32).filter(|&c| c != gone);
        let best = others
            .map(|c| (cosine(c), c))
            .reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.map_or(0, |(_, c)| c)
    };
    let own = found.assignment.iter().enumerate().map(|(row, &own)| {
        let own = if own == gone { nearest(row) } else { own };
        own - u32::from(own > gone)
    });
    regroup(rows, own.collect(), k)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(assignment: Vec<u32>, k: usize, least: usize) -> (Vec<u32>, KChoice) {
        let angles = [0.0f32, 0.1, 0.2, 0.7, 1.5, 1.6];
        let data = angles.iter().flat_map(|a| [a.cos(), a.sin()]);
        let rows = Embeddings::new(data.collect(), 2).unwrap();
        let found = regroup(&rows, assignment, k);
        let choice = KChoice {
            k,
            given: true,
            method: String::from("given"),
            candidates: Vec::new(),
        };
        let (found, choice) = give_up_small(&rows, found, choice, least);
        (found.assignment, choice)
    }

    #[test]
    fn small_ones_join_the_nearest_and_numbers_close_up() {
        let (own, choice) = of(vec![1, 1, 1, 0, 2, 2], 3, 2);
        assert_eq!(own, [0, 0, 0, 0, 1, 1]);
        assert_eq!(choice.k, 2);
        assert_eq!(
            choice.method,
            "given; 1 of fewer than 2 papers are part of others"
        );
    }

    #[test]
    fn one_stays_whatever_is_wanted() {
        let (own, choice) = of(vec![1, 1, 1, 0, 2, 2], 3, 100);
        assert_eq!((own, choice.k), (vec![0; 6], 1));
        let (own, choice) = of(vec![0, 0, 0, 1, 1, 1], 2, 3);
        assert_eq!((own, choice.k), (vec![0, 0, 0, 1, 1, 1], 2));
        assert_eq!(choice.method, "given");
    }
}
