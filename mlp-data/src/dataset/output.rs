//! Files that appear under their names only when all of them are complete.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{DatasetError, MANIFEST};

/// A directory in which one process at a time writes a data set.
pub(super) struct OutputDir {
    dir: PathBuf,
    // Held for its lock.
    _lock: Option<File>,
}

impl OutputDir {
    pub(super) fn open(dir: &Path) -> Result<OutputDir, DatasetError> {
        fs::create_dir_all(dir).map_err(DatasetError::io("create the directory", dir))?;
        Ok(OutputDir {
            dir: dir.to_owned(),
            _lock: lock(dir)?,
        })
    }

    /// A file that will be called `name`.
    pub(super) fn create(&self, name: &str) -> Result<Output, DatasetError> {
        let path = self.dir.join(name);
        let temporary = self.dir.join(format!(".{name}.tmp"));
        // A process that was killed leaves its file, and a link would lead elsewhere.
        match fs::remove_file(&temporary) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(DatasetError::io("remove", &temporary)(e));
            }
            _ => {}
        }
        let file = File::create_new(&temporary).map_err(DatasetError::io("create", &temporary))?;
        Ok(Output {
            file,
            path,
            temporary,
            renamed: false,
        })
    }

    /// Gives all files their names, in this order. The manifest of an earlier data set goes
    /// first: whatever happens in between, no manifest stands beside tables of another set.
    pub(super) fn publish(&self, outputs: Vec<Output>) -> Result<(), DatasetError> {
        for output in &outputs {
            output.sync()?;
        }
        let manifest = self.dir.join(MANIFEST);
        match fs::remove_file(&manifest) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(DatasetError::io("replace", &manifest)(e));
            }
            _ => {}
        }
        outputs.into_iter().try_for_each(Output::rename)
    }
}

/// Locks a directory, or finds it locked; where the system cannot lock one, goes without.
fn lock(dir: &Path) -> Result<Option<File>, DatasetError> {
    let Ok(handle) = File::open(dir) else {
        return Ok(None);
    };
    match handle.try_lock() {
        Ok(()) => Ok(Some(handle)),
        Err(TryLockError::WouldBlock) => Err(DatasetError::Busy {
            dir: dir.to_owned(),
        }),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// A file under a temporary name, removed unless it is renamed.
pub(super) struct Output {
    file: File,
    path: PathBuf,
    temporary: PathBuf,
    renamed: bool,
}

impl Output {
    /// Writes all of `bytes`; not buffered, so that callers hand over much at once.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), DatasetError> {
        let written = self.file.write_all(bytes);
        written.map_err(DatasetError::io("write", &self.path))
    }

    fn sync(&self) -> Result<(), DatasetError> {
        let synced = self.file.sync_all();
        synced.map_err(DatasetError::io("write", &self.path))
    }

    fn rename(mut self) -> Result<(), DatasetError> {
        let renamed = fs::rename(&self.temporary, &self.path);
        renamed.map_err(DatasetError::io("replace", &self.path))?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if !self.renamed {
            // There is nothing that could be done about a failure.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

#[cfg(test)]
impl Output {
    /// A file that is always full.
    pub(super) fn full(dir: &Path) -> Output {
        let file = File::options().write(true).open("/dev/full");
        Output {
            file: file.expect("a system with /dev/full"),
            path: dir.join("table.tsv"),
            temporary: dir.join(".table.tsv.tmp"),
            renamed: false,
        }
    }
}
