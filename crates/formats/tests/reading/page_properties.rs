//! Pages made at random of the real papers: every paper comes back with its own abstract. Not for: single rules.

use crate::{PAGE, Read, read, read_as};
use std::collections::HashMap;
use syntopic_core::Paper;
use syntopic_formats::Format;

/// xorshift64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn one_in(&mut self, cases: usize) -> bool {
        self.below(cases) == 0
    }

    fn pick<'l>(&mut self, lines: &[&'l str]) -> &'l str {
        lines[self.below(lines.len())]
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for n in (1..items.len()).rev() {
            items.swap(n, self.below(n + 1));
        }
    }
}

/// Lines that rules know for chrome.
const CHROME: &[&str] = &[
    "Mar 13",
    "Upvote 23",
    "· 4 authors",
    "Submitted by someone",
    "Subscribe",
    "2 days ago",
    "View all papers of the week",
    "Skip to main content",
    "Get trending papers in your email inbox!",
    "© 2025 Hugging Face",
];

/// How a title was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    None,
    Lower,
    Ending,
    Opening,
    Short,
}

fn changed(title: &str, n: usize, change: Change, random: &mut Random) -> String {
    match change {
        Change::None => title.to_owned(),
        Change::Lower => title.to_lowercase(),
        Change::Ending => {
            let lower = random.one_in(2);
            let title = if lower {
                title.to_lowercase()
            } else {
                title.to_owned()
            };
            title + random.pick(&["!", "?", "...", "…", ".", "?!"])
        }
        Change::Opening => {
            let openings = [
                "Copyright Traps for",
                "Subscribe to",
                "Skip to",
                "See All by",
                "Sign in the Wild:",
                "Back to",
                "Share and",
            ];
            format!("{} {title}", random.pick(&openings))
        }
        Change::Short => random
            .pick(&[
                "GPT-#!",
                "wav#vec",
                "wav2vec #",
                "Segment Anything #",
                "t-SNE #?",
                "Whisper#",
            ])
            .replace('#', &n.to_string()),
    }
}

struct Made {
    blocks: Vec<String>,
    /// Title, whether it was changed, and its abstract or none.
    papers: Vec<(String, Change, Option<String>)>,
    /// How many blocks are neither title nor abstract.
    chrome: u64,
}

fn make(papers: &[Paper], random: &mut Random) -> Made {
    let mut papers: Vec<_> = papers.iter().cloned().enumerate().collect();
    random.shuffle(&mut papers);
    papers.truncate(5 + random.below(61));
    let bare_one_in = 2 + random.below(8);
    let changed_one_in = 1 + random.below(4);
    let chrome_at_most = random.below(4);
    let own = random
        .one_in(3)
        .then_some(random.pick(&["Gizmo", "made with love by all"]));
    let mut made = Made {
        blocks: Vec::new(),
        papers: Vec::new(),
        chrome: 0,
    };
    let some_chrome = |made: &mut Made, random: &mut Random| {
        for _ in 0..random.below(chrome_at_most + 1) {
            made.blocks.push(random.pick(CHROME).to_owned());
            made.chrome += 1;
        }
    };
    for (n, paper) in papers {
        let change = if random.one_in(changed_one_in) {
            [
                Change::Lower,
                Change::Ending,
                Change::Opening,
                Change::Short,
            ][random.below(4)]
        } else {
            Change::None
        };
        let title = changed(&paper.title, n, change, random);
        let text = paper.abstract_text.filter(|_| !random.one_in(bare_one_in));
        some_chrome(&mut made, random);
        made.blocks.push(title.clone());
        // Chrome between a title and its abstract leaves no doubt of a title that is known as one only.
        if change != Change::Opening || text.is_none() {
            some_chrome(&mut made, random);
        }
        made.blocks.extend(text.clone());
        made.papers.push((title, change, text));
        if let Some(own) = own {
            made.blocks.push(own.to_owned());
            made.chrome += 1;
        }
    }
    made
}

/// Every paper is there with its own abstract, or, if it has none and an odd title, among the doubtful lines.
fn check(made: &Made, got: &Read, case: &str) {
    assert!(got.skipped.is_empty(), "{case}: {:?}", got.messages());
    let found: HashMap<&str, Option<&str>> = got
        .papers
        .iter()
        .map(|paper| (paper.title.as_str(), paper.abstract_text.as_deref()))
        .collect();
    let mut lost = 0;
    for (title, change, text) in &made.papers {
        match found.get(title.as_str()) {
            Some(found) => assert_eq!(*found, text.as_deref(), "{case}: {title:?}"),
            None => {
                assert!(
                    text.is_none() && *change != Change::None,
                    "{case}: lost {title:?}"
                );
                lost += 1;
            }
        }
    }
    assert_eq!(got.papers.len() + lost, made.papers.len(), "{case}");
    assert_eq!(got.doubtful, lost as u64, "{case}: {:?}", got.doubts);
    assert_eq!(got.chrome, made.chrome + lost as u64, "{case}");
}

#[test]
fn every_paper_comes_back_with_its_own_abstract() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let papers = read(PAGE).papers;
    for case in 0..200 {
        let made = make(&papers, &mut random);
        if made.papers.iter().all(|paper| paper.2.is_none()) {
            continue;
        }
        for between in ["\n\n", "\n", "\r\n \r\n"] {
            let text = made.blocks.join(between);
            let got = read_as(text.as_bytes(), Some(Format::HfPapersText)).expect("papers");
            check(&made, &got, &format!("page {case}, {between:?}"));
        }
        let tag = random.pick(&["p", "div", "li"]);
        let html: String = made
            .blocks
            .iter()
            .map(|text| {
                format!(
                    "<{tag}>{}</{tag}>",
                    text.replace('&', "&amp;").replace('<', "&lt;")
                )
            })
            .collect();
        let got = read_as(html.as_bytes(), Some(Format::HfPapersHtml)).expect("papers");
        check(&made, &got, &format!("page {case}, html"));
    }
}
