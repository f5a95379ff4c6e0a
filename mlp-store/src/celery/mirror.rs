//! The thread that writes results to Redis, in batches.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use super::link::{Command, Counters, Link, Tag};
use super::redis_link::Results;

/// Records that may wait. A hundred results take 2 kB.
const QUEUE: usize = 8192;

/// Records written at a time.
const BATCH: usize = 256;

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A record to write.
pub(super) struct Record {
    pub key: String,
    pub json: String,
    /// The message that is done with once the record is written.
    pub ack: Option<Tag>,
}

pub(super) fn queue() -> (SyncSender<Record>, Receiver<Record>) {
    sync_channel(QUEUE)
}

/// Writes what comes, until everybody who could send is gone or the link stops.
pub(super) fn run(
    link: &Link,
    mut results: Results,
    records: &Receiver<Record>,
    expires: Duration,
) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        match records.recv_timeout(Duration::from_millis(100)) {
            Ok(record) => batch.push(record),
            Err(RecvTimeoutError::Timeout) if link.is_stopping() => return,
            Err(RecvTimeoutError::Timeout) => {
                results.keep_in_touch();
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
        batch.extend(records.try_iter().take(BATCH - 1));
        write(link, &mut results, &batch, expires);
        batch.clear();
    }
}

/// Writes a batch, and tries again while Redis is away.
fn write(link: &Link, results: &mut Results, batch: &[Record], expires: Duration) {
    let mut wait = FIRST_WAIT;
    let all = pipeline(batch, expires);
    while (results.with(|connection| all.query::<()>(connection))).is_err() {
        if link.is_stopping() {
            // Who sent a message and waits for its result gets it from whoever has the message next.
            Counters::add(&link.counters.unmirrored, batch.len());
            return;
        }
        std::thread::sleep(wait);
        wait = (wait * 2).min(LONGEST_WAIT);
    }
    Counters::add(&link.counters.mirrored, batch.len());
    for tag in batch.iter().filter_map(|record| record.ack) {
        link.command(Command::Ack(tag));
    }
}

/// As Celery's own backend: kept for a while, and told on a channel of the same name.
fn pipeline(batch: &[Record], expires: Duration) -> redis::Pipeline {
    let mut pipeline = redis::pipe();
    for Record { key, json, .. } in batch {
        pipeline
            .cmd("SETEX")
            .arg(key)
            .arg(expires.as_secs().max(1))
            .arg(json)
            .ignore();
        pipeline.cmd("PUBLISH").arg(key).arg(json).ignore();
    }
    pipeline
}
