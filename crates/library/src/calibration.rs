//! How alike two papers of this library are by chance, and so what a cosine is worth: cosines of some models are all near
//! one another, and 0.4 may be much or little.
//!
//! Not for: the order of hits, which it does not change.

use crate::engine::Library;
use crate::random::below;
use crate::{LibraryError, Progress, derived};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use syntopic_core::{Row, dot};

/// Most pairs that are compared. A library of fewer pairs is compared whole.
const PAIRS: usize = 10_000;

/// Cosines of pairs of the library's papers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Likeness {
    /// In ascending order.
    cosines: Vec<f32>,
    /// Whether these are all pairs, and no sample of them.
    all: bool,
}

impl Likeness {
    /// Of `n` papers with the cosine `between` two of them; `seed` chooses the pairs where there are too many.
    fn of<E>(
        n: usize,
        seed: u64,
        mut between: impl FnMut(usize, usize) -> Result<f32, E>,
    ) -> Result<Self, E> {
        let all = n * n.saturating_sub(1) / 2 <= PAIRS;
        let mut cosines = if all {
            let pairs = (0..n).flat_map(|i| (0..i).map(move |j| (i, j)));
            pairs
                .map(|(i, j)| between(i, j))
                .collect::<Result<Vec<_>, E>>()?
        } else {
            let mut state = seed;
            let mut pairs = Vec::with_capacity(PAIRS);
            while pairs.len() < PAIRS {
                let (i, j) = (below(&mut state, n), below(&mut state, n));
                if i != j {
                    pairs.push(between(i, j)?);
                }
            }
            pairs
        };
        cosines.sort_by(f32::total_cmp);
        Ok(Self { cosines, all })
    }

    /// The share of pairs that are less alike than `cosine`, 0 to 1; nothing where there is no pair.
    pub(crate) fn share_below(&self, cosine: f32) -> Option<f64> {
        let below = self.cosines.partition_point(|&other| other < cosine);
        let n = self.cosines.len();
        (n > 0).then(|| below as f64 / n as f64)
    }
}

impl Library {
    /// The likeness of the library's pairs: read where it was made of the present papers, otherwise made. That of a library
    /// whose pairs are all compared is made in an instant, and not kept.
    pub(crate) fn likeness(
        &mut self,
        progress: &mut Progress<'_>,
    ) -> Result<Likeness, LibraryError> {
        let path = self.folder.join("likeness.json");
        let catalogue = self.catalogue()?;
        let made_from = catalogue.stamp().sha256;
        let kept = std::fs::read(&path).ok();
        let kept = kept.and_then(|bytes| derived::unseal(&bytes, &made_from));
        if let Some(likeness) = kept.and_then(|json| serde_json::from_str(&json).ok()) {
            return Ok(likeness);
        }
        // By the ids, which are in order: neither the order of adding nor the vectors' last bits choose other pairs.
        let mut ids = Sha256::new();
        for id in catalogue.ids()? {
            ids.update((id.len() as u64).to_le_bytes());
            ids.update(id);
        }
        let digest = ids.finalize();
        let seed = digest
            .iter()
            .take(8)
            .fold(0, |seed, &b| seed << 8 | u64::from(b));
        let likeness = Likeness::of(catalogue.n_rows(), seed, |i, j| {
            let vector = |at| catalogue.vector(Row::from_index(at));
            Ok::<_, LibraryError>(dot(vector(i)?, vector(j)?))
        })?;
        if !likeness.all
            && let Ok(json) = serde_json::to_string(&likeness)
        {
            derived::keep(&path, &derived::seal(&json, &made_from), progress);
        }
        Ok(likeness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn likeness(n: usize, seed: u64) -> Likeness {
        let between =
            |i: usize, j: usize| Ok::<_, Infallible>(((i * 31 + j * 17) % 101) as f32 / 101.0);
        Likeness::of(n, seed, between).unwrap()
    }

    #[test]
    fn few_papers_are_compared_pair_by_pair() {
        for n in [2, 3, 50] {
            let made = likeness(n, 1);
            assert_eq!((made.cosines.len(), made.all), (n * (n - 1) / 2, true));
            assert_eq!(made, likeness(n, 2), "no seed is used");
            for cosine in [-1.0, 0.0, 0.3, 1.0] {
                let below = made.cosines.iter().filter(|&&c| c < cosine).count();
                let expected = below as f64 / made.cosines.len() as f64;
                assert_eq!(made.share_below(cosine), Some(expected));
            }
        }
        for n in [0, 1] {
            assert_eq!(likeness(n, 1).share_below(0.5), None);
        }
    }

    #[test]
    fn many_papers_are_sampled_and_the_sample_is_like_all() {
        let made = likeness(400, 7);
        assert_eq!((made.cosines.len(), made.all), (PAIRS, false));
        assert_eq!(made, likeness(400, 7));
        assert_ne!(made, likeness(400, 8));
        let share = made.share_below(0.5).unwrap();
        assert!((share - 0.5).abs() < 0.03, "{share}");
    }
}
