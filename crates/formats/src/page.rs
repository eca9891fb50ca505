//! Which title belongs to which abstract in a saved page of papers, read from the shape of its lines.
//! Not for: how the lines were found (text lines or HTML blocks) or what one line is ([`crate::shape`]).
//!
//! Going down the page, an abstract takes the unknown line nearest above it, else the last title since the abstract before
//! it. Known chrome may stand anywhere, also between a title and its abstract. A title whose place another line takes, or
//! that no abstract follows, is a paper without an abstract; the same title twice is one title. An abstract that no title
//! precedes is a skipped record.
//!
//! So an unknown line directly above an abstract is its title, and an older title a paper without an abstract: wrong where
//! authors or a button stand there, but then no line is lost. Not so where the page itself says otherwise ([`Layout`]): a
//! line that recurs is the page's own, and where most papers have an unknown line between title and abstract, an older title
//! wins. A line there that looks like a title always becomes one.
//!
//! A line that is left out though no rule knows it for chrome is counted apart, and the first ones are kept to be shown:
//! among them is any paper without an abstract whose title has not the shape of one.

use crate::layout::{Layout, hash};
use crate::shape::{Shape, shape};
use crate::slug::title_id;
use std::collections::HashMap;
use std::collections::VecDeque;
use syntopic_core::{Paper, PaperId};

/// A record that was left out: its line and why.
#[derive(Debug)]
pub(crate) struct Bad {
    pub(crate) line: u64,
    pub(crate) why: String,
}

/// A paper, or a record left out.
pub(crate) type Outcome = Result<Paper, Bad>;

/// A line of text, or a block of an HTML page.
#[derive(Debug)]
pub(crate) struct Block {
    /// Where it begins, from 1.
    pub(crate) line: u64,
    /// One clean line, not empty.
    pub(crate) text: String,
    /// The paper that it links to.
    pub(crate) url: Option<String>,
    /// Why its text cannot be trusted, if so: a paper made of it is skipped.
    pub(crate) damage: Option<String>,
    /// Whether it may be a paper of its own, without an abstract: not so for a line in the midst of wrapped prose.
    pub(crate) alone: bool,
}

/// A block and its shape.
pub(crate) struct Line {
    pub(crate) block: Block,
    pub(crate) shape: Shape,
}

impl Line {
    pub(crate) fn new(block: Block) -> Self {
        let shape = shape(&block.text);
        Self { block, shape }
    }
}

/// How many [doubtful lines](crate::Papers::doubts) of a page are kept, at most.
pub const MAX_DOUBTS: usize = 20;

/// The blocks that belong to no paper and no skipped record.
#[derive(Default)]
pub(crate) struct LeftOut {
    pub(crate) chrome: u64,
    /// Those among them that no rule knows for chrome.
    pub(crate) doubtful: u64,
    /// The first of these.
    pub(crate) doubts: Vec<Bad>,
}

impl LeftOut {
    fn known(&mut self) {
        self.chrome += 1;
    }

    fn doubt(&mut self, block: &Block) {
        self.chrome += 1;
        self.doubtful += 1;
        if self.doubts.len() < MAX_DOUBTS {
            let text = beginning(&block.text);
            self.doubts.push(Bad {
                line: block.line,
                why: format!("left out as a line of the page, but it may be a title: \"{text}\""),
            });
        }
    }
}

/// So much of a page is looked at before its first paper is given, so that its layout is known.
const MAX_FIRST_BYTES: usize = 1 << 20;
const MAX_FIRST_LINES: usize = 1 << 14;

/// Pairs titles and abstracts.
#[derive(Default)]
pub(crate) struct Pairing {
    /// The first lines, until `layout` is known.
    first: Vec<Line>,
    first_bytes: usize,
    layout: Option<Layout>,
    card: Card,
    seen: HashMap<PaperId, Seen>,
    pub(crate) left_out: LeftOut,
    /// Blocks seen at all.
    pub(crate) blocks: u64,
}

/// The paper that has an id: where it stood, and a hash of its abstract (0 for none).
struct Seen {
    line: u64,
    abstract_hash: u64,
}

/// What may be the title of the next abstract.
#[derive(Default)]
struct Card {
    /// The last title since the last abstract.
    title: Option<Block>,
    /// The last unknown line since then.
    near: Option<Block>,
    /// The very last line, if it is one that may be a title only directly above an abstract.
    direct: Option<(Block, Direct)>,
}

/// What a line is that may be a title only directly above an abstract.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direct {
    /// Doubtful: a title there.
    Doubtful,
    /// The page's own: a title there if there is no other.
    Own,
    /// Words of buttons: no title, but doubted there.
    Button,
}

impl Card {
    /// The title of an abstract that stands here.
    fn choose(&mut self, lines_between: bool) -> Option<Block> {
        if lines_between && self.title.is_some() {
            return self.title.take();
        }
        self.take_direct(Direct::Doubtful)
            .or_else(|| self.near.take())
            .or_else(|| self.title.take())
            .or_else(|| self.take_direct(Direct::Own))
    }

    fn take_direct(&mut self, direct: Direct) -> Option<Block> {
        let taken = self.direct.take_if(|(_, is)| *is == direct);
        taken.map(|(block, _)| block)
    }
}

impl Pairing {
    /// Takes the next block; gives what it completes.
    pub(crate) fn block(&mut self, block: Block, out: &mut VecDeque<Outcome>) {
        self.take(Line::new(block), out);
    }

    /// A line too long to be held: taken for an abstract that is skipped, together with its title.
    pub(crate) fn overlong(&mut self, line: u64, why: String, out: &mut VecDeque<Outcome>) {
        let block = Block {
            line,
            text: String::new(),
            url: None,
            damage: Some(why),
            alone: false,
        };
        let shape = Shape::Abstract;
        self.take(Line { block, shape }, out);
    }

    /// The page has ended.
    pub(crate) fn end(&mut self, out: &mut VecDeque<Outcome>) {
        self.learn(out);
        self.drop_direct();
        self.drop_near();
        self.title_without_abstract(out);
    }

    /// Learns from the first lines, pairs the others.
    fn take(&mut self, line: Line, out: &mut VecDeque<Outcome>) {
        self.blocks += 1;
        if let Some(layout) = &self.layout {
            let own = layout.is_own(&line);
            let lines_between = layout.lines_between;
            self.pair(line, own, lines_between, out);
            return;
        }
        self.first_bytes += line.block.text.len();
        self.first.push(line);
        if self.first_bytes > MAX_FIRST_BYTES || self.first.len() >= MAX_FIRST_LINES {
            self.learn(out);
        }
    }

    fn learn(&mut self, out: &mut VecDeque<Outcome>) {
        if self.layout.is_some() {
            return;
        }
        let first = std::mem::take(&mut self.first);
        self.blocks -= first.len() as u64;
        self.layout = Some(Layout::learn(&first));
        for line in first {
            self.take(line, out);
        }
    }

    fn pair(&mut self, line: Line, own: bool, lines_between: bool, out: &mut VecDeque<Outcome>) {
        if line.shape == Shape::Abstract {
            return self.abstract_text(line.block, lines_between, out);
        }
        self.drop_direct();
        let taken = self.card.title.is_some() || self.card.near.is_some();
        match line.shape {
            Shape::Chrome => self.left_out.known(),
            Shape::Banner => self.left_out.doubt(&line.block),
            Shape::Names if taken => {
                if lines_between {
                    self.left_out.known();
                } else {
                    self.left_out.doubt(&line.block);
                }
            }
            Shape::Button | Shape::Title if own => self.left_out.known(),
            Shape::Button => self.card.direct = Some((line.block, Direct::Button)),
            _ if own => self.card.direct = Some((line.block, Direct::Own)),
            Shape::Doubtful => self.card.direct = Some((line.block, Direct::Doubtful)),
            Shape::Title => self.title(line.block, out),
            _ => self.near(line.block),
        }
    }

    fn near(&mut self, block: Block) {
        match &mut self.card.near {
            Some(near) if near.text == block.text => {
                self.left_out.known();
                near.url = near.url.take().or(block.url);
            }
            _ => {
                self.drop_near();
                self.card.near = Some(block);
            }
        }
    }

    fn title(&mut self, mut block: Block, out: &mut VecDeque<Outcome>) {
        self.drop_near();
        match self.card.title.take_if(|title| title.text == block.text) {
            Some(title) => {
                self.left_out.known();
                block.line = title.line;
                block.url = title.url.or(block.url);
                block.alone |= title.alone;
            }
            None => self.title_without_abstract(out),
        }
        self.card.title = Some(block);
    }

    fn abstract_text(&mut self, block: Block, lines_between: bool, out: &mut VecDeque<Outcome>) {
        let title = self.card.choose(lines_between);
        match self.card.take_direct(Direct::Button) {
            Some(button) => self.left_out.doubt(&button),
            None => self.drop_direct(),
        }
        self.drop_near();
        self.title_without_abstract(out);
        match title {
            Some(title) => {
                let paper = self.paper(title, Some(block));
                out.push_back(paper);
            }
            None => {
                let why = block.damage.unwrap_or_else(|| {
                    format!(
                        "an abstract with no title line before it: \"{}\"",
                        beginning(&block.text)
                    )
                });
                out.push_back(Err(Bad {
                    line: block.line,
                    why,
                }));
            }
        }
    }

    fn drop_direct(&mut self) {
        match self.card.direct.take() {
            Some((block, Direct::Doubtful)) => self.left_out.doubt(&block),
            Some((_, Direct::Own | Direct::Button)) => self.left_out.known(),
            None => {}
        }
    }

    fn drop_near(&mut self) {
        if let Some(near) = self.card.near.take() {
            self.left_out.doubt(&near);
        }
    }

    fn title_without_abstract(&mut self, out: &mut VecDeque<Outcome>) {
        match self.card.title.take() {
            Some(title) if title.alone => {
                let paper = self.paper(title, None);
                out.push_back(paper);
            }
            Some(title) => self.left_out.doubt(&title),
            None => {}
        }
    }

    /// The paper, unless its text is damaged or its title was there before.
    fn paper(&mut self, title: Block, abstract_text: Option<Block>) -> Outcome {
        let line = title.line;
        let bad = |line, why| Err(Bad { line, why });
        for block in std::iter::once(&title).chain(&abstract_text) {
            if let Some(damage) = &block.damage {
                return bad(
                    block.line,
                    format!("{damage}, in the paper \"{}\"", beginning(&title.text)),
                );
            }
        }
        let text = abstract_text.as_ref().map(|block| block.text.as_str());
        let made =
            PaperId::new(title_id(&title.text)).and_then(|id| Paper::new(id, &title.text, text));
        let mut paper = match made {
            Ok(paper) => paper,
            Err(error) => return bad(line, error.to_string()),
        };
        let abstract_hash = text.map_or(0, hash);
        if let Some(first) = self.seen.get(&paper.id) {
            let why = if text.is_none() || abstract_hash == first.abstract_hash {
                format!("the same paper as line {}", first.line)
            } else {
                format!(
                    "the title of line {} again, with another abstract: the first one is kept",
                    first.line
                )
            };
            return bad(line, why);
        }
        self.seen.insert(
            paper.id.clone(),
            Seen {
                line,
                abstract_hash,
            },
        );
        paper.url = title.url;
        Ok(paper)
    }
}

/// The first words of a text, for a message.
fn beginning(text: &str) -> String {
    const CHARS: usize = 60;
    match text.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
