//! Where each paper lies on a map: vectors and their neighbour graph to positions in the plane, near where papers are alike.
//!
//! t-SNE (van der Maaten & Hinton 2008) on the nearest neighbours alone, its repulsion by a quadtree (Barnes-Hut, van der
//! Maaten 2014), begun at the principal components (Kobak & Berens 2019). [`score`] says how much of the neighbourhoods a
//! layout keeps. Not for: drawing, names of topics, files, or finding the neighbours, which come in as data.

mod affinity;
mod descent;
mod quadtree;
mod score;
mod start;

pub use score::{MapScore, score};

use affinity::affinities;
use descent::descend;
use std::ops::ControlFlow;
use syntopic_core::Embeddings;

/// Why there is no map.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// The neighbours do not belong to the vectors.
    #[error(
        "got {got} neighbours for {rows} vectors of {k} neighbours each: give the k nearest other rows of each row"
    )]
    Shape {
        /// Neighbours given.
        got: usize,
        /// Vectors given.
        rows: usize,
        /// Neighbours of each.
        k: usize,
    },
    /// A neighbour that is no row, or the row itself.
    #[error("row {row} has the neighbour {neighbor}, which is no other row of {rows}")]
    Neighbor {
        /// Whose neighbour.
        row: usize,
        /// The neighbour.
        neighbor: u32,
        /// Rows there are.
        rows: usize,
    },
    /// An option breaks its rule.
    #[error("the option {name} is {got}: it must be {rule}")]
    Option {
        /// Which one.
        name: &'static str,
        /// Its value.
        got: String,
        /// What it must be.
        rule: &'static str,
    },
    /// Positions and vectors differ in number.
    #[error(
        "got {positions} positions for {rows} vectors: give one position a vector, in the same order"
    )]
    Positions {
        /// Positions given.
        positions: usize,
        /// Vectors given.
        rows: usize,
    },
    /// `progress` broke it off.
    #[error("the map was stopped as asked")]
    Cancelled,
}

/// The `k` nearest other rows of every row, most similar first; both slices have the shape `(n_rows, k)`.
#[derive(Debug, Clone, Copy)]
pub struct NeighborGraph<'a> {
    /// Neighbours of each row.
    pub k: usize,
    /// Their rows.
    pub rows: &'a [u32],
    /// Their cosine similarities: larger is more similar.
    pub cosines: &'a [f32],
}

impl NeighborGraph<'_> {
    fn check(&self, n: usize) -> Result<(), MapError> {
        let wanted = n.checked_mul(self.k);
        for got in [self.rows.len(), self.cosines.len()] {
            if Some(got) != wanted {
                return Err(MapError::Shape {
                    got,
                    rows: n,
                    k: self.k,
                });
            }
        }
        for (at, &neighbor) in self.rows.iter().enumerate() {
            let row = at / self.k;
            if neighbor as usize >= n || neighbor as usize == row {
                return Err(MapError::Neighbor {
                    row,
                    neighbor,
                    rows: n,
                });
            }
        }
        Ok(())
    }
}

/// How a map is laid out. [`Default`] gives the value named at each field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MapOptions {
    /// Steps with attraction times `early_exaggeration`, where clusters find their places; default 250.
    pub early_steps: usize,
    /// Steps after them; default 500.
    pub steps: usize,
    /// Attraction of the early steps, at least 1; default 12.
    pub early_exaggeration: f32,
    /// Attraction of the later steps, at least 1; default 1, t-SNE's own. Larger draws clusters together and apart from one
    /// another, about as UMAP at 4 (Böhm, Berens & Kobak 2022), and keeps fewer of the nearest neighbours.
    pub exaggeration: f32,
    /// How coarsely far points are taken together, 0 (not at all) to 1; default 0.5.
    pub theta: f32,
    /// Seed of the tiny shifts that part equal vectors; default 42.
    pub seed: u64,
}

impl Default for MapOptions {
    fn default() -> Self {
        Self {
            early_steps: 250,
            steps: 500,
            early_exaggeration: 12.0,
            exaggeration: 1.0,
            theta: 0.5,
            seed: 42,
        }
    }
}

impl MapOptions {
    /// Checks that every option keeps its rule.
    ///
    /// # Errors
    /// [`MapError::Option`] for the first that does not.
    pub fn check(&self) -> Result<(), MapError> {
        let attractions = [
            ("early_exaggeration", self.early_exaggeration),
            ("exaggeration", self.exaggeration),
        ];
        for (name, got) in attractions {
            if !(1.0..=100.0).contains(&got) {
                return Err(MapError::Option {
                    name,
                    got: got.to_string(),
                    rule: "between 1 and 100",
                });
            }
        }
        if !(0.0..=1.0).contains(&self.theta) {
            return Err(MapError::Option {
                name: "theta",
                got: self.theta.to_string(),
                rule: "between 0 and 1",
            });
        }
        Ok(())
    }
}

/// A position for each row, shape `(n_rows, 2)`: the middle of the map is 0, and no coordinate is beyond -1 and 1.
///
/// The same rows in the same order give the same map, whatever the number of threads; a caller that sorts its papers by id
/// makes it independent of the order of input too. `progress` hears how many steps are done, of how many, and ends the work
/// by breaking.
///
/// # Errors
/// When the graph does not belong to the rows, an option breaks its rule, or `progress` broke it off.
pub fn layout(
    rows: &Embeddings,
    graph: NeighborGraph<'_>,
    options: &MapOptions,
    progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Vec<[f32; 2]>, MapError> {
    options.check()?;
    graph.check(rows.n_rows())?;
    if rows.n_rows() < 2 {
        return Ok(vec![[0.0; 2]; rows.n_rows()]);
    }
    let affinities = affinities(graph, rows.n_rows());
    let start = start::principal_positions(rows, options.seed);
    let mut positions = descend(&affinities, start, options, progress)?;
    fit(&mut positions);
    Ok(positions)
}

/// Moves and scales positions into the square from -1 to 1.
fn fit(positions: &mut [[f32; 2]]) {
    let mut bounds = [[f32::INFINITY, f32::NEG_INFINITY]; 2];
    for position in &*positions {
        for (bound, &x) in bounds.iter_mut().zip(position) {
            *bound = [bound[0].min(x), bound[1].max(x)];
        }
    }
    let half = bounds.map(|[low, high]| (high - low) / 2.0);
    let scale = half[0].max(half[1]).max(f32::MIN_POSITIVE);
    for position in positions {
        for (x, [low, high]) in position.iter_mut().zip(bounds) {
            *x = ((*x - (low + high) / 2.0) / scale).clamp(-1.0, 1.0);
        }
    }
}

/// A number from 0 to 1 that `seed` and `at` alone decide (SplitMix64).
fn random(seed: u64, at: u64) -> f32 {
    let mut z = seed.wrapping_add((at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32
}

#[cfg(test)]
mod tests;
