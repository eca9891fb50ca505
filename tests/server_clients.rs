//! The server asked by the clients that people have: Python's, fetched by pip into the build folder. Where pip cannot fetch them,
//! the tests say that they were skipped.

#![cfg(unix)]
#![allow(clippy::print_stdout, reason = "a test that cannot run says so")]

mod run;
mod serving;

use run::{FIVE, Place, root};
use serving::Server;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const KEY: &str = "sesame";

/// How long pip may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// The folder of programs of an environment with the clients, made once; `None` where pip fails.
fn clients() -> Option<PathBuf> {
    static CLIENTS: OnceLock<Option<PathBuf>> = OnceLock::new();
    CLIENTS.get_or_init(make_clients).clone()
}

fn make_clients() -> Option<PathBuf> {
    let wanted = root().join("tests/clients/requirements.txt");
    let text = std::fs::read_to_string(&wanted).expect("the list of clients");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("clients");
    let (programs, made) = (folder.join("bin"), folder.join("made-of.txt"));
    if std::fs::read_to_string(&made).is_ok_and(|known| known == text) {
        return Some(programs);
    }
    let _ = std::fs::remove_dir_all(&folder);
    let ran = |command: &mut Command| {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let Ok(mut child) = child else { return false };
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Ok(Some(status)) = child.try_wait() {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = child.kill();
        let _ = child.wait();
        false
    };
    let bare = ["-m", "venv", "--without-pip"];
    let environment = ran(Command::new("python3").args(bare).arg(&folder));
    // The pip of the machine, so that it need not be in the environment too.
    let fetched = environment
        && ran(Command::new("python3")
            .args(["-m", "pip", "--python"])
            .arg(programs.join("python"))
            .args([
                "install",
                "--disable-pip-version-check",
                "--only-binary=:all:",
                "-r",
            ])
            .arg(&wanted));
    fetched.then(|| {
        std::fs::write(&made, text).expect("a note");
        programs
    })
}

/// Five papers, with the model inside the binary and two topics; one has identifiers of other places.
fn library() -> Place {
    let place = Place::new();
    let lines = FIVE.map(|(id, title, text)| {
        let mut paper = serde_json::json!({ "id": id, "title": title, "abstract": text });
        if id == "a1" {
            paper["doi"] = "https://doi.org/10.1000/abc".into();
            paper["url"] = "https://arxiv.org/abs/2103.03230v3".into();
        }
        paper.to_string()
    });
    let file = place.file("papers.jsonl", lines.join("\n").as_bytes());
    let file = file.display().to_string();
    place.run(&["add", &file, "--model", "embedded"]).ok();
    place.run(&["topics", "-k", "2"]).ok();
    place
}

/// Runs a script of `tests/clients` on a server with a key.
fn runs(script: &str) {
    let Some(programs) = clients() else {
        println!("skipped: pip could not fetch the clients of {script}");
        return;
    };
    let place = library();
    let server = Server::start(&place.library(), &["--api-key", KEY]);
    let output = Command::new(programs.join("python"))
        .arg(root().join("tests/clients").join(script))
        .args([format!("http://{}", server.address), KEY.to_owned()])
        .arg(env!("CARGO_BIN_EXE_syntopic"))
        .arg(place.library())
        .output()
        .expect("Python");
    let said = [&output.stdout, &output.stderr].map(|out| String::from_utf8_lossy(out));
    let (status, log) = server.end();
    assert!(
        output.status.success(),
        "{script}: {}\n{}\n{log}",
        said[0],
        said[1]
    );
    assert!(said[0].ends_with("done\n"), "{script}: {}", said[0]);
    assert!(status.success(), "{status}\n{log}");
}

#[test]
fn openais_client_embeds() {
    runs("openai_embeddings.py");
}

#[test]
fn langchain_embeds() {
    runs("langchain_embeddings.py");
}

#[test]
fn hugging_faces_client_embeds_compares_and_ranks() {
    runs("tei.py");
}

#[test]
fn semantic_scholars_recommendations_are_answered() {
    runs("scholar.py");
}

#[test]
fn the_mcp_client_uses_the_tools_over_both_transports() {
    runs("mcp_tools.py");
}

#[test]
fn data_frames_read_what_is_exported() {
    runs("data_frames.py");
}

#[test]
fn schemathesis_finds_nothing() {
    let Some(programs) = clients() else {
        println!("skipped: pip could not fetch schemathesis");
        return;
    };
    let place = library();
    let server = Server::start(&place.library(), &["--api-key", KEY]);
    let output = Command::new(programs.join("schemathesis"))
        .args([
            "--no-color",
            "run",
            "--checks",
            "all",
            "--max-examples",
            "12",
            "--seed",
            "1",
        ])
        .args(["--header", &format!("Authorization: Bearer {KEY}")])
        .arg(format!("http://{}/openapi.json", server.address))
        .current_dir(place.path(""))
        .output()
        .expect("schemathesis");
    let said = [&output.stdout, &output.stderr].map(|out| String::from_utf8_lossy(out));
    let (status, log) = server.end();
    assert!(output.status.success(), "{}\n{}", said[0], said[1]);
    assert!(
        status.success() && !log.contains("\"ERROR\""),
        "{status}\n{log}"
    );
}
