//! Numbers laid out as the kernels read them: cache-line aligned, weights in panels of [`PANEL`] columns.

use std::ops::{Deref, DerefMut};

/// Columns of a panel: what one kernel tile is wide, and one cache line of f32.
pub(super) const PANEL: usize = 16;

/// One cache line.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([f32; PANEL]);

/// A buffer of f32 that starts at a cache line and is a whole number of lines long.
#[derive(Clone, Default)]
pub(super) struct Lines(Vec<Line>);

impl Lines {
    /// Room for `len` numbers at least; what it held is kept, what is new is zero.
    pub(super) fn grow(&mut self, len: usize) {
        let lines = len.div_ceil(PANEL);
        if self.0.len() < lines {
            self.0.resize(lines, Line([0.0; PANEL]));
        }
    }
}

impl Deref for Lines {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: a `Line` is exactly sixteen f32 without padding (64 bytes, asserted below), they lie side by side, and
        // f32 needs less alignment.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * PANEL) }
    }
}

impl DerefMut for Lines {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as for `deref`; the borrow is unique, and every bit pattern of f32 is one.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * PANEL) }
    }
}

const _: () = assert!(size_of::<Line>() == PANEL * size_of::<f32>());

/// A weight matrix `(depth, columns)` in panels: of each 16 columns, row after row.
pub(super) struct Panels {
    lines: Lines,
    depth: usize,
}

impl Panels {
    /// From rows of the transposed matrix, as a checkpoint stores a linear layer: `row(column)` gives the `depth`
    /// weights of an output column. `columns` is a multiple of [`PANEL`].
    pub(super) fn pack<'a>(
        columns: usize,
        depth: usize,
        row: impl Fn(usize) -> &'a [[u8; 4]],
    ) -> Self {
        debug_assert_eq!(columns % PANEL, 0);
        let mut lines = Vec::with_capacity(columns / PANEL * depth);
        for first in (0..columns).step_by(PANEL) {
            let rows: [&[[u8; 4]]; PANEL] = std::array::from_fn(|i| &row(first + i)[..depth]);
            lines.extend((0..depth).map(|k| Line(rows.map(|r| f32::from_le_bytes(r[k])))));
        }
        Self {
            lines: Lines(lines),
            depth,
        }
    }

    /// Rows of the matrix.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// The panels of columns `from..to`, both multiples of [`PANEL`].
    pub(super) fn columns(&self, from: usize, to: usize) -> &[f32] {
        &self.lines[from * self.depth..to * self.depth]
    }

    /// All panels.
    pub(super) fn all(&self) -> &[f32] {
        &self.lines
    }
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
        let panels = Panels::pack(columns, depth, |c| &stored[c * depth..][..depth]);
        for column in 0..columns {
            for k in 0..depth {
                let at = column / PANEL * PANEL * depth + k * PANEL + column % PANEL;
                assert_eq!(panels.all()[at], (column * depth + k) as f32);
            }
        }
        assert_eq!(panels.columns(16, 32), &panels.all()[16 * depth..]);
        assert_eq!(panels.all().as_ptr() as usize % 64, 0);
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
