//! The corpora of the fuzz targets (`../fuzz`), as they are and changed in many ways, through the function that every target
//! calls. Longer: `SYNTOPIC_FUZZ_ROUNDS=100000 cargo test -p syntopic-formats --test fuzzed`.

#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test says what it read, and what it failed on"
)]

#[path = "../fuzz/mutation.rs"]
mod mutation;
#[path = "../fuzz/reading.rs"]
mod reading;

use mutation::{Random, mutated, rounds};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Instant;
use syntopic_formats::Format;

/// Every target with its format.
const TARGETS: [(&str, Format); 18] = [
    ("page", Format::HfPapersText),
    ("page_html", Format::HfPapersHtml),
    ("jsonl", Format::Jsonl),
    ("json", Format::Json),
    ("table", Format::Table),
    ("parquet", Format::Parquet),
    ("bibtex", Format::Bibtex),
    ("ris", Format::Ris),
    ("web_of_science", Format::WebOfScience),
    ("medline", Format::Medline),
    ("pubmed_xml", Format::PubmedXml),
    ("arxiv_atom", Format::ArxivAtom),
    ("oai", Format::Oai),
    ("acl_xml", Format::AclXml),
    ("arxiv_json", Format::ArxivJson),
    ("openalex", Format::OpenAlex),
    ("semantic_scholar", Format::SemanticScholar),
    ("csl_json", Format::CslJson),
];

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The files of a folder in the order of their names.
fn samples(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read(path).expect("a file"))
        .collect()
}

/// Reads `bytes`; where that panics, keeps them and says where.
fn read(name: &str, bytes: &[u8], format: Option<Format>) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| reading::read(bytes, format))) {
        let kept = std::env::temp_dir().join(format!("syntopic-fuzzed-{name}"));
        std::fs::write(&kept, bytes).expect("a file");
        eprintln!("{name}: what was read is in {}", kept.display());
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn the_parser_of_every_format_keeps_its_promises() {
    let mut all = samples(&fuzz().join("corpus/any"));
    for (name, format) in TARGETS {
        let began = Instant::now();
        let own = samples(&fuzz().join("corpus").join(name));
        own.iter().for_each(|bytes| read(name, bytes, Some(format)));
        let mut random = Random(own.len() as u64);
        let rounds = rounds(5_000);
        for _ in 0..rounds {
            read(name, &mutated(&own, &mut random), Some(format));
        }
        all.extend(own);
        println!("{name}: {rounds} changed files in {:.1?}", began.elapsed());
    }
    all.iter().for_each(|bytes| read("any", bytes, None));
    let mut random = Random(1);
    for _ in 0..rounds(20_000) {
        read("any", &mutated(&all, &mut random), None);
    }
}

/// Each format has a target, each target a file, and each file a corpus: nothing is fuzzed in name only.
#[test]
fn every_format_has_a_target() {
    let mut formats: Vec<Format> = TARGETS.iter().map(|(_, format)| *format).collect();
    formats.dedup();
    assert_eq!(formats.len(), Format::ALL.len());
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).expect("a manifest");
    let targets = TARGETS
        .iter()
        .map(|(name, format)| (*name, format!("Some(syntopic_formats::Format::{format:?})")));
    for (name, format) in targets.chain([("any", "None".to_owned())]) {
        let source = fuzz().join(format!("targets/{name}.rs"));
        let source = std::fs::read_to_string(&source).expect("a target");
        assert!(source.contains(&format), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}
