//! A throwaway PostgreSQL server.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::process::{clean_command, on_free_port, unprivileged};
use super::{Component, Home, Place, Process, Signal, find_binaries, install_hint};
use crate::random;

/// How the server runs.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Whether commits reach the disk: `false` is several times faster, `true` is for tests of durability.
    pub fsync: bool,
    /// The number of connections the server takes.
    pub max_connections: u16,
    /// More settings, each as `name=value`.
    pub settings: Vec<String>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            fsync: false,
            max_connections: 300,
            settings: Vec::new(),
        }
    }
}

/// A PostgreSQL server of our own: ended, and its files removed, on drop.
#[derive(Debug)]
pub struct Postgres {
    process: Option<Process>,
    home: Arc<Home>,
    bin: PathBuf,
    options: PostgresOptions,
    port: u16,
    password: String,
    version: String,
}

impl Postgres {
    /// Makes a cluster and starts it on a free loopback port.
    ///
    /// # Errors
    /// How to install PostgreSQL when it is absent; otherwise the end of the server's log.
    pub fn start(options: &PostgresOptions) -> Result<Self> {
        let binaries = find_binaries();
        let version = binaries.version(Component::Postgres).unwrap_or_default();
        let bin = binaries
            .postgres
            .with_context(|| install_hint(&[Component::Postgres]))?;
        let place = if options.fsync { Place::Disk } else { Place::Memory };
        let mut server = Self {
            process: None,
            home: Arc::new(Home::create("postgres", place)?),
            bin,
            options: options.clone(),
            port: 0,
            password: random::hex::<16>(),
            version,
        };
        server.init().context("initdb failed")?;
        on_free_port(|port| {
            server.port = port;
            server.run()
        })
        .context("PostgreSQL did not start")?;
        Ok(server)
    }

    /// The URL of the maintenance database, with a user that may do everything.
    pub fn url(&self) -> String {
        self.database_url("postgres")
    }

    /// The URL of a database on this server.
    pub fn database_url(&self, database: &str) -> String {
        format!(
            "postgres://postgres:{}@127.0.0.1:{}/{database}",
            self.password, self.port
        )
    }

    /// The version line, for example `postgres (PostgreSQL) 15.14`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The loopback port; it stays the same over restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it in good order (fast shutdown); the data stays for [`Postgres::restart`].
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _may_have_ended = process.signal(Signal::Interrupt);
            let _ended = process.wait(Duration::from_secs(10));
        }
    }

    /// Kills the postmaster with SIGKILL; the data stays for [`Postgres::restart`].
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _killed = process.kill();
        }
    }

    /// Starts it again on the same port and data; a running server is stopped first.
    ///
    /// # Errors
    /// The end of the server's log.
    pub fn restart(&mut self) -> Result<()> {
        self.stop();
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            match self.run() {
                // After SIGKILL the orphaned backends hold port and memory until they notice.
                Err(error) if Instant::now() < deadline && error.to_string().contains("in use") => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                result => return result,
            }
        }
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    fn init(&self) -> Result<()> {
        let password_file = self.home.path().join("password");
        std::fs::write(&password_file, &self.password)?;
        let mut command = clean_command(&self.bin.join("initdb"));
        command
            .args([
                "--username=postgres",
                "--auth=password",
                "--no-sync",
                "--no-locale",
                "--encoding=UTF8",
            ])
            .arg("--pgdata")
            .arg(self.data())
            .arg("--pwfile")
            .arg(&password_file)
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        let output = unprivileged(&mut command)
            .output()
            .context("cannot start initdb")?;
        std::fs::remove_file(&password_file)?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        // The log is for the messages of this start.
        let _first_start = std::fs::remove_file(self.home.log_file());
        let mut command = clean_command(&self.bin.join("postgres"));
        command
            .arg("-D")
            .arg(self.data())
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        for setting in self.settings() {
            command.args(["-c", &setting]);
        }
        let mut process = Process::spawn(&command, Arc::clone(&self.home), Signal::Quit, "")?;
        let status_file = self.data().join("postmaster.pid");
        let pid = process.id().to_string();
        process.wait_ready(|| {
            // The eighth line holds the state; the first one tells an old file from ours.
            let text = std::fs::read_to_string(&status_file).unwrap_or_default();
            let mut lines = text.lines();
            lines.next() == Some(pid.as_str()) && lines.nth(6).is_some_and(|state| state.trim() == "ready")
        })?;
        if process.exited().is_some() {
            bail!(
                "it ended at start; its log ends with:\n{}",
                self.home.log_tail(15)
            );
        }
        self.process = Some(process);
        Ok(())
    }

    fn settings(&self) -> Vec<String> {
        let mut settings = vec![
            format!("max_connections={}", self.options.max_connections),
            "unix_socket_directories=".to_owned(),
            // Leaves nothing outside the data directory when the server is killed.
            "dynamic_shared_memory_type=mmap".to_owned(),
            "shared_buffers=32MB".to_owned(),
            "timezone=UTC".to_owned(),
        ];
        if !self.options.fsync {
            let faster = [
                "fsync=off",
                "synchronous_commit=off",
                "full_page_writes=off",
                "autovacuum=off",
            ];
            settings.extend(faster.map(str::to_owned));
        }
        settings.extend(self.options.settings.iter().cloned());
        settings
    }
}
