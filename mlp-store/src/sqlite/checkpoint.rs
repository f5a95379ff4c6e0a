//! Moving the write-ahead log into the database, beside the writers.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::db::{Db, connect};
use super::error::Result;
use crate::error::StoreError;

/// The length of the log at which it is moved, in pages of 4 KiB: 8 MiB.
const LONG: u64 = 2048;

/// How many pages the pass that writers wait for may have left to move: 1 MiB.
const FEW: i64 = 256;

/// The rest between two checkpoints: while a reader holds the log up, every commit asks for one.
const PAUSE: Duration = Duration::from_millis(20);

/// Passes beside the writers before the one that they wait for.
const PASSES: usize = 4;

impl Db {
    /// Wakes the checkpointing thread when the log is long.
    pub(super) fn ask_for_checkpoint(&self) {
        if self.wal_frames.load(Ordering::Relaxed) < LONG {
            return;
        }
        let state = self.checkpoint.state.lock();
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        if !state.wanted {
            state.wanted = true;
            self.checkpoint.changed.notify_all();
        }
    }
}

/// The thread that checkpoints, until dropped.
pub(super) struct Checkpointer {
    db: Arc<Db>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub fn start(db: Arc<Db>) -> std::result::Result<Self, StoreError> {
        let shared = Arc::clone(&db);
        let thread = std::thread::Builder::new()
            .name("mlp-checkpoint".to_owned())
            .spawn(move || run(&shared))
            .map_err(|error| StoreError::Unavailable {
                reason: format!("no thread for checkpoints: {error}"),
            })?;
        let thread = Some(thread);
        Ok(Self { db, thread })
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        let signal = &self.db.checkpoint;
        let state = signal.state.lock();
        state.unwrap_or_else(PoisonError::into_inner).stopped = true;
        signal.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic there was printed, and the log is whole with or without it.
            let _ = thread.join();
        }
    }
}

fn run(db: &Db) {
    let mut connection = None;
    loop {
        let state = db.checkpoint.state.lock();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        let waited = (db.checkpoint.changed).wait_while(state, |s| !s.wanted && !s.stopped);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.stopped {
            return;
        }
        state.wanted = false;
        drop(state);
        if let Err(error) = checkpoint(db, &mut connection) {
            let error = error.at(db.place(), "checkpoint");
            tracing::warn!(%error, "the log could not be moved into the database");
            connection = None;
        }
        let state = db.checkpoint.state.lock();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        let paused = (db.checkpoint.changed).wait_timeout_while(state, PAUSE, |s| !s.stopped);
        drop(paused);
    }
}

/// Moves the log in passes that writers do not wait for, each of which leaves what was written
/// meanwhile, then in a short one that they do wait for. With nothing left in the log the next
/// writer starts it over; without that pass it would grow as long as there is traffic.
fn checkpoint(db: &Db, connection: &mut Option<Connection>) -> Result<()> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(open(db.path())?),
    };
    for _ in 0..PASSES {
        if pass(connection)? <= FEW {
            break;
        }
    }
    let left = db.between_writes(|| pass(connection))?;
    if left > 0 {
        // A reader looks at an older state: the next checkpoint goes on from there.
        tracing::debug!(left, "pages stay in the log for a reader");
    } else {
        db.wal_frames.store(0, Ordering::Relaxed);
    }
    Ok(())
}

fn open(path: &Path) -> Result<Connection> {
    let connection = connect(path, OpenFlags::empty())?;
    connection.pragma_update(None, "cache_size", -64)?;
    Ok(connection)
}

/// One pass; gives the pages that are left in the log.
fn pass(connection: &Connection) -> Result<i64> {
    let mut statement = connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?;
    let (log, moved) =
        statement.query_row([], |row| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))?;
    Ok((log - moved).max(0))
}
