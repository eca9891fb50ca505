//! Work that may take minutes and that many ask for: done once, asked after again and again.
//!
//! Not for: requests that are answered at once (`pool.rs`).

use crate::errors::Failure;
use serde::Serialize;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
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

enum State<T> {
    Idle,
    Running(Running),
    Done(u64, Arc<T>),
    Failed(Failure),
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

    /// What was made of the state `key` before, or what `begin` makes, if that is done soon. A failure is told once.
    pub(crate) async fn ask<F>(
        self: &Arc<Self>,
        key: u64,
        begin: impl FnOnce() -> F,
    ) -> Result<Told<T>, Failure>
    where
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let ended = self.ended.notified();
        tokio::pin!(ended);
        ended.as_mut().enable();
        {
            let mut state = self.state();
            match &*state {
                State::Done(made_of, made) if *made_of == key => {
                    return Ok(Told::Done(Arc::clone(made)));
                }
                State::Running(_) => {}
                State::Idle | State::Done(..) | State::Failed(_) => {
                    *state = State::Running(Running::default());
                    self.go(key, begin());
                }
            }
        }
        let _ = tokio::time::timeout(PATIENCE, ended).await;
        let mut state = self.state();
        match &*state {
            State::Done(_, made) => Ok(Told::Done(Arc::clone(made))),
            State::Running(at) => Ok(Told::Running(at.clone())),
            State::Idle => Ok(Told::Running(Running::default())),
            State::Failed(failure) => {
                let failure = failure.clone();
                *state = State::Idle;
                Err(failure)
            }
        }
    }

    fn go<F>(self: &Arc<Self>, key: u64, work: F)
    where
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let job = Arc::clone(self);
        // In a task of its own, so that the work goes on when whoever asked goes away.
        tokio::spawn(async move {
            let done = tokio::spawn(work).await;
            *job.state() = match done {
                Ok(Ok(made)) => State::Done(key, Arc::new(made)),
                Ok(Err(failure)) => State::Failed(failure),
                Err(_) => State::Failed(Failure::panicked()),
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
