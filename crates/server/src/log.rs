//! What the server writes to stderr: a line a request, as text or JSON. Paths, queries and texts of users are never in it.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

/// How lines of the log look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// Every format, the default first.
    pub const ALL: [Self; 2] = [Self::Text, Self::Json];

    /// As it is asked for.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// What everything of ours is logged under; what other crates log may hold texts of users, and is left out.
pub(crate) const TARGET: &str = "syntopic";

/// Begins to log. A program that logs already goes on as it did.
pub(crate) fn start(format: LogFormat) {
    let ours = Targets::new().with_target(TARGET, LevelFilter::INFO);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false);
    let _ = match format {
        LogFormat::Text => {
            let lines = lines.with_ansi(false).with_filter(ours);
            tracing::subscriber::set_global_default(registry().with(lines))
        }
        LogFormat::Json => {
            let lines = lines
                .json()
                .flatten_event(true)
                .with_current_span(true)
                .with_span_list(false)
                .with_filter(ours);
            tracing::subscriber::set_global_default(registry().with(lines))
        }
    };
}
