//! Matrix products, of f32 and of words of narrower numbers (`number.rs`): one loop for all.

use super::isa::Isa;
use super::matrix::PANEL;
use super::number::Number;
use super::tile::{Tile, Tiles};
use super::vector::Vector;

/// Rows of a panel that are multiplied in one go, so that they stay in the L1 cache with the rows of `a` beside them; half
/// of them where two panels are read side by side.
pub(super) const DEPTH_BLOCK: usize = 384;

/// What a product is added to.
#[derive(Clone, Copy)]
pub(super) enum Start<'a> {
    Zero,
    /// One number a column, for every row.
    Bias(&'a [f32]),
    /// What the result holds.
    Result,
}

/// What a product of integers is multiplied by to become a product of the numbers they stand for.
#[derive(Clone, Copy, Default)]
pub(super) struct Scales<'a> {
    /// One a row of `a`; none where numbers stand for themselves.
    pub(super) rows: &'a [f32],
    /// One a column of `b`.
    pub(super) columns: &'a [f32],
    /// What stands for zero in each row of `a`; none where zero does.
    pub(super) zeros: &'a [i32],
    /// The sum of each column of `b`, where there are zeros.
    pub(super) sums: &'a [i32],
}

/// `a` (rows, depth) times `b` (depth, columns).
#[derive(Clone, Copy)]
pub(super) struct Product<'a, T> {
    pub(super) rows: usize,
    /// In `T`: words hold two or four rows of `b` each.
    pub(super) depth: usize,
    /// Multiple of [`PANEL`].
    pub(super) columns: usize,
    pub(super) a: &'a [T],
    /// Numbers from one row of `a` to the next.
    pub(super) a_stride: usize,
    /// Panels of 16 columns.
    pub(super) b: &'a [T],
    pub(super) scales: Scales<'a>,
    pub(super) start: Start<'a>,
    /// Numbers from one row of the result to the next.
    pub(super) c_stride: usize,
    /// Where `b` comes from memory: the panels that are multiplied next, to be fetched meanwhile with those of `b`.
    pub(super) ahead: Option<&'a [T]>,
}

impl Isa {
    /// `c = start + a b`.
    pub(super) fn multiply<T: Number>(self, product: &Product<'_, T>, c: &mut [f32]) {
        let p = product;
        if p.rows == 0 || p.columns == 0 {
            return;
        }
        assert!(p.columns.is_multiple_of(PANEL) && p.b.len() == p.columns * p.depth);
        assert!(p.a.len() >= (p.rows - 1) * p.a_stride + p.depth);
        assert!(c.len() >= (p.rows - 1) * p.c_stride + p.columns && p.c_stride >= p.columns);
        if T::SCALED {
            assert!(p.scales.rows.len() >= p.rows && p.scales.columns.len() >= p.columns);
        }
        if T::SHIFTED {
            assert!(p.scales.zeros.len() >= p.rows && p.scales.sums.len() >= p.columns);
        }
        if let Start::Bias(bias) = p.start {
            assert!(bias.len() >= p.columns);
        }
        T::run(self, product, c);
    }
}

/// # Safety
/// The CPU has `V`'s instructions, and the lengths are as [`Isa::multiply`] asserts.
#[inline(always)]
pub(super) unsafe fn multiply<V: Vector, T: Number>(p: &Product<'_, T>, c: &mut [f32]) {
    let c = c.as_mut_ptr();
    let block = T::depth_block::<V>();
    let blocks = p.depth.max(1).div_ceil(block);
    // Columns of a full tile: one panel, or two.
    let full = 2 * V::LANES;
    for column in (0..p.columns).step_by(full) {
        let columns = full.min(p.columns - column);
        let tiles = blocks * V::Tiles::count(p.rows);
        let (mut ahead, share) = ahead(p, column + columns, columns, tiles);
        for k in (0..p.depth.max(1)).step_by(block) {
            let depth = block.min(p.depth - k);
            let mut row = 0;
            while row < p.rows {
                let rows = V::Tiles::next(p.rows - row);
                for line in ahead.by_ref().take(share) {
                    // SAFETY: the CPU has `V`'s instructions.
                    unsafe { V::prefetch(line.as_ptr().cast()) };
                }
                // SAFETY: `row`, `column` and `k` are within the product, whose ends the caller asserted to lie within the
                // slices; there are as many rows and columns there.
                unsafe {
                    let tile = Tile::at(p, c, [row, column, k], depth);
                    V::Tiles::run::<V, T>(&tile, rows, columns);
                }
                row += rows;
            }
        }
    }
}

/// The lines of the next panels, those of `columns` columns from `column` on or what follows `b`, and how many of them each
/// of `tiles` tiles should fetch.
#[inline(always)]
fn ahead<'a, T>(
    p: &Product<'a, T>,
    column: usize,
    columns: usize,
    tiles: usize,
) -> (std::slice::Chunks<'a, T>, usize) {
    let next = match p.ahead {
        None => &[],
        Some(following) if column >= p.columns => following,
        Some(_) => &p.b[column * p.depth..],
    };
    let next = &next[..next.len().min(DEPTH_BLOCK * columns)];
    let share = (next.len() / PANEL).div_ceil(tiles.max(1));
    (next.chunks(PANEL), share)
}

#[cfg(test)]
mod tests {
    use super::super::isa::tests::{every_isa, noise, sizes};
    use super::super::matrix::{Halves, Pair, Precision, Quad};
    use super::super::vector::half;
    use super::*;

    #[test]
    fn products_are_those_of_f64_and_a_row_does_not_depend_on_its_neighbours() {
        for isa in every_isa() {
            // The same numbers for each: rounding errors then differ where the kernels do, and nowhere else.
            let mut random = noise(1);
            for rows in sizes(1..=20) {
                for (depth, columns) in [(0, 16), (1, 16), (7, 48), (190, 32), (385, 16), (800, 16)]
                {
                    let (a_stride, c_stride) = (depth + rows % 3, columns + rows % 5);
                    let mut take = |n: usize| -> Vec<f32> { (0..n).map(|_| random()).collect() };
                    let (a, b) = (take(rows * a_stride), take(depth * columns));
                    let (bias, before) = (take(columns), take(rows * c_stride));
                    for start in [Start::Zero, Start::Bias(&bias), Start::Result] {
                        let product = Product {
                            rows,
                            depth,
                            columns,
                            a: &a,
                            a_stride,
                            b: &b,
                            scales: Scales::default(),
                            start,
                            c_stride,
                            ahead: Some(&b),
                        };
                        let mut c = before.clone();
                        isa.multiply(&product, &mut c);
                        assert_product(&product, &before, &c);
                        if isa != Isa::Portable {
                            assert_eq!(c, fused(&product, &before), "{isa:?}: bit for bit");
                        }
                        let last = rows - 1;
                        let alone = Product {
                            rows: 1,
                            a: &a[last * a_stride..],
                            ..product
                        };
                        let mut single = before[last * c_stride..].to_vec();
                        isa.multiply(&alone, &mut single);
                        assert_eq!(single, c[last * c_stride..], "bit for bit");
                    }
                }
            }
        }
    }

    /// What a product is where every number of it is one chain of fused multiply-adds along the depth.
    fn fused(p: &Product<'_, f32>, before: &[f32]) -> Vec<f32> {
        let mut c = before.to_vec();
        for row in 0..p.rows {
            for column in 0..p.columns {
                let panel = &p.b[column / PANEL * PANEL * p.depth..];
                let number = &mut c[row * p.c_stride + column];
                let start = match p.start {
                    Start::Zero => 0.0,
                    Start::Bias(bias) => bias[column],
                    Start::Result => *number,
                };
                *number = (0..p.depth).fold(start, |sum, k| {
                    p.a[row * p.a_stride + k].mul_add(panel[k * PANEL + column % PANEL], sum)
                });
            }
        }
        c
    }

    #[test]
    fn every_tile_gives_the_same_bits_on_vectors_of_eight_and_of_sixteen() {
        let mut random = noise(14);
        for rows in sizes(1..=26) {
            for (depth, columns) in [(1, 16), (7, 48), (200, 32)] {
                let mut take = |n: usize| -> Vec<f32> { (0..n).map(|_| random()).collect() };
                let (a, b) = (take(rows * depth), take(depth * columns));
                let (bias, before) = (take(columns), take(rows * columns));
                for start in [Start::Zero, Start::Bias(&bias), Start::Result] {
                    let product = Product {
                        rows,
                        depth,
                        columns,
                        a: &a,
                        a_stride: depth,
                        b: &b,
                        scales: Scales::default(),
                        start,
                        c_stride: columns,
                        ahead: Some(&b),
                    };
                    for isa in every_isa() {
                        let (mut ours, mut eight) = (before.clone(), before.clone());
                        isa.multiply(&product, &mut ours);
                        isa.narrow().multiply(&product, &mut eight);
                        assert_eq!(ours, eight, "{isa:?}: {rows} rows, {depth} deep");
                    }
                }
            }
        }
    }

    fn assert_product(p: &Product<'_, f32>, before: &[f32], c: &[f32]) {
        for (index, (before, c)) in before.iter().zip(c).enumerate() {
            let (row, column) = (index / p.c_stride, index % p.c_stride);
            if column >= p.columns {
                assert_eq!(before, c, "nothing is written beyond the columns");
                continue;
            }
            let start = match p.start {
                Start::Zero => 0.0,
                Start::Bias(bias) => bias[column],
                Start::Result => *before,
            };
            let panel = &p.b[column / PANEL * PANEL * p.depth..];
            let terms = (0..p.depth).map(|k| {
                f64::from(p.a[row * p.a_stride + k]) * f64::from(panel[k * PANEL + column % PANEL])
            });
            let exact = terms.clone().sum::<f64>() + f64::from(start);
            let size: f64 = terms.map(f64::abs).sum();
            let error = (exact - f64::from(*c)).abs();
            assert!(
                error < 2e-7 * (4.0 + size),
                "row {row} column {column}: off by {error}"
            );
        }
    }

    /// Pairs of integers up to `most`, the largest among them.
    fn pairs(random: &mut impl FnMut() -> f32, count: usize, most: f32) -> Vec<Pair> {
        let mut integer = || (random() * 1.2).clamp(-1.0, 1.0) * most;
        (0..count)
            .map(|_| Pair::new(integer() as i16, integer() as i16))
            .collect()
    }

    /// What a product of pairs must give bit for bit.
    fn of_pairs(p: &Product<'_, Pair>, before: &[f32]) -> Vec<f32> {
        let mut c = before.to_vec();
        for row in 0..p.rows {
            for column in 0..p.columns {
                let panel = &p.b[column / PANEL * PANEL * p.depth..];
                let term = |k: usize| {
                    let a = p.a[row * p.a_stride + k].integers().map(i64::from);
                    let b = panel[k * PANEL + column % PANEL].integers().map(i64::from);
                    a[0] * b[0] + a[1] * b[1]
                };
                let number = &mut c[row * p.c_stride + column];
                match p.start {
                    Start::Zero => *number = 0.0,
                    Start::Bias(bias) => *number = bias[column],
                    Start::Result => {}
                }
                for k in (0..p.depth.max(1)).step_by(DEPTH_BLOCK) {
                    let sum: i64 = (k..p.depth.min(k + DEPTH_BLOCK)).map(term).sum();
                    let sum = i32::try_from(sum).expect("a sum within 32 bits");
                    *number += sum as f32 * (p.scales.rows[row] * p.scales.columns[column]);
                }
            }
        }
        c
    }

    #[test]
    fn products_of_pairs_are_exact_and_the_same_on_every_cpu() {
        let mut random = noise(5);
        for rows in sizes(1..=26) {
            for (depth, columns) in [(0, 16), (1, 16), (7, 48), (95, 32), (192, 16), (400, 16)] {
                let (a_stride, c_stride) = (depth + rows % 3, columns + rows % 5);
                // 2 * 384 products of at most 8,192 * 341 stay within 32 bits.
                let a = pairs(&mut random, rows * a_stride, 8_192.0);
                let b = pairs(&mut random, depth * columns, 341.0);
                let mut take = |n: usize| -> Vec<f32> { (0..n).map(|_| random()).collect() };
                let (row_scales, column_scales) = (take(rows), take(columns));
                let (bias, before) = (take(columns), take(rows * c_stride));
                for start in [Start::Zero, Start::Bias(&bias), Start::Result] {
                    let product = Product {
                        rows,
                        depth,
                        columns,
                        a: &a,
                        a_stride,
                        b: &b,
                        scales: Scales {
                            rows: &row_scales,
                            columns: &column_scales,
                            ..Scales::default()
                        },
                        start,
                        c_stride,
                        ahead: Some(&b),
                    };
                    let expected = of_pairs(&product, &before);
                    for isa in every_isa() {
                        let mut c = before.clone();
                        isa.multiply(&product, &mut c);
                        assert_eq!(c, expected, "{isa:?}: {rows} rows, {depth} deep");
                    }
                }
            }
        }
    }

    /// What a product of bytes must give bit for bit.
    fn of_quads(p: &Product<'_, Quad>, before: &[f32]) -> Vec<f32> {
        let mut c = before.to_vec();
        for row in 0..p.rows {
            for column in 0..p.columns {
                let panel = &p.b[column / PANEL * PANEL * p.depth..];
                let term = |k: usize| {
                    let a = p.a[row * p.a_stride + k].0.to_le_bytes();
                    let b = panel[k * PANEL + column % PANEL].0.to_le_bytes();
                    let zero = p.scales.zeros[row];
                    let terms = a
                        .iter()
                        .zip(b)
                        .map(|(a, b)| (i32::from(*a) - zero) * i32::from(b as i8));
                    i64::from(terms.sum::<i32>())
                };
                let sum: i64 = (0..p.depth).map(term).sum();
                let sum = i32::try_from(sum).expect("a sum within 32 bits");
                let number = &mut c[row * p.c_stride + column];
                match p.start {
                    Start::Zero => *number = 0.0,
                    Start::Bias(bias) => *number = bias[column],
                    Start::Result => {}
                }
                *number += sum as f32 * (p.scales.rows[row] * p.scales.columns[column]);
            }
        }
        c
    }

    /// The sum of the bytes of each column, as signed integers.
    fn sums_of_columns(b: &[Quad], depth: usize, columns: usize) -> Vec<i32> {
        let of_quad = |q: &Quad| {
            q.0.to_le_bytes()
                .map(|b| i32::from(b as i8))
                .iter()
                .sum::<i32>()
        };
        (0..columns)
            .map(|column| {
                let panel = &b[column / PANEL * PANEL * depth..][..PANEL * depth];
                panel
                    .iter()
                    .skip(column % PANEL)
                    .step_by(PANEL)
                    .map(of_quad)
                    .sum()
            })
            .collect()
    }

    #[test]
    fn products_of_bytes_are_exact_and_the_same_on_every_cpu() {
        let mut random = noise(9);
        for rows in sizes(1..=26) {
            for (depth, columns) in [(0, 16), (1, 16), (7, 48), (48, 32), (96, 16), (400, 48)] {
                let (a_stride, c_stride) = (depth + rows % 3, columns + rows % 5);
                // All 256 bytes, and often the largest, of one sign: the hardest for what adds neighbours in 16 bits.
                let mut bytes = |n: usize, most: f32| -> Vec<Quad> {
                    let mut byte = || (random() * 1.2).clamp(-1.0, 1.0) * most;
                    let quad =
                        |bytes: [f32; 4]| Quad(i32::from_le_bytes(bytes.map(|b| b as i32 as u8)));
                    (0..n)
                        .map(|_| quad(std::array::from_fn(|_| byte())))
                        .collect()
                };
                let mut a = bytes(rows * a_stride, 127.0);
                let mut b = bytes(depth * columns, 127.0);
                // From -127..=127 to 1..=255.
                a.iter_mut()
                    .for_each(|q| q.0 ^= i32::from_le_bytes([128; 4]));
                a.truncate(rows * a_stride);
                if rows == 3 {
                    a.fill(Quad(-1));
                    b.fill(Quad(i32::from_le_bytes([127; 4])));
                }
                let zeros: Vec<i32> = (0..rows).map(|r| (r as i32 * 37) % 256).collect();
                let sums = sums_of_columns(&b, depth, columns);
                let mut take = |n: usize| -> Vec<f32> { (0..n).map(|_| random()).collect() };
                let (row_scales, column_scales) = (take(rows), take(columns));
                let (bias, before) = (take(columns), take(rows * c_stride));
                for start in [Start::Zero, Start::Bias(&bias), Start::Result] {
                    let product = Product {
                        rows,
                        depth,
                        columns,
                        a: &a,
                        a_stride,
                        b: &b,
                        scales: Scales {
                            rows: &row_scales,
                            columns: &column_scales,
                            zeros: &zeros,
                            sums: &sums,
                        },
                        start,
                        c_stride,
                        ahead: Some(&b),
                    };
                    let expected = of_quads(&product, &before);
                    for isa in every_isa() {
                        let mut c = before.clone();
                        isa.multiply(&product, &mut c);
                        assert_eq!(c, expected, "{isa:?}: {rows} rows, {depth} deep");
                    }
                }
            }
        }
    }

    /// The two bfloat16 of a pair.
    fn floats(word: Halves) -> [f32; 2] {
        let bits = word.0 as u32;
        [
            f32::from_bits(bits << 16),
            f32::from_bits(bits & 0xFFFF_0000),
        ]
    }

    #[test]
    fn products_of_bfloat16_are_those_of_f64_and_the_same_where_they_are_not_fused() {
        let mut random = noise(10);
        for rows in sizes(1..=26) {
            for (depth, columns) in [(0, 16), (1, 16), (7, 48), (192, 32), (400, 16)] {
                let (a_stride, c_stride) = (depth + rows % 3, columns + rows % 5);
                let mut halves = |n: usize| -> Vec<Halves> {
                    let word = |x: f32, y: f32| i32::from(half(x)) | i32::from(half(y)) << 16;
                    (0..n).map(|_| Halves(word(random(), random()))).collect()
                };
                let (a, b) = (halves(rows * a_stride), halves(depth * columns));
                let mut take = |n: usize| -> Vec<f32> { (0..n).map(|_| random()).collect() };
                let (bias, before) = (take(columns), take(rows * c_stride));
                for start in [Start::Zero, Start::Bias(&bias), Start::Result] {
                    let product = Product {
                        rows,
                        depth,
                        columns,
                        a: &a,
                        a_stride,
                        b: &b,
                        scales: Scales::default(),
                        start,
                        c_stride,
                        ahead: Some(&b),
                    };
                    let mut plain = before.clone();
                    Isa::Portable.multiply(&product, &mut plain);
                    for isa in every_isa() {
                        let mut c = before.clone();
                        isa.multiply(&product, &mut c);
                        assert_halves(&product, &before, &c);
                        if isa.name(Precision::Bf16) != "AVX-512 BF16" {
                            assert_eq!(c, plain, "{isa:?}: {rows} rows, {depth} deep");
                        }
                    }
                }
            }
        }
    }

    /// Sums of exact products in f32, each addition rounded.
    fn assert_halves(p: &Product<'_, Halves>, before: &[f32], c: &[f32]) {
        for row in 0..p.rows {
            for column in 0..p.columns {
                let start = match p.start {
                    Start::Zero => 0.0,
                    Start::Bias(bias) => bias[column],
                    Start::Result => before[row * p.c_stride + column],
                };
                let panel = &p.b[column / PANEL * PANEL * p.depth..];
                let terms = (0..p.depth).flat_map(|k| {
                    let a = floats(p.a[row * p.a_stride + k]).map(f64::from);
                    let b = floats(panel[k * PANEL + column % PANEL]).map(f64::from);
                    [a[0] * b[0], a[1] * b[1]]
                });
                let exact = terms.clone().sum::<f64>() + f64::from(start);
                let size: f64 = terms.map(f64::abs).sum();
                let error = (exact - f64::from(c[row * p.c_stride + column])).abs();
                assert!(
                    error < 2e-7 * (4.0 + size),
                    "row {row} column {column}: off by {error}"
                );
            }
        }
    }
}
