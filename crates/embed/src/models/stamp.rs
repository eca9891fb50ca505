//! What a file's SHA-256 was when it was last hashed, and whether the file may have changed since.
//!
//! A stamp holds size, modification time and inode beside the hash. While all three are the same the recorded hash
//! stands; otherwise the file is read again. Not for: deciding whether a hash is the right one.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The file that holds the stamps of a folder of syntopic's own cache.
const FILE: &str = ".stamps.json";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    size: u64,
    mtime_ns: i64,
    inode: u64,
    sha256: String,
    /// Seconds since 1970.
    checked_at: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Document {
    format: u32,
    files: BTreeMap<String, Stamp>,
}

/// The stamps of one model folder.
#[derive(Debug)]
pub(super) struct Stamps {
    path: PathBuf,
    files: BTreeMap<String, Stamp>,
    changed: bool,
}

impl Stamps {
    /// Stamps kept in the folder itself (syntopic's own cache).
    pub(super) fn beside(folder: &Path) -> Self {
        Self::load(folder.join(FILE))
    }

    /// Stamps of a folder that is not ours to write to, kept in syntopic's cache under a hash of the folder's path.
    pub(super) fn of_foreign(folder: &Path, cache_dir: &Path) -> Self {
        let real = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
        let key = hex(&Sha256::digest(real.as_os_str().as_encoded_bytes()));
        Self::load(
            cache_dir
                .join("stamps")
                .join(format!("{}.json", &key[..32])),
        )
    }

    /// A missing or unreadable stamp file is no stamps: everything is then hashed again.
    fn load(path: PathBuf) -> Self {
        let document: Option<Document> = fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let files = document
            .filter(|document| document.format == 1)
            .unwrap_or_default()
            .files;
        Stamps {
            path,
            files,
            changed: false,
        }
    }

    /// Whether the file is as it was when its hash was recorded.
    pub(super) fn recorded(&self, name: &str, metadata: &Metadata) -> Option<&str> {
        let stamp = self.files.get(name)?;
        let same = stamp.size == metadata.len()
            && stamp.mtime_ns == mtime_ns(metadata)
            && stamp.inode == inode(metadata);
        same.then_some(stamp.sha256.as_str())
    }

    /// Hashes a file and records the result.
    pub(super) fn hash(&mut self, folder: &Path, name: &str) -> io::Result<String> {
        let mut file = File::open(folder.join(name))?;
        // Taken before reading: a change during it makes the stamp stale, not wrong.
        let metadata = file.metadata()?;
        let sha256 = sha256(&mut file)?;
        self.record(name, &metadata, sha256.clone());
        Ok(sha256)
    }

    /// Records a hash that was computed elsewhere, while these bytes were written.
    pub(super) fn record(&mut self, name: &str, metadata: &Metadata, sha256: String) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let stamp = Stamp {
            size: metadata.len(),
            mtime_ns: mtime_ns(metadata),
            inode: inode(metadata),
            sha256,
            checked_at: now,
        };
        self.files.insert(name.to_string(), stamp);
        self.changed = true;
    }

    /// Writes the stamps if they changed: to a temporary name, then renamed.
    pub(super) fn save(&mut self) -> io::Result<()> {
        if !self.changed {
            return Ok(());
        }
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        let document = Document {
            format: 1,
            files: self.files.clone(),
        };
        file.write_all(&serde_json::to_vec_pretty(&document)?)?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        self.changed = false;
        Ok(())
    }
}

/// SHA-256 of all that is left to read, as lower-case hex.
pub(super) fn sha256(reader: &mut dyn Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0_u8; 1 << 20];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hasher.finalize())),
            Ok(n) => hasher.update(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn mtime_ns(metadata: &Metadata) -> i64 {
    let since = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    })
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_metadata: &Metadata) -> u64 {
    0
}
