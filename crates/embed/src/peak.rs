//! How many multiply-adds this machine can do: the yardstick for a measured throughput.
//!
//! Not for: choosing a code path; it only measures.

use crate::fast::Precision;
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
    measure_peak_of(Precision::F32, threads, time)
}

/// The same of the numbers of `precision`, by the instructions that the packed encoder multiplies them with on this CPU.
pub(crate) fn measure_peak_of(precision: Precision, threads: usize, time: Duration) -> Peak {
    measure(best_kernel(precision), threads, time)
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

/// Threads of Candle's pool and of rayon's, which stand side by side: `CANDLE_NUM_THREADS`, where it is not set
/// `RAYON_NUM_THREADS`, and `RAYON_NUM_THREADS` set them.
#[must_use]
pub fn thread_counts() -> (usize, usize) {
    let asked = std::env::var("CANDLE_NUM_THREADS").ok();
    (
        candle_threads(asked.as_deref()),
        rayon::current_num_threads(),
    )
}

/// As Candle reads the variable: a positive number counts, all else is as if it were not set.
fn candle_threads(asked: Option<&str>) -> usize {
    let asked = asked.and_then(|number| number.parse().ok());
    asked
        .filter(|threads| *threads > 0)
        .unwrap_or_else(candle_core::utils::get_num_threads)
}

/// Does so many rounds and tells how many operations that was.
type Kernel = fn(usize) -> f64;

/// The kernel and its instructions; as the encoder, it has AVX-512's own for narrow numbers where the CPU does, and for
/// bytes and bfloat16 AVX2's elsewhere.
fn best_kernel(precision: Precision) -> (Kernel, &'static str) {
    #[cfg(target_arch = "x86_64")]
    if let Some(kernel) = x86::best(precision) {
        return kernel;
    }
    match precision {
        Precision::F32 => (portable, "portable"),
        Precision::Bf16 => (portable, "portable, bf16"),
        Precision::Int16 => (portable_integers, "portable, int16"),
        Precision::Int8 => (portable_integers, "portable, int8"),
    }
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

fn portable_integers(rounds: usize) -> f64 {
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
mod x86;

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Precision; 4] = [
        Precision::F32,
        Precision::Int16,
        Precision::Int8,
        Precision::Bf16,
    ];

    #[test]
    fn every_kernel_that_this_cpu_has_runs_and_counts() {
        assert_eq!(portable(10), (10 * CHAINS * 8) as f64);
        assert_eq!(portable_integers(10), (10 * CHAINS * 16) as f64);
        for precision in ALL {
            let (kernel, name) = best_kernel(precision);
            assert!(kernel(10) >= portable(10), "{name}");
            assert_eq!(kernel(20), 2.0 * kernel(10), "{name}");
            let peak = measure_peak_of(precision, 2, Duration::from_millis(50));
            println!("{precision:?}: {peak:?}");
            assert!(peak.gops > 0.0 && peak.gops.is_finite());
            assert_eq!((peak.threads, peak.instructions), (2, name));
            let says = name.contains("int16") as u8 + name.contains("int8") as u8;
            assert_eq!(
                says == 1,
                matches!(precision, Precision::Int16 | Precision::Int8)
            );
        }
    }

    #[test]
    fn candles_threads_are_those_it_reads_from_its_own_variable_first() {
        let otherwise = candle_core::utils::get_num_threads();
        assert_eq!(candle_threads(Some("7")), 7);
        for none in [None, Some("0"), Some("-1"), Some("many"), Some("")] {
            assert_eq!(candle_threads(none), otherwise, "{none:?}");
        }
    }
}
