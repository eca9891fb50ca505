//! The file of an index: opened where it lies, and never trusted when it is damaged or forged.

#[path = "../fuzz/forging.rs"]
#[allow(dead_code, reason = "`fuzzed.rs` uses the rest")]
mod forging;
mod indexes;

use std::collections::HashSet;
use std::ops::ControlFlow;

use forging::reseal;
use indexes::{build, clustered, embeddings, options};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use syntopic_core::Row;
use syntopic_index::{Index, IndexError, Kind};

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
            expected: 4
        }
    );
    assert_eq!(
        error(&[&bytes[..], &[0]].concat(), [3; 32], 500),
        IndexError::Checksum
    );
}

/// A file that is opened, not read: damage is found at once, or by the search that comes to it, or does not matter to the
/// answer; and always by `verify`.
#[test]
fn damage_in_an_opened_file_never_gives_a_wrong_answer() {
    let rows = embeddings(&clustered(1_500, 8, 300, 0.3, 16));
    let index = build(&rows, &options(Kind::Hnsw));
    let bytes = index.to_bytes([3; 32]);
    let ask = |index: &Index| -> Result<Vec<_>, IndexError> {
        let search = |row| index.search(&rows, rows.row(Row(row)), 5, None);
        let odd = |row: Row| row.0 % 2 == 1;
        let filtered = index.search_where(&rows, rows.row(Row(77)), 5, &odd)?;
        Ok(vec![search(5)?, search(900)?, filtered])
    };
    let expected = ask(&index).expect("sound");
    let folder = tempfile::tempdir().expect("a folder");
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(20);
    let (mut at_once, mut by_the_search, mut not_met) = (0, 0, 0);
    for round in 0..1_000 {
        let mut damaged = bytes.clone();
        if round % 2 == 0 {
            damaged.truncate(rng.gen_range(0..bytes.len()));
        } else {
            let bit = rng.gen_range(0..8 * bytes.len());
            damaged[bit / 8] ^= 1 << (bit % 8);
        }
        let path = folder.path().join(round.to_string());
        std::fs::write(&path, &damaged).expect("written");
        let Ok(opened) = Index::open(&path, [3; 32], 1_500) else {
            at_once += 1;
            continue;
        };
        match ask(&opened) {
            Ok(hits) => {
                not_met += 1;
                assert_eq!(hits, expected, "round {round}");
            }
            Err(error) => {
                by_the_search += 1;
                assert_eq!(error, IndexError::Checksum);
                assert!(opened.search(&rows, rows.row(Row(5)), 5, None).is_err());
            }
        }
        assert!(opened.verify().is_err(), "round {round}");
        assert!(
            opened
                .neighbors(&rows, 3, &mut |_| ControlFlow::Continue(()))
                .is_err()
        );
        assert!(
            opened
                .refresh(&rows, &options(Kind::Hnsw), &mut |_| ControlFlow::Continue(
                    ()
                ))
                .is_err()
        );
        std::fs::remove_file(&path).expect("removed");
    }
    assert!(
        at_once >= 500 && by_the_search > 100 && not_met > 10,
        "{at_once} {by_the_search} {not_met}"
    );
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
            rng.gen_range(8..416)
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
                let _ = index.refresh(&rows, &options(Kind::Hnsw), &mut |_| {
                    ControlFlow::Continue(())
                });
            }
        }
    }
    assert!(
        refused > 1_000 && accepted > 100,
        "{refused} refused, {accepted} accepted"
    );
}
