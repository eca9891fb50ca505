//! A handful of f32 lanes: what the kernels are written in, once for every instruction set.
//!
//! A kernel is generic over [`Vector`] and always inlined; `isa.rs` instantiates it inside a function that has the
//! instruction set enabled. A new instruction set is one more file here and one more arm there.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::Avx2;
pub(super) use portable::Portable;

use super::matrix::Pair;

/// `LANES` numbers in one register.
///
/// A value is a proof that its instructions exist on this CPU: only the two constructors are unsafe.
pub(super) trait Vector: Copy {
    /// As many pairs of 16-bit integers as there are lanes.
    type Pairs: Pairs<Floats = Self>;

    /// Numbers in one vector; 8 divides into every panel (`PANEL` in `matrix.rs`).
    const LANES: usize;

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
    /// Sum of the lanes, in an order that depends on `LANES` alone.
    fn sum(self) -> f32;
    /// Largest lane.
    fn largest(self) -> f32;
    /// The larger magnitude of each lane, without sign; NaN is larger than infinity.
    fn larger_magnitude(self, other: Self) -> Self;
    /// Largest magnitude of the lanes; NaN where one is.
    fn largest_magnitude(self) -> f32;
}

/// `LANES` pairs of 16-bit integers, or as many 32-bit sums of their products.
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

    /// `sum` plus, in each lane, the products of both integers of the pair; it must stay within 32 bits.
    fn multiply_add(self, b: Self, sum: Self) -> Self;

    /// Lanes that are sums, rounded to f32.
    fn sums(self) -> Self::Floats;
}
