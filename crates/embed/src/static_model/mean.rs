//! The sum of the rows of a text's tokens: the one hot loop of a static model.

/// Where the rows of tokens are, and how much each counts.
pub(super) struct Lookup<'a> {
    /// Row of the table by token id; ids are rows where there is none.
    pub(super) mapping: Option<&'a [u32]>,
    /// Factor of a row by token id; 1 where there is none.
    pub(super) weights: Option<&'a [f32]>,
    /// The token that counts for nothing.
    pub(super) unknown: Option<u32>,
}

/// Adds to `sum` (one row) the weighted rows of `table` (rows of `sum.len()`) that `ids` name, one after another. True when
/// any was added. Every id must have a row.
///
/// Every CPU gives the same bits: the wider instructions run the same additions and multiplications in the same order.
pub(super) fn add_rows<T: Copy + Into<f32>>(
    table: &[T],
    ids: &[u32],
    lookup: &Lookup<'_>,
    sum: &mut [f32],
) -> bool {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the CPU has AVX2, asked just now; the function has no other requirement.
        return unsafe { add_rows_avx2(table, ids, lookup, sum) };
    }
    add_rows_plain(table, ids, lookup, sum)
}

/// [`add_rows_plain`] compiled for AVX2. Rust never fuses a multiplication with an addition by itself.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn add_rows_avx2<T: Copy + Into<f32>>(
    table: &[T],
    ids: &[u32],
    lookup: &Lookup<'_>,
    sum: &mut [f32],
) -> bool {
    add_rows_plain(table, ids, lookup, sum)
}

/// Rows that are read side by side, so that the sum is loaded and stored once for all of them, and the memory has more than
/// one row to look for. They are still added one after another: the number changes no bit.
const TOGETHER: usize = 4;

#[inline(always)]
fn add_rows_plain<T: Copy + Into<f32>>(
    table: &[T],
    ids: &[u32],
    lookup: &Lookup<'_>,
    sum: &mut [f32],
) -> bool {
    let dim = sum.len();
    let row = |id: u32| {
        let token = id as usize;
        let row = lookup.mapping.map_or(token, |rows| rows[token] as usize);
        let weight = lookup.weights.map_or(1.0, |weights| weights[token]);
        (&table[row * dim..][..dim], weight)
    };
    let mut known = ids.iter().filter(|&&id| Some(id) != lookup.unknown);
    let mut any = false;
    while let Some(&first) = known.next() {
        any = true;
        let mut group = [row(first); TOGETHER];
        let mut len = 1;
        while len < TOGETHER
            && let Some(&id) = known.next()
        {
            group[len] = row(id);
            len += 1;
        }
        if len == TOGETHER {
            add_together(&group, sum);
        } else {
            group[..len]
                .iter()
                .for_each(|one| add_together(&[*one], sum));
        }
    }
    any
}

#[inline(always)]
fn add_together<T: Copy + Into<f32>, const N: usize>(group: &[(&[T], f32); N], sum: &mut [f32]) {
    let group = group.map(|(row, weight)| (&row[..sum.len()], weight));
    for i in 0..sum.len() {
        let mut total = sum[i];
        for (row, weight) in group {
            let x: f32 = row[i].into();
            total += weight * x;
        }
        sum[i] = total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wider_instructions_and_rows_together_give_the_same_bits() {
        let (rows, dim) = (50usize, 37usize);
        let mut state = 1u64;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f32 / 16_777_216.0 - 0.5
        };
        let table: Vec<f32> = (0..rows * dim).map(|_| random()).collect();
        let small: Vec<i8> = table.iter().map(|x| (x * 254.0) as i8).collect();
        let weights: Vec<f32> = (0..rows).map(|_| random()).collect();
        let ids: Vec<u32> = (0..400).map(|i| (i * 7) % rows as u32).collect();
        let lookup = Lookup {
            mapping: None,
            weights: Some(&weights),
            unknown: Some(14),
        };
        // One after another, as the definition has it.
        let mut defined = vec![0f32; dim];
        for &id in ids.iter().filter(|&&id| id != 14) {
            let row = &table[id as usize * dim..][..dim];
            defined
                .iter_mut()
                .zip(row)
                .for_each(|(sum, x)| *sum += weights[id as usize] * x);
        }
        let (mut plain, mut chosen) = (vec![0f32; dim], vec![0f32; dim]);
        assert!(add_rows_plain(&table, &ids, &lookup, &mut plain));
        assert!(add_rows(&table, &ids, &lookup, &mut chosen));
        assert_eq!(plain, defined);
        assert_eq!(plain, chosen);
        assert!(add_rows_plain(&small, &ids, &lookup, &mut plain));
        assert!(add_rows(&small, &ids, &lookup, &mut chosen));
        assert_eq!(plain, chosen);
    }

    #[test]
    fn the_unknown_token_counts_for_nothing() {
        let lookup = Lookup {
            mapping: Some(&[1, 0, 0]),
            weights: None,
            unknown: Some(2),
        };
        let mut sum = vec![0f32; 2];
        assert!(!add_rows(
            &[1f32, 2.0, 10.0, 20.0],
            &[2, 2],
            &lookup,
            &mut sum
        ));
        assert!(add_rows(
            &[1f32, 2.0, 10.0, 20.0],
            &[0, 2, 1, 0],
            &lookup,
            &mut sum
        ));
        assert_eq!(sum, [21.0, 42.0]);
    }
}
