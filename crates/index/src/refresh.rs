//! An index made current: rows deleted, added and changed, without building it again.
//!
//! Rows are recognised by their vectors, whatever their numbers were and are. A node whose row is gone leaves its
//! neighbours to those it connected (Singh and others, "FreshDiskANN", 2021, algorithm 4: each of them chooses again among
//! its own neighbours and those of the deleted); a new row is inserted as any row is. A changed vector is both.

use std::cmp::Reverse;
use std::ops::ControlFlow;

use rayon::prelude::*;
use syntopic_core::{Embeddings, Row};

use crate::build::{self, Nodes};
use crate::calibrate::{Calibration, n_held_back};
use crate::draft::{Draft, Room};
use crate::graph::Graph;
use crate::grid::Grid;
use crate::hit::Scored;
use crate::lines::{LINE, Lines, ZERO, zeroed};
use crate::twins::{self, mix};
use crate::{Effort, Index, IndexError, IndexOptions};

/// Of this many rows one may be gone since the graph was built, or be new since then, before building again is no dearer, and better.
const MOST: usize = 2;

/// Fewer changes since the calibration than one in this many rows leave it as it is.
const FEW: usize = 20;

/// So much coarser may the compact vectors be than when the effort was measured before it is measured again.
const COARSER: f32 = 1.25;

/// What making an index current came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refreshed {
    /// Different vectors that the index had before and has now.
    pub kept: usize,
    /// Different vectors that are gone.
    pub removed: usize,
    /// Different vectors that are new.
    pub added: usize,
    /// Whether the graph was built again: so many rows changed, or the options did.
    pub rebuilt: bool,
}

/// A node of the new graph.
struct Place {
    level: usize,
    row: u32,
    hash: u64,
    /// Its number in the old graph.
    old: Option<u32>,
}

impl Index {
    /// The index of `rows`, made from this one, which was made from other rows: what [`Index::build`] gives with up to 0.005
    /// less recall, in a time that grows with the number of changes and not with `ef_construction`. `progress` hears how
    /// many rows are in. Where more than half of the rows went or came since it was built, or `m`, the dimension or the builder
    /// changed, it is built again. Where new rows are beyond what the compact vectors can say, these are made anew. The effort is
    /// measured again where a twentieth of the rows changed since it was measured, or the compact vectors are a quarter coarser.
    ///
    /// # Errors
    /// As [`Index::build`], and when the file of this one is damaged.
    pub fn refresh(
        &self,
        rows: &Embeddings,
        options: &IndexOptions,
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<(Self, Refreshed), IndexError> {
        options.check()?;
        self.verify()?;
        let hashes = twins::hash_all(rows);
        let (firsts, twins) = twins::split(rows, &hashes);
        let old = self.graph.as_ref().filter(|_| self.dim == rows.dim());
        let mut places = old.map_or_else(Vec::new, |graph| {
            places(graph, rows, &firsts, &hashes, options.m)
        });
        let kept = places.iter().filter(|place| place.old.is_some()).count();
        let n_old = self.graph.as_ref().map_or(0, Graph::n_nodes);
        let (removed, added) = (n_old - kept, firsts.len() - kept);
        let same = self.options.m == options.m && self.options.builder == options.builder;
        let taken_out = self.taken_out + removed;
        let put_in = self.put_in + added;
        let few = kept > 0 && taken_out <= n_old / MOST && put_in <= firsts.len() / MOST;
        let Some(graph) = old.filter(|_| same && few && !options.is_exact(rows.n_rows())) else {
            let built = Self::build(rows, options, progress)?;
            return Ok((
                built,
                Refreshed {
                    kept,
                    removed,
                    added,
                    rebuilt: true,
                },
            ));
        };
        let changed = self.calibration.changed + removed + added;
        let measures = matches!(options.effort, Effort::Recall(_));
        let grid = grid_for(graph, rows, &places);
        let measured_at = match self.calibration.coarseness {
            0.0 => graph.grid.coarseness(),
            coarseness => coarseness,
        };
        let as_fine = grid.coarseness() <= COARSER * measured_at;
        let known = options.effort == self.options.effort
            && (!measures || (changed * FEW < n_old && as_fine));
        let held_back = if known { 0 } else { hold_back(&mut places) };
        let mut draft = revive(graph, grid, rows, options, &places);
        let new: Vec<u32> = (0..places.len() as u32)
            .filter(|node| places[*node as usize].old.is_none())
            .collect();
        let nodes = nodes_of(&places, twins);
        let calibration = if known {
            build::insert_in_batches(&mut draft, &new, places.len() - new.len(), progress)?;
            Calibration {
                changed,
                ..self.calibration
            }
        } else {
            build::insert_and_calibrate(&mut draft, &nodes.twins, &new, options, progress)?
        };
        build::heard(progress(rows.n_rows()))?;
        let mut index = Self::finish(options, draft, nodes, calibration)?;
        index.taken_out = taken_out + held_back;
        index.put_in = put_in;
        Ok((
            index,
            Refreshed {
                kept,
                removed,
                added,
                rebuilt: false,
            },
        ))
    }
}

/// The nodes of the new graph in their order: higher layers first, and on each the old nodes first, so that node 0, where
/// walks begin, is an old one.
fn places(
    graph: &Graph,
    rows: &Embeddings,
    firsts: &[u32],
    hashes: &[u64],
    m: usize,
) -> Vec<Place> {
    let mut by_hash: Vec<(u64, u32)> = graph.hashes().iter().copied().zip(0..).collect();
    by_hash.par_sort_unstable();
    let mut taken = vec![false; graph.n_nodes()];
    let mut code = vec![ZERO; graph.grid.lines()];
    let mut find = |row: u32| {
        let hash = hashes[row as usize];
        let from = by_hash.partition_point(|(other, _)| *other < hash);
        graph.grid.encode(rows.row(Row(row)), &mut code);
        let same = by_hash[from..]
            .iter()
            .take_while(|(other, _)| *other == hash);
        // Another vector may have this hash; one with the same code too is as good for the graph.
        let node = same
            .map(|(_, node)| *node)
            .find(|n| !taken[*n as usize] && graph.codes().of(*n) == code)?;
        taken[node as usize] = true;
        Some(node)
    };
    let counts = &graph.layout.counts;
    let mut places: Vec<Place> = firsts
        .iter()
        .map(|row| {
            let (hash, old) = (hashes[*row as usize], find(*row));
            let level = match old {
                Some(node) => counts.iter().take_while(|n| (node as usize) < **n).count() - 1,
                None => build::level(hash, m),
            };
            Place {
                level,
                row: *row,
                hash,
                old,
            }
        })
        .collect();
    let top = places
        .iter()
        .filter(|place| place.old.is_some())
        .map(|place| place.level)
        .max()
        .unwrap_or(0);
    places
        .iter_mut()
        .for_each(|place| place.level = place.level.min(top));
    places.sort_by_key(|place| {
        (
            Reverse(place.level),
            place.old.is_none(),
            place.old,
            mix(place.hash),
        )
    });
    places
}

/// Takes as many old nodes for new as are wanted to measure recall, those of the lowest layer that come last; gives how many.
fn hold_back(places: &mut [Place]) -> usize {
    let new = places.iter().filter(|place| place.old.is_none()).count();
    let wanted = n_held_back(places.len()).saturating_sub(new);
    let old = places
        .iter_mut()
        .rev()
        .filter(|place| place.old.is_some() && place.level == 0);
    old.take(wanted).map(|place| place.old = None).count()
}

fn nodes_of(places: &[Place], twins: Vec<(u32, u32)>) -> Nodes {
    Nodes {
        row_of: places.iter().map(|place| place.row).collect(),
        hashes: places.iter().map(|place| place.hash).collect(),
        counts: build::counts(places.iter().map(|place| place.level)),
        twins,
    }
}

/// The old grid, or where a new row is beyond it, one that covers all rows.
fn grid_for(graph: &Graph, rows: &Embeddings, places: &[Place]) -> Grid {
    let new = places.par_iter().filter(|place| place.old.is_none());
    match new.all(|place| graph.grid.covers(rows.row(Row(place.row)))) {
        true => graph.grid.clone(),
        false => Grid::fit(rows),
    }
}

/// The old graph's nodes that are kept, with their edges among each other, in a draft that has room for the new ones.
fn revive<'a>(
    graph: &Graph,
    grid: Grid,
    rows: &'a Embeddings,
    options: &IndexOptions,
    places: &[Place],
) -> Draft<'a> {
    let counts = build::counts(places.iter().map(|place| place.level));
    let mut draft = Draft {
        rows,
        codes: codes(graph, &grid, rows, places),
        grid,
        row_of: places.iter().map(|place| place.row).collect(),
        layers: build::empty_layers(&counts, options.m),
        ef_construction: options.ef_construction,
    };
    let mut new_of = vec![None; graph.n_nodes()];
    for (place, new) in places.iter().zip(0u32..) {
        if let Some(old) = place.old {
            new_of[old as usize] = Some(new);
        }
    }
    for layer in 0..draft.layers.len() {
        let edges: Vec<Vec<Scored>> = places[..draft.layers[layer].n_nodes()]
            .par_iter()
            .enumerate()
            .map_init(Room::default, |room, (new, place)| match place.old {
                Some(old) => reconnect(graph, &draft, layer, (old, new as u32), &new_of, room),
                None => Vec::new(),
            })
            .collect();
        for (edges, node) in edges.iter().zip(0..) {
            draft.layers[layer].set(node, edges);
        }
    }
    draft
}

fn codes(graph: &Graph, grid: &Grid, rows: &Embeddings, places: &[Place]) -> Lines {
    let same = *grid == graph.grid;
    let mut codes = zeroed(places.len() * grid.lines() * LINE);
    codes
        .par_chunks_mut(grid.lines())
        .zip(places)
        .for_each(|(code, place)| match place.old.filter(|_| same) {
            Some(old) => code.copy_from_slice(graph.codes().of(old)),
            None => grid.encode(rows.row(Row(place.row)), code),
        });
    codes
}

/// The edges of a kept node: those to kept nodes, and where others are gone, such neighbours of those as are chosen beside
/// them. In the paper all are chosen anew; but most edges were never chosen, they lead back from nodes that chose this one,
/// and to choose again would lose many of them with every round.
fn reconnect(
    graph: &Graph,
    draft: &Draft<'_>,
    layer: usize,
    (old, new): (u32, u32),
    new_of: &[Option<u32>],
    room: &mut Room,
) -> Vec<Scored> {
    let edges = graph.edges(layer);
    let (mut kept, mut beyond): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
    for &to in edges.of(old) {
        match new_of[to as usize] {
            Some(id) => kept.push(id),
            None => {
                let next = edges.of(to).iter();
                beyond.extend(next.filter_map(|next| new_of[*next as usize]));
            }
        }
    }
    beyond.sort_unstable();
    beyond.dedup();
    beyond.retain(|id| *id != new && !kept.contains(id));
    draft
        .grid
        .prepare(draft.vector(new), &mut room.scratch.prepared);
    let codes = draft.layer(layer).codes;
    let scored = |ids: Vec<u32>| -> Vec<Scored> {
        let score = |id| Scored {
            score: room.scratch.prepared.one(codes.of(id)),
            id,
        };
        let mut list: Vec<Scored> = ids.into_iter().map(score).collect();
        list.sort_unstable_by(|a, b| b.cmp(a));
        list
    };
    let (kept, beyond) = (scored(kept), scored(beyond));
    let lists = &draft.layers[layer];
    let pruner = draft.pruner();
    if kept.len() > lists.width {
        return pruner.select(kept.into_iter(), lists.limit, &mut room.prepared);
    }
    let mut list = pruner.extend(kept, beyond.into_iter(), lists.limit, &mut room.prepared);
    list.sort_unstable_by(|a, b| b.cmp(a));
    list
}
