//! The lines of a text page, each with whether it may be a paper without an abstract. Not for: what the lines are.
//!
//! A text wrapped at 80 columns has many lines that look like titles, so a line next to a line of prose is none: next to
//! means without a blank line between, prose is a line that no shape is known of. But a paragraph that holds an abstract
//! line is no wrapped text: it is a list without blank lines, and there every title may be a paper.

use crate::lines::{Lines, RawLine, too_long};
use crate::page::{Block, Outcome, Pairing};
use crate::shape::{Shape, shape};
use std::collections::VecDeque;
use std::io::{self, BufRead};

/// How many lines of a paragraph are held, at most, to see whether an abstract follows.
const MAX_HELD: usize = 64;

/// Reads lines and hands them to a [`Pairing`].
pub(crate) struct Paragraphs<R> {
    pub(crate) lines: Lines<R>,
    /// Lines of the paragraph that are not handed on yet, each with whether it is prose.
    held: VecDeque<(Block, bool)>,
    /// Whether the line before the first held one (for a blank line: no) is prose.
    after_prose: bool,
    /// Whether the paragraph has held an abstract.
    in_list: bool,
}

impl<R: BufRead> Paragraphs<R> {
    pub(crate) fn new(lines: Lines<R>) -> Self {
        Self {
            lines,
            held: VecDeque::new(),
            after_prose: false,
            in_list: false,
        }
    }

    /// Reads one line, and hands on those that it decides about; false at the end.
    pub(crate) fn next(
        &mut self,
        pairing: &mut Pairing,
        ready: &mut VecDeque<Outcome>,
    ) -> io::Result<bool> {
        let limit = self.lines.limit();
        let (text, damage) = match self.lines.next()? {
            None => {
                self.end_paragraph(pairing, ready);
                return Ok(false);
            }
            Some(RawLine::TooLong(bytes)) => {
                self.enter_list(pairing, ready);
                pairing.overlong(self.lines.number, too_long(bytes, limit), ready);
                return Ok(true);
            }
            Some(RawLine::Bytes(line)) => decode(line),
        };
        if text.is_empty() {
            self.end_paragraph(pairing, ready);
            return Ok(true);
        }
        let block = Block {
            line: self.lines.number,
            text,
            url: None,
            damage,
            alone: true,
        };
        self.take(block, pairing, ready);
        Ok(true)
    }

    fn take(&mut self, block: Block, pairing: &mut Pairing, ready: &mut VecDeque<Outcome>) {
        let shape = shape(&block.text);
        if shape == Shape::Abstract {
            self.enter_list(pairing, ready);
        }
        if self.in_list {
            pairing.block(block, ready);
            return;
        }
        self.held.push_back((block, shape.is_unknown()));
        if self.held.len() > MAX_HELD {
            self.hand_on(pairing, ready);
        }
    }

    /// An abstract follows: what is held is no prose.
    fn enter_list(&mut self, pairing: &mut Pairing, ready: &mut VecDeque<Outcome>) {
        self.in_list = true;
        for (block, _) in self.held.drain(..) {
            pairing.block(block, ready);
        }
    }

    fn end_paragraph(&mut self, pairing: &mut Pairing, ready: &mut VecDeque<Outcome>) {
        while !self.held.is_empty() {
            self.hand_on(pairing, ready);
        }
        self.after_prose = false;
        self.in_list = false;
    }

    /// Gives the first held line to `pairing`; the line after it is held, or there is none.
    fn hand_on(&mut self, pairing: &mut Pairing, ready: &mut VecDeque<Outcome>) {
        if let Some((mut block, prose)) = self.held.pop_front() {
            let before_prose = self.held.front().is_some_and(|(_, prose)| *prose);
            block.alone = !before_prose && !self.after_prose;
            self.after_prose = prose;
            pairing.block(block, ready);
        }
    }
}

/// A line as clean text, and what is wrong with its bytes.
fn decode(line: &[u8]) -> (String, Option<String>) {
    match std::str::from_utf8(line) {
        Ok(text) => (crate::clean(text), None),
        Err(error) => {
            let at = error.valid_up_to() + 1;
            let damage = format!("invalid UTF-8 at byte {at} of the line");
            (crate::clean(&String::from_utf8_lossy(line)), Some(damage))
        }
    }
}
