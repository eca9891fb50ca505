//! The sample corpus in `data/` is what the importer makes of the saved page beside it. Not for: other inputs.
//!
//! `SYNTOPIC_WRITE_SAMPLE=1 cargo test -p syntopic-formats --test sample_corpus` writes `data/hf-papers.jsonl` anew.

use std::fs;
use std::io::BufReader;
use std::path::PathBuf;
use syntopic_core::Paper;
use syntopic_formats::{Format, open, write_jsonl};

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../data")
        .join(name)
}

fn papers_of(name: &str) -> (Format, u64, Vec<Paper>) {
    let file = fs::File::open(data(name)).expect("the sample is in data/");
    let mut papers = open(name, Box::new(BufReader::new(file)), None).expect("a known format");
    let all = papers
        .by_ref()
        .map(|paper| paper.expect("readable").expect("no record is skipped"))
        .collect();
    assert_eq!(papers.doubtful_lines(), 0);
    (papers.format(), papers.chrome_lines(), all)
}

#[test]
fn the_jsonl_is_what_the_importer_makes_of_the_page() {
    let (format, chrome, papers) = papers_of("hf-papers.txt");
    assert_eq!(
        (format, chrome, papers.len()),
        (Format::HfPapersText, 5, 65)
    );
    let mut made = Vec::new();
    for paper in &papers {
        write_jsonl(&mut made, paper).expect("memory does not fail");
    }
    let path = data("hf-papers.jsonl");
    if std::env::var_os("SYNTOPIC_WRITE_SAMPLE").is_some_and(|value| value == "1") {
        fs::write(&path, &made).expect("data/ can be written");
    }
    let shipped = fs::read(&path).expect("data/hf-papers.jsonl is there");
    assert!(
        shipped == made,
        "data/hf-papers.jsonl is not what the importer makes: see the top of this test file"
    );
}

#[test]
fn the_jsonl_reads_back_as_the_same_papers() {
    let (_, _, page) = papers_of("hf-papers.txt");
    let (format, chrome, lines) = papers_of("hf-papers.jsonl");
    assert_eq!((format, chrome), (Format::Jsonl, 0));
    assert_eq!(lines, page);
    assert_eq!(
        lines[0].id.as_str(),
        "pre-trained-language-models-for-interactive-decision-making"
    );
    assert!(lines.iter().all(|paper| {
        paper
            .abstract_text
            .as_ref()
            .is_some_and(|text| text.len() > 1000)
    }));
}
