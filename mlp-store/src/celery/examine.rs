//! A look at broker and results that changes nothing, for who wants to know what is wrong.

use std::net::IpAddr;
use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::tcp::OwnedTLSConfig;
use lapin::types::FieldTable;
use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties, ErrorKind};
use redis::{ConnectionAddr, RedisError};

use super::settings::{CelerySettings, is_encrypted, place};

/// How long a look at all brokers may take.
const LIMIT: Duration = Duration::from_secs(4);

/// How long connecting to Redis may take, and then each answer.
const LIMITS_OF_RESULTS: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(1)];

/// AMQP's codes of a connection or channel that the broker closes.
const ACCESS_REFUSED: u16 = 403;
const NOT_FOUND: u16 = 404;
const NOT_ALLOWED: u16 = 530;

/// What is in the way of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// No address has that name.
    Name,
    /// Nothing listens there.
    Refused,
    /// Nobody answers in time.
    Silent,
    /// The two cannot agree on TLS.
    Tls,
    /// The user or the password is not the server's, or the server wants one.
    Login,
    /// There is no such virtual host.
    Vhost,
    /// The user may not use the virtual host.
    Rights,
    /// What answers there is another kind of server.
    Stranger,
    /// Something else.
    Other,
}

/// Why a server was not reached.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct Unreached {
    /// The server, without its password.
    pub place: String,
    /// What is in the way.
    pub obstacle: Obstacle,
    /// What was said about it.
    pub reason: String,
}

/// A queue that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    /// Messages that wait; those that a worker holds are not among them.
    pub messages: u32,
    /// Workers that take from it.
    pub consumers: u32,
}

/// A broker that was reached.
#[derive(Debug, Clone)]
pub struct Broker {
    /// Where it is, without the password.
    pub place: String,
    /// The queue; `None` where nobody has made it yet; or what the broker said instead.
    pub queue: Result<Option<Queue>, String>,
}

/// A Redis that was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Results {
    /// The server's version.
    pub version: String,
    /// Whether it is a replica that takes no writes.
    pub read_only: bool,
    /// The policy by which it gives up results before their time, where its memory has a limit.
    pub evicts: Option<String>,
}

/// How a server is reached, as far as the URLs say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The server, without its password.
    pub place: String,
    /// Whether it is on this machine.
    pub is_local: bool,
    /// Whether TLS hides what is said.
    pub is_encrypted: bool,
    /// Whether the user is RabbitMQ's `guest`.
    pub is_guest: bool,
}

/// How every broker and the results are reached. Asks nobody.
pub fn ways(settings: &CelerySettings) -> Vec<Way> {
    let brokers = settings.brokers.iter().map(|uri| Way {
        place: place(uri),
        is_local: is_local(&uri.authority.host),
        is_encrypted: is_encrypted(uri),
        is_guest: uri.authority.userinfo.username == "guest",
    });
    let (is_local, is_encrypted) = match settings.results.get_connection_info().addr() {
        ConnectionAddr::Tcp(host, _) => (is_local(host), false),
        ConnectionAddr::TcpTls { host, .. } => (is_local(host), true),
        _ => (true, false),
    };
    let results = Way {
        place: settings.results_place().to_owned(),
        is_local,
        is_encrypted,
        is_guest: false,
    };
    brokers.chain([results]).collect()
}

fn is_local(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// Connects to every broker at once and asks it for the queue, which is not made. Takes 4 s at most.
pub fn examine_broker(settings: &CelerySettings) -> Vec<Result<Broker, Unreached>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let reason = error.to_string();
            return vec![Err(unreached(
                settings.broker_place(),
                Obstacle::Other,
                reason,
            ))];
        }
    };
    let found = runtime.block_on(async {
        let looks: Vec<_> = (settings.brokers.iter())
            .map(|uri| tokio::spawn(look(uri.clone(), settings.clone())))
            .collect();
        let mut found = Vec::new();
        for (look, uri) in looks.into_iter().zip(&settings.brokers) {
            found.push(look.await.unwrap_or_else(|error| {
                Err(unreached(place(uri), Obstacle::Other, error.to_string()))
            }));
        }
        found
    });
    // A name that is still being looked up would hold a runtime that is dropped.
    runtime.shutdown_background();
    found
}

async fn look(uri: AMQPUri, settings: CelerySettings) -> Result<Broker, Unreached> {
    let (place, encrypted) = (place(&uri), is_encrypted(&uri));
    match tokio::time::timeout(LIMIT, ask(uri, &settings)).await {
        Ok(Ok(queue)) => Ok(Broker { place, queue }),
        Ok(Err(error)) => {
            let (obstacle, reason) = of_broker(&error, encrypted);
            Err(unreached(place, obstacle, reason))
        }
        Err(_) => {
            let reason = format!("no answer within {} s", LIMIT.as_secs());
            Err(unreached(place, Obstacle::Silent, reason))
        }
    }
}

async fn ask(
    uri: AMQPUri,
    settings: &CelerySettings,
) -> lapin::Result<Result<Option<Queue>, String>> {
    let connection = connect(uri, settings).await?;
    let channel = connection.create_channel().await?;
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let name = settings.queue.as_str().into();
    let declared = channel.queue_declare(name, options, FieldTable::default());
    let queue = match declared.await {
        Ok(queue) => Ok(Some(Queue {
            messages: queue.message_count(),
            consumers: queue.consumer_count(),
        })),
        Err(error) => match error.kind() {
            ErrorKind::ProtocolError(said) if said.get_id() == NOT_FOUND => Ok(None),
            ErrorKind::ProtocolError(said) => Err(said.get_message().to_string()),
            _ => return Err(error),
        },
    };
    // It was only to be polite: what was asked for is here.
    let _ = connection.close(200, "".into()).await;
    Ok(queue)
}

async fn connect(uri: AMQPUri, settings: &CelerySettings) -> lapin::Result<Connection> {
    let properties = ConnectionProperties::default()
        .with_connection_name("mlp doctor".into())
        .with_client_property("product".into(), "mlp".into());
    match (&settings.ca, is_encrypted(&uri)) {
        (Some(ca), true) => {
            let tls = OwnedTLSConfig {
                identity: None,
                cert_chain: Some(ca.clone()),
            };
            let runtime = lapin::runtime::default_runtime()?;
            Connection::connect_uri_with_config(uri, properties, tls, runtime).await
        }
        _ => Connection::connect_uri(uri, properties).await,
    }
}

fn of_broker(error: &lapin::Error, encrypted: bool) -> (Obstacle, String) {
    match error.kind() {
        ErrorKind::ProtocolError(said) => {
            let reason = said.get_message().to_string();
            let obstacle = match said.get_id() {
                ACCESS_REFUSED => Obstacle::Login,
                NOT_ALLOWED if reason.contains("not found") => Obstacle::Vhost,
                NOT_ALLOWED => Obstacle::Rights,
                _ => Obstacle::Other,
            };
            (obstacle, reason)
        }
        ErrorKind::IOError(error) => (of_io(error, encrypted), error.to_string()),
        _ => (Obstacle::Other, error.to_string()),
    }
}

fn of_io(error: &std::io::Error, encrypted: bool) -> Obstacle {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => Obstacle::Refused,
        std::io::ErrorKind::TimedOut => Obstacle::Silent,
        // No kind of its own tells of names.
        _ if is_of_names(&error.to_string()) => Obstacle::Name,
        _ if encrypted => Obstacle::Tls,
        _ => Obstacle::Other,
    }
}

fn is_of_names(message: &str) -> bool {
    message.contains("lookup address")
}

/// Connects to Redis and asks it about itself. Takes 4 s at most, where its name is found at once.
///
/// # Errors
///
/// Where it cannot be reached, or does not let this user in.
pub fn examine_results(settings: &CelerySettings) -> Result<Results, Unreached> {
    let encrypted = settings.results_place().starts_with("rediss:");
    let told = ask_redis(settings).map_err(|error| {
        let obstacle = of_redis(&error, encrypted);
        let reason = match obstacle {
            Obstacle::Silent => format!("no answer within {} s", LIMITS_OF_RESULTS[0].as_secs()),
            Obstacle::Stranger => "no Redis answers there".to_owned(),
            // What is no Redis may be answered with lines of what was read.
            _ => error
                .to_string()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
        };
        unreached(settings.results_place().to_owned(), obstacle, reason)
    })?;
    Ok(read(&told))
}

fn ask_redis(settings: &CelerySettings) -> redis::RedisResult<String> {
    let [connecting, answering] = LIMITS_OF_RESULTS;
    let mut connection = settings.results.get_connection_with_timeout(connecting)?;
    connection.set_read_timeout(Some(answering))?;
    connection.set_write_timeout(Some(answering))?;
    redis::cmd("INFO").query(&mut connection)
}

fn of_redis(error: &RedisError, encrypted: bool) -> Obstacle {
    let wants_password = matches!(error.code(), Some("NOAUTH" | "WRONGPASS"));
    match () {
        () if wants_password || error.kind() == redis::ErrorKind::AuthenticationFailed => {
            Obstacle::Login
        }
        () if error.code() == Some("NOPERM") => Obstacle::Rights,
        () if error.is_connection_refusal() => Obstacle::Refused,
        () if error.is_timeout() => Obstacle::Silent,
        () if is_of_names(&error.to_string()) => Obstacle::Name,
        () if encrypted && error.is_io_error() => Obstacle::Tls,
        () if error.kind() == redis::ErrorKind::Parse || error.is_io_error() => Obstacle::Stranger,
        () => Obstacle::Other,
    }
}

/// From what `INFO` says: lines of `name:value`.
fn read(told: &str) -> Results {
    let value = |name: &str| {
        let pairs = told.lines().filter_map(|line| line.split_once(':'));
        let mut values = pairs.filter(|(found, _)| *found == name);
        values.next().map_or("", |(_, value)| value.trim())
    };
    let policy = value("maxmemory_policy");
    let limited = !matches!(value("maxmemory"), "" | "0");
    let evicts = limited && !matches!(policy, "" | "noeviction");
    Results {
        version: value("redis_version").to_owned(),
        read_only: value("role") == "slave" && value("slave_read_only") != "0",
        evicts: evicts.then(|| policy.to_owned()),
    }
}

fn unreached(place: String, obstacle: Obstacle, reason: String) -> Unreached {
    Unreached {
        place,
        obstacle,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_redis_tells_is_read() {
        for (told, read_only, evicts) in [
            (
                "role:master\r\nmaxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n",
                false,
                None,
            ),
            (
                "role:master\r\nmaxmemory:9\r\nmaxmemory_policy:noeviction\r\n",
                false,
                None,
            ),
            (
                "maxmemory:9\r\nmaxmemory_policy:volatile-lru\r\n",
                false,
                Some("volatile-lru"),
            ),
            ("role:slave\r\nslave_read_only:1\r\n", true, None),
            ("role:slave\r\nslave_read_only:0\r\n", false, None),
        ] {
            let found = read(&format!("# Server\r\nredis_version:7.0.1\r\n{told}"));
            assert_eq!(found.version, "7.0.1");
            assert_eq!(
                (found.read_only, found.evicts.as_deref()),
                (read_only, evicts)
            );
        }
    }

    #[test]
    fn ways_are_read_off_the_urls() {
        let urls = "amqp://h;amqps://me:p@127.0.0.1;amqp://u:p@localhost//";
        let settings = CelerySettings::new(urls, "redis://r:1/2", "", None).unwrap();
        let found: Vec<_> = (ways(&settings).into_iter())
            .map(|way| (way.is_local, way.is_encrypted, way.is_guest))
            .collect();
        let expected = [
            (false, false, true),
            (true, true, false),
            (true, false, false),
            (false, false, false),
        ];
        assert_eq!(found, expected);
    }
}
