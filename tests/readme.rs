//! Every command of the README works, as it is written there.

#![cfg(unix)]

mod run;

use run::{Place, root};
use std::process::Command;

/// The lines of the README's `sh` blocks.
fn commands() -> Vec<String> {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("the README");
    let mut commands = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            _ if inside => commands.push(line.to_owned()),
            _ => {}
        }
    }
    commands
}

#[test]
fn the_readmes_commands_work() {
    let place = Place::new();
    place.file(
        "abstract.txt",
        b"Masked autoencoders learn graphs without labels.",
    );
    std::fs::create_dir(place.path("data")).expect("a folder");
    for file in ["hf-papers.jsonl", "hf-papers.txt"] {
        std::fs::copy(
            root().join("data").join(file),
            place.path("data").join(file),
        )
        .expect("a copy");
    }
    std::fs::create_dir(place.path("bin")).expect("a folder");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_syntopic"), place.path("bin/syntopic"))
        .expect("a link");
    let path = format!(
        "{}:{}",
        place.path("bin").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let mut ran = 0;
    for command in commands() {
        // This test is one of those that the second command runs; the first one is built already.
        if command == "cargo test --workspace" {
            continue;
        }
        let command = command.replace("cargo run --release --", "syntopic");
        assert!(
            command.starts_with("syntopic "),
            "{command:?} is not tested"
        );
        let output = Command::new("sh")
            .args(["-c", &command])
            .current_dir(place.path(""))
            .env("PATH", &path)
            .env_remove("SYNTOPIC_LIBRARY")
            .output()
            .expect("a shell");
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "{command}\n{out}\n{err}");
        assert!(
            !out.is_empty() || command.contains('>'),
            "{command} prints something"
        );
        ran += 1;
    }
    assert!(ran >= 10, "only {ran} commands were found in the README");
}

/// Text cut into what is a number and what is not.
fn pieces(text: &str) -> Vec<&str> {
    let of_number = |c: char| c.is_ascii_digit() || c == '.';
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let kind = of_number(first);
        let end = rest.find(|c| of_number(c) != kind).unwrap_or(rest.len());
        pieces.push(&rest[..end]);
        rest = &rest[end..];
    }
    pieces
}

/// Whether two lines say the same; numbers with decimals may differ by one in the second place, as another processor or
/// another mode rounds.
fn same(shown: &str, printed: &str) -> bool {
    let (shown, printed) = (pieces(shown), pieces(printed));
    let close = |a: &str, b: &str| {
        let decimals = a.contains('.') && b.contains('.');
        match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) if decimals => (a - b).abs() < 0.0101,
            _ => a == b,
        }
    };
    shown.len() == printed.len() && shown.iter().zip(&printed).all(|(a, b)| close(a, b))
}

#[test]
fn lines_are_the_same_but_for_the_last_digit() {
    assert!(same("  1  0.742  Title (2020)", "  1  0.743  Title (2020)"));
    assert!(!same("  1  0.742  Title", "  2  0.742  Title"));
    assert!(!same("  1  0.742  Title", "  1  0.762  Title"));
    assert!(!same("tightness 0.84", "tightness 0.84 and more"));
}

#[test]
fn the_readme_shows_what_the_demo_prints() {
    let place = Place::new();
    // By the name that it has in the README, hence from the folder it is in.
    let output = Command::new(env!("CARGO_BIN_EXE_syntopic"))
        .args(["demo", "--quiet"])
        .current_dir(place.path(""))
        .env_remove("SYNTOPIC_LIBRARY")
        .output()
        .expect("the binary runs");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let readme = std::fs::read_to_string(root().join("README.md")).expect("the README");
    let first = printed.lines().next().expect("a line");
    let mut shown = readme.lines().skip_while(|line| !same(line, first));
    for line in printed.trim_end().lines() {
        let shown = shown.next().unwrap_or("nothing more");
        assert!(
            same(shown, line),
            "the README has {shown:?}, not {line:?}; paste this into it:\n{printed}"
        );
    }
}
