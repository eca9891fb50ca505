//! From what the user asked of the server to a server that runs and ends: opening, binding, stopping.

use crate::app::{App, GuardOptions};
use crate::connections::Limits;
use crate::log::{LogFormat, TARGET};
use crate::mcp::Tools;
use crate::pool::Pool;
use crate::{connections, log, route};
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use syntopic_library::{Device, Library, LibraryError};

/// How long requests in hand may take once the server is asked to end.
const GRACE: Duration = Duration::from_secs(30);

/// Writers are told to finish their batch so long before that.
const BEFORE: Duration = Duration::from_secs(10);

/// How a server is to be.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Folder of the library.
    pub library: PathBuf,
    /// Where it listens; port 0 is any free one.
    pub bind: SocketAddr,
    /// The key that callers must send, if any.
    pub api_key: Option<String>,
    /// Whether anybody who reaches it may ask, though it listens to more than this machine.
    pub no_auth: bool,
    /// Names it may be called by, beside `localhost` and addresses.
    pub host_names: Vec<String>,
    /// How it logs.
    pub log: LogFormat,
    /// Where the model runs.
    pub device: Device,
}

/// Why a server did not begin, or failed.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Everybody could ask.
    #[error(
        "{0} can be reached from other machines, and everybody there could read and change the library: give it a key with \
         --api-key KEY (or SYNTOPIC_API_KEY), or say --no-auth if that is meant"
    )]
    Unprotected(SocketAddr),
    /// A key that is none.
    #[error("the key is empty: give a longer one with --api-key, or leave it out")]
    EmptyKey,
    /// The library or its model.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// The address could not be taken.
    #[error("cannot listen at {address}: {source}; --bind names another address and port")]
    Bind {
        /// Which one.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The other side of the standard streams.
    #[error("the client at the standard streams does not speak the Model Context Protocol: {0}")]
    Mcp(String),
    /// Threads or signals.
    #[error("the server failed: {0}")]
    Io(#[from] std::io::Error),
}

/// Serves a library until the process is asked to end (SIGTERM or Ctrl-C); then requests in hand have 30 seconds to finish.
/// `ready` is told the address once it can be asked.
///
/// # Errors
/// When the library or its model cannot be opened, or the address not be listened at.
pub fn serve(
    options: &ServeOptions,
    ready: impl FnOnce(SocketAddr) -> std::io::Result<()>,
) -> Result<(), ServeError> {
    check(options)?;
    log::start(options.log);
    let pool = open(&options.library, options.device)?;
    let guard = GuardOptions {
        api_key: options.api_key.clone(),
        hosts: options.host_names.clone(),
    };
    let app = Arc::new(App::new(pool, guard)?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(run(options.bind, app, ready));
    // What still runs has had its time; whatever it writes is one transaction.
    runtime.shutdown_timeout(Duration::from_millis(100));
    served
}

/// Serves a library as tools of the Model Context Protocol over the standard streams, until the other side ends. What is logged
/// goes to stderr.
///
/// # Errors
/// When the library or its model cannot be opened, or the other side does not speak the protocol.
pub fn serve_mcp(library: &Path, device: Device, log: LogFormat) -> Result<(), ServeError> {
    log::start(log);
    let pool = open(library, device)?;
    let app = Arc::new(App::new(pool, GuardOptions::default())?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let failed = |error: &dyn std::fmt::Display| ServeError::Mcp(error.to_string());
    let served = runtime.block_on(async {
        let running = rmcp::serve_server(Tools(app), rmcp::transport::stdio()).await;
        let running = running.map_err(|error| failed(&error))?;
        running.waiting().await.map_err(|error| failed(&error))
    });
    // A read of the standard input cannot be stopped.
    runtime.shutdown_timeout(Duration::from_millis(100));
    served.map(|_| ())
}

fn check(options: &ServeOptions) -> Result<(), ServeError> {
    if options
        .api_key
        .as_deref()
        .is_some_and(|key| key.trim().is_empty())
    {
        return Err(ServeError::EmptyKey);
    }
    let protected = options.api_key.is_some() || options.no_auth;
    if !options.bind.ip().is_loopback() && !protected {
        return Err(ServeError::Unprotected(options.bind));
    }
    Ok(())
}

/// The library with its model in memory, so that the first request is as quick as any.
fn open(folder: &Path, device: Device) -> Result<Pool, ServeError> {
    let mut library = Library::open(folder)?.with_device(device);
    let model = library.shared_model(&mut |event| {
        if let syntopic_library::Event::Note(note) = event {
            tracing::info!(target: TARGET, note, "model");
        }
        ControlFlow::Continue(())
    })?;
    Ok(Pool::new(library, model, device)?)
}

async fn run(
    address: SocketAddr,
    app: Arc<App>,
    ready: impl FnOnce(SocketAddr) -> std::io::Result<()>,
) -> Result<(), ServeError> {
    let bind = |source| ServeError::Bind { address, source };
    let listener = tokio::net::TcpListener::bind(address).await.map_err(bind)?;
    let address = listener.local_addr()?;
    let (ended, mut end) = tokio::sync::watch::channel(false);
    let signals = Signals::listen()?;
    ready(address)?;
    tracing::info!(target: TARGET, %address, model = app.pool.known_model().identity().name, "serving");
    let stopping = Arc::clone(&app);
    tokio::spawn(async move {
        signals.heard().await;
        stopping.stopping.store(true, Ordering::Relaxed);
        tracing::info!(target: TARGET, "stopping: requests in hand have 30 seconds");
        let _ = ended.send(true);
        tokio::time::sleep(GRACE - BEFORE).await;
        stopping.pool.stop_writers();
    });
    let limits = Limits::default();
    let served = connections::serve(listener, route::router(app), limits, end.clone());
    let late = async {
        let _ = end.wait_for(|end| *end).await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = served => {}
        () = late => tracing::warn!(target: TARGET, "stopped with requests in hand"),
    }
    tracing::info!(target: TARGET, "stopped");
    Ok(())
}

/// The system's wishes that the process end.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
        })
    }

    async fn heard(mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}
