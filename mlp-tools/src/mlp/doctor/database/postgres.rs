//! What is looked at in a PostgreSQL.

use mlp_store::postgres::{
    CONNECTIONS_OF_A_PROCESS, Examination, Obstacle, PostgresConfig, Unreached,
};

use crate::mlp::doctor::check::Finding;
use crate::mlp::doctor::subject::Subject;
use crate::mlp::settings::Database;

/// The age of a transaction that is mentioned, and of one that does harm, in seconds: vacuum keeps
/// what was deleted since it began.
const OLD_S: f64 = 300.0;

/// What a check sees.
pub struct Seen<'a> {
    config: &'a PostgresConfig,
    found: &'a Examination,
}

/// Runs a check, where the data is in a PostgreSQL that was reached.
pub fn look(subject: &Subject, judge: fn(&Seen<'_>) -> Vec<Finding>) -> Vec<Finding> {
    let (Ok(Database::Postgres(config)), Some(found)) = (subject.database(), subject.postgres())
    else {
        return Vec::new();
    };
    judge(&Seen { config, found })
}

/// Whether it was reached, and what is in the way.
pub fn connection(found: &Result<Examination, Unreached>) -> Vec<Finding> {
    let found = match found {
        Ok(found) => match &found.server {
            Ok(server) => Finding::ok(format!("PostgreSQL {} answers", server.version)),
            Err(error) => Finding::fail(error.to_string(), "look at the server's log"),
        },
        Err(unreached) => Finding::fail(&unreached.reason, way(unreached.obstacle)),
    };
    found.into()
}

fn way(obstacle: Obstacle) -> &'static str {
    match obstacle {
        Obstacle::Name => {
            "no address has that name: look for a typing error in the host, or for a DNS that is away"
        }
        Obstacle::Refused => {
            "nothing listens there: start the server, or mend host and port; `listen_addresses` in its \
             postgresql.conf must name an address that this machine reaches"
        }
        Obstacle::Silent => {
            "something on the way says nothing: look at firewalls and routes, and whether the server hangs"
        }
        Obstacle::Tls => {
            "make `sslmode` and `sslrootcert` in DATABASE_URL fit the server's certificate; `ssl = on` in \
             its postgresql.conf turns TLS on"
        }
        Obstacle::Login => {
            "mend the user, or the password in DATABASE_PASS_FILE; the server's pg_hba.conf must let that \
             user in from this machine"
        }
        Obstacle::Database => "create it with `createdb`, or mend the name in DATABASE_URL",
        Obstacle::Crowded => {
            "raise max_connections, end connections that nobody uses, or put a pooler in front"
        }
        Obstacle::Starting => {
            "wait until the server has started; where it does not, its log says why"
        }
        Obstacle::TooOld => "bring the server to a version that is still maintained",
        _ => "look at the server's log",
    }
}

/// What the user may do with the tables.
pub fn rights(seen: &Seen<'_>) -> Vec<Finding> {
    let rights = match &seen.found.rights {
        Ok(rights) => rights,
        Err(error) => {
            return Finding::fail(error.to_string(), "look at the server's log").into();
        }
    };
    let (user, tables) = (&rights.user, seen.found.tables.as_ref().ok());
    let Some(schema) = &rights.schema else {
        return Finding::fail(
            format!("there is no schema that `{user}` may use"),
            format!("as the owner: GRANT USAGE ON SCHEMA public TO {user}; or set its search_path"),
        )
        .into();
    };
    let are_to_be_made = tables.is_some_and(|tables| !tables.up_to_date);
    let found = match () {
        () if !rights.missing.is_empty() => Finding::fail(
            format!("`{user}` lacks {}", first_of(&rights.missing)),
            GRANT,
        ),
        () if are_to_be_made && !rights.may_create => Finding::fail(
            format!("`{user}` may not make tables in `{schema}`, and some are to be made"),
            "run `mlp db migrate` as a user who may, and then grant what its --help names",
        ),
        () => Finding::ok(format!("`{user}` may do what serving needs")),
    };
    found.into()
}

/// What lets a user in who lacks rights.
pub const GRANT: &str = "as the owner of the tables, grant what `mlp db migrate --help` names";

/// As many as say what kind of thing is missing.
fn first_of(missing: &[String]) -> String {
    let shown = missing.len().min(3);
    let rest = match missing.len() - shown {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    missing[..shown].join(", ") + &rest
}

/// Whether what was answered with 200 survives a loss of power.
pub fn durability(seen: &Seen<'_>) -> Vec<Finding> {
    let Ok(server) = &seen.found.server else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    if !server.fsync {
        findings.push(Finding::fail(
            "fsync is off: after a loss of power the database may be gone, with all that was accepted",
            "set `fsync = on` in postgresql.conf and reload it",
        ));
    }
    if !server.full_page_writes {
        findings.push(Finding::fail(
            "full_page_writes is off: a loss of power can damage pages beyond repair",
            "set `full_page_writes = on` in postgresql.conf, unless the file system never tears a page",
        ));
    }
    if server.synchronous_commit == "off" {
        findings.push(Finding::warn(
            "synchronous_commit is off for whoever does not set it",
            "mlp turns it on for itself, so that it loses nothing; set it on in postgresql.conf for the \
             others",
        ));
    }
    if server.read_only {
        findings.push(Finding::fail(
            "the server takes no writes: it is a replica, or default_transaction_read_only is on",
            "let DATABASE_URL name the primary",
        ));
    }
    match findings.is_empty() {
        true => Finding::ok("a commit is on the disk when it is acknowledged").into(),
        false => findings,
    }
}

/// Whether another process finds connections.
pub fn connections(seen: &Seen<'_>) -> Vec<Finding> {
    let Ok(server) = &seen.found.server else {
        return Vec::new();
    };
    let (used, most) = (server.connections, server.max_connections);
    let free = most - used;
    let needs = CONNECTIONS_OF_A_PROCESS;
    let found = match server.limit {
        Some(limit) if limit < needs => Finding::warn(
            format!("the user or the database is limited to {limit} connections"),
            format!("a process uses {needs} at most: raise the limit to {needs} for each"),
        ),
        _ if free < needs => Finding::warn(
            format!("{used} of {most} connections are in use"),
            format!(
                "a process uses {needs} at most: raise max_connections, or put a pooler in front with \
                 `pooler=transaction`"
            ),
        ),
        _ => Finding::ok(format!(
            "{used} of {most} in use; a process uses {needs} at most"
        )),
    };
    found.into()
}

/// Whether a transaction holds vacuum up.
pub fn transactions(seen: &Seen<'_>) -> Vec<Finding> {
    let Ok(server) = &seen.found.server else {
        return Vec::new();
    };
    let found = match &server.oldest {
        Some(oldest) if oldest.age_s > OLD_S => Finding::warn(
            format!(
                "{} has held a transaction for {:.0} s",
                oldest.whose, oldest.age_s
            ),
            "end it: until then vacuum removes nothing that was deleted since, and tables grow; \
             idle_in_transaction_session_timeout ends such by itself",
        ),
        Some(oldest) => Finding::ok(format!("the oldest is {:.0} s old", oldest.age_s)),
        None => Finding::ok("none is under way"),
    };
    found.into()
}

/// Whether every text can be kept.
pub fn encoding(seen: &Seen<'_>) -> Vec<Finding> {
    let Ok(server) = &seen.found.server else {
        return Vec::new();
    };
    let found = match server.encoding.as_str() {
        "UTF8" => Finding::ok("UTF8"),
        other => Finding::fail(
            format!("the database keeps texts in {other}, which cannot hold every name"),
            "make the database anew with `createdb --encoding UTF8 --template template0`",
        ),
    };
    found.into()
}

/// Whether others on the way can read along, or pretend to be the server.
pub fn tls(seen: &Seen<'_>) -> Vec<Finding> {
    let Ok(server) = &seen.found.server else {
        return Vec::new();
    };
    let found = match (&server.tls, seen.config.verifies_server()) {
        (Some(version), true) => Finding::ok(format!("{version}, the server is verified")),
        (version, _) if seen.config.is_local() => Finding::ok(match version {
            Some(version) => format!("{version}, to this machine"),
            None => "none, to this machine".to_owned(),
        }),
        (Some(version), false) => Finding::warn(
            format!("{version}, but nobody verifies that the server is the right one"),
            "add `sslmode=verify-full&sslrootcert=PATH` to DATABASE_URL",
        ),
        (None, _) => Finding::warn(
            "none: what passes between this machine and the server can be read on the way",
            "set `ssl = on` at the server, and add `sslmode=verify-full&sslrootcert=PATH` to DATABASE_URL",
        ),
    };
    found.into()
}

/// Whether mlp knows of the pooler that stands between.
pub fn pooler(seen: &Seen<'_>) -> Vec<Finding> {
    let found = match (seen.found.shares_servers, seen.config.pooled()) {
        (true, false) => Finding::fail(
            "a pooler hands out servers for a transaction at a time, and mlp does not know",
            "add `pooler=transaction` to DATABASE_URL, or connect directly: what one process prepares, \
             another would find",
        ),
        (true, true) => Finding::ok("one in transaction mode, as DATABASE_URL says"),
        (false, true) => {
            Finding::ok("none was seen; `pooler=transaction` costs a little speed then")
        }
        (false, false) => Finding::ok("none"),
    };
    found.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlp::doctor::check::Status;
    use mlp_store::TablesState;
    use mlp_store::postgres::{OldTransaction, Rights, ServerFacts, Skew};

    fn good() -> ServerFacts {
        ServerFacts {
            version: "15.1".to_owned(),
            fsync: true,
            full_page_writes: true,
            synchronous_commit: "on".to_owned(),
            encoding: "UTF8".to_owned(),
            read_only: false,
            connections: 3,
            max_connections: 97,
            limit: None,
            oldest: None,
            tls: None,
            data_directory: None,
        }
    }

    fn with(server: ServerFacts) -> Examination {
        Examination {
            skew: Skew {
                ahead_us: 0,
                uncertain_us: 1,
            },
            shares_servers: false,
            server: Ok(server),
            tables: Ok(TablesState {
                version: 1,
                program_version: 1,
                up_to_date: true,
            }),
            rights: Ok(Rights {
                user: "mlp".to_owned(),
                schema: Some("public".to_owned()),
                may_create: false,
                missing: Vec::new(),
            }),
        }
    }

    type Judge = fn(&Seen<'_>) -> Vec<Finding>;

    fn judged(judge: Judge, url: &str, found: &Examination) -> (Status, String) {
        let config = PostgresConfig::parse(url).unwrap();
        let mut findings = judge(&Seen {
            config: &config,
            found,
        });
        let finding = findings.pop().unwrap();
        (finding.status, finding.advice.unwrap_or_default())
    }

    const HERE: &str = "postgres://mlp@127.0.0.1/d";
    const AWAY: &str = "postgres://mlp@db.example/d";

    #[test]
    fn a_good_server_is_found_good() {
        let judges: [Judge; 8] = [
            rights,
            durability,
            connections,
            transactions,
            encoding,
            tls,
            pooler,
            rights,
        ];
        for judge in judges {
            assert_eq!(judged(judge, HERE, &with(good())).0, Status::Ok);
        }
    }

    #[test]
    fn each_fault_of_a_server_has_its_advice() {
        type Plant = fn(&mut ServerFacts);
        let cases: [(Judge, &str, Plant, Status, &str); 12] = [
            (
                durability,
                HERE,
                |s| s.fsync = false,
                Status::Fail,
                "fsync = on",
            ),
            (
                durability,
                HERE,
                |s| s.full_page_writes = false,
                Status::Fail,
                "full_page_writes",
            ),
            (
                durability,
                HERE,
                |s| s.synchronous_commit = "off".into(),
                Status::Warn,
                "for itself",
            ),
            (
                durability,
                HERE,
                |s| s.read_only = true,
                Status::Fail,
                "primary",
            ),
            (
                connections,
                HERE,
                |s| s.connections = 90,
                Status::Warn,
                "max_connections",
            ),
            (
                connections,
                HERE,
                |s| s.limit = Some(5),
                Status::Warn,
                "raise the limit",
            ),
            (
                transactions,
                HERE,
                |s| {
                    s.oldest = Some(OldTransaction {
                        age_s: 301.0,
                        whose: "process 7 (psql)".to_owned(),
                    });
                },
                Status::Warn,
                "vacuum",
            ),
            (
                encoding,
                HERE,
                |s| s.encoding = "SQL_ASCII".into(),
                Status::Fail,
                "UTF8",
            ),
            (tls, AWAY, |_| {}, Status::Warn, "ssl = on"),
            (
                tls,
                AWAY,
                |s| s.tls = Some("TLSv1.3".into()),
                Status::Warn,
                "verify-full",
            ),
            (
                tls,
                HERE,
                |s| s.tls = Some("TLSv1.3".into()),
                Status::Ok,
                "",
            ),
            (
                pooler,
                "postgres://m@h/d?pooler=transaction",
                |_| {},
                Status::Ok,
                "",
            ),
        ];
        for (judge, url, plant, status, words) in cases {
            let mut server = good();
            plant(&mut server);
            let (found, advice) = judged(judge, url, &with(server));
            assert!(
                found == status && advice.contains(words),
                "{words}: {found:?} {advice}"
            );
        }
    }

    #[test]
    fn a_pooler_that_nobody_knows_of_is_told() {
        let mut found = with(good());
        found.shares_servers = true;
        let (status, advice) = judged(pooler, HERE, &found);
        assert!(
            status == Status::Fail && advice.contains("pooler=transaction"),
            "{advice}"
        );
        let known = format!("{HERE}?pooler=transaction");
        assert_eq!(judged(pooler, &known, &found).0, Status::Ok);
    }
}
