//! BibTeX and BibLaTeX. A file is cut into its entries, and each is read for itself with the file's `@string`s put in: one
//! that cannot be read is left out alone.

use crate::lines::{Lines, MAX_LINE_BYTES, RawLine, too_long};
use crate::page::Bad;
use crate::records::{Draft, Record, Records, name_parts, natural_order, plain};
use crate::strings::Strings;
use biblatex::{Bibliography, Chunk, ChunksExt, Entry, EntryType, RawBibliography, Spanned};
use std::collections::VecDeque;
use std::io::{self, BufRead};

/// The records of one file.
pub(crate) struct BibRecords<R> {
    lines: Lines<R>,
    /// The `@string`s so far.
    strings: Strings,
    /// The entry that is being read.
    open: Option<Open>,
}

#[derive(Default)]
struct Open {
    line: u64,
    text: String,
    /// Braces that are open.
    depth: usize,
    /// Whether its first brace has come.
    begun: bool,
    /// Whether it is one in round brackets.
    round: bool,
}

impl Open {
    /// Takes a line; where in it the entry ends, if it does.
    fn take(&mut self, line: &str) -> Option<usize> {
        let mut escaped = false;
        let end = line.bytes().position(|byte| {
            let here = std::mem::take(&mut escaped);
            match byte {
                _ if here => {}
                b'\\' => escaped = true,
                b'{' => {
                    self.depth += 1;
                    self.begun = true;
                }
                b'(' if !self.begun => (self.begun, self.round) = (true, true),
                b'}' => {
                    self.depth = self.depth.saturating_sub(1);
                    return self.depth == 0 && self.begun && !self.round;
                }
                b')' => return self.round && self.depth == 0,
                _ => {}
            }
            false
        });
        let end = end.map(|last| last + 1);
        self.text.push_str(&line[..end.unwrap_or(line.len())]);
        self.text.push('\n');
        end
    }
}

impl<R: BufRead> BibRecords<R> {
    pub(crate) fn new(lines: Lines<R>) -> Self {
        Self {
            lines,
            strings: Strings::default(),
            open: None,
        }
    }

    /// Takes a line, in which an entry may end and others begin.
    fn take(&mut self, mut line: &str, number: u64, ready: &mut VecDeque<Record>) {
        if let Some(open) = self.open.take_if(|open| open.begun && begins(line)) {
            let why = "the entry does not end before the next one begins".to_owned();
            ready.push_back(Err(Bad {
                line: open.line,
                why,
            }));
        }
        loop {
            let open = match &mut self.open {
                Some(open) => open,
                // All that is not in an entry is a comment.
                None if !begins(line) => return,
                none => none.insert(Open {
                    line: number,
                    ..Open::default()
                }),
            };
            let Some(end) = open.take(line) else {
                self.bound(ready);
                return;
            };
            if let Some(open) = self.open.take() {
                self.entry(&open, ready);
            }
            line = &line[end..];
        }
    }

    /// Gives up an entry that is longer than any.
    fn bound(&mut self, ready: &mut VecDeque<Record>) {
        if let Some(open) = self.open.take_if(|open| open.text.len() > MAX_LINE_BYTES) {
            let why = format!("the entry does not end within {MAX_LINE_BYTES} bytes");
            ready.push_back(Err(Bad {
                line: open.line,
                why,
            }));
        }
    }

    fn entry(&mut self, open: &Open, ready: &mut VecDeque<Record>) {
        let kind = open
            .text
            .trim_start()
            .trim_start_matches('@')
            .to_ascii_lowercase();
        if kind.starts_with("comment") || kind.starts_with("preamble") {
            return;
        }
        let line = open.line;
        let text = if open.round {
            in_braces(&open.text)
        } else {
            open.text.clone()
        };
        if kind.starts_with("string") {
            let defined = self.strings.define(&text);
            ready.extend(defined.err().map(|why| Err(Bad { line, why })));
            return;
        }
        match read(&self.strings, &text) {
            Ok(draft) => ready.extend(draft.map(|draft| Ok(Draft { line, ..draft }))),
            Err(why) => ready.push_back(Err(Bad { line, why })),
        }
    }
}

/// An entry in round brackets as one in braces, which are the same.
fn in_braces(entry: &str) -> String {
    let inside = entry.split_once('(').zip(entry.rsplit_once(')'));
    match inside {
        Some(((kind, _), (before, _))) if before.len() > kind.len() => {
            format!("{}{{{}}}\n", kind.trim_end(), &before[kind.len() + 1..])
        }
        _ => entry.to_owned(),
    }
}

/// Whether an entry begins on this line.
fn begins(line: &str) -> bool {
    let Some(rest) = line.trim_start().strip_prefix('@') else {
        return false;
    };
    let name = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    name > 0 && rest[name..].trim_start().starts_with(['{', '('])
}

impl<R: BufRead> Records for BibRecords<R> {
    fn next(&mut self, ready: &mut VecDeque<Record>) -> io::Result<bool> {
        let limit = self.lines.limit();
        let line = match self.lines.next()? {
            None => {
                if let Some(open) = self.open.take() {
                    let why = "the file ends in the middle of this entry".to_owned();
                    ready.push_back(Err(Bad {
                        line: open.line,
                        why,
                    }));
                }
                return Ok(false);
            }
            Some(RawLine::Bytes(line)) => Ok(String::from_utf8_lossy(line).into_owned()),
            Some(RawLine::TooLong(bytes)) => Err(too_long(bytes, limit)),
        };
        let number = self.lines.number;
        match line {
            Ok(line) => self.take(&line, number, ready),
            Err(why) => {
                self.open = None;
                ready.push_back(Err(Bad { line: number, why }));
            }
        }
        Ok(true)
    }
}

/// How deep braces may be nested in an entry.
pub(crate) const MAX_DEPTH: usize = 64;

/// Fields that name other entries. Each entry is read alone, so there is none but itself, and what follows such a name would go
/// round in circles.
const LINKS: [&str; 4] = ["crossref", "xdata", "ids", "xref"];

/// The paper of one entry; `None` for the volume that papers are in.
fn read(strings: &Strings, entry: &str) -> Result<Option<Draft>, String> {
    if deepest(entry) > MAX_DEPTH {
        return Err(format!("braces are nested more than {MAX_DEPTH} deep"));
    }
    let wrong = |error| format!("no BibTeX entry: {error}");
    let mut raw = RawBibliography::parse(entry).map_err(wrong)?;
    let is_link = |name: &str| LINKS.iter().any(|link| link.eq_ignore_ascii_case(name));
    for entry in &mut raw.entries {
        entry.v.fields.retain(|field| !is_link(field.key.v));
    }
    strings.put_into(&mut raw)?;
    let all = Bibliography::from_raw(raw).map_err(wrong)?;
    let Some(entry) = all.iter().next() else {
        return Err("no entry in it".to_owned());
    };
    let draft = draft(entry);
    let has_text = !(draft.title.is_empty() && draft.abstract_text.is_empty());
    let of_volume = matches!(
        entry.entry_type,
        EntryType::Proceedings | EntryType::MvProceedings
    );
    if of_volume && !has_text {
        return Ok(None);
    }
    if !has_text {
        return Err(format!("{}: neither a title nor an abstract", entry.key));
    }
    Ok(Some(draft))
}

/// How deep braces are nested.
pub(crate) fn deepest(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    for byte in text.bytes() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn draft(entry: &Entry) -> Draft {
    let field = |names: &[&str]| {
        let chunks = names.iter().find_map(|name| entry.get(name));
        chunks.map(words).unwrap_or_default()
    };
    let keywords = field(&["keywords", "keyword"]);
    let (year, month) = (field(&["year"]), field(&["month"]));
    let date = match (field(&["date"]), year.is_empty()) {
        (date, _) if !date.is_empty() => date,
        (_, true) => String::new(),
        (_, false) => dated(&year, &month),
    };
    Draft {
        id: entry.key.clone(),
        title: titled(&field(&["title"]), &field(&["subtitle"])),
        abstract_text: field(&["abstract"]),
        authors: authors(entry),
        year,
        date,
        venue: field(&[
            "journaltitle",
            "journal",
            "booktitle",
            "howpublished",
            "school",
            "institution",
            "publisher",
        ]),
        url: raw(entry, &["url"]),
        doi: raw(entry, &["doi"]),
        categories: keywords
            .split([',', ';'])
            .map(|word| word.trim().to_owned())
            .collect(),
        line: 0,
    }
}

fn titled(title: &str, subtitle: &str) -> String {
    match subtitle {
        "" => title.to_owned(),
        subtitle => format!("{title}: {subtitle}"),
    }
}

/// `2018-01` of a year and an English month, as far as they are there.
fn dated(year: &str, month: &str) -> String {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let month = month.trim().to_lowercase();
    let named = MONTHS.iter().position(|name| month.starts_with(name));
    let number = named.map(|at| at + 1).or_else(|| month.parse().ok());
    match number {
        Some(month) if (1..=12).contains(&month) => format!("{year}-{month:02}"),
        // A year alone is no date.
        _ => String::new(),
    }
}

/// What a field prints, with formulas as they are written.
fn words(chunks: &[Spanned<Chunk>]) -> String {
    plain(&chunks.format_verbatim())
}

/// An address: nothing in it is LaTeX but what keeps it from being read as such.
fn raw(entry: &Entry, names: &[&str]) -> String {
    let chunks = names.iter().find_map(|name| entry.get(name));
    let text = chunks
        .map(|chunks| chunks.format_verbatim())
        .unwrap_or_default();
    text.trim()
        .replace("\\_", "_")
        .replace("\\%", "%")
        .replace("\\&", "&")
}

fn authors(entry: &Entry) -> Vec<String> {
    match entry.author() {
        Ok(people) => people
            .into_iter()
            .map(|person| {
                let family = name_parts(&person.prefix, &person.name, "");
                plain(&name_parts(&person.given_name, &family, &person.suffix))
            })
            .filter(|name| name != "others")
            .collect(),
        // What the crate cannot take apart.
        Err(_) => {
            let line = entry.get("author").map(words).unwrap_or_default();
            line.split(" and ").map(natural_order).collect()
        }
    }
}
