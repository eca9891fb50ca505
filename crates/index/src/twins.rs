//! Rows with one vector, and what a vector is known by.

use rayon::prelude::*;
use syntopic_core::{Embeddings, Row};

/// A number for a vector, from its bits alone: the same on every machine and in every version, because index files hold it.
pub(crate) fn hash(vector: &[f32]) -> u64 {
    let mixed = vector
        .iter()
        .fold(0x9e37_79b9_7f4a_7c15_u64, |state, value| {
            (state ^ u64::from(value.to_bits()))
                .wrapping_mul(0x2545_f491_4f6c_dd1d)
                .rotate_left(29)
        });
    mix(mixed)
}

/// Spreads every bit over all (the finaliser of SplitMix64).
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What [`hash`] gives for each row.
pub(crate) fn hash_all(rows: &Embeddings) -> Vec<u64> {
    (0..rows.n_rows() as u32)
        .into_par_iter()
        .map(|row| hash(rows.row(Row(row))))
        .collect()
}

/// The rows that are the first with their vector, ascending, and `(first, twin)` for the others, ascending. `hashes` are
/// those of the rows.
pub(crate) fn split(rows: &Embeddings, hashes: &[u64]) -> (Vec<u32>, Vec<(u32, u32)>) {
    let bits = |row: u32| rows.row(Row(row)).iter().map(|v| v.to_bits());
    let mut hashed: Vec<(u64, u32)> = hashes.iter().copied().zip(0..).collect();
    hashed.par_sort_unstable();
    let (mut firsts, mut twins) = (Vec::new(), Vec::new());
    for same_hash in hashed.chunk_by(|a, b| a.0 == b.0) {
        let from = firsts.len();
        for &(_, row) in same_hash {
            // Two vectors may share a hash: every first of this hash is compared.
            match firsts[from..]
                .iter()
                .find(|first| bits(**first).eq(bits(row)))
            {
                Some(&first) => twins.push((first, row)),
                None => firsts.push(row),
            }
        }
    }
    firsts.sort_unstable();
    twins.sort_unstable();
    (firsts, twins)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Embeddings {
        Embeddings::new(
            vec![1.0, 0.0, 0.0, 1.0, 1.0, 0.0, -1.0, 0.0, 0.0, 1.0, 1.0, 0.0],
            2,
        )
        .expect("unit rows")
    }

    #[test]
    fn twins_are_found_wherever_they_stand() {
        let expected = (vec![0, 1, 3], vec![(0, 2), (0, 5), (1, 4)]);
        assert_eq!(split(&rows(), &hash_all(&rows())), expected);
        assert_eq!(
            split(&rows(), &[7; 6]),
            expected,
            "whatever the hashes share"
        );
    }

    #[test]
    fn a_hash_is_what_files_hold() {
        assert_eq!(hash(&[1.0, 0.0]), hash(rows().row(Row(2))));
        assert_ne!(hash(&[1.0, 0.0]), hash(&[0.0, 1.0]));
        assert_eq!(
            hash(&[1.0, 0.0]),
            HASH_OF_1_0,
            "a change makes index files of earlier versions useless"
        );
    }

    const HASH_OF_1_0: u64 = 12_655_477_399_746_675_848;
}
