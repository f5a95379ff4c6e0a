//! Room on the disks.

use std::path::{Path, PathBuf};

use super::check::{Check, Finding, On};
use super::permissions::nearest;
use super::subject::Subject;
use crate::mlp::settings::Database;

pub const CHECKS: [Check; 2] = [
    Check {
        name: "disk.data",
        on: On::All,
        needs: &[],
        look: data,
    },
    Check {
        name: "disk.postgres",
        on: On::Postgres,
        needs: &["database.connection"],
        look: postgres,
    },
];

/// Bytes that must be free: the write-ahead log of either database grows by tens of megabytes
/// between two checkpoints, and a full disk stops every write.
const FAIL_BYTES: u64 = 100_000_000;

/// Bytes under which a disk is said to become full: half a million sessions.
const WARN_BYTES: u64 = 1_000_000_000;

/// Files that can still be made.
const FAIL_FILES: u64 = 100;
const WARN_FILES: u64 = 10_000;

/// What is free on a disk.
#[derive(Clone, Copy, Debug)]
struct Room {
    bytes: u64,
    /// `None` where the file system does not count them.
    files: Option<u64>,
}

fn data(subject: &Subject) -> Vec<Finding> {
    let mut places: Vec<PathBuf> = vec![nearest(&subject.common.data_dir).0];
    if let Ok(Database::Sqlite(path)) = subject.database() {
        let place = nearest(path.parent().unwrap_or(path)).0;
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places.iter().map(|place| look(place)).collect()
}

/// The disk of a PostgreSQL on this machine, where its place may be known.
fn postgres(subject: &Subject) -> Vec<Finding> {
    let Ok(Database::Postgres(config)) = subject.database() else {
        return Vec::new();
    };
    let server = subject
        .postgres()
        .and_then(|found| found.server.as_ref().ok());
    match server.and_then(|server| server.data_directory.as_ref()) {
        Some(place) if config.is_local() && place.exists() => look(place).into(),
        _ => Vec::new(),
    }
}

fn look(place: &Path) -> Finding {
    let found = match rustix::fs::statvfs(place) {
        Ok(found) => found,
        Err(error) => {
            let found = format!("`{}`: {error}", place.display());
            return Finding::warn(found, "name a directory that can be looked at");
        }
    };
    let room = Room {
        bytes: found.f_bavail.saturating_mul(found.f_frsize),
        files: (found.f_files > 0).then_some(found.f_favail),
    };
    judge(&place.display().to_string(), room)
}

fn judge(place: &str, room: Room) -> Finding {
    let Room { bytes, files } = room;
    let found = format!("{:.1} GB are free for `{place}`", bytes as f64 / 1e9);
    let small = format!("{:.1} MB are free for `{place}`", bytes as f64 / 1e6);
    match files {
        _ if bytes < FAIL_BYTES => Finding::fail(
            small,
            "make room, or move the data to a larger disk: a full one stops every write; \
             `mlp db prune --days N` makes room inside the database",
        ),
        Some(files) if files < FAIL_FILES => Finding::fail(
            format!("{files} more files can be made for `{place}`"),
            "remove files that nobody needs: the disk has run out of inodes",
        ),
        _ if bytes < WARN_BYTES => Finding::warn(
            small,
            "make room soon; `mlp db prune --days N` from cron keeps the database from growing",
        ),
        Some(files) if files < WARN_FILES => Finding::warn(
            format!("{files} more files can be made for `{place}`"),
            "remove files that nobody needs: the disk runs out of inodes",
        ),
        _ => Finding::ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlp::doctor::check::Status;

    #[test]
    fn a_disk_that_is_nearly_full_is_told() {
        for (bytes, files, status, words) in [
            (50_000_000_000, Some(1_000_000), Status::Ok, "50.0 GB"),
            (50_000_000_000, None, Status::Ok, "50.0 GB"),
            (900_000_000, Some(1_000_000), Status::Warn, "900.0 MB"),
            (4_000_000, Some(1_000_000), Status::Fail, "4.0 MB"),
            (50_000_000_000, Some(9_000), Status::Warn, "9000 more files"),
            (50_000_000_000, Some(3), Status::Fail, "3 more files"),
        ] {
            let finding = judge("/data", Room { bytes, files });
            assert_eq!(finding.status, status, "{finding:?}");
            assert!(finding.found.contains(words), "{finding:?}");
        }
    }
}
