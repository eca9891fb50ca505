//! Attention of one head over one text: of each token to all others, to those before it or to its neighbourhood.
//!
//! Not for: what is multiplied, and softmax: f32 (`floats.rs`), or bytes (`bytes.rs`).

mod bytes;
mod floats;

use super::isa::Isa;
use super::matrix::{Lines, PANEL, Precision};
use super::product::Start;
use crate::stock::Reach;
use bytes::Bytes;
use floats::Floats;
use std::ops::Range;

/// Queries whose scores are computed before they are used: their scores stay in the cache.
const QUERY_BLOCK: usize = 24;

/// Buffers of [`attend`].
#[derive(Default)]
pub(super) struct AttentionScratch {
    floats: Floats,
    bytes: Bytes,
    scores: Lines,
}

/// What attention multiplies: the keys and values of one head of one text, made ready, and what is done with them.
trait Arithmetic {
    /// Makes the head's queries, keys and values ready.
    fn pack(&mut self, isa: Isa, head: &Head<'_>);

    /// The scores of a block's queries: products with the keys, added to what `start` says; one every `block.padded` numbers. Those of keys past
    /// the last token are any numbers.
    fn score(&self, isa: Isa, head: &Head<'_>, block: &Block, start: Start<'_>, scores: &mut [f32]);

    /// The values, weighted by the softmax of the scores, of which those of keys past the block's last are not looked at; `to` begins at
    /// the first query's.
    fn weigh(
        &mut self,
        isa: Isa,
        head: &Head<'_>,
        block: &Block,
        scores: &mut [f32],
        to: &mut [f32],
    );
}

/// Some queries, and the keys that any of them sees.
struct Block {
    /// Which of the queries of a token.
    query: usize,
    first: usize,
    rows: usize,
    /// Begins at a whole panel.
    keys: Range<usize>,
    /// Keys, up to a whole panel.
    padded: usize,
}

/// The heads of one text that share a key and a value; in most models that is one.
pub(super) struct Head<'a> {
    /// Rows of `(queries + 2) width`: a token's queries, its key and its value.
    pub(super) projected: &'a [f32],
    pub(super) tokens: usize,
    /// Numbers of a query, a key, a value; a multiple of [`PANEL`].
    pub(super) width: usize,
    pub(super) queries: usize,
    /// Numbers from one token to the next in the result.
    pub(super) stride: usize,
    pub(super) reach: Reach,
    /// Added to the scores of each query, before they are scaled: `(queries, biases)`.
    pub(super) biases: Option<Biases<'a>>,
}

/// Biases by the distance from a query to a key.
#[derive(Clone, Copy)]
pub(super) struct Biases<'a> {
    /// Rows of an odd number, one a head of queries: in the middle that of a token and itself, from there on those of
    /// keys after it.
    pub(super) numbers: &'a [f32],
    /// Numbers of a row.
    pub(super) length: usize,
}

impl Biases<'_> {
    /// Those of the keys from the first on, for query `token` of head `query`.
    fn row(&self, query: usize, token: usize) -> &[f32] {
        let row = &self.numbers[query * self.length..][..self.length];
        &row[self.length / 2 - token..]
    }
}

impl Head<'_> {
    /// Numbers from one token to the next.
    fn row(&self) -> usize {
        (self.queries + 2) * self.width
    }

    /// The keys that query `token` sees.
    fn seen(&self, token: usize) -> Range<usize> {
        match self.reach {
            Reach::All => 0..self.tokens,
            Reach::Before => 0..token + 1,
            Reach::Within(distance) => {
                let end = token.saturating_add(distance).saturating_add(1);
                token.saturating_sub(distance)..end.min(self.tokens)
            }
        }
    }
}

/// `softmax(Q K' / sqrt(width)) V` of each query, written side by side to the first `queries width` numbers of each row of
/// `to`; in bytes where weights are.
pub(super) fn attend(
    (isa, precision): (Isa, Precision),
    head: &Head<'_>,
    scratch: &mut AttentionScratch,
    to: &mut [f32],
) {
    match precision {
        Precision::Int8 if head.width <= bytes::WIDEST => {
            attend_in(isa, head, &mut scratch.bytes, &mut scratch.scores, to)
        }
        _ => attend_in(isa, head, &mut scratch.floats, &mut scratch.scores, to),
    }
}

fn attend_in(
    isa: Isa,
    head: &Head<'_>,
    arithmetic: &mut impl Arithmetic,
    scores: &mut Lines,
    to: &mut [f32],
) {
    let (tokens, width) = (head.tokens, head.width);
    scores.grow(QUERY_BLOCK * tokens.next_multiple_of(PANEL));
    arithmetic.pack(isa, head);
    for query in 0..head.queries {
        for first in (0..tokens).step_by(QUERY_BLOCK) {
            let rows = QUERY_BLOCK.min(tokens - first);
            // Windows only ever move on, so all that the queries see lies between the first's and the last's.
            let from = head.seen(first).start / PANEL * PANEL;
            let keys = from..head.seen(first + rows - 1).end;
            let block = Block {
                query,
                first,
                rows,
                padded: keys.len().next_multiple_of(PANEL),
                keys,
            };
            let scores = &mut scores[..rows * block.padded];
            score(isa, head, arithmetic, &block, scores);
            let to = &mut to[first * head.stride + query * width..];
            arithmetic.weigh(isa, head, &block, scores, to);
        }
    }
}

/// The scores of a block's queries, biases added, and minus infinity where a query does not see a key.
fn score(
    isa: Isa,
    head: &Head<'_>,
    arithmetic: &impl Arithmetic,
    block: &Block,
    scores: &mut [f32],
) {
    let queries = || block.first..block.first + block.rows;
    if let Some(biases) = head.biases {
        for (token, row) in queries().zip(scores.chunks_exact_mut(block.padded)) {
            let biases = &biases.row(block.query, token)[block.keys.clone()];
            row[..biases.len()].copy_from_slice(biases);
        }
    }
    let start = match head.biases {
        Some(_) => Start::Result,
        None => Start::Zero,
    };
    arithmetic.score(isa, head, block, start, scores);
    if head.reach != Reach::All {
        for (token, row) in queries().zip(scores.chunks_exact_mut(block.padded)) {
            let (seen, from) = (head.seen(token), block.keys.start);
            row[..seen.start - from].fill(f32::NEG_INFINITY);
            row[seen.end - from..].fill(f32::NEG_INFINITY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::isa::tests::{every_isa, noise, sizes};
    use super::*;

    /// The definition, in f64: `(tokens, queries width)`.
    fn exact(head: &Head<'_>) -> Vec<f64> {
        let projected: Vec<f64> = head.projected.iter().map(|x| f64::from(*x)).collect();
        by_definition(head, &projected, |_| {})
    }

    /// The same of these numbers, where the weights of a query, 1 the largest, `become` others before they are divided by their sum.
    fn by_definition(
        head: &Head<'_>,
        projected: &[f64],
        become_others: impl Fn(&mut [f64]),
    ) -> Vec<f64> {
        let (tokens, width, queries) = (head.tokens, head.width, head.queries);
        let at = |token: usize, part: usize, i: usize| {
            projected[((queries + 2) * token + part) * width + i]
        };
        let sees = |query: usize, key: usize| match head.reach {
            Reach::All => true,
            Reach::Before => key <= query,
            Reach::Within(distance) => query.abs_diff(key) <= distance,
        };
        let bias = |head_at: usize, query: usize, key: usize| {
            head.biases.map_or(0.0, |b| {
                let middle = b.length / 2;
                f64::from(b.numbers[head_at * b.length + middle + key - query])
            })
        };
        let mut result = Vec::new();
        for (token, query) in (0..tokens).flat_map(|t| (0..queries).map(move |q| (t, q))) {
            let scores: Vec<f64> = (0..tokens)
                .map(|key| {
                    let products = (0..width).map(|i| at(token, query, i) * at(key, queries, i));
                    let score = products.sum::<f64>() + bias(query, token, key);
                    match sees(token, key) {
                        true => score / (width as f64).sqrt(),
                        false => f64::NEG_INFINITY,
                    }
                })
                .collect();
            let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let mut weights: Vec<f64> = (scores.iter())
                .map(|score| (score - largest).exp())
                .collect();
            become_others(&mut weights);
            let sum: f64 = weights.iter().sum();
            result.extend((0..width).map(|i| {
                let total: f64 = (0..tokens)
                    .map(|t| weights[t] * at(t, queries + 1, i))
                    .sum();
                total / sum
            }));
        }
        result
    }

    fn assert_exact(isa: Isa, head: &Head<'_>, scratch: &mut AttentionScratch) {
        let mut to = vec![9f32; head.tokens * head.stride];
        attend((isa, Precision::F32), head, scratch, &mut to);
        let (exact, all) = (exact(head), head.queries * head.width);
        for (row, exact) in to.chunks(head.stride).zip(exact.chunks(all)) {
            for (x, e) in row.iter().zip(exact) {
                let error = (f64::from(*x) - e).abs();
                assert!(
                    error < 1e-5,
                    "{} tokens, {:?}: {x}, not {e}",
                    head.tokens,
                    head.reach
                );
            }
            assert!(row[all..].iter().all(|x| *x == 9.0));
        }
    }

    #[test]
    fn attention_is_that_of_its_definition_at_every_length() {
        let mut random = noise(4);
        // One scratch for all: what a longer text left behind must not matter.
        let mut scratch = AttentionScratch::default();
        for isa in every_isa() {
            for (tokens, width) in sizes(1..=50).into_iter().map(|t| (t, 32)).chain([
                (300, 32),
                (255, 16),
                (256, 64),
                (97, 32),
                (5, 48),
            ]) {
                let projected: Vec<f32> = (0..tokens * 3 * width).map(|_| 3.0 * random()).collect();
                let head = Head {
                    projected: &projected,
                    tokens,
                    width,
                    queries: 1,
                    stride: width + 3,
                    reach: Reach::All,
                    biases: None,
                };
                assert_exact(isa, &head, &mut scratch);
            }
        }
    }

    /// Attention in bytes by its definition: what is rounded, and to what. `(tokens, queries width)`
    fn rounded(head: &Head<'_>) -> Vec<f64> {
        let (tokens, width, queries) = (head.tokens, head.width, head.queries);
        let number = |token: usize, part: usize, i: usize| {
            head.projected[((queries + 2) * token + part) * width + i]
        };
        // A number as so many 127ths of the largest.
        let round = |x: f32, largest: f32| {
            let factor = 127.0 / largest;
            f64::from((x * factor).round_ties_even()) / f64::from(factor)
        };
        let largest = |token: usize, part: usize| {
            (0..width).fold(0f32, |most, i| most.max(number(token, part, i).abs()))
        };
        let of_column = |i: usize| {
            let values = (0..tokens).map(|token| number(token, queries + 1, i).abs());
            values.fold(0f32, f32::max)
        };
        let mut projected = vec![0f64; tokens * (queries + 2) * width];
        for token in 0..tokens {
            for part in 0..queries + 2 {
                let of_row = largest(token, part);
                for i in 0..width {
                    let most = if part > queries { of_column(i) } else { of_row };
                    let to = &mut projected[((queries + 2) * token + part) * width + i];
                    *to = round(number(token, part, i), most);
                }
            }
        }
        by_definition(head, &projected, |weights| {
            let mut left = [0f64; PANEL];
            for (key, weight) in weights.iter_mut().enumerate() {
                let left = &mut left[key % PANEL];
                let exact = 254.0 * *weight + *left;
                *weight = exact.round_ties_even();
                *left = exact - *weight;
            }
        })
    }

    #[test]
    fn bytes_are_those_of_their_definition_and_near_exact_ones() {
        let mut random = noise(6);
        let mut scratch = AttentionScratch::default();
        let longest = 70;
        let (mut furthest, mut most_apart) = (0f64, 0f64);
        for (queries, width) in [(1, 32), (3, 16), (1, 64), (2, 128)] {
            let length = 2 * longest - 1;
            let numbers: Vec<f32> = (0..queries * length).map(|_| 4.0 * random()).collect();
            let biases = Some(Biases {
                numbers: &numbers,
                length,
            });
            for tokens in sizes([1, 2, 3, 15, 16, 17, 24, 25, 47, 70].into_iter()) {
                for (reach, biases) in [
                    (Reach::All, None),
                    (Reach::All, biases),
                    (Reach::Before, None),
                    (Reach::Within(3), None),
                    (Reach::Within(19), None),
                ] {
                    let stride = queries * width + 2;
                    let count = tokens * (queries + 2) * width;
                    let projected: Vec<f32> = (0..count).map(|_| 1.5 * random()).collect();
                    let head = Head {
                        projected: &projected,
                        tokens,
                        width,
                        queries,
                        stride,
                        reach,
                        biases,
                    };
                    let (rounded, exact) = (rounded(&head), exact(&head));
                    let mut first = None;
                    for isa in every_isa() {
                        let mut to = vec![9f32; tokens * stride];
                        attend((isa, Precision::Int8), &head, &mut scratch, &mut to);
                        for (token, row) in to.chunks(stride).enumerate() {
                            assert_eq!(row[queries * width..], [9.0, 9.0]);
                            for (i, x) in row[..queries * width].iter().enumerate() {
                                let at = token * queries * width + i;
                                furthest = furthest.max((f64::from(*x) - rounded[at]).abs());
                                most_apart = most_apart.max((f64::from(*x) - exact[at]).abs());
                            }
                        }
                        // All but the portable path multiply and add in one step.
                        if isa != Isa::Portable {
                            let first = first.get_or_insert_with(|| to.clone());
                            assert_eq!(*first, to, "{isa:?}");
                        }
                    }
                }
            }
        }
        println!("{furthest} from the definition, {most_apart} from exact attention");
        // A weight in the middle of two bytes may become the other one.
        assert!(furthest < 0.006, "{furthest} from the definition");
        assert!(most_apart < 0.03, "{most_apart} from exact attention");
    }

    #[test]
    fn what_is_not_finite_makes_no_number_in_bytes() {
        for isa in every_isa() {
            for place in [0, 35, 70] {
                for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    let mut projected = vec![0.5f32; 20 * 96];
                    projected[7 * 96 + place] = wrong;
                    let head = Head {
                        projected: &projected,
                        tokens: 20,
                        width: 32,
                        queries: 1,
                        stride: 32,
                        reach: Reach::All,
                        biases: None,
                    };
                    let mut to = vec![0f32; 20 * 32];
                    let scratch = &mut AttentionScratch::default();
                    attend((isa, Precision::Int8), &head, scratch, &mut to);
                    assert!(
                        to[7 * 32..8 * 32].iter().any(|x| x.is_nan()),
                        "{isa:?} {place}"
                    );
                    let mut nothing = vec![9f32; 20 * 32];
                    let zeros = Head {
                        projected: &[0.0; 20 * 96],
                        ..head
                    };
                    attend((isa, Precision::Int8), &zeros, scratch, &mut nothing);
                    assert!(nothing.iter().all(|x| *x == 0.0), "{isa:?}");
                }
            }
        }
    }

    #[test]
    fn windows_shared_keys_and_biases_are_those_of_the_definition() {
        let mut random = noise(5);
        let mut scratch = AttentionScratch::default();
        let (longest, queries) = (150, 3);
        let length = 2 * longest - 1;
        let numbers: Vec<f32> = (0..queries * length).map(|_| 20.0 * random()).collect();
        let biases = Biases {
            numbers: &numbers,
            length,
        };
        let reaches = [0, 1, 8, 15, 16, 64, 1_000].map(Reach::Within);
        for isa in every_isa() {
            for tokens in sizes([1, 2, 15, 16, 17, 24, 25, 48, 70, 149, 150].into_iter()) {
                for (reach, biases) in [(Reach::All, Some(biases)), (Reach::Before, None)]
                    .into_iter()
                    .chain(reaches.map(|reach| (reach, None)))
                {
                    let projected: Vec<f32> =
                        (0..tokens * 5 * 32).map(|_| 3.0 * random()).collect();
                    let head = Head {
                        projected: &projected,
                        tokens,
                        width: 32,
                        queries,
                        stride: queries * 32 + 2,
                        reach,
                        biases,
                    };
                    assert_exact(isa, &head, &mut scratch);
                }
            }
        }
    }
}
