//! Connections: one that writes, behind a mutex, and a few that read.
//!
//! # Who waits for what
//!
//! SQLite lets one connection write at a time, and makes others sleep and try again. Inside this
//! process writers therefore queue on a mutex; SQLite's sleeps are left for other processes.
//! Readers see the last commit and wait for nobody.
//!
//! # What is durable when
//!
//! With [`Durability::Synced`] a commit returns when the log is on the disk. A
//! [`Durability::Ordered`] commit, for claims and heartbeats, is written to the log and not
//! waited for. That loses nothing that matters:
//! - When the process dies, whatever way, the operating system has the log already.
//! - When the power fails, the end of the log may be lost, from any unsynced commit on, but never
//!   its middle: recovery stops at the first frame whose checksum, which covers all before it,
//!   does not fit; and a later synced commit syncs everything before it. So a claim can be lost
//!   only with nothing durable after it, and then the task waits again as it did.
//! - A token that was lost so may be given out again. Whoever held it ran on this very machine,
//!   since SQLite's file is local, and went down with it: no two holders of one token exist.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::error::{Failure, Result};
use crate::error::StoreError;
use crate::signals::Signals;

/// How long a writer waits for one in another process.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// Connections that read at a time; more readers wait.
const READERS: usize = 4;

/// Page caches, in KiB: 8 MiB for the writer and 2 MiB for each reader.
const WRITER_CACHE: i64 = 8 * 1024;
const READER_CACHE: i64 = 2 * 1024;

/// Statements kept prepared, per connection.
const STATEMENTS: usize = 96;

/// What a commit waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// The disk.
    Synced,
    /// Nothing; it is lost or kept together with all that follows.
    Ordered,
}

pub(super) struct Db {
    path: PathBuf,
    place: String,
    writer: Mutex<Writer>,
    readers: Mutex<Readers>,
    reader_back: Condvar,
    pub signals: Signals,
    /// The frames that the log had after the last commit.
    pub wal_frames: std::sync::Arc<AtomicU64>,
    pub checkpoint: CheckpointSignal,
}

struct Writer {
    connection: Connection,
    durability: Durability,
    /// SQLite's counter of other connections' commits, as last seen.
    data_version: i64,
}

#[derive(Default)]
struct Readers {
    idle: VecDeque<Connection>,
    opened: usize,
}

/// How the checkpointing thread is told of work and of its end.
#[derive(Default)]
pub(super) struct CheckpointSignal {
    pub state: Mutex<CheckpointState>,
    pub changed: Condvar,
}

#[derive(Default)]
pub(super) struct CheckpointState {
    pub wanted: bool,
    pub stopped: bool,
}

impl Db {
    /// Takes the writer's connection, ready for use.
    pub fn new(path: &Path, mut connection: Connection) -> Result<Self> {
        let wal_frames = std::sync::Arc::new(AtomicU64::new(0));
        let frames = std::sync::Arc::clone(&wal_frames);
        connection.pragma_update(None, "cache_size", -WRITER_CACHE)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // The hook takes the place of SQLite's own checkpoints, which a committing writer pays.
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            frames.store(u64::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let data_version = data_version(&connection)?;
        Ok(Self {
            path: path.to_owned(),
            place: path.display().to_string(),
            writer: Mutex::new(Writer {
                connection,
                durability: Durability::Synced,
                data_version,
            }),
            readers: Mutex::new(Readers::default()),
            reader_back: Condvar::new(),
            signals: Signals::new(),
            wal_frames,
            checkpoint: CheckpointSignal::default(),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path, for messages.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Runs `work` in one transaction, which is undone where it fails. `context` says what it is.
    pub fn write<T>(
        &self,
        context: &'static str,
        durability: Durability,
        work: impl FnOnce(&Transaction<'_>) -> Result<T>,
    ) -> std::result::Result<T, StoreError> {
        let outcome = self.write_locked(durability, work);
        self.ask_for_checkpoint();
        outcome.map_err(|failure| failure.at(&self.place, context))
    }

    fn write_locked<T>(
        &self,
        durability: Durability,
        work: impl FnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut writer = self.writer();
        writer.set_durability(durability)?;
        let transaction = writer
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version = data_version(&transaction)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        if version != writer.data_version {
            writer.data_version = version;
            drop(writer);
            self.signals.unknown();
        }
        Ok(value)
    }

    /// Looks whether another process wrote, and tells those who wait if so.
    pub fn look_for_others(&self) {
        let mut writer = self.writer();
        let Ok(version) = data_version(&writer.connection) else {
            return;
        };
        if version != writer.data_version {
            writer.data_version = version;
            drop(writer);
            self.signals.unknown();
        }
    }

    /// Runs `work` on a connection that only reads. Statements see one state of the database each;
    /// [`Self::read_at_once`] gives all of them one state.
    pub fn read<T>(
        &self,
        context: &'static str,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> std::result::Result<T, StoreError> {
        let outcome = self.reader().and_then(|lent| work(lent.connection()));
        outcome.map_err(|failure| failure.at(&self.place, context))
    }

    /// Runs `work` on one state of the database.
    pub fn read_at_once<T>(
        &self,
        context: &'static str,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> std::result::Result<T, StoreError> {
        self.read(context, |connection| {
            let transaction = connection.unchecked_transaction()?;
            work(&transaction)
        })
    }

    /// Runs `work` while nobody else in this process writes.
    pub fn between_writes<T>(&self, work: impl FnOnce() -> T) -> T {
        let _writer = self.writer();
        work()
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // A panic while it was held has undone its transaction.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reader(&self) -> Result<Lent<'_>> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(connection) = readers.idle.pop_back() {
                return Ok(Lent::new(self, connection));
            }
            if readers.opened < READERS {
                readers.opened += 1;
                drop(readers);
                return match open_reader(&self.path) {
                    Ok(connection) => Ok(Lent::new(self, connection)),
                    Err(error) => {
                        self.readers().opened -= 1;
                        self.reader_back.notify_one();
                        Err(error)
                    }
                };
            }
            let waited = self.reader_back.wait(readers);
            readers = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn readers(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    fn set_durability(&mut self, durability: Durability) -> Result<()> {
        if self.durability != durability {
            let level = match durability {
                Durability::Synced => "PRAGMA synchronous = FULL",
                Durability::Ordered => "PRAGMA synchronous = NORMAL",
            };
            self.connection.execute_batch(level)?;
            self.durability = durability;
        }
        Ok(())
    }
}

/// A reader's connection, which goes back when dropped.
struct Lent<'a> {
    db: &'a Db,
    connection: Option<Connection>,
}

impl<'a> Lent<'a> {
    fn new(db: &'a Db, connection: Connection) -> Self {
        let connection = Some(connection);
        Self { db, connection }
    }

    fn connection(&self) -> &Connection {
        match &self.connection {
            Some(connection) => connection,
            None => unreachable!("it is taken by drop alone"),
        }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.db.readers().idle.extend(self.connection.take());
        self.db.reader_back.notify_one();
    }
}

/// Opens a file that exists, to read and write. A path is a path, never a URI.
pub(super) fn connect(path: &Path, extra: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | extra;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // Without it SQLite looks at the value bound to a `LIMIT ?`, and prepares the statement anew
    // each time it runs.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

fn open_reader(path: &Path) -> Result<Connection> {
    let connection = connect(path, OpenFlags::empty())?;
    connection.pragma_update(None, "cache_size", -READER_CACHE)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

fn data_version(connection: &Connection) -> Result<i64> {
    let mut statement = connection.prepare_cached("PRAGMA data_version")?;
    statement
        .query_row([], |row| row.get(0))
        .map_err(Failure::from)
}
