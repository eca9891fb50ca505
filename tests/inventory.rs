//! The inventory of unsafe code in `crates/README.md` is what the sources have.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The sources of all crates that have unsafe code outside of their tests' folders, as paths below `crates/`.
fn in_sources() -> BTreeSet<String> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(&crates)
        .expect("the crates")
        .map(|entry| entry.expect("an entry").path().join("src"))
        .filter(|path| path.is_dir())
        .collect();
    let mut found = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") && is_unsafe(&path) {
                let name = path.strip_prefix(&crates).expect("below it");
                found.insert(name.display().to_string());
            }
        }
    }
    found
}

fn is_unsafe(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).expect("a source");
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let mut code = code.filter(|line| !line.contains("unsafe_"));
    code.any(|line| {
        line.split(|c: char| !c.is_alphanumeric())
            .any(|word| word == "unsafe")
    })
}

/// The files of the table's first column, `a/{b,c}.rs` being two.
fn in_table() -> BTreeSet<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/README.md");
    let readme = std::fs::read_to_string(readme).expect("the page");
    let (_, section) = readme.split_once("## Unsafe code").expect("the section");
    let rows = section.lines().skip_while(|line| !line.starts_with("|---"));
    let rows = rows.skip(1).take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.split('|').nth(1).expect("a cell").to_owned());
    let named = cells.flat_map(|cell| {
        let names = cell.split('`').skip(1).step_by(2).map(str::to_owned);
        names.collect::<Vec<_>>()
    });
    named.flat_map(|name| spelled_out(&name)).collect()
}

fn spelled_out(name: &str) -> Vec<String> {
    match name.split_once('{').zip(name.split_once('}')) {
        Some(((before, inner), (_, after))) => {
            let inner = inner.split('}').next().unwrap_or_default();
            inner
                .split(',')
                .map(|one| format!("{before}{one}{after}"))
                .collect()
        }
        None => vec![name.to_owned()],
    }
}

#[test]
fn every_file_with_unsafe_code_is_in_the_table() {
    assert_eq!(in_table(), in_sources());
}
