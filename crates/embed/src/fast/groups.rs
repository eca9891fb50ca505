//! Which texts run together, and threads that each run whole groups of texts.

use super::FastEncoder;
use crate::tokens::Tokens;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A group of texts as it ran.
pub(crate) struct Group {
    /// Positions of its texts.
    pub(crate) texts: Vec<usize>,
    /// Their vectors, one after the other.
    pub(crate) vectors: Vec<f32>,
    pub(crate) time: Duration,
}

/// What is run: checked texts, and how.
pub(crate) struct Run<'a> {
    pub(crate) tokens: &'a [Tokens],
    /// How many of the first tokens of every text take no part in pooling.
    pub(crate) skip: usize,
    pub(crate) group_tokens: usize,
    pub(crate) threads: usize,
}

/// Positions of the texts in groups of at most `most` tokens, longest texts first; a longer text is a group of its own.
fn groups(tokens: &[Tokens], most: usize) -> Vec<Vec<usize>> {
    let length = |i: usize| tokens[i].ids.len();
    let mut order: Vec<usize> = (0..tokens.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(length(i)), i));
    let (mut groups, mut total) = (Vec::<Vec<usize>>::new(), 0);
    for index in order {
        match groups.last_mut() {
            Some(group) if total + length(index) <= most => {
                group.push(index);
                total += length(index);
            }
            _ => {
                groups.push(vec![index]);
                total = length(index);
            }
        }
    }
    groups
}

impl FastEncoder {
    /// Runs all texts. The calling thread works too; between two of its groups it calls `progress` with the number of
    /// texts finished, and at the end with all. `Err` holds the number finished when `progress` asked to stop.
    pub(crate) fn run(
        &self,
        run: &Run<'_>,
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<Group>, usize> {
        let total: usize = run.tokens.iter().map(|t| t.ids.len()).sum();
        // Few texts are spread over the threads rather than put in one group.
        let share = total.div_ceil(run.threads.max(1));
        let groups = groups(run.tokens, run.group_tokens.min(share));
        let threads = run.threads.clamp(1, groups.len().max(1));
        let shared = Shared {
            groups: &groups,
            next: AtomicUsize::new(0),
            texts_done: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            finished: Mutex::default(),
        };
        let reported = std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(|| while self.run_next(run, &shared) {});
            }
            let mut reported = 0;
            while self.run_next(run, &shared) {
                reported = shared.texts_done.load(Ordering::Relaxed);
                if progress(reported).is_break() {
                    shared.stopped.store(true, Ordering::Relaxed);
                }
            }
            reported
        });
        let done = shared.texts_done.into_inner();
        if done < run.tokens.len() {
            return Err(done);
        }
        if reported < done {
            // Everything is finished, so there is nothing to stop.
            let _ = progress(done);
        }
        Ok(shared
            .finished
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs the next group that no thread has taken; false when there is none or the work was stopped.
    fn run_next(&self, run: &Run<'_>, shared: &Shared<'_>) -> bool {
        if shared.stopped.load(Ordering::Relaxed) {
            return false;
        }
        let Some(texts) = shared
            .groups
            .get(shared.next.fetch_add(1, Ordering::Relaxed))
        else {
            return false;
        };
        let start = Instant::now();
        let members: Vec<&Tokens> = texts.iter().map(|&i| &run.tokens[i]).collect();
        let vectors = match members[..] {
            [text] if run.tokens.len() == 1 && run.threads > 1 => {
                self.embed_split(text, run.skip, run.threads)
            }
            _ => self.embed(&members, run.skip),
        };
        let group = Group {
            vectors,
            texts: texts.clone(),
            time: start.elapsed(),
        };
        shared
            .finished
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(group);
        shared.texts_done.fetch_add(texts.len(), Ordering::Relaxed);
        true
    }
}

struct Shared<'a> {
    groups: &'a [Vec<usize>],
    /// The first group that no thread has taken.
    next: AtomicUsize,
    texts_done: AtomicUsize,
    stopped: AtomicBool,
    finished: Mutex<Vec<Group>>,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Texts of so many tokens.
    pub(crate) fn of_lengths(lengths: &[usize]) -> Vec<Tokens> {
        let text = |&length: &usize| Tokens {
            ids: vec![0; length],
            truncated: false,
        };
        lengths.iter().map(text).collect()
    }

    #[test]
    fn groups_hold_every_text_once_and_keep_the_budget() {
        let tokens = of_lengths(&[5, 1, 9, 5, 3, 20]);
        assert_eq!(
            groups(&tokens, 10),
            [vec![5], vec![2], vec![0, 3], vec![4, 1]]
        );
        assert_eq!(groups(&tokens, 1_000).len(), 1);
        assert_eq!(groups(&tokens, 0).len(), 6);
        assert!(groups(&[], 10).is_empty());
    }
}
