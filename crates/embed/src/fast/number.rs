//! What a product multiplies: f32, or words of narrower numbers, each by an instruction of its own.
//!
//! Not for: the loop over rows and panels, which is one for all (`product.rs`).

use super::isa::{Isa, dispatch};
use super::matrix::{Halves, Numbers, Pair, Quad};
use super::product::{DEPTH_BLOCK, Product, multiply};
use super::vector::{Pairs, Vector};

/// What a product multiplies.
pub(super) trait Number: Copy {
    /// So many of them as `V` has lanes, or the sums of their products.
    type Lanes<V: Vector>: Copy;

    /// Numbers in one.
    const PER_WORD: usize;

    /// Whether [`Product::scales`] holds scales.
    const SCALED: bool;

    /// Whether it holds zeros and sums too.
    const SHIFTED: bool;

    /// The numbers of panels that are of this kind.
    fn of(numbers: Numbers<'_>) -> &[Self];

    /// Rows of a panel that are multiplied in one go.
    fn depth_block<V: Vector>() -> usize;

    /// Runs a product whose lengths were checked.
    fn run(isa: Isa, product: &Product<'_, Self>, c: &mut [f32]);

    /// # Safety
    /// The CPU has `V`'s instructions.
    unsafe fn splat<V: Vector>(x: Self) -> Self::Lanes<V>;

    /// # Safety
    /// The CPU has `V`'s instructions, and `from` may be read for `V::LANES` numbers.
    unsafe fn load<V: Vector>(from: *const Self) -> Self::Lanes<V>;

    /// Sums of nothing.
    ///
    /// # Safety
    /// The CPU has `V`'s instructions.
    unsafe fn zero<V: Vector>() -> Self::Lanes<V>;

    /// What products are added to that are not [`Number::SCALED`].
    fn begin<V: Vector>(start: V) -> Self::Lanes<V>;

    /// A sum of [`Number::SHIFTED`] numbers, where the row's zero is `zero` and the columns' sums are at `sums`.
    ///
    /// # Safety
    /// `sums` may be read for `V::LANES` sums.
    unsafe fn shift<V: Vector>(sum: Self::Lanes<V>, zero: i32, sums: *const i32) -> Self::Lanes<V>;

    /// `sum + a b`.
    fn multiply_add<V: Vector>(
        a: Self::Lanes<V>,
        b: Self::Lanes<V>,
        sum: Self::Lanes<V>,
    ) -> Self::Lanes<V>;

    /// The sums as f32.
    fn result<V: Vector>(sum: Self::Lanes<V>) -> V;
}

impl Number for f32 {
    type Lanes<V: Vector> = V;

    const PER_WORD: usize = 1;
    const SCALED: bool = false;
    const SHIFTED: bool = false;

    fn of(numbers: Numbers<'_>) -> &[f32] {
        match numbers {
            Numbers::F32(numbers) => numbers,
            _ => &[],
        }
    }

    // The sum goes on from where the block before left it, so that the size of a block changes no bit.
    fn depth_block<V: Vector>() -> usize {
        DEPTH_BLOCK * 8 / V::LANES
    }

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
    unsafe fn zero<V: Vector>() -> V {
        // SAFETY: passed on to the caller.
        unsafe { V::splat(0.0) }
    }

    #[inline(always)]
    fn begin<V: Vector>(start: V) -> V {
        start
    }

    #[inline(always)]
    unsafe fn shift<V: Vector>(sum: V, _zero: i32, _sums: *const i32) -> V {
        sum
    }

    #[inline(always)]
    fn multiply_add<V: Vector>(a: V, b: V, sum: V) -> V {
        a.mul_add(b, sum)
    }

    #[inline(always)]
    fn result<V: Vector>(sum: V) -> V {
        sum
    }
}

/// What is the same of all words: how they are read.
macro_rules! words {
    ($word:ident, @$kind:ident, $per:literal, $variant:pat => $numbers:ident) => {
        type Lanes<V: Vector> = V::Pairs;

        const PER_WORD: usize = $per;

        fn of(numbers: Numbers<'_>) -> &[$word] {
            match numbers {
                $variant => $numbers,
                _ => &[],
            }
        }

        fn run(isa: Isa, product: &Product<'_, $word>, c: &mut [f32]) {
            dispatch!(@$kind isa, multiply<$word>(product: &Product<'_, $word>, c: &mut [f32]))
        }

        #[inline(always)]
        unsafe fn splat<V: Vector>(x: $word) -> V::Pairs {
            // SAFETY: passed on to the caller.
            unsafe { V::Pairs::splat(Pair(x.0)) }
        }

        #[inline(always)]
        unsafe fn load<V: Vector>(from: *const $word) -> V::Pairs {
            // SAFETY: passed on to the caller; every word is an i32, as a pair is.
            unsafe { V::Pairs::load(from.cast()) }
        }

        #[inline(always)]
        unsafe fn zero<V: Vector>() -> V::Pairs {
            // SAFETY: passed on to the caller.
            unsafe { V::Pairs::splat(Pair::default()) }
        }
    };
}

impl Number for Pair {
    words!(Pair, @pairs, 2, Numbers::Int16(numbers, _) => numbers);

    const SCALED: bool = true;
    const SHIFTED: bool = false;

    // The same on every CPU: after each block the sum is rounded.
    fn depth_block<V: Vector>() -> usize {
        DEPTH_BLOCK
    }

    #[inline(always)]
    fn begin<V: Vector>(start: V) -> V::Pairs {
        V::Pairs::of_floats(start)
    }

    #[inline(always)]
    unsafe fn shift<V: Vector>(sum: V::Pairs, _zero: i32, _sums: *const i32) -> V::Pairs {
        sum
    }

    #[inline(always)]
    fn multiply_add<V: Vector>(a: V::Pairs, b: V::Pairs, sum: V::Pairs) -> V::Pairs {
        a.multiply_add(b, sum)
    }

    #[inline(always)]
    fn result<V: Vector>(sum: V::Pairs) -> V {
        sum.sums()
    }
}

impl Number for Quad {
    words!(Quad, @bytes, 4, Numbers::Int8(numbers, ..) => numbers);

    const SCALED: bool = true;
    const SHIFTED: bool = true;

    // All at once, so that the whole sum is exact, zeros and all.
    fn depth_block<V: Vector>() -> usize {
        usize::MAX
    }

    #[inline(always)]
    fn begin<V: Vector>(start: V) -> V::Pairs {
        V::Pairs::of_floats(start)
    }

    /// A byte stands for a number above the row's zero: what that adds to a sum is the zero times the sum of the column.
    #[inline(always)]
    unsafe fn shift<V: Vector>(sum: V::Pairs, zero: i32, sums: *const i32) -> V::Pairs {
        // SAFETY: there is a value of `V::Pairs`, so the CPU has its instructions; the caller says the rest, and a pair is
        // an i32.
        unsafe { sum.minus_product(V::Pairs::splat(Pair(zero)), V::Pairs::load(sums.cast())) }
    }

    #[inline(always)]
    fn multiply_add<V: Vector>(a: V::Pairs, b: V::Pairs, sum: V::Pairs) -> V::Pairs {
        a.multiply_bytes(b, sum)
    }

    #[inline(always)]
    fn result<V: Vector>(sum: V::Pairs) -> V {
        sum.sums()
    }
}

impl Number for Halves {
    words!(Halves, @halves, 2, Numbers::Bf16(numbers) => numbers);

    const SCALED: bool = false;
    const SHIFTED: bool = false;

    fn depth_block<V: Vector>() -> usize {
        DEPTH_BLOCK * 8 / V::LANES
    }

    #[inline(always)]
    fn begin<V: Vector>(start: V) -> V::Pairs {
        V::Pairs::of_floats(start)
    }

    #[inline(always)]
    unsafe fn shift<V: Vector>(sum: V::Pairs, _zero: i32, _sums: *const i32) -> V::Pairs {
        sum
    }

    #[inline(always)]
    fn multiply_add<V: Vector>(a: V::Pairs, b: V::Pairs, sum: V::Pairs) -> V::Pairs {
        a.multiply_halves(b, sum)
    }

    #[inline(always)]
    fn result<V: Vector>(sum: V::Pairs) -> V {
        sum.floats()
    }
}
