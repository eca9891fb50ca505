//! Runs the real binary, as a user does.
#![allow(dead_code, reason = "each test binary uses a part")]

use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A small random BERT: fast, and different from the default model. Good for everything but the quality of answers.
pub(crate) fn tiny_model() -> String {
    root()
        .join("tests/reference/tiny/bert-cls")
        .display()
        .to_string()
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What a run printed and how it ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8 output");
        Self {
            code: output.status.code().expect("an exit code, not a signal"),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// That it ended with `code` and said each of `words` on stderr, without a panic.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, words: &[&str]) {
        assert!(!self.err.contains("panicked"), "{}", self.err);
        for word in words {
            assert!(
                self.err.contains(word),
                "{word:?} is not in: {}\n{}",
                self.err,
                self.out
            );
        }
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
    }

    /// That it ended well; gives what it printed.
    #[track_caller]
    pub(crate) fn ok(&self) -> &str {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        &self.out
    }

    /// That it ended well; gives what it printed as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.ok()).unwrap_or_else(|e| panic!("not JSON ({e}): {}", self.out))
    }
}

/// Runs `syntopic --library LIBRARY ARGUMENTS…`.
pub(crate) fn syntopic(library: &Path, arguments: &[&str]) -> Ran {
    syntopic_fed(library, arguments, b"")
}

/// The same, with something on the standard input.
pub(crate) fn syntopic_fed(library: &Path, arguments: &[&str], input: &[u8]) -> Ran {
    let mut child = command(library)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // A program that failed early does not read all of it.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("the writer ends");
    Ran::of(&output)
}

/// The binary with its library, and nothing of the environment that would change what it does.
pub(crate) fn command(library: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_syntopic"));
    command
        .env_remove("SYNTOPIC_LIBRARY")
        .arg("--library")
        .arg(library);
    command
}

/// A temporary folder with a library of some papers in it, made with the tiny model.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// One with a library of `papers`.
    pub(crate) fn with(papers: &[(&str, &str, &str)]) -> Self {
        let place = Self::new();
        let lines: Vec<String> = papers
            .iter()
            .map(|(id, title, text)| line(id, title, text))
            .collect();
        place
            .add(
                &place.file("papers.jsonl", lines.join("\n").as_bytes()),
                &[],
            )
            .ok();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn library(&self) -> PathBuf {
        self.path("library")
    }

    /// Writes a file and gives its path.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    /// Adds a file with the tiny model.
    pub(crate) fn add(&self, file: &Path, more: &[&str]) -> Ran {
        let file = file.display().to_string();
        let model = tiny_model();
        let mut arguments = vec!["add", &file, "--model", &model];
        arguments.extend(more);
        syntopic(&self.library(), &arguments)
    }

    /// Runs a verb on its library.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        syntopic(&self.library(), arguments)
    }
}

/// One line of JSONL.
pub(crate) fn line(id: &str, title: &str, text: &str) -> String {
    serde_json::json!({ "id": id, "title": title, "abstract": text }).to_string()
}

/// Five short papers.
pub(crate) const FIVE: [(&str, &str, &str); 5] = [
    (
        "a1",
        "Contrastive learning of images",
        "We learn images from two views of each.",
    ),
    (
        "a2",
        "Masked image modelling",
        "We learn images by filling in patches.",
    ),
    (
        "b1",
        "Code generation with language models",
        "Language models write and debug code.",
    ),
    (
        "b2",
        "Self-debugging",
        "A language model explains its code and repairs it.",
    ),
    (
        "c1",
        "Graphs for recommendation",
        "A graph network recommends items to users.",
    ),
];

/// Copies a folder with all that is in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
