//! Eight lanes in plain Rust.

use super::{Pairs, Vector};
use crate::fast::matrix::Pair;
use crate::fast::tile::Six;

/// Eight lanes in plain Rust: what CPUs without a path of their own run, and the twin that the others are tested with.
#[derive(Debug, Clone, Copy)]
pub(in crate::fast) struct Portable([f32; 8]);

impl Portable {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

impl Vector for Portable {
    type Pairs = PortablePairs;
    const LANES: usize = 8;
    type Tiles = Six;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self([x; 8])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller says that eight numbers may be read; an array of f32 needs no more alignment than f32,
        // and `read_unaligned` needs none.
        Self(unsafe { from.cast::<[f32; 8]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller says that eight numbers may be written; `write_unaligned` needs no alignment.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8) {
        // Adding 1.5 * 2^23 leaves no bits for a fraction, and the integer in the lowest.
        let bytes = self.0.map(|x| (x + 12_582_912.0).to_bits() as u8);
        // SAFETY: the caller says that eight bytes may be written, which need no alignment.
        unsafe { to.cast::<[u8; 8]>().write_unaligned(bytes) }
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
        for i in 0..8 {
            for j in 0..8 {
                // SAFETY: the caller says that these rows may be read and written.
                unsafe { *to.add(j * to_stride + i) = *from.add(i * stride + j) };
            }
        }
    }

    #[inline(always)]
    unsafe fn prefetch(_at: *const f32) {}

    #[inline(always)]
    fn opaque<T>(at: *const T) -> *const T {
        at
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        // A fused multiply-add in software costs a hundred times more than the two roundings it saves.
        let fused = cfg!(any(target_arch = "aarch64", target_feature = "fma"));
        Self(std::array::from_fn(|i| {
            if fused {
                self.0[i].mul_add(b.0[i], c.0[i])
            } else {
                self.0[i] * b.0[i] + c.0[i]
            }
        }))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }

    // As `maxps` and `minps` do: where one is NaN, the second.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn scale(self, n: Self) -> Self {
        self.zip(n, |x, n| {
            f32::from_bits(x.to_bits().wrapping_add(n.to_bits() << 23))
        })
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        let [a, b, c, d, e, f, g, h] = self.0;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        self.0
            .into_iter()
            .fold(f32::NEG_INFINITY, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn larger_magnitude(self, other: Self) -> Self {
        self.zip(other, |a, b| {
            f32::from_bits(a.abs().to_bits().max(b.abs().to_bits()))
        })
    }

    #[inline(always)]
    fn largest_magnitude(self) -> f32 {
        let bits = self.0.map(|x| x.abs().to_bits());
        f32::from_bits(bits.into_iter().fold(0, u32::max))
    }
}

/// Eight pairs, or eight sums, in plain Rust.
#[derive(Debug, Clone, Copy)]
pub(in crate::fast) struct PortablePairs([Pair; 8]);

impl Pairs for PortablePairs {
    type Floats = Portable;

    #[inline(always)]
    unsafe fn splat(x: Pair) -> Self {
        Self([x; 8])
    }

    #[inline(always)]
    unsafe fn load(from: *const Pair) -> Self {
        // SAFETY: the caller says that eight pairs may be read; `read_unaligned` needs no alignment.
        Self(unsafe { from.cast::<[Pair; 8]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut Pair) {
        // SAFETY: the caller says that eight pairs may be written; `write_unaligned` needs no alignment.
        unsafe { to.cast::<[Pair; 8]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    fn round(low: Portable, high: Portable) -> Self {
        let at = |i: usize| {
            let x = if i < 8 { low.0[i] } else { high.0[i - 8] };
            // Adding 1.5 * 2^23 leaves no bits for a fraction, and the integer in the lowest.
            (x + 12_582_912.0).to_bits() as i16
        };
        Self(std::array::from_fn(|i| Pair::new(at(2 * i), at(2 * i + 1))))
    }

    #[inline(always)]
    fn join_bytes(four: [Portable; 4]) -> Self {
        let byte = |x: f32| (x + 12_582_912.0).to_bits() as u8;
        Self(std::array::from_fn(|i| {
            Pair(i32::from_le_bytes(four.map(|part| byte(part.0[i]))))
        }))
    }

    #[inline(always)]
    fn round_halves(low: Portable, high: Portable) -> Self {
        let at = |i: usize| half(if i < 8 { low.0[i] } else { high.0[i - 8] }) as i16;
        Self(std::array::from_fn(|i| Pair::new(at(2 * i), at(2 * i + 1))))
    }

    #[inline(always)]
    fn multiply_add(self, b: Self, sum: Self) -> Self {
        Self(std::array::from_fn(|i| {
            let ([a0, a1], [b0, b1]) = (self.0[i].integers(), b.0[i].integers());
            let first = i32::from(a0) * i32::from(b0);
            let second = i32::from(a1) * i32::from(b1);
            Pair(sum.0[i].0.wrapping_add(first.wrapping_add(second)))
        }))
    }

    #[inline(always)]
    fn sums(self) -> Portable {
        Portable(self.0.map(|sum| sum.0 as f32))
    }

    #[inline(always)]
    fn multiply_bytes(self, b: Self, sum: Self) -> Self {
        Self(std::array::from_fn(|i| {
            let (a, b) = (self.0[i].0.to_le_bytes(), b.0[i].0.to_le_bytes());
            let products = (0..4).map(|k| i32::from(a[k]) * i32::from(b[k] as i8));
            Pair(sum.0[i].0.wrapping_add(products.sum()))
        }))
    }

    #[inline(always)]
    fn multiply_halves(self, b: Self, sum: Self) -> Self {
        let second = |x: Self| Portable(x.0.map(|w| f32::from_bits(w.0 as u32 & 0xFFFF_0000)));
        let first = |x: Self| Portable(x.0.map(|w| f32::from_bits((w.0 as u32) << 16)));
        // The products are exact in f32, so that it does not matter whether they are fused with the addition.
        let sum = second(self).mul_add(second(b), sum.floats());
        Self::of_floats(first(self).mul_add(first(b), sum))
    }

    #[inline(always)]
    fn minus_product(self, a: Self, b: Self) -> Self {
        Self(std::array::from_fn(|i| {
            let product = a.0[i].0.wrapping_mul(b.0[i].0);
            Pair(self.0[i].0.wrapping_sub(product))
        }))
    }

    #[inline(always)]
    fn floats(self) -> Portable {
        Portable(self.0.map(|w| f32::from_bits(w.0 as u32)))
    }

    #[inline(always)]
    fn of_floats(floats: Portable) -> Self {
        Self(floats.0.map(|x| Pair(x.to_bits() as i32)))
    }
}

/// The bits of the nearest bfloat16, of two in the middle the even one; NaN stays NaN.
pub(in crate::fast) fn half(x: f32) -> u16 {
    let cut = x.to_bits() >> 16;
    if x.is_nan() {
        return cut as u16 | 0x40;
    }
    (x.to_bits().wrapping_add(0x7FFF + (cut & 1)) >> 16) as u16
}
