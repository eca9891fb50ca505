//! What a paper, an id, a row and a matrix of embeddings are, and how a paper becomes text.
//!
//! Not for: reading or writing anything, and it depends on no other crate of the workspace.

mod caught;
mod embeddings;
mod paper;
mod text;

pub use caught::{caught, panic_is_expected};
pub use embeddings::{Embeddings, EmbeddingsError, Row, UNIT_TOLERANCE, dot};
pub use paper::{MAX_ID_BYTES, Paper, PaperError, PaperId};
pub use text::{TEXT_RECIPE, paper_text};
