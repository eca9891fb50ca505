//! A static model behind [`crate::Embedder`]: which folders hold one, and its tokenizer.

use crate::models::{EMBEDDED_FILES, ModelFolder, Source};
use crate::prompts::Own;
use crate::static_model::StaticModel;
use crate::tokens::TextTokenizer;
use crate::{EmbedError, Mode, PoolingMode, Prompts, SentenceConfig, pipeline};
use serde_json::Value;
use std::path::Path;

/// A static model with its tokenizer and settings.
pub(crate) struct StaticParts {
    pub(crate) model: StaticModel,
    pub(crate) tokenizer: TextTokenizer,
    pub(crate) config: SentenceConfig,
}

/// Loads the static model of `folder`; `None` where it is a model of another kind.
///
/// # Errors
/// When a file is missing or is not what it should be, or `mode` names an encoder that no static model has.
pub(crate) fn load(folder: &ModelFolder, mode: Mode) -> Result<Option<StaticParts>, EmbedError> {
    let inside = folder.source == Source::Embedded;
    if !folder.is_static() {
        return pipeline::check_not_static(&folder.folder).map(|()| None);
    }
    if mode != Mode::Auto {
        return Err(EmbedError::Unsupported {
            path: folder.folder.join("config.json"),
            what: "with a mode that is named",
            got: "a static model".to_owned(),
            supported: "mode auto",
        });
    }
    let model = if inside {
        StaticModel::from_files(EMBEDDED_FILES)?
    } else {
        StaticModel::load(&folder.folder)?
    };
    let max_tokens = model.max_tokens().unwrap_or(MOST_TOKENS);
    let tokenizer = if inside {
        TextTokenizer::of_static(&folder.folder, Some(EMBEDDED_FILES.tokenizer), max_tokens)?
    } else {
        TextTokenizer::of_static(&folder.folder, None, max_tokens)?
    };
    let mut notes = Vec::new();
    let (prompts, truncate_dim) = match inside {
        true => (Prompts::default(), None),
        false => {
            pipeline::check_static(&folder.folder)?;
            let own = Own::read(&folder.folder)?;
            own.note_similarity(true, &mut notes)?;
            (own.prompts(&mut notes)?, own.truncate_dim()?)
        }
    };
    let config = SentenceConfig {
        pooling_mode: PoolingMode::Mean,
        more_poolings: Vec::new(),
        include_prompt: true,
        matryoshka_dims: Vec::new(),
        truncate_dim,
        dense: Vec::new(),
        max_tokens,
        normalize: true,
        prompts,
        architecture: "model2vec".to_owned(),
        notes,
    };
    Ok(Some(StaticParts {
        model,
        tokenizer,
        config,
    }))
}

/// Tokens that a static model reads where it names no limit: more than any abstract has.
const MOST_TOKENS: usize = 1_000_000;

impl ModelFolder {
    /// Whether it is a static model: one of vectors of tokens, which are added.
    #[must_use]
    pub fn is_static(&self) -> bool {
        self.source == Source::Embedded || is_static(&self.folder)
    }
}

/// Whether `config.json` says that the folder was written by model2vec.
pub(crate) fn is_static(folder: &Path) -> bool {
    let config = std::fs::read(folder.join("config.json")).ok();
    let config = config.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    config.is_some_and(|config| config["model_type"] == "model2vec")
}
