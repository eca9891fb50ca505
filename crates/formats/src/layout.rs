//! What the first blocks of a page say of its layout, for the lines whose shape alone does not say what they are.
//! Not for: one line's shape ([`crate::shape`]), nor the pairing of titles and abstracts ([`crate::page`]).

use crate::page::Line;
use crate::shape::Shape;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Fewer papers, or sightings of a line, than this say nothing of a layout.
const MIN_PAPERS: usize = 3;

/// What was learned of a page.
#[derive(Default)]
pub(crate) struct Layout {
    /// Hashes of lines that recur and may: the page's own.
    own: HashSet<u64>,
    /// Whether a line (authors, an affiliation) stands between a title and its abstract, paper for paper.
    pub(crate) lines_between: bool,
}

impl Layout {
    /// What `lines`, the first of a page, say.
    pub(crate) fn learn(lines: &[Line]) -> Self {
        let own = recurring(lines);
        let lines_between = lines_between(lines, &own);
        Self { own, lines_between }
    }

    /// Whether this line recurs, and thereby is known to be the page's own.
    pub(crate) fn is_own(&self, line: &Line) -> bool {
        may_recur(line.shape) && self.own.contains(&hash(&line.block.text))
    }
}

fn may_recur(shape: Shape) -> bool {
    shape.is_unknown() || matches!(shape, Shape::Button | Shape::Title)
}

/// Tells texts apart. A collision makes an unknown line one of the page's own, or changes the wording of a message.
pub(crate) fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Where a line was seen that may recur.
#[derive(Default)]
struct Sightings {
    times: usize,
    /// Whether it looks like a title.
    title: bool,
    /// Hashes of the abstracts below it (see [`below`]): the first, and another one.
    below: [Option<u64>; 2],
}

impl Sightings {
    fn add(&mut self, below: Option<u64>) {
        self.times += 1;
        let [first, other] = &mut self.below;
        if first.is_none() {
            *first = below;
        } else if below.is_some() && below != *first {
            *other = below;
        }
    }

    /// Above several abstracts, or often above none. Above one only, it may be the title of a paper that is listed again; and
    /// what looks like a title is one wherever there is an abstract below.
    fn is_own(&self) -> bool {
        match self.below {
            [None, _] => self.times >= MIN_PAPERS,
            [_, other] => other.is_some() && !self.title,
        }
    }
}

/// The lines that recur and may; twice in a row is once.
fn recurring(lines: &[Line]) -> HashSet<u64> {
    let mut seen: HashMap<u64, Sightings> = HashMap::new();
    for (n, line) in lines.iter().enumerate() {
        let next = lines.get(n + 1);
        let doubled = next.is_some_and(|next| next.block.text == line.block.text);
        if doubled || !may_recur(line.shape) {
            continue;
        }
        let below = below(line.shape, &lines[n + 1..]);
        let sightings = seen.entry(hash(&line.block.text)).or_default();
        sightings.title = line.shape == Shape::Title;
        sightings.add(below);
    }
    seen.retain(|_, sightings| sightings.is_own());
    seen.into_keys().collect()
}

/// Hash of the abstract that a line of this shape may be the title of: the one directly below it, and for what looks like a
/// title the next one with no other such line before it.
fn below(shape: Shape, rest: &[Line]) -> Option<u64> {
    let next = match shape {
        Shape::Title => rest
            .iter()
            .find(|line| matches!(line.shape, Shape::Abstract | Shape::Title)),
        _ => rest.first(),
    };
    next.filter(|next| next.shape == Shape::Abstract)
        .map(|next| hash(&next.block.text))
}

/// Whether most abstracts have one title above them and, nearer, an unknown line. (Papers without an abstract, each before
/// a paper whose title is unknown, look alike; but they would have to be every second paper of the page.)
fn lines_between(lines: &[Line], own: &HashSet<u64>) -> bool {
    let (mut abstracts, mut between) = (0, 0);
    let (mut titles, mut nearest) = (0, Shape::Chrome);
    for line in lines {
        match line.shape {
            Shape::Title if own.contains(&hash(&line.block.text)) => {}
            Shape::Abstract => {
                abstracts += 1;
                between += usize::from(titles == 1 && nearest != Shape::Title);
                (titles, nearest) = (0, Shape::Chrome);
            }
            Shape::Title => {
                titles += 1;
                nearest = Shape::Title;
            }
            shape if shape.is_unknown() && !own.contains(&hash(&line.block.text)) => {
                nearest = shape;
            }
            _ => {}
        }
    }
    between >= MIN_PAPERS && between * 2 > abstracts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Block;

    fn line(text: &str) -> Line {
        Line::new(Block {
            line: 1,
            text: text.replace("ABSTRACT", &"word ".repeat(60)),
            url: None,
            damage: None,
            alone: true,
        })
    }

    fn learn(page: &str) -> Layout {
        Layout::learn(&page.lines().map(line).collect::<Vec<_>>())
    }

    fn is_own(layout: &Layout, text: &str) -> bool {
        layout.is_own(&line(text))
    }

    #[test]
    fn a_line_above_several_abstracts_is_the_pages_own() {
        let layout = learn("Gizmo\nABSTRACT 1\nGizmo\nA Title of a Paper\nGizmo\nABSTRACT 2");
        assert!(is_own(&layout, "Gizmo"));
        let often =
            learn("Gizmo\nGPT-4\nABSTRACT\nGizmo\nonce\nGizmo\nSame Title Here Again\nonce");
        assert!(is_own(&often, "Gizmo"));
        for other in ["GPT-4", "once", "Same Title Here Again"] {
            assert!(!is_own(&often, other), "{other}");
        }
    }

    #[test]
    fn what_looks_like_a_title_and_stands_between_papers_is_the_pages_own() {
        let card = |n: usize| format!("A Title of Paper {n}\nABSTRACT {n}\nRead This Paper Now\n");
        let page: String = (0..3).map(card).collect();
        assert!(is_own(&learn(&page), "Read This Paper Now"));
        assert!(!is_own(&learn(&page), "A Title of Paper 1"));
        let twice: String = (0..2).map(card).collect();
        assert!(!is_own(&learn(&twice), "Read This Paper Now"));
        let listed = "A Paper Listed Again\nJane Doe\nABSTRACT\n".repeat(4);
        assert!(!is_own(&learn(&listed), "A Paper Listed Again"));
    }

    #[test]
    fn a_paper_listed_again_is_not() {
        let again =
            "GPT-4\nABSTRACT\nt-SNE\nt-SNE\nABSTRACT 1\nGPT-4\nABSTRACT\nGPT-4\nt-SNE\nt-SNE";
        let layout = learn(again);
        assert!(!is_own(&layout, "GPT-4") && !is_own(&layout, "t-SNE"));
    }

    #[test]
    fn lines_between_are_a_layout_when_most_papers_have_them() {
        let with = |name: &str| format!("A Title of Some Words\n{name}\nABSTRACT\n");
        let plain = "A Title of Some Words\nABSTRACT\n";
        let names = ["Jane Doe", "Wei Zhang", "John Smith"].map(with).concat();
        assert!(learn(&names).lines_between);
        assert!(learn(&format!("{names}{}", plain.repeat(2))).lines_between);
        assert!(!learn(&format!("{names}{}", plain.repeat(3))).lines_between);
        assert!(!learn(&["Jane Doe", "Wei Zhang"].map(with).concat()).lines_between);
        let button = (0..3).map(|n| with("Gizmo").replace("ABSTRACT", &format!("ABSTRACT {n}")));
        assert!(
            !learn(&button.collect::<String>()).lines_between,
            "the page's own"
        );
        let bare = "A Paper Without an Abstract";
        assert!(
            !learn(
                &["a", "b", "c"]
                    .map(|name| format!("{bare} {name}\n{}", with(name)))
                    .concat()
            )
            .lines_between
        );
    }
}
