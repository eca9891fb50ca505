//! Tables, separated by commas, semicolons or tabs: a row a paper, columns known by their headings. Not for: tables without
//! headings.

use crate::FormatError;
use crate::page::Bad;
use crate::records::{Draft, Record, Records, natural_order, plain};
use csv::{ByteRecord, Reader, ReaderBuilder};
use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead, Read};
use std::rc::Rc;

/// A field of a paper, with the headings that it is known by, in lower case and with blanks for all that is no letter or digit.
type Field = (&'static str, &'static [&'static str]);

/// The fields, the best known heading first.
const FIELDS: [Field; 10] = [
    (
        "id",
        &[
            "id",
            "paper id",
            "paperid",
            "ut unique wos id",
            "ut unique id",
            "eid",
            "pmid",
            "key",
            "arxiv id",
        ],
    ),
    (
        "title",
        &[
            "title",
            "primary title",
            "article title",
            "document title",
            "paper title",
            "display name",
            "ti",
        ],
    ),
    (
        "abstract",
        &[
            "abstract",
            "abstract note",
            "abstracts",
            "notes abstract",
            "abstract text",
            "summary",
            "ab",
        ],
    ),
    (
        "authors",
        &[
            "authors",
            "author",
            "author names",
            "author full names",
            "first authors",
            "creators",
            "authorships author display name",
            "au",
        ],
    ),
    (
        "year",
        &[
            "year",
            "publication year",
            "pub year",
            "published year",
            "py",
        ],
    ),
    (
        "date",
        &["date", "publication date", "published", "update date"],
    ),
    (
        "venue",
        &[
            "venue",
            "journal",
            "source title",
            "publication title",
            "journal book",
            "primary location source display name",
            "container title",
            "booktitle",
            "source",
            "so",
        ],
    ),
    ("url", &["url", "link", "urls"]),
    ("doi", &["doi", "doi link", "di"]),
    (
        "categories",
        &[
            "categories",
            "category",
            "subjects",
            "primary topic display name",
            "keywords",
            "author keywords",
        ],
    ),
];

/// Which heading means which field, as a user says it: `title` to `Paper name`.
pub type ColumnMap = BTreeMap<String, String>;

/// Names of the fields that a [`ColumnMap`] may have.
pub(crate) fn field_names() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().map(|(name, _)| *name)
}

/// What separates the cells of a heading line.
pub(crate) fn separator(line: &str) -> u8 {
    let count = |separator: char| line.chars().filter(|c| *c == separator).count();
    let all = [(b'\t', '\t'), (b',', ','), (b';', ';')];
    let most = all.into_iter().max_by_key(|(_, c)| (count(*c), *c == ','));
    most.map_or(b',', |(byte, _)| byte)
}

/// Whether this first line names a title or an abstract, and one other column.
pub(crate) fn is_heading(line: &str) -> bool {
    let separator = char::from(separator(line));
    let cells: Vec<String> = line.split(separator).map(normal).collect();
    let knows = |field: &str| {
        let (_, headings) = FIELDS
            .iter()
            .find(|(name, _)| *name == field)
            .unwrap_or(&FIELDS[0]);
        cells.iter().any(|cell| headings.contains(&cell.as_str()))
    };
    cells.len() >= 2 && knows("title") && (knows("abstract") || knows("authors") || knows("doi"))
}

/// A heading in lower case, blanks for what is no letter or digit.
fn normal(heading: &str) -> String {
    let spaced: String = heading
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

/// The most bytes of a row: each may be the end of a cell, which takes eight more.
const MAX_ROW_BYTES: usize = 32 << 20;

/// The most columns.
const MAX_COLUMNS: usize = 4_000_000;

/// Fails where a row is longer than any: a quotation mark that is never closed would take in the rest of the file.
struct Guard<R> {
    input: R,
    /// Bytes that the row may still have.
    left: Rc<Cell<usize>>,
}

impl<R: BufRead> Read for Guard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left.get() == 0 {
            return Err(io::Error::other(format!(
                "a row has more than {MAX_ROW_BYTES} bytes; is a quotation mark in it not closed?"
            )));
        }
        let read = self.input.read(buffer)?;
        self.left.set(self.left.get().saturating_sub(read));
        Ok(read)
    }
}

/// The records of one file.
pub(crate) struct TableRecords<R> {
    rows: Reader<Guard<R>>,
    /// What a row may have, given anew to each.
    left: Rc<Cell<usize>>,
    /// For each field, its column.
    columns: BTreeMap<&'static str, usize>,
    wide: usize,
    row: ByteRecord,
}

impl<R: BufRead> TableRecords<R> {
    /// Reads the headings of `file`; `map` says what they mean where they do not say it themselves.
    pub(crate) fn new(
        file: &str,
        input: R,
        separator: u8,
        map: &ColumnMap,
    ) -> Result<Self, FormatError> {
        let left = Rc::new(Cell::new(MAX_ROW_BYTES));
        let guard = Guard {
            input,
            left: Rc::clone(&left),
        };
        let mut rows = ReaderBuilder::new()
            .delimiter(separator)
            .flexible(true)
            .from_reader(guard);
        let error = |error: csv::Error| FormatError::Read {
            file: file.to_owned(),
            error: error.into(),
        };
        let headings = rows.byte_headers().map_err(error)?;
        if headings.len() > MAX_COLUMNS {
            return Err(FormatError::Read {
                file: file.to_owned(),
                error: io::Error::other(format!("it has more than {MAX_COLUMNS} columns")),
            });
        }
        let headings: Vec<String> = headings
            .iter()
            .map(|heading| String::from_utf8_lossy(heading).trim().to_owned())
            .collect();
        let columns = columns(file, &headings, map)?;
        Ok(Self {
            rows,
            left,
            columns,
            wide: headings.len(),
            row: ByteRecord::new(),
        })
    }

    fn draft(&self) -> Result<Draft, String> {
        if self.row.len() != self.wide {
            return Err(format!(
                "the row has {} cells, and the headings are {}",
                self.row.len(),
                self.wide
            ));
        }
        let cell = |field: &str| {
            let at = self.columns.get(field);
            let cell = at.and_then(|at| self.row.get(*at)).unwrap_or_default();
            String::from_utf8_lossy(cell).trim().to_owned()
        };
        // OpenAlex writes its ids as addresses.
        let id = cell("id");
        let id = id
            .strip_prefix("https://openalex.org/")
            .unwrap_or(&id)
            .to_owned();
        Ok(Draft {
            id,
            title: plain(&cell("title")),
            abstract_text: plain(&cell("abstract")),
            authors: names(&plain(&cell("authors"))),
            year: cell("year"),
            date: cell("date"),
            venue: plain(&cell("venue")),
            url: cell("url"),
            doi: cell("doi"),
            categories: listed(&plain(&cell("categories"))),
            line: 0,
        })
    }
}

impl<R: BufRead> Records for TableRecords<R> {
    fn next(&mut self, ready: &mut VecDeque<Record>) -> io::Result<bool> {
        self.left.set(MAX_ROW_BYTES);
        let mut row = std::mem::take(&mut self.row);
        let more = self.rows.read_byte_record(&mut row);
        self.row = row;
        if !more.map_err(io::Error::from)? {
            return Ok(false);
        }
        let line = self.row.position().map_or(0, csv::Position::line);
        ready.push_back(match self.draft() {
            Ok(draft) => Ok(Draft { line, ..draft }),
            Err(why) => Err(Bad { line, why }),
        });
        Ok(true)
    }
}

/// The column of each field; an error names the headings where neither title nor abstract is among them.
pub(crate) fn columns(
    file: &str,
    headings: &[String],
    map: &ColumnMap,
) -> Result<BTreeMap<&'static str, usize>, FormatError> {
    let mut columns = BTreeMap::new();
    let wrong = |why: String| FormatError::Columns {
        file: file.to_owned(),
        why,
        headings: shown(headings),
    };
    for (field, heading) in map {
        let Some(field) = field_names().find(|name| name == field) else {
            let fields: Vec<&str> = field_names().collect();
            return Err(wrong(format!(
                "{field:?} is no field: expected one of {}",
                fields.join(", ")
            )));
        };
        let same = |known: &String| known == heading || normal(known) == normal(heading);
        let Some(at) = headings.iter().position(same) else {
            return Err(wrong(format!("no column {heading:?} for {field}")));
        };
        columns.insert(field, at);
    }
    let normal: Vec<String> = headings.iter().map(|heading| normal(heading)).collect();
    for (field, known) in FIELDS {
        let at = known
            .iter()
            .find_map(|name| normal.iter().position(|heading| heading == name));
        if let (false, Some(at)) = (columns.contains_key(field), at) {
            columns.insert(field, at);
        }
    }
    if columns.contains_key("title") || columns.contains_key("abstract") {
        Ok(columns)
    } else {
        Err(wrong("no column is a title or an abstract".to_owned()))
    }
}

/// The first headings, for a message.
fn shown(headings: &[String]) -> String {
    const SHOWN: usize = 12;
    let mut list: Vec<String> = headings
        .iter()
        .take(SHOWN)
        .map(|heading| heading.chars().take(40).collect())
        .collect();
    if headings.len() > SHOWN {
        list.push(format!("and {} more", headings.len() - SHOWN));
    }
    list.join(", ")
}

/// Names between semicolons or bars; between commas where every part has a blank in it, as "Liu R., Adler D.G.".
pub(crate) fn names(cell: &str) -> Vec<String> {
    if let Some(separator) = ['|', ';'].into_iter().find(|c| cell.contains(*c)) {
        return cell
            .split(separator)
            .map(|name| natural_order(name.trim()))
            .collect();
    }
    let parts: Vec<&str> = cell.split(',').map(str::trim).collect();
    if parts.len() > 1 && parts.iter().all(|part| part.contains(' ')) {
        return parts.into_iter().map(str::to_owned).collect();
    }
    vec![natural_order(cell)]
}

pub(crate) fn listed(cell: &str) -> Vec<String> {
    let separator = ['|', ';', ','].into_iter().find(|c| cell.contains(*c));
    match separator {
        Some(separator) => cell
            .split(separator)
            .map(|word| word.trim().to_owned())
            .collect(),
        None => vec![cell.to_owned()],
    }
}
