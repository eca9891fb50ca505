use super::*;
use syntopic_core::{Row, dot};

/// `clusters` bundles of directions in 12 dimensions, `each` rows a bundle.
fn bundles(clusters: u64, each: u64) -> Embeddings {
    let mut data = Vec::new();
    for at in 0..clusters * each {
        let cluster = at % clusters;
        let row: Vec<f32> = (0..12)
            .map(|d| random(1, cluster * 12 + d) - 0.5 + 0.3 * (random(2, at * 12 + d) - 0.5))
            .collect();
        let length = dot(&row, &row).sqrt();
        data.extend(row.iter().map(|x| x / length));
    }
    Embeddings::new(data, 12).unwrap()
}

fn neighbors(rows: &Embeddings, k: usize) -> (Vec<u32>, Vec<f32>) {
    let (mut found, mut cosines) = (Vec::new(), Vec::new());
    for (at, row) in rows.rows().enumerate() {
        let mut others: Vec<u32> = (0..rows.n_rows() as u32)
            .filter(|&o| o as usize != at)
            .collect();
        let cosine = |o: u32| dot(row, rows.row(Row(o)));
        others.sort_by(|&a, &b| cosine(b).total_cmp(&cosine(a)).then(a.cmp(&b)));
        others.truncate(k);
        cosines.extend(others.iter().map(|&o| cosine(o)));
        found.extend(others);
    }
    (found, cosines)
}

fn map(rows: &Embeddings, k: usize) -> Vec<[f32; 2]> {
    let k = k.min(rows.n_rows().saturating_sub(1));
    let (found, cosines) = neighbors(rows, k);
    let graph = NeighborGraph {
        k,
        rows: &found,
        cosines: &cosines,
    };
    layout(rows, graph, &MapOptions::default(), &mut |_, _| {
        ControlFlow::Continue(())
    })
    .unwrap()
}

fn mean_distance(positions: &[[f32; 2]], pairs: impl Fn(usize, usize) -> bool) -> f32 {
    let (mut sum, mut count) = (0.0, 0);
    for (i, a) in positions.iter().enumerate() {
        for (j, b) in positions.iter().enumerate() {
            if i != j && pairs(i, j) {
                sum += (a[0] - b[0]).hypot(a[1] - b[1]);
                count += 1;
            }
        }
    }
    sum / count as f32
}

#[test]
fn bundles_become_islands_and_neighbours_stay() {
    let rows = bundles(5, 60);
    let positions = map(&rows, 15);
    let within = mean_distance(&positions, |i, j| i % 5 == j % 5);
    let between = mean_distance(&positions, |i, j| i % 5 != j % 5);
    assert!(between > 3.0 * within, "{between} {within}");
    let kept = score(&rows, &positions, 10).unwrap();
    assert!(
        kept.trustworthiness > 0.95 && kept.preservation > 0.45,
        "{kept:?}"
    );
    let reach = positions
        .iter()
        .flatten()
        .fold(0f32, |most, x| most.max(x.abs()));
    assert!((0.999..=1.0).contains(&reach), "{reach}");
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let rows = bundles(4, 300);
    let of = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| map(&rows, 15))
    };
    assert_eq!(of(1), of(3));
}

#[test]
fn a_few_rows_and_equal_rows_have_places_too() {
    for n in 0..6 {
        let positions = map(&bundles(1, n), 15);
        assert_eq!(positions.len() as u64, n);
        assert!(
            positions
                .iter()
                .flatten()
                .all(|x| x.is_finite() && x.abs() <= 1.0),
            "{positions:?}"
        );
        for (i, a) in positions.iter().enumerate() {
            assert!(positions[..i].iter().all(|b| a != b), "{positions:?}");
        }
    }
    let equal = Embeddings::new([0.6f32, 0.8].repeat(40), 2).unwrap();
    let positions = map(&equal, 15);
    assert!(
        positions
            .iter()
            .flatten()
            .all(|x| x.is_finite() && x.abs() <= 1.0)
    );
    assert!(mean_distance(&positions, |_, _| true) > 0.01, "told apart");
}

#[test]
fn what_is_no_graph_of_the_rows_is_refused() {
    let rows = bundles(1, 3);
    let told = |k, neighbors: &[u32], cosines: &[f32]| {
        let graph = NeighborGraph {
            k,
            rows: neighbors,
            cosines,
        };
        let went_on = &mut |_, _| ControlFlow::Continue(());
        layout(&rows, graph, &MapOptions::default(), went_on)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        told(2, &[1, 2, 0], &[0.5; 3]),
        "got 3 neighbours for 3 vectors of 2 neighbours each: give the k nearest other rows of each row"
    );
    assert_eq!(
        told(1, &[1, 1, 0], &[0.5; 3]),
        "row 1 has the neighbour 1, which is no other row of 3"
    );
    assert!(told(1, &[1, 3, 0], &[0.5; 3]).contains("neighbour 3"));
    let wrong = MapOptions {
        exaggeration: 0.5,
        ..MapOptions::default()
    };
    assert_eq!(
        wrong.check().unwrap_err().to_string(),
        "the option exaggeration is 0.5: it must be between 1 and 100"
    );
}

#[test]
fn a_caller_can_stop_it() {
    let rows = bundles(2, 20);
    let (found, cosines) = neighbors(&rows, 5);
    let graph = NeighborGraph {
        k: 5,
        rows: &found,
        cosines: &cosines,
    };
    let stopped = layout(&rows, graph, &MapOptions::default(), &mut |step, of| {
        assert_eq!(of, 750);
        if step == 3 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert_eq!(stopped, Err(MapError::Cancelled));
}
