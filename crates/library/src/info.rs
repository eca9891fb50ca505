//! What is in a library, what made it, and how large it is.

use crate::engine::Library;
use crate::store::FORMAT;
use crate::{LibraryError, ReembedState, Storage, StorageLoss};
use serde::Serialize;
use syntopic_core::TEXT_RECIPE;
use syntopic_index::IndexOptions;

/// Whether the library's topics can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TopicsState {
    /// `topics` was never run.
    None,
    /// The papers have changed since, or the file is damaged.
    Stale,
    /// They are of the present papers.
    Current,
}

/// What `info` tells.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InfoReport {
    /// The library's folder.
    pub library: String,
    /// Format of its database.
    pub format: i64,
    /// How often it was changed.
    pub generation: u64,
    /// Papers.
    pub papers: usize,
    /// Papers with an abstract.
    pub with_abstract: usize,
    /// Papers with a vector.
    pub vectors: usize,
    /// Papers without one, which `embed` would give one.
    pub without_vector: usize,
    /// Papers with a vector of their title alone, which the hybrid mode of `related` compares.
    pub titles: usize,
    /// Papers whose text has a vector and whose title has none, which `embed` would give one: of a library of before there were any.
    pub titles_lacking: usize,
    /// Papers longer than the model reads; the model saw their beginning.
    pub truncated: usize,
    /// Earliest and latest year, if any is known.
    pub years: Option<(i32, i32)>,
    /// The model's name.
    pub model: Option<String>,
    /// Its pinned revision.
    pub model_revision: Option<String>,
    /// SHA-256 of its weights.
    pub weights_sha256: Option<String>,
    /// Which implementations of the model made the vectors.
    pub modes: Vec<String>,
    /// Numbers a vector.
    pub dim: Option<usize>,
    /// How the vectors are kept.
    pub storage: Storage,
    /// What that costs, where they are not kept as the model gave them.
    pub storage_loss: Option<StorageLoss>,
    /// Longest text in tokens.
    pub max_tokens: Option<usize>,
    /// How a paper becomes text.
    pub text_recipe: String,
    /// How it is searched.
    pub index: String,
    /// A change to another model that is not complete, if one is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reembed: Option<ReembedState>,
    /// Whether topics are there.
    pub topics: TopicsState,
    /// How many topics.
    pub n_topics: Option<usize>,
    /// Bytes of all its files.
    pub size_bytes: u64,
}

impl Library {
    /// What is in the library at one moment.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn info(&mut self) -> Result<InfoReport, LibraryError> {
        self.at_one_moment(Self::information)
    }

    fn information(&mut self) -> Result<InfoReport, LibraryError> {
        let model = self.recorded_model()?;
        let store = self.store()?;
        let count = |sql: &'static str| {
            store.read(|db| db.query_row(sql, [], |row| row.get::<_, usize>(0)))
        };
        let years = store.read(|db| {
            db.query_row("SELECT min(year), max(year) FROM papers", [], |row| {
                Ok(row
                    .get::<_, Option<i32>>(0)?
                    .zip(row.get::<_, Option<i32>>(1)?))
            })
        })?;
        let vectors = count("SELECT count(*) FROM vectors")?;
        let papers = store.n_papers()?;
        let mut report = InfoReport {
            library: self.folder.display().to_string(),
            format: FORMAT,
            generation: store.generation()?,
            papers,
            without_vector: papers.saturating_sub(vectors),
            with_abstract: count("SELECT count(abstract) FROM papers")?,
            vectors,
            titles: store.n_titles()?,
            titles_lacking: store.n_lacking_titles()?,
            truncated: count("SELECT count(*) FROM vectors WHERE truncated")?,
            years,
            model: model.as_ref().map(|m| m.name.clone()),
            model_revision: model.as_ref().map(|m| m.revision.clone()),
            weights_sha256: model.as_ref().map(|m| m.weights_sha256.clone()),
            modes: self.modes()?,
            dim: model.as_ref().map(|m| m.dim),
            storage: store.storage()?,
            storage_loss: (store.meta("storage_loss")?)
                .and_then(|text| serde_json::from_str(&text).ok()),
            max_tokens: model.as_ref().map(|m| m.max_tokens),
            text_recipe: TEXT_RECIPE.to_owned(),
            index: index_line(vectors),
            reembed: self.reembed_state()?,
            topics: TopicsState::None,
            n_topics: None,
            size_bytes: folder_size(&self.folder),
        };
        if self.folder.join("topics.json").exists() {
            let stored = if vectors > 0 {
                self.stored_topics()?
            } else {
                None
            };
            report.topics = if stored.is_some() {
                TopicsState::Current
            } else {
                TopicsState::Stale
            };
            report.n_topics = stored.map(|t| t.topics.len());
        }
        Ok(report)
    }
}

impl Library {
    fn modes(&self) -> Result<Vec<String>, LibraryError> {
        let modes = self.store()?.meta("modes")?.unwrap_or_default();
        Ok(modes.lines().map(str::to_owned).collect())
    }
}

fn index_line(vectors: usize) -> String {
    let below = IndexOptions::default().exact_below;
    if vectors < below {
        format!(
            "exact search: with fewer than {below} vectors (here {vectors}) it takes milliseconds, misses nothing and needs \
             no graph"
        )
    } else {
        format!(
            "HNSW graph over {vectors} vectors, scores exact: from {below} on it is faster than comparing all"
        )
    }
}

/// Bytes of the files in a folder of ours, which has no folders in it.
pub(crate) fn folder_size(folder: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .filter_map(|entry| entry.metadata().ok())
        .filter(|m| m.is_file())
        .map(|m| m.len())
        .sum()
}
