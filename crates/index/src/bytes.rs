//! An index as bytes, and back, believing none of them.
//!
//! After the header (see [`crate::header`]) comes what [`crate::layout`] says; an exact index is a header alone. Opening a file
//! verifies the header and the checksums of the blocks by SHA-256, and each block by its CRC-32 when a search first looks at
//! it, together with its structure, so that no edge leads out of the graph. [`Index::verify`] looks at all of them.

use std::path::Path;

use crate::audit::Audit;
use crate::build::MAX_LAYERS;
use crate::calibrate::Calibration;
use crate::graph::Graph;
use crate::header::{Format, HEADER, Head, SHA, WORDS};
use crate::layout::Sizes;
use crate::store::Store;
use crate::walk::MAX_NODES;
use crate::{Builder, Effort, Index, IndexError, IndexOptions, Kind};

/// The version changes whenever the layout does.
const FORMAT: Format = Format {
    magic: *b"SYNTIDX\n",
    version: 4,
};

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
        let parts = self.graph.as_ref().and_then(|graph| graph.sizes().parts());
        let checksums = parts.map_or(HEADER..HEADER, |parts| parts.checksums);
        FORMAT.write(&mut bytes, &self.words(), rows_sha256, checksums);
        bytes
    }

    /// n_rows, dim, kind, exact_below, m, ef_construction, effort (which, how much), builder, the audit, the calibration,
    /// twins, layers, edges, and the counts and widths of the layers. Four words hold another number in their upper half, 0 in
    /// files of before there was one: nodes put into the graph and taken out since the build, how coarse the compact vectors were when the
    /// effort was measured (the bits of an `f32`), vectors changed since then.
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
            two(audit.unreachable_before, self.put_in),
            two(audit.added_edges, self.taken_out),
            two(audit.unreachable, calibration.coarseness.to_bits() as usize),
            calibration.ef as u64,
            calibration.recall.to_bits(),
            two(calibration.n_queries, calibration.changed),
            n_twins as u64,
            n_layers as u64,
            graph.as_ref().map_or(0, |graph| graph.n_edges) as u64,
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
        let index = read(Store::copy(bytes), Some((expected_rows_sha256, n_rows)))?;
        index.verify()?;
        Ok(index)
    }

    /// [`Index::from_bytes`] of a file, mapped into memory, whose pages are shared by all processes. The header and the
    /// checksums of the blocks are verified now, each block when a search first looks at it: then a damaged one is the
    /// error of that search and of all later ones. [`Index::verify`] looks at all of them. The file must be replaced, never changed, while any process has it open (write another, and rename).
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

    /// [`Index::open`] whatever rows the index was made from, verified entirely: what [`Index::refresh`] starts from.
    ///
    /// # Errors
    /// As [`Index::from_bytes`].
    pub fn open_stale(path: &Path) -> Result<Self, IndexError> {
        let index = read(Store::map(path)?, None)?;
        index.verify()?;
        Ok(index)
    }

    /// Verifies whatever was not looked at yet of an index that [`Index::open`] gave; after this no search has anything to
    /// verify, so a process that will search for long does well to begin with it.
    ///
    /// # Errors
    /// When a checksum is wrong, or the graph breaks a rule of its format.
    pub fn verify(&self) -> Result<(), IndexError> {
        self.graph.as_ref().map_or(Ok(()), Graph::verify)
    }
}

/// Two numbers in one word; one that is too large is as large as there is room for.
fn two(low: usize, high: usize) -> u64 {
    let half = |n: usize| u64::from(u32::try_from(n).unwrap_or(u32::MAX));
    half(low) | half(high) << 32
}

/// The numbers of such a word.
fn halves(word: u64) -> [usize; 2] {
    [word as u32, (word >> 32) as u32].map(|n| n as usize)
}

fn read(store: Store, expected: Option<Expected>) -> Result<Index, IndexError> {
    let head = FORMAT.read(store.bytes())?;
    let header = Header::parse(&head)?;
    if let Some((sha, n_rows)) = expected
        && (head.rows_sha256 != sha || header.n_rows != n_rows)
    {
        return Err(IndexError::Stale {
            got: header.n_rows as u64,
            expected: n_rows,
        });
    }
    let Header {
        n_rows,
        n_edges,
        options,
        audit,
        calibration,
        taken_out,
        put_in,
        sizes,
    } = header;
    let dim = sizes.dim;
    let graph = read_graph(store, &sizes, &head, (n_rows, n_edges))?;
    if graph.is_none() != options.is_exact(n_rows) {
        return Err(IndexError::Malformed(
            "it has a graph where none belongs, or none where one does",
        ));
    }
    let mut index = Index::from_parts(n_rows, dim, options, graph, audit, calibration);
    index.taken_out = taken_out;
    index.put_in = put_in;
    index.rows_sha256 = Some(head.rows_sha256);
    Ok(index)
}

/// The graph after the header.
fn read_graph(
    store: Store,
    sizes: &Sizes,
    head: &Head,
    counts: (usize, usize),
) -> Result<Option<Graph>, IndexError> {
    let bytes = store.bytes();
    if sizes.counts.is_empty() {
        head.check_checksums(bytes, HEADER..HEADER, HEADER)?;
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
    head.check_checksums(bytes, parts.checksums.clone(), parts.grid.start)?;
    Graph::thaw(store, parts, counts).map(Some)
}

struct Header {
    n_rows: usize,
    n_edges: usize,
    options: IndexOptions,
    audit: Audit,
    calibration: Calibration,
    taken_out: usize,
    put_in: usize,
    sizes: Sizes,
}

impl Header {
    fn parse(head: &Head) -> Result<Self, IndexError> {
        let (words, size) = (&head.words, |at: usize| head.size(at));
        let options = read_options(words, size)?;
        let [unreachable_before, put_in] = halves(words[9]);
        let [added_edges, taken_out] = halves(words[10]);
        let [unreachable, coarseness] = halves(words[11]);
        let [n_queries, changed] = halves(words[14]);
        let audit = Audit {
            unreachable_before,
            added_edges,
            unreachable,
        };
        let calibration = Calibration {
            ef: size(12)?,
            recall: f64::from_bits(words[13]),
            n_queries,
            changed,
            coarseness: f32::from_bits(coarseness as u32),
        };
        let (n_rows, dim, n_layers) = (size(0)?, size(1)?, size(16)?);
        if n_rows > MAX_NODES {
            return Err(IndexError::Malformed(
                "it counts more rows than an index may have",
            ));
        }
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
        let numbers = (0.0..=1.0).contains(&calibration.recall)
            && (0.0..f32::INFINITY).contains(&calibration.coarseness);
        if n_layers > 0 && (calibration.ef == 0 || !numbers) {
            return Err(IndexError::Malformed("its calibration is none"));
        }
        let list = |from: usize| {
            (from..from + n_layers)
                .map(size)
                .collect::<Result<Vec<_>, _>>()
        };
        let sizes = Sizes {
            dim,
            counts: list(18)?,
            widths: list(18 + MAX_LAYERS)?,
            n_twins: size(15)?,
        };
        if sizes.widths.contains(&0) || sizes.counts.iter().any(|n| *n > n_rows) {
            return Err(IndexError::Malformed(
                "a layer has more rows than there are, or no edges",
            ));
        }
        Ok(Self {
            n_rows,
            n_edges: size(17)?,
            options,
            audit,
            calibration,
            taken_out,
            put_in,
            sizes,
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
