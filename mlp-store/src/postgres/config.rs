//! Where the database is and how to reach it.

use std::error::Error as _;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use postgres::config::{Host, SslMode, SslNegotiation};
use postgres::{Client, Config};

use super::dial::Dialer;
use super::tls::{Tls, TlsMode};
use super::url;
use crate::error::StoreError;
use crate::traits::Result;

/// How to reach a database. It never prints its password.
///
/// ```
/// use mlp_store::postgres::PostgresConfig;
///
/// # fn main() -> Result<(), mlp_store::StoreError> {
/// let config = PostgresConfig::parse("postgres://mlp:secret@db.example/books?sslmode=require")?;
/// assert_eq!(config.place(), "postgres://mlp@db.example:5432/books");
/// assert_eq!(config.database(), "books");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresConfig {
    config: Config,
    tls: Tls,
    dialer: Dialer,
    database: String,
    place: String,
    pooled: bool,
}

impl PostgresConfig {
    /// From `postgres://USER:PASSWORD@HOST:PORT/DATABASE?NAME=VALUE&…`, or `postgresql://`.
    ///
    /// In names and passwords `%`, `@`, `/`, `?` and `:` are percent-encoded. Without a database
    /// it is the one that is called as the user. The parameters are those of
    /// [`postgres::Config`], and:
    ///
    /// - `sslmode`: `disable`; `prefer`, the default: TLS where the server has it, its certificate
    ///   not verified; `require`: TLS, verified like `verify-ca` where there is an `sslrootcert`;
    ///   `verify-ca`: the certificate is signed by one of `sslrootcert`; `verify-full`: and it is
    ///   for this host. A Unix socket needs no TLS and has none.
    /// - `sslrootcert`: a file of PEM certificates, read at once. `verify-full` takes the system's
    ///   where there is none, or where it is `system`.
    /// - `pooler`: `transaction` where the connection goes through a pooler that hands out servers
    ///   for a transaction at a time; `none` otherwise, the default.
    ///
    /// Unless the URL says otherwise, `connect_timeout` is 5 s, `keepalives_idle` 15 s,
    /// `keepalives_interval` 5 s, `keepalives_retries` 3, `tcp_user_timeout` 15 s, and
    /// `application_name` is `mlp`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Invalid`], which says what is wrong and leaves out the password.
    pub fn parse(url: &str) -> Result<Self> {
        let parts = url::split(url).map_err(|fault| invalid_url(&fault))?;
        let (mut mode, mut roots, mut pooler) = (None, None, None);
        let mut handed_on = parts.head.to_owned();
        let mut said = Vec::new();
        for parameter in &parts.query {
            match parameter.name.as_ref() {
                "sslmode" => mode = Some(parameter.value.as_ref()),
                "sslrootcert" => roots = Some(parameter.value.as_ref()),
                "pooler" => pooler = Some(parameter.value.as_ref()),
                name => {
                    handed_on.push(if said.is_empty() { '?' } else { '&' });
                    handed_on.push_str(parameter.written);
                    said.push(name);
                }
            }
        }
        let mut config: Config = handed_on.parse().map_err(|error| driver_fault(&error))?;
        set_defaults(&mut config, |name| !said.contains(&name));
        let mode = TlsMode::parse(mode).map_err(|fault| invalid_url(&fault))?;
        let pooled = match pooler {
            None | Some("none") => false,
            Some("transaction") => true,
            Some(other) => {
                let fault = format!("`pooler` is `{other}`, must be `transaction` or `none`");
                return Err(invalid_url(&fault));
            }
        };
        Self::new(config, mode, roots, pooled).map_err(|fault| invalid_url(&fault))
    }

    /// From parts that are as they are, with nothing encoded; `host` is a name, an address, either
    /// with `:PORT`, or the directory of a Unix socket. The rest is as [`parse`](Self::parse)
    /// has it by default.
    ///
    /// # Errors
    ///
    /// [`StoreError::Invalid`] where a part is missing or cannot be.
    pub fn from_parts(
        host: &str,
        database: &str,
        user: &str,
        password: Option<&str>,
    ) -> Result<Self> {
        let parts = [
            ("host", host),
            ("name (the schema)", database),
            ("user", user),
        ];
        if let Some((what, _)) = parts.iter().find(|(_, part)| part.is_empty()) {
            return Err(StoreError::Invalid(format!(
                "the database's {what} is empty"
            )));
        }
        let (host, port) = url::host_and_port(host).map_err(StoreError::Invalid)?;
        let mut config = Config::new();
        config.host(host).port(port).user(user).dbname(database);
        if let Some(password) = password {
            config.password(password);
        }
        set_defaults(&mut config, |_| true);
        Self::new(config, TlsMode::Prefer, None, false).map_err(StoreError::Invalid)
    }

    fn new(
        mut config: Config,
        mode: TlsMode,
        roots: Option<&str>,
        pooled: bool,
    ) -> std::result::Result<Self, String> {
        let database = (config.get_dbname().or(config.get_user()))
            .ok_or("it names no database: write `postgres://USER@HOST/DATABASE`")?
            .to_owned();
        if config.get_user() == Some("") {
            return Err("its user is empty: write `postgres://USER@HOST/DATABASE`".to_owned());
        }
        if database.contains('\0') || config.get_user().is_some_and(|user| user.contains('\0')) {
            return Err("the user or the database has a zero byte in its name".to_owned());
        }
        config.dbname(&database);
        check_hosts(&mut config)?;
        let direct = config.get_ssl_negotiation() == SslNegotiation::Direct;
        let tls = Tls::new(mode, roots, direct)?;
        // A server has no TLS on its socket, and the driver would refuse `require` there.
        let only_sockets = config.get_hosts().iter().all(is_socket);
        config.ssl_mode(match mode {
            _ if only_sockets => SslMode::Disable,
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
        });
        Ok(Self {
            place: url::place(&config, &database),
            config,
            tls,
            dialer: Dialer::default(),
            database,
            pooled,
        })
    }

    /// The same with this password.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.config.password(password);
        self
    }

    /// Whether it has a password of its own.
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// The database's name.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The same server, another database.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.config.dbname(name);
        other.place = url::place(&other.config, name);
        other.database = name.to_owned();
        other
    }

    /// `postgres://user@host:5432/database`, for messages: without secrets.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether a pooler stands between that may give each transaction another server process, so
    /// that nothing outlives a transaction: no prepared statement, no `LISTEN`, no session lock.
    pub fn pooled(&self) -> bool {
        self.pooled
    }

    /// Whether every host is this machine: a Unix socket, a loopback address or `localhost`.
    pub fn is_local(&self) -> bool {
        let here = |host: &Host| match host {
            Host::Tcp(name) => {
                name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
            }
            _ => true,
        };
        self.config.get_hosts().iter().all(here)
            && (self.config.get_hostaddrs().iter()).all(IpAddr::is_loopback)
    }

    /// Whether the server's certificate is verified.
    pub fn verifies_server(&self) -> bool {
        self.tls.verifies()
    }

    /// The same, through a pooler that shares servers.
    pub(super) fn as_pooled(&self) -> Self {
        let mut other = self.clone();
        other.pooled = true;
        other
    }

    /// Connects, with TLS as `sslmode` says, within twice the `connect_timeout` for each host. The
    /// client panics where it is used on a thread that runs a tokio runtime.
    pub(crate) fn connect(&self) -> std::result::Result<Client, postgres::Error> {
        self.dialer.connect(&self.config, self.tls.connector())
    }

    #[cfg(test)]
    pub(super) fn config_for_tests(&self) -> &Config {
        &self.config
    }
}

impl fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfig")
            .field("place", &self.place)
            .field("tls", &self.tls)
            .field("pooled", &self.pooled)
            .finish_non_exhaustive()
    }
}

fn invalid_url(fault: &str) -> StoreError {
    StoreError::Invalid(format!("the database's URL cannot be used: {fault}"))
}

/// The driver's own message names the parameter, never its value.
fn driver_fault(error: &postgres::Error) -> StoreError {
    match error.source() {
        Some(cause) => invalid_url(&cause.to_string()),
        None => invalid_url(&error.to_string()),
    }
}

fn set_defaults(config: &mut Config, unsaid: impl Fn(&str) -> bool) {
    if unsaid("connect_timeout") {
        config.connect_timeout(Duration::from_secs(5));
    }
    if unsaid("tcp_user_timeout") {
        config.tcp_user_timeout(Duration::from_secs(15));
    }
    if unsaid("keepalives_idle") {
        config.keepalives_idle(Duration::from_secs(15));
    }
    if unsaid("keepalives_interval") {
        config.keepalives_interval(Duration::from_secs(5));
    }
    if unsaid("keepalives_retries") {
        config.keepalives_retries(3);
    }
    if unsaid("application_name") {
        config.application_name("mlp");
    }
}

/// The driver finds these only when it connects.
fn check_hosts(config: &mut Config) -> std::result::Result<(), String> {
    let addresses = config.get_hostaddrs().to_vec();
    if config.get_hosts().is_empty() {
        // For TLS the driver wants a host, though an address be enough to connect.
        for address in &addresses {
            config.host(&address.to_string());
        }
    }
    let (hosts, ports) = (config.get_hosts().len(), config.get_ports().len());
    match () {
        () if hosts == 0 => Err("it names no host: write `postgres://USER@HOST/DATABASE`".into()),
        () if !addresses.is_empty() && addresses.len() != hosts => Err(format!(
            "it has {} `hostaddr` for {hosts} hosts: give one for each",
            addresses.len()
        )),
        () if ports > 1 && ports != hosts => Err(format!(
            "it has {ports} ports for {hosts} hosts: give one for all, or one for each"
        )),
        () => Ok(()),
    }
}

fn is_socket(host: &Host) -> bool {
    !matches!(host, Host::Tcp(_))
}
