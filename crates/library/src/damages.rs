//! Derived files that are deleted, cut, or have a bit flipped: tests alone. No damage gives a wrong answer, each is found when the file is
//! used or by a check, and the file is made again: 60 damages, or as many as `SYNTOPIC_DAMAGES` says.

use crate::Event;
use crate::faulted::{add, answers};
use crate::killed::open;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

#[derive(Default)]
struct Found {
    by_use: usize,
    by_the_check: usize,
}

/// That the damage to the file at `path`, which was `whole`, is found and mended.
fn mended(folder: &Path, path: &Path, whole: &[u8], told: &str, found: &mut Found) {
    // Topics say when they were brought up to date, and so are not the same byte for byte.
    let is_whole = || match std::fs::read(path) {
        Ok(bytes) if path.ends_with("topics.json") => crate::derived::is_sealed(&bytes),
        Ok(bytes) => bytes == whole,
        Err(_) => false,
    };
    if is_whole() {
        found.by_use += 1;
        return;
    }
    // A file of which nothing damaged was read.
    let quiet = &mut |_: Event<'_>| ControlFlow::Continue(());
    let report = open(folder).check(None, quiet).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(
        report.problems.iter().any(|p| p.contains(name)),
        "{told}: {report:?}"
    );
    found.by_the_check += 1;
    std::fs::remove_file(path).unwrap();
    answers(&mut open(folder)).unwrap();
    assert!(is_whole(), "{told}: made again");
}

#[test]
fn damaged_derived_files_give_no_wrong_answer_and_are_made_again() {
    let damages: usize = std::env::var("SYNTOPIC_DAMAGES").map_or(60, |n| n.parse().unwrap());
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("library");
    add(&folder, 0..160);
    let mut library = open(&folder);
    let expected = answers(&mut library).unwrap();
    let paths = library.derived_paths();
    drop(library);
    let whole = |path: &PathBuf| std::fs::read(path).unwrap();
    let wholes: Vec<Vec<u8>> = paths.iter().map(whole).collect();
    let mut state = 5u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below
    };
    let mut found = Found::default();
    for round in 0..damages {
        let which = round % paths.len();
        let (path, mut bytes) = (&paths[which], wholes[which].clone());
        let told = format!("round {round}, {}", path.display());
        // Never written in place: another process may have it open.
        std::fs::remove_file(path).unwrap();
        match random(5) {
            0 => {}
            1 | 2 => {
                bytes.truncate(random(bytes.len()));
                std::fs::write(path, &bytes).unwrap();
            }
            _ => {
                let bit = random(8 * bytes.len());
                bytes[bit / 8] ^= 1 << (bit % 8);
                std::fs::write(path, &bytes).unwrap();
            }
        }
        let answered = answers(&mut open(&folder)).unwrap();
        assert!(answered == expected, "{told}: a wrong answer {answered:?}");
        mended(&folder, path, &wholes[which], &told, &mut found);
    }
    let note = format!(
        "{damages} damages, {} found by their use, {} by a check alone\n",
        found.by_use, found.by_the_check
    );
    std::io::stdout().write_all(note.as_bytes()).unwrap();
    assert!(found.by_use > damages / 2, "{note}");
}
