//! An index as bytes, and back, believing none of them.
//!
//! Little-endian. A header of [`HEADER_WORDS`] 64-bit words after magic and version, the SHA-256 of the rows, the twins,
//! each layer from the lowest (counts, rows, offsets, edges), and the SHA-256 of all that. An exact index has no layers.

use sha2::{Digest, Sha256};

use crate::audit::Audit;
use crate::graph::{Graph, Layer};
use crate::{Index, IndexError, IndexOptions, Kind};

const MAGIC: [u8; 8] = *b"SYNTIDX\n";

/// Changes whenever the layout does.
const VERSION: u32 = 1;

/// n_rows, dim, kind, exact_below, m, ef_construction, ef, deterministic, unreachable_before, added_edges, unreachable,
/// twins, layers, entry.
const HEADER_WORDS: usize = 14;

const SHA_BYTES: usize = 32;

impl Index {
    /// The index as bytes that [`Index::from_bytes`] reads on any machine. `rows_sha256` names the content of the rows it
    /// was made from, as the caller computes it.
    #[must_use]
    pub fn to_bytes(&self, rows_sha256: [u8; SHA_BYTES]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(VERSION.to_le_bytes());
        out.extend(self.header().into_iter().flat_map(u64::to_le_bytes));
        out.extend(rows_sha256);
        if let Some(graph) = &self.graph {
            graph
                .twins
                .iter()
                .for_each(|(row, twin)| put(&mut out, &[*row, *twin]));
            for layer in &graph.layers {
                out.extend((layer.len() as u64).to_le_bytes());
                out.extend((layer.edges.len() as u64).to_le_bytes());
                put(&mut out, &layer.rows);
                put(&mut out, &layer.offsets);
                put(&mut out, &layer.edges);
            }
        }
        let sha = Sha256::digest(&out);
        out.extend(sha);
        out
    }

    fn header(&self) -> [u64; HEADER_WORDS] {
        let Self {
            options,
            audit,
            graph,
            ..
        } = self;
        let kind = match options.kind {
            Kind::Auto => 0,
            Kind::Exact => 1,
            Kind::Hnsw => 2,
        };
        let (twins, layers, entry) = graph.as_ref().map_or((0, 0, 0), |g| {
            (g.twins.len(), g.layers.len(), g.entry as usize)
        });
        [
            self.n_rows,
            self.dim,
            kind,
            options.exact_below,
            options.m,
            options.ef_construction,
            options.ef,
            usize::from(options.deterministic),
            audit.unreachable_before,
            audit.added_edges,
            audit.unreachable,
            twins,
            layers,
            entry,
        ]
        .map(|word| word as u64)
    }

    /// The index that [`Index::to_bytes`] wrote, verified entirely: its checksum, that it was made from the rows that
    /// `expected_rows_sha256` names and from `n_rows` of them, and that every edge leads to a node. No bytes make it panic.
    ///
    /// # Errors
    /// When any of that fails. Each of these errors means: build the index again.
    pub fn from_bytes(
        bytes: &[u8],
        expected_rows_sha256: [u8; SHA_BYTES],
        n_rows: usize,
    ) -> Result<Self, IndexError> {
        let rest = bytes.strip_prefix(&MAGIC).ok_or(IndexError::NotAnIndex)?;
        let version = rest
            .first_chunk()
            .map(|v| u32::from_le_bytes(*v))
            .ok_or(IndexError::Checksum)?;
        if version != VERSION {
            return Err(IndexError::Version {
                got: version,
                expected: VERSION,
            });
        }
        let (content, sha) = bytes
            .split_last_chunk::<SHA_BYTES>()
            .ok_or(IndexError::Checksum)?;
        if Sha256::digest(content).as_slice() != sha {
            return Err(IndexError::Checksum);
        }
        let mut reader =
            Reader(&content[(MAGIC.len() + size_of_val(&VERSION)).min(content.len())..]);
        let header = Header::read(&mut reader)?;
        if header.rows_sha256 != expected_rows_sha256 || header.n_rows != n_rows as u64 {
            return Err(IndexError::Stale {
                got: header.n_rows,
                expected: n_rows,
            });
        }
        let graph = header.read_graph(&mut reader)?;
        if !reader.0.is_empty() {
            return Err(IndexError::Malformed("it goes on after its end"));
        }
        if graph.is_none() != header.options.is_exact(n_rows) {
            return Err(IndexError::Malformed(
                "it has a graph where none belongs, or none where one does",
            ));
        }
        Ok(Self::from_parts(
            n_rows,
            header.dim,
            header.options,
            graph,
            header.audit,
        ))
    }
}

fn put(out: &mut Vec<u8>, numbers: &[u32]) {
    out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

/// The bytes not read yet.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], IndexError> {
        let (chunk, rest) = self.0.split_first_chunk().ok_or(SHORT)?;
        self.0 = rest;
        Ok(*chunk)
    }

    fn word(&mut self) -> Result<u64, IndexError> {
        self.chunk().map(u64::from_le_bytes)
    }

    fn size(&mut self) -> Result<usize, IndexError> {
        usize::try_from(self.word()?).map_err(|_| SHORT)
    }

    /// `n` numbers; none are allocated that are not there.
    fn numbers(&mut self, n: usize) -> Result<Vec<u32>, IndexError> {
        let (numbers, rest) = n
            .checked_mul(4)
            .and_then(|len| self.0.split_at_checked(len))
            .ok_or(SHORT)?;
        self.0 = rest;
        Ok(numbers
            .as_chunks()
            .0
            .iter()
            .map(|number| u32::from_le_bytes(*number))
            .collect())
    }
}

const SHORT: IndexError = IndexError::Malformed("it ends too early");

struct Header {
    n_rows: u64,
    dim: usize,
    options: IndexOptions,
    audit: Audit,
    n_twins: usize,
    n_layers: usize,
    entry: usize,
    rows_sha256: [u8; SHA_BYTES],
}

impl Header {
    fn read(reader: &mut Reader<'_>) -> Result<Self, IndexError> {
        let n_rows = reader.word()?;
        let dim = reader.size()?;
        let kind = match reader.word()? {
            0 => Kind::Auto,
            1 => Kind::Exact,
            2 => Kind::Hnsw,
            _ => return Err(IndexError::Malformed("its kind is unknown")),
        };
        let options = IndexOptions {
            kind,
            exact_below: reader.size()?,
            m: reader.size()?,
            ef_construction: reader.size()?,
            ef: reader.size()?,
            deterministic: reader.word()? != 0,
        };
        options.check()?;
        let audit = Audit {
            unreachable_before: reader.size()?,
            added_edges: reader.size()?,
            unreachable: reader.size()?,
        };
        if audit.unreachable > audit.unreachable_before || audit.unreachable_before as u64 > n_rows
        {
            return Err(IndexError::Malformed(
                "its audit counts more rows than there are",
            ));
        }
        Ok(Self {
            n_rows,
            dim,
            options,
            audit,
            n_twins: reader.size()?,
            n_layers: reader.size()?,
            entry: reader.size()?,
            rows_sha256: reader.chunk()?,
        })
    }

    fn read_graph(&self, reader: &mut Reader<'_>) -> Result<Option<Graph>, IndexError> {
        if self.n_layers == 0 {
            return Ok(None);
        }
        let twins = reader.numbers(self.n_twins.checked_mul(2).ok_or(SHORT)?)?;
        let twins = twins
            .as_chunks()
            .0
            .iter()
            .map(|[row, twin]| (*row, *twin))
            .collect();
        let mut layers = Vec::new();
        for _ in 0..self.n_layers {
            layers.push(read_layer(reader, self.n_rows)?);
        }
        let entry =
            u32::try_from(self.entry).map_err(|_| IndexError::Malformed("its entry is no node"))?;
        let graph = Graph {
            layers,
            entry,
            twins,
        };
        check_graph(&graph, self.n_rows)?;
        Ok(Some(graph))
    }
}

/// A layer whose rows ascend below `n_rows`, whose offsets ascend to the end of the edges, and whose edges lead to nodes.
fn read_layer(reader: &mut Reader<'_>, n_rows: u64) -> Result<Layer, IndexError> {
    let (n_nodes, n_edges) = (reader.size()?, reader.size()?);
    let layer = Layer {
        rows: reader.numbers(n_nodes)?,
        offsets: reader.numbers(n_nodes.checked_add(1).ok_or(SHORT)?)?,
        edges: reader.numbers(n_edges)?,
    };
    if !layer.rows.is_sorted_by(|a, b| a < b)
        || layer
            .rows
            .last()
            .is_none_or(|last| u64::from(*last) >= n_rows)
    {
        return Err(IndexError::Malformed(
            "the rows of a layer are out of order or none",
        ));
    }
    let ends = (
        layer.offsets.first().copied(),
        layer.offsets.last().map(|last| *last as usize),
    );
    if ends != (Some(0), Some(n_edges)) || !layer.offsets.is_sorted() {
        return Err(IndexError::Malformed(
            "the offsets of a layer are out of order",
        ));
    }
    if layer.edges.iter().any(|to| *to as usize >= n_nodes) {
        return Err(IndexError::Malformed("an edge leads to no node"));
    }
    Ok(layer)
}

/// What holds across layers: each is part of the one below, and the lowest and the twins have every row once.
fn check_graph(graph: &Graph, n_rows: u64) -> Result<(), IndexError> {
    let nested = |pair: &[Layer]| {
        pair[1]
            .rows
            .iter()
            .all(|row| pair[0].node_of(*row).is_some())
    };
    if !graph.layers.windows(2).all(nested) {
        return Err(IndexError::Malformed(
            "a layer has a row that the one below lacks",
        ));
    }
    if graph
        .layers
        .last()
        .is_none_or(|top| graph.entry as usize >= top.len())
    {
        return Err(IndexError::Malformed("its entry is no node"));
    }
    let ground = &graph.layers[0];
    let mut rows: Vec<u32> = graph
        .twins
        .iter()
        .map(|(_, twin)| *twin)
        .chain(ground.rows.iter().copied())
        .collect();
    rows.sort_unstable();
    let complete =
        rows.len() as u64 == n_rows && rows.iter().enumerate().all(|(at, row)| at == *row as usize);
    let founded = graph
        .twins
        .iter()
        .all(|(row, twin)| row < twin && ground.node_of(*row).is_some());
    if !complete || !founded || !graph.twins.is_sorted() {
        return Err(IndexError::Malformed(
            "its rows and their twins are not every row once",
        ));
    }
    Ok(())
}
