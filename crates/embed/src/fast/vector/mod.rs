//! A handful of f32 lanes: what the kernels are written in, once for every instruction set.
//!
//! A kernel is generic over [`Vector`] and always inlined; `isa.rs` instantiates it inside a function that has the
//! instruction set enabled. A new instruction set is one more file here and one more arm there.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(super) use avx512::{Avx512, BF16, PLAIN, VNNI};
pub(super) use portable::Portable;
#[cfg(test)]
pub(super) use portable::half;

use super::matrix::{PANEL, Pair};
use super::tile::Tiles;

/// `LANES` numbers in one register.
///
/// A value is a proof that its instructions exist on this CPU: only the two constructors are unsafe.
pub(super) trait Vector: Copy {
    /// As many words of narrow numbers as there are lanes.
    type Pairs: Pairs<Floats = Self>;

    /// Numbers in one vector: a panel's columns (`PANEL` in `matrix.rs`), or half of them.
    const LANES: usize;

    /// How a product is cut into tiles, so that a tile's sums hide the latency of a multiply-add and leave room for the
    /// operands in the registers.
    type Tiles: Tiles;

    /// All lanes `x`.
    ///
    /// # Safety
    /// The CPU has the instruction set of this vector.
    unsafe fn splat(x: f32) -> Self;

    /// The `LANES` numbers at `from`, of any alignment.
    ///
    /// # Safety
    /// The CPU has the instruction set of this vector, and `from` may be read for `LANES` numbers.
    unsafe fn load(from: *const f32) -> Self;

    /// Writes the lanes at `to`, of any alignment.
    ///
    /// # Safety
    /// `to` may be written for `LANES` numbers.
    unsafe fn store(self, to: *mut f32);

    /// Writes the nearest integers as bytes at `to`, of two in the middle the even one; they must be from 0 to 255.
    ///
    /// # Safety
    /// `to` may be written for `LANES` bytes.
    unsafe fn store_bytes(self, to: *mut u8);

    /// Writes `LANES` rows of `LANES` numbers at `from`, one every `stride` numbers, as columns of rows at `to`, one every
    /// `to_stride` numbers.
    ///
    /// # Safety
    /// The CPU has the instruction set of this vector; `from` may be read and `to` written for these rows.
    unsafe fn transpose(from: *const f32, stride: usize, to: *mut f32, to_stride: usize);

    /// Asks for the cache line at `at`, which need not be mapped.
    ///
    /// # Safety
    /// The CPU has the instruction set of this vector.
    unsafe fn prefetch(at: *const f32);

    /// The pointer itself, of which the compiler knows nothing more: it keeps it in a register of its own, where it would
    /// compute it from another one at every use.
    fn opaque<T>(at: *const T) -> *const T;

    /// `self * b + c`, rounded once where the CPU can.
    fn mul_add(self, b: Self, c: Self) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    fn min(self, other: Self) -> Self;
    /// `self * 2^n` for lanes of `self` from 1/2 to 2 and whole `n` from -125 to 126, given as `n + 1.5 * 2^23`: the
    /// sum's lowest bits are `n`.
    fn scale(self, n: Self) -> Self;
    /// Sum of the lanes: the upper half is added to the lower until one is left.
    fn sum(self) -> f32;
    /// Largest lane.
    fn largest(self) -> f32;
    /// The larger magnitude of each lane, without sign; NaN is larger than infinity.
    fn larger_magnitude(self, other: Self) -> Self;
    /// Largest magnitude of the lanes; NaN where one is.
    fn largest_magnitude(self) -> f32;
}

/// Sums rows of whole panels in the same order with vectors of any length: number `i` of a row is added in lane `i` of a
/// panel, and lanes by halves.
#[derive(Clone, Copy)]
pub(super) struct PanelSum<V>([V; PARTS]);

/// Vectors of the fewest lanes that a panel is.
const PARTS: usize = 2;

impl<V: Vector> PanelSum<V> {
    /// Vectors that a panel is: those of a sum that are used.
    pub(super) const VECTORS: usize = PANEL / V::LANES;

    #[inline(always)]
    pub(super) fn zero(zero: V) -> Self {
        const { assert!(Self::VECTORS * V::LANES == PANEL && Self::VECTORS <= PARTS) };
        Self([zero; PARTS])
    }

    /// Applies `f` to the sum of the numbers of vector `part` of every panel.
    #[inline(always)]
    pub(super) fn update(&mut self, part: usize, f: impl FnOnce(V) -> V) {
        self.0[part] = f(self.0[part]);
    }

    #[inline(always)]
    pub(super) fn sum(self) -> f32 {
        let [first, second] = self.0;
        match Self::VECTORS {
            1 => first.sum(),
            _ => first.add(second).sum(),
        }
    }
}

/// `LANES` words of 32 bits: pairs of 16-bit integers or of bfloat16, four bytes, or sums of their products.
///
/// A value is a proof that its instructions exist on this CPU: only the constructors from memory are unsafe.
pub(super) trait Pairs: Copy {
    /// As many f32.
    type Floats: Vector<Pairs = Self>;

    /// All lanes `x`.
    ///
    /// # Safety
    /// The CPU has the instruction set of this vector.
    unsafe fn splat(x: Pair) -> Self;

    /// The `LANES` pairs at `from`, of any alignment.
    ///
    /// # Safety
    /// The CPU has the instruction set of this vector, and `from` may be read for `LANES` pairs.
    unsafe fn load(from: *const Pair) -> Self;

    /// Writes the lanes at `to`, of any alignment.
    ///
    /// # Safety
    /// `to` may be written for `LANES` pairs.
    unsafe fn store(self, to: *mut Pair);

    /// The numbers of `low`, then those of `high`, to the nearest integers, of two in the middle the even one: lane `i` is
    /// the pair of the numbers `2i` and `2i + 1`. They must be within 16 bits.
    fn round(low: Self::Floats, high: Self::Floats) -> Self;

    /// The nearest integers, of two in the middle the even one, which must be from -128 to 127, as bytes: lane `i` is those of lane `i` of each of
    /// the four.
    fn join_bytes(four: [Self::Floats; 4]) -> Self;

    /// The numbers as [`Pairs::round`] takes them to the nearest bfloat16, of any numbers; NaN stays NaN.
    fn round_halves(low: Self::Floats, high: Self::Floats) -> Self;

    /// `sum` plus, in each lane, the products of both integers of the pair; it must stay within 32 bits.
    fn multiply_add(self, b: Self, sum: Self) -> Self;

    /// `sum` plus, in each lane, the products of four bytes: of `self` from 0 to 255, of `b` from -128 to 127. It must stay
    /// within 32 bits.
    fn multiply_bytes(self, b: Self, sum: Self) -> Self;

    /// `sum`, the bits of an f32, plus the product of the second bfloat16 of each pair, then of the first: f32 sums, each
    /// rounded. `vdpbf16ps` takes subnormal numbers and results for zero.
    fn multiply_halves(self, b: Self, sum: Self) -> Self;

    /// `self - a b` of 32-bit integers; it must stay within 32 bits.
    fn minus_product(self, a: Self, b: Self) -> Self;

    /// Lanes that are sums, rounded to f32.
    fn sums(self) -> Self::Floats;

    /// Lanes that are the bits of f32.
    fn floats(self) -> Self::Floats;

    /// The bits of f32.
    fn of_floats(floats: Self::Floats) -> Self;
}
