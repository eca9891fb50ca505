//! Which title belongs to which abstract in a saved page of papers, read from the shape of its lines.
//! Not for: how the lines were found (text lines or HTML blocks) or what one line is ([`crate::shape`]).
//!
//! Going down the page, an abstract takes the last title since the abstract before it; without one, the last short line
//! (so that "GPT-4" can be a title). Known chrome may stand anywhere, also between a title and its abstract; an unknown
//! short line there is chrome when a title stands above it. A title whose place another title takes, or that no
//! abstract follows, is a paper without an abstract; the same title twice is one title. An abstract that no title precedes is
//! a skipped record. Two things cannot be told by shape: a line of four words or more between a title and its abstract
//! that looks like a title (it becomes the title), and a title of one to three words right after a paper without an abstract
//! (that paper gets its abstract).

use crate::shape::{Shape, shape};
use crate::slug::title_id;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
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

/// Pairs titles and abstracts.
#[derive(Default)]
pub(crate) struct Pairing {
    title: Option<Block>,
    short: Option<Block>,
    seen: HashMap<PaperId, Seen>,
    /// Blocks that belong to no paper and no skipped record.
    pub(crate) chrome: u64,
    /// Blocks seen at all.
    pub(crate) blocks: u64,
}

/// The paper that has an id: where it stood, and a hash of its abstract (0 for none).
struct Seen {
    line: u64,
    abstract_hash: u64,
}

impl Pairing {
    /// Takes the next block; gives what it completes.
    pub(crate) fn block(&mut self, block: Block, out: &mut VecDeque<Outcome>) {
        self.blocks += 1;
        match shape(&block.text) {
            Shape::Chrome => self.chrome += 1,
            Shape::Short => self.chrome += u64::from(self.short.replace(block).is_some()),
            Shape::Title => self.title(block, out),
            Shape::Abstract => self.abstract_text(block, out),
        }
    }

    /// A line too long to be held: taken for an abstract that is skipped, together with its title.
    pub(crate) fn overlong(&mut self, line: u64, why: String, out: &mut VecDeque<Outcome>) {
        self.blocks += 1;
        let block = Block {
            line,
            text: String::new(),
            url: None,
            damage: Some(why),
            alone: false,
        };
        self.abstract_text(block, out);
    }

    /// The page has ended.
    pub(crate) fn end(&mut self, out: &mut VecDeque<Outcome>) {
        self.drop_short();
        self.title_without_abstract(out);
    }

    fn title(&mut self, mut block: Block, out: &mut VecDeque<Outcome>) {
        self.drop_short();
        let repeats = self
            .title
            .as_ref()
            .is_some_and(|title| title.text == block.text);
        if repeats {
            self.chrome += 1;
            if let Some(title) = self.title.take() {
                block.line = title.line;
                block.url = title.url.or(block.url);
                block.alone |= title.alone;
            }
        } else {
            self.title_without_abstract(out);
        }
        self.title = Some(block);
    }

    fn abstract_text(&mut self, block: Block, out: &mut VecDeque<Outcome>) {
        let title = self.title.take().or_else(|| self.short.take());
        self.drop_short();
        match title {
            Some(title) => out.push_back(self.paper(title, Some(block))),
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

    fn drop_short(&mut self) {
        self.chrome += u64::from(self.short.take().is_some());
    }

    fn title_without_abstract(&mut self, out: &mut VecDeque<Outcome>) {
        match self.title.take() {
            Some(title) if title.alone => out.push_back(self.paper(title, None)),
            Some(_) => self.chrome += 1,
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

/// Tells apart the abstracts of one title. Collisions only change the wording of a message.
fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The first words of a text, for a message.
fn beginning(text: &str) -> String {
    const CHARS: usize = 60;
    match text.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
