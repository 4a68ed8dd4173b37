//! The real binary as a task uses it: started, and signed in to as its first administrator.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use vutf_testkit::process::{ServerBuilder, ServerProcess};

use crate::client::Request;

const PASSWORD: &str = "a long and winding pass phrase";

/// A running service, and the administrator's token.
pub(crate) struct Service {
    pub(crate) server: ServerProcess,
    builder: ServerBuilder,
    port: u16,
    token: String,
}

impl Service {
    /// Starts `program` on `database` (SQLite in `home` otherwise) with everything at its default but the rate limits, which are
    /// off.
    pub(crate) fn start(program: &Path, home: &Path, database: Option<&str>) -> Result<Self> {
        Self::start_with(program, home, database, &[])
    }

    /// The same with `settings`, as variables of the environment.
    pub(crate) fn start_with(
        program: &Path,
        home: &Path,
        database: Option<&str>,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let mut builder = ServerProcess::builder_of(program, home);
        for (name, value) in settings {
            builder = builder.env(name, value);
        }
        if let Some(url) = database {
            builder = builder.database(url);
        }
        let server = builder.spawn()?;
        let port = server.base_url().rsplit(':').next().context("no port")?.parse()?;
        let mut service = Self {
            server,
            builder,
            port,
            token: String::new(),
        };
        service.sign_in()?;
        Ok(service)
    }

    fn sign_in(&mut self) -> Result<()> {
        let secret = self.server.bootstrap_token().context("no bootstrap token")?;
        self.ask(
            "/api/v1/bootstrap",
            &json!({"token": secret, "username": "ada", "email": "ada@example.org", "password": PASSWORD}),
        )?;
        let answer = self.ask(
            "/api/v1/auth/login",
            &json!({"username": "ada", "password": PASSWORD}),
        )?;
        let token = answer["access_token"].as_str().context("no access token")?;
        token.clone_into(&mut self.token);
        Ok(())
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.builder.data()
    }

    /// The administrator's access token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Request {
        Request::new(self.port, "POST", path, &self.header(), &body.to_string())
    }

    pub(crate) fn get(&self, path: &str) -> Request {
        Request::new(self.port, "GET", path, &self.header(), "")
    }

    /// As anybody: `header` is a line, or some, without the last line's end. No body when it is null.
    pub(crate) fn request(&self, method: &str, path: &str, header: &str, body: &Value) -> Request {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        Request::new(self.port, method, path, header, &body)
    }

    /// Posts, and answers the body of a success.
    pub(crate) fn ask(&self, path: &str, body: &Value) -> Result<Value> {
        success(self.post(path, body).once()?)
    }

    /// Runs another command of the binary with the same settings, which must succeed; its standard output.
    pub(crate) fn command(&self, arguments: &[&str]) -> Result<String> {
        let output = self.builder.command(arguments)?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "{} failed: {errors}",
            arguments.join(" ")
        );
        String::from_utf8(output.stdout).context("the output is not UTF-8")
    }

    /// The same for a command that must fail with exit code 1.
    pub(crate) fn failing(&self, arguments: &[&str]) -> Result<String> {
        let output = self.builder.command(arguments)?;
        let code = output.status.code();
        ensure!(code == Some(1), "{} ended with {code:?}", arguments.join(" "));
        String::from_utf8(output.stdout).context("the output is not UTF-8")
    }

    fn header(&self) -> String {
        format!("authorization: Bearer {}", self.token)
    }
}

/// The JSON of a successful answer; nothing when it is something else.
pub(crate) fn success((status, body): (u16, Vec<u8>)) -> Result<Value> {
    let text = String::from_utf8_lossy(&body);
    ensure!((200..300).contains(&status), "{status} {text}");
    Ok(serde_json::from_slice(&body).unwrap_or_default())
}
