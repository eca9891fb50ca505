//! An index as bytes, and back, believing none of them.
//!
//! The header: magic, version, a number that tells the byte order, [`WORDS`] 64-bit words, the SHA-256 of the rows and of
//! the block checksums, zeros, and at its end the SHA-256 of all that. What follows it is [`crate::layout`]'s. An exact
//! index is a header alone. Opening verifies everything: the header and the checksums by SHA-256, each block by its CRC-32
//! (several GB/s a core), and the structure, so that no edge leads out of the graph.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::audit::Audit;
use crate::build::MAX_LAYERS;
use crate::calibrate::Calibration;
use crate::graph::Graph;
use crate::layout::{HEADER, Sizes};
use crate::lines::{bytes_of, cast};
use crate::store::Store;
use crate::{Builder, Effort, Index, IndexError, IndexOptions, Kind};

const MAGIC: [u8; 8] = *b"SYNTIDX\n";

/// Changes whenever the layout does.
const VERSION: u32 = 2;

/// Reads as another number on a machine with the other byte order.
const ORDER: u32 = 0x0102_0304;

/// n_rows, dim, kind, exact_below, m, ef_construction, effort (which, how much), builder, the audit, the calibration, twins,
/// layers, and the counts and widths of the layers.
const WORDS: usize = 17 + 2 * MAX_LAYERS;

pub(crate) const SHA: usize = 32;

const WORDS_AT: usize = 16;
const ROWS_AT: usize = WORDS_AT + 8 * WORDS;
const CHECKSUMS_AT: usize = ROWS_AT + SHA;
const HEADER_SHA_AT: usize = HEADER - SHA;

/// The rows an index must have been made from: the SHA-256 of their content, as the caller computes it, and how many.
type Expected = ([u8; SHA], usize);

impl Index {
    /// The index as bytes that [`Index::from_bytes`] and [`Index::open`] read on any machine of the same byte order.
    /// `rows_sha256` names the content of the rows it was made from, as the caller computes it.
    #[must_use]
    pub fn to_bytes(&self, rows_sha256: [u8; SHA]) -> Vec<u8> {
        let mut bytes = match &self.graph {
            Some(graph) => graph.store.bytes().to_vec(),
            None => vec![0; HEADER],
        };
        bytes[..HEADER].fill(0);
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_ne_bytes());
        bytes[12..16].copy_from_slice(&ORDER.to_ne_bytes());
        bytes[WORDS_AT..ROWS_AT].copy_from_slice(bytes_of(&self.words()));
        bytes[ROWS_AT..CHECKSUMS_AT].copy_from_slice(&rows_sha256);
        let checksums = self
            .graph
            .as_ref()
            .and_then(|graph| graph.sizes().parts())
            .map(|parts| parts.checksums);
        let sha = Sha256::digest(checksums.map_or(&[][..], |range| &bytes[range]));
        bytes[CHECKSUMS_AT..CHECKSUMS_AT + SHA].copy_from_slice(&sha);
        let sha = Sha256::digest(&bytes[..HEADER_SHA_AT]);
        bytes[HEADER_SHA_AT..HEADER].copy_from_slice(&sha);
        bytes
    }

    fn words(&self) -> [u64; WORDS] {
        let Self {
            options,
            audit,
            calibration,
            graph,
            ..
        } = self;
        let (effort, amount) = match options.effort {
            Effort::Recall(recall) => (0, recall.to_bits()),
            Effort::Ef(ef) => (1, ef as u64),
        };
        let mut words = [0; WORDS];
        let sizes = graph.as_ref().map(Graph::sizes);
        let (n_twins, n_layers) = sizes
            .as_ref()
            .map_or((0, 0), |s| (s.n_twins, s.counts.len()));
        let first = [
            self.n_rows as u64,
            self.dim as u64,
            options.kind as u64,
            options.exact_below as u64,
            options.m as u64,
            options.ef_construction as u64,
            effort,
            amount,
            options.builder as u64,
            audit.unreachable_before as u64,
            audit.added_edges as u64,
            audit.unreachable as u64,
            calibration.ef as u64,
            calibration.recall.to_bits(),
            calibration.n_queries as u64,
            n_twins as u64,
            n_layers as u64,
        ];
        words[..first.len()].copy_from_slice(&first);
        for (layer, (count, width)) in sizes
            .iter()
            .flat_map(|s| s.counts.iter().zip(&s.widths))
            .enumerate()
        {
            words[first.len() + layer] = *count as u64;
            words[first.len() + MAX_LAYERS + layer] = *width as u64;
        }
        words
    }

    /// The index that [`Index::to_bytes`] wrote, verified entirely: its checksums, that it was made from the rows that
    /// `expected_rows_sha256` names and from `n_rows` of them, and that every edge leads to a node. No bytes make it panic.
    ///
    /// # Errors
    /// When any of that fails. Each of these errors means: build the index again, or make it current from the old one by
    /// [`Index::refresh`].
    pub fn from_bytes(
        bytes: &[u8],
        expected_rows_sha256: [u8; SHA],
        n_rows: usize,
    ) -> Result<Self, IndexError> {
        read(Store::copy(bytes), Some((expected_rows_sha256, n_rows)))
    }

    /// [`Index::from_bytes`] of a file, mapped into memory: its pages are shared by all processes, and read once to be
    /// verified. The file must be replaced, never changed, while any process has it open (write another, and rename).
    ///
    /// # Errors
    /// As [`Index::from_bytes`], and when the file cannot be read.
    pub fn open(
        path: &Path,
        expected_rows_sha256: [u8; SHA],
        n_rows: usize,
    ) -> Result<Self, IndexError> {
        read(Store::map(path)?, Some((expected_rows_sha256, n_rows)))
    }

    /// [`Index::open`] whatever rows the index was made from: what [`Index::refresh`] starts from.
    ///
    /// # Errors
    /// As [`Index::open`].
    pub fn open_stale(path: &Path) -> Result<Self, IndexError> {
        read(Store::map(path)?, None)
    }
}

fn read(store: Store, expected: Option<Expected>) -> Result<Index, IndexError> {
    let header = Header::read(store.bytes())?;
    if let Some((sha, n_rows)) = expected
        && (header.rows_sha256 != sha || header.n_rows != n_rows)
    {
        return Err(IndexError::Stale {
            got: header.n_rows as u64,
            expected: n_rows,
        });
    }
    let Header {
        n_rows,
        options,
        audit,
        calibration,
        sizes,
        ..
    } = header;
    let dim = sizes.dim;
    let graph = read_graph(store, sizes, header.checksums_sha256, n_rows)?;
    if graph.is_none() != options.is_exact(n_rows) {
        return Err(IndexError::Malformed(
            "it has a graph where none belongs, or none where one does",
        ));
    }
    Ok(Index::from_parts(
        n_rows,
        dim,
        options,
        graph,
        audit,
        calibration,
    ))
}

/// The graph after the header, its blocks verified.
fn read_graph(
    store: Store,
    sizes: Sizes,
    checksums_sha256: [u8; SHA],
    n_rows: usize,
) -> Result<Option<Graph>, IndexError> {
    let bytes = store.bytes();
    if sizes.counts.is_empty() {
        return if bytes.len() == HEADER {
            Ok(None)
        } else {
            Err(IndexError::Checksum)
        };
    }
    let parts = sizes.parts().ok_or(IndexError::Checksum)?;
    if bytes.len() != parts.end {
        return Err(IndexError::Checksum);
    }
    let checksums = &bytes[parts.checksums.clone()];
    if Sha256::digest(checksums).as_slice() != checksums_sha256
        || bytes_of(&parts.checksums_of(bytes)) != checksums
    {
        return Err(IndexError::Checksum);
    }
    // The gap between the checksums and the line where the data begins is in no block.
    let gap = parts.checksums.end..parts.grid.start;
    if bytes[gap].iter().any(|byte| *byte != 0) {
        return Err(IndexError::Checksum);
    }
    Graph::thaw(store, parts, n_rows).map(Some)
}

struct Header {
    n_rows: usize,
    options: IndexOptions,
    audit: Audit,
    calibration: Calibration,
    sizes: Sizes,
    rows_sha256: [u8; SHA],
    checksums_sha256: [u8; SHA],
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, IndexError> {
        let number = |at: usize| {
            bytes
                .get(at..at + 4)
                .and_then(|b| b.first_chunk())
                .map(|b| u32::from_ne_bytes(*b))
                .ok_or(IndexError::Checksum)
        };
        if !bytes.starts_with(&MAGIC) {
            return Err(IndexError::NotAnIndex);
        }
        let (version, order) = (number(8)?, number(12)?);
        if version != VERSION || order != ORDER {
            return Err(IndexError::Version {
                got: version,
                expected: VERSION,
            });
        }
        let header = bytes.get(..HEADER).ok_or(IndexError::Checksum)?;
        if Sha256::digest(&header[..HEADER_SHA_AT]).as_slice() != &header[HEADER_SHA_AT..] {
            return Err(IndexError::Checksum);
        }
        let words: &[u64] = cast(&header[WORDS_AT..ROWS_AT]).ok_or(IndexError::Checksum)?;
        let sha = |at: usize| -> [u8; SHA] {
            header[at..at + SHA]
                .try_into()
                .expect("32 bytes of a header")
        };
        Self::parse(words, sha(ROWS_AT), sha(CHECKSUMS_AT))
    }

    fn parse(
        words: &[u64],
        rows_sha256: [u8; SHA],
        checksums_sha256: [u8; SHA],
    ) -> Result<Self, IndexError> {
        let size = |at: usize| {
            usize::try_from(words[at]).map_err(|_| IndexError::Malformed("a size is too large"))
        };
        let options = read_options(words, size)?;
        let audit = Audit {
            unreachable_before: size(9)?,
            added_edges: size(10)?,
            unreachable: size(11)?,
        };
        let calibration = Calibration {
            ef: size(12)?,
            recall: f64::from_bits(words[13]),
            n_queries: size(14)?,
        };
        let (n_rows, dim, n_layers) = (size(0)?, size(1)?, size(16)?);
        if audit.unreachable > audit.unreachable_before || audit.unreachable_before > n_rows {
            return Err(IndexError::Malformed(
                "its audit counts more rows than there are",
            ));
        }
        if n_layers > MAX_LAYERS || dim == 0 {
            return Err(IndexError::Malformed(
                "it has too many layers, or no numbers a row",
            ));
        }
        if n_layers > 0 && (calibration.ef == 0 || !(0.0..=1.0).contains(&calibration.recall)) {
            return Err(IndexError::Malformed("its calibration is none"));
        }
        let list = |from: usize| {
            (from..from + n_layers)
                .map(size)
                .collect::<Result<Vec<_>, _>>()
        };
        let sizes = Sizes {
            dim,
            counts: list(17)?,
            widths: list(17 + MAX_LAYERS)?,
            n_twins: size(15)?,
        };
        if sizes.widths.contains(&0) || sizes.counts.iter().any(|n| *n > n_rows) {
            return Err(IndexError::Malformed(
                "a layer has more rows than there are, or no edges",
            ));
        }
        Ok(Self {
            n_rows,
            options,
            audit,
            calibration,
            sizes,
            rows_sha256,
            checksums_sha256,
        })
    }
}

fn read_options(
    words: &[u64],
    size: impl Fn(usize) -> Result<usize, IndexError>,
) -> Result<IndexOptions, IndexError> {
    let kinds = [Kind::Auto, Kind::Exact, Kind::Hnsw];
    let builders = [Builder::Own, Builder::HnswRs];
    let options = IndexOptions {
        kind: *kinds
            .get(size(2)?)
            .ok_or(IndexError::Malformed("its kind is unknown"))?,
        exact_below: size(3)?,
        m: size(4)?,
        ef_construction: size(5)?,
        effort: match words[6] {
            0 => Effort::Recall(f64::from_bits(words[7])),
            1 => Effort::Ef(size(7)?),
            _ => return Err(IndexError::Malformed("its effort is unknown")),
        },
        builder: *builders
            .get(size(8)?)
            .ok_or(IndexError::Malformed("its builder is unknown"))?,
    };
    options.check()?;
    Ok(options)
}
