//! What clients were told, on the disk before they go on.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

/// A file of lines, each durable when its writing returns.
pub struct Log {
    file: Mutex<File>,
}

impl Log {
    pub fn create(path: &Path) -> Self {
        Self {
            file: Mutex::new(File::create(path).unwrap()),
        }
    }

    pub fn write(&self, line: std::fmt::Arguments<'_>) {
        let mut file = self.file.lock().unwrap();
        writeln!(file, "{line}").unwrap();
        file.sync_data().unwrap();
    }
}
