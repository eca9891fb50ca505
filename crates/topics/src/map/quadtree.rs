//! How strongly every point is pushed away by all others: Barnes and Hut's sum over a quadtree, beside the plain sum.

use rayon::prelude::*;

/// Points of a cell that is not divided further.
const LEAF: usize = 8;

/// Binary digits of a coordinate in a code; cells are divided no deeper.
const DEPTH: u32 = 16;

/// Points that one thread takes at a time.
const BLOCK: usize = 256;

/// What pushes: for each point `sum_j q^2 (y_i - y_j)` and `sum_j q`, over all others, where `q = 1 / (1 + |y_i - y_j|^2)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Push {
    pub(super) force: [f32; 2],
    pub(super) sum: f32,
}

/// A cell, before its descendants.
#[derive(Debug, Clone, Copy)]
struct Cell {
    centre: [f32; 2],
    points: f32,
    /// Square of its width.
    width_2: f32,
    /// The cell that follows its descendants.
    next: u32,
    /// Its points, if it is a leaf; else empty.
    leaf: (u32, u32),
}

/// Points sorted by cells, and the cells.
struct Quadtree {
    cells: Vec<Cell>,
    order: Vec<u32>,
    sorted: Vec<[f32; 2]>,
    codes: Vec<u32>,
}

/// The push on every point, in their order; cells less than `theta` as wide as they are far count as one point.
pub(super) fn pushes(positions: &[[f32; 2]], theta: f32) -> Vec<Push> {
    let tree = Quadtree::of(positions);
    let n = positions.len();
    let mut found = vec![
        Push {
            force: [0.0; 2],
            sum: 0.0
        };
        n
    ];
    found
        .par_chunks_mut(BLOCK)
        .zip(tree.sorted.par_chunks(BLOCK))
        .for_each(|(pushes, points)| {
            for (push, &point) in pushes.iter_mut().zip(points) {
                *push = tree.push(point, theta * theta);
            }
        });
    let mut pushes = found.clone();
    for (push, &point) in found.iter().zip(&tree.order) {
        pushes[point as usize] = *push;
    }
    pushes
}

impl Quadtree {
    fn of(positions: &[[f32; 2]]) -> Self {
        let mut low = [f32::INFINITY; 2];
        let mut high = [f32::NEG_INFINITY; 2];
        for p in positions {
            for axis in 0..2 {
                low[axis] = low[axis].min(p[axis]);
                high[axis] = high[axis].max(p[axis]);
            }
        }
        let width = (high[0] - low[0])
            .max(high[1] - low[1])
            .max(f32::MIN_POSITIVE);
        let steps = (1u32 << DEPTH) as f32 / width;
        let digit = |x: f32, low: f32| (((x - low) * steps) as u32).min((1 << DEPTH) - 1);
        let mut keyed: Vec<(u32, u32)> = positions
            .par_iter()
            .zip(0..positions.len() as u32)
            .map(|(p, at)| {
                let code = spread(digit(p[0], low[0])) | spread(digit(p[1], low[1])) << 1;
                (code, at)
            })
            .collect();
        keyed.par_sort_unstable();
        let (codes, order): (Vec<u32>, Vec<u32>) = keyed.into_iter().unzip();
        let sorted = order.iter().map(|&at| positions[at as usize]).collect();
        let mut tree = Self {
            cells: Vec::with_capacity(positions.len()),
            order,
            sorted,
            codes,
        };
        tree.divide((0, positions.len()), 0, width * width);
        tree
    }

    /// Adds the cell of a range of points, and those below it; gives the sum of its points.
    fn divide(&mut self, (from, to): (usize, usize), depth: u32, width_2: f32) -> [f64; 2] {
        let at = self.cells.len();
        self.cells.push(Cell {
            centre: [0.0; 2],
            points: (to - from) as f32,
            width_2,
            next: 0,
            leaf: (0, 0),
        });
        let mut sum = [0.0; 2];
        if to - from <= LEAF || depth == DEPTH {
            self.cells[at].leaf = (from as u32, to as u32);
            for point in &self.sorted[from..to] {
                sum[0] += f64::from(point[0]);
                sum[1] += f64::from(point[1]);
            }
        } else {
            let shift = 2 * (DEPTH - 1 - depth);
            let mut begin = from;
            for quarter in 0..4 {
                let rest = &self.codes[begin..to];
                let end = begin + rest.partition_point(|code| code >> shift & 3 <= quarter);
                if end > begin {
                    let part = self.divide((begin, end), depth + 1, width_2 / 4.0);
                    sum[0] += part[0];
                    sum[1] += part[1];
                }
                begin = end;
            }
        }
        let points = (to - from) as f64;
        let next = self.cells.len() as u32;
        let cell = &mut self.cells[at];
        cell.centre = sum.map(|s| (s / points) as f32);
        cell.next = next;
        sum
    }

    /// What pushes one of the points.
    fn push(&self, point: [f32; 2], theta_2: f32) -> Push {
        let (mut force, mut sum) = ([0f32; 2], 0f32);
        let mut at = 0;
        while let Some(cell) = self.cells.get(at) {
            let away = [point[0] - cell.centre[0], point[1] - cell.centre[1]];
            let distance_2 = away[0] * away[0] + away[1] * away[1];
            if cell.width_2 < theta_2 * distance_2 {
                let q = 1.0 / (1.0 + distance_2);
                let all = cell.points * q;
                sum += all;
                force[0] += all * q * away[0];
                force[1] += all * q * away[1];
                at = cell.next as usize;
            } else {
                let (from, to) = cell.leaf;
                for other in &self.sorted[from as usize..to as usize] {
                    let away = [point[0] - other[0], point[1] - other[1]];
                    let q = 1.0 / (1.0 + away[0] * away[0] + away[1] * away[1]);
                    sum += q;
                    force[0] += q * q * away[0];
                    force[1] += q * q * away[1];
                }
                at += 1;
            }
        }
        // The point itself was among them: it does not push, and its q is 1.
        Push {
            force,
            sum: sum - 1.0,
        }
    }
}

/// The 16 low digits with a 0 before each.
fn spread(x: u32) -> u32 {
    let x = (x | x << 8) & 0x00ff_00ff;
    let x = (x | x << 4) & 0x0f0f_0f0f;
    let x = (x | x << 2) & 0x3333_3333;
    (x | x << 1) & 0x5555_5555
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::random;

    fn plain(positions: &[[f32; 2]]) -> Vec<Push> {
        let push = |(i, y): (usize, &[f32; 2])| {
            let (mut force, mut sum) = ([0f64; 2], 0f64);
            for (_, other) in positions.iter().enumerate().filter(|(j, _)| *j != i) {
                let away = [0, 1].map(|axis| f64::from(y[axis]) - f64::from(other[axis]));
                let q = 1.0 / (1.0 + away[0].powi(2) + away[1].powi(2));
                sum += q;
                force[0] += q * q * away[0];
                force[1] += q * q * away[1];
            }
            Push {
                force: force.map(|f| f as f32),
                sum: sum as f32,
            }
        };
        positions.iter().enumerate().map(push).collect()
    }

    /// Clusters of different widths, with some points twice.
    fn points(n: u64) -> Vec<[f32; 2]> {
        (0..n)
            .map(|at| {
                let at = at - at % 7 % 2;
                let middle = [0, 1].map(|axis| 40.0 * random(1, at % 9 * 2 + axis));
                let width = 0.1 + 5.0 * random(2, at % 9);
                [0, 1].map(|axis| middle[axis as usize] + width * random(3, 2 * at + axis))
            })
            .collect()
    }

    #[test]
    fn the_tree_is_near_the_plain_sum_and_with_theta_0_it_is_that_sum() {
        for n in [1, 2, 9, 40, 1500] {
            let points = points(n);
            let plain = plain(&points);
            let scale = plain
                .iter()
                .map(|p| p.force[0].hypot(p.force[1]))
                .sum::<f32>()
                / n as f32;
            for (theta, tolerance) in [(0.0, 2e-4), (0.5, 0.05)] {
                for (got, expected) in pushes(&points, theta).iter().zip(&plain) {
                    let off =
                        (got.force[0] - expected.force[0]).hypot(got.force[1] - expected.force[1]);
                    assert!(
                        off <= tolerance * (scale + 1e-3),
                        "{n} {theta}: {got:?} {expected:?}"
                    );
                    assert!((got.sum - expected.sum).abs() <= tolerance * (expected.sum + 1e-2));
                }
            }
        }
    }

    #[test]
    fn points_in_one_place_do_not_push() {
        let all = pushes(&[[3.0, -2.0]; 50], 0.5);
        assert!(
            all.iter()
                .all(|p| p.force == [0.0; 2] && (p.sum - 49.0).abs() < 1e-4)
        );
    }
}
