//! Where broker and results are, and how they are used.

use std::fmt;
use std::time::Duration;

use lapin::uri::{AMQPScheme, AMQPUri};
use percent_encoding::percent_decode_str;
use redis::{Client, IntoConnectionInfo, TlsCertificates};

/// Why settings cannot be used. The messages hold no password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The broker's URL cannot be read.
    #[error("the broker's URL {0}")]
    Broker(String),
    /// The URL of the place of results cannot be read.
    #[error("the URL of the result backend {0}")]
    Backend(String),
    /// Another value cannot be used.
    #[error("{0}")]
    Value(String),
}

/// How tasks go over RabbitMQ. Every setter's doc states its default.
#[derive(Clone)]
pub struct CelerySettings {
    pub(super) brokers: Vec<AMQPUri>,
    pub(super) results: Client,
    results_place: String,
    pub(super) queue: String,
    pub(super) inference_tasks: Vec<String>,
    pub(super) training_tasks: Vec<String>,
    pub(super) prefetch: u16,
    pub(super) resend_after: Duration,
    pub(super) result_expires: Duration,
    pub(super) task_expires: Duration,
    pub(super) ca: Option<String>,
}

impl CelerySettings {
    /// Reads the URLs as Celery does: `amqp://`, `pyamqp://` or `amqps://`, several separated by `;`
    /// to be tried in turn; `redis://` or `rediss://`. An empty queue is `celery`. `ca` is a PEM text
    /// with the certificates that are trusted over TLS instead of the system's.
    ///
    /// # Errors
    ///
    /// Where one cannot be read; it is told without its password.
    pub fn new(
        broker: &str,
        backend: &str,
        queue: &str,
        ca: Option<String>,
    ) -> Result<Self, SettingsError> {
        let brokers = broker.split(';').map(str::trim).filter(|u| !u.is_empty());
        let brokers = brokers.map(broker_uri).collect::<Result<Vec<_>, _>>()?;
        if brokers.is_empty() {
            return Err(SettingsError::Broker("is empty".to_owned()));
        }
        let (results, results_place) = results(backend, ca.as_deref())?;
        let queue = match queue.trim() {
            "" => "celery".to_owned(),
            queue if queue.len() > 255 => {
                let message = format!("the queue's name has {} bytes, at most 255", queue.len());
                return Err(SettingsError::Value(message));
            }
            queue => queue.to_owned(),
        };
        let names = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        Ok(Self {
            brokers,
            results,
            results_place,
            queue,
            inference_tasks: names(["mlp.inference", "mlprod.worker.tasks.inference.inference"]),
            training_tasks: names(["mlp.training", "mlprod.worker.tasks.train.training"]),
            prefetch: 1024,
            resend_after: Duration::from_secs(10),
            result_expires: Duration::from_secs(86_400),
            task_expires: Duration::from_secs(600),
            ca,
        })
    }

    /// The names of the task that ranks: the first is published, all are taken. Default
    /// `mlp.inference` and `mlprod.worker.tasks.inference.inference`.
    ///
    /// # Errors
    ///
    /// Without a name.
    pub fn inference_tasks(mut self, names: Vec<String>) -> Result<Self, SettingsError> {
        self.inference_tasks = checked(names)?;
        Ok(self)
    }

    /// The names of the task that trains. Default `mlp.training` and
    /// `mlprod.worker.tasks.train.training`.
    ///
    /// # Errors
    ///
    /// Without a name.
    pub fn training_tasks(mut self, names: Vec<String>) -> Result<Self, SettingsError> {
        self.training_tasks = checked(names)?;
        Ok(self)
    }

    /// How many messages a worker holds that are not acknowledged, at least 1; those that wait for
    /// their time come on top. Default 1024.
    pub fn prefetch(mut self, messages: u16) -> Self {
        self.prefetch = messages.max(1);
        self
    }

    /// After how long a task without a result is published again, where no message waits and nobody
    /// listens; six times that where another program may have it, which listens, or has said that it
    /// works on it. To be above the time that the slowest task takes. Default 10 s.
    pub fn resend_after(mut self, after: Duration) -> Self {
        self.resend_after = after.max(Duration::from_millis(100));
        self
    }

    /// How long results stay in Redis. Default a day.
    pub fn result_expires(mut self, after: Duration) -> Self {
        self.result_expires = after.max(Duration::from_secs(1));
        self
    }

    /// After how long a published inference is not begun any more: that of
    /// [`StoreOptions::abandon_after`](crate::StoreOptions::abandon_after). Default 10 minutes.
    pub fn task_expires(mut self, after: Duration) -> Self {
        self.task_expires = after;
        self
    }

    /// Where the broker is, without its password; of several, the first.
    pub fn broker_place(&self) -> String {
        self.brokers.first().map(place).unwrap_or_default()
    }

    /// Where results are, without the password.
    pub fn results_place(&self) -> &str {
        &self.results_place
    }

    /// The queue's name.
    pub fn queue(&self) -> &str {
        &self.queue
    }
}

impl fmt::Debug for CelerySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CelerySettings")
            .field("broker", &self.broker_place())
            .field("results", &self.results_place)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

fn checked(names: Vec<String>) -> Result<Vec<String>, SettingsError> {
    let names: Vec<String> = names.into_iter().filter(|name| !name.is_empty()).collect();
    match names.is_empty() {
        true => Err(SettingsError::Value("a task needs a name".to_owned())),
        false => Ok(names),
    }
}

pub(super) fn place(uri: &AMQPUri) -> String {
    let scheme = &uri.scheme;
    let (host, port, vhost) = (&uri.authority.host, uri.authority.port, &uri.vhost);
    match vhost.as_str() {
        "/" => format!("{scheme}://{host}:{port}"),
        vhost => format!("{scheme}://{host}:{port}/{vhost}"),
    }
}

fn broker_uri(url: &str) -> Result<AMQPUri, SettingsError> {
    let wrong = |message: String| SettingsError::Broker(message);
    let known = ["pyamqp://", "amqp://", "amqps://"];
    let Some(prefix) = known.iter().find(|prefix| url.starts_with(**prefix)) else {
        let given = scheme(url);
        return Err(wrong(format!(
            "begins with `{given}`: `amqp://`, `pyamqp://` and `amqps://` are known"
        )));
    };
    let rest = &url[prefix.len()..];
    let scheme = if *prefix == "amqps://" {
        "amqps"
    } else {
        "amqp"
    };
    // The vhost is read below: the crate and Celery differ about it.
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut uri: AMQPUri = format!("{scheme}://{authority}").parse().map_err(|_| {
        wrong("cannot be read: `amqp://USER:PASSWORD@HOST:PORT/VHOST` is".to_owned())
    })?;
    let path = path.split('?').next().unwrap_or_default();
    uri.vhost = match path {
        "" | "/" => "/".to_owned(),
        path => {
            let path = percent_decode_str(path).decode_utf8();
            let path = path.map_err(|_| wrong("has a vhost that is no UTF-8".to_owned()))?;
            path.into_owned()
        }
    };
    uri.query.connection_timeout = Some(5_000);
    // Both sides have to say something within a heartbeat, else a dead link would look idle.
    uri.query.heartbeat = Some(10);
    Ok(uri)
}

pub(super) fn is_encrypted(uri: &AMQPUri) -> bool {
    uri.scheme == AMQPScheme::AMQPS
}

fn scheme(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, _)) if scheme.len() < 20 => format!("{scheme}://"),
        _ => "no scheme".to_owned(),
    }
}

fn results(backend: &str, ca: Option<&str>) -> Result<(Client, String), SettingsError> {
    let wrong = |message: String| SettingsError::Backend(message);
    let encrypted = backend.starts_with("rediss://");
    if !encrypted && !backend.starts_with("redis://") {
        let given = scheme(backend);
        return Err(wrong(format!(
            "begins with `{given}`: `redis://` and `rediss://` are known"
        )));
    }
    // Python's client has its own parameters; that of unverified certificates is not followed.
    let (url, query) = backend.split_once('?').unwrap_or((backend, ""));
    let lax = ["none", "CERT_NONE"];
    let unverified = |part: &str| {
        (part.strip_prefix("ssl_cert_reqs=")).is_some_and(|value| lax.contains(&value))
    };
    if query.split('&').any(unverified) || url.contains('#') {
        return Err(wrong(
            "asks for a certificate that nobody verifies: name its authority instead".to_owned(),
        ));
    }
    let reason = |error: redis::RedisError| {
        let message = error
            .detail()
            .unwrap_or("`redis://:PASSWORD@HOST:PORT/DB` can");
        wrong(format!("cannot be read: {message}"))
    };
    let info = url.into_connection_info().map_err(reason)?;
    let place = match info.redis_settings().db() {
        0 => info.addr().to_string(),
        db => format!("{}/{db}", info.addr()),
    };
    let client = match encrypted {
        false => Client::open(info).map_err(reason)?,
        true => {
            let certificates = TlsCertificates {
                client_tls: None,
                root_cert: ca.map(|pem| pem.as_bytes().to_vec()),
            };
            Client::build_with_tls(info, certificates).map_err(reason)?
        }
    };
    let scheme = if encrypted { "rediss" } else { "redis" };
    Ok((client, format!("{scheme}://{place}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(broker: &str, backend: &str) -> Result<CelerySettings, SettingsError> {
        CelerySettings::new(broker, backend, "", None)
    }

    #[test]
    fn urls_are_read_as_celery_reads_them() {
        for (url, place, vhost) in [
            ("pyamqp://rabbitmq:5672", "amqp://rabbitmq:5672", "/"),
            ("amqp://me:secret@localhost//", "amqp://localhost:5672", "/"),
            ("amqp://localhost/", "amqp://localhost:5672", "/"),
            ("amqps://h/work", "amqps://h:5671/work", "work"),
            ("amqp://h:1/a%2Fb", "amqp://h:1/a/b", "a/b"),
        ] {
            let settings = settings(url, "redis://h").unwrap();
            assert_eq!(settings.broker_place(), place, "{url}");
            assert_eq!(settings.brokers[0].vhost, vhost, "{url}");
        }
        let two = settings("amqp://a;pyamqp://b:1", "redis://:secret@h:6380/2").unwrap();
        assert_eq!(two.brokers.len(), 2);
        assert_eq!(two.queue(), "celery");
        assert_eq!(two.results_place(), "redis://h:6380/2");
        let user = &settings("amqp://me:p%40ss@h", "redis://h").unwrap().brokers[0];
        assert_eq!(user.authority.userinfo.password, "p@ss");
    }

    #[test]
    fn a_wrong_url_is_told_without_its_password() {
        for (broker, backend, said) in [
            ("", "redis://h", "the broker's URL is empty"),
            (
                "sqs://u:secret@h",
                "redis://h",
                "the broker's URL begins with `sqs://`",
            ),
            (
                "secret",
                "redis://h",
                "the broker's URL begins with `no scheme`",
            ),
            (
                "amqp://u:secret@h:99999",
                "redis://h",
                "the broker's URL cannot be read",
            ),
            (
                "amqp://h",
                "db+postgresql://u:secret@h",
                "begins with `db+postgresql://`",
            ),
            (
                "amqp://h",
                "rediss://:secret@h?ssl_cert_reqs=none",
                "nobody verifies",
            ),
        ] {
            let error = settings(broker, backend).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
            assert!(
                !error.replace("`no scheme`", "").contains("secret"),
                "{error}"
            );
        }
    }
}
