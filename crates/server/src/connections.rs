//! Connections: how many may be open at once, and how long a caller may take to say what it wants and to read the answer.
//!
//! Not for: requests that were read (`guard.rs`), nor bodies, which have a time of their own (`input.rs`).

use crate::log::TARGET;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Sleep;

/// What callers are granted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections that may be open at once; one more is told to come again, and closed.
    pub(crate) most: u32,
    /// From the beginning of a connection, or the end of the answer before, until the headers of a request are there.
    pub(crate) headers: Duration,
    /// How long nothing of an answer may be taken.
    pub(crate) stalled: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            most: 512,
            headers: Duration::from_secs(30),
            stalled: Duration::from_secs(30),
        }
    }
}

/// What a connection that is one too many is told, in our shape of errors: nothing of what it asks is read.
const FULL: &str = concat!(
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Type: application/json\r\n",
    "Content-Length: 112\r\n\r\n",
    r#"{"error":{"code":"too_many_connections","message":"the server has as many connections as it takes: try again"}}"#,
    "\n"
);

/// Answers connections until `stop` is true; then no more are taken, and those that are open end with the request in hand.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(limits.most as usize));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, _)) => match Arc::clone(&places).try_acquire_owned() {
                Ok(place) => {
                    let answered = connection(stream, router.clone(), limits, stop.clone());
                    tokio::spawn(async move {
                        answered.await;
                        drop::<OwnedSemaphorePermit>(place);
                    });
                }
                Err(_) => turn_away(stream),
            },
            // The caller went away before it was heard.
            Err(error) if is_of_the_caller(&error) => {}
            Err(error) => {
                tracing::error!(target: TARGET, %error, "no connection can be taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    // All places are free once every connection has ended.
    let _ = places.acquire_many(limits.most).await;
}

/// Requests of one connection, one after the other.
async fn connection(
    stream: TcpStream,
    router: Router,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    // An answer is not to wait for more of it.
    let _ = stream.set_nodelay(true);
    let stream = TokioIo::new(Impatient::new(stream, limits.stalled));
    let answered = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .serve_connection(stream, TowerToHyperService::new(router));
    tokio::pin!(answered);
    // What goes wrong with a connection is the caller's: it is closed, and there is nobody to tell.
    tokio::select! {
        _ = answered.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => answered.as_mut().graceful_shutdown(),
    }
    let _ = answered.await;
}

/// Tells a caller to come again, as far as that can be done without waiting.
fn turn_away(stream: TcpStream) {
    let Ok(mut stream) = stream.into_std() else {
        return;
    };
    let _ = stream.write(FULL.as_bytes());
    let _ = stream.shutdown(Shutdown::Write);
    // What was sent and not read would take the answer with it.
    let _ = stream.read(&mut [0; 4096]);
}

fn is_of_the_caller(error: &io::Error) -> bool {
    use io::ErrorKind as E;
    matches!(
        error.kind(),
        E::ConnectionRefused | E::ConnectionAborted | E::ConnectionReset
    )
}

/// A connection that fails where nothing of what is written is taken for so long.
struct Impatient<S> {
    stream: S,
    patience: Duration,
    /// Runs while something waits to be taken.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> Impatient<S> {
    fn new(stream: S, patience: Duration) -> Self {
        Self {
            stream,
            patience,
            waiting: None,
        }
    }

    /// What became of a write, or that it took too long.
    fn in_time<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let patience = self.patience;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Impatient<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.in_time(written, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, parts);
        this.in_time(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(context);
        this.in_time(flushed, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
