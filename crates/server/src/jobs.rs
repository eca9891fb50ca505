//! Work that may take minutes and that many ask for: done once, asked after again and again.
//!
//! Not for: requests that are answered at once (`pool.rs`).

use crate::errors::Failure;
use serde::Serialize;
use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use utoipa::ToSchema;

/// How long a request waits for such work before it is told how far it has come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// How far work has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Running {
    /// Always `running`.
    state: &'static str,
    /// What is being done.
    step: String,
    /// How much of this step is done.
    #[schema(minimum = 0)]
    done: usize,
    /// How much there is of it.
    #[schema(minimum = 0)]
    of: usize,
}

impl Default for Running {
    fn default() -> Self {
        Self::at("beginning", 0, 0)
    }
}

impl Running {
    pub(crate) fn at(step: &str, done: usize, of: usize) -> Self {
        Self {
            state: "running",
            step: step.to_owned(),
            done,
            of,
        }
    }
}

/// With the key of what was made, or could not be.
enum State<T> {
    Idle,
    Running(Running),
    Done(u64, Arc<T>),
    Failed(u64, Failure),
}

/// Work of one kind, of which one piece is under way at most.
pub(crate) struct Job<T> {
    state: Mutex<State<T>>,
    ended: Notify,
}

impl<T> Default for Job<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State::Idle),
            ended: Notify::new(),
        }
    }
}

/// What is to be said of it now.
pub(crate) enum Told<T> {
    Done(Arc<T>),
    Running(Running),
}

impl<T: Send + Sync + 'static> Job<T> {
    fn state(&self) -> std::sync::MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells how far it has come.
    pub(crate) fn tell(&self, at: Running) {
        let mut state = self.state();
        if let State::Running(known) = &mut *state {
            *known = at;
        }
    }

    /// What was made of the state `key` before, or what `begin` makes, if that is done soon. Work of another key that is under way
    /// ends first. A failure is told once, to whoever asks with its key.
    pub(crate) async fn ask<F>(
        self: &Arc<Self>,
        key: u64,
        begin: impl FnOnce() -> F,
    ) -> Result<Told<T>, Failure>
    where
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let until = tokio::time::Instant::now() + PATIENCE;
        let mut begin = Some(begin);
        // What this request began, also where work of another key has begun since.
        let mine: Arc<OnceLock<Arc<T>>> = Arc::default();
        loop {
            let ended = self.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            {
                let mut state = self.state();
                match &*state {
                    State::Done(of, made) if *of == key => return Ok(Told::Done(Arc::clone(made))),
                    State::Failed(of, failure) if *of == key => {
                        let failure = failure.clone();
                        *state = State::Idle;
                        return Err(failure);
                    }
                    State::Running(..) => {
                        if let Some(made) = mine.get() {
                            return Ok(Told::Done(Arc::clone(made)));
                        }
                    }
                    State::Idle | State::Done(..) | State::Failed(..) => match begin.take() {
                        Some(begin) => {
                            *state = State::Running(Running::default());
                            self.go(key, begin(), Arc::clone(&mine));
                        }
                        None => {
                            return Ok(match mine.get() {
                                Some(made) => Told::Done(Arc::clone(made)),
                                // It failed, which was told to somebody else: it has to be asked for again.
                                None => Told::Running(Running::default()),
                            });
                        }
                    },
                }
            }
            if tokio::time::timeout_at(until, ended).await.is_err() {
                let at = match &*self.state() {
                    State::Running(at) => at.clone(),
                    _ => Running::default(),
                };
                return Ok(Told::Running(at));
            }
        }
    }

    fn go<F>(self: &Arc<Self>, key: u64, work: F, mine: Arc<OnceLock<Arc<T>>>)
    where
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let job = Arc::clone(self);
        // In a task of its own, so that the work goes on when whoever asked goes away.
        tokio::spawn(async move {
            let done = tokio::spawn(work).await;
            *job.state() = match done {
                Ok(Ok(made)) => {
                    let made = Arc::new(made);
                    let _ = mine.set(Arc::clone(&made));
                    State::Done(key, made)
                }
                Ok(Err(failure)) => State::Failed(key, failure),
                Err(_) => State::Failed(key, Failure::panicked()),
            };
            job.ended.notify_waiters();
        });
    }

    /// Forgets what was made, so that the next request begins anew.
    pub(crate) fn forget(&self) {
        let mut state = self.state();
        if let State::Done(..) = &*state {
            *state = State::Idle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    fn made(told: Result<Told<u64>, Failure>) -> Option<u64> {
        match told {
            Ok(Told::Done(made)) => Some(*made),
            _ => None,
        }
    }

    /// Work that ends when it is told how.
    fn work() -> (
        oneshot::Sender<u64>,
        impl Future<Output = Result<u64, Failure>> + Send,
    ) {
        let (end, told) = oneshot::channel();
        (end, async { told.await.map_err(|_| Failure::panicked()) })
    }

    #[tokio::test]
    async fn each_key_is_given_its_own() {
        let job = Arc::new(Job::<u64>::default());
        let ([first, second], [one, two]) = {
            let (a, b) = (work(), work());
            ([a.0, b.0], [a.1, b.1])
        };
        let asks = async { tokio::join!(job.ask(1, || one), job.ask(2, || two)) };
        // The second waits for the first, and is not given what that made.
        let ends = async {
            first.send(10).expect("the first is under way");
            second.send(20).expect("the second is, or waits");
        };
        let ((one, two), ()) = tokio::join!(asks, ends);
        assert_eq!((made(one), made(two)), (Some(10), Some(20)));
        let never = || async { Err(Failure::panicked()) };
        assert_eq!(made(job.ask(2, never).await), Some(20));
        assert_eq!(made(job.ask(1, || async { Ok(11) }).await), Some(11));
        job.forget();
        assert_eq!(made(job.ask(1, || async { Ok(12) }).await), Some(12));
    }

    #[tokio::test]
    async fn a_failure_that_nobody_waited_for_is_told_once() {
        let job = Arc::new(Job::<u64>::default());
        let (end, three) = work();
        // Asked, so that the work begins, and given up at once.
        tokio::select! {
            biased;
            told = job.ask(3, || three) => assert!(made(told).is_some(), "it cannot have ended"),
            () = async {} => {}
        }
        drop(end);
        let again = || async { Ok(31) };
        assert!(job.ask(3, again).await.is_err());
        assert_eq!(made(job.ask(3, again).await), Some(31));
    }
}
