//! Gradient descent on t-SNE's cost. Every step moves all points by the positions before it, so that points can be shared out
//! among threads without changing a bit of the result.

use crate::map::affinity::Affinities;
use crate::map::quadtree::{Push, pushes};
use crate::map::{MapError, MapOptions};
use rayon::prelude::*;
use std::ops::ControlFlow;

/// Momentum of the early steps and of the later ones (van der Maaten & Hinton 2008).
const MOMENTUM: [f32; 2] = [0.5, 0.8];

/// The longest step of a point.
const LONGEST: f32 = 5.0;

/// Least gain of a coordinate.
const LEAST_GAIN: f32 = 0.01;

/// A point in motion.
#[derive(Debug, Clone, Copy)]
struct Motion {
    velocity: [f32; 2],
    gain: [f32; 2],
}

/// Moves the positions downhill, early steps first.
pub(super) fn descend(
    affinities: &Affinities,
    mut positions: Vec<[f32; 2]>,
    options: &MapOptions,
    progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Vec<[f32; 2]>, MapError> {
    let n = positions.len();
    let at_rest = Motion {
        velocity: [0.0; 2],
        gain: [1.0; 2],
    };
    let mut motions = vec![at_rest; n];
    let all = options.early_steps + options.steps;
    for step in 0..all {
        let early = step < options.early_steps;
        let (attraction, momentum) = if early {
            (options.early_exaggeration, MOMENTUM[0])
        } else {
            (options.exaggeration, MOMENTUM[1])
        };
        // n / exaggeration (Belkina and others 2019); never so small that a handful of points stands still.
        let rate = (n as f32 / attraction).max(10.0);
        let pushes = pushes(&positions, options.theta);
        let z = pushes.iter().map(|p| f64::from(p.sum)).sum::<f64>();
        let z = (z as f32).max(f32::MIN_POSITIVE);
        let next: Vec<[f32; 2]> = motions
            .par_iter_mut()
            .zip(&pushes)
            .enumerate()
            .with_min_len(256)
            .map(|(i, (motion, push))| {
                let gradient = gradient((affinities.of(i), attraction), (push, z), i, &positions);
                let moved = motion.step(gradient, rate, momentum);
                [positions[i][0] + moved[0], positions[i][1] + moved[1]]
            })
            .collect();
        positions = next;
        if progress(step + 1, all).is_break() {
            return Err(MapError::Cancelled);
        }
    }
    Ok(positions)
}

/// `4 (attraction sum_j p_ij q_ij (y_i - y_j) - sum_j q_ij^2 (y_i - y_j) / z)`.
fn gradient(
    (affinities, attraction): (&[(u32, f32)], f32),
    (push, z): (&Push, f32),
    i: usize,
    positions: &[[f32; 2]],
) -> [f32; 2] {
    let [x, y] = positions[i];
    let mut pull = [0f32; 2];
    for &(j, p) in affinities {
        let other = positions[j as usize];
        let away = [x - other[0], y - other[1]];
        let pq = p / (1.0 + away[0] * away[0] + away[1] * away[1]);
        pull[0] += pq * away[0];
        pull[1] += pq * away[1];
    }
    [0, 1].map(|axis| 4.0 * (attraction * pull[axis] - push.force[axis] / z))
}

impl Motion {
    /// One step: a coordinate whose gradient keeps its sign gains speed (Jacobs 1988).
    fn step(&mut self, gradient: [f32; 2], rate: f32, momentum: f32) -> [f32; 2] {
        for ((velocity, gain), slope) in self.velocity.iter_mut().zip(&mut self.gain).zip(gradient)
        {
            let onward = (slope > 0.0) != (*velocity > 0.0);
            *gain = if onward { *gain + 0.2 } else { *gain * 0.8 }.max(LEAST_GAIN);
            *velocity = momentum * *velocity - rate * *gain * slope;
        }
        let length = self.velocity[0].hypot(self.velocity[1]);
        if length > LONGEST {
            self.velocity = self.velocity.map(|v| v * LONGEST / length);
        }
        self.velocity
    }
}
