//! Vectors to a file that NumPy reads.

use crate::LibraryError;
use std::io::Write;
use std::path::Path;
use syntopic_core::Embeddings;

/// Writes vectors as NumPy reads them: format 1.0, little-endian f32, C order, shape `(n_rows, dim)`.
pub(super) fn save(path: &Path, vectors: &Embeddings) -> Result<(), LibraryError> {
    let shape = format!("({}, {})", vectors.n_rows(), vectors.dim());
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    // Magic, version and length are 10 bytes; all of it together is a multiple of 64, ending in a line break.
    header.push_str(&" ".repeat((64 - (10 + header.len() + 1) % 64) % 64));
    header.push('\n');
    let length = u16::try_from(header.len())
        .unwrap_or(u16::MAX)
        .to_le_bytes();
    let error = |source| LibraryError::Io {
        path: path.to_owned(),
        source,
    };
    let mut out = std::io::BufWriter::new(std::fs::File::create(path).map_err(error)?);
    let mut write = |bytes: &[u8]| out.write_all(bytes).map_err(error);
    write(b"\x93NUMPY\x01\x00")?;
    write(&length)?;
    write(header.as_bytes())?;
    for value in vectors.as_slice() {
        write(&value.to_le_bytes())?;
    }
    out.flush().map_err(error)
}
