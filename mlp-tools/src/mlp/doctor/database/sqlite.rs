//! What is looked at in an SQLite file.

use std::path::Path;

use mlp_store::StoreError;
use mlp_store::sqlite::{Examination, Integrity, server_of};

use crate::mlp::doctor::check::Finding;
use crate::mlp::doctor::permissions::nearest;
use crate::mlp::doctor::subject::{Examined, Subject};

/// File systems whose disk is another machine's, by the number that Linux gives them. Locks and
/// shared memory, which a write-ahead log needs, do not hold there.
const OF_NETWORKS: [(u32, &str); 7] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x0102_1997, "9P"),
    (0x00c3_6400, "Ceph"),
    (0x5346_414f, "AFS"),
];

/// A file system in memory.
const TMPFS: u32 = 0x0102_1994;

/// Whether it can be opened.
pub fn connection(
    subject: &Subject,
    found: &Result<Option<Examination>, StoreError>,
) -> Vec<Finding> {
    let Some(path) = subject.sqlite_file() else {
        return Vec::new();
    };
    let place = path.display();
    let found = match found {
        Ok(Some(found)) => Finding::ok(format!("`{place}`, {:.1} MB", found.bytes as f64 / 1e6)),
        Ok(None) => place_of_new(path),
        Err(error) => Finding::fail(
            error.to_string(),
            "let DATABASE_URL or MLP_DATA_DIR name a file of mlp's, or one that is not there yet",
        ),
    };
    found.into()
}

fn place_of_new(path: &Path) -> Finding {
    let (above, _) = nearest(path);
    let place = path.display();
    match above.is_dir() {
        true => Finding::ok(format!("`{place}` is made when it is needed")),
        false => Finding::fail(
            format!(
                "`{place}` cannot be made: `{}` is not a directory",
                above.display()
            ),
            "let DATABASE_URL or MLP_DATA_DIR name a place in a directory",
        ),
    }
}

fn of_file(subject: &Subject) -> Option<(&Path, &Examination)> {
    match subject.examined()? {
        Examined::Sqlite(Ok(Some(found))) => Some((subject.sqlite_file()?, found)),
        _ => None,
    }
}

/// Whether its pages are whole.
pub fn integrity(subject: &Subject) -> Vec<Finding> {
    let Some((_, found)) = of_file(subject) else {
        return Vec::new();
    };
    let found = match &found.integrity {
        Integrity::Sound => Finding::ok("every page is whole"),
        Integrity::Unfinished => Finding::ok(format!(
            "what was read in {} s is whole; `PRAGMA integrity_check` reads all",
            super::READING.as_secs()
        )),
        Integrity::Damaged(fault) => Finding::fail(
            format!("the file is damaged: {fault}"),
            "stop the server, keep a copy of the file, and restore the last backup",
        ),
    };
    found.into()
}

/// Whether it can be written, and lies where its log works and it stays.
pub fn file(subject: &Subject) -> Vec<Finding> {
    let Some(path) = subject.sqlite_file() else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    if let Some((_, found)) = of_file(subject) {
        if !found.writable {
            findings.push(Finding::fail(
                format!("`{}` cannot be written", path.display()),
                "give the user who runs mlp the right to write the file and its directory",
            ));
        }
        if !found.has_log {
            findings.push(Finding::warn(
                "the file has no write-ahead log",
                "the next `mlp up` or `mlp serve` gives it one; until then readers wait for writers",
            ));
        }
    }
    findings.extend(file_system(&nearest(path).0));
    match findings.is_empty() {
        true => Finding::ok("on a local disk, and can be written").into(),
        false => findings,
    }
}

fn file_system(place: &Path) -> Option<Finding> {
    // The number is signed on some machines; its low 32 bits are the same on all.
    let kind = rustix::fs::statfs(place).ok()?.f_type as u32;
    if kind == TMPFS {
        return Some(Finding::warn(
            "the file lies in memory: it is gone when the machine stops",
            "let MLP_DATA_DIR name a directory on a disk",
        ));
    }
    let (_, name) = OF_NETWORKS.iter().find(|(number, _)| *number == kind)?;
    Some(Finding::warn(
        format!("the file lies on a network disk ({name}), where locks do not hold"),
        "let MLP_DATA_DIR name a directory on a local disk, or use a PostgreSQL",
    ))
}

/// Whether a server has it: a second one would be refused.
pub fn server(subject: &Subject) -> Vec<Finding> {
    let Some(path) = subject.sqlite_file() else {
        return Vec::new();
    };
    let found = match server_of(path) {
        Some(process) => Finding::ok(format!(
            "process {process} serves it: other commands work beside it, a second server is refused"
        )),
        None => Finding::ok("no server has it"),
    };
    found.into()
}
