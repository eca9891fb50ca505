//! One file against its registry entry: as it lies on disk, and as it arrives from a source.

use super::registry::FileEntry;
use super::resolve::Fetch;
use super::stamp::{Stamps, hex};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// What a file on disk is, compared with its registry entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// Path inside the model folder.
    pub file: String,
    /// Where it lies, or should.
    pub path: PathBuf,
    /// What is wrong with it, got and expected; `None`: it is the right file.
    pub problem: Option<String>,
    /// Whether it is not there at all.
    pub missing: bool,
    /// Whether it was read and hashed for this report (otherwise its stamp was still good, or its size already wrong).
    pub hashed: bool,
}

impl FileReport {
    /// Whether this is the right file.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.problem.is_none()
    }
}

/// Compares a file on disk with its entry. With `force` it is hashed whatever its stamp says.
pub(super) fn examine(
    folder: &Path,
    file: &FileEntry,
    stamps: &mut Stamps,
    force: bool,
    progress: &mut dyn FnMut(Fetch),
) -> FileReport {
    let mut report = FileReport {
        file: file.path.clone(),
        path: folder.join(&file.path),
        problem: None,
        missing: false,
        hashed: false,
    };
    let metadata = match fs::metadata(&report.path) {
        Ok(metadata) if metadata.is_file() => metadata,
        other => {
            let error = other.err();
            report.missing = error.as_ref().map(io::Error::kind) == Some(io::ErrorKind::NotFound);
            report.problem = Some(match error {
                None => "it is not a file".into(),
                Some(_) if report.missing => "it is not there".into(),
                Some(error) => error.to_string(),
            });
            return report;
        }
    };
    if metadata.len() != file.size {
        report.problem = Some(wrong_size(metadata.len(), file));
        return report;
    }
    let recorded = stamps.recorded(&file.path, &metadata).map(str::to_string);
    let sha256 = if let Some(sha256) = recorded.filter(|_| !force) {
        Ok(sha256)
    } else {
        report.hashed = true;
        progress(Fetch::Checking {
            file: file.path.clone(),
        });
        stamps.hash(folder, &file.path)
    };
    report.problem = match sha256 {
        Ok(sha256) if sha256 == file.sha256 => None,
        Ok(sha256) => Some(wrong_hash(&sha256, file)),
        Err(error) => Some(error.to_string()),
    };
    report
}

pub(super) fn wrong_size(got: u64, file: &FileEntry) -> String {
    let truncated = if got < file.size { " (truncated)" } else { "" };
    format!("got {got} bytes{truncated}, expected {}", expected(file))
}

/// The bytes that a file should be, in words.
pub(super) fn expected(file: &FileEntry) -> String {
    match file.sha256.as_str() {
        "" => format!("{} bytes", file.size),
        sha256 => format!("{} bytes with SHA-256 {sha256}", file.size),
    }
}

pub(super) fn wrong_hash(got: &str, file: &FileEntry) -> String {
    format!("got SHA-256 {got}, expected {}", file.sha256)
}

/// Why a file did not arrive.
#[derive(Debug)]
pub(super) enum NotReceived {
    /// Other bytes than expected: got and expected.
    Wrong(String),
    /// The source broke off or fell silent.
    Read(io::Error),
    /// It could not be written here.
    Write(io::Error),
}

/// Writes what `reader` gives to `to`, hashing as it goes: never more than the expected size, on disk for certain when
/// this returns, and removed again when it is not the expected file.
pub(super) fn receive(
    reader: &mut dyn Read,
    file: &FileEntry,
    to: &Path,
    progress: &mut dyn FnMut(Fetch),
) -> Result<(), NotReceived> {
    progress(Fetch::Started {
        file: file.path.clone(),
        total: file.size,
    });
    let write = || -> io::Result<File> {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        File::create(to)
    };
    let mut out = write().map_err(NotReceived::Write)?;
    let outcome = copy_checked(reader, file, &mut out, progress)
        .and_then(|()| out.sync_all().map_err(NotReceived::Write));
    if outcome.is_err() {
        // Nothing partial stays, neither to be used nor to fill the disk. The folder around it is removed later too.
        let _ = fs::remove_file(to);
    } else {
        progress(Fetch::Finished);
    }
    outcome
}

fn copy_checked(
    reader: &mut dyn Read,
    file: &FileEntry,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(Fetch),
) -> Result<(), NotReceived> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0_u8; 1 << 17];
    let mut done = 0_u64;
    loop {
        let n = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(NotReceived::Read(error)),
        };
        done += n as u64;
        if done > file.size {
            return Err(NotReceived::Wrong(format!(
                "got more than the expected {} bytes",
                file.size
            )));
        }
        hasher.update(&buffer[..n]);
        out.write_all(&buffer[..n]).map_err(NotReceived::Write)?;
        progress(Fetch::Bytes { done });
    }
    if done != file.size {
        return Err(NotReceived::Wrong(wrong_size(done, file)));
    }
    let got = hex(&hasher.finalize());
    if !file.sha256.is_empty() && got != file.sha256 {
        return Err(NotReceived::Wrong(wrong_hash(&got, file)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn entry(bytes: &[u8]) -> FileEntry {
        FileEntry {
            path: "a.json".into(),
            size: bytes.len() as u64,
            sha256: hex(&Sha256::digest(bytes)),
        }
    }

    #[test]
    fn a_full_disk_is_a_failed_write_not_a_bad_source() {
        let outcome = copy_checked(&mut &b"hello"[..], &entry(b"hello"), &mut Full, &mut |_| ());
        assert!(
            matches!(outcome, Err(NotReceived::Write(error)) if error.kind() == io::ErrorKind::StorageFull)
        );
    }

    #[test]
    fn only_the_expected_bytes_stay_on_disk() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let to = folder.path().join("sub/a.json");
        for wrong in [&b"hell"[..], b"jello", b"hello and much more", b""] {
            let outcome = receive(&mut &wrong[..], &entry(b"hello"), &to, &mut |_| ());
            assert!(matches!(outcome, Err(NotReceived::Wrong(_))), "{outcome:?}");
            assert!(!to.exists());
        }
        receive(&mut &b"hello"[..], &entry(b"hello"), &to, &mut |_| ()).expect("the right bytes");
        assert_eq!(fs::read(&to).expect("written"), b"hello");
    }
}
