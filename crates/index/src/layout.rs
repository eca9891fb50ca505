//! Where each part of an index file is, and the checksums of its blocks.
//!
//! The header (see [`crate::header`]); the checksums of all blocks that follow them; then, each beginning
//! on a cache line: the grid (middles, steps), the compact vectors, the edges of each layer from the lowest, the row of
//! each node, the hash of each node's vector, the twins. Numbers are in the byte order of the machine that wrote them.

use std::ops::Range;

use crate::blocks::{BLOCK, Blocks, checksums_of};
use crate::build::MAX_LAYERS;
use crate::draft::{Draft, Lists};
use crate::graph::{Graph, Layout};
use crate::grid::Grid;
use crate::header::HEADER;
use crate::lines::{LINE, bytes_of, bytes_of_mut, cast, zeroed};
use crate::store::Store;
use crate::walk::NONE;
use crate::{IndexError, build::Nodes};

/// The sizes of a graph's parts, as its header holds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) dim: usize,
    pub(crate) counts: Vec<usize>,
    pub(crate) widths: Vec<usize>,
    pub(crate) n_twins: usize,
}

/// Every part of the file.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) checksums: Range<usize>,
    pub(crate) grid: Range<usize>,
    pub(crate) twins: Range<usize>,
    pub(crate) layout: Layout,
    pub(crate) end: usize,
}

impl Sizes {
    /// Where everything is; nothing when it is more than the address space.
    pub(crate) fn parts(&self) -> Option<Parts> {
        let n_nodes = *self.counts.first()?;
        let list = |(n, width): (&usize, &usize)| n.checked_mul(*width)?.checked_mul(4);
        let mut sizes = vec![
            self.dim.checked_mul(8)?,
            self.dim
                .div_ceil(LINE)
                .checked_mul(LINE)?
                .checked_mul(n_nodes)?,
            n_nodes.checked_mul(4)?,
            n_nodes.checked_mul(8)?,
            self.n_twins.checked_mul(8)?,
        ];
        for pair in self.counts.iter().zip(&self.widths) {
            sizes.push(list(pair)?);
        }
        let mut total = 0usize;
        for size in &sizes {
            total = total.checked_add(size.checked_next_multiple_of(LINE)?)?;
        }
        let mut at = HEADER;
        let mut next = |len: usize| {
            let range = at..at.checked_add(len)?;
            at = range.end.checked_next_multiple_of(LINE)?;
            Some(range)
        };
        let checksums = next(total.div_ceil(BLOCK).checked_mul(4)?)?;
        let [grid, codes, row_of, hashes, twins] = [
            next(sizes[0])?,
            next(sizes[1])?,
            next(sizes[2])?,
            next(sizes[3])?,
            next(sizes[4])?,
        ];
        let layers = sizes[5..]
            .iter()
            .map(|len| next(*len))
            .collect::<Option<Vec<_>>>()?;
        let end = next(0)?.end;
        let layout = Layout {
            counts: self.counts.clone(),
            widths: self.widths.clone(),
            codes,
            layers,
            row_of,
            hashes,
        };
        Some(Parts {
            checksums,
            grid,
            twins,
            layout,
            end,
        })
    }
}

impl Parts {
    /// What the checksums cover: all that follows them.
    pub(crate) fn data(&self) -> Range<usize> {
        self.grid.start..self.end
    }
}

impl Graph {
    /// The draft and the nodes it was made for, frozen. The header stays empty until the index is written.
    pub(crate) fn freeze(draft: Draft<'_>, nodes: Nodes) -> Result<Self, IndexError> {
        let layers: Vec<_> = draft
            .layers
            .iter()
            .map(|lists| lists.resized(lists.longest().max(1)))
            .collect();
        let sizes = Sizes {
            dim: draft.rows.dim(),
            counts: nodes.counts,
            widths: layers.iter().map(|lists| lists.width).collect(),
            n_twins: nodes.twins.len(),
        };
        let parts = sizes.parts().ok_or(IndexError::TooManyRows {
            n_rows: draft.rows.n_rows(),
        })?;
        let mut lines = zeroed(parts.end);
        let bytes = bytes_of_mut(&mut lines);
        let mut put =
            |range: &Range<usize>, part: &[u8]| bytes[range.clone()].copy_from_slice(part);
        let grid = [&draft.grid.middle[..], &draft.grid.step].concat();
        let twins: Vec<u32> = nodes
            .twins
            .iter()
            .flat_map(|(row, twin)| [*row, *twin])
            .collect();
        put(&parts.grid, bytes_of(&grid));
        put(&parts.layout.codes, bytes_of(&draft.codes));
        put(&parts.layout.row_of, bytes_of(&nodes.row_of));
        put(&parts.layout.hashes, bytes_of(&nodes.hashes));
        put(&parts.twins, bytes_of(&twins));
        for (range, lists) in parts.layout.layers.iter().zip(&layers) {
            put(range, bytes_of(&lists.places));
        }
        let checksums = checksums_of(&bytes[parts.data()]);
        bytes[parts.checksums.clone()].copy_from_slice(bytes_of(&checksums));
        let store = Store::Owned {
            lines,
            len: parts.end,
        };
        let n_edges = layers.iter().map(Lists::n_edges).sum();
        Ok(Self {
            store,
            blocks: Blocks::trusted(),
            n_rows: draft.rows.n_rows(),
            n_edges,
            layout: parts.layout,
            grid: draft.grid,
            twins: nodes.twins,
        })
    }

    /// The sizes that the header holds.
    pub(crate) fn sizes(&self) -> Sizes {
        Sizes {
            dim: self.grid.middle.len(),
            counts: self.layout.counts.clone(),
            widths: self.layout.widths.clone(),
            n_twins: self.twins.len(),
        }
    }

    /// The graph in `store`, whose header and block checksums are right. Its grid and twins are read, hence verified, now;
    /// whatever else when it is looked at, or by [`Graph::verify`].
    pub(crate) fn thaw(
        store: Store,
        parts: Parts,
        (n_rows, n_edges): (usize, usize),
    ) -> Result<Self, IndexError> {
        let bytes = store.bytes();
        let blocks = Blocks::unseen(parts.checksums.clone(), parts.data());
        // The blocks at their ends hold codes and edges too, which may be walked over from now on.
        let sound = |block: Range<usize>| is_sound(bytes, &parts.layout, n_rows, block);
        if !blocks.touch(bytes, parts.grid.clone(), &sound)
            || !blocks.touch(bytes, parts.twins.clone(), &sound)
        {
            return Err(IndexError::Checksum);
        }
        let numbers: &[f32] = cast(&bytes[parts.grid.clone()]).ok_or(UNALIGNED)?;
        let twins: &[u32] = cast(&bytes[parts.twins.clone()]).ok_or(UNALIGNED)?;
        let (middle, step) = numbers.split_at(numbers.len() / 2);
        if !numbers.iter().all(|number| number.is_finite()) || step.iter().any(|step| *step < 0.0) {
            return Err(IndexError::Malformed("its grid holds no numbers"));
        }
        let grid = Grid {
            middle: middle.to_vec(),
            step: step.to_vec(),
        };
        let twins = twins
            .as_chunks()
            .0
            .iter()
            .map(|[row, twin]| (*row, *twin))
            .collect();
        let graph = Self {
            blocks,
            n_rows,
            n_edges,
            store,
            layout: parts.layout,
            grid,
            twins,
        };
        graph.check_sizes()?;
        Ok(graph)
    }

    /// Verifies all that was not looked at yet: every block, and that the graph keeps the rules of one over its rows.
    pub(crate) fn verify(&self) -> Result<(), IndexError> {
        if self.blocks.are_right() {
            return Ok(());
        }
        self.blocks
            .verify_all(self.store.bytes(), &|block| self.is_sound(block))?;
        self.check_rows()
    }

    /// Whether what a block of the file holds leads nowhere out of the graph.
    pub(crate) fn is_sound(&self, block: Range<usize>) -> bool {
        is_sound(self.store.bytes(), &self.layout, self.n_rows, block)
    }

    /// Every layer is part of the one below, and every twin is one of a row.
    fn check_sizes(&self) -> Result<(), IndexError> {
        let counts = &self.layout.counts;
        if counts.len() > MAX_LAYERS || !counts.is_sorted_by(|a, b| a >= b) || counts.contains(&0) {
            return Err(IndexError::Malformed(
                "a layer has more rows than the one below, or none",
            ));
        }
        // The file is as long as its nodes and twins take, so this bounds the rows too.
        if counts[0].checked_add(self.twins.len()) != Some(self.n_rows) {
            return Err(IndexError::Malformed(NOT_EACH_ROW));
        }
        let known = |(row, twin): &(u32, u32)| row < twin && (*twin as usize) < self.n_rows;
        if !self.twins.iter().all(known) || !self.twins.is_sorted() {
            return Err(IndexError::Malformed(NOT_EACH_ROW));
        }
        Ok(())
    }

    /// The nodes and the twins are every row once.
    fn check_rows(&self) -> Result<(), IndexError> {
        let n_rows = self.n_rows;
        let mut seen = vec![false; n_rows];
        let ends = self.twins.iter().map(|(_, twin)| twin);
        for row in self.row_of().iter().chain(ends) {
            match seen.get_mut(*row as usize) {
                Some(seen) if !*seen => *seen = true,
                _ => return Err(IndexError::Malformed(NOT_EACH_ROW)),
            }
        }
        let mut twin = vec![false; n_rows];
        self.twins
            .iter()
            .for_each(|(_, row)| twin[*row as usize] = true);
        let founded = |(row, _): &(u32, u32)| !twin[*row as usize];
        if seen.contains(&false) || !self.twins.iter().all(founded) {
            return Err(IndexError::Malformed(NOT_EACH_ROW));
        }
        Ok(())
    }
}

/// Whether every edge in a block leads to a node of its layer, and every node is of a row.
fn is_sound(bytes: &[u8], layout: &Layout, n_rows: usize, block: Range<usize>) -> bool {
    let below = |part: &Range<usize>, limit: usize, none: bool| {
        let range = part.start.max(block.start)..part.end.min(block.end);
        let numbers: Option<&[u32]> = if range.start < range.end {
            cast(&bytes[range])
        } else {
            Some(&[])
        };
        numbers.is_some_and(|all| {
            all.iter()
                .all(|n| (*n as usize) < limit || (none && *n == NONE))
        })
    };
    let layers = layout.layers.iter().zip(&layout.counts);
    below(&layout.row_of, n_rows, false) && { layers }.all(|(part, n)| below(part, *n, true))
}

const NOT_EACH_ROW: &str = "its rows and their twins are not every row once";
const UNALIGNED: IndexError = IndexError::Malformed("its parts do not begin where they may");
