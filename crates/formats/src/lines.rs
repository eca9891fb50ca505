//! Lines of a stream with their numbers, each of bounded length. Not for: what the lines mean.

use std::io::{self, BufRead, ErrorKind};

/// The longest line that is read, 64 MiB; a longer one is one skipped record and is never held in memory.
pub const MAX_LINE_BYTES: usize = 64 << 20;

/// One line without its end (LF or CRLF).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RawLine<'l> {
    /// Its bytes, any encoding.
    Bytes(&'l [u8]),
    /// It had this many bytes, more than the limit; they are gone.
    TooLong(u64),
}

/// Why a line of `bytes` bytes was left out.
pub(crate) fn too_long(bytes: u64, limit: usize) -> String {
    format!("the line has {bytes} bytes, at most {limit} are read")
}

/// Reads lines one at a time.
pub(crate) struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    limit: usize,
    /// Number of the line last given, from 1; afterwards how many lines there were.
    pub(crate) number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(input: R, limit: usize) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            limit,
            number: 0,
        }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// The next line, or `None` at the end of the input.
    pub(crate) fn next(&mut self) -> io::Result<Option<RawLine<'_>>> {
        self.buffer.clear();
        let mut length = 0u64;
        let mut ended = false;
        while !ended {
            let chunk = fill(&mut self.input)?;
            if chunk.is_empty() {
                break;
            }
            let newline = chunk.iter().position(|&b| b == b'\n');
            let part = &chunk[..newline.unwrap_or(chunk.len())];
            ended = newline.is_some();
            length += part.len() as u64;
            if length <= self.limit as u64 {
                self.buffer.extend_from_slice(part);
            } else {
                self.buffer = Vec::new();
            }
            let used = part.len() + usize::from(ended);
            self.input.consume(used);
        }
        if length == 0 && !ended {
            return Ok(None);
        }
        self.number += 1;
        if length > self.limit as u64 {
            return Ok(Some(RawLine::TooLong(length)));
        }
        let line = self.buffer.as_slice();
        Ok(Some(RawLine::Bytes(
            line.strip_suffix(b"\r").unwrap_or(line),
        )))
    }
}

/// The bytes at hand, empty at the end of the input; an interrupted read is tried again.
pub(crate) fn fill<R: BufRead + ?Sized>(input: &mut R) -> io::Result<&[u8]> {
    loop {
        match input.fill_buf() {
            Ok([]) => return Ok(&[]),
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    // Buffered above: this reads nothing and returns the same bytes; the borrow checker takes it from here only.
    input.fill_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, limit: usize) -> Vec<String> {
        let mut lines = Lines::new(io::BufReader::with_capacity(3, text.as_bytes()), limit);
        let mut got = Vec::new();
        while let Some(line) = lines.next().expect("memory does not fail") {
            got.push(match line {
                RawLine::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                RawLine::TooLong(bytes) => format!("<{bytes}>"),
            });
        }
        assert_eq!(lines.number, got.len() as u64);
        got
    }

    #[test]
    fn lines_end_in_lf_crlf_or_nothing() {
        assert_eq!(all("", 10), Vec::<String>::new());
        assert_eq!(all("\n", 10), [""]);
        assert_eq!(
            all("one\r\n\r\ntwo\nthree", 10),
            ["one", "", "two", "three"]
        );
    }

    #[test]
    fn a_long_line_is_passed_over() {
        assert_eq!(
            all("12345\n123456\n1\n1234567", 5),
            ["12345", "<6>", "1", "<7>"]
        );
    }
}
