//! Vectors from a `.npy` file, NumPy's own format (NEP 1): what `numpy.save` writes of a matrix of 32-bit floats.

use crate::LibraryError;
use std::io::Write;
use std::path::Path;
use syntopic_core::Embeddings;

const MAGIC: &[u8] = b"\x93NUMPY";

/// Writes a matrix of 32-bit floats, shape `(rows, dim)`, as `numpy.load` reads it.
///
/// # Errors
/// When `out` cannot be written.
pub fn write_npy<'a>(
    out: &mut dyn Write,
    rows: impl ExactSizeIterator<Item = &'a [f32]>,
    dim: usize,
) -> std::io::Result<()> {
    let shape = (rows.len(), dim);
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape:?}, }}");
    // The numbers begin at a multiple of 64.
    let before = MAGIC.len() + 2 + 2;
    let filled = (before + header.len() + 1).next_multiple_of(64) - before - 1;
    header.extend(std::iter::repeat_n(' ', filled - header.len()));
    header.push('\n');
    out.write_all(MAGIC)?;
    out.write_all(&[1, 0])?;
    out.write_all(&(header.len() as u16).to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    for row in rows {
        let bytes: Vec<u8> = row.iter().flat_map(|v| v.to_le_bytes()).collect();
        out.write_all(&bytes)?;
    }
    Ok(())
}

/// Rows shorter than this have no direction.
const SHORTEST: f64 = 1e-12;

/// The rows of the matrix in the file, each divided by its length.
pub(crate) fn read_unit_rows(path: &Path) -> Result<Embeddings, LibraryError> {
    read(path, parse)
}

/// The numbers of the matrix in the file, row by row, and how many a row has.
pub(crate) fn read_rows(path: &Path) -> Result<(Vec<f32>, usize), LibraryError> {
    read(path, matrix)
}

fn read<T>(path: &Path, parse: impl Fn(&[u8]) -> Result<T, String>) -> Result<T, LibraryError> {
    let bytes = std::fs::read(path).map_err(|source| LibraryError::Io {
        path: path.to_owned(),
        source,
    })?;
    parse(&bytes).map_err(|why| LibraryError::Matrix {
        path: path.to_owned(),
        why,
    })
}

fn parse(bytes: &[u8]) -> Result<Embeddings, String> {
    let (mut numbers, dim) = matrix(bytes)?;
    for (at, row) in numbers.chunks_mut(dim.max(1)).enumerate() {
        // Divided by its length, an infinite number would be none.
        if let Some(value) = row.iter().find(|value| !value.is_finite()) {
            return Err(format!("row {at} holds {value}, which is no finite number"));
        }
        let length = row
            .iter()
            .map(|v| f64::from(*v).powi(2))
            .sum::<f64>()
            .sqrt()
            .max(SHORTEST);
        row.iter_mut()
            .for_each(|v| *v = (f64::from(*v) / length) as f32);
    }
    Embeddings::new(numbers, dim).map_err(|error| error.to_string())
}

fn matrix(bytes: &[u8]) -> Result<(Vec<f32>, usize), String> {
    let wrong = || String::from("it is no .npy file of a matrix");
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(wrong)?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(wrong)?;
    let (len, rest) = if version[0] == 1 {
        let (len, rest) = rest.split_first_chunk().ok_or_else(wrong)?;
        (usize::from(u16::from_le_bytes(*len)), rest)
    } else {
        let (len, rest) = rest.split_first_chunk().ok_or_else(wrong)?;
        (u32::from_le_bytes(*len) as usize, rest)
    };
    let (header, data) = rest.split_at_checked(len).ok_or_else(wrong)?;
    let header = String::from_utf8_lossy(header).replace(' ', "");
    if !header.contains("'descr':'<f4'") || !header.contains("'fortran_order':False") {
        return Err(String::from(
            "it holds something else than 32-bit floats in rows: save it by numpy.save(path, x.astype('<f4'))",
        ));
    }
    let (n, dim) = header
        .split_once("'shape':(")
        .and_then(|(_, rest)| rest.split_once(')'))
        .and_then(|(shape, _)| shape.split_once(','))
        .and_then(|(n, dim)| Some((n.parse::<usize>().ok()?, dim.parse::<usize>().ok()?)))
        .ok_or_else(|| String::from("its shape is not (rows, numbers)"))?;
    if n.checked_mul(dim).and_then(|n| n.checked_mul(4)) != Some(data.len()) {
        return Err(format!(
            "it ends too early or too late for {n} rows of {dim} numbers"
        ));
    }
    let numbers = data.as_chunks().0.iter();
    Ok((numbers.map(|b| f32::from_le_bytes(*b)).collect(), dim))
}

#[cfg(test)]
mod tests {
    use super::*;
    use syntopic_core::Row;

    fn npy(version: u8, header: &str, numbers: &[f32]) -> Vec<u8> {
        let mut bytes = [MAGIC, &[version, 0]].concat();
        if version == 1 {
            bytes.extend((header.len() as u16).to_le_bytes());
        } else {
            bytes.extend((header.len() as u32).to_le_bytes());
        }
        bytes.extend(header.as_bytes());
        bytes.extend(numbers.iter().flat_map(|v| v.to_le_bytes()));
        bytes
    }

    const HEADER: &str = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }   \n";

    #[test]
    fn a_matrix_is_read_and_its_rows_made_unit_vectors() {
        for version in [1, 2] {
            let rows = parse(&npy(version, HEADER, &[3.0, 4.0, 0.0, -2.0])).unwrap();
            assert_eq!(
                (rows.row(Row(0)), rows.row(Row(1))),
                (&[0.6, 0.8][..], &[0.0, -1.0][..])
            );
        }
    }

    #[test]
    fn anything_else_is_refused_with_a_reason() {
        let whole = npy(1, HEADER, &[3.0, 4.0, 0.0, -2.0]);
        for cut in 0..whole.len() {
            assert!(parse(&whole[..cut]).is_err(), "cut at {cut}");
        }
        let why = |header: &str, numbers: &[f32]| parse(&npy(1, header, numbers)).unwrap_err();
        assert!(why(&HEADER.replace("<f4", "<f8"), &[0.0; 8]).contains("astype"));
        assert!(why(&HEADER.replace("(2, 2)", "(4,)"), &[1.0; 4]).contains("shape"));
        assert!(why(HEADER, &[1.0; 5]).contains("too late"));
        assert!(why(HEADER, &[0.0; 4]).contains("length 0"));
        for wrong in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            let expected = format!("row 1 holds {wrong}, which is no finite number");
            assert_eq!(why(HEADER, &[1.0, 0.0, 0.0, wrong]), expected);
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for rows in [
            vec![],
            vec![vec![0.5, -1.5, 2.0]],
            vec![vec![1.0, 0.0, 0.0]; 40],
        ] {
            let mut bytes = Vec::new();
            write_npy(&mut bytes, rows.iter().map(Vec::as_slice), 3).unwrap();
            assert_eq!((bytes.len() - rows.len() * 12) % 64, 0);
            if !rows.is_empty() {
                assert_eq!(matrix(&bytes), Ok((rows.concat(), 3)));
            }
        }
    }
}
