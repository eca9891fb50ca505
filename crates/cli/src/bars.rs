//! Progress on stderr: bars on a terminal, a line a stage elsewhere, nothing with `--quiet`.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::RefCell;
use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use syntopic_library::{Event, Fetch};

/// Shows events as they come.
pub(crate) struct Bars {
    quiet: bool,
    terminal: bool,
    shown: RefCell<Option<Shown>>,
}

/// The stage that is on display.
struct Shown {
    stage: String,
    bar: ProgressBar,
}

impl Bars {
    pub(crate) fn new(quiet: bool) -> Self {
        Self {
            quiet,
            terminal: std::io::stderr().is_terminal(),
            shown: RefCell::new(None),
        }
    }

    /// Shows one event. The work always goes on: `add` asks elsewhere whether to stop (`stop.rs`), and the other verbs are ended
    /// by an interruption, with nothing lost.
    pub(crate) fn show(&self, event: Event<'_>) -> ControlFlow<()> {
        if self.quiet {
            return ControlFlow::Continue(());
        }
        match event {
            Event::Model(fetch) => self.show_fetch(fetch),
            Event::Reading { .. } | Event::Committed { .. } => {}
            Event::Embedding { done, of } => self.step("embedding papers", done, of, false),
            Event::Copying { done, of } => self.step("copying the database", done, of, false),
            Event::Indexing { done, of } => self.step("building the index", done, of, false),
            Event::Topics { step, done, of } => self.step(step, done, of, false),
            Event::Distilling { step, done, of } => self.step(step, done, of, false),
            Event::Note(note) => self.remark(note),
        }
        ControlFlow::Continue(())
    }

    fn show_fetch(&self, fetch: Fetch) {
        match fetch {
            Fetch::Trying { source } => self.remark(&format!("looking for the model: {source}")),
            Fetch::Started { file, total } => {
                self.step(
                    &format!("fetching {file}"),
                    0,
                    usize::try_from(total).unwrap_or(usize::MAX),
                    true,
                );
            }
            Fetch::Bytes { done } => {
                if let Some(shown) = &*self.shown.borrow() {
                    shown.bar.set_position(done);
                }
            }
            Fetch::Finished => self.clear(),
            Fetch::Checking { file } => self.step(&format!("checking {file}"), 0, 1, false),
            Fetch::Note(note) => self.remark(&note),
        }
    }

    /// Moves the bar of a stage, making it first; elsewhere than on a terminal a new stage is one line.
    fn step(&self, stage: &str, done: usize, of: usize, bytes: bool) {
        let mut shown = self.shown.borrow_mut();
        if shown.as_ref().is_none_or(|s| s.stage != stage) {
            if let Some(old) = shown.take() {
                old.bar.finish_and_clear();
            }
            if !self.terminal {
                let _ = writeln!(std::io::stderr(), "{stage} …");
            }
            let target = if self.terminal {
                ProgressDrawTarget::stderr()
            } else {
                ProgressDrawTarget::hidden()
            };
            let bar = ProgressBar::with_draw_target(Some(of as u64), target);
            let template = if bytes {
                "{msg} [{bar:32}] {bytes}/{total_bytes} {bytes_per_sec} {eta}"
            } else {
                "{msg} [{bar:32}] {pos}/{len} {per_sec} {eta}"
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.set_message(stage.to_owned());
            *shown = Some(Shown {
                stage: stage.to_owned(),
                bar,
            });
        }
        if let Some(shown) = &*shown {
            shown.bar.set_length(of as u64);
            shown.bar.set_position(done as u64);
        }
    }

    /// A remark on stderr, above the bar; not with `--quiet`.
    pub(crate) fn remark(&self, text: &str) {
        if !self.quiet {
            self.line(text);
        }
    }

    /// A line on stderr, always.
    pub(crate) fn line(&self, text: &str) {
        let write = || {
            let _ = writeln!(std::io::stderr(), "{text}");
        };
        match &*self.shown.borrow() {
            Some(shown) => shown.bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        if let Some(shown) = self.shown.borrow_mut().take() {
            shown.bar.finish_and_clear();
        }
    }
}
