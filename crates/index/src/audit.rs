//! Whether every row can be found, and the edges that make it so.
//!
//! `hnsw_rs` drops the farthest edge of a row that has too many, whatever hangs on it, and keeps no count of who can still
//! be reached. So each layer is searched through once after the build: from the entry point to every node, and back (a
//! walk may begin anywhere, so all nodes must reach all others). What is missing is added.

use syntopic_core::{Embeddings, Row};

use crate::IndexError;
use crate::graph::{Graph, Layer, Scratch, Walk};

/// Rows kept in view while the nearest reachable row is looked for.
const REPAIR_EF: usize = 64;

/// Edges that repairs may add to one row for the sake of recall; those needed to reach a row are added in any case.
const EXTRA_EDGES: usize = 16;

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

/// Counts, repairs and counts again, all layers of `graph`.
pub(crate) fn repair(graph: &mut Graph, rows: &Embeddings) -> Result<Audit, IndexError> {
    let mut audit = Audit {
        unreachable_before: unreachable(graph),
        ..Audit::default()
    };
    let edges_before = graph.n_edges();
    let entry_row = entry_row(graph);
    for layer in &mut graph.layers {
        let start = layer
            .node_of(entry_row)
            .expect("the entry's row is on every layer");
        repair_layer(layer, rows, start)?;
    }
    audit.added_edges = graph.n_edges() - edges_before;
    audit.unreachable = unreachable(graph);
    Ok(audit)
}

/// Rows that no walk over the lowest layer reaches from the entry point, or from which it cannot be left; a row's twins
/// count with it.
pub(crate) fn unreachable(graph: &Graph) -> usize {
    let ground = &graph.layers[0];
    let Some(start) = ground.node_of(entry_row(graph)) else {
        return ground.len() + graph.twins.len();
    };
    let there = reached_from(ground, start);
    let back = reached_from(&reversed(ground), start);
    let lost = (0..ground.len()).filter(|&node| !(there[node] && back[node]));
    lost.map(|node| 1 + graph.twins_of(ground.rows[node]).count())
        .sum()
}

fn entry_row(graph: &Graph) -> u32 {
    graph
        .layers
        .last()
        .map_or(0, |top| top.rows[graph.entry as usize])
}

/// Adds edges until every node is reached from `start` and reaches it.
fn repair_layer(layer: &mut Layer, rows: &Embeddings, start: u32) -> Result<(), IndexError> {
    let there = missing_links(layer, layer, rows, start);
    add_links(layer, &there)?;
    let back = missing_links(layer, &reversed(layer), rows, start);
    add_links(layer, &back)
}

/// Pairs of a node reached from `start` over `edges` (those of `layer`, or the same ones turned round) and a node near it
/// that is not, enough to reach them all.
fn missing_links(layer: &Layer, edges: &Layer, rows: &Embeddings, start: u32) -> Vec<(u32, u32)> {
    let at_first = reached_from(edges, start);
    let mut reached = at_first.clone();
    let mut added = vec![0; layer.len()];
    let mut links = Vec::new();
    let mut scratch = Scratch::default();
    for lost in (0..layer.len() as u32).filter(|&node| !at_first[node as usize]) {
        let query = rows.row(Row(layer.rows[lost as usize]));
        let walk = Walk {
            rows,
            query,
            budget: usize::MAX,
        };
        let near = layer.walk(
            &walk,
            start,
            REPAIR_EF,
            |node| at_first[node as usize],
            &mut scratch,
        );
        let near = near
            .and_then(|found| found.first().map(|best| best.id))
            .unwrap_or(start);
        if !reached[lost as usize] || added[near as usize] < EXTRA_EDGES {
            added[near as usize] += 1;
            links.push((near, lost));
            spread(edges, lost, &mut reached);
        }
    }
    links
}

/// Adds an edge each way for each pair.
fn add_links(layer: &mut Layer, links: &[(u32, u32)]) -> Result<(), IndexError> {
    if links.is_empty() {
        return Ok(());
    }
    let mut lists = lists(layer);
    for &(a, b) in links {
        for (from, to) in [(a, b), (b, a)] {
            if !lists[from as usize].contains(&to) {
                lists[from as usize].push(to);
            }
        }
    }
    *layer = Layer::new(std::mem::take(&mut layer.rows), &lists)?;
    Ok(())
}

fn lists(layer: &Layer) -> Vec<Vec<u32>> {
    (0..layer.len() as u32)
        .map(|node| layer.neighbours(node).to_vec())
        .collect()
}

/// The same nodes with every edge turned round.
fn reversed(layer: &Layer) -> Layer {
    let mut offsets = vec![0; layer.len() + 1];
    for &to in &layer.edges {
        offsets[to as usize + 1] += 1;
    }
    for node in 0..layer.len() {
        offsets[node + 1] += offsets[node];
    }
    let mut next = offsets.clone();
    let mut edges = vec![0; layer.edges.len()];
    for node in 0..layer.len() as u32 {
        for &to in layer.neighbours(node) {
            edges[next[to as usize] as usize] = node;
            next[to as usize] += 1;
        }
    }
    Layer {
        rows: layer.rows.clone(),
        offsets,
        edges,
    }
}

/// Which nodes can be reached from `start`.
fn reached_from(layer: &Layer, start: u32) -> Vec<bool> {
    let mut reached = vec![false; layer.len()];
    spread(layer, start, &mut reached);
    reached
}

/// Marks `from` and all that can be reached from it over nodes not marked yet.
fn spread(layer: &Layer, from: u32, reached: &mut [bool]) {
    let mut open = vec![from];
    while let Some(node) = open.pop() {
        if !std::mem::replace(&mut reached[node as usize], true) {
            open.extend(
                layer
                    .neighbours(node)
                    .iter()
                    .filter(|to| !reached[**to as usize]),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Directions of the circle, node `i` at angle `i` degrees.
    fn circle(n: usize) -> Embeddings {
        let data = (0..n).flat_map(|i| {
            let (sin, cos) = (i as f64).to_radians().sin_cos();
            [cos as f32, sin as f32]
        });
        Embeddings::new(data.collect(), 2).expect("unit rows")
    }

    #[test]
    fn islands_and_dead_ends_are_tied_to_their_neighbours() {
        // 0-1 joined; 2 is left but never entered; 3-4 is an island; 5 is entered but never left.
        let edges = vec![vec![1, 5], vec![0], vec![1], vec![4], vec![3], vec![]];
        let layer = Layer::new((0..6).collect(), &edges).expect("few edges");
        let mut graph = Graph {
            layers: vec![layer],
            entry: 0,
            twins: vec![(3, 6), (3, 7)],
        };
        let audit = repair(&mut graph, &circle(8)).expect("few edges");
        assert_eq!(
            audit.unreachable_before,
            4 + 2,
            "2, 3, 4, 5 and the twins of 3"
        );
        assert_eq!(audit.unreachable, 0);
        assert_eq!(unreachable(&graph), 0);
        assert!(audit.added_edges > 0);
        assert!(
            graph.layers[0].neighbours(1).contains(&2),
            "2 hangs on its nearest reachable row"
        );
    }

    #[test]
    fn a_sound_graph_is_left_as_it_is() {
        let layer = Layer::new((0..3).collect(), &[vec![1], vec![2], vec![0]]).expect("few edges");
        let mut graph = Graph {
            layers: vec![layer],
            entry: 0,
            twins: Vec::new(),
        };
        let before = graph.clone();
        assert_eq!(repair(&mut graph, &circle(3)), Ok(Audit::default()));
        assert_eq!(graph, before);
    }

    #[test]
    fn upper_layers_are_repaired_too() {
        let ground =
            Layer::new((0..4).collect(), &[vec![1], vec![2], vec![3], vec![0]]).expect("few edges");
        let top = Layer::new(vec![0, 3], &[vec![], vec![]]).expect("no edges");
        let mut graph = Graph {
            layers: vec![ground, top],
            entry: 1,
            twins: Vec::new(),
        };
        let audit = repair(&mut graph, &circle(4)).expect("few edges");
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
