//! Lengths as Parquet's DELTA_BINARY_PACKED has them: how many there are is said before them, and the parquet crate believes it.

use super::header::Thrift;
use super::pages::{damaged, levels_of};
use parquet::basic::Encoding;
use parquet::column::page::Page;
use parquet::errors::Result;

/// Bytes that the values of one page may take where they are written as what differs from the one before.
const MOST_DIFFERENCES: u64 = 128 << 20;

/// That the values of a page, in one of the encodings that count them themselves, are no more than the page has. Gives the bytes that
/// they have at most where they are not looked up in a dictionary.
pub(super) fn check_encoding(page: &Page, levels: [i16; 2]) -> Result<u64> {
    let is_differences = page.encoding() == Encoding::DELTA_BYTE_ARRAY;
    if !is_differences && page.encoding() != Encoding::DELTA_LENGTH_BYTE_ARRAY {
        return Ok(page.buffer().len() as u64);
    }
    let (_, mut data) = levels_of(page, levels)?;
    let values = u64::from(page.num_values());
    let mut sum = 0;
    if is_differences {
        // The lengths of what each value has in common with the one before.
        (sum, data) = lengths(data, values)?;
    }
    let (rest, _) = lengths(data, values)?;
    let all = sum.saturating_add(rest);
    if all > MOST_DIFFERENCES {
        return Err(damaged());
    }
    Ok(all)
}

/// The sum of the lengths at the start of `data`, `most` at most, and what follows them (Parquet's DELTA_BINARY_PACKED).
fn lengths(data: &[u8], most: u64) -> Result<(u64, &[u8])> {
    let bytes = data.len() as u64;
    let mut thrift = Thrift {
        input: data,
        left: bytes,
    };
    let block = thrift.varint()?;
    let parts = thrift.varint()?;
    let mut values = thrift.varint()?;
    let mut length = thrift.signed()?;
    if values > most || parts == 0 || parts > bytes || block % parts != 0 || block > 1 << 32 {
        return Err(damaged());
    }
    let part = block / parts;
    let mut sum = 0_u64;
    let mut add = |length: i64| -> Result<()> {
        sum = sum.saturating_add(u64::try_from(length).map_err(|_| damaged())?);
        Ok(())
    };
    if values > 0 {
        add(length)?;
        values -= 1;
    }
    while values > 0 {
        let least = thrift.signed()?;
        let widths: Vec<u8> = (0..parts).map(|_| thrift.byte()).collect::<Result<_>>()?;
        for width in widths {
            // Parts behind the last value are not there, whatever their widths.
            if values == 0 {
                break;
            }
            let packed = (part * u64::from(width)).div_ceil(8);
            let packed = usize::try_from(packed).map_err(|_| damaged())?;
            let own = thrift.input.get(..packed).ok_or_else(damaged)?;
            for at in 0..part.min(values) {
                let more = number(own, at * u64::from(width), width)?;
                length = least
                    .checked_add(more)
                    .and_then(|step| length.checked_add(step))
                    .ok_or_else(damaged)?;
                add(length)?;
            }
            values -= part.min(values);
            thrift.input = &thrift.input[packed..];
            thrift.left -= packed as u64;
        }
    }
    Ok((sum, thrift.input))
}

/// The number of `width` bits that begins at a bit, the lowest one first.
pub(super) fn number(bytes: &[u8], bit: u64, width: u8) -> Result<i64> {
    if width > 32 {
        return Err(damaged());
    }
    let start = usize::try_from(bit / 8).map_err(|_| damaged())?;
    let mut word = [0; 8];
    for (byte, own) in word.iter_mut().zip(bytes.get(start..).unwrap_or_default()) {
        *byte = *own;
    }
    let word = u64::from_le_bytes(word) >> (bit % 8);
    Ok((word & ((1 << width) - 1)).cast_signed())
}
