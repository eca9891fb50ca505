//! The `@string`s of a BibTeX file, each with those that it names put in. Not for: entries (`bibtex.rs`).
//!
//! A string may name those before it, and no other: so none names itself, and how long each becomes is known when it comes.

use crate::bibtex::{MAX_DEPTH, deepest};
use crate::lines::MAX_LINE_BYTES;
use biblatex::{RawBibliography, RawChunk};
use std::collections::HashMap;

/// What a string may be, in bytes; of ones that name others twice, forty lines are enough to fill any memory.
const MAX_STRING_BYTES: usize = 1 << 20;

/// The strings so far.
#[derive(Default)]
pub(crate) struct Strings {
    known: HashMap<String, String>,
    /// Bytes of all of them.
    size: usize,
}

impl Strings {
    /// Takes what one `@string` entry defines.
    pub(crate) fn define(&mut self, entry: &str) -> Result<(), String> {
        if deepest(entry) > MAX_DEPTH {
            return Err(format!("braces are nested more than {MAX_DEPTH} deep"));
        }
        let raw = RawBibliography::parse(entry).map_err(|error| format!("no @string: {error}"))?;
        for definition in &raw.abbreviations {
            let mut value = String::new();
            for chunk in &definition.value.v {
                match &chunk.v {
                    RawChunk::Normal(text) => value.push_str(text),
                    RawChunk::Abbreviation(name) => {
                        // Months have names that no file defines.
                        value.push_str(self.known.get(*name).map_or(name, String::as_str));
                    }
                }
                if value.len() > MAX_STRING_BYTES {
                    return Err(format!(
                        "the string {} has more than {MAX_STRING_BYTES} bytes",
                        definition.key.v
                    ));
                }
            }
            self.size += value.len();
            if self.size > MAX_LINE_BYTES {
                return Err(format!(
                    "the strings of the file have more than {MAX_LINE_BYTES} bytes"
                ));
            }
            self.known.insert(definition.key.v.to_owned(), value);
        }
        Ok(())
    }

    /// Puts the strings in where the entries of `raw` name them.
    pub(crate) fn put_into<'t>(&'t self, raw: &mut RawBibliography<'t>) -> Result<(), String> {
        let mut room = MAX_LINE_BYTES;
        let fields = raw.entries.iter_mut().flat_map(|entry| &mut entry.v.fields);
        for chunk in fields.flat_map(|field| &mut field.value.v) {
            if let RawChunk::Abbreviation(name) = chunk.v
                && let Some(value) = self.known.get(name)
            {
                room = room.checked_sub(value.len()).ok_or_else(|| {
                    format!("with its strings the entry has more than {MAX_LINE_BYTES} bytes")
                })?;
                chunk.v = RawChunk::Normal(value);
            }
        }
        Ok(())
    }
}
