//! How good are the hits, by what people have judged? Not for: how fast they are (`bench`).

mod bootstrap;
mod judgments;
mod metrics;
mod related;

pub use bootstrap::Figure;
pub use judgments::{Judgment, JudgmentsError};
pub use related::{EvalRelated, EvalRelatedReport, ModeFigures, PairScore, eval_related};
