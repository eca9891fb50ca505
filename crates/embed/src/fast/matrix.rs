//! Numbers laid out as the kernels read them: cache-line aligned, weights in panels of [`PANEL`] columns.

use super::bytes::quantise_weight_bytes;
use super::halves::round_weights;
use super::isa::Isa;
use super::quantise::quantise_weights;
use std::ops::{Deref, DerefMut};

/// Columns of a panel: what one kernel tile is wide, and one cache line of f32 or of pairs.
pub(super) const PANEL: usize = 16;

/// Two neighbouring 16-bit integers of a row, or one 32-bit sum of their products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(transparent)]
pub(super) struct Pair(pub(super) i32);

impl Pair {
    pub(super) fn new(first: i16, second: i16) -> Self {
        Self(i32::from(first) & 0xFFFF | i32::from(second) << 16)
    }

    /// First and second.
    pub(super) fn integers(self) -> [i16; 2] {
        [self.0 as i16, (self.0 >> 16) as i16]
    }
}

/// Four neighbouring bytes of a row: of activations from 0 to 255, of weights from -127 to 127.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(transparent)]
pub(super) struct Quad(pub(super) i32);

/// Two neighbouring bfloat16 of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(transparent)]
pub(super) struct Halves(pub(super) i32);

/// One cache line.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line<T>([T; PANEL]);

/// A buffer of numbers (f32 or words of narrower ones) that starts at a cache line and is a whole number of lines long.
#[derive(Clone)]
pub(super) struct Lines<T = f32>(Vec<Line<T>>);

impl<T> Default for Lines<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy + Default> Lines<T> {
    /// Room for `len` numbers at least; what it held is kept, what is new is zero.
    pub(super) fn grow(&mut self, len: usize) {
        let lines = len.div_ceil(PANEL);
        if self.0.len() < lines {
            self.0.resize(lines, Line([T::default(); PANEL]));
        }
    }
}

impl<T> Deref for Lines<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        const { assert!(size_of::<Line<T>>() == PANEL * size_of::<T>()) };
        // SAFETY: a `Line` is exactly sixteen T without padding (asserted above), they lie side by side, and its alignment
        // is a multiple of theirs.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * PANEL) }
    }
}

impl<T> DerefMut for Lines<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        const { assert!(size_of::<Line<T>>() == PANEL * size_of::<T>()) };
        // SAFETY: as for `deref`; the borrow is unique, and a written T leaves a valid line.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * PANEL) }
    }
}

/// What weights and the rows they are multiplied with are held in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    F32,
    /// 16-bit integers, with a scale a column of weights and a scale a row; products are summed exactly, in 32 bits.
    Int16,
    /// 8-bit integers likewise, with a zero a row.
    Int8,
    /// Numbers with eight bits of precision; products are summed in f32.
    Bf16,
}

impl Precision {
    /// As users name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Int16 => "int16",
            Precision::Int8 => "int8",
            Precision::Bf16 => "bf16",
        }
    }
}

/// A weight matrix `(depth, columns)` in panels: of each 16 columns, row after row.
pub(super) struct Panels {
    lines: PanelLines,
    depth: usize,
    count: usize,
}

enum PanelLines {
    F32(Lines),
    /// A row of a panel is two rows of the matrix; one scale a column.
    Int16(Lines<Pair>, Vec<f32>),
    /// A row of a panel is four rows of the matrix; one scale and one sum a column.
    Int8(Lines<Quad>, Vec<f32>, Vec<i32>),
    /// A row of a panel is two rows of the matrix.
    Bf16(Lines<Halves>),
}

/// Some columns of a weight matrix.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    /// Rows of the matrix.
    pub(super) depth: usize,
    /// How many columns.
    pub(super) count: usize,
    pub(super) numbers: Numbers<'a>,
}

/// Panels, in any precision.
#[derive(Clone, Copy)]
pub(super) enum Numbers<'a> {
    F32(&'a [f32]),
    /// And a scale a column.
    Int16(&'a [Pair], &'a [f32]),
    /// And a scale and a sum a column.
    Int8(&'a [Quad], &'a [f32], &'a [i32]),
    Bf16(&'a [Halves]),
}

impl Panels {
    /// From rows of the transposed matrix, as a checkpoint stores a linear layer: `row(column)` gives the `depth`
    /// weights of an output column. `columns` is a multiple of [`PANEL`].
    pub(super) fn pack<'a>(
        precision: Precision,
        columns: usize,
        depth: usize,
        row: impl Fn(usize) -> &'a [[u8; 4]],
    ) -> Self {
        debug_assert_eq!(columns % PANEL, 0);
        let isa = Isa::best();
        let lines = match precision {
            Precision::F32 => PanelLines::F32(pack(columns, depth, row, f32::from_le_bytes)),
            Precision::Int16 => {
                let (lines, scales) = pack_rounded(columns, depth, 2, row, |weights, to| {
                    quantise_weights(isa, weights, to)
                });
                PanelLines::Int16(lines, scales)
            }
            Precision::Int8 => {
                let (lines, columns) = pack_rounded(columns, depth, 4, row, |weights, to| {
                    quantise_weight_bytes(isa, weights, to)
                });
                let (scales, sums) = columns.into_iter().unzip();
                PanelLines::Int8(lines, scales, sums)
            }
            Precision::Bf16 => {
                let round = |weights: &[f32], to: &mut [Halves]| round_weights(isa, weights, to);
                PanelLines::Bf16(pack_rounded(columns, depth, 2, row, round).0)
            }
        };
        Self {
            lines,
            depth,
            count: columns,
        }
    }

    /// Rows of the matrix.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// The columns `from..to`, both multiples of [`PANEL`].
    pub(super) fn columns(&self, from: usize, to: usize) -> Columns<'_> {
        let words = |per: usize| {
            let depth = self.depth.div_ceil(per);
            from * depth..to * depth
        };
        let numbers = match &self.lines {
            PanelLines::F32(lines) => Numbers::F32(&lines[words(1)]),
            PanelLines::Int16(lines, scales) => Numbers::Int16(&lines[words(2)], &scales[from..to]),
            PanelLines::Int8(lines, scales, sums) => {
                Numbers::Int8(&lines[words(4)], &scales[from..to], &sums[from..to])
            }
            PanelLines::Bf16(lines) => Numbers::Bf16(&lines[words(2)]),
        };
        Columns {
            depth: self.depth,
            count: to - from,
            numbers,
        }
    }

    /// All columns.
    pub(super) fn all(&self) -> Columns<'_> {
        self.columns(0, self.count)
    }
}

/// Panels of words of `per` numbers each, from rows of the transposed matrix as [`Panels::pack`] takes them; and what
/// `round`, which puts a column into words, says of each column.
fn pack_rounded<'a, T: Copy + Default, C>(
    columns: usize,
    depth: usize,
    per: usize,
    row: impl Fn(usize) -> &'a [[u8; 4]],
    round: impl Fn(&[f32], &mut [T]) -> C,
) -> (Lines<T>, Vec<C>) {
    let words = depth.div_ceil(per);
    let mut rows = vec![T::default(); columns * words];
    let mut weights = vec![0f32; depth];
    let of_columns = (0..columns)
        .map(|column| {
            for (weight, bytes) in weights.iter_mut().zip(row(column)) {
                *weight = f32::from_le_bytes(*bytes);
            }
            round(&weights, &mut rows[column * words..][..words])
        })
        .collect();
    let row = |column: usize| &rows[column * words..];
    (pack(columns, words, row, |word| word), of_columns)
}

/// Panels from rows of the transposed matrix, of at least `depth` numbers each.
fn pack<'a, S: Copy + 'a, T>(
    columns: usize,
    depth: usize,
    row: impl Fn(usize) -> &'a [S],
    number: impl Fn(S) -> T,
) -> Lines<T> {
    let mut lines = Vec::with_capacity(columns / PANEL * depth);
    for first in (0..columns).step_by(PANEL) {
        let rows: [&[S]; PANEL] = std::array::from_fn(|i| &row(first + i)[..depth]);
        lines.extend((0..depth).map(|k| Line(rows.map(|r| number(r[k])))));
    }
    Lines(lines)
}

#[cfg(test)]
mod tests {
    use super::super::number::Number;
    use super::*;

    #[test]
    fn panels_hold_the_transposed_rows() {
        let (columns, depth) = (32, 3);
        let stored: Vec<[u8; 4]> = (0..columns * depth)
            .map(|i| (i as f32).to_le_bytes())
            .collect();
        let row = |c: usize| &stored[c * depth..][..depth];
        let pack = |precision| Panels::pack(precision, columns, depth, row);
        let panels = pack(Precision::F32);
        let numbers = f32::of(panels.all().numbers);
        for column in 0..columns {
            for k in 0..depth {
                let at = column / PANEL * PANEL * depth + k * PANEL + column % PANEL;
                assert_eq!(numbers[at], (column * depth + k) as f32);
            }
        }
        let last = panels.columns(16, 32);
        assert_eq!(f32::of(last.numbers), &numbers[16 * depth..]);
        assert_eq!((last.depth, last.count), (depth, 16));
        assert_eq!(numbers.as_ptr() as usize % 64, 0);
        assert!(Pair::of(panels.all().numbers).is_empty());

        // What the words of every other precision stand for, and how near that must be.
        let check = |numbers: &dyn Fn(usize, usize) -> f32, step: &dyn Fn(usize) -> f32| {
            for column in 0..columns {
                for k in 0..depth {
                    let number = numbers(column, k);
                    let error = (number - (column * depth + k) as f32).abs();
                    assert!(error <= step(column), "column {column} row {k}: {number}");
                }
            }
        };
        let at = |column: usize, word: usize, words: usize| {
            column / PANEL * PANEL * words + word * PANEL + column % PANEL
        };

        let panels = pack(Precision::Int16);
        let Numbers::Int16(pairs, scales) = panels.all().numbers else {
            panic!("other panels");
        };
        assert_eq!(scales.len(), columns);
        let number =
            |c: usize, k: usize| f32::from(pairs[at(c, k / 2, 2)].integers()[k % 2]) * scales[c];
        check(&number, &|c| scales[c]);
        let Numbers::Int16(last, last_scales) = panels.columns(16, 32).numbers else {
            panic!("other panels");
        };
        assert_eq!((last, last_scales), (&pairs[32..], &scales[16..]));
        assert!(f32::of(panels.all().numbers).is_empty());

        let panels = pack(Precision::Int8);
        let Numbers::Int8(quads, scales, sums) = panels.all().numbers else {
            panic!("other panels");
        };
        let byte = |c: usize, k: usize| quads[at(c, 0, 1)].0.to_le_bytes()[k] as i8;
        check(&|c, k| f32::from(byte(c, k)) * scales[c], &|c| scales[c]);
        for (column, sum) in sums.iter().enumerate() {
            assert_eq!(
                (0..3).map(|k| i32::from(byte(column, k))).sum::<i32>(),
                *sum
            );
        }
        let Numbers::Int8(last, last_scales, last_sums) = panels.columns(16, 32).numbers else {
            panic!("other panels");
        };
        assert_eq!((last, last_scales), (&quads[16..], &scales[16..]));
        assert_eq!(last_sums, &sums[16..]);

        let panels = pack(Precision::Bf16);
        let halves = Halves::of(panels.all().numbers);
        let number = |c: usize, k: usize| {
            let word = halves[at(c, k / 2, 2)].0 as u32;
            f32::from_bits([word << 16, word & 0xFFFF_0000][k % 2])
        };
        // All of them need no more than eight bits.
        check(&number, &|_| 0.0);
        assert_eq!(Halves::of(panels.columns(16, 32).numbers), &halves[32..]);
    }

    #[test]
    fn pairs_keep_both_integers() {
        for (a, b) in [(0, 0), (-1, 1), (1, -1), (i16::MIN, i16::MAX)] {
            assert_eq!(Pair::new(a, b).integers(), [a, b]);
        }
    }

    #[test]
    fn a_buffer_grows_and_keeps_what_it_holds() {
        let mut lines = Lines::default();
        assert!(lines.is_empty());
        lines.grow(17);
        assert_eq!(lines.len(), 32);
        lines[16] = 1.0;
        lines.grow(33);
        lines.grow(1);
        assert_eq!((lines.len(), lines[16], lines[47]), (48, 1.0, 0.0));
    }
}
