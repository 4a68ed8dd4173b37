//! The process that makes and keeps the template database.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use vutf_testkit::servers::settings;

/// A migrated database to copy; dropped with the value, and by its keeper when this process is killed.
#[derive(Debug)]
pub(crate) struct Template {
    keeper: Child,
    name: String,
    version: String,
}

impl Template {
    /// Makes it on `server` with the program `keeper`.
    pub(crate) fn make(keeper: &Path, server: &str) -> Result<Self> {
        let mut command = Command::new(keeper);
        command
            .env(settings::DATABASE_URL, server)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        // A group of its own: Ctrl-C ends this process, and the keeper then clears up.
        command.process_group(0);
        let mut keeper = command
            .spawn()
            .with_context(|| format!("cannot start {}", keeper.display()))?;
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().context("no output")?).read_line(&mut line)?;
        let Some((name, version)) = line.trim_end().split_once(' ') else {
            keeper.wait()?;
            anyhow::bail!("the template database could not be made");
        };
        let (name, version) = (name.to_owned(), version.to_owned());
        Ok(Self {
            keeper,
            name,
            version,
        })
    }

    /// The database's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The server's version.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _cleared_up = self.keeper.wait();
    }
}
