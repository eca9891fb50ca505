//! Moves the vectors of tokens so that their mean points where the teacher's vector of the text does.
//!
//! Minimises `1 - cos(mean of token vectors, teacher's vector)` over all texts by gradient descent in batches, with one
//! adaptive step size for each token (row-wise Adagrad: Duchi et al. 2011, as embedding tables are trained), so that rare
//! tokens are not left behind and a token that is met once moves once.

use super::random::Random;
use rayon::prelude::*;
use std::ops::ControlFlow;

/// Steps over which the step size grows to its full length.
const WARM_UP: f64 = 20.0;
/// Share of the step size that is left at the end.
const LAST: f64 = 0.02;

/// What to fit: texts as bags of tokens, and where their vectors should point.
#[derive(Default)]
pub(super) struct Examples {
    /// Where the entries of text `i` end.
    ends: Vec<usize>,
    /// Tokens of a text, ascending, with their share of its tokens.
    entries: Vec<(u32, f32)>,
    /// `(n, dim)`, unit rows.
    targets: Vec<f32>,
    /// How much a text counts.
    weights: Vec<f32>,
}

impl Examples {
    /// Adds a text; one without tokens is left out.
    fn push(&mut self, mut ids: Vec<u32>, target: &[f32], weight: f32) {
        if ids.is_empty() {
            return;
        }
        ids.sort_unstable();
        let share = 1.0 / ids.len() as f32;
        self.entries.extend(
            ids.chunk_by(|a, b| a == b)
                .map(|same| (same[0], same.len() as f32 * share)),
        );
        self.ends.push(self.entries.len());
        let length = target.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
        self.targets.extend(target.iter().map(|x| x / length));
        self.weights.push(weight);
    }

    /// Adds texts of one weight; `targets` holds a row of `dim` for each.
    pub(super) fn extend(&mut self, bags: Vec<Vec<u32>>, targets: &[f32], dim: usize, weight: f32) {
        for (ids, target) in bags.into_iter().zip(targets.chunks_exact(dim)) {
            self.push(ids, target, weight);
        }
    }

    /// Number of texts.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    fn entries(&self, i: usize) -> &[(u32, f32)] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.entries[start..self.ends[i]]
    }
}

/// How to fit.
pub(super) struct Plan {
    pub(super) epochs: usize,
    pub(super) batch: usize,
    pub(super) learning_rate: f32,
    pub(super) dim: usize,
}

/// Fits `table` (rows of `plan.dim`) in place and gives the mean of `1 - cos` over the last pass, each text counted by its
/// weight. The same for any number of threads: every number is one sum in a fixed order.
pub(super) fn fit(
    table: &mut [f32],
    examples: &Examples,
    plan: &Plan,
    random: &mut Random,
    progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> ControlFlow<(), f64> {
    let steps = plan.epochs * examples.len().div_ceil(plan.batch);
    if steps == 0 {
        return ControlFlow::Continue(0.0);
    }
    let mut sizes = vec![0f32; table.len() / plan.dim];
    let (mut step, mut loss) = (0, 0.0);
    for _ in 0..plan.epochs {
        let (mut lost, mut weight) = (0.0, 0.0);
        for batch in random.order(examples.len()).chunks(plan.batch) {
            step += 1;
            let left = (1.0 - step as f64 / steps as f64).max(LAST);
            let rate = f64::from(plan.learning_rate) * left * (step as f64 / WARM_UP).min(1.0);
            let slopes = slopes(table, examples, batch, plan.dim);
            lost += slopes.loss;
            weight += slopes.weight;
            descend(
                table,
                &mut sizes,
                examples,
                batch,
                &slopes.rows,
                rate as f32,
            );
            progress(step, steps)?;
        }
        loss = lost / weight;
    }
    ControlFlow::Continue(loss)
}

/// The slope of the loss at the mean of each text of a batch.
struct Slopes {
    /// `(batch, dim)`.
    rows: Vec<f32>,
    loss: f64,
    weight: f64,
}

fn slopes(table: &[f32], examples: &Examples, batch: &[u32], dim: usize) -> Slopes {
    let mut rows = vec![0f32; batch.len() * dim];
    let losses: Vec<f64> = rows
        .par_chunks_mut(dim)
        .zip(batch)
        .map(|(mean, &i)| {
            let i = i as usize;
            for &(token, share) in examples.entries(i) {
                add(mean, share, &table[token as usize * dim..][..dim]);
            }
            let target = &examples.targets[i * dim..][..dim];
            let length = syntopic_core::dot(mean, mean).sqrt().max(1e-9);
            let cosine = syntopic_core::dot(mean, target) / length;
            let scale = examples.weights[i] / (length * batch.len() as f32);
            for (x, &t) in mean.iter_mut().zip(target) {
                *x = scale * (cosine * *x / length - t);
            }
            f64::from(examples.weights[i]) * f64::from(1.0 - cosine)
        })
        .collect();
    Slopes {
        rows,
        loss: losses.iter().sum(),
        weight: batch
            .iter()
            .map(|&i| f64::from(examples.weights[i as usize]))
            .sum(),
    }
}

/// Moves every token of the batch against its slope.
fn descend(
    table: &mut [f32],
    sizes: &mut [f32],
    examples: &Examples,
    batch: &[u32],
    slopes: &[f32],
    rate: f32,
) {
    let dim = table.len() / sizes.len();
    let (starts, uses) = by_token(examples, batch, sizes.len());
    table
        .par_chunks_mut(dim)
        .zip(sizes)
        .enumerate()
        .for_each(|(token, (row, size))| {
            let uses = &uses[starts[token]..starts[token + 1]];
            if uses.is_empty() {
                return;
            }
            let mut slope = vec![0f32; dim];
            for &(place, share) in uses {
                add(&mut slope, share, &slopes[place as usize * dim..][..dim]);
            }
            *size += syntopic_core::dot(&slope, &slope) / dim as f32;
            add(row, -rate / (size.sqrt() + 1e-8), &slope);
        });
}

/// The entries of a batch by token (counting sort): where each token's start, and (place in the batch, share).
fn by_token(examples: &Examples, batch: &[u32], tokens: usize) -> (Vec<usize>, Vec<(u32, f32)>) {
    let mut starts = vec![0usize; tokens + 1];
    for &i in batch {
        for &(token, _) in examples.entries(i as usize) {
            starts[token as usize + 1] += 1;
        }
    }
    for token in 0..tokens {
        starts[token + 1] += starts[token];
    }
    let mut next = starts.clone();
    let mut uses = vec![(0u32, 0f32); starts[tokens]];
    for (place, &i) in (0u32..).zip(batch) {
        for &(token, share) in examples.entries(i as usize) {
            uses[next[token as usize]] = (place, share);
            next[token as usize] += 1;
        }
    }
    (starts, uses)
}

/// `sum += factor * row`.
fn add(sum: &mut [f32], factor: f32, row: &[f32]) {
    for (sum, &x) in sum.iter_mut().zip(row) {
        *sum += factor * x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan = Plan {
        epochs: 30,
        batch: 16,
        learning_rate: 0.1,
        dim: 4,
    };

    /// Texts whose targets are means of hidden vectors of tokens.
    fn examples(random: &mut Random) -> Examples {
        let hidden: Vec<f32> = (0..20 * 4).map(|_| random.unit() as f32 - 0.5).collect();
        let mut examples = Examples::default();
        for _ in 0..200 {
            let ids: Vec<u32> = (0..5).map(|_| random.below(20) as u32).collect();
            let mut target = vec![0f32; 4];
            for &id in &ids {
                add(&mut target, 1.0, &hidden[id as usize * 4..][..4]);
            }
            examples.push(ids, &target, 1.0);
        }
        examples
    }

    fn fitted(threads: usize) -> (Vec<f32>, f64) {
        let mut random = Random::new(3);
        let examples = examples(&mut random);
        let mut table: Vec<f32> = (0..20 * 4).map(|_| random.unit() as f32 - 0.5).collect();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let loss = pool.install(|| {
            fit(&mut table, &examples, &PLAN, &mut random, &mut |_, _| {
                ControlFlow::Continue(())
            })
        });
        match loss {
            ControlFlow::Continue(loss) => (table, loss),
            ControlFlow::Break(()) => panic!("nobody cancelled"),
        }
    }

    #[test]
    fn the_means_come_to_point_where_they_should() {
        let (_, loss) = fitted(1);
        assert!(loss < 0.01, "{loss}");
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        assert_eq!(fitted(1), fitted(3));
    }

    #[test]
    fn slopes_are_those_of_the_loss() {
        let mut random = Random::new(8);
        let mut examples = Examples::default();
        examples.push(vec![0, 1, 1], &[0.3, -0.2, 0.9], 0.7);
        let table: Vec<f32> = (0..6).map(|_| random.unit() as f32 - 0.3).collect();
        let slope = slopes(&table, &examples, &[0], 3).rows;
        for i in 0..3 {
            // Token 0 has a third of the text, so its slope is a third of the mean's.
            let moved = |by: f32| {
                let mut table = table.clone();
                table[i] += by;
                slopes(&table, &examples, &[0], 3).loss
            };
            let measured = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            assert!(
                (measured - f64::from(slope[i]) / 3.0).abs() < 1e-3,
                "{i} {measured} {slope:?}"
            );
        }
    }

    #[test]
    fn it_stops_when_asked() {
        let mut random = Random::new(3);
        let examples = examples(&mut random);
        let mut table = vec![0.1f32; 80];
        let mut calls = 0;
        let end = fit(&mut table, &examples, &PLAN, &mut random, &mut |_, _| {
            calls += 1;
            ControlFlow::Break(())
        });
        assert!(end.is_break());
        assert_eq!(calls, 1);
    }
}
