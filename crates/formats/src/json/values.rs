//! The JSON values of a stream, each with the line it begins on: the members of the list that the file is, or values one after
//! the other. Not for: what they mean.

use crate::lines::{MAX_LINE_BYTES, fill};
use std::io::{self, BufRead};

/// A value of the file, not parsed yet.
pub(super) enum Found<'v> {
    Value { line: u64, bytes: &'v [u8] },
    Bad { line: u64, why: String },
}

/// Cuts a file into its values.
pub(super) struct Values<R> {
    input: R,
    buffer: Vec<u8>,
    line: u64,
    /// Whether the list that the file is has begun.
    in_list: bool,
}

/// Where in a value the next byte is.
#[derive(Default)]
struct State {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl State {
    /// Takes a byte; whether the value ends with it.
    fn ends(&mut self, byte: u8) -> bool {
        if self.escaped {
            self.escaped = false;
            return false;
        }
        match byte {
            b'\\' if self.in_string => self.escaped = true,
            b'"' => {
                self.in_string = !self.in_string;
                return self.depth == 0 && !self.in_string;
            }
            b'{' | b'[' if !self.in_string => self.depth += 1,
            b'}' | b']' if !self.in_string => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

impl<R: BufRead> Values<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            line: 1,
            in_list: false,
        }
    }

    /// The next value; `None` at the end of the file.
    pub(super) fn next(&mut self) -> io::Result<Option<Found<'_>>> {
        loop {
            let Some(byte) = self.peek()? else {
                return Ok(None);
            };
            match byte {
                b'[' if !self.in_list => {
                    self.in_list = true;
                    self.skip();
                }
                b'{' | b'[' | b'"' => return self.value().map(Some),
                b',' | b']' | b'}' => self.skip(),
                byte if byte.is_ascii_whitespace() => {
                    self.line += u64::from(byte == b'\n');
                    self.skip();
                }
                _ => return self.loose().map(Some),
            }
        }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(fill(&mut self.input)?.first().copied())
    }

    fn skip(&mut self) {
        self.input.consume(1);
    }

    /// An object, a list or a text.
    fn value(&mut self) -> io::Result<Found<'_>> {
        let line = self.line;
        let (mut state, mut length) = (State::default(), 0usize);
        self.buffer.clear();
        loop {
            let chunk = fill(&mut self.input)?;
            if chunk.is_empty() {
                let why = "the file ends in the middle of this value".to_owned();
                return Ok(Found::Bad { line, why });
            }
            let end = chunk.iter().position(|&byte| state.ends(byte));
            let used = end.map_or(chunk.len(), |at| at + 1);
            self.line += chunk[..used].iter().filter(|&&b| b == b'\n').count() as u64;
            length += used;
            if length <= MAX_LINE_BYTES {
                self.buffer.extend_from_slice(&chunk[..used]);
            }
            self.input.consume(used);
            if end.is_some() {
                break;
            }
        }
        if length > MAX_LINE_BYTES {
            let why = format!("the value has {length} bytes, at most {MAX_LINE_BYTES} are read");
            return Ok(Found::Bad { line, why });
        }
        let bytes = &self.buffer;
        Ok(Found::Value { line, bytes })
    }

    /// A number, a word, or what is no JSON: up to where something else begins.
    fn loose(&mut self) -> io::Result<Found<'_>> {
        let line = self.line;
        let mut seen = Vec::new();
        while let Some(byte) = self.peek()? {
            if matches!(byte, b'{' | b'[' | b'"' | b',' | b']' | b'}' | b'\n') {
                break;
            }
            if seen.len() < 40 {
                seen.push(byte);
            }
            self.skip();
        }
        let why = format!(
            "expected an object, got {:?}",
            String::from_utf8_lossy(&seen).trim_end()
        );
        Ok(Found::Bad { line, why })
    }
}

/// The names of members in the beginning of a JSON text, each with how many objects and lists it lies in.
pub(crate) fn keys(prefix: &[u8]) -> Vec<(usize, String)> {
    let mut keys = Vec::new();
    let (mut depth, mut at) = (0usize, 0);
    while at < prefix.len() {
        match prefix[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let Some(length) = string(&prefix[at..]) else {
                    break;
                };
                let behind = prefix[at + length..].trim_ascii_start();
                if behind.first() == Some(&b':') {
                    let name = String::from_utf8_lossy(&prefix[at + 1..at + length - 1]);
                    keys.push((depth, name.into_owned()));
                }
                at += length;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    keys
}

/// The inside of the list that is a member of the object in `json` under one of these names, and how many lines come before it.
pub(super) fn list_in<'j>(json: &'j [u8], names: &[&str]) -> Option<(u64, &'j [u8])> {
    let (mut depth, mut at) = (0usize, 0);
    while at < json.len() {
        match json[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let length = string(&json[at..])?;
                let name = &json[at + 1..at + length - 1];
                at += length;
                if depth != 1 || !names.iter().any(|known| known.as_bytes() == name) {
                    continue;
                }
                let rest = json[at..].trim_ascii_start().strip_prefix(b":");
                let rest = rest.and_then(|rest| rest.trim_ascii_start().strip_prefix(b"["));
                let Some(list) = rest else { continue };
                let before = &json[..json.len() - list.len()];
                let lines = before.iter().filter(|byte| **byte == b'\n').count() as u64;
                return Some((lines, &list[..end_of_list(list)]));
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Where the list ends whose inside begins here; everything where it does not.
fn end_of_list(list: &[u8]) -> usize {
    let mut state = State {
        depth: 1,
        ..State::default()
    };
    let end = list.iter().position(|&byte| state.ends(byte));
    end.unwrap_or(list.len())
}

/// Bytes of the string that `text` begins with, its quotation marks included.
fn string(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn all(text: &str) -> Vec<String> {
        let mut values = Values::new(BufReader::with_capacity(2, text.as_bytes()));
        let mut all = Vec::new();
        while let Some(found) = values.next().expect("memory does not fail") {
            all.push(match found {
                Found::Value { line, bytes } => {
                    format!("{line}:{}", String::from_utf8_lossy(bytes))
                }
                Found::Bad { line, why } => format!("{line}!{why}"),
            });
        }
        all
    }

    #[test]
    fn values_of_lists_of_lines_and_over_lines() {
        let two = ["1:{\"a\": \"}\\\"\"}", "2:{\"b\":[{}]}"];
        assert_eq!(all("{\"a\": \"}\\\"\"}\n{\"b\":[{}]}\n"), two);
        assert_eq!(all("[{\"a\": \"}\\\"\"},\n{\"b\":[{}]}]"), two);
        assert_eq!(all("{\n\"a\":\n1}\n\n{}"), ["1:{\n\"a\":\n1}", "5:{}"]);
        assert_eq!(all("[]"), Vec::<String>::new());
        assert_eq!(all(""), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_value_is_named() {
        assert_eq!(
            all("[12, {\"a\":1}\nnull, \"x\", {\"b\": [}"),
            [
                "1!expected an object, got \"12\"",
                "1:{\"a\":1}",
                "2!expected an object, got \"null\"",
                "2:\"x\"",
                "2!the file ends in the middle of this value",
            ]
        );
    }

    #[test]
    fn the_list_of_an_answer_is_found() {
        let json = b"{\"data\": 1,\n\"x\": {\"results\": [0]}, \"results\" : [{\"a\": \"]\"}, [2]], \"y\": []}";
        let (before, list) = list_in(json, &["results", "data"]).expect("a list");
        assert_eq!((before, list), (1, &b"{\"a\": \"]\"}, [2]"[..]));
        assert_eq!(
            list_in(b"{\"results\": [1, 2", &["results"]),
            Some((0, &b"1, 2"[..]))
        );
        assert_eq!(list_in(b"[[\"results\"]]", &["results"]), None);
    }

    #[test]
    fn keys_know_their_depth() {
        let keys = keys(br#"{"a": "\"b\": ", "c": [{"d" : 1}], "e": "cut"#);
        let names: Vec<_> = keys
            .iter()
            .map(|(depth, name)| (*depth, name.as_str()))
            .collect();
        assert_eq!(names, [(1, "a"), (1, "c"), (3, "d"), (1, "e")]);
    }
}
