//! As whom mlp runs, what that user may write, and who may read its secrets.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::check::{Check, Finding, On, Status};
use super::subject::Subject;
use crate::mlp::settings::Database;

pub const CHECKS: [Check; 3] = [
    Check {
        name: "permissions.user",
        on: On::All,
        needs: &[],
        look: user,
    },
    Check {
        name: "permissions.data_dir",
        on: On::All,
        needs: &[],
        look: data_dir,
    },
    Check {
        name: "permissions.secrets",
        on: On::All,
        needs: &[],
        look: secrets,
    },
];

/// The bit of a file's mode that lets every user of the machine read it.
const OTHERS_READ: u32 = 0o004;

/// Variables that name files with secrets, beside that of the token.
const OF_SECRETS: [&str; 4] = [
    "DATABASE_URL_FILE",
    "DATABASE_PASS_FILE",
    "CELERY_BROKER_URL_FILE",
    "CELERY_BACKEND_URL_FILE",
];

/// What makes a line of `.env` a secret one.
const SECRET_WORDS: [&str; 3] = ["PASS", "TOKEN", "_URL"];

fn user(_: &Subject) -> Vec<Finding> {
    let found = match rustix::process::geteuid() {
        id if id.is_root() => Finding::warn(
            "mlp runs as root",
            "run it as a user of its own, who needs no more than to write the data directory",
        ),
        id => Finding::ok(format!("mlp runs as user {}", id.as_raw())),
    };
    found.into()
}

fn data_dir(subject: &Subject) -> Vec<Finding> {
    let mut found = writable(subject);
    // As in a container, whose file system is read-only.
    if found.status == Status::Fail && matches!(subject.database(), Ok(Database::Postgres(_))) {
        found.status = Status::Warn;
        found.advice = Some(
            "nothing is to be done where the data is in a PostgreSQL: only `mlp up` and `mlp db seed` write \
             there, when they make simulated data"
                .to_owned(),
        );
    }
    found.into()
}

/// Whether the data directory can be written.
fn writable(subject: &Subject) -> Finding {
    let dir = subject.common.data_dir.as_path();
    let place = dir.display();
    // Whose it is by its looks: what is another's is not to be taken from its owner.
    let advice = match dir.join("mlp.db").exists() {
        true => format!("give the user who runs mlp `{place}` and what is in it, by `chown`"),
        false => "let MLP_DATA_DIR or --data-dir name a directory that the user who runs mlp may write, or \
             a place in one that is not there yet"
            .to_owned(),
    };
    match nearest(dir) {
        (path, _) if !path.is_dir() => Finding::fail(
            format!("`{}` is a file, not a directory", path.display()),
            advice,
        ),
        (path, true) => match try_write(&path) {
            Ok(()) => Finding::ok(format!("`{place}` can be written")),
            Err(error) => Finding::fail(format!("`{place}` cannot be written: {error}"), advice),
        },
        (path, false) => {
            let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
            match rustix::fs::access(&path, access) {
                Ok(()) => Finding::ok(format!("`{place}` is made when it is needed")),
                Err(error) => Finding::fail(format!("`{place}` cannot be made: {error}"), advice),
            }
        }
    }
}

/// What exists of a path: itself, or what is above it; whether it is itself.
pub fn nearest(path: &Path) -> (PathBuf, bool) {
    for (above, part) in path.ancestors().enumerate() {
        let part = match part.as_os_str().is_empty() {
            true => Path::new("."),
            false => part,
        };
        if part.exists() {
            return (part.to_owned(), above == 0);
        }
    }
    (PathBuf::from("/"), false)
}

/// Writes a file of its own and removes it: only that finds a disk that is full or read-only.
fn try_write(dir: &Path) -> std::io::Result<()> {
    let path = dir.join(format!(".mlp-doctor-{}", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)?;
    let written = file.write_all(b"written by mlp doctor, and removed at once\n");
    written.and(fs::remove_file(&path))
}

fn secrets(subject: &Subject) -> Vec<Finding> {
    let named = |variable: &str| std::env::var_os(variable).filter(|path| !path.is_empty());
    let mut files: Vec<PathBuf> = OF_SECRETS
        .into_iter()
        .filter_map(|variable| named(variable).map(PathBuf::from))
        .chain(subject.token_file())
        .collect();
    let dotenv = Path::new(".env");
    if fs::read_to_string(dotenv).is_ok_and(|text| holds_secrets(&text)) {
        files.push(dotenv.to_owned());
    }
    let readable = |path: &&PathBuf| {
        fs::metadata(path).is_ok_and(|found| found.permissions().mode() & OTHERS_READ != 0)
    };
    let warn = |path: &PathBuf| {
        let place = path.display();
        Finding::warn(
            format!("every user of this machine can read `{place}`, which holds a secret"),
            format!("`chmod o-r {place}`"),
        )
    };
    let findings: Vec<Finding> = files.iter().filter(readable).map(warn).collect();
    match (findings.is_empty(), files.len()) {
        (true, 0) => Finding::ok("no file holds a secret").into(),
        (true, n) => Finding::ok(format!(
            "{n} files hold secrets, and others cannot read them"
        ))
        .into(),
        (false, _) => findings,
    }
}

/// Whether a line sets what is a password, a token, or a URL with one.
fn holds_secrets(text: &str) -> bool {
    let lines = text.lines().map(str::trim);
    let pairs = lines
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='));
    pairs
        .filter(|(name, value)| !value.is_empty() && !name.trim().ends_with("_FILE"))
        .any(|(name, value)| match () {
            () if name.contains("_URL") => value.contains('@') && value.matches(':').count() > 1,
            () => SECRET_WORDS.iter().any(|word| name.contains(word)),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_secrets_are_known() {
        for (text, holds) in [
            ("DATABASE_PASS=x\n", true),
            ("export MLP_TOKEN = x\n", true),
            ("DATABASE_URL=postgres://u:p@h/d\n", true),
            ("DATABASE_URL=postgres://u@h/d\n", false),
            ("DATABASE_URL=sqlite:x\n", false),
            ("# DATABASE_PASS=x\n", false),
            (
                "DATABASE_PASS=\nMLP_TOKEN_FILE=t\nMLP_BIND=127.0.0.1:1\n",
                false,
            ),
        ] {
            assert_eq!(holds_secrets(text), holds, "{text}");
        }
    }
}
