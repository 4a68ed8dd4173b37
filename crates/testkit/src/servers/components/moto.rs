//! moto, which plays AWS KMS.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::super::process::{clean_command, on_free_port};
use super::super::{Account, Component, Home, Place, Process, Signal, find_binaries, install_hint};
use super::http;

/// Signed by nobody: moto does not look, but wants to know region and service.
const AUTHORIZATION: &str =
    "AWS4-HMAC-SHA256 Credential=test/20200101/us-east-1/kms/aws4_request, SignedHeaders=host, Signature=0";

/// A moto server of our own: ended on drop. What it holds is in memory, and is gone with a restart.
#[derive(Debug)]
pub struct Moto {
    process: Option<Process>,
    home: Arc<Home>,
    python: PathBuf,
    port: u16,
    version: String,
}

impl Moto {
    /// The region that its keys are in.
    pub const REGION: &'static str = "us-east-1";

    /// Starts it on a free loopback port.
    ///
    /// # Errors
    /// How to install moto when it is absent; otherwise the end of the server's log.
    pub fn start() -> Result<Self> {
        let binaries = find_binaries();
        let version = binaries.version(Component::Moto).unwrap_or_default();
        let python = binaries.moto.with_context(|| install_hint(&[Component::Moto]))?;
        let account = Account::for_programs(&[&python]);
        let mut server = Self {
            process: None,
            home: Arc::new(Home::create_for("moto", Place::Memory, account)?),
            python,
            port: 0,
            version,
        };
        on_free_port(|port| {
            server.port = port;
            server.run()
        })
        .context("moto did not start")?;
        Ok(server)
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Name and version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Makes a key on the server with this URL, and returns its ARN.
    ///
    /// # Errors
    /// What the server says.
    pub fn make_key(url: &str) -> Result<String> {
        let request = json!({"KeyUsage": "ENCRYPT_DECRYPT", "KeySpec": "SYMMETRIC_DEFAULT"});
        let answer = Self::kms(url, "CreateKey", &request)?;
        let arn = answer["KeyMetadata"]["Arn"].as_str();
        arn.map(str::to_owned).context("the answer names no ARN")
    }

    /// Calls an action of KMS on the server with this URL, e.g. `DisableKey`.
    ///
    /// # Errors
    /// What the server says.
    pub fn kms(url: &str, action: &str, request: &Value) -> Result<Value> {
        let target = format!("TrentService.{action}");
        let headers = [
            ("X-Amz-Target", target.as_str()),
            ("Content-Type", "application/x-amz-json-1.1"),
            ("Authorization", AUTHORIZATION),
        ];
        let (status, answer) = http::ask(port_of(url)?, "POST", "/", &headers, Some(request))?;
        ensure!(status == 200, "{action}: {status} {answer}");
        Ok(answer)
    }

    /// Makes the ids that come next follow from `seed`, so that a key gets the same ARN on a server that was restarted.
    ///
    /// # Errors
    /// What the server says.
    pub fn seed(url: &str, seed: u32) -> Result<()> {
        let path = format!("/moto-api/seed?a={seed}");
        let (status, _) = http::ask(port_of(url)?, "POST", &path, &[], None)?;
        ensure!(status == 200, "seed: {status}");
        Ok(())
    }

    /// Ends it: connections break and new ones are refused.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again on the same port, with nothing in it.
    ///
    /// # Errors
    /// The end of the server's log.
    pub fn restart(&mut self) -> Result<()> {
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

    /// Ends [`Moto::pause`].
    ///
    /// # Errors
    /// When it is not running.
    pub fn resume(&mut self) -> Result<()> {
        self.running()?.signal(Signal::Continue)
    }

    fn running(&mut self) -> Result<&mut Process> {
        self.process.as_mut().context("moto is stopped")
    }

    fn run(&mut self) -> Result<()> {
        let _first_start = std::fs::remove_file(self.home.log_file());
        let mut command = clean_command(&self.python);
        command
            .args([
                "-m",
                "moto.server",
                "-H",
                "127.0.0.1",
                "-p",
                &self.port.to_string(),
            ])
            .env("HOME", self.home.path());
        let mut process = Process::spawn(&command, Arc::clone(&self.home), Signal::Terminate, "")?;
        let port = self.port;
        process.wait_ready(|| {
            http::ask(port, "GET", "/moto-api/data.json", &[], None).is_ok_and(|(status, _)| status == 200)
        })?;
        self.process = Some(process);
        Ok(())
    }
}

fn port_of(url: &str) -> Result<u16> {
    let port = url.trim_end_matches('/').rsplit(':').next();
    port.and_then(|port| port.parse().ok())
        .with_context(|| format!("no port in {url}"))
}
