//! Multi-head attention over a padded batch, the same for every architecture: who may look at whom, and at what cost.

use candle_core::{D, DType, Device, Result, Tensor};
use std::cell::RefCell;
use std::ops::Range;

/// What a masked score is lowered by. Finite even where two masks hide the same, so that a padding row that sees nothing
/// gives numbers, which are then counted nought times: infinity would make them NaN.
fn hidden(numbers: DType) -> f64 {
    match numbers {
        // The largest f16 is 65,504.
        DType::F16 => -1e4,
        _ => -1e30,
    }
}

/// Most scores that are computed at once: 64 MB of f32 on a CPU, 512 MB of 16-bit floats on a GPU. Longer texts take their
/// queries in turns.
fn most_scores(like: &Tensor) -> usize {
    if like.device().is_cpu() {
        1 << 24
    } else {
        1 << 28
    }
}

/// Which other tokens of its text a token looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All.
    All,
    /// Itself and those before it.
    Before,
    /// Those at most so many tokens away, on both sides.
    Within(usize),
}

impl Reach {
    fn covers(self, query: usize, key: usize) -> bool {
        match self {
            Reach::All => true,
            Reach::Before => key <= query,
            Reach::Within(distance) => query.abs_diff(key) <= distance,
        }
    }

    /// Pairs of a query and a key that is seen, in a text of so many tokens.
    pub(crate) fn pairs(self, tokens: usize) -> usize {
        match self {
            Reach::All => tokens * tokens,
            Reach::Before => tokens * (tokens + 1) / 2,
            Reach::Within(distance) => {
                // All but the two corners that are too far apart.
                let beyond = tokens.saturating_sub(distance + 1);
                tokens * tokens - beyond * (beyond + 1)
            }
        }
    }
}

/// Queries, keys and values, each `(texts, heads, tokens, width)`.
pub(super) struct Heads {
    pub(super) queries: Tensor,
    pub(super) keys: Tensor,
    pub(super) values: Tensor,
}

/// `(texts, tokens, heads x width)` as `(texts, heads, tokens, width)`.
pub(super) fn split(states: &Tensor, heads: usize) -> Result<Tensor> {
    let (texts, tokens, hidden) = states.dims3()?;
    states
        .reshape((texts, tokens, heads, hidden / heads))?
        .transpose(1, 2)?
        .contiguous()
}

/// Which places of a batch are tokens, and the masks made for it so far: layers that look alike share one, so that it is made
/// and copied to a GPU once a batch.
pub(super) struct Seen {
    /// 1 for tokens and 0 for padding, `(texts, tokens)`.
    pub(super) real: Tensor,
    masks: RefCell<Vec<(Reach, Range<usize>, Tensor)>>,
}

impl Seen {
    pub(super) fn new(real: Tensor) -> Self {
        Self {
            real,
            masks: RefCell::default(),
        }
    }

    /// 0 where a query looks, [`hidden`] where not: `(queries, tokens)`.
    fn mask(
        &self,
        reach: Reach,
        queries: Range<usize>,
        tokens: usize,
        numbers: DType,
    ) -> Result<Tensor> {
        let known = |(of, rows, mask): &(Reach, Range<usize>, Tensor)| {
            (*of == reach && *rows == queries).then(|| mask.clone())
        };
        if let Some(mask) = self.masks.borrow().iter().find_map(known) {
            return Ok(mask);
        }
        let mask = mask(
            reach,
            queries.clone(),
            tokens,
            (self.real.device(), numbers),
        )?;
        let mut masks = self.masks.borrow_mut();
        masks.push((reach, queries, mask.clone()));
        Ok(mask)
    }
}

/// What decides a score beside queries and keys.
pub(super) struct View<'a> {
    pub(super) seen: &'a Seen,
    pub(super) reach: Reach,
    /// Added to the scores: `(heads, tokens, tokens)`.
    pub(super) bias: Option<&'a Tensor>,
}

/// Scaled dot-product attention (Vaswani et al. 2017, "Attention Is All You Need", section 3.2), `(texts, tokens, heads x
/// width)`.
pub(super) fn attend(heads: &Heads, view: &View) -> Result<Tensor> {
    let (texts, count, tokens, _) = heads.queries.dims4()?;
    let rows = most_scores(&heads.queries) / (texts * count * tokens).max(1);
    attend_in_turns(heads, view, rows.max(1))
}

/// The same, so many queries of each text and head at a time.
fn attend_in_turns(heads: &Heads, view: &View, rows: usize) -> Result<Tensor> {
    let (_, _, tokens, width) = heads.queries.dims4()?;
    let queries = (&heads.queries / (width as f64).sqrt())?;
    let keys = heads.keys.transpose(2, 3)?.contiguous()?;
    let numbers = queries.dtype();
    let padding = ((&view.seen.real - 1.0)? * -hidden(numbers))?;
    let padding = padding.to_dtype(numbers)?.unsqueeze(1)?.unsqueeze(1)?;
    let mut attended = Vec::new();
    for first in (0..tokens).step_by(rows) {
        let rows = rows.min(tokens - first);
        let mut scores = queries
            .narrow(2, first, rows)?
            .contiguous()?
            .matmul(&keys)?;
        if let Some(bias) = view.bias {
            scores = scores.broadcast_add(&bias.narrow(1, first, rows)?.unsqueeze(0)?)?;
        }
        if view.reach != Reach::All {
            let queries = first..first + rows;
            let mask = view.seen.mask(view.reach, queries, tokens, numbers)?;
            scores = scores.broadcast_add(&mask)?;
        }
        let scores = scores.broadcast_add(&padding)?;
        let shares = softmax(&scores.contiguous()?)?;
        attended.push(shares.matmul(&heads.values)?);
    }
    Tensor::cat(&attended, 2)?
        .transpose(1, 2)?
        .flatten_from(D::Minus2)
}

/// Softmax over the keys, summed in f32: as CUDA's kernel does by itself, and Candle's for the CPU does not.
fn softmax(scores: &Tensor) -> Result<Tensor> {
    if scores.device().is_cpu() && scores.dtype().size_in_bytes() < 4 {
        let shares = candle_nn::ops::softmax_last_dim(&scores.to_dtype(DType::F32)?)?;
        return shares.to_dtype(scores.dtype());
    }
    candle_nn::ops::softmax_last_dim(scores)
}

/// 0 where a query looks, [`hidden`] where not: `(queries, tokens)`.
fn mask(
    reach: Reach,
    queries: Range<usize>,
    tokens: usize,
    (device, numbers): (&Device, DType),
) -> Result<Tensor> {
    let hidden = hidden(numbers) as f32;
    let row = |query| (0..tokens).map(move |key| (query, key));
    let rows = queries.len();
    let lowered: Vec<f32> = queries
        .flat_map(row)
        .map(|(query, key)| {
            if reach.covers(query, key) {
                0.0
            } else {
                hidden
            }
        })
        .collect();
    Tensor::from_vec(lowered, (rows, tokens), device)?.to_dtype(numbers)
}

/// Rotary position embeddings (Su et al. 2021, "RoFormer"), halves rotated as in GPT-NeoX.
pub(super) struct Rotation {
    cos: Tensor,
    sin: Tensor,
}

impl Rotation {
    /// For texts of `tokens` tokens and heads of `width` numbers; `theta` is the base of the frequencies. The tables are
    /// computed as f32, and hold the numbers and lie on the device of `like`.
    pub(super) fn new(tokens: usize, width: usize, theta: f64, like: &Tensor) -> Result<Self> {
        let frequencies: Vec<f32> = (0..width / 2)
            .map(|i| 1.0 / (theta as f32).powf((2 * i) as f32 / width as f32))
            .collect();
        let angles: Vec<f32> = (0..tokens)
            .flat_map(|token| frequencies.iter().map(move |f| token as f32 * f))
            .collect();
        let table = |f: fn(f32) -> f32| {
            let numbers = angles.iter().copied().map(f).collect::<Vec<f32>>();
            Tensor::from_vec(numbers, (tokens, width / 2), like.device())?.to_dtype(like.dtype())
        };
        Ok(Self {
            cos: table(f32::cos)?,
            sin: table(f32::sin)?,
        })
    }

    /// Turns queries or keys, `(texts, heads, tokens, width)`.
    pub(super) fn turn(&self, states: &Tensor) -> Result<Tensor> {
        candle_nn::rotary_emb::rope(&states.contiguous()?, &self.cos, &self.sin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::IndexOp;

    fn numbers(shape: (usize, usize, usize, usize), step: f32) -> Tensor {
        let n = shape.0 * shape.1 * shape.2 * shape.3;
        let numbers: Vec<f32> = (0..n).map(|i| (i as f32 * step).sin()).collect();
        Tensor::from_vec(numbers, shape, &Device::Cpu).expect("a tensor")
    }

    #[test]
    fn pairs_are_those_that_a_reach_covers() {
        for reach in [
            Reach::All,
            Reach::Before,
            Reach::Within(0),
            Reach::Within(3),
            Reach::Within(64),
        ] {
            for tokens in [0, 1, 2, 4, 5, 40, 65, 66, 130] {
                let all = (0..tokens).flat_map(|q| (0..tokens).map(move |k| (q, k)));
                let covered = all.filter(|(q, k)| reach.covers(*q, *k)).count();
                assert_eq!(reach.pairs(tokens), covered, "{reach:?}, {tokens} tokens");
            }
        }
    }

    #[test]
    fn padding_is_never_looked_at_and_every_row_is_a_number() {
        let shape = (2, 2, 9, 4);
        let heads = |padding: f64, dtype: DType| {
            let tail = |t: Tensor| {
                let last =
                    (t.i((1.., .., 6.., ..)).expect("the padding") * padding).expect("scaled");
                t.slice_assign(&[1..2, 0..2, 6..9, 0..4], &last)
                    .expect("assigned")
            };
            let of = |t: Tensor| t.to_dtype(dtype).expect("the same in 16 bits");
            Heads {
                queries: of(numbers(shape, 0.7)),
                keys: of(tail(numbers(shape, 1.1))),
                values: of(tail(numbers(shape, 1.3))),
            }
        };
        let real = [[1f32; 9], [1., 1., 1., 1., 1., 1., 0., 0., 0.]];
        let seen = || Seen::new(Tensor::new(&real, &Device::Cpu).expect("a mask"));
        let reaches = [Reach::All, Reach::Before, Reach::Within(1)];
        let dtypes = [DType::F32, DType::F16, DType::BF16];
        for (reach, dtype) in reaches.iter().flat_map(|r| dtypes.map(|d| (*r, d))) {
            let view = View {
                seen: &seen(),
                reach,
                bias: None,
            };
            let run = |padding| {
                let all = attend(&heads(padding, dtype), &view).expect("attended");
                let all = all.to_dtype(DType::F32).and_then(|t| t.flatten_all());
                let all: Vec<f32> = all.and_then(|t| t.to_vec1()).expect("numbers");
                assert!(all.iter().all(|x| x.is_finite()), "{reach:?}, {dtype:?}");
                all[..(9 + 6) * 8].to_vec()
            };
            // f16 ends at 65,504.
            let much = if dtype == DType::F16 { 1e3 } else { 1e6 };
            assert_eq!(run(1.0), run(much), "{reach:?}, {dtype:?}");
        }
    }

    #[test]
    fn queries_in_turns_give_what_they_give_together() {
        let shape = (2, 3, 7, 4);
        let heads = Heads {
            queries: numbers(shape, 0.7),
            keys: numbers(shape, 1.1),
            values: numbers(shape, 1.3),
        };
        let real = Tensor::new(&[[1f32; 7], [1., 1., 1., 1., 0., 0., 0.]], &Device::Cpu);
        // One for all reaches, and for all turns: a mask of one is none of another.
        let seen = Seen::new(real.expect("a mask"));
        let bias = numbers((1, 3, 7, 7), 0.3).squeeze(0).expect("a bias");
        for reach in [Reach::All, Reach::Before, Reach::Within(2)] {
            let view = View {
                seen: &seen,
                reach,
                bias: Some(&bias),
            };
            let run = |rows| {
                let all = attend_in_turns(&heads, &view, rows).and_then(|t| t.flatten_all());
                all.and_then(|t| t.to_vec1::<f32>()).expect("numbers")
            };
            for (a, b) in run(7).into_iter().zip(run(3)) {
                assert!((a - b).abs() < 1e-6, "{reach:?}: {a} and {b}");
            }
        }
    }

    #[test]
    fn reach_is_on_both_sides_and_ends_where_it_says() {
        assert!(Reach::Within(2).covers(5, 3) && Reach::Within(2).covers(5, 7));
        assert!(!Reach::Within(2).covers(5, 2) && !Reach::Within(2).covers(5, 8));
        assert!(Reach::Before.covers(5, 5) && !Reach::Before.covers(5, 6));
    }
}
