//! One iterator over the papers of any format. Not for: what the bytes of a format mean (its own module says).

use crate::detect::{Content, Format, content};
use crate::html::Blocks;
use crate::lines::{Lines, MAX_LINE_BYTES, RawLine, fill, too_long};
use crate::page::{Outcome, Pairing};
use crate::paragraphs::Paragraphs;
use crate::{FormatError, Skipped, jsonl};
use std::collections::VecDeque;
use std::io::{self, BufRead, Cursor, Read};
use syntopic_core::Paper;

/// How many bytes at the start of a stream are looked at to find its format, at most.
const PREFIX_BYTES: usize = 64 << 10;

type Input<'a> = io::Chain<Cursor<Vec<u8>>, Box<dyn BufRead + 'a>>;

/// The papers of `input`, which messages call `source`. Without a `format` the first 64 KiB decide (fewer where fewer say
/// it: a pipe is not waited for longer than needed). A BOM and CRLF are accepted everywhere.
///
/// # Errors
/// When the input cannot be read, is empty, is of no supported format, or is JSON that is not one object per line.
pub fn open<'a>(
    source: &str,
    mut input: Box<dyn BufRead + 'a>,
    format: Option<Format>,
) -> Result<Papers<'a>, FormatError> {
    let file = source.to_owned();
    let (mut prefix, content) = match peek(&mut input) {
        Ok(peeked) => peeked,
        Err(error) => return Err(FormatError::Read { file, error }),
    };
    let format = match (format, content) {
        (_, Content::Blank) => return Err(FormatError::Empty { file }),
        (None | Some(Format::Jsonl), Content::JsonNotLines(got, filter)) => {
            return Err(FormatError::JsonNotLines { file, got, filter });
        }
        (None, Content::Other(looks_like)) => {
            return Err(FormatError::Unknown { file, looks_like });
        }
        (Some(format), _) | (None, Content::Is(format)) => format,
    };
    if prefix.starts_with(b"\xef\xbb\xbf") {
        prefix.drain(..3);
    }
    let input = Cursor::new(prefix).chain(input);
    let reader = match format {
        Format::HfPapersHtml => Reader::Html(Box::new(Blocks::new(input))),
        Format::HfPapersText => Reader::Text(Paragraphs::new(Lines::new(input, MAX_LINE_BYTES))),
        Format::Jsonl => Reader::Jsonl(Lines::new(input, MAX_LINE_BYTES)),
    };
    Ok(Papers {
        file,
        format,
        reader,
        pairing: Pairing::default(),
        ready: VecDeque::new(),
        given: false,
        ended: false,
    })
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
    reader: Reader<'a>,
    pairing: Pairing,
    ready: VecDeque<Outcome>,
    /// Whether any paper or skipped record was given.
    given: bool,
    ended: bool,
}

enum Reader<'a> {
    Text(Paragraphs<Input<'a>>),
    Html(Box<Blocks<Input<'a>>>),
    Jsonl(Lines<Input<'a>>),
}

impl Papers<'_> {
    /// The format that is being read.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
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
            };
            if !more {
                *ended = true;
                pairing.end(ready);
            }
        }
        Ok(())
    }

    /// What is wrong with a file that has ended without a paper or a skipped record.
    fn nothing(&self) -> FormatError {
        let file = self.file.clone();
        match &self.reader {
            Reader::Html(blocks) => FormatError::NoPapers {
                file,
                lines: blocks.lines(),
            },
            Reader::Text(paragraphs) if self.pairing.blocks > 0 => FormatError::NoPapers {
                file,
                lines: paragraphs.lines.number,
            },
            Reader::Text(_) | Reader::Jsonl(_) => FormatError::Empty { file },
        }
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
            Some(Ok(paper)) => Some(Ok(Ok(paper))),
            Some(Err(bad)) => Some(Ok(Err(Skipped {
                source: self.file.clone(),
                line: bad.line,
                why: bad.why,
            }))),
            None => first.then(|| Err(self.nothing())),
        }
    }
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
        Err(why) => ready.push_back(Err(crate::page::Bad { line, why })),
    }
    Ok(true)
}
