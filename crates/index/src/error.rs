//! What can go wrong between a vector and its nearest rows.

/// Why an index was not built, not read, or did not answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum IndexError {
    /// An option breaks its rule.
    #[error("{name} is {got}, it must be {rule}")]
    Option {
        /// The option's name.
        name: &'static str,
        /// What was given.
        got: usize,
        /// What is accepted.
        rule: &'static str,
    },
    /// No result was asked for.
    #[error("k is 0: ask for at least 1 result")]
    ZeroK,
    /// The query has another dimension than the rows.
    #[error(
        "the query has {got} numbers, the rows have {expected}: embed it with the model that made the rows"
    )]
    QueryDimension {
        /// How many numbers the query has.
        got: usize,
        /// The dimension of the rows.
        expected: usize,
    },
    /// The query holds NaN or infinity.
    #[error("the query holds {value}, which is no finite number")]
    QueryNotFinite {
        /// The number.
        value: f32,
    },
    /// The query's length is not 1.
    #[error("the query has length {length}, a unit vector was expected: divide it by its length")]
    QueryNotUnit {
        /// Its Euclidean length.
        length: f32,
    },
    /// The rows handed to a search are not of the shape the index was made from.
    #[error(
        "the index was made from {index_rows} rows of {index_dim} numbers, the search got {rows} rows of {dim}: \
         build the index again from these rows"
    )]
    OtherRows {
        /// Rows the index was made from.
        index_rows: usize,
        /// Their dimension.
        index_dim: usize,
        /// Rows given.
        rows: usize,
        /// Their dimension.
        dim: usize,
    },
    /// More rows than a graph can number.
    #[error(
        "{n_rows} rows are more than a graph can hold (2^31): search them exactly, or in parts"
    )]
    TooManyRows {
        /// How many rows there are.
        n_rows: usize,
    },
    /// A recall that cannot be aimed at.
    #[error(
        "the wanted recall is {got}, it must be between 0.5 and 0.9999: for all of the nearest rows, compare everything (a recall of 1, where a library is searched)"
    )]
    WantedRecall {
        /// What was given.
        got: f64,
    },
    /// Liked and disliked vectors that cancel out.
    #[error("the vectors of the query cancel out: ask with fewer of them")]
    NoDirection,
    /// The work was cancelled by its caller.
    #[error("cancelled")]
    Cancelled,
    /// The file of the index cannot be read.
    #[error("{path}: {why}")]
    File {
        /// Which file.
        path: std::path::PathBuf,
        /// What the system says.
        why: String,
    },
    /// Recall needs a row to ask for and a row to find.
    #[error("{n_rows} rows are too few to measure recall: at least 2 are needed")]
    TooFewRows {
        /// How many rows there are.
        n_rows: usize,
    },
    /// The bytes do not begin as an index, or whatever file was expected, does.
    #[error("it does not begin as such a file of syntopic does: make it again")]
    NotAnIndex,
    /// The index, or another file made from the rows, was written by another version.
    #[error("it has format {got}, this version of syntopic reads format {expected}: make it again")]
    Version {
        /// The format found.
        got: u32,
        /// The format this version writes.
        expected: u32,
    },
    /// The bytes are not the ones that were written.
    #[error("the file is truncated or damaged (a checksum does not match): make it again")]
    Checksum,
    /// The file of rows is not as it was written.
    #[error(
        "the file of rows is truncated or damaged (a checksum does not match): make it again from the rows themselves"
    )]
    DamagedRows,
    /// The index belongs to other rows.
    #[error(
        "the index was made from other rows ({got} rows, {expected} expected, or the same number with other content): build it again"
    )]
    Stale {
        /// Rows the index was made from.
        got: u64,
        /// Rows there are.
        expected: usize,
    },
    /// The checksum is right but the content breaks a rule of the format.
    #[error("the file breaks a rule of its format ({0}): make it again")]
    Malformed(&'static str),
}

impl IndexError {
    /// Whether a file, or what it was read into, is not as it was written: whatever was made from it is to be made again from
    /// the rows.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Checksum | Self::DamagedRows | Self::Malformed(_) | Self::NotAnIndex
        )
    }
}
