//! Listening, connections and the end.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::app::App;
use crate::auth::ExposureError;
use crate::options::Options;

/// How a server ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrainReport {
    /// Connections that were open when the shutdown began.
    pub open: usize,
    /// Connections that were cut, their requests unfinished, when the deadline came.
    pub cut: usize,
    /// How long the draining took.
    pub took: Duration,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Others could reach it, and there is no token.
    #[error(transparent)]
    Exposed(#[from] ExposureError),
    /// The listener is of no use.
    #[error("the listener has no address")]
    Listener(#[from] std::io::Error),
}

/// Serves until `shutdown`, then lets requests under way finish within [`Options::drain`].
/// Requests that wait for a task's end are answered at once with what is known.
///
/// # Errors
///
/// Where the listener can be reached from elsewhere and there is no token.
pub async fn serve(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()>,
) -> Result<DrainReport, ServeError> {
    app.check_exposure(listener.local_addr()?)?;
    let (closing, closed) = watch::channel(false);
    let mut connections = JoinSet::new();
    let sweeper = tokio::spawn(sweep(app.clone()));
    accept(&listener, &app, &mut connections, &closed, shutdown).await;
    drop(listener);
    sweeper.abort();
    app.shared.draining.store(true, Ordering::Relaxed);
    app.shared.waiters.close();
    // Nobody listens where all connections are gone already.
    let _ = closing.send(true);
    Ok(drain(connections, app.options().drain).await)
}

async fn accept(
    listener: &TcpListener,
    app: &App,
    connections: &mut JoinSet<()>,
    closed: &watch::Receiver<bool>,
    shutdown: impl Future<Output = ()>,
) {
    let slots = Arc::new(Semaphore::new(app.options().max_connections.max(1)));
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => return,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            (stream, slot) = next(listener, &slots) => {
                connections.spawn(connection(stream, slot, app.clone(), closed.clone()));
            }
        }
    }
}

/// The next connection, once there is room for it.
async fn next(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
            Err(error) => {
                // Out of file descriptors, or the client is gone already: neither lasts.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    slot: Option<OwnedSemaphorePermit>,
    app: App,
    mut closed: watch::Receiver<bool>,
) {
    // Without it an answer may wait for the client's acknowledgement of the one before.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection was gone at once");
        return;
    }
    let gauge = app.shared.metrics.connections.clone();
    gauge.inc();
    let service = service_fn(|request| {
        let app = &app;
        async move { Ok::<_, Infallible>(app.handle(request).await) }
    });
    let http = settings(app.options()).serve_connection(TokioIo::new(stream), service);
    let mut http = pin!(http);
    let ended = tokio::select! {
        ended = &mut http => Some(ended),
        () = told(&mut closed) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            http.as_mut().graceful_shutdown();
            http.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
    gauge.dec();
    drop(slot);
}

async fn told(closed: &mut watch::Receiver<bool>) {
    // An error says that the server is gone, which is as good as being told.
    let _ = closed.wait_for(|closed| *closed).await;
}

fn settings(options: &Options) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(options.header_timeout)
        .max_header_size(options.header_limit);
    builder
}

async fn drain(mut connections: JoinSet<()>, limit: Duration) -> DrainReport {
    let started = Instant::now();
    let open = connections.len();
    let all = async { while connections.join_next().await.is_some() {} };
    // Out of time: what is left is cut.
    let _ = tokio::time::timeout(limit, all).await;
    let cut = connections.len();
    connections.shutdown().await;
    DrainReport {
        open,
        cut,
        took: started.elapsed(),
    }
}

/// Ends tasks that nobody took, now and then; of several servers on one store one does it.
async fn sweep(app: App) {
    let every = app.options().sweep;
    let mut ticks = tokio::time::interval(every);
    loop {
        ticks.tick().await;
        let store = Arc::clone(&app.shared.store);
        // A little early, so that this server's own next tick is not too soon.
        let swept = move || match store.turn("sweep", every.mul_f64(0.9))? {
            true => store.sweep(),
            false => Ok(0),
        };
        match tokio::task::spawn_blocking(swept).await {
            Ok(Ok(0)) => {}
            Ok(Ok(tasks)) => {
                app.shared.metrics.swept.inc_by(tasks);
                tracing::warn!(tasks, "tasks that nobody took have failed");
            }
            Ok(Err(error)) => tracing::warn!(%error, "the queue cannot be swept"),
            Err(error) => tracing::error!(%error, "the sweep panicked"),
        }
    }
}
