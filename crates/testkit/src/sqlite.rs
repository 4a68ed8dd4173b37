//! One SQLite file per test.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

/// A directory for a database file: in memory where the machine has such a place, and removed with the value.
#[derive(Debug)]
pub struct SqliteFile {
    directory: TempDir,
}

impl SqliteFile {
    /// Makes the directory; the file is made by whoever connects first.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn create() -> Result<Self> {
        let memory = Path::new("/dev/shm");
        let root = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        let directory = tempfile::Builder::new()
            .prefix("vutf-sqlite-")
            .tempdir_in(&root)
            .with_context(|| format!("cannot make a directory in {}", root.display()))?;
        Ok(Self { directory })
    }

    /// The database file.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("test.db")
    }

    /// Its URL; the file is created when it is not there.
    pub fn url(&self) -> String {
        format!("sqlite://{}?mode=rwc", self.path().display())
    }

    /// The bytes of the database and of the files beside it, such as the write-ahead log.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(self.directory.path())? {
            all.extend(std::fs::read(entry?.path())?);
        }
        Ok(all)
    }
}
