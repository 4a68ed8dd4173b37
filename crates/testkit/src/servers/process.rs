//! A child process that ends with its owner.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::Home;

/// Debian's `nobody`: user and group that servers run as when the tests run as root, which `initdb` refuses.
pub(super) const UNPRIVILEGED: u32 = 65534;
/// How long a server may take to end by itself.
const GRACE: Duration = Duration::from_secs(10);
/// How long a server may take to answer.
const READY: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);

/// Waits for the word before it becomes the program, so that no program runs that the watchdog does not know of.
const GATE: &str = r#"read -r go && exec "$@""#;

/// A signal that tests send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT; PostgreSQL: fast shutdown.
    Interrupt,
    /// SIGQUIT; PostgreSQL: immediate shutdown, as after a crash but without leftovers.
    Quit,
    /// SIGTERM.
    Terminate,
    /// SIGKILL.
    Kill,
    /// SIGSTOP: the process hangs and its sockets stay open.
    Stop,
    /// SIGCONT: ends `Stop`.
    Continue,
}

impl Signal {
    /// The name that `kill -s` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "INT",
            Self::Quit => "QUIT",
            Self::Terminate => "TERM",
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Continue => "CONT",
        }
    }

    /// Sends it to `pid`.
    ///
    /// # Errors
    /// When there is no such process or it belongs to another user.
    pub fn send(self, pid: u32) -> Result<()> {
        let kill = Command::new("/bin/sh")
            .args(["-c", r#"kill -s "$0" "$1""#, self.name(), &pid.to_string()])
            .output()?;
        ensure!(
            kill.status.success(),
            "{}",
            String::from_utf8_lossy(&kill.stderr).trim_end()
        );
        Ok(())
    }
}

/// A running program: ended on drop, and by the watchdog of its [`Home`] when the owner is killed.
#[derive(Debug)]
pub struct Process {
    child: Child,
    home: Arc<Home>,
    ending: Signal,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts `command` with its output appended to the log of `home` and `input` on its standard input.
    ///
    /// `command` gives the program, its arguments and its environment; `ending` is the signal that asks it to end.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn spawn(command: &Command, home: Arc<Home>, ending: Signal, input: &str) -> Result<Self> {
        let log = File::options().create(true).append(true).open(home.log_file())?;
        let mut gate = Command::new("/bin/sh");
        gate.args(["-c", GATE, "gate"])
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => gate.env(name, value),
                None => gate.env_remove(name),
            };
        }
        gate.stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        gate.current_dir(command.get_current_dir().unwrap_or(home.path()));
        let mut child = home
            .account()
            .apply(&mut gate)
            .spawn()
            .context("cannot start /bin/sh")?;
        let told = home.server_started(child.id(), ending).and_then(|()| {
            let mut gate_input = child.stdin.take().context("no standard input")?;
            gate_input
                .write_all(format!("go\n{input}").as_bytes())
                .context("the program did not take its input")
        });
        let mut process = Self {
            child,
            home,
            ending,
            status: None,
        };
        if let Err(error) = told {
            process.end();
            return Err(error);
        }
        Ok(process)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
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

    /// How it ended, if it has.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
            if self.status.is_some() {
                self.home.server_gone();
            }
        }
        self.status
    }

    /// Waits until it has ended by itself, for at most `limit`.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            let status = self.exited();
            if status.is_some() || Instant::now() >= deadline {
                return status;
            }
            std::thread::sleep(POLL);
        }
    }

    /// Asks it to end, kills it after 10 s, and returns how it ended.
    pub fn end(&mut self) -> Option<ExitStatus> {
        if self.exited().is_none() {
            let _may_have_ended = self.signal(Signal::Continue);
            let _may_have_ended = self.signal(self.ending);
        }
        self.wait(GRACE).or_else(|| self.kill())
    }

    /// Kills it with SIGKILL, as a power cut would.
    pub fn kill(&mut self) -> Option<ExitStatus> {
        if self.exited().is_none() {
            let _may_have_ended = self.child.kill();
        }
        self.wait(GRACE)
    }

    /// Polls `ready` until it says so.
    ///
    /// # Errors
    /// When the process ends first or is not ready within 30 s; the message holds the end of its log.
    pub fn wait_ready(&mut self, mut ready: impl FnMut() -> bool) -> Result<()> {
        let deadline = Instant::now() + READY;
        while !ready() {
            if let Some(status) = self.exited() {
                bail!(
                    "it ended at start ({status}); its log ends with:\n{}",
                    self.home.log_tail(15)
                );
            }
            if Instant::now() >= deadline {
                bail!(
                    "it was not ready within {} s; its log ends with:\n{}",
                    READY.as_secs(),
                    self.home.log_tail(15)
                );
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.end();
    }
}

/// A loopback port that was free a moment ago.
///
/// # Errors
/// When no socket can be opened.
pub(super) fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("no free loopback port")?;
    Ok(listener.local_addr()?.port())
}

/// `attempt`s with fresh ports: another process may take a free port before the server does.
pub(super) fn on_free_port<T>(mut attempt: impl FnMut(u16) -> Result<T>) -> Result<T> {
    let mut tries = 5;
    loop {
        tries -= 1;
        match attempt(free_port()?) {
            Err(error) if tries > 0 && error.to_string().contains("in use") => {}
            result => return result,
        }
    }
}

/// Makes `command` run as the servers' user when the caller is root, with a small known environment.
pub(super) fn unprivileged(command: &mut Command) -> &mut Command {
    if is_root() {
        command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
    }
    command
}

pub(super) fn is_root() -> bool {
    static ROOT: OnceLock<bool> = OnceLock::new();
    *ROOT.get_or_init(|| {
        Command::new("id")
            .arg("-u")
            .output()
            .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
    })
}

/// A command that starts from a small known environment: the caller's settings do not reach the server.
pub(super) fn clean_command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name != "PATH") {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C").env("TZ", "UTC");
    command
}
