//! What every index owes, exact and HNSW alike, and how much of the exact answer the graph must find.

mod indexes;

use std::cell::Cell;
use std::ops::ControlFlow;

use indexes::{build, clustered, embeddings, options, unit};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use syntopic_core::{Embeddings, Row, dot};
use syntopic_index::{
    Builder, Effort, Hit, Index, IndexError, IndexOptions, Kind, LookedAt, exact, exact_batch,
    measure_recall,
};

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

/// The same cases in every run: a graph of so few edges finds nearly every row by its vector, and these it must all find.
#[test]
fn every_index_keeps_the_rules() {
    let mut runner = TestRunner::new_with_rng(
        ProptestConfig {
            cases: 64,
            failure_persistence: None,
            ..ProptestConfig::default()
        },
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let cases = (
        (1usize..1_200, 2usize..40, 1usize..20),
        // A third of the cases: many identical rows.
        prop::sample::select(vec![0.0f32, 0.3, 1.0]),
        prop_oneof![2 => 1usize..12, 1 => 12usize..60],
        1u32..9,
        any::<u64>(),
    );
    let walks = Cell::new(0);
    let ran = runner.run(&cases, |((n, dim, clusters), spread, k, modulus, seed)| {
        let rows = embeddings(&clustered(n, dim, clusters, spread, seed));
        for kind in [Kind::Exact, Kind::Hnsw, Kind::Auto] {
            let index = build(&rows, &options(kind));
            prop_assert_eq!(index.is_exact(), kind != Kind::Hnsw);
            prop_assert_eq!(index.unreachable(), 0);
            let read = Index::from_bytes(&index.to_bytes([7; 32]), [7; 32], n).expect("as written");
            let query = rows.row(Row((seed % n as u64) as u32));
            let hits = index
                .search(&rows, query, k, None)
                .expect("a row is a query");
            prop_assert_eq!(hits.len(), k.min(n));
            assert_sound(&hits, &rows, query);
            // Of two or three numbers, hundreds of rows have one code, of which a walk with so little effort keeps some.
            if kind != Kind::Hnsw || dim >= 4 {
                prop_assert!(
                    hits[0].score >= dot(query, query),
                    "a row finds itself first: {:?}",
                    hits[0]
                );
            }
            let looked_at = index
                .find_where(&rows, query, k, None)
                .expect("a row is a query")
                .looked_at;
            walks.set(walks.get() + usize::from(looked_at == LookedAt::Walk));
            prop_assert_eq!(
                &read
                    .search(&rows, query, k, None)
                    .expect("a row is a query"),
                &hits
            );
            if kind != Kind::Hnsw {
                prop_assert_eq!(&hits, &exact(&rows, query, k));
            }
            let keep = |row: Row| row.0.is_multiple_of(modulus);
            let kept = index
                .search_where(&rows, query, k, &keep)
                .expect("a row is a query");
            prop_assert_eq!(
                kept.len(),
                k.min((0..n as u32).filter(|row| keep(Row(*row))).count())
            );
            prop_assert!(kept.iter().all(|hit| keep(hit.row)));
            assert_sound(&kept, &rows, query);
            let batch = index
                .search_batch(&rows, &rows, k, None)
                .expect("rows are queries");
            prop_assert_eq!(batch.len(), n);
            prop_assert_eq!(&batch[(seed % n as u64) as usize], &hits);
            let neighbors = index
                .neighbors(&rows, k, &mut |_| ControlFlow::Continue(()))
                .expect("its rows");
            prop_assert_eq!(neighbors.k(), k.min(n - 1));
            for row in (0..n as u32).map(Row) {
                let others = neighbors.of(row);
                assert_sound(others, &rows, rows.row(row));
                prop_assert!(others.iter().all(|hit| hit.row != row));
                if kind != Kind::Hnsw {
                    let all = exact(&rows, rows.row(row), n)
                        .into_iter()
                        .filter(|hit| hit.row != row);
                    prop_assert_eq!(others, all.take(k).collect::<Vec<_>>());
                }
            }
        }
        Ok(())
    });
    ran.expect("every index keeps them");
    assert!(
        walks.get() >= 32,
        "{} of 64 walked over their graph",
        walks.get()
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

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
    let mut hear = |done| {
        reports.push(done);
        ControlFlow::Continue(())
    };
    let first =
        Index::build(&rows, &options(Kind::Hnsw), &mut hear).expect("the options are right");
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

/// What [`measure_recall`] gives of an index that was made for a recall of .99, and what its calibration measured.
fn calibrated(rows: &Embeddings) -> (f64, f64) {
    let index = build(
        rows,
        &IndexOptions {
            effort: Effort::Recall(0.99),
            ..options(Kind::Hnsw)
        },
    );
    let calibration = index.calibration();
    assert!(calibration.ef < 1024, "{calibration:?}");
    let measured = measure_recall(&index, rows, 10, 200, 8).expect("more than one row");
    (calibration.recall, measured.mean)
}

#[test]
fn many_copies_of_few_texts_are_calibrated_like_texts_without_copies() {
    let texts = clustered(300, 32, 20, 1.0, 14);
    let copies: Vec<Vec<f32>> = (0..70).flat_map(|_| texts.clone()).collect();
    let (calibrated_at, measured) = calibrated(&embeddings(&copies));
    assert!(
        calibrated_at >= 0.99 && measured >= 0.99,
        "{calibrated_at} {measured}"
    );
}

#[test]
fn where_fewer_than_ten_rows_are_in_all_of_them_are_a_recall_of_1() {
    for n in 2..24 {
        let rows = embeddings(&clustered(n, 16, 3, 1.0, 15));
        assert_eq!(calibrated(&rows), (1.0, 1.0), "{n} rows");
    }
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
fn building_can_be_cancelled_after_any_batch() {
    let rows = embeddings(&clustered(3_000, 8, 30, 0.5, 28));
    let before = build(
        &embeddings(&clustered(2_900, 8, 30, 0.5, 28)),
        &options(Kind::Hnsw),
    );
    let hnsw_rs = IndexOptions {
        builder: Builder::HnswRs,
        ..options(Kind::Hnsw)
    };
    for last in [1, 2, 7] {
        let mut calls = 0;
        let mut stop = |_| {
            calls += 1;
            match calls == last {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let built = Index::build(&rows, &options(Kind::Hnsw), &mut stop);
        assert_eq!(built.err(), Some(IndexError::Cancelled));
        assert_eq!(calls, last, "nothing is heard after");
    }
    let mut stop = |_| ControlFlow::Break(());
    let refreshed = before.refresh(&rows, &options(Kind::Hnsw), &mut stop);
    assert_eq!(refreshed.err(), Some(IndexError::Cancelled));
    assert_eq!(
        Index::build(&rows, &hnsw_rs, &mut stop).err(),
        Some(IndexError::Cancelled)
    );
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
        &mut |_| ControlFlow::Continue(()),
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
fn a_search_says_which_rows_it_looked_at() {
    let rows = embeddings(&clustered(2_000, 8, 20, 1.0, 16));
    let index = build(&rows, &options(Kind::Hnsw));
    let query = rows.row(Row(3));
    let find = |k, keep: Option<&dyn Fn(Row) -> bool>| {
        let found = index
            .find_where(&rows, query, k, keep)
            .expect("a row is a query");
        let plain = match keep {
            Some(keep) => index.search_where(&rows, query, k, keep),
            None => index.search(&rows, query, k, None),
        };
        assert_eq!(plain, Ok(found.hits));
        (found.looked_at, index.describe_search(found.looked_at, k))
    };
    let (looked_at, told) = find(5, None);
    assert!(looked_at == LookedAt::Walk && told == index.describe());
    let (looked_at, told) = find(1_000, None);
    assert!(
        looked_at == LookedAt::All && told.contains("to find 1000 of so many"),
        "{told}"
    );
    let few = |row: Row| row.0.is_multiple_of(500);
    let (looked_at, told) = find(5, Some(&few));
    assert_eq!(looked_at, LookedAt::Passing(4));
    assert!(told.contains("the 4 of 2000 rows that pass"), "{told}");
    let most = |row: Row| row.0 > 5;
    assert_eq!(find(5, Some(&most)).0, LookedAt::Walk);
    let exact = build(&rows, &options(Kind::Exact));
    let found = exact
        .find_where(&rows, query, 5, None)
        .expect("a row is a query");
    assert_eq!(exact.describe_search(found.looked_at, 5), exact.describe());
}

#[test]
fn a_wanted_recall_holds_for_more_than_the_10_nearest() {
    let all = clustered(8_300, 24, 50, 1.0, 22);
    let (rows, queries) = (embeddings(&all[..8_000]), embeddings(&all[8_000..]));
    for wanted in [0.9, 0.97] {
        let index = build(
            &rows,
            &IndexOptions {
                effort: Effort::Recall(wanted),
                ..options(Kind::Hnsw)
            },
        );
        for k in [10, 50, 100] {
            let query = queries.row(Row(0));
            let found = index.find_where(&rows, query, k, None).expect("a query");
            assert_eq!(
                found.looked_at,
                LookedAt::Walk,
                "or there is nothing to see"
            );
            let found = index
                .search_batch(&rows, &queries, k, None)
                .expect("queries");
            let truth = exact_batch(&rows, &queries, k);
            let right: usize = (found.iter().zip(&truth))
                .map(|(hits, truth)| {
                    let least = truth[k - 1].score;
                    hits.iter().filter(|hit| hit.score >= least).count()
                })
                .sum();
            let recall = right as f64 / (300 * k) as f64;
            assert!(recall >= wanted, "{recall} of the {k} nearest for {wanted}");
        }
    }
}
