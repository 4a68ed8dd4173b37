//! OpenBao with storage on disk (raft), a file audit device, and one unseal key.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::super::process::{clean_command, free_port, on_free_port};
use super::super::{Account, Component, Home, Place, Process, Signal, find_binaries, install_hint};
use super::http;

/// How long a server that was unsealed may take to become active.
const ACTIVE: Duration = Duration::from_secs(30);

/// An OpenBao of our own: ended, and its files removed, on drop. Data outlive a restart.
#[derive(Debug)]
pub struct OpenBao {
    process: Option<Process>,
    home: Arc<Home>,
    program: PathBuf,
    port: u16,
    root_token: String,
    unseal_key: String,
    version: String,
    tls: Option<TlsListener>,
}

/// A second listener of an OpenBao, with TLS.
#[derive(Clone, Debug)]
struct TlsListener {
    port: u16,
    certificate: PathBuf,
    key: PathBuf,
}

/// Where an OpenBao is, and its root token.
#[derive(Clone, Debug)]
pub struct OpenBaoAccess {
    /// `http://127.0.0.1:PORT`.
    pub address: String,
    /// May do everything.
    pub root_token: String,
}

impl OpenBao {
    /// Starts it on a free loopback port, initialised and unsealed, with the transit engine at `transit/`.
    ///
    /// # Errors
    /// How to install OpenBao when it is absent; otherwise the end of the server's log.
    pub fn start() -> Result<Self> {
        let binaries = find_binaries();
        let version = binaries.version(Component::OpenBao).unwrap_or_default();
        let program = binaries
            .openbao
            .with_context(|| install_hint(&[Component::OpenBao]))?;
        let account = Account::for_programs(&[&program]);
        let mut server = Self {
            process: None,
            home: Arc::new(Home::create_for("openbao", Place::Memory, account)?),
            program,
            port: 0,
            root_token: String::new(),
            unseal_key: String::new(),
            version,
            tls: None,
        };
        on_free_port(|port| {
            server.port = port;
            server.run()
        })
        .context("OpenBao did not start")?;
        server.init().context("OpenBao could not be initialised")?;
        server.unseal()?;
        server
            .access()
            .write("sys/mounts/transit", &json!({"type": "transit"}))?;
        Ok(server)
    }

    /// Its address and root token.
    pub fn access(&self) -> OpenBaoAccess {
        OpenBaoAccess {
            address: self.address(),
            root_token: self.root_token.clone(),
        }
    }

    /// `http://127.0.0.1:PORT`; it stays the same over restarts.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The root token.
    pub fn root_token(&self) -> &str {
        &self.root_token
    }

    /// Name and version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The program `bao`.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The process id, for figures; `None` while it is stopped.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// The file that the audit device writes.
    pub fn audit_log(&self) -> PathBuf {
        self.home.path().join("audit.log")
    }

    /// Ends it: connections break and new ones are refused.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again on the same port and data. It is sealed, as always after a start.
    ///
    /// # Errors
    /// The end of the server's log.
    pub fn restart(&mut self) -> Result<()> {
        self.stop();
        self.run()
    }

    /// Starts it again, unsealed, with a second listener that shows `certificate` (PEM), whose key is in `key`; answers its
    /// port on 127.0.0.1.
    ///
    /// # Errors
    /// The end of the server's log.
    pub fn listen_with_tls(&mut self, certificate: &Path, key: &Path) -> Result<u16> {
        let port = free_port()?;
        self.tls = Some(TlsListener {
            port,
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        });
        self.restart()?;
        self.unseal()?;
        Ok(port)
    }

    /// Seals it.
    ///
    /// # Errors
    /// What the server says.
    pub fn seal(&self) -> Result<()> {
        self.access().write("sys/seal", &json!({}))
    }

    /// Unseals it and waits until it is active.
    ///
    /// # Errors
    /// What the server says.
    pub fn unseal(&self) -> Result<()> {
        let key = json!({"key": self.unseal_key});
        let (status, answer) = http::ask(self.port, "PUT", "/v1/sys/unseal", &[], Some(&key))?;
        ensure!(status == 200, "unseal: {status} {answer}");
        let deadline = Instant::now() + ACTIVE;
        loop {
            let (status, answer) = http::ask(self.port, "GET", "/v1/sys/health", &[], None)?;
            if status == 200 {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("it is not active: {status} {answer}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Freezes it: connections stay open and nothing is answered.
    ///
    /// # Errors
    /// When it is not running.
    pub fn pause(&mut self) -> Result<()> {
        self.running()?.signal(Signal::Stop)
    }

    /// Ends [`OpenBao::pause`].
    ///
    /// # Errors
    /// When it is not running.
    pub fn resume(&mut self) -> Result<()> {
        self.running()?.signal(Signal::Continue)
    }

    fn running(&mut self) -> Result<&mut Process> {
        self.process.as_mut().context("OpenBao is stopped")
    }

    fn init(&mut self) -> Result<()> {
        let shares = json!({"secret_shares": 1, "secret_threshold": 1});
        let (status, answer) = http::ask(self.port, "PUT", "/v1/sys/init", &[], Some(&shares))?;
        ensure!(status == 200, "{status} {answer}");
        let text = |value: &Value| value.as_str().map(str::to_owned).context("no key in the answer");
        self.unseal_key = text(&answer["keys_base64"][0])?;
        self.root_token = text(&answer["root_token"])?;
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        let _first_start = std::fs::remove_file(self.home.log_file());
        let home = self.home.path().display();
        let (port, cluster) = (self.port, free_port()?);
        let tls = self.tls.as_ref().map(TlsListener::config).transpose()?;
        let tls = tls.unwrap_or_default();
        let config = format!(
            r#"storage "raft" {{
  path = "{home}"
  node_id = "one"
}}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster}"
  tls_disable = true
}}
{tls}audit "file" "file" {{
  options {{
    file_path = "{home}/audit.log"
  }}
}}
api_addr = "http://127.0.0.1:{port}"
cluster_addr = "http://127.0.0.1:{cluster}"
"#
        );
        let file = self.home.path().join("config.hcl");
        std::fs::write(&file, config)?;
        let mut command = clean_command(&self.program);
        command
            .arg("server")
            .arg(format!("-config={}", file.display()))
            .env("HOME", self.home.path());
        let mut process = Process::spawn(&command, Arc::clone(&self.home), Signal::Terminate, "")?;
        // Whatever it answers: sealed or not initialised is an answer.
        process.wait_ready(|| http::ask(port, "GET", "/v1/sys/health", &[], None).is_ok())?;
        self.process = Some(process);
        Ok(())
    }
}

impl TlsListener {
    fn config(&self) -> Result<String> {
        let (port, cluster) = (self.port, free_port()?);
        let (certificate, key) = (self.certificate.display(), self.key.display());
        Ok(format!(
            r#"listener "tcp" {{
  address = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster}"
  tls_cert_file = "{certificate}"
  tls_key_file = "{key}"
}}
"#
        ))
    }
}

impl OpenBaoAccess {
    /// From the URL that `VUTF_TEST_OPENBAO_URL` holds.
    pub fn parse(url: &str) -> Option<Self> {
        let (token, authority) = url.strip_prefix("http://:")?.split_once('@')?;
        Some(Self {
            address: format!("http://{authority}"),
            root_token: token.to_owned(),
        })
    }

    /// The URL that [`OpenBaoAccess::parse`] reads.
    pub fn url(&self) -> String {
        let authority = self.address.trim_start_matches("http://");
        format!("http://:{}@{authority}", self.root_token)
    }

    /// `POST /v1/PATH` as root.
    ///
    /// # Errors
    /// What the server says.
    pub fn write(&self, path: &str, body: &Value) -> Result<()> {
        self.ask("POST", path, &self.root_token, Some(body)).map(drop)
    }

    /// Any request, with any token.
    ///
    /// # Errors
    /// What the server says when that is not a success.
    pub fn ask(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> Result<Value> {
        let port = self.address.rsplit(':').next().and_then(|port| port.parse().ok());
        let headers = [("X-Vault-Token", token)];
        let path = format!("/v1/{path}");
        let (status, answer) = http::ask(port.context("no port")?, method, &path, &headers, body)?;
        ensure!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_carries_address_and_token() {
        let access = OpenBaoAccess {
            address: "http://127.0.0.1:8200".into(),
            root_token: "s.abc".into(),
        };
        let parsed = OpenBaoAccess::parse(&access.url()).unwrap();
        assert_eq!(
            (parsed.address, parsed.root_token),
            (access.address, access.root_token)
        );
        assert!(OpenBaoAccess::parse("http://127.0.0.1:8200").is_none());
    }
}
