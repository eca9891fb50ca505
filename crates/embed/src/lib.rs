//! Text to tokens to unit vectors; which models exist, where they come from, and how they are verified.
//!
//! Not for: papers, indexes or libraries. Only this crate names candle, tokenizers and hf-hub.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests fail by panicking"))]

mod bert;
mod case;
mod config;
mod cut;
mod declared;
mod device;
pub mod distill;
mod embedded;
mod embedder;
mod error;
mod fast;
mod gpu;
mod mode;
pub mod models;
mod peak;
mod pipeline;
mod profile;
mod prompts;
mod shards;
mod static_encoder;
pub mod static_model;
mod stock;
mod tokens;
mod wordpiece;

pub use config::{PoolingMode, SentenceConfig};
pub use cut::Cut;
pub use device::Device;
pub use embedded::{BatchStats, EmbedProgress, Embedded, ModelIdentity};
pub use embedder::Embedder;
pub use error::EmbedError;
pub use mode::{EmbedOptions, Mode, TextKind};
pub use peak::{Peak, measure_peak, thread_counts};
pub use profile::{Part, end_profile, start_profile};
pub use prompts::Prompts;
pub use tokens::{TextTokenizer, Tokens};
