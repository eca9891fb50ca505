//! Ctrl-C while papers are added: the batch in hand is finished and kept, and a second one ends the process at once.
//!
//! Not for: verbs that write nothing, which Ctrl-C just ends.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the user asked to stop.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens to Ctrl-C and to the system's request to end from now on.
    pub(crate) fn listen() -> std::io::Result<Self> {
        let stop = Self::default();
        #[cfg(unix)]
        {
            use std::io::Write;

            use signal_hook::consts::{SIGINT, SIGTERM};
            let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
            let heard = stop.clone();
            std::thread::spawn(move || {
                for _ in signals.forever() {
                    if heard.0.swap(true, Ordering::Relaxed) {
                        std::process::exit(i32::from(crate::exit::STOPPED));
                    }
                    let said = "\nstopping when the batch in hand is kept; once more stops at once";
                    let _ = writeln!(std::io::stderr(), "{said}");
                }
            });
        }
        Ok(stop)
    }

    /// What follows an event that was shown: the work goes on unless the user asked to stop.
    pub(crate) fn after(&self, shown: ControlFlow<()>) -> ControlFlow<()> {
        if self.is_wanted() {
            return ControlFlow::Break(());
        }
        shown
    }

    /// Whether the work is to end.
    pub(crate) fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
