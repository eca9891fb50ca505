//! Whether every row can be found, and the edges that make it so.
//!
//! Pruning drops edges, whatever hangs on them. So each layer is searched through once after the build: from node 0, where
//! walks begin, to every node, and back (a walk may come down anywhere, so all nodes must reach all others). What is
//! missing is added.

use crate::draft::{Draft, Room};
use crate::graph::Graph;
use crate::hit::Scored;
use crate::walk::Edges;

/// Rows kept in view while the nearest reachable row is looked for.
const REPAIR_EF: usize = 64;

/// Places that lists grow by when the nearest reachable node has none left.
const GROWTH: usize = 4;

/// What was found when the graph was searched through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Audit {
    /// Rows that no search could have reached in the graph as it was built.
    pub unreachable_before: usize,
    /// Edges added to reach them.
    pub added_edges: usize,
    /// Rows that no search can reach now: 0.
    pub unreachable: usize,
}

/// Counts, repairs and counts again, all layers of `draft`; `twins` are `(row, twin)` pairs, ascending.
pub(crate) fn repair(draft: &mut Draft<'_>, twins: &[(u32, u32)]) -> Audit {
    let before = lost_rows(draft.layers[0].edges(), &draft.row_of, twins);
    let mut added_edges = 0;
    for layer in 0..draft.layers.len() {
        added_edges += reach_all(draft, layer);
        added_edges += return_all(draft, layer);
    }
    Audit {
        unreachable_before: before,
        added_edges,
        unreachable: lost_rows(draft.layers[0].edges(), &draft.row_of, twins),
    }
}

/// Rows that no walk over the lowest layer reaches, or from which it cannot be left.
pub(crate) fn unreachable(graph: &Graph) -> usize {
    lost_rows(graph.edges(0), graph.row_of(), &graph.twins)
}

/// A row's twins count with it.
fn lost_rows(edges: Edges<'_>, row_of: &[u32], twins: &[(u32, u32)]) -> usize {
    let there = reached(|node| edges.of(node), edges.n_nodes());
    let turned = Turned::new(edges);
    let back = reached(|node| turned.of(node), edges.n_nodes());
    let lost = row_of
        .iter()
        .zip(there.iter().zip(&back))
        .filter(|(_, (there, back))| !(**there && **back));
    lost.map(|(row, _)| 1 + twins_of(twins, *row).len()).sum()
}

/// The twins of `row` among `(row, twin)` pairs, ascending.
pub(crate) fn twins_of(twins: &[(u32, u32)], row: u32) -> &[(u32, u32)] {
    let from = twins.partition_point(|(first, _)| *first < row);
    let len = twins[from..].partition_point(|(first, _)| *first == row);
    &twins[from..][..len]
}

/// Adds edges until every node of a layer is reached from node 0, and one for each node that was not, as far as there is
/// room. Gives how many.
fn reach_all(draft: &mut Draft<'_>, layer: usize) -> usize {
    let n_nodes = draft.layers[layer].n_nodes();
    let mut seen = reached(|node| draft.layers[layer].edges().of(node), n_nodes);
    let lost: Vec<u32> = (0..n_nodes as u32)
        .filter(|node| !seen[*node as usize])
        .collect();
    let mut added = 0;
    let mut room = Room::default();
    for node in lost {
        let near = nearest(
            draft,
            layer,
            node,
            |other| seen[other as usize] && other != node,
            &mut room,
        );
        let lists = &mut draft.layers[layer];
        let mut linked = near
            .iter()
            .find(|near| lists.add(near.id, Scored { id: node, ..**near }))
            .copied();
        if linked.is_none() && !seen[node as usize] {
            *lists = lists.resized(lists.width + GROWTH);
            lists.add(
                near[0].id,
                Scored {
                    id: node,
                    ..near[0]
                },
            );
            linked = Some(near[0]);
        }
        if let Some(near) = linked {
            added += 1 + usize::from(lists.add(node, near));
            spread(node, |node| draft.layers[layer].edges().of(node), &mut seen);
        }
    }
    added
}

/// Adds edges until every node of a layer reaches node 0. Gives how many.
fn return_all(draft: &mut Draft<'_>, layer: usize) -> usize {
    let turned = Turned::new(draft.layers[layer].edges());
    let n_nodes = draft.layers[layer].n_nodes();
    let mut seen = reached(|node| turned.of(node), n_nodes);
    let mut added = 0;
    let mut room = Room::default();
    for node in 0..n_nodes as u32 {
        if seen[node as usize] {
            continue;
        }
        let near = nearest(draft, layer, node, |other| seen[other as usize], &mut room)[0];
        let lists = &mut draft.layers[layer];
        if !lists.add(node, near) {
            *lists = lists.resized(lists.width + GROWTH);
            lists.add(node, near);
        }
        added += 1;
        spread(node, |node| turned.of(node), &mut seen);
    }
    added
}

/// Nodes near `node` that `wanted` accepts, nearest first; node 0 when a walk finds none.
fn nearest(
    draft: &Draft<'_>,
    layer: usize,
    node: u32,
    wanted: impl Fn(u32) -> bool,
    room: &mut Room,
) -> Vec<Scored> {
    let scratch = &mut room.scratch;
    draft
        .grid
        .prepare(draft.vector(node), &mut scratch.prepared);
    scratch.visited.clear(draft.layers[layer].n_nodes());
    draft.layer(layer).walk(0, REPAIR_EF, scratch);
    let mut found: Vec<Scored> = scratch
        .pool
        .found()
        .filter(|near| wanted(near.id))
        .collect();
    if found.is_empty() {
        let score = scratch.prepared.one(draft.layer(layer).codes.of(0));
        found.push(Scored { score, id: 0 });
    }
    found
}

/// Every edge turned round.
struct Turned {
    offsets: Vec<usize>,
    from: Vec<u32>,
}

impl Turned {
    fn new(edges: Edges<'_>) -> Self {
        let n_nodes = edges.n_nodes();
        let mut offsets = vec![0; n_nodes + 1];
        for node in 0..n_nodes as u32 {
            edges
                .of(node)
                .iter()
                .for_each(|to| offsets[*to as usize + 1] += 1);
        }
        for node in 0..n_nodes {
            offsets[node + 1] += offsets[node];
        }
        let mut next = offsets.clone();
        let mut from = vec![0; offsets[n_nodes]];
        for node in 0..n_nodes as u32 {
            for &to in edges.of(node) {
                from[next[to as usize]] = node;
                next[to as usize] += 1;
            }
        }
        Self { offsets, from }
    }

    fn of(&self, node: u32) -> &[u32] {
        &self.from[self.offsets[node as usize]..self.offsets[node as usize + 1]]
    }
}

/// Which of `n_nodes` nodes can be reached from node 0.
fn reached<'e>(edges: impl Fn(u32) -> &'e [u32], n_nodes: usize) -> Vec<bool> {
    let mut seen = vec![false; n_nodes];
    if n_nodes > 0 {
        spread(0, edges, &mut seen);
    }
    seen
}

/// Marks `from` and all that can be reached from it over nodes not marked yet.
fn spread<'e>(from: u32, edges: impl Fn(u32) -> &'e [u32], seen: &mut [bool]) {
    let mut open = vec![from];
    while let Some(node) = open.pop() {
        if !std::mem::replace(&mut seen[node as usize], true) {
            open.extend(edges(node).iter().filter(|to| !seen[**to as usize]));
        }
    }
}

#[cfg(test)]
mod tests {
    use syntopic_core::Embeddings;

    use super::*;
    use crate::draft::Lists;
    use crate::grid::Grid;

    /// Lists as tests write them.
    fn lists_of(edges: &[&[u32]], limit: usize) -> Lists {
        let mut lists = Lists::new(edges.len(), limit).resized(limit);
        for (node, to) in edges.iter().enumerate() {
            to.iter().for_each(|id| {
                assert!(lists.add(
                    node as u32,
                    Scored {
                        score: 0.0,
                        id: *id
                    }
                ))
            });
        }
        lists
    }

    /// Directions of the circle, node `i` at angle `i` degrees.
    fn circle(n: usize) -> Embeddings {
        let data = (0..n).flat_map(|i| {
            let (sin, cos) = (i as f64).to_radians().sin_cos();
            [cos as f32, sin as f32]
        });
        Embeddings::new(data.collect(), 2).expect("unit rows")
    }

    fn draft(rows: &Embeddings, layers: Vec<Lists>) -> Draft<'_> {
        let grid = Grid::fit(rows);
        let row_of: Vec<u32> = (0..layers[0].n_nodes() as u32).collect();
        Draft {
            rows,
            codes: grid.encode_all(rows, &row_of),
            grid,
            row_of,
            layers,
            ef_construction: 10,
        }
    }

    #[test]
    fn islands_and_dead_ends_are_tied_to_their_neighbours() {
        // 0-1 joined; 2 is left but never entered; 3-4 is an island; 5 is entered but never left.
        for limit in [2, 3] {
            let ground = lists_of(&[&[1, 5], &[0], &[1], &[4], &[3], &[]], limit);
            let rows = circle(8);
            let mut draft = draft(&rows, vec![ground]);
            let audit = repair(&mut draft, &[(3, 6), (3, 7)]);
            assert_eq!(
                audit.unreachable_before,
                4 + 2,
                "2, 3, 4, 5 and the twins of 3"
            );
            assert_eq!(audit.unreachable, 0);
            assert!(audit.added_edges > 0);
            let edges = draft.layers[0].edges();
            assert!(
                edges.of(1).contains(&2),
                "2 hangs on its nearest reachable row: {:?}",
                edges.of(1)
            );
        }
    }

    #[test]
    fn full_lists_grow_rather_than_lose_a_row() {
        // Everything full, and 2, 3 an island that only knows itself.
        let ground = lists_of(&[&[1], &[0], &[3], &[2]], 1);
        let rows = circle(4);
        let mut draft = draft(&rows, vec![ground]);
        assert_eq!(repair(&mut draft, &[]).unreachable, 0);
        assert!(draft.layers[0].longest() > 1);
    }

    #[test]
    fn a_sound_graph_is_left_as_it_is() {
        let ground = lists_of(&[&[1], &[2], &[0]], 4);
        let rows = circle(3);
        let mut draft = draft(&rows, vec![ground.clone()]);
        assert_eq!(repair(&mut draft, &[]), Audit::default());
        assert_eq!(draft.layers[0].places, ground.places);
    }

    #[test]
    fn upper_layers_are_repaired_too() {
        let ground = lists_of(&[&[1], &[2], &[3], &[0]], 4);
        let top = lists_of(&[&[], &[]], 4);
        let rows = circle(4);
        let mut draft = draft(&rows, vec![ground, top]);
        let audit = repair(&mut draft, &[]);
        assert_eq!(
            (
                audit.unreachable_before,
                audit.unreachable,
                audit.added_edges
            ),
            (0, 0, 2)
        );
    }
}
