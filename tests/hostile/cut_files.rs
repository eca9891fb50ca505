//! Whole files of every format, cut and put together: the sample corpora of the fuzz targets, and real files where they are there.

use super::{Case, add_all, files_in, run};
use std::path::PathBuf;

/// SplitMix64 (Steele, Lea and Flood 2014).
fn below(n: usize, state: &mut u64) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) % n as u64) as usize
}

/// Of each file: cut at three places, without a piece of its middle, with its middle said ten times, with NUL bytes and bytes that are
/// no UTF-8 all through it, and with the end of another file in place of its own.
fn damaged(files: &[(String, Vec<u8>)]) -> Vec<Case> {
    let mut state = files.len() as u64;
    let mut cases = Vec::new();
    for (at, (name, bytes)) in files.iter().enumerate() {
        let cut = below(bytes.len(), &mut state);
        let (from, to) = (bytes.len() / 3, bytes.len() / 2);
        let other = &files[(at + 7) % files.len()].1;
        let sprinkled = |with: &[u8]| -> Vec<u8> {
            let pieces = bytes.chunks(bytes.len() / 20 + 1);
            pieces.flat_map(|piece| [piece, with].concat()).collect()
        };
        let all = [
            ("cut early", bytes[..cut / 2].to_vec()),
            ("cut late", bytes[..(cut + bytes.len()) / 2].to_vec()),
            ("without its beginning", bytes[cut..].to_vec()),
            ("without a piece", [&bytes[..from], &bytes[to..]].concat()),
            (
                "a piece ten times",
                [&bytes[..from], &bytes[from..to].repeat(10), &bytes[to..]].concat(),
            ),
            ("with NUL bytes", sprinkled(b"\0\0")),
            ("with bytes that are no UTF-8", sprinkled(b"\xff\xc3")),
            (
                "with another's end",
                [&bytes[..to], &other[other.len() / 2..]].concat(),
            ),
        ];
        cases.extend(all.into_iter().map(|(what, bytes)| Case {
            name: format!("{name} {what}"),
            bytes,
            good: Vec::new(),
            bad: None,
        }));
    }
    cases
}

#[test]
fn samples_of_every_format() {
    let mut files = Vec::new();
    files_in(&run::root().join("crates/formats/fuzz/corpus"), &mut files);
    assert!(files.len() >= 30, "{}", files.len());
    add_damaged(&files);
}

#[test]
fn real_files() {
    let Some(data) = std::env::var_os("SYNTOPIC_EVAL_DATA").map(PathBuf::from) else {
        println!("skipped: SYNTOPIC_EVAL_DATA is not set, so there are no real files");
        return;
    };
    let mut files = Vec::new();
    files_in(&data.join("formats"), &mut files);
    files_in(&data.join("seed"), &mut files);
    add_damaged(&files);
}

fn add_damaged(files: &[(String, Vec<u8>)]) {
    let mut cases = damaged(files);
    let whole = "{\"id\":\"good\",\"title\":\"A Good Paper\"}\n";
    cases.push(Case {
        name: "a good file".to_owned(),
        bytes: whole.into(),
        good: vec!["A Good Paper".to_owned()],
        bad: None,
    });
    for (case, became) in cases.iter().zip(add_all(None, &cases)) {
        // Nothing but an empty page is silent.
        let said = became.papers + became.skipped.len() as u64;
        let empty = case.name.contains("empty_feed");
        assert!(
            said > 0 || became.error.is_some() || empty || case.bytes.len() < 2_000,
            "{}",
            case.name
        );
    }
    println!("{} damaged files", cases.len() - 1);
}
