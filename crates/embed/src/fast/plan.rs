//! What an encoder is made of, whatever its architecture is called: read from its configuration, run by one loop
//! (`encode.rs`).
//!
//! Not for: what the tensors hold (`weights.rs`), or the configuration's words (`stock/`).

use super::matrix::PANEL;
use super::names::Names;
use super::rowwise::Activation;
use crate::stock::{self, Reach};
use crate::{EmbedError, SentenceConfig};
use std::path::Path;

/// An encoder: `layers` times attention and a feed-forward part, each added to the states, with a norm before or after.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) words: usize,
    pub(crate) hidden: usize,
    pub(crate) layers: usize,
    /// Heads of queries.
    pub(crate) heads: usize,
    /// Heads of keys and values, each of which serves equally many of queries.
    pub(crate) key_heads: usize,
    /// Numbers of a query, a key, a value.
    pub(crate) width: usize,
    /// Inner columns of the feed-forward part.
    pub(crate) inner: usize,
    pub(crate) activation: Activation,
    pub(crate) norm: NormKind,
    pub(crate) epsilon: f64,
    pub(crate) places: Places,
    /// Kinds of tokens in the table of them, where there is one.
    pub(crate) types: usize,
    /// One a layer.
    pub(crate) views: Vec<View>,
    pub(crate) relative: Relative,
    pub(crate) pad_id: u32,
    pub(crate) names: &'static Names,
}

/// What is done to states before a part, or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NormKind {
    /// Mean nought, variance one, scaled and shifted.
    Layer,
    /// The same without the shift.
    LayerNoShift,
    /// Mean square one, scaled (Zhang & Sennrich 2019).
    Rms,
}

/// Which row of a table of `rows` positions is added to a token's embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Places {
    /// The n-th token's is row n.
    FromZero { rows: usize },
    /// They begin after the padding token's number, and that token itself has always its own.
    After { pad: u32, rows: usize },
    /// None: positions are turned into queries and keys, if they count.
    Nowhere,
}

impl Places {
    /// Tokens of the longest text that has a row for each.
    pub(super) fn longest(self) -> usize {
        match self {
            Places::FromZero { rows } => rows,
            Places::After { pad, rows } => rows.saturating_sub(pad as usize + 1),
            Places::Nowhere => usize::MAX,
        }
    }
}

/// What is added to the scores of tokens by their distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relative {
    Nothing,
    /// The bias of its bucket, of so many (MPNet).
    Buckets(usize),
    /// It times the head's slope, taken away (ALiBi), in texts of at most so many tokens.
    Slopes {
        longest: usize,
    },
}

/// What the tokens of one layer see of each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct View {
    pub(crate) reach: Reach,
    /// Base of the rotary frequencies, where there are any.
    pub(crate) theta: Option<f64>,
}

impl View {
    /// Everything, without rotation.
    pub(crate) const ALL: View = View {
        reach: Reach::All,
        theta: None,
    };
}

/// Numbers that are multiplied and summed at most: more products of bytes may not fit 32 bits.
const MOST_DEPTH: usize = 65_536;

/// A plan, or why there is none for the model.
pub(super) enum Planned {
    Runs(Plan),
    Refused(String),
}

impl Plan {
    /// Reads `config.json` of `folder`.
    pub(super) fn read(folder: &Path, config: &SentenceConfig) -> Result<Planned, EmbedError> {
        let Some(kind) = config.kind() else {
            let why = format!("architecture {}", config.architecture);
            return Ok(Planned::Refused(why));
        };
        let plan = stock::plan(folder, kind, config.max_tokens)?;
        Ok(match plan.refusal() {
            Some(why) => Planned::Refused(why),
            None => Planned::Runs(plan),
        })
    }

    /// Which sizes the kernels have no tiles for, if any.
    fn refusal(&self) -> Option<String> {
        let odd = |size: usize| size == 0 || !size.is_multiple_of(PANEL);
        let Self {
            hidden,
            inner,
            width,
            heads,
            ..
        } = *self;
        if odd(hidden) || odd(inner) || odd(width) {
            return Some(format!(
                "hidden_size {hidden}, intermediate_size {inner} with {heads} heads: the width of a head and of the inner \
                 layer must be multiples of {PANEL}"
            ));
        }
        if hidden.max(inner) > MOST_DEPTH {
            return Some(format!("layers of more than {MOST_DEPTH} numbers"));
        }
        if self.longest() == 0 {
            return Some("no positions".to_owned());
        }
        None
    }

    /// Heads of queries that one head of keys serves.
    pub(super) fn served(&self) -> usize {
        self.heads / self.key_heads
    }

    /// Tokens of the longest text that runs.
    pub(super) fn longest(&self) -> usize {
        match self.relative {
            Relative::Slopes { longest } => longest.min(self.places.longest()),
            Relative::Nothing | Relative::Buckets(_) => self.places.longest(),
        }
    }

    /// Distances from the farthest token before to the farthest one after.
    pub(super) fn biases_length(&self) -> usize {
        match self.relative {
            Relative::Nothing => 0,
            Relative::Buckets(_) | Relative::Slopes { .. } => 2 * self.longest() - 1,
        }
    }

    /// Whether norms are before the parts, and the states they add to are never normalised themselves.
    pub(super) fn norms_first(&self) -> bool {
        self.names.last_norm.is_some()
    }

    /// Multiply-adds, counted as two operations each, that a text of `tokens` tokens needs: the linear layers, and the two
    /// products of attention over the pairs of tokens that see each other. Look-ups, softmax and norms are not counted.
    pub(crate) fn operations(&self, tokens: usize) -> f64 {
        let queries = self.heads * self.width;
        let keys = self.key_heads * self.width;
        let inner_matrices = if self.names.gate.is_some() { 3 } else { 2 };
        // Queries and the output, keys and values, the feed-forward part.
        let weights = self.hidden * (2 * queries + 2 * keys + inner_matrices * self.inner);
        let linear = (2 * weights * self.layers) as f64 * tokens as f64;
        let pairs: f64 = (self.views.iter())
            .map(|view| view.reach.pairs(tokens) as f64)
            .sum();
        linear + 4.0 * queries as f64 * pairs
    }
}
