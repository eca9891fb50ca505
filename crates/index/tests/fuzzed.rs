//! The fuzz targets (`../fuzz`) through their corpora and changes of them. Longer: `SYNTOPIC_FUZZ_ROUNDS=100000 cargo test -p
//! syntopic-index --test fuzzed`.

#[path = "../fuzz/forging.rs"]
mod forging;
#[path = "../../formats/fuzz/mutation.rs"]
mod mutation;

use mutation::{Random, mutated, rounds};
use std::path::Path;

fn each_forged(target: &str, forged: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let entries = std::fs::read_dir(corpus.join(target)).expect("a corpus");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let mut samples: Vec<Vec<u8>> = paths
        .iter()
        .map(|path| std::fs::read(path).expect("a file"))
        .collect();
    samples.iter().for_each(|edits| forged(edits));
    let mut random = Random(7);
    // Edits from nothing, which the corpus has few of.
    samples.extend((0..20).map(|_| (0..30).map(|_| random.below(256) as u8).collect()));
    for _ in 0..rounds(20_000) {
        forged(&mutated(&samples, &mut random));
    }
}

#[test]
fn a_forged_index_is_refused_or_answers() {
    each_forged("index_file", forging::forged_index);
}

#[test]
fn forged_rows_are_refused_or_answer() {
    each_forged("rows_file", forging::forged_rows);
}
