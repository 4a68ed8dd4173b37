//! Who is calling, judged by programs that we did not write: codes by [pyotp](https://pypi.org/project/pyotp/), access tokens by
//! [pyseto](https://pypi.org/project/pyseto/), passwords by [argon2-cffi](https://pypi.org/project/argon2-cffi/), passkeys by
//! [Chromium](https://www.chromium.org/) and [passkey-rs](https://crates.io/crates/passkey).

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Result, ensure};
use serde_json::Value;
use vutf_testkit::servers::{
    Component, Postgres, PostgresOptions, chromium, find_binaries, identity_judges, install_hint,
};

use super::{Options, Script, chromium as browser, passkey_rs, path};
use crate::{output::say, service::Service, workspace::build};

const SCRIPT: &str = "xtask/src/interop/identity.py";

pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let python = match identity_judges() {
        Ok(python) => python,
        Err(error) => {
            options.skipped(&format!(
                "interop identity, pyotp, pyseto and argon2-cffi cannot be had: {error:#}"
            ))?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let browser = match chromium() {
        Ok(programs) => Some(programs),
        Err(error) => {
            options.skipped(&format!("interop identity, Chromium cannot be had: {error:#}"))?;
            None
        }
    };
    let wallet = passkey_rs::build();
    if let Err(error) = &wallet {
        options.skipped(&format!("interop identity, passkey-rs: {error:#}"))?;
    }
    let judges = Judges {
        python,
        browser,
        wallet: wallet.is_ok(),
    };
    let program = build()?.service;
    say(&format!("{:12} {:54} {:>8}", "database", "verified by", "count"));
    judge(&judges, &program, "SQLite", None)?;
    if find_binaries().postgres.is_some() {
        let postgres = Postgres::start(&PostgresOptions::default())?;
        judge(&judges, &program, "PostgreSQL", Some(&postgres.url()))?;
    } else {
        options.skipped(&format!("PostgreSQL, {}", install_hint(&[Component::Postgres])))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Programs that others wrote.
struct Judges {
    python: PathBuf,
    /// Chromium and its driver.
    browser: Option<(PathBuf, PathBuf)>,
    /// Whether passkey-rs is there.
    wallet: bool,
}

fn judge(judges: &Judges, program: &Path, name: &str, database: Option<&str>) -> Result<()> {
    let home = tempfile::Builder::new().prefix("vutf-interop-").tempdir()?;
    let service = Service::start(program, home.path(), database)?;
    let script = Script {
        python: &judges.python,
        file: SCRIPT,
        name,
    };
    let users = home.path().join("users.jsonl");
    script.run(&["hashes", path(&users)?])?;
    let imported = service.command(&["--json", "user", "import", path(&users)?])?;
    let imported: Value = serde_json::from_str(&imported)?;
    ensure!(
        imported["made"].as_u64() > Some(0),
        "nobody was imported: {imported}"
    );
    script.run(&["http", service.server.base_url()])?;
    if let Some((chromium, driver)) = &judges.browser {
        browser::judge((chromium, driver), &service, name)?;
    }
    if judges.wallet {
        passkey_rs::judge(&service, name)?;
    }
    Ok(())
}
