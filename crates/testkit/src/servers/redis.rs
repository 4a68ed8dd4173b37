//! A throwaway Redis server.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::process::{clean_command, on_free_port};
use super::{Component, Home, Place, Process, Signal, find_binaries, install_hint};
use crate::random;

/// How the server runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct RedisOptions {
    /// Whether data outlives a restart (append-only file).
    pub append_only: bool,
}

/// A Redis server of our own: ended, and its files removed, on drop.
#[derive(Debug)]
pub struct Redis {
    process: Option<Process>,
    home: Arc<Home>,
    program: PathBuf,
    options: RedisOptions,
    port: u16,
    password: String,
    version: String,
}

impl Redis {
    /// Starts it on a free loopback port.
    ///
    /// # Errors
    /// How to install Redis when it is absent; otherwise the end of the server's log.
    pub fn start(options: RedisOptions) -> Result<Self> {
        let binaries = find_binaries();
        let version = binaries.version(Component::Redis).unwrap_or_default();
        let program = binaries
            .redis
            .with_context(|| install_hint(&[Component::Redis]))?;
        let mut server = Self {
            process: None,
            home: Arc::new(Home::create("redis", Place::Memory)?),
            program,
            options,
            port: 0,
            password: random::hex::<16>(),
            version,
        };
        on_free_port(|port| {
            server.port = port;
            server.run()
        })
        .context("Redis did not start")?;
        Ok(server)
    }

    /// Its URL, password included.
    pub fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}/0", self.password, self.port)
    }

    /// The version line, for example `Redis server v=7.0.15 …`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The loopback port; it stays the same over restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it: connections break and new ones are refused.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again on the same port; a running server is stopped first.
    ///
    /// # Errors
    /// The end of the server's log.
    pub fn restart_on_same_port(&mut self) -> Result<()> {
        self.stop();
        self.run()
    }

    /// Freezes it: connections stay open and nothing is answered.
    ///
    /// # Errors
    /// When it is not running.
    pub fn pause(&mut self) -> Result<()> {
        self.running()?.signal(Signal::Stop)
    }

    /// Ends [`Redis::pause`].
    ///
    /// # Errors
    /// When it is not running.
    pub fn resume(&mut self) -> Result<()> {
        self.running()?.signal(Signal::Continue)
    }

    fn running(&mut self) -> Result<&mut Process> {
        self.process.as_mut().context("Redis is stopped")
    }

    fn run(&mut self) -> Result<()> {
        let _first_start = std::fs::remove_file(self.home.log_file());
        let mut command = clean_command(&self.program);
        // Settings come by standard input: a password among the arguments would be readable by every user.
        command.arg("-");
        let settings = format!(
            "bind 127.0.0.1\nport {}\nrequirepass {}\ndir {}\nsave \"\"\nappendonly {}\nappendfsync everysec\n",
            self.port,
            self.password,
            self.home.path().display(),
            if self.options.append_only { "yes" } else { "no" },
        );
        let mut process = Process::spawn(&command, Arc::clone(&self.home), Signal::Terminate, &settings)?;
        process.wait_ready(|| answers(self.port, &self.password).unwrap_or(false))?;
        self.process = Some(process);
        Ok(())
    }
}

fn answers(port: u16, password: &str) -> Result<bool> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let limit = Duration::from_millis(500);
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(format!("AUTH {password}\r\nPING\r\n").as_bytes())?;
    let mut answer = [0_u8; 12];
    stream.read_exact(&mut answer)?;
    Ok(&answer == b"+OK\r\n+PONG\r\n")
}
