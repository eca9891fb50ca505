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

/// Text with every digit alike: another processor may round the last one differently.
fn without_digits(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect()
}

#[test]
fn the_readme_shows_what_the_demo_prints() {
    let place = Place::new();
    let ran = run::syntopic(&place.path("syntopic-demo"), &["demo", "--quiet"]);
    let readme = std::fs::read_to_string(root().join("README.md")).expect("the README");
    // The first lines name the folder, which is another here.
    let printed = ran.ok();
    let body = &printed[printed.find("Related to").expect("related papers")..];
    assert!(
        without_digits(&readme).contains(without_digits(body).trim_end()),
        "paste this into the README:\n{printed}"
    );
}
