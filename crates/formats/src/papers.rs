//! One iterator over the papers of any format. Not for: what the bytes of a format mean (its own module says).

use crate::detect::{Content, Format, content, is_lines};
use crate::encoding::{self, Utf8};
use crate::html::Blocks;
use crate::json::JsonRecords;
use crate::lines::{Lines, MAX_LINE_BYTES, RawLine, fill, too_long};
use crate::page::{Bad, Outcome, Pairing};
use crate::paragraphs::Paragraphs;
use crate::parquet::ParquetRecords;
use crate::records::{Naming, Records};
use crate::table::{self, ColumnMap, TableRecords};
use crate::tagged::{self, TaggedRecords};
use crate::unpack::Packing;
use crate::xml::{self, XmlRecords};
use crate::{FormatError, Skipped, bibtex::BibRecords, json, jsonl};
use encoding_rs::UTF_8;
use std::collections::VecDeque;
use std::io::{self, BufRead, Cursor, Read};
use syntopic_core::Paper;

/// How many bytes at the start of a stream are looked at to find its format, at most.
const PREFIX_BYTES: usize = 64 << 10;

/// How many bytes say whether a stream is packed, or in an encoding with two bytes a letter.
const HEAD_BYTES: usize = 64;

type Input<'a> = io::Chain<Cursor<Vec<u8>>, Box<dyn BufRead + 'a>>;

/// How a file is to be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Its format; found by its content when not given.
    pub format: Option<Format>,
    /// Which headings of a table mean which fields, where they do not say it themselves.
    pub columns: ColumnMap,
}

/// The papers of `input`, which messages call `source`. Without a `format` the first 64 KiB decide (fewer where fewer say
/// it: a pipe is not waited for longer than needed). A BOM and CRLF are accepted everywhere; gzip and zstd are unpacked.
///
/// # Errors
/// When the input cannot be read, is empty, or is of no supported format.
pub fn open<'a>(
    source: &str,
    input: Box<dyn BufRead + 'a>,
    format: Option<Format>,
) -> Result<Papers<'a>, FormatError> {
    let options = ReadOptions {
        format,
        ..ReadOptions::default()
    };
    open_with(source, input, &options)
}

/// The same, with all that can be said of the file.
///
/// # Errors
/// Also when a table has no column for a title or an abstract, or none that the options name.
pub fn open_with<'a>(
    source: &str,
    input: Box<dyn BufRead + 'a>,
    options: &ReadOptions,
) -> Result<Papers<'a>, FormatError> {
    let read_error = |error| FormatError::Read {
        file: source.to_owned(),
        error,
    };
    let (mut input, mut encoding) = text_of(input).map_err(read_error)?;
    let (mut prefix, content) = peek(&mut input).map_err(read_error)?;
    let file = source.to_owned();
    let format = match (options.format, content) {
        (_, Content::Blank) => return Err(FormatError::Empty { file }),
        (None, Content::Other(looks_like)) => {
            return Err(FormatError::Unknown { file, looks_like });
        }
        // Said of a list too: it is the same objects.
        (Some(Format::Jsonl), Content::Is(Format::Json)) => Format::Json,
        (Some(format), _) | (None, Content::Is(format)) => format,
    };
    if format.is_of_any_encoding() && encoding.is_none() {
        let all = extend(&mut input, &mut prefix).map_err(read_error)?;
        let found = encoding::of(&prefix, all);
        if found != UTF_8 {
            encoding = Some(found.name());
            let coded = Cursor::new(std::mem::take(&mut prefix)).chain(input);
            input = Box::new(Utf8::new(coded, found));
            // For what the format asks of the first bytes.
            extend(&mut input, &mut prefix).map_err(read_error)?;
        }
    }
    if prefix.starts_with(b"\xef\xbb\xbf") {
        prefix.drain(..3);
    }
    let reader = reader(source, format, prefix, input, &options.columns)?;
    Ok(Papers {
        file,
        format,
        encoding,
        reader,
        pairing: Pairing::default(),
        ready: VecDeque::new(),
        given: false,
        ended: false,
        unreadable: 0,
    })
}

fn reader<'a>(
    file: &str,
    format: Format,
    prefix: Vec<u8>,
    input: Box<dyn BufRead + 'a>,
    columns: &ColumnMap,
) -> Result<Reader<'a>, FormatError> {
    let by_lines = is_lines(&prefix);
    let first = prefix.split(|&b| b == b'\n').next().unwrap_or_default();
    let separator = table::separator(&String::from_utf8_lossy(first));
    let input = Cursor::new(prefix).chain(input);
    let lines = |input| Lines::new(input, MAX_LINE_BYTES);
    let json = |input, kind| JsonRecords::new(input, kind, by_lines);
    let records: Box<dyn Records + 'a> = match format {
        Format::HfPapersHtml => return Ok(Reader::Html(Box::new(Blocks::new(input)))),
        Format::HfPapersText => return Ok(Reader::Text(Paragraphs::new(lines(input)))),
        Format::Jsonl => return Ok(Reader::Jsonl(lines(input))),
        Format::Json => Box::new(json(input, json::Kind::Own)),
        Format::ArxivJson => Box::new(json(input, json::Kind::Arxiv)),
        Format::OpenAlex => Box::new(json(input, json::Kind::OpenAlex)),
        Format::SemanticScholar => Box::new(json(input, json::Kind::SemanticScholar)),
        Format::CslJson => Box::new(json(input, json::Kind::Csl)),
        Format::Table => Box::new(TableRecords::new(file, input, separator, columns)?),
        Format::Parquet => Box::new(ParquetRecords::new(file, input, columns)?),
        Format::Bibtex => Box::new(BibRecords::new(lines(input))),
        Format::Ris => Box::new(TaggedRecords::new(lines(input), tagged::Kind::Ris)),
        Format::WebOfScience => {
            Box::new(TaggedRecords::new(lines(input), tagged::Kind::WebOfScience))
        }
        Format::Medline => Box::new(TaggedRecords::new(lines(input), tagged::Kind::Medline)),
        Format::PubmedXml => Box::new(XmlRecords::new(input, xml::Kind::Pubmed)),
        Format::ArxivAtom => Box::new(XmlRecords::new(input, xml::Kind::ArxivAtom)),
        Format::Oai => Box::new(XmlRecords::new(input, xml::Kind::Oai)),
        Format::AclXml => Box::new(XmlRecords::new(input, xml::Kind::Acl)),
    };
    Ok(Reader::Records(records, Naming::default()))
}

/// The stream unpacked, and in UTF-8 where it has two bytes a letter; with the name of that encoding.
#[allow(
    clippy::type_complexity,
    reason = "a stream, and a name where there is one"
)]
fn text_of<'a>(
    input: Box<dyn BufRead + 'a>,
) -> io::Result<(Box<dyn BufRead + 'a>, Option<&'static str>)> {
    let (mut head, mut input) = head(input)?;
    if let Some(packing) = Packing::of(&head) {
        let whole = Box::new(Cursor::new(head).chain(input));
        (head, input) = self::head(packing.open(whole)?)?;
    }
    let encoding = encoding::of(&head, false);
    let wide = encoding == encoding_rs::UTF_16LE || encoding == encoding_rs::UTF_16BE;
    let whole = Cursor::new(head).chain(input);
    Ok(match wide {
        true => (Box::new(Utf8::new(whole, encoding)), Some(encoding.name())),
        false => (Box::new(whole), None),
    })
}

/// The first bytes of a stream, and the rest.
#[allow(clippy::type_complexity, reason = "bytes and a stream")]
fn head<'a>(mut input: Box<dyn BufRead + 'a>) -> io::Result<(Vec<u8>, Box<dyn BufRead + 'a>)> {
    let mut head = Vec::new();
    while head.len() < HEAD_BYTES {
        let chunk = match fill(&mut input) {
            Ok(chunk) => chunk,
            // What came before is read first; the failure comes again.
            Err(_) if !head.is_empty() => break,
            Err(error) => return Err(error),
        };
        if chunk.is_empty() {
            // The end is not read twice: a terminal would ask for it again.
            input = Box::new(io::empty());
            break;
        }
        let used = chunk.len().min(HEAD_BYTES - head.len());
        head.extend_from_slice(&chunk[..used]);
        input.consume(used);
    }
    Ok((head, input))
}

/// Reads on until the prefix is full or the stream ends; whether it has ended.
fn extend(input: &mut Box<dyn BufRead + '_>, prefix: &mut Vec<u8>) -> io::Result<bool> {
    while prefix.len() < PREFIX_BYTES {
        let chunk = fill(input)?;
        if chunk.is_empty() {
            *input = Box::new(io::empty());
            return Ok(true);
        }
        let used = chunk.len().min(PREFIX_BYTES - prefix.len());
        prefix.extend_from_slice(&chunk[..used]);
        input.consume(used);
    }
    Ok(false)
}

/// The first bytes, and what they say.
fn peek(input: &mut Box<dyn BufRead + '_>) -> io::Result<(Vec<u8>, Content)> {
    let mut prefix = Vec::new();
    loop {
        let chunk = fill(input)?;
        let all = chunk.is_empty();
        let used = chunk.len().min(PREFIX_BYTES - prefix.len());
        prefix.extend_from_slice(&chunk[..used]);
        input.consume(used);
        let full = prefix.len() == PREFIX_BYTES;
        let seen = prefix.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&prefix);
        if all {
            // The end is not read twice: a terminal would ask for it again.
            *input = Box::new(io::empty());
        }
        if let Some(content) = content(seen, all || full) {
            // White space all along the prefix: only the end of the file would make it empty.
            let blank = content == Content::Blank && !all;
            return Ok((
                prefix,
                if blank {
                    Content::Other("white space")
                } else {
                    content
                },
            ));
        }
    }
}

/// The papers of one file in its order, see [`open`]. An outer error is the last item: reading itself failed, or a page
/// held no paper. An inner error is one skipped record; the next item is the record after it.
pub struct Papers<'a> {
    file: String,
    format: Format,
    encoding: Option<&'static str>,
    reader: Reader<'a>,
    pairing: Pairing,
    ready: VecDeque<Outcome>,
    /// Whether any paper or skipped record was given.
    given: bool,
    ended: bool,
    /// Characters of the papers so far that stand for others which could not be read.
    unreadable: u64,
}

enum Reader<'a> {
    Text(Paragraphs<Input<'a>>),
    Html(Box<Blocks<Input<'a>>>),
    Jsonl(Lines<Input<'a>>),
    Records(Box<dyn Records + 'a>, Naming),
}

impl Papers<'_> {
    /// The format that is being read.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The encoding that it is read in, by its name in the Encoding Standard; `None` for UTF-8.
    #[must_use]
    pub fn encoding(&self) -> Option<&'static str> {
        self.encoding
    }

    /// How many characters of the papers given so far are U+FFFD, which stands for what its encoding does not have.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// How many non-blank lines (of HTML: blocks of visible text) were left out as chrome: buttons, dates, menus, what is no
    /// part of a paper. Final once the iterator is exhausted; 0 for JSONL.
    #[must_use]
    pub fn chrome_lines(&self) -> u64 {
        self.pairing.left_out.chrome
    }

    /// How many of the [chrome lines](Self::chrome_lines) no rule knows for chrome: each may be a title whose paper was not
    /// found (one without an abstract, say). Final once the iterator is exhausted; 0 for JSONL.
    #[must_use]
    pub fn doubtful_lines(&self) -> u64 {
        self.pairing.left_out.doubtful
    }

    /// The first of the [doubtful lines](Self::doubtful_lines), at most [`MAX_DOUBTS`](crate::MAX_DOUBTS), in the order of the page.
    pub fn doubts(&self) -> impl Iterator<Item = Skipped> + '_ {
        let doubts = self.pairing.left_out.doubts.iter();
        doubts.map(|doubt| Skipped {
            source: self.file.clone(),
            line: doubt.line,
            why: doubt.why.clone(),
        })
    }

    /// Reads on until something is ready or the input has ended.
    fn read_on(&mut self) -> io::Result<()> {
        let Self {
            reader,
            pairing,
            ready,
            ended,
            ..
        } = self;
        while ready.is_empty() && !*ended {
            let more = match reader {
                Reader::Text(paragraphs) => paragraphs.next(pairing, ready)?,
                Reader::Html(blocks) => match blocks.next()? {
                    Some(block) => {
                        pairing.block(block, ready);
                        true
                    }
                    None => false,
                },
                Reader::Jsonl(lines) => next_record(lines, ready)?,
                Reader::Records(records, naming) => {
                    let mut found = VecDeque::new();
                    let more = records.next(&mut found)?;
                    ready.extend(found.into_iter().map(|record| {
                        let draft = record?;
                        let line = draft.line;
                        naming.paper(draft).map_err(|why| Bad { line, why })
                    }));
                    more
                }
            };
            if !more {
                *ended = true;
                pairing.end(ready);
            }
        }
        Ok(())
    }

    /// What is wrong with a file that has ended without a paper or a skipped record; a list of records may be empty.
    fn nothing(&self) -> Option<FormatError> {
        let file = self.file.clone();
        Some(match &self.reader {
            Reader::Records(..) => return None,
            Reader::Html(blocks) => FormatError::NoPapers {
                file,
                lines: blocks.lines(),
            },
            Reader::Text(paragraphs) if self.pairing.blocks > 0 => FormatError::NoPapers {
                file,
                lines: paragraphs.lines.number,
            },
            Reader::Text(_) | Reader::Jsonl(_) => FormatError::Empty { file },
        })
    }
}

impl Iterator for Papers<'_> {
    type Item = Result<Result<Paper, Skipped>, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.read_on() {
            (self.ended, self.given) = (true, true);
            return Some(Err(FormatError::Read {
                file: self.file.clone(),
                error,
            }));
        }
        let first = !std::mem::replace(&mut self.given, true);
        match self.ready.pop_front() {
            Some(Ok(paper)) => {
                self.unreadable += replaced(&paper);
                Some(Ok(Ok(paper)))
            }
            Some(Err(bad)) => Some(Ok(Err(Skipped {
                source: self.file.clone(),
                line: bad.line,
                why: bad.why,
            }))),
            None if first => self.nothing().map(Err),
            None => None,
        }
    }
}

/// How many characters of a paper stand for others that could not be read.
fn replaced(paper: &Paper) -> u64 {
    let fields = [&paper.abstract_text, &paper.venue].into_iter().flatten();
    let texts = fields.chain([&paper.title]).chain(&paper.authors);
    texts
        .map(|text| text.matches('\u{fffd}').count() as u64)
        .sum()
}

/// The next JSON line into `ready`; false at the end.
fn next_record(lines: &mut Lines<Input<'_>>, ready: &mut VecDeque<Outcome>) -> io::Result<bool> {
    let limit = lines.limit();
    let outcome = match lines.next()? {
        None => return Ok(false),
        Some(RawLine::Bytes(line)) => jsonl::parse(line),
        Some(RawLine::TooLong(bytes)) => Err(too_long(bytes, limit)),
    };
    let line = lines.number;
    match outcome {
        Ok(paper) => ready.extend(paper.map(Ok)),
        Err(why) => ready.push_back(Err(Bad { line, why })),
    }
    Ok(true)
}
