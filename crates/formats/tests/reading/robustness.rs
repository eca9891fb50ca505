//! Damaged files never panic, and never yield more than they hold.

use crate::{PAGE, page_html::cards, read, read_as};
use syntopic_formats::Format;

const FORMATS: [Option<Format>; 4] = [
    None,
    Some(Format::HfPapersText),
    Some(Format::HfPapersHtml),
    Some(Format::Jsonl),
];

/// Page, HTML, JSON lines.
fn originals() -> [Vec<u8>; 3] {
    let html = cards(&read(PAGE).papers);
    let lines = include_str!("../../../../data/hf-papers.jsonl");
    [
        PAGE.as_bytes().to_vec(),
        html.into_bytes(),
        lines.as_bytes().to_vec(),
    ]
}

/// How many papers are found; an error counts as none.
fn papers(bytes: &[u8], format: Option<Format>) -> usize {
    read_as(bytes, format).map_or(0, |read| read.papers.len())
}

#[test]
fn cut_anywhere() {
    for bytes in originals() {
        let mut last = 0;
        for end in (0..bytes.len()).step_by(997) {
            let found = papers(&bytes[..end], None);
            assert!(found <= 65, "{found} papers in the first {end} bytes");
            assert!(
                found + 1 >= last,
                "a longer piece holds no fewer papers, but for the one that is cut"
            );
            last = found;
        }
        assert!(last >= 64);
    }
}

#[test]
fn bytes_flipped_anywhere() {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for (kind, bytes) in originals().into_iter().enumerate() {
        for case in 0..500 {
            let mut damaged = bytes.clone();
            let flips = 1 + random(20);
            for _ in 0..flips {
                let at = random(damaged.len());
                damaged[at] = random(256) as u8;
            }
            let found = papers(&damaged, FORMATS[kind + 1]);
            assert!(found <= 65 + 2 * flips);
            // One flip in the tags of HTML can hide the rest of a page, in a browser too: there, only no panic.
            if kind != 1 {
                assert!(
                    found + 2 * flips >= 65,
                    "{flips} flips (case {case}) lost {} papers",
                    65 - found
                );
            }
            if case % 10 == 0 {
                for format in FORMATS {
                    assert!(papers(&damaged, format) <= 65 + 2 * flips);
                }
            }
        }
    }
}
