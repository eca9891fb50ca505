//! Files made from the library, which can be made again: written whole or not at all, and checked before use.

use crate::rows::Sha;
use crate::{Event, LibraryError, Progress};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Writes a derived file; that it cannot be kept is said and no failure, since the result is at hand.
pub(crate) fn keep(path: &Path, bytes: &[u8], progress: &mut Progress<'_>) {
    if let Err(error) = write_atomically(path, bytes) {
        let _ = progress(Event::Note(&format!(
            "the result could not be kept for the next time: {error}"
        )));
    }
}

/// Writes `bytes` under a temporary name, syncs, and renames: a reader sees the old file or the new one.
fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), LibraryError> {
    let error = |source| LibraryError::Io {
        path: path.to_owned(),
        source,
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = open_to_readers(&mut tempfile::Builder::new())
        .tempfile_in(folder)
        .map_err(error)?;
    file.write_all(bytes).map_err(error)?;
    file.as_file().sync_all().map_err(error)?;
    file.persist(path).map_err(|e| error(e.error))?;
    // The rename itself is durable once the folder is synced; where folders cannot be opened, the system sees to it.
    if let Ok(folder) = File::open(folder) {
        folder.sync_all().map_err(error)?;
    }
    Ok(())
}

/// Whoever may read the library may read the file: temporary files are private by default.
pub(crate) fn open_to_readers<'a, 'b>(
    builder: &'a mut tempfile::Builder<'b, 'b>,
) -> &'a mut tempfile::Builder<'b, 'b> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The user's umask is applied to it.
        builder.permissions(std::fs::Permissions::from_mode(0o666))
    }
    #[cfg(not(unix))]
    builder
}

/// A JSON text with what it was made from and a checksum over both, as three lines.
pub(crate) fn seal(json: &str, made_from: &Sha) -> Vec<u8> {
    let body = format!("{}\n{json}\n", hex(made_from));
    let checksum: Sha = Sha256::digest(body.as_bytes()).into();
    format!("{}\n{body}", hex(&checksum)).into_bytes()
}

/// The JSON text of [`seal`], if nothing was altered and it was made from `made_from`.
pub(crate) fn unseal(bytes: &[u8], made_from: &Sha) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (checksum, body) = text.split_once('\n')?;
    let actual: Sha = Sha256::digest(body.as_bytes()).into();
    if checksum != hex(&actual) {
        return None;
    }
    let (source, json) = body.split_once('\n')?;
    (source == hex(made_from)).then(|| json.trim_end_matches('\n').to_owned())
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_comes_back_and_nothing_else() {
        let sealed = seal("{\"a\":1}", &[7; 32]);
        assert_eq!(unseal(&sealed, &[7; 32]).as_deref(), Some("{\"a\":1}"));
        assert_eq!(unseal(&sealed, &[8; 32]), None, "made from something else");
        for index in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[index] ^= 1;
            assert_eq!(unseal(&flipped, &[7; 32]), None, "byte {index} flipped");
            assert_eq!(unseal(&sealed[..index], &[7; 32]), None, "cut at {index}");
        }
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "no temporary file is left"
        );
    }
}
