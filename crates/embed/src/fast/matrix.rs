//! Numbers laid out as the kernels read them: cache-line aligned, weights in panels of [`PANEL`] columns.

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

/// One cache line.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line<T>([T; PANEL]);

/// A buffer of numbers (f32 or [`Pair`]) that starts at a cache line and is a whole number of lines long.
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

/// Panels, in either precision.
#[derive(Clone, Copy)]
pub(super) enum Numbers<'a> {
    F32(&'a [f32]),
    /// And a scale a column.
    Int16(&'a [Pair], &'a [f32]),
}

impl<'a> Numbers<'a> {
    /// Nothing where they are in 16 bits.
    pub(super) fn f32(self) -> &'a [f32] {
        match self {
            Numbers::F32(numbers) => numbers,
            Numbers::Int16(..) => &[],
        }
    }

    /// Nothing where they are f32.
    pub(super) fn pairs(self) -> &'a [Pair] {
        match self {
            Numbers::F32(_) => &[],
            Numbers::Int16(pairs, _) => pairs,
        }
    }
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
        let lines = match precision {
            Precision::F32 => PanelLines::F32(pack(columns, depth, row, f32::from_le_bytes)),
            Precision::Int16 => {
                let (isa, pairs) = (Isa::best(), depth.div_ceil(2));
                let mut rows = vec![Pair::default(); columns * pairs];
                let mut weights = vec![0f32; depth];
                let scale = |column: usize| {
                    for (weight, bytes) in weights.iter_mut().zip(row(column)) {
                        *weight = f32::from_le_bytes(*bytes);
                    }
                    quantise_weights(isa, &weights, &mut rows[column * pairs..][..pairs])
                };
                let scales = (0..columns).map(scale).collect();
                let row = |column: usize| &rows[column * pairs..];
                PanelLines::Int16(pack(columns, pairs, row, |pair| pair), scales)
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
        let numbers = match &self.lines {
            PanelLines::F32(lines) => Numbers::F32(&lines[from * self.depth..to * self.depth]),
            PanelLines::Int16(lines, scales) => {
                let pairs = self.depth.div_ceil(2);
                Numbers::Int16(&lines[from * pairs..to * pairs], &scales[from..to])
            }
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
    use super::*;

    #[test]
    fn panels_hold_the_transposed_rows() {
        let (columns, depth) = (32, 3);
        let stored: Vec<[u8; 4]> = (0..columns * depth)
            .map(|i| (i as f32).to_le_bytes())
            .collect();
        let row = |c: usize| &stored[c * depth..][..depth];
        let panels = Panels::pack(Precision::F32, columns, depth, row);
        let numbers = panels.all().numbers.f32();
        for column in 0..columns {
            for k in 0..depth {
                let at = column / PANEL * PANEL * depth + k * PANEL + column % PANEL;
                assert_eq!(numbers[at], (column * depth + k) as f32);
            }
        }
        let last = panels.columns(16, 32);
        assert_eq!(last.numbers.f32(), &numbers[16 * depth..]);
        assert_eq!((last.depth, last.count), (depth, 16));
        assert_eq!(numbers.as_ptr() as usize % 64, 0);
        assert!(panels.all().numbers.pairs().is_empty());

        let panels = Panels::pack(Precision::Int16, columns, depth, row);
        let Numbers::Int16(pairs, scales) = panels.all().numbers else {
            panic!("f32 panels");
        };
        assert_eq!(scales.len(), columns);
        for (column, scale) in scales.iter().enumerate() {
            for k in 0..depth {
                let at = column / PANEL * PANEL * 2 + k / 2 * PANEL + column % PANEL;
                let number = f32::from(pairs[at].integers()[k % 2]) * scale;
                let error = (number - (column * depth + k) as f32).abs();
                assert!(error <= *scale, "column {column} row {k}: {number}");
            }
        }
        let Numbers::Int16(last, last_scales) = panels.columns(16, 32).numbers else {
            panic!("f32 panels");
        };
        assert_eq!((last, last_scales), (&pairs[32..], &scales[16..]));
        assert!(panels.all().numbers.f32().is_empty());
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
