//! Which rows can be among the nearest, told from one byte a number: exact search reads a quarter of the memory, multiplies four
//! times as many numbers at once, and scores by the rows themselves only what may count.
//!
//! A row `x` and a query `q` are taken apart at the middle `m` of all rows (any point near them does):
//!
//! ```text
//! q·x = q·m + m·v + u·v        u = q - m, v = x - m
//! u·v = u'·v' + u·(v - v') + (u - u')·v'
//! |u·v - u'·v'| <= |u| |v - v'| + |u - u'| |v'|        (Cauchy and Schwarz)
//! ```
//!
//! where `u'` and `v'` are `u` and `v` rounded to multiples of a step of their own, which are bytes, so that `u'·v'` is one
//! exact integer times the two steps. All lengths on the right are known: they are computed from the very roundings. So no row
//! scores more than its bound, and one whose bound is below the `k`-th best score found so far is none of the `k` best. The rows
//! that are left are scored by [`crate::dot`]: the answer is the plain scan's, bit for bit, ties by row included.
//!
//! What floating point adds ([`rounding`], Higham, "Accuracy and stability of numerical algorithms", 2002, section 3.1): a sum of
//! `dim` products in 8 lanes or more is off by at most `r = (dim / 8 + 32) 2^-24` times the sum of the absolute products, which
//! is at most the product of the lengths. `q` and `x` have length 1 (and a hundredth, at most), `m` at most that, `u` and `v` at most
//! twice. So `q·x` as `core::dot` has it, and `q·m`, are off by `r` each, `m·v` by `2 r`; `u` and `v` themselves by one rounding
//! a number, `8 * 2^-24 <= r / 4` of the product; the bound is put together in nine operations on numbers of at most 16,
//! `144 * 2^-24 <= 4.5 r`. Together less than `9 r`; [`SLACK`] is 16. The lengths are sums of squares, off by a share of `r` at most,
//! and hence enlarged by twice that; a number less its multiple of a step is off by `2^-23` of it, which is `2^-22` of a length at most:
//! [`LEAST`] is added to each.
//!
//! Not for: searching by it ([`crate::batch`] does).

use rayon::prelude::*;
use syntopic_core::Row;

use crate::Rows;
use crate::lines::{Line, Lines, zeroed};
use crate::tile::{QUAD, ROWS, TOP, tile};

/// How many times [`rounding`] a bound is enlarged by.
const SLACK: f32 = 16.0;

/// What is added to a length of what rounding took.
const LEAST: f32 = 1e-6;

/// Adding this to a number below 2^22 rounds it, ties to even, into the lowest bits.
const ROUNDER: f32 = 12_582_912.0;

/// Rows, at most, that their middle is computed from.
const SAMPLE: usize = 1024;

/// More numbers a row than this are compared as they are: 32 bits hold the sum of as many products.
pub(crate) const LONGEST: usize = 1 << 16;

/// Lanes that numbers are summed in.
const LANES: usize = 16;

/// Rows as bytes, and how far from them each is.
#[derive(Debug)]
pub(crate) struct Screen {
    n_rows: usize,
    middle: Vec<f32>,
    /// Lines of a group, an even number.
    per_group: usize,
    /// Group by group, as [`tile`] reads them.
    codes: Lines,
    groups: Vec<Group>,
}

/// What is known of sixteen rows; zeros where there is none.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Group {
    /// `m·v`.
    with_middle: [f32; ROWS],
    /// What a code of 1 is worth.
    step: [f32; ROWS],
    /// `|v - v'|`.
    lost: [f32; ROWS],
    /// `|v'|`.
    length: [f32; ROWS],
}

/// One vector taken apart.
#[derive(Debug, Clone, Copy, Default)]
struct Apart {
    with_middle: f32,
    step: f32,
    lost: f32,
    length: f32,
    /// `|v|`
    whole: f32,
}

/// A query ready to be compared with a [`Screen`].
#[derive(Debug)]
pub(crate) struct Asked<'q> {
    /// As it was given.
    pub(crate) query: &'q [f32],
    quads: Vec<[i8; QUAD]>,
    /// What the sums of products are too large by, since rows are stored as 63 more than they are.
    excess: i32,
    step: f32,
    lost: f32,
    whole: f32,
    /// `q·m`, and what floating point adds.
    base: f32,
}

/// See the module.
fn rounding(dim: usize) -> f32 {
    (dim as f32 / 8.0 + 32.0) * (f32::EPSILON / 2.0)
}

impl Screen {
    /// Of verified rows, of at most [`LONGEST`] numbers. Reads them once, on all threads.
    pub(crate) fn new(rows: Rows<'_>) -> Self {
        let middle = middle(rows);
        let per_group = rows.dim().div_ceil(2 * QUAD) * 2;
        let n_groups = rows.n_rows().div_ceil(ROWS);
        let mut codes = zeroed(n_groups * per_group * size_of::<Line>());
        let mut groups = vec![Group::default(); n_groups];
        let parts = codes.par_chunks_mut(per_group.max(1)).zip(&mut groups);
        parts
            .enumerate()
            .with_min_len(64)
            .for_each(|(at, (lines, group))| {
                let mut room = vec![0i8; per_group * QUAD];
                let from = at * ROWS;
                for (place, row) in (from..rows.n_rows().min(from + ROWS)).enumerate() {
                    let apart = take_apart(rows.row(Row(row as u32)), &middle, &mut room);
                    group.with_middle[place] = apart.with_middle;
                    group.step[place] = apart.step;
                    group.lost[place] = apart.lost;
                    group.length[place] = apart.length;
                    for (line, quad) in lines.iter_mut().zip(room.as_chunks::<QUAD>().0) {
                        // Never above 126, for which the kernel is made; nor were a number none.
                        line.0.as_chunks_mut::<QUAD>().0[place] =
                            quad.map(|code| code.wrapping_add(TOP as i8) & 0x7f);
                    }
                }
            });
        Self {
            n_rows: rows.n_rows(),
            middle,
            per_group,
            codes,
            groups,
        }
    }

    /// How many groups of [`ROWS`] rows, the last perhaps not full.
    pub(crate) fn n_groups(&self) -> usize {
        self.groups.len()
    }

    /// The rows of a group.
    pub(crate) fn rows_of(&self, group: usize) -> std::ops::Range<usize> {
        group * ROWS..self.n_rows.min((group + 1) * ROWS)
    }

    /// `query`, a unit vector as long as the rows, made ready.
    pub(crate) fn ask<'q>(&self, query: &'q [f32]) -> Asked<'q> {
        let mut room = vec![0i8; self.per_group * QUAD];
        let apart = take_apart(query, &self.middle, &mut room);
        let excess: i32 = room.iter().map(|code| TOP * i32::from(*code)).sum();
        let slack = SLACK * rounding(query.len());
        Asked {
            query,
            quads: room.as_chunks().0.to_vec(),
            excess,
            step: apart.step,
            lost: apart.lost,
            whole: apart.whole,
            base: crate::dot::dot1(query, &self.middle) + slack,
        }
    }

    /// The sums of products of each query with each row of a group.
    #[inline]
    fn sums<const N: usize>(&self, asked: [&Asked<'_>; N], group: usize) -> [[i32; ROWS]; N] {
        let mut quads = [&[][..]; N];
        for n in 0..N {
            quads[n] = &asked[n].quads[..];
        }
        let lines = &self.codes[group * self.per_group..][..self.per_group];
        tile(quads, lines)
    }

    /// Which rows of a group can score as much as each query's `least`: bit `i` is the `i`-th of [`Screen::rows_of`].
    #[inline]
    pub(crate) fn reach<const N: usize>(
        &self,
        asked: [&Asked<'_>; N],
        group: usize,
        least: [f32; N],
    ) -> [u16; N] {
        let sums = self.sums(asked, group);
        let group = &self.groups[group];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2, as was just asked.
            return unsafe { group.reach_avx2(asked, sums, least) };
        }
        group.reach(asked, sums, least)
    }
}

impl Group {
    /// What each row can score at most; see the module.
    fn bounds(&self, asked: &Asked<'_>, sums: &[i32; ROWS]) -> [f32; ROWS] {
        std::array::from_fn(|row| {
            let product = (sums[row] - asked.excess) as f32 * (asked.step * self.step[row]);
            let lost = asked.whole * self.lost[row] + asked.lost * self.length[row];
            (product + lost) + (self.with_middle[row] + asked.base)
        })
    }

    fn reach<const N: usize>(
        &self,
        asked: [&Asked<'_>; N],
        sums: [[i32; ROWS]; N],
        least: [f32; N],
    ) -> [u16; N] {
        std::array::from_fn(|n| {
            let bounds = self.bounds(asked[n], &sums[n]);
            let bit = |row: usize| u16::from(bounds[row] >= least[n]) << row;
            (0..ROWS).map(bit).sum()
        })
    }

    /// [`Group::reach`] by eight rows: the same operations in the same order.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn reach_avx2<const N: usize>(
        &self,
        asked: [&Asked<'_>; N],
        sums: [[i32; ROWS]; N],
        least: [f32; N],
    ) -> [u16; N] {
        use std::arch::x86_64::{
            _CMP_GE_OQ, _mm256_add_ps, _mm256_cmp_ps, _mm256_cvtepi32_ps, _mm256_movemask_ps,
            _mm256_mul_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_sub_epi32,
        };
        let mut reach = [0u16; N];
        for half in 0..ROWS / 8 {
            let step = eight(&self.step, half);
            let lost = eight(&self.lost, half);
            let length = eight(&self.length, half);
            let with_middle = eight(&self.with_middle, half);
            // A plain loop: a closure here would be compiled apart, without AVX2.
            for n in 0..N {
                let asked = asked[n];
                let excess = _mm256_set1_epi32(asked.excess);
                let sum = _mm256_cvtepi32_ps(_mm256_sub_epi32(eight_whole(&sums[n], half), excess));
                let product = _mm256_mul_ps(sum, _mm256_mul_ps(_mm256_set1_ps(asked.step), step));
                let lost = _mm256_add_ps(
                    _mm256_mul_ps(_mm256_set1_ps(asked.whole), lost),
                    _mm256_mul_ps(_mm256_set1_ps(asked.lost), length),
                );
                let rest = _mm256_add_ps(with_middle, _mm256_set1_ps(asked.base));
                let bound = _mm256_add_ps(_mm256_add_ps(product, lost), rest);
                let reached = _mm256_cmp_ps::<_CMP_GE_OQ>(bound, _mm256_set1_ps(least[n]));
                reach[n] |= (_mm256_movemask_ps(reached) as u16) << (8 * half);
            }
        }
        reach
    }
}

/// The first or second eight numbers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn eight(numbers: &[f32; ROWS], half: usize) -> std::arch::x86_64::__m256 {
    // SAFETY: 8 numbers of one size, every bit pattern a value; by value, so no alignment matters.
    unsafe { std::mem::transmute::<[f32; 8], _>(numbers.as_chunks().0[half]) }
}

/// The first or second eight integers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn eight_whole(numbers: &[i32; ROWS], half: usize) -> std::arch::x86_64::__m256i {
    // SAFETY: 8 numbers of one size, every bit pattern a value; by value, so no alignment matters.
    unsafe { std::mem::transmute::<[i32; 8], _>(numbers.as_chunks().0[half]) }
}

/// The mean of some rows, spread over all.
fn middle(rows: Rows<'_>) -> Vec<f32> {
    let mut sum = vec![0f32; rows.dim()];
    let every = rows.n_rows().div_ceil(SAMPLE).max(1);
    let sampled = (0..rows.n_rows()).step_by(every);
    let n = sampled.len().max(1) as f32;
    for row in sampled {
        for (sum, value) in sum.iter_mut().zip(rows.row(Row(row as u32))) {
            *sum += value;
        }
    }
    sum.iter_mut().for_each(|sum| *sum /= n);
    sum
}

/// Rounds `vector` less `middle` to `codes`, which are zeros beyond its length.
fn take_apart(vector: &[f32], middle: &[f32], codes: &mut [i8]) -> Apart {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, as was just asked.
        return unsafe { take_apart_avx2(vector, middle, codes) };
    }
    take_apart_scalar(vector, middle, codes)
}

/// [`take_apart_scalar`] compiled for AVX2: the same operations in the same order.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn take_apart_avx2(vector: &[f32], middle: &[f32], codes: &mut [i8]) -> Apart {
    take_apart_scalar(vector, middle, codes)
}

#[inline(always)]
fn take_apart_scalar(vector: &[f32], middle: &[f32], codes: &mut [i8]) -> Apart {
    let (mut top, mut whole, mut with) = ([0f32; LANES], [0f32; LANES], [0f32; LANES]);
    let (blocks, rest) = vector.as_chunks::<LANES>();
    let (middles, middle_rest) = middle.as_chunks::<LANES>();
    for (x, m) in blocks.iter().zip(middles) {
        measure(x, m, (&mut top, &mut whole, &mut with));
    }
    let (mut x, mut m) = ([0f32; LANES], [0f32; LANES]);
    x[..rest.len()].copy_from_slice(rest);
    m[..rest.len()].copy_from_slice(middle_rest);
    measure(&x, &m, (&mut top, &mut whole, &mut with));
    let top = top.into_iter().fold(0f32, f32::max);
    // A vector at the middle has no direction, one all but there no factor.
    let factor = if top > 0.0 { TOP as f32 / top } else { 0.0 };
    let (factor, step) = if factor.is_finite() {
        (factor, top / TOP as f32)
    } else {
        (0.0, 0.0)
    };
    let (mut lost, mut length) = ([0f32; LANES], [0f32; LANES]);
    let (code_blocks, code_rest) = codes.as_chunks_mut::<LANES>();
    let whole_blocks = blocks.len();
    for ((x, m), code) in blocks.iter().zip(middles).zip(&mut *code_blocks) {
        round(x, m, (factor, step), code, (&mut lost, &mut length));
    }
    let mut last = [0i8; LANES];
    round(&x, &m, (factor, step), &mut last, (&mut lost, &mut length));
    let left = code_blocks.as_flattened_mut()[whole_blocks * LANES..].iter_mut();
    for (code, rounded) in left.chain(code_rest).zip(last) {
        *code = rounded;
    }
    let more = 1.0 + 2.0 * rounding(vector.len());
    let root = |sums: [f32; LANES]| sums.into_iter().sum::<f32>().sqrt() * more + LEAST;
    Apart {
        with_middle: with.into_iter().sum(),
        step,
        lost: root(lost),
        length: root(length),
        whole: root(whole),
    }
}

type Sums<'a> = &'a mut [f32; LANES];

#[inline(always)]
fn measure(x: &[f32; LANES], m: &[f32; LANES], (top, whole, with): (Sums<'_>, Sums<'_>, Sums<'_>)) {
    for lane in 0..LANES {
        let v = x[lane] - m[lane];
        top[lane] = if v.abs() > top[lane] {
            v.abs()
        } else {
            top[lane]
        };
        whole[lane] += v * v;
        with[lane] += v * m[lane];
    }
}

#[inline(always)]
fn round(
    x: &[f32; LANES],
    m: &[f32; LANES],
    (factor, step): (f32, f32),
    codes: &mut [i8; LANES],
    (lost, length): (Sums<'_>, Sums<'_>),
) {
    for lane in 0..LANES {
        let v = x[lane] - m[lane];
        let rounded = v * factor + ROUNDER;
        codes[lane] = rounded.to_bits() as i8;
        let kept = (rounded - ROUNDER) * step;
        lost[lane] += (v - kept) * (v - kept);
        length[lane] += kept * kept;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{Rng, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;
    use syntopic_core::{Embeddings, dot};

    use super::*;

    /// Unit rows about a common direction, some of a single large number, and some the same.
    fn rows(n: usize, dim: usize, common: f32, seed: u64) -> Embeddings {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut data = Vec::with_capacity(n * dim);
        for row in 0..n {
            if row % 7 == 6 {
                data.extend_from_within((row - 1) * dim..row * dim);
                continue;
            }
            let at = data.len();
            data.extend((0..dim).map(|_| rng.gen_range(-1f32..1.0) + common));
            if row % 5 == 4 {
                data[at + row % dim] = 50.0;
            }
            let length = data[at..].iter().map(|v| v * v).sum::<f32>().sqrt();
            data[at..].iter_mut().for_each(|v| *v /= length);
        }
        Embeddings::new(data, dim).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 96 }, ..ProptestConfig::default() })]

        #[test]
        fn no_row_scores_more_than_its_bound_nor_much_less(
            (n, dim) in (1usize..90, prop::sample::select(vec![1usize, 2, 7, 8, 15, 16, 17, 31, 100, 240, 384, 1000])),
            common in prop::sample::select(vec![0f32, 0.2, 3.0]),
            seed: u64,
        ) {
            let all = rows(n + 4, dim, common, seed);
            let kept = all.select((0..n as u32).map(Row));
            let screen = Screen::new((&kept).into());
            // One of the rows, and others.
            let queries = [0, n, n + 1, n + 3].map(|row| screen.ask(all.row(Row(row as u32))));
            let queries = queries.each_ref();
            for group in 0..screen.n_groups() {
                let least = [f32::NEG_INFINITY, 0.5, 0.9, f32::INFINITY];
                let sums = screen.sums(queries, group);
                let reach = screen.reach(queries, group, least);
                prop_assert_eq!(reach, screen.groups[group].reach(queries, sums, least));
                for ((query, sums), (reach, least)) in queries.iter().zip(&sums).zip(reach.into_iter().zip(least)) {
                    prop_assert_eq!(screen.reach([query], group, [least]), [reach]);
                    let bounds = screen.groups[group].bounds(query, sums);
                    for (place, row) in screen.rows_of(group).enumerate() {
                        prop_assert_eq!(reach >> place & 1 == 1, bounds[place] >= least);
                        let score = dot(query.query, kept.row(Row(row as u32)));
                        prop_assert!(score <= bounds[place], "{} {}", score, bounds[place]);
                        // Two roundings to 1 in 63 of the largest number, by which the bound may be too large twice.
                        let loose = 4.0 * 4.0 * (dim as f32).sqrt() / 63.0;
                        prop_assert!(bounds[place] - score <= loose + 1e-3, "{} {}", score, bounds[place]);
                    }
                }
            }
        }
    }

    #[test]
    fn rows_at_their_middle_have_bounds_too() {
        for dim in [1, 3, 64] {
            let row: Vec<f32> = (0..dim).map(|_| 1.0 / (dim as f32).sqrt()).collect();
            let same = Embeddings::new(row.repeat(20), dim).unwrap();
            let screen = Screen::new((&same).into());
            let asked = screen.ask(same.row(Row(3)));
            for group in 0..2 {
                let sums = screen.sums([&asked], group);
                let bounds = screen.groups[group].bounds(&asked, &sums[0]);
                for bound in &bounds[..screen.rows_of(group).len()] {
                    assert!((1.0 - 1e-6..1.0 + 1e-3).contains(bound), "{bound}");
                }
            }
        }
    }
}
