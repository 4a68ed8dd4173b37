//! Passkeys made and used by [passkey-rs](https://crates.io/crates/passkey) of 1Password: `crates/webauthn/interop`, built here.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::passkeys::{self, Wallet};
use crate::{output::say, service::Service, workspace::root};

const MANIFEST: &str = "crates/webauthn/interop/Cargo.toml";
const PAGE: &str = "http://localhost:8080";

pub(super) fn judge(service: &Service, name: &str) -> Result<()> {
    let mut wallet = Program::start()?;
    let count = passkeys::judge(&mut wallet, service, "passkeyrs", true)?;
    let what = "passkey-rs: a passkey that is copied";
    say(&format!("{name:12} {what:54} {count:>8}"));
    Ok(())
}

/// Builds it: its crates come from the registry. An error says that it cannot be had here.
pub(super) fn build() -> Result<()> {
    let built = cargo("build").stdout(Stdio::null()).status()?;
    ensure!(built.success(), "it cannot be built");
    Ok(())
}

fn cargo(task: &str) -> Command {
    let mut cargo = Command::new("cargo");
    cargo
        .args([task, "--quiet", "--manifest-path"])
        .arg(root().join(MANIFEST))
        .stdin(Stdio::null());
    cargo
}

struct Program {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Program {
    fn start() -> Result<Self> {
        let mut child = cargo("run")
            .args(["--", PAGE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start passkey-rs")?;
        let answers = BufReader::new(child.stdout.take().context("no output")?);
        Ok(Self { child, answers })
    }

    fn ask(&mut self, what: &str, options: &Value) -> Result<Value> {
        let input = self.child.stdin.as_mut().context("no input")?;
        writeln!(input, "{}", json!({"do": what, "public_key": options}))?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line).context("passkey-rs did not answer")?;
        ensure!(answer["error"].is_null(), "passkey-rs: {}", answer["error"]);
        Ok(answer["credential"].clone())
    }
}

impl Wallet for Program {
    fn create(&mut self, options: &Value) -> Result<Value> {
        self.ask("create", options)
    }
    fn get(&mut self, options: &Value) -> Result<Value> {
        self.ask("get", options)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Its input ends, and so does it.
        drop(self.child.stdin.take());
        let _reaped = self.child.wait();
    }
}
