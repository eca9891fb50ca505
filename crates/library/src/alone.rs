//! Work that one process at a time does on a library: completing it, giving it another model, compacting and mending it.
//!
//! Adding and removing papers is not such work: those are short transactions, of which SQLite lets one in at a time. The lock is the
//! system's, on a file of its own, and goes with the process.

use crate::LibraryError;
use crate::engine::Library;
use std::fs::{File, TryLockError};
use std::io::{Seek, Write};

/// Name of the file in the library's folder.
const NAME: &str = "library.lock";

impl Library {
    /// Takes the lock, held as long as what is given; the file says for others `what` is done. Nothing where the system has no such
    /// lock.
    ///
    /// # Errors
    /// When another process holds it and it is not to be waited for, or the file cannot be made.
    pub(crate) fn alone(&self, what: &str) -> Result<Option<File>, LibraryError> {
        let path = self.folder.join(NAME);
        let io = |source| LibraryError::Io {
            path: path.clone(),
            source,
        };
        let opened = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path);
        let mut file = opened.map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if self.wait => file.lock().map_err(io)?,
            Err(TryLockError::WouldBlock) => {
                let said = std::fs::read_to_string(&path).unwrap_or_default();
                return Err(LibraryError::AtWork {
                    folder: self.folder.clone(),
                    what: said.trim().to_owned(),
                });
            }
            Err(TryLockError::Error(_)) => return Ok(None),
        }
        // Only for the message of others.
        let _ = file.set_len(0).and_then(|()| {
            file.rewind()?;
            writeln!(file, "{what}, process {}", std::process::id())
        });
        Ok(Some(file))
    }
}
