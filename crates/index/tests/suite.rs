//! What every index owes, exact and HNSW alike, and how much of the exact answer the graph must find.

use std::collections::HashSet;
use std::ops::ControlFlow;

use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use syntopic_core::{Embeddings, Row, dot};
use syntopic_index::{
    Builder, Effort, Hit, Index, IndexError, IndexOptions, Kind, exact, exact_batch, measure_recall,
};

/// Small enough that indexes of a few hundred rows walk their graph.
const EF: usize = 8;

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector
        .iter()
        .map(|v| f64::from(*v).powi(2))
        .sum::<f64>()
        .sqrt() as f32;
    vector.iter_mut().for_each(|v| *v /= length);
    vector
}

/// `n` rows around `clusters` centres; `spread` 0 makes the rows of a cluster identical.
fn clustered(n: usize, dim: usize, clusters: usize, spread: f32, seed: u64) -> Vec<Vec<f32>> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut normal = || (0..12).map(|_| rng.r#gen::<f32>()).sum::<f32>() - 6.0;
    let centres: Vec<Vec<f32>> = (0..clusters)
        .map(|_| (0..dim).map(|_| normal()).collect())
        .collect();
    (0..n)
        .map(|i| {
            unit(
                centres[i % clusters]
                    .iter()
                    .map(|c| c + spread * normal())
                    .collect(),
            )
        })
        .collect()
}

fn embeddings(rows: &[Vec<f32>]) -> Embeddings {
    Embeddings::new(rows.concat(), rows.first().map_or(1, Vec::len)).expect("unit rows")
}

fn options(kind: Kind) -> IndexOptions {
    IndexOptions {
        kind,
        effort: Effort::Ef(EF),
        ef_construction: 40,
        m: 8,
        ..IndexOptions::default()
    }
}

fn build(rows: &Embeddings, options: &IndexOptions) -> Index {
    Index::build(rows, options, &mut |_| ()).expect("the options are right")
}

/// Sorted by score, then row; no row twice; every score the exact one.
fn assert_sound(hits: &[Hit], rows: &Embeddings, query: &[f32]) {
    for pair in hits.windows(2) {
        let sorted = pair[0].score > pair[1].score
            || (pair[0].score == pair[1].score && pair[0].row < pair[1].row);
        assert!(sorted, "{pair:?}");
    }
    for hit in hits {
        assert_eq!(
            hit.score.to_bits(),
            dot(query, rows.row(hit.row)).to_bits(),
            "{hit:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_index_keeps_the_rules(
        (n, dim, clusters) in (1usize..400, 2usize..40, 1usize..20),
        // A third of the cases: many identical rows.
        spread in prop::sample::select(vec![0.0f32, 0.3, 1.0]),
        k in 1usize..60,
        modulus in 1u32..9,
        seed: u64,
    ) {
        let rows = embeddings(&clustered(n, dim, clusters, spread, seed));
        for kind in [Kind::Exact, Kind::Hnsw, Kind::Auto] {
            let index = build(&rows, &options(kind));
            prop_assert_eq!(index.is_exact(), kind != Kind::Hnsw);
            prop_assert_eq!(index.unreachable(), 0);
            let read = Index::from_bytes(&index.to_bytes([7; 32]), [7; 32], n).expect("as written");
            let query = rows.row(Row((seed % n as u64) as u32));
            let hits = index.search(&rows, query, k, None).expect("a row is a query");
            prop_assert_eq!(hits.len(), k.min(n));
            assert_sound(&hits, &rows, query);
            prop_assert_eq!(&read.search(&rows, query, k, None).expect("a row is a query"), &hits);
            if kind != Kind::Hnsw {
                prop_assert_eq!(&hits, &exact(&rows, query, k));
            }
            let keep = |row: Row| row.0.is_multiple_of(modulus);
            let kept = index.search_where(&rows, query, k, &keep).expect("a row is a query");
            prop_assert_eq!(kept.len(), k.min((0..n as u32).filter(|row| keep(Row(*row))).count()));
            prop_assert!(kept.iter().all(|hit| keep(hit.row)));
            assert_sound(&kept, &rows, query);
            let batch = index.search_batch(&rows, &rows, k, None).expect("rows are queries");
            prop_assert_eq!(batch.len(), n);
            prop_assert_eq!(&batch[(seed % n as u64) as usize], &hits);
            let neighbors = index.neighbors(&rows, k, &mut |_| ControlFlow::Continue(())).expect("its rows");
            prop_assert_eq!(neighbors.k(), k.min(n - 1));
            for row in (0..n as u32).map(Row) {
                let others = neighbors.of(row);
                assert_sound(others, &rows, rows.row(row));
                prop_assert!(others.iter().all(|hit| hit.row != row));
                if kind != Kind::Hnsw {
                    let all = exact(&rows, rows.row(row), n).into_iter().filter(|hit| hit.row != row);
                    prop_assert_eq!(others, all.take(k).collect::<Vec<_>>());
                }
            }
        }
    }

    #[test]
    fn exact_is_the_sorted_list_of_all(n in 0usize..300, dim in 1usize..40, k in 0usize..400, seed: u64) {
        let rows = embeddings(&clustered(n, dim, 7, 0.5, seed));
        let query = clustered(1, rows.dim(), 1, 1.0, !seed).concat();
        let mut all: Vec<Hit> =
            (0..n as u32).map(|row| Hit { row: Row(row), score: dot(&query, rows.row(Row(row))) }).collect();
        all.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
        all.truncate(k);
        prop_assert_eq!(exact(&rows, &query, k), all);
    }
}

#[test]
fn exact_over_many_blocks_is_the_same_on_one_thread() {
    let rows = embeddings(&clustered(9_001, 8, 3_000, 0.0, 1));
    let query = rows.row(Row(4_321));
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a pool");
    let hits = exact(&rows, query, 20);
    assert_eq!(hits, pool.install(|| exact(&rows, query, 20)));
    let first: Vec<u32> = hits.iter().take(4).map(|hit| hit.row.0).collect();
    assert_eq!(
        first,
        [1_321, 4_321, 7_321, first[3]],
        "identical rows by number"
    );
}

#[test]
fn the_graph_finds_95_of_100_neighbours_and_every_row_finds_itself() {
    let rows = embeddings(&clustered(5_000, 64, 50, 1.0, 2));
    let index = build(
        &rows,
        &IndexOptions {
            effort: Effort::Ef(128),
            exact_below: 0,
            ..IndexOptions::default()
        },
    );
    assert!(!index.is_exact());
    let recall = measure_recall(&index, &rows, 10, 500, 3).expect("5,000 rows");
    assert!(recall.mean >= 0.95, "{recall:?}");
    assert!(recall.low < recall.mean && recall.mean <= recall.high && recall.worst <= recall.mean);
    assert_eq!(
        (recall.k, recall.n_queries, recall.unreachable),
        (10, 500, 0)
    );
    assert_eq!(
        measure_recall(&index, &rows, 10, 500, 3),
        Ok(recall),
        "the same seed gives the same figures"
    );
    for row in (0..5_000).map(Row) {
        let hits = index
            .search(&rows, rows.row(row), 1, None)
            .expect("a row is a query");
        assert_eq!(hits[0].row, row);
    }
}

#[test]
fn a_filtered_walk_finds_95_of_100_wherever_the_rows_that_pass_lie() {
    let rows = embeddings(&clustered(4_000, 32, 40, 0.8, 20));
    let index = build(
        &rows,
        &IndexOptions {
            kind: Kind::Hnsw,
            ..IndexOptions::default()
        },
    );
    let filters: [&dyn Fn(Row) -> bool; 4] = [
        &|row| row.0.is_multiple_of(2),
        &|row| row.0 < 800,
        // One cluster of forty, which no query below is of.
        &|row| row.0 % 40 == 39,
        &|row| row.0.is_multiple_of(500),
    ];
    for (at, keep) in filters.into_iter().enumerate() {
        let passing: Vec<Row> = (0..4_000).map(Row).filter(|row| keep(*row)).collect();
        let among = rows.select(passing.iter().copied());
        let (mut right, mut all) = (0, 0);
        for query in (0..4_000)
            .step_by(41)
            .map(Row)
            .filter(|row| row.0 % 40 != 39)
        {
            let query = rows.row(query);
            let hits = index
                .search_where(&rows, query, 8, keep)
                .expect("a row is a query");
            assert_eq!(hits.len(), 8);
            let last = exact(&among, query, 8)[7].score;
            right += hits.iter().filter(|hit| hit.score >= last).count();
            all += 8;
        }
        assert!(100 * right >= 95 * all, "filter {at}: {right} of {all}");
    }
}

#[test]
fn a_thousand_identical_rows_hide_nothing() {
    let mut all = clustered(2_000, 32, 20, 0.7, 4);
    all.extend(clustered(1_000, 32, 1, 0.0, 5));
    let rows = embeddings(&all);
    let index = build(
        &rows,
        &IndexOptions {
            kind: Kind::Hnsw,
            ..options(Kind::Hnsw)
        },
    );
    assert_eq!(index.unreachable(), 0);
    let recall = measure_recall(&index, &rows, 10, 3_000, 6).expect("3,000 rows");
    assert_eq!(recall.unreachable, 0);
    assert!(recall.mean >= 0.9, "{recall:?}");
    let hits = index
        .search(&rows, rows.row(Row(2_500)), 100, Some(100))
        .expect("a row is a query");
    let expected: Vec<Row> = (2_000..2_100).map(Row).collect();
    assert_eq!(
        hits.iter().map(|hit| hit.row).collect::<Vec<_>>(),
        expected,
        "ties by row"
    );
    let one = index
        .search_where(&rows, rows.row(Row(2_500)), 1, &|row| row.0 >= 2_999)
        .expect("one row passes");
    assert_eq!(
        one[0].row,
        Row(2_999),
        "a twin passes though the row that stands for it does not"
    );
}

#[test]
fn nearly_identical_rows_and_far_islands_are_all_reachable() {
    let mut all = clustered(1_500, 16, 3, 1e-4, 7);
    all.extend(clustered(1_500, 16, 300, 0.01, 8));
    let rows = embeddings(&all);
    for m in [2, 4, 16] {
        let index = build(
            &rows,
            &IndexOptions {
                m,
                ..options(Kind::Hnsw)
            },
        );
        assert_eq!(index.audit().unreachable, 0, "m {m}");
        assert_eq!(
            measure_recall(&index, &rows, 5, 10, 9)
                .expect("3,000 rows")
                .unreachable,
            0
        );
    }
}

#[test]
fn the_graph_is_the_same_whatever_the_threads_and_the_order_of_rows() {
    let vectors = clustered(4_000, 24, 30, 0.8, 10);
    let rows = embeddings(&vectors);
    let mut reports = Vec::new();
    let first = Index::build(&rows, &options(Kind::Hnsw), &mut |done| reports.push(done))
        .expect("the options are right");
    assert!(
        reports.is_sorted() && reports.last() == Some(&4_000),
        "{reports:?}"
    );
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .expect("a pool");
    let again = pool.install(|| build(&rows, &options(Kind::Hnsw)));
    assert!(
        first.to_bytes([0; 32]) == again.to_bytes([0; 32]),
        "byte for byte"
    );

    let turned = embeddings(&vectors.iter().rev().cloned().collect::<Vec<_>>());
    let other = build(&turned, &options(Kind::Hnsw));
    for row in (0..4_000).step_by(97) {
        let query = rows.row(Row(row));
        let hits = first
            .search(&rows, query, 7, None)
            .expect("a row is a query");
        let turned_hits = other
            .search(&turned, query, 7, None)
            .expect("a row is a query");
        assert_eq!(
            hits.iter().map(|hit| hit.row.0).collect::<Vec<_>>(),
            turned_hits
                .iter()
                .map(|hit| 3_999 - hit.row.0)
                .collect::<Vec<_>>()
        );
    }
}

#[test]
fn our_build_finds_no_less_than_the_one_by_hnsw_rs() {
    let rows = embeddings(&clustered(4_000, 24, 30, 0.8, 10));
    let recall = |builder| {
        let index = build(
            &rows,
            &IndexOptions {
                builder,
                effort: Effort::Ef(24),
                ..options(Kind::Hnsw)
            },
        );
        assert_eq!(index.unreachable(), 0);
        measure_recall(&index, &rows, 10, 500, 11)
            .expect("4,000 rows")
            .mean
    };
    let (own, baseline) = (recall(Builder::Own), recall(Builder::HnswRs));
    assert!(own >= 0.9 && own >= baseline - 0.01, "{own} {baseline}");
}

#[test]
fn a_wanted_recall_is_reached_on_queries_that_were_held_out() {
    let all = clustered(5_500, 48, 50, 1.0, 21);
    let (rows, queries) = (embeddings(&all[..5_000]), embeddings(&all[5_000..]));
    let mut efforts = Vec::new();
    for wanted in [0.8, 0.95, 0.99] {
        let effort = Effort::Recall(wanted);
        let index = build(
            &rows,
            &IndexOptions {
                effort,
                ..options(Kind::Hnsw)
            },
        );
        let calibration = index.calibration();
        assert!(
            calibration.recall >= wanted && calibration.n_queries == 500,
            "{calibration:?}"
        );
        let found = index
            .search_batch(&rows, &queries, 10, None)
            .expect("queries");
        let least = exact_batch(&rows, &queries, 10);
        let right: usize = found
            .iter()
            .zip(&least)
            .map(|(hits, least)| {
                hits.iter()
                    .filter(|hit| hit.score >= least[9].score)
                    .count()
            })
            .sum();
        assert!(
            right as f64 / 5_000.0 >= wanted,
            "{right} of 5,000 for {wanted}, {calibration:?}"
        );
        efforts.push(calibration.ef);
    }
    assert!(efforts.is_sorted_by(|a, b| a < b), "{efforts:?}");
}

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
        .refresh(&after, &options, &mut |_| ())
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
            .refresh(&rows, &options, &mut |_| ())
            .expect("few changes");
        assert_eq!(
            (changes.removed, changes.added, changes.rebuilt),
            (100, 100, false),
            "round {round}"
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

#[test]
fn what_is_too_different_is_built_again() {
    let all = clustered(1_000, 8, 10, 0.5, 26);
    let (first, second) = (embeddings(&all[..500]), embeddings(&all[400..]));
    let options = options(Kind::Hnsw);
    let old = build(&first, &options);
    let refresh = |rows: &Embeddings, options: &IndexOptions| {
        old.refresh(rows, options, &mut |_| ()).expect("rows")
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

#[test]
fn neighbors_tell_how_far_they_are_and_can_be_cancelled() {
    let rows = embeddings(&clustered(3_000, 8, 30, 0.5, 27));
    for kind in [Kind::Exact, Kind::Hnsw] {
        let index = build(&rows, &options(kind));
        let mut reports = Vec::new();
        let mut hear = |done| {
            reports.push(done);
            ControlFlow::Continue(())
        };
        index.neighbors(&rows, 5, &mut hear).expect("its rows");
        assert_eq!(reports, [1_024, 2_048, 3_000]);
        let mut calls = 0;
        let mut stop = |_| {
            calls += 1;
            ControlFlow::Break(())
        };
        assert_eq!(
            index.neighbors(&rows, 5, &mut stop),
            Err(IndexError::Cancelled)
        );
        assert_eq!(calls, 1);
        assert_eq!(
            index.neighbors(&rows, 0, &mut |_| ControlFlow::Continue(())),
            Err(IndexError::ZeroK)
        );
    }
}

#[test]
fn an_index_file_is_opened_where_it_lies() {
    let rows = embeddings(&clustered(2_000, 16, 20, 0.5, 28));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("index.bin");
    for kind in [Kind::Exact, Kind::Hnsw] {
        let index = build(&rows, &options(kind));
        let bytes = index.to_bytes([1; 32]);
        assert_eq!(bytes.len(), index.n_bytes());
        std::fs::write(&path, &bytes).expect("written");
        let opened = Index::open(&path, [1; 32], 2_000).expect("as written");
        assert_eq!(opened.describe(), index.describe());
        assert!(opened.to_bytes([1; 32]) == bytes);
        let ask = |index: &Index| index.search(&rows, rows.row(Row(7)), 9, None);
        assert_eq!(ask(&opened), ask(&index));
        assert!(matches!(
            Index::open(&path, [2; 32], 2_000),
            Err(IndexError::Stale { .. })
        ));
        assert_eq!(
            Index::open_stale(&path).expect("as written").describe(),
            index.describe()
        );
        drop(opened);
        std::fs::remove_file(&path).expect("removed");
        std::fs::write(&path, &bytes[..bytes.len() - 1]).expect("written");
        assert!(Index::open(&path, [1; 32], 2_000).is_err());
        std::fs::remove_file(&path).expect("removed");
    }
    std::fs::write(&path, b"").expect("written");
    assert!(matches!(
        Index::open(&path, [1; 32], 0),
        Err(IndexError::NotAnIndex)
    ));
    let missing = folder.path().join("missing");
    assert!(matches!(
        Index::open(&missing, [1; 32], 0),
        Err(IndexError::File { .. })
    ));
}

#[test]
fn threads_share_an_index() {
    let rows = embeddings(&clustered(1_000, 16, 10, 0.6, 12));
    let index = build(&rows, &options(Kind::Hnsw));
    let ask = || {
        (0..200)
            .map(|row| index.search(&rows, rows.row(Row(row)), 5, None))
            .collect::<Vec<_>>()
    };
    let alone = ask();
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        for other in others {
            assert_eq!(other.join().expect("no panic"), alone);
        }
    });
}

#[test]
fn wrong_questions_are_errors_that_say_what_to_do() {
    let rows = embeddings(&clustered(300, 4, 3, 0.5, 13));
    for kind in [Kind::Exact, Kind::Hnsw] {
        let index = build(&rows, &options(kind));
        let ask = |query: &[f32], k| {
            index
                .search(&rows, query, k, None)
                .expect_err("wrong")
                .to_string()
        };
        let right = rows.row(Row(0));
        assert_eq!(ask(right, 0), "k is 0: ask for at least 1 result");
        assert_eq!(
            ask(&[1.0, 0.0], 1),
            "the query has 2 numbers, the rows have 4: embed it with the model that made the rows"
        );
        assert_eq!(
            ask(&[f32::NAN, 0.0, 0.0, 0.0], 1),
            "the query holds NaN, which is no finite number"
        );
        assert_eq!(
            ask(&[2.0, 0.0, 0.0, 0.0], 1),
            "the query has length 2, a unit vector was expected: divide it by its length"
        );
        assert!(matches!(
            index.search_where(&rows, right, 0, &|_| true),
            Err(IndexError::ZeroK)
        ));
        assert!(matches!(
            index.search(&rows, right, 1, Some(0)),
            Err(IndexError::Option { name: "ef", .. })
        ));
        let fewer = rows.select((0..299).map(Row));
        assert!(matches!(
            index.search(&fewer, right, 1, None),
            Err(IndexError::OtherRows { .. })
        ));
        assert_eq!(
            measure_recall(&index, &rows, 0, 1, 0),
            Err(IndexError::ZeroK)
        );
        assert!(matches!(
            measure_recall(&index, &rows, 1, 0, 0),
            Err(IndexError::Option { .. })
        ));
    }
    let wrong = Index::build(
        &rows,
        &IndexOptions {
            m: 0,
            ..options(Kind::Exact)
        },
        &mut |_| (),
    );
    assert!(matches!(
        wrong,
        Err(IndexError::Option {
            name: "m",
            got: 0,
            ..
        })
    ));
}

#[test]
fn no_row_one_row_and_two() {
    for n in 0..3 {
        let rows = embeddings(&clustered(n, 4, 4, 0.0, 14));
        for kind in [Kind::Exact, Kind::Hnsw, Kind::Auto] {
            let index = build(&rows, &options(kind));
            let query = unit(vec![1.0; rows.dim()]);
            assert_eq!(
                index.search(&rows, &query, 5, None).expect("a query").len(),
                n
            );
            assert_eq!(
                index
                    .search_where(&rows, &query, 5, &|row| row.0 > 0)
                    .expect("a query")
                    .len(),
                n.saturating_sub(1)
            );
            let recall = measure_recall(&index, &rows, 5, 5, 0);
            match n {
                2 => assert_eq!(recall.expect("2 rows").mean, 1.0),
                _ => assert_eq!(recall, Err(IndexError::TooFewRows { n_rows: n })),
            }
            let read = Index::from_bytes(&index.to_bytes([1; 32]), [1; 32], n).expect("as written");
            assert_eq!(read.describe(), index.describe());
        }
    }
}

#[test]
fn an_index_says_which_search_answers_and_why() {
    let rows = embeddings(&clustered(300, 4, 3, 0.5, 15));
    let say = |kind, exact_below| {
        build(
            &rows,
            &IndexOptions {
                kind,
                exact_below,
                ..options(kind)
            },
        )
        .describe()
    };
    assert_eq!(
        say(Kind::Auto, 1_000),
        "exact search over 300 rows of 4 numbers: below 1000 rows it is fast and misses nothing"
    );
    assert_eq!(
        say(Kind::Exact, 0),
        "exact search over 300 rows of 4 numbers: as asked"
    );
    let graph = say(Kind::Auto, 300);
    assert!(
        graph.starts_with("HNSW graph over 300 rows of 4 numbers (m 8,"),
        "{graph}"
    );
    assert!(
        graph.ends_with("0 unreachable): from 300 rows on it is faster than exact search"),
        "{graph}"
    );
}

#[test]
fn damaged_bytes_are_never_taken_for_an_index() {
    let rows = embeddings(&clustered(500, 8, 100, 0.0, 16));
    let index = build(&rows, &options(Kind::Hnsw));
    let bytes = index.to_bytes([3; 32]);
    assert!(Index::from_bytes(&bytes, [3; 32], 500).is_ok());
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(17);
    for _ in 0..1_000 {
        let cut = rng.gen_range(0..bytes.len());
        assert!(
            Index::from_bytes(&bytes[..cut], [3; 32], 500).is_err(),
            "cut at {cut}"
        );
        let mut flipped = bytes.clone();
        let bit = rng.gen_range(0..8 * bytes.len());
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(
            Index::from_bytes(&flipped, [3; 32], 500).is_err(),
            "bit {bit}"
        );
    }
    let error =
        |bytes: &[u8], sha, n| Index::from_bytes(bytes, sha, n).expect_err("not this index");
    assert_eq!(error(b"", [3; 32], 500), IndexError::NotAnIndex);
    assert_eq!(
        error(b"SQLite format 3", [3; 32], 500),
        IndexError::NotAnIndex
    );
    assert_eq!(
        error(&bytes, [4; 32], 500),
        IndexError::Stale {
            got: 500,
            expected: 500
        }
    );
    assert_eq!(
        error(&bytes, [3; 32], 501),
        IndexError::Stale {
            got: 500,
            expected: 501
        }
    );
    let mut newer = bytes.clone();
    newer[8] = 99;
    assert_eq!(
        error(&newer, [3; 32], 500),
        IndexError::Version {
            got: 99,
            expected: 2
        }
    );
    assert_eq!(
        error(&[&bytes[..], &[0]].concat(), [3; 32], 500),
        IndexError::Checksum
    );
}

/// The checksums of `bytes` made right again, as no accident but an enemy does it.
fn reseal(bytes: &mut [u8]) {
    use sha2::{Digest, Sha256};
    let data = |blocks: usize| (1_024 + 4 * blocks).next_multiple_of(64);
    let blocks = (0..)
        .find(|n| data(*n) + (n << 16) >= bytes.len())
        .expect("so many");
    for block in 0..blocks {
        let from = data(blocks) + (block << 16);
        let crc = crc32fast::hash(&bytes[from..bytes.len().min(from + (1 << 16))]);
        bytes[1_024 + 4 * block..][..4].copy_from_slice(&crc.to_ne_bytes());
    }
    let sha = Sha256::digest(&bytes[1_024..1_024 + 4 * blocks]);
    bytes[440..472].copy_from_slice(&sha);
    let sha = Sha256::digest(&bytes[..992]);
    bytes[992..1_024].copy_from_slice(&sha);
}

/// Bytes with right checksums and wrong content: refused, or an index that searches without panic.
#[test]
fn forged_bytes_do_no_harm() {
    let rows = embeddings(&clustered(300, 4, 60, 0.1, 18));
    let index = build(&rows, &options(Kind::Hnsw));
    let bytes = index.to_bytes([3; 32]);
    let mut untouched = bytes.clone();
    reseal(&mut untouched);
    assert!(
        untouched == bytes,
        "the checksums are where this test thinks they are"
    );
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(19);
    let (mut refused, mut accepted) = (0, 0);
    for round in 0..3_000 {
        let mut forged = bytes.clone();
        // Half of them in the words of the header, which are few.
        let at = if round % 2 == 0 {
            rng.gen_range(8..408)
        } else {
            rng.gen_range(1_088..bytes.len())
        };
        forged[at] = rng.r#gen();
        if round % 5 == 0 {
            forged.truncate(rng.gen_range(1_100..bytes.len()));
        }
        reseal(&mut forged);
        match Index::from_bytes(&forged, [3; 32], 300) {
            Err(_) => refused += 1,
            Ok(index) => {
                accepted += 1;
                let hits = index
                    .search(&rows, rows.row(Row(5)), 10, Some(12))
                    .unwrap_or_default();
                let distinct: HashSet<Row> = hits.iter().map(|hit| hit.row).collect();
                assert!(distinct.len() == hits.len() && hits.len() <= 10);
                let _ = index.refresh(&rows, &options(Kind::Hnsw), &mut |_| ());
            }
        }
    }
    assert!(
        refused > 1_000 && accepted > 100,
        "{refused} refused, {accepted} accepted"
    );
}
