//! The thread that writes results to Redis, in batches.

use std::time::Duration;

use super::link::{Counters, Link};
use super::records::Record;
use super::redis_link::Results;

/// Records written at a time.
const BATCH: usize = 256;

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Writes what comes, until the link stops and nothing is left.
pub(super) fn run(link: &Link, mut results: Results, expires: Duration) {
    loop {
        let batch = link.records.take(BATCH, Duration::from_millis(100));
        match batch.is_empty() {
            false => write(link, &mut results, &batch, expires),
            true if link.is_stopping() => return,
            true => results.keep_in_touch(),
        }
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
    link.ack(batch.iter().filter_map(|record| record.ack).collect());
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
