//! A lean JSON client of the API.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode, Uri};
use mlp_data::User;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::connection::Connection;
use super::error::Error;
use super::shown::Shown;
use super::target::Target;

/// The longest error detail that is kept, in characters.
const DETAIL_LIMIT: usize = 300;

/// The state of a task, as the API names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// Waits for a worker.
    Pending,
    /// A worker has it.
    Started,
    /// It failed and will be tried again.
    Retry,
    /// Done.
    Success,
    /// Given up.
    Failure,
}

impl State {
    /// True for the two states that never change.
    pub fn is_final(self) -> bool {
        matches!(self, State::Success | State::Failure)
    }
}

/// An answer of any status.
#[derive(Debug)]
pub struct Reply<'a> {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

impl Reply<'_> {
    /// Reads the body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(self.body).map_err(Error::Answer)
    }
}

/// One user's connection to the API: HTTP/1.1, kept alive, opened when first needed and again
/// when it is gone. Requests are never repeated by themselves.
///
/// ```no_run
/// # async fn example(user: &mlp_data::User) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use mlp_tools::traffic::{Client, State};
///
/// let mut client = Client::new("http://127.0.0.1:4789".parse()?);
/// let task_id = client.start(user).await?;
/// let state = client.status(&task_id, Duration::from_secs(10)).await?;
/// assert_eq!(state, State::Success);
/// let shown = client.results(&task_id, 10).await?;
/// client.select(&task_id, Some(shown.ids[0])).await?;
/// let info: serde_json::Value = client.get_json("/content/info").await?;
/// # Ok(())
/// # }
/// ```
pub struct Client {
    target: Arc<Target>,
    timeout: Duration,
    headers: HeaderMap,
    connection: Option<Connection>,
    scratch: BytesMut,
    body: Vec<u8>,
}

impl Client {
    /// A client without a connection yet.
    pub fn new(target: Target) -> Self {
        Client::shared(Arc::new(target))
    }

    pub(crate) fn shared(target: Arc<Target>) -> Self {
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert(HOST, target.host_header().clone());
        Client {
            target,
            timeout: Duration::from_secs(10),
            headers,
            connection: None,
            scratch: BytesMut::new(),
            body: Vec::new(),
        }
    }

    /// The longest time that a request may take, connecting included; 10 seconds unless set.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends a bearer token with every request; none unless set.
    pub fn with_token(mut self, token: &str) -> Result<Self, Error> {
        let mut value = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| Error::Request("the token holds control characters".to_owned()))?;
        value.set_sensitive(true);
        self.headers.insert(AUTHORIZATION, value);
        Ok(self)
    }

    /// The server.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The body of the last answer.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Opens the connection where there is none, so that the next request finds it ready.
    pub async fn connect(&mut self) -> Result<(), Error> {
        let limit = self.timeout;
        let connection = within(limit, self.usable_connection()).await?;
        self.connection = Some(connection);
        Ok(())
    }

    /// `POST /inference/start`; returns the task's id.
    pub async fn start(&mut self, user: &User) -> Result<String, Error> {
        #[derive(serde::Deserialize)]
        struct Started {
            task_id: String,
        }
        let started: Started = self.post_json("/inference/start", user).await?;
        Ok(started.task_id)
    }

    /// `GET /inference/status/{task_id}?wait=SECONDS`: asks the server to hold its answer until
    /// the state is final or `wait` (whole seconds) has passed. `Duration::ZERO` asks without.
    pub async fn status(&mut self, task_id: &str, wait: Duration) -> Result<State, Error> {
        #[derive(serde::Deserialize)]
        struct Status {
            status: State,
        }
        let seconds = wait.as_secs();
        let uri = match seconds {
            0 => self.uri(format_args!("/inference/status/{task_id}"))?,
            _ => self.uri(format_args!("/inference/status/{task_id}?wait={seconds}"))?,
        };
        let request = self.request(Method::GET, uri, None);
        let response = self.exchange(request, self.timeout + wait).await?;
        if response.status() == StatusCode::INTERNAL_SERVER_ERROR
            && detail(&self.body) == "Task failed"
        {
            return Ok(State::Failure);
        }
        self.accept(&response)?;
        Ok(self.parse::<Status>()?.status)
    }

    /// `GET /inference/results/{task_id}?limit=LIMIT`.
    pub async fn results(&mut self, task_id: &str, limit: u32) -> Result<Shown, Error> {
        let mut shown = Shown::default();
        self.results_into(task_id, limit, &mut shown).await?;
        Ok(shown)
    }

    /// Like [`Client::results`], into buffers that are used again.
    pub async fn results_into(
        &mut self,
        task_id: &str,
        limit: u32,
        shown: &mut Shown,
    ) -> Result<(), Error> {
        let uri = self.uri(format_args!("/inference/results/{task_id}?limit={limit}"))?;
        let request = self.request(Method::GET, uri, None);
        self.succeed(request).await?;
        shown.read(&self.body).map_err(Error::Answer)
    }

    /// `PUT /inference/select`; `None` says "none of these". The answer is in [`Client::body`].
    pub async fn select(&mut self, task_id: &str, location_id: Option<i64>) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Selection<'a> {
            task_id: &'a str,
            location_id: i64,
        }
        let location_id = location_id.unwrap_or(-1);
        let selection = Selection {
            task_id,
            location_id,
        };
        self.send_json(Method::PUT, "/inference/select", &selection)
            .await
    }

    /// `GET` of a path with its query, such as `/content/users?limit=10`.
    pub async fn get_json<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, Error> {
        let uri = self.uri(format_args!("{path}"))?;
        let request = self.request(Method::GET, uri, None);
        self.succeed(request).await?;
        self.parse()
    }

    /// `POST` of a JSON body.
    pub async fn post_json<T: DeserializeOwned>(
        &mut self,
        path: &str,
        body: &(impl Serialize + ?Sized + Sync),
    ) -> Result<T, Error> {
        self.send_json(Method::POST, path, body).await?;
        self.parse()
    }

    /// Any request, as it is given but for `Host`, the token and the prefix of the server's URL.
    /// An answer of any status is a [`Reply`], not an error.
    pub async fn send(&mut self, request: Request<Bytes>) -> Result<Reply<'_>, Error> {
        let (mut parts, body) = request.into_parts();
        parts.uri = self.uri(format_args!("{}", parts.uri))?;
        for (name, value) in &self.headers {
            parts.headers.entry(name).or_insert(value.clone());
        }
        let request = Request::from_parts(parts, Full::new(body));
        let (head, ()) = self.exchange(request, self.timeout).await?.into_parts();
        Ok(Reply {
            status: head.status,
            headers: head.headers,
            body: &self.body,
        })
    }

    async fn send_json(
        &mut self,
        method: Method,
        path: &str,
        body: &(impl Serialize + ?Sized),
    ) -> Result<(), Error> {
        let uri = self.uri(format_args!("{path}"))?;
        serde_json::to_writer((&mut self.scratch).writer(), body)
            .map_err(|error| Error::Request(error.to_string()))?;
        let body = self.scratch.split().freeze();
        let request = self.request(method, uri, Some(body));
        self.succeed(request).await
    }

    fn uri(&mut self, path: std::fmt::Arguments<'_>) -> Result<Uri, Error> {
        self.scratch.clear();
        let written = write!(self.scratch, "{}{path}", self.target.prefix());
        let text = self.scratch.split().freeze();
        let uri = Uri::from_maybe_shared(text);
        match (written, uri) {
            (Ok(()), Ok(uri)) if uri.path().starts_with('/') => Ok(uri),
            (_, Err(error)) => Err(Error::Request(error.to_string())),
            _ => Err(Error::Request("a path starts with `/`".to_owned())),
        }
    }

    fn request(&self, method: Method, uri: Uri, body: Option<Bytes>) -> Request<Full<Bytes>> {
        let mut headers = self.headers.clone();
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let mut request = Request::new(Full::new(body.unwrap_or_default()));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        request
    }

    async fn succeed(&mut self, request: Request<Full<Bytes>>) -> Result<(), Error> {
        let response = self.exchange(request, self.timeout).await?;
        self.accept(&response)
    }

    /// Sends the request and reads the whole answer into `self.body`.
    async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        limit: Duration,
    ) -> Result<Response<()>, Error> {
        let work = async {
            // Out of `self` until the answer is complete: one cut short is of no further use.
            let mut connection = self.usable_connection().await?;
            let response = connection.exchange(request, &mut self.body).await?;
            self.connection = Some(connection);
            Ok(response)
        };
        within(limit, work).await
    }

    async fn usable_connection(&mut self) -> Result<Connection, Error> {
        if let Some(mut connection) = self.connection.take()
            && connection.is_usable().await
        {
            return Ok(connection);
        }
        Connection::open(&self.target).await
    }

    fn accept(&self, response: &Response<()>) -> Result<(), Error> {
        match response.status() {
            status if status.is_success() => Ok(()),
            StatusCode::SERVICE_UNAVAILABLE => Err(Error::Busy {
                retry_after: retry_after(response.headers()),
            }),
            status => Err(Error::Status {
                status,
                detail: detail(&self.body),
            }),
        }
    }

    fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(Error::Answer)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("target", &self.target.to_string())
            .field("connected", &self.connection.is_some())
            .finish_non_exhaustive()
    }
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(Error::TimedOut(limit)),
    }
}

/// The header's seconds, at most an hour; one second where it is missing or a date.
fn retry_after(headers: &HeaderMap) -> Duration {
    let seconds = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
    Duration::from_secs(seconds.unwrap_or(1).min(3600))
}

/// The text of a `{"detail": …}` body, or the body's beginning.
fn detail(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Detail {
        detail: serde_json::Value,
    }
    let text = match serde_json::from_slice::<Detail>(body) {
        Ok(Detail {
            detail: serde_json::Value::String(text),
        }) => text,
        Ok(Detail { detail }) => detail.to_string(),
        Err(_) => String::from_utf8_lossy(&body[..body.len().min(4 * DETAIL_LIMIT)]).into_owned(),
    };
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(DETAIL_LIMIT).map(printable).collect()
}
