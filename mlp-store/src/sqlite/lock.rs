//! One server per database file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// The right to be the file's server, until dropped or the process ends, however it ends: the
/// operating system holds it, so that nothing stale is left behind. The file stays, since removing
/// it would let two servers lock two different files of one name.
#[derive(Debug)]
pub(super) struct ServerLock {
    _file: File,
}

impl ServerLock {
    pub fn take(database: &Path) -> Result<Self, StoreError> {
        let path = lock_path(database);
        let fail = |error: std::io::Error| StoreError::Open {
            place: path.display().to_string(),
            reason: error.to_string(),
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Held {
                    path: database.display().to_string(),
                    pid: holder(&mut file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(fail(error)),
        }
        write_pid(&mut file).map_err(fail)?;
        Ok(Self { _file: file })
    }
}

/// The process that holds a file's lock, where one does.
pub(super) fn holder_of(database: &Path) -> Option<String> {
    let mut file = File::open(lock_path(database)).ok()?;
    // Shared, so that two who look do not see each other; given back at once, since a server that
    // starts in this moment is refused.
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(holder(&mut file)),
        _ => None,
    }
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "unknown".to_owned(),
    }
}
