//! The server and its settings.

use std::path::PathBuf;

use crate::postgres::db::{Db, Mode, Session};
use crate::postgres::error::Result;

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerFacts {
    /// Its version, as `15.14`.
    pub version: String,
    /// Whether a commit reaches the disk before it is acknowledged: `fsync`.
    pub fsync: bool,
    /// Whether a page torn by a loss of power can be mended: `full_page_writes`.
    pub full_page_writes: bool,
    /// What `synchronous_commit` is for who does not set it.
    pub synchronous_commit: String,
    /// In what the database keeps its texts.
    pub encoding: String,
    /// Whether it is a replica, or takes no writes for another reason.
    pub read_only: bool,
    /// Connections of clients to the whole server, those of this look included.
    pub connections: i64,
    /// How many the server takes from those who are not its superusers.
    pub max_connections: i64,
    /// How many the user or the database may have, where that is limited.
    pub limit: Option<i64>,
    /// The transaction that was begun first, as far as the user may see others'.
    pub oldest: Option<OldTransaction>,
    /// The version of TLS, where the connection has it.
    pub tls: Option<String>,
    /// Where the server keeps its data, where the user may know it.
    pub data_directory: Option<PathBuf>,
}

/// A transaction under way.
#[derive(Debug, Clone, PartialEq)]
pub struct OldTransaction {
    /// Its age, in seconds.
    pub age_s: f64,
    /// Whose: the process of the server and what its client calls itself.
    pub whose: String,
}

pub(super) fn facts(db: &Db) -> crate::traits::Result<ServerFacts> {
    db.run("look at the server", Mode::Snapshot, |session| {
        session.batch("SET LOCAL statement_timeout = '3s'")?;
        let tls = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl";
        let tls = match session.query_opt(tls, &[])? {
            Some(row) => row.try_get(0)?,
            None => None,
        };
        let oldest = oldest(session)?;
        settings(session, oldest, tls)
    })
}

/// `reset_val` is what a session has that sets nothing: ours set some.
fn settings(
    session: &mut Session<'_>,
    oldest: Option<OldTransaction>,
    tls: Option<String>,
) -> Result<ServerFacts> {
    let select = "SELECT current_setting('server_version'),
        current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on',
        (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'),
        current_setting('server_encoding'),
        pg_is_in_recovery()
            OR (SELECT reset_val FROM pg_settings WHERE name = 'default_transaction_read_only') = 'on',
        (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
        current_setting('max_connections')::bigint
            - current_setting('superuser_reserved_connections')::bigint
            - coalesce(current_setting('reserved_connections', true)::bigint, 0),
        least((SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()),
            (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user))::bigint,
        (SELECT setting FROM pg_settings WHERE name = 'data_directory')";
    let row = session.query_one(select, &[])?;
    let directory: Option<String> = row.try_get(9)?;
    Ok(ServerFacts {
        version: row.try_get(0)?,
        fsync: row.try_get(1)?,
        full_page_writes: row.try_get(2)?,
        synchronous_commit: row.try_get(3)?,
        encoding: row.try_get(4)?,
        read_only: row.try_get(5)?,
        connections: row.try_get(6)?,
        max_connections: row.try_get(7)?,
        limit: row.try_get(8)?,
        oldest,
        tls,
        data_directory: directory.map(PathBuf::from),
    })
}

fn oldest(session: &mut Session<'_>) -> Result<Option<OldTransaction>> {
    let select = "SELECT extract(epoch FROM clock_timestamp() - begun)::double precision, whose
        FROM (SELECT xact_start AS begun,
                'process ' || pid || ' (' || coalesce(nullif(application_name, ''), 'unnamed') || ')'
                    AS whose
            FROM pg_stat_activity
            WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid()
                AND backend_type = 'client backend'
            UNION ALL
            SELECT prepared, 'prepared transaction ' || gid FROM pg_prepared_xacts) AS under_way
        ORDER BY begun LIMIT 1";
    let Some(row) = session.query_opt(select, &[])? else {
        return Ok(None);
    };
    Ok(Some(OldTransaction {
        age_s: row.try_get(0)?,
        whose: row.try_get(1)?,
    }))
}
