//! Files made from the library, which can be made again: written whole or not at all, and checked before use.

use crate::rows::Sha;
use crate::{Event, LibraryError, Progress};
use sha2::{Digest, Sha256};
use std::fs::{File, Permissions};
use std::io::{ErrorKind, Write};
use std::path::Path;

/// Writes a derived file; that it cannot be kept is said and no failure, since the result is at hand.
pub(crate) fn keep(path: &Path, bytes: &[u8], progress: &mut Progress<'_>) {
    if let Err(error) = write_atomically(path, bytes, None) {
        let _ = progress(Event::Note(&format!(
            "the result could not be kept for the next time: {error}"
        )));
    }
}

/// Writes `bytes` under a temporary name, with the permissions given or the user's usual ones, syncs, and renames: a reader sees the
/// old file or the new one.
fn write_atomically(
    path: &Path,
    bytes: &[u8],
    permissions: Option<Permissions>,
) -> Result<(), LibraryError> {
    let error = |source| LibraryError::Io {
        path: path.to_owned(),
        source,
    };
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut file = open_to_readers(&mut tempfile::Builder::new())
        .tempfile_in(folder)
        .map_err(error)?;
    file.write_all(bytes).map_err(error)?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions).map_err(error)?;
    }
    file.as_file().sync_all().map_err(error)?;
    file.persist(path).map_err(|e| error(e.error))?;
    // The rename itself is durable once the folder is synced; where folders cannot be opened, the system sees to it.
    if let Ok(folder) = File::open(folder) {
        folder.sync_all().map_err(error)?;
    }
    Ok(())
}

/// Writes a file that the user named: one that is there is replaced whole or stays as it was, and keeps its permissions. Written to in
/// place is what is no file, a device or a pipe; a file in a folder that may not be written to, or that is mounted by itself; and what a link points
/// to where nothing is there yet.
///
/// # Errors
/// When it cannot be written.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), LibraryError> {
    let error = |source| LibraryError::Io {
        path: path.to_owned(),
        source,
    };
    let in_place = |target: &Path| std::fs::write(target, bytes).map_err(error);
    // Of a link, its file is replaced.
    let Ok(target) = std::fs::canonicalize(path) else {
        return match std::fs::symlink_metadata(path) {
            Ok(_) => in_place(path),
            Err(_) => write_atomically(path, bytes, None),
        };
    };
    let there = std::fs::metadata(&target).map_err(error)?;
    if !there.is_file() {
        return in_place(&target);
    }
    match write_atomically(&target, bytes, Some(there.permissions())) {
        Err(LibraryError::Io { source, .. })
            if matches!(
                source.kind(),
                ErrorKind::PermissionDenied | ErrorKind::ResourceBusy | ErrorKind::CrossesDevices
            ) =>
        {
            in_place(&target)
        }
        Err(LibraryError::Io { source, .. }) => Err(error(source)),
        other => other,
    }
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

/// Whether these are the bytes of [`seal`], whatever it was made from.
#[cfg(test)]
pub(crate) fn is_sealed(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let parts = text.split_once('\n');
    parts.is_some_and(|(checksum, body)| checksum == hex(&Sha::from(Sha256::digest(body))))
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
        write_atomically(&path, b"one", None).unwrap();
        write_atomically(&path, b"two", None).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "no temporary file is left"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_file_of_the_users_keeps_its_permissions_and_a_link_its_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("x"), folder.path().join("link"));
        write_file(&path, b"one").unwrap();
        let own = std::fs::Permissions::from_mode(0o640);
        std::fs::set_permissions(&path, own).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write_file(&link, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert!(link.is_symlink());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        write_file(Path::new("/dev/null"), b"three").unwrap();
        let (dangling, later) = (folder.path().join("dangling"), folder.path().join("later"));
        std::os::unix::fs::symlink(&later, &dangling).unwrap();
        write_file(&dangling, b"five").unwrap();
        assert!(dangling.is_symlink());
        assert_eq!(std::fs::read(&later).unwrap(), b"five");
        let nowhere = folder.path().join("no/x");
        let error = write_file(&nowhere, b"four").unwrap_err().to_string();
        assert!(error.contains("no/x"), "{error}");
    }
}
