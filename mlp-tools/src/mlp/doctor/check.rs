//! A check: data with one function; and the running of many.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use serde::Serialize;

use super::subject::Subject;
use crate::mlp::settings::Database;

/// How long one check may take.
const LIMIT: Duration = Duration::from_secs(5);

/// What a check comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// It works, and should not stay so.
    Warn,
    /// A command would be stopped, or a promise is broken.
    Fail,
    /// Not looked at, since something before it failed.
    Skip,
}

/// One thing that a check found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What it comes to.
    pub status: Status,
    /// What was found; without secrets.
    pub found: String,
    /// What to do, for warnings and failures.
    pub advice: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn ok(found: impl Into<String>) -> Self {
        Self::new(Status::Ok, found, None)
    }

    /// Not as it should be.
    pub fn warn(found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(Status::Warn, found, Some(advice.into()))
    }

    /// Wrong.
    pub fn fail(found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(Status::Fail, found, Some(advice.into()))
    }

    /// Not looked at.
    pub fn skip(reason: impl Into<String>) -> Self {
        Self::new(Status::Skip, reason, None)
    }

    fn new(status: Status, found: impl Into<String>, advice: Option<String>) -> Self {
        let found = found.into();
        Self {
            status,
            found,
            advice,
        }
    }
}

impl From<Finding> for Vec<Finding> {
    fn from(finding: Finding) -> Self {
        vec![finding]
    }
}

/// What a check does. It finds nothing where it does not apply.
pub type Look = fn(&Subject) -> Vec<Finding>;

/// Where a check applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// Everywhere.
    All,
    /// Where the data is in an SQLite file.
    Sqlite,
    /// Where the data is in a PostgreSQL.
    Postgres,
}

impl On {
    fn applies(self, subject: &Subject) -> bool {
        match self {
            Self::All => true,
            Self::Sqlite => matches!(subject.database(), Ok(Database::Sqlite(_))),
            Self::Postgres => matches!(subject.database(), Ok(Database::Postgres(_))),
        }
    }
}

/// A check.
pub struct Check {
    /// Its name: `area.what`.
    pub name: &'static str,
    /// Where it applies; elsewhere it has no line.
    pub on: On,
    /// Checks that must not have failed before.
    pub needs: &'static [&'static str],
    /// What it does.
    pub look: Look,
}

/// A line of the report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The check's name.
    pub name: &'static str,
    /// What it found.
    #[serde(flatten)]
    pub finding: Finding,
}

impl Row {
    /// Whether it is a failure.
    pub fn failed(&self) -> bool {
        self.finding.status == Status::Fail
    }
}

/// Runs checks in their order.
pub fn run_all<'a>(subject: &Arc<Subject>, checks: impl Iterator<Item = &'a Check>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for check in checks.filter(|check| check.on.applies(subject)) {
        let missing = check.needs.iter().find(|need| {
            let stops = |row: &Row| matches!(row.finding.status, Status::Fail | Status::Skip);
            rows.iter().any(|row| row.name == **need && stops(row))
        });
        let findings = match missing {
            Some(need) => Finding::skip(format!("needs {need}")).into(),
            None => run(subject, check.look),
        };
        let row = |finding| Row {
            name: check.name,
            finding,
        };
        rows.extend(findings.into_iter().map(row));
    }
    rows
}

/// A check that hangs is left to itself; its thread ends with the program.
fn run(subject: &Arc<Subject>, look: Look) -> Vec<Finding> {
    let (sender, receiver) = channel();
    let of_check = Arc::clone(subject);
    thread::spawn(move || {
        let findings = look(&of_check);
        // Before they are told: who drops the subject last closes its database, and must not be
        // overtaken by the program's end, which would leave the log's files behind.
        drop(of_check);
        // Nobody listens any more where it took too long.
        let _ = sender.send(findings);
    });
    match receiver.recv_timeout(LIMIT) {
        Ok(findings) => findings,
        Err(RecvTimeoutError::Timeout) => Finding::fail(
            format!("no answer within {} s", LIMIT.as_secs()),
            "what this check asks hangs: look for a stopped server, a firewall that drops packets, \
             or a network disk that is away",
        )
        .into(),
        Err(RecvTimeoutError::Disconnected) => Finding::fail(
            "the check itself broke off",
            "this is a fault of mlp: report it with what stands above",
        )
        .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn check(name: &'static str, needs: &'static [&'static str], look: Look) -> Check {
        Check {
            name,
            on: On::All,
            needs,
            look,
        }
    }

    #[test]
    fn what_fails_breaks_or_hangs_stops_nobody_but_who_needs_it() {
        let checks = [
            check("hangs", &[], |_| {
                thread::sleep(LIMIT * 4);
                Vec::new()
            }),
            check("breaks", &[], |_| panic!("as the test wants it")),
            check("fails", &[], |_| Finding::fail("a", "b").into()),
            check("waits", &["fails"], |_| Finding::ok("never seen").into()),
            check("waits.on", &["waits"], |_| Finding::ok("never seen").into()),
            check("applies_not", &[], |_| Vec::new()),
            check("goes_on", &["applies_not"], |_| Finding::ok("seen").into()),
        ];
        let subject = Arc::new(Subject::for_tests());
        let rows = run_all(&subject, checks.iter());
        let found: Vec<_> = (rows.iter())
            .map(|row| (row.name, row.finding.status, row.finding.found.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("hangs", Status::Fail, "no answer within 5 s"),
                ("breaks", Status::Fail, "the check itself broke off"),
                ("fails", Status::Fail, "a"),
                ("waits", Status::Skip, "needs fails"),
                ("waits.on", Status::Skip, "needs waits"),
                ("goes_on", Status::Ok, "seen"),
            ]
        );
    }
}
