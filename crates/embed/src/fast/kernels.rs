//! The arithmetic of the encoder: matrix products, activation, normalisation, softmax, per instruction set.
//!
//! Every number of a result is computed by the same operations in the same order whatever rows stand beside it, so a
//! text's vector does not depend on what it is batched with.

#[cfg(target_arch = "x86_64")]
use super::vector::Avx2;
use super::vector::{Portable, Vector};
use super::{functions, matrix::PANEL};

/// Rows of a full tile: with two vectors of columns, 12 independent sums, which is what hides the latency of a
/// multiply-add, and leaves room for the operands in 16 registers.
const TILE_ROWS: usize = 6;

/// Rows of a panel that are multiplied in one go, so that they stay in the L1 cache with the rows of `a` beside them.
const DEPTH_BLOCK: usize = 384;

/// Which instructions the kernels run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Isa {
    /// Found on this CPU by [`Isa::best`], which alone makes it.
    #[cfg(target_arch = "x86_64")]
    Avx2(FoundAvx2),
    /// Plain Rust.
    Portable,
}

/// Proof that the CPU has AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FoundAvx2(());

/// The activation between the two layers of the feed-forward part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    /// x times the normal distribution function of x.
    Gelu,
    /// Its approximation with tanh (`gelu_new`).
    GeluTanh,
    /// The larger of x and 0.
    Relu,
}

/// What a product is added to.
#[derive(Clone, Copy)]
pub(super) enum Start<'a> {
    Zero,
    /// One number a column, for every row.
    Bias(&'a [f32]),
    /// What the result holds.
    Result,
}

/// `a` (rows, depth) times `b` (depth, columns).
#[derive(Clone, Copy)]
pub(super) struct Product<'a> {
    pub(super) rows: usize,
    pub(super) depth: usize,
    /// Multiple of [`PANEL`].
    pub(super) columns: usize,
    pub(super) a: &'a [f32],
    /// Numbers from one row of `a` to the next.
    pub(super) a_stride: usize,
    /// Panels of 16 columns.
    pub(super) b: &'a [f32],
    pub(super) start: Start<'a>,
    /// Numbers from one row of the result to the next.
    pub(super) c_stride: usize,
    /// Where `b` comes from memory: the panels that are multiplied next, to be fetched meanwhile with those of `b`.
    pub(super) ahead: Option<&'a [f32]>,
}

/// Learnt scale and shift of a layer norm.
pub(super) struct Norm {
    pub(super) gain: Vec<f32>,
    pub(super) shift: Vec<f32>,
    pub(super) epsilon: f32,
}

/// Instantiates a generic kernel for the instruction set, inside a function that has it enabled.
macro_rules! dispatch {
    ($isa:expr, $kernel:ident($($name:ident: $type:ty),*) $(-> $result:ty)?) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn avx2($($name: $type),*) $(-> $result)? {
            // SAFETY: the function's own features are those that `Avx2` needs; the lengths were checked by the caller.
            unsafe { $kernel::<Avx2>($($name),*) }
        }
        match $isa {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the variant holds the proof that the CPU has AVX2 and FMA.
            Isa::Avx2(FoundAvx2(())) => unsafe { avx2($($name),*) },
            // SAFETY: every CPU runs `Portable`; the lengths were checked by the caller.
            Isa::Portable => unsafe { $kernel::<Portable>($($name),*) },
        }
    }};
}

impl Isa {
    /// The fastest that this CPU has.
    pub(super) fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return Isa::Avx2(FoundAvx2(()));
        }
        Isa::Portable
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(_) => "AVX2",
            Isa::Portable => "portable",
        }
    }

    /// `c = start + a b`.
    pub(super) fn multiply(self, product: &Product<'_>, c: &mut [f32]) {
        let p = product;
        if p.rows == 0 || p.columns == 0 {
            return;
        }
        assert!(p.columns.is_multiple_of(PANEL) && p.b.len() == p.columns * p.depth);
        assert!(p.a.len() >= (p.rows - 1) * p.a_stride + p.depth);
        assert!(c.len() >= (p.rows - 1) * p.c_stride + p.columns && p.c_stride >= p.columns);
        if let Start::Bias(bias) = p.start {
            assert!(bias.len() >= p.columns);
        }
        dispatch!(self, multiply(product: &Product<'_>, c: &mut [f32]))
    }

    /// Applies the activation to every number of `x`, whose length is a multiple of [`PANEL`].
    pub(super) fn activate(self, activation: Activation, x: &mut [f32]) {
        assert!(x.len().is_multiple_of(PANEL));
        match activation {
            Activation::Gelu => dispatch!(self, gelu(x: &mut [f32])),
            Activation::GeluTanh => dispatch!(self, gelu_tanh(x: &mut [f32])),
            Activation::Relu => dispatch!(self, relu(x: &mut [f32])),
        }
    }

    /// Rows of `x` become `norm(x + y)`, each of the width of `norm`, a multiple of [`PANEL`].
    pub(super) fn add_norm(self, x: &mut [f32], y: &[f32], norm: &Norm) {
        let width = norm.gain.len();
        assert!(width > 0 && width.is_multiple_of(PANEL) && norm.shift.len() == width);
        assert!(x.len() == y.len() && x.len().is_multiple_of(width));
        dispatch!(self, add_norm(x: &mut [f32], y: &[f32], norm: &Norm))
    }

    /// In each row of `rows`, of `len` rounded up to a whole [`PANEL`], the first `len` numbers become
    /// `exp(scale (x - largest))` and the rest is overwritten; `sums` gets the sum of each. `scale` is positive.
    pub(super) fn exponentials(self, rows: &mut [f32], len: usize, scale: f32, sums: &mut [f32]) {
        let padded = len.next_multiple_of(PANEL);
        assert!(len > 0 && rows.len() == padded * sums.len());
        for row in rows.chunks_exact_mut(padded) {
            row[len..].fill(f32::NEG_INFINITY);
        }
        dispatch!(self, exponentials(rows: &mut [f32], scale: f32, sums: &mut [f32]))
    }
}

/// # Safety
/// The CPU has `V`'s instructions, and the lengths are as [`Isa::multiply`] asserts.
#[inline(always)]
unsafe fn multiply<V: Vector>(p: &Product<'_>, c: &mut [f32]) {
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
                    unsafe { V::prefetch(line.as_ptr()) };
                }
                // SAFETY: `row`, `column` and `k` are within the product, whose ends the caller asserted to lie within the
                // three slices; panel `column / 16` starts at `column * depth`, and its row `k` at `16 k` from there.
                unsafe {
                    let tile = Tile {
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
                    };
                    match tile_rows {
                        1 => tile.run::<V, 1>(),
                        2 => tile.run::<V, 2>(),
                        3 => tile.run::<V, 3>(),
                        4 => tile.run::<V, 4>(),
                        5 => tile.run::<V, 5>(),
                        _ => tile.run::<V, TILE_ROWS>(),
                    }
                }
                row += tile_rows;
            }
        }
    }
}

/// The lines of the next block of panels, which begins at `at` of `b` or with what follows `b`, and how many of them each
/// row of tiles should fetch.
#[inline(always)]
fn ahead<'a>(p: &Product<'a>, at: usize) -> (std::slice::Chunks<'a, f32>, usize) {
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

/// Up to six rows by one panel of a product.
struct Tile {
    a: *const f32,
    a_stride: usize,
    b: *const f32,
    depth: usize,
    c: *mut f32,
    c_stride: usize,
    start: TileStart,
}

impl Tile {
    /// Each number of the result is one chain of multiply-adds along the depth, whatever `R` is.
    ///
    /// # Safety
    /// The CPU has `V`'s instructions; `a` may be read for `R` rows of `depth`, `b` for `depth` rows of a panel, a bias for
    /// a panel, and `c` read and written for `R` rows of a panel.
    #[inline(always)]
    unsafe fn run<V: Vector, const R: usize>(&self) {
        const { assert!(2 * V::LANES == PANEL) };
        // SAFETY: every access is within what the caller says may be read and written; see above.
        unsafe {
            let mut sums = [[V::splat(0.0); 2]; R];
            match self.start {
                TileStart::Zero => {}
                TileStart::Bias(bias) => sums = [[V::load(bias), V::load(bias.add(V::LANES))]; R],
                TileStart::Result => {
                    for (r, sum) in sums.iter_mut().enumerate() {
                        let c = self.c.add(r * self.c_stride);
                        *sum = [V::load(c), V::load(c.add(V::LANES))];
                    }
                }
            }
            let (mut a, mut b) = (self.a, self.b);
            for _ in 0..self.depth {
                let columns = [V::load(b), V::load(b.add(V::LANES))];
                for (r, sum) in sums.iter_mut().enumerate() {
                    let x = V::splat(*a.add(r * self.a_stride));
                    *sum = [x.mul_add(columns[0], sum[0]), x.mul_add(columns[1], sum[1])];
                }
                a = a.add(1);
                b = b.add(PANEL);
            }
            for (r, sum) in sums.iter().enumerate() {
                let c = self.c.add(r * self.c_stride);
                sum[0].store(c);
                sum[1].store(c.add(V::LANES));
            }
        }
    }
}

/// # Safety
/// The CPU has `V`'s instructions, and the length of `x` is a multiple of `V::LANES`.
#[inline(always)]
unsafe fn map<V: Vector>(x: &mut [f32], f: impl Fn(V) -> V) {
    for part in x.chunks_exact_mut(V::LANES) {
        // SAFETY: the part is `LANES` long.
        unsafe { f(V::load(part.as_ptr())).store(part.as_mut_ptr()) };
    }
}

/// # Safety
/// As [`map`].
#[inline(always)]
unsafe fn gelu<V: Vector>(x: &mut [f32]) {
    // SAFETY: passed on to the caller.
    unsafe { map::<V>(x, |v| functions::gelu(v)) }
}

/// # Safety
/// As [`map`].
#[inline(always)]
unsafe fn gelu_tanh<V: Vector>(x: &mut [f32]) {
    // SAFETY: passed on to the caller.
    unsafe { map::<V>(x, |v| functions::gelu_tanh(v)) }
}

/// # Safety
/// As [`map`].
#[inline(always)]
unsafe fn relu<V: Vector>(x: &mut [f32]) {
    // SAFETY: passed on to the caller.
    unsafe { map::<V>(x, |v| V::splat(0.0).max(v)) }
}

/// # Safety
/// The CPU has `V`'s instructions, and the lengths are as [`Isa::add_norm`] asserts.
#[inline(always)]
unsafe fn add_norm<V: Vector>(x: &mut [f32], y: &[f32], norm: &Norm) {
    let width = norm.gain.len();
    let steps = || (0..width).step_by(V::LANES);
    let (gain, shift) = (norm.gain.as_ptr(), norm.shift.as_ptr());
    for (x, y) in x.chunks_exact_mut(width).zip(y.chunks_exact(width)) {
        let (x, y) = (x.as_mut_ptr(), y.as_ptr());
        // SAFETY: all four are `width` long, a multiple of `LANES`.
        unsafe {
            let mut sum = V::splat(0.0);
            for i in steps() {
                let v = V::load(x.add(i)).add(V::load(y.add(i)));
                v.store(x.add(i));
                sum = sum.add(v);
            }
            let mean = V::splat(sum.sum() / width as f32);
            let mut squares = V::splat(0.0);
            for i in steps() {
                let v = V::load(x.add(i)).sub(mean);
                squares = v.mul_add(v, squares);
            }
            let variance = squares.sum() / width as f32;
            let scale = V::splat(1.0 / (variance + norm.epsilon).sqrt());
            for i in steps() {
                let v = V::load(x.add(i)).sub(mean).mul(scale);
                v.mul_add(V::load(gain.add(i)), V::load(shift.add(i)))
                    .store(x.add(i));
            }
        }
    }
}

/// # Safety
/// The CPU has `V`'s instructions, and `rows` is as many rows as `sums` is long, of a positive multiple of `V::LANES`.
#[inline(always)]
unsafe fn exponentials<V: Vector>(rows: &mut [f32], scale: f32, sums: &mut [f32]) {
    let width = rows.len() / sums.len().max(1);
    // exp(scale (x - largest)) as a power of two.
    let factor = scale * std::f32::consts::LOG2_E;
    // Two passes over all rows, so that the end of one row and the start of the next overlap.
    // SAFETY: every part is `LANES` long.
    unsafe {
        for (row, sum) in rows.chunks_exact(width).zip(sums.iter_mut()) {
            let mut largest = V::splat(f32::NEG_INFINITY);
            for part in row.chunks_exact(V::LANES) {
                largest = V::load(part.as_ptr()).max(largest);
            }
            *sum = largest.largest();
        }
        for (row, sum) in rows.chunks_exact_mut(width).zip(sums) {
            let (scale, shift) = (V::splat(factor), V::splat(-*sum * factor));
            let mut total = V::splat(0.0);
            for part in row.chunks_exact_mut(V::LANES) {
                let v = functions::exp2(V::load(part.as_ptr()).mul_add(scale, shift));
                v.store(part.as_mut_ptr());
                total = total.add(v);
            }
            *sum = total.sum();
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Numbers from -1 to 1 that look random and are the same every time.
    pub(in crate::fast) fn noise(seed: u64) -> impl FnMut() -> f32 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        }
    }

    /// What this CPU has, the plain twin among them.
    pub(in crate::fast) fn every_isa() -> Vec<Isa> {
        let mut all = vec![Isa::Portable];
        if Isa::best() != Isa::Portable {
            all.push(Isa::best());
        }
        all
    }

    /// The error function by its series in f64, good to 1e-9 for |x| < 4.5.
    fn erf(x: f64) -> f64 {
        if x.abs() >= 4.5 {
            return x.signum();
        }
        let (mut term, mut sum) = (x, x);
        for n in 1..120 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    fn largest_error(isa: Isa, activation: Activation, exact: impl Fn(f64) -> f64) -> f64 {
        let inputs: Vec<f32> = (-40_000..40_000).map(|i| i as f32 / 4_000.0).collect();
        let mut outputs = inputs.clone();
        isa.activate(activation, &mut outputs);
        inputs
            .iter()
            .zip(&outputs)
            .map(|(x, y)| (exact(f64::from(*x)) - f64::from(*y)).abs())
            .fold(0.0, f64::max)
    }

    #[test]
    fn activations_keep_their_stated_errors() {
        let gelu = |x: f64| x / 2.0 * (1.0 + erf(x / std::f64::consts::SQRT_2));
        let tanh = |x: f64| {
            let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            x / 2.0 * (1.0 + u.tanh())
        };
        for isa in every_isa() {
            let errors = [
                largest_error(isa, Activation::Gelu, gelu),
                largest_error(isa, Activation::GeluTanh, tanh),
                largest_error(isa, Activation::Relu, |x| x.max(0.0)),
            ];
            println!("{}: gelu, gelu_tanh, relu off by {errors:?}", isa.name());
            assert!(
                errors[0] < 2e-6 && errors[1] < 2e-6 && errors[2] == 0.0,
                "{errors:?}"
            );
            let extremes = [1e4, -1e4, 0.0, f32::NAN, 20.0, -20.0];
            for activation in [Activation::Gelu, Activation::GeluTanh] {
                let mut padded = [0f32; PANEL];
                padded[..6].copy_from_slice(&extremes);
                isa.activate(activation, &mut padded);
                let expected = [1e4, 0.0, 0.0, f32::NAN, 20.0, 0.0];
                for ((x, y), expected) in extremes.iter().zip(padded).zip(expected) {
                    let allowed = 2e-7 * x.abs();
                    assert!(
                        (y - expected).abs() <= allowed || (y.is_nan() && x.is_nan()),
                        "{activation:?} of {x} is {y}"
                    );
                }
            }
        }
    }

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

    fn assert_product(p: &Product<'_>, before: &[f32], c: &[f32]) {
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

    #[test]
    fn exponentials_are_those_of_f64_at_every_length() {
        let mut random = noise(2);
        for isa in every_isa() {
            for len in 1..=300usize {
                let padded = len.next_multiple_of(PANEL);
                let before: Vec<f32> = (0..3 * padded).map(|_| 40.0 * random()).collect();
                let (mut rows, mut sums) = (before.clone(), [0f32; 3]);
                isa.exponentials(&mut rows, len, 0.25, &mut sums);
                for ((before, row), sum) in before.chunks(padded).zip(rows.chunks(padded)).zip(sums)
                {
                    let largest = before[..len].iter().copied().fold(f32::MIN, f32::max);
                    let mut total = 0.0;
                    for (x, y) in before.iter().zip(&row[..len]) {
                        let exact = (0.25 * (f64::from(*x) - f64::from(largest))).exp();
                        let error = (exact - f64::from(*y)).abs() / exact;
                        assert!(error < 3e-6, "{x} - {largest}: off by {error}");
                        total += exact;
                    }
                    assert!((total - f64::from(sum)).abs() / total < 3e-6);
                    assert!(row[len..].iter().all(|x| *x < 1e-37));
                }
            }
        }
    }

    #[test]
    fn norms_are_those_of_f64() {
        let mut random = noise(3);
        for isa in every_isa() {
            for (rows, width) in [(1, 16), (3, 64), (5, 384), (2, 768)] {
                let mut take = |n: usize| -> Vec<f32> { (0..n).map(|_| random()).collect() };
                let norm = Norm {
                    gain: take(width),
                    shift: take(width),
                    epsilon: 1e-12,
                };
                let (before, y) = (take(rows * width), take(rows * width));
                let mut x = before.clone();
                isa.add_norm(&mut x, &y, &norm);
                for row in 0..rows {
                    let at = |i: usize| {
                        f64::from(before[row * width + i]) + f64::from(y[row * width + i])
                    };
                    let mean = (0..width).map(at).sum::<f64>() / width as f64;
                    let variance =
                        (0..width).map(|i| (at(i) - mean).powi(2)).sum::<f64>() / width as f64;
                    for i in 0..width {
                        let exact = (at(i) - mean) / variance.sqrt() * f64::from(norm.gain[i])
                            + f64::from(norm.shift[i]);
                        assert!((exact - f64::from(x[row * width + i])).abs() < 3e-6);
                    }
                }
            }
        }
    }
}
