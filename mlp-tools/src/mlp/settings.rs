//! What the flags, the environment and `.env` say, checked and put together.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use mlp_core::Schema;
use mlp_http::Secret;
use mlp_store::postgres::PostgresConfig;

use super::error::{Error, Result};

/// Flags that every command takes; each has an environment variable.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Where the data is: `sqlite:PATH` or `postgres://USER@HOST/DATABASE`. Default: the URL in the
    /// file that DATABASE_URL_FILE names; else what DATABASE_HOST, DATABASE_SCHEMA, DATABASE_USER
    /// and DATABASE_PASS say; else `mlp.db` in the data directory. A URL without a password takes
    /// that of DATABASE_PASS_FILE or DATABASE_PASS
    #[arg(
        long,
        env = "DATABASE_URL",
        global = true,
        hide_env_values = true,
        value_name = "URL"
    )]
    pub database: Option<String>,

    /// The data directory
    #[arg(
        long,
        env = "MLP_DATA_DIR",
        global = true,
        default_value = ".mlp",
        value_name = "DIR"
    )]
    pub data_dir: PathBuf,

    /// The domain's schema. Default: `config/travel.toml` where it exists, else the one built in
    #[arg(long, env = "MLP_SCHEMA", global = true, value_name = "FILE")]
    pub schema: Option<PathBuf>,
}

/// Flags of the commands that serve.
#[derive(Args, Clone, Debug)]
pub struct Serving {
    /// The address to listen on
    #[arg(
        long,
        env = "MLP_BIND",
        default_value = "127.0.0.1:4789",
        value_parser = address,
        value_name = "HOST:PORT"
    )]
    pub bind: SocketAddr,

    /// A file with the token that protects content, training and models
    #[arg(long, env = "MLP_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// Path prefixes that need no token, separated by commas. Default: /metrics; the inference
    /// routes, the description and the health checks never need one
    #[arg(
        long,
        env = "MLP_PUBLIC_ROUTES",
        value_delimiter = ',',
        value_name = "PATHS"
    )]
    pub public_routes: Option<Vec<String>>,

    /// Seconds that requests and tasks under way get to finish when the server stops
    #[arg(
        long,
        env = "MLP_DRAIN_S",
        default_value_t = 10.0,
        value_name = "SECONDS"
    )]
    pub drain: f64,
}

/// An address to listen on, from what was typed.
fn address(text: &str) -> std::result::Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let example = match text.parse::<u16>() {
            Ok(port) => format!("127.0.0.1:{port}"),
            Err(_) => "127.0.0.1:4789".to_owned(),
        };
        format!("must be HOST:PORT with an IP address, as {example}")
    })
}

/// The environment variable that holds the token itself; it is no flag, since other users of the
/// machine can read a process's arguments.
pub const TOKEN_VARIABLE: &str = "MLP_TOKEN";

/// Where the data is.
#[derive(Clone, Debug)]
pub enum Database {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    Postgres(Box<PostgresConfig>),
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(config) => f.write_str(config.place()),
        }
    }
}

impl Database {
    /// From `sqlite:PATH` or `postgres://…`; a driver in the scheme, as SQLAlchemy writes it, is
    /// passed over.
    pub fn parse(url: &str) -> Result<Self> {
        let url = &*without_driver(url);
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let config = PostgresConfig::parse(url).map_err(Error::usage_from)?;
            let config = match config.has_password() {
                true => config,
                false => with_password(config)?,
            };
            return Ok(Self::Postgres(Box::new(config)));
        }
        match url.strip_prefix("sqlite:") {
            Some("" | "//") => Err(Error::usage(
                "`sqlite:` needs a path, as in `sqlite:data/mlp.db`",
            )),
            // `sqlite:///var/x` and `sqlite:/var/x` name the same file.
            Some(path) => Ok(Self::Sqlite(PathBuf::from(
                path.strip_prefix("//").unwrap_or(path),
            ))),
            None => Err(unknown(url)),
        }
    }

    /// From the file that DATABASE_URL_FILE names, where it is set.
    fn from_file() -> Result<Option<Self>> {
        let Some(text) = file_of("DATABASE_URL_FILE")? else {
            return Ok(None);
        };
        let named = |error| Error::usage(format!("in the file of DATABASE_URL_FILE: {error}"));
        Self::parse(text.trim()).map(Some).map_err(named)
    }

    /// From the variables that name the parts of a PostgreSQL URL; without a host, the embedded one.
    fn from_parts(data_dir: &Path) -> Result<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let Some(host) = variable("DATABASE_HOST") else {
            return Ok(Self::Sqlite(data_dir.join("mlp.db")));
        };
        let needed = |name: &str| {
            variable(name).ok_or_else(|| {
                Error::usage(format!("DATABASE_HOST is `{host}`, but {name} is not set"))
            })
        };
        let (database, user) = (needed("DATABASE_SCHEMA")?, needed("DATABASE_USER")?);
        let config = PostgresConfig::from_parts(&host, &database, &user, password()?.as_deref());
        Ok(Self::Postgres(Box::new(config.map_err(Error::usage_from)?)))
    }
}

/// `postgresql+psycopg2://…` without what names a library of Python.
pub fn without_driver(url: &str) -> Cow<'_, str> {
    let split = url.split_once("://").and_then(|(scheme, rest)| {
        let (name, driver) = scheme.split_once('+')?;
        let plain = driver
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_');
        (matches!(name, "postgres" | "postgresql") && plain && !driver.is_empty()).then_some(rest)
    });
    match split {
        Some(rest) => Cow::Owned(format!("postgresql://{rest}")),
        None => Cow::Borrowed(url),
    }
}

/// Says no more of it than a scheme: it may be a password that was put in the wrong place.
fn unknown(url: &str) -> Error {
    let given = match url.split_once("://") {
        Some((scheme, _))
            if scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c)) =>
        {
            format!("database `{scheme}:…` is not known")
        }
        _ => "the database's URL has no scheme".to_owned(),
    };
    Error::usage(format!("{given}: `sqlite:PATH` and `postgres://…` are"))
}

fn with_password(config: PostgresConfig) -> Result<PostgresConfig> {
    Ok(match password()? {
        Some(password) => config.password(&password),
        None => config,
    })
}

/// The database's password: from the file that DATABASE_PASS_FILE names, else DATABASE_PASS.
fn password() -> Result<Option<String>> {
    if let Some(text) = file_of("DATABASE_PASS_FILE")? {
        return Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()));
    }
    let password = std::env::var("DATABASE_PASS").ok();
    Ok(password.filter(|password| !password.is_empty()))
}

/// What stands in the file that a variable names; `None` where it is not set.
pub fn file_of(variable: &str) -> Result<Option<String>> {
    match std::env::var_os(variable).filter(|path| !path.is_empty()) {
        Some(path) => {
            let path = Path::new(&path);
            let text = std::fs::read_to_string(path).map_err(|error| {
                Error::run(format!(
                    "cannot read `{}`, which {variable} names: {error}",
                    path.display()
                ))
            })?;
            Ok(Some(text))
        }
        None => Ok(None),
    }
}

impl Common {
    /// Where the data is.
    pub fn database(&self) -> Result<Database> {
        match self.database.as_deref().filter(|url| !url.is_empty()) {
            Some(url) => Database::parse(url),
            None => match Database::from_file()? {
                Some(database) => Ok(database),
                None => Database::from_parts(&self.data_dir),
            },
        }
    }

    /// The domain.
    pub fn schema(&self) -> Result<Arc<Schema>> {
        let shipped = Path::new("config/travel.toml");
        let path = match &self.schema {
            Some(path) => Some(path.as_path()),
            None if shipped.exists() => Some(shipped),
            None => None,
        };
        let (name, text) = match path {
            None => ("travel.toml".to_owned(), TRAVEL.to_owned()),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(Error::file("read", path))?;
                (path.display().to_string(), text)
            }
        };
        Ok(Arc::new(Schema::parse(&name, &text)?))
    }
}

/// `config/travel.toml`, for a program that was installed without it.
pub const TRAVEL: &str = include_str!("../../../config/travel.toml");

impl Serving {
    /// The token, from the file or the environment; without the line's end.
    pub fn token(&self) -> Result<Option<String>> {
        let Some(text) = token_text(self.token_file.as_deref())? else {
            return Ok(None);
        };
        // Checked here, so that a wrong one stops every command alike.
        Secret::new(&text).map_err(Error::usage_from)?;
        Ok(Some(text.trim().to_owned()))
    }

    /// Refuses an address that others reach where there is no token. To be called first: a process
    /// that may not serve is to make and to reach nothing.
    pub fn check_exposure(&self) -> Result<()> {
        let has_token = self.token()?.is_some();
        mlp_http::check_exposure(has_token, self.bind).map_err(Error::usage_from)
    }

    /// How long a stop may take.
    pub fn drain(&self) -> Result<Duration> {
        drain(self.drain)
    }
}

/// The token in the file, else the environment's, as it stands; `None` where there is none.
pub fn token_text(file: Option<&Path>) -> Result<Option<String>> {
    match file {
        Some(path) => std::fs::read_to_string(path)
            .map(Some)
            .map_err(Error::file("read", path)),
        None => Ok(std::env::var(TOKEN_VARIABLE)
            .ok()
            .filter(|text| !text.is_empty())),
    }
}

/// How long a stop may take, from seconds.
pub fn drain(seconds: f64) -> Result<Duration> {
    in_range("drain", seconds, 0.0, 3600.0)
}

/// A worker's lease, from seconds. A heartbeat comes three times in it, and a batch has to be
/// ranked and kept in it.
pub fn lease(seconds: f64) -> Result<Duration> {
    in_range("lease", seconds, 0.5, 3600.0)
}

/// How long a choice may change, from seconds.
pub fn settle(seconds: f64) -> Result<Duration> {
    match seconds {
        _ if (0.0..=86_400.0 * 30.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(Error::usage(format!(
            "settle is `{seconds}` seconds, must be from 0 to 30 days"
        ))),
    }
}

/// A time about retraining, from seconds.
pub fn retraining(name: &str, seconds: f64) -> Result<Duration> {
    in_range(name, seconds, 1.0, 86_400.0 * 366.0)
}

/// A time about watching, from seconds: the demo looks often.
pub fn watching(name: &str, seconds: f64) -> Result<Duration> {
    in_range(name, seconds, 0.1, 86_400.0 * 366.0)
}

/// The share of sessions that are shown random items.
pub fn exploration(share: f64) -> Result<f64> {
    match share {
        _ if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err(Error::usage(format!(
            "exploration is `{share}`, must be from 0 to 1"
        ))),
    }
}

/// The same, from what was typed.
pub fn exploration_of(text: &str) -> Result<f64> {
    let share = text.trim().parse();
    share
        .map_err(|_| {
            Error::usage(format!(
                "exploration is `{text}`, must be a number from 0 to 1"
            ))
        })
        .and_then(exploration)
}

fn in_range(name: &str, seconds: f64, least: f64, most: f64) -> Result<Duration> {
    match seconds {
        _ if (least..=most).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(Error::usage(format!(
            "{name} is `{seconds}` seconds, must be from {least} to {most}"
        ))),
    }
}
