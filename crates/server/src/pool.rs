//! Several handles of one library, so that requests are answered side by side: each piece of work has a handle and a thread
//! of its own, and what waits for one is bounded.
//!
//! Not for: what the work is (`api/`).

use crate::errors::Failure;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use syntopic_library::{Library, LibraryError, Progress, SharedModel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests that may wait for a handle.
pub(crate) const MOST_WAITING: usize = 256;

/// One library, open several times.
pub(crate) struct Pool {
    folder: PathBuf,
    model: SharedModel,
    free: Mutex<Vec<Library>>,
    places: Arc<Semaphore>,
    /// One of ours writes at a time; others wait here rather than for SQLite's lock.
    writer: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// Set when writers are to finish the batch in hand and stop.
    stop: Arc<AtomicBool>,
}

/// Tells the work that nobody waits for it any more.
struct Caller(Arc<AtomicBool>);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A place in the queue.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn take(count: &'a AtomicUsize) -> Result<Self, Failure> {
        if count.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING {
            count.fetch_sub(1, Ordering::Relaxed);
            return Err(Failure::overloaded());
        }
        Ok(Self(count))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    /// A pool around a library that is open, with its model loaded.
    pub(crate) fn new(library: Library, model: SharedModel) -> Self {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            folder: library.folder().to_owned(),
            model,
            free: Mutex::new(vec![library]),
            places: Arc::new(Semaphore::new(threads.clamp(2, 8))),
            writer: Arc::new(Semaphore::new(1)),
            waiting: AtomicUsize::new(0),
            stop: Arc::default(),
        }
    }

    /// Tells writers to finish the batch in hand and stop.
    pub(crate) fn stop_writers(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// The library's model.
    pub(crate) fn model(&self) -> &SharedModel {
        &self.model
    }

    /// Does work that reads, as soon as a handle is free. Where the caller goes away, the work is told at its next progress.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Library, &mut Progress<'_>) -> Result<T, LibraryError> + Send + 'static,
    ) -> Result<T, Failure> {
        let place = self.place(&self.places).await?;
        self.run(vec![place], work).await
    }

    /// Does work that writes, one at a time.
    pub(crate) async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Library, &mut Progress<'_>) -> Result<T, LibraryError> + Send + 'static,
    ) -> Result<T, Failure> {
        let turn = self.place(&self.writer).await?;
        let place = self.place(&self.places).await?;
        self.run(vec![turn, place], work).await
    }

    async fn place(&self, of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Failure> {
        if let Ok(place) = Arc::clone(of).try_acquire_owned() {
            return Ok(place);
        }
        let _waiting = Waiting::take(&self.waiting)?;
        let place = Arc::clone(of).acquire_owned().await;
        place.map_err(|_| Failure::panicked())
    }

    async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        places: Vec<OwnedSemaphorePermit>,
        work: impl FnOnce(&mut Library, &mut Progress<'_>) -> Result<T, LibraryError> + Send + 'static,
    ) -> Result<T, Failure> {
        let gone = Arc::new(AtomicBool::new(false));
        let _caller = Caller(Arc::clone(&gone));
        let pool = Arc::clone(self);
        let span = tracing::Span::current();
        let done = tokio::task::spawn_blocking(move || {
            let _here = span.enter();
            let mut library = pool.handle()?;
            let stop = Arc::clone(&pool.stop);
            let writes = places.len() > 1;
            let result = work(&mut library, &mut |_| {
                let unwanted = gone.load(Ordering::Relaxed);
                if unwanted || (writes && stop.load(Ordering::Relaxed)) {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            });
            pool.free
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(library);
            drop(places);
            result
        });
        // Where the work panicked, its handle is gone with it, and the next request opens another.
        let done = done.await.map_err(|_| Failure::panicked())?;
        done.map_err(Failure::from)
    }

    /// A handle that nobody uses, or another one.
    fn handle(&self) -> Result<Library, LibraryError> {
        let free = || {
            self.free
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop()
        };
        match free() {
            Some(library) => Ok(library),
            None => Ok(Library::open(&self.folder)?.with_model(&self.model)),
        }
    }
}
