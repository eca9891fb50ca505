//! The bytes of an index: in memory, or in a file seen through memory.

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;

use crate::IndexError;
use crate::lines::{Lines, bytes_of, bytes_of_mut, zeroed};

/// Bytes that begin on a cache line.
#[derive(Debug)]
pub(crate) enum Store {
    Owned { lines: Lines, len: usize },
    Mapped(Mmap),
}

impl Store {
    /// A copy of `bytes`.
    pub(crate) fn copy(bytes: &[u8]) -> Self {
        let mut lines = zeroed(bytes.len());
        bytes_of_mut(&mut lines)[..bytes.len()].copy_from_slice(bytes);
        Self::Owned {
            lines,
            len: bytes.len(),
        }
    }

    /// The file at `path`, mapped: pages are read when they are looked at, and shared by all processes.
    pub(crate) fn map(path: &Path) -> Result<Self, IndexError> {
        let error = |source: std::io::Error| IndexError::File {
            path: path.to_owned(),
            why: source.to_string(),
        };
        let file = File::open(path).map_err(error)?;
        if file.metadata().map_err(error)?.len() == 0 {
            return Err(IndexError::NotAnIndex);
        }
        // SAFETY: a file that changes while it is mapped would change bytes behind a shared reference. Index files are
        // never changed: they are written under another name and renamed, so an old one lives, unseen, until it is unmapped.
        let map = unsafe { Mmap::map(&file) }.map_err(error)?;
        Ok(Self::Mapped(map))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Owned { lines, len } => &bytes_of(lines)[..*len],
            Self::Mapped(map) => map,
        }
    }
}
