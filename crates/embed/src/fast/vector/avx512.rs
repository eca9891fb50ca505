//! Sixteen lanes of AVX-512, with the instructions for narrow numbers where the CPU has them.

use super::{Pairs, Vector};
use crate::fast::matrix::Pair;
use crate::fast::tile::Twelve;
use std::arch::x86_64::{
    __m256, __m512, __m512bh, __m512i, _CMP_UNORD_Q, _MM_HINT_T1, _mm_add_ps, _mm_add_ss,
    _mm_cvtss_f32, _mm_max_ps, _mm_max_ss, _mm_movehl_ps, _mm_prefetch, _mm_shuffle_ps,
    _mm_storeu_si128, _mm256_add_ps, _mm256_castps256_ps128, _mm256_extractf128_ps, _mm256_max_ps,
    _mm512_add_epi32, _mm512_add_ps, _mm512_and_si512, _mm512_castpd_ps, _mm512_castps_pd,
    _mm512_castps_si512, _mm512_castps512_ps256, _mm512_castsi512_ps, _mm512_cmp_ps_mask,
    _mm512_cvtepi32_epi8, _mm512_cvtepi32_ps, _mm512_cvtps_epi32, _mm512_div_ps, _mm512_dpbf16_ps,
    _mm512_dpbusd_epi32, _mm512_dpwssd_epi32, _mm512_extractf32x8_ps, _mm512_fmadd_ps,
    _mm512_loadu_ps, _mm512_loadu_si512, _mm512_madd_epi16, _mm512_mask_or_epi32, _mm512_max_epu32,
    _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps, _mm512_mullo_epi32, _mm512_or_si512,
    _mm512_packs_epi32, _mm512_packus_epi32, _mm512_permutexvar_epi64, _mm512_reduce_max_epu32,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setr_epi64, _mm512_shuffle_f32x4, _mm512_slli_epi32,
    _mm512_srli_epi32, _mm512_storeu_ps, _mm512_storeu_si512, _mm512_sub_epi32, _mm512_sub_ps,
    _mm512_unpackhi_pd, _mm512_unpackhi_ps, _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};

/// AVX-512 alone: F, BW, DQ and VL.
pub(in crate::fast) const PLAIN: u8 = 0;
/// With VNNI.
pub(in crate::fast) const VNNI: u8 = 1;
/// With VNNI and BF16.
pub(in crate::fast) const BF16: u8 = 2;

/// Sixteen lanes of AVX-512 with what `EXTENSION` says.
#[derive(Clone, Copy)]
pub(in crate::fast) struct Avx512<const EXTENSION: u8>(__m512);

/// Largest and sum of eight lanes, in the order of every other eight.
macro_rules! of_eight {
    ($x:expr, $of_four:ident, $of_one:ident) => {{
        let eight: __m256 = $x;
        let four = $of_four(
            _mm256_castps256_ps128(eight),
            _mm256_extractf128_ps::<1>(eight),
        );
        let two = $of_four(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32($of_one(two, _mm_shuffle_ps::<1>(two, two)))
    }};
}

// SAFETY of every block below: the intrinsics need F, BW, DQ or VL alone, or what `EXTENSION` was compared with. The caller
// of a constructor says that the CPU has all of it, and every other method is given a value, which only a constructor
// makes.
impl<const EXTENSION: u8> Vector for Avx512<EXTENSION> {
    type Pairs = Avx512Pairs<EXTENSION>;
    const LANES: usize = 16;
    type Tiles = Twelve;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm512_set1_ps(x) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as said above; the caller says that sixteen numbers may be read.
        Self(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as said above; the caller says that sixteen numbers may be written.
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8) {
        // SAFETY: as said above; the caller says that sixteen bytes may be written.
        unsafe { _mm_storeu_si128(to.cast(), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(self.0))) }
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
        // SAFETY: as said above; the caller says that these rows may be read and written.
        unsafe {
            let row = |i: usize| _mm512_loadu_ps(from.add(i * stride));
            let pairs_low = |a, b| _mm512_castps_pd(_mm512_unpacklo_ps(a, b));
            let pairs_high = |a, b| _mm512_castps_pd(_mm512_unpackhi_ps(a, b));
            let mut fours = [row(0); 16];
            for quarter in [0, 4, 8, 12] {
                let (a, b) = (row(quarter), row(quarter + 1));
                let (c, d) = (row(quarter + 2), row(quarter + 3));
                let (ab, cd) = (pairs_low(a, b), pairs_low(c, d));
                let (ab_high, cd_high) = (pairs_high(a, b), pairs_high(c, d));
                // Four rows of one column in each quarter.
                fours[quarter] = _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd));
                fours[quarter + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd));
                fours[quarter + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(ab_high, cd_high));
                fours[quarter + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(ab_high, cd_high));
            }
            for i in 0..4 {
                let (a, b, c, d) = (fours[i], fours[i + 4], fours[i + 8], fours[i + 12]);
                let ab = _mm512_shuffle_f32x4::<0b01_00_01_00>(a, b);
                let cd = _mm512_shuffle_f32x4::<0b01_00_01_00>(c, d);
                let ab_high = _mm512_shuffle_f32x4::<0b11_10_11_10>(a, b);
                let cd_high = _mm512_shuffle_f32x4::<0b11_10_11_10>(c, d);
                let columns = [
                    _mm512_shuffle_f32x4::<0b10_00_10_00>(ab, cd),
                    _mm512_shuffle_f32x4::<0b11_01_11_01>(ab, cd),
                    _mm512_shuffle_f32x4::<0b10_00_10_00>(ab_high, cd_high),
                    _mm512_shuffle_f32x4::<0b11_01_11_01>(ab_high, cd_high),
                ];
                for (quarter, column) in columns.into_iter().enumerate() {
                    _mm512_storeu_ps(to.add((4 * quarter + i) * to_stride), column);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn prefetch(at: *const f32) {
        // SAFETY: as said above; a prefetch reads nothing and faults nowhere.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
    }

    #[inline(always)]
    #[expect(
        clippy::pointers_in_nomem_asm_block,
        reason = "it reads nothing through the pointer"
    )]
    fn opaque<T>(mut at: *const T) -> *const T {
        // SAFETY: there is no instruction in it.
        unsafe {
            std::arch::asm!("/* {0} */", inout(reg) at, options(pure, nomem, nostack, preserves_flags));
        }
        at
    }

    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm512_fmadd_ps(self.0, b.0, c.0) })
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm512_div_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm512_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm512_min_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn scale(self, n: Self) -> Self {
        // SAFETY: as said above.
        Self(unsafe {
            let n = _mm512_slli_epi32::<23>(_mm512_castps_si512(n.0));
            _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(self.0), n))
        })
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        // SAFETY: as said above.
        unsafe {
            let high = _mm512_extractf32x8_ps::<1>(self.0);
            let eight = _mm256_add_ps(_mm512_castps512_ps256(self.0), high);
            of_eight!(eight, _mm_add_ps, _mm_add_ss)
        }
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        // SAFETY: as said above.
        unsafe {
            let high = _mm512_extractf32x8_ps::<1>(self.0);
            let eight = _mm256_max_ps(_mm512_castps512_ps256(self.0), high);
            of_eight!(eight, _mm_max_ps, _mm_max_ss)
        }
    }

    #[inline(always)]
    fn larger_magnitude(self, other: Self) -> Self {
        // SAFETY: as said above. Without their signs, the bits of two f32 are in the order of their magnitudes.
        Self(unsafe {
            let magnitude = _mm512_set1_epi32(i32::MAX);
            let a = _mm512_and_si512(_mm512_castps_si512(self.0), magnitude);
            let b = _mm512_and_si512(_mm512_castps_si512(other.0), magnitude);
            _mm512_castsi512_ps(_mm512_max_epu32(a, b))
        })
    }

    #[inline(always)]
    fn largest_magnitude(self) -> f32 {
        // SAFETY: as said above.
        f32::from_bits(unsafe {
            let magnitude = _mm512_set1_epi32(i32::MAX);
            _mm512_reduce_max_epu32(_mm512_and_si512(_mm512_castps_si512(self.0), magnitude))
        })
    }
}

/// Sixteen words of AVX-512 with what `EXTENSION` says.
#[derive(Clone, Copy)]
pub(in crate::fast) struct Avx512Pairs<const EXTENSION: u8>(__m512i);

// SAFETY of every block below: as above; a value of `Avx512` is as good a proof.
impl<const EXTENSION: u8> Pairs for Avx512Pairs<EXTENSION> {
    type Floats = Avx512<EXTENSION>;

    #[inline(always)]
    unsafe fn splat(x: Pair) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm512_set1_epi32(x.0) })
    }

    #[inline(always)]
    unsafe fn load(from: *const Pair) -> Self {
        // SAFETY: as said above; the caller says that sixteen words may be read.
        Self(unsafe { _mm512_loadu_si512(from.cast()) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut Pair) {
        // SAFETY: as said above; the caller says that sixteen words may be written.
        unsafe { _mm512_storeu_si512(to.cast(), self.0) }
    }

    #[inline(always)]
    fn round(low: Avx512<EXTENSION>, high: Avx512<EXTENSION>) -> Self {
        // SAFETY: as said above.
        Self(unsafe {
            let packed = _mm512_packs_epi32(_mm512_cvtps_epi32(low.0), _mm512_cvtps_epi32(high.0));
            in_order(packed)
        })
    }

    #[inline(always)]
    fn join_bytes(four: [Avx512<EXTENSION>; 4]) -> Self {
        // SAFETY: as said above.
        Self(unsafe {
            let [a, b, c, d] = four.map(|part| {
                let integers = _mm512_cvtps_epi32(part.0);
                _mm512_and_si512(integers, _mm512_set1_epi32(0xFF))
            });
            let low = _mm512_or_si512(a, _mm512_slli_epi32::<8>(b));
            let high = _mm512_or_si512(_mm512_slli_epi32::<16>(c), _mm512_slli_epi32::<24>(d));
            _mm512_or_si512(low, high)
        })
    }

    #[inline(always)]
    fn round_halves(low: Avx512<EXTENSION>, high: Avx512<EXTENSION>) -> Self {
        // SAFETY: as said above.
        Self(unsafe { in_order(_mm512_packus_epi32(half(low.0), half(high.0))) })
    }

    #[inline(always)]
    fn multiply_add(self, b: Self, sum: Self) -> Self {
        // SAFETY: as said above.
        Self(unsafe {
            if EXTENSION >= VNNI {
                _mm512_dpwssd_epi32(sum.0, self.0, b.0)
            } else {
                _mm512_add_epi32(sum.0, _mm512_madd_epi16(self.0, b.0))
            }
        })
    }

    #[inline(always)]
    fn multiply_bytes(self, b: Self, sum: Self) -> Self {
        const {
            assert!(
                EXTENSION >= VNNI,
                "bytes run on AVX2 where there is no VNNI"
            )
        };
        // SAFETY: as said above.
        Self(unsafe { _mm512_dpbusd_epi32(sum.0, self.0, b.0) })
    }

    #[inline(always)]
    fn multiply_halves(self, b: Self, sum: Self) -> Self {
        const {
            assert!(
                EXTENSION >= BF16,
                "bfloat16 run on AVX2 where there is no BF16"
            )
        };
        // SAFETY: as said above; `__m512bh` is 512 bits as `__m512i` is, and any bits are a value of both.
        Self(unsafe {
            let [a, b] = [self.0, b.0].map(|x| std::mem::transmute::<__m512i, __m512bh>(x));
            _mm512_castps_si512(_mm512_dpbf16_ps(_mm512_castsi512_ps(sum.0), a, b))
        })
    }

    #[inline(always)]
    fn minus_product(self, a: Self, b: Self) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm512_sub_epi32(self.0, _mm512_mullo_epi32(a.0, b.0)) })
    }

    #[inline(always)]
    fn sums(self) -> Avx512<EXTENSION> {
        // SAFETY: as said above.
        Avx512(unsafe { _mm512_cvtepi32_ps(self.0) })
    }

    #[inline(always)]
    fn floats(self) -> Avx512<EXTENSION> {
        // SAFETY: as said above.
        Avx512(unsafe { _mm512_castsi512_ps(self.0) })
    }

    #[inline(always)]
    fn of_floats(floats: Avx512<EXTENSION>) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm512_castps_si512(floats.0) })
    }
}

/// Packing goes quarter by quarter, four numbers of the one and four of the other: first all of the one.
///
/// # Safety
/// The CPU has AVX-512F.
#[inline(always)]
unsafe fn in_order(packed: __m512i) -> __m512i {
    // SAFETY: as the caller says.
    unsafe { _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), packed) }
}

/// The bits of the nearest bfloat16, of two in the middle the even one; NaN stays NaN.
///
/// # Safety
/// The CPU has AVX-512F.
#[inline(always)]
unsafe fn half(x: __m512) -> __m512i {
    // SAFETY: as the caller says.
    unsafe {
        let bits = _mm512_castps_si512(x);
        let cut = _mm512_srli_epi32::<16>(bits);
        let even = _mm512_add_epi32(
            _mm512_and_si512(cut, _mm512_set1_epi32(1)),
            _mm512_set1_epi32(0x7FFF),
        );
        let rounded = _mm512_srli_epi32::<16>(_mm512_add_epi32(bits, even));
        let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(x, x);
        _mm512_mask_or_epi32(rounded, nan, cut, _mm512_set1_epi32(0x40))
    }
}
