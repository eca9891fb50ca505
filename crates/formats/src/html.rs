//! The visible text of an HTML page as blocks in document order, each with the paper that it links to.
//! Not for: which blocks are papers ([`crate::page`]), nor a tree of elements: tokens are enough, and they stream.
//!
//! A block is the text between two tags that begin or end a line (`<p>`, `<h3>`, `<div>`, `<li>`, …); inline tags
//! (`<a>`, `<em>`, `<span>`, …) do not end it and `<br>` is a blank. Entities are decoded. Left out, and not counted as chrome,
//! is what is in `head`, `nav`, `script`, `style` and the other elements of [`HIDDEN`].

use crate::lines::{MAX_LINE_BYTES, fill};
use crate::page::Block;
use crate::paper_url::paper_url;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer,
};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, BufRead};

/// Elements whose text is not part of the page's content.
const HIDDEN: &[&str] = &[
    "head", "nav", "script", "style", "noscript", "template", "svg", "select", "textarea", "title",
    "iframe", "object", "noembed", "noframes", "xmp",
];

/// Elements that flow within a line.
const INLINE: &[&str] = &[
    "a",
    "abbr",
    "b",
    "bdi",
    "bdo",
    "big",
    "br",
    "cite",
    "code",
    "data",
    "del",
    "dfn",
    "em",
    "font",
    "i",
    "img",
    "ins",
    "kbd",
    "mark",
    "q",
    "s",
    "samp",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "time",
    "tt",
    "u",
    "var",
    "wbr",
    "math",
    "mi",
    "mn",
    "mo",
    "mrow",
    "msub",
    "msup",
    "mtext",
    "semantics",
];

/// Stands for bytes that are not UTF-8 on their way through the tokenizer: no page has this character, Unicode reserves it.
const NOT_UTF8: char = '\u{ffff}';

/// Reads blocks one at a time.
pub(crate) struct Blocks<R> {
    input: R,
    tokenizer: Tokenizer<Sink>,
    queue: BufferQueue,
    /// The first bytes of a character whose last bytes have not arrived.
    partial: Vec<u8>,
    ended: bool,
    /// Tokens when it was last fed, and the bytes since there were more of them.
    tokens: u64,
    since_token: usize,
}

impl<R: BufRead> Blocks<R> {
    pub(crate) fn new(input: R) -> Self {
        let tokenizer = Tokenizer::new(Sink::default(), Default::default());
        Self {
            input,
            tokenizer,
            queue: BufferQueue::default(),
            partial: Vec::new(),
            ended: false,
            tokens: 0,
            since_token: 0,
        }
    }

    /// The next block, or `None` at the end of the page.
    pub(crate) fn next(&mut self) -> io::Result<Option<Block>> {
        loop {
            if let Some(block) = self.tokenizer.sink.state.borrow_mut().blocks.pop_front() {
                return Ok(Some(block));
            }
            if self.ended {
                return Ok(None);
            }
            self.feed_some()?;
        }
    }

    /// How many lines the tokenizer has gone through.
    pub(crate) fn lines(&self) -> u64 {
        self.tokenizer.sink.state.borrow().lines
    }

    fn feed_some(&mut self) -> io::Result<()> {
        let chunk = fill(&mut self.input)?;
        let used = chunk.len();
        self.ended = used == 0;
        // The tokenizer keeps a tag or a comment until it ends.
        let tokens = self.tokenizer.sink.state.borrow().tokens;
        self.since_token = match tokens == self.tokens {
            true => self.since_token + used,
            false => used,
        };
        self.tokens = tokens;
        if self.since_token > MAX_LINE_BYTES {
            return Err(io::Error::other(format!(
                "a tag or a comment does not end within {MAX_LINE_BYTES} bytes"
            )));
        }
        self.partial.extend_from_slice(chunk);
        self.input.consume(used);
        let (text, rest) = decode(&self.partial, self.ended);
        self.partial = rest;
        self.queue.push_back(StrTendril::from(text));
        // The sink never asks the tokenizer to stop, so the whole queue is consumed.
        let _ = self.tokenizer.feed(&self.queue);
        if self.ended {
            self.tokenizer.end();
            self.tokenizer.sink.state.borrow_mut().flush();
        }
        Ok(())
    }
}

/// The text of `bytes`, wrong bytes as [`NOT_UTF8`], and the bytes of an unfinished character at its end.
fn decode(mut bytes: &[u8], ended: bool) -> (String, Vec<u8>) {
    let mut text = String::with_capacity(bytes.len());
    loop {
        let error = match std::str::from_utf8(bytes) {
            Ok(rest) => {
                text.push_str(rest);
                return (text, Vec::new());
            }
            Err(error) => error,
        };
        let (valid, rest) = bytes.split_at(error.valid_up_to());
        text.push_str(&String::from_utf8_lossy(valid));
        match error.error_len() {
            None if !ended => return (text, rest.to_vec()),
            None => bytes = &[],
            Some(length) => bytes = &rest[length..],
        }
        text.push(NOT_UTF8);
    }
}

/// Collects the tokens' text; interior mutability because the tokenizer lends its sink.
#[derive(Default)]
struct Sink {
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    text: String,
    line: u64,
    url: Option<String>,
    /// The paper that the open `<a>` links to.
    link: Option<String>,
    /// The hidden element that is open; the first end tag of its name ends it, so that a damaged page loses little.
    hidden: Option<String>,
    overlong: bool,
    lines: u64,
    /// How many tokens came, errors aside.
    tokens: u64,
    blocks: VecDeque<Block>,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<()> {
        let mut state = self.state.borrow_mut();
        state.lines = line;
        state.tokens += u64::from(!matches!(token, Token::ParseError(_)));
        match token {
            Token::CharacterTokens(text) => state.text(&text, line),
            Token::NullCharacterToken => state.text(" ", line),
            Token::TagToken(tag) => return state.tag(&tag),
            Token::DoctypeToken(_)
            | Token::CommentToken(_)
            | Token::EOFToken
            | Token::ParseError(_) => {}
        }
        TokenSinkResult::Continue
    }
}

impl State {
    fn text(&mut self, text: &str, line: u64) {
        if self.hidden.is_some() {
            return;
        }
        if self.text.len() + text.len() > MAX_LINE_BYTES {
            self.overlong = true;
            return;
        }
        if !text.trim().is_empty() {
            if self.text.trim().is_empty() {
                self.line = line;
            }
            if self.url.is_none() {
                self.url.clone_from(&self.link);
            }
        }
        self.text.push_str(text);
    }

    fn tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        let starts = tag.kind == TagKind::StartTag;
        if HIDDEN.contains(&name) {
            return self.hidden_tag(name, starts, tag.self_closing);
        }
        if let Some(open) = &self.hidden {
            // A page whose <nav> or <svg> is never closed would be lost; the next content begins here at the latest.
            if !starts || open == "template" || !matches!(name, "body" | "article" | "main") {
                return TokenSinkResult::Continue;
            }
            self.hidden = None;
        }
        match name {
            "a" if starts => {
                self.link = tag
                    .attrs
                    .iter()
                    .find(|a| &*a.name.local == "href")
                    .and_then(|a| paper_url(&a.value))
            }
            "a" => self.link = None,
            "br" => self.text.push(' '),
            name if INLINE.contains(&name) => {}
            _ => self.flush(),
        }
        TokenSinkResult::Continue
    }

    fn hidden_tag(&mut self, name: &str, starts: bool, self_closing: bool) -> TokenSinkResult<()> {
        match &self.hidden {
            None if starts && !(self_closing && name == "svg") => {
                self.flush();
                self.hidden = Some(name.to_owned());
            }
            Some(open) if open == name && !starts => self.hidden = None,
            _ => {}
        }
        match name {
            "script" if starts => TokenSinkResult::RawData(RawKind::ScriptData),
            "style" | "iframe" | "noembed" | "noframes" | "xmp" if starts => {
                TokenSinkResult::RawData(RawKind::Rawtext)
            }
            "title" | "textarea" if starts => TokenSinkResult::RawData(RawKind::Rcdata),
            _ => TokenSinkResult::Continue,
        }
    }

    /// Ends the block.
    fn flush(&mut self) {
        let raw = std::mem::take(&mut self.text);
        let url = self.url.take();
        let overlong = std::mem::take(&mut self.overlong);
        let wrong = raw.contains(NOT_UTF8);
        let text = crate::clean(&if wrong {
            raw.replace(NOT_UTF8, "\u{fffd}")
        } else {
            raw
        });
        if text.is_empty() {
            return;
        }
        let damage = match (overlong, wrong) {
            (true, _) => Some(format!("the text has more than {MAX_LINE_BYTES} bytes")),
            (false, true) => Some("invalid UTF-8".to_owned()),
            (false, false) => None,
        };
        self.blocks.push_back(Block {
            line: self.line,
            text,
            url,
            damage,
            alone: true,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(html: &[u8]) -> Vec<Block> {
        let mut reader = Blocks::new(io::BufReader::with_capacity(3, html));
        std::iter::from_fn(|| reader.next().expect("memory does not fail")).collect()
    }

    fn texts(html: &str) -> Vec<String> {
        blocks(html.as_bytes())
            .into_iter()
            .map(|block| block.text)
            .collect()
    }

    #[test]
    fn text_between_block_tags() {
        let page = "<!doctype html><head><title>T</title><style>p{}</style></head><body><nav>Menu <p>x</p></nav>\
                    <h3><a>One &amp; t<em>w</em>o</a></h3><p>A<br>b &lt; c&#x2014;d<script>if (a<b) '<p>'</script>\n e</p>tail";
        assert_eq!(texts(page), ["One & two", "A b < c—d", "e", "tail"]);
        assert_eq!(texts("<nav>never closed<article><p>seen"), ["seen"]);
        assert_eq!(
            texts("<svg/><p>after a self-closing picture</p>"),
            ["after a self-closing picture"]
        );
        assert_eq!(
            texts("<p>caf&eacute; &unknown; & &am"),
            ["café &unknown; & &am"]
        );
    }

    #[test]
    fn a_block_knows_its_line_and_link() {
        let page = "<p>\n\n one</p>\n<h3>\n<a href='/papers/2103.03230'>two</a></h3>\n<p>three";
        let got: Vec<_> = blocks(page.as_bytes())
            .into_iter()
            .map(|b| (b.line, b.text, b.url))
            .collect();
        let url = Some("https://huggingface.co/papers/2103.03230".to_owned());
        assert_eq!(
            got,
            [
                (3, "one".into(), None),
                (5, "two".into(), url),
                (6, "three".into(), None)
            ]
        );
    }

    #[test]
    fn wrong_bytes_damage_their_block_alone() {
        let got =
            blocks(b"<p>caf\xc3\xa9</p><p>caf\xe9</p><p>\xef\xbf\xbd in the source</p><p>\xf0\x9f");
        let damaged: Vec<_> = got
            .iter()
            .map(|b| (b.text.as_str(), b.damage.is_some()))
            .collect();
        assert_eq!(
            damaged,
            [
                ("café", false),
                ("caf\u{fffd}", true),
                ("\u{fffd} in the source", false),
                ("\u{fffd}", true)
            ]
        );
    }
}
