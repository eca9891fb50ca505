//! Texts in windows that are tokenized one ahead of the device, so that neither waits for the other for long.

use super::Job;
use crate::EmbedError;
use crate::tokens::Tokens;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

/// Texts that are sorted by length together: some 25 batches of the default size.
const TEXTS: usize = 2_048;

/// Texts that follow one another.
pub(super) struct Window {
    /// Position of the first.
    pub(super) first: usize,
    pub(super) tokens: Vec<Tokens>,
    /// What it took to tokenize them.
    pub(super) time: Duration,
}

/// Calls `run` with every window, in order, on the calling thread, while another tokenizes the next one. The first error
/// ends it.
pub(super) fn in_turn(
    job: &Job<'_>,
    run: &mut dyn FnMut(Window) -> Result<(), EmbedError>,
) -> Result<(), EmbedError> {
    in_turn_of(job, TEXTS, run)
}

/// The same with windows of `texts` texts.
fn in_turn_of(
    job: &Job<'_>,
    texts: usize,
    run: &mut dyn FnMut(Window) -> Result<(), EmbedError>,
) -> Result<(), EmbedError> {
    let make = |first: usize| -> Result<Window, EmbedError> {
        let start = Instant::now();
        let tokens = (job.tokenize)(first..job.texts.min(first + texts))?;
        Ok(Window {
            first,
            tokens,
            time: start.elapsed(),
        })
    };
    let firsts = (0..job.texts).step_by(texts);
    if firsts.len() <= 1 {
        return firsts.map(make).try_for_each(|window| run(window?));
    }
    std::thread::scope(|scope| {
        let (give, take) = sync_channel(1);
        scope.spawn(move || {
            for window in firsts.map(make) {
                let failed = window.is_err();
                // Nobody takes it: the device failed, or the work was stopped.
                if give.send(window).is_err() || failed {
                    break;
                }
            }
        });
        take.into_iter().try_for_each(|window| run(window?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fast::of_lengths;
    use std::ops::Range;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Text `i` has `i + 1` tokens; text `fails` cannot be tokenized.
    fn tokenize(texts: Range<usize>, fails: usize) -> Result<Vec<Tokens>, EmbedError> {
        if texts.contains(&fails) {
            let why = String::from("it is no text");
            return Err(EmbedError::Tokenize { index: fails, why });
        }
        Ok(of_lengths(&texts.map(|i| i + 1).collect::<Vec<_>>()))
    }

    fn windows(of: usize, texts: usize, fails: usize) -> Result<Vec<(usize, usize)>, EmbedError> {
        let job = Job {
            texts: of,
            skip: 0,
            batch_tokens: 1,
            tokenize: &|range| tokenize(range, fails),
        };
        let mut seen = Vec::new();
        in_turn_of(&job, texts, &mut |window| {
            assert_eq!(window.tokens[0].ids.len(), window.first + 1);
            seen.push((window.first, window.tokens.len()));
            Ok(())
        })?;
        Ok(seen)
    }

    #[test]
    fn every_text_is_in_one_window_in_order() {
        let none = usize::MAX;
        let seen = windows(10, 4, none).expect("windows");
        assert_eq!(seen, [(0, 4), (4, 4), (8, 2)]);
        assert_eq!(windows(4, 4, none).expect("one"), [(0, 4)]);
        assert!(windows(0, 4, none).expect("none").is_empty());
    }

    #[test]
    fn a_text_that_cannot_be_tokenized_ends_it() {
        for fails in [0, 5, 9] {
            let error = windows(10, 4, fails).expect_err("refused");
            assert!(matches!(error, EmbedError::Tokenize { index, .. } if index == fails));
        }
        assert!(windows(3, 4, 1).is_err(), "in the only window too");
    }

    #[test]
    fn after_an_error_no_more_than_what_was_ahead_is_tokenized() {
        let tokenized = AtomicUsize::new(0);
        let job = Job {
            texts: 1_000,
            skip: 0,
            batch_tokens: 1,
            tokenize: &|range| {
                tokenized.fetch_add(1, Ordering::Relaxed);
                tokenize(range, usize::MAX)
            },
        };
        let stop = &mut |_: Window| Err(EmbedError::Cancelled { done: 0, of: 1 });
        assert!(in_turn_of(&job, 2, stop).is_err());
        assert!(tokenized.into_inner() <= 4);
    }
}
