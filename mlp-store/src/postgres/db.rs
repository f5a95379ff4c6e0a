//! Connections: a few, each with its prepared statements, lent out for one operation at a time.
//!
//! # Statements and poolers
//!
//! A connection of our own keeps its statements prepared. Behind a pooler in transaction mode
//! (`pooler=transaction` in the URL) the server's connection is ours only from `BEGIN` to `COMMIT`:
//! there each operation is one transaction, which prepares what it runs and drops it before it
//! ends, and settings are local to it.
//!
//! # When the server is away
//!
//! The first operation that finds a connection broken drops all idle ones. One that can be repeated
//! without another effect, and whose connection had been idle, is tried once more on a new one. While
//! connecting fails, callers are told so at once; the next attempt waits, longer each time and with
//! jitter, so that many processes do not come back in step.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use postgres::types::ToSql;
use postgres::{Client, Row, Statement};

use super::config::PostgresConfig;
use super::error::{Failure, Result};
use crate::error::StoreError;
use crate::signals::Signals;

/// How long an operation waits for a connection that others use.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often an operation begins anew because another process was in its way.
const ROUNDS: u32 = 20;

/// Waits between attempts to connect.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// Whoever waits for us waits so much longer than the server did: short, since one attempt to connect
/// in this time is nothing to a server that comes back.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// Bounds for statements, locks, and transactions whose client says nothing; and plans: our tables
/// grow from nothing to millions between two looks of the statistics, and every statement here has
/// an index that fits, so that a plan without one is always a mistake. Without `jit=off` the cost
/// that forbids those plans would set off the compiler. Other processes never help: on a large table
/// the planner takes a condition for a third of it, and starting them takes 10 ms.
const SETTINGS: [&str; 10] = [
    "statement_timeout = '30s'",
    "lock_timeout = '10s'",
    "idle_in_transaction_session_timeout = '15s'",
    "synchronous_commit = on",
    "jit = off",
    "enable_seqscan = off",
    "enable_hashjoin = off",
    "enable_mergejoin = off",
    "max_parallel_workers_per_gather = 0",
    "plan_cache_mode = force_generic_plan",
];

pub(super) struct Db {
    config: PostgresConfig,
    place: String,
    most: usize,
    shared: Mutex<Shared>,
    back: Condvar,
    pub signals: Signals,
}

#[derive(Default)]
struct Shared {
    idle: Vec<Connection>,
    lent: usize,
    closed: bool,
    /// Failed attempts to connect since the last that succeeded.
    failures: u32,
    /// When to try again, and why the last attempt failed.
    again: Option<(Instant, String)>,
}

/// A connection and what is prepared on it.
struct Connection {
    client: Client,
    statements: HashMap<Box<str>, Statement>,
}

/// What an operation may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// One statement, which has the same effect when it is run again.
    Single,
    /// Several statements, one transaction, which can be run again.
    Transaction,
    /// One transaction that must not run twice, as far as we can tell.
    Once,
    /// One transaction that only reads, on one state of the database.
    Snapshot,
}

impl Db {
    pub fn new(config: PostgresConfig, most: usize) -> Self {
        Self {
            place: config.place().to_string(),
            config,
            most: most.max(1),
            shared: Mutex::default(),
            back: Condvar::new(),
            signals: Signals::new(),
        }
    }

    /// Where it is, for messages.
    pub fn place(&self) -> &str {
        &self.place
    }

    pub fn pooled(&self) -> bool {
        self.config.pooled()
    }

    /// A connection of its own, for who listens.
    pub fn connect_alone(&self) -> std::result::Result<Client, StoreError> {
        self.config
            .connect()
            .map_err(|error| Failure::from(error).at(&self.place, "connect"))
    }

    /// Runs `work`, again where another process was in its way. `context` says what it is.
    pub fn run<T>(
        &self,
        context: &'static str,
        mode: Mode,
        mut work: impl FnMut(&mut Session<'_>) -> Result<T>,
    ) -> std::result::Result<T, StoreError> {
        let mut round = 0;
        let mut renewed = false;
        loop {
            let (mut connection, fresh) = self.take()?;
            let mut began = false;
            let outcome = self.attempt(&mut connection, mode, &mut |session| {
                began = true;
                work(session)
            });
            let broken = connection.client.is_closed();
            self.give_back((!broken).then_some(connection));
            let failure = match outcome {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            if broken {
                self.drop_idle();
            }
            let repeatable = mode != Mode::Once || !began;
            if broken && !fresh && !renewed && repeatable {
                renewed = true;
                continue;
            }
            round += 1;
            if failure.is_conflict() && !broken && round < ROUNDS {
                // Whoever was first is done, or nearly.
                std::thread::sleep(jitter(Duration::from_micros(200) * round));
                continue;
            }
            return Err(failure.at(&self.place, context));
        }
    }

    fn attempt<T>(
        &self,
        connection: &mut Connection,
        mode: Mode,
        work: &mut impl FnMut(&mut Session<'_>) -> Result<T>,
    ) -> Result<T> {
        let pooled = self.config.pooled();
        let begin = match mode {
            Mode::Single if !pooled => None,
            Mode::Snapshot => Some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
            _ => Some("BEGIN"),
        };
        if let Some(begin) = begin {
            match pooled {
                true => connection.client.batch_execute(&format!(
                    "{begin}; SET LOCAL {}",
                    SETTINGS.join("; SET LOCAL ")
                ))?,
                false => connection.client.batch_execute(begin)?,
            }
        }
        let mut session = Session {
            connection,
            keep: !pooled,
        };
        let outcome = work(&mut session);
        if begin.is_none() {
            return outcome;
        }
        // What was prepared for this transaction must go before the connection does.
        if pooled {
            connection.statements.clear();
        }
        match outcome {
            Ok(value) => {
                connection.client.batch_execute("COMMIT")?;
                Ok(value)
            }
            Err(failure) => {
                if !connection.client.is_closed() {
                    connection.client.batch_execute("ROLLBACK")?;
                }
                Err(failure)
            }
        }
    }

    /// An idle connection, or a new one; whether it is new.
    fn take(&self) -> std::result::Result<(Connection, bool), StoreError> {
        let deadline = Instant::now() + PATIENCE;
        let mut shared = self.shared();
        loop {
            if let Some(connection) = shared.idle.pop() {
                shared.lent += 1;
                return Ok((connection, false));
            }
            if shared.lent < self.most {
                shared.lent += 1;
                break;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(StoreError::Unavailable {
                    reason: format!("all {} connections to `{}` are busy", self.most, self.place),
                });
            }
            let waited = self.back.wait_timeout(shared, left);
            shared = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if let Some((again, reason)) = &shared.again
            && Instant::now() < *again
        {
            let reason = reason.clone();
            shared.lent -= 1;
            drop(shared);
            self.back.notify_one();
            return Err(StoreError::Unavailable { reason });
        }
        drop(shared);
        match self.open() {
            Ok(connection) => {
                let mut shared = self.shared();
                shared.failures = 0;
                shared.again = None;
                Ok((connection, true))
            }
            Err(failure) => {
                let error = failure.at(&self.place, "connect");
                let mut shared = self.shared();
                shared.lent -= 1;
                shared.failures = shared.failures.saturating_add(1);
                let doubled = FIRST_WAIT.saturating_mul(1 << (shared.failures - 1).min(10));
                let wait = jitter(doubled.min(LONGEST_WAIT));
                let reason = match &error {
                    StoreError::Unavailable { reason } => reason.clone(),
                    other => other.to_string(),
                };
                shared.again = Some((Instant::now() + wait, reason));
                drop(shared);
                self.back.notify_one();
                Err(error)
            }
        }
    }

    fn open(&self) -> Result<Connection> {
        let mut client = self.config.connect()?;
        if !self.config.pooled() {
            client.batch_execute(&format!("SET {}", SETTINGS.join("; SET ")))?;
        }
        Ok(Connection {
            client,
            statements: HashMap::new(),
        })
    }

    fn give_back(&self, connection: Option<Connection>) {
        let mut shared = self.shared();
        shared.lent -= 1;
        let closed = shared.closed;
        let mut ended = connection;
        if !closed {
            shared.idle.extend(ended.take());
        }
        drop(shared);
        self.back.notify_one();
        drop(ended);
    }

    /// Ends idle connections, and any that come back.
    pub fn close(&self) {
        self.shared().closed = true;
        self.drop_idle();
    }

    fn drop_idle(&self) {
        let idle = std::mem::take(&mut self.shared().idle);
        // Not under the lock: closing talks to the server.
        drop(idle);
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection during one operation.
pub(super) struct Session<'a> {
    connection: &'a mut Connection,
    /// Whether statements stay prepared afterwards.
    keep: bool,
}

/// Parameters of a statement.
pub(super) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Session<'_> {
    fn statement(&mut self, sql: &str) -> Result<Statement> {
        if let Some(statement) = self.connection.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.connection.client.prepare(sql)?;
        let kept = statement.clone();
        self.connection.statements.insert(sql.into(), kept);
        Ok(statement)
    }

    pub fn query(&mut self, sql: &str, values: Values<'_>) -> Result<Vec<Row>> {
        let statement = self.statement(sql)?;
        Ok(self.connection.client.query(&statement, values)?)
    }

    pub fn query_opt(&mut self, sql: &str, values: Values<'_>) -> Result<Option<Row>> {
        let statement = self.statement(sql)?;
        Ok(self.connection.client.query_opt(&statement, values)?)
    }

    pub fn query_one(&mut self, sql: &str, values: Values<'_>) -> Result<Row> {
        let statement = self.statement(sql)?;
        Ok(self.connection.client.query_one(&statement, values)?)
    }

    pub fn execute(&mut self, sql: &str, values: Values<'_>) -> Result<u64> {
        let statement = self.statement(sql)?;
        Ok(self.connection.client.execute(&statement, values)?)
    }

    /// Statements without parameters, not kept.
    pub fn batch(&mut self, sql: &str) -> Result<()> {
        Ok(self.connection.client.batch_execute(sql)?)
    }

    /// Begins a transaction within [`Mode::Single`], where one turns out to need it.
    pub fn begin(&mut self) -> Result<()> {
        if self.keep {
            self.batch("BEGIN")
        } else {
            Ok(())
        }
    }

    /// Ends what [`Self::begin`] began.
    pub fn end<T>(&mut self, outcome: Result<T>) -> Result<T> {
        if !self.keep {
            return outcome;
        }
        match outcome {
            Ok(value) => {
                self.batch("COMMIT")?;
                Ok(value)
            }
            Err(failure) => {
                if !self.connection.client.is_closed() {
                    self.batch("ROLLBACK")?;
                }
                Err(failure)
            }
        }
    }
}

/// Half to all of a duration.
pub(super) fn jitter(full: Duration) -> Duration {
    // The low bits of a random UUID: jitter needs no better randomness.
    let random = uuid::Uuid::now_v7().as_bytes()[15];
    full.mul_f64(0.5 + 0.5 * f64::from(random) / 255.0)
}
