//! What is seen before anything is prepared or set: whose process answers, its version, its clock.

use std::time::Instant;

use postgres::{Client, SimpleQueryMessage};

use super::obstacle::{Obstacle, Unreached};
use crate::clock::{Clock, SystemClock};
use crate::postgres::config::PostgresConfig;

/// Looks at the clock, of which the quickest counts.
const LOOKS: usize = 5;

/// How far the server's clock is from this machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skew {
    /// The server's time less ours, in microseconds.
    pub ahead_us: i64,
    /// By how much that may be wrong, either way, in microseconds: half a round trip.
    pub uncertain_us: i64,
}

pub(super) struct Probe {
    pub skew: Skew,
    pub shares_servers: bool,
}

/// Connects twice. Two clients of one server have a process each; behind a pooler in transaction
/// mode the second is given the process that the first has just left.
pub(super) fn probe(config: &PostgresConfig) -> Result<Probe, Unreached> {
    let mut first = config.connect()?;
    check_version(&mut first)?;
    let skew = skew(&mut first)?;
    let whose = number(&mut first, "SELECT pg_backend_pid()")?;
    // Where the server has room for one more only, that is said by another check.
    let other = match config.connect() {
        Ok(mut second) => number(&mut second, "SELECT pg_backend_pid()").ok(),
        Err(_) => None,
    };
    Ok(Probe {
        skew,
        shares_servers: other == Some(whose),
    })
}

fn check_version(client: &mut Client) -> Result<(), Unreached> {
    let found = number(client, "SELECT current_setting('server_version_num')")?;
    let (found, oldest) = (found / 10_000, i64::from(super::OLDEST_SERVER));
    if found >= oldest {
        return Ok(());
    }
    Err(Unreached {
        obstacle: Obstacle::TooOld,
        reason: format!(
            "PostgreSQL {found} answers, and {oldest} is the oldest that mlp works with"
        ),
    })
}

fn skew(client: &mut Client) -> Result<Skew, Unreached> {
    let select = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    let mut best: Option<Skew> = None;
    for _ in 0..LOOKS {
        let (began, before) = (Instant::now(), SystemClock.now_us());
        let theirs = number(client, select)?;
        let took_us = i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX);
        let uncertain_us = took_us / 2;
        let look = Skew {
            ahead_us: theirs - (before + uncertain_us),
            uncertain_us,
        };
        if best.is_none_or(|best| look.uncertain_us < best.uncertain_us) {
            best = Some(look);
        }
    }
    best.ok_or_else(|| strange("the clock was not told"))
}

/// The simple protocol: nothing is prepared, so that any pooler lets it pass.
fn number(client: &mut Client, select: &str) -> Result<i64, Unreached> {
    let messages = client.simple_query(select)?;
    let text = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let number = text.and_then(|text| text.parse().ok());
    number.ok_or_else(|| strange("the answer is no number: is it a PostgreSQL?"))
}

fn strange(reason: &str) -> Unreached {
    Unreached {
        obstacle: Obstacle::Other,
        reason: reason.to_owned(),
    }
}
