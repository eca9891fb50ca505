//! What can go wrong between vectors and topics.

/// Why there are no topics.
#[derive(Debug, thiserror::Error)]
pub enum TopicsError {
    /// Nothing to cluster.
    #[error("there are no papers to find topics in: add papers first, then ask for topics")]
    NoDocuments,
    /// Vectors and texts do not belong together.
    #[error(
        "got {rows} vectors for {documents} papers: give one vector a paper, in the same order"
    )]
    RowsAndDocuments {
        /// Vectors given.
        rows: usize,
        /// Papers given.
        documents: usize,
    },
    /// `k` is 0.
    #[error(
        "0 topics were asked for: ask for at least 1, or give no number and let the data choose"
    )]
    ZeroTopics,
    /// `k` is larger than the number of papers.
    #[error("{k} topics were asked for but there are only {n} papers: ask for at most {n}")]
    TooManyTopics {
        /// Topics asked for.
        k: usize,
        /// Papers there are.
        n: usize,
    },
    /// Topics are to have more papers than there are.
    #[error("topics of at least {least} papers were asked for but there are only {n} papers")]
    TooLargeTopics {
        /// Least papers asked for.
        least: usize,
        /// Papers there are.
        n: usize,
    },
    /// Topics asked for by a text leave too few of the number asked for, or too many.
    #[error(
        "{k} topics were asked for, {seeds} of them by a text, and {rest} papers are near none of these: ask for {} to {}",
        seeds + (*rest).min(1), seeds + rest
    )]
    SeedsAndTopics {
        /// Topics asked for.
        k: usize,
        /// Seeds that have papers.
        seeds: usize,
        /// Papers that are no seed's.
        rest: usize,
    },
    /// Seeds are vectors of another length.
    #[error(
        "got seed vectors of {got} numbers, {expected} were expected: embed them with the model of the papers"
    )]
    SeedRows {
        /// Their length.
        got: usize,
        /// That of the papers' vectors.
        expected: usize,
    },
    /// Numbers of topics at the levels of a tree that do not ascend.
    #[error(
        "levels have more and more topics, coarse to fine, and at least 1: {0:?} have not; write them as 8,30,120"
    )]
    Levels(Vec<usize>),
    /// An option that must be at least 1 is 0.
    #[error("the option {0} is 0: it must be at least 1")]
    ZeroOption(&'static str),
    /// A topic is meant that there is not.
    #[error("there is no topic at position {0}")]
    NoSuchTopic(usize),
    /// Lists of neighbours of another shape than said.
    #[error(
        "got {got} neighbours for {n_rows} rows of {per_row} each, or one that is no row: give {per_row} row numbers below {n_rows} a row"
    )]
    Neighbors {
        /// Rows.
        n_rows: usize,
        /// Neighbours a row.
        per_row: usize,
        /// Neighbours given.
        got: usize,
    },
    /// The neighbour graph is of other rows.
    #[error(
        "the neighbour graph is of {got} rows, {expected} were asked about: give each row its neighbours"
    )]
    GraphOfOtherRows {
        /// Rows of the graph.
        got: usize,
        /// Rows there are.
        expected: usize,
    },
    /// The closure that finds neighbours failed.
    #[error("the nearest papers of each paper were not found: {0}")]
    FindNeighbors(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The closure that embeds phrases failed.
    #[error("the phrases that could name the topics were not embedded: {0}")]
    EmbedPhrases(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The closure that embeds phrases gave rows of another shape.
    #[error(
        "the embedder gave {got_rows} rows of {got_dim} numbers for {phrases} phrases, {phrases} rows of {dim} were expected: embed the phrases with the model of the papers"
    )]
    PhraseRows {
        /// Rows it gave.
        got_rows: usize,
        /// Their dimension.
        got_dim: usize,
        /// Phrases it was asked for.
        phrases: usize,
        /// Dimension of the papers' vectors.
        dim: usize,
    },
    /// linfa refused.
    #[error("k-means failed: {0}")]
    KMeans(#[from] linfa_clustering::KMeansError),
}
