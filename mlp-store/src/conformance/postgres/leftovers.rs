//! Databases of tests that were killed.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use postgres::Client;
use uuid::Uuid;

/// A process of another container has a number that means nothing here, so that one which is not
/// to be seen may well be alive: for this long.
const AGE: Duration = Duration::from_secs(3600);

/// Removes what no process can use any more, as far as that works.
pub(super) fn remove(client: &mut Client) {
    let query = "SELECT datname FROM pg_database WHERE datname LIKE 'mlp\\_test\\_%'";
    let Ok(rows) = client.query(query, &[]) else {
        return;
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    for name in rows
        .iter()
        .filter_map(|row| row.try_get::<_, String>(0).ok())
    {
        if is_leftover(&name, now, is_alive) {
            // Another process may be removing it too.
            let _ = client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

/// Whether a database of that name was made for a test that is gone. What follows no such pattern
/// is not ours to remove.
pub(super) fn is_leftover(name: &str, now: Duration, is_alive: impl Fn(u32) -> bool) -> bool {
    let parse = || {
        let mut parts = name.strip_prefix("mlp_test_")?.split('_');
        let pid: u32 = parts.next()?.parse().ok()?;
        let _: u32 = parts.next()?.parse().ok()?;
        let made = Uuid::try_parse(parts.next()?)
            .ok()?
            .get_timestamp()?
            .to_unix()
            .0;
        parts
            .next()
            .is_none()
            .then_some((pid, Duration::from_secs(made)))
    };
    parse().is_some_and(|(pid, made)| now.saturating_sub(made) > AGE && !is_alive(pid))
}

fn is_alive(pid: u32) -> bool {
    !Path::new("/proc/self").exists() || Path::new("/proc").join(pid.to_string()).exists()
}
