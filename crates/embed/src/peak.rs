//! How many multiply-adds this machine can do: the yardstick for a measured throughput.
//!
//! Not for: choosing a code path; it only measures.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// A measured peak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// Billions of operations a second over all threads; a multiply-add of two numbers and a sum counts as two.
    pub gops: f64,
    /// The instruction set measured, and the numbers where they are not f32.
    pub instructions: &'static str,
    /// Threads that ran side by side.
    pub threads: usize,
}

/// Runs register-only fused multiply-adds of f32 on `threads` threads for about `time` each, and takes the best of five
/// parts. [`crate::Embedder::measure_peak`] measures what a loaded model multiplies.
#[must_use]
pub fn measure_peak(threads: usize, time: Duration) -> Peak {
    measure(best_kernel(), threads, time)
}

/// The same of pairs of 16-bit integers that are summed in 32 bits.
pub(crate) fn measure_int16_peak(threads: usize, time: Duration) -> Peak {
    measure(best_int16_kernel(), threads, time)
}

fn measure((kernel, instructions): (Kernel, &'static str), threads: usize, time: Duration) -> Peak {
    let run = move || {
        let mut best = 0f64;
        for _ in 0..5 {
            let (start, mut operations) = (Instant::now(), 0f64);
            while start.elapsed() < time / 5 {
                operations += kernel(20_000);
            }
            best = best.max(operations / start.elapsed().as_secs_f64());
        }
        best
    };
    let workers: Vec<_> = (0..threads.max(1))
        .map(|_| std::thread::spawn(run))
        .collect();
    let total: f64 = workers.into_iter().map(|w| w.join().unwrap_or(0.0)).sum();
    Peak {
        gops: total / 1e9,
        instructions,
        threads: threads.max(1),
    }
}

/// Threads of Candle's pool and of rayon's, which stand side by side: `CANDLE_NUM_THREADS` and `RAYON_NUM_THREADS`
/// set them.
#[must_use]
pub fn thread_counts() -> (usize, usize) {
    (
        candle_core::utils::get_num_threads(),
        rayon::current_num_threads(),
    )
}

/// Does so many rounds and tells how many operations that was.
type Kernel = fn(usize) -> f64;

fn best_kernel() -> (Kernel, &'static str) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the kernel needs AVX-512F alone, and the CPU was just found to have it.
            return (|rounds| unsafe { x86::avx512(rounds) }, "AVX-512");
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the kernel needs AVX2 and FMA alone, and the CPU was just found to have both.
            return (|rounds| unsafe { x86::avx2(rounds) }, "AVX2");
        }
    }
    (portable, "portable")
}

fn best_int16_kernel() -> (Kernel, &'static str) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the kernel needs AVX2 alone, and the CPU was just found to have it.
        return (|rounds| unsafe { x86::avx2_int16(rounds) }, "AVX2, int16");
    }
    (portable_int16, "portable, int16")
}

/// Independent sums, enough of them to hide the latency of a multiply-add on every CPU of today.
const CHAINS: usize = 12;

fn portable(rounds: usize) -> f64 {
    let mut sums = [[0f32; 4]; CHAINS];
    let (a, b) = (black_box(1.000_1f32), black_box(0.000_1f32));
    for _ in 0..rounds {
        for sum in &mut sums {
            for lane in sum {
                *lane = *lane * a + b;
            }
        }
    }
    black_box(sums);
    (rounds * CHAINS * 4 * 2) as f64
}

fn portable_int16(rounds: usize) -> f64 {
    let mut sums = [[1i32; 4]; CHAINS];
    let (a, b) = (black_box(3i16), black_box(-5i16));
    for _ in 0..rounds {
        for sum in &mut sums {
            for lane in sum {
                let [low, high] = [*lane as i16, (*lane >> 16) as i16];
                let products = i32::from(low) * i32::from(a) + i32::from(high) * i32::from(a);
                *lane = products.wrapping_add(i32::from(b));
            }
        }
    }
    black_box(sums);
    (rounds * CHAINS * 4 * 4) as f64
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::CHAINS;
    use std::arch::x86_64::{
        _mm256_add_epi32, _mm256_fmadd_ps, _mm256_madd_epi16, _mm256_set1_epi16, _mm256_set1_epi32,
        _mm256_set1_ps, _mm512_fmadd_ps, _mm512_set1_ps,
    };
    use std::hint::black_box;

    #[target_feature(enable = "avx512f")]
    pub(super) fn avx512(rounds: usize) -> f64 {
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
    pub(super) fn avx2(rounds: usize) -> f64 {
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
    pub(super) fn avx2_int16(rounds: usize) -> f64 {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_that_this_cpu_has_runs_and_counts() {
        assert_eq!(portable(10), (10 * CHAINS * 8) as f64);
        let (kernel, name) = best_kernel();
        assert!(kernel(10) >= portable(10), "{name}");
        let peak = measure_peak(2, Duration::from_millis(50));
        assert!(peak.gops > 0.0 && peak.gops.is_finite());
        assert_eq!(peak.threads, 2);
        assert_eq!(portable_int16(10), (10 * CHAINS * 16) as f64);
        let (kernel, name) = best_int16_kernel();
        assert!(kernel(10) >= portable_int16(10), "{name}");
        let peak = measure_int16_peak(2, Duration::from_millis(50));
        assert!(peak.gops > 0.0 && peak.instructions.ends_with("int16"));
    }
}
