//! What the checks look at: the settings as they were said, and what is found of them once.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use clap::Args;
use mlp_core::Schema;
use mlp_store::{Store, TablesState};

use super::http::Answers;
use super::{Told, http};
use crate::mlp::celery::Celery;
use crate::mlp::context::Context;
use crate::mlp::settings::{Common, Database};
use crate::traffic::Target;

/// What `mlp up`, `serve` and `worker` would be told, unread: so that all of it can be wrong at
/// once.
#[derive(Args, Clone, Debug, Default)]
pub struct Said {
    /// As for `mlp up`, `serve` and `worker`
    #[arg(long, env = "MLP_BIND", value_name = "ADDRESS")]
    pub bind: Option<String>,

    /// As for `mlp serve`
    #[arg(long, env = "MLP_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<String>,

    /// As for `mlp serve`
    #[arg(long, env = "MLP_PUBLIC_ROUTES", value_name = "PATHS")]
    pub public_routes: Option<String>,

    /// As for `mlp serve` and `worker`
    #[arg(long, env = "MLP_DRAIN_S", value_name = "SECONDS")]
    pub drain: Option<String>,

    /// As for `mlp worker`
    #[arg(long, env = "MLP_SETTLE_S", value_name = "SECONDS")]
    pub settle: Option<String>,

    /// As for `mlp worker`
    #[arg(long, env = "MLP_EXPLORATION", value_name = "SHARE")]
    pub exploration: Option<String>,

    /// As for `mlp worker`
    #[arg(long, env = "MLP_LEASE_S", value_name = "SECONDS")]
    pub lease: Option<String>,

    /// As for `mlp up` and `worker`
    #[arg(long, env = "MLP_RETRAIN_EVERY_S", value_name = "SECONDS")]
    pub retrain_every: Option<String>,

    /// As for `mlp up` and `worker`
    #[arg(long, env = "MLP_RETRAIN_ANSWERS", value_name = "N")]
    pub retrain_answers: Option<String>,

    /// As for `mlp up` and `worker`, `true` or `false`
    #[arg(long, env = "MLP_RETRAIN_ON_LOSS", value_name = "BOOL")]
    pub retrain_on_loss: Option<String>,

    /// As for `mlp up` and `worker`
    #[arg(long, env = "MLP_RETRAIN_COOLDOWN_S", value_name = "SECONDS")]
    pub retrain_cooldown: Option<String>,

    /// As for `mlp up` and `worker`
    #[arg(
        long,
        env = "MLP_WEBHOOK_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub webhook: Option<String>,

    /// Whether tasks travel, and how.
    #[command(flatten)]
    pub celery: Celery,
}

/// A database as a thorough look found it.
#[derive(Debug)]
pub enum Examined {
    /// An SQLite file; `None` where there is none.
    Sqlite(Result<Option<mlp_store::sqlite::Examination>, mlp_store::StoreError>),
    /// A PostgreSQL database.
    Postgres(Box<Result<mlp_store::postgres::Examination, mlp_store::postgres::Unreached>>),
}

/// What the checks look at. What takes time is looked at by the first check that wants it.
pub struct Subject {
    pub common: Common,
    pub said: Said,
    pub url: Option<Target>,
    pub log: Option<String>,
    pub dotenv: Result<(), String>,
    schema: OnceLock<Result<Arc<Schema>, String>>,
    database: OnceLock<Result<Database, String>>,
    examined: OnceLock<Option<Examined>>,
    store: OnceLock<Result<Arc<dyn Store>, String>>,
    server: OnceLock<Option<(Target, Result<Answers, String>)>>,
    #[cfg(feature = "celery")]
    brokers: OnceLock<Vec<BrokerFound>>,
}

/// A broker, or why it was not reached.
#[cfg(feature = "celery")]
type BrokerFound = Result<mlp_store::celery::Broker, mlp_store::celery::Unreached>;

impl Subject {
    /// Looks at nothing yet.
    pub fn new(told: &Told<'_>, said: Said, url: Option<Target>) -> Self {
        Self {
            common: told.common.clone(),
            said,
            url,
            log: told.log.map(str::to_owned),
            dotenv: told.dotenv.clone(),
            schema: OnceLock::new(),
            database: OnceLock::new(),
            examined: OnceLock::new(),
            store: OnceLock::new(),
            server: OnceLock::new(),
            #[cfg(feature = "celery")]
            brokers: OnceLock::new(),
        }
    }

    /// The domain, or what is wrong with its file.
    pub fn schema(&self) -> Result<&Arc<Schema>, &String> {
        let read = || self.common.schema().map_err(|error| error.to_string());
        self.schema.get_or_init(read).as_ref()
    }

    /// Where the data is, or what is wrong with what names it.
    pub fn database(&self) -> Result<&Database, &String> {
        let read = || self.common.database().map_err(|error| error.to_string());
        self.database.get_or_init(read).as_ref()
    }

    /// The SQLite file, where the data is in one.
    pub fn sqlite_file(&self) -> Option<&Path> {
        match self.database() {
            Ok(Database::Sqlite(path)) => Some(path),
            _ => None,
        }
    }

    /// The database, looked at; `None` where nothing usable names it.
    pub fn examined(&self) -> Option<&Examined> {
        let look = || {
            let schema = self.schema().ok().map(AsRef::as_ref);
            Some(match self.database().ok()? {
                Database::Sqlite(path) => {
                    let limit = super::database::READING;
                    Examined::Sqlite(mlp_store::sqlite::examine(path, schema, limit))
                }
                Database::Postgres(config) => {
                    Examined::Postgres(Box::new(mlp_store::postgres::examine(config, schema)))
                }
            })
        };
        self.examined.get_or_init(look).as_ref()
    }

    /// The PostgreSQL, where the data is in one that was reached.
    pub fn postgres(&self) -> Option<&mlp_store::postgres::Examination> {
        match self.examined()? {
            Examined::Postgres(found) => found.as_ref().as_ref().ok(),
            Examined::Sqlite(_) => None,
        }
    }

    /// How far its tables are, where they can be used.
    pub fn tables(&self) -> Option<&TablesState> {
        match self.examined()? {
            Examined::Sqlite(found) => found.as_ref().ok()?.as_ref()?.tables.as_ref().ok(),
            Examined::Postgres(found) => found.as_ref().as_ref().ok()?.tables.as_ref().ok(),
        }
    }

    /// The store, open. To be called only where nothing would be made or changed by that.
    pub fn store(&self) -> Result<&Arc<dyn Store>, &String> {
        let open = || {
            let context = Context {
                common: self.common.clone(),
                schema: Arc::clone(self.schema().map_err(Clone::clone)?),
                database: self.database().map_err(Clone::clone)?.clone(),
            };
            context.open(false).map_err(|error| error.to_string())
        };
        self.store.get_or_init(open).as_ref()
    }

    /// Where the API would listen; `None` where that cannot be read.
    pub fn bind(&self) -> Option<SocketAddr> {
        let text = self.said.bind.as_deref();
        text.unwrap_or(super::configuration::BIND).parse().ok()
    }

    /// The file with the token, where one is named.
    pub fn token_file(&self) -> Option<PathBuf> {
        self.said.token_file.as_ref().map(PathBuf::from)
    }

    /// The server that is to be looked at and what it answers; `None` where none is named.
    pub fn server(&self) -> Option<&(Target, Result<Answers, String>)> {
        let ask = || {
            let target = match &self.url {
                Some(url) => url.clone(),
                None => http::at(self.bind()?)?,
            };
            let answers = http::ask(&target);
            Some((target, answers))
        };
        self.server.get_or_init(ask).as_ref()
    }

    /// The brokers, looked at; none where tasks do not travel.
    #[cfg(feature = "celery")]
    pub fn brokers(&self) -> &[BrokerFound] {
        let look = || match self.said.celery.settings() {
            Ok(Some(settings)) => mlp_store::celery::examine_broker(&settings),
            _ => Vec::new(),
        };
        self.brokers.get_or_init(look)
    }

    /// How many workers listen to the queue of the first broker that answers; 0 where tasks do not
    /// travel.
    #[cfg(feature = "celery")]
    pub fn listeners(&self) -> u32 {
        let broker = self.brokers().iter().find_map(|found| found.as_ref().ok());
        let queue = broker.and_then(|broker| broker.queue.as_ref().ok().copied().flatten());
        queue.map_or(0, |queue| queue.consumers)
    }

    /// None: tasks do not travel.
    #[cfg(not(feature = "celery"))]
    pub fn listeners(&self) -> u32 {
        0
    }

    #[cfg(test)]
    pub fn for_tests() -> Self {
        let common = Common {
            database: None,
            data_dir: PathBuf::from("nowhere"),
            schema: None,
        };
        let told = Told {
            common: &common,
            log: None,
            dotenv: Ok(()),
        };
        Self::new(&told, Said::default(), None)
    }
}
