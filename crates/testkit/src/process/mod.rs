//! The real `violentutf-api` binary as a process, for end-to-end tests and for `cargo xtask demo`.
//!
//! Invariants:
//! - a started process ends with its owner: on drop, and also when the owner is killed;
//! - it listens on loopback ports that the system chose, and reads no setting that the test did not give;
//! - waiting is polling; a deadline ends a hang and decides nothing else.

mod builder;

pub use builder::ServerBuilder;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::servers::Signal;

/// Ends a hang; a healthy process takes a fraction of it.
const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(5);

/// A running `violentutf-api serve`.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    watchdog: Child,
    status: Option<ExitStatus>,
    log: PathBuf,
    log_start: usize,
    stdout: PathBuf,
    announced: Value,
}

/// How a process ended that was expected to end by itself.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Ended {
    /// The lines for a person: those of standard error that are no log records.
    pub fn plain_lines(&self) -> Vec<&str> {
        let lines = self.stderr.lines();
        lines
            .filter(|line| !line.starts_with("{\"timestamp\"") && !line.trim().is_empty())
            .collect()
    }
}

impl ServerProcess {
    /// Waits until it announces that it accepts requests and says so itself.
    ///
    /// # Errors
    /// When it ends first, with the end of its log.
    pub fn wait_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(announced) = self.announcement() {
                self.announced = announced;
                if self.readiness().is_some_and(|(status, _)| status == 200) {
                    return Ok(());
                }
            }
            if let Some(status) = self.exited() {
                bail!("it ended at start ({status}):\n{}", self.log_tail());
            }
            ensure!(
                Instant::now() < deadline,
                "it is not ready; its log ends with:\n{}",
                self.log_tail()
            );
            std::thread::sleep(POLL);
        }
    }

    /// `http://127.0.0.1:PORT` of the public listener.
    pub fn base_url(&self) -> &str {
        self.announced["public"].as_str().unwrap_or_default()
    }

    /// `http://127.0.0.1:PORT` of the operators' listener.
    pub fn management_url(&self) -> &str {
        self.announced["management"].as_str().unwrap_or_default()
    }

    /// The file that holds the bootstrap secret, while there is no administrator.
    pub fn bootstrap_token_file(&self) -> Option<PathBuf> {
        self.announced["bootstrap_token_file"].as_str().map(PathBuf::from)
    }

    /// The bootstrap secret, while there is no administrator.
    pub fn bootstrap_token(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.bootstrap_token_file()?).ok()?;
        Some(text.trim().to_owned())
    }

    /// What every start in this home wrote to standard error.
    pub fn logs(&self) -> String {
        read_text(&self.log)
    }

    /// What this process wrote to standard error.
    pub fn own_logs(&self) -> String {
        self.logs().get(self.log_start..).unwrap_or_default().to_owned()
    }

    /// Status and body of `/health/ready`; `None` when nobody answers.
    pub fn readiness(&self) -> Option<(u16, String)> {
        get(self.base_url(), "/health/ready").ok()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if let Some(status) = self.exited() {
            bail!("the process has ended: {status}");
        }
        signal.send(self.id())
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// When it does not.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.exited() {
                return Ok(status);
            }
            ensure!(
                Instant::now() < deadline,
                "it does not end; its log ends with:\n{}",
                self.log_tail()
            );
            std::thread::sleep(POLL);
        }
    }

    /// Asks it to end in good order (SIGTERM) and returns its exit code.
    ///
    /// # Errors
    /// When it has ended before, or does not end.
    pub fn terminate(&mut self) -> Result<Option<i32>> {
        self.signal(Signal::Terminate)?;
        Ok(self.wait()?.code())
    }

    /// Kills it as a power cut would (SIGKILL).
    ///
    /// # Errors
    /// When it has ended before.
    pub fn kill9(&mut self) -> Result<()> {
        ensure!(self.exited().is_none(), "the process has ended before");
        self.child.kill()?;
        self.wait()?;
        Ok(())
    }

    fn announcement(&self) -> Option<Value> {
        let text = read_text(&self.stdout);
        let (line, _) = text.split_once('\n')?;
        serde_json::from_str(line).ok()
    }

    fn log_tail(&self) -> String {
        let log = self.own_logs();
        let lines: Vec<_> = log.lines().collect();
        lines
            .get(lines.len().saturating_sub(20)..)
            .unwrap_or_default()
            .join("\n")
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if self.exited().is_none() {
            let _may_have_ended = self.child.kill();
            let _reaped = self.child.wait();
        }
        if let Some(mut input) = self.watchdog.stdin.take() {
            let _gone_already = input.write_all(b"done\n");
        }
        let _reaped = self.watchdog.wait();
    }
}

fn read_text(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Status and body of a plain GET, without an HTTP client.
fn get(base: &str, path: &str) -> Result<(u16, String)> {
    let address = base.strip_prefix("http://").context("not announced yet")?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    Ok((status, body.to_owned()))
}
