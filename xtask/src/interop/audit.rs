//! The audit log beside [tlog-scales](https://pypi.org/project/tlog-scales/), a library for C2SP tlog-tiles that we did not write.

use std::{path::Path, process::ExitCode};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use vutf_testkit::servers::{Component, Postgres, PostgresOptions, find_binaries, install_hint, tlog_scales};

use super::{Options, Script, path};
use crate::{output::say, service::Service, workspace::build};

const SCRIPT: &str = "xtask/src/interop/audit.py";
/// So many looks, each of them an event: more than two full tiles, so that there is a second level.
const EVENTS: usize = 700;

pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let python = match tlog_scales() {
        Ok(python) => python,
        Err(error) => {
            options.skipped(&format!("interop audit, tlog-scales cannot be had: {error:#}"))?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let program = build()?.service;
    say(&format!(
        "{:12} {:54} {:>8}",
        "database", "verified by tlog-scales", "count"
    ));
    judge(&python, &program, "SQLite", None)?;
    if find_binaries().postgres.is_some() {
        let postgres = Postgres::start(&PostgresOptions::default())?;
        judge(&python, &program, "PostgreSQL", Some(&postgres.url()))?;
    } else {
        options.skipped(&format!("PostgreSQL, {}", install_hint(&[Component::Postgres])))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn judge(python: &Path, program: &Path, name: &str, database: Option<&str>) -> Result<()> {
    let home = tempfile::Builder::new().prefix("vutf-interop-").tempdir()?;
    let service = Service::start(program, home.path(), database)?;
    let look = service.get("/api/v1/me");
    for _ in 0..EVENTS {
        let (status, _) = look.once()?;
        ensure!(status == 200, "GET /api/v1/me was answered with {status}");
    }
    let script = Script {
        python,
        file: SCRIPT,
        name,
    };
    script.run(&["http", service.server.base_url(), service.token()])?;
    let bundle = home.path().join("bundle");
    let answer = service.command(&["--json", "audit", "bundle", path(&bundle)?])?;
    let answer: Value = serde_json::from_str(&answer)?;
    let vkey = answer["keys"][0].as_str().context("the bundle names no key")?;
    script.run(&["bundle", path(&bundle)?, vkey])?;
    let theirs = home.path().join("theirs");
    let written = script.run(&["write", path(&bundle)?, path(&theirs)?])?;
    let vkey = written["vkey"].as_str().context("no key was written")?;
    accept(&service, name, &theirs, vkey)
}

/// The other way round: our verifier accepts the log that tlog-scales wrote, until one byte of it is changed.
fn accept(service: &Service, name: &str, bundle: &Path, vkey: &str) -> Result<()> {
    let arguments = [
        "--json",
        "audit",
        "verify",
        "--bundle",
        path(bundle)?,
        "--vkey",
        vkey,
    ];
    let report: Value = serde_json::from_str(&service.command(&arguments)?)?;
    let told = |what: &str, count: &Value| say(&format!("{name:12} {what:54} {count:>8}"));
    told("audit verify: entries of a log by its writer", &report["checked"]);
    let changed = bundle.join("tile/entries/001");
    let mut bytes = std::fs::read(&changed)?;
    let middle = bytes.len() / 2;
    *bytes.get_mut(middle).context("the tile is empty")? ^= 1;
    std::fs::write(&changed, bytes)?;
    let report: Value = serde_json::from_str(&service.failing(&arguments)?)?;
    ensure!(report["ok"] == false, "a changed byte was not noticed: {report}");
    told("audit verify: a changed byte is refused", &1.into());
    Ok(())
}
