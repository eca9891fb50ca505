//! Eight lanes of AVX2.

use super::{Pairs, Vector};
use crate::fast::matrix::Pair;
use std::arch::x86_64::{
    __m256, __m256i, _MM_HINT_T1, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_max_ps, _mm_max_ss,
    _mm_movehl_ps, _mm_prefetch, _mm_shuffle_ps, _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256,
    _mm256_castps_si256, _mm256_castps256_ps128, _mm256_castsi256_ps, _mm256_cvtepi32_ps,
    _mm256_cvtps_epi32, _mm256_div_ps, _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_max_epu32, _mm256_max_ps, _mm256_min_ps,
    _mm256_mul_ps, _mm256_packs_epi32, _mm256_permute4x64_epi64, _mm256_set1_epi32, _mm256_set1_ps,
    _mm256_slli_epi32, _mm256_storeu_ps, _mm256_storeu_si256, _mm256_sub_ps,
};

/// Eight lanes of AVX2 with FMA.
#[derive(Clone, Copy)]
pub(in crate::fast) struct Avx2(__m256);

// SAFETY of every block below: the intrinsics need AVX2 or FMA alone. The caller of a constructor says that the
// CPU has both, and every other method is given a value, which only a constructor makes.
impl Vector for Avx2 {
    type Pairs = Avx2Pairs;
    const LANES: usize = 8;

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
    fn multiply_add(self, b: Self, sum: Self) -> Self {
        // SAFETY: as said above.
        Self(unsafe { _mm256_add_epi32(sum.0, _mm256_madd_epi16(self.0, b.0)) })
    }

    #[inline(always)]
    fn sums(self) -> Avx2 {
        // SAFETY: as said above.
        Avx2(unsafe { _mm256_cvtepi32_ps(self.0) })
    }
}
