//! An XML file cut at the tags of its records, in one pass and with the memory of one record. Not for: what is in them.

use crate::lines::{MAX_LINE_BYTES, fill};
use std::io::{self, BufRead};

/// A piece of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Slice {
    /// A start tag that records lie in, closed as if it were empty.
    Around(String),
    /// A record from its start tag to its end tag, and the line it begins on.
    Record { line: u64, text: String },
    /// A record that does not end, or is too long.
    Broken { line: u64, why: String },
}

/// Cuts a file.
pub(super) struct Slicer<R> {
    input: R,
    records: &'static [&'static str],
    around: &'static [&'static str],
    /// Line of the next byte, from 1.
    line: u64,
    /// A start tag of a record that was read already, with its line: the record before it did not end.
    begun: Option<(Vec<u8>, u64)>,
}

impl<R: BufRead> Slicer<R> {
    pub(super) fn new(
        input: R,
        records: &'static [&'static str],
        around: &'static [&'static str],
    ) -> Self {
        Self {
            input,
            records,
            around,
            line: 1,
            begun: None,
        }
    }

    /// The next piece; `None` at the end of the file.
    pub(super) fn next(&mut self) -> io::Result<Option<Slice>> {
        loop {
            let (tag, line) = match self.begun.take() {
                Some(begun) => begun,
                None => {
                    if !self.take_to(b'<', None)? {
                        return Ok(None);
                    }
                    let line = self.line;
                    let mut tag = vec![b'<'];
                    self.markup(&mut tag)?;
                    (tag, line)
                }
            };
            if tag.starts_with(b"</") {
                continue;
            }
            let name = local_name(&tag);
            let is_empty = tag.ends_with(b"/>");
            if self.around.iter().any(|known| known.as_bytes() == name) {
                let mut tag = String::from_utf8_lossy(&tag).into_owned();
                if !is_empty {
                    tag.truncate(tag.len() - usize::from(tag.ends_with('>')));
                    tag.push_str("/>");
                }
                return Ok(Some(Slice::Around(tag)));
            }
            if is_empty || !self.records.iter().any(|known| known.as_bytes() == name) {
                continue;
            }
            let name = name.to_vec();
            return self.record(tag, line, &name).map(Some);
        }
    }

    /// The rest of a record whose start tag is `text`.
    fn record(&mut self, mut text: Vec<u8>, line: u64, name: &[u8]) -> io::Result<Slice> {
        let mut length = text.len();
        loop {
            let before = text.len();
            let more = self.take_to(b'<', Some(&mut text))?;
            let tag_at = text.len().saturating_sub(1);
            let tag_line = self.line;
            if more {
                self.markup(&mut text)?;
            }
            length += text.len() - before;
            if !more {
                let why = "the file ends in the middle of this record".to_owned();
                return Ok(Slice::Broken { line, why });
            }
            let tag = &text[tag_at..];
            if tag.starts_with(b"</") && local_name(tag) == name {
                if length > MAX_LINE_BYTES {
                    let why =
                        format!("the record has {length} bytes, at most {MAX_LINE_BYTES} are read");
                    return Ok(Slice::Broken { line, why });
                }
                let text = String::from_utf8_lossy(&text).into_owned();
                return Ok(Slice::Record { line, text });
            }
            if !tag.starts_with(b"</") && local_name(tag) == name {
                self.begun = Some((tag.to_vec(), tag_line));
                let why = "the record does not end before the next one begins".to_owned();
                return Ok(Slice::Broken { line, why });
            }
            if length > MAX_LINE_BYTES {
                text.clear();
            }
        }
    }

    /// Reads a tag, comment, section or declaration to its end, behind the `<` that `text` ends with.
    fn markup(&mut self, text: &mut Vec<u8>) -> io::Result<()> {
        let start = text.len() - 1;
        loop {
            if !self.take_to(b'>', Some(text))? {
                return Ok(());
            }
            let so_far = &text[start..];
            let ended = if so_far.starts_with(b"<!--") {
                so_far.len() >= 7 && so_far.ends_with(b"-->")
            } else if so_far.starts_with(b"<![CDATA[") {
                so_far.ends_with(b"]]>")
            } else if so_far.starts_with(b"<!DOCTYPE") && so_far.contains(&b'[') {
                so_far[..so_far.len() - 1].trim_ascii_end().ends_with(b"]")
            } else {
                true
            };
            if ended {
                return Ok(());
            }
            if text.len() > MAX_LINE_BYTES {
                // Too long to be any of them; what it was goes with its record.
                text.truncate(start + 16);
                return Ok(());
            }
        }
    }

    /// Reads on to `end` and past it, into `text` if one is given; false where the file ends before.
    fn take_to(&mut self, end: u8, mut text: Option<&mut Vec<u8>>) -> io::Result<bool> {
        loop {
            let chunk = fill(&mut self.input)?;
            if chunk.is_empty() {
                return Ok(false);
            }
            let at = chunk.iter().position(|&b| b == end);
            let used = at.map_or(chunk.len(), |at| at + 1);
            self.line += chunk[..used].iter().filter(|&&b| b == b'\n').count() as u64;
            if let Some(text) = text.as_deref_mut()
                && text.len() <= 2 * MAX_LINE_BYTES
            {
                text.extend_from_slice(&chunk[..used]);
            }
            self.input.consume(used);
            if at.is_some() {
                return Ok(true);
            }
        }
    }
}

/// The name in a start or end tag, without a namespace's prefix.
fn local_name(tag: &[u8]) -> &[u8] {
    let inside = tag
        .strip_prefix(b"</")
        .or(tag.strip_prefix(b"<"))
        .unwrap_or(tag);
    let ends = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'>' | b'/');
    let end = inside.iter().position(ends).unwrap_or(inside.len());
    let name = &inside[..end];
    match name.iter().position(|&b| b == b':') {
        Some(colon) => &name[colon + 1..],
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn slices(text: &str) -> Vec<Slice> {
        let input = BufReader::with_capacity(3, text.as_bytes());
        let mut slicer = Slicer::new(input, &["r"], &["v"]);
        let mut all = Vec::new();
        while let Some(slice) = slicer.next().expect("memory does not fail") {
            all.push(slice);
        }
        all
    }

    fn record(line: u64, text: &str) -> Slice {
        let text = text.to_owned();
        Slice::Record { line, text }
    }

    #[test]
    fn records_are_cut_out() {
        let text = "<?xml version='1.0'?>\n<!DOCTYPE a [<!ENTITY r '<r>x</r>'>\n]>\n<!-- <r>no</r> -->\n<v id='1'>\n\
                    <x:r a='1'>one <b/></x:r><r/><rest>\n<r>two <![CDATA[</r>]]></r></rest></v>";
        assert_eq!(
            slices(text),
            [
                Slice::Around("<v id='1'/>".to_owned()),
                record(6, "<x:r a='1'>one <b/></x:r>"),
                record(7, "<r>two <![CDATA[</r>]]></r>"),
            ]
        );
    }

    #[test]
    fn a_record_that_does_not_end_takes_no_other_with_it() {
        let broken = |line, why: &str| Slice::Broken {
            line,
            why: why.to_owned(),
        };
        assert_eq!(
            slices("<r>one\n<r>two</r>\n<r>three"),
            [
                broken(1, "the record does not end before the next one begins"),
                record(2, "<r>two</r>"),
                broken(3, "the file ends in the middle of this record"),
            ]
        );
        assert_eq!(slices(""), []);
        assert_eq!(slices("<"), []);
        let middle = "the file ends in the middle of this record";
        assert_eq!(slices("<r"), [broken(1, middle)]);
    }
}
