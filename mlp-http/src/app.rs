//! The application: all that requests share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Body;
use hyper::{Request, Response};
use mlp_core::Schema;
use mlp_store::{Announcing, Live, Sessions, Store, Transport};

use crate::auth::{DEFAULT_PUBLIC_ROUTES, ExposureError, Guard};
use crate::batch::Desk;
use crate::fragments::FragmentCache;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::pages::{self, Assets, Shell};
use crate::request_id::RequestIds;
use crate::router::Router;
use crate::routes::{Route, routes};
use crate::secret::Secret;
use crate::waiters::Waiters;
use crate::wire::RowShape;
use crate::{dispatch, openapi};

/// Why an application cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Two routes of the schema stand in each other's way.
    #[error("the schema's names make routes that clash: {0}")]
    Routes(String),
    /// The system gives no thread.
    #[error("cannot start a thread")]
    Thread(#[from] std::io::Error),
}

/// The API of one store, ready to answer. Cheap to clone; the last clone that goes ends the
/// threads that talk to the store.
#[derive(Debug, Clone)]
pub struct App {
    pub(crate) shared: Arc<Shared>,
}

/// What requests share.
pub(crate) struct Shared {
    pub schema: Arc<Schema>,
    pub store: Arc<dyn Store>,
    pub live: Arc<Live>,
    pub desk: Desk,
    pub waiters: Waiters,
    pub metrics: Metrics,
    pub routes: Vec<Route>,
    pub router: Router,
    pub guard: Guard,
    pub options: Options,
    pub ids: RequestIds,
    pub fragments: FragmentCache,
    pub item: RowShape,
    pub user: RowShape,
    pub openapi: Bytes,
    pub docs: Bytes,
    pub assets: Assets,
    pub draining: AtomicBool,
}

impl Shared {
    /// What is around every page.
    pub fn shell(&self) -> Shell<'_> {
        Shell {
            domain: &self.schema.name,
            assets: &self.assets,
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("schema", &self.schema.name)
            .field("routes", &self.routes.len())
            .field("guard", &self.guard)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Collects what an [`App`] needs.
pub struct AppBuilder {
    schema: Arc<Schema>,
    store: Arc<dyn Store>,
    live: Arc<Live>,
    sessions: Option<Arc<dyn Sessions>>,
    transport: Option<Arc<dyn Transport>>,
    token: Option<Secret>,
    public: Vec<String>,
    app_name: String,
    options: Options,
}

impl App {
    /// Begins with what every application needs.
    pub fn builder(schema: Arc<Schema>, store: Arc<dyn Store>, live: Arc<Live>) -> AppBuilder {
        AppBuilder {
            schema,
            store,
            live,
            sessions: None,
            transport: None,
            token: None,
            public: DEFAULT_PUBLIC_ROUTES.map(str::to_owned).to_vec(),
            app_name: "mlp".to_owned(),
            options: Options::default(),
        }
    }

    /// Whether the application may listen there: others must not reach it without a token.
    ///
    /// # Errors
    ///
    /// Where they could.
    pub fn check_exposure(&self, address: SocketAddr) -> Result<(), ExposureError> {
        self.shared.guard.check_exposure(address)
    }

    /// Answers one request, for those who bring their own connections.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        dispatch::handle(&self.shared, request).await
    }

    pub(crate) fn options(&self) -> &Options {
        &self.shared.options
    }
}

impl AppBuilder {
    /// Does the hot operations with something else than the store. Default: the store.
    #[must_use]
    pub fn sessions(mut self, sessions: Arc<dyn Sessions>) -> Self {
        self.sessions = Some(sessions);
        self
    }

    /// Tells this transport of every inference that is started, and `/metrics` of what the transport
    /// does, where it has something to connect to. Default: none; workers take what they find in the
    /// store.
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Protects content, training and models with a token. Default: none, which [`serve`]
    /// accepts on the loopback interface only.
    ///
    /// [`serve`]: crate::serve
    #[must_use]
    pub fn token(mut self, token: Secret) -> Self {
        self.token = Some(token);
        self
    }

    /// Path prefixes that are open to all, whatever their scope, in place of
    /// [`DEFAULT_PUBLIC_ROUTES`]. Inference, the description and the health checks always are.
    #[must_use]
    pub fn public_routes<S: Into<String>>(mut self, prefixes: impl IntoIterator<Item = S>) -> Self {
        self.public = prefixes.into_iter().map(Into::into).collect();
        self
    }

    /// The metrics' label `app_name`. Default `mlp`.
    #[must_use]
    pub fn app_name(mut self, name: impl Into<String>) -> Self {
        self.app_name = name.into();
        self
    }

    /// Limits and deadlines. Default [`Options::default`].
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Starts the threads that talk to the store.
    ///
    /// # Errors
    ///
    /// Where the schema's names clash, or the system gives no thread.
    pub fn build(self) -> Result<App, BuildError> {
        let routes = routes(&self.schema);
        let router = Router::new(&routes).map_err(BuildError::Routes)?;
        let guard = Guard::new(self.token, &self.public);
        let transport = self.transport.clone();
        let metrics = Metrics::new(&self.app_name, &self.schema, router.labels(), transport);
        let sessions: Arc<dyn Sessions> = match self.sessions {
            Some(sessions) => sessions,
            None => Arc::clone(&self.store) as Arc<dyn Sessions>,
        };
        let sessions: Arc<dyn Sessions> = match self.transport {
            Some(transport) => Arc::new(Announcing::new(sessions, transport)),
            None => sessions,
        };
        let desk = Desk::open(&sessions, &self.store, &metrics, &self.options)?;
        let waiters = Waiters::start(Arc::clone(&self.store), metrics.waiters.clone())?;
        let document = openapi::document(&self.schema, &routes, &guard).to_string();
        let assets = Assets::new();
        let shell = Shell {
            domain: &self.schema.name,
            assets: &assets,
        };
        let page = pages::docs(shell, &self.schema, &routes, &guard);
        let shared = Shared {
            openapi: document.into(),
            docs: page.into(),
            assets,
            item: RowShape::new(&self.schema.item),
            user: RowShape::new(&self.schema.user),
            schema: self.schema,
            store: self.store,
            live: self.live,
            desk,
            waiters,
            metrics,
            routes,
            router,
            guard,
            options: self.options,
            ids: RequestIds::new(),
            fragments: FragmentCache::default(),
            draining: AtomicBool::new(false),
        };
        Ok(App {
            shared: Arc::new(shared),
        })
    }
}
