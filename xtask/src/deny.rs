//! `cargo xtask deny`: licences, bans and sources of all dependencies, as `deny.toml` says.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::licence::is_met;
use crate::output::Findings;
use crate::workspace::{cargo, output_of, root};

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The parts of `deny.toml` that are checked here when cargo-deny is not installed.
#[derive(Debug, Deserialize)]
struct Policy {
    licenses: Licences,
    bans: Bans,
}

#[derive(Debug, Deserialize)]
struct Licences {
    allow: Vec<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Debug, Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    deny: Vec<Banned>,
}

#[derive(Debug, Deserialize)]
struct Banned {
    #[serde(rename = "crate")]
    name: String,
}

/// A crate that is compiled into something here, as `cargo tree` prints it.
#[derive(Debug)]
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    licence: &'a str,
}

/// A lock file, for where crates come from.
#[derive(Debug, Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Debug, Deserialize)]
struct Locked {
    name: String,
    source: Option<String>,
}

/// Asks cargo-deny where it is installed, else checks the same policy here.
pub(crate) fn check() -> Result<Findings> {
    let installed = cargo()
        .args(["deny", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if installed { ask_cargo_deny() } else { check_here() }
}

fn ask_cargo_deny() -> Result<Findings> {
    let mut findings = Findings::default();
    let output = cargo()
        .args(["deny", "--offline", "check", "bans", "licenses", "sources"])
        .output()?;
    if !output.status.success() {
        findings.fault(String::from_utf8_lossy(&output.stderr));
    }
    findings.note(
        "deny: cargo-deny checked bans, licences and sources; advisories need a network and were not checked",
    );
    Ok(findings)
}

fn check_here() -> Result<Findings> {
    let text = std::fs::read_to_string(root().join("deny.toml")).context("cannot read deny.toml")?;
    let policy: Policy = toml::from_str(&text).context("cannot parse deny.toml")?;
    // `cargo tree`, not `cargo metadata`: the latter lists optional crates that no feature turns on.
    let arguments = [
        "tree",
        "--workspace",
        "--all-features",
        "--locked",
        "--prefix",
        "none",
        "--format",
        "{p}|{l}",
    ];
    let tree = output_of(cargo().args(arguments))?;
    let mut findings = Findings::default();
    let lines: BTreeSet<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    let packages: Vec<_> = lines.iter().filter_map(|line| read_package(line)).collect();
    ensure!(!packages.is_empty(), "cargo tree names no crate");
    for package in &packages {
        judge(&policy, package, &mut findings);
    }
    let lock: Lock = toml::from_str(&std::fs::read_to_string(root().join("Cargo.lock"))?)?;
    judge_sources(&lock, &mut findings);
    findings.note(format!(
        "deny: {} crates, licences, bans and sources checked; cargo-deny is not installed, so advisories were not checked",
        packages.len()
    ));
    Ok(findings)
}

/// `name v1.2.3 (proc-macro)|MIT`; an empty line stands between two members' trees.
fn read_package(line: &str) -> Option<Package<'_>> {
    let (package, licence) = line.split_once('|')?;
    let mut words = package.split(' ');
    Some(Package {
        name: words.next()?,
        version: words.next()?,
        licence,
    })
}

fn judge(policy: &Policy, package: &Package<'_>, findings: &mut Findings) {
    let Package {
        name,
        version,
        licence,
    } = package;
    if policy.bans.deny.iter().any(|banned| banned.name == *name) {
        findings.fault(format!(
            "{name} {version} is banned; `cargo tree --workspace -i {name}` tells who wants it"
        ));
    }
    let allowed = |licence: &str| {
        let exceptions = policy
            .licenses
            .exceptions
            .iter()
            .filter(|exception| exception.name == *name);
        policy
            .licenses
            .allow
            .iter()
            .chain(exceptions.flat_map(|exception| &exception.allow))
            .any(|one| one == licence)
    };
    if !is_met(licence, &allowed) {
        findings.fault(format!(
            "{name} {version}: the licence `{licence}` is not allowed"
        ));
    }
}

fn judge_sources(lock: &Lock, findings: &mut Findings) {
    for Locked { name, source } in &lock.package {
        if let Some(source) = source.as_deref().filter(|source| *source != REGISTRY) {
            findings.fault(format!("{name} comes from {source}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(line: &str) -> usize {
        let policy = toml::from_str(
            "[licenses]\nallow = [\"MIT\"]\nexceptions = [{ crate = \"odd\", allow = [\"CDLA-Permissive-2.0\"] }]\n\
             [bans]\ndeny = [{ crate = \"openssl\" }]",
        );
        let mut findings = Findings::default();
        judge(&policy.unwrap(), &read_package(line).unwrap(), &mut findings);
        findings.faults.len()
    }

    #[test]
    fn a_licence_has_to_be_named_and_allowed() {
        assert_eq!(faults("plain v1.0.0 (proc-macro)|MIT OR GPL-3.0"), 0);
        assert_eq!(faults("plain v1.0.0|GPL-3.0"), 1);
        assert_eq!(faults("plain v1.0.0|"), 1);
        assert_eq!(faults("odd v1.0.0|CDLA-Permissive-2.0"), 0);
        assert_eq!(faults("plain v1.0.0|CDLA-Permissive-2.0"), 1);
    }

    #[test]
    fn bans_and_foreign_sources_are_faults() {
        assert_eq!(faults("openssl v1.0.0|MIT"), 1);
        let lock = "[[package]]\nname = \"ours\"\n[[package]]\nname = \"foreign\"\nsource = \"git+https://example.org/x\"";
        let mut findings = Findings::default();
        judge_sources(&toml::from_str(lock).unwrap(), &mut findings);
        assert_eq!(findings.faults, ["foreign comes from git+https://example.org/x"]);
    }

    #[test]
    fn the_policy_of_this_workspace_can_be_read() {
        let policy: Policy =
            toml::from_str(&std::fs::read_to_string(root().join("deny.toml")).unwrap()).unwrap();
        assert!(policy.bans.deny.iter().any(|banned| banned.name == "openssl"));
        assert!(
            !policy
                .licenses
                .allow
                .iter()
                .any(|licence| licence.contains("GPL"))
        );
    }
}
