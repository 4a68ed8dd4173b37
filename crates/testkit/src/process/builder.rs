//! What to start, and the start.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Ended, ServerProcess, read_text};
use crate::servers::server_binary;

const BINARY: &str = "violentutf-api";
/// Reads one word; when there is none to come, its owner was killed, and the process goes with it.
const WATCHDOG: &str = r#"read -r word || kill -s KILL "$0""#;
/// Writes beyond the limit fail with an error instead of ending the process.
const LIMITED: &str = r#"trap '' XFSZ; ulimit -f "$0"; exec "$@""#;

/// What to start, and with which settings. Starting leaves it as it is, so that it can start again.
#[derive(Clone, Debug)]
pub struct ServerBuilder {
    program: PathBuf,
    home: PathBuf,
    settings: BTreeMap<String, String>,
    arguments: Vec<String>,
    file_blocks: Option<u32>,
}

impl ServerProcess {
    /// A server whose files are kept in `home`: its data directory, which is not made yet, and its output.
    ///
    /// Rate limits are off and hashing is as cheap as the floors allow, unless [`ServerBuilder::env`] says otherwise.
    ///
    /// # Errors
    /// When the binary was not built.
    pub fn builder(home: &Path) -> Result<ServerBuilder> {
        Ok(Self::builder_of(&find_binary()?, home))
    }

    /// The same for the binary `program`.
    pub fn builder_of(program: &Path, home: &Path) -> ServerBuilder {
        let settings = [
            ("VUTF__SERVER__PORT", "0"),
            ("VUTF__MANAGEMENT__PORT", "0"),
            ("VUTF__RATE_LIMIT__ENABLED", "false"),
            ("VUTF__IDENTITY__ARGON2__MEMORY_KIB", "12288"),
            ("VUTF__IDENTITY__ARGON2__ITERATIONS", "3"),
            ("VUTF__LOG__FORMAT", "json"),
        ];
        ServerBuilder {
            program: program.to_owned(),
            home: home.to_owned(),
            settings: settings.map(|(name, value)| (name.into(), value.into())).into(),
            arguments: vec!["serve".to_owned()],
            file_blocks: None,
        }
        .data_dir(&home.join("data"))
    }
}

impl ServerBuilder {
    /// Another data directory than `data` in the home.
    #[must_use]
    pub fn data_dir(self, path: &Path) -> Self {
        let path = path.to_string_lossy().into_owned();
        self.env("VUTF__DATA_DIR", &path)
    }

    /// PostgreSQL or SQLite by URL; SQLite in the data directory otherwise.
    #[must_use]
    pub fn database(self, url: &str) -> Self {
        self.env("VUTF__DATABASE__URL", url)
    }

    /// Redis by URL; the cache in the process otherwise.
    #[must_use]
    pub fn redis(self, url: &str) -> Self {
        self.env("VUTF__CACHE__URL", url)
    }

    /// One setting by the name of its environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Another command than `serve` that runs until it is told to end, for example `["witness", "serve"]`.
    #[must_use]
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        self
    }

    /// Files may not grow beyond so many KiB, as on a full disk. The log counts too: ask for a quiet one.
    #[must_use]
    pub fn file_limit_kib(mut self, kib: u32) -> Self {
        // POSIX: the unit of `ulimit -f` is 512 bytes.
        self.file_blocks = Some(kib * 2);
        self
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        PathBuf::from(self.settings.get("VUTF__DATA_DIR").map_or("", String::as_str))
    }

    /// Another binary than the one that was found.
    #[must_use]
    pub fn binary(mut self, path: &Path) -> Self {
        path.clone_into(&mut self.program);
        self
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The settings, by environment variable.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready, with the end of its log.
    pub fn spawn(&self) -> Result<ServerProcess> {
        let mut server = self.launch()?;
        server.wait_ready()?;
        Ok(server)
    }

    /// Starts it and returns at once.
    ///
    /// # Errors
    /// When the process cannot be made.
    pub fn launch(&self) -> Result<ServerProcess> {
        std::fs::create_dir_all(&self.home)?;
        let (log, stdout) = (self.home.join("log"), self.home.join("stdout"));
        let stderr = File::options().create(true).append(true).open(&log)?;
        let log_start = read_text(&log).len();
        let arguments = self.arguments.iter().map(String::as_str);
        let mut command = self.prepared(&arguments.chain(["--json"]).collect::<Vec<_>>());
        command.stdin(Stdio::null()).stdout(File::create(&stdout)?);
        // A group of its own: the terminal's Ctrl-C ends the owner, and the watchdog does the rest.
        command.stderr(stderr).process_group(0);
        let mut child = command.spawn().context("cannot start the binary")?;
        let watchdog = watch(child.id()).inspect_err(|_| {
            let _unwatched = child.kill();
        })?;
        Ok(ServerProcess {
            child,
            watchdog,
            status: None,
            log,
            log_start,
            stdout,
            announced: Value::Null,
        })
    }

    /// Starts it and waits for its end, which is expected.
    ///
    /// # Errors
    /// When it does not end.
    pub fn run(&self) -> Result<Ended> {
        let mut server = self.launch()?;
        let code = server.wait()?.code();
        Ok(Ended {
            code,
            stderr: server.own_logs(),
        })
    }

    /// Runs another command of the binary with the same settings, for example `["audit", "verify"]`.
    ///
    /// # Errors
    /// When the process cannot be made.
    pub fn command(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = self.prepared(arguments);
        command
            .stdin(Stdio::null())
            .output()
            .context("cannot start the binary")
    }

    fn prepared(&self, arguments: &[&str]) -> Command {
        let mut command = match self.file_blocks {
            None => Command::new(&self.program),
            Some(blocks) => {
                let mut shell = Command::new("/bin/sh");
                shell
                    .args(["-c", LIMITED, &blocks.to_string()])
                    .arg(&self.program);
                shell
            }
        };
        command.args(arguments).env_clear().envs(&self.settings);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        // Without a `violentutf.toml`, whatever directory the tests run in.
        command.current_dir(&self.home);
        command
    }
}

/// The binary that `cargo xtask test` built, else the one beside the test's own executable.
fn find_binary() -> Result<PathBuf> {
    if let Some(binary) = server_binary() {
        return Ok(binary);
    }
    let own = std::env::current_exe()?;
    let mut places = own
        .ancestors()
        .skip(1)
        .take(3)
        .map(|directory| directory.join(BINARY));
    places
        .find(|path| path.is_file())
        .context("violentutf-api is not built: run `cargo build`")
}

fn watch(pid: u32) -> Result<Child> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", WATCHDOG, &pid.to_string()]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context("cannot start the watchdog")
}
