//! What every fuzz target of this crate does, and the short run of them among the ordinary tests (`../tests/fuzzed.rs`).

use syntopic_core::Paper;
use syntopic_formats::{Format, open, write_jsonl};

/// Reads `bytes` to their end, as a file of `format` or of the format that they look like.
///
/// # Panics
/// Where a promise of the crate does not hold: a paper that came in goes out as a JSON line and comes in again as it was, a
/// record that is left out says where and why, and a file that is not packed has no more records than bytes (one of Parquet, which is
/// packed inside, 100 for each).
pub(crate) fn read(bytes: &[u8], format: Option<Format>) {
    let packed = bytes.starts_with(b"\x1f\x8b") || bytes.starts_with(b"\x28\xb5\x2f\xfd");
    // Anyone's file may be packed; a bomb takes longer than one case may.
    if packed && bytes.len() > 4 << 10 {
        return;
    }
    let Ok(mut papers) = open("in", Box::new(bytes), format) else {
        return;
    };
    let parquet = bytes.ends_with(b"PAR1");
    let most = bytes.len() * if parquet { 100 } else { 1 } + 1;
    let mut records = 0;
    for item in papers.by_ref() {
        records += 1;
        match item {
            Ok(Ok(paper)) => assert_comes_back(&paper),
            Ok(Err(skipped)) => {
                assert_eq!(skipped.source, "in");
                assert!(!skipped.why.is_empty(), "{skipped:?}");
            }
            Err(error) => assert!(error.to_string().starts_with("in: "), "{error}"),
        }
        assert!(packed || records <= most, "{records} records");
    }
    assert!(papers.next().is_none(), "the end is the end");
}

fn assert_comes_back(paper: &Paper) {
    let mut line = Vec::new();
    write_jsonl(&mut line, paper).expect("memory does not fail");
    let again = open("line", Box::new(&line[..]), Some(Format::Jsonl))
        .and_then(|mut papers| papers.next().expect("one item"))
        .unwrap_or_else(|error| panic!("{error}"))
        .unwrap_or_else(|skipped| panic!("{skipped}: {}", String::from_utf8_lossy(&line)));
    assert_eq!(&again, paper);
}
