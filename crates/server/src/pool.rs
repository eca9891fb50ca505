//! Several handles of one library, so that requests are answered side by side: each piece of work has a handle and a thread
//! of its own, and what waits for one is bounded. All use the one model that the library was made with; where another process embeds
//! the library anew with another one, that is loaded once, before the next work begins.
//!
//! Not for: what the work is (`api/`).

use crate::errors::Failure;
use crate::log::TARGET;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use syntopic_library::{Device, Library, LibraryError, Progress, SharedModel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests that may wait for a handle.
pub(crate) const MOST_WAITING: usize = 256;

/// How long a model that could not be loaded is not tried again: whoever asks meanwhile is told at once.
const FAILURE_HOLDS: Duration = Duration::from_secs(5);

/// One library, open several times.
pub(crate) struct Pool {
    folder: PathBuf,
    device: Device,
    /// What the library was made with when that was last looked at.
    model: Mutex<SharedModel>,
    /// Held by whoever loads another one; when, in which generation of the library, and why that failed, where it did last.
    loading: Mutex<Option<(Instant, u64, Failure)>>,
    /// A handle that looks what the library was made with, and does nothing else.
    watch: Mutex<Library>,
    free: Mutex<Vec<Library>>,
    places: Arc<Semaphore>,
    /// Held by work of minutes, one at a time, which takes none of the places.
    long: Arc<Semaphore>,
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
    pub(crate) fn new(
        library: Library,
        model: SharedModel,
        device: Device,
    ) -> Result<Self, LibraryError> {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let watch = Library::open(library.folder())?.with_device(device);
        Ok(Self {
            folder: library.folder().to_owned(),
            device,
            model: Mutex::new(model),
            loading: Mutex::default(),
            watch: Mutex::new(watch),
            free: Mutex::new(vec![library]),
            places: Arc::new(Semaphore::new(threads.clamp(2, 8))),
            long: Arc::new(Semaphore::new(1)),
            writer: Arc::new(Semaphore::new(1)),
            waiting: AtomicUsize::new(0),
            stop: Arc::default(),
        })
    }

    /// Tells writers to finish the batch in hand and stop.
    pub(crate) fn stop_writers(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// The library's model when that was last looked at.
    pub(crate) fn known_model(&self) -> SharedModel {
        held(&self.model).clone()
    }

    /// The library's model now, loaded if another process gave the library another one since.
    pub(crate) async fn model(self: &Arc<Self>) -> Result<SharedModel, Failure> {
        let pool = Arc::clone(self);
        let looked = tokio::task::spawn_blocking(move || pool.bring(&mut held(&pool.watch)));
        looked.await.map_err(|_| Failure::panicked())?
    }

    /// Gives a handle the model that the library was made with, and loads it where that is another one than before.
    fn bring(&self, library: &mut Library) -> Result<SharedModel, Failure> {
        let known = self.known_model();
        if library.is_made_by(&known)? {
            library.use_model(&known);
            return Ok(known);
        }
        let mut failed = held(&self.loading);
        // Whoever was here before may have loaded it, or could not.
        let known = self.known_model();
        if library.is_made_by(&known)? {
            library.use_model(&known);
            return Ok(known);
        }
        // In another generation it may be another model.
        let generation = library.generation()?;
        if let Some((when, of, why)) = &*failed
            && *of == generation
            && when.elapsed() < FAILURE_HOLDS
        {
            return Err(why.clone());
        }
        let loaded = library.shared_model(&mut |_| ControlFlow::Continue(()));
        let model = match loaded {
            Ok(model) => model,
            Err(error) => {
                tracing::error!(target: TARGET, %error, "the library's other model cannot be loaded");
                let failure = Failure::of_other_model(error);
                *failed = Some((Instant::now(), generation, failure.clone()));
                return Err(failure);
            }
        };
        *failed = None;
        let (before, now) = (&known.identity().name, &model.identity().name);
        tracing::warn!(target: TARGET, before, now, "the library was embedded anew with another model");
        *held(&self.model) = model.clone();
        Ok(model)
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

    /// Does work of minutes that reads, beside what else is asked; one such at a time.
    pub(crate) async fn read_long<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Library, &mut Progress<'_>) -> Result<T, LibraryError> + Send + 'static,
    ) -> Result<T, Failure> {
        let place = self.place(&self.long).await?;
        self.run(vec![place], work).await
    }

    /// Does work of minutes that writes.
    pub(crate) async fn write_long<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Library, &mut Progress<'_>) -> Result<T, LibraryError> + Send + 'static,
    ) -> Result<T, Failure> {
        let turn = self.place(&self.writer).await?;
        let place = self.place(&self.long).await?;
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
            if let Err(failure) = pool.bring(&mut library) {
                held(&pool.free).push(library);
                return Err(failure);
            }
            let stop = Arc::clone(&pool.stop);
            let writes = places.len() > 1;
            let result = work(&mut library, &mut |_| {
                let unwanted = gone.load(Ordering::Relaxed);
                if unwanted || (writes && stop.load(Ordering::Relaxed)) {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            });
            held(&pool.free).push(library);
            drop(places);
            result.map_err(Failure::from)
        });
        // Where the work panicked, its handle is gone with it, and the next request opens another.
        done.await.map_err(|_| Failure::panicked())?
    }

    /// A handle that nobody uses, or another one.
    fn handle(&self) -> Result<Library, LibraryError> {
        let free = held(&self.free).pop();
        match free {
            Some(library) => Ok(library),
            None => Ok(Library::open(&self.folder)?.with_device(self.device)),
        }
    }
}

/// What a lock holds, also where a thread failed with it: no work is left half done under these.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
