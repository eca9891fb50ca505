//! Matrix products, of f32 and of pairs of 16-bit integers: one loop for both.

use super::isa::{Isa, dispatch};
use super::matrix::{PANEL, Pair};
use super::vector::{Pairs, Vector};

/// Rows of a full tile: with two vectors of columns, 12 independent sums, which is what hides the latency of a
/// multiply-add, and leaves room for the operands in 16 registers.
const TILE_ROWS: usize = 6;

/// Rows of a panel that are multiplied in one go, so that they stay in the L1 cache with the rows of `a` beside them.
const DEPTH_BLOCK: usize = 384;

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
}

/// `a` (rows, depth) times `b` (depth, columns).
#[derive(Clone, Copy)]
pub(super) struct Product<'a, T> {
    pub(super) rows: usize,
    /// In `T`: pairs hold two rows of `b` each.
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

/// What a product multiplies.
pub(super) trait Number: Copy {
    /// So many of them as `V` has lanes, or the sums of their products.
    type Lanes<V: Vector>: Copy;

    /// Whether [`Product::scales`] holds any.
    const SCALED: bool;

    /// Runs a product whose lengths were checked.
    fn run(isa: Isa, product: &Product<'_, Self>, c: &mut [f32]);

    /// # Safety
    /// The CPU has `V`'s instructions.
    unsafe fn splat<V: Vector>(x: Self) -> Self::Lanes<V>;

    /// # Safety
    /// The CPU has `V`'s instructions, and `from` may be read for `V::LANES` numbers.
    unsafe fn load<V: Vector>(from: *const Self) -> Self::Lanes<V>;

    /// What the products are added to.
    ///
    /// # Safety
    /// The CPU has `V`'s instructions.
    unsafe fn begin<V: Vector>(start: V) -> Self::Lanes<V>;

    /// `sum + a b`.
    fn multiply_add<V: Vector>(
        a: Self::Lanes<V>,
        b: Self::Lanes<V>,
        sum: Self::Lanes<V>,
    ) -> Self::Lanes<V>;

    /// The result, of the sum that [`Number::begin`] began.
    fn finish<V: Vector>(sum: Self::Lanes<V>, scale: V, start: V) -> V;
}

impl Number for f32 {
    type Lanes<V: Vector> = V;

    const SCALED: bool = false;

    fn run(isa: Isa, product: &Product<'_, f32>, c: &mut [f32]) {
        dispatch!(isa, multiply<f32>(product: &Product<'_, f32>, c: &mut [f32]))
    }

    #[inline(always)]
    unsafe fn splat<V: Vector>(x: f32) -> V {
        // SAFETY: passed on to the caller.
        unsafe { V::splat(x) }
    }

    #[inline(always)]
    unsafe fn load<V: Vector>(from: *const f32) -> V {
        // SAFETY: passed on to the caller.
        unsafe { V::load(from) }
    }

    #[inline(always)]
    unsafe fn begin<V: Vector>(start: V) -> V {
        start
    }

    #[inline(always)]
    fn multiply_add<V: Vector>(a: V, b: V, sum: V) -> V {
        a.mul_add(b, sum)
    }

    #[inline(always)]
    fn finish<V: Vector>(sum: V, _scale: V, _start: V) -> V {
        sum
    }
}

impl Number for Pair {
    type Lanes<V: Vector> = V::Pairs;

    const SCALED: bool = true;

    fn run(isa: Isa, product: &Product<'_, Pair>, c: &mut [f32]) {
        dispatch!(isa, multiply<Pair>(product: &Product<'_, Pair>, c: &mut [f32]))
    }

    #[inline(always)]
    unsafe fn splat<V: Vector>(x: Pair) -> V::Pairs {
        // SAFETY: passed on to the caller.
        unsafe { V::Pairs::splat(x) }
    }

    #[inline(always)]
    unsafe fn load<V: Vector>(from: *const Pair) -> V::Pairs {
        // SAFETY: passed on to the caller.
        unsafe { V::Pairs::load(from) }
    }

    #[inline(always)]
    unsafe fn begin<V: Vector>(_start: V) -> V::Pairs {
        // SAFETY: passed on to the caller.
        unsafe { V::Pairs::splat(Pair::default()) }
    }

    #[inline(always)]
    fn multiply_add<V: Vector>(a: V::Pairs, b: V::Pairs, sum: V::Pairs) -> V::Pairs {
        a.multiply_add(b, sum)
    }

    // Each step rounds by itself, so that every CPU computes the same.
    #[inline(always)]
    fn finish<V: Vector>(sum: V::Pairs, scale: V, start: V) -> V {
        start.add(sum.sums().mul(scale))
    }
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
        if let Start::Bias(bias) = p.start {
            assert!(bias.len() >= p.columns);
        }
        T::run(self, product, c);
    }
}

/// # Safety
/// The CPU has `V`'s instructions, and the lengths are as [`Isa::multiply`] asserts.
#[inline(always)]
unsafe fn multiply<V: Vector, T: Number>(p: &Product<'_, T>, c: &mut [f32]) {
    let c = c.as_mut_ptr();
    let tiles = p.rows.div_ceil(TILE_ROWS);
    let longer = p.rows % tiles.max(1);
    for column in (0..p.columns).step_by(PANEL) {
        for k in (0..p.depth.max(1)).step_by(DEPTH_BLOCK) {
            let depth = DEPTH_BLOCK.min(p.depth - k);
            let (mut ahead, share) = ahead(p, column * p.depth + (k + depth) * PANEL);
            let mut row = 0;
            for tile in 0..tiles {
                // The first `longer` tiles have a row more than the others: a tile of one or two rows, which could not hide
                // the latency of a multiply-add, comes up only where there are no more.
                let tile_rows = p.rows / tiles + usize::from(tile < longer);
                for line in ahead.by_ref().take(share) {
                    // SAFETY: the CPU has `V`'s instructions.
                    unsafe { V::prefetch(line.as_ptr().cast()) };
                }
                // SAFETY: `row`, `column` and `k` are within the product, whose ends the caller asserted to lie within the
                // slices.
                unsafe { Tile::at(p, c, [row, column, k], depth).run_rows::<V>(tile_rows) };
                row += tile_rows;
            }
        }
    }
}

/// The lines of the next block of panels, which begins at `at` of `b` or with what follows `b`, and how many of them each
/// row of tiles should fetch.
#[inline(always)]
fn ahead<'a, T>(p: &Product<'a, T>, at: usize) -> (std::slice::Chunks<'a, T>, usize) {
    let next = match p.ahead {
        None => &[],
        Some(following) if at >= p.b.len() => following,
        Some(_) => &p.b[at..],
    };
    let next = &next[..next.len().min(DEPTH_BLOCK * PANEL)];
    let share = (next.len() / PANEL).div_ceil(p.rows.div_ceil(TILE_ROWS));
    (next.chunks(PANEL), share)
}

enum TileStart {
    Zero,
    Bias(*const f32),
    Result,
}

/// Up to six rows by one panel of a product, at one block of its depth.
struct Tile<T> {
    a: *const T,
    a_stride: usize,
    b: *const T,
    depth: usize,
    c: *mut f32,
    c_stride: usize,
    start: TileStart,
    /// Null where there are none, as are those of columns.
    row_scales: *const f32,
    column_scales: *const f32,
}

impl<T: Number> Tile<T> {
    /// The tile of a product that begins at this row, column and depth.
    ///
    /// # Safety
    /// They are within the product, and `c` and the slices of the product are as long as [`Isa::multiply`] asserts.
    #[inline(always)]
    unsafe fn at(p: &Product<'_, T>, c: *mut f32, at: [usize; 3], depth: usize) -> Self {
        let [row, column, k] = at;
        let (row_scales, column_scales) = if T::SCALED {
            (
                p.scales.rows[row..].as_ptr(),
                p.scales.columns[column..].as_ptr(),
            )
        } else {
            (std::ptr::null(), std::ptr::null())
        };
        // SAFETY: as the caller says; panel `column / 16` starts at `column * depth`, and its row `k` at `16 k` from there.
        unsafe {
            Self {
                a: p.a.as_ptr().add(row * p.a_stride + k),
                a_stride: p.a_stride,
                b: p.b.as_ptr().add(column * p.depth + k * PANEL),
                depth,
                c: c.add(row * p.c_stride + column),
                c_stride: p.c_stride,
                start: match p.start {
                    _ if k > 0 => TileStart::Result,
                    Start::Zero => TileStart::Zero,
                    Start::Bias(bias) => TileStart::Bias(bias.as_ptr().add(column)),
                    Start::Result => TileStart::Result,
                },
                row_scales,
                column_scales,
            }
        }
    }

    /// # Safety
    /// As [`Tile::run`], of `rows` rows.
    #[inline(always)]
    unsafe fn run_rows<V: Vector>(&self, rows: usize) {
        // SAFETY: passed on to the caller.
        unsafe {
            match rows {
                1 => self.run::<V, 1>(),
                2 => self.run::<V, 2>(),
                3 => self.run::<V, 3>(),
                4 => self.run::<V, 4>(),
                5 => self.run::<V, 5>(),
                _ => self.run::<V, TILE_ROWS>(),
            }
        }
    }

    /// Each number of the result is one chain of multiply-adds along the depth, whatever `R` is.
    ///
    /// # Safety
    /// The CPU has `V`'s instructions; `a` may be read for `R` rows of `depth`, `b` for `depth` rows of a panel, a bias for
    /// a panel, scales where there are any for `R` rows and a panel, and `c` read and written for `R` rows of a panel.
    #[inline(always)]
    unsafe fn run<V: Vector, const R: usize>(&self) {
        const { assert!(2 * V::LANES == PANEL) };
        // SAFETY: every access is within what the caller says may be read and written; see above.
        unsafe {
            let mut sums = [[T::begin(V::splat(0.0)); 2]; R];
            for (r, sum) in sums.iter_mut().enumerate() {
                *sum = [
                    T::begin(self.start::<V>(r, 0)),
                    T::begin(self.start::<V>(r, V::LANES)),
                ];
            }
            // Three rows are reached from one pointer: at once, and one or two strides away.
            let mut a = [self.a, self.a.wrapping_add(3 * self.a_stride)];
            let mut b = self.b;
            for _ in 0..self.depth {
                let columns = [T::load::<V>(b), T::load::<V>(b.add(V::LANES))];
                for (r, sum) in sums.iter_mut().enumerate() {
                    let x = T::splat::<V>(*a[r / 3].add(r % 3 * self.a_stride));
                    *sum = [
                        T::multiply_add::<V>(x, columns[0], sum[0]),
                        T::multiply_add::<V>(x, columns[1], sum[1]),
                    ];
                }
                a[0] = a[0].add(1);
                if R > 3 {
                    a[1] = V::opaque(a[1].add(1));
                }
                b = b.add(PANEL);
            }
            for (r, sum) in sums.iter().enumerate() {
                for (half, sum) in sum.iter().enumerate() {
                    let column = half * V::LANES;
                    let result = T::finish(*sum, self.scale::<V>(r, column), self.start(r, column));
                    result.store(self.c.add(r * self.c_stride + column));
                }
            }
        }
    }

    /// What the result of row `r` from `column` on is added to.
    ///
    /// # Safety
    /// As [`Tile::run`].
    #[inline(always)]
    unsafe fn start<V: Vector>(&self, r: usize, column: usize) -> V {
        // SAFETY: passed on to the caller.
        unsafe {
            match self.start {
                TileStart::Zero => V::splat(0.0),
                TileStart::Bias(bias) => V::load(bias.add(column)),
                TileStart::Result => V::load(self.c.add(r * self.c_stride + column)),
            }
        }
    }

    /// What sums of row `r` from `column` on are multiplied by.
    ///
    /// # Safety
    /// As [`Tile::run`].
    #[inline(always)]
    unsafe fn scale<V: Vector>(&self, r: usize, column: usize) -> V {
        // SAFETY: passed on to the caller.
        unsafe {
            if T::SCALED {
                V::splat(*self.row_scales.add(r)).mul(V::load(self.column_scales.add(column)))
            } else {
                V::splat(1.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::isa::tests::{every_isa, noise};
    use super::*;

    #[test]
    fn products_are_those_of_f64_and_a_row_does_not_depend_on_its_neighbours() {
        let mut random = noise(1);
        for isa in every_isa() {
            for rows in 1..=20 {
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
        for rows in 1..=20 {
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
}
