//! An index that changes with its rows finds what a new one finds.

mod indexes;

use std::ops::ControlFlow;

use indexes::{build, clustered, embeddings, options};
use syntopic_core::{Embeddings, Row};
use syntopic_index::{Effort, Index, IndexOptions, Kind, measure_recall};

#[test]
fn after_many_changes_recall_is_that_of_a_fresh_build() {
    let all = clustered(6_000, 48, 60, 1.0, 22);
    let before = embeddings(&all[..5_000]);
    // A fifth is gone, as much is new, and the rows have other numbers.
    let after: Vec<Vec<f32>> = (0..6_000)
        .rev()
        .filter(|i| i % 5 != 0 || *i >= 5_000)
        .map(|i| all[i].clone())
        .collect();
    let after = embeddings(&after);
    let options = IndexOptions {
        effort: Effort::Ef(40),
        ef_construction: 100,
        m: 12,
        ..options(Kind::Hnsw)
    };
    let old = build(&before, &options);
    let (index, changes) = old
        .refresh(&after, &options, &mut |_| ControlFlow::Continue(()))
        .expect("few changes");
    assert_eq!(
        (
            changes.kept,
            changes.removed,
            changes.added,
            changes.rebuilt
        ),
        (4_000, 1_000, 1_000, false)
    );
    assert_eq!(index.unreachable(), 0);
    let fresh =
        measure_recall(&build(&after, &options), &after, 10, 1_000, 23).expect("5,000 rows");
    let changed = measure_recall(&index, &after, 10, 1_000, 23).expect("5,000 rows");
    assert_eq!(changed.unreachable, 0);
    assert!(
        (changed.mean - fresh.mean).abs() <= 0.005 || changed.mean > fresh.mean,
        "{} {}",
        changed.mean,
        fresh.mean
    );
    let bytes = index.to_bytes([5; 32]);
    assert!(Index::from_bytes(&bytes, [5; 32], 5_000).is_ok());
}

#[test]
fn changes_one_after_the_other_lose_nothing() {
    let all = clustered(2_400, 16, 40, 0.5, 24);
    let options = options(Kind::Hnsw);
    let mut index = build(&embeddings(&all[..1_200]), &options);
    for round in 1..=12 {
        // A hundred leave, a hundred come, one of which is twice there.
        let mut now = all[round * 100..1_200 + round * 100].to_vec();
        now.push(now[1_199].clone());
        let rows = embeddings(&now);
        let (next, changes) = index
            .refresh(&rows, &options, &mut |_| ControlFlow::Continue(()))
            .expect("few changes");
        assert_eq!(
            (changes.removed, changes.added, changes.rebuilt),
            (100, 100, round == 7),
            "round {round}: once half is gone, it is built again"
        );
        index = next;
        let recall = measure_recall(&index, &rows, 5, 300, 25).expect("1,201 rows");
        assert!(
            recall.mean >= 0.95 && recall.unreachable == 0,
            "round {round}: {recall:?}"
        );
        let last = index
            .search(&rows, rows.row(Row(1_200)), 2, Some(40))
            .expect("a row is a query");
        assert_eq!(
            [last[0].row, last[1].row],
            [Row(1_199), Row(1_200)],
            "the row and its twin"
        );
    }
}

/// What is measured once is measured again, and what was taken out adds up: a graph that only grows and shrinks bit by bit does
/// not drift away from what a fresh one finds.
#[test]
fn many_rounds_of_change_do_not_add_up() {
    let all = clustered(9_000, 48, 60, 1.0, 29);
    let options = IndexOptions {
        effort: Effort::Recall(0.95),
        ef_construction: 100,
        m: 12,
        ..options(Kind::Hnsw)
    };
    let mut now: Vec<Vec<f32>> = all[..3_000].to_vec();
    let mut index = build(&embeddings(&now), &options);
    let (mut rebuilt, mut measured) = (0, 0);
    for round in 1..=8 {
        // A fifth goes, a fifth comes.
        now = now
            .into_iter()
            .enumerate()
            .filter(|(i, _)| (i + round) % 5 != 0)
            .map(|(_, row)| row)
            .collect();
        now.extend_from_slice(&all[3_000 + (round - 1) * 600..][..600]);
        let rows = embeddings(&now);
        let go_on = &mut |_| ControlFlow::Continue(());
        let (next, changes) = index.refresh(&rows, &options, go_on).expect("rows");
        rebuilt += usize::from(changes.rebuilt);
        measured += usize::from(next.calibration().changed == 0);
        let bytes = next.to_bytes([6; 32]);
        index = Index::from_bytes(&bytes, [6; 32], rows.n_rows()).expect("what was written");
        assert!(
            index.to_bytes([6; 32]) == bytes,
            "nothing is forgotten on the way"
        );
        let (ours, fresh) = (
            recall_of(&index, &rows, Some(40)),
            recall_of(&build(&rows, &options), &rows, Some(40)),
        );
        assert!(ours >= fresh - 0.005, "round {round}: {ours} of {fresh}");
    }
    assert!((2..=4).contains(&rebuilt), "rebuilt {rebuilt} times");
    assert_eq!(measured, 8, "every round changed more than a twentieth");

    // Small steps: the effort is measured again once they come to a twentieth, not once a step does.
    let mut measured = 0;
    for step in 0..12 {
        now.extend_from_slice(&all[7_800 + step * 50..][..50]);
        let rows = embeddings(&now);
        let go_on = &mut |_| ControlFlow::Continue(());
        index = index.refresh(&rows, &options, go_on).expect("rows").0;
        measured += usize::from(index.calibration().changed == 0);
    }
    assert!(
        (2..=4).contains(&measured),
        "measured {measured} times in 12 steps of a sixtieth"
    );
}

/// What is found of every fifth row's ten nearest.
fn recall_of(index: &Index, rows: &Embeddings, ef: Option<usize>) -> f64 {
    let asked = (0..rows.n_rows()).step_by(5);
    let (n, mut found) = (asked.len(), 0);
    for row in asked {
        let query = rows.row(Row::from_index(row));
        let truth = syntopic_index::exact(rows, query, 10)[9].score;
        let hits = index.search(rows, query, 10, ef).expect("a row");
        found += hits.iter().filter(|hit| hit.score >= truth).count();
    }
    found as f64 / (10 * n) as f64
}

/// A library of one field to which another comes: its vectors lie where the compact vectors of the first had no room.
#[test]
fn rows_beyond_the_old_ones_are_found_as_in_a_fresh_build() {
    let narrow = |n, seed| {
        let around = clustered(n, 32, 6, 0.15, seed);
        let tilt = |row: Vec<f32>| {
            let axis = if seed == 31 { 0 } else { 7 };
            let turned = row.into_iter().enumerate();
            indexes::unit(
                turned
                    .map(|(d, v)| 0.1 * v + f32::from(u8::from(d == axis)))
                    .collect(),
            )
        };
        around.into_iter().map(tilt).collect::<Vec<_>>()
    };
    let (mut all, others) = (narrow(2_000, 31), narrow(900, 32));
    let options = IndexOptions {
        effort: Effort::Recall(0.95),
        ef_construction: 60,
        m: 12,
        ..options(Kind::Hnsw)
    };
    let mut index = build(&embeddings(&all), &options);
    for (step, come) in [&others[..60], &others[60..]].into_iter().enumerate() {
        all.extend_from_slice(come);
        let rows = embeddings(&all);
        let go_on = &mut |_| ControlFlow::Continue(());
        let (next, changes) = index.refresh(&rows, &options, go_on).expect("rows");
        assert_eq!((changes.added, changes.rebuilt), (come.len(), false));
        assert_eq!(
            next.calibration().changed,
            0,
            "step {step}: few came, but the effort was measured on finer vectors"
        );
        let bytes = next.to_bytes([7; 32]);
        index = Index::from_bytes(&bytes, [7; 32], rows.n_rows()).expect("what was written");
        assert!(index.to_bytes([7; 32]) == bytes);
        let fresh = build(&rows, &options);
        let (ours, fresh) = (
            recall_of(&index, &rows, Some(24)),
            recall_of(&fresh, &rows, Some(24)),
        );
        assert!(ours >= fresh - 0.005, "step {step}: {ours} of {fresh}");
    }
}

#[test]
fn additions_add_up_until_the_graph_is_built_again() {
    let all = clustered(3_300, 24, 40, 0.8, 33);
    let options = IndexOptions {
        m: 12,
        ..options(Kind::Hnsw)
    };
    let mut n = 600;
    let mut index = build(&embeddings(&all[..n]), &options);
    let mut rebuilt = Vec::new();
    for round in 1..=5 {
        n += 2 * n / 5;
        let rows = embeddings(&all[..n]);
        let go_on = &mut |_| ControlFlow::Continue(());
        let (next, changes) = index.refresh(&rows, &options, go_on).expect("rows");
        rebuilt.push(changes.rebuilt);
        let bytes = next.to_bytes([8; 32]);
        index = Index::from_bytes(&bytes, [8; 32], n).expect("what was written");
        let fresh = build(&rows, &options);
        let (ours, fresh) = (
            recall_of(&index, &rows, Some(40)),
            recall_of(&fresh, &rows, Some(40)),
        );
        assert!(ours >= fresh - 0.005, "round {round}: {ours} of {fresh}");
    }
    assert_eq!(
        rebuilt,
        [false, false, true, false, false],
        "once more came than there were"
    );
}

#[test]
fn what_is_too_different_is_built_again() {
    let all = clustered(1_000, 8, 10, 0.5, 26);
    let (first, second) = (embeddings(&all[..500]), embeddings(&all[400..]));
    let options = options(Kind::Hnsw);
    let old = build(&first, &options);
    let refresh = |rows: &Embeddings, options: &IndexOptions| {
        old.refresh(rows, options, &mut |_| ControlFlow::Continue(()))
            .expect("rows")
    };
    let (same, changes) = refresh(&first, &options);
    assert_eq!(
        (
            changes.kept,
            changes.removed,
            changes.added,
            changes.rebuilt
        ),
        (500, 0, 0, false)
    );
    assert_eq!(same.audit().added_edges, 0);
    let (index, changes) = refresh(&second, &options);
    assert_eq!(
        (
            changes.kept,
            changes.removed,
            changes.added,
            changes.rebuilt
        ),
        (100, 400, 500, true)
    );
    assert!(index.to_bytes([0; 32]) == build(&second, &options).to_bytes([0; 32]));
    assert!(
        refresh(
            &first,
            &IndexOptions {
                m: 6,
                ..options.clone()
            }
        )
        .1
        .rebuilt
    );
    assert!(
        refresh(&embeddings(&clustered(500, 9, 10, 0.5, 26)), &options)
            .1
            .rebuilt
    );
    assert!(
        refresh(
            &first,
            &IndexOptions {
                kind: Kind::Exact,
                ..options.clone()
            }
        )
        .0
        .is_exact()
    );
    assert!(refresh(&embeddings(&[]), &options).0.is_exact(), "all gone");
}
