//! How many multiply-adds a device does a second as Candle asks it to: the product of two square matrices.
//!
//! On a GPU that is cuBLAS, and what it reaches is nearer to what can be had than the maker's figure.

use crate::stock::Place;
use crate::{EmbedError, Peak};
use candle_core::Tensor;
use std::time::{Duration, Instant};

/// Rows and columns of the matrices: enough that a GPU of today is at its best.
pub(super) const SIZE: usize = 4_096;

/// Products of one part; the device is waited for at its end.
const TOGETHER: usize = 4;

/// Runs products of `size` x `size` matrices for about `time`, and takes the best of the parts.
pub(super) fn measure(place: &Place, size: usize, time: Duration) -> Result<Peak, EmbedError> {
    let numbers: Vec<f32> = (0..size * size).map(|i| (i as f32 * 0.37).sin()).collect();
    let matrix = Tensor::from_vec(numbers, (size, size), &place.device)?.to_dtype(place.numbers)?;
    let operations = (TOGETHER * 2) as f64 * (size as f64).powi(3);
    let part = || -> Result<f64, EmbedError> {
        let start = Instant::now();
        let mut product = matrix.matmul(&matrix)?;
        for _ in 1..TOGETHER {
            product = matrix.matmul(&matrix)?;
        }
        place.device.synchronize()?;
        drop(product);
        Ok(operations / start.elapsed().as_secs_f64())
    };
    // The first loads the kernels.
    let mut best = part()?;
    let start = Instant::now();
    while start.elapsed() < time {
        best = best.max(part()?);
    }
    Ok(Peak {
        gops: best / 1e9,
        instructions: match place.numbers.size_in_bytes() {
            2 => "products of large matrices, 16-bit floats",
            _ => "products of large matrices, f32",
        },
        threads: 1,
    })
}
