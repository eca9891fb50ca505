//! The kernels of x86: chains of the instructions that the packed encoder multiplies with.

use super::{CHAINS, Kernel};
use crate::fast::Precision;
use std::arch::x86_64::{
    __m512bh, __m512i, _mm256_add_epi32, _mm256_fmadd_ps, _mm256_madd_epi16, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_set1_ps, _mm512_add_epi32, _mm512_dpbf16_ps, _mm512_dpbusd_epi32,
    _mm512_dpwssd_epi32, _mm512_fmadd_ps, _mm512_madd_epi16, _mm512_set1_epi32, _mm512_set1_ps,
};
use std::hint::black_box;

/// The fastest of this CPU; none where it has no AVX2.
pub(super) fn best(precision: Precision) -> Option<(Kernel, &'static str)> {
    if !is_x86_feature_detected!("avx2") || !is_x86_feature_detected!("fma") {
        return None;
    }
    let has_512 = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
    let has_vnni = has_512 && is_x86_feature_detected!("avx512vnni");
    let has_bf16 = has_vnni && is_x86_feature_detected!("avx512bf16");
    macro_rules! kernel {
        ($kernel:ident) => {
            // SAFETY: the CPU was just found to have what the kernel needs, AVX2 and FMA at least.
            |rounds| unsafe { $kernel(rounds) }
        };
    }
    Some(match precision {
        Precision::F32 if has_512 => (kernel!(avx512), "AVX-512"),
        Precision::F32 => (kernel!(avx2), "AVX2"),
        Precision::Int16 if has_vnni => (kernel!(vnni_int16), "AVX-512 VNNI, int16"),
        Precision::Int16 if has_512 => (kernel!(avx512_int16), "AVX-512, int16"),
        Precision::Int16 => (kernel!(avx2_int16), "AVX2, int16"),
        Precision::Int8 if has_vnni => (kernel!(vnni_int8), "AVX-512 VNNI, int8"),
        // Two halves of the bytes, each as pairs of 16 bits.
        Precision::Int8 => (kernel!(avx2_int16), "AVX2, int8"),
        Precision::Bf16 if has_bf16 => (kernel!(bf16), "AVX-512 BF16"),
        // Two halves of the pairs, each as f32.
        Precision::Bf16 => (kernel!(avx2), "AVX2, bf16"),
    })
}

#[target_feature(enable = "avx512f")]
fn avx512(rounds: usize) -> f64 {
    let mut sums = [_mm512_set1_ps(0.0); CHAINS];
    let (a, b) = (
        _mm512_set1_ps(black_box(1.000_1)),
        _mm512_set1_ps(black_box(0.000_1)),
    );
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(*sum, a, b);
        }
    }
    black_box(sums);
    (rounds * CHAINS * 16 * 2) as f64
}

#[target_feature(enable = "avx2,fma")]
fn avx2(rounds: usize) -> f64 {
    let mut sums = [_mm256_set1_ps(0.0); CHAINS];
    let (a, b) = (
        _mm256_set1_ps(black_box(1.000_1)),
        _mm256_set1_ps(black_box(0.000_1)),
    );
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm256_fmadd_ps(*sum, a, b);
        }
    }
    black_box(sums);
    (rounds * CHAINS * 8 * 2) as f64
}

/// Sixteen products an instruction, added in pairs, and one more to add them to a sum: as the encoder does.
#[target_feature(enable = "avx2")]
fn avx2_int16(rounds: usize) -> f64 {
    let mut sums = [_mm256_set1_epi32(1); CHAINS];
    let (a, b) = (
        _mm256_set1_epi16(black_box(3)),
        _mm256_set1_epi32(black_box(-5)),
    );
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm256_add_epi32(_mm256_madd_epi16(*sum, a), b);
        }
    }
    black_box(sums);
    (rounds * CHAINS * 16 * 2) as f64
}

/// The same with twice as many.
#[target_feature(enable = "avx512f,avx512bw")]
fn avx512_int16(rounds: usize) -> f64 {
    let mut sums = [_mm512_set1_epi32(1); CHAINS];
    let (a, b) = (
        _mm512_set1_epi32(black_box(0x0003_0003)),
        _mm512_set1_epi32(black_box(-5)),
    );
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm512_add_epi32(_mm512_madd_epi16(*sum, a), b);
        }
    }
    black_box(sums);
    (rounds * CHAINS * 32 * 2) as f64
}

/// A sum that is one of its own factors: the compiler can do none of it beforehand.
#[target_feature(enable = "avx512f,avx512vnni")]
fn vnni_int16(rounds: usize) -> f64 {
    let mut sums = [_mm512_set1_epi32(1); CHAINS];
    let a = _mm512_set1_epi32(black_box(0x0003_0003));
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm512_dpwssd_epi32(*sum, *sum, a);
        }
    }
    black_box(sums);
    (rounds * CHAINS * 32 * 2) as f64
}

#[target_feature(enable = "avx512f,avx512vnni")]
fn vnni_int8(rounds: usize) -> f64 {
    let mut sums = [_mm512_set1_epi32(1); CHAINS];
    let a = _mm512_set1_epi32(black_box(0x0301_0301));
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm512_dpbusd_epi32(*sum, *sum, a);
        }
    }
    black_box(sums);
    (rounds * CHAINS * 64 * 2) as f64
}

#[target_feature(enable = "avx512f,avx512bf16")]
fn bf16(rounds: usize) -> f64 {
    let mut sums = [_mm512_set1_ps(0.0); CHAINS];
    // SAFETY: both are 512 bits, and any bits are a value of both. 0x3F80 is 1.
    let (a, b) = unsafe {
        (
            std::mem::transmute::<__m512i, __m512bh>(_mm512_set1_epi32(black_box(0x3F80_3F80))),
            std::mem::transmute::<__m512i, __m512bh>(_mm512_set1_epi32(black_box(0x3A80_3A80))),
        )
    };
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm512_dpbf16_ps(*sum, a, b);
        }
    }
    black_box(sums);
    (rounds * CHAINS * 32 * 2) as f64
}
