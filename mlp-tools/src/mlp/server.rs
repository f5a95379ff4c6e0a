//! The processes' parts put together: store, live models, worker, API.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mlp_http::{App, Secret};
use mlp_store::{DirectTransport, Live, LiveOptions, Roles, Store, Transport};
use mlp_worker::{StopReport, Worker, WorkerOptions};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::celery::Celery;
use super::context::Context;
use super::error::{Error, Result};
use super::settings::Serving;
use super::webhook::{Address, Webhook};

/// An API, a worker or both, running.
pub struct Server {
    runtime: Runtime,
    api: Option<Api>,
    worker: Option<Worker>,
    /// Tells until it is dropped.
    _webhook: Option<Webhook>,
    drain: Duration,
}

struct Api {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::result::Result<mlp_http::DrainReport, mlp_http::ServeError>>,
}

/// What is to run.
pub struct Parts<'a> {
    /// The API, with its flags.
    pub api: Option<&'a Serving>,
    /// The worker.
    pub worker: Option<WorkerOptions>,
    /// Where decisions are told.
    pub webhook: Option<Address>,
    /// How tasks travel; `None`: they are taken from the store.
    pub celery: Option<&'a Celery>,
    /// How long a stop may take.
    pub drain: Duration,
}

impl Server {
    /// Starts the parts on an open store.
    pub fn start(context: &Context, store: Arc<dyn Store>, parts: Parts<'_>) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads())
            .thread_name("mlp-api")
            .enable_all()
            .build()
            .map_err(Error::run)?;
        let schema = Arc::clone(&context.schema);
        let live = Live::start(
            Arc::clone(&store),
            Arc::clone(&schema),
            LiveOptions::default(),
        )?;
        let roles = Roles {
            publishes: parts.api.is_some(),
            // One that only trains takes no message: its work lies in the store.
            works: parts.worker.as_ref().is_some_and(|worker| worker.inference),
        };
        let transport = match parts.celery {
            Some(celery) => celery.start(&store, &schema, &live, roles)?,
            None => None,
        };
        let mut server = Self {
            runtime,
            api: None,
            worker: None,
            // Before anything is decided here.
            _webhook: (parts.webhook)
                .map(|address| Webhook::start(Arc::clone(&store), address))
                .transpose()?,
            drain: parts.drain,
        };
        if let Some(serving) = parts.api {
            let live = Arc::clone(&live);
            server.listen(context, serving, &store, live, transport.clone())?;
        }
        if let Some(options) = parts.worker {
            let transport: Arc<dyn Transport> =
                transport.unwrap_or_else(|| Arc::new(DirectTransport::new(Arc::clone(&store))));
            let worker = Worker::start_over(transport, store, schema, live, options);
            server.worker = Some(worker.map_err(Error::run)?);
        }
        Ok(server)
    }

    fn listen(
        &mut self,
        context: &Context,
        serving: &Serving,
        store: &Arc<dyn Store>,
        live: Arc<Live>,
        transport: Option<Arc<dyn Transport>>,
    ) -> Result<()> {
        let schema = Arc::clone(&context.schema);
        let options = mlp_http::Options {
            drain: serving.drain()?,
            ..mlp_http::Options::default()
        };
        let mut builder = App::builder(schema, Arc::clone(store), live).options(options);
        if let Some(transport) = transport {
            builder = builder.transport(transport);
        }
        if let Some(routes) = &serving.public_routes {
            builder = builder.public_routes(routes.clone());
        }
        if let Some(token) = serving.token()? {
            builder = builder.token(Secret::new(&token).map_err(Error::usage_from)?);
        }
        let app = builder.build().map_err(Error::usage_from)?;
        app.check_exposure(serving.bind)
            .map_err(Error::usage_from)?;
        let listener = (self.runtime.block_on(async { listen_on(serving.bind) })).map_err(|e| {
            let help = match e.kind() {
                std::io::ErrorKind::AddrInUse => {
                    ": another program listens there; `--bind` names another address"
                }
                std::io::ErrorKind::AddrNotAvailable => {
                    ": no address of this machine; `--bind` names another"
                }
                _ => "",
            };
            Error::run(format!("cannot listen on `{}`: {e}{help}", serving.bind))
        })?;
        let address = listener.local_addr().map_err(Error::run)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async {
            // A dropped sender is a stop too.
            let _ = stopped.await;
        };
        let served = self.runtime.spawn(mlp_http::serve(listener, app, shutdown));
        self.api = Some(Api {
            address,
            stop,
            served,
        });
        Ok(())
    }

    /// Where the API listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.api.as_ref().map(|api| api.address)
    }

    /// Waits for SIGINT or SIGTERM; a second one ends the process at once.
    pub fn wait_for_signal(&self) -> Result<()> {
        self.runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::run)?;
            let mut terminate = signal(SignalKind::terminate()).map_err(Error::run)?;
            let name = tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
            };
            tracing::info!(signal = name, "stopping; again to stop at once");
            tokio::spawn(async move {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                std::process::exit(130);
            });
            Ok(())
        })
    }

    /// Stops: no new requests, those under way finish, then the worker's tasks do.
    pub fn stop(mut self) -> Result<()> {
        if let Some(api) = self.api.take() {
            // A receiver that is gone has stopped already.
            let _ = api.stop.send(());
            let served = self.runtime.block_on(api.served).map_err(Error::run)?;
            let report = served.map_err(Error::run)?;
            if report.cut > 0 {
                tracing::warn!(connections = report.cut, "connections were cut off");
            }
        }
        let StopReport { released } =
            (self.worker.take()).map_or(StopReport::default(), |worker| worker.stop(self.drain));
        if released > 0 {
            tracing::warn!(released, "tasks were given back unfinished");
        }
        Ok(())
    }
}

/// Connections that may wait to be accepted: a thousand clients that come at once are not to be
/// sent away for a second, as the usual 128 would.
const BACKLOG: u32 = 4096;

fn listen_on(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A server that starts again takes its port back at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Threads of the API: parsing and writing is little work beside the store's.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, |n| n.get().clamp(1, 8))
}
