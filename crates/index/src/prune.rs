//! Which neighbours a node keeps.
//!
//! Algorithm 4 of the HNSW paper (Malkov and Yashunin 2018), `SELECT-NEIGHBORS-HEURISTIC`, without its two extensions: a
//! candidate is kept when it is nearer to the node than to every neighbour kept before. So edges point in different
//! directions, and a cluster is entered by one edge, not by all.

use syntopic_core::{Embeddings, Row};

use crate::grid::{Codes, Grid, Prepared};
use crate::hit::Scored;

/// What choosing neighbours needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pruner<'a> {
    pub(crate) rows: &'a Embeddings,
    pub(crate) row_of: &'a [u32],
    pub(crate) grid: &'a Grid,
    pub(crate) codes: Codes<'a>,
}

impl Pruner<'_> {
    /// At most `limit` of `candidates` (their similarity to the node, best first, each once), best first. `room` is used
    /// again.
    pub(crate) fn select(
        &self,
        candidates: impl Iterator<Item = Scored>,
        limit: usize,
        room: &mut Vec<Prepared>,
    ) -> Vec<Scored> {
        self.extend(Vec::with_capacity(limit), candidates, limit, room)
    }

    /// `kept`, and behind it those of `candidates` that are chosen beside it, until there are `limit`.
    pub(crate) fn extend(
        &self,
        mut kept: Vec<Scored>,
        candidates: impl Iterator<Item = Scored>,
        limit: usize,
        room: &mut Vec<Prepared>,
    ) -> Vec<Scored> {
        if room.len() < limit.max(kept.len()) {
            room.resize_with(limit.max(kept.len()), Prepared::default);
        }
        for (place, known) in room.iter_mut().zip(&kept) {
            let row = self.rows.row(Row(self.row_of[known.id as usize]));
            self.grid.prepare(row, place);
        }
        for candidate in candidates {
            if kept.len() >= limit {
                break;
            }
            let code = self.codes.of(candidate.id);
            // The nearest kept one first: it mostly decides.
            let nearer_to_a_kept_one = room[..kept.len()]
                .iter()
                .any(|other| other.one(code) > candidate.score);
            if !nearer_to_a_kept_one {
                let row = self.rows.row(Row(self.row_of[candidate.id as usize]));
                self.grid.prepare(row, &mut room[kept.len()]);
                kept.push(candidate);
            }
        }
        kept
    }
}
