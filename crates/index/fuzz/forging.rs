//! What every fuzz target of this crate does, and the short run of them among the ordinary tests (`../tests/fuzzed.rs`): a file
//! that this crate wrote is changed and its checksums are made right again, as no accident but an enemy does it. Then it is
//! refused, or it answers without panic. (Files with wrong checksums: `../tests/file.rs`.)

use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::OnceLock;
use syntopic_core::{Embeddings, Row};
use syntopic_index::{Effort, Index, IndexOptions, Kind, StoredRows};

const N: usize = 60;
const DIM: usize = 4;
const MADE_FROM: [u8; 32] = [3; 32];

/// 60 unit rows, some of them alike.
fn rows() -> &'static Embeddings {
    static ROWS: OnceLock<Embeddings> = OnceLock::new();
    ROWS.get_or_init(|| {
        let number = |at: usize| ((at * at * 31 + at * 17) % 41) as f32 - 20.5;
        let rows = (0..N).flat_map(|row| {
            let row: Vec<f32> = (0..DIM).map(|at| number((row % 50) * DIM + at)).collect();
            let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
            row.into_iter().map(move |v| v / length)
        });
        Embeddings::new(rows.collect(), DIM).expect("unit rows")
    })
}

fn options() -> IndexOptions {
    IndexOptions {
        kind: Kind::Hnsw,
        effort: Effort::Ef(8),
        ef_construction: 20,
        m: 4,
        ..IndexOptions::default()
    }
}

fn go_on(_: impl Sized) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// The file of an index with `edits`.
pub(crate) fn forged_index(edits: &[u8]) {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    let file = FILE.get_or_init(|| {
        let index = Index::build(rows(), &options(), &mut |_| go_on(()));
        index.expect("the options are right").to_bytes(MADE_FROM)
    });
    let file = edited(file, edits);
    let (rows, query) = (rows(), rows().row(Row(5)));
    // Here the header alone says how many rows there are.
    let mut on_disk = tempfile::NamedTempFile::new().expect("a file");
    std::io::Write::write_all(&mut on_disk, &file).expect("room for it");
    let stale = Index::open_stale(on_disk.path());
    let Ok(index) = Index::from_bytes(&file, MADE_FROM, N) else {
        if let Ok(stale) = stale {
            let _ = stale.refresh(rows, &options(), &mut |_| go_on(()));
        }
        return;
    };
    assert!(stale.is_ok(), "it asks for less");
    let _ = index.describe();
    let _ = index.audit();
    if let Ok(hits) = index.search(rows, query, 10, Some(12)) {
        let distinct: HashSet<Row> = hits.iter().map(|hit| hit.row).collect();
        assert!(distinct.len() == hits.len() && hits.len() <= 10);
    }
    let _ = index.search_where(rows, query, 5, &|row: Row| row.0 % 2 == 1);
    let _ = index.neighbors(rows, 3, &mut |_| go_on(()));
    let _ = index.refresh(rows, &options(), &mut |_| go_on(()));
}

/// The file of rows and their keys with `edits`.
pub(crate) fn forged_rows(edits: &[u8]) {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    let file = FILE.get_or_init(|| {
        let keys: Vec<String> = (0..N).map(|row| format!("{row:03}é")).collect();
        StoredRows::to_bytes(rows(), keys.iter().map(String::as_str), MADE_FROM)
            .expect("ascending keys")
    });
    let mut on_disk = tempfile::NamedTempFile::new().expect("a file");
    std::io::Write::write_all(&mut on_disk, &edited(file, edits)).expect("room for it");
    let Ok(stored) = StoredRows::open_stale(on_disk.path()) else {
        return;
    };
    let _ = stored.row_of("017é");
    let _ = stored.row_of("");
    for row in (0..N + 2).map(Row::from_index) {
        let _ = stored.key(row);
        if let Ok(numbers) = stored.row(row) {
            assert_eq!(numbers.len(), stored.dim());
        }
    }
    let _ = stored.verify();
}

/// The file with each edit of 6 bytes done: a place (the header counts as often as the rest), what to do there, and with what.
fn edited(file: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for edit in edits.chunks_exact(6).take(64) {
        let place = usize::from(u16::from_le_bytes([edit[0], edit[1]]));
        let value = u16::from_le_bytes([edit[4], edit[5]]);
        let at = match edit[2] % 2 {
            0 => 8 + place % 440,
            _ => HEADER + place % (bytes.len() - HEADER).max(1),
        };
        let number: &[u8] = match edit[3] % 6 {
            0 => &value.to_le_bytes()[..1],
            1 => &u32::from(value).to_le_bytes(),
            2 => &u64::from(value).to_le_bytes(),
            3 => &(u64::MAX - u64::from(value)).to_le_bytes(),
            4 => &(u64::from(value) << 48).to_le_bytes(),
            _ => {
                bytes.truncate(at.max(HEADER + 1));
                continue;
            }
        };
        let end = bytes.len().min(at + number.len());
        if let Some(place) = bytes.get_mut(at..end) {
            place.copy_from_slice(&number[..place.len()]);
        }
    }
    reseal(&mut bytes);
    bytes
}

/// Bytes before the checksums of the blocks.
const HEADER: usize = 1_024;

/// The checksums of `bytes` made right again.
pub(crate) fn reseal(bytes: &mut [u8]) {
    let data = |blocks: usize| (HEADER + 4 * blocks).next_multiple_of(64);
    let blocks = (0..).find(|n| data(*n) + (n << 12) >= bytes.len());
    let blocks = blocks.expect("so many");
    for block in 0..blocks {
        let from = data(blocks) + (block << 12);
        let Some(block_bytes) = bytes.get(from..bytes.len().min(from + (1 << 12))) else {
            return;
        };
        let crc = crc32fast::hash(block_bytes);
        bytes[HEADER + 4 * block..][..4].copy_from_slice(&crc.to_ne_bytes());
    }
    let sha = Sha256::digest(&bytes[HEADER..HEADER + 4 * blocks]);
    bytes[448..480].copy_from_slice(&sha);
    let sha = Sha256::digest(&bytes[..992]);
    bytes[992..HEADER].copy_from_slice(&sha);
}
