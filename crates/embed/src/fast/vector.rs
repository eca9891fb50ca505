//! A handful of f32 lanes: what the kernels are written in, once for every instruction set.
//!
//! A kernel is generic over [`Vector`] and always inlined; `kernels.rs` instantiates it inside a function that has the
//! instruction set enabled. A new instruction set is one more implementation here and one more arm there.

/// `LANES` numbers in one register.
///
/// A value is a proof that its instructions exist on this CPU: only the two constructors are unsafe.
pub(super) trait Vector: Copy {
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
}

/// Eight lanes in plain Rust: what CPUs without a path of their own run, and the twin that the others are tested with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portable([f32; 8]);

impl Portable {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

impl Vector for Portable {
    const LANES: usize = 8;

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
    unsafe fn prefetch(_at: *const f32) {}

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
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::Avx2;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Vector;
    use std::arch::x86_64::{
        __m256, _MM_HINT_T1, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_max_ps, _mm_max_ss,
        _mm_movehl_ps, _mm_prefetch, _mm_shuffle_ps, _mm256_add_epi32, _mm256_add_ps,
        _mm256_castps_si256, _mm256_castps256_ps128, _mm256_castsi256_ps, _mm256_div_ps,
        _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_max_ps, _mm256_min_ps,
        _mm256_mul_ps, _mm256_set1_ps, _mm256_slli_epi32, _mm256_storeu_ps, _mm256_sub_ps,
    };

    /// Eight lanes of AVX2 with FMA.
    #[derive(Clone, Copy)]
    pub(in crate::fast) struct Avx2(__m256);

    // SAFETY of every block below: the intrinsics need AVX2 or FMA alone. The caller of a constructor says that the
    // CPU has both, and every other method is given a value, which only a constructor makes.
    impl Vector for Avx2 {
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
    }
}
