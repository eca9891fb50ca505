//! Some rows by one or two vectors of columns of a product, whose sums stay in registers; and how many rows at a time.
//!
//! Not for: which panels come after which (`product.rs`).

use super::matrix::PANEL;
use super::number::Number;
use super::product::{Product, Start};
use super::vector::Vector;

/// How the rows of a product are cut into tiles.
pub(super) trait Tiles {
    /// Rows of the next tile, of `left` that are left; at least one.
    fn next(left: usize) -> usize;

    /// How many tiles that makes, about.
    fn count(all: usize) -> usize;

    /// Runs a tile of so many rows, as [`Tiles::next`] gave them, and columns.
    ///
    /// # Safety
    /// As [`Tile::run`], of all these rows and columns.
    unsafe fn run<V: Vector, T: Number>(tile: &Tile<T>, rows: usize, columns: usize);
}

/// Up to six rows by two vectors: twelve sums and the operands in 16 registers, where two vectors are a panel.
pub(super) struct Six;

impl Tiles for Six {
    /// As even as can be: a tile of one or two rows, which could not hide the latency of a multiply-add, comes up only where
    /// there are no more.
    #[inline(always)]
    fn next(left: usize) -> usize {
        left.div_ceil(left.div_ceil(6).max(1))
    }

    #[inline(always)]
    fn count(all: usize) -> usize {
        all.div_ceil(6)
    }

    #[inline(always)]
    unsafe fn run<V: Vector, T: Number>(tile: &Tile<T>, rows: usize, _columns: usize) {
        // SAFETY: passed on to the caller.
        unsafe {
            match rows {
                1 => tile.run::<V, 2, 1>(),
                2 => tile.run::<V, 2, 2>(),
                3 => tile.run::<V, 2, 3>(),
                4 => tile.run::<V, 2, 4>(),
                5 => tile.run::<V, 2, 5>(),
                _ => tile.run::<V, 2, 6>(),
            }
        }
    }
}

/// Up to twelve rows by two vectors, a panel each: 24 sums and the operands in 32 registers. A last panel without a
/// neighbour is multiplied alone.
pub(super) struct Twelve;

impl Tiles for Twelve {
    /// Twelve, and towards the end sizes that leave no single row.
    #[inline(always)]
    fn next(left: usize) -> usize {
        match left {
            0..=4 | 6 | 8 | 12 => left,
            5 | 7 => 3,
            9 | 10 => 6,
            11 => 8,
            13..=15 => 6,
            16..=23 => 8,
            _ => 12,
        }
    }

    #[inline(always)]
    fn count(all: usize) -> usize {
        all.div_ceil(12)
    }

    #[inline(always)]
    unsafe fn run<V: Vector, T: Number>(tile: &Tile<T>, rows: usize, columns: usize) {
        // SAFETY: passed on to the caller.
        unsafe {
            match (rows, columns == 2 * PANEL) {
                (1, true) => tile.run::<V, 2, 1>(),
                (2, true) => tile.run::<V, 2, 2>(),
                (3, true) => tile.run::<V, 2, 3>(),
                (4, true) => tile.run::<V, 2, 4>(),
                (6, true) => tile.run::<V, 2, 6>(),
                (8, true) => tile.run::<V, 2, 8>(),
                (_, true) => tile.run::<V, 2, 12>(),
                (1, false) => tile.run::<V, 1, 1>(),
                (2, false) => tile.run::<V, 1, 2>(),
                (3, false) => tile.run::<V, 1, 3>(),
                (4, false) => tile.run::<V, 1, 4>(),
                (6, false) => tile.run::<V, 1, 6>(),
                (8, false) => tile.run::<V, 1, 8>(),
                (_, false) => tile.run::<V, 1, 12>(),
            }
        }
    }
}

enum TileStart {
    Zero,
    Bias(*const f32),
    Result,
}

/// Some rows by one or two vectors of columns of a product, at one block of its depth.
pub(super) struct Tile<T> {
    a: *const T,
    a_stride: usize,
    b: *const T,
    /// Numbers from one panel of `b` to the next.
    panel: usize,
    depth: usize,
    c: *mut f32,
    c_stride: usize,
    start: TileStart,
    /// Null where there are none, as are those of columns, zeros and sums.
    row_scales: *const f32,
    column_scales: *const f32,
    zeros: *const i32,
    sums: *const i32,
}

impl<T: Number> Tile<T> {
    /// The tile of a product that begins at this row, column and depth.
    ///
    /// # Safety
    /// They are within the product, and `c` and the slices of the product are as long as [`Isa::multiply`] asserts.
    #[inline(always)]
    pub(super) unsafe fn at(p: &Product<'_, T>, c: *mut f32, at: [usize; 3], depth: usize) -> Self {
        let [row, column, k] = at;
        let (row_scales, column_scales) = if T::SCALED {
            (
                p.scales.rows[row..].as_ptr(),
                p.scales.columns[column..].as_ptr(),
            )
        } else {
            (std::ptr::null(), std::ptr::null())
        };
        let (zeros, sums) = if T::SHIFTED {
            (
                p.scales.zeros[row..].as_ptr(),
                p.scales.sums[column..].as_ptr(),
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
                panel: p.depth * PANEL,
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
                zeros,
                sums,
            }
        }
    }

    /// Each number of the result is one chain of multiply-adds along the depth, whatever `R` and `W` are.
    ///
    /// # Safety
    /// The CPU has `V`'s instructions; `a` may be read for `R` rows of `depth`, `b` for `depth` rows of the panels that `W`
    /// vectors of columns cover, a bias, scales, zeros and sums where there are any for `R` rows and `W` vectors, and `c`
    /// read and written for `R` rows of `W` vectors.
    #[inline(always)]
    unsafe fn run<V: Vector, const W: usize, const R: usize>(&self) {
        const { assert!((V::LANES == PANEL || 2 * V::LANES == PANEL) && R <= 12 && W <= 2) };
        // From the first vector of a panel's row to the second: in the same panel, or in the next.
        let second = if V::LANES == PANEL {
            self.panel
        } else {
            V::LANES
        };
        // SAFETY: every access is within what the caller says may be read and written; see above.
        unsafe {
            // Loops, where `from_fn` would read better: a closure has none of the features that the kernel is compiled for, and is
            // not inlined where the compiler finds it large.
            let mut sums = [[T::zero::<V>(); W]; R];
            if !T::SCALED {
                for (r, sums) in sums.iter_mut().enumerate() {
                    for (w, sum) in sums.iter_mut().enumerate() {
                        *sum = T::begin(self.start::<V>(r, w * V::LANES));
                    }
                }
            }
            // Three rows are reached from one pointer: at once, and one or two strides away.
            let mut a = [self.a; 4];
            for (i, a) in a.iter_mut().enumerate() {
                *a = a.wrapping_add(3 * i * self.a_stride);
            }
            let mut b = self.b;
            for _ in 0..self.depth {
                let mut columns = [T::load::<V>(b); W];
                if W == 2 {
                    columns[1] = T::load::<V>(b.add(second));
                }
                for (r, sum) in sums.iter_mut().enumerate() {
                    let x = T::splat::<V>(*a[r / 3].add(r % 3 * self.a_stride));
                    for (sum, columns) in sum.iter_mut().zip(columns) {
                        *sum = T::multiply_add::<V>(x, columns, *sum);
                    }
                }
                a[0] = a[0].add(1);
                for more in &mut a[1..R.div_ceil(3)] {
                    *more = V::opaque(more.add(1));
                }
                b = b.add(PANEL);
            }
            self.finish::<V, W, R>(&sums);
        }
    }

    /// Writes the results, of the sums of their products. What is the same for all rows is looked at before, so that what is left for a row is little
    /// enough for the compiler to write it out `R` times: in a loop, sums would leave their registers.
    ///
    /// # Safety
    /// As [`Tile::run`].
    #[inline(always)]
    unsafe fn finish<V: Vector, const W: usize, const R: usize>(
        &self,
        sums: &[[T::Lanes<V>; W]; R],
    ) {
        // SAFETY: passed on to the caller.
        unsafe {
            if !T::SCALED {
                for (r, sums) in sums.iter().enumerate() {
                    for (w, sum) in sums.iter().enumerate() {
                        let to = self.c.add(r * self.c_stride + w * V::LANES);
                        T::result::<V>(*sum).store(to);
                    }
                }
                return;
            }
            if let TileStart::Result = self.start {
                for (r, sums) in sums.iter().enumerate() {
                    for (w, sum) in sums.iter().enumerate() {
                        let to = self.c.add(r * self.c_stride + w * V::LANES);
                        let scaled = self.scaled::<V>(*sum, r, w * V::LANES);
                        V::load(to).add(scaled).store(to);
                    }
                }
                return;
            }
            let mut starts = [V::splat(0.0); W];
            if let TileStart::Bias(bias) = self.start {
                for (w, start) in starts.iter_mut().enumerate() {
                    *start = V::load(bias.add(w * V::LANES));
                }
            }
            for (r, sums) in sums.iter().enumerate() {
                for (w, sum) in sums.iter().enumerate() {
                    let to = self.c.add(r * self.c_stride + w * V::LANES);
                    let scaled = self.scaled::<V>(*sum, r, w * V::LANES);
                    starts[w].add(scaled).store(to);
                }
            }
        }
    }

    /// The number that a sum of integers of row `r` from `column` on stands for. Each step rounds by itself, so that every CPU computes the same.
    ///
    /// # Safety
    /// As [`Tile::run`], and the numbers are [`Number::SCALED`].
    #[inline(always)]
    unsafe fn scaled<V: Vector>(&self, sum: T::Lanes<V>, r: usize, column: usize) -> V {
        // SAFETY: passed on to the caller.
        unsafe {
            let sum = if T::SHIFTED {
                T::shift::<V>(sum, *self.zeros.add(r), self.sums.add(column))
            } else {
                sum
            };
            T::result::<V>(sum).mul(self.scale::<V>(r, column))
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
    /// As [`Tile::run`], and the numbers are [`Number::SCALED`].
    #[inline(always)]
    unsafe fn scale<V: Vector>(&self, r: usize, column: usize) -> V {
        // SAFETY: passed on to the caller.
        unsafe { V::splat(*self.row_scales.add(r)).mul(V::load(self.column_scales.add(column))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes<S: Tiles>(rows: usize) -> Vec<usize> {
        let (mut left, mut sizes) = (rows, Vec::new());
        while left > 0 {
            sizes.push(S::next(left));
            left -= sizes.last().copied().unwrap_or(left);
        }
        sizes
    }

    #[test]
    fn tiles_cover_the_rows_and_few_are_small() {
        assert_eq!(sizes::<Six>(13), [5, 4, 4]);
        assert_eq!(sizes::<Twelve>(25), [12, 6, 3, 4]);
        for rows in 1..300 {
            let (six, twelve) = (sizes::<Six>(rows), sizes::<Twelve>(rows));
            assert_eq!(six.iter().sum::<usize>(), rows);
            assert_eq!(twelve.iter().sum::<usize>(), rows);
            let known = [1, 2, 3, 4, 6, 8, 12];
            assert!(twelve.iter().all(|r| known.contains(r)), "{twelve:?}");
            assert!(six.iter().all(|r| (1..=6).contains(r)), "{six:?}");
            assert!(rows < 3 || twelve.iter().all(|r| *r > 1), "{twelve:?}");
            assert!(rows < 3 || six.iter().all(|r| *r > 1), "{six:?}");
        }
    }
}
