//! Eight lanes of AVX2.

use super::{Pairs, Vector};
use crate::fast::matrix::Pair;
use crate::fast::tile::Six;
use std::arch::x86_64::{
    __m256, __m256i, _CMP_UNORD_Q, _MM_HINT_T1, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_max_ps,
    _mm_max_ss, _mm_movehl_ps, _mm_prefetch, _mm_shuffle_ps, _mm_storel_epi64, _mm_unpacklo_epi32,
    _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256, _mm256_blendv_epi8, _mm256_castps_si256,
    _mm256_castps256_ps128, _mm256_castsi256_ps, _mm256_castsi256_si128, _mm256_cmp_ps,
    _mm256_cvtepi32_ps, _mm256_cvtps_epi32, _mm256_div_ps, _mm256_extractf128_ps,
    _mm256_extracti128_si256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_max_epu32, _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps,
    _mm256_mullo_epi32, _mm256_or_si256, _mm256_packs_epi32, _mm256_packus_epi16,
    _mm256_packus_epi32, _mm256_permute2f128_ps, _mm256_permute4x64_epi64, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_shuffle_ps, _mm256_slli_epi16, _mm256_slli_epi32,
    _mm256_srai_epi16, _mm256_srli_epi16, _mm256_srli_epi32, _mm256_storeu_ps, _mm256_storeu_si256,
    _mm256_sub_epi32, _mm256_sub_ps, _mm256_unpackhi_ps, _mm256_unpacklo_ps,
};

/// Eight lanes of AVX2 with FMA.
#[derive(Clone, Copy)]
pub(in crate::fast) struct Avx2(__m256);

// SAFETY of every block below: the intrinsics need AVX2 or FMA alone. The caller of a constructor says that the
// CPU has both, and every other method is given a value, which only a constructor makes.
impl Vector for Avx2 {
    type Pairs = Avx2Pairs;
    const LANES: usize = 8;
    type Tiles = Six;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm256_set1_ps(x) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as said above; the caller says that eight numbers may be read.
        Self(unsafe { _mm256_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as said above; the caller says that eight numbers may be written.
        unsafe { _mm256_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn store_bytes(self, to: *mut u8) {
        // SAFETY: as said above; the caller says that eight bytes may be written.
        unsafe {
            let integers = _mm256_cvtps_epi32(self.0);
            // Packing goes half by half: four numbers, twice, then the other four.
            let words = _mm256_packs_epi32(integers, integers);
            let bytes = _mm256_packus_epi16(words, words);
            let (low, high) = (
                _mm256_castsi256_si128(bytes),
                _mm256_extracti128_si256::<1>(bytes),
            );
            _mm_storel_epi64(to.cast(), _mm_unpacklo_epi32(low, high));
        }
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
        // SAFETY: as said above; the caller says that these rows may be read and written.
        unsafe {
            let row = |i: usize| _mm256_loadu_ps(from.add(i * stride));
            let mut fours = [row(0); 8];
            for half in [0, 4] {
                let (a, b) = (row(half), row(half + 1));
                let (c, d) = (row(half + 2), row(half + 3));
                let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
                let (ab_high, cd_high) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
                // Four rows of one column in each half.
                fours[half] = _mm256_shuffle_ps::<0b01_00_01_00>(ab, cd);
                fours[half + 1] = _mm256_shuffle_ps::<0b11_10_11_10>(ab, cd);
                fours[half + 2] = _mm256_shuffle_ps::<0b01_00_01_00>(ab_high, cd_high);
                fours[half + 3] = _mm256_shuffle_ps::<0b11_10_11_10>(ab_high, cd_high);
            }
            for i in 0..4 {
                let (a, b) = (fours[i], fours[i + 4]);
                let (low, high) = (to.add(i * to_stride), to.add((i + 4) * to_stride));
                _mm256_storeu_ps(low, _mm256_permute2f128_ps::<0x20>(a, b));
                _mm256_storeu_ps(high, _mm256_permute2f128_ps::<0x31>(a, b));
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
        Self(unsafe { _mm256_fmadd_ps(self.0, b.0, c.0) })
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm256_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm256_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm256_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm256_div_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm256_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm256_min_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn scale(self, n: Self) -> Self {
        // SAFETY: as said above.
        Self(unsafe {
            let n = _mm256_slli_epi32::<23>(_mm256_castps_si256(n.0));
            _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(self.0), n))
        })
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        // SAFETY: as said above.
        unsafe {
            let four = _mm_add_ps(
                _mm256_castps256_ps128(self.0),
                _mm256_extractf128_ps::<1>(self.0),
            );
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        // SAFETY: as said above.
        unsafe {
            let four = _mm_max_ps(
                _mm256_castps256_ps128(self.0),
                _mm256_extractf128_ps::<1>(self.0),
            );
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }

    #[inline(always)]
    fn larger_magnitude(self, other: Self) -> Self {
        // SAFETY: as said above. Without their signs, the bits of two f32 are in the order of their magnitudes.
        Self(unsafe {
            let magnitude = _mm256_set1_epi32(i32::MAX);
            let a = _mm256_and_si256(_mm256_castps_si256(self.0), magnitude);
            let b = _mm256_and_si256(_mm256_castps_si256(other.0), magnitude);
            _mm256_castsi256_ps(_mm256_max_epu32(a, b))
        })
    }

    #[inline(always)]
    fn largest_magnitude(self) -> f32 {
        let mut lanes = [0f32; 8];
        // SAFETY: eight numbers may be written there.
        unsafe { self.store(lanes.as_mut_ptr()) };
        let bits = lanes.map(|x| x.abs().to_bits());
        f32::from_bits(bits.into_iter().fold(0, u32::max))
    }
}

/// Eight pairs, or eight sums, of AVX2.
#[derive(Clone, Copy)]
pub(in crate::fast) struct Avx2Pairs(__m256i);

// SAFETY of every block below: as above; a value of `Avx2` is as good a proof.
impl Pairs for Avx2Pairs {
    type Floats = Avx2;

    #[inline(always)]
    unsafe fn splat(x: Pair) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm256_set1_epi32(x.0) })
    }

    #[inline(always)]
    unsafe fn load(from: *const Pair) -> Self {
        // SAFETY: as said above; the caller says that eight pairs may be read.
        Self(unsafe { _mm256_loadu_si256(from.cast()) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut Pair) {
        // SAFETY: as said above; the caller says that eight pairs may be written.
        unsafe { _mm256_storeu_si256(to.cast(), self.0) }
    }

    #[inline(always)]
    fn round(low: Avx2, high: Avx2) -> Self {
        // SAFETY: as said above.
        Self(unsafe {
            let packed = _mm256_packs_epi32(_mm256_cvtps_epi32(low.0), _mm256_cvtps_epi32(high.0));
            // The packing went half by half.
            _mm256_permute4x64_epi64::<0b11_01_10_00>(packed)
        })
    }

    #[inline(always)]
    fn join_bytes(four: [Avx2; 4]) -> Self {
        // SAFETY: as said above.
        Self(unsafe {
            let [a, b, c, d] = four.map(|part| {
                let integers = _mm256_cvtps_epi32(part.0);
                _mm256_and_si256(integers, _mm256_set1_epi32(0xFF))
            });
            let low = _mm256_or_si256(a, _mm256_slli_epi32::<8>(b));
            let high = _mm256_or_si256(_mm256_slli_epi32::<16>(c), _mm256_slli_epi32::<24>(d));
            _mm256_or_si256(low, high)
        })
    }

    #[inline(always)]
    fn round_halves(low: Avx2, high: Avx2) -> Self {
        // SAFETY: as said above.
        Self(unsafe {
            let packed = _mm256_packus_epi32(half(low.0), half(high.0));
            _mm256_permute4x64_epi64::<0b11_01_10_00>(packed)
        })
    }

    #[inline(always)]
    fn multiply_add(self, b: Self, sum: Self) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm256_add_epi32(sum.0, _mm256_madd_epi16(self.0, b.0)) })
    }

    #[inline(always)]
    fn multiply_bytes(self, b: Self, sum: Self) -> Self {
        // SAFETY: as said above.
        Self(unsafe {
            let a_even = _mm256_and_si256(self.0, _mm256_set1_epi16(0xFF));
            let a_odd = _mm256_srli_epi16::<8>(self.0);
            let b_even = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(b.0));
            let b_odd = _mm256_srai_epi16::<8>(b.0);
            let even = _mm256_madd_epi16(a_even, b_even);
            let odd = _mm256_madd_epi16(a_odd, b_odd);
            _mm256_add_epi32(sum.0, _mm256_add_epi32(even, odd))
        })
    }

    #[inline(always)]
    fn multiply_halves(self, b: Self, sum: Self) -> Self {
        // SAFETY: as said above.
        Self(unsafe {
            let second = _mm256_set1_epi32(0xFFFF_0000_u32 as i32);
            let [a1, b1] = [self.0, b.0].map(|x| _mm256_and_si256(x, second));
            let [a0, b0] = [self.0, b.0].map(|x| _mm256_slli_epi32::<16>(x));
            let float = |x| _mm256_castsi256_ps(x);
            let sum = _mm256_fmadd_ps(float(a1), float(b1), float(sum.0));
            _mm256_castps_si256(_mm256_fmadd_ps(float(a0), float(b0), sum))
        })
    }

    #[inline(always)]
    fn minus_product(self, a: Self, b: Self) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm256_sub_epi32(self.0, _mm256_mullo_epi32(a.0, b.0)) })
    }

    #[inline(always)]
    fn sums(self) -> Avx2 {
        // SAFETY: as said above.
        Avx2(unsafe { _mm256_cvtepi32_ps(self.0) })
    }

    #[inline(always)]
    fn floats(self) -> Avx2 {
        // SAFETY: as said above.
        Avx2(unsafe { _mm256_castsi256_ps(self.0) })
    }

    #[inline(always)]
    fn of_floats(floats: Avx2) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm256_castps_si256(floats.0) })
    }
}

/// The bits of the nearest bfloat16, of two in the middle the even one; NaN stays NaN.
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
unsafe fn half(x: __m256) -> __m256i {
    // SAFETY: as the caller says.
    unsafe {
        let bits = _mm256_castps_si256(x);
        let cut = _mm256_srli_epi32::<16>(bits);
        let even = _mm256_add_epi32(
            _mm256_and_si256(cut, _mm256_set1_epi32(1)),
            _mm256_set1_epi32(0x7FFF),
        );
        let rounded = _mm256_srli_epi32::<16>(_mm256_add_epi32(bits, even));
        let nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(x, x));
        _mm256_blendv_epi8(rounded, _mm256_or_si256(cut, _mm256_set1_epi32(0x40)), nan)
    }
}
